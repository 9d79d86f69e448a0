"""frequent_value_check: a text of too many values to compare has no new one that is frequent."""

from __future__ import annotations

import math
from dataclasses import replace

from model_monitor.monitors.data_quality.checks.guard import GROUP, GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import has_dates
from model_monitor.statistics.states import FeatureProfile, Frequencies
from model_monitor.statistics.verdicts.components import LEAST_EFFECT

ALIEN = 0.05  # of a window, and more than `GROUP` rows


@GUARDS.register("frequent_value_check", needs=Frequencies)
def frequent_value(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No single text has a larger share than in the baseline; for columns whose drift is not judged.

    Above 4,096 values, only bounds are known: the window's share is at least the observed share, the baseline's at most.
    Source: D4.9.
    """
    old, new = before.frequencies, feature.current.frequencies
    if (
        old is None
        or new is None
        or not old.total
        or not new.counts
        or before.is_numeric
        or feature.current.is_numeric
        or has_dates(before)
    ):
        return None
    if old.exact and new.exact and feature.settings.perform_comparison:
        return None
    most = max(new.counts, key=lambda value: new.counts[value] - _at_most(old, value) * new.total / old.total)
    count = new.counts[most]
    sides = (_at_most(old, most), old.total), (count, new.total)
    found = of_share("share of one text", *sides, alien=ALIEN if count > GROUP else math.inf)
    if found is None:
        return None
    tried = 1 / LEAST_EFFECT  # texts that may have so large a share
    is_large = found.observed - found.expected >= LEAST_EFFECT
    return replace(found, p=found.p * tried, grouped_p=found.grouped_p * tried, is_large=is_large, share=None)


def _at_most(frequencies: Frequencies, value: str) -> int:
    return frequencies.counts.get(value, 0) + frequencies.bound
