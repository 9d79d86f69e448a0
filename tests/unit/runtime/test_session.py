"""The settings of a session that depend on the data."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from model_monitor.runtime.session import batch_by_width, partition_by_size

MIB = 1024 * 1024


@pytest.fixture
def spark():
    """What is asked of a session here: a version, and settings that can be set."""
    settings: dict[str, str] = {}
    return SimpleNamespace(version="4.0.1", settings=settings, conf=SimpleNamespace(set=settings.__setitem__))


@pytest.mark.parametrize(
    ("total", "share"),
    [
        (0, 16 * MIB),
        (30 * MIB, 30 * MIB),
        (40 * MIB, 20 * MIB),
        (100 * MIB, 50 * MIB),
        (130 * MIB, 32.5 * MIB),
        (256 * MIB, 32 * MIB),
        (800 * MIB, 100 * MIB),
        (64_000 * MIB, 128 * MIB),
        (256_000 * MIB, 128 * MIB),
        (512_000 * MIB, 256 * MIB),
    ],
)
def test_partitions_are_a_function_of_the_bytes_alone(spark, total, share):
    size = partition_by_size(spark, total)

    assert share <= size <= share * 65 / 64 + 1
    assert spark.settings == {"spark.sql.files.maxPartitionBytes": str(size)}


@pytest.mark.parametrize(
    ("columns", "rows", "parquet_rows"),
    [(0, 32_768, 4096), (1, 32_768, 4096), (13, 32_768, 4096), (1_000, 1_048, 1_048), (100_000, 64, 512)],
)
def test_a_batch_has_about_a_million_cells(spark, columns, rows, parquet_rows):
    assert batch_by_width(spark, columns) == rows
    assert spark.settings == {
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(rows),
        "spark.sql.parquet.columnarReaderBatchSize": str(parquet_rows),
    }


@pytest.mark.parametrize(("line_bytes", "rows"), [(450, 32_768), (100_000, 671), (10 * MIB, 64)])
def test_a_batch_of_lines_takes_at_most_about_64_megabytes(spark, line_bytes, rows):
    assert batch_by_width(spark, 21, line_bytes) == rows
