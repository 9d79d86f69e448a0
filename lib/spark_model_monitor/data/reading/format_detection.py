"""Detects the format of a data set from the names of its files, or from the beginnings of the first files. Driver only."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading import csv_headers
from spark_model_monitor.data.reading.file_heads import (
    BINARY_FORMATS,
    FORMAT_SAMPLE_FILES,
    FORMAT_SAMPLE_RECORDS,
    find_nonblank_file,
    read_first_lines,
)
from spark_model_monitor.data.reading.formats import CsvFormat, format_csv_option
from spark_model_monitor.data.reading.listing import (
    PUBLISHED,
    PathOrPaths,
    list_dataset,
    list_paths,
    list_record_folders,
    list_window_folders,
)
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE, split_row
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.storage import StoredFile, is_local, join

FORMATS_BY_SUFFIX = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".orc": '{"spark": {"format": "orc"}}',
}
COMPRESSION_SUFFIXES = frozenset({".gz", ".bz2", ".zst"})
TEXT_FORMATS = ("csv", "json", "jsonl")
MAGIC_BYTES = 4  # length of the longest beginning in `BINARY_FORMATS`


def detect_format(engine: Engine, path: PathOrPaths, window: Window | None = None) -> str:
    """The detected format of the files at or below `path`, as `--dataset-format` takes it. window: if its hours have files,
    only these are examined.

    Raises BadConfiguration if it can't be detected, or if there are several formats.
    """
    first = list_paths(path)[0]
    storage = engine.storage(first)
    # The data files of a Delta table also contain deleted rows
    if storage.exists(join(first, "_delta_log")):
        return _recognize_table(list_dataset(engine, path).files) or "delta"
    files: tuple[StoredFile, ...] = ()
    if window is not None and first == path and storage.exists(first):
        hours = list_window_folders(storage, path, window)
        files = tuple(file for hour in hours for file in storage.list_files(hour) if file.size_bytes)
    files = files or list_dataset(engine, path).files
    # A merge writes documents next to the records; they are ignored
    if storage.exists(join(first, PUBLISHED)):
        folders = tuple(join(storage.resolved(folder), "") for folder in list_record_folders(storage, first))
        files = tuple(file for file in files if file.path.startswith(folders)) or files
    # The suffixes of the files, if all agree, narrow the format; the content of the first files decides the rest
    suffixes = sorted({get_suffix(file.path) for file in files})
    formats = {FORMATS_BY_SUFFIX.get(suffix, "") for suffix in suffixes}
    detected_format = None
    if len(formats) == 1:
        format_of_names = formats.pop()
        if format_of_names == "parquet":
            return _recognize_table(files) or format_of_names
        if format_of_names and format_of_names not in TEXT_FORMATS:
            return format_of_names
        detected_format = _detect_by_beginning(engine, files, format_of_names)
    if detected_format is None:
        ends = ", ".join(suffix or "nothing" for suffix in suffixes)
        instead = "'csv', 'jsonl', 'parquet' or 'capture'"
        if suffixes == [".tsv"]:
            tabs = format_csv_option(CsvFormat(header=True, separator="\t"))
            instead = f"'{tabs}'"
        raise BadConfiguration(
            f"{path}: names of files end in {ends}, which doesn't show their format; write --dataset-format (in Python "
            f"dataset_format=), such as {instead}"
        )
    return detected_format


def _recognize_table(files: Sequence[StoredFile]) -> str | None:
    """The server whose request log has the columns of the first readable table; None if no server has. Only local files
    are examined.
    """
    from spark_model_monitor.data.engine.local_tables import read_schema
    from spark_model_monitor.data.request_logs import recognize_server

    tables = [file.path for file in files if file.path.endswith(".parquet") and is_local(file.path)]
    for path in tables[:FORMAT_SAMPLE_FILES]:
        with suppress(MonitorError):  # reported when the table is read
            return recognize_server(read_schema(path, "parquet").names)
    return None


def get_suffix(path: str) -> str:
    """The last suffix of a file's name in lower case, ignoring suffixes of compressions; empty without a suffix."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    while suffixes and suffixes[-1] in COMPRESSION_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _detect_by_beginning(engine: Engine, files: Sequence[StoredFile], format_of_names: str) -> str | None:
    """The format detected from the content. format_of_names: the text format of the files' suffix; empty if there is none."""
    storage = engine.storage(files[0].path)
    # Only files whose suffix doesn't say that they are text may be binary
    magic = b""
    if not format_of_names:
        magic = storage.read(files[0].path, MAGIC_BYTES)
    for beginning, _, binary_format in BINARY_FORMATS:
        if magic.startswith(beginning):
            return binary_format
    if format_of_names != "csv":
        json_format = _detect_json(engine, files, format_of_names)
        if json_format is not None:
            return json_format
    file, head = find_nonblank_file(storage, files)
    if format_of_names in ("json", "jsonl"):
        return format_of_names
    first_line, second_line, *_ = [*csv_headers.select_whole_lines(head), "", ""]
    if not format_of_names and "," not in first_line:
        return None
    # Excel separates cells by semicolons if numbers have decimal commas, or names the separator in its own first line
    separator_line = csv_headers.match_separator_line(head.decode("utf-8", "replace"))
    separator = separator_line[1] if separator_line else ";"
    if separator != "," and format_of_names:
        csv_format = csv_headers.detect_csv_format(head, separator)
        if csv_format is not None:
            return format_csv_option(csv_format)
    # In all other files commas separate cells
    has_header = csv_headers.is_header_line(csv_headers.read_first_cells(file, head), split_row(second_line))
    escape = RFC_4180_ESCAPE
    if csv_headers.has_escapes_by_backslash(head, ","):
        escape = SPARK_ESCAPE
    return format_csv_option(CsvFormat(header=has_header, escape=escape))


def _detect_json(engine: Engine, files: Sequence[StoredFile], format_of_names: str) -> str | None:
    """The format of JSON that most of the first files have, since any file may be damaged. None if no file is JSON."""
    num_files: Counter[str] = Counter()
    for file in files[:FORMAT_SAMPLE_FILES]:
        with suppress(BadInput):  # reported when the file is read
            lines = (line.decode("utf-8", "replace").strip() for line in read_first_lines(engine, file))
            json_format = _detect_json_lines([*islice(filter(None, lines), FORMAT_SAMPLE_RECORDS)])
            if json_format is not None:
                num_files[json_format] += 1
    if not num_files:
        return None
    json_format = num_files.most_common(1)[0][0]
    if json_format == "json" and format_of_names == "jsonl":
        return "jsonl"
    return json_format


def _detect_json_lines(lines: Sequence[str]) -> str | None:
    """The format of the first lines of a file; None if most of them aren't JSON."""
    if not lines:
        return None
    num_lines = Counter(filter(None, map(_recognize_record, lines)))
    # A request log may have records that look like plain JSON, but plain JSON has none that look like a log's
    if 2 * num_lines.total() >= len(lines):
        return min(num_lines, key=lambda name: (name in ("jsonl", "json"), -num_lines[name]))
    if lines[0].startswith(("{", "[")):
        return "json"
    return None


def _recognize_record(line: str) -> str | None:
    """The format of a line, recognized by its record; None if the line is not a JSON object or array."""
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, (dict, list)):
        return None
    if isinstance(record, dict) and "captureData" in record:
        if "groundTruthData" in record:
            return "merged"
        return "capture"
    event = record
    if isinstance(record, list) and record:
        event = record[0]
    if isinstance(event, dict):
        from spark_model_monitor.data.request_logs import recognize_server

        server = recognize_server(event, event.get("type"))
        if server is not None:
            return server
    if isinstance(record, dict):
        return "jsonl"
    return "json"
