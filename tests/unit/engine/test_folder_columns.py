"""Folders such as `day=2026-01-01` are columns without Spark, with the types that Spark infers."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor import DataQualityMonitor, ParquetFormat, read_data, run_baseline, run_monitoring
from spark_model_monitor.data.engine.folder_columns import NO_VALUE, read_folder_columns
from spark_model_monitor.errors import NeedsSpark


@pytest.mark.parametrize(
    ("texts", "data_type", "values"),
    [
        (["1", "02"], pa.int32(), [1, 2]),
        (["1", "-3000000000"], pa.int64(), [1, -3_000_000_000]),
        (["1", "0.5"], pa.float64(), [1.0, 0.5]),
        (["2026-01-01", "2026-02-28"], pa.date32(), [date(2026, 1, 1), date(2026, 2, 28)]),
        (["2026-01-01", "2026-02-30"], pa.string(), ["2026-01-01", "2026-02-30"]),
        (["1", "a%20b"], pa.string(), ["1", "a b"]),
        (["1", NO_VALUE], pa.int32(), [1, None]),
        ([NO_VALUE], pa.string(), [None]),
    ],
)
def test_a_column_has_the_type_of_all_its_values(texts, data_type, values):
    paths = [f"file:/t/k={text}/p.parquet" for text in texts]
    fields, values_by_path = read_folder_columns(paths, ["file:/t"])

    assert fields == [pa.field("k", data_type)]
    assert [values_by_path[path]["k"] for path in paths] == values


@pytest.mark.parametrize(
    "folders", [["k=1", "j=1"], ["k=1", "."], ["k=2026-01-01 08:00:00"], ["k=12345678901234567890"], ["k=NaN"]]
)
def test_what_only_spark_infers_needs_it(folders):
    paths = [f"file:/t/{folder}/p.parquet" for folder in folders]
    with pytest.raises(NeedsSpark):
        read_folder_columns(paths, ["file:/t"])


def test_folders_above_what_is_read_are_no_columns():
    fields, _ = read_folder_columns(["file:/t/k=1/p.parquet"], ["file:/t/k=1"])
    assert fields == []


def write_table(folder, days):
    for day in days:
        partition = folder / f"day={day}" / "shop=eu"
        partition.mkdir(parents=True)
        table = pa.table({"n": range(200)})
        pq.write_table(table, partition / "p.parquet")
    return folder


def test_a_partition_is_compared_with_its_table_without_spark(tmp_path):
    table = write_table(tmp_path / "table", ["2026-01-01", "2026-01-02"])
    monitor = DataQualityMonitor(find_causes=False)
    with read_data(table, dataset_format=ParquetFormat(), engine="local") as data:
        assert data.names == ("n", "day", "shop")
    baseline = run_baseline(table, monitor, engine="local")
    assert [feature.completeness for feature in baseline.constraints.features] == [1.0, 1.0, 1.0]

    window = write_table(tmp_path / "next", ["2026-01-03"]) / "day=2026-01-03"
    findings = run_monitoring(window, monitor, baseline, engine="auto")
    assert findings.count == 0


@pytest.mark.parametrize("folder", ["table", "table/day=2026-01-01"])
def test_a_users_own_column_of_changes_is_a_column_like_others(folder, tmp_path):
    (tmp_path / folder).mkdir(parents=True)
    changes = pa.table({"_change_type": ["insert", "delete", "update_preimage"], "n": [1, 2, 3]})
    pq.write_table(changes, tmp_path / folder / "part.parquet")

    with read_data(tmp_path / "table", dataset_format=ParquetFormat(), engine="local") as data:
        rows = pa.Table.from_batches(data.table.batches())

    assert rows.column("c1").to_pylist() == [1, 2, 3]
