"""Whether a feature's values are new by nature: keys, row numbers and dates, recognised by their values. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.states import Ends, FeatureProfile
from spark_model_monitor.statistics.states.data_types import FIRST_SECOND, LAST_SECOND, UNITS_OF_SECONDS
from spark_model_monitor.statistics.states.ends import VALUES_PER_END
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.verdicts.components import NEARLY_ALL

MOSTLY_SINGLE_VALUES = "most of its values occur once, as those of keys and free texts do"
NUMBERED = "its values number the rows: whole numbers, nearly all different and without large gaps"
RISING = "its values rise from row to row as those of keys do: whole numbers, nearly all different and evenly spread"

MIN_NUMBERED = 30  # fewest rows; fewer whole numbers may be all different by chance

MAX_RANGE_PER_ROW = 2.5
"""The range of row numbers, of which a random half may be left out, is at most so many times their count. Nearly all of them
are different; of random numbers in so short a range, only 82 % would be."""

MAX_RANGE_WITH_GAPS = 10.0
"""The same if the smallest and largest numbers are known: 64 random numbers at each end of so long a range are all distinct only
once in 500 times (e^-6.3)."""

MIN_ESTIMATED_SHARE = 0.9
"""Smallest ratio of the estimated number of distinct values to the wanted number: two standard deviations of the estimate."""

MAX_UNEVEN_DISTANCE = 0.1
"""The largest distance of keys from evenly spread numbers: data sorted by a measurement is seldom so even."""


@cache_with_feature
def explain_always_new(feature: FeatureProfile) -> str | None:
    """Why later values of the feature are new by nature; None if they are not."""
    if not feature.num_present:
        return None
    if feature.is_numeric and find_time_unit(feature):
        return "its values are times, in (milli-, micro-, nano-)seconds since 1970, and later ones are new by nature"
    if feature.is_numeric and _has_row_numbers(feature):
        return NUMBERED
    dates = recognise_dates(feature)
    if dates is not None:
        return f"its values are dates or times{dates.form_in_parentheses}, and later ones are new by nature"
    if feature.is_numeric:
        return None
    # Texts that mostly occur once; if not all values were counted, their number is estimated
    counts = feature.exact_domain
    num_single: float = 0
    if counts is not None:
        num_single = count_singletons(counts)
    elif feature.distinct is not None:
        num_single = feature.distinct.estimate()
    if 2 * num_single > feature.num_present:
        return MOSTLY_SINGLE_VALUES
    return None


def find_time_type(feature: FeatureProfile) -> str | None:
    """The type name for values that are days or times."""
    if feature.is_numeric or recognise_dates(feature) is None:
        return None
    if feature.is_written_as_text:
        return "dates"
    return feature.column_type.value


def count_singletons(counts: Mapping[str, int]) -> int:
    """The number of values that occur once."""
    return sum(count == 1 for count in counts.values())


@cache_with_feature
def has_whole_numbers(feature: FeatureProfile) -> bool:
    """Whether all numbers that the sketch keeps are whole, even if they aren't written as integers."""
    sketch = feature.kll
    if sketch is None:
        return False
    if feature.inferred_type == "Integral":
        return True
    # From 2**53 on, every double is whole
    values = sketch.step_cdf()[0]
    are_whole = (values == np.rint(values)) & (np.abs(values) < 2**53)
    return feature.is_numeric and len(values) > 0 and bool(are_whole.all())


@cache_with_feature
def may_be_rising_keys(feature: FeatureProfile) -> bool:
    """Whether the values, if they rise by row, are keys: whole numbers, nearly all different and evenly spread."""
    moments = feature.moments
    sketch = feature.kll
    if moments is None or sketch is None or not moments.count or not has_whole_numbers(feature):
        return False
    # The Kolmogorov-Smirnov distance from evenly spread numbers
    values, cumulative = sketch.step_cdf()
    even = (values - moments.minimum) / max(moments.maximum - moments.minimum, 1.0)
    return (
        _has_mostly_distinct_values(feature)
        and float(np.abs(cumulative / cumulative[-1] - even).max()) <= MAX_UNEVEN_DISTANCE
    )


@cache_with_feature
def find_time_unit(feature: FeatureProfile) -> float | None:
    """How many units make a second, if all numbers are times since 1970 in one unit; None otherwise."""
    moments = feature.moments
    if moments is None or not moments.count or not feature.is_numeric:
        return None
    low = moments.minimum
    high = moments.maximum
    return next((unit for unit in UNITS_OF_SECONDS if low >= FIRST_SECOND * unit and high < LAST_SECOND * unit), None)


def _has_row_numbers(feature: FeatureProfile) -> bool:
    moments = feature.moments
    rows = feature.num_present
    if rows < MIN_NUMBERED or moments is None or not moments.count or not has_whole_numbers(feature):
        return False
    range_per_row = (moments.maximum - moments.minimum + 1) / rows
    if range_per_row <= MAX_RANGE_PER_ROW:
        return _has_mostly_distinct_values(feature)
    if range_per_row > MAX_RANGE_WITH_GAPS or rows < 2 * VALUES_PER_END:
        return False
    # With larger gaps, the smallest and largest numbers have to show that numbers don't repeat
    ends = feature.state(Ends)
    differ = ends is not None and all(bool((np.diff(values) > 0).all()) for values in (ends.smallest, ends.largest))
    return differ and may_be_rising_keys(feature)


def _has_mostly_distinct_values(feature: FeatureProfile) -> bool:
    sketch = feature.kll
    rows = feature.num_present
    if sketch is not None and not sketch.error:
        return len(sketch.step_cdf()[0]) >= NEARLY_ALL * rows
    return feature.distinct is not None and feature.distinct.estimate() >= MIN_ESTIMATED_SHARE * NEARLY_ALL * rows
