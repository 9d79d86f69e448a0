"""Prepares rows with Spark's SQL: typed columns for a scan, refused records with their locations, tables, and logs.

Columns are addressed by position, because Spark can't safely address names such as `a.b`, or `Age` if there is also `age` (P9).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_schema

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions, States
from spark_model_monitor.data.profiling.scan import compute_typed_states
from spark_model_monitor.data.profiling.scan_plan import (
    HASHED_TYPES,
    KEY_BYTES,
    KEY_PREFIX_CHARACTERS,
    KEY_SEPARATOR,
    LIST_COLUMN,
    PREDICATE,
    UNCUT_TEXT,
    ColumnPlan,
    ScanPlan,
)
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.frames import Rows
from spark_model_monitor.data.reading.ledger import NUMBER, Version
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import CELLS, NOT_QUARANTINED, REASON, Refusal
from spark_model_monitor.data.request_logs.capture_folder import SharedFolder, make_shared_folder
from spark_model_monitor.data.request_logs.logged_events import LogReader
from spark_model_monitor.spark.engine.arrow_slices import frame_of_table, split_table
from spark_model_monitor.spark.engine.spark import SparkPartitions, collect_batches
from spark_model_monitor.spark.engine.spark_tables import make_no_table_error, read_table_version
from spark_model_monitor.spark.engine.table_files import make_reader, put_in_one_partition
from spark_model_monitor.spark.engine.text_lines import is_utf_8, number_lines, read_lines
from spark_model_monitor.spark.storage import is_connect
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.storage.local_storage import TemporaryFolder


def find_rejected_lines(dataset: Dataset, other_records: Partitions | None = None) -> Iterator[Mapping[str, Any]]:
    """The refused records in the quarantine's form, in order of file and line number. other_records: further records, with
    their `NUMBER`.
    """
    records = read_refused_records(dataset)
    if other_records is not None:
        records = records.unionByName(read_refused_texts(other_records.frame))
    return (row.asDict() for row in records.orderBy(FILE, NUMBER).toLocalIterator())


def read_refused_records(dataset: Dataset) -> DataFrame:
    """One row for each refused line, in order of file and line number. The first line of a file, its header, isn't refused.

    If a record is a whole file, its line number is 1.
    """
    is_fault = (F.col(REASON) > 0) & ~F.col(REASON).isin(*(int(reason) for reason in NOT_QUARANTINED))
    lines = dataset.frame.where(is_fault).select(FILE, LINE, REASON).distinct()
    files = [row[FILE] for row in lines.select(FILE).distinct().collect()]  # at most one row per file
    # Blank lines are read, too, so that lines get the numbers that an editor shows
    all_lines = read_lines(dataset.engine.spark, dataset.listing.paths_to_read, with_blank=True)
    # Joined by file and text: each of several equal lines gets its own number
    numbered_lines = lines.join(number_lines(all_lines, files, NUMBER), on=[FILE, LINE], how="left")
    numbered_lines = numbered_lines.fillna({NUMBER: 1, BLOCK_START: 0})
    is_header = (F.col(REASON) == int(Refusal.REPEATED_HEADER)) & (F.col(NUMBER) <= dataset.header_number)
    return read_refused_texts(numbered_lines.where(~is_header))


def read_refused_texts(records: DataFrame) -> DataFrame:
    """Records in the quarantine's form. records: rows with the text in `LINE`, the location and the `REASON`."""
    return records.select(
        FILE,
        NUMBER,
        BLOCK_START,
        REASON,
        F.sha2(F.col(LINE).cast("binary"), 256).alias("sha256"),
        F.when(is_utf_8(F.col(LINE)), F.col(LINE)).alias("line"),
        F.when(~is_utf_8(F.col(LINE)), F.base64(F.col(LINE).cast("binary"))).alias("line_base64"),
    )


def read_catalog_table(
    engine: Engine, name: str, as_of: Version | None, since: Version | None, *, in_order: bool
) -> Dataset:
    """The data set of a table in the session's catalog, as `readers.read_table` returns it. Raises BadConfiguration if the table
    doesn't exist.
    """
    try:
        frame, version = read_table_version(engine.spark, name, as_of, since)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    if in_order:
        frame = put_in_one_partition(frame)
    return replace(Dataset.of(frame), version=version)


MILLISECONDS_PER_HOUR = 3_600_000


def fetch_log_rows(
    spark: SparkSession, name: str, columns: Sequence[str], time_columns: Sequence[str], hours: Collection[int] | None
) -> pa.Table:
    """Some columns of a table's rows.

    hours: only rows in these hours, counted since 1970, and rows without a time; None: all rows.

    Raises BadConfiguration if the table doesn't exist.
    """
    try:
        frame = spark.table(name)
        types = dict(frame.dtypes)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    times = [column for column in time_columns if column in types]
    if hours and times:
        # The time is a timestamp or a number of milliseconds
        row_ms = F.col(times[0])
        if types[times[0]].startswith("timestamp"):
            row_ms = F.unix_millis(row_ms.cast("timestamp"))
        # The response to a request may come in the next hour
        start = min(hours) * MILLISECONDS_PER_HOUR
        end = (max(hours) + 2) * MILLISECONDS_PER_HOUR
        frame = frame.where(row_ms.isNull() | ((row_ms >= start) & (row_ms < end)))
    rows = frame.select(*[column for column in frame.columns if column in columns])
    batches = collect_batches(rows)
    # If there are no rows, the types come from Spark's schema
    schema = batches[0].schema if batches else to_arrow_schema(rows.schema)
    return pa.Table.from_batches(batches, schema)


def read_log_table(engine: Engine, name: str, reader: LogReader, hours: Collection[int] | None) -> Dataset:
    """The rows of a log whose name is in the catalog; executors read them."""
    return read_catalog_table(engine, name, None, None, in_order=False)


def read_with_reader(engine: Engine, reader: str, options: Mapping[str, str], *, in_order: bool) -> Dataset:
    """The rows of a Spark reader that needs no path. Raises the errors of that reader."""
    frame = make_reader(engine.spark, reader, options).load()
    # The order across partitions is kept only if there is one partition
    if in_order:
        frame = put_in_one_partition(frame)
    return Dataset.of(frame)


def read_in_memory(engine: Engine, table: Rows, by_tasks: bool | None) -> tuple[Partitions, int, int] | None:
    """The rows as Spark's partitions, the number of partitions, and 1 for one group of columns; None if this machine reads a file
    with them instead.

    by_tasks: whether the rows travel with the tasks; None: only if executors are on other machines.
    """
    if by_tasks is None:
        by_tasks = _are_executors_remote(engine)
    if not by_tasks:
        return None
    # A reader returns its batches only once, but the slices need the whole table
    if not isinstance(table, pa.Table):
        table = table.read_all()
    return SparkPartitions(frame_of_table(engine.spark, table)), len(split_table(table)), 1


def make_staging_folder(engine: Engine, staging: str | None) -> TemporaryFolder | SharedFolder:
    """The folder for the captures of a request log: a local folder if executors are on this machine, otherwise a shared one."""
    if _are_executors_remote(engine):
        return make_shared_folder(engine, staging)
    return TemporaryFolder()


def _are_executors_remote(engine: Engine) -> bool:
    """Whether executors are on other machines. Executors on the driver's machine can open the driver's files."""
    spark: Any = engine.spark
    return is_connect(spark) or not spark.sparkContext._jsc.isLocal()


MAX_SINGLE_COLUMNS = 50
"""Up to this number of columns of one type, each is passed as a column; more go into one list (`ColumnPlan.listed`). A
few are faster on their own: Spark interprets the code that cuts the texts of a list, at an extra 0.1 µs per cell."""

LISTED_TYPES = (T.StringType, T.DoubleType, T.FloatType, T.LongType, T.IntegerType)
INTEGRAL = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
FRACTIONAL = (T.FloatType, T.DoubleType)


def column_type(data_type: T.DataType) -> ColumnType:
    """The column type for a Spark type. Maps, structs and binary values are NESTED: only whether they are present counts."""
    if isinstance(data_type, (T.StringType, T.VarcharType, T.CharType)):
        return ColumnType.TEXT
    if isinstance(data_type, INTEGRAL):
        return ColumnType.INTEGRAL
    if isinstance(data_type, FRACTIONAL):
        return ColumnType.FRACTIONAL
    if isinstance(data_type, T.DecimalType):
        if data_type.scale == 0:
            return ColumnType.INTEGRAL
        return ColumnType.FRACTIONAL
    if isinstance(data_type, T.BooleanType):
        return ColumnType.BOOLEAN
    if isinstance(data_type, T.DateType):
        return ColumnType.DATE
    if isinstance(data_type, (T.TimestampType, T.TimestampNTZType)):
        return ColumnType.TIMESTAMP
    if isinstance(data_type, T.ArrayType) or data_type.typeName() == "vectorudt":
        return ColumnType.VECTOR
    return ColumnType.NESTED


def plan_columns(
    frame: DataFrame, names: Sequence[str], counted: frozenset[str], positions: Iterable[int]
) -> tuple[ColumnPlan, ...]:
    """The plans of the columns at some positions of `frame`. Its first `len(names)` columns are the features, in order.

    counted: the features whose values are counted one by one, even if they are numbers.
    """
    fields = frame.schema.fields
    types = {position: fields[position].dataType for position in positions}
    # Many columns of one type travel as one list, because Spark's time depends on the number of columns, not of cells
    positions_by_list: dict[str, list[int]] = {}
    for position, data_type in types.items():
        if isinstance(data_type, LISTED_TYPES):
            positions_by_list.setdefault(LIST_COLUMN.format(data_type.typeName()), []).append(position)
    # A few columns of one type stay single, because a list would cost more than it saves
    slots: dict[int, tuple[str, int]] = {}
    for listed, listed_positions in positions_by_list.items():
        if len(listed_positions) > MAX_SINGLE_COLUMNS:
            slots |= {position: (listed, slot) for slot, position in enumerate(listed_positions)}
    plans = []
    for position, data_type in types.items():
        column_list, slot = slots.get(position, (None, 0))
        kind = column_type(data_type)
        has_hashes = kind in HASHED_TYPES or isinstance(data_type, T.DecimalType)
        is_counted = names[position] in counted
        plans.append(ColumnPlan(position, kind, has_hashes, is_counted, column_list, slot))
    return tuple(plans)


def select_columns(frame: DataFrame, plan: ScanPlan, predicates: Mapping[str, Column]) -> DataFrame:
    """The rows as executors need them: the plan's columns, with long texts shortened, and with `true` in place of cells whose
    content doesn't count.

    predicates: as in `scan.RowSource`.
    """
    selected: list[str | Column] = [name for name in (REASON, CELLS) if name in frame.columns]
    if plan.rows.metadata:
        selected.append(plan.rows.metadata.line)
    if plan.file_order is not None:
        selected += select_file_locations(frame)
    # The features follow, each as a column or in the list of its type
    fields = frame.schema.fields
    listed_columns: dict[str, list[str]] = {}
    for column in plan.columns:
        field = fields[column.position]
        if column.listed is None:
            selected.append(_select_cells(f"`{field.name}`", field.dataType, column))
        else:
            listed_columns.setdefault(column.listed, []).append(f"`{field.name}`")
        if column.position in plan.rows.whole_texts and column.column_type is ColumnType.TEXT:
            selected.append(f"CAST(`{field.name}` AS STRING) AS {UNCUT_TEXT}{column.position}")
    # A list has the cells of columns of one type, in the order of their slots
    for listed, names in listed_columns.items():
        array = f"array({', '.join(names)})"
        if listed == LIST_COLUMN.format(T.StringType().typeName()):
            array = f"transform({array}, cell -> {build_key_sql('cell')})"
        selected.append(f"{array} AS {listed}")
    # Predicates are numbered, because their names may be any text
    if plan.rows.predicates:
        selected += [predicate.alias(f"{PREDICATE}{index}") for index, predicate in enumerate(predicates.values())]
    return frame.select(*[F.expr(selection) if isinstance(selection, str) else selection for selection in selected])


def _select_cells(cells_sql: str, data_type: T.DataType, column: ColumnPlan) -> str | Column:
    """The cells of a column in the form that executors need. cells_sql: the column's name in SQL."""
    name = f"c{column.position}"
    if column.column_type is ColumnType.TEXT:
        cells_sql = build_key_sql(f"CAST({cells_sql} AS STRING)")
    elif column.column_type is ColumnType.NESTED:
        cells_sql = f"IF({cells_sql} IS NOT NULL, true, NULL)"
    elif isinstance(data_type, T.ArrayType):
        # If an array's elements aren't numbers, only whether each is present counts
        if not isinstance(data_type.elementType, INTEGRAL + FRACTIONAL):
            cells_sql = f"transform({cells_sql}, cell -> IF(cell IS NULL, NULL, true))"
    elif column.column_type is ColumnType.VECTOR:
        from pyspark.ml.functions import vector_to_array  # pyspark.ml takes 0.3 s to import

        return vector_to_array(F.col(cells_sql)).alias(name)
    return f"{cells_sql} AS {name}"


def build_key_sql(text: str) -> str:
    """An SQL expression that computes `plan.make_keys` of a text, so that huge cells never reach Arrow (P7)."""
    cut = f"concat(substring({text}, 1, {KEY_PREFIX_CHARACTERS}), '{KEY_SEPARATOR}', lower(hex(xxhash64({text}))))"
    return f"IF(octet_length({text}) <= {KEY_BYTES}, {text}, {cut})"


def prepare_typed_columns(
    table: Partitions, predicates: Mapping[str, Column]
) -> tuple[Callable[..., tuple[ColumnPlan, ...]], Callable[[ScanPlan], States]]:
    """Two functions, as from `scan.prepare_typed_columns`: the first makes the plans of typed columns, the second the states."""
    frame = table.frame

    def compute_states(plan: ScanPlan) -> States:
        rows = select_columns(frame, plan, predicates)
        return compute_typed_states(SparkPartitions(rows), plan)

    return partial(plan_columns, frame), compute_states


def select_file_locations(frame: DataFrame) -> tuple[str, ...]:
    """The SQL expressions of FILE_KEY and BLOCK_START; empty if Spark doesn't know the files of the rows."""
    # Rows of a CSV or JSON reader already have columns with their location
    if FILE_KEY in frame.columns:
        return FILE_KEY, f"0L AS {BLOCK_START}"
    if FILE in frame.columns:
        return f"xxhash64({FILE}) AS {FILE_KEY}", BLOCK_START
    expressions = (f"xxhash64(input_file_name()) AS {FILE_KEY}", f"input_file_block_start() AS {BLOCK_START}")
    try:
        frame.selectExpr(*expressions).schema  # noqa: B018 -- a session of Spark Connect looks at nothing before
    except Exception:  # for example, rows were joined, or a server doesn't have these functions
        return ()
    return expressions


def add_condition_columns(dataset: Dataset, conditions: Sequence[str]) -> tuple[Partitions, dict[str, Column]]:
    """The rows with a boolean column for each SQL condition over the features' names; and these columns, by condition."""
    names = [f"__predicate{index}" for index in range(len(conditions))]
    named_frame = dataset.get_named_frame()
    assert named_frame is not None  # conditions are for Spark's rows only
    columns = [F.expr(sql).alias(name) for name, sql in zip(names, conditions, strict=True)]
    frame = named_frame.select("*", *columns).toDF(*dataset.frame.columns, *names)
    return SparkPartitions(frame), {sql: F.col(name) for sql, name in zip(conditions, names, strict=True)}
