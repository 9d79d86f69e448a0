"""A wide table is read in batches as small as the columns that a scan reads together."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import parquet

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading import paths
from spark_model_monitor.data.reading.formats import ParquetFormat

COLUMNS = 3_000
GROUPS = 7


def test_the_rows_of_a_batch_are_those_of_the_columns_of_a_group(tmp_path, monkeypatch):
    parquet.write_table(pa.table({f"x{number}": [1.5] for number in range(COLUMNS)}), tmp_path / "wide.parquet")
    monkeypatch.setattr(paths, "column_groups", lambda columns, sizes: GROUPS)
    engine = LocalEngine()

    dataset = paths.set_for_width(engine, paths.read_path(engine, str(tmp_path), ParquetFormat()))

    assert dataset.column_groups == GROUPS
    assert engine.rows == partitions.batch_rows(COLUMNS // GROUPS + 1)
