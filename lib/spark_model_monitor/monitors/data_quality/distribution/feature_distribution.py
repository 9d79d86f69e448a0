"""A feature's distribution, the input of its drift checks: its sketch, or its counts by value. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.statistics import FeatureStatistics, InferredType, NumericalStatistics, Statistics
from spark_model_monitor.monitors.data_quality.distribution.always_new import find_time_type
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.drift.distributions import align_precision
from spark_model_monitor.statistics.states import (
    DataTypeCounts,
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllSketch,
    Moments,
    Profile,
    State,
)
from spark_model_monitor.statistics.states.frequencies import unify_flags
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.window_statistics import MAX_FREQUENT, StatisticChange
from spark_model_monitor.value_class import value_class

NOT_COUNTED = "its values are neither numbers nor texts, and were not counted"
LACKING = "its state {kind!r} is missing: not every run that was merged has it, or a later release wrote it"


@value_class(slots=False)
class FeatureDistribution:
    """One feature's distribution.

    Attributes
    ----------
    rows, present
        All rows, and those with a value; neither counts `other_cells`.
    numbers
        The numbers of a numeric feature.
    categories
        The counts by value of a text feature.
    reason
        Why there is no distribution, if there are values.
    text_share
        The share of present values that are not numbers, as far as states know it.
    mean
        The mean of a numeric feature; None if unknown.
    time_type
        The type name of days and times.
    is_never_compared
        Whether the values are of a kind that no run compares.
    other_cells
        The number of cells of a numeric feature that aren't numbers.
    """

    inferred_type: InferredType
    rows: int = 0
    present: int = 0
    numbers: NumericDistribution | None = None
    categories: Mapping[str, int] | None = None
    reason: str | None = None
    text_share: float | None = None
    mean: float | None = None
    time_type: str | None = None
    is_never_compared: bool = False
    other_cells: int = 0

    def count_values(self, values: NDArray[Any]) -> Doubles:
        """How often each of these values occurs."""
        if self.numbers is not None:
            return self.numbers.cdf.counts_at(values)
        categories = self.categories or {}
        return np.array([categories.get(value, 0) for value in values], float)

    @cached_property
    def frequent_values(self) -> NDArray[Any]:
        """The most frequent values, each at least MIN_EFFECT of the present values, the most frequent first."""
        if self.numbers is not None:
            cdf = self.numbers.cdf
            is_frequent = cdf.counts >= MIN_EFFECT * self.present
            values = cdf.values[is_frequent]
            order = np.argsort(-cdf.counts[is_frequent], kind="stable")
            return values[order[:MAX_FREQUENT]]
        categories = self.categories or {}
        names = [name for name, count in categories.items() if count >= MIN_EFFECT * self.present]
        names.sort(key=lambda name: (-categories[name], name))
        return np.array(names[:MAX_FREQUENT], object)

    @cached_property
    def changes_by_reference(self) -> dict[int, tuple[FeatureDistribution, Mapping[str, StatisticChange]]]:
        """The changes from each distribution that this one was compared with, by its identity."""
        return {}

    def list_values(self) -> NDArray[np.generic]:
        """The distinct values, as far as a sketch keeps them."""
        if self.numbers is not None:
            return self.numbers.cdf.values
        return np.array([*(self.categories or ())], object)

    def count_rare(self, rows_of_group: float = 1.0) -> int:
        """The number of rows with texts that occur in one group of rows. Source: Good 1953, "The population frequencies of
        species".
        """
        return sum(count for count in (self.categories or {}).values() if count <= rows_of_group)

    @property
    def num_values(self) -> int:
        return len(self.list_values())

    @property
    def sketch_error(self) -> float:
        """The error of shares of numbers, from their sketch."""
        return self.numbers.error if self.numbers is not None else 0.0

    @property
    def num_rows(self) -> int:
        """The number of all rows, including rows whose cell is not a number."""
        return self.rows + self.other_cells

    @property
    def completeness(self) -> float:
        """The share of all rows that have a value; 1 without rows."""
        if self.num_rows:
            return (self.present + self.other_cells) / self.num_rows
        return 1.0

    @property
    def type_name(self) -> str:
        """The type; for days and times, which are texts in the service's files, their own name."""
        return self.time_type or self.inferred_type.value

    @property
    def is_numeric(self) -> bool:
        return self.inferred_type.is_numeric


def align_distributions(
    baseline: FeatureDistribution, current: FeatureDistribution
) -> tuple[FeatureDistribution, FeatureDistribution]:
    """Both distributions, with numbers in the precision of the coarser one; the same objects if the precision is the same."""
    if baseline.numbers is None or current.numbers is None:
        return baseline, current
    numbers, numbers_now = align_precision(baseline.numbers, current.numbers)
    # The same objects keep their cached results
    if numbers is baseline.numbers and numbers_now is current.numbers:
        return baseline, current
    return replace(baseline, numbers=numbers), replace(current, numbers=numbers_now)


OF_NUMBERS = frozenset(state.KIND for state in (DataTypeCounts, Moments, KllSketch))
OF_DISTRIBUTIONS = OF_NUMBERS | {Frequencies.KIND}
"""The states that `create_distribution` needs; for numbers it needs no frequencies."""


def find_direction(baseline: float | None, current: float | None) -> str | None:
    """The direction in which a number went: `up`, `down`, or None if unknown."""
    if baseline is None or current is None or baseline == current:
        return None
    if current > baseline:
        return "up"
    return "down"


def create_distributions(profile: Profile) -> dict[str, FeatureDistribution]:
    """The distributions in a run's states, by feature."""
    return {feature.name: create_distribution(feature) for feature in profile.features}


@cache_with_feature
def create_distribution(feature: FeatureProfile) -> FeatureDistribution:
    """The distribution in one feature's states."""
    types = feature.data_types
    inferred_type = InferredType(feature.inferred_type)
    present = feature.num_present - feature.num_others
    rows = present + feature.num_missing
    # Booleans are texts, as in the service
    share = None
    if types.present:
        share = (types.text + types.boolean) / types.present
    create = partial(
        FeatureDistribution,
        inferred_type,
        rows,
        present,
        text_share=share,
        time_type=find_time_type(feature),
        other_cells=feature.num_others,
    )
    if not present:
        return create()
    if inferred_type.is_numeric and feature.kll is not None and feature.moments is not None:
        numbers = NumericDistribution.of(feature.kll, feature.moments)
        mean = feature.moments.average
        if not math.isfinite(mean):
            return create(numbers=numbers)
        return create(numbers=numbers, mean=mean)
    # Values without a distribution: the reason is a missing state, or counts that aren't exact
    needed: tuple[type[State], ...] = (Frequencies,)
    if inferred_type.is_numeric:
        needed = (KllSketch, Moments)
    if reason := explain_missing_state(feature, *needed):
        return create(reason=reason)
    if feature.frequencies is None:
        return create(reason=NOT_COUNTED, is_never_compared=True)
    if not feature.frequencies.exact:
        reason = f"it has more than {feature.frequencies.limit:,} distinct values, so their counts are not exact"
        return create(reason=reason, is_never_compared=True)
    return create(categories=feature.frequencies.counts)


def explain_missing_state(feature: FeatureProfile, *needed: type[State]) -> str | None:
    """Why a result from these states can't be known, if the feature lacks one of them."""
    return next((LACKING.format(kind=state.KIND) for state in needed if state.KIND in feature.lacking), None)


def read_distributions(statistics: Statistics, *, as_service: bool = False) -> dict[str, FeatureDistribution]:
    """The distributions in a statistics.json, by feature; a numeric feature has one only if the file has its sketch."""
    rows = statistics.dataset.item_count
    distributions = {feature.name: _read_distribution(feature, rows) for feature in statistics.features}
    if as_service:
        return distributions
    # Flags as states count them
    for name, distribution in distributions.items():
        if distribution.categories is not None:
            distributions[name] = replace(distribution, categories=unify_flags(distribution.categories))
    return distributions


def truncate_values(values: Iterable[str]) -> frozenset[str]:
    """The values in the form of the keys of `Frequencies`, which cut long texts."""
    values = frozenset(values)
    # Only long texts are cut, by their bytes
    if max(map(len, values), default=0) <= MAX_UNCUT_LENGTH:
        return values
    return frozenset(_count_frequencies(dict.fromkeys(values, 1)).counts)


def _read_distribution(feature: FeatureStatistics, rows: int) -> FeatureDistribution:
    rows -= feature.num_others
    present = rows
    if feature.common is not None:
        present = feature.common.num_present - feature.num_others
    if not present:
        return FeatureDistribution(feature.inferred_type, rows, other_cells=feature.num_others)
    numbers = None
    mean = None
    if feature.numerical_statistics:
        numbers = _read_numbers(feature.numerical_statistics)
        mean = feature.numerical_statistics.mean
    categorical = None
    if feature.distribution:
        categorical = feature.distribution.categorical
    categories = None
    if categorical and categorical.buckets:
        counts = {bucket.value: bucket.count for bucket in categorical.buckets}
        categories = _count_frequencies(counts).counts
    reason = None
    if not (numbers or categories):
        reason = _find_reason_missing(feature)
    # A sketch without the infinite values is no distribution of all values
    if numbers and (missing := present - numbers.total):
        numbers = None
        reason = (
            f"{missing:,} of its {present:,} values are in no sketch of statistics.json, "
            "as infinities are; give the states/ folder with it, which counts them"
        )
    return FeatureDistribution(
        feature.inferred_type,
        rows,
        present,
        numbers,
        categories,
        reason,
        mean=mean,
        other_cells=feature.num_others,
    )


def _read_numbers(statistics: NumericalStatistics) -> NumericDistribution | None:
    kll = None
    if statistics.distribution:
        kll = statistics.distribution.kll
    if kll is None or kll.sketch is None:
        return None
    return NumericDistribution(kll.sketch.data, 0, 0, statistics.min, statistics.max, statistics.std_dev)


def _find_reason_missing(feature: FeatureStatistics) -> str:
    if feature.common is None:
        return "statistics.json says nothing of its values"
    if feature.inferred_type.is_numeric:
        return (
            "statistics.json holds no sketch of it; give the states/ folder "
            "with it, or make the baseline again with --set with_sketches=yes"
        )
    if feature.inferred_type is InferredType.STRING:
        return "statistics.json does not list its values one by one, they are too many; give the states/ folder with it"
    return NOT_COUNTED


def _count_frequencies(counts: Mapping[str, int]) -> Frequencies:
    builder = FrequenciesBuilder(limit=max(len(counts), 1))
    builder.update(list(counts), np.array(list(counts.values()), dtype=np.int64))
    return builder.state()


MAX_UNCUT_LENGTH = 60  # most characters, of up to four bytes each, of a text that is never cut


def find_new_values(current: FeatureDistribution, *earlier_distributions: FeatureDistribution | None) -> list[str]:
    """The values of a text that no earlier distribution has."""
    distributions = [distribution for distribution in earlier_distributions if distribution is not None]
    earlier_counts = [distribution.categories or {} for distribution in distributions]
    return [value for value in current.categories or () if all(value not in counts for counts in earlier_counts)]


MIN_EXPECTED_ROWS = 8.0  # a value with so many expected rows has none by chance only once in 3,000 times


def restrict_to_lasting_values(
    reference: FeatureDistribution, current: FeatureDistribution, baseline: FeatureDistribution | None
) -> tuple[FeatureDistribution, FeatureDistribution]:
    """Both distributions of a text whose values come and go, without values that the baseline lacks or that are gone now."""
    if baseline is None or baseline.categories is None or reference.categories is None or current.categories is None:
        return reference, current
    expected_rows = current.present / max(reference.present, 1)
    gone = {
        value
        for value, count in reference.categories.items()
        if value not in current.categories and count * expected_rows >= MIN_EXPECTED_ROWS
    }
    lasting = baseline.categories.keys() - gone
    return restrict_to_values(reference, lasting), restrict_to_values(current, lasting)


def restrict_to_values(distribution: FeatureDistribution, values: Set[str]) -> FeatureDistribution:
    """The distribution of a text in the rows that have these values."""
    categories = {value: count for value, count in (distribution.categories or {}).items() if value in values}
    lost = distribution.present - sum(categories.values())
    return replace(
        distribution, rows=distribution.rows - lost, present=distribution.present - lost, categories=categories
    )
