"""The bias monitor: what it counts, its documents, its table, and the metrics that it publishes."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from spark_model_monitor.arguments import require_instance
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.analysis_config import name_report
from spark_model_monitor.documents.check_results import (
    FACET_VALUE,
    IN_SEGMENT,
    INFINITE,
    LIMITS,
    WITHOUT_GROUP,
    CheckResult,
    Hint,
    Results,
    format_group,
)
from spark_model_monitor.documents.clarify_files import (
    BiasPart,
    BiasReport,
    BiasViolation,
    BiasViolations,
    GroupMetrics,
    SegmentMetrics,
)
from spark_model_monitor.documents.page import Page
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import RowTable, Summary, SummaryRow
from spark_model_monitor.errors import BadState
from spark_model_monitor.monitors.bias.bias_analysis import (
    ALL_METHODS,
    BiasAnalysis,
    LabelTable,
    MetricsOfRows,
    analyse_contingency,
    choose_groups,
    count_segment_rows,
    find_column_kinds,
)
from spark_model_monitor.monitors.bias.bias_baseline import STAGES, BiasBaseline
from spark_model_monitor.monitors.bias.bias_checks import CHECKS, drift
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.bias_metrics import EQUIVALENT_METRICS
from spark_model_monitor.monitors.bias.bias_page import DRIFT_CHECK, add_rates, create_page
from spark_model_monitor.monitors.bias.intervals import estimate_design_effects_of_runs
from spark_model_monitor.monitors.bias.metric_comparison import (
    STAGE,
    MetricComparison,
    Tolerances,
    adopt_spellings,
    compare_lost_groups,
    compare_with_baseline,
    format_segment_label,
    metric_key,
)
from spark_model_monitor.monitors.protocol import (
    Finding,
    Judgement,
    Monitor,
    PublishedMetric,
    Sample,
    ScanRequest,
    ScanResult,
    count_violations,
    reject_rules,
    select_violations,
)
from spark_model_monitor.monitors.segment_reports import add_segment_results, locate_result, write_segment_hints
from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.contingency import (
    FACET,
    LABEL,
    PREDICTION,
    Cell,
    Contingency,
    Key,
    number_keys,
)
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan
from spark_model_monitor.statistics.states.row_counts import read_values
from spark_model_monitor.statistics.states.segments import has_columns
from spark_model_monitor.statistics.verdicts.design_effect import (
    ScoredColumn,
    estimate_neighbour_design_effect,
    is_constant_in_runs,
)
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)


def _build_result(check: str, metric: MetricComparison, finding: Finding) -> CheckResult:
    ends = metric.noise.interval
    # JSON has no infinity, so an infinite interval is left out
    if ends and not all(map(math.isfinite, ends)):
        ends = None
    value = metric.current.value
    n, m = metric.group.rows
    finding = finding.copy_with(observed=value, interval=ends, n=n, m=m)
    # A metric is infinite if the group lacks the rows by which it divides; this is the reason unless there is another one
    if value is not None and math.isinf(value):
        finding = finding.copy_with(reason=finding.reason or "the value is infinite")
        if finding.is_violated and finding.decided_by == LIMITS:
            finding = finding.copy_with(decided_by=INFINITE, limits=None)
    group_members = {FACET_VALUE: metric.group.facet_value, STAGE: metric.group.stage}
    name = metric.current.name
    check_result = finding.result(
        check, feature=metric.group.facet, metric=name, same_as=EQUIVALENT_METRICS.get(name), **group_members
    )
    if metric.window_rows is None or not metric.window_rows.unknown_share:
        return check_result
    # Unjudged members: the share of rows whose facet is missing, and the metric without these rows, if it is finite
    without_unknown = metric.window_rows.compute_without_unknown(name)
    members = {"unknown_share": metric.window_rows.unknown_share}
    if without_unknown is not None and math.isfinite(without_unknown):
        members["observed_without_unknown"] = without_unknown
    return check_result.model_copy(update=members)


def _check_metric(metric: MetricComparison) -> Iterator[CheckResult]:
    """Yield the result of each check that the metric has."""
    for check in CHECKS.values():
        finding = check(metric)
        if finding is not None:
            yield _build_result(check.name, metric, finding)


def _flag_rows_with_keys(
    keys: Collection[Key], key_indexes: Doubles, cells: Mapping[Cell, int], position: int
) -> Integers:
    """For each row, whether its key is one of these. key_indexes: as in `build_first_runs`."""
    is_chosen = np.array([key in keys for key in number_keys(cells, position)], np.int64)
    return is_chosen[key_indexes.astype(np.int64)]


LARGEST_VALUE = 2.0**360
"""The value that is published for infinity: the 2.348543e108 of C9.2, the largest that CloudWatch accepts."""


def _build_part(analysis: BiasAnalysis, part: str) -> BiasPart | None:
    # If the part was not requested, or if there are no predictions, the file doesn't have it
    if all(getattr(group, part) is None for group in analysis.groups):
        return None
    facets: dict[str, tuple[GroupMetrics, ...]] = {}
    for group in analysis.groups:
        segments = tuple(
            SegmentMetrics(segmentation=segment.segmentation, segment=segment.name, metrics=getattr(segment, part))
            for segment in group.segments
        )
        metrics = getattr(group, part)
        group_metrics = GroupMetrics(value_or_threshold=group.choice.shown, metrics=metrics, segments=segments or None)
        facets[group.facet] = (*facets.get(group.facet, ()), group_metrics)
    return BiasPart(label=analysis.label, facets=facets, label_value_or_threshold=analysis.positives.shown)


def _with_design_effects(baseline: BiasBaseline, sample: Sample[Contingency, BiasAnalysis]) -> BiasBaseline:
    """The baseline with the design effects of the sample's rows, by facet and metric."""
    counts = sample.state
    runs = sample.runs
    if not runs:
        return baseline
    plan = ContingencyPlan.from_text(counts.plan)
    design_effects = {}
    chosen = choose_groups(counts, plan)
    columns = [read_values(run.runs, numeric=True) for run in runs]
    # The runs' columns are in the order of facets, label, prediction
    (labels, _), *predictions = columns[len(plan.facets) :]
    cells_of_rows = counts.tables[0]
    # Combine the prediction with the label, so that each pair has its own code
    answers = [values * len(cells_of_rows) + labels for values, _ in predictions]
    outcomes = [
        _flag_rows_with_keys(chosen.positives.keys, labels, cells_of_rows, LABEL),
        np.zeros(len(labels), np.int64),
    ]
    if chosen.predicted is not None:
        outcomes[1] = _flag_rows_with_keys(chosen.predicted.keys, predictions[0][0], cells_of_rows, PREDICTION)
    for facet, (facet_values, sizes), choices, cells in zip(
        plan.facets, columns, chosen.groups, counts.tables, strict=False
    ):
        # If a column is constant within runs, neighbours don't show groups
        examined_columns = [facet_values, labels, *answers]
        if any(map(is_constant_in_runs, examined_columns)):
            continue
        scored_columns = [ScoredColumn.from_texts(values) for values in examined_columns]
        if estimate_neighbour_design_effect(scored_columns, sizes) == 1:
            continue
        # If a facet has several values, the largest effect of all values counts
        table = LabelTable.of(cells, chosen, plan)
        without_subgroup = int(plan.group is None)
        effect_by_metric: dict[str, float] = {}
        for choice in choices:  # a value with few rows is in few groups, which are little evidence
            is_choice = _flag_rows_with_keys(choice.keys, facet_values, cells, FACET)
            row_kinds = ((is_choice * 2 + outcomes[0]) * 2 + outcomes[1]) * 2 + without_subgroup
            choice_effects = estimate_design_effects_of_runs(table.count_facet(choice), row_kinds, sizes)
            effect_by_metric |= {
                name: max(rows, effect_by_metric.get(name, 1.0)) for name, rows in choice_effects.items()
            }
        design_effects[facet.name] = effect_by_metric
    return replace(baseline, design_effects=design_effects)


@value_class(slots=False)
class BiasJudgement(Judgement[BiasBaseline]):
    """The results of a bias monitor for a sample."""

    monitor: BiasMonitor
    sample: Sample[Contingency, BiasAnalysis]
    baseline: BiasBaseline | None

    @cached_property
    def results(self) -> Results:
        """The result of every check of every metric, in the order of analysis.json, post-training metrics first; then
        the drift of each metric in each segment."""
        if self.baseline is None:
            return ()
        analysis = adopt_spellings(self.sample.metrics, self.baseline)
        comparisons = list(compare_with_baseline(analysis, self.baseline, self.monitor.tolerances))
        comparisons.extend(compare_lost_groups(analysis, self.baseline, self.monitor.tolerances))
        # All rows have the results of every check, segments those of their drift, which show where the change is
        overall_results: list[CheckResult] = []
        segment_results: dict[Hashable, dict[tuple[str, str], CheckResult]] = {}
        for metric in comparisons:
            if metric.group.segment is None:
                overall_results += _check_metric(metric)
                continue
            cut, name = metric.group.segment
            finding = drift(metric)
            if finding is not None:
                drift_result = _build_result(DRIFT_CHECK, metric, finding)
                located = locate_result(drift_result, f"{IN_SEGMENT}{cut}", format_segment_label(cut, name))
                segment_results.setdefault(metric_key(drift_result), {})[cut, name] = located
        unjudged = sum(not check_result.is_judged for check_result in overall_results)
        if unjudged:
            log.warning("%d of %d metrics could not be judged; checks.json says why", unjudged, len(overall_results))
        return tuple(add_segment_results(overall_results, segment_results, metric_key))

    @property
    def hints(self) -> tuple[Hint, ...]:
        if self.baseline is None:
            return ()
        before = count_segment_rows(self.baseline.groups)
        return tuple(write_segment_hints(before, count_segment_rows(self.sample.metrics.groups)))

    def write_sentences(self, results: Results, /, *, hide_values: bool = False) -> Results:
        """The results; violations of all rows get the rates that the metric compares."""
        groups = self.sample.metrics.groups
        with_rates = tuple(add_rates(check_result, groups, hide_values=hide_values) for check_result in results)
        return super().write_sentences(with_rates, hide_values=hide_values)

    def find_causes(self, results: Results, dataset: Dataset, output_path: str | None) -> Results:
        is_requested = self.monitor.find_causes and any(check_result.is_violation for check_result in results)
        measures = self.monitor.wanted if is_requested else None
        # A model is not called a second time
        if self.baseline is None or measures is None or measures.as_service or measures.model is not None:
            return results
        # Imported here, because these modules are needed only if a metric is violated
        from spark_model_monitor.monitors.bias.bias_scan import find_causes

        budget = self.monitor.tolerances.false_alarm_budget
        hide = self.monitor.hide_values
        return find_causes(results, self.sample.state, self.baseline, dataset, budget, hide_values=hide)

    def page(self, results: Results, /, *, hide_values: bool = False) -> Page:
        page = create_page(self.sample.metrics, results)
        return name_report(page, self.monitor.wanted.config) if self.monitor.wanted else page

    def published_metrics(self, results: Results, constraints: BiasReport) -> tuple[PublishedMetric, ...]:
        """Every defined metric as `bias_metric_<NAME>`, and the number of violations."""
        analysis = self.sample.metrics
        metrics = []
        for part, stage in STAGES.items():
            for group in analysis.groups:
                dimensions = {
                    "BiasStage": stage,
                    "Label": analysis.label,
                    "LabelValue": analysis.positives.configured,
                    "Facet": group.facet,
                    "FacetValue": group.choice.configured,
                }
                for metric in getattr(group, part) or ():
                    value = metric.value
                    if value is None:
                        continue
                    # CloudWatch rejects infinite values
                    if math.isinf(value):
                        value = math.copysign(LARGEST_VALUE, value)
                    metrics.append(PublishedMetric(f"bias_metric_{metric.name}", value, dimensions=dimensions))
        return (*metrics, count_violations(results))

    def summary(self, *, hide_values: bool = False) -> Summary:
        rows = []
        for group in self.sample.metrics.groups:
            group_name = format_group(*group.key)
            measured_rows: dict[str, MetricsOfRows] = {group_name: group}
            for segment in group.segments:
                label = format_segment_label(segment.segmentation, segment.name)
                measured_rows[f"{group_name} in {label}"] = segment
            for part, measured in measured_rows.items():
                for metric in measured.metrics:
                    is_of_all_rows = metric.name in WITHOUT_GROUP and measured is group
                    rows.append(SummaryRow(metric.name, "" if is_of_all_rows else part, "bias", value=metric.value))
        # Metrics of all rows are the same for every group
        return Summary(tuple(dict.fromkeys(rows)))


@dataclass(frozen=True)
class BiasMonitor(Monitor[Contingency, BiasAnalysis, BiasBaseline, BiasMeasures]):
    """Monitors bias: how a model and its training data treat a sensitive group compared with the rest.

    Parameters
    ----------
    wanted : BiasMeasures, optional
        What to count, and which metrics to compute. Without it, the monitor can't scan; it computes all metrics from existing
        counts.
    tolerances : Tolerances, optional
        How the metrics are judged.
    find_causes : bool, default True
        Whether to read rows again if a metric is violated, to find the segment and the origin of the change.
    hide_values : bool, default False
        Don't name what the rows behind a change have in common. Groups have names: you configured them.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import AnalysisConfig, BiasMeasures, BiasMonitor, run_baseline
    >>> facet = '{"name_or_index": "sex", "value_or_threshold": ["f"]}'
    >>> text = '{"label": "hired", "label_values_or_threshold": [1], "facet": [%s]}' % facet
    >>> config = AnalysisConfig.from_json(text)
    >>> people = pd.DataFrame({"sex": ["f", "f", "m", "m"], "hired": [0, 1, 1, 1]})
    >>> baseline = run_baseline(people, BiasMonitor(BiasMeasures.of(config)))
    >>> float(baseline.to_pandas().loc["CI", "value"])
    0.0
    """

    ANALYSIS_TYPE = AnalysisType.MODEL_BIAS
    NAMESPACE = "bias-metrics"
    STATE = Contingency
    CONSTRAINTS = BiasReport

    wanted: BiasMeasures | None = None
    tolerances: Tolerances = field(default_factory=Tolerances)
    find_causes: bool = True
    hide_values: bool = False

    def measures(self) -> BiasMeasures:
        require_instance("wanted", self.wanted, BiasMeasures, "BiasMeasures.of(config)")
        return cast("BiasMeasures", self.wanted)

    def plan_scan(self, request: ScanRequest[BiasBaseline]) -> BiasMeasures:
        """The measures with the baseline's groups of rows, the columns of its model, and its segments, if the data has their
        columns.
        """
        reject_rules(self, request.rules)
        measures = self.measures()
        baseline = request.baseline
        if baseline is None or measures.as_service:
            return measures
        # Cuts that the configuration already has are not added again
        configured = {part.config_name or part.name_or_index for part in measures.config.segment_config or ()}
        # If the window lacks a cut's column, the cut is dropped, and a hint names it
        cuts = [
            cut
            for cut in count_segment_rows(baseline.groups)
            if cut not in configured and has_columns(cut, request.dataset.names)
        ]
        # Neighbours show whether rows are similar, unless a column names their groups
        uses_neighbours = self.tolerances.with_intervals and baseline.group_column is None
        return replace(
            measures,
            segments=tuple(cuts),
            group_column=baseline.group_column,
            with_runs=uses_neighbours,
            baseline_kinds=baseline.kinds,
            model=measures.model and replace(measures.model, features=baseline.model_features),
        )

    def scan(self, measures: BiasMeasures, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
        from spark_model_monitor.monitors.bias.bias_scan import scan_rows

        return scan_rows(measures, dataset)

    def reject_unusable(self, scanned: ScanResult, dataset: Dataset, baseline: BiasBaseline | None) -> Dataset | None:
        """The data set without the records that the model doesn't answer, or else without those whose few cells would change
        the kind of a column.
        """
        from spark_model_monitor.data.profiling.contingency_scan import reject_strays
        from spark_model_monitor.monitors.bias.bias_scan import quarantine_unanswered

        measures = self.measures()
        plan = ContingencyPlan.from_text(scanned.state.plan)
        if measures.model is not None and scanned.rows.count_refused(Refusal.IN_UNANSWERED_BATCH):
            return quarantine_unanswered(measures, dataset, replace(measures.model, features=plan.model_features))
        # In the service, stray cells count for the kind of their column, and no record is refused
        if measures.as_service:
            return None
        rows = reject_strays(dataset.table_with_lines, dataset.names, plan, scanned.state)
        if rows is None:
            return None
        return replace(dataset, rows=rows, refusable=True)

    def metrics(self, counts: Contingency) -> BiasAnalysis:
        methods = ALL_METHODS
        if self.wanted:
            methods = self.wanted.methods
        plan = ContingencyPlan.from_text(counts.plan)
        counts.require_plan(plan)
        return analyse_contingency(counts, plan, methods)

    def documents(
        self, counts: Contingency, analysis: BiasAnalysis, context: RunContext = NO_CONTEXT
    ) -> tuple[BiasReport]:
        """analysis.json, without parts that were not requested. Source: B3."""
        parts: dict[str, Any] = {f"{part}_bias_metrics": _build_part(analysis, part) for part in STAGES}
        return (BiasReport(version="1.0", **parts),)

    def stored_baseline(
        self, constraints: BiasReport, _: None, state: State | None, suggested: BiasReport | None = None
    ) -> BiasBaseline:
        if state is not None and not isinstance(state, Contingency):
            raise BadState(f"the baseline's states are of kind {state.KIND!r}; name a baseline of bias")
        # Documents of the service's own runs have no counts, so the baseline has no intervals
        if state is None:
            return BiasBaseline(constraints, copy=suggested)
        plan = ContingencyPlan.from_text(state.plan)
        stored = BiasBaseline(
            constraints, copy=suggested, kinds=find_column_kinds(state), model_features=plan.model_features
        )
        if not self.tolerances.with_intervals:
            return stored
        return replace(stored, groups=self.metrics(state).groups, group_column=plan.group_column)

    def judge(self, sample: Sample[Contingency, BiasAnalysis], baseline: BiasBaseline | None) -> BiasJudgement:
        if baseline is not None:
            baseline = _with_design_effects(baseline, sample)
        return BiasJudgement(self, sample.without_runs(), baseline)

    def violations(self, results: Results) -> BiasViolations:
        bias_violations = (
            BiasViolation(
                facet=result.feature or "",
                facet_value=(result.model_extra or {})[FACET_VALUE],
                metric_name=result.metric or "",
                constraint_check_type=result.check,
                description=result.description or "",
            )
            for result in select_violations(results)
        )
        return BiasViolations(version="1.0", violations=tuple(bias_violations))

    def table(self, documents: tuple[BiasReport]) -> RowTable:
        """One row for each metric of each group, in the document's order."""
        rows = (
            {
                "metric": metric.name,
                "feature": facet,
                "facet_value": group.value_or_threshold,
                "value": metric.value,
                "error": metric.error,
                "description": metric.description,
            }
            for part in documents[0].parts
            for facet, groups in part.facets.items()
            for group in groups
            for metric in group.metrics
        )
        return RowTable("metrics", "metric", tuple(rows))
