"""The state that Deequ would have made for one analyzer of a user's check, from what our scan gathered.

Here Deequ's view of a value is followed to the letter, since a user who writes a Deequ check means it: NaN is present, and
the sum, mean and maximum of a column with NaN are NaN. (In our own documents NaN is missing.) Driver only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model_monitor.documents.json_text import java_double
from model_monitor.monitors.user_checks.checks import Served, Source
from model_monitor.spark.deequ.jvm import Deequ
from model_monitor.spark.deequ.sketches import kll_state, quantile_state
from model_monitor.statistics.states.data_types import DataTypeCounts
from model_monitor.statistics.states.distinct import DistinctBuilder, DistinctRegisters
from model_monitor.statistics.states.hashing import xxhash64_of
from model_monitor.statistics.states.moments import Moments
from model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from model_monitor.statistics.states.kll import KllSketch

COUNT_COLUMN = "com_amazon_deequ_dq_metrics_count"
"""The column of counts in a FrequenciesAndNumRows. Source: Analyzers.COUNT_COL of Deequ 2.1.0."""

NULL_VALUE = "NullValue"
"""What Deequ's Histogram counts nulls as. Source: Histogram.NullFieldReplacement of Deequ 2.1.0."""


class NeedsSecondScan(Exception):
    """The scan's states turned out not to answer an analyzer; the text says why."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one scan found, and Deequ to hand it to.

    matches: rows in which each predicate of the plan was true.
    """

    spark: SparkSession
    deequ: Deequ
    profile: Profile
    matches: Mapping[str, int]

    def state_of(self, served: Served, column: str) -> Any | None:
        """The Java state for an analyzer, or None where Deequ has an empty one: no rows, or none but nulls.

        column: what the analyzer's Java object calls its column.

        Raises NeedsSecondScan if values were dropped, or the sketch is less sure than asked for.
        """
        if served.source is Source.PREDICATES:
            return self._counted(served)
        name = served.analyzer.name
        if name == "Size":
            return self.deequ["analyzers.NumMatches"](self.profile.item_count)
        feature = self.profile.feature(served.analyzer.columns[0])
        if served.source is Source.FREQUENCIES:
            return self._frequencies(served, column, feature)
        if name in _OF_A_FEATURE:
            return _OF_A_FEATURE[name](self.deequ, feature)
        if feature.moments is None or feature.vectors is not None or not rows_of(feature.moments):
            return None
        if name == "ApproxQuantile":
            return self._quantiles(served, feature, feature.moments)
        if name == "KLLSketch":
            return self._kll(feature, feature.moments)
        return _OF_MOMENTS[name](self.deequ, deequ_moments(feature.moments))

    def _counted(self, served: Served) -> Any | None:
        counts = matching_and_counted(served, self.profile, self.matches)
        if counts is None:
            return None
        if served.analyzer.name == "Size":
            return self.deequ["analyzers.NumMatches"](counts[0])
        return self.deequ["analyzers.NumMatchesAndCount"](*counts, self.deequ.none)

    def _kll(self, feature: FeatureProfile, moments: Moments) -> Any | None:
        """The sketch of the finite values; Deequ's own can't be computed with others among them."""
        if feature.kll is None or not moments.count:
            return None
        return kll_state(self.deequ, feature.kll, moments.minimum, moments.maximum)

    def _quantiles(self, served: Served, feature: FeatureProfile, moments: Moments) -> Any:
        return quantile_state(self.deequ, sure_sketch(served, feature), moments, served.analyzer.relative_error or 0.0)

    def _frequencies(self, served: Served, column: str, feature: FeatureProfile) -> Any:
        """The counts by value as Deequ's FrequenciesAndNumRows, over a small frame made on the driver."""
        from pyspark.sql.types import LongType, StringType, StructField, StructType

        counts = counts_by_value(served, feature, self.profile.item_count)
        schema = StructType([StructField(column, StringType()), StructField(COUNT_COLUMN, LongType())])
        frame = self.spark.createDataFrame(list(counts.items()), schema).coalesce(1)
        return self.deequ["analyzers.FrequenciesAndNumRows"](frame._jdf, sum(counts.values()), self.deequ.none)


def matching_and_counted(served: Served, profile: Profile, matches: Mapping[str, int]) -> tuple[int, int] | None:
    """Rows that an analyzer served from PREDICATES counts, and those among which it does; None if it has none to judge."""

    def rows(predicate: str | None) -> int:
        return profile.item_count if predicate is None else matches[predicate]

    if not profile.item_count or (
        served.analyzer.name != "Size" and not (rows(served.counted) and rows(served.judged))
    ):
        return None
    return rows(served.matching), rows(served.counted)


def sure_sketch(served: Served, feature: FeatureProfile) -> KllSketch:
    """The sketch of a numeric feature. Raises NeedsSecondScan if it is less sure than asked for."""
    wanted = served.analyzer.relative_error or 0.0
    assert feature.kll is not None  # a numeric feature has moments and a sketch
    if feature.kll.error > wanted:
        raise NeedsSecondScan(f"of so many values a sketch is sure to {feature.kll.error:.4f} only, not to {wanted}")
    return feature.kll


def counts_by_value(served: Served, feature: FeatureProfile, rows: int) -> dict[str, int]:
    """How often each value occurs among so many rows. Raises NeedsSecondScan if they were not counted apart.

    Deequ's Histogram counts nulls as a value; its grouping analyzers leave them out, of the number of rows too.
    """
    counts = _as_spark_prints(_counts_of(feature), feature)
    nulls = rows - sum(counts.values())
    if served.analyzer.name == "Histogram" and nulls:
        counts[NULL_VALUE] = counts.get(NULL_VALUE, 0) + nulls
    return counts


@dataclass(frozen=True, slots=True)
class DeequMoments:
    """Moments of all values that are not null, NaN and infinities included, as Spark's aggregates have them."""

    count: int
    sum: float
    mean: float
    m2: float
    minimum: float
    maximum: float


def deequ_moments(moments: Moments) -> DeequMoments:
    """`moments` with NaN and infinities put back in.

    Source: Spark 3.5's sum, stddev_pop, min and max, for which NaN is larger than any other value.
    """
    infinite = moments.positive_infinite + moments.negative_infinite
    specials = infinite + moments.nan
    if not specials:
        return DeequMoments(moments.count, moments.sum, moments.mean, moments.m2, moments.minimum, moments.maximum)
    total = math.nan
    if not moments.nan and not (moments.positive_infinite and moments.negative_infinite):
        total = math.inf if moments.positive_infinite else -math.inf
    inside = [moments.minimum, moments.maximum] if moments.count else []
    finite_and_infinite = (
        [-math.inf] * (moments.negative_infinite > 0) + inside + [math.inf] * (moments.positive_infinite > 0)
    )
    return DeequMoments(
        count=rows_of(moments),
        sum=total,
        mean=math.nan,
        m2=math.nan,
        minimum=min(finite_and_infinite, default=math.nan),
        maximum=math.nan if moments.nan else max(finite_and_infinite),
    )


def rows_of(moments: Moments) -> int:
    """Values that are not null."""
    return moments.present + moments.nan


def _nan_of(feature: FeatureProfile) -> int:
    """NaN among the cells. Moments of texts count what is no number as NaN, which is present."""
    return feature.moments.nan if feature.moments is not None and feature.column_type is ColumnType.FRACTIONAL else 0


def present_and_rows(feature: FeatureProfile) -> tuple[int, int]:
    """Cells that are not null, and all of them."""
    rows = feature.data_types.total
    return rows - feature.num_missing + _nan_of(feature), rows  # NaN is no null


def registers_of(feature: FeatureProfile) -> DistinctRegisters:
    """What the distinct values of a feature are estimated from. Raises NeedsSecondScan if they were not looked at."""
    distinct = feature.distinct
    if distinct is None:
        if feature.data_types.total:
            raise _not_counted(feature)
        distinct = DistinctRegisters()
    if _nan_of(feature):  # the scan leaves NaN out, Deequ counts it as one value
        nan = DistinctBuilder()
        nan.update(xxhash64_of(np.array([math.nan])))
        distinct += nan.state()
    return distinct


def types_of(feature: FeatureProfile) -> DataTypeCounts:
    """Deequ looks at the texts that cells of other types are cast to; NaN and Infinity are no numbers there."""
    counts, moments = feature.data_types, feature.moments
    if feature.column_type is ColumnType.FRACTIONAL and moments is not None:
        return DataTypeCounts(
            missing=moments.missing,
            fractional=moments.count,
            text=moments.nan + moments.positive_infinite + moments.negative_infinite,
        )
    return counts


def _completeness(deequ: Deequ, feature: FeatureProfile) -> Any | None:
    present, rows = present_and_rows(feature)
    return deequ["analyzers.NumMatchesAndCount"](present, rows, deequ.none) if rows else None


def _approx_count_distinct(deequ: Deequ, feature: FeatureProfile) -> Any:
    return deequ["analyzers.ApproxCountDistinctState"](deequ.longs(registers_of(feature).words()))


def _data_type(deequ: Deequ, feature: FeatureProfile) -> Any:
    counts = types_of(feature)
    histogram = deequ["analyzers.DataTypeHistogram"]
    return histogram(counts.missing, counts.fractional, counts.integral, counts.boolean, counts.text)


_OF_A_FEATURE: dict[str, Callable[[Deequ, FeatureProfile], Any | None]] = {
    "Completeness": _completeness,
    "ApproxCountDistinct": _approx_count_distinct,
    "DataType": _data_type,
}

_OF_MOMENTS: dict[str, Callable[[Deequ, DeequMoments], Any]] = {
    "Mean": lambda deequ, found: deequ["analyzers.MeanState"](found.sum, found.count),
    "Sum": lambda deequ, found: deequ["analyzers.SumState"](found.sum),
    "StandardDeviation": lambda deequ, found: deequ["analyzers.StandardDeviationState"](
        float(found.count), found.mean, found.m2
    ),
    "Minimum": lambda deequ, found: deequ["analyzers.MinState"](found.minimum, deequ.none),
    "Maximum": lambda deequ, found: deequ["analyzers.MaxState"](found.maximum, deequ.none),
}


def _counts_of(feature: FeatureProfile) -> Mapping[str, int]:
    """The exact counts of a feature's values. Raises NeedsSecondScan if there are none."""
    if feature.frequencies is None and feature.data_types.total:
        raise _not_counted(feature)
    if feature.frequencies is None:
        return {}
    if not feature.frequencies.exact:
        limit = feature.frequencies.limit
        raise NeedsSecondScan(f"{feature.name!r} has more than {limit:,} distinct values, too many to count apart")
    return feature.frequencies.counts


def _not_counted(feature: FeatureProfile) -> NeedsSecondScan:
    return NeedsSecondScan(f"the values of {feature.name!r}, a {feature.column_type.value} column, are not counted")


def _as_spark_prints(counts: Mapping[str, int], feature: FeatureProfile) -> dict[str, int]:
    """Counts by value with the text that Spark casts the value to, NaN among them."""
    if feature.column_type is not ColumnType.FRACTIONAL:
        return dict(counts)
    printed = {java_double(float(key)): count for key, count in counts.items()}
    if _nan_of(feature):
        printed["NaN"] = _nan_of(feature)
    return printed
