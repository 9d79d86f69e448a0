"""Versioned tables (Delta, Iceberg): selects the version to read and, without Spark, the Parquet files with its rows.

The libraries deltalake and pyiceberg list the files; the local engine scans them like any Parquet files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from spark_model_monitor.data.engine.folder_columns import NO_VALUE, parse_folder_values
from spark_model_monitor.data.engine.local_files import File, open_source
from spark_model_monitor.data.engine.local_tables import TableFiles, read_schema
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.formats import LIBRARIES, parse_table_path
from spark_model_monitor.data.reading.ledger import TableVersion, Version
from spark_model_monitor.data.records.windows import convert_microseconds, count_microseconds
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import (
    NO_DATA,
    BadConfiguration,
    BadInput,
    MissingDependency,
    NeedsSpark,
    NoData,
    NotRecorded,
)
from spark_model_monitor.storage import StoredFile, get_storage, is_local, join, local_path, read_file, resolve_path
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

    from spark_model_monitor.data.engine.engine_protocol import Engine
    from spark_model_monitor.data.engine.local_engine import LocalEngine

NOT_RECORDED = "Delta records it while the table's property delta.enableChangeDataFeed is true"

Versions = Sequence[tuple[int, int]]  # the number and the time (microseconds since 1970) of each version, newest first

PAUSE_MS = 600_000  # Parquet files that are written less than this time apart form one version


def find_versions(
    name: str, versions: Versions, as_of: Version | None, since: Version | None
) -> tuple[int, int | None]:
    """The version to read, and the version after which appended rows are read; None to read all rows.

    Raises BadConfiguration if a version doesn't exist, or if the two are in the wrong order.
    """
    # The newest version is first
    if as_of is None:
        version = versions[0][0]
    else:
        version = _find_version(as_of, versions, f"as_of: {name}")
    if since is None:
        return version, None
    start = _find_version(since, versions, f"since: {name}")
    # Versions of Iceberg aren't numbered in order, so their positions are compared
    newest_first = [number for number, _ in versions]
    if newest_first.index(start) < newest_first.index(version):
        raise BadConfiguration(
            f"since: {name} had version {start} after version {version}, which is asked for; write an earlier one"
        )
    return version, start


def make_nothing_appended_error(name: str, start: int, version: int) -> NoData:
    """The error for a table to which nothing was appended between two versions."""
    return NoData(f"{NO_DATA}: nothing was appended to {name} after version {start} up to version {version}")


def _find_version(requested: Version, versions: Versions, where: str) -> int:
    if isinstance(requested, datetime):
        # The version that was current at that time
        micros = count_microseconds(requested)
        matching_versions = [number for number, time in versions if time <= micros]
    else:
        matching_versions = [number for number, _ in versions if number == requested]
    if not matching_versions:
        newest, _ = versions[0]
        oldest, time = versions[-1]
        first = convert_microseconds(time).isoformat(timespec="seconds")
        raise BadConfiguration(
            f"{where} has no version {requested}; its versions are {oldest}, of {first}, to {newest}"
        )
    return matching_versions[0]


@value_class
class Commit:
    """One commit to a table.

    since: the version after which the commit's rows were appended; None if they are the table's only rows.
    time: commit time to the second, later than the time of the previous commit.
    """

    version: int
    since: int | None
    time: datetime


def list_commits(engine: Engine, name: str) -> list[Commit]:
    """The commits in a table's history, oldest first; the rows of some may not be recoverable.

    Raises as `open_table`.
    """
    table = engine.find_implementation(open_table)(engine, name)
    oldest_first = [*reversed(table.versions)]
    commits = list[Commit]()
    for index, (version, micros) in enumerate(oldest_first):
        time = convert_microseconds(micros).replace(microsecond=0)
        # Windows end at commits, so two commits can't have the same time
        if commits and time <= commits[-1].time:
            time = commits[-1].time + timedelta(seconds=1)
        # If the oldest version isn't whole, earlier commits were cleaned up, and its own rows are unknown
        is_whole = table.is_whole(version)
        if index or is_whole:
            since = None if is_whole else oldest_first[index - 1][0]
            commits.append(Commit(version, since, time))
    return commits


class VersionedTable(Protocol):
    """A table's history, as its library or Spark describes it."""

    @property
    def versions(self) -> Versions: ...

    def is_whole(self, version: int) -> bool:
        """Whether a version is the table's first, or replaced all earlier rows."""


def read_catalog_table(
    engine: Engine, name: str, as_of: Version | None, since: Version | None, *, in_order: bool
) -> Dataset:
    """`read_table` on the local engine. Raises as `open_table`."""
    table = open_table(engine, name)
    if not table.versions:
        raise NoData(f"{NO_DATA}: nothing was written to {name} yet")
    version, start = find_versions(name, table.versions, as_of, since)
    if start is None:
        table_files = table.list_files_of_version(version)
    else:
        table_files = table.list_appended_files(start, version)
        if not table_files.files:
            raise make_nothing_appended_error(name, start, version)
    rows = cast("LocalEngine", engine).read_table_files(table_files, in_order=in_order)
    return Dataset(rows, tuple(table_files.schema.names), version=TableVersion(name, version, start))


def open_table(engine: Engine, name: str) -> _DeltaTable | _IcebergTable | _ParquetFolder:
    """A table that its library reads.

    Raises MissingDependency without the library; NeedsSpark for a catalog that only Spark knows.
    """
    kind, path = parse_table_path(name) or ("iceberg", None)
    if find_spec(LIBRARIES[kind]) is None:
        raise MissingDependency(
            f"the table {name} needs Spark, or {LIBRARIES[kind]}: pip install 'spark-model-monitor[{kind}]'"
        )
    if path is None:
        return _IcebergTable(name, _load_catalog_table(name))
    if kind == "parquet":
        return _ParquetFolder(name, path)
    if kind == "delta":
        return _DeltaTable(name, path)
    return _IcebergTable(name, _load_table_at(path))


def is_full_overwrite(parameters: Mapping[str, Json]) -> bool:
    """Whether a commit with these parameters in Delta's history replaced all earlier rows."""
    return parameters.get("mode") == "Overwrite" and parameters.get("predicate") in (None, "", "[]")


@value_class(slots=False)
class _DeltaTable:
    name: str
    path: str

    @cached_property
    def _history(self) -> dict[int, Mapping[str, Json]]:
        return {commit["version"]: commit for commit in self._load_version(None).history()}

    @property
    def versions(self) -> Versions:
        return [(version, commit["timestamp"] * 1000) for version, commit in self._history.items()]

    def is_whole(self, version: int) -> bool:
        return version == 0 or is_full_overwrite(self._history[version].get("operationParameters") or {})

    def list_files_of_version(self, version: int) -> TableFiles:
        """The files with all rows of a version. Raises NeedsSpark for a table with deletion vectors."""
        table = self._load_version(version)
        # Deletion vectors mark rows as deleted that are still in the files
        if pa.table(table.deletion_vectors()).num_rows:
            raise NeedsSpark(f"{self.name}: a table with deletion vectors")
        added_files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        beginning = "partition."
        sizes = {}
        values = {}
        for file in added_files:
            partition_keys = (key for key in file if key.startswith(beginning))
            sizes[file["path"]] = file["size_bytes"]
            values[file["path"]] = {key.removeprefix(beginning): file[key] for key in partition_keys}
        return self._build_table_files(table, sizes, values)

    def list_appended_files(self, start: int, version: int) -> TableFiles:
        """The files with the rows that were appended after `start`, up to `version`."""
        table = self._load_version(version)
        # If the table records changes, the log distinguishes new rows from rewritten rows
        records_changes = table.metadata().configuration.get("delta.enableChangeDataFeed") == "true"
        added_files = [
            file
            for number in range(start + 1, version + 1)
            for file in self._list_added_files(number, records_changes=records_changes)
        ]
        values = {file["path"]: file.get("partitionValues") or {} for file in added_files}
        return self._build_table_files(table, {file["path"]: file["size"] for file in added_files}, values)

    def _list_added_files(self, version: int, *, records_changes: bool) -> list[Mapping[str, Json]]:
        """The files with a commit's inserted rows: its change files if it has some, otherwise the files that it added.

        Added files may have rewritten rows, unless the commit removed no file or the table records changes.
        """
        path = join(self.path, "_delta_log", f"{version:020}.json")
        try:
            actions = [json.loads(line) for line in read_file(path).splitlines()]
        except BadInput as fault:
            raise BadConfiguration(f"since: {self.name} has lost the log of version {version} ({fault})") from fault
        if changes := [action["cdc"] for action in actions if "cdc" in action]:
            return [change for change in changes if self._has_inserted_rows(change)]
        added_files = [action["add"] for action in actions if action.get("add", {}).get("dataChange")]
        if (
            added_files
            and not records_changes
            and any(action.get("remove", {}).get("dataChange") for action in actions)
        ):
            raise NotRecorded(
                f"since: {self.name}, version {version}: what was appended can't be determined; {NOT_RECORDED}"
            )
        if any(file.get("deletionVector") for file in added_files):  # rows were deleted, and the file is listed again
            raise NeedsSpark(f"{self.name}: what was appended together with deletion vectors, in version {version},")
        return added_files

    def _has_inserted_rows(self, change: Mapping[str, Json]) -> bool:
        kinds = pq.ParquetFile(open_source(join(self.path, unquote(change["path"])))).read(["_change_type"])
        return bool(pc.any(pc.equal(kinds.column(0), "insert")).as_py())

    def _build_table_files(
        self, table: DeltaTable, sizes: Mapping[str, int], constants: Mapping[str, Mapping[str, Json]]
    ) -> TableFiles:
        # With column mapping, columns have other names in the files than in the table
        if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            raise NeedsSpark(f"{self.name}: a table whose columns are mapped to other names")
        locations = {path: resolve_path(path if "://" in path else join(self.path, unquote(path))) for path in sizes}
        return TableFiles(
            tuple(File(locations[path], size) for path, size in sizes.items()),
            pa.schema(table.schema().to_arrow()),
            {locations[path]: partition_values for path, partition_values in constants.items()},
        )

    def _load_version(self, version: int | None) -> DeltaTable:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        path = self.path
        if is_local(path):
            path = str(local_path(path).absolute())
        try:
            return DeltaTable(path, version=version)
        except (DeltaError, OSError, ValueError) as fault:
            problem = f"{self.name} is no table of Delta that can be opened ({fault})"
            raise BadConfiguration(f"dataset_format: {problem}") from fault


@value_class(slots=False)
class _IcebergTable:
    name: str
    table: Table

    @cached_property
    def versions(self) -> Versions:
        ancestors = {snapshot.snapshot_id for snapshot in self._list_ancestors()}
        snapshots = [snapshot for snapshot in self.table.history() if snapshot.snapshot_id in ancestors]
        return [(snapshot.snapshot_id, snapshot.timestamp_ms * 1000) for snapshot in reversed(snapshots)]

    def is_whole(self, version: int) -> bool:
        snapshot = self.table.metadata.snapshot_by_id(version)
        return snapshot is not None and snapshot.parent_snapshot_id is None

    def list_files_of_version(self, version: int) -> TableFiles:
        """The files with all rows of a version. Raises NeedsSpark for a table with files of deleted rows."""
        tasks = list(self.table.scan(snapshot_id=version).plan_files())
        if any(task.delete_files for task in tasks):
            raise NeedsSpark(f"{self.name}: a table with files of deleted rows")
        return self._build_table_files(version, [task.file for task in tasks])

    def list_appended_files(self, start: int, version: int) -> TableFiles:
        """The files with the rows that were appended after `start`, up to `version`."""
        from pyiceberg.manifest import ManifestContent, ManifestEntryStatus
        from pyiceberg.table.snapshots import Operation

        files = []
        for snapshot in self._list_ancestors(version):
            # Go back from the newest snapshot to the one after which rows are requested
            if snapshot.snapshot_id == start:
                break
            if snapshot.summary is None or snapshot.summary.operation is Operation.APPEND:
                files += [
                    entry.data_file
                    for manifest in snapshot.manifests(self.table.io)
                    if manifest.added_snapshot_id == snapshot.snapshot_id and manifest.content is ManifestContent.DATA
                    for entry in manifest.fetch_manifest_entry(self.table.io)
                    if entry.status is ManifestEntryStatus.ADDED
                ]
        return self._build_table_files(version, files)

    def _list_ancestors(self, version: int | None = None) -> list[Snapshot]:
        """A snapshot and its ancestors, newest first."""
        ancestors = []
        snapshot_id = version if version is not None else self.table.metadata.current_snapshot_id
        while snapshot_id is not None and (snapshot := self.table.metadata.snapshot_by_id(snapshot_id)) is not None:
            ancestors.append(snapshot)
            snapshot_id = snapshot.parent_snapshot_id
        return ancestors

    def _build_table_files(self, version: int, files: Sequence[DataFile]) -> TableFiles:
        from pyiceberg.io.pyarrow import schema_to_pyarrow
        from pyiceberg.manifest import FileFormat

        # The local engine scans only Parquet files
        if other_format := next(
            (file.file_format for file in files if file.file_format is not FileFormat.PARQUET), None
        ):
            raise NeedsSpark(f"{self.name}: a table of {other_format.value} files")
        # The name mapping belongs to files whose partition columns may exist only in folder names
        if "schema.name-mapping.default" in self.table.properties:
            raise NeedsSpark(f"{self.name}: a table of files that Iceberg didn't write")
        schema = schema_to_pyarrow(self.table.scan(snapshot_id=version).projection())
        return TableFiles(tuple(File(resolve_path(file.file_path), file.file_size_in_bytes) for file in files), schema)


def group_file_times(modified_ms: Sequence[int]) -> Versions:
    """The versions of a folder of Parquet files: the time of the last file of each group of files that were written together.

    A pause of PAUSE_MS or more separates two groups. modified_ms: the files' times, in ascending order.
    """
    pauses = [later - earlier >= PAUSE_MS for earlier, later in pairwise(modified_ms)]
    ends = [time for time, is_end in zip(modified_ms, [*pauses, True], strict=False) if is_end]
    return [(end, end * 1000) for end in reversed(ends)]


@value_class(slots=False)
class _ParquetFolder:
    """Parquet files in a folder, and in folders such as `day=2026-01-01` below it. Files that were written together are
    a version, identified by the time of the last file.
    """

    name: str
    path: str

    @cached_property
    def files(self) -> list[StoredFile]:
        """The non-empty files, in the order in which they were written."""
        files = [file for file in get_storage(self.path).list_files(self.path) if file.size_bytes]
        return sorted(files, key=lambda file: (file.modified_ms, file.path))

    @property
    def versions(self) -> Versions:
        return group_file_times([file.modified_ms for file in self.files])

    def is_whole(self, version: int) -> bool:
        return version == self.versions[-1][0]

    def list_files_of_version(self, version: int) -> TableFiles:
        """The files that were written up to a version."""
        return self.list_appended_files(-1, version)

    def list_appended_files(self, start: int, version: int) -> TableFiles:
        """The files that were written after `start`, up to `version`; both are times in milliseconds since 1970."""
        files = [file for file in self.files if start < file.modified_ms <= version]
        # Names of folders below the table's folder have values of columns
        top = len(join(resolve_path(self.path), ""))
        values = {
            resolve_path(file.path): {
                name: None if text == NO_VALUE else unquote(text)
                for name, text in parse_folder_values(resolve_path(file.path)[top:])
            }
            for file in files
        }
        schema = pa.schema([])
        if files:
            schema = read_schema(files[-1].path, "parquet")
        own_fields = [pa.field(field.name, field.type) for field in schema]
        folders = [
            pa.field(name, _infer_type([file_values.get(name) for file_values in values.values()]))
            for name in next(iter(values.values()), ())
        ]
        table_files = tuple(File(path, file.size_bytes) for path, file in zip(values, files, strict=True))
        return TableFiles(table_files, pa.schema([*own_fields, *folders]), values)


def _infer_type(texts: Sequence[str | None]) -> pa.DataType:
    """The type of a column whose values are in folder names."""
    if all(text is None or re.fullmatch(r"-?\d{1,18}", text) for text in texts):
        return pa.int64()
    return pa.string()


def _load_catalog_table(name: str) -> Table:
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import NoSuchTableError

    catalog, _, table = name.partition(".")
    # A catalog that pyiceberg doesn't know may be configured in Spark
    if not is_configured(catalog):
        raise NeedsSpark(f"the table {name}, whose catalog pyiceberg's settings don't name (docs/data.md),")
    try:
        return load_catalog(catalog).load_table(table)
    except NoSuchTableError as fault:
        raise BadConfiguration(f"dataset_format: the catalog {catalog!r} has no table {table!r}") from fault


def _load_table_at(path: str) -> Table:
    """The table at a path: its folder, or one of its metadata files."""
    from pyiceberg.table import StaticTable

    # A table's folder has a metadata file for each version; take the newest
    if not path.endswith(".metadata.json"):
        storage = get_storage(path)
        folder = join(path, "metadata")
        paths = []
        if storage.exists(folder):
            paths = [file.path for file in storage.list_files(folder)]
        numbered_paths = [(_parse_metadata_number(file), file) for file in paths if file.endswith(".metadata.json")]
        if not numbered_paths:
            raise BadConfiguration(f"dataset_format: {path} is no table of Iceberg; it has no metadata/….metadata.json")
        path = max(numbered_paths)[1]
    return StaticTable.from_metadata(str(local_path(path)) if is_local(path) else path)


def _parse_metadata_number(path: str) -> int:
    """The number of a metadata file: `v3.metadata.json`, `00003-….metadata.json`."""
    match = re.match(r"v?(\d+)", os.path.basename(path))
    return int(match[1]) if match else -1


def is_configured(catalog: str) -> bool:
    """Whether pyiceberg's settings contain a catalog."""
    from pyiceberg.utils.config import Config

    return Config().get_catalog_config(catalog) is not None
