"""Outcomes, measurements and baselines made of a few rows, for the tests beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spark_model_monitor.monitors.model_quality.evidence import build_evidence
from spark_model_monitor.monitors.model_quality.measurement import Measurement, measure
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.user_choices import ProblemType

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
SCORED = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
BY_THRESHOLD = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True, with_predictions=False)
MULTICLASS = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION)
REGRESSION = OutcomePlan(ProblemType.REGRESSION)


def make_outcomes(plan: OutcomePlan, labels, predictions=None, scores=None, *, keys=None, values=None) -> Outcomes:
    """The state of some rows."""
    builder = OutcomeBuilder(plan)
    builder.update(
        _column(plan, labels),
        None if predictions is None else _column(plan, predictions),
        None if scores is None else np.asarray(scores, dtype=np.float64),
        keys,
        values,
    )
    return builder.state()


def measured(plan: OutcomePlan, *rows, as_service: bool = False, **more) -> Measurement:
    """The metrics of some rows."""
    return measure(build_evidence(make_outcomes(plan, *rows, **more), as_service=as_service))


def list_values(measurement: Measurement) -> dict[str, float | None]:
    """The metrics' values by name, None for those that are not defined."""
    return {name: metric.value for name, metric in measurement.metrics.items()}


def measure_counts(true_positives: int, false_positives: int, true_negatives: int, false_negatives: int) -> Measurement:
    """The metrics of two classes with this confusion matrix."""
    labels = "1" * true_positives + "0" * (false_positives + true_negatives) + "1" * false_negatives
    predictions = "1" * (true_positives + false_positives) + "0" * (true_negatives + false_negatives)
    return measured(BINARY, list(labels), list(predictions))


def _column(plan: OutcomePlan, values: Sequence[object]) -> object:
    if plan.is_regression:
        return np.asarray(values, dtype=np.float64)
    return pa.array([str(value) for value in values], pa.string())
