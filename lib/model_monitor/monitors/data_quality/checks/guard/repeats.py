"""repeated_value_check: what hardly ever occurred twice does not now; and the same of whole rows, repeated_rows_check."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import Comparison, FeatureComparison
from model_monitor.statistics.states import FeatureProfile, Repeats, RowRepeats

ALIEN = 0.05
MOST = 0.1  # of the baseline's values occur more than once: with more of them the number of rows decides how many
LARGEST = 2


@GUARDS.register(
    "repeated_value_check", same_as=("distinct_share_check", "frequent_value_check", "repeated_rows_check")
)
def repeated_value(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of distinct values that occur more than once is not above the baseline's, if nearly all occur once there.

    Source: D4.9.
    """
    return _of_repeats("share of values that repeat", before.state(Repeats), feature.current.state(Repeats))


def repeated_rows(comparison: Comparison) -> Evidence | None:
    """The share of distinct rows that occur more than once, likewise; both sides must have the same columns.

    Source: D4.9.
    """
    before, now = comparison.before, comparison.current
    if before is None or [each.name for each in before.features] != [each.name for each in now.features]:
        return None
    sides = (side.features[0].state(RowRepeats) if side.features else None for side in (before, now))
    return _of_repeats("share of rows that repeat", *sides)


def _of_repeats(what: str, old: Repeats | None, new: Repeats | None) -> Evidence | None:
    """By nature more repeat in a larger window; one of more than twice the baseline's is not asked."""
    if old is None or new is None or not old.different or not new.different:
        return None
    larger = new.different * 2.0**new.level / (old.different * 2.0**old.level)
    if old.repeated > MOST * old.different or larger > LARGEST:
        return None
    repeated = old.repeated if larger <= 1 else min(old.different, math.ceil((old.repeated + 1) * larger))
    sides = (repeated, old.different), (new.repeated, new.different)
    return of_share(what, *sides, alien=ALIEN, is_kind=True)
