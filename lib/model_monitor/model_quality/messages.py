"""The texts of model-quality violations. Clients parse them, so each is the service's own.

Numbers are printed as Java's `Double.toString` has them (C11.28). Pure.

Source: G20; C11.8.
"""

from __future__ import annotations

from collections.abc import Mapping

from model_monitor.documents.json_text import java_double

BROKEN = "Metric {name} with {value}{deviation} was {operator} '{threshold}'"
DEVIATION = " +/- {deviation}"

DISPLAYED: Mapping[str, str] = {
    "true_positive_rate": "truePositiveRate",
    "true_negative_rate": "trueNegativeRate",
    "false_positive_rate": "falsePositiveRate",
    "false_negative_rate": "falseNegativeRate",
    "weighted_recall": "weightedRecall",
    "weighted_precision": "weightedPrecision",
    "weighted_f0_5": "weightedF0_5",  # never displayed by the service
    "weighted_f1": "weightedF1",
    "weighted_f2": "weightedF2",
}
"""What violations call the metrics that the files name otherwise; a metric that is not here goes by its own name."""

SERVICE_ORDER = (
    *("auc", "precision", "true_positive_rate", "f1", "weighted_f2", "accuracy", "weighted_recall"),
    *("weighted_precision", "weighted_f1", "false_positive_rate", "true_negative_rate", "false_negative_rate"),
    *("recall", "f2"),
)
"""The order of the service's violations, where it was seen. Source: G20, schema-examples/multiclass*."""


def displayed(metric: str) -> str:
    """What a violation calls a metric."""
    return DISPLAYED.get(metric, metric)


def broken(metric: str, value: float, standard_deviation: float | None, operator: str, threshold: float) -> str:
    """A metric is on the wrong side of its threshold."""
    deviation = "" if standard_deviation is None else DEVIATION.format(deviation=java_double(standard_deviation))
    return BROKEN.format(
        name=displayed(metric),
        value=java_double(value),
        deviation=deviation,
        operator=operator,
        threshold=java_double(threshold),
    )
