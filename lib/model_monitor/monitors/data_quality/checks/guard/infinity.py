"""infinity_check: numbers are as finite as they were."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile, Moments

ALIEN = 0.01


@GUARDS.register("infinity_check", needs=Moments)
def infinity(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of infinities among the numbers is not above the baseline's; if that is 0, infinities are a new kind of value.

    Source: D4.9.
    """
    old, new = before.moments, feature.current.moments
    if old is None or new is None or not (before.is_numeric and feature.current.is_numeric):
        return None
    sides = ((side.present - side.count, side.present) for side in (old, new))
    return of_share("share of infinities", *sides, alien=ALIEN, is_kind=True)
