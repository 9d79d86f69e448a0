"""Flags that one program writes as true and false and another as 1 and 0: a column read as the other kind. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from spark_model_monitor.statistics.states.data_types import DataTypeCounts
from spark_model_monitor.statistics.states.encoding import State
from spark_model_monitor.statistics.states.frequencies import Frequencies
from spark_model_monitor.statistics.states.kll import KllSketch
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile

FALSE = "false"
TRUE = "true"

OF_VALUES = frozenset({"moments", "kll", "frequencies", "ends", "text_lengths", "text_shapes", "date_texts", "words"})
"""The kinds of states that a column has because of its type."""


def are_flags(values: Collection[str]) -> bool:
    """Whether these are the values of a column of flags."""
    return bool(values) and {*values} <= {FALSE, TRUE}


def are_bits(values: Iterable[float]) -> bool:
    """Whether these are the values of flags that are written as numbers."""
    return {*values} <= {0, 1}


def read_bits_as_flags(feature: FeatureProfile) -> FeatureProfile:
    """A column of the numbers 0 and 1 as one of flags; the same object if it has other values."""
    moments = feature.moments
    is_plain = feature.is_numeric and not feature.num_others and feature.kll is not None
    if moments is None or not is_plain or not moments.count == feature.num_present > 0:
        return feature
    if feature.kll is None or not are_bits(feature.kll.step_cdf()[0]):
        return feature
    num_true = round(moments.sum)
    counts = {FALSE: moments.count - num_true, TRUE: num_true}
    frequencies = Frequencies({value: count for value, count in counts.items() if count}, moments.count)
    types = DataTypeCounts(feature.num_missing, boolean=moments.count)
    return _replace_states(feature, ColumnType.BOOLEAN, types, frequencies)


def read_flags_as_bits(feature: FeatureProfile) -> FeatureProfile:
    """A column of flags as one of the numbers 0 and 1; the same object if it has other values."""
    domain = feature.exact_domain or {}
    if not are_flags(domain):
        return feature
    counts = (domain.get(FALSE, 0), domain.get(TRUE, 0))
    total = sum(counts)
    share = counts[1] / total
    values = [value for value, count in enumerate(counts) if count]
    moments = Moments(
        total,
        feature.num_missing,
        sum=float(counts[1]),
        mean=share,
        m2=total * share * (1 - share),
        minimum=float(values[0]),
        maximum=float(values[-1]),
    )
    # An item of each level stands for twice as many values as one of the level below
    heights = range(max(counts).bit_length())
    levels = [[float(value) for value in values if counts[value] >> height & 1] for height in heights]
    zeros = (0,) * len(levels)
    sketch = KllSketch(tuple(map(np.array, levels)), zeros, zeros)
    types = DataTypeCounts(feature.num_missing, integral=total)
    return _replace_states(feature, ColumnType.INTEGRAL, types, moments, sketch)


def read_like(feature: FeatureProfile, column_type: ColumnType) -> FeatureProfile:
    """The feature as a column of this type, if flags may be of it."""
    if column_type is ColumnType.BOOLEAN:
        return read_bits_as_flags(feature)
    if column_type is ColumnType.INTEGRAL:
        return read_flags_as_bits(feature)
    return feature


def _replace_states(feature: FeatureProfile, column_type: ColumnType, *states: State) -> FeatureProfile:
    """The feature with the states of another type of column in place of those of its values."""
    kept_states = [state for kind, state in feature.states.items() if kind not in OF_VALUES]
    return FeatureProfile.of(feature.name, column_type, (*kept_states, *states))
