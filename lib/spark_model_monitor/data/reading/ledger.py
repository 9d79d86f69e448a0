"""The ledger of a run accounts for every file and record; the folder `quarantine/` has the refused records and the reasons."""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial, reduce
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Batches, Engine, Partitions
from spark_model_monitor.data.engine.partitions import group_by_size
from spark_model_monitor.data.records import RECORD, REQUEST_LOG
from spark_model_monitor.data.records.decoded_rows import ColumnMatching
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE, LOCATION_COLUMNS, format_uri
from spark_model_monitor.data.records.refusals import NOT_QUARANTINED, REASON, Refusal
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadDocument
from spark_model_monitor.storage import Storage, StoredFile, join
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

COVERAGE = "_coverage.json"

MERGED_PART = re.compile(r"part-\d{5}-[0-9a-f-]{36}\.c000\.jsonl")
"""The file names of merged records, as the service and we write them."""

Version: TypeAlias = int | datetime  # a version number, or a time, which means the version that was current then

NUMBER = "__number"  # the column with the line number in the file, from 1
FAULT_SCHEMA = pa.schema([(FILE, pa.string()), (LINE, pa.binary()), (REASON, pa.int32())])
LINE_SCHEMA = pa.schema([(FILE, pa.string()), (NUMBER, pa.int64()), (BLOCK_START, pa.int64()), (LINE, pa.binary())])

Record: TypeAlias = Mapping[str, Any]
"""A refused record as the quarantine keeps it: its reason, location and line, by column name."""

RejectedLines: TypeAlias = Callable[["Dataset"], Iterator[Record]]
"""A function that returns the refused records of a data set as the quarantine keeps them, sorted by file and line number."""

ReasonsByLine: TypeAlias = dict[tuple[str, bytes], list[int]]  # the reasons for refusing each line of each file

QUARANTINE = "quarantine"  # the folder of the refused records
LINE_IN_LOG = 0  # stands for the line number of a request log's record, whose lines are not counted
CHUNK_BYTES = 16 * 2**20  # size of a quarantine file, which the driver holds in memory while it writes the file


@value_class
class Coverage:
    """Numbers of captures: all; labelled, with a label; absent, with a record that says that no label came."""

    captures: int = 0
    labelled: int = 0
    absent: int = 0

    @property
    def waiting(self) -> int:
        """Captures without any label."""
        return self.captures - self.labelled - self.absent

    @property
    def share(self) -> float:
        """The share of the captures that have a label; 0 without captures."""
        if self.captures:
            return self.labelled / self.captures
        return 0.0

    def __add__(self, coverage: Coverage) -> Coverage:
        return Coverage(
            self.captures + coverage.captures, self.labelled + coverage.labelled, self.absent + coverage.absent
        )

    def to_json_dict(self) -> dict[str, Json]:
        """The content of `_coverage.json`."""
        return {
            "captures": self.captures,
            "labelled": self.labelled,
            "labelled_as_absent": self.absent,
            "coverage": self.share,
        }


def read_coverage(content: bytes, where: str) -> Coverage:
    """The content of a `_coverage.json`. where: its path. Raises BadDocument if it is malformed."""
    try:
        document = json.loads(content)
        return Coverage(int(document["captures"]), int(document["labelled"]), int(document["labelled_as_absent"]))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as fault:
        raise BadDocument(
            f"{where}: is not the coverage of an hour ({type(fault).__name__}); merge its hour again"
        ) from fault


def read_coverages(storage: Storage, files: Iterable[StoredFile], paths: Iterable[str]) -> Coverage | None:
    """The coverage of all hours at these paths; None if no file there has merged records, or no hour has a coverage.

    An hour without labels has no records but a coverage.
    """
    if not any(MERGED_PART.fullmatch(file.path.rpartition("/")[2]) for file in files):
        return None
    coverages = [coverage for path in paths for coverage in _read_coverages_below(storage, path)]
    if coverages:
        return reduce(Coverage.__add__, coverages)
    return None


def _read_coverages_below(storage: Storage, folder: str) -> list[Coverage]:
    path = join(folder, COVERAGE)
    # The folder of an hour has one coverage; for folders above hours, collect the coverages of their hours
    if storage.exists(path):
        return [read_coverage(storage.read(path), path)]
    return [
        coverage
        for name in storage.list_folders(folder)
        for coverage in _read_coverages_below(storage, join(folder, name))
    ]


@value_class
class Ledger:
    """Counts of the records read.

    refused: the number of refused records by the reason's text, only for reasons that occurred.
    without_data: records of failed requests, captured for their metadata only.
    rows: the number of rows of the kept records; None if each record is one row.
    coverage: for merged records, how many of their captures have a label.
    matched_by: how the columns of the kept records were matched with the baseline's; None if they were not matched.
    table: the versioned table that was read instead of files.
    newest: the time of the latest kept record, if known.
    not_in_log: the number of records of a request log that can't become captures, by the reason's text.
    """

    files: tuple[StoredFile, ...]
    read: int
    kept: int
    dropped_by_script: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    outside_window: int = 0
    sampled_out: int = 0
    without_data: int = 0
    rows: int | None = None
    coverage: Coverage | None = None
    matched_by: ColumnMatching | None = None
    table: TableVersion | None = None
    newest: datetime | None = None
    not_in_log: Mapping[str, int] = field(default_factory=dict)

    @property
    def kept_rows(self) -> int:
        """The number of rows of the kept records."""
        if self.rows is None:
            return self.kept
        return self.rows

    @property
    def quarantined(self) -> int:
        """The number of refused records."""
        return sum(self.refused.values())

    @property
    def quarantined_share(self) -> float:
        """Refused records divided by records read; 0 if no record was read."""
        if self.read:
            return self.quarantined / self.read
        return 0.0

    def to_json_dict(self) -> dict[str, Json]:
        """The content of `ledger.json`."""
        records: dict[str, Json] = {
            "read": self.read,
            "kept": self.kept,
            "dropped_by_script": self.dropped_by_script,
            "outside_window": self.outside_window,
            "sampled_out": self.sampled_out,
            "without_data": self.without_data,
        }
        if self.not_in_log:
            records["not_in_log"] = dict(self.not_in_log)
        records["quarantined"] = dict(sorted(self.refused.items()))
        # Members that don't apply are left out
        document: dict[str, Json] = {"version": 1, "files": list(map(asdict, self.files))}
        if self.table is not None:
            document["table"] = self.table.to_json_dict()
        document |= {"records": records, "rows": self.kept_rows}
        if self.newest is not None:
            document["newest"] = self.newest.isoformat().replace("+00:00", "Z")
        if self.matched_by is not None:
            document["columns_matched_by"] = self.matched_by.value
        if self.coverage is not None:
            document["ground_truth"] = self.coverage.to_json_dict()
        return document


@value_class
class TableVersion:
    """The version of a table that a run read. since: only rows appended after this version were read."""

    name: str
    version: int
    since: int | None = None

    def to_json_dict(self) -> dict[str, Json]:
        """The member `table` of `ledger.json`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def find_rejected_lines(dataset: Dataset, other_records: Partitions | None = None) -> Iterator[Record]:
    """One record for each refused line and reason, sorted by file and line number, without the header line of each file.

    A record that is a whole file has line number 1. other_records: further refused records, which have a line number already.
    """
    # A line with several rows can be refused for several reasons
    refused: ReasonsByLine = {}
    for fault in _iterate_rows(dataset.table.map_batches(_select_rejected, FAULT_SCHEMA).batches()):
        reasons = refused.setdefault((fault[FILE], fault[LINE]), [])
        if fault[REASON] not in reasons:
            reasons.append(fault[REASON])
    lines = dataset.engine.lines(dataset.listing.paths_to_read, in_order=True, with_blank=True).partitions(
        *LOCATION_COLUMNS
    )
    # Line numbers need a second pass, which counts the lines of the affected files
    rejected_lines = list(_iterate_rows(lines.map_batches(partial(_number_lines, refused), LINE_SCHEMA).batches()))
    # A document over several lines equals no single line of its file, so it stands for the whole file
    whole_files = refused.keys() - {(row[FILE], row[LINE]) for row in rejected_lines}
    rejected_lines += [{FILE: file, NUMBER: 1, BLOCK_START: 0, LINE: line} for file, line in whole_files]
    if other_records is not None:
        rejected_lines += [{**row, LINE: row[LINE].encode()} for row in _iterate_rows(other_records.batches())]
    for row in sorted(rejected_lines, key=itemgetter(FILE, NUMBER)):
        # The header line of a file is not a refused record
        for reason in [row[REASON]] if REASON in row else refused[row[FILE], row[LINE]]:
            if reason != Refusal.REPEATED_HEADER or row[NUMBER] > dataset.header_number:
                yield _encode_line(row, reason)


def _select_rejected(batches: Batches) -> Batches:
    """The file, line and reason of each refused row."""
    # Rows outside the window or the sample were left out on purpose
    left_out = [0, *map(int, NOT_QUARANTINED)]
    for batch in batches:
        rejected_rows = batch.filter(pa.array(~np.isin(np.asarray(batch.column(REASON)), left_out)))
        columns = [
            rejected_rows.column(FILE),
            rejected_rows.column(LINE).view(pa.binary()),
            rejected_rows.column(REASON),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=FAULT_SCHEMA)


def _number_lines(refused: ReasonsByLine, batches: Batches) -> Batches:
    """The refused lines with their line numbers. batches: all lines, in the order of each file."""
    files = {file for file, _ in refused}
    numbers = Counter[str]()
    for batch in batches:
        lines, files_of_lines, starts = batch.columns
        rows = (files_of_lines.to_pylist(), lines.view(pa.binary()).to_pylist(), starts.to_pylist())
        rejected_lines = []
        for file, line, start in zip(*rows, strict=True):
            # Lines of other files are not counted
            if file in files:
                numbers[file] += 1
                if (file, line) in refused:
                    rejected_lines.append({FILE: file, NUMBER: numbers[file], BLOCK_START: start, LINE: line})
        yield pa.RecordBatch.from_pylist(rejected_lines, LINE_SCHEMA)


def _encode_line(row: Record, reason: int) -> Record:
    location = {FILE: row[FILE], NUMBER: row[NUMBER], BLOCK_START: row[BLOCK_START], REASON: reason}
    return {**location, **_encode_content(row[LINE])}


def _encode_content(content: bytes) -> Record:
    # Bytes that aren't UTF-8 are kept as base64
    try:
        texts = {"line": content.decode(), "line_base64": None}
    except UnicodeDecodeError:
        texts = {"line": None, "line_base64": base64.b64encode(content).decode()}
    return {"sha256": hashlib.sha256(content).hexdigest(), **texts}


def _trace_to_log(row: Record) -> Record:
    """A refused capture that was made from a request log, with the log's file, and with the log's record if that was refused."""
    try:
        request_log = json.loads(row["line"])[REQUEST_LOG]
        location = {FILE: str(request_log["file"]), NUMBER: LINE_IN_LOG, BLOCK_START: 0}
        if RECORD in request_log:
            return {**row, **location, **_encode_content(base64.b64decode(request_log[RECORD]))}
    except (ValueError, KeyError, TypeError, RecursionError):
        return row  # a label that was read for a merge; it doesn't come from the log
    return {**row, **location}


def _iterate_rows(batches: Batches) -> Iterator[Record]:
    for batch in batches:
        yield from batch.to_pylist()


def write_quarantine(
    dataset: Dataset, output_path: str, refused: RejectedLines | None = None, *, only_long_lines: bool = False
) -> str:
    """Write the refused records below `output_path`, replacing those of an earlier run, and return their folder's path.

    Only the owner may read the files, since the data is unchecked.
    refused: returns the refused records, by default `find_rejected_lines`. only_long_lines: whether only long lines were
    refused; then nothing is read. Otherwise two Spark jobs and a shuffle read the affected files.
    Raises OutputFailed if the records can't be written.
    """
    folder = join(output_path, QUARANTINE)
    storage = dataset.engine.storage(output_path)
    # Files that an earlier run left here would seem to belong to this run
    storage.delete(folder)
    records = _read_quarantine(dataset, refused, only_long_lines=only_long_lines)
    lines = ((json.dumps(record, ensure_ascii=False) + "\n").encode() for record in records)
    for index, chunk in enumerate(group_by_size(lines, CHUNK_BYTES, len)):
        storage.write(join(folder, f"{index:05d}.jsonl"), b"".join(chunk), private=True)
    return folder


def _read_quarantine(
    dataset: Dataset, refused: RejectedLines | None = None, *, only_long_lines: bool = False
) -> Iterator[Record]:
    refused = refused or dataset.engine.find_implementation(find_rejected_lines)
    rows: Iterable[Record] = () if only_long_lines else refused(dataset)
    if dataset.listing.request_log is not None:
        rows = map(_trace_to_log, rows)
    return _merge_records(map(_format_record, rows), dataset.long_lines)


def describe_first_rejected(storage: Storage, folder: str, *, separator: str = ",", width: int = 0) -> str:
    """Where the first record of a quarantine came from, and what is wrong with it, if the line alone shows that.

    separator: the character between cells. width: the expected number of cells.
    """
    first_file = storage.read(join(folder, "00000.jsonl"))
    return _describe_rejected(json.loads(first_file.partition(b"\n")[0]), separator, width)


def describe_first_unwritten(dataset: Dataset) -> str:
    """The sentence of `describe_first_rejected` for a run that writes no quarantine."""
    record = next(_read_quarantine(dataset), None)
    if record is None:
        return ""
    return _describe_rejected(record, dataset.separator, len(dataset.names))


def _describe_rejected(record: Record, separator: str, width: int) -> str:
    from spark_model_monitor.data.records.record_faults import describe_fault

    # The line number is unknown: it was counted from a block within the file, or the record is from a log
    if record.get("block_start") or record["line_number"] == LINE_IN_LOG:
        return ""
    location = f", the first from line {record['line_number']:,} of {record['file']}"
    fault = describe_fault(record.get("line", ""), record.get("reason", ""), separator=separator, width=width)
    if fault:
        return f"{location}, where {fault}"
    return location


def clear_quarantine(engine: Engine, output_path: str) -> None:
    """Remove the quarantine of an earlier run, when this run refused nothing."""
    engine.storage(output_path).delete(join(output_path, QUARANTINE))


def _merge_records(read_records: Iterable[Record], skipped_lines: Sequence[LongLine]) -> Iterator[Record]:
    """The quarantine's records, of refused lines and of lines that were skipped unread, sorted by file and line number."""
    long_lines = [_format_long_line(line) for line in skipped_lines]
    # The reader didn't count skipped lines, so the numbers of the lines after them are too low
    skipped_numbers = defaultdict(list)
    for line in long_lines:
        skipped_numbers[line["file"]].append(line["line_number"])
    numbered_records = (
        {**record, "line_number": _add_skipped_lines(skipped_numbers[record["file"]], record["line_number"])}
        for record in read_records
    )
    # Both sequences are in order, and there may be too many records to sort
    get_location = itemgetter("file", "line_number")
    return heapq.merge(sorted(long_lines, key=get_location), numbered_records, key=get_location)


def _add_skipped_lines(skipped_numbers: Sequence[int], number: int) -> int:
    """A line's number in its file. number: its number if skipped lines aren't counted. skipped_numbers: of these lines."""
    for skipped_number in skipped_numbers:
        if skipped_number > number:
            break
        number += 1
    return number


def _format_long_line(line: LongLine) -> Record:
    return {
        "reason": Refusal.TOO_LONG.text,
        "file": format_uri(line.path),
        "line_number": line.number,
        "line_start": line.start,
        "size_bytes": line.size_bytes,
    }


def _format_record(row: Record) -> Record:
    content = {"line_base64": row["line_base64"]}
    if row["line_base64"] is None:
        content = {"line": row["line"]}
    return {
        "reason": Refusal(row[REASON]).text,
        "file": row[FILE],
        "line_number": row[NUMBER],
        "block_start": row[BLOCK_START],
        "sha256": row["sha256"],
        **content,
    }


@dataclass(frozen=True, slots=True, order=True)
class LongLine:
    """A skipped line. number: its line number, from 1. start: its byte offset in the file's text."""

    path: str
    number: int
    start: int
    size_bytes: int
