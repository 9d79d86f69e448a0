"""Rows prepared by Spark's SQL: typed columns for a scan, refused records with their locations, tables, windows.

Columns are addressed by position: Spark itself can't safely address names such as `Age` beside `age`, and `a.b` (P9).
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
from spark_model_monitor.data.profiling.scan import compute_row_states
from spark_model_monitor.data.profiling.scan_plan import (
    CELLS,
    CUT_MARK,
    ELEMENTS,
    HASH,
    KEY_BYTES,
    KEY_PREFIX_CHARACTERS,
    LIST,
    NAN_ELEMENTS,
    NORM,
    NULL_ELEMENTS,
    PREDICATE,
    UNCUT_TEXT,
    VALUE,
    ColumnPlan,
    ScanPlan,
)
from spark_model_monitor.data.profiling.scan_plan import REASON as REASON_OF_ROW
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.frames import Rows
from spark_model_monitor.data.reading.ledger import NUMBER, Version
from spark_model_monitor.data.records.event_times import convert_microseconds
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import NOT_QUARANTINED, REASON, Refusal
from spark_model_monitor.data.request_logs.capture_folder import SharedFolder, make_shared_folder
from spark_model_monitor.data.request_logs.logged_events import LogReader
from spark_model_monitor.spark.engine.spark import SparkPartitions, collect_batches
from spark_model_monitor.spark.engine.spark_tables import (
    frame_of_table,
    make_no_table_error,
    make_reader,
    put_in_one_partition,
    read_table_version,
    split_table,
)
from spark_model_monitor.spark.engine.text_lines import is_utf_8, number_lines, read_lines
from spark_model_monitor.spark.storage import is_connect
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.vectors import MOST_COMPONENTS
from spark_model_monitor.storage.local_storage import TemporaryFolder


def find_rejected_lines(dataset: Dataset, also: Partitions | None = None) -> Iterator[Mapping[str, Any]]:
    """The refused records in the quarantine's form, by file and line number. also: more, with their `NUMBER`s."""
    records = read_refused_records(dataset)
    if also is not None:
        records = records.unionByName(read_refused_texts(also.frame))
    return (row.asDict() for row in records.orderBy(FILE, NUMBER).toLocalIterator())


def read_refused_records(dataset: Dataset) -> DataFrame:
    """One row for each refused line, by file and line number. A file's first line, its header, is not one of them.

    A record that is a whole file is not a line of it; its line number is 1.
    """
    is_fault = (F.col(REASON) > 0) & ~F.col(REASON).isin(*(int(reason) for reason in NOT_QUARANTINED))
    lines = dataset.frame.where(is_fault).select(FILE, LINE, REASON).distinct()
    files = [row[FILE] for row in lines.select(FILE).distinct().collect()]  # at most as many as there are files
    # Blank lines are needed to number the others as an editor does
    everything = read_lines(dataset.engine.spark, dataset.listing.places, with_blank=True)
    # By file and text: equal lines of a file each get their own number
    numbered_lines = lines.join(number_lines(everything, files, NUMBER), on=[FILE, LINE], how="left").fillna(
        {NUMBER: 1, BLOCK_START: 0}
    )
    is_header = (F.col(REASON) == int(Refusal.REPEATED_HEADER)) & (F.col(NUMBER) <= dataset.header_number)
    return read_refused_texts(numbered_lines.where(~is_header))


def read_refused_texts(records: DataFrame) -> DataFrame:
    """Records in the quarantine's form, with their text in `LINE`, their location and their `REASON`."""
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
    """A table of the session's catalog, as from `readers.read_table`. Raises BadConfiguration if it doesn't exist."""
    try:
        frame, version = read_table_version(engine.spark, name, as_of, since)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    return replace(Dataset.of(put_in_one_partition(frame) if in_order else frame), version=version)


MILLISECONDS_OF_AN_HOUR = 3_600_000


def fetch_log_rows(
    spark: SparkSession, name: str, columns: Sequence[str], time_columns: Sequence[str], hours: Collection[int] | None
) -> pa.Table:
    """Some columns of a table, of the rows in some hours since 1970, or without a time; None: of all rows.

    Raises BadConfiguration if there is no such table.
    """
    try:
        frame = spark.table(name)
        types = dict(frame.dtypes)
    except AnalysisException as fault:
        raise make_no_table_error(name, fault) from fault
    times = [column for column in time_columns if column in types]
    if hours and times:
        # A time is a timestamp, or a number of milliseconds
        row_ms = F.col(times[0])
        if types[times[0]].startswith("timestamp"):
            row_ms = F.unix_millis(row_ms.cast("timestamp"))
        # An answer may come in the hour after its request
        start = min(hours) * MILLISECONDS_OF_AN_HOUR
        end = (max(hours) + 2) * MILLISECONDS_OF_AN_HOUR
        frame = frame.where(row_ms.isNull() | ((row_ms >= start) & (row_ms < end)))
    used = [column for column in frame.columns if column in columns]
    rows = frame.select(*used)
    batches = collect_batches(rows)
    # Without any rows nothing else says the types
    schema = batches[0].schema if batches else to_arrow_schema(rows.schema)
    return pa.Table.from_batches(batches, schema)


def read_log_table(engine: Engine, name: str, reader: LogReader, hours: Collection[int] | None) -> Dataset:
    """The rows of a log that the catalog knows by name, where executors are."""
    return read_catalog_table(engine, name, None, None, in_order=False)


def read_with_reader(engine: Engine, reader: str, options: Mapping[str, str], *, in_order: bool) -> Dataset:
    """The rows of a reader without a path. Raises whatever that reader raises."""
    frame = make_reader(engine.spark, reader, options).load()
    return Dataset.of(put_in_one_partition(frame) if in_order else frame)


def read_in_memory(engine: Engine, table: Rows, by_tasks: bool | None) -> tuple[Partitions, int, int] | None:
    """The rows on executors of other machines, the number of partitions, and one group of columns; None where a file of
    them is read here.

    by_tasks: whether the rows travel with the tasks; None: if executors are on other machines.
    """
    spark: Any = engine.spark
    if by_tasks is None:  # the driver's own executors open the files that it opens
        by_tasks = is_connect(spark) or not spark.sparkContext._jsc.isLocal()
    if not by_tasks:
        return None
    # A reader gives its batches once, and the slices need the whole table
    if not isinstance(table, pa.Table):
        table = table.read_all()
    return SparkPartitions(frame_of_table(spark, table)), len(split_table(table)), 1


def make_staging_folder(engine: Engine, staging: str | None) -> TemporaryFolder | SharedFolder:
    """The folder for the captures of a request log: one of this machine's if executors are here, else a shared one."""
    spark: Any = engine.spark
    if is_connect(spark) or not spark.sparkContext._jsc.isLocal():
        return make_shared_folder(engine, staging)
    return TemporaryFolder()


MOST_COLUMNS_OF_THEIR_OWN = 50
"""Up to this number of columns of one type, each is passed as a column; more go into one list (`ColumnPlan.listed`). A
few are faster on their own: Spark interprets the code that cuts the texts of a list, at an extra 0.1 µs per cell."""

LISTED = (T.StringType, T.DoubleType, T.FloatType, T.LongType, T.IntegerType)
INTEGRAL = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
FRACTIONAL = (T.FloatType, T.DoubleType)


def column_type(data_type: T.DataType) -> ColumnType:
    """Our kind of column for a Spark type. Maps, structs and binary values are NESTED: only their presence counts."""
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
    """The plans of the columns at some positions of `frame`, whose first `len(names)` columns are the features in order.

    counted: the features whose values are counted one by one, whatever their type.
    """
    fields = frame.schema.fields
    types = {position: fields[position].dataType for position in positions}
    # Many columns of one type travel as one list: Spark's time goes by columns, not by cells
    positions_by_list: dict[str, list[int]] = {}
    for position, data_type in types.items():
        if isinstance(data_type, LISTED):
            positions_by_list.setdefault(LIST.format(data_type.typeName()), []).append(position)
    # Few columns stay single, where a list would only add its own cost
    slots: dict[int, tuple[str, int]] = {
        position: (listed, slot)
        for listed, positions in positions_by_list.items()
        if len(positions) > MOST_COLUMNS_OF_THEIR_OWN
        for slot, position in enumerate(positions)
    }
    plans = []
    for position, data_type in types.items():
        listed, slot = slots.get(position, (None, 0))
        hashed = _is_hashed_by_spark(data_type)
        is_counted = names[position] in counted
        plans.append(ColumnPlan(position, column_type(data_type), hashed, is_counted, listed, slot))
    return tuple(plans)


def prepare_frame(
    frame: DataFrame,
    plan: ScanPlan,
    predicates: Mapping[str, Column],
    reason: str | None,
    cells: str | None = None,
    locations: Sequence[str] = (),
) -> DataFrame:
    """`frame` as the executors' Python needs it: keys of texts, hashes, and counts of elements.

    predicates: boolean columns, included where the plan counts any. reason: the name of an integer column that is 0 for
    rows to keep; None to keep all, without such a column. cells: the name of an integer column with the number of the
    cell to count a row under, 0 for a row not to count so; it is included where the plan counts cells. locations: as in
    `select_file_locations`.
    """
    selected: list[str | Column] = [*locations]
    if reason:
        selected.append(f"CAST({reason} AS INT) AS {REASON_OF_ROW}")
    if cells and plan.rows.counts_cells:
        selected.append(f"CAST({cells} AS INT) AS {CELLS}")
    if plan.rows.metadata:
        selected.append(F.col(plan.rows.metadata.line))
    lists: dict[str, list[str]] = {}
    fields = frame.schema.fields
    # A single column by its expressions; the cells of a list wait until all its columns are known
    for column in plan.columns:
        field = fields[column.position]
        if column.listed is None:
            selected += _make_expressions(f"`{field.name}`", field.dataType, column)
        else:
            lists.setdefault(column.listed, []).append(f"`{field.name}`")
    for column in plan.columns:
        if column.position in plan.rows.whole_texts and column.column_type is ColumnType.TEXT:
            selected.append(f"CAST(`{fields[column.position].name}` AS STRING) AS {UNCUT_TEXT}{column.position}")
    selected += [f"{_list_expression(names, listed)} AS {listed}" for listed, names in lists.items()]
    if plan.rows.predicates:
        # Predicates are numbered, since their names may be any text
        selected += [predicate.alias(f"{PREDICATE}{index}") for index, predicate in enumerate(predicates.values())]
    in_sql = [expression for expression in selected if isinstance(expression, str)]
    if len(in_sql) == len(selected):
        return frame.selectExpr(in_sql)  # one call into the JVM for each, where a Column takes several
    return frame.select(*[F.expr(selection) if isinstance(selection, str) else selection for selection in selected])


def _list_expression(names: Sequence[str], listed: str) -> str:
    """The cells of columns of one type, in the order of their slots."""
    cells = f"array({', '.join(names)})"
    if listed == LIST.format(T.StringType().typeName()):
        return f"transform({cells}, cell -> {text_key('cell')})"
    return cells


def _is_hashed_by_spark(data_type: T.DataType) -> bool:
    """Whether Spark hashes it; executors' numpy hashes fixed-width numbers and texts: another long each costs more."""
    return column_type(data_type) not in (ColumnType.TEXT, ColumnType.VECTOR, ColumnType.NESTED) and not isinstance(
        data_type, INTEGRAL + FRACTIONAL
    )


def _make_expressions(value: str, data_type: T.DataType, plan: ColumnPlan) -> Sequence[str | Column]:
    """The expressions for a column, in SQL where possible. value: its name there."""
    position = plan.position
    if plan.column_type is ColumnType.NESTED:
        return [f"IF({value} IS NOT NULL, true, NULL) AS {VALUE}{position}"]
    if plan.column_type is ColumnType.VECTOR:
        return _make_vector_expressions(F.col(value), data_type, position)
    if plan.is_text:
        cell = text_key(f"CAST({value} AS STRING)")
    # Arrow would make Python's Decimal of each cell, which is many times slower
    elif isinstance(data_type, T.DecimalType):
        cell = f"CAST({value} AS DOUBLE)"
    else:
        cell = value
    expressions = [f"{cell} AS {VALUE}{position}"]
    if plan.hashed_by_spark:
        # xxhash64(null) is the seed, 42, and not null (P8)
        expressions.append(f"IF({value} IS NOT NULL, xxhash64({value}), NULL) AS {HASH}{position}")
    return expressions


def text_key(text: str) -> str:
    """An SQL expression for `plan.make_keys` of a text; huge cells never reach Arrow (P7)."""
    cut = f"concat(substring({text}, 1, {KEY_PREFIX_CHARACTERS}), '{CUT_MARK}', lower(hex(xxhash64({text}))))"
    return f"IF(octet_length({text}) <= {KEY_BYTES}, {text}, {cut})"


def _make_vector_expressions(value: Column, data_type: T.DataType, position: int) -> list[Column]:
    if isinstance(data_type, T.ArrayType):
        elements = value
        element_type = data_type.elementType
    else:
        from pyspark.ml.functions import vector_to_array  # of pyspark.ml, which takes 0.3 s to import

        elements = vector_to_array(value)
        element_type = T.DoubleType()
    missing = F.size(F.filter(elements, lambda element: element.isNull()))
    if isinstance(element_type, FRACTIONAL):
        # Counted apart from nulls, since a NaN inside a vector has another cause
        not_a_number = F.size(F.filter(elements, lambda element: F.isnan(element)))
    else:
        not_a_number = F.when(value.isNotNull(), F.lit(0))
    # size(null) is -1 in Spark, which would count as a length
    present = value.isNotNull()
    return [
        F.when(present, F.size(elements)).alias(f"{VALUE}{position}"),
        F.when(present, missing).alias(f"{NULL_ELEMENTS}{position}"),
        F.when(present, not_a_number).alias(f"{NAN_ELEMENTS}{position}"),
        _compute_norm(elements, element_type).alias(f"{NORM}{position}"),
        _limit_elements(elements, element_type).alias(f"{ELEMENTS}{position}"),
    ]


def _limit_elements(elements: Column, element_type: T.DataType) -> Column:
    """The elements that executors examine; null where elements are not numbers, or too many."""
    if not isinstance(element_type, INTEGRAL + FRACTIONAL):
        return F.lit(None).cast("array<double>")
    return F.when(F.size(elements) <= MOST_COMPONENTS, elements.cast("array<double>"))


def _compute_norm(elements: Column, element_type: T.DataType) -> Column:
    """The Euclidean length of each vector without null elements; null where elements are not numbers."""
    if not isinstance(element_type, INTEGRAL + FRACTIONAL):
        return F.lit(None).cast("double")
    squares = F.transform(elements, lambda element: F.pow(F.coalesce(element.cast("double"), F.lit(0.0)), 2))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))


def prepare_typed_columns(
    table: Partitions, predicates: Mapping[str, Column], reason: str | None, cells: str | None
) -> tuple[Callable[..., tuple[ColumnPlan, ...]], Callable[[ScanPlan], States]]:
    """The functions that make the plans of typed columns, and the states of a plan, as `scan.prepare_typed_columns` does."""
    frame = table.frame

    def states(plan: ScanPlan) -> States:
        if plan.file_order is not None:
            locations = select_file_locations(frame)
        else:
            locations = ()
        rows = prepare_frame(frame, plan, predicates, reason, cells, locations)
        return compute_row_states(SparkPartitions(rows), None, plan)

    return partial(plan_columns, frame), states


def select_file_locations(frame: DataFrame) -> tuple[str, ...]:
    """The expressions in SQL of FILE_KEY and BLOCK_START; none if Spark doesn't know of which files the rows are."""
    # Rows of a CSV or JSON reader bring their places along
    if FILE_KEY in frame.columns:
        return (FILE_KEY, f"0L AS {BLOCK_START}")
    if FILE in frame.columns:
        return (f"xxhash64({FILE}) AS {FILE_KEY}", BLOCK_START)
    expressions = (f"xxhash64(input_file_name()) AS {FILE_KEY}", f"input_file_block_start() AS {BLOCK_START}")
    try:
        frame.selectExpr(*expressions).schema  # noqa: B018 -- a session of Spark Connect looks at nothing before
    except Exception:  # such as of rows that were joined, or of a server without these functions
        return ()
    return expressions


def with_conditions(dataset: Dataset, conditions: Sequence[str]) -> tuple[Partitions, dict[str, Column]]:
    """The rows with a boolean column for each SQL expression over the features' names, and those columns by expression."""
    names = [f"__predicate{index}" for index in range(len(conditions))]
    named = dataset.get_named_frame()
    assert named is not None  # the rows are Spark's
    columns = [F.expr(sql).alias(name) for name, sql in zip(names, conditions, strict=True)]
    frame = named.select("*", *columns).toDF(*dataset.frame.columns, *names)
    return SparkPartitions(frame), {sql: F.col(name) for sql, name in zip(conditions, names, strict=True)}


def newest_in_utc(dataset: Dataset, newest: int, time: str) -> int:
    """The newest time of a column, whose timestamps Spark prints in its session's time zone."""
    if not newest or dict(dataset.frame.dtypes)[f"c{dataset.names.index(time)}"] != "timestamp":
        return newest
    # Spark itself converts, as it knows the zone's history of summer time
    moment = f"TIMESTAMP_LTZ'{convert_microseconds(newest):%Y-%m-%d %H:%M:%S.%f}'"
    [row] = dataset.engine.spark.sql(f"SELECT unix_micros({moment})").collect()
    return int(row[0])
