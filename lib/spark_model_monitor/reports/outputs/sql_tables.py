"""The results of runs as tables for SQL, partitioned by run: `--results-table`. docs/sql.md."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from spark_model_monitor.documents.run_description import RunDescription
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.outputs.result_tables import CHECKS, SUMMARY, create_run_rows, encode_parquet
from spark_model_monitor.reports.outputs.run_files import Run, read_document
from spark_model_monitor.storage import join, opening_session, storage_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)


_VIEW = "model_monitor_rows_of_a_run"


def is_of_catalog(destination: str) -> bool:
    """Whether this is the name of a table, such as `churn` or `quality.churn`, not a path."""
    return re.fullmatch(r"\w+(\.\w+){0,2}", destination, re.ASCII) is not None


def create_catalog_settings(destination: str | None) -> dict[str, str]:
    """Settings for a job's own Spark session so that a table in its catalog persists; empty for a folder."""
    of_hive = destination is not None and is_of_catalog(destination) and destination.count(".") < 2
    if of_hive:
        return {"spark.sql.catalogImplementation": "hive"}
    return {}


def write_results_table(run: Run, destination: str | None, tables: Mapping[str, bytes]) -> None:
    """Write the summary and the checks of a published run to the tables, replacing earlier results of the same window.

    destination: a folder, or the tables' name in Spark's catalog; None: nowhere. tables: both as Parquet, by the names of the
    run's files; unlike those they may name no value of the data. Raises OutputFailed if writing fails.
    """
    described = read_document(run, RunDescription)
    if destination is None or described is None:
        return
    # The new rows are written before the old ones go, so that no query finds the window empty
    superseded = _find_superseded(run, described)
    for file in (SUMMARY, CHECKS):
        if file in tables:
            table = _open_table(destination, file.removesuffix(".parquet"))
            table.put(run.run_id, create_run_rows(tables[file], described))
            if superseded is not None:
                table.drop(superseded)
    log.info("wrote the results of run %s to the tables of %s", run.run_id, destination)


def _find_superseded(run: Run, described: RunDescription) -> str | None:
    """The run that this one replaces: the previous one, if it has the same window."""
    before = run.before
    run_before_description = None
    if before and before.run_id != run.run_id:
        run_before_description = read_document(before, RunDescription)
    if before is None or run_before_description is None or described.window is None:
        return None
    # The same path may have had another window before, whose rows stay
    same = ("job", "analysis_type", "window", "model", "schedule")
    if all(getattr(run_before_description, name) == getattr(described, name) for name in same):
        return before.run_id
    return None


def _open_table(destination: str, name: str) -> _Folder | _Catalog:
    spark = opening_session()
    if spark is not None and is_of_catalog(destination):
        return _Catalog(f"{destination}_{name}", spark)
    return _Folder(join(destination, name), f"{name}.parquet")


class _Folder:
    """A folder of Parquet files: `PATH/checks/run_id=…/checks.parquet`, each replaced as a whole."""

    def __init__(self, path: str, file: str) -> None:
        self._storage = storage_of(path)
        self._path = path
        self._file = file

    def put(self, run_id: str, rows: pa.Table) -> None:
        self._storage.write(join(self._path, f"run_id={run_id}", self._file), encode_parquet(rows))

    def drop(self, run_id: str) -> None:
        self._storage.delete(join(self._path, f"run_id={run_id}"))


class _Catalog:
    """A table in Spark's catalog: `NAME_checks`."""

    def __init__(self, name: str, spark: SparkSession) -> None:
        self._spark = spark
        self._name = name

    def put(self, run_id: str, rows: pa.Table) -> None:
        # Partitioned by run, so that a repeated run replaces its own rows and no others
        frame: DataFrame = plugin("spark").frame_of_table(self._spark, rows)
        columns = {field.name: f"`{field.name}` {field.dataType.simpleString()}" for field in frame.schema}
        layout = f"({', '.join(columns.values())}, run_id string) USING parquet PARTITIONED BY (run_id)"
        self._spark.sql(f"CREATE TABLE IF NOT EXISTS {self._name} {layout}")
        # a table that an earlier release created may lack columns
        existing = [name for name in self._spark.table(self._name).columns if name != "run_id"]
        # Columns are only added, never dropped: queries of users go on
        added = [name for name in columns if name not in existing]
        if added:
            definitions = ", ".join(columns[name] for name in added)
            self._spark.sql(f"ALTER TABLE {self._name} ADD COLUMNS ({definitions})")
        # INSERT goes by position, not by name
        ordered = ", ".join(f"`{name}`" for name in (*existing, *added))
        frame.createOrReplaceTempView(_VIEW)
        self._spark.sql(f"INSERT OVERWRITE {self._name} PARTITION (run_id = '{run_id}') SELECT {ordered} FROM {_VIEW}")
        self._spark.catalog.dropTempView(_VIEW)

    def drop(self, run_id: str) -> None:
        self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION (run_id = '{run_id}')")
