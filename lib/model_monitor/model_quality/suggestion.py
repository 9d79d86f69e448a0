"""A measurement as constraints.json: a threshold for each of the contract's metrics. Pure.

Source: C5.2, G20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_monitor.documents.model_quality import MetricConstraint, ModelQualityConstraints, ToleranceNote
from model_monitor.model_quality.measurement import Measurement
from model_monitor.model_quality.metrics import METRICS
from model_monitor.model_quality.tolerance import FALSE_ALARMS, INTERVAL, Rule, Tolerance
from model_monitor.statistics.states.outcomes import ProblemType

CONSTRAINED: Mapping[ProblemType, tuple[str, ...]] = {
    ProblemType.REGRESSION: ("mae", "mse", "rmse", "r2"),
    ProblemType.BINARY_CLASSIFICATION: (
        *("recall", "precision", "accuracy", "true_positive_rate", "true_negative_rate"),
        *("false_positive_rate", "false_negative_rate", "auc", "f0_5", "f1", "f2"),
    ),
    ProblemType.MULTICLASS_CLASSIFICATION: (
        *("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2"),
    ),
}
"""The metrics that get a threshold, in the file's order. Source: G20."""

MEMBERS: Mapping[ProblemType, str] = {
    ProblemType.REGRESSION: "regression_constraints",
    ProblemType.BINARY_CLASSIFICATION: "binary_classification_constraints",
    ProblemType.MULTICLASS_CLASSIFICATION: "multiclass_classification_constraints",
}
"""The member of the file that has the constraints, by type of problem."""


def suggest(
    measurement: Measurement, tolerance: Tolerance = INTERVAL, *, window_rows: int | None = None
) -> ModelQualityConstraints:
    """Thresholds that healthy windows keep. A metric that is not defined gets null, which is never broken.

    window_rows: rows that a window has at least; None: as many as the baseline. Of the `interval` rule only.
    """
    registry = METRICS[measurement.problem_type]
    names = [name for name in CONSTRAINED[measurement.problem_type] if name in measurement.metrics]
    defined = [name for name in names if measurement.metrics[name].value is not None]
    families = len({registry.get(name).facts["family"] for name in defined})
    window_rows = window_rows or measurement.rows
    constraints: dict[str, MetricConstraint] = {}
    for name in names:
        operator = registry.get(name).facts["operator"]
        threshold = None
        if name in defined:
            threshold = tolerance.threshold(
                measurement.metrics[name].estimate,
                operator,
                metrics=families,
                window_rows=window_rows,
                rows=measurement.rows,
            )
        constraints[name] = MetricConstraint(threshold=threshold, comparison_operator=operator)
    members: dict[str, Any] = {MEMBERS[measurement.problem_type]: constraints}
    return ModelQualityConstraints(**members, tolerance=_note(tolerance, families, window_rows))


def _note(tolerance: Tolerance, families: int, window_rows: int) -> ToleranceNote | None:
    """What constraints.json says of the rule; nothing of the service's."""
    if tolerance.rule is Rule.NONE:
        return None
    if tolerance.rule is Rule.INTERVAL:
        return ToleranceNote(
            rule=str(tolerance), false_alarms=FALSE_ALARMS, window_rows=window_rows, metrics=max(families, 1)
        )
    return ToleranceNote(rule=str(tolerance))
