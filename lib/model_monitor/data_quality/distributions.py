"""What a drift check knows of one feature: its numbers' sketch or its values' counts, from a document or from states.

Both sides of a comparison take this form, so a baseline may be a statistics.json, the states of any run, or the previous
run. What is not known is said in words, which become the reason why drift is not judged. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from model_monitor.data_quality.keys import name_of_times
from model_monitor.documents.statistics import FeatureStatistics, InferredType, NumericalStatistics, Statistics
from model_monitor.statistics.drift import NumericDistribution
from model_monitor.statistics.states import (
    FeatureProfile,
    Frequencies,
    FrequenciesBuilder,
    KllSketch,
    Moments,
    Profile,
    State,
)

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
