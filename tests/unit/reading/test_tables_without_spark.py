"""Tables of Delta and Iceberg on the engine without a JVM: which rows a version has, by the libraries' own writers."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from itertools import pairwise

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.utils.config import Config

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.data_reader import find_reason_for_spark
from spark_model_monitor.data.reading.formats import DELTA, ReadOptions, TableFormat, parse_dataset_format
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.reading.versioned_tables import group_file_times, list_commits
from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency, NeedsSpark, NoData, NotRecorded

RECORDED = {"delta.enableChangeDataFeed": "true"}


def numbers(*values, **more):
    return pa.table({"id": pa.array(values, pa.int64()), **more})


def read(dataset_format, path="", **options):
    """The rows as columns by name, and the version."""
    dataset = read_path(LocalEngine(processes=1), str(path), dataset_format, ReadOptions(**options))
    batches = dataset.table.batches()
    columns = {
        name: [value for batch in batches for value in batch.column(index).to_pylist()]
        for index, name in enumerate(dataset.names)
    }
    return columns, dataset.version


@pytest.fixture
def delta(tmp_path):
    """1, 2 and 3 in version 0, 4 in version 1; 1 is deleted by version 2, 5 is appended by version 3."""
    path = tmp_path / "events"
    deltalake.write_deltalake(path, numbers(1, 2, 3), configuration=RECORDED)
    deltalake.write_deltalake(path, numbers(4), mode="append")
    deltalake.DeltaTable(path).delete("id = 1")
    deltalake.write_deltalake(path, numbers(5), mode="append")
    return path


@pytest.mark.parametrize(
    ("options", "rows", "version"),
    [
        pytest.param({}, [2, 3, 4, 5], (3, None), id="newest"),
        pytest.param({"as_of": 1}, [1, 2, 3, 4], (1, None), id="as of a version"),
        pytest.param({"since": 0}, [4, 5], (3, 0), id="appended, whatever was deleted"),
        pytest.param({"since": 0, "as_of": 2}, [4], (2, 0), id="appended up to a version"),
    ],
)
def test_a_table_of_delta_is_read_as_of_a_version_and_the_data_set_names_it(delta, options, rows, version):
    columns, read_version = read(DELTA, delta, **options)

    assert sorted(columns["id"]) == rows
    assert (read_version.name, read_version.version, read_version.since) == (f"delta.`file:{delta}`", *version)


def test_a_table_of_delta_has_its_partitions_values_and_columns_that_came_later(tmp_path):
    path = tmp_path / "orders"
    deltalake.write_deltalake(path, numbers(1, 2, day=["a", "b"]), partition_by=["day"])
    later = numbers(3, day=["b"], amount=[0.5])
    deltalake.write_deltalake(path, later, mode="append", schema_mode="merge", partition_by=["day"])

    columns, _ = read(DELTA, path)
    assert sorted(zip(*columns.values(), strict=True)) == [(1, "a", None), (2, "b", None), (3, "b", 0.5)]


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"as_of": 9}, BadConfiguration, "has no version 9; its versions are 0, of "),
        ({"as_of": datetime(2020, 1, 1, tzinfo=timezone.utc)}, BadConfiguration, "has no version 2020-01-01"),
        ({"since": 2, "as_of": 1}, BadConfiguration, "had version 2 after version 1"),
        ({"since": 3}, NoData, "nothing was appended to delta"),
        ({"since": 1, "as_of": 2}, NoData, "nothing was appended to delta"),  # there are only deletions
    ],
)
def test_what_a_table_of_delta_has_not_is_reported_as_on_spark(delta, options, error, sentence):
    with pytest.raises(error, match=sentence):
        read(DELTA, delta, **options)


def test_a_file_that_was_cleaned_away_is_named(delta):
    for file in delta.glob("*.parquet"):
        file.unlink()

    with pytest.raises(BadInput, match=r"\.parquet: is damaged"):
        read(DELTA, delta)


def test_values_of_partitions_may_hold_any_sign(tmp_path):
    deltalake.write_deltalake(tmp_path, numbers(1, 2, day=["a b/ü%", "c=d"]), partition_by=["day"])

    columns, _ = read(DELTA, tmp_path)
    assert sorted(zip(*columns.values(), strict=True)) == [(1, "a b/ü%"), (2, "c=d")]


def test_without_a_record_of_changes_appends_can_be_distinguished_and_updates_can_not(tmp_path):
    deltalake.write_deltalake(tmp_path, numbers(1, day=["a"]), partition_by=["day"])
    deltalake.write_deltalake(tmp_path, numbers(2, 3, day=["a", "b c"]), mode="append", partition_by=["day"])
    columns, _ = read(DELTA, tmp_path, since=0)
    assert sorted(zip(*columns.values(), strict=True)) == [(2, "a"), (3, "b c")]
    deltalake.DeltaTable(tmp_path).update(updates={"id": "9"}, predicate="id = 2")

    with pytest.raises(NotRecorded, match="version 2: what was appended .* delta.enableChangeDataFeed is true"):
        read(DELTA, tmp_path, since=0)


def test_commits_are_reported_with_what_they_follow_and_one_second_apart_at_least(delta, iceberg):
    table = f"delta.`{delta}`"
    deltalake.write_deltalake(delta, numbers(7), mode="overwrite")
    commits = list_commits(LocalEngine(), table)

    assert [(commit.version, commit.since) for commit in commits] == [(0, None), (1, 0), (2, 1), (3, 2), (4, None)]
    assert all((after.time - before.time).total_seconds() >= 1 for before, after in pairwise(commits))
    snapshots = [snapshot.snapshot_id for snapshot in iceberg.history()]
    assert [(commit.version, commit.since) for commit in list_commits(LocalEngine(), "shop.db.events")] == [
        (snapshots[0], None),
        (snapshots[1], snapshots[0]),
        (snapshots[2], snapshots[1]),
    ]


def test_files_of_parquet_that_were_written_together_are_a_version(tmp_path):
    for file_number, (name, minutes) in enumerate([("1/a", 0), ("1/b", 5), ("2/c", 60), ("x/d", 120)]):
        file = tmp_path / f"day={name}.parquet"
        file.parent.mkdir(exist_ok=True)
        pq.write_table(numbers(file_number), file)
        os.utime(file, (minutes * 60,) * 2)
    table = TableFormat(f"parquet.`{tmp_path}`")

    commits = list_commits(LocalEngine(), table.name)
    assert [(commit.version, commit.since) for commit in commits] == [
        (300_000, None),
        (3_600_000, 300_000),
        (7_200_000, 3_600_000),
    ]
    assert read(table, as_of=3_600_000)[0] == {"id": [0, 1, 2], "day": [1, 1, 2]}
    assert read(table, since=3_600_000)[0] == {"id": [3], "day": ["x"]}
    (tmp_path / "day=x" / "e.parquet").write_bytes(b"no file of Parquet")
    with pytest.raises(BadInput, match=r"e\.parquet: can't be read as parquet"):
        read(table, since=7_200_000)


@pytest.mark.parametrize(("pause_ms", "ends"), [(599_999, [599_999]), (600_000, [600_000, 0])])
def test_files_of_parquet_ten_minutes_apart_were_not_written_together(pause_ms, ends):
    assert [end for end, _ in group_file_times([0, pause_ms])] == ends


@pytest.fixture
def iceberg(tmp_path, monkeypatch):
    """A table of a catalog in SQLite: 1 and 2, then 3, then 4 and 5 with a column more."""
    settings = {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/warehouse"}
    for name, text in settings.items():
        monkeypatch.setenv(f"PYICEBERG_CATALOG__SHOP__{name.upper()}", text)
    monkeypatch.setattr("pyiceberg.catalog._ENV_CONFIG", Config())  # read once in a process
    catalog = SqlCatalog("shop", **settings)
    catalog.create_namespace("db")
    table = catalog.create_table("db.events", schema=numbers().schema)
    table.append(numbers(1, 2))
    table.append(numbers(3))
    with table.update_schema() as change:
        change.union_by_name(numbers(amount=pa.array([], pa.float64())).schema)
    with table.update_schema() as change:
        change.rename_column("id", "number")
    table.append(pa.table({"number": [4, 5], "amount": [0.5, 1.5]}))
    return table


def test_a_table_of_iceberg_is_read_as_of_a_snapshot_by_its_catalog_and_by_its_folder(iceberg):
    first, second, third = [entry.snapshot_id for entry in iceberg.history()]
    by_catalog = TableFormat("shop.db.events")
    newest, version = read(by_catalog)
    assert sorted(newest["number"]) == [1, 2, 3, 4, 5]  # files from before know the column as id
    assert sorted(newest["amount"], key=str) == [0.5, 1.5, None, None, None]
    assert version.version == third
    as_of, version = read(by_catalog, as_of=second)
    assert (sorted(as_of["id"]), list(as_of), version.version) == ([1, 2, 3], ["id"], second)
    since, version = read(by_catalog, since=first)
    assert (sorted(since["number"]), version.version, version.since) == ([3, 4, 5], third, first)
    folder = iceberg.location().removeprefix("file://")
    assert sorted(read(parse_dataset_format(f"table:iceberg.`{folder}`"))[0]["number"]) == [1, 2, 3, 4, 5]
    with pytest.raises(NoData, match="nothing was appended to shop.db.events"):
        read(by_catalog, since=third)


def test_tables_are_read_here_where_a_library_knows_them_and_by_spark_elsewhere(iceberg, delta, monkeypatch):
    monkeypatch.setattr("spark_model_monitor.data.reading.data_reader.get_running_session", lambda: None)
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    assert find_reason_for_spark(None, None, TableFormat("shop.db.events")) is None
    assert find_reason_for_spark(None, str(delta), DELTA) is None
    assert find_reason_for_spark(None, None, TableFormat(f"delta.`{delta}`")) is None
    assert find_reason_for_spark(None, None, TableFormat("other.db.events")) == "tables are Spark's"
    with pytest.raises(NeedsSpark, match="the table other.db.events, whose catalog pyiceberg's settings don't name"):
        read(TableFormat("other.db.events"))
    with pytest.raises(BadConfiguration, match="the catalog 'shop' has no table 'db.orders'"):
        read(TableFormat("shop.db.orders"))
    with pytest.raises(BadConfiguration, match="is no table of Iceberg"):
        read(TableFormat(f"iceberg.`{delta}`"))
    with pytest.raises(BadConfiguration, match="is no table of Delta that can be opened"):
        read(TableFormat("delta.`/nowhere`"))


def test_without_the_library_its_extra_is_named(delta, monkeypatch):
    monkeypatch.setattr("spark_model_monitor.data.reading.versioned_tables.find_spec", lambda name: None)

    with pytest.raises(
        MissingDependency, match=r"needs Spark, or deltalake: pip install 'spark-model-monitor\[delta\]'"
    ):
        read(DELTA, delta)
