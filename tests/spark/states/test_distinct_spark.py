"""Registers and estimates of distinct counts are those of Spark's approx_count_distinct and of Deequ's analyzer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.spark_lines import driver_context

from spark_model_monitor.statistics.states import DistinctBuilder, DistinctRegisters
from spark_model_monitor.statistics.states.distinct import BIASES, LINEAR_COUNTING_LIMIT, RAW_ESTIMATES

CARDINALITIES = sorted(
    {0, 1, 2, 3, 5, 10, 50, 100, 200, 300, 350, 369, 375, 390, 399, 400, 401, 410, 450, 512, 700, 1000}
    | {int(count) for count in np.geomspace(1100, 200_000, 30)}
)


@pytest.fixture
def compute_registers(spark):
    """`compute_registers(frame)` are the registers of the hashes that Spark computes of the column `value`."""

    def registers(frame) -> DistinctRegisters:
        hashes = frame.where("value is not null").selectExpr("xxhash64(value) as hash").toPandas()["hash"]
        builder = DistinctBuilder()
        builder.update(hashes.to_numpy(dtype=np.int64).view(np.uint64))
        return builder.state()

    return registers


def test_estimates_equal_approx_count_distinct_at_every_size(spark):
    largest = max(CARDINALITIES)
    frame = spark.range(0, largest, 1, 1)
    hashes = frame.selectExpr("xxhash64(id) as hash").toPandas()["hash"].to_numpy().view(np.uint64)
    columns = [f"approx_count_distinct(case when id < {count} then id end, 0.05)" for count in CARDINALITIES]

    estimates = []
    for count in CARDINALITIES:
        builder = DistinctBuilder()
        builder.update(hashes[:count])
        estimates.append(builder.state().estimate())

    assert estimates == list(frame.selectExpr(*columns).first())


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("concat('customer ', id % 7)", id="few texts"),
        pytest.param("md5(cast(id as string))", id="unique texts"),
        pytest.param("cast(randn(5) as float)", id="floats"),
        pytest.param("cast(id % 1000 as decimal(10, 2))", id="decimals"),
        pytest.param("case when id % 3 = 0 then null else id % 600 end", id="with nulls"),
    ],
)
def test_any_column_is_estimated_as_by_spark(spark, compute_registers, expression):
    frame = spark.range(0, 20_000, 1, 4).selectExpr(f"{expression} as value").cache()
    try:
        expected = frame.selectExpr("approx_count_distinct(value, 0.05)").first()[0]
        assert compute_registers(frame).estimate() == expected
    finally:
        frame.unpersist()


@pytest.mark.deequ
@pytest.mark.parametrize("rows", [0, 10, 400, 500, 800, 1300, 100_000])
def test_words_are_what_deequ_computes_its_metric_from(spark, compute_registers, rows):
    registers = compute_registers(spark.range(rows).selectExpr("id as value"))
    words = spark._sc._gateway.new_array(spark._jvm.long, 52)
    for index, word in enumerate(registers.words()):
        words[index] = word

    state = spark._jvm.com.amazon.deequ.analyzers.ApproxCountDistinctState(words)

    assert state.metricValue() == float(registers.estimate_of_deequ())


def test_the_bias_tables_are_sparks(spark):
    helper = driver_context()._jvm.org.apache.spark.sql.catalyst.util.HyperLogLogPlusPlusHelper

    assert list(helper.RAW_ESTIMATE_DATA()[9 - 4]) == RAW_ESTIMATES.tolist()
    assert list(helper.BIAS_DATA()[9 - 4]) == BIASES.tolist()
    assert helper.THRESHOLDS()[9 - 4] == LINEAR_COUNTING_LIMIT
