"""Decodes one captured or merged line: returns its requested content, or the reason for refusing it. Pure, line by line.

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
from typing import NamedTuple, TypeVar

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
from spark_model_monitor.data.records.decoded_rows import GENERATED, DecodedRecord
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

PLAIN_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?([eE][-+]?\d+)?\s*", re.ASCII)  # an answer that consists of one number
HEADER_ROWS = 2  # number of first rows that show whether the first one is a header


class RecordSelection(NamedTuple):
    """Which captured records are read; the others are left out on purpose.

    window: the times of the records; None for all times.
    sample: the fraction of the records; None for all records.
    target_model: the model of a multi-model endpoint, or `WITHOUT_MODEL`; None for all models.
    """

    window: Window | None = None
    sample: float | None = None
    target_model: str | None = None


@value_class
class RowLayout:
    """Where the rows and columns of JSON payloads are, as the first records show it.

    row_paths: for each half, the paths of the arrays that are its rows, or the columns of its rows; other members are about
    the request.
    has_row_numbers: whether the first cell of each row is the row's number.
    flattened_arrays: with `flatten_json`, the paths of the arrays within a row that are columns, `outer.0`, `outer.1`, …;
    other arrays are texts.
    baseline_names: the baseline's names of columns, by the names in the records, which are misspelt or paths.
    """

    row_paths: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    has_row_numbers: bool = False
    flattened_arrays: frozenset[str] = frozenset()
    baseline_names: Mapping[str, str] = field(default_factory=dict)


ALL_RECORDS = RecordSelection()
KNOWN_LAYOUT = RowLayout()  # of records whose rows are where a known protocol has them


@value_class
class Reading:
    """How captured records are read.

    halves: the members of `captureData` that become columns.
    names: the names of the features.
    columns: the number of cells that a row must have; None for any number.
    encoding: the encoding that all payloads must have; None allows CSV and JSON.
    flatten_json: whether the members of objects within a row are columns.
    exact_keys: whether to read as the service does: a JSON object that lacks a feature has fewer cells instead of a missing
    value, a short row of CSV has missing values, JSON arrays are not rows, and a row of scores is not one score per row.
    escape: the character before a quote within quotes in CSV.
    opens_base64: whether to decode BASE64 whose content type is CSV or JSON.
    missing_values: the texts that stand for a missing value.
    output_names: names for the output's columns, if the output has no names.
    """

    halves: tuple[str, ...]
    names: tuple[str, ...] = ()
    columns: int | None = None
    encoding: str | None = CSV
    flatten_json: bool = False
    exact_keys: bool = False
    escape: str = RFC_4180_ESCAPE
    opens_base64: bool = True
    missing_values: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    selection: RecordSelection = ALL_RECORDS
    layout: RowLayout = KNOWN_LAYOUT

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of lines that decoding needs; with a window also the file, since its folder may contain the hour."""
        if self.selection.window is None:
            return (LINE,)
        return (LINE, FILE_KEY)

    def drop_limits(self) -> Reading:
        """The same reading without limits: no record is refused for its time, its width, or because the sample lacks it."""
        return replace(self, selection=self.selection._replace(window=None, sample=None), columns=None)

    @property
    def ordered_halves(self) -> tuple[str, ...]:
        """The halves in the order of their columns."""
        return tuple(half for half in COLUMN_ORDER if half in self.halves)


def decode(line: bytes, reading: Reading, path: str = "") -> DecodedRecord:
    """The features of a captured line, its halves side by side. path: the path of the line's file, whose folder may contain
    the hour of a record without a time."""
    return decode_record(line, reading, path, partial(_decode_features, reading=reading))


def decode_record(
    line: bytes, reading: Reading, path: str, read_content: Callable[[JsonMembers], DecodedRecord]
) -> DecodedRecord:
    """The result of `read_content` for the record of a line, or the reason for refusing it."""
    # A line without a record is refused, whatever content is requested
    record = open_record(line, reading, path)
    if isinstance(record, Refusal):
        return DecodedRecord(record)
    return decode_value(record, line, read_content)


def decode_value(record: JsonValue, line: bytes, read_content: Callable[[JsonValue], DecodedRecord]) -> DecodedRecord:
    """The result of `read_content` for a JSON value, or the reason for refusing it. line: the line that contains it."""
    try:
        decoded = read_content(record)
    except RecordRefused as refused:
        # A damaged line is refused for the damage; its number of cells means nothing
        if not is_utf_8(line):
            return DecodedRecord(Refusal.NOT_UTF_8)
        return DecodedRecord(refused.reason, width=refused.width)
    except Exception as error:
        return DecodedRecord(Refusal.of(error))
    # Non-ASCII characters may be damaged: bytes that aren't UTF-8, or half a surrogate pair
    if line.isascii() and b"\\u" not in line:
        return decoded
    texts = [text for row in (*decoded.rows, decoded.keys) for text in row if text is not None]
    is_damaged = any(REPLACED in text for text in texts) and not is_utf_8(line)
    if is_damaged or not all(map(is_writable, texts)):
        return DecodedRecord(Refusal.NOT_UTF_8)
    return decoded


def read_rows(line: bytes, reading: Reading, path: str) -> dict[str, list[JsonObject]]:
    """The rows of a captured line by half; empty if the line is not a readable capture."""
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
    except Exception:  # the record will be refused, with the reason, when all records are read
        return {}


def _parse_rows(name: str, half: EncodedText, reading: Reading) -> list[JsonObject]:
    """The rows of a half; cells of CSV have an empty name."""
    if half.encoding != JSON:
        if reading.encoding == CSV:
            csv_rows = _read_csv_rows(half, reading)
        else:
            csv_rows = split_csv_rows(half.data)
        return [JsonObject(("", cell) for cell in split_row(row, reading.escape)) for row in csv_rows]
    is_lenient = not reading.exact_keys
    if is_lenient and name != INPUT and PLAIN_NUMBER.fullmatch(half.data):
        try:
            return [JsonObject([("", json.loads(half.data))])]
        except ValueError:  # Python reads up to 4,300 digits
            raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
    rows = parse_json_rows(half.data, with_arrays=is_lenient, opens_members=is_lenient)
    # Members next to the rows, and the numbers of rows, don't become columns
    paths = reading.layout.row_paths.get(name)
    if paths:
        rows = [inner_row for row in rows for inner_row in open_members(row, paths)]
    if reading.layout.has_row_numbers:
        return [row for numbered_row in rows for row in open_rows(_drop_number(numbered_row))]
    return rows


def _drop_number(row: JsonObject) -> JsonObject:
    """The row without its number. If the only other cell is an object, that object is the row."""
    cells = row[1:]
    if len(cells) == 1 and isinstance(cells[0][1], JsonObject):
        return cells[0][1]
    return JsonObject(cells)


def open_record(line: bytes, reading: Reading, path: str = "") -> JsonMembers | Refusal:
    """The record of a line with undecoded data, or the reason for refusing it without examining its data."""
    is_dated = False
    try:
        document = parse_line(line)
        # Check that the line is a capture of this window and sample; the data is decoded later
        reason = get_log_reason(document)
        if reason is None:
            read_halves(document, ())
        if reason is None or "eventMetadata" in document:
            _require_selected(document, reading.selection, path, line)
            is_dated = True
        if reason is None and isinstance(document.get(REQUEST_METADATA), dict):
            _require_data(document, read_halves(document))
    except RecordRefused as refused:
        reason = refused.reason
    except Exception as error:
        reason = Refusal.of(error)
    if reason is None:
        return dict(document)
    # A line whose time can't be read belongs to the hour of its folder
    window = reading.selection.window
    if reason.is_fault and not is_dated and window is not None and not window.may_contain_folder(path):
        return Refusal.OUTSIDE_WINDOW
    return reason


def get_log_reason(document: JsonValue) -> Refusal | None:
    """For a line made from a request log: why the log's record is not a capture; None if it is one, and for other lines."""
    request_log = document.get(REQUEST_LOG) if isinstance(document, dict) else None
    if not isinstance(request_log, dict) or "reason" not in request_log:
        return None
    return Refusal(int(request_log["reason"]))


def flatten_object(row: JsonObject, reading: Reading, outer: str = "") -> Iterator[tuple[str, str | None]]:
    """The members of an object by path, also within objects; an object that is a text in the baseline stays a text."""
    for key, value in row:
        path = outer + key
        inner = value
        if path in reading.layout.flattened_arrays:
            inner = number_elements(value)
        if isinstance(inner, JsonObject) and path not in reading.names:
            yield from flatten_object(inner, reading, f"{path}.")
        else:
            yield path, format_optional_value(_convert_to_dicts(value))


def list_cells(row: JsonObject, reading: Reading, half: str) -> NamedCells:
    """The cells of a row, with their names.

    The cells of a request with a single tensor, `input-0.0`, `input-0.1`, …, get empty names, unless the baseline has them.
    """
    baseline_names = reading.layout.baseline_names
    cells = [(baseline_names.get(name, name), value) for name, value in flatten_object(row, reading)]
    if half == INPUT and reading.names and cells and cells[0][0] not in reading.names:
        return drop_tensor_name(cells)
    return cells


def drop_tensor_name(cells: NamedCells) -> NamedCells:
    """The cells with empty names if all names are positions in one tensor, `input-0.0`, `input-0.1`, …; else unchanged."""
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


def _require_selected(document: JsonValue, selection: RecordSelection, path: str, line: bytes) -> None:
    """Refuses a record that the selection leaves out."""
    if selection == ALL_RECORDS:
        return
    # The first condition that a record doesn't meet is the reason for leaving it out
    metadata = get_object(document, "eventMetadata") or {}
    model = selection.target_model
    if model is not None and normalize_model_name(metadata.get("targetModel")) != model:
        raise RecordRefused(Refusal.SAMPLED_OUT)
    if selection.window is not None:
        text = metadata.get("inferenceTime")
        if text is None:
            time = parse_hour_of_path(path)
        else:
            time = parse_time(format_json_value(text))
        if time is None:
            raise RecordRefused(Refusal.UNREADABLE_TIME)
        if time not in selection.window:
            raise RecordRefused(Refusal.OUTSIDE_WINDOW)
    if selection.sample is not None:
        event_id = format_optional_value(metadata.get("eventId"))
        # Half a surrogate pair can't be encoded, so it can't be hashed
        if event_id is not None and not is_writable(event_id):
            raise RecordRefused(Refusal.NOT_UTF_8)
        if not is_sampled(line if event_id is None else event_id.encode(), selection.sample):
            raise RecordRefused(Refusal.SAMPLED_OUT)


def normalize_model_name(name: str | None) -> str:
    """A record's `targetModel`, or `WITHOUT_MODEL` if that can't be the name of a model.

    It can't if it is not a text, empty, longer than the API allows, not printable, not UTF-8, surrounded by blanks, or a path
    through a parent folder."""
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
    # The first fault, in this order, is the reason
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


def _decode_features(document: JsonMembers, reading: Reading) -> DecodedRecord:
    """The features of a record, row by row; all halves need the same number of rows."""
    # The output comes before the input, as its columns do
    halves = read_halves(document, reading.ordered_halves, opens_base64=reading.opens_base64)
    _require_data(document, halves)
    _require_encodings([*halves.values()], reading)
    if reading.encoding == CSV:
        return _decode_csv(halves, reading)
    return _decode_json(halves, reading)


def _decode_csv(halves: Mapping[str, EncodedText], reading: Reading) -> DecodedRecord:
    rows_by_half = [_read_csv_rows(half, reading) for half in halves.values()]
    if not reading.exact_keys:
        rows_by_half = _split_answers(halves, rows_by_half, lambda row: row.split(","))
    rows = [split_row(",".join(halves_of_row), reading.escape) for halves_of_row in _zip_halves(rows_by_half)]
    widths = [len(row) for row in rows]
    columns = reading.columns or 0
    # The service fills short rows with missing values at the end
    if reading.exact_keys and 0 < max(widths, default=0) <= columns:
        rows = [(*row, *[None] * (columns - len(row))) for row in rows]
        return DecodedRecord(None, tuple(rows), widths[0])
    return _build_decoded(rows, widths, reading)


def _read_csv_rows(half: EncodedText, reading: Reading) -> list[str]:
    rows = split_csv_rows(half.data)
    if reading.exact_keys:
        return rows
    rows = read_printed_list(half.data) or rows
    _require_no_header(rows, reading)
    return rows


def _require_no_header(rows: Sequence[str], reading: Reading) -> None:
    """Refuses a record if one of its halves begins with a header line, which would be read as a row."""
    if len(rows) < HEADER_ROWS:
        return
    first_rows = [split_row(row, reading.escape) for row in rows[:HEADER_ROWS]]
    if is_header(first_rows):
        raise RecordRefused(Refusal.CAPTURED_HEADER)


def _split_answers(
    halves: Iterable[str], rows_by_half: list[list[HalfRow]], cells: Callable[[HalfRow], Sequence[HalfRow]]
) -> list[list[HalfRow]]:
    """The rows of each half. If an answer is one row with a cell for each row of the request, as with XGBoost, it is split."""
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
    """The cells without a name, each as a row. Cells with a name are left out: they concern all rows."""
    # Each cell becomes a `JsonObject`, the form of all rows
    return [JsonObject([(name, value)]) for name, value in row if not name]


def _join_request(halves: Iterable[str], rows_by_half: list[list[JsonValue]]) -> list[list[JsonValue]]:
    """The rows of each half. If a request has rows of one cell and a single answer, these are the cells of one row."""
    # The input is the last half
    names = list(halves)
    row_counts = [len(rows) for rows in rows_by_half]
    if names[-1] != INPUT or row_counts[:-1] != [1] or row_counts[-1] < 2:
        return rows_by_half
    request_rows = rows_by_half[-1]
    if any(len(row) != 1 or isinstance(row[0][1], list) for row in request_rows):
        return rows_by_half
    return [*rows_by_half[:-1], [JsonObject(("", value) for row in request_rows for _, value in row)]]


def _decode_json(halves: Mapping[str, EncodedText], reading: Reading) -> DecodedRecord:
    is_lenient = not reading.exact_keys
    objects = [_parse_rows(name, half, reading) for name, half in halves.items()]
    # Arrays within rows can't be cells, unless they are flattened
    members = [value for half_rows in objects for row in half_rows for _, value in row]
    if not reading.flatten_json and any(isinstance(value, list) and _is_nested(value, reading) for value in members):
        has_rows = is_lenient and any(map(_has_objects, members))
        raise RecordRefused(Refusal.ROWS_WITHIN_ROWS if has_rows else Refusal.NESTED_JSON)
    # The cells of each row, with their names
    rows_by_half: list[list[NamedCells]] = []
    for name, objects_of_half in zip(halves, objects, strict=True):
        rows_by_half.append([list_cells(row, reading, name) for row in objects_of_half])
    if is_lenient:
        rows_by_half = _split_answers(halves, rows_by_half, _split_nameless_cells)
        rows_by_half = _join_request(halves, rows_by_half)
    for index, name in enumerate(halves):
        if name != INPUT and reading.output_names:
            rows_by_half[index] = [_name_outputs(row, reading.output_names) for row in rows_by_half[index]]
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


def _name_outputs(row: NamedCells, names: Sequence[str]) -> NamedCells:
    """The cells of an output, with these names if the cells have none and the numbers agree."""
    if len(row) != len(names) or any(key for key, _ in row):
        return row
    return [(name, value) for name, (_, value) in zip(names, row, strict=True)]


def _is_nested(value: JsonValue, reading: Reading) -> bool:
    """Whether a member needs `flatten_json`: it is an array, or an object that contains an array."""
    if isinstance(value, JsonObject) and not reading.exact_keys:
        return any(_is_nested(inner, reading) for _, inner in value)
    return isinstance(value, list)


def _has_objects(value: JsonValue) -> bool:
    """Whether a member is an array of objects, or an object that contains one."""
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
    """The cells of a row in the order of the features, and the row's width. Nameless cells belong, in order, to the
    features that have no cell with their name."""
    keys = {key for key, _ in cells}
    if len(keys) < len(cells):
        cells = _merge_equal_cells(cells)
    # If only some cells have names, as with an output in CSV and an input in JSON, the others get the names that are left
    names = set(reading.names)
    if "" in keys and keys & names and not reading.exact_keys:
        absent_names = [name for name in reading.names if name not in keys]
        if len(absent_names) == sum(not key for key, _ in cells):
            names_left = iter(absent_names)
            cells = [(key or next(names_left), value) for key, value in cells]
            keys = {key for key, _ in cells}
    # Match by name if all features have a cell, or, unless the service is replayed, if all cells are features
    if names and (names <= keys or (keys <= names and not reading.exact_keys)):
        values = dict(cells)
        return tuple(map(values.get, reading.names)), max(len(reading.names), len(cells))
    width = len(cells)
    carries_names = "" not in keys and not all(map(GENERATED.fullmatch, names))
    # A record with other names gets a larger width, by which it is refused
    if names and carries_names and not reading.exact_keys:
        width = len(names | keys)
    return tuple(value for _, value in cells), width


def _merge_equal_cells(cells: Iterable[tuple[str, str | None]]) -> NamedCells:
    """The cells without duplicates, which input and output may also share. Refuses a name with two different values."""
    merged_cells: dict[str | int, tuple[str, str | None]] = {}
    for position, cell in enumerate(cells):
        # Cells without a name are never duplicates
        if merged_cells.setdefault(cell[0] or position, cell) != cell:
            raise RecordRefused(Refusal.TWO_VALUES)
    return list(merged_cells.values())


def _build_decoded(
    rows: Sequence[Row], widths: Sequence[int], reading: Reading, keys: tuple[str, ...] = ()
) -> DecodedRecord:
    # Rows of different widths are refused, even if any width is allowed
    width = widths[0] if len(set(widths)) == 1 else 0
    if width == 0 or reading.columns not in (None, width):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS, width)
    # Keys that aren't features count for the width, but have no cell
    if len(rows[0]) < width:
        rows = [(*row, *[None] * (width - len(row))) for row in rows]
    return DecodedRecord(None, tuple(rows), width, keys)
