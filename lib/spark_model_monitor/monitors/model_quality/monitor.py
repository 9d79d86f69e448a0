"""The model-quality monitor: its plan, scan, results, documents, page and published metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property

from spark_model_monitor.arguments import require_count, require_instance, require_share
from spark_model_monitor.data.profiling.outcome_scan import OutcomeTask, scan_outcomes
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.outcome_tables import OutcomeDataset, OutcomeMark
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, Family, Hint, Results
from spark_model_monitor.documents.model_quality import Metrics, ModelQualityConstraints, ModelQualityStatistics
from spark_model_monitor.documents.page import Page, format_percent
from spark_model_monitor.documents.run_changes import CONCEPT_DRIFT
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext, format_moment
from spark_model_monitor.documents.statistics import RowTable
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.causes import MarkedRows, add_causes
from spark_model_monitor.monitors.model_quality import mean_error, quality_checks
from spark_model_monitor.monitors.model_quality.class_labels import describe_spellings, find_intended_classes
from spark_model_monitor.monitors.model_quality.estimated import concept_drift
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    ClassEvidence,
    RegressionEvidence,
    build_evidence,
)
from spark_model_monitor.monitors.model_quality.measurement import (
    BARE,
    INTERVAL,
    SEED,
    DesignEffects,
    Measurement,
    Tolerance,
    apply_design_effects,
    build_metrics,
    build_statistics,
    build_table,
    measure,
    measure_segments,
    suggest,
)
from spark_model_monitor.monitors.model_quality.metric_monitor import MetricJudgement, MetricMonitor
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.monitors.model_quality.metrics.error_metrics import rmse
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_page import create_page
from spark_model_monitor.monitors.model_quality.score_direction import describe_reversed_score
from spark_model_monitor.monitors.protocol import Sample, ScanRequest, ScanResult, reject_rules
from spark_model_monitor.monitors.segment_reports import write_segment_hints
from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan, require_plan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.row_counts import read_values
from spark_model_monitor.statistics.states.scores import UNLIMITED
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED
from spark_model_monitor.statistics.verdicts.design_effect import ScoredColumn, estimate_neighbour_design_effect
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_rows_per_name
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class

Documents = tuple[ModelQualityStatistics, ModelQualityConstraints, Metrics]

# The subject of causes: the rows behind all metrics are read again once, because all metrics use the same answers
LOSS_SUBJECT = "loss"
# Multiples of the baseline's RMSE by which errors are divided into bins
RMSE_MULTIPLES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
UNIQUE_NAMES_HINT = "{name!r} names no groups: nearly each row has a name of its own, and counts {how}"


@value_class(slots=False)
class QualityJudgement(MetricJudgement):
    """The results of a model-quality monitor for a sample of predictions and labels."""

    monitor: ModelQualityMonitor
    sample: Sample[Outcomes, Measurement]
    baseline: ModelBaseline | None

    @cached_property
    def results(self) -> Results:
        baseline = self.baseline
        monitor = self.monitor
        if baseline is None:
            return ()
        measurement = self.sample.metrics
        # Rows without names of groups would count as independent, so the baseline's design effect is applied
        if baseline.misses_names(self.sample.state):
            measurement = apply_design_effects(measurement, baseline.design_effects)
        ledger = self.window_ledger
        overall_results = quality_checks.check_all(
            measurement,
            baseline,
            ledger,
            min_samples=monitor.min_samples,
            as_service=monitor.as_service,
        )
        segment_results = quality_checks.check_segments(
            measurement, baseline, overall_results, ledger, min_samples=monitor.min_samples
        )
        check_results = quality_checks.add_violation(segment_results, self._judge_windows_together(baseline))
        if self.has_other_test:
            other_result = self._judge_other_test(baseline, quality_checks.level_per_test(ledger))
            check_results = (*check_results, other_result)
        absent_rows = self._find_absent_rows()
        if absent_rows is not None:
            check_results = absent_rows.wait_for_labels(check_results)
        return self.write_sentences(check_results, hide_values=monitor.hide_values)

    def _find_absent_rows(self) -> quality_checks.AbsentRows | None:
        """The kind of rows that the window lacks; None if it lacks none, or in the service's way."""
        if self.baseline is None:
            return None
        return quality_checks.find_absent_rows(self.baseline.evidence, self.sample)

    @cached_property
    def has_other_test(self) -> bool:
        """Whether there is a test in addition to those of the metrics: for numbers of the mean error, for classes of the
        meaning of scores.
        """
        if self.baseline is None:
            return False
        evidence = self.sample.metrics.evidence
        is_scored = concept_drift.can_be_judged(self.baseline.evidence, evidence)
        return is_scored or mean_error.is_mean_error_judged(self.baseline, evidence)

    def _judge_other_test(self, baseline: ModelBaseline, level: float) -> CheckResult:
        before = baseline.evidence
        now = self.sample.metrics.evidence
        if isinstance(before, RegressionEvidence):
            assert isinstance(now, RegressionEvidence)  # ensured by `has_other_test`
            return mean_error.judge_mean_error(before, now, level, baseline.groups)
        assert isinstance(before, ClassEvidence)  # ensured by `has_other_test`
        assert isinstance(now, ClassEvidence)
        groups = baseline.groups
        if baseline.group_column is not None:
            groups = concept_drift.design_effect_of_groups(now)
            if baseline.misses_names(self.sample.state):
                groups = max(groups, concept_drift.design_effect_of_groups(before))
        drift = concept_drift.judge_concept_drift(before, now, level, groups)
        return drift.result(CONCEPT_DRIFT, metric=concept_drift.METRIC)

    def _judge_windows_together(self, baseline: ModelBaseline) -> CheckResult | None:
        """The result for this window pooled with earlier ones, which detects changes that a single window is too short for."""
        if not self.earlier:
            return None
        total = sum(self.earlier, self.sample.state)
        measurement = measure(build_evidence(total), seed=self.monitor.seed)
        # As for the window alone
        if baseline.misses_names(total):
            measurement = apply_design_effects(measurement, baseline.design_effects)
        level = self.monitor.false_alarm_budget - self.window_budget
        return quality_checks.judge_windows_together(measurement, baseline, level, len(self.earlier) + 1)

    @cached_property
    def earlier(self) -> tuple[Outcomes, ...]:
        """The earlier windows that can be added to this one."""
        if self.baseline is None:
            return ()
        return tuple(state for state in self.baseline.earlier if state.plan == self.sample.state.plan)

    @property
    def window_budget(self) -> float:
        """The part of the false-alarm budget for this window; the rest is for the pooled windows."""
        if self.earlier:
            return 0.75 * self.monitor.false_alarm_budget
        return self.monitor.false_alarm_budget

    @property
    def budget(self) -> BudgetLedger | None:
        ledger = self.window_ledger
        budget = self.monitor.false_alarm_budget
        if ledger is None or not self.earlier:
            return ledger
        pooled_windows = Family(family=quality_checks.WINDOWS_TOGETHER, level=budget - self.window_budget, tests=1)
        families = (*ledger.families, pooled_windows)
        return ledger.model_copy(update={"false_alarm_budget": budget, "families": families})

    @cached_property
    def window_ledger(self) -> BudgetLedger | None:
        if self.baseline is None:
            return None
        problem_type = self.monitor.plan.problem_type
        return quality_checks.plan_budget(self.baseline, problem_type, self.window_budget, int(self.has_other_test))

    @property
    def hints(self) -> tuple[Hint, ...]:
        baseline = self.baseline
        hints: list[Hint] = []
        rows_before = None
        if baseline is not None:
            rows_before = {
                cut: {label: segment.rows for label, segment in segments.items()}
                for cut, segments in baseline.segments.items()
            }
            if not self.monitor.as_service:
                hints += _write_limit_hints(baseline)
        rows_now = {
            cut: {label: segment.item_count for label, segment in segments.items()}
            for cut, segments in self.sample.state.segments.items()
        }
        sentences = {"group_column": self._describe_group_names(), "outcomes": self.mistake}
        absent_rows = self._find_absent_rows()
        if absent_rows is not None:
            sentences["absent_rows"] = absent_rows.sentence
        # Labels of one class may come later than those of another
        coverage = self.sample.coverage
        if coverage is not None and coverage.waiting:
            sentences["waiting_captures"] = f"{coverage.waiting:,} of {coverage.captures:,} captures have no label yet"
        for check_result in self.results:
            # A class of few rows may be rare
            if (
                check_result.check == quality_checks.UNSEEN_CHECK
                and (check_result.observed or 0.0) >= quality_checks.MIN_EXPECTED
            ):
                sentences[quality_checks.UNSEEN_CHECK] = (
                    f"{check_result.reason}; checks.json names them: renamed, or new?"
                )
        for hint, sentence in sentences.items():
            if sentence is not None:
                hints.append(Hint(hint=hint, features=(), description=sentence))
        return (*write_segment_hints(rows_before, rows_now), *hints)

    @cached_property
    def mistake(self) -> str | None:
        """How labels contradict predictions or scores, and the remedy; None if they don't, or in the service's way."""
        if self.monitor.as_service:
            return None
        evidence = self.sample.metrics.evidence
        counts = self.sample.state.confusion
        # Without predictions, the scan counted scores above and below the threshold
        has_predictions = self.monitor.plan.with_predictions
        if has_predictions and (mistake := describe_spellings(counts.labels, counts.predictions)):
            return mistake
        if not isinstance(evidence, BinaryEvidence):
            return None
        # A baseline has fixed which class is positive
        is_window = self.baseline is not None
        return describe_reversed_score(evidence, has_predictions=has_predictions, is_window=is_window)

    def _describe_group_names(self) -> str | None:
        """What is wrong with the names of groups; None if nothing is, or if no column names groups."""
        outcomes = self.sample.state
        baseline = self.baseline
        if baseline is None:
            name = outcomes.plan.group_column
            if name is not None and estimate_rows_per_name(outcomes.rows_by_block) <= MAX_DISPERSED:
                return UNIQUE_NAMES_HINT.format(name=name, how="as one")
            return None
        if baseline.has_fewer_names(outcomes):
            return (
                f"{baseline.group_column!r} names the group of {format_percent(outcomes.share_in_groups)} of the rows, in the "
                f"baseline of {format_percent(baseline.names_of_groups.share)}: rows count as there, or as fewer"
            )
        if baseline.misses_names(outcomes):
            return UNIQUE_NAMES_HINT.format(name=baseline.group_column, how="as in the baseline, where it did")
        return None

    def find_causes(self, results: Results, dataset: Dataset, output_path: str | None) -> Results:
        """The results; violations get the segment and the origin of the loss, if there is one: of wrong answers, or of
        large errors. Source: D4.19."""
        baseline = self.baseline
        monitor = self.monitor
        if not monitor.find_causes or monitor.as_service or not any(violation.is_violation for violation in results):
            return results
        # If a kind of rows is absent everywhere, no segment is special
        if self._find_absent_rows() or baseline is None or baseline.source is None or baseline.evidence is None:
            return results
        source = baseline.source
        # For numbers, errors are divided into bins at multiples of the baseline's root mean square error
        cuts: tuple[float, ...] = ()
        if isinstance(baseline.evidence, RegressionEvidence):
            scale = rmse(baseline.evidence).value or 1.0
            cuts = tuple(multiple * scale for multiple in RMSE_MULTIPLES)

        def mark_rows(outcome_data: OutcomeDataset, plan: OutcomePlan, rows: int) -> MarkedRows:
            # Rows aren't divided by the columns of their outcomes
            mark = OutcomeMark(outcome_data.decoder, plan, outcome_data.columns, outcome_data.raw.schema, cuts)
            names = outcome_data.source.names
            outcome_columns = {names[column.position] for column in outcome_data.columns.values()}
            return MarkedRows(outcome_data.source, mark, rows, frozenset(outcome_columns))

        # The baseline's outcomes are read with the same columns as the window's
        def open_both_sides(resources: ExitStack) -> tuple[MarkedRows, MarkedRows]:
            now = monitor.read_outcomes(dataset)
            before = resources.enter_context(source())
            plan = monitor.plan
            # Labels of merged records are beside the captures
            if not now.addresses and not isinstance(before, OutcomeDataset):
                plan = OutcomePlan(plan.problem_type, threshold=plan.threshold)
                outcomes_before = now.read_beside_features(before, plan)
                now = now.read_beside_features(now, plan)
            else:
                outcomes_before = monitor.read_outcomes(before, **now.addresses)
            marked_rows = mark_rows(now, plan, self.sample.state.item_count)
            return marked_rows, mark_rows(outcomes_before, plan, baseline.rows or 0)

        # The rows of both sides are read again, once for all metrics
        return add_causes(
            results,
            {LOSS_SUBJECT: open_both_sides},
            lambda _: (LOSS_SUBJECT,),
            monitor.false_alarm_budget,
            hide_values=monitor.hide_values,
        )

    def page(self, check_results: Results, /, *, hide_values: bool = False) -> Page:
        return create_page(self.sample.metrics, check_results, hide_values=hide_values or self.monitor.hide_values)


@dataclass(frozen=True, slots=True)
class ModelQualityMonitor(MetricMonitor[Outcomes, Measurement, OutcomePlan]):
    """Monitors model quality: compares predictions with their labels, once the labels are known.

    Parameters
    ----------
    plan : OutcomePlan
        The problem type, and what the rows contain.
    tolerance : Tolerance, optional
        How far thresholds lie from the baseline's values. By default they are these values, and a verdict allows for noise;
        thresholds at a distance decide alone.
    false_alarm_budget : float, default 1/720
        Share of healthy windows in which any metric with a suggested threshold may be violated.
    min_samples : int, default 0
        Minimum number of rows for a verdict on a metric.
    as_service : bool, default False
        Compute and judge like the service: area under a curve of 1,000 points, f0_5 never reported.
    hide_values : bool, default False
        Don't name classes anywhere except in the statistics.
    seed : int
        Seed of the draws for standard deviations.
    find_causes : bool, default True
        Whether to read rows again if a metric is violated, to find the segment and the origin of the loss.

    Raises
    ------
    BadConfiguration
        If one of the user's metrics has the name of one of ours.

    Examples
    --------
    >>> from spark_model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, Tolerance
    >>> plan = OutcomePlan(ProblemType.REGRESSION)
    >>> str(ModelQualityMonitor(plan, tolerance=Tolerance.parse("relative:5%")).tolerance)
    'relative:5%'
    """

    ANALYSIS_TYPE = AnalysisType.MODEL_QUALITY
    NAMESPACE = "model-metrics"
    STATE = Outcomes

    plan: OutcomePlan
    tolerance: Tolerance | None = None
    false_alarm_budget: float = BUDGET
    min_samples: int = 0
    as_service: bool = False
    hide_values: bool = False
    seed: int = SEED
    find_causes: bool = True

    def __post_init__(self) -> None:
        require_plan(self.plan)
        require_instance("tolerance", self.tolerance, Tolerance | None, "Tolerance.parse('relative:5%')")
        require_share("false_alarm_budget", self.false_alarm_budget)
        require_count("min_samples", self.min_samples)
        taken = sorted(set(self.plan.values) & set(METRICS[self.plan.problem_type]))
        if taken:
            raise BadConfiguration(
                f"metrics: {', '.join(map(repr, taken))} is the name of one of the metrics that are there; choose another"
            )

    def measures(self) -> OutcomePlan:
        """The plan of the scan. To reproduce the service, every distinct score is kept, because its bins are made from
        these.
        """
        if self.as_service:
            return replace(self.plan, score_limit=UNLIMITED)
        return self.plan

    def plan_scan(self, request: ScanRequest[ModelBaseline]) -> OutcomePlan:
        reject_rules(self, request.rules)
        plan = self.measures()
        baseline = request.baseline
        if baseline is None:
            return plan
        plan = replace(plan, group_column=baseline.group_column)
        # Segments of the baseline, so that numeric cuts and rare values are the same
        labels = {cut: tuple(segments) for cut, segments in baseline.segments.items()}
        if not labels and not baseline.group_column:
            return plan
        return replace(plan, segments=tuple(labels), labels=labels)

    def scan(self, measures: OutcomePlan, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
        """Labels and predictions of all rows. A data set that was not prepared must have the column names of `outcomes`."""
        data = replace(self, plan=measures).read_outcomes(dataset)
        data.require_labels_apart()
        if data.decoder.reading.numeric != measures.is_regression:
            raise BadConfiguration(
                "plan: the data was made for another problem type; give `outcomes` the monitor's plan"
            )
        # Without this check, a window that was prepared without groups would count as one of independent rows
        if measures.group_column not in (None, data.group_column):
            raise BadConfiguration(
                f"group_column: rows count by {measures.group_column!r} here, and this data set was made without it; "
                f"give `outcomes` a plan with group_column={measures.group_column!r}"
            )
        cuts = tuple(replace(cut, labels=tuple(measures.labels.get(cut.name, ()))) for cut in data.cuts)
        task = OutcomeTask(measures, data.decoder, len(Refusal), data.metrics, cuts, data.group)
        scanned = scan_outcomes(data.raw, task, max_partition_count=data.max_partition_count)
        return ScanResult(scanned.outcomes, scanned.rows, runs=(scanned.runs,))

    def reject_unusable(self, scanned: ScanResult, dataset: Dataset, baseline: ModelBaseline | None) -> Dataset | None:
        """The data set without records of a third class, if the problem is binary."""
        if self.as_service:
            return None
        classes = None if baseline is None else baseline.classes
        intended_classes = find_intended_classes(scanned.state.confusion, self.plan, classes)
        if intended_classes is None:
            return None
        return self.read_outcomes(dataset).restrict_to_classes(intended_classes)

    def metrics(self, outcomes: Outcomes) -> Measurement:
        evidence = build_evidence(outcomes, as_service=self.as_service)
        design_effects = DesignEffects.of(evidence)
        measurement = measure(evidence, seed=self.seed, design_effects=design_effects)
        return replace(measurement, segments=measure_segments(outcomes, design_effects))

    def documents(self, outcomes: Outcomes, measurement: Measurement, context: RunContext = NO_CONTEXT) -> Documents:
        tolerance = self.tolerance or (BARE if self.as_service else INTERVAL)
        segments = tuple(measurement.segments) or None
        constraints = suggest(measurement, tolerance).model_copy(update={"segments": segments})
        statistics = build_statistics(measurement, as_service=self.as_service)
        if self.as_service:
            statistics = _add_times(statistics, context)
        return statistics, constraints, build_metrics(measurement, hide_values=self.hide_values)

    def judge(self, sample: Sample[Outcomes, Measurement], baseline: ModelBaseline | None) -> QualityJudgement:
        if baseline is not None:
            baseline = replace(baseline, groups=self._count_rows_as_one(baseline, sample))
        judgement = QualityJudgement(self, sample.without_runs(), baseline)
        # Only without a baseline: compared with a baseline, these mistakes are violations
        if baseline is None and judgement.mistake is not None:
            raise BadInput(judgement.mistake)
        return judgement

    def _count_rows_as_one(self, baseline: ModelBaseline, sample: Sample[Outcomes, Measurement]) -> float:
        """The design effect estimated from neighbouring rows of the sample; 1 if groups of rows have names."""
        if not sample.runs:
            return baseline.groups
        runs = [run for row_runs in sample.runs for run in row_runs.runs]
        values, sizes = read_values(runs, numeric=True)
        if self.as_service or baseline.group_column or not len(values):
            return 1.0
        if self.plan.is_regression:
            column = ScoredColumn.from_numbers(values)
        else:
            column = ScoredColumn.from_texts(values)
        return estimate_neighbour_design_effect([column], sizes)

    def table(self, documents: Documents) -> RowTable:
        return build_table(documents[2].metrics, "value", "standard_deviation", "interval", "n")


def _write_limit_hints(baseline: ModelBaseline) -> Iterator[Hint]:
    """Hints that members of constraints.json aren't read, or that nothing says which of its limits a person wrote."""
    yield from Hint.from_unread_members(baseline.constraints)
    if not baseline.reported and not baseline.estimates:
        description = (
            "constraints.json is there without statistics.json, so nothing says which limits are the baseline's own "
            "values: each is judged as written, without room for chance; put both files in one folder"
        )
        yield Hint(hint="limits_as_written", features=(), description=description)


def _add_times(statistics: ModelQualityStatistics, context: RunContext) -> ModelQualityStatistics:
    """statistics.json with the times that the service's file has."""
    if statistics.dataset is None:
        return statistics
    # By default, the evaluation is dated by the end of the window
    moments = {
        "start_time": context.start,
        "end_time": context.end,
        "evaluation_time": context.evaluation_time or context.end,
    }
    times = {name: format_moment(moment) for name, moment in moments.items() if moment is not None}
    return statistics.model_copy(update={"dataset": statistics.dataset.model_copy(update=times)})
