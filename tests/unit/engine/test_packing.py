"""The bound of partitions holds for Spark's way of packing files, told here once more."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.data.engine.partitions import OPEN_COST_BYTES, max_partition_count
from spark_model_monitor.spark.launch.request import read_properties

MIB = 2**20


def packed(sizes, partition_bytes):
    """Partitions as FilePartition.getFilePartitions makes them: the largest pieces first, each into the last partition or a
    new one."""
    pieces = []
    for size in sizes:
        pieces += [partition_bytes] * (size // partition_bytes) + [size % partition_bytes] * (
            size % partition_bytes > 0
        )
    partitions = 0
    packed_bytes = 0
    for piece in sorted(pieces, reverse=True):
        if partitions == 0 or packed_bytes + piece > partition_bytes:
            partitions = partitions + 1
            packed_bytes = 0
        packed_bytes += piece + OPEN_COST_BYTES
    return partitions


def test_jobs_are_submitted_with_what_the_bound_counts_on():
    settings = read_properties(Path(__file__).resolve().parents[3] / "conf" / "spark-defaults.conf")

    assert settings["spark.sql.files.openCostInBytes"] == str(OPEN_COST_BYTES)


@given(st.lists(st.integers(1, 100 * MIB), max_size=60), st.sampled_from([MIB, 32 * MIB, 128 * MIB]))
def test_there_are_never_more_partitions(sizes, partition_bytes):
    assert packed(sizes, partition_bytes) <= max_partition_count(sizes, partition_bytes, OPEN_COST_BYTES)


@pytest.mark.parametrize(
    ("sizes", "at_most"),
    [
        pytest.param([], 0, id="no files"),
        pytest.param([100 * MIB], 4, id="one file of four pieces"),
        # 614 MB with what they cost are 18.3 partitions; no two neighbours fit into one
        pytest.param([45_000] * 10_000, 37, id="ten thousand small files"),
    ],
)
def test_the_bound_is_near(sizes, at_most):
    assert max_partition_count(sizes, 32 * MIB, OPEN_COST_BYTES) == at_most
