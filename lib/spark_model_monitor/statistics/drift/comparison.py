"""Compares two distributions by a method of constraints.json or any registered distance. Driver only, pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import TypeAlias

from spark_model_monitor.registry import Registry, RegistryEntry
from spark_model_monitor.statistics.drift.distances import DISTANCES, Distance, build_tie_losing_cdf, goodness_of_fit
from spark_model_monitor.statistics.drift.distributions import (
    CategoryCounts,
    Counts,
    EmptyDistribution,
    NumericDistribution,
    StepCdf,
    align_categories,
)
from spark_model_monitor.statistics.drift.histograms import Histogram, count_decile_cells, count_histogram_cells
from spark_model_monitor.value_class import value_class

Samples: TypeAlias = tuple[StepCdf, StepCdf] | tuple[Counts, Counts]
"""The baseline and the current data, in the form that a distance takes."""


def _collect_methods(setting: str, value_type: str) -> Registry[Distance]:
    """The distances that a setting can choose, by its names; the service's first. value_type: numeric or categorical."""
    eligible_distances = [
        distance_entry
        for distance_entry in DISTANCES.values()
        if distance_entry.facts[value_type] and distance_entry.facts["threshold"] is not None
    ]
    methods: Registry[Distance] = Registry(setting)
    for distance_entry in sorted(
        eligible_distances, key=lambda distance_entry: distance_entry.facts["service"] is None
    ):
        methods.register(distance_entry.facts["service"] or distance_entry.name, **distance_entry.facts)(
            distance_entry.function
        )
    return methods


NUMERIC_METHODS = _collect_methods("comparison_method", "numeric")
"""Distances by `comparison_method`. Ours have their own names. Source: C4.2."""

CATEGORICAL_METHODS = _collect_methods("categorical_drift_method", "categorical")
"""Distances by `categorical_drift_method`. Ours have their own names. Source: C4.2."""


class Ties(Enum):
    """How equal values of a sketch are counted."""

    SUMMED = "summed"
    LOST = "lost"  # once per distinct value, as in the service (`distances.build_tie_losing_cdf`)


@value_class
class DistanceComparison:
    """The result of a method.

    Attributes
    ----------
    method
        Its name in constraints.json.
    distance
        The distance; None if it isn't computable.
    n, m
        The numbers of baseline and current values; with ties lost, roughly of distinct values.
    ties
        How equal values were counted.
    higher_is_more
        Whether a larger value is a larger change; False for a p-value.
    statistic, degrees_of_freedom
        Those of a test, if the method is one.
    reason
        Why the distance isn't computable.
    """

    method: str
    distance: float | None
    n: int
    m: int
    formula: str
    ties: Ties = Ties.SUMMED
    higher_is_more: bool = True
    statistic: float | None = None
    degrees_of_freedom: int | None = None
    reason: str | None = None


def compare_numeric(
    baseline: NumericDistribution, current: NumericDistribution, *, method: str = "Robust", ties: Ties = Ties.SUMMED
) -> DistanceComparison:
    """The distance between two numeric distributions. method: a name in NUMERIC_METHODS or DISTANCES. ties: for the
    service's distances only; ours always add up equal values.

    Raises BadConfiguration if there is no such method.
    Source: D3.1, D3.3, D3.5; with ties lost G16.
    """
    distance_entry = _find_distance(NUMERIC_METHODS, "numeric", method)
    formula = distance_entry.facts["formula"]
    if ties is Ties.LOST and distance_entry.facts["service"]:
        before = build_tie_losing_cdf(baseline.levels)
        after = build_tie_losing_cdf(current.levels)
        samples: Samples = before, after
        n = before.total
        m = after.total
        formula = f"{formula}, each distinct value counted once"
    else:
        ties = Ties.SUMMED
        samples = _NUMERIC_FORMS[distance_entry.facts["numeric"]](baseline, current)
        n = baseline.total
        m = current.total
    if n and m:
        compared_distance, reason = _measure_distance(distance_entry, samples)
    else:
        compared_distance = None
        reason = describe_empty_samples(n, m)
    return DistanceComparison(distance_entry.name, compared_distance, n, m, formula, ties, reason=reason)


def _find_distance(methods: Registry[Distance], value_type: str, name: str) -> RegistryEntry[Distance]:
    """The distance by its name in constraints.json or its own name."""
    if name in DISTANCES and DISTANCES.get(name).facts[value_type]:
        return DISTANCES.get(name)
    return methods.get(name)


def _measure_distance(distance: RegistryEntry[Distance], samples: Samples) -> tuple[float | None, str | None]:
    """The distance between two sides that have values, or why it can't be computed."""
    try:
        value = distance(*samples)
    except EmptyDistribution as error:  # there are values, but none that this distance uses
        return None, str(error)
    if math.isnan(value):
        return None, "the values are too large for a measure of their spread"
    return value, None


def compare_categorical(
    baseline: CategoryCounts, current: CategoryCounts, *, method: str = "LInfinity"
) -> DistanceComparison:
    """The distance between two sets of category counts. method: a name in CATEGORICAL_METHODS or DISTANCES.

    LInfinity is corrected for chance like `Robust`. ChiSquared gives a p-value.

    Raises BadConfiguration if there is no such method.
    Source: D3.2 to D3.5; C11.23.
    """
    distance_entry = _find_distance(CATEGORICAL_METHODS, "categorical", method)
    # What is known without the distance
    n = sum(baseline.values())
    m = sum(current.values())
    comparison = DistanceComparison(
        distance_entry.name,
        None,
        n,
        m,
        distance_entry.facts["formula"],
        higher_is_more=distance_entry.facts["higher_is_more"],
    )
    if not (n and m):
        return replace(comparison, reason=describe_empty_samples(n, m))
    # All methods except the test compute a distance of the counts by category
    cells = align_categories(baseline, current)
    if distance_entry.facts["service"] != "ChiSquared":
        return replace(comparison, distance=distance_entry(*cells))
    test = goodness_of_fit(*cells)
    if math.isnan(test.p_value):
        reason = "fewer than two categories of the baseline expect enough values for a chi-squared test"
        return replace(comparison, reason=reason)
    return replace(
        comparison, distance=test.p_value, statistic=test.statistic, degrees_of_freedom=test.degrees_of_freedom
    )


_NUMERIC_FORMS: dict[str, Callable[[NumericDistribution, NumericDistribution], Samples]] = {
    "step_cdf": lambda baseline, current: (baseline.cdf, current.cdf),
    "deciles": lambda baseline, current: count_decile_cells(baseline.cdf, current.cdf),
    "histogram": lambda baseline, current: count_histogram_cells(
        Histogram.from_numbers(baseline), Histogram.from_numbers(current)
    ),
}


def describe_empty_samples(n: int, m: int, noun: str = "values") -> str:
    empty_samples = [name for name, count in (("the baseline", n), ("the current data", m)) if not count]
    return f"no {noun} in {' and '.join(empty_samples)}"
