"""non_negative_check: numbers that were never negative still are not. Ours, and off unless constraints.json asks for it."""

from __future__ import annotations

import math

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.data_quality import messages
from model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import why_lacking
from model_monitor.monitors.protocol import NO_VALUES, Finding
from model_monitor.statistics.states import Moments

NOT_NUMERIC = "the current data's values are not all numbers"


def least_number(feature: FeatureComparison) -> float | None:
    """0 where `non_negative_check` is Enabled and the constraints say `is_non_negative`; else None."""
    constraints = feature.constraints.num_constraints
    asked = feature.settings.non_negative_check and constraints is not None and constraints.is_non_negative
    return 0.0 if asked else None


@FEATURE_CHECKS.register("non_negative_check", threshold=least_number)
def non_negative(feature: FeatureComparison, threshold: float) -> Finding:
    """The smallest number is at least 0; -inf is smaller than all numbers, and is not shown as a number.

    The service suggests `is_non_negative` but never evaluates it, so `monitoring_config.non_negative_check` (ours) has to
    be Enabled. A feature whose `is_non_negative` is false or absent is not checked.
    Source: C11.5.
    """
    current, moments = feature.current, feature.current.moments
    if not current.num_present:
        return Finding.not_judged(threshold, NO_VALUES)
    if moments is None or not current.is_numeric:
        return Finding.not_judged(threshold, why_lacking(current, Moments) or NOT_NUMERIC)
    minimum = moments.minimum if moments.count else math.inf
    if moments.negative_infinite:
        minimum = -math.inf
    violated = minimum < threshold
    return Finding(
        CheckStatus.VIOLATED if violated else CheckStatus.PASSED,
        threshold,
        minimum if math.isfinite(minimum) else None,
        m=current.num_present,
        formula="minimum",
        description=messages.negative(minimum) if violated else None,
    )
