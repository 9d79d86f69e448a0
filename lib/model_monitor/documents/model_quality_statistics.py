"""statistics.json of the model-quality jobs: metrics of predictions beside what really happened.

One of the three members `…_metrics` is there, by the problem's type. Members that we don't know are kept. Driver only, pure.

Source: C5.1, G20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.statistics import Dataset
from model_monitor.documents.values import Count, Number, UndefinableNumber

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


class ModelQualityStatistics(Document):
    """statistics.json of a model-quality job."""

    FILE_NAME: ClassVar[str] = "statistics.json"
    MEANT: ClassVar[str] = "statistics.json of a model-quality baseline"
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "features": "the statistics.json of a data-quality job",
        "binary_classification_constraints": "a constraints.json",
        "multiclass_classification_constraints": "a constraints.json",
        "regression_constraints": "a constraints.json",
        "violations": "a constraint_violations.json",
    }

    version: Number = Field(default=0.0)
    dataset: Dataset
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
