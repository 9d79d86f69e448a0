"""Converts a request log to a folder of captures, which exists for the length of a run. Driver only.

The log is read once: executors convert its records, join requests with answers that were logged separately, and write
captured lines by hour and time. Both engines write the same files, byte for byte.
"""

from __future__ import annotations

import logging
import math
import weakref
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions
from spark_model_monitor.data.reading.csv_lines import PIECE_BYTES, find_long_lines, read_text_pieces
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.file_heads import (
    FORMAT_SAMPLE_FILES,
    measure_longest_line,
    read_head,
    split_pieces,
)
from spark_model_monitor.data.reading.format_readers import read_table
from spark_model_monitor.data.reading.formats import TableFormat
from spark_model_monitor.data.reading.frames import read_arrow
from spark_model_monitor.data.reading.ledger import LongLine
from spark_model_monitor.data.reading.listing import (
    Listing,
    list_hour_folders,
    report_faulty_files,
    require_unchanged,
    require_within,
)
from spark_model_monitor.data.records import ENDPOINT_INDEXES, INPUT
from spark_model_monitor.data.records.locations import FILE, LINE, MAX_RECORD_BYTES, format_uri
from spark_model_monitor.data.records.windows import Window, convert_microseconds, count_microseconds
from spark_model_monitor.data.request_logs import find_log_reader
from spark_model_monitor.data.request_logs.capture_lines import (
    CAPTURE_BEGINNING,
    CAPTURES,
    EVENTS,
    HOUR,
    KEY,
    MICROSECONDS_OF_AN_HOUR,
    NO_HOUR,
    OUTPUT,
    ROLE,
    ROLES,
    TEXT,
    TIME,
    ConvertedLog,
    join_halves,
    list_roles,
)
from spark_model_monitor.data.request_logs.logged_events import EventRole, LogReader
from spark_model_monitor.errors import BadConfiguration, is_catalog_name
from spark_model_monitor.plugins import plugin
from spark_model_monitor.storage import Storage, StoredFile, join
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

PARTITION_BYTES = 64 * 2**20  # bytes of the log for each partition that joins and sorts
COMPRESSION = 8  # typical ratio of text to its compressed size
USUAL_RECORD_BYTES = 4096  # assumed bytes of a table's row
PARQUET_SUFFIX = ".parquet"
ROLE_OF_HALF = {INPUT: EventRole.REQUEST, OUTPUT: EventRole.ANSWER}
DELTA_LOG = "_delta_log"


@value_class
class CaptureFolder:
    """Captures in the folder `path`, converted from a log.

    files: the files of the log.
    long_lines: the lines of the log that readers skip because they are too long.
    temporary_folder: deletes the folder when it is garbage-collected.
    """

    path: str
    files: tuple[StoredFile, ...]
    long_lines: tuple[LongLine, ...]
    temporary_folder: TemporaryFolder | SharedFolder


class SharedFolder:
    """A folder that all machines of a cluster see. It is deleted with this object, or at the latest when Python exits."""

    def __init__(self, storage: Storage, path: str) -> None:
        self.path = path
        self.delete = weakref.finalize(self, _delete, storage, path)


def _delete(storage: Storage, path: str) -> None:
    """Delete a folder. It is left there if it can't be opened any more, because the session has ended."""
    with suppress(Exception):
        storage.delete(path)


def convert_log(
    engine: Engine,
    path: str,
    request_log: str,
    hours: Collection[int] | None,
    staging: str | None,
    halves: Sequence[str] = ENDPOINT_INDEXES,
) -> CaptureFolder:
    """The captures of some hours of a log, or of all hours.

    staging: a folder that all machines of a cluster see. halves: the requested halves. A log that has only one half is read
    as a log of this half, without waiting for the other.

    Raises BadInput for a log that can't be read; BadConfiguration as `find_log_reader`, or if a cluster needs `staging`.
    """
    reader = find_log_reader(request_log)
    source = _open_log(engine, path, reader, hours)
    log.warning("%s, a log of %s: %s", path, request_log, reader.limitation)
    if len(halves) == 1:
        reader = reader.select_half(ROLE_OF_HALF[halves[0]])
    temporary_folder = engine.find_implementation(make_staging_folder)(engine, staging)
    staging_path = temporary_folder.path
    if isinstance(staging_path, Path):
        staging_path = staging_path.as_uri()
    # Captured lines are written by hour and time first, and then moved to the hours' folders
    with report_faulty_files(engine, source.listing):
        written_path = _convert_events(source, reader, path, staging_path)
    require_unchanged(engine, source.listing)
    captures_path = join(staging_path, "captures")
    _assemble_hours(engine.storage(staging_path), written_path, captures_path)
    files = source.listing.files
    return CaptureFolder(captures_path, files, find_long_lines(engine, _select_texts(files)), temporary_folder)


@value_class(eq=False)
class _Log:
    """A log that is converted.

    hours: the hours of the run, since 1970; None for all hours.
    table: the rows of a table that a catalog knows by name; None if the log is files. The temporary file in which many rows
    lie exists as long as this object.
    """

    engine: Engine
    listing: Listing
    hours: Collection[int] | None
    table: Dataset | None

    def read_events(self, reader: LogReader) -> list[Partitions]:
        """The events of all files: one element for tables, one for whole documents, one for lines."""
        engine = self.engine
        files = self.listing.files
        file_times = {}
        if reader.uses_file_times:
            file_times = {format_uri(file.path): file.modified_ms for file in files}
        task = ConvertedLog(reader, self.listing.path, hours=self.hours, file_times=file_times)
        storage = engine.storage(self.listing.path)
        texts = _select_texts(files)
        record_bytes = measure_longest_line(storage, texts[0]) if texts else USUAL_RECORD_BYTES
        engine.set_line_sizes(self.listing.size_bytes, record_bytes)
        table = self.table
        if table is None and storage.exists(join(self.listing.path, DELTA_LOG)):
            table = read_table(engine, TableFormat(f"delta.`{self.listing.path}`"))
        if table is not None:
            return [_select_events(table.names, table.table, task)]
        # Parquet tables are read by columns, other Parquet files and JSON documents as a whole, other files by lines
        text_paths = [file.path for file in texts]
        parquet_paths = [file.path for file in files if file.path.endswith(PARQUET_SUFFIX)]
        documents = []
        events = []
        if parquet_paths and reader.columns:
            names, rows = engine.table(parquet_paths, "parquet", {})
            events.append(_select_events(names, rows, task))
        else:
            documents += parquet_paths
        if _are_documents(storage, texts):
            documents += text_paths
            text_paths = []
        for paths, whole_files in ((text_paths, False), (documents, True)):
            if paths:
                lines = engine.lines(self._choose_paths(paths), whole_files=whole_files)
                events.append(lines.partitions(LINE, FILE).map_batches(task, task.schema))
        return events

    def _choose_paths(self, paths: Sequence[str]) -> Sequence[str]:
        """The paths to read for some of the files: the folders, if they contain no other files."""
        if len(paths) == len(self.listing.files):
            return self.listing.paths_to_read
        return paths


def _open_log(engine: Engine, path: str, reader: LogReader, hours: Collection[int] | None) -> _Log:
    if is_named_table(engine.storage(path), path, reader):
        read_rows = engine.find_implementation(read_log_table)
        return _Log(engine, Listing(path, ()), hours, read_rows(engine, path, reader, hours))
    return _Log(engine, _list_log(engine, path, hours), hours, None)


def _convert_events(source: _Log, reader: LogReader, path: str, staging_path: str) -> str:
    """Write the captured lines of a log below a staging folder. Returns the folder with the lines."""
    folder = join(staging_path, "converted")
    events = source.read_events(reader)
    _write_captures(events, reader, source.listing, folder)
    if not reader.has_separate_halves or _has_captures(source.engine.storage(staging_path), folder):
        return folder
    # If no request has an answer, the log may consist of only one half
    only_half = _find_only_half(events)
    if only_half is None:
        return folder
    log.warning("%s: each record is a half of its own, the %s; no other is waited for", path, only_half.name.lower())
    folder = join(staging_path, "converted-half")
    reader = reader.select_half(only_half)
    _write_captures(source.read_events(reader), reader, source.listing, folder)
    return folder


def _select_texts(files: Sequence[StoredFile]) -> list[StoredFile]:
    return [file for file in files if not file.path.endswith(PARQUET_SUFFIX)]


def is_named_table(storage: Storage, path: str, reader: LogReader) -> bool:
    """Whether a log is given by the name of a table in a catalog. Only logs whose readers have columns can be tables."""
    return bool(reader.columns) and is_catalog_name(path) and not storage.exists(path)


def list_window_hours(window: Window | None) -> set[int] | None:
    """The hours of a window since 1970, and the next hour, whose folder may have records of the window; None for all hours."""
    if window is None:
        return None
    return {count_microseconds(hour) // MICROSECONDS_OF_AN_HOUR for hour in window.hours(later=1)}


def make_staging_folder(engine: Engine, staging: str | None) -> TemporaryFolder | SharedFolder:
    """A folder of this machine for a run's captures, which the local engine reads."""
    return TemporaryFolder()


def make_shared_folder(engine: Engine, staging: str | None) -> SharedFolder:
    """A folder for a run's captures that all machines of a cluster see. Raises BadConfiguration if `staging` is None."""
    if staging is None:
        raise BadConfiguration(
            "a request log is read on a cluster by jobs, whose output has room for its captures; start a job, or write "
            "engine='local'"
        )
    # The path is made absolute, since other machines have another current folder
    storage = engine.storage(staging)
    name = f"_request_log-{uuid4().hex}"
    return SharedFolder(storage, join(storage.resolved(staging), name))


def _list_log(engine: Engine, path: str, hours: Collection[int] | None) -> Listing:
    """The files of a log. In a tree of hour folders, these are the files of the hours, and of the next hours, which may have
    the answers. A folder without hours is read as a whole. Raises BadInput if nothing exists at the path.
    """
    storage = engine.storage(path)
    folders = [path]
    if hours is not None and not storage.exists(join(path, DELTA_LOG)):
        needed_hours = {*hours, *(hour + 1 for hour in hours)}
        moments = [convert_microseconds(hour * MICROSECONDS_OF_AN_HOUR) for hour in sorted(needed_hours)]
        folders = list_hour_folders(storage, path, moments)
    files = {file for folder in folders for file in storage.list_files(folder) if file.size_bytes}
    require_within(path, (file.path for file in files))
    return Listing(storage.resolved(path), tuple(sorted(files)), tuple(map(storage.resolved, folders)))


def read_log_table(engine: Engine, name: str, reader: LogReader, hours: Collection[int] | None) -> Dataset:
    """The rows of a log that a Spark session's catalog knows by name, fetched to this machine."""
    spark_plugin = plugin("spark")
    with spark_plugin.open_session() as spark:
        rows = spark_plugin.fetch_log_rows(spark, name, reader.columns, reader.time_columns, hours)
    return read_arrow(engine, rows)


def _select_events(names: Sequence[str], rows: Partitions, task: ConvertedLog) -> Partitions:
    """The events in the rows of a table."""
    # Select only the columns that the reader uses, and number them anew
    used_names = [name for name in names if name in task.reader.columns]
    positions = [f"c{names.index(name)}" for name in used_names]
    new_positions = [f"c{index}" for index in range(len(used_names))]
    needed_columns = rows.select_columns(positions, new_positions)
    table_task = ConvertedLog(task.reader, task.path, tuple(used_names), task.hours)
    return needed_columns.map_batches(table_task, task.schema)


def _are_documents(storage: Storage, files: Sequence[StoredFile]) -> bool:
    """Whether files are JSON documents over several lines: in most of the first files, the first line ends within a document."""
    heads = [read_head(storage, file, refuse_nul=False) for file in files[:FORMAT_SAMPLE_FILES]]
    first_lines = [head.strip().partition(b"\n") for head in heads]
    documents = [line for line, end, _ in first_lines if end and line.rstrip().endswith((b"[", b"{", b","))]
    return 2 * len(documents) > len(heads)


def _write_captures(events: Sequence[Partitions], reader: LogReader, source: Listing, folder: str) -> None:
    """Write captured lines below a folder, by hour and time."""
    if not events:
        return
    rows = events[0]
    for further_rows in events[1:]:
        rows = rows.concat(further_rows)
    text_bytes = sum(map(_estimate_text_bytes, source.files))
    partitions = max(1, math.ceil(text_bytes / PARTITION_BYTES))
    if reader.has_separate_halves:
        rows = rows.repartition_by(KEY, [KEY, ROLE, *EVENTS.names[2:]], partitions).map_batches(join_halves, CAPTURES)
    rows.repartition_by(HOUR, [HOUR, TIME, TEXT], partitions).write_texts(folder, HOUR, TEXT)


def _has_captures(storage: Storage, folder: str) -> bool:
    """Whether a folder has a captured line with a payload."""
    if not storage.exists(folder):
        return False
    for file in storage.list_files(folder):
        lines = split_pieces(read_text_pieces(storage, file, PIECE_BYTES), MAX_RECORD_BYTES)
        if any(line.startswith(CAPTURE_BEGINNING) for line in lines):
            return True
    return False


def _find_only_half(events: Sequence[Partitions]) -> EventRole | None:
    """The only half that events with a payload have; None if both halves occur, or no event has a payload."""
    roles: set[int] = set()
    for rows in events:
        for batch in rows.map_batches(list_roles, ROLES).batches():
            roles.update(batch.column(ROLE).to_pylist())
    if len(roles) != 1 or roles == {EventRole.EXCHANGE}:
        return None
    return EventRole(roles.pop())


def _estimate_text_bytes(file: StoredFile) -> int:
    if file.is_compressed or file.path.endswith(PARQUET_SUFFIX):
        return COMPRESSION * file.size_bytes
    return file.size_bytes


def _assemble_hours(storage: Storage, written_path: str, captures_path: str) -> None:
    """Concatenate the written files of each hour to one file in the hour's folder below `captures_path`."""
    if not storage.exists(written_path):
        return
    for name in storage.list_folders(written_path):
        hour = int(name.partition("=")[2])
        files = [file.path for file in storage.list_files(join(written_path, name))]
        folder = ""
        if hour != NO_HOUR:
            folder = f"{convert_microseconds(hour * MICROSECONDS_OF_AN_HOUR):%Y/%m/%d/%H}/"
        storage.assemble(files, join(captures_path, f"{folder}captures.jsonl"))
