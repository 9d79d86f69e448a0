"""Files that somebody writes or deletes while a job reads them: no row of them is lost in silence.

Each file changes after an engine has listed it and before it opens it.
"""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrameReader
from tests.rotation import every_combination
from tests.spark_lines import on_a_jvm
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.engine import local_files
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

ROWS = 400
TEXT = "a,b\n" + "".join(f"{row},{row % 7}.5\n" for row in range(ROWS))


def write_csv(path):
    path.with_suffix(".csv").write_text(TEXT)


def write_compressed(path):
    path.with_suffix(".csv.gz").write_bytes(gzip.compress(TEXT.encode()))


def write_captures(path):
    lines = [encode_line(captured(f"{path.name}-{row}")) for row in range(ROWS)]
    path.with_suffix(".jsonl").write_bytes(b"\n".join([*lines, b""]))


def write_parquet(path):
    pq.write_table(pa.table({"a": range(ROWS), "b": [row % 7 for row in range(ROWS)]}), path.with_suffix(".parquet"))


WRITERS = (write_csv, write_compressed, write_captures, write_parquet)


def remove_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def truncate(path):
    path.write_bytes(b"")


def append_copy(path):
    path.write_bytes(path.read_bytes() * 2)


@pytest.fixture(params=["local", pytest.param("spark", marks=on_a_jvm("files are listed when they are read"))])
def read(request, spark, tmp_path, monkeypatch):
    """A baseline of three files that `write` wrote, of which `change` changes the second between listing and reading."""

    def change_after_listing(owner, name, change):
        listed = getattr(owner, name)

        def list_and_change(*arguments, **options):
            listing = listed(*arguments, **options)
            change()
            return listing

        monkeypatch.setattr(owner, name, list_and_change)

    def read_changed(write, change):
        for number in range(3):
            write(tmp_path / str(number))
        second = sorted(tmp_path.iterdir())[1]
        if request.param == "local":
            owner = local_files
            names = ["list_files"]
        else:
            owner = DataFrameReader
            names = ["text", "load"]
        for name in names:
            change_after_listing(owner, name, lambda: change(second))
        if request.param == "local":
            engine = {"engine": "local"}
        else:
            engine = {"engine": "spark", "spark": spark}
        form = None
        if write is write_captures:
            form = "capture"
        return run_baseline(str(tmp_path), DataQualityMonitor(), dataset_format=form, **engine).statistics

    return read_changed


@every_combination(write=WRITERS, change=[remove_half, truncate, Path.unlink])
def test_a_file_that_loses_rows_while_it_is_read_fails_the_run(read, write, change):
    with pytest.raises(BadInput, match=r"/1\.\S+: had [\d,]+ bytes when it was listed and (is gone|has [\d,]+ now)"):
        read(write, change)


@pytest.mark.parametrize("write", [write_compressed, write_parquet])
def test_a_file_that_is_replaced_by_a_longer_one_fails_the_run(read, write):
    with pytest.raises(BadInput, match="run again when nothing writes or deletes there"):
        read(write, append_copy)


@pytest.mark.parametrize("write", [write_csv, write_captures])
def test_of_text_that_grows_the_listed_rows_are_read_and_the_rest_is_reported(read, write, caplog):
    changes = []

    def append_copy_once(path):
        changes.append(path)
        if len(changes) == 1:
            append_copy(path)

    with caplog.at_level(logging.WARNING):
        statistics = read(write, append_copy_once)

    assert 3 * ROWS <= statistics.dataset.item_count <= 3 * ROWS + 1
    assert "1 of 3 files grew while they were read" in caplog.text


def test_files_that_come_while_others_are_read_are_no_fault(read):
    def write_another(path):
        (path.parent / "9.csv").write_text(TEXT)

    assert read(write_csv, write_another).dataset.item_count == 3 * ROWS
