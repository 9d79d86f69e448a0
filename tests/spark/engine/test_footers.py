"""The schemas of Parquet files are read by executors, and by the driver where a footer is long or a file large."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from spark_model_monitor.spark.engine import table_files
from spark_model_monitor.spark.engine.table_files import FOOTER_BYTES, read_files_with_schemas


@pytest.mark.parametrize("large_bytes", [0, 2**20])
def test_each_file_has_its_schema(spark, tmp_path, monkeypatch, large_bytes):
    monkeypatch.setattr(table_files, "MAX_TASK_FILE_BYTES", large_bytes)
    wide = {f"c{number}": [0.5] for number in range(500)}
    (tmp_path / "inner").mkdir()
    (tmp_path / "empty.parquet").write_bytes(b"")
    for name, columns in {"a.parquet": {"a": [1]}, "inner/b.parquet": wide, "_c.parquet": {"a": ["x"]}}.items():
        parquet.write_table(pa.table(columns), tmp_path / name)
    names = ["a.parquet", "inner/b.parquet"]

    files_with_schemas = read_files_with_schemas(spark, [str(tmp_path)])

    assert (tmp_path / "inner/b.parquet").stat().st_size > FOOTER_BYTES
    assert [file.path for file, _ in files_with_schemas] == [f"file:{tmp_path}/{name}" for name in names]
    assert [schema for _, schema in files_with_schemas] == [parquet.read_schema(tmp_path / name) for name in names]


def test_a_damaged_file_is_an_error_of_the_driver(spark, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + b"\0" * 20 + b"PAR1")

    with pytest.raises((pa.ArrowException, OSError)):
        read_files_with_schemas(spark, [str(tmp_path)])
