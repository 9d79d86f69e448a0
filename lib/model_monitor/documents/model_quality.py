"""Documents of the model-quality jobs: statistics.json, constraints.json, and metrics.json with every metric's uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import ClassVar

from model_monitor.documents.document import Count, Document, Name, Number, Section, Share, UndefinableNumber
from model_monitor.documents.statistics import Dataset


class ComparisonOperator(Enum):
    """When a metric breaks its threshold; exactly at it, it does not."""

    LESS_THAN = "LessThanThreshold"
    GREATER_THAN = "GreaterThanThreshold"

    def is_broken(self, value: float, threshold: float) -> bool:
        """Whether the value is on the wrong side of the threshold."""
        return value < threshold if self is ComparisonOperator.LESS_THAN else value > threshold


class MetricConstraint(Section):
    """threshold: None never is broken, as of a metric that the baseline left undefined."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"threshold"})

    threshold: UndefinableNumber = None
    comparison_operator: ComparisonOperator


class ToleranceNote(Section):
    """How the thresholds were made of the baseline's values; ours.

    rule: `interval`, or what the user requested. false_alarms: the share of healthy windows in which any metric may break its
    threshold by chance. window_rows: for windows of at least n rows. metrics: how many thresholds share the false alarms.
    """

    rule: Name
    false_alarms: Share | None = None
    window_rows: Count | None = None
    metrics: Count | None = None


class ModelQualityConstraints(Document, file="constraints.json", meant="constraints.json of a model-quality baseline"):
    """constraints.json of a model-quality job. segments: how rows are cut, ours; None if they are not."""

    FOREIGN: ClassVar[Mapping[str, str]] = {"features": "the constraints.json of a data-quality job"}

    version: Number = 0.0
    regression_constraints: Mapping[str, MetricConstraint] | None = None
    binary_classification_constraints: Mapping[str, MetricConstraint] | None = None
    multiclass_classification_constraints: Mapping[str, MetricConstraint] | None = None
    tolerance: ToleranceNote | None = None
    segments: tuple[Name, ...] | None = None


ConfusionMatrix = Mapping[str, Mapping[str, Count]]
"""Rows by label, then by prediction; every class is in both, zeros written."""


class Metric(Section):
    """A metric. value: None if it is not defined. standard_deviation: of five draws of 80 %; None below 200 rows."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"value", "standard_deviation"})

    value: UndefinableNumber = None
    standard_deviation: UndefinableNumber = None


class RocCurve(Section):
    """Points of the receiver operating characteristic, by falling score."""

    false_positive_rates: tuple[Number, ...]
    true_positive_rates: tuple[Number, ...]


class PrecisionRecallCurve(Section):
    """Points of precision over recall, by falling score."""

    precisions: tuple[Number, ...]
    recalls: tuple[Number, ...]


class RegressionMetrics(Section):
    """Metrics of predicted numbers."""

    mae: Metric | None = None
    mse: Metric | None = None
    rmse: Metric | None = None
    r2: Metric | None = None


class BinaryMetrics(Section):
    """Metrics of two classes; curves, auc and au_prc only where there are probabilities."""

    confusion_matrix: ConfusionMatrix | None = None
    recall: Metric | None = None
    precision: Metric | None = None
    accuracy: Metric | None = None
    recall_best_constant_classifier: Metric | None = None
    precision_best_constant_classifier: Metric | None = None
    accuracy_best_constant_classifier: Metric | None = None
    true_positive_rate: Metric | None = None
    true_negative_rate: Metric | None = None
    false_positive_rate: Metric | None = None
    false_negative_rate: Metric | None = None
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
    """Metrics of any number of classes, each class weighted by its share of the labels."""

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


class ModelQualityStatistics(Document, file="statistics.json", meant="statistics.json of a model-quality baseline"):
    """statistics.json of a model-quality job."""

    FOREIGN: ClassVar[Mapping[str, str]] = {"features": "the statistics.json of a data-quality job"}

    version: Number = 0.0
    dataset: Dataset | None = None  # absent in the files of model cards
    regression_metrics: RegressionMetrics | None = None
    binary_classification_metrics: BinaryMetrics | None = None
    multiclass_classification_metrics: MulticlassMetrics | None = None

    @property
    def metrics(self) -> RegressionMetrics | BinaryMetrics | MulticlassMetrics | None:
        """The metrics, whatever the type of the problem."""
        return self.binary_classification_metrics or self.multiclass_classification_metrics or self.regression_metrics

    def scalars(self) -> Iterator[tuple[str, Metric]]:
        """Every metric that is one number, by name, in the file's order."""
        metrics = self.metrics
        for name in type(metrics).model_fields if metrics is not None else ():
            metric = getattr(metrics, name)
            if isinstance(metric, Metric):
                yield name, metric

    @property
    def classes(self) -> frozenset[str]:
        """The classes of the confusion matrix; none for regression."""
        return frozenset(getattr(self.metrics, "confusion_matrix", None) or ())


class MeasuredMetric(Section):
    """One metric.

    value: None if it is not defined. standard_deviation: as in statistics.json, of the contract's metrics only. interval: its
    ends, None if there are too few rows for one. method: how the interval was made. n: rows that the value rests on. bound:
    by how much the value may differ from the one without binning; absent where it can't.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"value", "interval"})

    name: Name
    value: UndefinableNumber = None
    standard_deviation: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    method: Name
    n: Count
    bound: UndefinableNumber = None


class SegmentQuality(Section):
    """The metrics of the rows of a segment. cut: the way that the rows are cut."""

    cut: Name
    segment: Name
    item_count: Count
    metrics: tuple[MeasuredMetric, ...]


class Metrics(Document, file="metrics.json", meant="metrics.json of a model-quality run"):
    """metrics.json of a model-quality job. confidence: of the intervals, each for itself. segments: None if there are none."""

    version: Number = 0.0
    problem_type: Name
    item_count: Count
    confidence: Share
    metrics: tuple[MeasuredMetric, ...]
    segments: tuple[SegmentQuality, ...] | None = None

    def scalars(self) -> dict[str, float]:
        """The metrics that are defined, by name."""
        return {metric.name: metric.value for metric in self.metrics if metric.value is not None}


class CalibrationNote(Section):
    """How the baseline's scores stand as probabilities, in tenths of its rows.

    rows: of the baseline. error: by how much score and share of what happened differ on average; left: the same after
    calibration. tenths: rows, mean score, share in which it happened, and what the calibration says of each. problem: why there
    is no estimate.
    """

    rows: Count
    error: Number
    left: Number
    tenths: tuple[tuple[Number, Number, Number, Number], ...] = ()
    problem: Name | None = None


class EstimatedQuality(
    Document, file="estimated_quality.json", meant="estimated_quality.json of a run of ESTIMATED_QUALITY"
):
    """estimated_quality.json. confidence: of the intervals, in which the metric will lie once the labels have come. metrics: as
    in metrics.json. confusion_matrix: rows to be expected, by label, then by prediction; None without an estimate, and of many
    classes. classes: of each of many its rows that are right, its labels and its predictions; None of two.
    """

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"confusion_matrix"})

    version: Number = 0.0
    problem_type: Name
    item_count: Count
    confidence: Share
    calibration: CalibrationNote
    metrics: tuple[MeasuredMetric, ...] = ()
    confusion_matrix: Mapping[str, Mapping[str, Number]] | None = None
    classes: Mapping[str, Mapping[str, Number]] | None = None
