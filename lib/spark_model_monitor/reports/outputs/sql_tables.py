"""Writes the results of runs as tables for SQL: `--results-table`. See docs/sql.md.

If the tables are in a folder, a run's rows first go to `_new/`, which readers ignore. `compact` adds them to the file of their
month or day, once for a pass over many schedules. It replaces a file as a whole, so that after a killed compaction each row is in
its file once, or in `_new/` for the next compaction. Files in `_new/` that can't be parsed are moved to `_damaged/`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_model_monitor.documents.run_description import RunDescription
from spark_model_monitor.errors import BadDocument, BadInput, OutputHeld
from spark_model_monitor.machine import current_machine
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.result_tables import (
    CHECKS,
    SUMMARY,
    create_run_row,
    create_run_rows,
    encode_parquet,
)
from spark_model_monitor.reports.outputs.run_files import Run, read_document
from spark_model_monitor.storage import (
    StoredFile,
    exists,
    get_current_session,
    get_storage,
    hold,
    join,
    read_file,
    remove,
    write_file,
)
from spark_model_monitor.storage.file_system import is_draft, is_hidden
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)


_VIEW = "model_monitor_rows_of_a_run"


def is_of_catalog(destination: str) -> bool:
    """Whether `destination` is the name of a table, such as `churn` or `quality.churn`, not a path."""
    return re.fullmatch(r"\w+(\.\w+){0,2}", destination, re.ASCII) is not None


def create_catalog_settings(destination: str | None) -> dict[str, str]:
    """The Spark settings that make tables in the catalog of a job's own session persist; empty if `destination` is a folder."""
    is_hive_table = destination is not None and is_of_catalog(destination) and destination.count(".") < 2
    if is_hive_table:
        return {"spark.sql.catalogImplementation": "hive"}
    return {}


def write_results_table(
    run: Run, destination: str | None, tables: Mapping[str, bytes], *, is_full: bool, is_in_pass: bool
) -> None:
    """Write a published run and its violations to the tables, replacing earlier results of the same window.

    destination: a folder, or the tables' name in Spark's catalog; None to write nothing. tables: by the names of the run's files,
    the summary and the checks as Parquet; they don't name values of the data if these must not be shown. is_full: whether to
    write all rows of these tables, too. is_in_pass: whether the caller compacts the folder itself, after further runs.
    Raises OutputFailed if writing fails.
    """
    description = read_document(run, RunDescription)
    if destination is None or description is None:
        return
    # The run of a baseline has no checks
    rows = {"runs": create_run_row(description)}
    if CHECKS in tables:
        checks = create_run_rows(tables[CHECKS], description)
        rows["violations"] = checks.filter(pc.equal(checks["status"], "violated"))
        if is_full:
            rows["checks"] = checks
    if is_full and SUMMARY in tables:
        rows["summary"] = create_run_rows(tables[SUMMARY], description)
    superseded = _find_superseded(run, description)
    spark = get_current_session()
    if spark is not None and is_of_catalog(destination):
        for name, table_rows in rows.items():
            table = _Catalog(f"{destination}_{name}", spark)
            # The new rows are written before the old rows are deleted, so that every query finds rows of the window
            table.put(run.run_id, table_rows)
            if superseded is not None:
                table.drop(superseded)
    else:
        PendingRun(run.run_id, superseded, rows).write(destination)
        if not is_in_pass:
            compact(destination)
    log.info("wrote the results of run %s to the tables of %s", run.run_id, destination)


def _find_superseded(run: Run, description: RunDescription) -> str | None:
    """The id of the run that this run replaces, which is the previous run if it has the same window; None if there is none."""
    before = run.before
    if before is None or before.run_id == run.run_id or description.window is None:
        return None
    replaced = read_document(before, RunDescription)
    # The previous run at this path may have had another window; then its rows are kept
    members = ("job", "analysis_type", "window", "model", "schedule")
    if replaced is not None and all(getattr(replaced, name) == getattr(description, name) for name in members):
        return before.run_id
    return None


NEW = "_new"
DAMAGED = "_damaged"
WITHOUT_WINDOW = "without_window.parquet"
_ABANDONED = timedelta(hours=1)  # a draft of this age was left by a killed process
_WAIT = timedelta(seconds=10)

_FILE_NAMES = {
    "violations": ("violations_by_month", "%Y-%m.parquet"),
    "checks": ("checks_by_day", "%Y-%m-%d.parquet"),
    "summary": ("summary_by_day", "%Y-%m-%d.parquet"),
    "runs": ("runs_by_month", "%Y-%m.parquet"),
}
"""The folder of each table, and the name of a file by the time of its windows. `runs` is last: once a reader sees a run there,
the other tables have its rows."""


@value_class
class PendingRun:
    """The rows of a run, by table. superseded: the id of another run whose rows they replace, besides the run's own rows."""

    run_id: str
    superseded: str | None
    rows: Mapping[str, pa.Table]

    @property
    def window_start(self) -> datetime | None:
        start: datetime | None = self.rows["runs"]["window_start"][0].as_py()
        return start

    def list_rows(self, table: str) -> pa.Table:
        """The run's rows of a table, with a column for the run's id."""
        rows = self.rows[table]
        return rows.append_column("run_id", pa.repeat(pa.scalar(self.run_id, pa.string()), rows.num_rows))

    def write(self, destination: str) -> None:
        """Write the rows to `_new/`: a file with a single row, which has a list of rows for each table.

        Raises OutputFailed if the file can't be written.
        """
        columns = {"run_id": pa.array([self.run_id]), "superseded": pa.array([self.superseded], pa.string())}
        for name, rows in self.rows.items():
            arrays = [column.combine_chunks() for column in rows.columns]
            structs = pa.StructArray.from_arrays(arrays, fields=list(rows.schema))
            columns[name] = pa.ListArray.from_arrays(pa.array([0, rows.num_rows], pa.int32()), structs)
        path = join(destination, NEW, f"{self.run_id}.parquet")
        write_file(path, encode_parquet(pa.table(columns)))

    @classmethod
    def read(cls, path: str) -> PendingRun:
        """The rows in a file that `write` wrote. Raises BadInput if it can't be read, BadDocument if it has other content."""
        content = read_file(path)
        try:
            pending = pq.ParquetFile(pa.BufferReader(content)).read()
            rows = {}
            for name in pending.column_names[2:]:
                structs = pending[name].combine_chunks().flatten()
                rows[name] = pa.Table.from_batches([pa.RecordBatch.from_struct_array(structs)])
            run = cls(pending["run_id"][0].as_py(), pending["superseded"][0].as_py(), rows)
            # A foreign Parquet file may have other types here
            is_run = isinstance(run.run_id, str) and isinstance(run.superseded, str | None)
            if is_run and isinstance(run.window_start, datetime | None):
                return run
        except (pa.ArrowException, OSError, LookupError, AttributeError, TypeError, ValueError):
            pass
        raise BadDocument(f"{path}: holds no rows of a run")


def compact(destination: str) -> None:
    """Add the rows of new runs in a folder to the files of their months and days, for readers.

    If another process compacts the folder for a long time, the rows are left to that process or the next.
    Raises BadInput if a file of rows can't be parsed, OutputFailed if a file can't be written.
    """
    folder = join(destination, NEW)
    if not exists(folder):
        return
    try:
        with hold(destination, _WAIT):
            # The listing leaves out pipes and broken links, which can't be read
            while files := [
                file for file in get_storage(folder).list_by_prefix(folder, "") if not is_hidden(file.name)
            ]:
                _add_runs(destination, files)
            _delete_abandoned(folder)
    except OutputHeld as held:
        log.info("%s", held)


def _add_runs(destination: str, files: Sequence[StoredFile]) -> None:
    # The runs are in the order in which they were written, because a run replaces an earlier run of its window
    pending_runs: dict[str, PendingRun] = {}
    replaced_by_time: dict[datetime | None, set[str]] = {}
    for file in sorted(files, key=lambda file: (file.modified_ms, file.path)):
        try:
            run = PendingRun.read(file.path)
        except BadDocument as error:
            path = join(destination, DAMAGED, file.name)
            get_storage(path).copy(file.path, path)
            remove(file.path)
            log.warning("%s", printable(f"{error}; it is {path} now"))
            continue
        replaced = {run.run_id, run.superseded or run.run_id}
        replaced_by_time.setdefault(run.window_start, set()).update(replaced)
        for run_id in replaced & pending_runs.keys():
            del pending_runs[run_id]
        pending_runs[run.run_id] = run

    # The file of a month or day is written once, for all new runs
    for table, (folder, pattern) in _FILE_NAMES.items():
        names = dict.fromkeys(replaced_by_time, WITHOUT_WINDOW)
        for start in filter(None, names):
            names[start] = start.strftime(pattern)
        for name in sorted(set(names.values())):
            times = [start for start in replaced_by_time if names[start] == name]
            replaced = set().union(*(replaced_by_time[start] for start in times))
            # The new runs with rows for this file
            runs = [run for run in pending_runs.values() if names[run.window_start] == name and table in run.rows]
            _replace_rows(join(destination, folder, name), replaced, [run.list_rows(table) for run in runs])
    # The files are removed last: if the process is killed before, the rows are added again, which replaces them
    for file in files:
        remove(file.path)


def _replace_rows(path: str, run_ids: set[str], new_tables: Sequence[pa.Table]) -> None:
    """Replace a file: without the rows of these runs, and with the rows of the new tables."""
    tables = list(new_tables)
    if exists(path):
        earlier = _read_parquet(path)
        is_replaced = pc.is_in(earlier["run_id"], value_set=pa.array(sorted(run_ids), pa.string()))
        tables.append(earlier.filter(pc.invert(is_replaced)))
    if not tables:
        return
    # A later release may have further columns
    rows = pa.concat_tables(tables, promote_options="default")
    # Sorted, so that the bytes don't depend on the order of the runs. The sort is stable, so a run's rows keep their order
    ordered = rows.sort_by([("window_start", "ascending"), ("run_id", "ascending")])
    write_file(path, encode_parquet(ordered))


def _read_parquet(path: str) -> pa.Table:
    try:
        return pq.ParquetFile(get_storage(path).open(path)).read()
    except (pa.ArrowException, OSError) as error:
        raise BadInput(
            f"{path}: is no Parquet file ({type(error).__name__}); move it away, or restore it from a copy"
        ) from error


def _delete_abandoned(folder: str) -> None:
    """Delete the drafts that killed processes left."""
    oldest_ms = (current_machine().now() - _ABANDONED).timestamp() * 1000
    for file in get_storage(folder).list_hidden(folder):
        if is_draft(file.name) and file.modified_ms < oldest_ms:
            remove(file.path)


class _Catalog:
    """A table in Spark's catalog: `NAME_checks`."""

    def __init__(self, name: str, spark: SparkSession) -> None:
        self._spark = spark
        self._name = name

    def put(self, run_id: str, rows: pa.Table) -> None:
        # The table is partitioned by run, so that a repeated run replaces only its own rows
        frame: DataFrame = plugin("spark").frame_of_table(self._spark, rows)
        columns = {field.name: f"`{field.name}` {field.dataType.simpleString()}" for field in frame.schema}
        layout = f"({', '.join(columns.values())}, run_id string) USING parquet PARTITIONED BY (run_id)"
        self._spark.sql(f"CREATE TABLE IF NOT EXISTS {self._name} {layout}")
        # A later release may have further columns
        existing = [name for name in self._spark.table(self._name).columns if name != "run_id"]
        # Columns are never dropped, because users' queries may name them
        additions = [name for name in columns if name not in existing]
        if additions:
            self._spark.sql(f"ALTER TABLE {self._name} ADD COLUMNS ({', '.join(columns[name] for name in additions)})")
        # INSERT matches columns by position, not by name
        ordered = ", ".join(f"`{name}`" for name in (*existing, *additions))
        frame.createOrReplaceTempView(_VIEW)
        self._spark.sql(f"INSERT OVERWRITE {self._name} PARTITION (run_id = '{run_id}') SELECT {ordered} FROM {_VIEW}")
        self._spark.catalog.dropTempView(_VIEW)

    def drop(self, run_id: str) -> None:
        self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION (run_id = '{run_id}')")
