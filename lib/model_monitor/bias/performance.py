"""How good the predictions are as a whole: what Clarify's report says of the model beside its bias. Pure.

Source: B2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_monitor.bias.counts import Counts, Outcomes
from model_monitor.bias.metrics import quotient


@dataclass(frozen=True, slots=True)
class PerformanceMetric:
    """A share or a ratio by the name and the description that the service's report has."""

    name: str
    description: str
    value: float


def performance_of(outcomes: Outcomes) -> tuple[PerformanceMetric, ...]:
    """The metrics of the service's model performance report, in its order; 0 for 0/0, infinite for another x/0."""
    rows = outcomes.rows
    precision = quotient(outcomes.true_positives, outcomes.predicted_positives)
    recall = quotient(outcomes.true_positives, outcomes.positives)
    found: tuple[tuple[str, str, Counts], ...] = (
        (
            "Accuracy",
            "Proportion of inputs assigned the correct predicted label by the model.",
            quotient(outcomes.true_positives + outcomes.true_negatives, rows),
        ),
        (
            "Proportion of Positive Predictions in Labels",
            "Proportion of input assigned in positive predicted label.",
            quotient(outcomes.predicted_positives, rows),
        ),
        (
            "Proportion of Negative Predictions in Labels",
            "Proportion of input assigned the negative predicted label.",
            quotient(outcomes.predicted_negatives, rows),
        ),
        (
            "True Positive Rate / Recall",
            "Proportion of inputs with positive observed label correctly assigned the positive predicted label.",
            recall,
        ),
        (
            "True Negative Rate / Specificity",
            "Proportion of inputs with negative observed label correctly assigned the negative predicted label.",
            quotient(outcomes.true_negatives, outcomes.negatives),
        ),
        (
            "Acceptance Rate / Precision",
            "Proportion of inputs with positive predicted label that actually have a positive observed label.",
            precision,
        ),
        (
            "Rejection Rate",
            "Proportion of inputs with negative predicted label that actually have a negative observed label.",
            quotient(outcomes.true_negatives, outcomes.predicted_negatives),
        ),
        (
            "Conditional Acceptance",
            "Ratio between the positive observed labels and positive predicted labels.",
            quotient(outcomes.positives, outcomes.predicted_positives),
        ),
        (
            "Conditional Rejection",
            "Ratio between the negative observed labels and negative predicted labels.",
            quotient(outcomes.negatives, outcomes.predicted_negatives),
        ),
        (
            "F1 Score",
            "Harmonic mean of precision and recall.",
            np.asarray(2 * quotient(precision * recall, precision + recall)),
        ),
    )
    return tuple(PerformanceMetric(name, description, float(value)) for name, description, value in found)
