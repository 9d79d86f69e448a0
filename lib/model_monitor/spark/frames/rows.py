"""Rows that Spark's SQL prepares: outcomes, and refused records with their places. Driver only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from model_monitor.data.engine import partitions_of
from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.quarantine import NUMBER
from model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from model_monitor.data.records.refusals import LEFT_OUT, REASON, Refusal
from model_monitor.spark.engine.text_lines import is_utf_8, numbered, read_lines


def prepared_by_spark(
    table: Partitions, columns: Mapping[str, tuple[int, bool]], reason: str | None, places: Sequence[str]
) -> Partitions:
    """The columns as executors want them, as `outcomes` has them of other engines."""
    fields = table.frame.schema.fields
    cells = [
        _prepared(F.col(f"c{place}"), fields[place].dataType, as_number=as_number).alias(name)
        for name, (place, as_number) in columns.items()
    ]
    account = F.col(reason) if reason else F.lit(0).alias(REASON)
    return partitions_of(table.frame.select(*cells, account, *places))


def _prepared(column: Column, data_type: T.DataType, *, as_number: bool) -> Column:
    if isinstance(data_type, T.StringType):
        return column
    if isinstance(data_type, T.ArrayType):
        return column.cast("array<double>" if as_number else "array<string>")
    if isinstance(data_type, (T.FloatType, T.DoubleType)):
        column = F.when(~F.isnan(column), column)
    if as_number and isinstance(data_type, T.NumericType):
        return column.cast("double")
    return column.cast("string")


# The refused records of a frame of Spark, with their places in their files.


def refused_rows(dataset: Dataset, also: DataFrame | None) -> Iterator[Mapping[str, Any]]:
    """The refused records as the quarantine keeps them, by file and line number. also: more of them."""
    records = refused_records(dataset)
    if also is not None:
        records = records.unionByName(also)
    return (row.asDict() for row in records.orderBy(FILE, NUMBER).toLocalIterator())


def refused_records(dataset: Dataset) -> DataFrame:
    """One row for each refused line, by file and line number. A file's first line, its header, is none of them.

    A record that is a whole file is no line of it; it stands under line 1.
    """
    is_fault = (F.col(REASON) > 0) & ~F.col(REASON).isin(*(int(reason) for reason in LEFT_OUT))
    lines = dataset.frame.where(is_fault).select(FILE, LINE, REASON).distinct()
    files = [row[FILE] for row in lines.select(FILE).distinct().collect()]  # at most as many as there are files
    everything = read_lines(dataset.engine.spark, dataset.listing.places, with_blank=True)
    found = lines.join(numbered(everything, files, NUMBER), on=[FILE, LINE], how="left").fillna(
        {NUMBER: 1, BLOCK_START: 0}
    )
    is_header = (F.col(REASON) == int(Refusal.REPEATED_HEADER)) & (F.col(NUMBER) == 1)
    return refused_texts(found.where(~is_header))


def refused_texts(records: DataFrame) -> DataFrame:
    """Records with their text in `LINE`, their place and their `REASON` as the quarantine keeps them."""
    return records.select(
        FILE,
        NUMBER,
        BLOCK_START,
        REASON,
        F.sha2(F.col(LINE).cast("binary"), 256).alias("sha256"),
        F.when(is_utf_8(F.col(LINE)), F.col(LINE)).alias("line"),
        F.when(~is_utf_8(F.col(LINE)), F.base64(F.col(LINE).cast("binary"))).alias("line_base64"),
    )
