"""The metrics of a user's checks where Deequ is not: from the same states by its formulas, and without one in its words.

Deequ lists the numeric types in another order in every process, here they have one. Driver only.
Source: `computeMetricFrom` and `preconditions` of the analyzers of Deequ 2.1.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from model_monitor.documents.json_text import java_double
from model_monitor.monitors.user_checks.answers import (
    DeequMoments,
    counts_by_value,
    deequ_moments,
    matching_and_counted,
    plain_names,
    present_and_rows,
    registers_of,
    rows_of,
    sure_sketch,
    types_of,
    with_extremes,
)
from model_monitor.monitors.user_checks.checks import Analyzer, Served, Source
from model_monitor.monitors.user_checks.checks_json import DATA_TYPES, FORMS
from model_monitor.statistics.states.profile import ColumnType, FeatureProfile, Profile

_NUMERIC = "LongType,org.apache.spark.sql.types.DecimalType,IntegerType,DoubleType,ByteType,FloatType,ShortType"
_NESTED = {ColumnType.VECTOR: "ArrayType(DoubleType,true)", ColumnType.NESTED: "ArrayType(StringType,true)"}
_OTHERS = {ColumnType.BOOLEAN: "BooleanType", ColumnType.DATE: "DateType", ColumnType.TIMESTAMP: "TimestampType"}
_WITH_OPTIONS = {"Completeness", "Minimum", "Maximum", "Uniqueness", "UniqueValueRatio", "Compliance", "PatternMatch"}


class NoMetric(Exception):
    """An analyzer has no metric; the text is Deequ's failure."""


def number_of(served: Served, profile: Profile, matches: Mapping[str, int], data_type: str | None) -> float:
    """The metric of an analyzer. data_type: of DataType, the type whose share it is.

    Raises NoMetric where Deequ's metric is a failure, NeedsSecondScan if the states turn out not to answer it.
    """
    name, columns = served.analyzer.name, served.analyzer.columns
    if served.source is Source.PREDICATES:
        counts = matching_and_counted(served, profile, matches)
        if counts is None:
            raise _empty(served.analyzer, profile)
        return float(counts[0]) if name == "Size" else counts[0] / counts[1]
    if name == "Size":
        return float(profile.item_count)
    feature = profile.feature(columns[0])
    if name == "ApproxCountDistinct":
        return float(registers_of(feature).estimate_of_deequ())
    if served.source is Source.FREQUENCIES:
        counted = counts_by_value(served, feature, profile.item_count)
        if not counted and name not in ("CountDistinct", "Histogram"):
            raise _empty(served.analyzer, profile)
        return _OF_COUNTS[name](np.array(list(counted.values())))
    if name in ("Completeness", "DataType"):
        return _share(feature, profile, data_type)
    _require_number(feature, profile)
    if feature.moments is None or not rows_of(feature.moments):
        raise _empty(served.analyzer, profile)
    if name == "ApproxQuantile":
        return _quantile(served, feature)
    return _OF_MOMENTS[name](deequ_moments(feature.moments))


def _share(feature: FeatureProfile, profile: Profile, data_type: str | None) -> float:
    if found := _NESTED.get(feature.column_type):
        raise NoMetric(f"Unsupported nested column type of column {_name_in_deequ(feature.name, profile)}: {found}!")
    if data_type is None:
        present, rows = present_and_rows(feature)
        return present / rows
    each = types_of(feature)
    counts = (each.missing, each.fractional, each.integral, each.boolean, each.text)
    return counts[DATA_TYPES.index(data_type)] / each.total


def _quantile(served: Served, feature: FeatureProfile) -> float:
    """The first value whose rank is as near as the values' weights allow. Source: QuantileSummaries.query of Spark 3.5."""
    wanted, error = served.analyzer.quantile or 0.0, served.analyzer.relative_error or 0.0
    assert feature.moments is not None
    values, weights = with_extremes(sure_sketch(served, feature), feature.moments)
    if wanted <= error or len(values) == 1:
        return float(values[0])
    ranks, off = np.cumsum(weights), int(weights.max()) // 2
    near = np.flatnonzero(np.abs(ranks - math.ceil(wanted * int(ranks[-1]))) <= off)
    return float(values[near[0]] if len(near) and wanted < 1 - error else values[-1])


def _require_number(feature: FeatureProfile, profile: Profile) -> None:
    if feature.is_numeric or feature.column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL):
        return
    name, found = _name_in_deequ(feature.name, profile), {**_NESTED, **_OTHERS}.get(feature.column_type, "StringType")
    raise NoMetric(f"Expected type of column {name} to be one of ({_NUMERIC}), but found {found} instead!")


def _empty(analyzer: Analyzer, profile: Profile) -> NoMetric:
    column = "".join(_name_in_deequ(column, profile) for column in analyzer.columns)
    numbers = [java_double(each) for each in (analyzer.quantile, analyzer.relative_error) if each is not None]
    of = [
        analyzer.instance,
        f"List({column})" if "columns" in FORMS[analyzer.name].required else column or analyzer.expression,
    ]
    where = f"Some({analyzer.where})" if analyzer.where else "None"
    options = ["List()"] * (analyzer.name == "Compliance") + ["None"] * (analyzer.name in _WITH_OPTIONS)
    shown = ",".join(each for each in [*of, analyzer.pattern, *numbers, where, *options] if each is not None)
    return NoMetric(f"Empty state for analyzer {analyzer.name}({shown}), all input values were NULL.")


def _name_in_deequ(column: str, profile: Profile) -> str:
    return plain_names([column], [feature.name for feature in profile.features]).get(column, column)


_OF_MOMENTS: Mapping[str, Callable[[DeequMoments], float]] = {
    "Mean": lambda found: found.sum / found.count,
    "Sum": lambda found: found.sum,
    "StandardDeviation": lambda found: math.sqrt(found.m2 / found.count),
    "Minimum": lambda found: found.minimum,
    "Maximum": lambda found: found.maximum,
}

_OF_COUNTS: Mapping[str, Callable[[NDArray[np.int64]], float]] = {
    "Uniqueness": lambda counts: float((counts == 1).sum() / counts.sum()),
    "Distinctness": lambda counts: float(len(counts) / counts.sum()),
    "UniqueValueRatio": lambda counts: float((counts == 1).mean()),
    "CountDistinct": lambda counts: float(len(counts)),
    "Entropy": lambda counts: float(-(counts / counts.sum() * np.log(counts / counts.sum())).sum()),
    "Histogram": lambda counts: float(len(counts)),
}
