"""The tasks that turn a request log into captured lines: `ConvertedLog` reads its records, `join_halves` joins requests and
answers that were logged apart. Pure; runs on executors.

    {"captureData": {…}, "requestLog": {"file": "…"}, "eventVersion": "0", "requestMetadata": {…}, "eventMetadata": {…}}

`requestLog` has the log's file, and what a line without `captureData` is: the text of a record that can't be read, or the
reason for which a record is no capture. So every record of the log is accounted for where captures are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby, zip_longest
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa

from spark_model_monitor.data.records import INPUT, REQUEST_LOG, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import is_utf_8, is_writable
from spark_model_monitor.data.records.decoding import RecordRefused, parse_line
from spark_model_monitor.data.records.locations import FILE, LINE
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import parse_hour_of_path
from spark_model_monitor.data.request_logs.logged_events import (
    EPOCH,
    GOOD_STATUS,
    MICROSECOND,
    Document,
    EventRole,
    LoggedEvent,
    LoggedPayload,
    LogReader,
    format_moment,
)

OUTPUT = "endpointOutput"
MICROSECONDS_OF_AN_HOUR = 3_600_000_000
NO_HOUR = -(2**62)  # of records that have no time and no folder of an hour, in a run without a window

KEY = "key"
ROLE = "role"
TIME = "time"
HOUR = "hour"
HALF = "half"
LOG = "log"
ENDING = "ending"
TEXT = "text"

EVENTS = pa.schema(
    [
        (KEY, pa.string()),  # the id that a request shares with its answer
        (ROLE, pa.int8()),
        (TIME, pa.int64()),  # microseconds since 1970
        (HOUR, pa.int64()),  # since 1970
        (HALF, pa.string()),  # the members of `captureData`
        (LOG, pa.string()),  # the members of `requestLog`
        (ENDING, pa.string()),  # what follows them in the line
    ]
)

CAPTURES = pa.schema([(HOUR, pa.int64()), (TIME, pa.int64()), (TEXT, pa.string())])

PARQUET_BEGINNING = b"PAR1"
ROWS_AT_ONCE = 2**13


class EventRow(NamedTuple):
    """A row of `EVENTS`."""

    key: str | None
    role: int
    time: int | None
    hour: int
    half: str
    log: str
    ending: str

    @property
    def line(self) -> str:
        """The captured line; without payloads if the event has none."""
        captured = ""
        if self.half:
            captured = f'"captureData":{{{self.half}}},'
        return f'{{{captured}"{REQUEST_LOG}":{{{self.log}}},{self.ending}'

    def drop_payloads(self, reason: Refusal) -> EventRow:
        """The event as none that is a capture, for this reason."""
        return self._replace(role=EventRole.EXCHANGE, half="", log=f'{self.log},"reason":{int(reason)}')


@dataclass(frozen=True, slots=True)
class ConvertedLog:
    """The task that reads the records of a log. names: the columns of a table; empty for lines and whole files.

    hours: those of the run, None for all; the hours beside them may have the other half of an exchange. file_times: of
    files whose records have no time, in milliseconds since 1970. path: of the log.
    """

    reader: LogReader
    path: str
    names: Sequence[str] = ()
    hours: Collection[int] | None = None
    file_times: Mapping[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Of what the task gives."""
        return EVENTS if self.reader.comes_apart else CAPTURES

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = self._convert_table(batch) if self.names else self._convert_lines(batch)
            if self.hours is not None:
                rows = filter(self._is_requested, rows)
            if self.reader.comes_apart:
                yield make_batch(EVENTS, list(rows))
            else:
                yield make_batch(CAPTURES, [(row.hour, row.time, row.line) for row in rows])

    def _convert_table(self, batch: pa.RecordBatch) -> Iterator[EventRow]:
        for row in batch.rename_columns(list(self.names)).to_pylist():
            yield self._convert(row, self.path)

    def _convert_lines(self, batch: pa.RecordBatch) -> Iterator[EventRow]:
        contents = batch.column(LINE).cast(pa.binary()).to_pylist()
        for content, file in zip(contents, batch.column(FILE).to_pylist(), strict=True):
            for document in read_documents(content):
                if isinstance(document, UnreadableRecord):
                    yield self._put_aside(document, file)
                else:
                    yield self._convert(document, file)

    def _is_requested(self, row: EventRow) -> bool:
        assert self.hours is not None
        if row.hour in self.hours:
            return True
        is_half = row.role != EventRole.EXCHANGE
        return is_half and (row.hour - 1 in self.hours or row.hour + 1 in self.hours)

    def _convert(self, document: Document, file: str) -> EventRow:
        try:
            event = self.reader.read_event(document)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return self._put_aside(make_unreadable_document(document, Refusal.NOT_A_CAPTURE), file)
        if event.key is None and event.role is not EventRole.EXCHANGE:
            return self._put_aside(make_unreadable_document(document, Refusal.NO_ID), file)
        if event.key is not None and not is_writable(event.key):
            return self._put_aside(make_unreadable_document(document, Refusal.NOT_UTF_8), file)
        # Its time, or that of its file
        time = event.time
        if time is None and file in self.file_times:
            time = self.file_times[file] * 1_000
        log = f'"file":{json.dumps(file)}'
        ending = self._format_ending(event, time, file)
        row = EventRow(event.key, event.role, time, self._find_hour(time, file), _format_halves(event), log, ending)
        # Why it is no capture
        left_out = event.left_out
        if left_out is None and event.status not in (None, GOOD_STATUS):
            left_out = Refusal.WITHOUT_DATA
        if left_out is None:
            return row
        return row.drop_payloads(left_out)

    def _put_aside(self, record: UnreadableRecord, file: str) -> EventRow:
        members = {"file": file, "reason": int(record.reason), record.member: record.text}
        log = json.dumps(members)[1:-1]
        return EventRow(None, EventRole.EXCHANGE, None, self._find_hour(None, file), "", log, '"eventVersion":"0"}')

    def _find_hour(self, time: int | None, file: str) -> int:
        """The hour of a record: of its time, or else of its file's folder, or else the first one of the run."""
        if time is not None:
            return time // MICROSECONDS_OF_AN_HOUR
        moment = parse_hour_of_path(file)
        if moment is not None:
            return (moment - EPOCH) // MICROSECOND // MICROSECONDS_OF_AN_HOUR
        if self.hours is None:
            return NO_HOUR
        return min(self.hours)

    def _format_ending(self, event: LoggedEvent, time: int | None, file: str) -> str:
        """The last members of a captured line, and its closing brace."""
        time_text = None
        if time is not None:
            time_text = format_moment(time)
        elif self.hours is not None and parse_hour_of_path(file) is None:
            time_text = ""  # which no window has
        metadata = (("eventId", event.key), ("inferenceId", event.client_key), ("inferenceTime", time_text))
        request = (
            ("latencyMs", event.latency_ms),
            ("status", event.status),
            ("samplingPercentage", event.sampling_percentage),
        )
        request_members = _format_members(request)
        described = ""
        if request_members:
            described = f'"{REQUEST_METADATA}":{{{request_members}}},'
        return f'"eventVersion":"0",{described}"eventMetadata":{{{_format_members(metadata)}}}}}'


def _format_members(values: Iterable[tuple[str, str | float | None]]) -> str:
    """The members of a JSON object, without those that are null."""
    return ",".join(f'"{name}":{json.dumps(value)}' for name, value in values if value is not None)


def _format_halves(event: LoggedEvent) -> str:
    """The members of `captureData`."""
    payloads = ((INPUT, event.request), (OUTPUT, event.answer))
    return ",".join(_format_half(name, payload) for name, payload in payloads if payload is not None)


def _format_half(name: str, payload: LoggedPayload) -> str:
    return f'"{name}":{{"data":{json.dumps(payload.text)},"encoding":"{payload.encoding}"}}'


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that is no JSON object, or none of the log's. member: of `requestLog`, for its text."""

    reason: Refusal
    text: str
    member: str = "line"


def make_unreadable_document(document: Document, reason: Refusal) -> UnreadableRecord:
    """A JSON object, or a row of a table, that is none of the log's."""
    return UnreadableRecord(reason, json.dumps(document, ensure_ascii=False, default=repr))


def read_documents(content: bytes) -> Iterator[Document | UnreadableRecord]:
    """The records in a line or a file: a JSON object, an array of them, one on each line, or the rows of Parquet."""
    if content.startswith(PARQUET_BEGINNING):
        yield from _read_parquet_rows(content)
        return
    text = content.removeprefix("\ufeff".encode()).strip()
    try:
        if not is_utf_8(text):
            raise RecordRefused(Refusal.NOT_UTF_8)
        parsed = parse_line(text)
    except RecordRefused as fault:
        lines = text.splitlines()
        if len(lines) <= 1:
            yield _make_unreadable_text(text, fault.reason)
        for line in filter(None, map(bytes.strip, lines[1:] and lines)):
            yield from read_documents(line)
        return
    documents = [parsed]
    if isinstance(parsed, list) and parsed:
        documents = parsed
    for document in documents:
        if isinstance(document, dict):
            yield document
        else:
            yield _make_unreadable_text(text, Refusal.NOT_A_JSON_OBJECT)


def _make_unreadable_text(text: bytes, reason: Refusal) -> UnreadableRecord:
    if is_utf_8(text):
        return UnreadableRecord(reason, text.decode())
    return UnreadableRecord(Refusal.NOT_UTF_8, base64.b64encode(text).decode(), "line_base64")


def _read_parquet_rows(content: bytes) -> Iterator[Document | UnreadableRecord]:
    from pyarrow import parquet

    try:
        rows = parquet.read_table(BytesIO(content)).to_pylist()
    except (pa.ArrowException, OSError, ValueError):
        yield UnreadableRecord(Refusal.UNREADABLE, base64.b64encode(content).decode(), "line_base64")
        return
    yield from rows


def join_halves(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The captured lines of events, which are sorted by id, role and time: requests and answers of one id belong together
    in their order. An event without its other half waits for it: it may be logged later, or be in another window's hours.
    """
    lines: list[tuple[int, int | None, str]] = []
    for _, events in groupby(_iterate_events(batches), key=attrgetter(KEY)):
        lines.extend(_join_events(list(events)))
        if len(lines) >= ROWS_AT_ONCE:
            yield make_batch(CAPTURES, lines)
            lines = []
    yield make_batch(CAPTURES, lines)


def _iterate_events(batches: Iterable[pa.RecordBatch]) -> Iterator[EventRow]:
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        yield from map(EventRow, *columns)


def _join_events(events: Sequence[EventRow]) -> Iterator[tuple[int, int | None, str]]:
    """The captured lines of events of one id."""
    for event in events:
        if event.role == EventRole.EXCHANGE:
            yield event.hour, event.time, event.line
    requests = [event for event in events if event.role == EventRole.REQUEST]
    answers = [event for event in events if event.role == EventRole.ANSWER]
    for request, answer in zip_longest(requests, answers):
        if request is None or answer is None:
            event = (request or answer).drop_payloads(Refusal.WAITING)
            yield event.hour, event.time, event.line
        else:
            exchange = request._replace(half=f"{request.half},{answer.half}")
            yield exchange.hour, exchange.time, exchange.line


def make_batch(schema: pa.Schema, rows: Sequence[tuple[str | int | None, ...]]) -> pa.RecordBatch:
    """Rows as a batch."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, column.type) for values, column in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
