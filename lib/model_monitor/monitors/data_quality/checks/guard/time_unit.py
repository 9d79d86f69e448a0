"""time_unit_check: times as numbers stay in their unit: seconds since 1970, or thousandths, millionths, billionths of them."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import FIRST_SECOND, LAST_SECOND, unit_of_times
from model_monitor.statistics.states import FeatureProfile

WIDER = 4.0  # units are 1,000 apart: up to so many times beyond the usual years is still a time


@GUARDS.register("time_unit_check", same_as=("baseline_drift_check", "range_check", "sign_check"))
def time_unit(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No number is a time in another unit, or none at all, where all of the baseline's are times of this century in one unit.

    Source: D4.9.
    """
    unit, moments = unit_of_times(before), before.moments
    if unit is None or moments is None or not has_numbers(before, feature.current):
        return None
    first, last = FIRST_SECOND * unit / WIDER, LAST_SECOND * unit * WIDER
    current = beyond(feature.current, below=first, above=last)
    return of_share("share of times in another unit", (0, moments.count), current, is_kind=True)
