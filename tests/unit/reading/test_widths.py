"""How wide data is: columns that meet a baseline's names, and batches as small as the columns that a scan reads together."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading import format_readers, paths
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ParquetFormat, ReadOptions

COLUMNS = 3_000
GROUPS = 7


def test_the_rows_of_a_batch_are_those_of_the_columns_of_a_group(tmp_path, monkeypatch):
    parquet.write_table(pa.table({f"x{number}": [1.5] for number in range(COLUMNS)}), tmp_path / "wide.parquet")
    monkeypatch.setattr(format_readers, "column_groups", lambda columns, sizes: GROUPS)
    engine = LocalEngine()

    dataset = format_readers.configure_for_width(engine, paths.read_path(engine, str(tmp_path), ParquetFormat()))

    assert dataset.column_groups == GROUPS
    assert engine.rows == partitions.batch_rows(COLUMNS // GROUPS + 1)


@pytest.mark.parametrize(
    ("baseline_names", "names"),
    [
        pytest.param(("age", "plan"), ("_c0", "_c1", "_c2"), id="of another number of columns: none"),
        pytest.param(("age", "plan", "paid"), ("age", "plan", "paid"), id="of as many: theirs, by position"),
    ],
)
def test_columns_without_names_get_those_of_a_baseline_of_as_many(tmp_path, baseline_names, names):
    (tmp_path / "rows.csv").write_text("31,basic,7\n44,gold,9\n")

    options = ReadOptions(names=baseline_names)
    dataset = paths.read_path(LocalEngine(), str(tmp_path), CsvFormat(header=False), options)

    assert dataset.names == names


@pytest.mark.parametrize(("length", "names"), [(64, [f"x.{number}" for number in range(64)]), (65, ["x"])])
def test_an_array_of_a_captured_row_has_up_to_64_columns(tmp_path, length, names):
    line = captured(json.dumps({"id": 7, "x": [0.5] * length}), None, encoding="JSON")
    (tmp_path / "a.jsonl").write_bytes(encode_line(line))
    engine = LocalEngine()
    captures = list_captures(engine, str(tmp_path))
    dataset = read_captures(engine, captures, CaptureFormat(), ReadOptions(flatten_json=True))

    assert dataset.names == ("id", *names)
