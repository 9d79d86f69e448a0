"""Documents of the model-quality jobs: statistics.json, constraints.json, and metrics.json with uncertainties."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import Enum

from spark_model_monitor.documents.document import Count, Document, Name, Number, Section, Share, UndefinableNumber
from spark_model_monitor.documents.statistics import Dataset


class ComparisonOperator(Enum):
    """On which side of its threshold a metric is a violation; a metric equal to its threshold is none."""

    LESS_THAN = "LessThanThreshold"
    GREATER_THAN = "GreaterThanThreshold"

    def is_broken(self, value: float, threshold: float) -> bool:
        """Whether the value violates the threshold."""
        # The operator names the side of violations; equality is no violation
        if self is ComparisonOperator.LESS_THAN:
            return value < threshold
        return value > threshold


# Written as null, not left out: the metric was computed but is undefined
class MetricConstraint(Section, nullable=("threshold",)):
    """The limit of a metric. threshold: None if the metric is undefined in the baseline; it is then never violated."""

    threshold: UndefinableNumber = None
    comparison_operator: ComparisonOperator


# Files of data quality have the same names, so users confuse them
class ModelQualityConstraints(
    Document,
    file="constraints.json",
    meant="constraints.json of a model-quality baseline",
    foreign={"features": "the constraints.json of a data-quality job"},
):
    """constraints.json of a model-quality job, with two members that the service doesn't have.

    requested_limits: the metrics whose limits a person requested, whatever their values; None in files of the service.
    segments: how rows are divided into segments, None if they aren't.
    """

    version: Number = 0.0
    regression_constraints: Mapping[str, MetricConstraint] | None = None
    binary_classification_constraints: Mapping[str, MetricConstraint] | None = None
    multiclass_classification_constraints: Mapping[str, MetricConstraint] | None = None
    requested_limits: tuple[Name, ...] | None = None
    segments: tuple[Name, ...] | None = None

    def contradictions(self) -> Iterator[str]:
        """Requested limits for metrics that the file doesn't have."""
        sections = (
            self.regression_constraints,
            self.binary_classification_constraints,
            self.multiclass_classification_constraints,
        )
        # A file has only the section of its problem type; reading all sections works for every type
        metric_names: list[str] = []
        for section in sections:
            metric_names += section or {}
        for index, name in enumerate(self.requested_limits or ()):
            if name not in metric_names:
                choices = ", ".join(metric_names)
                yield f"requested_limits[{index}] is {json.dumps(name)}, which has no limit here; it may name {choices}"


ConfusionMatrix = Mapping[str, Mapping[str, Count]]
"""The number of rows by label and prediction. Both levels have every class, including counts of zero."""


# A data set of data quality has no times
class EvaluatedDataset(Dataset):
    """What was evaluated, and when, as the service writes it; the times only under `--compat service`, start_time and
    end_time only of a window."""

    start_time: Name | None = None
    end_time: Name | None = None
    evaluation_time: Name | None = None


class Metric(Section, nullable=("value", "standard_deviation")):
    """A metric. value: None if undefined. standard_deviation: over five random samples of 80 % of the rows; None below
    200 rows.
    """

    value: UndefinableNumber = None
    standard_deviation: UndefinableNumber = None


class RocCurve(Section):
    """Points of the receiver operating characteristic curve, by descending score."""

    # Both lists have the same length; a point is one number of each
    false_positive_rates: tuple[Number, ...]
    true_positive_rates: tuple[Number, ...]


class PrecisionRecallCurve(Section):
    """Points of the precision-recall curve, by descending score."""

    precisions: tuple[Number, ...]
    recalls: tuple[Number, ...]


class RegressionMetrics(Section):
    """Metrics of regression."""

    mae: Metric | None = None
    mse: Metric | None = None
    rmse: Metric | None = None
    r2: Metric | None = None


class BinaryMetrics(Section):
    """Metrics of binary classification; curves, auc and au_prc only with probabilities."""

    confusion_matrix: ConfusionMatrix | None = None
    recall: Metric | None = None
    precision: Metric | None = None
    accuracy: Metric | None = None
    # For comparison: the better of the two models that always predict the same class
    recall_best_constant_classifier: Metric | None = None
    precision_best_constant_classifier: Metric | None = None
    accuracy_best_constant_classifier: Metric | None = None
    true_positive_rate: Metric | None = None
    true_negative_rate: Metric | None = None
    false_positive_rate: Metric | None = None
    false_negative_rate: Metric | None = None
    # These need scores, not only predicted labels
    receiver_operating_characteristic_curve: RocCurve | None = None
    precision_recall_curve: PrecisionRecallCurve | None = None
    auc: Metric | None = None
    au_prc: Metric | None = None
    f0_5: Metric | None = None
    f1: Metric | None = None
    f2: Metric | None = None
    f0_5_best_constant_classifier: Metric | None = None
    f1_best_constant_classifier: Metric | None = None
    f2_best_constant_classifier: Metric | None = None


class MulticlassMetrics(Section):
    """Metrics of multiclass classification, each class weighted by its share of the labels."""

    confusion_matrix: ConfusionMatrix | None = None
    accuracy: Metric | None = None
    weighted_recall: Metric | None = None
    weighted_precision: Metric | None = None
    weighted_f0_5: Metric | None = None
    weighted_f1: Metric | None = None
    weighted_f2: Metric | None = None
    accuracy_best_constant_classifier: Metric | None = None
    weighted_recall_best_constant_classifier: Metric | None = None
    weighted_precision_best_constant_classifier: Metric | None = None
    weighted_f0_5_best_constant_classifier: Metric | None = None
    weighted_f1_best_constant_classifier: Metric | None = None
    weighted_f2_best_constant_classifier: Metric | None = None


class ModelQualityStatistics(
    Document,
    file="statistics.json",
    meant="statistics.json of a model-quality baseline",
    foreign={"features": "the statistics.json of a data-quality job"},
):
    """statistics.json of a model-quality job."""

    version: Number = 0.0
    dataset: EvaluatedDataset | None = None  # absent in files of model cards
    regression_metrics: RegressionMetrics | None = None
    binary_classification_metrics: BinaryMetrics | None = None
    multiclass_classification_metrics: MulticlassMetrics | None = None

    @property
    def metrics(self) -> RegressionMetrics | BinaryMetrics | MulticlassMetrics | None:
        """The metrics, whatever the problem type."""
        return self.binary_classification_metrics or self.multiclass_classification_metrics or self.regression_metrics

    def scalars(self) -> Iterator[tuple[str, Metric]]:
        """Yield the name and the metric of every scalar metric, in the file's order."""
        metrics = self.metrics
        for name in type(metrics).model_fields if metrics is not None else ():
            metric = getattr(metrics, name)
            # Matrices and curves are among the members, too
            if isinstance(metric, Metric):
                yield name, metric

    @property
    def classes(self) -> frozenset[str]:
        """The classes of the confusion matrix; empty for regression."""
        return frozenset(getattr(self.metrics, "confusion_matrix", None) or ())


class MeasuredMetric(Section, nullable=("value", "interval")):
    """One metric with its interval.

    value: None if undefined.
    standard_deviation: as in statistics.json; only for metrics that the service has.
    interval: its ends, None with too few rows.
    method: how the interval was computed.
    n: number of rows from which the value was computed.
    bound: the largest possible error of the value because scores were binned; absent if there is none.
    """

    name: Name
    value: UndefinableNumber = None
    standard_deviation: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    method: Name
    n: Count
    bound: UndefinableNumber = None


class SegmentQuality(Section):
    """The metrics of a segment's rows. cut: how rows are divided into segments."""

    cut: Name
    segment: Name
    item_count: Count
    metrics: tuple[MeasuredMetric, ...]


class Metrics(Document, file="metrics.json", meant="metrics.json of a model-quality run"):
    """metrics.json of a model-quality job. confidence: of each interval. segments: None if there are none."""

    version: Number = 0.0
    problem_type: Name
    item_count: Count
    # 0.95 for intervals of 95 %
    confidence: Share
    metrics: tuple[MeasuredMetric, ...]
    segments: tuple[SegmentQuality, ...] | None = None

    def scalars(self) -> dict[str, float]:
        """The values of all defined metrics, by name."""
        return {metric.name: metric.value for metric in self.metrics if metric.value is not None}


class CalibrationNote(Section):
    """How well the baseline's scores are calibrated, by tenths of its rows.

    rows: number of rows of the baseline.
    error: the mean absolute difference between score and share of positives.
    left: the same difference after calibration.
    tenths: for each tenth the number of rows, mean score, share of positives, and calibrated probability.
    problem: the reason why there is no estimate.
    """

    rows: Count
    error: Number
    left: Number
    tenths: tuple[tuple[Number, Number, Number, Number], ...] = ()
    problem: Name | None = None


class EstimatedQuality(
    Document,
    file="estimated_quality.json",
    meant="estimated_quality.json of a run of ESTIMATED_QUALITY",
    nullable=("confusion_matrix",),
):
    """estimated_quality.json.

    confidence: of the intervals for the metrics that labels will give.
    metrics: as in metrics.json.
    confusion_matrix: expected rows by label, then by prediction; None without an estimate or with more than two
        classes.
    classes: for each class the expected numbers of correct rows, labels and predictions; None for two classes.
    """

    version: Number = 0.0
    problem_type: Name
    item_count: Count
    confidence: Share
    calibration: CalibrationNote
    metrics: tuple[MeasuredMetric, ...] = ()
    # Numbers, not counts, because each row adds its probability to two cells
    confusion_matrix: Mapping[str, Mapping[str, Number]] | None = None
    classes: Mapping[str, Mapping[str, Number]] | None = None
