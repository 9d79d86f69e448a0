"""Decodes one captured or merged line: gives its requested content, or the reason for refusing it. Pure, line by line.

`captured_lines` and `outcome_records` decode most lines in bulk; this module defines the result for every line and
every monitor (`asked_of`). It is used for a file's first record on the driver, for unusual lines on executors, and for
preprocessing scripts.

Source: C3, C11.4, C11.16, C11.17, C11.18, C11.25.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from spark_model_monitor.data.records import INDEX_NAMES, REQUEST_LOG, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import REPLACED, is_utf_8, is_writable
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, Row, cells_of, is_header
from spark_model_monitor.data.records.decoded_rows import GENERATED, Decoded
from spark_model_monitor.data.records.json_elements import has_many_names
from spark_model_monitor.data.records.json_lines import JsonObject, JsonValue, json_value
from spark_model_monitor.data.records.locations import FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.serving_protocols import rows_of_protocol
from spark_model_monitor.data.records.windows import Window, hour_of_path, is_sampled, parse_time

CSV = "CSV"
JSON = "JSON"
BASE64 = "BASE64"

ENCODING_MISMATCH = (
    "Encoding mismatch: Encoding is {first} for endpointInput, but Encoding is {second} for endpointOutput. "
    "We currently only support the same type of input and output encoding at the moment."
)
"""The service's text (C1.6)."""

GROUND_TRUTH = "groundTruthData"  # the member of a merged record with the observed label

WITHOUT_MODEL = "-"  # stands for the `targetModel` of records that name no model
LONGEST_MODEL_NAME = 1024  # Source: botocore's model of sagemaker-runtime, `TargetModelHeader`

COLUMN_ORDER = ("endpointOutput", "batchTransformOutput", "endpointInput")
"""The halves in the order of their columns: output first (G13)."""

Row_ = TypeVar("Row_")

Entries = list[tuple[str, str | None]]  # keys and values of one row; the cells of a CSV row have an empty key


@dataclass(frozen=True, slots=True)
class EncodedText:
    """One half of a captured record, undecoded. encoding: CSV, JSON or BASE64 in capitals, None without one."""

    data: str
    encoding: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """How captured records are read.

    halves: names of the members of `captureData` that become columns. names: the feature names. columns: required
    number of cells per row; None for any. encoding: required encoding of all payloads; None allows CSV and JSON.
    exact_keys: whether a JSON object that lacks a feature has fewer cells, instead of a missing value, JSON arrays are
    not rows, and a row of scores is not one score per row. escape: the character before a quote within quotes in CSV.
    opens_base64: whether to read BASE64 with content type CSV or JSON as such. target_model: the model of a multi-model
    endpoint, or `WITHOUT_MODEL`; other records are left out. missing_values: texts that stand for a missing value.
    opens_arrays: with flatten_json, whether arrays of numbers within a row are columns, `outer.0`, `outer.1`, …; else they
    are texts.
    """

    halves: tuple[str, ...]
    names: tuple[str, ...] = ()
    columns: int | None = None
    encoding: str | None = CSV
    window: Window | None = None
    sample: float | None = None
    flatten_json: bool = False
    exact_keys: bool = False
    escape: str = RFC_4180_ESCAPE
    opens_base64: bool = True
    target_model: str | None = None
    missing_values: tuple[str, ...] = ()
    opens_arrays: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The needed columns of lines; with a window also the file, since its folder may contain the hour."""
        if self.window is None:
            return (LINE,)
        return (LINE, FILE_KEY)

    @property
    def ordered_halves(self) -> tuple[str, ...]:
        """The halves in the order of their columns."""
        return tuple(half for half in COLUMN_ORDER if half in self.halves)


class RecordRefused(Exception):
    """The record is refused for `reason`. cells: number of cells of its rows, if counted."""

    def __init__(self, reason: Refusal, cells: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cells = cells


def decode(line: bytes, reading: Reading, path: str = "") -> Decoded:
    """A captured line as features, halves side by side. path: path of its file, whose folder may contain the hour of a
    record without a time."""
    return asked_of(line, reading, path, partial(_side_by_side, reading=reading))


def asked_of(line: bytes, reading: Reading, path: str, asked: Callable[[dict[str, Any]], Decoded]) -> Decoded:
    """The result of `asked` for the record of a line, or the reason for refusing it."""
    record = opened(line, reading, path)
    if isinstance(record, Refusal):
        return Decoded(record)
    return found_in(record, line, asked)


def found_in(record: Any, line: bytes, asked: Callable[[Any], Decoded]) -> Decoded:
    """The result of `asked` for a JSON value, or the reason for refusing it. line: the line that contains it."""
    try:
        found = asked(record)
    except RecordRefused as refused:
        return Decoded(refused.reason if is_utf_8(line) else Refusal.NOT_UTF_8, cells=refused.cells)
    except Exception as error:
        return Decoded(Refusal.of(error))
    if line.isascii() and b"\\u" not in line:
        return found
    texts = [text for row in (*found.rows, found.keys) for text in row if text is not None]
    is_damaged = any(REPLACED in text for text in texts) and not is_utf_8(line)
    if is_damaged or not all(map(is_writable, texts)):
        return Decoded(Refusal.NOT_UTF_8)
    return found


def opened(line: bytes, reading: Reading, path: str = "") -> dict[str, Any] | Refusal:
    """The record of a line, undecoded, or the reason for refusing it without examining its data."""
    try:
        document = document_of(line)
        log_reason = reason_in_log(document)
        if log_reason is None:
            halves_of(document, ())
        if log_reason is None or "eventMetadata" in document:
            _require_time_and_sample(document, reading, path, line)
        if log_reason is not None:
            return log_reason
        if isinstance(document.get(REQUEST_METADATA), dict):
            _require_data(document, halves_of(document))
    except RecordRefused as refused:
        return refused.reason
    except Exception as error:
        return Refusal.of(error)
    return dict(document)


def reason_in_log(document: JsonValue) -> Refusal | None:
    """Why the record of a request log that a line was made of is no capture; None if it is one."""
    request_log = document.get(REQUEST_LOG) if isinstance(document, dict) else None
    if not isinstance(request_log, dict) or "reason" not in request_log:
        return None
    return Refusal(int(request_log["reason"]))


def document_of(line: bytes) -> Any:
    """The JSON value of a line; of duplicate members, the last one counts."""
    if has_many_names(line):
        raise RecordRefused(Refusal.TOO_MANY_NAMES)
    try:
        return json_value(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise RecordRefused(Refusal.NOT_A_JSON_OBJECT if is_utf_8(line) else Refusal.NOT_UTF_8) from None


def halves_of(
    document: Any, names: Sequence[str] = INDEX_NAMES, *, opens_base64: bool = False
) -> dict[str, EncodedText]:
    """The members of `captureData` with these names that contain data."""
    captured = _object_in(document, "captureData")
    if captured is None:
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    found = ((name, half_in(captured, name, opens_base64=opens_base64)) for name in names)
    return {name: half for name, half in found if half is not None}


def half_in(document: Any, name: str, *, opens_base64: bool) -> EncodedText | None:
    """A half of a record, None without data. Ground truth without an encoding is CSV. opens_base64: as in `Reading`."""
    members = _object_in(document, name) or {}
    data = members.get("data")
    encoding = members.get("encoding", CSV if name == GROUND_TRUTH else None)
    if data is None:
        return None
    half = EncodedText(json_text(data), None if encoding is None else json_text(encoding).upper())
    if opens_base64 and half.encoding == BASE64:
        return opened_half(half, members.get("observedContentType"))
    return half


def opened_half(half: EncodedText, content_type: object) -> EncodedText:
    """Decoded BASE64; unchanged if the content is neither CSV nor JSON in UTF-8 (M13)."""
    media_type = str(content_type).partition(";")[0].upper()
    encoding = next((each for each in (CSV, JSON) if each in media_type), None)
    try:
        if encoding is None:
            return half
        return EncodedText(_bytes_of(half.data).decode("utf-8"), encoding)
    except ValueError:
        return half


def _object_in(document: Any, name: str) -> dict[str, Any] | None:
    if not isinstance(document, dict):
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    member = document.get(name)
    if not isinstance(member, (dict, type(None))):
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    return member


def json_text(value: object) -> str:
    """A JSON value as the text of a cell: a text unchanged, anything else as JSON."""
    if isinstance(value, str):
        return value
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)  # same as json.dumps, in a tenth of the time
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_or_none(value: object) -> str | None:
    """A JSON value as the text of a cell; None for null."""
    if value is None:
        return None
    return json_text(value)


def mismatch_of(line: str) -> str:
    """The service's sentence for a record whose halves have different encodings."""
    document = document_of(line.encode())
    for opens_base64 in (False, True):
        halves = halves_of(document, opens_base64=opens_base64)
        first, second = (half and half.encoding for half in map(halves.get, ("endpointInput", "endpointOutput")))
        if first != second:
            break
    return ENCODING_MISMATCH.format(first=first, second=second)


def csv_rows(data: str) -> list[str]:
    """The rows of a CSV payload: split at line ends outside quotes."""
    text = data.rstrip("\r\n")
    if not text:
        return []
    if '"' not in text:
        return [row.removesuffix("\r") for row in text.split("\n")]
    # every second piece between quotes is quoted
    pieces = text.split('"')
    pieces[1::2] = [piece.replace("\n", "\uffff") for piece in pieces[1::2]]
    return [row.removesuffix("\r").replace("\uffff", "\n") for row in '"'.join(pieces).split("\n")]


def json_rows(data: str, *, with_arrays: bool, opens_members: bool = False) -> list[JsonObject]:
    """The rows of a JSON payload: an object, an array of objects, or one object per line.

    with_arrays: also accept an array of values, or of arrays of values; their names are empty. opens_members: an object
    whose only member is an array stands for that array: `{"predictions": [[0.1, 0.9]]}`, `{"features": [1, 2]}` per
    line; an object with several equally long arrays is a table by columns: `{"labels": [1, 0], "scores": [0.9, 0.2]}`.
    """
    if has_many_names(data):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    is_array = LEADING_BRACKET.match(data) is not None
    if is_array:
        text = data
    else:
        text = f"[{BETWEEN_LINES.sub('},{', data)}]"
    try:
        objects = json.loads(text, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError):
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
    if with_arrays and is_array and objects and not any(isinstance(item, JsonObject) for item in objects):
        objects = _nameless(objects)
    if opens_members and type(objects) is list:
        objects = [row for item in objects for row in _opened_rows(item)]
    if type(objects) is not list or not all(isinstance(item, JsonObject) for item in objects):
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON)
    return objects


def _opened_rows(item: Any) -> list[Any]:
    """The rows of a model server's payload, of a row whose only member is an array of values, arrays or objects, or whose
    members are columns; else the row itself."""
    if isinstance(item, JsonObject):
        if not any(isinstance(value, list) for _, value in item):
            return [item]  # a flat object, as most are
        try:
            rows = rows_of_protocol(item)
        except ValueError:
            raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
        if rows is not None and rows and all(isinstance(row, JsonObject) for row in rows):
            return [inner_row for row in rows for inner_row in _opened_rows(row)]
        if rows is not None:
            return _nameless(rows)
    if not isinstance(item, JsonObject) or not item or not all(type(value) is list and value for _, value in item):
        return [item]
    if len(item) > 1:
        columns = [value for _, value in item]
        if len(set(map(len, columns))) > 1 or any(isinstance(cell, list) for values in columns for cell in values):
            return [item]
        return [JsonObject(zip([name for name, _ in item], row, strict=True)) for row in zip(*columns, strict=True)]
    [(_, values)] = item
    if all(isinstance(value, JsonObject) for value in values):
        return [row for value in values for row in _opened_rows(value)]
    return _nameless(values)


def _nameless(values: list[Any]) -> list[Any]:
    """An array of arrays as one row each, any other array as one row."""
    if all(type(value) is list for value in values):
        rows = values
    else:
        rows = [values]
    return [JsonObject(("", value) for value in row) for row in rows]


LEADING_BRACKET = re.compile(r"[ \t\r\n]*\[")
BETWEEN_LINES = re.compile(r"\}[ \t\r]*\n[ \t\r\n]*\{")


def _flat(item: JsonObject, outer: str = "", *, opens_arrays: bool) -> Iterator[tuple[str, str | None]]:
    for key, value in item:
        if isinstance(value, JsonObject):
            yield from _flat(value, f"{outer}{key}.", opens_arrays=opens_arrays)
        elif opens_arrays and key and _are_numbers(value):
            yield from _number_cells(value, f"{outer}{key}")
        else:
            yield outer + key, None if value is None else json_text(_plain(value) if type(value) is list else value)


def _are_numbers(value: JsonValue) -> bool:
    """Whether a value is an array of numbers, booleans and null, or of such arrays."""
    if type(value) is not list or not value:
        return False
    return all(isinstance(inner, (int, float, type(None))) or _are_numbers(inner) for inner in value)


def _number_cells(values: Sequence[JsonValue], name: str) -> Iterator[tuple[str, str | None]]:
    for position, value in enumerate(values):
        if type(value) is list:
            yield from _number_cells(value, f"{name}.{position}")
        else:
            yield f"{name}.{position}", text_or_none(value)


def _plain(value: Any) -> Any:
    """A JSON value with its objects converted to dicts."""
    if isinstance(value, JsonObject):
        return {key: _plain(inner) for key, inner in value}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _require_time_and_sample(document: Any, reading: Reading, path: str, line: bytes) -> None:
    if reading.window is None and reading.sample is None and reading.target_model is None:
        return
    metadata = _object_in(document, "eventMetadata") or {}
    if reading.target_model is not None and model_named(metadata.get("targetModel")) != reading.target_model:
        raise RecordRefused(Refusal.SAMPLED_OUT)
    if reading.window is not None:
        text = metadata.get("inferenceTime")
        if text is None:
            time = hour_of_path(path)
        else:
            time = parse_time(json_text(text))
        if time is None:
            raise RecordRefused(Refusal.UNREADABLE_TIME)
        if time not in reading.window:
            raise RecordRefused(Refusal.OUTSIDE_WINDOW)
    if reading.sample is not None:
        event_id = text_or_none(metadata.get("eventId"))
        if event_id is not None and not is_writable(event_id):
            raise RecordRefused(Refusal.NOT_UTF_8)
        if not is_sampled(line if event_id is None else event_id.encode(), reading.sample):
            raise RecordRefused(Refusal.SAMPLED_OUT)


def model_named(name: str | None) -> str:
    """A record's `targetModel`, or `WITHOUT_MODEL` if that can't be the name of a model: it is no text, empty, longer than the
    API allows, not printable, has blanks around it, or is a path through a parent folder."""
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_MODEL_NAME:
        return WITHOUT_MODEL
    is_valid = name.isprintable() and name == name.strip() and ".." not in name.split("/")
    return name if is_valid else WITHOUT_MODEL


def _require_data(document: Any, halves: Mapping[str, EncodedText]) -> None:
    if not halves:
        has_metadata = isinstance(document.get(REQUEST_METADATA), dict)
        raise RecordRefused(Refusal.WITHOUT_DATA if has_metadata else Refusal.NO_PAYLOAD)


def _require_encodings(present: Sequence[EncodedText], reading: Reading) -> None:
    encodings = [half.encoding for half in present]
    if any(encoding not in (CSV, JSON, BASE64) for encoding in encodings):
        raise RecordRefused(Refusal.UNKNOWN_ENCODING)
    if any(half.encoding == BASE64 and not is_base64(half.data) for half in present):
        raise RecordRefused(Refusal.BAD_BASE64)
    are_mixed = reading.encoding is not None and len(set(encodings)) > 1
    if BASE64 in encodings and (reading.opens_base64 or not are_mixed):
        raise RecordRefused(Refusal.BASE64_WITHOUT_SCRIPT)
    if are_mixed:
        raise RecordRefused(Refusal.ENCODING_MISMATCH)
    if reading.encoding is not None and encodings[0] != reading.encoding:
        raise RecordRefused(Refusal.ANOTHER_ENCODING)


def is_base64(data: str) -> bool:
    try:
        _bytes_of(data)
    except ValueError:
        return False
    return True


def _bytes_of(data: str) -> bytes:
    return base64.b64decode("".join(data.split()), validate=True)


def _side_by_side(document: Mapping[str, Any], reading: Reading) -> Decoded:
    """The rows of features of a record whose halves have equally many rows."""
    halves = halves_of(document, reading.ordered_halves, opens_base64=reading.opens_base64)
    _require_data(document, halves)
    _require_encodings([*halves.values()], reading)
    if reading.encoding == CSV:
        return _from_csv(halves, reading)
    return _from_entries(halves, reading)


def _from_csv(halves: Mapping[str, EncodedText], reading: Reading) -> Decoded:
    sides = [csv_rows(half.data) for half in halves.values()]
    if not reading.exact_keys:
        for half_rows in sides:
            _require_no_header(half_rows, reading)
        sides = _with_an_answer_each(halves, sides, lambda row: row.split(","))
    rows = [cells_of(",".join(parts), reading.escape) for parts in _zipped(sides)]
    return _decoded(rows, [len(row) for row in rows], reading)


def _require_no_header(rows: Sequence[str], reading: Reading) -> None:
    """Refuses a record of which a half begins with names of columns: its rows would be one too many, or text."""
    if len(rows) < HEADER_ROWS:
        return
    first_rows = [cells_of(row, reading.escape) for row in rows[:HEADER_ROWS]]
    if is_header(first_rows):
        raise RecordRefused(Refusal.CAPTURED_HEADER)


HEADER_ROWS = 2  # the first row, and the one below it


def _with_an_answer_each(
    halves: Iterable[str], sides: list[list[Row_]], cells: Callable[[Row_], Sequence[Row_]]
) -> list[list[Row_]]:
    """Rows of halves; one row that answers as many rows as it has cells is split into cells, as with XGBoost."""
    rows = max(map(len, sides))
    answers = [name != COLUMN_ORDER[-1] and len(side) == 1 < rows for name, side in zip(halves, sides, strict=True)]
    apart = [[*cells(side[0])] if answer else side for answer, side in zip(answers, sides, strict=True)]
    return [parts if len(parts) == rows else side for parts, side in zip(apart, sides, strict=True)]


def _from_entries(halves: Mapping[str, EncodedText], reading: Reading) -> Decoded:
    present = [*halves.values()]
    opens = {"with_arrays": not reading.exact_keys, "opens_members": not reading.exact_keys}
    objects = [json_rows(half.data, **opens) if half.encoding == JSON else None for half in present]
    members = [value for side in objects for item in side or () for _, value in item]
    if not reading.flatten_json and any(isinstance(value, list) and _is_nested(value, reading) for value in members):
        has_rows = not reading.exact_keys and any(map(_has_objects, members))
        raise RecordRefused(Refusal.ROWS_WITHIN_ROWS if has_rows else Refusal.NESTED_JSON)
    sides: list[list[Entries]] = [
        [[("", cell) for cell in cells_of(row, reading.escape)] for row in csv_rows(half.data)]
        if side is None
        else [list(_flat(row, opens_arrays=reading.opens_arrays)) for row in side]
        for half, side in zip(present, objects, strict=True)
    ]
    if not reading.exact_keys:
        sides = _with_an_answer_each(halves, sides, lambda row: [[entry] for entry in row])
    found = [_arranged([entry for part in parts for entry in part], reading) for parts in _zipped(sides)]
    first = [key for part in sides for key, _ in part[0]]
    if any(first):
        keys = tuple(dict.fromkeys(key or f"_c{place}" for place, key in enumerate(first)))
    else:
        keys = ()
    return _decoded([cells for cells, _ in found], [width for _, width in found], reading, keys)


def _is_nested(value: JsonValue, reading: Reading) -> bool:
    """Whether a member needs `flatten_json`: it is an array, or has one; where the service is replayed, objects do, too."""
    if isinstance(value, JsonObject) and not reading.exact_keys:
        return any(_is_nested(inner, reading) for _, inner in value)
    return isinstance(value, list)


def _has_objects(value: JsonValue) -> bool:
    """Whether a member is an array of objects, or has one."""
    if isinstance(value, JsonObject):
        return any(_has_objects(inner) for _, inner in value)
    return type(value) is list and any(isinstance(inner, JsonObject) for inner in value)


def _zipped(sides: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    if len({len(side) for side in sides}) > 1:
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_ROWS)
    if not sides[0]:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return list(zip(*sides, strict=True))


def _arranged(entries: Sequence[tuple[str, str | None]], reading: Reading) -> tuple[Row, int]:
    """The cells of a JSON object in the order of the features, and their number. Nameless cells belong, in order, to
    the features that no cell names."""
    keys = {key for key, _ in entries}
    if len(keys) < len(entries):
        entries = _once(entries)
    names = set(reading.names)
    if "" in keys and keys & names and not reading.exact_keys:
        rest = [name for name in reading.names if name not in keys]
        if len(rest) == sum(not key for key, _ in entries):
            left = iter(rest)
            entries = [(key or next(left), value) for key, value in entries]
            keys = {key for key, _ in entries}
    by_name = bool(names) and (names <= keys or (keys <= names and not reading.exact_keys))
    if not by_name:
        carries_names = "" not in keys and not all(map(GENERATED.fullmatch, names))
        is_mixed_up = bool(names) and carries_names and not reading.exact_keys
        # a record with other names is detected by another number of columns
        return tuple(value for _, value in entries), len(names | keys) if is_mixed_up else len(entries)
    values = dict(entries)
    return tuple(values.get(name) for name in reading.names), max(len(reading.names), len(entries))


def _once(entries: Iterable[tuple[str, str | None]]) -> Entries:
    """The members, with duplicates, also of input and output, merged if their values are equal."""
    once: dict[str | int, tuple[str, str | None]] = {}
    if any(once.setdefault(entry[0] or place, entry) != entry for place, entry in enumerate(entries)):
        raise RecordRefused(Refusal.TWO_VALUES)
    return [*once.values()]


def _decoded(rows: Sequence[Row], widths: Sequence[int], reading: Reading, keys: tuple[str, ...] = ()) -> Decoded:
    width = widths[0] if len(set(widths)) == 1 else 0
    if reading.columns is None:
        wanted = width
    else:
        wanted = reading.columns
    if any(width != wanted for width in widths) or width == 0:
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS, width)
    return Decoded(None, tuple(rows), width, keys)
