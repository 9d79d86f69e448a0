"""What a drift check knows of one feature: its sketch or its counts, and whether its values are new by their nature. Pure.

Keys, row numbers and dates are known by their values.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from model_monitor.documents.statistics import FeatureStatistics, InferredType, NumericalStatistics, Statistics
from model_monitor.statistics.drift import NumericDistribution
from model_monitor.statistics.states import (
    ColumnType,
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllSketch,
    Moments,
    Profile,
    State,
)

DATES = "its values are dates or times, and later ones are new by nature"
ONCE = "most of its values occur once, as those of keys and free texts do"
NUMBERED = "its values number the rows: whole numbers, nearly all different and without large gaps"
RISING = "its values rise from row to row as those of keys do: whole numbers, nearly all different and evenly spread"
EPOCH = "its values are times, in (milli-, micro-, nano-)seconds since 1970, and later ones are new by nature"

FIRST_SECOND, LAST_SECOND = 1e9, 2e9
"""Times from 2001 to 2033."""

FEWEST_NUMBERED = 30
"""With fewer rows any whole numbers may be all different by chance."""

LEAST_DIFFERENT, MOST_APART = 0.9, 2.5
"""Row numbers, also those of a random half: so many of them are different, and from the first to the last are so many times more
numbers at most. Numbers drawn from so few would repeat themselves: 82 % of them would be different."""

ESTIMATED = 0.9
"""… of which an estimate of distinct values has this share or more, which is two of its standard deviations below."""

MOST_UNEVEN = 0.1
"""The largest distance of keys from numbers that are evenly spread: data that were sorted by a measure of things seldom are."""

_YEAR, _MONTH, _DAY = r"(19|20)\d\d", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_TIME = r"([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?( ?(Z|UTC|[-+]\d\d:?\d\d))?)?"
DATE = re.compile(rf"({_YEAR}-{_MONTH}-{_DAY}|{_YEAR}/{_MONTH}/{_DAY}|{_DAY}\.{_MONTH}\.{_YEAR}){_TIME}")
"""A day as ISO 8601 has it, with slashes, or as `31.12.2026`; a time may follow."""


def why_always_new(feature: FeatureProfile) -> str | None:
    """Why later values of the feature are new by nature; None if they are not."""
    if not feature.num_present:
        return None
    if feature.is_numeric:
        return EPOCH if _are_seconds(feature) else NUMBERED if _numbers_rows(feature) else None
    if has_dates(feature):
        return DATES
    counts = feature.exact_domain
    if counts is None:
        return ONCE if feature.distinct is not None and 2 * feature.distinct.estimate() > feature.num_present else None
    return ONCE if 2 * seen_once(counts) > feature.num_present else None


def has_dates(feature: FeatureProfile) -> bool:
    """Whether the values are dates or times, as far as they are counted."""
    counts = feature.frequencies.counts if feature.frequencies is not None and not feature.is_numeric else {}
    return feature.column_type in (ColumnType.DATE, ColumnType.TIMESTAMP) or (
        bool(counts) and all(map(DATE.fullmatch, counts))
    )


def name_of_times(feature: FeatureProfile) -> str | None:
    """What the values are called if they are days or times."""
    if not has_dates(feature):
        return None
    return "dates" if feature.column_type is ColumnType.TEXT else feature.column_type.value


def seen_once(counts: Mapping[str, int]) -> int:
    """How many values occur once."""
    return sum(count == 1 for count in counts.values())


def has_whole_numbers(feature: FeatureProfile) -> bool:
    """Whether all numbers are integers, or were until pandas made them fractional because one is missing, as far as the sketch
    keeps them."""
    sketch = feature.kll
    if feature.inferred_type == "Integral" or sketch is None or not feature.num_missing:
        return feature.inferred_type == "Integral" and sketch is not None
    values = sketch.step_cdf()[0]
    return feature.is_numeric and len(values) > 0 and bool((values == np.rint(values)).all())


def may_rise(feature: FeatureProfile) -> bool:
    """Whether the values are keys, if they rise from row to row: whole numbers, nearly all different and evenly spread."""
    moments, sketch = feature.moments, feature.kll
    if moments is None or sketch is None or not moments.count or not has_whole_numbers(feature):
        return False
    values, cumulative = sketch.step_cdf()
    even = (values - moments.minimum) / max(moments.maximum - moments.minimum, 1.0)
    return _nearly_all_differ(feature) and float(np.abs(cumulative / cumulative[-1] - even).max()) <= MOST_UNEVEN


def _are_seconds(feature: FeatureProfile) -> bool:
    moments = feature.moments
    if moments is None or not moments.count:
        return False
    return any(
        moments.minimum >= FIRST_SECOND * unit and moments.maximum < LAST_SECOND * unit for unit in (1, 1e3, 1e6, 1e9)
    )


def _numbers_rows(feature: FeatureProfile) -> bool:
    moments, rows = feature.moments, feature.num_present
    if rows < FEWEST_NUMBERED or moments is None or not moments.count or not has_whole_numbers(feature):
        return False
    return moments.maximum - moments.minimum + 1 <= MOST_APART * rows and _nearly_all_differ(feature)


def _nearly_all_differ(feature: FeatureProfile) -> bool:
    sketch, rows = feature.kll, feature.num_present
    if sketch is not None and not sketch.error:
        return len(sketch.step_cdf()[0]) >= LEAST_DIFFERENT * rows
    return feature.distinct is not None and feature.distinct.estimate() >= ESTIMATED * LEAST_DIFFERENT * rows


# What a drift check knows of one feature: its numbers' sketch or its values' counts, from a document or from
# states.


NO_SKETCH = "statistics.json holds no sketch of it; give the states/ folder beside it, or make the baseline again --with-sketches"
NOT_IN_SKETCH = (
    "{missing:,} of its {present:,} values are in no sketch of statistics.json, as infinities are; "
    "give the states/ folder beside it, which counts them"
)
NOT_LISTED = "statistics.json does not list its values one by one, they are too many; give the states/ folder beside it"
NOT_EXACT = "it has more than {limit:,} distinct values, so their counts are not exact"
NOT_COUNTED = "its values are neither numbers nor texts, and were not counted"
LACKING = "its state {kind!r} is missing: not every run that was merged has it, or a later release wrote it"
NOTHING_SAID = "statistics.json says nothing of its values"


@dataclass(frozen=True, slots=True)
class FeatureDistribution:
    """One feature's distribution.

    rows, present: all rows and those with a value. numbers: of a numeric feature. categories: counts by value of a text
    feature. If there are values but no distribution of them, reason says why. text_share: of the present values those that are
    no numbers, as far as states know it. mean: of a numeric feature, None if nobody knows. times: what days and times are called.
    """

    inferred_type: InferredType
    rows: int = 0
    present: int = 0
    numbers: NumericDistribution | None = None
    categories: Mapping[str, int] | None = None
    reason: str | None = None
    text_share: float | None = None
    mean: float | None = None
    times: str | None = None

    @property
    def type_name(self) -> str:
        """The type; of days and times, which the service's files call texts, what they are."""
        return self.times or self.inferred_type.value

    @property
    def is_numeric(self) -> bool:
        return self.inferred_type.is_numeric


def from_profile(profile: Profile) -> dict[str, FeatureDistribution]:
    """The distributions that a run's states hold, by feature."""
    return {feature.name: from_feature_profile(feature) for feature in profile.features}


def from_feature_profile(feature: FeatureProfile) -> FeatureDistribution:
    """The distribution that one feature's states hold."""
    types = feature.data_types
    share = (types.text + types.boolean) / types.present if types.present else None
    return replace(_from_states(feature), text_share=share, times=name_of_times(feature))


def _from_states(feature: FeatureProfile) -> FeatureDistribution:
    inferred_type = InferredType(feature.inferred_type)
    rows, present = feature.num_present + feature.num_missing, feature.num_present
    if not present:
        return FeatureDistribution(inferred_type, rows)
    if inferred_type.is_numeric and feature.kll is not None and feature.moments is not None:
        numbers = NumericDistribution.of(feature.kll, feature.moments)
        mean = feature.moments.average
        return FeatureDistribution(
            inferred_type, rows, present, numbers=numbers, mean=mean if math.isfinite(mean) else None
        )
    needed = (KllSketch, Moments) if inferred_type.is_numeric else (Frequencies,)
    if reason := why_lacking(feature, *needed):
        return FeatureDistribution(inferred_type, rows, present, reason=reason)
    if feature.frequencies is None:
        return FeatureDistribution(inferred_type, rows, present, reason=NOT_COUNTED)
    if not feature.frequencies.exact:
        reason = NOT_EXACT.format(limit=feature.frequencies.limit)
        return FeatureDistribution(inferred_type, rows, present, reason=reason)
    return FeatureDistribution(inferred_type, rows, present, categories=feature.frequencies.counts)


def why_lacking(feature: FeatureProfile, *needed: type[State]) -> str | None:
    """Why nobody can know what rests on these states, if the feature lacks one of them."""
    return next((LACKING.format(kind=state.KIND) for state in needed if state.KIND in feature.lacking), None)


def from_statistics(statistics: Statistics) -> dict[str, FeatureDistribution]:
    """The distributions that a statistics.json holds, by feature; those of numbers only where it holds their sketches."""
    rows = statistics.dataset.item_count
    return {feature.name: _from_feature_statistics(feature, rows) for feature in statistics.features}


def as_counted(values: Iterable[str]) -> frozenset[str]:
    """The values as the keys of `Frequencies` have them, which cut long texts."""
    return frozenset(_frequencies(dict.fromkeys(values, 1)).counts)


def _from_feature_statistics(feature: FeatureStatistics, rows: int) -> FeatureDistribution:
    present = feature.common.num_present if feature.common else rows
    if not present:
        return FeatureDistribution(feature.inferred_type, rows)
    numbers = _numbers(feature.numerical_statistics) if feature.numerical_statistics else None
    categorical = feature.distribution.categorical if feature.distribution else None
    counts = {bucket.value: bucket.count for bucket in categorical.buckets} if categorical else {}
    categories = _frequencies(counts).counts if counts else None
    reason = None if numbers or categories else _why_nothing(feature)
    if numbers and (missing := present - numbers.total):
        numbers, reason = None, NOT_IN_SKETCH.format(missing=missing, present=present)
    mean = feature.numerical_statistics.mean if feature.numerical_statistics else None
    return FeatureDistribution(feature.inferred_type, rows, present, numbers, categories, reason, mean)


def _numbers(statistics: NumericalStatistics) -> NumericDistribution | None:
    kll = statistics.distribution.kll if statistics.distribution else None
    if kll is None or kll.sketch is None:
        return None
    known = statistics.min, statistics.max, statistics.std_dev
    return NumericDistribution(kll.sketch.data, 0, 0, *known)


def _why_nothing(feature: FeatureStatistics) -> str:
    if feature.common is None:
        return NOTHING_SAID
    if feature.inferred_type.is_numeric:
        return NO_SKETCH
    return NOT_LISTED if feature.inferred_type is InferredType.STRING else NOT_COUNTED


def _frequencies(counts: Mapping[str, int]) -> Frequencies:
    builder = FrequenciesBuilder(limit=max(len(counts), 1))
    builder.update(list(counts), np.array(list(counts.values()), dtype=np.int64))
    return builder.state()
