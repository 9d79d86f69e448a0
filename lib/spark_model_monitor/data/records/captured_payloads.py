"""Reads the payloads of captured records: a half's encoding, and the rows in its JSON. Pure, one record at a time.

Rows are objects or arrays of cells, which a model server's protocol may wrap in other objects (`serving_protocols.py`).
Source: C3, C11.4, C11.17.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

from spark_model_monitor.data.records import BASE64, CSV, ENDPOINT_INDEXES, GROUND_TRUTH, INDEX_NAMES, JSON
from spark_model_monitor.data.records.arrays import is_utf_8
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, split_csv_rows, split_row
from spark_model_monitor.data.records.json_lines import (
    JsonMembers,
    JsonObject,
    JsonValue,
    has_many_names,
    is_deep,
    is_deep_value,
    parse_json,
)
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal
from spark_model_monitor.data.records.serving_protocols import (
    BYTES_MEMBER,
    TEXT_MEMBER,
    extract_protocol_rows,
    read_binary_tensors,
)
from spark_model_monitor.value_class import value_class

ENCODING_MISMATCH = (
    "Encoding mismatch: Encoding is {first} for endpointInput, but Encoding is {second} for endpointOutput. "
    "We currently only support the same type of input and output encoding at the moment."
)
"""The service's text (C1.6)."""

Path: TypeAlias = tuple[str, ...]  # names of nested members, the outermost first

SELDON_MEMBERS = {
    BYTES_MEMBER,
    TEXT_MEMBER,
    "meta",
    "status",
}  # members of a Seldon payload whose rows are bytes or a text
LEADING_BRACKET = re.compile(r"[ \t\r\n]*\[")
BETWEEN_OBJECTS = re.compile(r"\}[ \t\r]*\n[ \t\r\n]*\{")  # between objects that are each on a line of their own


@value_class
class EncodedText:
    """One half of a captured record, undecoded. encoding: CSV, JSON or BASE64 in capitals; None if the record names none."""

    data: str
    encoding: str | None


def parse_line(line: bytes) -> JsonValue:
    """The JSON value of a line; if an object has a member twice, the last value counts."""
    if has_many_names(line):
        raise RecordRefused(Refusal.TOO_MANY_NAMES)
    try:
        return parse_json(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise RecordRefused(Refusal.NOT_A_JSON_OBJECT if is_utf_8(line) else Refusal.NOT_UTF_8) from None


def read_halves(
    document: JsonValue, names: Sequence[str] = INDEX_NAMES, *, opens_base64: bool = False
) -> dict[str, EncodedText]:
    """The members of `captureData` with these names that contain data."""
    capture_data = get_object(document, "captureData")
    if capture_data is None:
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    named_halves = ((name, read_half(capture_data, name, opens_base64=opens_base64)) for name in names)
    return {name: half for name, half in named_halves if half is not None}


def read_half(document: JsonValue, name: str, *, opens_base64: bool) -> EncodedText | None:
    """A half of a record; None if it has no data. Ground truth without an encoding is CSV. opens_base64: as in `Reading`."""
    members = get_object(document, name) or {}
    data = members.get("data")
    if data is None:
        return None
    if isinstance(data, (dict, list)) and is_deep_value(data):
        raise RecordRefused(Refusal.TOO_DEEP)
    default_encoding = CSV if name == GROUND_TRUTH else None
    encoding = format_optional_value(members.get("encoding", default_encoding))
    if encoding is not None:
        encoding = encoding.upper()
    half = EncodedText(format_json_value(data), encoding)
    if opens_base64 and half.encoding == BASE64:
        return open_base64(half, members.get("observedContentType"))
    return half


def open_base64(half: EncodedText, content_type: JsonValue) -> EncodedText:
    """A BASE64 half, decoded if the content is CSV, JSON (M13), or JSON followed by binary tensors; otherwise unchanged."""
    # A content type may have parameters, as in `text/csv; charset=utf-8`
    media_type = str(content_type).partition(";")[0].upper()
    encoding = next((text_encoding for text_encoding in (CSV, JSON) if text_encoding in media_type), None)
    try:
        content = _decode_base64(half.data)
        tensors = read_binary_tensors(content)
        if tensors is None and encoding is not None:
            return EncodedText(content.decode(), encoding)
    except (ValueError, KeyError, TypeError, AttributeError):
        return half
    if tensors is None:
        return half
    return EncodedText(tensors, JSON)


def is_base64(data: str) -> bool:
    """Whether a text is valid BASE64; blanks and line breaks are ignored."""
    try:
        _decode_base64(data)
    except ValueError:
        return False
    return True


def _decode_base64(data: str) -> bytes:
    return base64.b64decode("".join(data.split()), validate=True)


def get_object(document: JsonValue, name: str) -> JsonMembers | None:
    """The object that is a member of a record; None if it is absent. Refuses a member of another type."""
    if not isinstance(document, dict):
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    member = document.get(name)
    if not isinstance(member, (dict, type(None))):
        raise RecordRefused(Refusal.NOT_A_CAPTURE)
    return member


def format_json_value(value: JsonValue) -> str:
    """A JSON value as the text of a cell: a text unchanged, anything else as JSON."""
    if isinstance(value, str):
        return value
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)  # gives the same text as json.dumps in a tenth of the time
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def format_optional_value(value: JsonValue) -> str | None:
    """A JSON value as the text of a cell; None for null."""
    if value is None:
        return None
    return format_json_value(value)


def describe_mismatch(line: str) -> str:
    """The service's sentence for a record whose halves have different encodings."""
    document = parse_line(line.encode())
    # The encodings may differ as written, or only after decoding BASE64
    for opens_base64 in (False, True):
        halves = read_halves(document, opens_base64=opens_base64)
        first, second = (halves[name].encoding if name in halves else None for name in ENDPOINT_INDEXES)
        if first != second:
            break
    return ENCODING_MISMATCH.format(first=first, second=second)


def parse_json_rows(data: str, *, with_arrays: bool, opens_members: bool) -> list[JsonObject]:
    """The rows of a JSON payload: an object, an array of objects, or one object per line.

    with_arrays: also accept an array of values, or of arrays of values; their names are empty. opens_members: an object
    whose only member is an array stands for that array: `{"predictions": [[0.1, 0.9]]}`, `{"features": [1, 2]}` per
    line; an object with several arrays of the same length is a table by columns: `{"labels": [1, 0], "scores": [0.9, 0.2]}`.
    """
    if has_many_names(data):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    # Objects on lines of their own are joined to an array
    text = data
    is_array = LEADING_BRACKET.match(data) is not None
    if not is_array:
        text = f"[{BETWEEN_OBJECTS.sub('},{', data)}]"
    try:
        objects = json.loads(text, object_pairs_hook=JsonObject)
    except ValueError:
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
    except RecursionError:
        raise RecordRefused(Refusal.TOO_DEEP) from None
    if is_deep(text, objects):
        raise RecordRefused(Refusal.TOO_DEEP)
    # A handler may return JSON as a text
    if with_arrays and not is_array and len(objects) == 1 and isinstance(objects[0], str):
        if not objects[0].lstrip().startswith(("{", "[")):
            raise RecordRefused(Refusal.PAYLOAD_NOT_JSON)
        return parse_json_rows(objects[0], with_arrays=with_arrays, opens_members=opens_members)
    # An array of values is one row; an array of such arrays is several rows
    if with_arrays and is_array and objects and not any(isinstance(record, JsonObject) for record in objects):
        objects = _make_nameless_rows(objects)
    # Model servers' protocols wrap rows in objects
    if opens_members and type(objects) is list:
        objects = [row for record in objects for row in open_rows(record)]
    if type(objects) is not list or not all(isinstance(record, JsonObject) for record in objects):
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON)
    return objects


def open_rows(payload: JsonValue) -> list[JsonValue]:
    """The rows of an object.

    These are the rows of a model server's payload, the elements of the only member if that is an array, or the rows of a
    table whose members are columns; otherwise the object itself is the row.
    """
    if not isinstance(payload, JsonObject):
        return [payload]
    members = dict(payload)
    if not any(isinstance(value, list) for value in members.values()) and not members.keys() <= SELDON_MEMBERS:
        return [payload]  # a flat object is a row; most objects are
    if isinstance(members.get(TEXT_MEMBER), str) and members.keys() <= SELDON_MEMBERS:
        return _read_text_rows(members[TEXT_MEMBER])
    try:
        rows = extract_protocol_rows(payload)
    except ValueError:
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
    if rows and all(isinstance(row, JsonObject) for row in rows):
        return [inner_row for row in rows for inner_row in open_rows(row)]
    if rows is not None:
        return _make_nameless_rows(rows)
    if not payload or not all(type(value) is list and value for _, value in payload):
        return [payload]
    # Several arrays are columns if they have the same length and no inner arrays
    if len(payload) > 1:
        names = [name for name, _ in payload]
        columns = [value for _, value in payload]
        if len(set(map(len, columns))) > 1 or any(isinstance(cell, list) for cell in chain.from_iterable(columns)):
            return [payload]
        return [JsonObject(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    # The array of the only member has the rows
    [(_, values)] = payload
    if all(isinstance(value, JsonObject) for value in values):
        return [row for value in values for row in open_rows(value)]
    return _make_nameless_rows(values)


def _read_text_rows(text: str) -> list[JsonValue]:
    """The rows of a text, which is JSON or CSV."""
    if text.lstrip().startswith(("{", "[")):
        return [*parse_json_rows(text, with_arrays=True, opens_members=True)]
    return _make_nameless_rows([[*split_row(row, RFC_4180_ESCAPE)] for row in split_csv_rows(text)])


def _make_nameless_rows(values: list[JsonValue]) -> list[JsonValue]:
    """Rows of nameless cells: each array in an array of arrays is a row; any other array is one row."""
    if not all(type(value) is list for value in values):
        values = [values]
    return [JsonObject(("", value) for value in row) for row in values]


def open_members(row: JsonObject, paths: Sequence[Path]) -> list[JsonObject]:
    """The rows in the members at these paths; several members are columns. The object itself if a member is absent."""
    names = [path[-1] for path in paths]
    columns = [find_value(row, path) for path in paths]
    if not columns or not all(type(column) is list for column in columns):
        return [row]
    if len(columns) > 1:
        return [JsonObject(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return open_rows(JsonObject([(names[0], columns[0])]))


def find_value(value: JsonValue, path: Path) -> JsonValue:
    """The member of an object at a path; None if there is no such member."""
    for name in path:
        value = dict(value).get(name) if isinstance(value, JsonObject) else None
    return value


def number_elements(value: JsonValue) -> JsonValue:
    """An array as an object whose names are the positions; any other value unchanged."""
    if type(value) is not list:
        return value
    return JsonObject((str(position), inner) for position, inner in enumerate(value))
