"""The driver's Arrow tables as Spark frames: compressed slices of a table travel with the tasks. Meanwhile the driver's JVM
holds all slices.
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
"""Bytes of a slice in memory, before compression. A message to an executor has at most 128 MiB (spark.rpc.message.maxSize)."""

NARROW_TYPES = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}
"""Spark's types for large texts and bytes; a slice is small enough for these types."""


def split_table(table: pa.Table) -> list[pa.Table]:
    """The table cut into one or more slices. The cuts depend only on the table's size."""
    slice_rows = max(1, table.num_rows * SLICE_BYTES // max(1, table.nbytes))
    return [table.slice(start, slice_rows) for start in range(0, max(1, table.num_rows), slice_rows)]


def frame_of_table(spark: SparkSession, table: pa.Table) -> DataFrame:
    """The table as a frame with one partition for each slice of `split_table`. Columns get types that Spark has."""
    narrow_schema = pa.schema([field.with_type(NARROW_TYPES.get(field.type, field.type)) for field in table.schema])
    # Each slice is compressed Arrow data in one binary cell, because PySpark would turn each value into a Python object
    cells = [(_pack_slice(piece.cast(narrow_schema)),) for piece in split_table(table)]
    send_package(spark)
    # Connect has no RDDs; a union also gives one partition for each slice
    if is_connect(spark):
        rows = reduce(DataFrame.union, [spark.createDataFrame([piece], "slice binary") for piece in cells])
    else:
        rows = spark.createDataFrame(spark.sparkContext.parallelize(cells, len(cells)), "slice binary")
    return rows.mapInArrow(unpack, from_arrow_schema(narrow_schema, prefer_timestamp_ntz=True))


def _pack_slice(table: pa.Table) -> bytearray:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return bytearray(sink.getvalue())
