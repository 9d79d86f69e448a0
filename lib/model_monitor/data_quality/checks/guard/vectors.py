"""vector_length_check: vectors are as long as they were."""

from __future__ import annotations

import math

from model_monitor.data_quality.checks.guard import GUARDS
from model_monitor.data_quality.comparison import FeatureComparison
from model_monitor.data_quality.evidence import Evidence, of_share
from model_monitor.states import FeatureProfile, VectorCounts

ALIEN = 0.01


@GUARDS.register("vector_length_check")
def vector_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of vectors of another length is none, where all of the baseline's have the same.

    Source: D4.9.
    """
    old, new = before.vectors, feature.current.vectors
    if old is None or new is None or old.shortest != old.longest:
        return None
    current = _others(new, old.shortest), new.vectors
    return of_share("share of vectors of another length", (0, old.vectors), current, alien=ALIEN)


def _others(counts: VectorCounts, length: int) -> int:
    """The fewest vectors that may have another length, for all that is known of their lengths together."""
    apart = counts.elements - counts.vectors * length
    if not counts.shortest <= length <= counts.longest:
        return counts.vectors
    shorter, longer = length - counts.shortest, counts.longest - length
    reach = longer if apart > 0 else shorter
    return max((shorter > 0) + (longer > 0), math.ceil(abs(apart) / reach) if apart else 0)
