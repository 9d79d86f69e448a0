"""Decodes one captured or merged line: gives its requested content, or the reason for refusing it. Pure, line by line.

`captured_lines` and `outcome_records` decode most lines in bulk; this module defines the result for every line and
every monitor (`decode_record`). It is used for a file's first record on the driver, for unusual lines on executors, and for
preprocessing scripts.

Source: C3, C11.4, C11.16, C11.17, C11.18, C11.25.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from itertools import chain
from typing import TypeVar

from spark_model_monitor.data.records import BASE64, CSV, ENCODINGS, INPUT, JSON, REQUEST_LOG, REQUEST_METADATA
from spark_model_monitor.data.records.arrays import REPLACED, is_utf_8, is_writable
from spark_model_monitor.data.records.captured_payloads import (
    EncodedText,
    Path,
    format_json_value,
    format_optional_value,
    get_object,
    is_base64,
    number_elements,
    open_members,
    open_rows,
    parse_json_rows,
    parse_line,
    read_halves,
)
from spark_model_monitor.data.records.csv_rows import (
    RFC_4180_ESCAPE,
    Row,
    is_header,
    read_printed_list,
    split_csv_rows,
    split_row,
)
from spark_model_monitor.data.records.decoded_rows import GENERATED, Decoded
from spark_model_monitor.data.records.json_lines import JsonMembers, JsonObject, JsonValue
from spark_model_monitor.data.records.locations import FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal
from spark_model_monitor.data.records.windows import Window, is_sampled, parse_hour_of_path, parse_time
from spark_model_monitor.value_class import value_class

WITHOUT_MODEL = "-"  # stands for the `targetModel` of records that name no model
MAX_MODEL_NAME_LENGTH = 1024  # Source: botocore's model of sagemaker-runtime, `TargetModelHeader`

COLUMN_ORDER = ("endpointOutput", "batchTransformOutput", INPUT)
"""The halves in the order of their columns: output first (G13)."""

HalfRow = TypeVar("HalfRow")


NamedCells = list[tuple[str, str | None]]  # keys and values of one row; the cells of a CSV row have an empty key

PLAIN_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?([eE][-+]?\d+)?\s*", re.ASCII)  # an answer that is a number alone
HEADER_ROWS = 2  # rows that tell a header from data: the first one, and the one below it


@value_class
class Reading:
    """How captured records are read.

    halves: the members of `captureData` that become columns.
    names: the names of the features.
    columns: the number of cells that a row must have; None for any.
    encoding: the encoding that all payloads must have; None allows CSV and JSON.
    window: the times of the records to read; None for all.
    sample: the fraction of the records to read; None for all.
    flatten_json: whether the members of objects within a row are columns.
    exact_keys: whether to read as the service does: a JSON object that lacks a feature has fewer cells instead of a missing
    value, a short row of CSV has missing values, JSON arrays are not rows, and a row of scores is not one score per row.
    escape: the character before a quote within quotes in CSV.
    opens_base64: whether to read BASE64 whose content type is CSV or JSON as such.
    target_model: the model of a multi-model endpoint, or `WITHOUT_MODEL`; other records are left out.
    missing_values: the texts that stand for a missing value.
    opened_arrays: with flatten_json, the paths of the arrays within a row that are columns, `outer.0`, `outer.1`, …; other
    arrays are texts.
    answers: the names of the output's columns, if it names none.
    spellings: the baseline's names, by names that differ from them in spelling only.
    members_with_rows: for each half, the paths of the arrays that are its rows, or the columns of its rows; other members
    are about the request.
    are_numbered: whether the first cell of each row is the row's number.
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
    opened_arrays: frozenset[str] = frozenset()
    answers: tuple[str, ...] = ()
    spellings: Mapping[str, str] = field(default_factory=dict)
    members_with_rows: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    are_numbered: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The needed columns of lines; with a window also the file, since its folder may contain the hour."""
        if self.window is None:
            return (LINE,)
        return (LINE, FILE_KEY)

    def drop_limits(self) -> Reading:
        """The same reading, which refuses no record for its time, its turn in a sample, or its width."""
        return replace(self, window=None, sample=None, columns=None)

    @property
    def ordered_halves(self) -> tuple[str, ...]:
        """The halves in the order of their columns."""
        return tuple(half for half in COLUMN_ORDER if half in self.halves)


def decode(line: bytes, reading: Reading, path: str = "") -> Decoded:
    """A captured line as features, halves side by side. path: path of its file, whose folder may contain the hour of a
    record without a time."""
    return decode_record(line, reading, path, partial(_decode_features, reading=reading))


def decode_record(line: bytes, reading: Reading, path: str, read_content: Callable[[JsonMembers], Decoded]) -> Decoded:
    """The result of `read_content` for the record of a line, or the reason for refusing it."""
    # A line that has no record is refused for that, whatever content is requested
    record = open_record(line, reading, path)
    if isinstance(record, Refusal):
        return Decoded(record)
    return decode_value(record, line, read_content)


def decode_value(record: JsonValue, line: bytes, read_content: Callable[[JsonValue], Decoded]) -> Decoded:
    """The result of `read_content` for a JSON value, or the reason for refusing it. line: the line that contains it."""
    try:
        decoded = read_content(record)
    except RecordRefused as refused:
        # A damaged line's number of cells says nothing
        if not is_utf_8(line):
            return Decoded(Refusal.NOT_UTF_8)
        return Decoded(refused.reason, cells=refused.cells)
    except Exception as error:
        return Decoded(Refusal.of(error))
    # Other letters may be damaged: bytes that are no UTF-8, or half a surrogate pair
    if line.isascii() and b"\\u" not in line:
        return decoded
    texts = [text for row in (*decoded.rows, decoded.keys) for text in row if text is not None]
    is_damaged = any(REPLACED in text for text in texts) and not is_utf_8(line)
    if is_damaged or not all(map(is_writable, texts)):
        return Decoded(Refusal.NOT_UTF_8)
    return decoded


def read_rows(line: bytes, reading: Reading, path: str) -> dict[str, list[JsonObject]]:
    """The rows of the halves of a captured line; empty if it is no capture that can be read."""
    record = open_record(line, reading, path)
    if isinstance(record, Refusal):
        return {}
    try:
        halves = read_halves(record, reading.ordered_halves, opens_base64=reading.opens_base64)
        _require_encodings([*halves.values()], reading)
        rows = {name: _parse_rows(name, half, reading) for name, half in halves.items()}
        rows_by_half = _split_answers(rows, [*rows.values()], _split_nameless_cells)
        if reading.encoding != CSV:
            rows_by_half = _join_request(rows, rows_by_half)
        return dict(zip(rows, rows_by_half, strict=True))
    except Exception:  # it is refused, with the reason, when all records are read
        return {}


def _parse_rows(name: str, half: EncodedText, reading: Reading) -> list[JsonObject]:
    """The rows of a half; cells of CSV have no name."""
    if half.encoding != JSON:
        if reading.encoding == CSV:
            csv_rows = _read_csv_rows(half, reading)
        else:
            csv_rows = split_csv_rows(half.data)
        return [JsonObject(("", cell) for cell in split_row(row, reading.escape)) for row in csv_rows]
    is_lenient = not reading.exact_keys
    if is_lenient and name != INPUT and PLAIN_NUMBER.fullmatch(half.data):
        return [JsonObject([("", json.loads(half.data))])]
    rows = parse_json_rows(half.data, with_arrays=is_lenient, opens_members=is_lenient)
    # Members beside the rows, and the numbers of rows, are no columns
    paths = reading.members_with_rows.get(name)
    if paths:
        rows = [inner_row for row in rows for inner_row in open_members(row, paths)]
    if reading.are_numbered:
        return [row for numbered_row in rows for row in open_rows(_drop_number(numbered_row))]
    return rows


def _drop_number(row: JsonObject) -> JsonObject:
    """The row without its number; the only cell behind the number may be an object, which is then the row."""
    cells = row[1:]
    if len(cells) == 1 and isinstance(cells[0][1], JsonObject):
        return cells[0][1]
    return JsonObject(cells)


def open_record(line: bytes, reading: Reading, path: str = "") -> JsonMembers | Refusal:
    """The record of a line, undecoded, or the reason for refusing it without examining its data."""
    try:
        document = parse_line(line)
        # Checks whether it is a capture of this window and sample; its data is decoded later
        log_reason = get_log_reason(document)
        if log_reason is None:
            read_halves(document, ())
        if log_reason is None or "eventMetadata" in document:
            _require_time_and_sample(document, reading, path, line)
        if log_reason is not None:
            return log_reason
        if isinstance(document.get(REQUEST_METADATA), dict):
            _require_data(document, read_halves(document))
    except RecordRefused as refused:
        return refused.reason
    except Exception as error:
        return Refusal.of(error)
    return dict(document)


def get_log_reason(document: JsonValue) -> Refusal | None:
    """Why the record of a request log that a line was made of is no capture; None if it is one."""
    request_log = document.get(REQUEST_LOG) if isinstance(document, dict) else None
    if not isinstance(request_log, dict) or "reason" not in request_log:
        return None
    return Refusal(int(request_log["reason"]))


def flatten_object(row: JsonObject, reading: Reading, outer: str = "") -> Iterator[tuple[str, str | None]]:
    """The members of an object by path; one that the baseline has as a text stays a text."""
    for key, value in row:
        path = outer + key
        inner = value
        if path in reading.opened_arrays:
            inner = number_elements(value)
        if isinstance(inner, JsonObject) and path not in reading.names:
            yield from flatten_object(inner, reading, f"{path}.")
        else:
            yield path, format_optional_value(_convert_to_dicts(value))


def list_cells(row: JsonObject, reading: Reading, half: str) -> NamedCells:
    """The cells of a row, with their names. A single wide tensor of a request, `input-0.0`, `input-0.1`, …, has no names if the
    baseline hasn't these.
    """
    cells = list(flatten_object(row, reading))
    if reading.spellings:
        cells = [(reading.spellings.get(name, name), value) for name, value in cells]
    if half == INPUT and reading.names and cells and cells[0][0] not in reading.names:
        return drop_tensor_name(cells)
    return cells


def drop_tensor_name(cells: NamedCells) -> NamedCells:
    """The cells without names if these are the positions in a tensor, `input-0.0`, `input-0.1`, …; else as they are."""
    outer = cells[0][0].removesuffix(".0")
    if [name for name, _ in cells] != [f"{outer}.{position}" for position in range(len(cells))]:
        return cells
    return [("", value) for _, value in cells]


def _convert_to_dicts(value: JsonValue) -> JsonValue:
    """A JSON value with its objects converted to dicts."""
    if isinstance(value, JsonObject):
        return {key: _convert_to_dicts(inner) for key, inner in value}
    if isinstance(value, list):
        return [_convert_to_dicts(inner) for inner in value]
    return value


def _require_time_and_sample(document: JsonValue, reading: Reading, path: str, line: bytes) -> None:
    if reading.window is None and reading.sample is None and reading.target_model is None:
        return
    # The first condition that a record doesn't meet says why it is left out
    metadata = get_object(document, "eventMetadata") or {}
    if reading.target_model is not None and normalize_model_name(metadata.get("targetModel")) != reading.target_model:
        raise RecordRefused(Refusal.SAMPLED_OUT)
    if reading.window is not None:
        text = metadata.get("inferenceTime")
        if text is None:
            time = parse_hour_of_path(path)
        else:
            time = parse_time(format_json_value(text))
        if time is None:
            raise RecordRefused(Refusal.UNREADABLE_TIME)
        if time not in reading.window:
            raise RecordRefused(Refusal.OUTSIDE_WINDOW)
    if reading.sample is not None:
        event_id = format_optional_value(metadata.get("eventId"))
        # Half a surrogate pair has no bytes to hash
        if event_id is not None and not is_writable(event_id):
            raise RecordRefused(Refusal.NOT_UTF_8)
        if not is_sampled(line if event_id is None else event_id.encode(), reading.sample):
            raise RecordRefused(Refusal.SAMPLED_OUT)


def normalize_model_name(name: str | None) -> str:
    """A record's `targetModel`, or `WITHOUT_MODEL` if that can't be the name of a model: it is no text, empty, longer than the
    API allows, not printable, no UTF-8, has blanks around it, or is a path through a parent folder."""
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_MODEL_NAME_LENGTH:
        return WITHOUT_MODEL
    is_valid = name.isprintable() and REPLACED not in name and name == name.strip() and ".." not in name.split("/")
    if is_valid:
        return name
    return WITHOUT_MODEL


def _require_data(document: JsonValue, halves: Mapping[str, EncodedText]) -> None:
    if not halves:
        has_metadata = isinstance(document.get(REQUEST_METADATA), dict)
        raise RecordRefused(Refusal.WITHOUT_DATA if has_metadata else Refusal.NO_PAYLOAD)


def _require_encodings(present: Sequence[EncodedText], reading: Reading) -> None:
    # Of several faults, the first is named
    encodings = [half.encoding for half in present]
    if not {*encodings} <= {*ENCODINGS}:
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


def _decode_features(document: JsonMembers, reading: Reading) -> Decoded:
    """The rows of features of a record whose halves have equally many rows."""
    # Output first: its columns come first
    halves = read_halves(document, reading.ordered_halves, opens_base64=reading.opens_base64)
    _require_data(document, halves)
    _require_encodings([*halves.values()], reading)
    if reading.encoding == CSV:
        return _decode_csv(halves, reading)
    return _decode_json(halves, reading)


def _decode_csv(halves: Mapping[str, EncodedText], reading: Reading) -> Decoded:
    rows_by_half = [_read_csv_rows(half, reading) for half in halves.values()]
    if not reading.exact_keys:
        rows_by_half = _split_answers(halves, rows_by_half, lambda row: row.split(","))
    rows = [split_row(",".join(halves_of_row), reading.escape) for halves_of_row in _zip_halves(rows_by_half)]
    widths = [len(row) for row in rows]
    columns = reading.columns or 0
    # As the service reads them: a short row lacks its last values
    if reading.exact_keys and 0 < max(widths, default=0) <= columns:
        rows = [(*row, *[None] * (columns - len(row))) for row in rows]
        return Decoded(None, tuple(rows), widths[0])
    return _build_decoded(rows, widths, reading)


def _read_csv_rows(half: EncodedText, reading: Reading) -> list[str]:
    rows = split_csv_rows(half.data)
    if reading.exact_keys:
        return rows
    rows = read_printed_list(half.data) or rows
    _require_no_header(rows, reading)
    return rows


def _require_no_header(rows: Sequence[str], reading: Reading) -> None:
    """Refuses a record of which a half begins with names of columns: its rows would be one too many, or text."""
    if len(rows) < HEADER_ROWS:
        return
    first_rows = [split_row(row, reading.escape) for row in rows[:HEADER_ROWS]]
    if is_header(first_rows):
        raise RecordRefused(Refusal.CAPTURED_HEADER)


def _split_answers(
    halves: Iterable[str], rows_by_half: list[list[HalfRow]], cells: Callable[[HalfRow], Sequence[HalfRow]]
) -> list[list[HalfRow]]:
    """Rows of halves; one row that answers as many rows as it has cells is split into cells, as with XGBoost."""
    num_rows = max(map(len, rows_by_half))
    split_halves = []
    for name, rows in zip(halves, rows_by_half, strict=True):
        # A single row of the answer may have a score for each row of the request
        if name != INPUT and len(rows) == 1 and num_rows > 1:
            answers = list(cells(rows[0]))
            if len(answers) == num_rows:
                rows = answers
        split_halves.append(rows)
    return split_halves


def _split_nameless_cells(row: JsonValue) -> list[JsonValue]:
    """The cells without a name, each as a row; one with a name is about all rows."""
    # Each row is a `JsonObject`, so that cells that aren't flattened yet have the same form
    return [JsonObject([(name, value)]) for name, value in row if not name]


def _join_request(halves: Iterable[str], rows_by_half: list[list[JsonValue]]) -> list[list[JsonValue]]:
    """Rows of halves; rows of one cell each that have a single answer are one row, as in a tensor of one dimension."""
    # The input comes last
    names = list(halves)
    row_counts = [len(rows) for rows in rows_by_half]
    if names[-1] != INPUT or row_counts[:-1] != [1] or row_counts[-1] < 2:
        return rows_by_half
    request_rows = rows_by_half[-1]
    if any(len(row) != 1 or isinstance(row[0][1], list) for row in request_rows):
        return rows_by_half
    return [*rows_by_half[:-1], [JsonObject(("", value) for row in request_rows for _, value in row)]]


def _decode_json(halves: Mapping[str, EncodedText], reading: Reading) -> Decoded:
    is_lenient = not reading.exact_keys
    objects = [_parse_rows(name, half, reading) for name, half in halves.items()]
    # Arrays within rows are no cells, unless they are to be flattened
    members = [value for half_rows in objects for row in half_rows for _, value in row]
    if not reading.flatten_json and any(isinstance(value, list) and _is_nested(value, reading) for value in members):
        has_rows = is_lenient and any(map(_has_objects, members))
        raise RecordRefused(Refusal.ROWS_WITHIN_ROWS if has_rows else Refusal.NESTED_JSON)
    # Rows as names and cells
    rows_by_half: list[list[NamedCells]] = []
    for name, objects_of_half in zip(halves, objects, strict=True):
        rows_by_half.append([list_cells(row, reading, name) for row in objects_of_half])
    if is_lenient:
        rows_by_half = _split_answers(halves, rows_by_half, _split_nameless_cells)
        rows_by_half = _join_request(halves, rows_by_half)
    for index, name in enumerate(halves):
        if name != INPUT and reading.answers:
            rows_by_half[index] = [_name_answers(row, reading.answers) for row in rows_by_half[index]]
    # The halves of each row, in the order of the features
    rows: list[Row] = []
    widths: list[int] = []
    for halves_of_row in _zip_halves(rows_by_half):
        cells, width = _arrange_cells([*chain.from_iterable(halves_of_row)], reading)
        rows.append(cells)
        widths.append(width)
    # The names of the first row, for a data set without a baseline
    first_keys = [key for half_rows in rows_by_half for key, _ in half_rows[0]]
    keys: tuple[str, ...] = ()
    if any(first_keys):
        keys = tuple(dict.fromkeys(key or f"_c{position}" for position, key in enumerate(first_keys)))
    return _build_decoded(rows, widths, reading, keys)


def _name_answers(row: NamedCells, names: Sequence[str]) -> NamedCells:
    """The cells of an output without names, with these names if they are as many."""
    if len(row) != len(names) or any(key for key, _ in row):
        return row
    return [(name, value) for name, (_, value) in zip(names, row, strict=True)]


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


def _zip_halves(rows_by_half: Sequence[Sequence[JsonValue]]) -> list[tuple[JsonValue, ...]]:
    if len({len(rows_of_half) for rows_of_half in rows_by_half}) > 1:
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_ROWS)
    if not rows_by_half[0]:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return list(zip(*rows_by_half, strict=True))


def _arrange_cells(cells: Sequence[tuple[str, str | None]], reading: Reading) -> tuple[Row, int]:
    """The cells of a JSON object in the order of the features, and their number. Nameless cells belong, in order, to
    the features that no cell names."""
    keys = {key for key, _ in cells}
    if len(keys) < len(cells):
        cells = _merge_equal_cells(cells)
    # Nameless cells beside named ones: an output in CSV, an input in JSON
    names = set(reading.names)
    if "" in keys and keys & names and not reading.exact_keys:
        absent_names = [name for name in reading.names if name not in keys]
        if len(absent_names) == sum(not key for key, _ in cells):
            names_left = iter(absent_names)
            cells = [(key or next(names_left), value) for key, value in cells]
            keys = {key for key, _ in cells}
    # By name if all features are there, or if the service isn't replayed and no other name is
    by_name = bool(names) and (names <= keys or (keys <= names and not reading.exact_keys))
    if not by_name:
        width = len(cells)
        carries_names = "" not in keys and not all(map(GENERATED.fullmatch, names))
        # A record with other names is detected by another number of columns
        if names and carries_names and not reading.exact_keys:
            width = len(names | keys)
        return tuple(value for _, value in cells), width
    values = dict(cells)
    return tuple(values.get(name) for name in reading.names), max(len(reading.names), len(cells))


def _merge_equal_cells(cells: Iterable[tuple[str, str | None]]) -> NamedCells:
    """The members, with duplicates, also of input and output, merged if their values are equal."""
    merged_cells: dict[str | int, tuple[str, str | None]] = {}
    for position, cell in enumerate(cells):
        # Cells without a name are never the same one
        if merged_cells.setdefault(cell[0] or position, cell) != cell:
            raise RecordRefused(Refusal.TWO_VALUES)
    return list(merged_cells.values())


def _build_decoded(rows: Sequence[Row], widths: Sequence[int], reading: Reading, keys: tuple[str, ...] = ()) -> Decoded:
    # Rows of different widths are refused, whatever is required
    width = widths[0] if len(set(widths)) == 1 else 0
    if width == 0 or reading.columns not in (None, width):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS, width)
    # A key that is no feature has no cell
    if len(rows[0]) < width:
        rows = [(*row, *[None] * (width - len(row))) for row in rows]
    return Decoded(None, tuple(rows), width, keys)
