"""The evidence for users' checks in the states, with Deequ's view of values: NaN is present, for example. Pure.

Deequ's definitions are followed exactly, because a user who writes a Deequ check expects them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from spark_model_monitor.documents.json_text import format_java_double
from spark_model_monitor.monitors.user_checks.check_plan import (
    SECOND_SCAN_FLAG,
    Analyzer,
    Source,
    choose_source,
    list_conditions,
)
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.data_types import DataTypeCounts
from spark_model_monitor.statistics.states.distinct import DistinctBuilder, DistinctRegisters
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.statistics.states.kll import KllSketch

NULL_VALUE = "NullValue"
"""The value as which Deequ's Histogram counts nulls. Source: Histogram.NullFieldReplacement of Deequ 2.1.0."""


class NeedsSecondScan(Exception):
    """The scan's states can't answer an analyzer; the text says why."""


@value_class
class RowFraction:
    """The rows that an analyzer counts, and the rows among which it counts."""

    matching: int
    rows: int


@value_class
class SketchedNumbers:
    """The distribution of a column's numbers."""

    sketch: KllSketch
    moments: Moments


Evidence: TypeAlias = "RowFraction | DistinctRegisters | DataTypeCounts | Mapping[str, int] | Moments | SketchedNumbers"


def find_evidence(analyzer: Analyzer, profile: Profile, matches: Mapping[str, int]) -> Evidence | None:
    """The evidence for an analyzer's metric in a scan; None if Deequ's state is empty, because there are no rows or only
    nulls.

    matches: for each predicate of the plan, the number of rows in which it is true.

    Raises NeedsSecondScan if values were dropped, or the sketch is less precise than requested.
    """
    source = choose_source(analyzer)
    if source is Source.PREDICATES:
        return _count_rows(analyzer, profile, matches)
    name = analyzer.name
    if name == "Size":
        return RowFraction(profile.item_count, profile.item_count)
    feature = profile.feature(analyzer.columns[0])
    if source is Source.FREQUENCIES:
        return _count_by_value(analyzer, feature, profile.item_count)
    if name == "Completeness":
        # The cells that aren't null, and all cells; NaN isn't null
        rows = feature.data_types.total
        if not rows:
            return None
        return RowFraction(rows - feature.num_missing + _count_nan(feature), rows)
    if name == "ApproxCountDistinct":
        return _find_distinct_registers(feature)
    if name == "DataType":
        return _count_deequ_types(feature)
    # The moments of vectors are about their elements, which Deequ's analyzers don't use
    moments = feature.moments
    if moments is None or feature.vectors is not None or not (moments.present + moments.nan):
        return None
    sketch = feature.kll
    if name == "ApproxQuantile":
        requested_error = analyzer.relative_error or 0.0
        assert sketch is not None  # a numeric feature has both moments and a sketch
        if sketch.error > requested_error:
            raise NeedsSecondScan(
                f"of so many values a sketch is sure to {sketch.error:.4f} only, not to {requested_error}"
            )
        return SketchedNumbers(sketch, moments)
    if name == "KLLSketch":  # only finite values are in the sketch; Deequ's own fails if there are others
        if sketch is None or not moments.count:
            return None
        return SketchedNumbers(sketch, moments)
    return _compute_deequ_moments(moments)


def _count_rows(analyzer: Analyzer, profile: Profile, matches: Mapping[str, int]) -> RowFraction | None:
    all_rows = profile.item_count
    conditions = list_conditions(analyzer)
    matching, counted, judged = (all_rows if condition is None else matches[condition] for condition in conditions)
    # Deequ's state is empty if no row can be judged, except for Size, which is 0
    if not all_rows or (analyzer.name != "Size" and not (counted and judged)):
        return None
    return RowFraction(matching, counted)


def _count_by_value(analyzer: Analyzer, feature: FeatureProfile, rows: int) -> dict[str, int]:
    """How often each value occurs among `rows` rows. Raises NeedsSecondScan if the values were not counted exactly.

    Deequ's Histogram counts nulls as a value; its grouping analyzers leave nulls out, also from the number of rows.
    """
    frequencies = feature.frequencies
    counts: dict[str, int] = {}
    if frequencies is None and feature.data_types.total:
        raise _create_uncounted_error(feature)
    # Without a present cell, there are no values to count
    if frequencies is not None:
        # Above the limit of distinct values, counts are only known within a bound
        if not frequencies.exact:
            limit = frequencies.limit
            raise NeedsSecondScan(f"{feature.name!r} has more than {limit:,} distinct values, too many to count apart")
        counts |= frequencies.counts
    # Numbers as the texts to which Spark casts them, including NaN
    if feature.column_type is ColumnType.FRACTIONAL:
        counts = {format_java_double(float(key)): count for key, count in counts.items()}
        if _count_nan(feature):
            counts["NaN"] = _count_nan(feature)
    nulls = rows - sum(counts.values())
    # If the data has Deequ's text for null as a value, both are counted together
    if analyzer.name == "Histogram" and nulls:
        counts[NULL_VALUE] = counts.get(NULL_VALUE, 0) + nulls
    return counts


def _compute_deequ_moments(moments: Moments) -> Moments:
    """The moments of all values that aren't null, including NaN and infinities, as in Spark's aggregates.

    Source: Spark 3.5's sum, stddev_pop, min and max, for which NaN is larger than any other value.
    """
    if not (moments.positive_infinite or moments.negative_infinite or moments.nan):
        return moments
    # The sum of both infinities is NaN, and so is any sum with NaN
    total = math.inf if moments.positive_infinite else -math.inf
    if moments.nan or (moments.positive_infinite and moments.negative_infinite):
        total = math.nan
    # The scan's minimum and maximum are those of finite values
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
    """The number of NaNs among the cells. In a text column, moments count texts that aren't numbers as NaN, so the result
    is 0.
    """
    if feature.moments is not None and feature.column_type is ColumnType.FRACTIONAL:
        return feature.moments.nan
    return 0


def _find_distinct_registers(feature: FeatureProfile) -> DistinctRegisters:
    """The registers from which distinct values are estimated. Raises NeedsSecondScan if the values were not hashed."""
    distinct = feature.distinct
    if distinct is None:
        # A column with only nulls has no registers and needs none
        if feature.data_types.total:
            raise _create_uncounted_error(feature)
        distinct = DistinctRegisters()
    if _count_nan(feature):  # the scan leaves NaN out, but Deequ counts it as a value
        nan = DistinctBuilder()
        nan.update(xxhash64(np.array([math.nan])))
        distinct += nan.state()
    return distinct


def _count_deequ_types(feature: FeatureProfile) -> DataTypeCounts:
    """The counts of Deequ's types. Deequ casts cells of other types to text, and then NaN and Infinity aren't numbers."""
    moments = feature.moments
    if feature.column_type is ColumnType.FRACTIONAL and moments is not None:
        return DataTypeCounts(
            missing=moments.missing,
            fractional=moments.count,
            text=moments.nan + moments.positive_infinite + moments.negative_infinite,
        )
    return feature.data_types


def list_type_counts(types: DataTypeCounts) -> tuple[int, ...]:
    """The number of cells of each of Deequ's types, in the order of `DATA_TYPES`."""
    return types.missing, types.fractional, types.integral, types.boolean, types.text


def _create_uncounted_error(feature: FeatureProfile) -> NeedsSecondScan:
    return NeedsSecondScan(f"the values of {feature.name!r}, a {feature.column_type.value} column, are not counted")


def list_weighted_values(sketch: KllSketch, moments: Moments) -> tuple[Doubles, Integers]:
    """All values in order, with NaN last, and the weight of each."""
    values, cumulative = sketch.step_cdf()
    weights = np.diff(cumulative, prepend=0)
    values = np.concatenate(([-np.inf], values, [np.inf, np.nan]))
    weights = np.concatenate(([moments.negative_infinite], weights, [moments.positive_infinite, moments.nan]))
    occurring = weights > 0
    return values[occurring], weights[occurring]


def explain_refused_second_scan(reason: NeedsSecondScan) -> str:
    """The failure message of an analyzer that needs a second scan."""
    return f"{reason}; allow another scan by {SECOND_SCAN_FLAG}"


def choose_plain_names(columns: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Aliases for those of `columns` whose names Deequ's scan would take for a path (`a.b`), different from all `taken`
    names.
    """
    names = set(taken)
    aliases: dict[str, str] = {}
    for column in sorted(set(columns)):
        alias = re.sub(r"[.`]", "_", column)
        if alias == column:
            continue
        # The alias of `a.b` may be the name of another column, `a_b`
        while alias in names:
            alias += "_"
        names.add(alias)
        aliases[column] = alias
    return aliases
