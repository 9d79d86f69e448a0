"""How large a window has to be to show a change of a metric, for sentences on windows that can't tell. Pure."""

from __future__ import annotations

import math
from dataclasses import replace

from spark_model_monitor.monitors.model_quality.estimates import Estimate, JackknifeEstimate, Side, smallest_change

STEP = math.sqrt(2)  # between two sizes that are tried
MOST_STEPS = 20  # beyond a thousand times as many rows nobody waits


def growth_needed(baseline: Estimate, window: Estimate, worse: Side, level: float, change: float) -> float | None:
    """How many times as many rows show a change of this size; None if a thousand times don't.

    Rows that are not there yet are assumed to vary as those of the window.
    """
    growth = 1.0
    for _ in range(MOST_STEPS):
        growth *= STEP
        larger_window = with_more_rows(window, growth)
        if smallest_change(baseline, larger_window, worse, level) <= change:
            return growth
    return None


def with_more_rows(estimate: Estimate, growth: float) -> Estimate:
    """The estimate if there were this many times as many rows of the same kind."""
    n = round(estimate.n * growth)
    if isinstance(estimate, JackknifeEstimate):
        return replace(estimate, n=n, standard_error=estimate.standard_error / math.sqrt(growth))
    return replace(estimate, n=n, trials=estimate.trials * growth, units=estimate.units * growth)
