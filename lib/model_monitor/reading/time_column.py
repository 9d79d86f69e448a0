"""The window of a table: the rows whose time column lies in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timezone

from model_monitor.engine import is_of_spark
from model_monitor.errors import BadConfiguration, NeedsSpark
from model_monitor.reading.dataset import Dataset
from model_monitor.records.windows import Window

_LITERALS = {
    "timestamp": "TIMESTAMP_LTZ '{:%Y-%m-%d %H:%M:%S.%fZ}'",
    "timestamp_ntz": "TIMESTAMP_NTZ '{:%Y-%m-%d %H:%M:%S.%f}'",
    "date": "DATE '{:%Y-%m-%d}'",
}
"""A moment in UTC by the type of the column; comparing like with like is what Spark can do where it reads the files."""


def within(dataset: Dataset, column: str, window: Window) -> Dataset:
    """The rows of the window. Spark skips files and row groups outside of it.

    Raises BadConfiguration if there is no such column of times, NeedsSpark without Spark.
    Source: M18.
    """
    if column not in dataset.names:
        raise BadConfiguration(f"time_column: {column!r} is no column; they are {', '.join(dataset.names[:20])}")
    if dataset.refusable:
        raise BadConfiguration(
            f"time_column: {column!r} is text, as all of CSV and JSON Lines; a window needs Parquet, ORC or a table"
        )
    if not is_of_spark(dataset.table):
        raise NeedsSpark("a window by --time-column")
    frame, name = dataset.frame, f"c{dataset.names.index(column)}"
    kind = dict(frame.dtypes)[name]
    if kind not in _LITERALS:
        raise BadConfiguration(f"time_column: {column!r} is of type {kind}; a window needs a timestamp or a date")
    start, end = (moment.astimezone(timezone.utc) for moment in (window.start, window.end))
    if kind == "date" and not start.time() == end.time() == time():
        raise BadConfiguration(f"time_column: {column!r} has days; a window of them begins and ends at 00:00 UTC")
    literal = _LITERALS[kind]
    return replace(dataset, rows=frame.where(f"{name} >= {literal.format(start)} AND {name} < {literal.format(end)}"))
