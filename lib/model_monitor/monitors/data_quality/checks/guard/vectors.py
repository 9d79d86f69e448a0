"""vector_length_check and vector_norm_check: vectors have as many elements as they had, and are about as large."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, Mean, of_means, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile, VectorCounts


@GUARDS.register("vector_length_check")
def vector_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of vectors of another length is none, where all of the baseline's have the same.

    Source: D4.9.
    """
    old, new = before.vectors, feature.current.vectors
    if old is None or new is None or old.shortest != old.longest:
        return None
    current = _others(new, old.shortest), new.vectors
    return of_share("share of vectors of another length", (0, old.vectors), current, is_kind=True)


@GUARDS.register("vector_norm_check")
def vector_norm(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The mean norm of the vectors is the baseline's.

    Source: D4.9.
    """
    sides = [each.moments if each.vectors is not None else None for each in (before, feature.current)]
    old, new = (Mean(each.count, each.mean, each.m2 / each.count) if each and each.count else None for each in sides)
    return of_means("mean norm of the vectors", old, new) if old and new else None


def _others(counts: VectorCounts, length: int) -> int:
    """The fewest vectors that may have another length, for all that is known of their lengths together."""
    apart = counts.elements - counts.vectors * length
    if not counts.shortest <= length <= counts.longest:
        return counts.vectors
    shorter, longer = length - counts.shortest, counts.longest - length
    reach = longer if apart > 0 else shorter
    return max((shorter > 0) + (longer > 0), math.ceil(abs(apart) / reach) if apart else 0)
