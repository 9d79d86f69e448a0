"""sign_check: numbers that were never negative still are not."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile

ALIEN = 0.01


@GUARDS.register("sign_check")
def sign(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of negative numbers is still none; `non_negative_check` has the word where it is Enabled.

    Negative numbers are alien if 0 is where the numbers end, or far below them: the tail of others may reach it.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    if feature.settings.non_negative_check or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    if old.minimum < 0:
        return None
    current = beyond(feature.current, below=0.0)
    is_end = not old.minimum or (current[0] > 0 and 2 * old.minimum > sketch.quantile(0.1) - old.minimum)
    return of_share("share of negative numbers", (0, old.count), current, alien=ALIEN if is_end else math.inf)
