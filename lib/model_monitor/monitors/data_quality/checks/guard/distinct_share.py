"""distinct_share_check: what differed in every row still does, and no column is constant all at once."""

from __future__ import annotations

import math

import numpy as np

from model_monitor.monitors.data_quality.checks.guard import FEWEST_OF_MEAN, GUARDS, Evidence, exact_counts, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import has_dates
from model_monitor.statistics.drift.special_functions import normal_above
from model_monitor.statistics.states import FeatureProfile
from model_monitor.statistics.states.profile import once

UNIQUE = 0.9
LEAST_DROP = 0.2
LARGEST = 2
SHARE_OF_ONE = "share of the most frequent value"
ESTIMATED = 0.05  # relative standard deviation of an estimated number of distinct values


@GUARDS.register("distinct_share_check")
def distinct_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of distinct values does not fall if nearly all values differ; other columns have more than one value.

    The share is not judged in a window more than twice as large as the baseline: more of its values repeat by nature.
    Source: D4.9.
    """
    current = feature.current
    n, m = before.num_present, current.num_present
    old, new = _different(before), _different(current)
    if not old or not new or has_dates(before):
        return None
    share, after = min(old / n, 1.0), min(new / m, 1.0)
    if share < UNIQUE:
        return _of_one_value(before, current) if old > 1 else None
    if m > LARGEST * n or m < FEWEST_OF_MEAN:
        return None
    error = math.hypot(ESTIMATED * share, ESTIMATED * after, 0.5 / math.sqrt(m))
    p = normal_above((share - after) / error)
    return Evidence("share of different values", after, share, n, m, p, p, share - after >= LEAST_DROP)


def _of_one_value(before: FeatureProfile, current: FeatureProfile) -> Evidence | None:
    """The rows of the most frequent value, if the window has no other."""
    n, m = before.num_present, current.num_present
    often = _most_frequent(before) if _is_constant(current) else n
    found = of_share(SHARE_OF_ONE, (min(often, n), n), (m if often < n else 0, m))
    if found is not None:
        found.share = None
    return found  # a window that has another value has none that is its only one


def _is_constant(feature: FeatureProfile) -> bool:
    if feature.is_numeric:
        moments = feature.moments
        return moments is not None and moments.count == moments.present and moments.minimum == moments.maximum
    counts = exact_counts(feature)
    return counts is not None and len(counts.counts) == 1


@once
def _different(feature: FeatureProfile) -> int:
    """How many values differ, as far as it is known; 0 if nobody knows."""
    counts = exact_counts(feature)
    if counts is not None:
        return len(counts.counts)
    if feature.is_numeric and feature.kll is not None and not feature.kll.error:
        return len(feature.kll.step_cdf()[0])
    return feature.distinct.estimate() if feature.distinct is not None else 0


@once
def _most_frequent(feature: FeatureProfile) -> int:
    """The most rows that one value may have."""
    if feature.is_numeric and feature.kll is not None:
        weights = np.diff(feature.kll.step_cdf()[1], prepend=0)
        return int(weights.max() + feature.kll.error * feature.num_present)
    return max(feature.frequencies.counts.values(), default=0) + feature.frequencies.bound if feature.frequencies else 0
