"""A KLL sketch of ours is Deequ's, bit for bit: made in one partition, merged, and asked for ranks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from tests.spark.states.deequ_sketches import read_sketch, scan_sketch

from spark_model_monitor.statistics.states import KllBuilder, KllSketch
from spark_model_monitor.statistics.states.kll import count_ranks

pytestmark = pytest.mark.deequ

COLUMNS = {
    "normal": "randn(7)",
    "few distinct values": "floor(rand(7) * 5)",
    "constant": "3.5",
    "ascending": "double(id)",
    "descending": "double(-id)",
    "zeros of both signs": "case when rand(7) < 0.4 then double('-0.0') when rand(8) < 0.6 then 0.0 else randn(9) end",
    "heavy tailed": "exp(20 * randn(7))",
}


@pytest.fixture
def column(spark):
    """`column(expression, rows)` is a frame of one double column `value` in one partition, and its values in order."""

    def make_column(expression: str, rows: int):
        frame = spark.range(0, rows, 1, 1).selectExpr(f"double({expression}) as value")
        return frame, frame.toPandas()["value"].to_numpy()

    return make_column


@pytest.fixture
def scanned_by_deequ(spark):
    """`scanned_by_deequ(frame, k, c)` is the state that Deequ's own scan of the column `value` makes."""
    return partial(scan_sketch, spark)


@pytest.fixture
def taken_back(spark):
    """`taken_back(state)` is the sketch inside a KLLState of Deequ, as ours."""
    return partial(read_sketch, spark)


def build_sketch(values: np.ndarray, k: int = 2048, c: float = 0.64) -> KllSketch:
    builder = KllBuilder(k, c)
    for start in range(0, len(values), 8192):
        builder.update(values[start : start + 8192])
    return builder.state()


@pytest.mark.parametrize("expression", COLUMNS.values(), ids=COLUMNS)
def test_a_sketch_of_one_partition_is_deequs(column, scanned_by_deequ, taken_back, expression):
    frame, values = column(expression, 20_000)

    assert build_sketch(values) == taken_back(scanned_by_deequ(frame))


@pytest.mark.parametrize("rows", [1, 2049, 2050, 2051, 5000, 12_345, 100_000])
def test_compactions_come_when_deequs_come(column, scanned_by_deequ, taken_back, rows):
    frame, values = column("randn(7)", rows)

    assert build_sketch(values) == taken_back(scanned_by_deequ(frame))


@pytest.mark.parametrize(("k", "c"), [(64, 0.64), (100, 0.5), (2048, 0.9), (1, 0.3)])
def test_other_parameters_compact_as_deequ_does(column, scanned_by_deequ, taken_back, k, c):
    frame, values = column("randn(7)", 30_000)

    assert build_sketch(values, k, c) == taken_back(scanned_by_deequ(frame, k, c))


@pytest.mark.parametrize(
    ("left_rows", "right_rows"),
    [
        pytest.param(1500, 200, id="both uncompacted, the sum fits"),
        pytest.param(2000, 50, id="both uncompacted, the sum is exactly full"),
        pytest.param(2000, 2000, id="both uncompacted, the sum does not fit"),
        pytest.param(100, 60_000, id="the right one is higher"),
        pytest.param(60_000, 100, id="the left one is higher"),
        pytest.param(50_001, 49_998, id="both high, odd numbers of values"),
    ],
)
def test_a_sum_is_deequs_merge(column, scanned_by_deequ, taken_back, left_rows, right_rows):
    left_frame, left = column("randn(1)", left_rows)
    right_frame, right = column("2 * randn(2)", right_rows)

    merged = scanned_by_deequ(left_frame).sum(scanned_by_deequ(right_frame))

    assert build_sketch(left) + build_sketch(right) == taken_back(merged)


def test_a_merged_sketch_goes_on_as_deequs_does(column, scanned_by_deequ, taken_back):
    frames, values = zip(*(column(f"{seed} + randn({seed})", 15_000) for seed in range(1, 7)), strict=True)

    total = build_sketch(values[0])
    deequs = scanned_by_deequ(frames[0])
    for frame, part in zip(frames[1:], values[1:], strict=True):
        total = total + build_sketch(part)
        deequs = deequs.sum(scanned_by_deequ(frame))

    assert total == taken_back(deequs)


def test_ranks_are_deequs(column, scanned_by_deequ):
    frame, values = column("round(randn(7), 2)", 50_000)
    sketch = build_sketch(values)
    deequs = scanned_by_deequ(frame).qSketch()

    for value in [-9.0, -1.28, -0.005, 0.0, 0.67, 1.0, 9.0]:
        assert count_ranks(sketch.step_cdf(), [value], "right") == [deequs.getRank(value)]
        assert count_ranks(sketch.step_cdf(), [value], "left") == [deequs.getRankExclusive(value)]
