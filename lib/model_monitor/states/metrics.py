"""The metrics of every feature from its states alone, without a JVM.

What Deequ's analyzers answer on the driver of a job (`profiling.deequ.evaluate`), `metrics_of` answers anywhere: it is what
rebuilds documents from stored states. The two agree on every profile, and a test holds them to it. Driver only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_monitor.states.profile import FeatureProfile, Profile


@dataclass(frozen=True, slots=True)
class FeatureMetrics:
    """What Deequ's analyzers say of one feature; None where there is nothing to compute it from.

    completeness: share of rows that are present, None without rows. mean, sum, standard_deviation (population), minimum,
    maximum: of the finite values, None for a feature that is not numeric or has none, and where doubles overflow.
    approx_count_distinct: HyperLogLog++ estimate, relative standard deviation 0.05.
    """

    completeness: float | None = None
    mean: float | None = None
    sum: float | None = None
    standard_deviation: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    approx_count_distinct: int | None = None


def metrics_of(profile: Profile) -> dict[str, FeatureMetrics]:
    """The metrics of every feature of `profile`, by the feature's name and in its order.

    Source: metricValue() of Deequ 2.1.0's NumMatchesAndCount, MeanState, SumState, StandardDeviationState, MinState,
    MaxState and ApproxCountDistinctState.
    """
    return {feature.name: _metrics(feature) for feature in profile.features}


def _metrics(feature: FeatureProfile) -> FeatureMetrics:
    rows = feature.num_present + feature.num_missing
    completeness = feature.num_present / rows if rows else None
    approx_count_distinct = feature.distinct.estimate_of_deequ() if feature.distinct is not None else None
    moments = feature.moments
    if moments is None or not feature.is_numeric or not moments.count:
        return FeatureMetrics(completeness, approx_count_distinct=approx_count_distinct)
    return FeatureMetrics(
        completeness=completeness,
        mean=_finite(moments.average),
        sum=_finite(moments.sum),
        standard_deviation=_finite(moments.standard_deviation),
        minimum=_finite(moments.minimum),
        maximum=_finite(moments.maximum),
        approx_count_distinct=approx_count_distinct,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
