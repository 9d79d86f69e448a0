"""Tables: those that Spark's own readers read, versions of Delta and Iceberg, and Arrow tables of the driver.

A run first resolves its request to one version and reads that, so that it sees the same rows however often it reads.
Slices of an Arrow table travel with the tasks, compressed; the driver's JVM holds all of them meanwhile.
"""

from __future__ import annotations

import fnmatch
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameReader, Row, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.casts import find_common_type, map_to_spark_type
from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.formats import parse_table_path
from spark_model_monitor.data.reading.ledger import TableVersion, Version
from spark_model_monitor.data.reading.versioned_tables import (
    NOT_RECORDED,
    VersionedTable,
    Versions,
    find_versions,
    group_file_times,
    is_full_overwrite,
    make_nothing_appended_error,
)
from spark_model_monitor.data.reading.versioned_tables import open_table as open_table_here
from spark_model_monitor.data.records.locations import BLOCK_START, FILE
from spark_model_monitor.errors import BadConfiguration, BadInput, InputUnavailable, MonitorError, NotRecorded
from spark_model_monitor.spark.engine.application import send_package
from spark_model_monitor.spark.engine.text_lines import escape_globs, sort_by_file, with_places
from spark_model_monitor.spark.engine.worker import read_footers, unpack
from spark_model_monitor.spark.storage import is_connect, storage_of_session
from spark_model_monitor.storage import StoredFile
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.storage import Storage


log = logging.getLogger(__name__)


@value_class(slots=False)
class _SparkTable:
    """A table with versions that the session knows by name (`versioned_tables.VersionedTable`)."""

    spark: SparkSession
    name: str
    properties: str  # as DESCRIBE TABLE EXTENDED shows them

    def list_history(self, limit: str = "") -> list[Row]:
        """Version and time of each version, newest first. limit: a clause of SQL for their number."""
        raise NotImplementedError

    @cached_property
    def history(self) -> list[Row]:
        return self.list_history()

    @cached_property
    def versions(self) -> Versions:
        return [(row[0], row[1]) for row in self.history]

    def is_whole(self, version: int) -> bool:
        raise NotImplementedError

    def read_appended(self, start: int, version: int) -> DataFrame:
        """The rows appended after version `start`, up to `version`. Raises NotRecorded."""
        raise NotImplementedError

    def read_newest(self) -> tuple[DataFrame, TableVersion | None]:
        """The newest version: a history may have thousands of others."""
        newest = self.list_history(" LIMIT 1")
        # A table without commits
        if not newest:
            return self.spark.table(self.name), None
        return self.read(newest[0][0]), TableVersion(self.name, newest[0][0])

    def read(self, version: int) -> DataFrame:
        return self.spark.sql(f"SELECT * FROM {self.name} VERSION AS OF {version}")

    def read_changes(self, **options: int | bool) -> DataFrame:
        return self.spark.read.options(**options).table(self.name)


@value_class
class _SparkDeltaTable(_SparkTable):
    def list_history(self, limit: str = "") -> list[Row]:
        columns = ("version", "unix_micros(timestamp)", "operationParameters AS parameters", "isBlindAppend")
        return self.spark.sql(f"DESCRIBE HISTORY {self.name}{limit}").selectExpr(*columns).collect()

    def is_whole(self, version: int) -> bool:
        return version == 0 or is_full_overwrite(self._parameters(version))

    def read_appended(self, start: int, version: int) -> DataFrame:
        # Recorded changes tell new rows from rewritten ones, whatever a commit did
        if CHANGES_ARE_RECORDED in self.properties:
            changes = self.read_changes(readChangeFeed=True, startingVersion=start + 1, endingVersion=version)
            return changes.where("_change_type = 'insert'").drop("_change_type", "_commit_version", "_commit_timestamp")
        if not all(self._only_appends(number) for number, _ in self.versions if start < number <= version):
            raise NotRecorded(f"since: {self.name}: what was appended can't be determined; {NOT_RECORDED}")
        # Commits that only append leave all earlier files as they were
        earlier_files = with_places(self.read(start)).select(FILE).distinct()
        return with_places(self.read(version)).join(earlier_files, FILE, "left_anti").drop(FILE, BLOCK_START)

    def _parameters(self, version: int) -> Mapping[str, str]:
        return next(row.parameters for row in self.history if row[0] == version) or {}

    def _only_appends(self, version: int) -> bool:
        """Whether a commit left the rows before it as they were."""
        # Delta says itself whether a commit looked at no row; writers that don't say it name their mode
        is_blind = any(row.isBlindAppend for row in self.history if row[0] == version)
        parameters = self._parameters(version)
        return is_blind or "Append" in (parameters.get("mode"), parameters.get("outputMode"))


@value_class
class _SparkIcebergTable(_SparkTable):
    def list_history(self, limit: str = "") -> list[Row]:
        return self.spark.sql(
            f"SELECT snapshot_id, unix_micros(made_current_at), parent_id FROM {self.name}.history "
            f"WHERE is_current_ancestor ORDER BY made_current_at DESC{limit}"
        ).collect()

    def is_whole(self, version: int) -> bool:
        return any(row.parent_id is None for row in self.history if row[0] == version)

    def read_appended(self, start: int, version: int) -> DataFrame:
        return self.read_changes(**{"start-snapshot-id": start, "end-snapshot-id": version})


@value_class(slots=False)
class _SparkParquetTable(_SparkTable):
    """Its versions are files that were written together, as without Spark."""

    @cached_property
    def versions(self) -> Versions:
        times = self.spark.table(self.name).select(F.unix_millis(MODIFIED)).distinct().collect()
        return group_file_times(sorted(row[0] for row in times))

    def read_newest(self) -> tuple[DataFrame, TableVersion | None]:
        return self.spark.table(self.name), None

    def is_whole(self, version: int) -> bool:
        return bool(version == self.versions[-1][0])

    def read(self, version: int) -> DataFrame:
        return self.read_appended(-1, version)

    def read_appended(self, start: int, version: int) -> DataFrame:
        # Files that were written after the first version, up to the second
        modified_ms = F.unix_millis(MODIFIED)
        is_between = (modified_ms > start) & (modified_ms <= version)
        # Spark skips the files of other versions by their times
        return self.spark.table(self.name).where(is_between)


MODIFIED = "_metadata.file_modification_time"
CHANGES_ARE_RECORDED = "delta.enableChangeDataFeed=true"

_TABLE_TYPES = {"delta": _SparkDeltaTable, "iceberg": _SparkIcebergTable, "parquet": _SparkParquetTable}
"""By the provider that Spark names."""


def open_table(engine: Engine, name: str) -> VersionedTable:
    """A table whose commits are listed, as `versioned_tables.open_table`: by its name through the session.

    Raises BadConfiguration if there is none, or if it keeps no versions.
    """
    # A path is read without Spark; catalogs may refuse it
    if parse_table_path(name):
        return open_table_here(engine, name)
    try:
        table = _open_spark_table(engine.spark, name)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    if table is None:
        raise BadConfiguration(f"each_commit: {name} keeps no versions; {WITH_VERSIONS}")
    return table


WITH_VERSIONS = "it has to be a table of Delta, Iceberg or Parquet"


def make_no_table_error(name: str, fault: Exception) -> BadConfiguration:
    """The error for a table that the session's catalog doesn't know."""
    return BadConfiguration(
        f"dataset_format: Spark's catalog has no table {name!r}{error_sentence(fault)}; SHOW TABLES lists what it has, and "
        "Delta needs its JAR and settings (docs/data.md)"
    )


def _open_spark_table(spark: SparkSession, name: str) -> _SparkTable | None:
    """A table with versions; None for a table or view without."""
    # Views, and files without a record of what was added, have no versions
    properties = _read_properties(spark, name)
    table_type = _TABLE_TYPES.get(_find_provider(properties))
    if table_type is None:
        return None
    return table_type(spark, name, properties.get("Table Properties", ""))


def _read_properties(spark: SparkSession, name: str) -> dict[str, str]:
    """What Spark says of a table; a column may be called like a property, and stands before it."""
    return {row.col_name: row.data_type or "" for row in spark.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()}


def _find_provider(properties: Mapping[str, str]) -> str:
    """The format of a table's files; empty where Spark names none, as of a temporary view."""
    provider = properties.get("Provider", "").lower()
    # The class that reads a Hive table tells its format
    if provider == "hive" and "parquet" in properties.get("Serde Library", "").lower():
        return "parquet"
    return provider


def read_table_version(
    spark: SparkSession, name: str, as_of: Version | None = None, since: Version | None = None
) -> tuple[DataFrame, TableVersion | None]:
    """A table's rows and their version; None for a table or view that has no versions, or none yet.

    Raises BadConfiguration if there is no such version, or if appended rows weren't recorded; NoData if none were appended.
    """
    table = _open_spark_table(spark, name)
    if table is None:
        if as_of is not None or since is not None:
            option = "since" if as_of is None else "as_of"
            raise BadConfiguration(f"{option}: {name} keeps no versions; {WITH_VERSIONS}")
        return spark.table(name), None
    if as_of is None and since is None:
        return table.read_newest()
    # A named version, or the rows that were appended after one
    versions = table.versions
    if not versions:
        return spark.table(name), None
    version, start = find_versions(name, versions, as_of, since)
    if start is None:
        return table.read(version), TableVersion(name, version)
    # The same version again: nothing was appended, and the readers of changes would fail
    if start != version:
        rows = table.read_appended(start, version)
        if not _is_empty(rows, f"since: {name}, versions after {start}"):
            return rows, TableVersion(name, version, start)
    raise make_nothing_appended_error(name, start, version)


def _is_empty(rows: DataFrame, where: str) -> bool:
    """A job of one row; the table's format checks here whether the changes were recorded."""
    try:
        return rows.isEmpty()
    except Exception as fault:
        reason = " ".join(str(fault).split()).partition(". ")[0]
        raise NotRecorded(f"{where}: what was appended can't be determined ({reason}); {NOT_RECORDED}") from fault


def list_catalog_tables(spark: SparkSession, pattern: str) -> Iterator[tuple[str, str | MonitorError]]:
    """The tables whose names match, without views: each as SQL names it, or with the error.

    pattern: `SCHEMA.TABLE` of the session's catalog, `CATALOG.SCHEMA.TABLE` of another. Raises BadConfiguration for another.
    """
    above, _, table = pattern.rpartition(".")
    catalog, _, schema = above.rpartition(".")
    if not schema:
        raise BadConfiguration(f"{pattern!r} has no schema; write SCHEMA.TABLE, such as 'sales.*'")
    catalogs = [catalog] if catalog else []
    try:
        schemas = spark.sql(" IN ".join(["SHOW SCHEMAS", *map(quote_name, catalogs)])).collect()
    except Exception as fault:
        raise InputUnavailable(f"Spark's catalog can't be listed{error_sentence(fault)}") from fault
    # One schema that may not be listed doesn't keep the others from being watched
    for schema_name in fnmatch.filter([row[0] for row in schemas], schema):
        within = [*catalogs, schema_name]
        try:
            rows = spark.sql(f"SHOW TABLES IN {quote_name(*within)}").collect()
        except Exception as fault:
            yield ".".join(within), BadInput(f"its tables can't be listed{error_sentence(fault)}")
            continue
        for row in rows:
            if not row.isTemporary and fnmatch.fnmatchcase(row.tableName, table):
                table_or_fault = _require_watchable(spark, quote_name(*within, row.tableName))
                if table_or_fault is not None:
                    yield ".".join((*within, row.tableName)), table_or_fault


def quote_name(*parts: str) -> str:
    """A name as SQL has it; only parts with other signs than letters and digits need quotes."""
    return ".".join(part if re.fullmatch(r"\w+", part) else f"`{part}`" for part in parts)


def _require_watchable(spark: SparkSession, name: str) -> str | MonitorError | None:
    """The name of a table with commits, or why it has none; None for a view."""
    # One table that may not be described keeps no other from being watched
    try:
        properties = _read_properties(spark, name)
    except Exception as fault:
        return BadInput(f"Spark can't describe it{error_sentence(fault)}")
    if "VIEW" in properties.get("Type", ""):
        return None
    provider = _find_provider(properties)
    if provider in _TABLE_TYPES:
        return name
    return BadConfiguration(f"it is kept as {provider or 'Spark does not say'}; Delta, Iceberg and Parquet are watched")


def make_reader(spark: SparkSession, reader: str, options: Mapping[str, str]) -> DataFrameReader:
    """Spark's reader of this name with these options."""
    # without merging, only the first file's columns would be read, silently
    if reader.lower() == "parquet":
        ours = {"mergeSchema": "true"}
    else:
        ours = {}
    return spark.read.format(reader).options(**ours).options(**options)


LOCAL = re.compile("^file:/(?!/)")  # Sail 0.7 takes it for a folder without files


def read_table_files(
    spark: SparkSession,
    locations: Sequence[str],
    reader: str,
    options: Mapping[str, str],
    left_out: Sequence[str] = (),
    *,
    by_folders: bool,
    in_order: bool,
) -> DataFrame:
    """The files at or below the places, as in `Engine.table`."""
    opened = make_reader(spark, reader, options)
    # Without it Spark takes folders like `day=1` for columns, and skips nested ones
    if not by_folders:
        opened = opened.option("recursiveFileLookup", "true")
    # Brackets and stars in a name are literal here, while Spark would read a pattern
    paths = [LOCAL.sub("file:///", escape_globs(location)) for location in locations]
    try:
        frame = _load_frame(spark, opened, paths, left_out)
    except Exception as fault:
        if "CANNOT_MERGE_SCHEMAS" in str(fault) or "Failed to merge" in str(fault):
            # Slower, since every footer is read; so only after Spark has refused
            if reader == "parquet" and not left_out:
                frame = _load_widened(spark, opened, paths)
                if in_order:
                    return put_in_one_partition(frame)
                return frame
            raise BadInput(
                f"{locations[0]}: the files have columns of one name and several types; write all files with the same types"
            ) from fault
        # Spark compares names without case by default
        if "COLUMN_ALREADY_EXISTS" in str(fault):
            raise BadInput(
                f"{locations[0]}: two columns have one name, or names that differ by case only; rename one, or in the second "
                "case start the job with --conf spark.sql.caseSensitive=true"
            ) from fault
        if unknown := re.search(r"Illegal Parquet type: ([^.\n]+)|a column of (\S+) needs Spark", str(fault)):
            raise BadInput(
                f"{locations[0]}: has a column of {unknown[1] or unknown[2]}, which Spark doesn't read; write it as another "
                "type, or leave it out by --exclude-features-attribute"
            ) from fault
        # A sentence of ours already, with the file's name
        if isinstance(fault, BadInput):
            raise
        if reader == "parquet":
            _require_no_half_floats(spark, paths, locations[0])
        raise BadInput(
            f"{locations[0]}: can't be read as {reader}{error_sentence(fault)}; "
            "write the --dataset-format that the files have, and --packages for a format that Spark does not bring"
        ) from fault
    if in_order:
        return put_in_one_partition(frame)
    return frame


def _require_no_half_floats(spark: SparkSession, paths: Sequence[str], source: str) -> None:
    """Raises BadInput for a Parquet column of half precision, on which Spark fails with a sentence that names no column."""
    try:
        schemas = _read_schemas(spark, paths)
    except (pa.ArrowException, OSError, MonitorError):
        return
    for schema in schemas:
        for column in schema:
            if pa.types.is_float16(column.type):
                problem = f"column {column.name!r} has half precision (float16), which Spark doesn't read"
                raise BadInput(f"{source}: {problem}; write float32, or read the files by --engine local")


def _load_frame(
    spark: SparkSession, opened: DataFrameReader, paths: Sequence[str], left_out: Sequence[str]
) -> DataFrame:
    """The frame that a reader makes of files. Where Spark refuses a type, columns that are left out are null, and times
    in nanoseconds are numbers at first, and cut to microseconds.
    """
    try:
        frame = opened.load([*paths])
        frame.schema  # noqa: B018 -- a session of Spark Connect looks at nothing before
        return frame
    except Exception as fault:
        if "Illegal Parquet type" not in str(fault):
            raise
        fields = [field for schema in _read_schemas(spark, paths) for field in schema]
        names = [*dict.fromkeys(field.name for field in fields)]
        # A column may be left out by its name or by its position
        without = {name for position, name in enumerate(names) if {name, str(position)} & {*left_out}}
        if not without and "Illegal Parquet type: INT64 (TIMESTAMP(NANOS" not in str(fault):
            raise
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    # Spark has microseconds only; as numbers the nanoseconds can at least be read
    nanos = {field.name for field in fields if str(field.type).startswith("timestamp[ns")} - without
    if without:
        kept_fields = [field for field in fields if field.name not in without]
        # A column with two types among the files is there twice, which the lengths below reveal
        types = set()
        for field in kept_fields:
            if field.name in nanos:
                types.add((field.name, pa.int64()))
            else:
                types.add((field.name, map_to_spark_type(field.type, field.name)))
        schema = pa.schema(sorted(types, key=lambda name_and_type: names.index(name_and_type[0])))
        if len(schema) + len(without) > len(names):
            raise BadInput("Failed to merge")  # Spark's own words
        opened = opened.schema(from_arrow_schema(schema, prefer_timestamp_ntz=True))
    frame = opened.load([*paths])
    expressions = {name: f"`{name.replace('`', '``')}`" for name in frame.columns}
    # `div` cuts to whole microseconds, toward zero
    expressions |= {name: f"timestamp_micros({expressions[name]} div 1000)" for name in nanos}
    # Columns of folders are in no file's schema
    names += [name for name in frame.columns if name not in names]
    return frame.select(*(F.expr(expressions.get(name, "CAST(NULL AS STRING)")).alias(name) for name in names))


def _load_widened(spark: SparkSession, opened: DataFrameReader, paths: Sequence[str]) -> DataFrame:
    """The frame of Parquet files of which columns have several types: files with the same types are read together, and
    their columns are cast to the type that holds the values of all, as without Spark.

    Raises BadInput if no type does.
    """
    # Files with the same columns and types
    files_by_schema: dict[pa.Schema, list[StoredFile]] = {}
    for file, schema in read_files_with_schemas(spark, paths):
        files_by_schema.setdefault(schema.remove_metadata(), []).append(file)

    fields = from_arrow_schema(_merge_schemas(files_by_schema), prefer_timestamp_ntz=True).fields

    # Spark and the local engine read larger files first
    groups = sorted(files_by_schema.items(), key=lambda group: -max(file.size_bytes for file in group[1]))
    frames = []
    for schema, files in groups:
        frame = opened.load([escape_globs(file.path) for file in files])
        # Its columns with the common types; null for those that it lacks
        columns = []
        for field in fields:
            cells = F.lit(None)
            if field.name in schema.names:
                cells = F.col(f"`{field.name.replace('`', '``')}`")
            columns.append(cells.cast(field.dataType).alias(field.name))
        frames.append(frame.select(*columns))
    rows = reduce(DataFrame.union, frames)
    # As many partitions as one reader of all files would have, which packs small files together
    partition_bytes = partitions.parse_size(spark.conf.get("spark.sql.files.maxPartitionBytes"))
    open_cost_bytes = partitions.parse_size(spark.conf.get("spark.sql.files.openCostInBytes"))
    sizes = (file.size_bytes for files in files_by_schema.values() for file in files)
    return rows.coalesce(partitions.partitions_at_most(sizes, partition_bytes, open_cost_bytes))


def _merge_schemas(files_by_schema: Mapping[pa.Schema, Sequence[StoredFile]]) -> pa.Schema:
    """The columns of all files, with the types that hold their values. Raises BadInput if no type does."""
    types: dict[str, pa.DataType] = {}
    first_fields: dict[str, tuple[pa.Field, StoredFile]] = {}
    for schema, [file, *_] in files_by_schema.items():
        for column in schema:
            data_type = column.type
            # A column without any value has no type of its own and takes that of the others
            if not pa.types.is_null(data_type):
                data_type = map_to_spark_type(data_type, f"{file.path}: {column.name!r}")
            # Compared with the file that has the column first
            first_field, first_file = first_fields.setdefault(column.name, (column, file))
            common = find_common_type(types.get(column.name, pa.null()), data_type)
            if common is None:
                problem = f"column {column.name!r} is {column.type}, and {first_field.type} in {first_file.path}"
                raise BadInput(f"{file.path}: {problem}; write all files with the same types")
            types[column.name] = common
    return pa.schema([(name, map_to_spark_type(data_type, name)) for name, data_type in types.items()])


FOOTER_BYTES = 64 * 1024  # contains all the column metadata of most Parquet files
LARGE_BYTES = 64 * 2**20  # a larger file isn't read by a task for its footer alone
FOOTER_TASKS = 64  # at most, that read footers

FOOTERS = "path string, length long, modified_ms long, schema binary"


def _read_schemas(spark: SparkSession, paths: Sequence[str]) -> list[pa.Schema]:
    """The schemas of all Parquet files, in their order."""
    return [schema for _, schema in read_files_with_schemas(spark, paths)]


def read_files_with_schemas(spark: SparkSession, paths: Sequence[str]) -> list[tuple[StoredFile, pa.Schema]]:
    """All Parquet files by path, and their schemas. Executors read the ends of files, for each of which the driver would
    have to call its JVM several times; only of large files and of wide tables it does.
    """
    send_package(spark)
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load([*paths])
    file_columns = ["path", "length", "unix_millis(modificationTime) AS modified_ms"]
    # A filter by length keeps Spark from reading others
    small_files = files.where(f"length <= {LARGE_BYTES}")
    ends = small_files.selectExpr(*file_columns, f"substring(content, -{FOOTER_BYTES}) AS end")
    large_files = files.where(f"length > {LARGE_BYTES}").selectExpr(*file_columns, "CAST(NULL AS BINARY) AS end")
    footers = ends.union(large_files).where("length > 0").coalesce(FOOTER_TASKS).mapInArrow(read_footers, FOOTERS)
    files_with_schemas = []
    for row in sorted(footers.collect()):
        file = StoredFile(row.path, row.length, row.modified_ms)
        # A large file, a long footer, or a damaged file, which is named now
        if row.schema is None:
            schema = _read_footer(storage_of_session(file.path, spark), file)
        else:
            schema = pa.ipc.read_schema(pa.py_buffer(row.schema))
        files_with_schemas.append((file, schema))
    return files_with_schemas


def _read_footer(storage: Storage, file: StoredFile) -> pa.Schema:
    # 4 bytes of length and "PAR1" are the very last
    end = storage.read(file.path, 8, max(0, file.size_bytes - 8))
    size = int.from_bytes(end[:4], "little") + 8
    return pq.read_schema(pa.BufferReader(storage.read(file.path, size, max(0, file.size_bytes - size))))


def put_in_one_partition(frame: DataFrame) -> DataFrame:
    """The rows in the order of their files; where Spark knows no files, as for a view, in the order they arrive."""
    try:
        # Looked at right away, so that a view without files fails here and not in the job
        ordered = sort_by_file(with_places(frame)).drop(FILE, BLOCK_START)
        ordered.schema  # noqa: B018 -- as above
        return ordered
    except AnalysisException:
        log.warning("Spark doesn't know of which files the rows are; they are read in the order in which they come")
        return frame.coalesce(1)


def error_sentence(fault: Exception) -> str:
    """Spark's message, in brackets; empty if it only says that a call failed."""
    text = next(iter(str(fault).strip().splitlines()), type(fault).__name__)
    if isinstance(fault, Py4JError):
        return ""
    return f" ({text})"


SLICE_BYTES = 16 * 2**20
"""Of a table in memory, before compression; a message to an executor is at most 128 MiB (spark.rpc.message.maxSize)."""

NARROW = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
"""Spark's types for text and bytes; a slice is small enough for them."""


def split_table(table: pa.Table) -> list[pa.Table]:
    """The table cut by its size alone, into one slice or more."""
    rows = max(1, table.num_rows * SLICE_BYTES // max(1, table.nbytes))
    return [table.slice(start, rows) for start in range(0, max(1, table.num_rows), rows)]


def frame_of_table(spark: SparkSession, table: pa.Table) -> DataFrame:
    """The table as a frame of one partition for each part that `split_table` makes. The types are those that Spark has."""
    narrow = pa.schema([field.with_type(NARROW.get(field.type, field.type)) for field in table.schema])
    # Compressed Arrow in one binary cell: PySpark would turn each value into a Python object
    packed = [(_pack(piece.cast(narrow)),) for piece in split_table(table)]
    send_package(spark)
    # Connect has no RDDs; a union keeps one partition for each slice
    if is_connect(spark):
        rows = reduce(DataFrame.union, [spark.createDataFrame([piece], "slice binary") for piece in packed])
    else:
        rows = spark.createDataFrame(spark.sparkContext.parallelize(packed, len(packed)), "slice binary")
    return rows.mapInArrow(unpack, from_arrow_schema(narrow, prefer_timestamp_ntz=True))


def _pack(table: pa.Table) -> bytearray:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return bytearray(sink.getvalue())
