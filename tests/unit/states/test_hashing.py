"""Spark's xxhash64 in numpy: known values, types, and what has no hash. Whole columns are compared in tests/spark."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64

# printed by Spark 3.5.9: select xxhash64(1), xxhash64(1L), …
KNOWN = [
    pytest.param(pa.array([1], pa.int32()), -6698625589789238999, id="int"),
    pytest.param(pa.array([1], pa.int64()), -7001672635703045582, id="bigint"),
    pytest.param(pa.array([-1], pa.int8()), 2017008487422258757, id="tinyint"),
    pytest.param(pa.array([True]), -6698625589789238999, id="boolean"),
    pytest.param(pa.array([0.5]), 3031145945194818975, id="double"),
    pytest.param(pa.array([0.5], pa.float32()), 1706067048701417306, id="float"),
    pytest.param(pa.array([datetime.date(1970, 1, 2)]), -6698625589789238999, id="date"),
    pytest.param(pa.array([1_000_001], pa.timestamp("us", "UTC")), 3820966419640776858, id="timestamp"),
    pytest.param(pa.array([-0.0]), -5252525462095825812, id="negative zero"),
    pytest.param(pa.array([float("nan")]), -3127944061524951246, id="NaN"),
]


@pytest.mark.parametrize(("values", "expected"), KNOWN)
def test_known_hashes(values, expected):
    assert xxhash64(values).view(np.int64).tolist() == [expected]


def test_timestamps_hash_as_microseconds_whatever_their_unit():
    micro = pa.array([2_000_000], pa.timestamp("us"))

    for unit, ticks in [("s", 2), ("ms", 2000), ("ns", 2_000_000_000)]:
        assert xxhash64(pa.array([ticks], pa.timestamp(unit))) == xxhash64(micro)


def test_nulls_are_left_out_and_slices_hash_like_copies():
    values = pa.array([7, None, 8, None, 9], pa.int64())
    present = pa.array([7, 8, 9], pa.int64())
    nothing = pa.array([None], pa.float64())

    assert xxhash64(values).tolist() == xxhash64(present).tolist()
    assert xxhash64(values[2:]).tolist() == xxhash64(present[1:]).tolist()
    assert len(xxhash64(nothing)) == 0


def test_numpy_and_arrow_hash_alike_and_values_stay_as_they_were():
    values = np.array([1.5, -0.0, np.nan, 1e300])
    before = values.tobytes()

    assert xxhash64(values).tolist() == xxhash64(pa.array(values)).tolist()
    assert values.tobytes() == before


def test_few_texts_hash_as_they_do_among_many():
    texts = pa.array([f"{'né-7 '[: size % 6]}{'x' * size}" for size in range(40)])
    hashes = hash_texts(texts).tolist()

    assert [hash_texts(texts.slice(start, 1)).tolist()[0] for start in range(40)] == hashes
    assert [hash_ for start in range(0, 40, 5) for hash_ in hash_texts(texts[start : start + 5])] == hashes


@pytest.mark.parametrize(
    "values",
    [pa.array(["1"]), pa.array([b"1"]), pa.array([1], pa.uint32()), np.array(["1"])],
    ids=["text", "bytes", "unsigned", "numpy text"],
)
def test_other_types_are_refused(values):
    with pytest.raises(TypeError, match="have no hash here; hash them with Spark's xxhash64"):
        xxhash64(values)
