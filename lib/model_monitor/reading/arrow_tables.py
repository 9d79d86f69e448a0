"""An Arrow table at hand as a data set: on this machine by way of a Parquet file that lives as long as the data set.

A file takes no memory of the JVM, and is read as any other: column by column, in partitions by its size. Executors on other
machines can't open it, so that a cluster is handed the rows themselves (`engine.tables`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.engine import Session, engine_of
from model_monitor.engine.local import LocalEngine, LocalPartitions
from model_monitor.engine.partitions import FILE_BYTES_OF_A_GROUP, MAX_BATCH_ROWS
from model_monitor.engine.tables import frame_of_table, is_on_this_machine, slices
from model_monitor.errors import BadInput, OutputFailed
from model_monitor.reading.dataset import NO_FILES, Dataset
from model_monitor.reading.formats import ParquetFormat
from model_monitor.reading.paths import read_path, set_for_width
from model_monitor.storage.files import TemporaryFolder

ROW_GROUP_BYTES = 8 * 2**20
"""Of a table in memory: row groups are what partitions are cut at, and a partition of a file is 16 MiB or more."""

CAST: Mapping[str, pa.DataType] = {
    "null": pa.string(),
    "halffloat": pa.float32(),
    "uint8": pa.int16(),
    "uint16": pa.int32(),
    "uint32": pa.int64(),
    "uint64": pa.decimal128(20, 0),
    "date64[ms]": pa.date32(),
    "string_view": pa.large_string(),
    "binary_view": pa.large_binary(),
}
"""What Spark has in place of types of Arrow that it lacks, by their names; no value changes."""

NO_TYPE_OF_SPARK = {
    "time32": "its text, or a number of seconds",
    "time64": "its text, or a number of seconds",
    "duration": "a number, such as frame[name].dt.total_seconds()",
    "month_day_nano_interval": "a number",
    "decimal256": "a decimal of at most 38 digits, or a double",
    "extension": "its text",
    "dense_union": "a struct",
    "sparse_union": "a struct",
    "run_end_encoded": "its plain values",
}
"""Types without a column of Spark, by how their names begin, and what to write in their place."""


def read_arrow(session: Session, table: pa.Table, *, by_tasks: bool | None = None) -> Dataset:
    """The rows of a table as a data set; what it takes is given back with the data set.

    by_tasks: whether the rows travel with the tasks; None: if executors are on other machines.
    Raises BadInput for columns that are called the same or that Spark has no type for, OutputFailed if this machine has no
    room for a file of them.
    """
    names = tuple(table.column_names)
    _require_columns(names)
    columns = [_stored(name, column) for name, column in zip(names, table.columns, strict=True)]
    # `Age` beside `age` is none of Spark's business
    stored = pa.table(columns, [f"c{place}" for place in range(len(names))])
    engine = engine_of(session)
    if isinstance(engine, LocalEngine):
        if stored.nbytes <= FILE_BYTES_OF_A_GROUP:  # a file of it would be read as one partition
            return Dataset(_in_memory(engine, stored), names, partitions_at_most=1)
    elif not is_on_this_machine(engine.spark) if by_tasks is None else by_tasks:
        frame = frame_of_table(engine.spark, stored)
        return replace(Dataset.of(frame), names=names, partitions_at_most=len(slices(stored)))
    folder = TemporaryFolder()
    _write(stored, folder.path / "rows.parquet")
    dataset = set_for_width(session, read_path(session, folder.path.as_uri(), ParquetFormat()))
    return replace(dataset, names=names, listing=NO_FILES, folder=folder)


def _in_memory(engine: LocalEngine, table: pa.Table) -> LocalPartitions:
    """The rows as one partition, in the types that a file of them is read in."""
    from model_monitor.engine.local_tables import type_of_spark, typed

    types = [type_of_spark(field.type, f"column {place}") for place, field in enumerate(table.schema, start=1)]
    schema = pa.schema([(name, data_type) for name, data_type in zip(table.column_names, types, strict=True)])
    batches = [typed(batch, schema) for batch in table.combine_chunks().to_batches(max_chunksize=MAX_BATCH_ROWS)]
    return LocalPartitions.of_batches(engine, schema, [batches])


def _require_columns(names: tuple[str, ...]) -> None:
    if not names:
        raise BadInput("the table has no columns, so there is nothing to monitor; pass one that has")
    for place, name in enumerate(names, start=1):
        first = names.index(name) + 1
        if first < place:
            raise BadInput(f"columns {first} and {place} of the table are both called {name!r}; rename one of them")


def _stored(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that Spark has."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)  # Spark's are of microseconds
    if str(column.type) in CAST:
        return column.cast(CAST[str(column.type)])
    for beginning, instead in NO_TYPE_OF_SPARK.items():
        if str(column.type).startswith(beginning):
            raise BadInput(f"column {name!r} holds {column.type}, which Spark has no type for; write {instead}")
    return column


def _write(table: pa.Table, path: Path) -> None:
    rows = max(1, table.num_rows * ROW_GROUP_BYTES // max(1, table.nbytes))
    try:
        pq.write_table(
            table,
            path,
            row_group_size=rows,
            coerce_timestamps="us",
            allow_truncated_timestamps=True,
            store_schema=False,
        )
    except OSError as fault:
        raise OutputFailed(
            f"{path.parent}: the table can't be kept there while it is read ({fault.strerror or 'no room'}); "
            "set TMPDIR to a folder with room"
        ) from fault
