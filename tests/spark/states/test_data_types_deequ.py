"""Cells are classified as by Deequ's DataType analyzer in the JAR, cell by cell and as a column."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states import DataTypeCounts

pytestmark = pytest.mark.deequ


@pytest.fixture
def counted_by_deequ(spark):
    """`counted_by_deequ(cells)` are the counts that Deequ's DataType analyzer finds, and the type it infers of them."""
    analyzers = spark._jvm.com.amazon.deequ.analyzers
    none = spark._jvm.scala.Option.empty()

    def counted(cells: list[str | None]) -> tuple[DataTypeCounts, str]:
        frame = spark.createDataFrame([(cell,) for cell in cells], "value string")
        type_counts = analyzers.DataType("value", none).computeStateFrom(frame._jdf, none).get()
        inferred = analyzers.DataTypeHistogram.determineType(analyzers.DataTypeHistogram.toDistribution(type_counts))
        counts = DataTypeCounts(
            missing=type_counts.numNull(),
            integral=type_counts.numIntegral(),
            fractional=type_counts.numFractional(),
            boolean=type_counts.numBoolean(),
            text=type_counts.numString(),
        )
        return counts, inferred.toString()

    return counted


def generate_cells(alphabet: list[str], seed: int) -> list[str | None]:
    rng = random.Random(seed)
    return ["".join(rng.choices(alphabet, k=rng.randint(0, 5))) for _ in range(3000)] + [None]


@pytest.mark.parametrize(
    "alphabet",
    [
        pytest.param(["0", "7", "12", ".", "-", "+", " ", "e", "E"], id="parts of numbers"),
        pytest.param(["1", "\n", "\t", "٣", "é", "\u00a0", ","], id="blanks and other scripts"),
        pytest.param(["true", "false", "True", "1", " "], id="booleans"),
    ],
)
def test_any_cells_are_counted_as_by_deequ(counted_by_deequ, alphabet):
    for seed in range(3):
        cells = generate_cells(alphabet, seed)
        assert DataTypeCounts.of(pa.array(cells)) == counted_by_deequ(cells)[0]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2"],
        ["1", "2.0"],
        ["1", "x"],
        ["1", "true"],
        ["2.5", None],
        [None, None],
        ["true", None, "false"],
        ["", "1"],
    ],
    ids=str,
)
def test_a_columns_type_is_deequs_with_booleans_as_strings(counted_by_deequ, cells):
    _, inferred = counted_by_deequ(cells)

    assert DataTypeCounts.of(pa.array(cells, pa.string())).inferred_type() == inferred.replace("Boolean", "String")
