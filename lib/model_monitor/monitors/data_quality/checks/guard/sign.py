"""sign_check: numbers that were never negative still are not."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile, Moments

SHARP = 0.5  # of the way from the first tenth to the middle: a lowest tenth that takes less is the end of the numbers


@GUARDS.register("sign_check", needs=Moments)
def sign(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """There are still no negative numbers; if `non_negative_check` is Enabled, that check decides.

    Negative numbers are a new kind if the baseline's numbers end sharply or stay far from 0; otherwise their tail may reach 0.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    if feature.settings.non_negative_check or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    if old.minimum < 0:
        return None
    tenth, middle = sketch.quantile(0.1), sketch.quantile(0.5)
    tail = tenth - old.minimum
    is_end = not old.minimum or 2 * old.minimum > tail or tail < SHARP * (middle - tenth)
    return of_share("share of negative numbers", (0, old.count), beyond(feature.current, below=0.0), is_kind=is_end)
