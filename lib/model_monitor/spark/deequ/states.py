"""The state that Deequ would have made for one analyzer of a user's check, from what our scan gathered.

Here Deequ's view of a value is followed to the letter, since a user who writes a Deequ check means it: NaN is present, and
the sum, mean and maximum of a column with NaN are NaN. (In our own documents NaN is missing.) Driver only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_monitor.monitors.user_checks.answers import (
    DeequMoments,
    counts_by_value,
    deequ_moments,
    matching_and_counted,
    present_and_rows,
    registers_of,
    rows_of,
    sure_sketch,
    types_of,
)
from model_monitor.monitors.user_checks.checks import Served, Source
from model_monitor.spark.deequ.jvm import Deequ
from model_monitor.spark.deequ.sketches import kll_state, quantile_state
from model_monitor.statistics.states.moments import Moments
from model_monitor.statistics.states.profile import FeatureProfile, Profile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


COUNT_COLUMN = "com_amazon_deequ_dq_metrics_count"
"""The column of counts in a FrequenciesAndNumRows. Source: Analyzers.COUNT_COL of Deequ 2.1.0."""


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
