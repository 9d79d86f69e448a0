"""How wide data is: columns that meet a baseline's names, and batches as small as the columns that a scan reads together."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading import paths, readers
from spark_model_monitor.data.reading.formats import CsvFormat, ParquetFormat, ReadOptions

COLUMNS = 3_000
GROUPS = 7


def test_the_rows_of_a_batch_are_those_of_the_columns_of_a_group(tmp_path, monkeypatch):
    parquet.write_table(pa.table({f"x{number}": [1.5] for number in range(COLUMNS)}), tmp_path / "wide.parquet")
    monkeypatch.setattr(readers, "column_groups", lambda columns, sizes: GROUPS)
    engine = LocalEngine()

    dataset = readers.set_for_width(engine, paths.read_path(engine, str(tmp_path), ParquetFormat()))

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
