"""Distances with ties summed are Deequ 2.1.0's own, of sketches that Deequ's own scan made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.spark.states.deequ_sketches import read_sketch, scan_sketch
from tests.spark_lines import on_spark_3

from spark_model_monitor.statistics.drift import NumericDistribution, compare_categorical, compare_numeric

pytestmark = [pytest.mark.deequ, pytest.mark.nightly]

NUMERIC = {
    "a shifted normal": ("randn(1)", "0.3 + randn(2)"),
    "a flag": ("int(rand(1) < 0.1)", "int(rand(2) < 0.9)"),
    "many zeros": (
        "case when rand(1) < 0.8 then 0 else randn(3) end",
        "case when rand(2) < 0.6 then 0 else randn(4) end",
    ),
    "few distinct values": ("floor(rand(1) * 5)", "floor(rand(2) * 7)"),
    "the same constant": ("3.5", "3.5"),
    "nothing in common": ("randn(1)", "100 + randn(2)"),
}
CATEGORICAL = {
    "a swap": ({"a": 800, "b": 150, "c": 50}, {"a": 150, "b": 800, "c": 50}),
    "one is new": ({"a": 700, "b": 300}, {"a": 66, "b": 29, "c": 5}),
    "one is lost": ({"a": 500, "b": 400, "c": 100}, {"a": 60, "b": 40}),
    "small ones are joined": (
        {"a": 400, "b": 300, "c": 200, "d": 60, "e": 20, "f": 11, "g": 6, "h": 3},
        {"a": 41, "b": 30, "c": 17, "d": 6, "e": 3, "f": 1, "g": 1, "h": 1, "i": 12},
    ),
    "exactly a fifth is small": (
        {"a": 400, "b": 300, "c": 140, "d": 120, "e": 40},
        {"a": 38, "b": 30, "c": 16, "d": 12, "e": 4},
    ),
    "many": ({str(i): 2000 // (i + 1) for i in range(200)}, {str(i): 300 // (i % 50 + 1) for i in range(200)}),
    "only one": ({"a": 12}, {"a": 3}),
    "nothing in common": ({"a": 10, "b": 5}, {"c": 7, "d": 8}),
}


@pytest.fixture
def deequs(spark) -> Any:
    """Deequ's object Distance."""
    return getattr(getattr(spark._jvm.com.amazon.deequ.analyzers, "Distance$"), "MODULE$")


@pytest.fixture
def sketched(spark):
    """`sketched(expression, rows)` is the sketch of Deequ's own scan, and its items by level."""

    def scanned(expression: str, rows: int) -> tuple[Any, list[np.ndarray]]:
        frame = spark.range(0, rows, 1, 1).selectExpr(f"double({expression}) as value")
        state = scan_sketch(spark, frame)
        return state.qSketch(), list(read_sketch(spark, state).levels)

    return scanned


@pytest.fixture
def counted(spark):
    """`counted(counts)` is a Scala map of String to Long. py4j would make small counts an Integer, so SQL makes them."""
    converters = spark._jvm.scala.collection.JavaConverters

    def convert_counts(counts: dict[str, int]) -> Any:
        entries = ", ".join(f"'{name}', {count}L" for name, count in counts.items())
        java_map = spark.sql(f"select map({entries})")._jdf.head().getJavaMap(0)
        return converters.mapAsScalaMapConverter(java_map).asScala()

    return convert_counts


@on_spark_3("Deequ 2.0.15 loses equal items of a sketch in Distance")
@pytest.mark.parametrize(("method", "is_simple"), [("Simple", True), ("Robust", False)])  # the flag is inverted
@pytest.mark.parametrize(("baseline", "current"), NUMERIC.values(), ids=NUMERIC)
def test_numeric_distances_are_deequs(spark, deequs, sketched, baseline, current, method, is_simple):
    baseline_sketch, baseline_levels = sketched(baseline, 30_000)
    current_sketch, current_levels = sketched(current, 5_000)
    baseline_distribution = NumericDistribution(baseline_levels)
    current_distribution = NumericDistribution(current_levels)

    comparison = compare_numeric(baseline_distribution, current_distribution, method=method)

    nothing = spark._jvm.scala.Option.empty()
    deequ = deequs.numericalDistance(baseline_sketch, current_sketch, is_simple, nothing)
    assert comparison.distance == pytest.approx(deequ, abs=1e-12)


@pytest.mark.parametrize(("baseline", "current"), CATEGORICAL.values(), ids=CATEGORICAL)
def test_categorical_distances_are_deequs(spark, deequs, counted, baseline, current):
    method = getattr(spark._jvm.com.amazon.deequ.analyzers, "Distance$LInfinityMethod")
    linfinity = method(spark._jvm.scala.Option.empty())
    current_counts = counted(current)
    baseline_counts = counted(baseline)

    deequ = deequs.categoricalDistance(current_counts, baseline_counts, False, linfinity)

    assert compare_categorical(baseline, current).distance == pytest.approx(deequ, abs=1e-12)


@pytest.mark.parametrize(("baseline", "current"), CATEGORICAL.values(), ids=CATEGORICAL)
def test_chi_squared_is_deequs(spark, deequs, counted, baseline, current):
    chi_squared = getattr(spark._jvm.com.amazon.deequ.analyzers, "Distance$ChisquareMethod")(5, 0.2, 10)

    statistic = deequs.categoricalDistance(counted(current), counted(baseline), True, chi_squared)
    p = deequs.categoricalDistance(counted(current), counted(baseline), False, chi_squared)

    comparison = compare_categorical(baseline, current, method="ChiSquared")
    if comparison.distance is None:
        assert np.isnan(p)
    else:
        assert comparison.statistic == pytest.approx(statistic, rel=1e-12)
        assert comparison.distance == pytest.approx(p, abs=1e-12)
