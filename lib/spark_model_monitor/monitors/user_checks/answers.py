"""What a user's checks ask of our states, as Deequ sees a value: NaN is present, and so on. Pure.

Deequ's view is followed to the letter, since a user who writes a Deequ check means it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.json_text import format_java_double
from spark_model_monitor.monitors.user_checks.check_plan import (
    SECOND_SCAN_FLAG,
    Analyzer,
    Source,
    choose_source,
    list_conditions,
)
from spark_model_monitor.statistics.states.data_types import DataTypeCounts
from spark_model_monitor.statistics.states.distinct import DistinctBuilder, DistinctRegisters
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.statistics.states.kll import KllSketch

NULL_VALUE = "NullValue"
"""What Deequ's Histogram counts nulls as. Source: Histogram.NullFieldReplacement of Deequ 2.1.0."""


class NeedsSecondScan(Exception):
    """The scan's states turned out not to answer an analyzer; the text says why."""


@value_class
class RowFraction:
    """Rows that an analyzer counts, and those among which it does."""

    matching: int
    rows: int


@value_class
class SketchedNumbers:
    """The distribution of a column's numbers."""

    sketch: KllSketch
    moments: Moments


Evidence: TypeAlias = "RowFraction | DistinctRegisters | DataTypeCounts | Mapping[str, int] | Moments | SketchedNumbers"


def find_evidence(analyzer: Analyzer, profile: Profile, matches: Mapping[str, int]) -> Evidence | None:
    """What a scan says of an analyzer's metric; None where Deequ has an empty state: no rows, or only nulls.

    matches: rows in which each of the plan's predicates was true.

    Raises NeedsSecondScan if values were dropped, or the sketch is less precise than requested.
    """
    source = choose_source(analyzer)
    if source is Source.PREDICATES:
        return _count_rows(analyzer, profile, matches)
    if analyzer.name == "Size":
        return RowFraction(profile.item_count, profile.item_count)
    feature = profile.feature(analyzer.columns[0])
    if source is Source.FREQUENCIES:
        return _count_by_value(analyzer, feature, profile.item_count)
    if analyzer.name == "Completeness":
        # Cells that are not null, and all of them; NaN is not a null
        rows = feature.data_types.total
        if not rows:
            return None
        return RowFraction(rows - feature.num_missing + _count_nan(feature), rows)
    if analyzer.name == "ApproxCountDistinct":
        return _distinct_registers(feature)
    if analyzer.name == "DataType":
        return _deequ_types(feature)
    # A vector's moments are those of its elements, which Deequ's analyzers don't mean
    moments = feature.moments
    if moments is None or feature.vectors is not None or not (moments.present + moments.nan):
        return None
    if analyzer.name == "ApproxQuantile":
        requested_error = analyzer.relative_error or 0.0
        assert feature.kll is not None  # a numeric feature has moments and a sketch
        if feature.kll.error > requested_error:
            raise NeedsSecondScan(
                f"of so many values a sketch is sure to {feature.kll.error:.4f} only, not to {requested_error}"
            )
        return SketchedNumbers(feature.kll, moments)
    if analyzer.name == "KLLSketch":  # of the finite values; Deequ's own can't be computed with others among them
        if feature.kll is None or not moments.count:
            return None
        return SketchedNumbers(feature.kll, moments)
    return _deequ_moments(moments)


def _count_rows(analyzer: Analyzer, profile: Profile, matches: Mapping[str, int]) -> RowFraction | None:
    all_rows = profile.item_count
    matching, counted, judged = (
        all_rows if condition is None else matches[condition] for condition in list_conditions(analyzer)
    )
    # Without a row to judge, Deequ's state is empty, except for Size, which is 0
    if not all_rows or (analyzer.name != "Size" and not (counted and judged)):
        return None
    return RowFraction(matching, counted)


def _count_by_value(analyzer: Analyzer, feature: FeatureProfile, rows: int) -> dict[str, int]:
    """How often each value occurs among `rows` rows. Raises NeedsSecondScan if they were not counted apart.

    Deequ's Histogram counts nulls as a value; its grouping analyzers leave them out, of the number of rows too.
    """
    frequencies = feature.frequencies
    counts: dict[str, int] = {}
    if frequencies is None and feature.data_types.total:
        raise _not_counted(feature)
    # Without a present cell there is nothing to count
    if frequencies is not None:
        # Beyond the limit of distinct values a count is known within a bound only
        if not frequencies.exact:
            limit = frequencies.limit
            raise NeedsSecondScan(f"{feature.name!r} has more than {limit:,} distinct values, too many to count apart")
        counts |= frequencies.counts
    # With the text that Spark casts a number to, NaN among them
    if feature.column_type is ColumnType.FRACTIONAL:
        counts = {format_java_double(float(key)): count for key, count in counts.items()}
        if _count_nan(feature):
            counts["NaN"] = _count_nan(feature)
    nulls = rows - sum(counts.values())
    # A text of the data may be spelled like Deequ's name for null, and counts with it there
    if analyzer.name == "Histogram" and nulls:
        counts[NULL_VALUE] = counts.get(NULL_VALUE, 0) + nulls
    return counts


def _deequ_moments(moments: Moments) -> Moments:
    """Of all values that are not null, NaN and infinities put back in, as Spark's aggregates have them.

    Source: Spark 3.5's sum, stddev_pop, min and max, for which NaN is larger than any other value.
    """
    if not (moments.positive_infinite or moments.negative_infinite or moments.nan):
        return moments
    # Both infinities together add up to NaN, as NaN with anything does
    total = math.nan
    if not moments.nan and not (moments.positive_infinite and moments.negative_infinite):
        if moments.positive_infinite:
            total = math.inf
        else:
            total = -math.inf
    # The scan's own extremes are those of finite values
    ends = []
    if moments.count:
        ends += [moments.minimum, moments.maximum]
    if moments.negative_infinite:
        ends.append(-math.inf)
    if moments.positive_infinite:
        ends.append(math.inf)
    smallest = min(ends, default=math.nan)
    largest = math.nan if moments.nan else max(ends)
    return replace(
        moments,
        count=moments.present + moments.nan,
        sum=total,
        mean=math.nan,
        m2=math.nan,
        minimum=smallest,
        maximum=largest,
    )


def _count_nan(feature: FeatureProfile) -> int:
    """NaN among the cells. Moments of texts count what is not a number as NaN, which is present."""
    if feature.moments is not None and feature.column_type is ColumnType.FRACTIONAL:
        return feature.moments.nan
    return 0


def _distinct_registers(feature: FeatureProfile) -> DistinctRegisters:
    """What the distinct values of a feature are estimated from. Raises NeedsSecondScan if they were not looked at."""
    distinct = feature.distinct
    if distinct is None:
        # A column of nulls alone has no register, and needs none
        if feature.data_types.total:
            raise _not_counted(feature)
        distinct = DistinctRegisters()
    if _count_nan(feature):  # the scan leaves NaN out, Deequ counts it as one value
        nan = DistinctBuilder()
        nan.update(xxhash64(np.array([math.nan])))
        distinct += nan.state()
    return distinct


def _deequ_types(feature: FeatureProfile) -> DataTypeCounts:
    """Deequ looks at the texts that cells of other types are cast to; NaN and Infinity are no numbers there."""
    counts = feature.data_types
    moments = feature.moments
    if feature.column_type is ColumnType.FRACTIONAL and moments is not None:
        return DataTypeCounts(
            missing=moments.missing,
            fractional=moments.count,
            text=moments.nan + moments.positive_infinite + moments.negative_infinite,
        )
    return counts


def list_type_counts(types: DataTypeCounts) -> tuple[int, ...]:
    """The cells of each of Deequ's types, in the order of `DATA_TYPES`."""
    return types.missing, types.fractional, types.integral, types.boolean, types.text


def _not_counted(feature: FeatureProfile) -> NeedsSecondScan:
    return NeedsSecondScan(f"the values of {feature.name!r}, a {feature.column_type.value} column, are not counted")


def with_extremes(sketch: KllSketch, moments: Moments) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All values in order, NaN last, and how many each of them stands for."""
    values, cumulative = sketch.step_cdf()
    weights = np.diff(cumulative, prepend=0)
    values = np.concatenate(([-np.inf], values, [np.inf, np.nan]))
    weights = np.concatenate(([moments.negative_infinite], weights, [moments.positive_infinite, moments.nan]))
    occurring = weights > 0
    return values[occurring], weights[occurring]


def explain_refused_second_scan(reason: NeedsSecondScan) -> str:
    """The failure of an analyzer that would need one."""
    return f"{reason}; allow another scan by {SECOND_SCAN_FLAG}"


def choose_plain_names(columns: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Other names for those of `columns` that Deequ's scan takes for a path (`a.b`), unlike any of the `taken` ones."""
    names = set(taken)
    aliases: dict[str, str] = {}
    for column in sorted({column for column in columns if re.search(r"[.`]", column)}):
        alias = re.sub(r"[.`]", "_", column)
        # `a.b` beside a column `a_b`
        while alias in names:
            alias += "_"
        names.add(alias)
        aliases[column] = alias
    return aliases
