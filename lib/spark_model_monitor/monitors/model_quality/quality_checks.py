"""Compares metrics with their baseline and thresholds; violations have texts that clients parse. Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from operator import attrgetter

import numpy as np

from spark_model_monitor.documents.check_results import (
    IN_SEGMENT,
    LOWER_LIMIT,
    UPPER_LIMIT,
    BudgetLedger,
    CheckResult,
    CheckStatus,
    Family,
    Results,
)
from spark_model_monitor.documents.json_text import format_java_double
from spark_model_monitor.documents.model_quality import ComparisonOperator, MetricConstraint
from spark_model_monitor.documents.outcome import IN_GROUPS, METRIC_CHANGE, RATIO_CHANGE
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.errors import suggest_names
from spark_model_monitor.monitors.model_quality.estimates import (
    Estimate,
    JackknifeEstimate,
    Side,
    compare_estimates,
    compute_growth,
    confidence_interval,
    smallest_change,
)
from spark_model_monitor.monitors.model_quality.evidence import Evidence, RegressionEvidence
from spark_model_monitor.monitors.model_quality.measurement import MEMBERS, WORSE_SIDE, Measured, Measurement, suggest
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.protocol import Finding, Sample
from spark_model_monitor.monitors.segment_reports import add_segment_results, locate_result
from spark_model_monitor.statistics.states.outcome_plan import ClassKey, class_key
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class

DISPLAYED: Mapping[str, str] = {
    "true_positive_rate": "truePositiveRate",
    "true_negative_rate": "trueNegativeRate",
    "false_positive_rate": "falsePositiveRate",
    "false_negative_rate": "falseNegativeRate",
    "weighted_recall": "weightedRecall",
    "weighted_precision": "weightedPrecision",
    "weighted_f0_5": "weightedF0_5",  # the service never displays it
    "weighted_f1": "weightedF1",
    "weighted_f2": "weightedF2",
}
"""Names of metrics in violations, if these differ from the names in the files."""

SERVICE_ORDER = (
    *("auc", "precision", "true_positive_rate", "f1", "weighted_f2", "accuracy", "weighted_recall"),
    *("weighted_precision", "weighted_f1", "false_positive_rate", "true_negative_rate", "false_negative_rate"),
    *("recall", "f2"),
)
"""The order of the service's violations, as observed. Source: G20, schema-examples/multiclass*."""

# Reasons why a metric isn't judged or the check can't tell, and advice
UNDEFINED = "the metric is not defined for this window: there is nothing to divide by"
NO_SUCH_METRIC = "this run has no metric of this name"
BEYOND_THRESHOLD = "it is {value:.4g}, beyond its threshold of {limit:.4g}"
LONGER_WINDOWS = "take longer windows, with more labels"

MIN_FREEDOM = 3.0  # with fewer degrees of freedom, one block of rows has most of the jackknife's variance
MIN_EXPECTED = 10.0  # so many expected rows are absent by chance in one of 20,000 windows (Poisson)
UNSEEN_CHECK = "unseen_classes"
"""The name of the check for classes that the baseline lacks; it is never a violation."""

MAIN_METRICS = ("auc", "accuracy", "mae")
"""The first of these that a model has is judged in several windows together. A single test can detect smaller changes."""

DOUBTFUL_SHARE = 0.05
"""The share of healthy windows in which any metric may exceed its limit so far that the verdict is `cannot tell`."""

NEVER_REPORTED = ("f0_5", "weighted_f0_5")
"""Metrics that are absent from the service's published reports, although four reports should have them."""


def format_violation_text(
    metric: str, value: float, standard_deviation: float | None, operator: str, threshold: float
) -> str:
    """The text about a metric on the wrong side of its threshold."""
    deviation = ""
    if standard_deviation is not None:
        deviation = f" +/- {format_java_double(standard_deviation)}"
    return (
        f"Metric {DISPLAYED.get(metric, metric)} with {format_java_double(value)}{deviation} was {operator} "
        f"'{format_java_double(threshold)}'"
    )


def check_all(
    measurement: Measurement,
    baseline: ModelBaseline,
    ledger: BudgetLedger | None = None,
    *,
    min_samples: int = 0,
    as_service: bool = False,
) -> Results:
    """The result of every constraint, in the order of constraints.json.

    A metric is violated if it is beyond its threshold. If the threshold is a suggested one, the p-value of its one-sided test
    toward worse values must also be at most the level of each test.

    ledger: how the budget is divided among the metrics, by default that of `plan_budget`.
    min_samples: minimum number of rows for a verdict.
    as_service: whether values alone decide.

    Raises BadDocument if the constraints are for another problem type.
    """
    ledger = ledger or plan_budget(baseline, measurement.problem_type)
    level = level_per_test(ledger)
    judge = _Judge(measurement, baseline, level, min_samples, as_service)
    if ledger is not None:
        judge = replace(judge, doubtful_level=DOUBTFUL_SHARE / ledger.families[0].tests)
    results = [judge.result(name, entry) for name, entry in baseline.limits(measurement.problem_type).items()]
    # The service lists metrics in its own order; those that it never lists come last
    if as_service:
        order = {name: position for position, name in enumerate(SERVICE_ORDER)}
        results.sort(key=lambda result: order.get(result.metric or "", len(order)))
    return (*results, *check_unseen_classes(measurement, baseline))


def judge_windows_together(
    measurement: Measurement, baseline: ModelBaseline, level: float, windows: int
) -> CheckResult | None:
    """The result of the main metric in several windows together, if it is violated. measurement: of all their rows. level:
    the level of this single test.
    """
    limits = baseline.limits(measurement.problem_type)
    tested = baseline.tested_metrics(measurement.problem_type)
    name = next((metric for metric in MAIN_METRICS if metric in tested), None)
    if name is None:
        return None
    check_result = _Judge(measurement, baseline, level, min_samples=0, as_service=False).result(name, limits[name])
    if not check_result.is_violation:
        return None
    return check_result.model_copy(
        update={"reason": f"the last {windows} windows together, of {measurement.rows:,} rows"}
    )


def add_violation(check_results: Iterable[CheckResult], violation: CheckResult | None) -> Results:
    """The results, in which a violation replaces the result of all rows for the same metric unless that is a violation, too."""
    if violation is None:
        return tuple(check_results)
    replaced = []
    for check_result in check_results:
        # A metric has one result of all rows, and may have others of segments
        is_overall = check_result.metric == violation.metric and check_result.where is None
        if is_overall and not check_result.is_violation:
            check_result = violation
        replaced.append(check_result)
    return tuple(replaced)


def check_segments(
    measurement: Measurement,
    baseline: ModelBaseline,
    overall_results: Sequence[CheckResult],
    ledger: BudgetLedger | None,
    *,
    min_samples: int,
) -> Iterator[CheckResult]:
    """First the results of all rows, with the clearest segment in each violation, if there is one. Then every metric with a
    suggested threshold in every segment of the baseline, with a threshold that is suggested from the segment's own rows.

    overall_results: the results of all rows.

    Source: D4.6, D4.13.
    """
    # The baseline has no segments, or no limit allows for chance
    if ledger is None or len(ledger.families) < 2:
        yield from overall_results
        return
    names = baseline.tested_metrics(measurement.problem_type)
    level = level_per_test(ledger, -1)
    segment_results: dict[Hashable, dict[tuple[str, str], CheckResult]] = {}
    for cut, segments in baseline.segments.items():
        for label, before in segments.items():
            now = measurement.segments.get(cut, {}).get(label)
            for check_result in _judge_segment(before, now, baseline, names, level, min_samples):
                results_of_metric = segment_results.setdefault(check_result.metric, {})
                results_of_metric[cut, label] = locate_result(check_result, f"{IN_SEGMENT}{cut}", label)
    yield from add_segment_results(overall_results, segment_results, attrgetter("metric"))


def _judge_segment(
    before: Measurement,
    now: Measurement | None,
    whole_baseline: ModelBaseline,
    names: Sequence[str],
    level: float,
    min_samples: int,
) -> Iterator[CheckResult]:
    """The results of a segment's rows, compared with the baseline's rows of the same segment. names: the metrics to judge."""
    constraints = suggest(before)
    limits = getattr(constraints, MEMBERS[before.problem_type])
    # The window has no rows in this segment
    if now is None:
        for name in names:
            finding = Finding.not_judged(
                limits[name].threshold, "the window has no rows in this segment from which it could be judged"
            )
            yield finding.result(limits[name].comparison_operator.value, metric=name)
        return
    # Values and limits of the segment, but design effects of all rows, which are known more precisely
    baseline = ModelBaseline(
        constraints,
        before,
        rows=before.rows,
        suggested_limits=frozenset(name for name in names if limits[name].threshold is not None),
        groups=whole_baseline.groups,
        design_effects=whole_baseline.design_effects,
    )
    judge = _Judge(now, baseline, level, min_samples, as_service=False)
    for name in names:
        yield judge.result(name, limits[name])


MODEL_QUALITY = "model quality"
WINDOWS_TOGETHER = "windows together"
SEGMENTS = "segments"


def plan_budget(
    baseline: ModelBaseline, problem_type: ProblemType, budget: float = BUDGET, other_tests: int = 0
) -> BudgetLedger | None:
    """How the budget is divided among the metrics; None if there are no tests. Equivalent metrics count as one test.

    other_tests: number of tests that aren't about metrics.

    Source: D4.6.
    """
    registry = METRICS[problem_type]
    metric_families = {registry.get(name).facts["family"] for name in baseline.tested_metrics(problem_type)}
    num_tests = len(metric_families) + other_tests
    if not num_tests:
        return None
    ledger = BudgetLedger.with_one_family(MODEL_QUALITY, budget, num_tests)
    num_segments = sum(map(len, baseline.segments.values()))
    num_segment_tests = len(metric_families) * num_segments
    if not num_segment_tests:
        return ledger
    # Half of the budget is for all rows, the other half for the segments
    overall_family = Family(family=MODEL_QUALITY, level=budget / 2, tests=num_tests)
    segment_family = Family(family=SEGMENTS, level=budget / 2, tests=num_segment_tests)
    return ledger.model_copy(update={"families": (overall_family, segment_family)})


def level_per_test(ledger: BudgetLedger | None, family: int = 0) -> float:
    """The level of each test in a family."""
    if ledger is not None:
        return ledger.families[family].level / ledger.families[family].tests
    return 0.0


@value_class(slots=False)
class _Judge:
    """Judges the metrics of one run. level: of each test. doubtful_level: if a metric is beyond its limit with a p-value up
    to this, its result is `cannot tell` although it may be chance; segments have no such level.
    """

    measurement: Measurement
    baseline: ModelBaseline
    level: float
    min_samples: int
    as_service: bool
    doubtful_level: float = 0.0

    @cached_property
    def tested_estimates(self) -> Mapping[str, Estimate]:
        """The baseline's estimates of the metrics whose limit allows for chance."""
        return self.baseline.baseline_estimates(self.measurement)

    def result(self, name: str, constraint: MetricConstraint) -> CheckResult:
        """The result of one constraint, with the numbers behind it."""
        measured = self.measurement.metrics.get(name)
        is_lower = constraint.comparison_operator is ComparisonOperator.LESS_THAN
        # With named groups, the estimate's sample size counts groups instead of rows
        has_group_estimate = name in self.baseline.design_effects.rows and name in self.tested_estimates
        finding = Finding(
            threshold=constraint.threshold,
            n=self.tested_estimates[name].n if has_group_estimate else self.baseline.rows,
            decided_by=LOWER_LIMIT if is_lower else UPPER_LIMIT,
            limit=constraint.threshold,
        )
        if measured is not None:
            estimate = measured.estimate
            interval = confidence_interval(estimate)
            finding = finding.copy_with(observed=measured.value, interval=interval, m=estimate.n)
            # Limits that a person wrote have no test and decide by value
            if measured.value is not None and name in self.tested_estimates:
                window = estimate.reduce_to_groups(self.baseline.groups)
                test = compare_estimates(
                    self.tested_estimates[name], window, WORSE_SIDE[constraint.comparison_operator]
                )
                finding = finding.copy_with(decided_by=test.name, statistic=test.statistic, p=test.p, level=self.level)
        finding = self._judge(finding, name, measured, constraint)
        # Equivalent metrics refer to one of them; a user's own metric has no equivalent
        metrics = METRICS[self.measurement.problem_type]
        equivalent = None
        if name in metrics:
            equivalent = metrics.get(name).facts["family"]
        if equivalent == name:
            equivalent = None
        return finding.result(constraint.comparison_operator.value, metric=name, same_as=equivalent)

    def _judge(self, finding: Finding, name: str, measured: Measured | None, constraint: MetricConstraint) -> Finding:
        # constraints.json has a metric that this run doesn't have; perhaps its name is misspelt
        if measured is None:
            hint = suggest_names(name, self.measurement.metrics, "")
            reason = f"{NO_SUCH_METRIC}; {hint}" if hint else NO_SUCH_METRIC
            return finding.without_verdict(reason)
        if constraint.threshold is None:
            return finding.without_verdict("constraints.json has no threshold for it")
        # Undefined in these rows, such as recall without positive rows
        if measured.value is None:
            if self.as_service:
                return finding.without_verdict(UNDEFINED)
            return finding.without_test().as_cannot_tell(UNDEFINED, LONGER_WINDOWS)
        if self.as_service and name in NEVER_REPORTED:
            return finding.without_verdict("the service never reports this metric")
        counted = measured.counted
        if measured.estimate.n < self.min_samples:
            counted = counted.rstrip(",")
            reason = f"it rests on {counted}, fewer than the {self.min_samples:,} of min_samples"
            return finding.without_test().as_cannot_tell(reason, LONGER_WINDOWS)
        operator = constraint.comparison_operator
        p = finding.p
        # On the right side of the limit: check only whether the test could have detected a change
        if not operator.is_broken(measured.value, constraint.threshold):
            return self._check_power(finding, name, measured, operator)
        # Beyond a suggested limit, but within chance
        if p is not None and p > self.level:
            reason = f"of {counted} this may be chance: p is {p:.2g}, and a violation needs {self.level:.2g}"
            if self.baseline.groups > 1:
                reason += IN_GROUPS.format(rows=self.baseline.groups)
            return self._check_power(finding.copy_with(reason=reason), name, measured, operator)
        text = format_violation_text(
            name, measured.value, measured.standard_deviation, operator.value, constraint.threshold
        )
        return finding.mark_violated(text)

    def _check_power(self, finding: Finding, name: str, measured: Measured, operator: ComparisonOperator) -> Finding:
        """A finding that passed; `cannot tell` if a change for the worse that matters may have been missed, or may be chance.

        If the finding has a reason, the metric is beyond its limit within chance.
        """
        p = finding.p
        if p is None or self.as_service or measured.value is None:
            return finding
        baseline = self.tested_estimates[name]
        worse_side = WORSE_SIDE[operator]
        window = measured.estimate.reduce_to_groups(self.baseline.groups)
        smallest = smallest_change(baseline, window, worse_side, self.level)
        if math.isfinite(smallest):
            finding = finding.copy_with(smallest_change=smallest)
        counted = measured.counted.rstrip(",")
        # Errors have no upper bound, so the change that matters is relative to the baseline's error
        change = METRIC_CHANGE
        if isinstance(measured.estimate, JackknifeEstimate) and worse_side is Side.HIGH:
            change = RATIO_CHANGE * abs(baseline.value)
        is_change_seen = worse_side.value * (measured.value - baseline.value) > change
        # The metric is beyond its limit, and chance rarely explains so much
        if finding.reason and not is_change_seen and p <= self.doubtful_level:
            is_change_seen = True
            change = abs(measured.value - baseline.value)
            beyond = BEYOND_THRESHOLD.format(value=measured.value, limit=finding.threshold)
            finding = finding.copy_with(reason=f"{beyond}; {finding.reason}")
        # A change for the worse that matters is reported although it may be chance
        if is_change_seen:
            reason = finding.reason or f"of {counted} it is much worse than in the baseline, which may be chance"
        # No such change is seen, but one that matters could have been missed
        elif math.isfinite(smallest) and smallest > change:
            reason = f"of {counted} a change for the worse by less than {smallest:.2g} may go unseen"
        elif smallest > change:
            reason = f"of {counted} any change for the worse may go unseen"
        else:
            return finding
        # Advice: how many rows a window would need, unless a few rows or the baseline's size are the obstacle
        advice = LONGER_WINDOWS
        growth = compute_growth(baseline, window, worse_side, self.level, change)
        if growth is not None:
            rows = float(f"{self.measurement.rows * growth:.2g}")
            reason += f"; windows of about {rows:,.0f} rows show a change by {change:.2g}"
        elif isinstance(baseline, JackknifeEstimate) and min(baseline.freedom, window.freedom) < MIN_FREEDOM:
            sample = "the baseline" if baseline.freedom < window.freedom else "the window"
            reason = f"a few rows of {sample} have nearly all of the error; {reason}"
            advice = "look for a wild label or prediction there"
        else:
            reason += f"; no window shows a change by {change:.2g} with so small a baseline"
            advice = "make the baseline of more rows"
        return finding.as_cannot_tell(reason, advice, is_change_seen=is_change_seen)


def check_unseen_classes(measurement: Measurement, baseline: ModelBaseline) -> Iterator[CheckResult]:
    """The classes of this run that the baseline lacks, if any; their metrics can't be compared."""
    evidence = measurement.evidence
    if isinstance(evidence, RegressionEvidence) or baseline.classes is None:
        return
    # `1` and `1.0` are the same class
    before = {class_key(name) for name in baseline.classes}
    occurrences = (evidence.matrix.sum(axis=0) + evidence.matrix.sum(axis=1)).tolist()
    count_by_class = zip(evidence.classes, occurrences, strict=True)
    unseen = {name: count for name, count in count_by_class if count and class_key(name) not in before}
    if unseen:
        count = sum(unseen.values())
        finding = Finding.not_judged(None, f"{count:,} labels and predictions are of classes that the baseline lacks")
        finding = finding.copy_with(observed=float(count), values=tuple(unseen), n=baseline.rows, m=measurement.rows)
        yield finding.result(UNSEEN_CHECK, metric="confusion_matrix")


@value_class
class AbsentRows:
    """A kind of rows of which a window has none, although many were to be expected.

    sentence: the fact as people read it, without the name of a class.
    are_delayed: whether these rows may be the captures without a label as yet.
    """

    sentence: str
    are_delayed: bool

    def wait_for_labels(self, check_results: Iterable[CheckResult]) -> Results:
        """The results; if the rows are delayed, none is a verdict on the model, which may be as it was or worse in these rows."""
        if not self.are_delayed:
            return tuple(check_results)
        judged = []
        for check_result in check_results:
            if check_result.has_passed or check_result.is_violated:
                members = {
                    "status": CheckStatus.CANNOT_TELL,
                    "reason": self.sentence,
                    "advice": "judge the window again when its other labels are there",
                    "possible_change": check_result.is_violated or None,
                    "description": None,
                }
                check_result = check_result.model_copy(update=members)
            judged.append(check_result)
        return tuple(judged)


def find_absent_rows(before: Evidence | None, sample: Sample[Outcomes, Measurement]) -> AbsentRows | None:
    """A kind of the baseline's rows of which the window has none beyond chance; None if there is no such kind."""
    if before is None:
        return None
    now = sample.metrics.evidence
    coverage = sample.coverage
    counts = _count_by_kind(now)
    for kind, count in _count_by_kind(before).items():
        share = count / max(before.rows, 1)
        # A kind that is rare in a small baseline may have been chance there
        if counts.get(kind) or share * min(before.rows, now.rows) < MIN_EXPECTED:
            continue
        sentence = f"none of {now.rows:,} rows has {kind[0]} {format_percent(share)} of the baseline's rows have"
        are_delayed = False
        # The captures that wait for a label may be such rows if they are at least half as many as expected
        if coverage is not None:
            are_delayed = coverage.waiting >= share * coverage.captures / 2
            sentence += f"; {coverage.labelled:,} of {coverage.captures:,} captures have a label yet"
        return AbsentRows(sentence, are_delayed)
    return None


def _count_by_kind(evidence: Evidence) -> dict[tuple[str, ClassKey], int]:
    """The rows of each kind: of each class among labels and among predictions, and those with a wrong prediction."""
    wrong: tuple[str, ClassKey] = ("a prediction other than its label, as", "")
    if isinstance(evidence, RegressionEvidence):
        # A sketch of many residuals may have lost the few that differ
        if evidence.residuals is None or not evidence.sums.absolute.any():
            return {}
        counts = (np.count_nonzero(level) << height for height, level in enumerate(evidence.residuals.levels))
        return {wrong: sum(counts)}
    rows_by_kind = {wrong: evidence.rows - int(evidence.matrix.trace())}
    for subject, axis in (("label", 1), ("prediction", 0)):
        for name, count in zip(evidence.classes, evidence.matrix.sum(axis=axis).tolist(), strict=True):
            rows_by_kind[f"the {subject} that", class_key(name)] = count
    return rows_by_kind
