"""Reads captured requests and replies as one data set: `list_captures` lists the files, `read_captures` reads them.

The columns are the baseline's by position: output first, then input. Executors decode the lines; the first record of
the first files determines the encoding of payloads (CSV or JSON).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from spark_model_monitor.data.engine.engine_protocol import Engine, Partitions
from spark_model_monitor.data.profiling.scan_plan import LineMetadata
from spark_model_monitor.data.reading.captured_columns import (
    find_flattened_arrays,
    find_nested_texts,
    find_roles,
    find_row_layout,
    list_sampled_names,
    match_paths,
    sample_lines,
    sample_rows,
)
from spark_model_monitor.data.reading.csv_lines import find_listed_long_lines
from spark_model_monitor.data.reading.dataset import Dataset, DecodedLines, report_spellings
from spark_model_monitor.data.reading.file_heads import FORMAT_SAMPLE_FILES, FORMAT_SAMPLE_RECORDS, read_first_lines
from spark_model_monitor.data.reading.formats import DEFAULT_OPTIONS, CaptureFormat, MergedFormat, ReadOptions
from spark_model_monitor.data.reading.ledger import QUARANTINE, read_coverages
from spark_model_monitor.data.reading.listing import (
    Listing,
    PathOrPaths,
    list_paths,
    list_record_folders,
    list_window_folders,
    report_faulty_files,
    require_within,
)
from spark_model_monitor.data.reading.scripts import Script, process_lines
from spark_model_monitor.data.records import CSV, ENDPOINT_INDEXES, INPUT, JSON
from spark_model_monitor.data.records.capture_documents import has_request_metadata, read_request_metadata
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from spark_model_monitor.data.records.decoded_rows import ColumnMatching, DecodedRecord, choose_matching, have_names
from spark_model_monitor.data.records.decoding import Reading, RecordSelection, decode
from spark_model_monitor.data.records.locations import LINE, NO_FILES
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window, parse_hour_of_path
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import MESSAGE, NO_DATA, NoData
from spark_model_monitor.statistics.spellings import match_spellings
from spark_model_monitor.storage import Storage, StoredFile, join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

ROW_FAULTS = frozenset(
    {
        Refusal.UNEQUAL_NUMBERS_OF_ROWS,
        Refusal.WRONG_NUMBER_OF_CELLS,
        Refusal.PAYLOAD_NOT_JSON,
        Refusal.NESTED_JSON,
        Refusal.ROWS_WITHIN_ROWS,
        Refusal.TWO_VALUES,
        Refusal.CAPTURED_HEADER,
        Refusal.TENSORS_WITHOUT_VALUES,
        Refusal.BYTES_OF_SELDON,
    }
)
"""Reasons that concern a record's rows: if a record is refused for one of them, its halves and their encoding are correct."""


def list_captures(
    engine: Engine,
    path: PathOrPaths,
    window: Window | None = None,
    *,
    lenient_window: bool = False,
    request_log: str | None = None,
    staging: str | None = None,
    halves: Sequence[str] = ENDPOINT_INDEXES,
) -> Listing:
    """The files with captured records at or below one path or several; with a window, the files of its hours and of the
    next hour.

    lenient_window: list only the window's own hour folders, whose records are all read (C11.16). request_log: as in
    `CaptureFormat`; the log is converted to captures, which exist as long as the listing. staging: as in `ReadOptions`.
    halves: the halves to read of a log.
    Raises BadInput if the path doesn't exist, NoData if all files are empty.
    """
    paths = list_paths(path)
    first = paths[0]
    if request_log is not None:
        from spark_model_monitor.data.request_logs.capture_folder import convert_log, list_window_hours

        folder = convert_log(engine, first, request_log, list_window_hours(window), staging, halves)
        if not engine.storage(folder.path).exists(folder.path):
            raise make_no_captures_error(first, window)
        listing = list_captures(engine, folder.path, window, lenient_window=lenient_window)
        return replace(listing, request_log=folder)
    storage = engine.storage(first)
    folders: list[str] = []
    files: list[StoredFile] = []
    for given_path in paths:
        folders_below, files_below = find_capture_files(storage, given_path, window, lenient_window=lenient_window)
        require_within(given_path, (file.path for file in files_below))
        folders += folders_below
        files += files_below
    if not files:
        raise make_no_captures_error(first, window)
    # Captures of an endpoint or of its variant lie in NAME/yyyy/mm/dd/hh
    sources = {file.path.rsplit("/", 5)[0] for file in files if parse_hour_of_path(file.path)}
    if len(sources) > 1:
        log.warning(
            "captures of %d folders are read as those of one model: %s", len(sources), list_names(sorted(sources))
        )
    coverage = read_coverages(storage, files, _drop_later_folders(folders, paths, window))
    return Listing(
        storage.resolved(first), tuple(files), tuple(map(storage.resolved, folders)), coverage, window=window
    )


def find_capture_files(
    storage: Storage, path: str, window: Window | None, *, lenient_window: bool = False
) -> tuple[list[str], list[StoredFile]]:
    """The folders with captured records, as `list_captures` reads them, and the files in them.

    Raises BadInput if the path doesn't exist.
    """
    if window is None:
        folders = list_record_folders(storage, path)
    else:
        folders = list_window_folders(storage, path, window, later=0 if lenient_window else 1)
    nonempty_files = {file for folder in folders for file in storage.list_files(folder) if file.size_bytes}
    # A failed merge leaves its message and a quarantine in the folder of its records
    top = storage.resolved(path)
    message_and_quarantine = {join(top, MESSAGE), join(top, QUARANTINE)}
    files = (
        file for file in nonempty_files if message_and_quarantine.isdisjoint((file.path, file.path.rpartition("/")[0]))
    )
    return folders, sorted(files)


def make_no_captures_error(path: str, window: Window | None) -> NoData:
    """The error for a path without captures in the window."""
    hours = ""
    if window is not None:
        hours = f" for {window.start.isoformat()} to {window.end.isoformat()}"
    return NoData(f"{NO_DATA}: {path} has no file{hours} that is neither hidden nor empty")


def _drop_later_folders(folders: Sequence[str], paths: Sequence[str], window: Window | None) -> list[str]:
    """The folders, without the folder of the hour after the window; a source that is a single folder is kept."""
    if window is None:
        return list(folders)
    # The next folder may have records of this window, but its coverage counts the labels of another hour
    return [folder for folder in folders if folder in paths or window.may_contain_folder(join(folder, ""))]


def select_records(halves: tuple[str, ...], options: ReadOptions) -> Reading:
    """How to read captured or merged records. halves: the members of `captureData`."""
    window = None if options.lenient_window else options.window
    return Reading(
        halves,
        selection=RecordSelection(window, options.sample, options.target_model),
        exact_keys=options.as_service,
        escape=SPARK_ESCAPE if options.as_service else RFC_4180_ESCAPE,
        opens_base64=not options.as_service,
        flatten_json=options.flattens_json,
    )


def read_captures(
    engine: Engine,
    source: Listing,
    capture_format: CaptureFormat | MergedFormat,
    options: ReadOptions = DEFAULT_OPTIONS,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed captures as a data set. Features have the baseline's names, by position; without a baseline, JSON keys
    are the names, or `_c0`, `_c1`, ….

    Spark jobs: none; two for a script.
    Raises NoData if a script gets no record, or leaves no row.
    """
    # How to read the records, by the options and, unless the service is imitated, by the first records
    names = options.names
    as_service = options.as_service
    reading = replace(
        select_records(capture_format.index_names, options),
        names=tuple(names or ()),
        missing_values=options.missing_values,
    )
    roles = options.roles
    if not as_service:
        reading, roles = _find_columns(engine, source, reading, options)
    at_most = source.max_partition_count(engine, partition_bytes, in_order=as_service)
    if options.script is not None:
        with report_faulty_files(engine, source):
            dataset = _read_with_script(engine, source, reading, options.script, as_service=as_service)
        return replace(dataset, max_partition_count=at_most, long_lines=find_listed_long_lines(engine, source))
    encodings: tuple[str | None, ...] = (CSV, JSON)
    if options.allow_mixed_encodings:
        encodings = (None,)
    first_record = _find_first_record(engine, source, reading, encodings)
    if first_record is None:
        log.warning("none of the first %d files begins with records that can be read", FORMAT_SAMPLE_FILES)
        # The scan will refuse all records and count them by reason
        first_record = FirstRecord(encodings[0], DecodedRecord(width=1))
    reading = replace(reading, encoding=first_record.encoding, names=reading.names or first_record.content.keys)
    # Whether columns are matched with the baseline by name or by position
    matched_by = None
    if names:
        matched_by = _choose_matching(reading.names, reading.encoding)
    captures = _Captures(engine, source, reading, as_service, matched_by)
    dataset = captures.build_dataset(len(reading.names) or first_record.content.width)
    # Columns in the baseline's order, and the metadata of requests that the scan counts
    if roles is not None and names:
        dataset = dataset.select_features(roles.list_columns(names))
    return replace(
        dataset,
        roles=roles,
        max_partition_count=at_most,
        metadata=_choose_metadata(engine, source, as_service=as_service),
        tells_times=reading.selection.window is not None and not as_service,
        long_lines=find_listed_long_lines(engine, source),
    )


def _find_columns(
    engine: Engine, source: Listing, reading: Reading, options: ReadOptions
) -> tuple[Reading, ColumnRoles | None]:
    """The reading, completed by what the first records show of their columns, and the roles of the columns."""
    # Where the rows are, and which arrays in them are columns
    encoding = None
    first_record = _find_first_record(engine, source, reading)
    if first_record is not None and not options.allow_mixed_encodings:
        encoding = first_record.encoding
    first_lines = sample_lines(engine, source)
    roles = options.roles
    all_names = reading.names
    training_names = reading.names
    if roles is not None:
        all_names = roles.list_columns(reading.names)
        # Roles from an earlier window may have added columns that the training data lacks
        training_names = tuple(name for name in reading.names if name not in {**roles.answers, **roles.inputs})
    samples = sample_rows(first_lines, replace(reading, encoding=encoding))
    layout = find_row_layout(samples, training_names)
    if layout.has_row_numbers or any(layout.row_paths.values()):
        samples = sample_rows(first_lines, replace(reading, encoding=encoding, layout=layout))
    layout = replace(layout, flattened_arrays=find_flattened_arrays(samples, all_names))
    texts = find_nested_texts(samples, training_names)
    if texts:
        log.warning("%s: in the baseline as text, so it stays one and is not made into columns", ", ".join(texts))
    # The names of the columns, matched with the baseline's
    sampled_names = list_sampled_names(samples, replace(reading, layout=layout))
    paths = match_paths(sampled_names, training_names)
    spellings = match_spellings([name for name in sampled_names if name not in paths], all_names)
    if spellings:
        report_spellings(spellings)
    reading = replace(reading, layout=replace(layout, baseline_names={**paths, **spellings}))
    # The columns that the baseline lacks
    if roles is None and options.script is None:
        roles = find_roles(samples, replace(reading, encoding=encoding), options.values)
    if roles is not None:
        reading = replace(reading, names=roles.list_captured(reading.names), output_names=tuple(roles.answers))
    return reading, roles


def _choose_matching(names: Sequence[str], encoding: str | None) -> ColumnMatching:
    """How columns of records with this encoding are matched. encoding: None if CSV and JSON are mixed (M11)."""
    if encoding == CSV or not have_names(names):
        return ColumnMatching.POSITION
    return ColumnMatching.NAME_ELSE_POSITION


@value_class(eq=False)
class _Captures:
    """Captures and how to read them.

    as_service: whether to read as the service does, in the order of the files.
    matched_by: how columns are matched with the baseline's; None without a baseline.
    """

    engine: Engine
    source: Listing
    reading: Reading
    as_service: bool
    matched_by: ColumnMatching | None

    def build_dataset(self, columns: int) -> Dataset:
        """The captures, read as records with this number of columns."""
        lines = self.engine.lines(self.source.paths_to_read, in_order=self.as_service)
        files = NO_FILES
        if self.reading.selection.window is not None:
            files = lines.files_by_key()
        names = self.reading.names
        return Dataset(
            DecodedLines.of(lines, CapturedLines(replace(self.reading, columns=columns), files)),
            name_columns(names, columns),
            self.source,
            refusable=True,
            record_cells=columns,
            one_encoding=self.as_service,
            reread=self.reread,
            matched_by=self.matched_by if columns == len(names) else None,
        )

    def reread(self, columns: int) -> Dataset:
        """The captures, read as records with this number of columns: the features, then members that the baseline lacks."""
        names = self.reading.names
        other_keys = self._find_shared_keys(columns)
        # Members that the baseline lacks become further columns, after the baseline's
        if have_names(names) and len(names) + len(other_keys) == columns:
            names = (*names, *other_keys)
        captures = replace(self, reading=replace(self.reading, names=names))
        dataset = replace(captures.build_dataset(columns), reread=None)
        # If each record has keys of its own, only the baseline's names are features
        if self.reading.encoding == JSON and have_names(names) and len(names) < columns and not self.as_service:
            foreign_keys = "most records have keys of their own that the baseline lacks"
            return replace(dataset.select_features(names), matched_by=self.matched_by, foreign_keys=foreign_keys)
        return dataset

    def _find_shared_keys(self, columns: int) -> list[str]:
        """The keys that the baseline lacks and at least half of the first records of this width have. Rarer keys are values."""
        reading = self.reading.drop_limits()
        counts = Counter[str]()
        records = 0
        for file in self.source.files[:FORMAT_SAMPLE_FILES]:
            for line in islice(read_first_lines(self.engine, file), FORMAT_SAMPLE_RECORDS):
                decoded = decode(line, reading)
                if decoded.reason is None and decoded.width == columns:
                    records += 1
                    counts.update(key for key in decoded.keys if key not in reading.names)
        return [key for key, count in counts.items() if 2 * count >= records]


def _read_with_script(
    engine: Engine, source: Listing, reading: Reading, script: Script, *, as_service: bool
) -> Dataset:
    lines = engine.lines(source.paths_to_read, in_order=as_service)
    script_rows = process_lines(lines, source, script, first_error_fails=as_service, reading=reading)
    rows, names = _order_as_baseline(reading.names, script_rows.table, script_rows.names, as_service=as_service)
    matched_by = None
    if names == reading.names:
        matched_by = choose_matching(script_rows.names, names)
    return replace(script_rows, rows=rows, names=names, matched_by=matched_by)


def _order_as_baseline(
    baseline: tuple[str, ...], rows: Partitions, keys: tuple[str, ...], *, as_service: bool
) -> tuple[Partitions, tuple[str, ...]]:
    """A script's columns in the baseline's order: by name if they are the same; by position if all names differ.

    When columns are matched by position, keys only determine their order, as in the service's guide.
    """
    if not baseline or len(baseline) != len(keys):
        return rows, keys
    if set(baseline) != set(keys):
        return rows, baseline if as_service or set(baseline).isdisjoint(keys) else keys
    # First the columns in the order of the baseline, then the columns about the rows
    script_columns = [f"c{keys.index(name)}" for name in baseline]
    baseline_columns = [f"c{position}" for position in range(len(baseline))]
    other_columns = rows.columns[len(keys) :]
    return rows.select_columns([*script_columns, *other_columns], [*baseline_columns, *other_columns]), baseline


def name_columns(names: Sequence[str], columns: int) -> tuple[str, ...]:
    """The baseline's names by position; further columns get Spark's default names."""
    return tuple(names[position] if position < len(names) else f"_c{position}" for position in range(columns))


@value_class
class FirstRecord:
    """A record that shows how the others are read.

    encoding: the encoding of its payloads; None if CSV and JSON may be mixed.
    content: its rows, with the number of cells and the names that other records are expected to have.
    """

    encoding: str | None
    content: DecodedRecord


def _find_first_record(
    engine: Engine, source: Listing, reading: Reading, encodings: Sequence[str | None] = (CSV, JSON)
) -> FirstRecord | None:
    """The first readable record, regardless of its time, that has the encoding and width of most of the first records.

    If no record is readable, the first record that is refused only for its rows, since its encoding is known. None if there
    is no such record either. encodings: the encodings to try.
    """
    reading = reading.drop_limits()
    readings = {encoding: replace(reading, encoding=encoding) for encoding in encodings}
    with_faulty_rows = None
    first_by_layout: dict[tuple[str | None, int], FirstRecord] = {}
    counts: Counter[tuple[str | None, int]] = Counter()
    for file in source.files[:FORMAT_SAMPLE_FILES]:
        for line in read_first_lines(engine, file):
            # A line may be readable in both encodings, so the layout (encoding and width) of most first lines wins
            for encoding, reading_in_encoding in readings.items():
                decoded = decode(line, reading_in_encoding)
                if decoded.reason is None:
                    layout = encoding, decoded.width
                    first_by_layout.setdefault(layout, FirstRecord(encoding, decoded))
                    counts[layout] += 1
                if with_faulty_rows is None and decoded.reason in ROW_FAULTS:
                    with_faulty_rows = FirstRecord(encoding, DecodedRecord(width=max(1, decoded.width)))
            if counts.total() >= FORMAT_SAMPLE_RECORDS:
                break
    if counts:
        [(layout, _)] = counts.most_common(1)
        return first_by_layout[layout]
    return with_faulty_rows


def find_input_columns(engine: Engine, source: Listing, reading: Reading) -> tuple[str, ...]:
    """The names of the model's input columns in captured or merged records: JSON keys, or `_c0`, `_c1`, …; empty if no
    input can be read.
    """
    first_record = _find_first_record(engine, source, replace(reading, halves=(INPUT,)))
    if first_record is None:
        return ()
    return name_columns(first_record.content.keys, first_record.content.width)


def _choose_metadata(engine: Engine, source: Listing, *, as_service: bool) -> LineMetadata | None:
    """How a scan reads requests' status and latency. The first records of the first and last file show if there are any."""
    for file in {source.files[0], source.files[-1]}:
        if any(map(has_request_metadata, islice(read_first_lines(engine, file), FORMAT_SAMPLE_RECORDS))):
            return LineMetadata(LINE, read_request_metadata)
    if as_service:
        return None
    return LineMetadata(LINE, None)
