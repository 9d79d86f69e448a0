"""The texts of the bias analysis: the errors of metrics, and the sentences of violations.

Those of the service are exact, its full stops and prefixes included. Numbers are printed as Python prints them. Pure.

Source: B2.1, B2.2 and B5.2.
"""

from __future__ import annotations

import math

NO_THRESHOLD = "Threshold values must be provided for continuous features"
NOT_A_THRESHOLD = "Facet/label value provided must be a single numeric threshold for continuous data"
NO_POSITIVE_PREDICTION = (
    "No Label values are present in the predicted Label Column,"
    "Positive Predicted Index Series contains all False values"
)  # fmt: skip
LABEL_TYPES_DIFFER = "Predicted Label Column series datatype is not the same as Label Column series"
NO_COMMON_LABEL = "No instance of common facet found, dataset may be too small"
NO_GROUP_VARIABLE = "Group variable is empty or not provided"
NO_POSITIVE_LABEL = "No positive labels in set"
NO_NEGATIVE_LABEL = "No negative labels in set"
ALL_FALSE_NEGATIVE = (
    "All predicted labels are false negatives. There should be at least one prediction that is not false negative."
)
NO_FLIP_TEST_OF_SUMS = "FlipTest can't be made from counts; it is left out of merged runs and of segments"
"""Ours: what the service does not have."""

DRIFT = "Metric value {current} doesn't meet the baseline constraint requirement {baseline}"
OUT_OF_RANGE = "Metric value {current} is not within the allowed range {low} to {high}"


def drift(current: float, baseline: float) -> str:
    """A metric is farther from its neutral value than in the baseline."""
    return DRIFT.format(current=number(current), baseline=number(baseline))


def out_of_range(current: float, low: float, high: float) -> str:
    """A metric is outside of the range that the user allows it."""
    return OUT_OF_RANGE.format(current=number(current), low=number(low), high=number(high))


def number(value: float) -> str:
    """A number as Python prints it, and infinities in the service's word."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))
