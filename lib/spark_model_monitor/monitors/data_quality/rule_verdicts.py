"""The verdicts of the rules of a DQDL file, once their metrics are measured. Driver only, pure.

A rule is met if its condition holds for its metrics. A rule that compares with more earlier runs than there are is not judged.
Null rows are judged as AWS's guide says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import fmean, stdev

from spark_model_monitor.documents.check_results import ASSERTION, DQDL, EXPECTATION, CheckResult, CheckStatus
from spark_model_monitor.documents.dqdl import ANOMALIES, AnyRule, DataRule, RuleSet
from spark_model_monitor.documents.dqdl_types import ROW_TYPES
from spark_model_monitor.monitors.data_quality.rule_binding import BoundRule, RuleMetric
from spark_model_monitor.monitors.data_quality.rule_conditions import evaluate_formula, meets_condition
from spark_model_monitor.monitors.data_quality.rule_table import Measurements
from spark_model_monitor.monitors.protocol import NO_VALUES, Finding
from spark_model_monitor.statistics.drift.special_functions import student_survival
from spark_model_monitor.statistics.states.rule_counts import MAX_IDS, PairSums
from spark_model_monitor.value_class import value_class

ANOMALY_LEVEL = 0.01  # significance level of DetectAnomalies: how often a run like the earlier runs is an anomaly
MIN_RUNS = 3  # fewest runs that DetectAnomalies learns from; with fewer, the spread of runs isn't known


def judge_rule_set(rule_set: RuleSet, bound: Mapping[str, BoundRule], measured: Measurements) -> list[CheckResult]:
    """A result for each rule; one without a verdict for each analyzer; and an unsure one for each skipped rule."""
    # Parts of composite rules are judged first
    findings = {text: _judge_rule(bound_rule, rule_set, measured) for text, bound_rule in bound.items()}
    check_results = [_describe(_join_parts(rule, findings), rule) for rule in rule_set.rules]
    for analyzer in rule_set.analyzers:
        finding = findings[analyzer.text]
        check_results.append(_describe(finding.without_verdict(finding.reason or "it is an analyzer"), analyzer))
    for skipped in rule_set.skipped:
        finding = Finding(component=DQDL)
        finding = finding.as_cannot_tell(f"not checked: {skipped.reason}", "check it where it can be evaluated")
        check_results.append(finding.result(EXPECTATION, feature=skipped.text))
    return check_results


def _describe(finding: Finding, rule: AnyRule) -> CheckResult:
    """The result in checks.json. A finding's `metrics` are for later runs; its `ids` are of rows that break the rule."""
    finding = finding.copy_with(component=DQDL, labels=dict(rule.labels) or None)
    if finding.is_judged:
        finding = finding.copy_with(decided_by=ASSERTION)
    if finding.is_violated:
        reason = finding.reason or ""
        finding = finding.mark_unmet(reason, f"is not met: {reason}", f"{rule.text}: {reason}")
    return finding.result(EXPECTATION, feature=rule.text)


def _join_parts(rule: AnyRule, findings: Mapping[str, Finding]) -> Finding:
    """The verdict on a rule. That of a composite rule names the parts that fail, or that weren't judged."""
    if isinstance(rule, DataRule):
        return findings[rule.text]
    verdicts = [_join_parts(subrule, findings) for subrule in rule.parts]
    statuses = {verdict.status for verdict in verdicts}
    # One violated part decides an `and`, one passed part an `or`
    decisive = CheckStatus.PASSED
    status = CheckStatus.VIOLATED
    if rule.operator == "and":
        decisive = CheckStatus.VIOLATED
        status = CheckStatus.PASSED
    if decisive in statuses:
        status = decisive
    elif CheckStatus.NOT_JUDGED in statuses:
        status = CheckStatus.NOT_JUDGED
    # The metrics for later runs, and the parts that decided
    metrics: dict[str, float] = {}
    reasons = []
    ids: dict[str, None] = {}
    for subrule, verdict in zip(rule.parts, verdicts, strict=True):
        metrics |= verdict.metrics or {}
        if verdict.status is status and status is not CheckStatus.PASSED:
            reasons.append(f"{subrule.text}: {verdict.reason}")
            ids |= dict.fromkeys(verdict.ids or ())
    reason = "; ".join(reasons) or None
    return Finding(status, reason=reason, metrics=metrics or None, ids=tuple(ids)[:MAX_IDS] or None)


def _judge_rule(bound: BoundRule, rule_set: RuleSet, measured: Measurements) -> Finding:
    """The verdict on one rule. If the rule has a second metric, as for DetectAnomalies, that has to meet the rule, too."""
    if bound.fault:
        return Finding(CheckStatus.VIOLATED, reason=bound.fault)
    decisive = Finding()
    metrics: dict[str, float] = {}
    for metric in bound.metrics:
        verdict = _judge_metric(bound.rule, metric, PastMetric.of(rule_set, metric.name), measured)
        metrics |= verdict.metrics or {}
        # The first metric that isn't met decides; later ones are measured for later runs
        if decisive.has_passed:
            decisive = verdict
    return decisive.copy_with(metrics=metrics or None)


@value_class
class PastMetric:
    """A metric in earlier runs, the newest last. alarms: as in `RuleSet.past_alarms`."""

    values: tuple[float, ...]
    alarms: tuple[str, ...]

    @classmethod
    def of(cls, rule_set: RuleSet, name: str) -> PastMetric:
        values = rule_set.past_metrics.get(name, ())
        return cls(values, rule_set.past_alarms.get(name, ("",) * len(values)))

    @property
    def values_without_alarm(self) -> tuple[float, ...]:
        """The values in runs without an alarm."""
        return tuple(value for value, alarm in zip(self.values, self.alarms, strict=True) if not alarm)

    def describe_alarms(self, runs: int) -> str:
        """The clause that says which of the last runs had alarms; empty if none of them had."""
        alarms = [alarm for alarm in self.alarms[-runs:] if alarm]
        if not alarms:
            return ""
        return f"; of these {runs:,} runs, {len(alarms):,} had violations, the last of them {alarms[-1]}"


def _judge_metric(rule: DataRule, metric: RuleMetric, past: PastMetric, measured: Measurements) -> Finding:
    """The verdict on one metric of a rule."""
    # The counts for the metric
    offending = 0
    rows = measured.rows
    ids: tuple[str, ...] = ()
    if metric.condition_index is not None:
        offending, rows, ids = measured.get_offences(metric.condition_index)
    if metric.number_indices:
        sums = [measured.counts.sums[index] for index in metric.number_indices]
        rows = round(min(pair.rows for pair in sums))
        not_numbers = round(sum(pair.not_numbers for pair in sums))
        if not_numbers:
            return Finding(CheckStatus.VIOLATED, reason=f"{not_numbers:,} values are no numbers", m=rows)
    # Without rows there is no metric except their number
    value = math.nan
    reason = NO_VALUES
    if rows or metric.type == "RowCount" or metric.constant is not None:
        value = _compute_metric(rule, metric, measured, rows, offending)
        reason = f"{metric.name} can't be computed from these values"
    if not math.isfinite(value):
        return Finding.not_judged(None, reason).copy_with(m=rows or None)
    verdict = Finding(observed=value, m=rows, metrics={metric.name: value}, ids=ids or None)
    if rule.type == ANOMALIES:
        return _judge_anomaly(verdict, metric.name, past.values_without_alarm)
    return _judge_condition(verdict, value, rule, metric, past, offending)


def _judge_condition(
    verdict: Finding, value: float, rule: DataRule, metric: RuleMetric, past: PastMetric, offending: int
) -> Finding:
    """The verdict on whether a metric with this value meets the condition of its rule."""
    # Types without a condition, such as IsUnique, have to hold for all rows; a key must not have rows without a value
    is_about_rows = metric.type in ROW_TYPES or metric.type == "IsComplete"
    condition = rule.threshold if is_about_rows else rule.condition
    if condition is None:
        is_met = value == 1.0 and not (metric.type == "IsPrimaryKey" and offending)
    else:
        reason = f"it compares with {condition.past_runs:,} earlier runs, and {len(past.values):,} have this metric"
        limits = None
        if condition.past_runs <= len(past.values):
            reason = "its limit can't be computed: it divides by 0, or asks for an earlier run that isn't there"
            limits = [evaluate_formula(operand.number, past.values) for operand in condition.operands]
        # A limit that can't be computed can't be compared with
        if limits is None or not all(map(math.isfinite, limits)):
            return verdict.without_verdict(reason)
        is_met = meets_condition(value, condition.operator, limits)
    if is_met:
        return verdict.copy_with(ids=None)
    # The reason, in the unit of the rule
    reason = f"{metric.name} is {value:.6g}"
    if is_about_rows:
        reason = f"{offending:,} of {verdict.m:,} rows don't meet it"
    elif metric.type == "IsPrimaryKey" and value == 1.0:
        reason = f"{offending:,} of {verdict.m:,} rows have no value"
    if condition is not None and condition.past_runs:
        reason += past.describe_alarms(condition.past_runs)
    return verdict.copy_with(status=CheckStatus.VIOLATED, reason=reason)


def _compute_metric(rule: DataRule, metric: RuleMetric, measured: Measurements, rows: int, offending: int) -> float:
    """The metric; NaN if it can't be computed. Source: the analyzers of Deequ 2.1.0, whose spreads are of a population."""
    if metric.constant is not None:
        return metric.constant
    metric_type = metric.type
    if metric.value_index is not None:
        counts = measured.values[metric.value_index]
        if metric_type == "DistinctValuesCount":  # NULL is a value
            return float(counts.distinct + (offending > 0))
        if not counts.rows:
            return math.nan
        if metric_type == "Entropy":
            return counts.entropy
        if metric_type == "UniqueValueRatio":
            return counts.num_singletons / counts.distinct
        return counts.num_singletons / counts.rows
    if metric_type == "RowCount":
        return float(rows)
    if not metric.number_indices:
        return (rows - offending) / rows
    # Numbers are summed up by their moments
    sums = measured.counts.sums[metric.number_indices[0]]
    if metric_type == "AggregateMatch":
        second_sums = measured.counts.sums[metric.number_indices[1]]
        numerator = _aggregate(rule.parameters[0], sums)
        denominator = _aggregate(rule.parameters[1], second_sums)
        if not denominator:
            return math.nan
        return numerator / denominator
    # MinimumLength and MaximumLength have lengths in place of numbers
    if metric_type.startswith("Minimum"):
        return sums.smallest
    if metric_type.startswith("Maximum"):
        return sums.largest
    values = {
        "Mean": sums.sum_x / sums.rows,
        "Sum": sums.sum_x,
        "Variance": sums.m2_x / sums.rows,
        "StandardDeviation": math.sqrt(sums.m2_x / sums.rows),
        "ColumnCorrelation": sums.correlation,
    }
    return values[metric_type]


def _aggregate(text: str, sums: PairSums) -> float:
    """The sum or the mean of the numbers, as a parameter such as `sum(amount)` asks for."""
    if text.strip().lower().startswith("sum"):
        return sums.sum_x
    return sums.sum_x / sums.rows


def _judge_anomaly(verdict: Finding, name: str, past: tuple[float, ...]) -> Finding:
    """The verdict on whether a metric is outside Student's prediction interval for one more run, mean ± t s sqrt(1 + 1/n).

    past: the metric in runs without an alarm, since a change that nobody accepted is no example.
    """
    if len(past) < MIN_RUNS:
        reason = (
            f"it compares with at least {MIN_RUNS} earlier runs without violations, and {len(past):,} have this metric"
        )
        return verdict.without_verdict(reason)
    assert verdict.observed is not None
    # A new run is expected near the mean of the earlier ones
    runs = len(past)
    mean = fmean(past)
    deviation = stdev(past)
    distance = abs(verdict.observed - mean)
    # If earlier runs had no spread, every other value is an anomaly
    score = math.inf
    if deviation:
        score = distance / (deviation * math.sqrt(1 + 1 / runs))
    if not distance or 2 * student_survival(score, runs - 1) > ANOMALY_LEVEL:
        return verdict
    reason = f"{name} is {verdict.observed:.6g}; it was {mean:.6g} on average in {runs} earlier runs"
    return verdict.copy_with(status=CheckStatus.VIOLATED, reason=reason)
