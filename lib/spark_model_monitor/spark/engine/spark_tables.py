"""Tables that the Spark session knows by name: Delta and Iceberg tables with versions, Parquet tables, and a catalog's tables.

A run first resolves its request to one version and then reads this version, so that it reads the same rows each time.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from functools import cached_property

import pyspark.sql.functions as F
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row, SparkSession

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
from spark_model_monitor.data.reading.versioned_tables import open_table as open_path_table
from spark_model_monitor.data.records.locations import BLOCK_START, FILE
from spark_model_monitor.errors import BadConfiguration, BadInput, InputUnavailable, MonitorError, NotRecorded
from spark_model_monitor.spark.engine.table_files import describe_error
from spark_model_monitor.spark.engine.text_lines import add_file_columns
from spark_model_monitor.value_class import value_class

MODIFICATION_TIME = "_metadata.file_modification_time"
CHANGE_FEED_PROPERTY = "delta.enableChangeDataFeed=true"
VERSIONED_FORMATS = "it has to be a table of Delta, Iceberg or Parquet"


@value_class(slots=False)
class _SparkTable:
    """A table with versions that the session knows by name (`versioned_tables.VersionedTable`)."""

    spark: SparkSession
    name: str
    properties: str  # as DESCRIBE TABLE EXTENDED shows them

    def list_history(self, limit: str = "") -> list[Row]:
        """The number and time of each version, the newest first. limit: an SQL clause that limits their number."""
        raise NotImplementedError

    @cached_property
    def history(self) -> list[Row]:
        return self.list_history()

    @cached_property
    def versions(self) -> Versions:
        return [(row[0], row[1]) for row in self.history]

    def is_whole(self, version: int) -> bool:
        """Whether a version is the table's first, or replaced all earlier rows."""
        raise NotImplementedError

    def read_appended(self, start: int, version: int) -> DataFrame:
        """The rows appended after version `start`, up to `version`. Raises NotRecorded."""
        raise NotImplementedError

    def read_newest(self) -> tuple[DataFrame, TableVersion | None]:
        """The rows of the newest version, and the version. It doesn't list the history, which may have thousands of versions."""
        newest = self.list_history(" LIMIT 1")
        # The table has no commits yet
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
        # Recorded changes distinguish new rows from rewritten rows, whatever a commit did
        if CHANGE_FEED_PROPERTY in self.properties:
            changes = self.read_changes(readChangeFeed=True, startingVersion=start + 1, endingVersion=version)
            return changes.where("_change_type = 'insert'").drop("_change_type", "_commit_version", "_commit_timestamp")
        if not all(self._only_appends(number) for number, _ in self.versions if start < number <= version):
            raise NotRecorded(f"since: {self.name}: what was appended can't be determined; {NOT_RECORDED}")
        # Commits that only append leave all earlier files unchanged
        earlier_files = add_file_columns(self.read(start)).select(FILE).distinct()
        return add_file_columns(self.read(version)).join(earlier_files, FILE, "left_anti").drop(FILE, BLOCK_START)

    def _parameters(self, version: int) -> Mapping[str, str]:
        return next(row.parameters for row in self.history if row[0] == version) or {}

    def _only_appends(self, version: int) -> bool:
        """Whether a commit left all earlier rows unchanged."""
        # Delta's history says whether a commit was a blind append; if a writer doesn't record that, its mode counts
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
    """A Parquet table, whose versions are the files that were written together, as in the local engine."""

    @cached_property
    def versions(self) -> Versions:
        times = self.spark.table(self.name).select(F.unix_millis(MODIFICATION_TIME)).distinct().collect()
        return group_file_times(sorted(row[0] for row in times))

    def read_newest(self) -> tuple[DataFrame, TableVersion | None]:
        return self.spark.table(self.name), None

    def is_whole(self, version: int) -> bool:
        return bool(version == self.versions[-1][0])

    def read(self, version: int) -> DataFrame:
        return self.read_appended(-1, version)

    def read_appended(self, start: int, version: int) -> DataFrame:
        # The files that were written after version `start`, up to `version`
        modified_ms = F.unix_millis(MODIFICATION_TIME)
        is_between = (modified_ms > start) & (modified_ms <= version)
        # Spark skips files of other versions because of their times
        return self.spark.table(self.name).where(is_between)


_TABLE_TYPES = {"delta": _SparkDeltaTable, "iceberg": _SparkIcebergTable, "parquet": _SparkParquetTable}
"""By the provider that Spark names: the class of its tables."""


def open_table(engine: Engine, name: str) -> VersionedTable:
    """The table with this name in the session's catalog, to list its commits; or the result of `versioned_tables.open_table`.

    Raises BadConfiguration if the table doesn't exist or has no versions.
    """
    # A path is read without Spark, because catalogs may refuse paths
    if parse_table_path(name):
        return open_path_table(engine, name)
    try:
        table = _open_spark_table(engine.spark, name)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    if table is None:
        raise BadConfiguration(f"each_commit: {name} keeps no versions; {VERSIONED_FORMATS}")
    return table


def make_no_table_error(name: str, fault: Exception) -> BadConfiguration:
    """The error for a table that the session's catalog doesn't know."""
    return BadConfiguration(
        f"dataset_format: Spark's catalog has no table {name!r}{describe_error(fault)}; SHOW TABLES lists what it has, and "
        "Delta needs its JAR and settings (docs/data.md)"
    )


def _open_spark_table(spark: SparkSession, name: str) -> _SparkTable | None:
    """A table with versions; None for a table or view without versions."""
    # Views, and files without a record of added rows, have no versions
    properties = _read_properties(spark, name)
    table_type = _TABLE_TYPES.get(_find_provider(properties))
    if table_type is None:
        return None
    return table_type(spark, name, properties.get("Table Properties", ""))


def _read_properties(spark: SparkSession, name: str) -> dict[str, str]:
    """By name: the properties that Spark reports for a table. A column may have a property's name; it comes before it."""
    return {row.col_name: row.data_type or "" for row in spark.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()}


def _find_provider(properties: Mapping[str, str]) -> str:
    """The format of a table's files; empty if Spark names no format, as for a temporary view."""
    provider = properties.get("Provider", "").lower()
    # The class that reads a Hive table shows its format
    if provider == "hive" and "parquet" in properties.get("Serde Library", "").lower():
        return "parquet"
    return provider


def read_table_version(
    spark: SparkSession, name: str, as_of: Version | None, since: Version | None
) -> tuple[DataFrame, TableVersion | None]:
    """A table's rows and their version; the version is None if the table or view has no versions, or none yet.

    Raises BadConfiguration if there is no such version, or if appended rows weren't recorded; NoData if no rows were appended.
    """
    table = _open_spark_table(spark, name)
    if table is None:
        if as_of is not None or since is not None:
            option = "since" if as_of is None else "as_of"
            raise BadConfiguration(f"{option}: {name} keeps no versions; {VERSIONED_FORMATS}")
        return spark.table(name), None
    if as_of is None and since is None:
        return table.read_newest()
    # The rows of a requested version, or the rows that were appended after it
    versions = table.versions
    if not versions:
        return spark.table(name), None
    version, start = find_versions(name, versions, as_of, since)
    if start is None:
        return table.read(version), TableVersion(name, version)
    # If both versions are the same, nothing was appended, and reading the changes would fail
    if start != version:
        rows = table.read_appended(start, version)
        if not _is_empty(rows, f"since: {name}, versions after {start}"):
            return rows, TableVersion(name, version, start)
    raise make_nothing_appended_error(name, start, version)


def _is_empty(rows: DataFrame, where: str) -> bool:
    """Whether there are no rows, by a job that reads one row. Here the table's format finds out if changes weren't recorded."""
    try:
        return rows.isEmpty()
    except Exception as fault:
        reason = " ".join(str(fault).split()).partition(". ")[0]
        raise NotRecorded(f"{where}: what was appended can't be determined ({reason}); {NOT_RECORDED}") from fault


def list_catalog_tables(spark: SparkSession, pattern: str) -> Iterator[tuple[str, str | MonitorError]]:
    """The tables whose names match a pattern, without views: each with its name in SQL, and the name or an error.

    pattern: `SCHEMA.TABLE` of the session's catalog, or `CATALOG.SCHEMA.TABLE`. Raises BadConfiguration for any other pattern.
    """
    schema_path, _, table = pattern.rpartition(".")
    catalog, _, schema = schema_path.rpartition(".")
    if not schema:
        raise BadConfiguration(f"{pattern!r} has no schema; write SCHEMA.TABLE, such as 'sales.*'")
    catalogs = [catalog] if catalog else []
    try:
        schemas = spark.sql(" IN ".join(["SHOW SCHEMAS", *map(quote_name, catalogs)])).collect()
    except Exception as fault:
        raise InputUnavailable(f"Spark's catalog can't be listed{describe_error(fault)}") from fault
    # If one schema can't be listed, tables of other schemas are still watched
    for schema_name in fnmatch.filter([row[0] for row in schemas], schema):
        name_parts = [*catalogs, schema_name]
        try:
            rows = spark.sql(f"SHOW TABLES IN {quote_name(*name_parts)}").collect()
        except Exception as fault:
            yield ".".join(name_parts), BadInput(f"its tables can't be listed{describe_error(fault)}")
            continue
        for row in rows:
            if not row.isTemporary and fnmatch.fnmatchcase(row.tableName, table):
                table_or_fault = _find_table_or_fault(spark, quote_name(*name_parts, row.tableName))
                if table_or_fault is not None:
                    yield ".".join((*name_parts, row.tableName)), table_or_fault


def quote_name(*parts: str) -> str:
    """A name in SQL. Only parts with other characters than letters and digits need quotes."""
    return ".".join(part if re.fullmatch(r"\w+", part) else f"`{part}`" for part in parts)


def _find_table_or_fault(spark: SparkSession, name: str) -> str | MonitorError | None:
    """The name of a table with commits, or the error that says why it has none; None for a view."""
    # If one table can't be described, other tables are still watched
    try:
        properties = _read_properties(spark, name)
    except Exception as fault:
        return BadInput(f"Spark can't describe it{describe_error(fault)}")
    if "VIEW" in properties.get("Type", ""):
        return None
    provider = _find_provider(properties)
    if provider in _TABLE_TYPES:
        return name
    return BadConfiguration(f"it is kept as {provider or 'Spark does not say'}; Delta, Iceberg and Parquet are watched")
