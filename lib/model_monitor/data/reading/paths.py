"""What lies at a path as a data set of features: read as its format says, with the session set for its size and width.

Where nobody names a format, the ends of the files' names and how the first of them begins decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import PurePosixPath
from typing import Any

from model_monitor.data.engine.partitions import column_groups
from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.captures import list_captures, read_captures
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.formats import (
    DELTA,
    CaptureFormat,
    CsvFormat,
    DatasetFormat,
    JsonFormat,
    MergedFormat,
    SparkFormat,
    TableFormat,
    parse_dataset_format,
)
from model_monitor.data.reading.headers import (
    FOREIGN_BEGINNINGS,
    LINE_END,
    first_cells,
    first_with_a_line,
    longest_line,
)
from model_monitor.data.reading.ledger import Version
from model_monitor.data.reading.listing import list_dataset
from model_monitor.data.reading.readers import read_dataset, read_source, read_table
from model_monitor.data.reading.scripts import Script
from model_monitor.data.reading.transforms import listed_outputs, read_transform
from model_monitor.data.records.csv_rows import cells_of
from model_monitor.data.records.windows import Window
from model_monitor.errors import BadConfiguration
from model_monitor.storage import Storage, StoredFile, join

WORDS_BY_SUFFIX = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".orc": '{"spark": {"format": "orc"}}',
}
COMPRESSED = frozenset({".gz", ".bz2"})

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
MAGIC_BYTES = 4


def format_word_of(engine: Engine, path: str) -> str:
    """The format of the files at or below `path`, as `--dataset-format` takes it.

    Raises BadConfiguration if they don't tell it, or are of several.
    """
    storage = engine.storage(path)
    if storage.exists(join(path, "_delta_log")):  # the files beside it hold deleted rows as well
        return "delta"
    listing = list_dataset(engine, path)
    suffixes = sorted({_suffix(file.path) for file in listing.files})
    words = {WORDS_BY_SUFFIX.get(suffix, "") for suffix in suffixes}
    word = words.pop()
    if not words and word not in ("", "csv", "json", "jsonl"):
        return word
    found = None if words else _word_by_beginning(storage, listing.files, word)
    if found is None:
        ends = ", ".join(suffix or "nothing" for suffix in suffixes)
        raise BadConfiguration(
            f"{path}: names of files end in {ends}, which doesn't tell their format; write dataset_format=, such as 'csv', "
            "'jsonl', 'parquet' or 'capture'"
        )
    return found


def _suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _word_by_beginning(storage: Storage, files: Sequence[StoredFile], by_name: str) -> str | None:
    """by_name: the format of text that the name ends in, or nothing."""
    magic = b"" if by_name else storage.read(files[0].path, MAGIC_BYTES)
    for beginning, _, written in FOREIGN_BEGINNINGS:
        if magic.startswith(beginning):
            return written
    file, head = first_with_a_line(storage, files)
    lines = (line for line in LINE_END.split(head.decode("utf-8", "replace")) if line.strip())
    first, second = [*islice(lines, 2), "", ""][:2]
    if by_name != "csv" and (by_name or first.lstrip().startswith(("{", "["))):
        return _word_of_json(first, by_name)
    if not by_name and "," not in first:
        return None
    return "csv" if _names_columns(first_cells(file, head), cells_of(second)) else "csv-without-header"


def _word_of_json(line: str, by_name: str) -> str:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and "captureData" in record:
        return "merged" if "groundTruthData" in record else "capture"
    return "jsonl" if by_name == "jsonl" or isinstance(record, dict) else "json"


def _names_columns(first: Sequence[str], second: Sequence[str | None]) -> bool:
    """Whether the first line of a CSV is a header: it has texts above numbers, or no numbers
    but some that count columns or years."""
    are_numbers = [NUMBER.fullmatch(cell.strip()) is not None for cell in first]
    below = [NUMBER.fullmatch((cell or "").strip()) is not None for cell in second]
    if any(now and not before for before, now in zip(are_numbers, below, strict=False)):
        return True
    numbers = [cell.strip() for cell, is_number in zip(first, are_numbers, strict=True) if is_number]
    counts = [int(number) for number in numbers if number.isdigit()]
    return len(counts) == len(numbers) != 1 and all(one < next_ for one, next_ in pairwise(counts))


# What lies at a path as a data set of features: read as its format says, with the session set for its size and its
# width.


def format_named(dataset_format: str | DatasetFormat) -> DatasetFormat:
    """A format, or what a text says of one: a short word or JSON, as `--dataset-format` takes it.

    Raises BadConfiguration for a text that says none.
    """
    if not isinstance(dataset_format, str):
        return dataset_format
    try:
        return parse_dataset_format(dataset_format)
    except BadConfiguration as fault:
        raise BadConfiguration(f"dataset_format {fault}") from fault


def read_path(
    engine: Engine,
    path: str,
    dataset_format: DatasetFormat,
    names: Sequence[str] | None = None,
    *,
    window: Window | None = None,
    lenient_window: bool = False,
    sample: float | None = None,
    script: Script | None = None,
    as_service: bool = False,
    flatten_json: bool = False,
    allow_mixed_encodings: bool = False,
    as_of: Version | None = None,
    since: Version | None = None,
) -> Dataset:
    """The data set at `path`, with all of its columns; without a path that of a format that needs none.

    names: the baseline's features, which later data is called by. window, lenient_window, sample, allow_mixed_encodings: of
    captured records, as in `read_captures`. script, as_service, flatten_json: as in `read_dataset`. as_of, since: of a table,
    as in `read_table`.
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    if dataset_format == DELTA and path:
        dataset_format = TableFormat(f"delta.`{engine.storage(path).resolved(path)}`")
    if isinstance(dataset_format, TableFormat):
        _refuse_script(script, "a table")
        return read_table(engine, dataset_format, as_of=as_of, since=since, as_service=as_service)
    if isinstance(dataset_format, SparkFormat) and not path:
        _refuse_script(script, "what a reader of Spark finds by itself")
        return read_source(engine, dataset_format, as_service=as_service)
    if isinstance(dataset_format, (CaptureFormat, MergedFormat)):
        source = list_captures(engine, path, window, lenient_window=lenient_window)
        return read_captures(
            engine,
            source,
            names,
            capture_format=dataset_format,
            window=window,
            sample=sample,
            script=script,
            as_service=as_service,
            flatten_json=flatten_json,
            lenient_window=lenient_window,
            allow_mixed_encodings=allow_mixed_encodings,
            partition_bytes=engine.partition_by_size(source.size_bytes),
        )
    listing = list_dataset(engine, path)
    if names is not None and script is None and isinstance(dataset_format, (CsvFormat, JsonFormat)):
        listing = listed_outputs(engine, listing)  # of a batch transform, if that left the files
        return read_transform(
            engine,
            listing,
            dataset_format,
            names,
            window=None if lenient_window else window,
            as_service=as_service,
            flatten_json=flatten_json,
            partition_bytes=engine.partition_by_size(listing.size_bytes),
        )
    return read_dataset(
        engine,
        listing,
        dataset_format,
        as_service=as_service,
        script=script,
        flatten_json=flatten_json,
        partition_bytes=engine.partition_by_size(listing.size_bytes),
    )


def _refuse_script(script: Script | None, source: str) -> None:
    if script:
        raise BadConfiguration(
            f"record_preprocessor_script: {source} has no lines that a script could get; drop one of the two"
        )


def set_for_width(engine: Engine, dataset: Dataset) -> Dataset:
    """The data set as its width is best read: in batches of fewer rows, a wide table some columns at a time."""
    if dataset.by_columns:
        dataset = _in_column_groups(dataset)
    engine.batch_by_width(-(-len(dataset.names) // dataset.column_groups), _line_bytes(dataset))
    return dataset


def _in_column_groups(dataset: Dataset) -> Dataset:
    """A table of files that have their data column by column, in partitions of more rows if its columns are many."""
    engine, listing = dataset.engine, dataset.listing
    groups = column_groups(len(dataset.names), [file.size_bytes for file in listing.files])
    at_most = listing.partitions_at_most(engine, engine.partition_by_size(listing.size_bytes, groups))
    return replace(dataset, column_groups=groups, partitions_at_most=at_most)


def _line_bytes(dataset: Dataset) -> int:
    """The longest line at the beginning of the first file, of lines that executors decode; else 0."""
    if dataset.lines is None:
        return 0
    first = dataset.files[0]
    return longest_line(dataset.engine.storage(first.path), first)
