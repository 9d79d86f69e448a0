"""Captured lines, and outputs of batch transforms, as records that can be joined: the id, the times, and the record itself.

A captured record is not parsed and rewritten: the ground truth is appended after its last member, so that nothing is
lost or formatted differently. Only the keys for joining and ordering are extracted: from most lines in bulk, from lines
that are not plain captured records one by one, which also shows their faults. Executors import this module.

Source: C3.1, C6.2, C6.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from json.decoder import JSONDecodeError
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Batches, Engine
from spark_model_monitor.data.reading.file_heads import HEAD_BYTES, read_first_lines, read_head
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from spark_model_monitor.data.records import CSV, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import (
    Reasons,
    are_missing,
    concat_rows,
    get_column,
    is_writable,
    select_rows,
    take_rows,
)
from spark_model_monitor.data.records.captured_payloads import format_optional_value
from spark_model_monitor.data.records.decoding import get_log_reason
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.data.records.json_lines import JsonValue, has_many_names
from spark_model_monitor.data.records.line_templates import parse_table
from spark_model_monitor.data.records.locations import FILE, FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import REASON, Refusal, decode_ranges
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents import json_text
from spark_model_monitor.running.merging import merge_rows
from spark_model_monitor.running.merging.hourly_sources import SECONDS_PER_HOUR, FileLocations, HourlySource
from spark_model_monitor.running.merging.labelling_sample import Score
from spark_model_monitor.value_class import value_class

MICROSECONDS = 1_000_000
BLANKS = " \t\r"

REFUSED_CAPTURES = "refused captures"  # the name under which `Counts` has them by `Refusal`

REFUSED_SCHEMA = pa.schema([(REASON, pa.int32()), (FILE, pa.string()), (LINE, pa.string())])

HALF_TYPE = pa.struct([("data", pa.string()), ("encoding", pa.string())])
EVENT_TYPE = pa.struct([("eventId", pa.string()), ("inferenceId", pa.string()), ("inferenceTime", pa.string())])
CAPTURE_SCHEMA = pa.schema([("captureData", pa.struct([("endpointOutput", HALF_TYPE)])), ("eventMetadata", EVENT_TYPE)])


@value_class
class Records:
    """Some records, in arrays with one element each.

    Attributes
    ----------
    reasons: Why a record is refused; 0 if it isn't.
    keys: The ids by which captures and labels are joined.
    events: The records' own ids.
    times: Microseconds since 1970; null if unknown.
    texts: JSON without the closing brace.
    scores: Null unless requested.
    """

    reasons: Reasons
    keys: pa.StringArray
    events: pa.StringArray
    times: pa.Int64Array
    texts: pa.StringArray
    scores: pa.StringArray

    @classmethod
    def refused(cls, reason: int) -> Records:
        """One refused record, with nothing but the reason."""
        nulls = pa.nulls(1, pa.string())
        return cls(np.array([reason], np.int32), nulls, nulls, pa.nulls(1, pa.int64()), nulls, nulls)

    @classmethod
    def decode_lines(cls, lines: pa.StringArray, decode: Decoder) -> Records:
        """The result of `decode` for the lines; a line for which it raises is refused."""
        return decode_ranges([(0, len(lines))], lambda part: decode(lines[part]), lambda _, reason: cls.refused(reason))


Decoder: TypeAlias = Callable[[pa.StringArray], Records]  # lines, of any bytes, to records


@value_class
class Captures:
    """The task that turns lines of captures into rows of `merge_rows.SCHEMA`.

    decoder: parses lines. locations: the locations of the files. hours: the requested hours, for records outside hour folders;
    None for all. header: the text of the header line, which is no record.
    """

    decoder: Decoder
    locations: FileLocations
    hours: Collection[int] | None = None
    header: str | None = None

    inputs = (LINE, FILE_KEY)

    def __call__(self, batches: Batches) -> Batches:
        for _, ranks, records in self._read(batches):
            # Refused records are only counted here; `refused` gives them in a second scan
            hours, reasons = self._assign_hours(records, ranks)
            counts = merge_rows.Counts()
            counts.count_rows(REFUSED_CAPTURES, reasons[reasons > 0])
            yield from counts.rows()
            # A capture without a time gets the start of its hour, in microseconds since 1970
            hour_start = pc.multiply(hours, SECONDS_PER_HOUR * MICROSECONDS)
            columns = {
                merge_rows.KEY: records.keys,
                merge_rows.TEXT: records.texts,
                "branch": self.locations.branches.take(ranks),
                "hour": hours,
                "time": pc.coalesce(records.times, hour_start),
                "event": records.events,
                "score": records.scores,
            }
            yield merge_rows.make_rows(merge_rows.Role.CAPTURE, columns, reasons == 0)

    def refused(self, batches: Batches) -> Batches:
        """The refused lines alone, as rows of `REFUSED_SCHEMA`."""
        for lines, ranks, records in self._read(batches):
            _, reasons = self._assign_hours(records, ranks)
            columns = [pa.array(reasons), self.locations.uris.take(ranks), lines]
            yield pa.RecordBatch.from_arrays(columns, schema=REFUSED_SCHEMA).filter(pa.array(reasons > 0))

    def _read(self, batches: Batches) -> Iterator[tuple[pa.StringArray, pa.Int32Array, Records]]:
        for batch in batches:
            # The rank of a line's file in the listing is the same in every rerun
            listed_lines, ranks = self.locations.keep_listed(batch)
            lines = listed_lines.column(LINE)
            # Every file of a transform has the header, and Spark splits files anywhere, so it is found by its text
            if self.header is not None:
                is_record = pc.not_equal(lines, self.header)
                lines = lines.filter(is_record)
                ranks = ranks.filter(is_record)
            if len(lines):
                yield lines, ranks, self.decoder(lines)

    def _assign_hours(self, records: Records, ranks: pa.Int32Array) -> tuple[pa.Int64Array, Reasons]:
        """The hour of each record, from its folder, otherwise from its time; and why it is refused, 0 if it isn't."""
        hours_by_folder = self.locations.hours.take(ranks)
        times = records.times.fill_null(0).to_numpy()
        has_no_time = are_missing(records.times)
        # Hours are counted since 1970, like times
        hours_by_time = pa.array(times // (SECONDS_PER_HOUR * MICROSECONDS), mask=has_no_time)
        time_reasons = np.zeros(len(times), np.int32)
        if self.hours is not None:
            time_reasons[~np.isin(hours_by_time.fill_null(0).to_numpy(), list(self.hours))] = Refusal.OUTSIDE_WINDOW
        time_reasons[has_no_time] = Refusal.UNREADABLE_TIME
        # If the folder has an hour, the record's time isn't needed
        time_reasons[np.asarray(hours_by_folder.is_valid())] = 0
        return pc.coalesce(hours_by_folder, hours_by_time), np.where(
            records.reasons == 0, time_reasons, records.reasons
        )


@value_class
class RequestDecoder:
    """The decoder of captured requests. score: the location of the score in the reply; None if no score is requested."""

    score: Score | None = None

    def __call__(self, lines: pa.StringArray) -> Records:
        return Records.decode_lines(lines, self._records)

    def _records(self, lines: pa.StringArray) -> Records:
        table = parse_table(lines, CAPTURE_SCHEMA)
        output = pc.struct_field(get_column(table, "captureData"), "endpointOutput")
        metadata = get_column(table, "eventMetadata")
        event_ids = pc.struct_field(metadata, "eventId")
        inference_ids = pc.struct_field(metadata, "inferenceId")
        # Nearly all lines have the plain form, which is parsed a batch at a time
        is_plain = np.asarray(output.is_valid()) & (merge_rows.has_text(event_ids) | merge_rows.has_text(inference_ids))
        events = _replace_empty_by_null(event_ids)
        records = Records(
            np.zeros(len(lines), np.int32),
            pc.coalesce(_replace_empty_by_null(inference_ids), events),
            events,
            parse_microseconds(pc.struct_field(metadata, "inferenceTime")),
            remove_closing_brace(lines),
            extract_scores(self.score, pc.struct_field(output, "data"), pc.struct_field(output, "encoding")),
        )
        if is_plain.all():
            return records
        # The other lines are parsed by Python; then all rows are put back in the order of the lines
        parsed_records = self._parse_lines(lines.filter(pa.array(~is_plain)))
        rows = concat_rows([select_rows(records, is_plain), parsed_records])
        # The line of each row: plain lines come first. Sorting these numbers gives the row of each line
        line_numbers = np.argsort(~is_plain, kind="stable")
        return take_rows(rows, np.argsort(line_numbers))

    def _parse_lines(self, lines: pa.StringArray) -> Records:
        """The records of lines that are parsed one by one."""
        captured_records = [parse_captured_record(line) for line in lines.cast(pa.binary()).to_pylist()]
        keys, events, times, data, encodings = (
            pa.array([getattr(record, name) for record in captured_records], pa.string())
            for name in ("key", "event", "time", "data", "encoding")
        )
        reasons = np.array([record.reason for record in captured_records], np.int32)
        texts = pc.if_else(reasons > 0, None, remove_closing_brace(lines))
        return Records(
            reasons, keys, events, parse_microseconds(times), texts, extract_scores(self.score, data, encodings)
        )


@value_class
class CapturedRecord:
    """One captured line. reason: why it is refused, 0 if it isn't; a refused line has no other values. time, data and encoding
    are None if they are absent or can't be written as UTF-8; the record itself is merged unchanged."""

    reason: int = 0
    key: str | None = None
    event: str | None = None
    time: str | None = None
    data: str | None = None
    encoding: str | None = None


def parse_captured_record(line: bytes) -> CapturedRecord:
    """A captured line, parsed by Python's own parser."""
    # Objects with very many names are refused before parsing: they would take much memory
    if has_many_names(line):
        return CapturedRecord(Refusal.TOO_MANY_NAMES)
    try:
        # Numbers stay texts: an id such as 1e3 must not become 1000.0
        document = json.loads(line.decode(), parse_float=str, parse_int=str)
    except UnicodeDecodeError:
        return CapturedRecord(Refusal.NOT_UTF_8)
    except (ValueError, RecursionError):
        return CapturedRecord(Refusal.NOT_A_JSON_OBJECT)
    if not isinstance(document, dict):
        return CapturedRecord(Refusal.NOT_A_JSON_OBJECT)
    # A record of a request log may lack what makes it a capture
    log_reason = get_log_reason(document)
    if log_reason is not None:
        return CapturedRecord(log_reason)
    capture_data = document.get("captureData")
    event = document.get("eventMetadata")
    output = None
    if isinstance(capture_data, dict):
        output = capture_data.get("endpointOutput")
    if not isinstance(capture_data, dict) or not all(isinstance(half, dict | None) for half in (event, output)):
        return CapturedRecord(Refusal.NOT_A_CAPTURE)
    # A member that is null counts as absent
    event = event or {}
    output = output or {}
    event_id = format_optional_value(event.get("eventId")) or None
    key = format_optional_value(event.get("inferenceId")) or event_id
    if key is None:
        return CapturedRecord(Refusal.NO_ID)
    # JSON may have a lone surrogate, which can't be written as UTF-8
    if not is_writable(key) or not is_writable(event_id or ""):
        return CapturedRecord(Refusal.NOT_UTF_8)
    # A log may be set to record requests without their payload: nothing could be labelled
    if not capture_data and document.get(REQUEST_METADATA) is not None:
        return CapturedRecord(Refusal.WITHOUT_DATA)
    raw_texts = (event.get("inferenceTime"), output.get("data"), output.get("encoding"))
    time, data, encoding = (
        None if text is None or not is_writable(text) else text for text in map(format_optional_value, raw_texts)
    )
    return CapturedRecord(0, key, event_id, time, data, encoding)


def remove_closing_brace(lines: pa.StringArray) -> pa.StringArray:
    """The texts of JSON objects without their closing braces, cut by bytes, without looking at characters."""
    if not pc.all(pc.ends_with(lines, "}")).as_py():
        lines = pc.ascii_rtrim(lines, characters=BLANKS)
    return pc.binary_slice(lines.cast(pa.binary()), 0, -1).view(pa.string())


def extract_scores(score: Score | None, data: pa.StringArray, encodings: pa.StringArray) -> pa.StringArray:
    """The score of each reply; null if it has none, if it is not text, or if scores aren't requested."""
    if score is None:
        return pa.nulls(len(data), pa.string())
    # Row by row in Python, because paths may differ in depth; only --to-label needs it
    replies = zip(data.to_pylist(), encodings.to_pylist(), strict=True)
    scores = [score.read_reply(*reply) for reply in replies]
    return pa.array([None if text is None or not is_writable(text) else text for text in scores], pa.string())


def _replace_empty_by_null(texts: pa.StringArray) -> pa.StringArray:
    return pc.if_else(pc.equal(texts, ""), None, texts)


INFERENCE_ID = "SageMakerInferenceId"
INFERENCE_TIME = "SageMakerInferenceTime"

_DECODER = json.JSONDecoder()
MARKS = {mark: re.compile(rf"[ \t\r\n]*{re.escape(mark)}[ \t\r\n]*") for mark in "{:,}"}
"""The punctuation between names and values of JSON, with surrounding whitespace."""

_CELL = r'\s*(?:"|(?=[^\s",]))([^",]+)(?:"\s*)?'
"""One cell with or without quotes. Blanks before it match in one way only, so that matching takes linear time."""
LAST_TWO_CELLS = re.compile(rf"(.*),{_CELL},{_CELL}", re.ASCII)


@value_class
class TransformOutput:
    """An output of a batch transform. inference_id, time: None if absent. data: the text of the output without id and time.
    is_json: whether the text is a JSON object; if not, the other members have no meaning."""

    inference_id: str | None = None
    time: str | None = None
    data: str = ""
    is_json: bool = True


@value_class
class TransformDecoder:
    """The decoder of a transform's outputs. encoding: CSV or JSON. score: the location of the score; None if not requested."""

    encoding: str
    score: Score | None = None

    def __call__(self, lines: pa.StringArray) -> Records:
        return Records.decode_lines(lines, self._records)

    def _records(self, lines: pa.StringArray) -> Records:
        parse: Callable[[str], TransformOutput] = parse_csv_output if self.encoding == CSV else parse_transform_output
        # Line by line in Python, because the text of the output is copied as it was written
        decoded = [_decode_line(line, parse) for line in lines.cast(pa.binary()).to_pylist()]
        reasons = np.array([reason for reason, _ in decoded], np.int32)
        outputs = [output for _, output in decoded]
        data = pa.array([output.data for output in outputs], pa.string())
        ids = pa.array([output.inference_id for output in outputs], pa.string())
        times = parse_microseconds(pa.array([output.time for output in outputs], pa.string()))
        scores = extract_scores(self.score, data, pa.repeat(self.encoding, len(data)))
        return Records(reasons, ids, ids, times, self._format_texts(data, ids), scores)

    def _format_texts(self, data: pa.StringArray, ids: pa.StringArray) -> pa.StringArray:
        """Each output as a captured record, without the closing brace."""
        prefix = '{"eventVersion":"0","captureData":{"batchTransformOutput":{"data":'
        infix = f',"encoding":{json.dumps(self.encoding)}}}}},"eventMetadata":{{"eventId":'
        return pc.binary_join_element_wise(
            prefix, merge_rows.format_json_texts(data), infix, merge_rows.format_json_texts(ids), "}", ""
        )


def parse_csv_output(line: str) -> TransformOutput:
    """A line of CSV, parsed. If the last cell is not a time, the last two cells belong to the model's output."""
    match = LAST_TWO_CELLS.fullmatch(line)
    if match is None or parse_time(match[3].strip(" ")) is None:
        return TransformOutput()
    return TransformOutput(match[2].strip(" ") or None, match[3].strip(" "), match[1])


def parse_transform_output(text: str) -> TransformOutput:
    """An output (a line or a whole file), parsed."""
    if has_many_names(text):
        return TransformOutput(is_json=False)
    try:
        # Members as texts instead of parsed values, so that the output stays the same byte for byte
        members = list(_read_members(text))
    except (ValueError, RecursionError):
        return TransformOutput(is_json=False)
    # The last value of a repeated name counts, as in JSON parsers
    appended_values = {name: value for name, value, _ in members if name in (INFERENCE_ID, INFERENCE_TIME)}
    other_members = ",".join(span for name, _, span in members if name not in appended_values)
    return TransformOutput(
        _format_optional(appended_values.get(INFERENCE_ID)),
        _format_optional(appended_values.get(INFERENCE_TIME)),
        f"{{{other_members}}}",
    )


def _read_members(text: str) -> Iterator[tuple[str, JsonValue, str]]:
    """Name, value and text of each member of the single object in `text`."""
    offset = _skip_mark("{", text, 0)
    has_more = not text.startswith("}", offset)
    while has_more:
        start = offset
        name, offset = _DECODER.raw_decode(text, offset)
        # raw_decode accepts any value, but the name of a member has to be a text
        if not isinstance(name, str):
            raise JSONDecodeError("a name is no text", text, start)
        value, offset = _DECODER.raw_decode(text, _skip_mark(":", text, offset))
        yield name, value, text[start:offset]
        has_more = MARKS[","].match(text, offset) is not None
        offset = _skip_mark(",", text, offset) if has_more else offset
    # A second object on the line is an error; otherwise it would be lost silently
    if _skip_mark("}", text, offset) < len(text):
        raise JSONDecodeError("something behind the object", text, offset)


def _skip_mark(mark: str, text: str, offset: int) -> int:
    match = MARKS[mark].match(text, offset)
    if match is None:
        raise JSONDecodeError(f"no {mark}", text, offset)
    return match.end()


def _format_optional(value: JsonValue) -> str | None:
    if value is None:
        return None
    return str(value) or None


def _decode_line(line: bytes, parse: Callable[[str], TransformOutput]) -> tuple[int, TransformOutput]:
    try:
        output = parse(line.decode())
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8, TransformOutput()
    if not output.is_json:
        return Refusal.NOT_A_JSON_OBJECT, output
    if not output.inference_id:
        return Refusal.NO_ID, TransformOutput()
    if not is_writable(output.inference_id):
        return Refusal.NOT_UTF_8, TransformOutput()
    return 0, output if is_writable(output.time or "") else replace(output, time=None)


CapturedFormat = CaptureFormat | CsvFormat | JsonFormat  # formats that can be merged


def detect_format(engine: Engine, source: HourlySource) -> CapturedFormat:
    """The format of the first file. Files in no mergeable format count as captures, whose lines are then refused.

    Raises BadInput if the file is not text.
    """
    if not source.files:
        return CaptureFormat()
    file = source.files[0].file
    lines = (text.decode("utf-8-sig", "replace").strip() for text in read_first_lines(engine, file))
    # The first line that isn't blank decides
    line = next(filter(None, lines), "")
    if line.startswith("{"):
        if parse_transform_output(line).inference_id is not None:
            return JsonFormat(lines=True)
        # A line that is not complete JSON may be the beginning of a document of several lines
        head = read_head(engine.storage(source.path), file, refuse_nul=False)
        begins_document = not json_text.is_json(line[:HEAD_BYTES]) and f'"{INFERENCE_ID}"'.encode() in head
        if begins_document:
            return JsonFormat(lines=False)
        return CaptureFormat()
    # A transform with --generate-inference-id ends each line of CSV with an id and a time
    cells = [cell.strip(' "') for cell in line.split(",")]
    if len(cells) > 1 and cells[-2] and parse_time(cells[-1]):
        return CsvFormat()
    return CaptureFormat()
