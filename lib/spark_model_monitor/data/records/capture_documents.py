"""Parses captured and merged lines as JSON documents, many lines at once. Pure; runs on executors.

A line is known if it fits a template of its neighbours (`line_templates.py`). Other lines are left to the line-by-line decoder.

Latency and status, which a record may have next to its data, are read from the line itself, regardless of the data: the
request was served even if its payload is refused.

    {"captureData": {…}, "eventMetadata": {…}, "requestMetadata": {"latencyMs": 12.3, "status": 200, "samplingPercentage": 100}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records import BASE64, CSV, GROUND_TRUTH, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import Reasons, get_column, get_text_buffer, has_letters
from spark_model_monitor.data.records.captured_payloads import EncodedText, open_base64
from spark_model_monitor.data.records.decoding import (
    ALL_RECORDS,
    WITHOUT_MODEL,
    Reading,
    RecordSelection,
    normalize_model_name,
)
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.data.records.json_lines import parse_json
from spark_model_monitor.data.records.line_templates import parse_table
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window, is_sampled
from spark_model_monitor.statistics import Flags
from spark_model_monitor.value_class import value_class

QUOTED_METADATA_KEY = f'"{REQUEST_METADATA}"'

MEMBERS = ("status", "latencyMs", "samplingPercentage")
SCHEMA = pa.schema([(REQUEST_METADATA, pa.struct([(name, pa.float64()) for name in MEMBERS]))])
STATUS_LIMIT = 2.0**63  # the first number that doesn't fit into a 64-bit integer

UNKNOWN_REQUESTS = np.array(
    [
        Refusal.NOT_UTF_8,
        Refusal.NOT_A_JSON_OBJECT,
        Refusal.SEVERAL_JSON_OBJECTS,
        Refusal.NOT_A_CAPTURE,
        Refusal.TOO_MANY_NAMES,
        Refusal.UNREADABLE_TIME,
        Refusal.OUTSIDE_WINDOW,
        Refusal.SAMPLED_OUT,
    ]
)
"""Reasons for which no request is known: the line can't be read, or is outside the window or the sample."""

Columns: TypeAlias = tuple[pa.Array, pa.Array, pa.Array]

MIN_LONG_DATA_BYTES = 4096  # for longer data, copying costs more than checking whether there is a line end to strip
_HALF = pa.struct([(name, pa.string()) for name in ("data", "encoding", "observedContentType")])


def read_request_metadata(lines: pa.Array, reasons: Reasons) -> Columns:
    """HTTP status, latency in milliseconds and sampling percentage of the requests behind captured lines.

    reasons: for each line, 0 or the `Refusal` of its record. Lines without the member, or without a request in the
    window, are left out; a value that is not a number is null.
    """
    # Refused records count as requests, except lines that aren't captures or lie outside the window
    is_request = pa.array(~np.isin(reasons, UNKNOWN_REQUESTS))
    request_lines = lines.filter(is_request).cast(pa.binary())
    request_lines = request_lines.filter(pc.match_substring(request_lines, QUOTED_METADATA_KEY))
    members = get_column(parse_table(request_lines.view(pa.string()), SCHEMA), REQUEST_METADATA)
    # Lines that fit no template are parsed one by one
    is_unparsed = members.is_null()
    other_members = [_read_member(line) for line in request_lines.filter(is_unparsed).to_pylist()]
    statuses, latencies, percentages = (
        pc.replace_with_mask(column, is_unparsed, pa.array([numbers[index] for numbers in other_members], pa.float64()))
        for index, column in enumerate(members.flatten())
    )
    # A status that doesn't fit into a 64-bit integer is null
    is_status = pc.less(pc.abs(statuses), STATUS_LIMIT)
    return pc.if_else(is_status, statuses, None).cast(pa.int64(), safe=False), latencies, percentages


def has_request_metadata(line: bytes) -> bool:
    """Whether a captured line has the member, by a quick check."""
    return QUOTED_METADATA_KEY.encode() in line


def _read_member(line: bytes) -> list[float | None]:
    """The numbers in `requestMetadata` of one line, in the order of MEMBERS; None for a value that is not a number."""
    try:
        record = parse_json(line.decode("utf-8-sig", "replace"), parse_int=float)
    except (ValueError, RecursionError):
        record = None
    # A line without the member has no numbers
    member = record.get(REQUEST_METADATA) if isinstance(record, dict) else None
    if not isinstance(member, dict):
        member = {}
    numbers = [member.get(name) for name in MEMBERS]
    return [number if isinstance(number, float) else None for number in numbers]


@value_class
class Payloads:
    """One half of each line: its data and encoding, null if it was not captured."""

    data: pa.StringArray
    encoding: pa.StringArray

    @classmethod
    def coalesce(cls, halves: Sequence[Payloads]) -> Payloads:
        """For each line, the first of these halves that was captured."""
        if len(halves) == 1:
            return halves[0]
        return cls(pc.coalesce(*(half.data for half in halves)), pc.coalesce(*(half.encoding for half in halves)))

    def are_plain_rows(self) -> Flags:
        """Flags of payloads that are CSV with non-empty rows, without quotes and lists."""
        # Blank rows, quotes and lists are left to the line-by-line decoder
        rows = self.strip_line_ends()
        empty = pc.or_(pc.or_(pc.equal(rows, ""), pc.starts_with(rows, "\n")), pc.match_substring(rows, "\n\n"))
        is_plain = pc.and_(pc.equal(self.encoding, CSV), pc.invert(empty))
        return np.asarray(pc.fill_null(is_plain, False)) & ~has_letters(rows, b'"[\r')

    def strip_line_ends(self) -> pa.StringArray:
        """The data without final line ends."""
        if get_text_buffer(self.data).size > MIN_LONG_DATA_BYTES * len(self.data):
            in_line_end = pc.or_(pc.ends_with(self.data, "\n"), pc.ends_with(self.data, "\r"))
            if not pc.any(in_line_end, min_count=0).as_py():
                return self.data
        return pc.utf8_rtrim(self.data, characters="\r\n")


@value_class
class Documents:
    """Parsed lines, in arrays with one element per line.

    are_known: whether the line fits a template and has an object `captureData`; otherwise its other members mean nothing.
    halves: the reading's halves, by name, in the order of their columns.
    truth: the ground truth; null unless requested.
    times, event_ids, models: members of the line's event; null unless the reading requests them.
    """

    are_known: Flags
    halves: Mapping[str, Payloads]
    truth: Payloads
    times: pa.StringArray
    event_ids: pa.StringArray
    models: pa.StringArray

    def have_encoding(self, encoding: str) -> Flags:
        """Whether at least one half was captured, and all captured halves have this encoding."""
        # A half that was not captured has no encoding, and is ignored
        is_captured = np.zeros(len(self.are_known), dtype=np.bool_)
        is_body = ~is_captured
        for half in self.halves.values():
            has_data = np.asarray(half.data.is_valid())
            is_captured |= has_data
            is_body &= ~has_data | np.asarray(pc.fill_null(pc.equal(half.encoding, encoding), False))
        return is_captured & is_body

    def select(self, selection: RecordSelection) -> tuple[Flags, Reasons]:
        """Flags of known lines, and `OUTSIDE_WINDOW` or `SAMPLED_OUT` for lines that are left out on purpose, else 0.

        A line without a readable time or id is not known: the line-by-line decoder then uses its file or the line itself.
        """
        are_known = self.are_known
        left_out = np.zeros(len(are_known), dtype=np.int32)
        # Compare the line's own time; lines without a time are left to the line-by-line decoder
        if selection.window is not None:
            is_within, is_readable = compare_with_window(self.times, selection.window)
            are_known = are_known & is_readable
            left_out[are_known & ~is_within] = Refusal.OUTSIDE_WINDOW
        if selection.sample is not None:
            # The sample depends on ids only, so every run takes the same events
            ids = self.event_ids.cast(pa.binary()).to_pylist()
            are_known = are_known & np.asarray(self.event_ids.is_valid())
            is_in_sample = np.array(
                [event_id is None or is_sampled(event_id, selection.sample) for event_id in ids], np.bool_
            )
            left_out[are_known & ~is_in_sample & (left_out == 0)] = Refusal.SAMPLED_OUT
        if selection.target_model is not None:
            left_out[are_known & ~self._are_of_model(selection.target_model)] = Refusal.SAMPLED_OUT
        return are_known, left_out * are_known

    def _are_of_model(self, model: str) -> Flags:
        """Flags of lines that name this model, or, for `WITHOUT_MODEL`, that name no model. Compares each distinct name once."""
        names = self.models.dictionary_encode()
        matches = [normalize_model_name(name) == model for name in names.dictionary.to_pylist()]
        # Lines without a name get the last entry
        without_name = len(matches)
        matches.append(model == WITHOUT_MODEL)
        flags: Flags = np.array(matches)[np.asarray(pc.fill_null(names.indices, without_name))]
        return flags


def parse_documents(lines: pa.StringArray, reading: Reading, *, with_truth: bool = False) -> Documents:
    """The lines, parsed to the members that the reading requests. with_truth: whether to parse the ground truth, too."""
    # Only members that the reading needs are parsed
    table = parse_table(lines, _build_schema(reading, with_truth=with_truth))
    capture_data = get_column(table, "captureData")
    nulls = pa.nulls(len(lines), pa.string())
    selection = reading.selection
    event = None
    if selection != ALL_RECORDS:
        event = get_column(table, "eventMetadata")
    return Documents(
        np.asarray(capture_data.is_valid()).copy(),
        {half: _read_payloads(pc.struct_field(capture_data, half), reading) for half in reading.ordered_halves},
        _read_payloads(get_column(table, GROUND_TRUTH), reading) if with_truth else Payloads(nulls, nulls),
        nulls if selection.window is None else pc.struct_field(event, "inferenceTime"),
        nulls if selection.sample is None else pc.struct_field(event, "eventId"),
        nulls if selection.target_model is None else pc.struct_field(event, "targetModel"),
    )


def _read_payloads(half: pa.StructArray, reading: Reading) -> Payloads:
    data = pc.struct_field(half, "data")
    encoding = pc.struct_field(half, "encoding")
    # Few captures have BASE64 data; it is decoded if the content type is known
    is_base64 = pc.and_(pc.is_valid(data), pc.fill_null(pc.equal(encoding, BASE64), False))
    if not reading.opens_base64 or not pc.any(is_base64, min_count=0).as_py():
        return Payloads(data, encoding)
    decoded_halves = [
        open_base64(EncodedText(base64_half["data"], BASE64), base64_half["observedContentType"])
        for base64_half in half.filter(is_base64).to_pylist()
    ]
    texts = pa.array([decoded_half.data for decoded_half in decoded_halves], pa.string())
    encodings = pa.array([decoded_half.encoding for decoded_half in decoded_halves], pa.string())
    data = pc.replace_with_mask(data, is_base64, texts)
    return Payloads(data, pc.replace_with_mask(encoding, is_base64, encodings))


def compare_with_window(times: pa.StringArray, window: Window) -> tuple[Flags, Flags]:
    """Flags of times in the window, and flags of valid times."""
    microseconds = parse_microseconds(times)
    # The window's bounds in microseconds since 1970, like the times
    start, end = (pa.scalar(time, pa.timestamp("us", "UTC")).cast(pa.int64()) for time in (window.start, window.end))
    is_within = pc.and_(pc.greater_equal(microseconds, start), pc.less(microseconds, end))
    return np.asarray(is_within.fill_null(False)), np.asarray(microseconds.is_valid())


def _build_schema(reading: Reading, *, with_truth: bool) -> pa.Schema:
    """The members that the reading requests."""
    members = [("captureData", pa.struct([(half, _HALF) for half in reading.ordered_halves]))]
    if with_truth:
        members.append((GROUND_TRUTH, _HALF))
    if event_members := _list_event_members(reading.selection):
        members.append(("eventMetadata", pa.struct([(name, pa.string()) for name in event_members])))
    return pa.schema(members)


def _list_event_members(selection: RecordSelection) -> list[str]:
    """The members of a record's event by which records are selected."""
    conditions = {"inferenceTime": selection.window, "eventId": selection.sample, "targetModel": selection.target_model}
    return [name for name, condition in conditions.items() if condition is not None]
