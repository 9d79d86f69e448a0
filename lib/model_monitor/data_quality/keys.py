"""Columns whose values are new in every window by their nature: keys, row numbers, dates. Their drift says nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from model_monitor.statistics.states import ColumnType, FeatureProfile

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
