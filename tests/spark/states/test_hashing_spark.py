"""xxhash64 in numpy is Spark's, type by type, so that registers made on executors are those of approx_count_distinct."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.spark.engine.spark import collected
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64

NUMBERS = {
    "boolean": "id % 3 = 0",
    "tinyint": "cast(id % 256 - 128 as tinyint)",
    "smallint": "cast(id * 6 - 32768 as smallint)",
    "int": "cast(id * 429497 - 2147483648 as int)",
    "bigint": "(id - 5000) * 1844674407370955",
    "float": "cast(randn(3) as float)",
    "double": "randn(3) * exp(100 * randn(4))",
    "date": "date_add(date'1969-06-01', cast(id as int))",
    "timestamp": "timestamp_micros(id * 86399999999 - 400000000000000)",
}
SPECIAL = ["double('NaN')", "double('-0.0')", "0.0d", "double('Infinity')", "double('-Infinity')", "4.9e-324d", "-1.0d"]


@pytest.fixture
def hashed_by_spark(spark):
    """`hashed_by_spark(expression, type)` is the column's values as Arrow has them, and Spark's hashes of the present ones."""

    def hashed(expression: str, rows: int = 10_000) -> tuple[pa.Array, np.ndarray]:
        frame = spark.range(0, rows, 1, 1).selectExpr(f"{expression} as value")
        table = pa.Table.from_batches(collected(frame.selectExpr("value", "xxhash64(value) as hash")))
        values = table.column("value").combine_chunks()
        hashes = table.column("hash").combine_chunks()
        return values, hashes.filter(values.is_valid()).to_numpy().view(np.uint64)

    return hashed


@pytest.mark.parametrize("expression", NUMBERS.values(), ids=NUMBERS)
def test_every_type_of_fixed_width_hashes_as_in_spark(hashed_by_spark, expression):
    values, hashes = hashed_by_spark(expression)

    assert np.array_equal(xxhash64(values), hashes)


@pytest.mark.parametrize("expression", NUMBERS.values(), ids=NUMBERS)
def test_nulls_have_no_hash(hashed_by_spark, expression):
    values, hashes = hashed_by_spark(f"case when id % 5 = 0 then null else {expression} end", rows=1000)

    assert len(hashes) == 800  # Spark itself gives a null its seed, 42
    assert np.array_equal(xxhash64(values), hashes)


@pytest.mark.parametrize("width", ["double", "float"])
def test_special_floats_hash_as_in_spark(hashed_by_spark, width):
    for special in SPECIAL:
        values, hashes = hashed_by_spark(f"cast({special} as {width})", rows=1)
        assert np.array_equal(xxhash64(values), hashes), special


def test_every_nan_and_both_zeros_are_one_value_each_as_in_approx_count_distinct(spark):
    bits = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000, 0, 1 << 63], dtype=np.uint64)

    hashes = xxhash64(bits.view(np.float64))

    distinct = spark.sql(
        "select approx_count_distinct(value, 0.05) from values (double('NaN')), (0.0d), (-0.0d) as (value)"
    )
    assert len(set(hashes.tolist())) == distinct.first()[0] == 2


def test_texts_of_every_length_hash_as_in_spark(hashed_by_spark):
    texts, hashes = hashed_by_spark("substr(repeat(concat(id, 'é, 😀 x'), 20), 1, cast(id % 130 as int))", rows=2_000)

    assert np.array_equal(hash_texts(texts), hashes)
