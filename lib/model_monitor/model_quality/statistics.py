"""A measurement as documents: statistics.json as the service writes it, metrics.json with all that is known. Pure."""

from __future__ import annotations

from typing import Any

from model_monitor.documents.model_quality import (
    BinaryMetrics,
    MeasuredMetric,
    Metric,
    Metrics,
    ModelQualityStatistics,
    MulticlassMetrics,
    PrecisionRecallCurve,
    RegressionMetrics,
    RocCurve,
)
from model_monitor.documents.statistics import Dataset
from model_monitor.model_quality.estimates import CONFIDENCE, interval_of
from model_monitor.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from model_monitor.model_quality.labels import in_order
from model_monitor.model_quality.measurement import Measured, Measurement
from model_monitor.model_quality.ranking import Curve

CURVE_POINTS = 1000
"""About how many points a curve of many scores has. Source: G20; MLlib's default."""


def statistics_of(measurement: Measurement) -> ModelQualityStatistics:
    """The statistics of a measurement: the contract's metrics only.

    Source: C5.1, G20.
    """
    dataset = Dataset(item_count=measurement.rows)
    evidence = measurement.evidence
    members: dict[str, Any] = {
        name: Metric(value=measured.value, standard_deviation=measured.standard_deviation)
        for name, measured in measurement.metrics.items()
        if not measured.ours
    }
    if isinstance(evidence, BinaryEvidence):
        members |= {"confusion_matrix": _confusion_matrix(evidence), **_curves(evidence)}
        return ModelQualityStatistics(dataset=dataset, binary_classification_metrics=BinaryMetrics(**members))
    if isinstance(evidence, MulticlassEvidence):
        members["confusion_matrix"] = _confusion_matrix(evidence)
        return ModelQualityStatistics(dataset=dataset, multiclass_classification_metrics=MulticlassMetrics(**members))
    return ModelQualityStatistics(dataset=dataset, regression_metrics=RegressionMetrics(**members))


def metrics_of(measurement: Measurement) -> Metrics:
    """Every metric of a measurement with its interval, those of the contract first."""
    ordered = sorted(measurement.metrics.values(), key=lambda measured: measured.ours)
    return Metrics(
        problem_type=measurement.problem_type.value,
        item_count=measurement.rows,
        confidence=CONFIDENCE,
        metrics=tuple(_measured(measured) for measured in ordered),
    )


def _measured(measured: Measured) -> MeasuredMetric:
    estimate = measured.estimate
    return MeasuredMetric(
        name=measured.name,
        value=measured.value,
        standard_deviation=measured.standard_deviation,
        interval=interval_of(estimate),
        method=estimate.method,
        n=estimate.n,
        bound=estimate.bound,
    )


def _confusion_matrix(evidence: BinaryEvidence | MulticlassEvidence) -> dict[str, dict[str, int]]:
    """Rows by label, then by prediction, classes in sort order, zeros written."""
    places = in_order(evidence.classes)
    names = [evidence.classes[place] for place in places]
    return {
        evidence.classes[place]: dict(zip(names, evidence.matrix[place, places].tolist(), strict=True))
        for place in places
    }


def _curves(evidence: BinaryEvidence) -> dict[str, RocCurve | PrecisionRecallCurve]:
    """Both curves, where there are probabilities; of one class alone, too, as the service writes them."""
    if evidence.scores is None:
        return {}
    curve = Curve.of(evidence.scores)
    if not len(curve.true_positives):
        return {}
    thinned = curve.thinned(CURVE_POINTS)
    false_positive_rates, true_positive_rates = thinned.roc()
    recalls, precisions = thinned.precision_recall()
    return {
        "receiver_operating_characteristic_curve": RocCurve(
            false_positive_rates=tuple(false_positive_rates.tolist()),
            true_positive_rates=tuple(true_positive_rates.tolist()),
        ),
        "precision_recall_curve": PrecisionRecallCurve(
            precisions=tuple(precisions.tolist()), recalls=tuple(recalls.tolist())
        ),
    }
