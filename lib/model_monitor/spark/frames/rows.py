"""Rows that Spark's SQL prepares: outcomes, and refused records with their places. Driver only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import time, timezone
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from model_monitor.data.engine import partitions_of
from model_monitor.data.engine.protocol import Engine, Partitions
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.ledger import Version
from model_monitor.data.reading.quarantine import NUMBER
from model_monitor.data.records.locations import BLOCK_START, FILE, LINE
from model_monitor.data.records.refusals import LEFT_OUT, REASON, Refusal
from model_monitor.data.records.windows import Window
from model_monitor.errors import BadConfiguration
from model_monitor.spark.engine.tables import catalog_table, loaded
from model_monitor.spark.engine.text_lines import is_utf_8, numbered, read_lines


def prepared_outcomes(
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


def refused_lines(dataset: Dataset, also: DataFrame | None = None) -> Iterator[Mapping[str, Any]]:
    """The refused records as the quarantine keeps them, by file and line number. also: more of them, of `refused_texts`."""
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


# Rows that Spark alone can read: of its catalog, of a reader without a path, and of a window of a table.

_LITERALS = {
    "timestamp": "TIMESTAMP_LTZ '{:%Y-%m-%d %H:%M:%S.%fZ}'",
    "timestamp_ntz": "TIMESTAMP_NTZ '{:%Y-%m-%d %H:%M:%S.%f}'",
    "date": "DATE '{:%Y-%m-%d}'",
}
"""A moment in UTC by the type of the column; comparing like with like is what Spark can do where it reads the files."""


def rows_of_catalog(
    engine: Engine, name: str, as_of: Version | None, since: Version | None, *, in_order: bool
) -> Dataset:
    """A table of the session's catalog, as `readers.read_table` gives it."""
    frame, version = catalog_table(engine.spark, name, as_of, since, in_order=in_order)
    return replace(Dataset.of(frame), version=version)


def rows_of_reader(engine: Engine, reader: str, options: Mapping[str, str], *, in_order: bool) -> Dataset:
    """What a reader finds without a path. Raises what that reader raises."""
    return Dataset.of(loaded(engine.spark, reader, options, in_order=in_order))


def rows_between(dataset: Dataset, column: str, window: Window) -> Partitions:
    """The rows of the window. Spark skips files and row groups outside of it.

    Raises BadConfiguration for a column that is no time.
    """
    frame, name = dataset.frame, f"c{dataset.names.index(column)}"
    kind = dict(frame.dtypes)[name]
    if kind not in _LITERALS:
        raise BadConfiguration(f"time_column: {column!r} is of type {kind}; a window needs a timestamp or a date")
    start, end = (moment.astimezone(timezone.utc) for moment in (window.start, window.end))
    if kind == "date" and not start.time() == end.time() == time():
        raise BadConfiguration(f"time_column: {column!r} has days; a window of them begins and ends at 00:00 UTC")
    literal = _LITERALS[kind]
    return partitions_of(frame.where(f"{name} >= {literal.format(start)} AND {name} < {literal.format(end)}"))
