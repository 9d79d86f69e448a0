"""Converts a request log to a folder of captures, which exists for the length of a run. Driver only.

The log is read once: executors convert its records, join requests with answers that were logged separately, and write
captured lines by hour and time. Both engines write the same files, byte for byte.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import reduce
from pathlib import Path
from uuid import uuid4

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.file_heads import (
    FORMAT_SAMPLE_FILES,
    measure_longest_line,
    read_head,
    split_pieces,
)
from spark_model_monitor.data.reading.formats import TableFormat
from spark_model_monitor.data.reading.frames import read_arrow
from spark_model_monitor.data.reading.ledger import LongLine
from spark_model_monitor.data.reading.lines import PIECE_BYTES, find_long_lines, read_text_pieces
from spark_model_monitor.data.reading.listing import (
    Listing,
    list_hour_folders,
    naming_faulty_files,
    require_unchanged,
    require_within,
)
from spark_model_monitor.data.reading.readers import read_table
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
    owner: deletes the folder when it is garbage-collected.
    """

    path: str
    files: tuple[StoredFile, ...]
    long_lines: tuple[LongLine, ...]
    owner: TemporaryFolder | SharedFolder


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
    # This reference keeps the table, and the temporary file that many rows lie in, until all rows are converted
    log_table = None
    storage = engine.storage(path)
    if is_named_table(storage, path, reader):
        source = Listing(path, ())
        read_rows = engine.implementation(read_log_table)
        log_table = read_rows(engine, path, reader, hours)
    else:
        source = _list_log(engine, path, hours)
    log.warning("%s, a log of %s: %s", path, request_log, reader.limits)
    owner = engine.implementation(make_staging_folder)(engine, staging)
    staging_path = owner.path
    if isinstance(staging_path, Path):
        staging_path = staging_path.as_uri()
    # Captured lines are first written to `written`, and then moved to the hours' folders in `captures`
    written_path = join(staging_path, "converted")
    captures_path = join(staging_path, "captures")
    if len(halves) == 1:
        reader = reader.select_half(ROLE_OF_HALF[halves[0]])
    with naming_faulty_files(engine, source):
        events = _read_events(engine, source, reader, hours, log_table)
        _write_captures(events, reader, source, written_path)
        # If no request has an answer, the log may consist of only one half
        only_half = None
        if reader.comes_apart and not _has_captures(engine.storage(staging_path), written_path):
            only_half = _find_only_half(events)
        if only_half is not None:
            name = only_half.name.lower()
            log.warning("%s: each record is a half of its own, the %s; no other is waited for", path, name)
            written_path = join(staging_path, "converted-half")
            reader = reader.select_half(only_half)
            events = _read_events(engine, source, reader, hours, log_table)
            _write_captures(events, reader, source, written_path)
    require_unchanged(engine, source)
    _place_hours(engine.storage(staging_path), written_path, captures_path)
    texts = [file for file in source.files if not file.path.endswith(PARQUET_SUFFIX)]
    long_lines = find_long_lines(engine, texts)
    return CaptureFolder(captures_path, source.files, long_lines, owner)


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


def _read_events(
    engine: Engine, source: Listing, reader: LogReader, hours: Collection[int] | None, log_table: Dataset | None
) -> list[Partitions]:
    """The events of all files: one element for tables, one for whole documents, one for lines. log_table: replaces files."""
    file_times = {}
    if reader.uses_file_times:
        file_times = {format_uri(file.path): file.modified_ms for file in source.files}
    task = ConvertedLog(reader, source.path, hours=hours, file_times=file_times)
    storage = engine.storage(source.path)
    engine.read_lines_by_size(source.size_bytes, _measure_record_bytes(storage, source.files))
    if log_table is not None:
        return [_select_events(log_table.names, log_table.table, task)]
    if storage.exists(join(source.path, DELTA_LOG)):
        dataset = read_table(engine, TableFormat(f"delta.`{source.path}`"))
        return [_select_events(dataset.names, dataset.table, task)]
    # Parquet tables are read by columns, other Parquet files and JSON documents as a whole, other files by lines
    tables = [file.path for file in source.files if file.path.endswith(PARQUET_SUFFIX)]
    texts = [file for file in source.files if not file.path.endswith(PARQUET_SUFFIX)]
    events = []
    if tables and reader.columns:
        names, rows = engine.table(tables, "parquet", {})
        events.append(_select_events(names, rows, task))
    documents = [] if reader.columns else tables
    if texts and _are_documents(storage, texts):
        documents = [*documents, *(file.path for file in texts)]
    elif texts:
        paths = _choose_paths(source, [file.path for file in texts])
        events.append(engine.lines(paths).partitions(LINE, FILE).mapped(task, task.schema))
    if documents:
        paths = _choose_paths(source, documents)
        events.append(engine.lines(paths, whole_files=True).partitions(LINE, FILE).mapped(task, task.schema))
    return events


def _choose_paths(source: Listing, paths: Sequence[str]) -> Sequence[str]:
    """The paths to read for some of the files: the folders, if they contain no other files."""
    if len(paths) == len(source.files):
        return source.places
    return paths


def _measure_record_bytes(storage: Storage, files: Sequence[StoredFile]) -> int:
    """The bytes of a long record, by which the engine chooses how many records a batch has."""
    texts = [file for file in files if not file.path.endswith(PARQUET_SUFFIX)]
    if not texts:
        return USUAL_RECORD_BYTES
    return measure_longest_line(storage, texts[0])


def read_log_table(engine: Engine, name: str, reader: LogReader, hours: Collection[int] | None) -> Dataset:
    """The rows of a log that a Spark session's catalog knows by name, fetched to this machine."""
    edge = plugin("spark")
    with edge.open_session() as spark:
        rows = edge.fetch_log_rows(spark, name, reader.columns, reader.time_columns, hours)
    return read_arrow(engine, rows)


def _select_events(names: Sequence[str], rows: Partitions, task: ConvertedLog) -> Partitions:
    """The events in the rows of a table."""
    # Select only the columns that the reader uses, and number them anew
    used_names = [name for name in names if name in task.reader.columns]
    positions = [f"c{names.index(name)}" for name in used_names]
    new_positions = [f"c{index}" for index in range(len(used_names))]
    needed_columns = rows.selected(positions, new_positions)
    table_task = ConvertedLog(task.reader, task.path, tuple(used_names), task.hours)
    return needed_columns.mapped(table_task, task.schema)


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
    rows = reduce(lambda joined, further: joined.concat(further), events)
    text_bytes = sum(map(_estimate_text_bytes, source.files))
    partitions = max(1, -(-text_bytes // PARTITION_BYTES))
    if reader.comes_apart:
        rows = rows.repartition_by(KEY, [KEY, ROLE, *EVENTS.names[2:]], partitions).mapped(join_halves, CAPTURES)
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
        for batch in rows.mapped(list_roles, ROLES).batches():
            roles.update(batch.column(ROLE).to_pylist())
    if len(roles) != 1 or roles == {EventRole.EXCHANGE}:
        return None
    return EventRole(roles.pop())


def _estimate_text_bytes(file: StoredFile) -> int:
    if file.is_compressed or file.path.endswith(PARQUET_SUFFIX):
        return COMPRESSION * file.size_bytes
    return file.size_bytes


def _place_hours(storage: Storage, written: str, captures: str) -> None:
    """Concatenate the written files of each hour to one file in the hour's folder below `captures`."""
    if not storage.exists(written):
        return
    for name in storage.list_folders(written):
        hour = int(name.partition("=")[2])
        files = [file.path for file in storage.list_files(join(written, name))]
        folder = ""
        if hour != NO_HOUR:
            folder = f"{convert_microseconds(hour * MICROSECONDS_OF_AN_HOUR):%Y/%m/%d/%H}/"
        storage.assemble(files, join(captures, f"{folder}captures.jsonl"))
