"""range_check: no numbers are far outside of the baseline's range."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import why_always_new
from model_monitor.statistics.states import FeatureProfile, KllSketch, Moments

ALIEN = 0.0025
FAR = 2.0  # so many widths of the baseline's range
LONGEST_TAIL = 0.5  # share of the range that its outer hundredths take at most; longer tails go on


@GUARDS.register("range_check", is_drift=True)
def far_outside(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No numbers lie two widths of the baseline's range or more outside of it, but for those of rows, which go on.

    Where drift tests independent rows, its component `range` has the word.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    tested = feature.settings.rows_are_independent and feature.is_drift_calibrated
    if tested or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    width = old.maximum - old.minimum
    if not 0 < width < math.inf or why_always_new(before) or feature.rises:
        return None
    low = -math.inf if old.minimum >= 0 else old.minimum - FAR * width  # negative numbers are sign_check's
    current = beyond(feature.current, below=low, above=old.maximum + FAR * width)
    goes_on = current[0] > 0 and _longest_tail(old, sketch) > LONGEST_TAIL * width
    alien = math.inf if goes_on else ALIEN
    return of_share("share of numbers far outside of the range", (0, old.count), current, alien=alien)


def _longest_tail(moments: Moments, sketch: KllSketch) -> float:
    return max(moments.maximum - sketch.quantile(0.99), sketch.quantile(0.01) - moments.minimum)
