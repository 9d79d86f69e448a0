"""The tasks that turn a request log into captured lines: `ConvertedLog` reads its records, `join_halves` joins requests and
answers that were logged separately. Pure; runs on executors.

    {"captureData": {…}, "requestLog": {"file": "…"}, "eventVersion": "0", "requestMetadata": {…}, "eventMetadata": {…}}

`requestLog` has the log's file. In a line without `captureData` it also has the reason why the record isn't a capture, and
the record itself if it was refused. So the ledger of captures accounts for every record of the log.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from io import BytesIO
from itertools import groupby, zip_longest
from operator import attrgetter
from typing import NamedTuple

import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Batches
from spark_model_monitor.data.records import INPUT, RECORD, REQUEST_LOG, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import is_utf_8, is_writable
from spark_model_monitor.data.records.captured_payloads import parse_line
from spark_model_monitor.data.records.csv_rows import BYTE_ORDER_MARK
from spark_model_monitor.data.records.json_lines import iterate_records
from spark_model_monitor.data.records.locations import FILE, LINE
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal
from spark_model_monitor.data.records.windows import count_microseconds, parse_hour_of_path
from spark_model_monitor.data.request_logs.logged_events import (
    GOOD_STATUS,
    EventRole,
    LoggedEvent,
    LogReader,
    format_moment,
)
from spark_model_monitor.value_class import value_class

OUTPUT = "endpointOutput"
MICROSECONDS_OF_AN_HOUR = 3_600_000_000
NO_HOUR = -(2**62)  # the hour of records without a time and without an hour's folder, in a run without a window

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
        (HOUR, pa.int64()),  # hours since 1970
        (HALF, pa.string()),  # the members of `captureData`
        (LOG, pa.string()),  # the members of `requestLog`
        (ENDING, pa.string()),  # the rest of the line
    ]
)

CAPTURES = pa.schema([(HOUR, pa.int64()), (TIME, pa.int64()), (TEXT, pa.string())])

ROLES = pa.schema([(ROLE, pa.int8())])
CAPTURE_BEGINNING = b'{"captureData"'  # the beginning of a line with payloads
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
        """The event without its payloads, and with the reason why it isn't a capture."""
        return self._replace(role=EventRole.EXCHANGE, half="", log=f'{self.log},"reason":{int(reason)}')


@value_class
class ConvertedLog:
    """The task that reads the records of a log.

    path: the path of the log.
    names: the columns of a table; empty for lines and whole files.
    hours: the hours of the run, since 1970; None for all hours. Their neighbours may have the other half of an exchange.
    file_times: the times of files, in milliseconds since 1970, for records without a time.
    """

    reader: LogReader
    path: str
    names: Sequence[str] = ()
    hours: Collection[int] | None = None
    file_times: Mapping[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the task's results."""
        return EVENTS if self.reader.has_separate_halves else CAPTURES

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            rows = self._convert_table(batch) if self.names else self._convert_lines(batch)
            if self.reader.only_half is not None:
                rows = filter(self._has_requested_half, rows)
            if self.hours is not None:
                rows = filter(self._is_of_requested_hour, rows)
            if self.reader.has_separate_halves:
                yield make_batch(EVENTS, list(rows))
            else:
                yield make_batch(CAPTURES, [(row.hour, row.time, row.line) for row in rows])

    def _convert_table(self, batch: pa.RecordBatch) -> Iterator[EventRow]:
        for row in format_rows(batch.rename_columns(list(self.names))):
            yield self._convert(row, self.path)

    def _convert_lines(self, batch: pa.RecordBatch) -> Iterator[EventRow]:
        contents = batch.column(LINE).cast(pa.binary()).to_pylist()
        for content, file in zip(contents, batch.column(FILE).to_pylist(), strict=True):
            for record in split_records(content):
                yield self._convert(record, file)

    def _has_requested_half(self, row: EventRow) -> bool:
        return row.role in (self.reader.only_half, EventRole.EXCHANGE)

    def _is_of_requested_hour(self, row: EventRow) -> bool:
        assert self.hours is not None
        if row.hour in self.hours:
            return True
        is_half = row.role != EventRole.EXCHANGE and self.reader.has_separate_halves
        return is_half and (row.hour - 1 in self.hours or row.hour + 1 in self.hours)

    def _convert(self, record: bytes, file: str) -> EventRow:
        """The row of a record. The row of a refused record has the reason and the record itself, for the quarantine."""
        try:
            return self._make_row(self._read_event(record), file)
        except RecordRefused as refused:
            reason = refused.reason
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            reason = Refusal.NOT_A_CAPTURE
        except Exception as error:
            reason = Refusal.of(error)
        log = _format_members([("file", file), ("reason", int(reason)), (RECORD, base64.b64encode(record).decode())])
        return EventRow(None, EventRole.EXCHANGE, None, self._find_hour(None, file), "", log, '"eventVersion":"0"}')

    def _read_event(self, record: bytes) -> LoggedEvent:
        if record.startswith(PARQUET_BEGINNING):
            raise RecordRefused(Refusal.UNREADABLE)
        if not is_utf_8(record):
            raise RecordRefused(Refusal.NOT_UTF_8)
        document = parse_line(record)
        if not isinstance(document, dict):
            raise RecordRefused(Refusal.NOT_A_JSON_OBJECT)
        event = self.reader.read_event(document)
        if event.key is None and self.reader.has_separate_halves and event.role is not EventRole.EXCHANGE:
            raise RecordRefused(Refusal.NO_ID)
        if event.key is not None and not is_writable(event.key):
            raise RecordRefused(Refusal.NOT_UTF_8)
        return event

    def _make_row(self, event: LoggedEvent, file: str) -> EventRow:
        # A record without a time may get the time of its file
        time = event.time
        if time is None and file in self.file_times:
            time = self.file_times[file] * 1_000
        log = _format_members([("file", file)])
        ending = self._format_ending(event, time, file)
        row = EventRow(event.key, event.role, time, self._find_hour(time, file), _format_halves(event), log, ending)
        # Failed requests have no answer of the model, so they don't become captures
        skip_reason = event.skip_reason
        if skip_reason is None and event.status not in (None, GOOD_STATUS):
            skip_reason = Refusal.WITHOUT_DATA
        if skip_reason is None:
            return row
        return row.drop_payloads(skip_reason)

    def _find_hour(self, time: int | None, file: str) -> int:
        """The hour of a record's time; without a time, the hour of its file's folder, or else the first hour of the run."""
        if time is not None:
            return time // MICROSECONDS_OF_AN_HOUR
        moment = parse_hour_of_path(file)
        if moment is not None:
            return count_microseconds(moment) // MICROSECONDS_OF_AN_HOUR
        if self.hours is None:
            return NO_HOUR
        return min(self.hours)

    def _format_ending(self, event: LoggedEvent, time: int | None, file: str) -> str:
        """The last members of a captured line, and its closing brace."""
        time_text = None
        if time is not None:
            time_text = format_moment(time)
        elif self.hours is not None and parse_hour_of_path(file) is None:
            time_text = ""  # not a time, so the record is refused in every window
        metadata = (("eventId", event.key), ("inferenceId", event.client_key), ("inferenceTime", time_text))
        request = (
            ("latencyMs", event.latency_ms),
            ("status", event.status),
            ("samplingPercentage", event.sampling_percentage),
        )
        request_members = _format_members(request)
        metadata_member = ""
        if request_members:
            metadata_member = f'"{REQUEST_METADATA}":{{{request_members}}},'
        return f'"eventVersion":"0",{metadata_member}"eventMetadata":{{{_format_members(metadata)}}}}}'


def _format_members(values: Iterable[tuple[str, str | float | None]]) -> str:
    """The text of a JSON object's members, without members that are None."""
    return ",".join(f'"{name}":{json.dumps(value)}' for name, value in values if value is not None)


def _format_halves(event: LoggedEvent) -> str:
    """The text of the members of `captureData`."""
    halves = []
    for name, payload in ((INPUT, event.request), (OUTPUT, event.answer)):
        if payload is not None:
            halves.append(f'"{name}":{{"data":{json.dumps(payload.text)},"encoding":"{payload.encoding}"}}')
    return ",".join(halves)


def split_records(content: bytes) -> Iterator[bytes]:
    """The records in a line or a file: one JSON object, an array of objects, an object on each line, or the rows of Parquet."""
    if content.startswith(PARQUET_BEGINNING):
        yield from _read_parquet_rows(content)
        return
    text = content.removeprefix(BYTE_ORDER_MARK).strip()
    lines = text.splitlines()
    # A text of several lines is one document or has a record on each line; most texts are a single line with one record
    records: list[bytes] = []
    if text.startswith(b"[") or len(lines) > 1:
        records = _split_document(text)
    if records:
        yield from records
    elif len(lines) > 1:
        for line in filter(None, map(bytes.strip, lines)):
            yield from split_records(line)
    elif text:
        yield text


def _split_document(text: bytes) -> list[bytes]:
    """The elements of an array, or a document of another kind as the only element; empty if the text isn't one document."""
    try:
        records = list(iterate_records(text.decode(errors="surrogateescape")))
    except ValueError:
        return []
    return [record.text.encode(errors="surrogateescape") for record in records]


def _read_parquet_rows(content: bytes) -> Iterator[bytes]:
    from pyarrow import parquet

    try:
        table = parquet.read_table(BytesIO(content), coerce_int96_timestamp_unit="us")
    except (pa.ArrowException, OSError, ValueError):
        yield content  # the file is refused as a whole
        return
    for batch in table.to_batches():
        yield from format_rows(batch)


def format_rows(batch: pa.RecordBatch) -> Iterator[bytes]:
    """The rows of a table as lines of JSON, with times as texts in UTC. Bytes that aren't UTF-8 become half surrogate pairs."""
    columns = []
    for column in batch.columns:
        # Convert times to UTC first, then to texts
        for replace_type in (_set_zone, _choose_readable_type):
            column = column.cast(_replace_leaf_types(column.type, replace_type))
        columns.append(column)
    for row in pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist():
        yield json.dumps(row, default=_format_value).encode()


def _replace_leaf_types(data_type: pa.DataType, replace_type: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """A type in which `replace_type` has replaced the types of all values, also within lists and structs."""
    types = pa.types
    if types.is_dictionary(data_type):
        return _replace_leaf_types(data_type.value_type, replace_type)
    if types.is_map(data_type):
        return pa.map_(
            _replace_leaf_types(data_type.key_type, replace_type),
            _replace_leaf_types(data_type.item_type, replace_type),
        )
    if types.is_struct(data_type):
        return pa.struct([field.with_type(_replace_leaf_types(field.type, replace_type)) for field in data_type])
    if types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type):
        return pa.list_(_replace_leaf_types(data_type.value_type, replace_type))
    return replace_type(data_type)


def _set_zone(data_type: pa.DataType) -> pa.DataType:
    """The type of times in UTC, since Python may not know another zone; the instant stays the same."""
    if pa.types.is_timestamp(data_type):
        return pa.timestamp(data_type.unit, "UTC")
    return data_type


def _choose_readable_type(data_type: pa.DataType) -> pa.DataType:
    """A type whose values Python can always hold: texts for times, and bytes for texts, which may not be UTF-8."""
    types = pa.types
    if types.is_temporal(data_type):
        return pa.string()
    if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
        return pa.binary()
    return data_type


def _format_value(value: bytes | Decimal) -> str:
    """The text of a value that JSON can't represent."""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    return str(value)


def list_roles(batches: Batches) -> Batches:
    """The roles of the events with a payload, each once."""
    roles = {event.role for event in _iterate_events(batches) if event.half}
    yield make_batch(ROLES, [(role,) for role in sorted(roles)])


def join_halves(batches: Batches) -> Batches:
    """The captured lines of events, which are sorted by id, role and time. The requests and answers of one id are paired in
    their order. An event without its other half is marked as waiting: the half may be logged later, or in another window.
    """
    lines: list[tuple[int, int | None, str]] = []
    for _, events in groupby(_iterate_events(batches), key=attrgetter(KEY)):
        lines.extend(_join_events(list(events)))
        if len(lines) >= ROWS_AT_ONCE:
            yield make_batch(CAPTURES, lines)
            lines = []
    yield make_batch(CAPTURES, lines)


def _iterate_events(batches: Batches) -> Iterator[EventRow]:
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
    columns = [pa.array([row[index] for row in rows], column.type) for index, column in enumerate(schema)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
