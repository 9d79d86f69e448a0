"""The numbers that a data-quality run publishes: of every feature, and how many violations there are. Pure.

Source: C9.1, C9.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.constraints import Constraints
from model_monitor.runs.protocol import PublishedMetric, Spread
from model_monitor.statistics.states import FeatureProfile, Profile

LARGEST_VALUE = 2.0**360
"""Magnitude of the largest number that CloudWatch takes: the 2.348543e108 of C9.2."""

_DRIFT = "baseline_drift_check"


def published_metrics(
    profile: Profile, results: Iterable[CheckResult], constraints: Constraints
) -> Iterator[PublishedMetric]:
    """The metrics of every feature whose `emit_metrics` is Enabled, and the number of violations.

    A feature that constraints.json does not have goes by the file's own `emit_metrics`, as does the number of violations. A
    number that CloudWatch does not take (NaN, infinite, above 2^360) has no metric. `feature_baseline_drift_…` is the distance,
    or the p-value of ChiSquared, whether it is a violation or not.
    """
    results = list(results)
    distances = {o.feature: o.observed for o in results if o.feature and o.check == _DRIFT and o.observed is not None}
    emitting = {feature.name: constraints.monitoring_of(feature.name).emit_metrics for feature in constraints.features}
    by_default = constraints.monitoring.emit_metrics
    for feature in profile.features:
        if emitting.get(feature.name, by_default):
            yield from _of_feature(feature, distances)
    if by_default:
        violated = sum(result.status is CheckStatus.VIOLATED for result in results)
        yield PublishedMetric("total_number_of_violations", violated, unit="Count")


def _of_feature(feature: FeatureProfile, distances: Mapping[str, float]) -> Iterator[PublishedMetric]:
    name, types, moments = feature.name, feature.data_types, feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        numbers = (moments.sum, moments.minimum, moments.maximum)
        if all(map(_is_taken, numbers)):
            yield PublishedMetric(f"feature_data_{name}", Spread(moments.count, *numbers))
    counts: dict[str, float | None] = {
        "non_null": feature.num_present,
        "null": feature.num_missing,
        "estimated_unique_values": feature.distinct.estimate() if feature.distinct else None,
        "fractional_counts": types.fractional,
        "integral_counts": types.integral,
        "string_counts": types.text,
        "boolean_counts": types.boolean,
        "unknown_counts": types.unknown + types.missing,  # Deequ's Unknown: nothing to tell a type from
    }
    yield from (
        PublishedMetric(f"feature_{kind}_{name}", count, unit="Count")
        for kind, count in counts.items()
        if count is not None
    )
    if types.total:
        yield PublishedMetric(f"feature_completeness_{name}", feature.completeness)
    if name in distances and _is_taken(distances[name]):
        yield PublishedMetric(f"feature_baseline_drift_{name}", distances[name])


def _is_taken(number: float) -> bool:
    """Whether CloudWatch takes it."""
    return math.isfinite(number) and abs(number) <= LARGEST_VALUE
