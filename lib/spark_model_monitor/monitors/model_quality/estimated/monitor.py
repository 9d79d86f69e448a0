"""The monitor of estimated quality: compares predictions without labels with a baseline of model quality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from spark_model_monitor.data.profiling.outcome_scan import OutcomeTask, scan_outcomes
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.outcome_records import UnlabelledDecoder
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.check_results import BudgetLedger, CheckResult, Results
from spark_model_monitor.documents.document import Document
from spark_model_monitor.documents.model_quality import CalibrationNote, EstimatedQuality
from spark_model_monitor.documents.page import CurveChart, Page, PageSection, create_reading_guide
from spark_model_monitor.documents.run_description import NO_CONTEXT, AnalysisType, RunContext
from spark_model_monitor.documents.statistics import RowTable
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.model_quality.class_labels import class_table
from spark_model_monitor.monitors.model_quality.estimated.estimation import (
    BUSINESS_VALUE,
    Estimation,
    estimate_classes,
    estimate_two_classes,
)
from spark_model_monitor.monitors.model_quality.estimates import JackknifeEstimate, Scale, jackknife_quotient
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    Evidence,
    MulticlassEvidence,
    RegressionEvidence,
    scores_by_class,
)
from spark_model_monitor.monitors.model_quality.measurement import Measured, Measurement, build_metrics, build_table
from spark_model_monitor.monitors.model_quality.metric_monitor import MetricJudgement, MetricMonitor
from spark_model_monitor.monitors.model_quality.metrics import METRICS
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import check_all, plan_budget
from spark_model_monitor.monitors.model_quality.quality_page import PARTS_OF_A_CLASS, create_page
from spark_model_monitor.monitors.model_quality.score_calibration import (
    MIN_ROWS,
    CalibrationCheck,
    check_calibration,
    check_classes,
    merge_neighbouring_scores,
)
from spark_model_monitor.monitors.predictors.error_model import NO_ERROR_MODEL
from spark_model_monitor.monitors.protocol import Finding, Sample, ScanRequest, ScanResult, reject_rules
from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan
from spark_model_monitor.statistics.states.blocks import BlockSums
from spark_model_monitor.statistics.states.estimated import (
    DIFFERENCES,
    ROWS,
    SQUARED_DIFFERENCES,
    SQUARED_ERRORS,
    SQUARED_EXPECTED,
    EstimatedOutcomes,
)
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan, class_key, require_plan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.scores import MAX_SCORED_CLASSES, ClassScores
from spark_model_monitor.statistics.user_choices import ProblemType
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class

PREFIX = "estimated_"
"""Prefix of the names of estimates, so that they differ from metrics that need labels."""

PROBLEM_NAMES = {
    ProblemType.BINARY_CLASSIFICATION: "binary problem",
    ProblemType.MULTICLASS_CLASSIFICATION: "problem of many classes",
    ProblemType.REGRESSION: "problem of numbers",
}
ERROR_METRICS = frozenset({"mae", "mse", "rmse"})

READING = (
    "An estimate counts every row as positive by what its score was worth in the baseline. Its interval is where the metric will "
    "lie 95 times in 100 once the labels have come, if a score is still worth the same. Whether it is, labels alone tell.",
)

READING_NUMBERS = (
    "A model that has learnt errors where labels were known says what to expect of each row. The interval is where the metric "
    "will lie 95 times in 100 once the labels have come, if errors are what they were for such rows. Whether they are, labels "
    "alone tell.",
)


@value_class
class EstimatedMeasurement:
    """The estimates of a window. measurement: empty if `calibration` has a reason why nothing is estimated."""

    measurement: Measurement
    calibration: CalibrationCheck
    reference_rows: int


@value_class(slots=False)
class EstimateJudgement(MetricJudgement):
    """The results of a monitor of estimated quality for a sample of predictions."""

    monitor: EstimatedQualityMonitor
    sample: Sample[EstimatedOutcomes, EstimatedMeasurement]
    baseline: ModelBaseline | None

    @cached_property
    def results(self) -> Results:
        if self.baseline is None:
            return ()
        monitor = self.monitor
        estimated_metrics = self.sample.metrics
        if estimated_metrics.calibration.problem is not None:
            reason = f"nothing is estimated: {estimated_metrics.calibration.problem}"
            advice = "make the baseline again, with enough scores that are probabilities"
            results = []
            for name, constraint in self.baseline.limits(monitor.plan.problem_type).items():
                finding = Finding.not_judged(constraint.threshold, None).as_cannot_tell(reason, advice)
                results.append(finding.result(constraint.comparison_operator.value, metric=PREFIX + name))
            return tuple(results)
        # Judged under the names of the baseline's metrics, and renamed afterwards
        metrics = {name.removeprefix(PREFIX): measured for name, measured in self.measurement.metrics.items()}
        check_results = check_all(
            replace(self.measurement, metrics=metrics),
            self.baseline,
            self.budget,
            min_samples=monitor.min_samples,
        )
        return self.write_sentences(tuple(map(_rename_as_estimate, check_results)), hide_values=monitor.hide_values)

    @property
    def measurement(self) -> Measurement:
        return self.sample.metrics.measurement

    @property
    def budget(self) -> BudgetLedger | None:
        if self.baseline is None:
            return None
        return plan_budget(self.baseline, self.monitor.plan.problem_type, self.monitor.false_alarm_budget)

    def page(self, check_results: Results, /, *, hide_values: bool = False) -> Page:
        hide = hide_values or self.monitor.hide_values
        page = create_page(self.measurement, check_results, hide_values=hide)
        *sections, _reading = page.sections
        check = self.sample.metrics.calibration
        if check.problem is not None:
            sections.insert(0, PageSection("No estimate", (f"Nothing is estimated: {check.problem}.",)))
        if len(check.rows):
            points = tuple(zip(check.scores.tolist(), check.shares.tolist(), strict=True))
            caption = (
                f"positive labels of the baseline by tenths of its rows, on average {check.error:.3f} from the diagonal and "
                f"{check.remaining_error:.3f} from the calibration that the estimate rests on"
            )
            axes = ("score", "share of positive labels")
            chart = CurveChart("Calibration of the baseline", points, axes, caption, diagonal=True)
            sections.append(PageSection("What a score is worth", (chart,)))
        reading = READING_NUMBERS if self.monitor.plan.is_regression else READING
        sections.append(create_reading_guide(reading))
        return replace(page, title="Estimated model quality", sections=tuple(sections))


@dataclass(frozen=True, slots=True)
class EstimatedQualityMonitor(MetricMonitor[EstimatedOutcomes, EstimatedMeasurement, Evidence]):
    """Estimates model quality before labels arrive, from the scores or from a model of the errors.

    Parameters
    ----------
    plan : OutcomePlan
        The problem type, and what the rows contain besides the label. Scores are needed (with many classes, of all classes); for
        regression, a data set with `errors`.
    false_alarm_budget : float, default 1/720
        Share of healthy windows in which any metric may be violated.
    min_samples : int, default 0
        Minimum number of rows for a verdict on a metric.
    costs : mapping of str to float, optional
        Value of a true positive, a false positive, a true and a false negative, as `tp`, `fp`, `tn`, `fn`. Adds the metric
        `business_value`, a mean per row. For two classes only.
    hide_values : bool, default False
        Don't name classes anywhere except in the documents.

    Raises
    ------
    BadConfiguration
        If the problem can't be estimated, or a cost has another name.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from spark_model_monitor import EstimatedQualityMonitor, ModelQualityMonitor, OutcomePlan, ProblemType
    >>> from spark_model_monitor import outcomes, run_baseline, run_monitoring
    >>> plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
    >>> scores = np.tile([0.1, 0.3, 0.7, 0.9], 100)
    >>> known = pd.DataFrame({"score": scores, "churned": (np.arange(400) % 10 < scores * 10).astype(int)})
    >>> data = outcomes(known, plan, label="churned", probability="score")
    >>> baseline = run_baseline(data, ModelQualityMonitor(plan))
    >>> later = outcomes(known[["score"]], plan, label=None, probability="score")
    >>> findings = run_monitoring(later, EstimatedQualityMonitor(plan), baseline)
    >>> round(findings.current.state.predictions.item_count)
    400
    """

    ANALYSIS_TYPE = AnalysisType.ESTIMATED_QUALITY
    NAMESPACE = "estimated-metrics"
    STATE = EstimatedOutcomes
    BASELINE_STATE = Outcomes

    plan: OutcomePlan
    false_alarm_budget: float = BUDGET
    min_samples: int = 0
    costs: Mapping[str, float] | None = None
    hide_values: bool = False

    def __post_init__(self) -> None:
        plan = self.plan
        require_plan(plan)
        if not plan.with_scores and not plan.is_regression:
            raise BadConfiguration(
                "probability_attribute is missing; an estimate is made of scores: name their column, index or JSON path"
            )
        unknown = sorted(set(self.costs or {}) - {"tp", "fp", "tn", "fn"})
        if unknown:
            raise BadConfiguration(f"cost_matrix names {unknown[0]!r}; write tp, fp, tn and fn, such as tp:40,fp:-5")
        if self.costs and not plan.is_binary:
            raise BadConfiguration("cost_matrix is of two classes; leave it out for many")
        # The user's own metrics are functions of label and prediction
        if plan.values:
            raise BadConfiguration(
                "metrics of your own need labels; leave --metrics out, or write --set cost_matrix=COSTS"
            )

    def plan_scan(self, request: ScanRequest[ModelBaseline]) -> Evidence:
        """The baseline's rows by score and label, or its errors."""
        if request.is_baseline:
            raise BadConfiguration(
                "a baseline of ESTIMATED_QUALITY is one of MODEL_QUALITY, with labels; write --analysis-type MODEL_QUALITY "
                "here, and name its output path as --baseline of later windows"
            )
        reject_rules(self, request.rules)
        evidence = None
        if isinstance(request.baseline, ModelBaseline):
            evidence = request.baseline.evidence
        if evidence is None or evidence.PROBLEM_TYPE is not self.plan.problem_type:
            raise BadConfiguration(
                f"the baseline has no states of a {PROBLEM_NAMES[self.plan.problem_type]} with labels; name the output path of a "
                "baselining job of MODEL_QUALITY"
            )
        if not isinstance(evidence, RegressionEvidence) and evidence.scores is None:
            if evidence.probabilities is None or self.plan.is_binary:
                raise BadConfiguration(
                    "the baseline has no scores; make it anew with --probability-attribute, as the estimate rests on them"
                )
            raise BadConfiguration(
                f"the baseline has no probabilities of all classes, or more than {MAX_SCORED_CLASSES} classes; make it anew "
                "where predictions and probabilities are arrays of all classes, or the probabilities an object by class"
            )
        return evidence

    def scan(self, evidence: Evidence, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
        """The window's predictions by score. A data set that was not prepared must have the column names of `outcomes`."""
        data = self.read_outcomes(dataset, label=None)
        decoder: Any = data.decoder
        if not isinstance(evidence, RegressionEvidence):
            # Records without a label are accepted, and the classes are the baseline's
            decoder = UnlabelledDecoder(data.decoder, self.plan.threshold, evidence.classes)
        elif data.errors is None:
            raise BadConfiguration(NO_ERROR_MODEL)
        task = OutcomeTask(self.plan, decoder, len(Refusal))
        scanned = scan_outcomes(data.raw, task, max_partition_count=data.max_partition_count)
        if isinstance(evidence, RegressionEvidence):
            assert data.errors is not None  # ensured above
            return ScanResult(EstimatedOutcomes(scanned.outcomes, expected_error_sums=data.errors.worth), scanned.rows)
        assert evidence.scores is not None  # ensured by `plan_scan`
        if isinstance(evidence, BinaryEvidence):
            reference = merge_neighbouring_scores(evidence.scores)
            return ScanResult(EstimatedOutcomes(scanned.outcomes, reference), scanned.rows)
        if scanned.outcomes.item_count and not scanned.outcomes.class_scores.of_class:
            raise BadInput(
                f"the window has the probability of one class a row, or of more than {MAX_SCORED_CLASSES} classes; an estimate "
                "takes those of all: give arrays of labels and of probabilities, or an object by class"
            )
        scores = map(merge_neighbouring_scores, evidence.scores)
        class_scores = ClassScores(dict(zip(evidence.classes, scores, strict=True)))
        return ScanResult(EstimatedOutcomes(scanned.outcomes, reference_by_class=class_scores), scanned.rows)

    def metrics(self, state: EstimatedOutcomes) -> EstimatedMeasurement:
        predictions = state.predictions
        if self.plan.is_regression:
            return _estimate_errors(state)
        classes = class_table(predictions.confusion, predictions.plan).classes
        is_binary = self.plan.is_binary
        if is_binary:
            check = check_calibration(state.reference)
            rows = int((state.reference.negatives + state.reference.positives).sum())
        else:
            check = check_classes(state.reference_by_class)
            rows = sum(int(estimate.positives.sum()) for estimate in state.reference_by_class.of_class.values())
        # Without probabilities or without rows there is only the reason, but no estimate
        estimates_by_name: dict[str, Measured] = {}
        evidence_type: Any = BinaryEvidence if is_binary else MulticlassEvidence
        evidence: Evidence = evidence_type(np.zeros((len(classes), len(classes)), np.int64), classes)
        if check.problem is None and predictions.item_count:
            if is_binary:
                estimation = estimate_two_classes(predictions.scores, state.reference, classes, self.costs)
            else:
                estimation = _estimate_classes(state)
            evidence = replace(estimation.evidence, probabilities=None)
            registry = METRICS[self.plan.problem_type]
            for name, estimate in estimation.estimates.items():
                ours = name == BUSINESS_VALUE or bool(registry.get(name).facts.get("ours", False))
                estimates_by_name[PREFIX + name] = Measured(PREFIX + name, estimate, ours=ours)
        measurement = Measurement(self.plan.problem_type, evidence, predictions.item_count, estimates_by_name)
        return EstimatedMeasurement(measurement, check, rows)

    def documents(
        self, state: EstimatedOutcomes, measured: EstimatedMeasurement, context: RunContext = NO_CONTEXT
    ) -> tuple[Document, ...]:
        check = measured.calibration
        evidence = measured.measurement.evidence
        tenths = np.stack([check.rows, check.scores, check.shares, check.expected], axis=1).tolist()
        note = CalibrationNote(
            rows=measured.reference_rows,
            error=_mean_distance(state.expected_error_sums) if self.plan.is_regression else check.error,
            left=check.remaining_error,
            tenths=tuple(map(tuple, tenths)),
            problem=check.problem,
        )
        # In the file, estimates have the names of the metrics
        members = build_metrics(measured.measurement)
        names = (metric.model_copy(update={"name": metric.name.removeprefix(PREFIX)}) for metric in members.metrics)
        by_label = {}
        by_class = {}
        if isinstance(evidence, MulticlassEvidence) and evidence.estimated is not None:
            for name, class_counts in zip(evidence.classes, evidence.estimated.T.tolist(), strict=True):
                by_class[name] = dict(zip(PARTS_OF_A_CLASS, class_counts, strict=True))
        elif isinstance(evidence, BinaryEvidence) and measured.measurement.metrics:
            rows = np.asarray(evidence.matrix, np.float64).tolist()
            for label, row in zip(evidence.classes, rows, strict=True):
                by_label[label] = dict(zip(evidence.classes, row, strict=True))
        # Numbers by class are expectations, so they aren't whole numbers
        document = EstimatedQuality(
            problem_type=members.problem_type,
            item_count=members.item_count,
            confidence=members.confidence,
            calibration=note,
            metrics=tuple(names),
            confusion_matrix=by_label or None,
            classes=by_class or None,
        )
        return (document,)

    def judge(
        self, sample: Sample[EstimatedOutcomes, EstimatedMeasurement], baseline: ModelBaseline | None
    ) -> EstimateJudgement:
        if baseline is not None:
            baseline = replace(baseline, segments={})  # there are estimates only for all rows
            # Metrics other than errors have no estimate
            if self.plan.is_regression:
                baseline = baseline.drop_features(set(baseline.limits(ProblemType.REGRESSION)) - ERROR_METRICS)
        return EstimateJudgement(self, sample, baseline)

    def table(self, documents: tuple[EstimatedQuality]) -> RowTable:
        return build_table(documents[0].metrics, "value", "interval", "n")


def _rename_as_estimate(result: CheckResult) -> CheckResult:
    """The result under the name of the estimate."""
    name = result.metric or ""
    description = (result.description or "").replace(f"Metric {name}", f"Metric {PREFIX}{name}", 1)
    equivalent_metric = result.same_as and PREFIX + result.same_as
    members = {"metric": PREFIX + name, "description": description or None, "same_as": equivalent_metric}
    # An estimate needs no labels, so the advice mentions predictions
    if result.advice:
        members["advice"] = "take longer windows, with more predictions"
    return result.model_copy(update=members)


def _estimate_errors(state: EstimatedOutcomes) -> EstimatedMeasurement:
    """The expected errors. Their uncertainty is that of real errors compared with expected ones, in the window and in the
    rows that test the model of errors. Squared errors exceed the squares of expected errors by the same factor as in those
    rows.
    """
    test_sums = state.expected_error_sums
    window = state.predictions.regression
    tested_rows = 0.0
    if test_sums.names:
        tested_rows = float(test_sums.of(ROWS).sum())
    rows = float(window.rows.sum())
    check = CalibrationCheck()
    estimates_by_name: dict[str, Measured] = {}
    if tested_rows < MIN_ROWS:
        check = CalibrationCheck(
            problem=f"the model of errors has learnt from {int(tested_rows):,} rows; an estimate takes {MIN_ROWS:,}",
        )
    elif rows:
        widening_factor = math.sqrt(
            1 + tested_rows / rows
        )  # includes the uncertainty of the tested rows and of the window
        mae_error = math.sqrt(float(test_sums.of(SQUARED_DIFFERENCES).sum())) / tested_rows
        # The window has sums of expected errors; squares exceed them by the factor found in the tested rows
        mae = float(window.absolute.sum()) / rows
        ratio = jackknife_quotient(
            test_sums.of(SQUARED_ERRORS), test_sums.of(SQUARED_EXPECTED), rows=test_sums.of(ROWS)
        )
        squares = float(window.squared.sum()) / rows
        mse = ratio.value * squares
        mse_error = ratio.standard_error * squares
        rmse = math.sqrt(mse)
        rmse_error = mse_error / (2 * rmse) if rmse else 0.0
        # The three metrics with their standard errors, on a logarithmic scale
        for name, value, standard_error, freedom in (
            ("mae", mae, mae_error, tested_rows - 1),
            ("mse", mse, mse_error, ratio.freedom),
            ("rmse", rmse, rmse_error, ratio.freedom),
        ):
            estimate = JackknifeEstimate(
                value, int(rows), standard_error * widening_factor, freedom, Scale.LOG, "model of errors"
            )
            estimates_by_name[PREFIX + name] = Measured(PREFIX + name, estimate)
    measurement = Measurement(
        ProblemType.REGRESSION, RegressionEvidence(window), state.predictions.item_count, estimates_by_name
    )
    return EstimatedMeasurement(measurement, check, int(tested_rows))


def _mean_distance(test_sums: BlockSums) -> float:
    """The mean absolute difference between errors and their expected values."""
    if test_sums.names:
        return float(test_sums.of(DIFFERENCES).sum() / max(test_sums.of(ROWS).sum(), 1.0))
    return 0.0


def _estimate_classes(state: EstimatedOutcomes) -> Estimation:
    """The estimates for many classes, from the scores of the baseline and of the window."""
    predictions = state.predictions
    table = class_table(predictions.confusion, predictions.plan)
    # The classes of both sides; different spellings of a class count as one
    keys = {class_key(name): name for name in (*table.classes, *state.reference_by_class.of_class)}
    classes = tuple(keys.values())
    predicted = {class_key(name): rows for name, rows in zip(table.classes, table.matrix.sum(axis=0), strict=True)}
    window_scores = scores_by_class(predictions.class_scores, classes)
    reference_scores = scores_by_class(state.reference_by_class, classes)
    rows = np.array([predicted.get(key, 0) for key in keys], np.int64)
    return estimate_classes(window_scores or (), reference_scores or (), classes, rows)
