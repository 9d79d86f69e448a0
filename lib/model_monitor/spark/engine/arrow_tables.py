"""Rows that the driver's Python has in an Arrow table, handed to executors wherever they are.

Slices of them go with the tasks, compressed, and Python on the executors unpacks them. The driver's JVM holds all of them
meanwhile. What executors import: no pyspark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from model_monitor.data.engine import partitions_of
from model_monitor.data.engine.protocol import Engine, Partitions
from model_monitor.spark.engine.application import send_package
from model_monitor.spark.storage import is_connect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SLICE_BYTES = 16 * 2**20
"""Of a table in memory, before it is compressed; a message to an executor is of 128 MiB at most (spark.rpc.message.maxSize)."""

NARROW = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
"""What Spark calls text and bytes; a slice is small enough for them."""


def is_on_this_machine(spark: SparkSession) -> bool:
    """Whether executors open the files that the driver opens: there are none but the driver's own."""
    if is_connect(spark):
        return False
    context: Any = spark.sparkContext
    return bool(context._jsc.isLocal())


def rows_in_memory(engine: Engine, table: pa.Table, by_tasks: bool | None) -> tuple[Partitions, int] | None:
    """The rows on executors of other machines, and in how many partitions; None where a file of them is read here.

    by_tasks: whether the rows travel with the tasks; None: if executors are on other machines.
    """
    if by_tasks is None:
        by_tasks = not is_on_this_machine(engine.spark)
    return (partitions_of(frame_of_table(engine.spark, table)), len(slices(table))) if by_tasks else None


def slices(table: pa.Table) -> list[pa.Table]:
    """The table cut by its size alone, into one slice or more."""
    rows = max(1, table.num_rows * SLICE_BYTES // max(1, table.nbytes))
    return [table.slice(start, rows) for start in range(0, max(1, table.num_rows), rows)]


def frame_of_table(spark: SparkSession, table: pa.Table) -> DataFrame:
    """The table as a frame of one partition for each of its `slices`. The types are those that Spark has."""
    from pyspark.sql import DataFrame
    from pyspark.sql.pandas.types import from_arrow_schema

    narrow = pa.schema([field.with_type(NARROW.get(field.type, field.type)) for field in table.schema])
    packed = [(_packed(piece.cast(narrow)),) for piece in slices(table)]
    send_package(spark)
    if is_connect(spark):
        rows = reduce(DataFrame.union, [spark.createDataFrame([piece], "slice binary") for piece in packed])
    else:
        rows = spark.createDataFrame(spark.sparkContext.parallelize(packed, len(packed)), "slice binary")
    return rows.mapInArrow(unpacked, from_arrow_schema(narrow, prefer_timestamp_ntz=True))


def _packed(table: pa.Table) -> bytearray:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return bytearray(sink.getvalue())


def unpacked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the slices in a column of them."""
    for batch in batches:
        for packed in batch.column(0):
            yield from pa.ipc.open_stream(packed.as_buffer())
