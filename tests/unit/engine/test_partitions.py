"""How data is cut: by what it is alone."""

from __future__ import annotations

import pickle
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.local_files import Piece, read_lines_of_piece
from spark_model_monitor.data.engine.partitions import choose_batch_lines, column_groups, group_by_size, parse_size
from spark_model_monitor.data.engine.workers import MAX_EXAMINED_JOB_BYTES, _runs_only_package_code
from spark_model_monitor.data.reading.scripts import Script, run_handler
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.plugins import cloudpickle
from spark_model_monitor.spark.engine.spark import SparkEngine

MIB = 1024 * 1024


@pytest.fixture
def session():
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
def test_partitions_are_a_function_of_the_bytes_alone(session, total, share):
    size = SparkEngine(session).set_partition_size(total)

    assert share <= size <= share * 65 / 64 + 1
    assert session.settings == {"spark.sql.files.maxPartitionBytes": str(size)}


@pytest.mark.parametrize(
    ("columns", "file_mebibytes", "groups"),
    [
        pytest.param(250, [800], 1, id="as many as are read together"),
        pytest.param(251, [800], 2, id="one more"),
        pytest.param(1_000, [80] * 10, 4, id="a wide table"),
        pytest.param(20_000, [800], 8, id="a very wide one"),
        pytest.param(1_000, [15] * 100, 1, id="files that are not worth opening twice"),
        pytest.param(1_000, [16] * 100, 2, id="files that are"),
        pytest.param(1_000, [1, 79], 4, id="files that are so on average"),
        pytest.param(1_000, [], 1, id="no files"),
        pytest.param(0, [80], 1, id="no columns"),
    ],
)
def test_wide_tables_are_read_in_groups_of_columns_if_their_files_are_worth_opening_again(
    columns, file_mebibytes, groups
):
    assert column_groups(columns, [size * MIB for size in file_mebibytes]) == groups


def test_a_partition_of_a_group_of_columns_has_as_many_more_rows(session):
    narrow = SparkEngine(session).set_partition_size(800 * MIB)

    assert SparkEngine(session).set_partition_size(800 * MIB, groups=4) == 4 * narrow
    assert session.settings == {"spark.sql.files.maxPartitionBytes": str(4 * narrow)}


@pytest.mark.parametrize(
    ("columns", "rows", "parquet_rows"),
    [
        (0, 32_768, 4096),
        (1, 32_768, 4096),
        (13, 32_768, 4096),
        (250, 4_194, 524),
        (1_000, 1_048, 512),
        (100_000, 64, 512),
    ],
)
def test_a_batch_has_about_a_million_cells_and_one_of_parquet_an_eighth(session, columns, rows, parquet_rows):
    assert SparkEngine(session).set_batch_size(columns) == rows
    assert session.settings == {
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(rows),
        "spark.sql.parquet.columnarReaderBatchSize": str(parquet_rows),
    }


@pytest.mark.parametrize(("line_bytes", "rows"), [(450, 32_768), (100_000, 671), (10 * MIB, 64)])
def test_a_batch_of_lines_takes_at_most_about_64_megabytes(session, line_bytes, rows):
    assert SparkEngine(session).set_batch_size(21, line_bytes) == rows


def test_a_batch_of_rows_takes_about_4_mebibytes():
    assert choose_batch_lines(0) == 32_768
    assert choose_batch_lines(128) == 32_768
    assert choose_batch_lines(129) == 32_513
    assert choose_batch_lines(65_537) == 64


def test_a_group_ends_with_the_item_that_fills_it():
    assert list(group_by_size(["abc", "defg", "h"], 7, len)) == [["abc", "defg"], ["h"]]
    assert list(group_by_size(["abc", "hijklmnopq"], 7, len)) == [["abc", "hijklmnopq"]]
    assert list(group_by_size([], 7, len)) == []


def test_sizes_of_a_session_are_read():
    assert parse_size("128MB") == 2**27
    assert parse_size("4194304b") == 2**22
    assert parse_size("7") == 7
    assert parse_size(" 3k ") == 3072
    assert parse_size("2t") == 2**41


@pytest.mark.parametrize("size", [None, "", "1.5g", "2x"])
def test_what_is_no_size_is_an_error(size):
    with pytest.raises(BadConfiguration, match="write it like 128MB"):
        parse_size(size)


PIECE = partial(read_lines_of_piece, Piece("file:/data/x.csv", 0, 9), names=("__line",), max_rows=9)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (PIECE, True),
        (partial(PIECE, np.arange(3), pa.array(["a"])), True),
        (partial(run_handler, Script("handler.py", "def preprocess_handler(record): ..."), None), False),
        (lambda: PIECE, False),
        (partial(PIECE, bytes(MAX_EXAMINED_JOB_BYTES)), False),
    ],
    ids=["lines", "arrays", "a script", "a function of a user", "a large one"],
)
def test_pandas_is_hidden_from_processes_that_run_nobody_elses_code(job, expected):
    """A script may hand `pd.NA` to Arrow, which knows it only if it found pandas."""
    assert _runs_only_package_code(cloudpickle().dumps(job, pickle.HIGHEST_PROTOCOL)) is expected


def test_a_package_that_is_called_nearly_as_one_of_ours_is_somebody_elses(monkeypatch):
    package = ModuleType("numpyro")
    exec("def sample(): ...", vars(package))
    package.sample.__module__ = "numpyro"
    monkeypatch.setitem(sys.modules, "numpyro", package)

    assert not _runs_only_package_code(pickle.dumps(partial(PIECE, package.sample)))
