"""Captured requests and replies as one data set: `list_captures` for what there is, `read_captures` for the frame.

The columns are those of the baseline by position: output first, then input. Lines are parsed by Spark; what a record's
payloads are (CSV or JSON) is taken from the first record of the first files.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pyspark.sql import SparkSession

from model_monitor.errors import NoData
from model_monitor.reading import csv_lines
from model_monitor.reading.dataset import NO_DATA, Dataset, Listing
from model_monitor.reading.decoding import CSV, JSON, Decoded, Reading, decode
from model_monitor.reading.formats import CaptureFormat, MergedFormat
from model_monitor.reading.heads import head_of
from model_monitor.reading.json_payloads import json_features
from model_monitor.reading.csv_payloads import csv_features
from model_monitor.reading.records import parsed_records
from model_monitor.reading.text_lines import read_lines
from model_monitor.reading.windows import Window, folders_of
from model_monitor.storage import Storage, storage_of

log = logging.getLogger(__name__)

FILES_LOOKED_AT = 10
"""So many files' beginnings are looked at for a first record that can be read."""

CaptureSource = Listing
"""Where captured records lie: the files, and the folders below the path that hold them."""


def list_captures(
    spark: SparkSession, path: str, window: Window | None = None, *, lenient_window: bool = False
) -> CaptureSource:
    """The files with captured records at or below `path`; with a window those of its hours and of the hour after it.

    lenient_window: the window's own hour folders only, whose records are all taken (contract.md section 11, row 16).
    Raises BadInput if there is no such path, NoData if no file there holds a byte.
    """
    storage = storage_of(path, spark)
    folders = [path] if window is None else folders_of(storage, path, window, later=0 if lenient_window else 1)
    files = sorted({file for folder in folders for file in storage.list_files(folder) if file.size_bytes})
    if not files:
        hours = "" if window is None else f" for {window.start.isoformat()} to {window.end.isoformat()}"
        raise NoData(f"{NO_DATA}: {path} has no file{hours} that is neither hidden nor empty")
    resolved = tuple(storage.resolved(folder) for folder in folders)
    return Listing(storage.resolved(path), tuple(files), resolved)


def read_captures(
    spark: SparkSession,
    source: CaptureSource,
    names: Sequence[str] | None,
    *,
    capture_format: CaptureFormat | MergedFormat,
    window: Window | None = None,
    sample: float | None = None,
    as_service: bool = False,
    lenient_window: bool = False,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed captures as a data set whose features are called as the baseline's, by position.

    names: the baseline's features; None without one: the columns are then called `_c0`, `_c1`, ….
    sample: the share of the events to take, the same ones in every run. as_service: one partition in file order and Spark's
    own escape character, as the service reads.
    Spark jobs: none.
    """
    reading = Reading(
        capture_format.index_names,
        tuple(names or ()),
        window=None if lenient_window else window,
        sample=sample,
        exact_keys=as_service,
    )
    first = _first_record(storage_of(source.path, spark), source, reading)
    if first is None:
        log.warning("no record of the first %d files can be read", min(len(source.files), FILES_LOOKED_AT))
    at_most = 1 if as_service else source.partitions_at_most(partition_bytes) if partition_bytes else None
    columns = len(reading.names) or (first.cells if first else 1)
    dataset = _dataset(spark, source, reading, as_service, columns)
    return replace(dataset, partitions_at_most=at_most)


def _dataset(spark: SparkSession, source: CaptureSource, reading: Reading, as_service: bool, columns: int) -> Dataset:
    wanted = replace(reading, columns=columns)
    lines = read_lines(spark, source.folders or source.path, in_order=as_service)
    records = parsed_records(lines, wanted)
    escape = csv_lines.SPARK_ESCAPE if as_service else csv_lines.RFC_4180_ESCAPE
    frame = csv_features(records, wanted, escape=escape) if reading.encoding == CSV else json_features(records, wanted)
    return Dataset(
        frame,
        names_of_columns(reading.names, columns),
        source.path,
        source.files,
        refusable=True,
        folders=source.folders,
        record_cells=columns,
        reread=partial(_dataset, spark, source, reading, as_service),
    )


def names_of_columns(names: Sequence[str], columns: int) -> tuple[str, ...]:
    """The baseline's names by position; columns that it does not have are called as Spark calls them."""
    return tuple(names[position] if position < len(names) else f"_c{position}" for position in range(columns))


def _first_record(storage: Storage, source: CaptureSource, reading: Reading) -> Decoded | None:
    """The first record of the first files that can be read, whatever its time and its number of cells."""
    anything = [replace(reading, window=None, sample=None, columns=None, encoding=encoding) for encoding in (CSV, JSON)]
    for file in source.files[:FILES_LOOKED_AT]:
        for line in head_of(storage, file, refuse_nul=False).splitlines():
            for one in anything:
                found = decode(line, one)
                if found.reason is None:
                    return found
    return None
