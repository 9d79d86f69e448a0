"""Reads files as tables with Spark's own readers. If Spark refuses the files, the error says what to do.

Parquet files whose schemas Spark can't merge are read in groups of files with the same types.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark.sql.functions as F
from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.casts import find_common_type, map_to_spark_type
from spark_model_monitor.data.records.locations import BLOCK_START, FILE
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.spark.engine.application import send_package
from spark_model_monitor.spark.engine.text_lines import add_file_columns, escape_globs, sort_by_file
from spark_model_monitor.spark.engine.worker import read_footers
from spark_model_monitor.spark.storage import storage_of_session
from spark_model_monitor.storage import StoredFile

if TYPE_CHECKING:
    from spark_model_monitor.storage import Storage

log = logging.getLogger(__name__)

LOCAL_PATH = re.compile("^file:/(?!/)")  # Sail 0.7 takes such a path for a folder without files
FOOTER_BYTES = 64 * 1024  # for most Parquet files, so many bytes at the end contain all column metadata
MAX_TASK_FILE_BYTES = 64 * 2**20  # a larger file isn't read by a task for its footer alone
MAX_FOOTER_TASKS = 64  # most tasks that read footers
FOOTER_COLUMNS = "path string, length long, modified_ms long, schema binary"  # the columns of `worker.read_footers`


def make_reader(spark: SparkSession, reader: str, options: Mapping[str, str]) -> DataFrameReader:
    """Spark's reader of this name with these options."""
    # without merging, Spark would read only the first file's columns, without a warning
    our_options = {}
    if reader.lower() == "parquet":
        our_options = {"mergeSchema": "true"}
    return spark.read.format(reader).options(**our_options).options(**options)


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
    """The frame of the files at or below the locations, as `Engine.table` describes it."""
    table_reader = make_reader(spark, reader, options)
    # By default, Spark takes folders like `day=1` for columns, and skips nested folders
    if not by_folders:
        table_reader = table_reader.option("recursiveFileLookup", "true")
    # Brackets and stars in a name are escaped, because Spark would read them as a pattern
    paths = [LOCAL_PATH.sub("file:///", escape_globs(location)) for location in locations]
    try:
        frame = _load_frame(spark, table_reader, paths, left_out)
    except Exception as fault:
        if "CANNOT_MERGE_SCHEMAS" in str(fault) or "Failed to merge" in str(fault):
            # Reading every footer is slower, so it is done only after Spark has refused the files
            if reader == "parquet" and not left_out:
                frame = _load_widened(spark, table_reader, paths)
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
        if refused_type := re.search(r"Illegal Parquet type: ([^.\n]+)|a column of (\S+) needs Spark", str(fault)):
            raise BadInput(
                f"{locations[0]}: has a column of {refused_type[1] or refused_type[2]}, which Spark doesn't read; write "
                "it as another type, or leave it out by --exclude-features-attribute"
            ) from fault
        # The error is ours and already names the file
        if isinstance(fault, BadInput):
            raise
        if reader == "parquet":
            _require_no_half_floats(spark, paths, locations[0])
        raise BadInput(
            f"{locations[0]}: can't be read as {reader}{describe_error(fault)}; "
            "write the --dataset-format that the files have, and --packages for a format that Spark does not bring"
        ) from fault
    if in_order:
        return put_in_one_partition(frame)
    return frame


def _require_no_half_floats(spark: SparkSession, paths: Sequence[str], source: str) -> None:
    """Raises BadInput if a Parquet column has half precision. Spark also fails, but its error doesn't name the column."""
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
    spark: SparkSession, table_reader: DataFrameReader, paths: Sequence[str], left_out: Sequence[str]
) -> DataFrame:
    """The frame that a reader makes of files. If Spark refuses a type, columns that are left out become null, and times in
    nanoseconds are read as numbers and then cut to microseconds.
    """
    try:
        frame = table_reader.load([*paths])
        frame.schema  # noqa: B018 -- a session of Spark Connect looks at nothing before
        return frame
    except Exception as fault:
        if "Illegal Parquet type" not in str(fault):
            raise
        fields = [field for schema in _read_schemas(spark, paths) for field in schema]
        names = [*dict.fromkeys(field.name for field in fields)]
        # Users leave a column out by its name or its position
        excluded_names = {name for position, name in enumerate(names) if {name, str(position)} & {*left_out}}
        if not excluded_names and "Illegal Parquet type: INT64 (TIMESTAMP(NANOS" not in str(fault):
            raise
    spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
    # Spark's times have microseconds, but it can read nanoseconds as numbers
    nanosecond_names = {field.name for field in fields if str(field.type).startswith("timestamp[ns")} - excluded_names
    if excluded_names:
        included_fields = [field for field in fields if field.name not in excluded_names]
        # A column that has two types among the files appears twice, which the comparison of lengths below detects
        types = set()
        for field in included_fields:
            if field.name in nanosecond_names:
                types.add((field.name, pa.int64()))
            else:
                types.add((field.name, map_to_spark_type(field.type, field.name)))
        schema = pa.schema(sorted(types, key=lambda name_and_type: names.index(name_and_type[0])))
        if len(schema) + len(excluded_names) > len(names):
            raise BadInput("Failed to merge")  # the text of Spark's own error
        table_reader = table_reader.schema(from_arrow_schema(schema, prefer_timestamp_ntz=True))
    frame = table_reader.load([*paths])
    expressions = {name: f"`{name.replace('`', '``')}`" for name in frame.columns}
    # `div` cuts to whole microseconds, rounding toward zero
    expressions |= {name: f"timestamp_micros({expressions[name]} div 1000)" for name in nanosecond_names}
    # Columns that come from folders' names are in no file's schema
    names += [name for name in frame.columns if name not in names]
    return frame.select(*(F.expr(expressions.get(name, "CAST(NULL AS STRING)")).alias(name) for name in names))


def _load_widened(spark: SparkSession, table_reader: DataFrameReader, paths: Sequence[str]) -> DataFrame:
    """The frame of Parquet files whose columns have different types. Files with the same types are read together, and each column
    is cast to the type that can hold all its values, as in the local engine.

    Raises BadInput if no type can hold all values of a column.
    """
    # The files, grouped by their columns and types
    files_by_schema: dict[pa.Schema, list[StoredFile]] = {}
    for file, schema in read_files_with_schemas(spark, paths):
        files_by_schema.setdefault(schema.remove_metadata(), []).append(file)

    fields = from_arrow_schema(_merge_schemas(files_by_schema), prefer_timestamp_ntz=True).fields

    # Groups with larger files come first, because Spark and the local engine read larger files first
    groups = sorted(files_by_schema.items(), key=lambda group: -max(file.size_bytes for file in group[1]))
    frames = []
    for schema, files in groups:
        frame = table_reader.load([escape_globs(file.path) for file in files])
        # The columns of this group with the common types; columns that it lacks are null
        columns = []
        for field in fields:
            cells = F.lit(None)
            if field.name in schema.names:
                cells = F.col(f"`{field.name.replace('`', '``')}`")
            columns.append(cells.cast(field.dataType).alias(field.name))
        frames.append(frame.select(*columns))
    rows = reduce(DataFrame.union, frames)
    # The number of partitions is that of one reader of all files, which puts small files together
    partition_bytes = partitions.parse_size(spark.conf.get("spark.sql.files.maxPartitionBytes"))
    open_cost_bytes = partitions.parse_size(spark.conf.get("spark.sql.files.openCostInBytes"))
    sizes = (file.size_bytes for files in files_by_schema.values() for file in files)
    return rows.coalesce(partitions.max_partition_count(sizes, partition_bytes, open_cost_bytes))


def _merge_schemas(files_by_schema: Mapping[pa.Schema, Sequence[StoredFile]]) -> pa.Schema:
    """The columns of all files, each with a type that can hold all its values. Raises BadInput if no type can."""
    types: dict[str, pa.DataType] = {}
    first_fields: dict[str, tuple[pa.Field, StoredFile]] = {}
    for schema, [file, *_] in files_by_schema.items():
        for column in schema:
            data_type = column.type
            # A column without any value in a file has type null there, and takes the type of the other files
            if not pa.types.is_null(data_type):
                data_type = map_to_spark_type(data_type, f"{file.path}: {column.name!r}")
            # The error names the first file that has the column, too
            first_field, first_file = first_fields.setdefault(column.name, (column, file))
            common = find_common_type(types.get(column.name, pa.null()), data_type)
            if common is None:
                problem = f"column {column.name!r} is {column.type}, and {first_field.type} in {first_file.path}"
                raise BadInput(f"{file.path}: {problem}; write all files with the same types")
            types[column.name] = common
    return pa.schema([(name, map_to_spark_type(data_type, name)) for name, data_type in types.items()])


def _read_schemas(spark: SparkSession, paths: Sequence[str]) -> list[pa.Schema]:
    """The schemas of all Parquet files, in the files' order."""
    return [schema for _, schema in read_files_with_schemas(spark, paths)]


def read_files_with_schemas(spark: SparkSession, paths: Sequence[str]) -> list[tuple[StoredFile, pa.Schema]]:
    """All Parquet files in order of their paths, and their schemas. Executors read the ends of files, because the driver would
    have to call its JVM several times for each. The driver reads only the ends of large files and of wide tables' files.
    """
    send_package(spark)
    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load([*paths])
    file_columns = ["path", "length", "unix_millis(modificationTime) AS modified_ms"]
    # Because of the filter by length, Spark doesn't read larger files
    small_files = files.where(f"length <= {MAX_TASK_FILE_BYTES}")
    ends = small_files.selectExpr(*file_columns, f"substring(content, -{FOOTER_BYTES}) AS end")
    large_files = files.where(f"length > {MAX_TASK_FILE_BYTES}").selectExpr(
        *file_columns, "CAST(NULL AS BINARY) AS end"
    )
    footers = (
        ends.union(large_files).where("length > 0").coalesce(MAX_FOOTER_TASKS).mapInArrow(read_footers, FOOTER_COLUMNS)
    )
    files_with_schemas = []
    for row in sorted(footers.collect()):
        file = StoredFile(row.path, row.length, row.modified_ms)
        # The file is large, has a long footer, or is damaged; in the last case this raises an error with its name
        if row.schema is None:
            schema = _read_footer(storage_of_session(file.path, spark), file)
        else:
            schema = pa.ipc.read_schema(pa.py_buffer(row.schema))
        files_with_schemas.append((file, schema))
    return files_with_schemas


def _read_footer(storage: Storage, file: StoredFile) -> pa.Schema:
    # The last 8 bytes are the footer's length and "PAR1"
    end = storage.read(file.path, 8, max(0, file.size_bytes - 8))
    size = int.from_bytes(end[:4], "little") + 8
    return pq.read_schema(pa.BufferReader(storage.read(file.path, size, max(0, file.size_bytes - size))))


def put_in_one_partition(frame: DataFrame) -> DataFrame:
    """The rows in one partition, in the order of their files. If Spark knows no files, as for a view, in the order of arrival."""
    try:
        # Analysed right away, so that a view without files fails here and not in the job
        ordered = sort_by_file(add_file_columns(frame)).drop(FILE, BLOCK_START)
        ordered.schema  # noqa: B018 -- a session of Spark Connect analyses nothing before
        return ordered
    except AnalysisException:
        log.warning("Spark doesn't know of which files the rows are; they are read in the order in which they come")
        return frame.coalesce(1)


def describe_error(fault: Exception) -> str:
    """Spark's message in brackets; empty if the message only says that a call failed."""
    text = next(iter(str(fault).strip().splitlines()), type(fault).__name__)
    if isinstance(fault, Py4JError):
        return ""
    return f" ({text})"
