"""Arrow tables of the driver as frames of Spark: slices travel with the tasks, compressed; the driver's JVM holds all of them
meanwhile.
"""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from spark_model_monitor.spark.engine.application import send_package
from spark_model_monitor.spark.engine.worker import unpack
from spark_model_monitor.spark.storage import is_connect

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
