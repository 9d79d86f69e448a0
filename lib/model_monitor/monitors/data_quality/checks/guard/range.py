"""range_check: no numbers are far outside of the baseline's range."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import why_always_new
from model_monitor.statistics.states import FeatureProfile, Moments

FAR, NEAR = 2.0, 0.5  # so many widths of the baseline's range, and where it is known that no group of rows lies so near
SHORT_TAIL, LONGEST_TAIL = 0.15, 1.2
"""Of the inner eight tenths: ends are sharp if the wider outer one takes less than the first, tails go on from the second."""


@GUARDS.register("range_check", needs=Moments, same_as=("baseline_drift_check",))
def far_outside(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No numbers lie outside the baseline's range by two of its widths, or by half a width if the range has sharp ends or each
    row stands for itself; numbers that rise from row to row are not judged. Far numbers are a new kind unless tails are long.

    If drift tests independent rows, its component `range` decides.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    tested = feature.settings.rows_are_independent and feature.is_drift_calibrated
    if tested or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    width = old.maximum - old.minimum
    if not 0 < width < math.inf or why_always_new(before) or feature.rises:
        return None
    first, last = sketch.quantile(0.1), sketch.quantile(0.9)
    tail, inner = max(old.maximum - last, first - old.minimum), last - first
    by = (NEAR if feature.rows_stand_alone or tail < SHORT_TAIL * inner else FAR) * width
    low = -math.inf if old.minimum >= 0 else old.minimum - by  # negative numbers are sign_check's
    current, is_kind = beyond(feature.current, below=low, above=old.maximum + by), tail <= LONGEST_TAIL * inner
    return of_share("share of numbers far outside of the range", (0, old.count), current, is_kind=is_kind)
