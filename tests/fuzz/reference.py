"""What records mean, in plain Python: json.loads, csv.reader, and nothing of ours. One line at a time, in no hurry.

A record is kept with its rows, or something else becomes of it; `UNCLAIMED` where the rules that a page of docs/reference has
don't say what stands in it (quotes within a cell of CSV, lists of classes, probabilities by class, a text that may be a name
above a number, a list as a program prints it): of those the tests ask that they come out alike wherever they stand.
"""

from __future__ import annotations

import base64
import csv
import json
import math
import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import accumulate
from typing import Any, TypeVar

MAX_LEVELS = 100

REFUSED = "refused"
OUTSIDE = "outside"
SAMPLED_OUT = "sampled out"
WITHOUT_DATA = "without data"
UNCLAIMED = "unclaimed"

Row = tuple[Any, ...]
Answer = "list[Row] | str"

HOUR = re.compile(r".*/(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]*", re.ASCII)
TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?([Zz]|[+-](?:0\d|1[0-7])(?::?[0-5]\d)?)?", re.ASCII
)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE_ROW = re.compile(r'(?:[^",\r\n]*|"(?:[^"]|"")*")(?:,(?:[^",\r\n]*|"(?:[^"]|"")*"))*')
"""A row whose quotes stand around a whole cell, or doubled in it: what RFC 4180 knows."""


class Odd(Exception):
    """Something else than kept; args: what."""


def split_lines(content: bytes) -> list[bytes]:
    """The records of a file of text, as Hadoop and Spark tell lines: without the mark at the beginning, and without blanks."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    return [line for line in re.split(rb"\r\n|\r|\n", text) if line.strip(b" ")]


def parse_time(text: str) -> datetime | None:
    match = TIME.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    try:
        time = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        if zone and zone not in "Zz":
            hours = int(zone[1:3])
            minutes = int(zone[3:].removeprefix(":") or 0)
            time -= timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
        return time + timedelta(microseconds=int((fraction or "").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        return None


def format_cell(value: Any) -> str:
    """A value of JSON as the text of a cell."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_writable(text: str | None) -> bool:
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return False
    return True


def is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def parsed(text: str, **options: Any) -> Any:
    try:
        return json.loads(text, **options)
    except (ValueError, RecursionError):
        raise Odd(REFUSED) from None


def parse_integer(digits: str) -> int | str:
    """A whole number; one that is longer than Python reads is its digits."""
    if len(digits) <= 4_300:
        return int(digits)
    return digits


def object_in(document: Any, name: str) -> dict[str, Any] | None:
    if not isinstance(document, dict) or not isinstance(document.get(name), dict | None):
        raise Odd(REFUSED)
    return document.get(name)


def split_cells(row: str) -> list[str | None]:
    """The cells of a row of CSV; an empty one is missing."""
    if '"' not in row:
        return [cell or None for cell in row.split(",")]
    if WHOLE_ROW.fullmatch(row) is None:
        raise Odd(UNCLAIMED)
    return [cell or None for cell in next(csv.reader([row]))]


def rows_of_csv(data: str) -> list[list[str | None]]:
    """The rows of a payload of CSV."""
    text = data.rstrip("\r\n")
    if not text:
        return []
    # A list of numbers as a program prints it
    if text[0] in "[(":
        raise Odd(UNCLAIMED)
    return [split_cells(row.removesuffix("\r")) for row in text.split("\n")]


def may_have_header(rows: list[list[str | None]]) -> bool:
    """Whether the first of several rows has no number, and one of the others has one."""
    has_number = [any(DECIMAL.fullmatch(cell.strip(" \t")) for cell in row if cell) for row in rows]
    return len(rows) > 1 and not has_number[0] and any(has_number)


Cell = TypeVar("Cell")


def split_answers(answer_rows: list[list[Cell]], request_count: int) -> list[list[Cell]]:
    """Rows of answers; one row with a cell without a name for each request answers them all, as XGBoost's does."""
    if len(answer_rows) != 1 or request_count < 2:
        return answer_rows
    answers = [[cell] for cell in answer_rows[0] if not isinstance(cell, tuple) or not cell[0]]
    return answers if len(answers) == request_count else answer_rows


@dataclass(frozen=True)
class RecordSelection:
    """Of which records something is asked: those of a window and a sample."""

    start: datetime | None = None
    end: datetime | None = None
    sample: float | None = None
    encoding: str = "CSV"
    names: tuple[str, ...] = ("p", "a", "b")


def _answered(decode: Any, *arguments: Any) -> Any:
    try:
        return decode(*arguments)
    except Odd as odd:
        return odd.args[0]


def _require_selected(document: Any, line: bytes, path: str, selection: RecordSelection) -> None:
    if selection.start is None and selection.sample is None:
        return
    event = object_in(document, "eventMetadata") or {}
    if selection.start is not None and selection.end is not None:
        written = event.get("inferenceTime")
        if written is None:
            match = HOUR.fullmatch(path)
            time = None if match is None else datetime(*map(int, match.groups()), tzinfo=timezone.utc)  # type: ignore[misc]
        else:
            time = parse_time(format_cell(written))
        if time is None:
            raise Odd(REFUSED)
        if not selection.start <= time < selection.end:
            raise Odd(OUTSIDE)
    if selection.sample is not None:
        event_id = event.get("eventId")
        if event_id is not None and not is_writable(format_cell(event_id)):
            raise Odd(REFUSED)
        if zlib.crc32(line if event_id is None else format_cell(event_id).encode()) >= round(selection.sample * 2**32):
            raise Odd(SAMPLED_OUT)


def _halves(document: Any, names: tuple[str, ...]) -> dict[str, tuple[str, str | None]]:
    """Data and encoding of the halves that hold something."""
    captured = object_in(document, "captureData")
    if captured is None:
        raise Odd(REFUSED)
    halves = {}
    for name in names:
        half = object_in(captured, name)
        if half is not None and half.get("data") is not None:
            halves[name] = _opened(half, half.get("encoding"))
    return halves


def _opened(half: dict[str, Any], encoding: Any) -> tuple[str, str | None]:
    """Data and encoding; BASE64 of CSV or JSON, by its content type, is what it stands for (M13)."""
    data = format_cell(half["data"])
    if isinstance(half["data"], (dict, list)) and count_levels(data) > MAX_LEVELS:
        raise Odd(REFUSED)
    called = None
    if encoding is not None:
        called = format_cell(encoding).upper()
    content_type = format_cell(half.get("observedContentType")).split(";")[0].upper()
    if "CSV" in content_type:
        inner = "CSV"
    elif "JSON" in content_type:
        inner = "JSON"
    else:
        inner = None
    if called != "BASE64" or inner is None:
        return data, called
    try:
        return base64.b64decode(re.sub(r"\s", "", data).encode("ascii"), validate=True).decode("utf-8"), inner
    except ValueError:
        return data, called


def captured(line: bytes, path: str, selection: RecordSelection) -> Any:
    """The rows of a captured request: the cells of the reply, then those of the request."""
    return _answered(_captured, line, path, selection)


def _captured(line: bytes, path: str, selection: RecordSelection) -> list[Row]:
    document = parsed(line.decode("utf-8", "replace"), parse_int=parse_integer)
    _halves(document, ())
    _require_selected(document, line, path, selection)
    by_name = _halves(document, ("endpointOutput", "endpointInput"))
    halves = list(by_name.values())
    if not halves:
        raise Odd(WITHOUT_DATA if isinstance(document.get("requestMetadata"), dict) else REFUSED)
    if any(encoding != selection.encoding for _, encoding in halves):
        raise Odd(REFUSED)
    if not is_utf_8(line) and any("\ufffd" in data for data, _ in halves):
        raise Odd(REFUSED)
    # As many rows in each half
    halves_rows = [rows_of_csv(data) if selection.encoding == "CSV" else _rows_of_json(data) for data, _ in halves]
    if "endpointOutput" in by_name:
        halves_rows[0] = split_answers(halves_rows[0], len(halves_rows[-1]))
    if len({len(half_rows) for half_rows in halves_rows}) != 1 or not halves_rows[0]:
        raise Odd(REFUSED)
    if selection.encoding == "CSV" and any(map(may_have_header, halves_rows)):
        raise Odd(UNCLAIMED)
    joined_rows = [[cell for part in parts for cell in part] for parts in zip(*halves_rows, strict=True)]
    rows = [tuple(row) if selection.encoding == "CSV" else _by_name(row, selection.names) for row in joined_rows]
    if any(len(row) != len(selection.names) or not all(map(is_writable, row)) for row in rows):
        raise Odd(REFUSED)
    return rows


class Pairs(list):
    """The members of an object of JSON."""


def _rows_of_json(data: str) -> list[list[tuple[str, str | None]]]:
    """Names and texts of each row: an object, objects in an array or on lines, an array of values or of such arrays."""
    text = data.strip(" \t\r\n")
    if text.startswith("["):
        documents = parsed(text, object_pairs_hook=Pairs)
        if documents and not any(isinstance(document, Pairs) for document in documents):
            if all(type(document) is list for document in documents):
                rows = documents
            else:
                rows = [documents]
            documents = [Pairs(("", value) for value in row) for row in rows]
    else:
        documents = _objects_on_lines(text)
    # A bare value may be an answer
    if len(documents) == 1 and not isinstance(documents[0], list):
        raise Odd(UNCLAIMED)
    if not all(isinstance(document, Pairs) for document in documents):
        raise Odd(REFUSED)
    # An object or an array is a feature's text, if it has not too many levels
    if any(isinstance(value, list) for document in documents for _, value in document):
        raise Odd(UNCLAIMED)
    return [[(key, None if value is None else format_cell(value)) for key, value in document] for document in documents]


def _objects_on_lines(text: str) -> list[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=Pairs)
    documents = []
    position = 0
    while position < len(text):
        try:
            document, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise Odd(REFUSED) from None
        documents.append(document)
        behind = re.compile(r"[ \t\r\n]*").match(text, end)
        between = behind[0] if behind else ""
        position = end + len(between)
        if position < len(text) and "\n" not in between:
            raise Odd(
                UNCLAIMED if text[position] == "," else REFUSED
            )  # `{…},{…}` is read as an array without its brackets
    return documents


def _by_name(entries: list[tuple[str, str | None]], names: tuple[str, ...]) -> Row:
    entries = [entry for index, entry in enumerate(entries) if not entry[0] or entry not in entries[:index]]
    keys = {key for key, _ in entries}
    if len({key for key in keys if key}) < sum(bool(key) for key, _ in entries):
        raise Odd(REFUSED)
    if not keys <= set(names) and not set(names) <= keys:
        if "" not in keys:
            raise Odd(REFUSED)
        return tuple(value for _, value in entries)
    if len(entries) > len(names):
        raise Odd(REFUSED)
    return tuple(dict(entries).get(name) for name in names)


OUTPUTS = ("endpointOutput", "batchTransformOutput")


def _half(members: dict[str, Any], name: str, default: str | None = None) -> tuple[str, str | None] | None:
    half = members.get(name)
    if half is None:
        return None
    if not isinstance(half, dict):
        raise Odd(REFUSED)
    if half.get("data") is None:
        return None
    return _opened(half, half.get("encoding", default))


def _require_csv(half: tuple[str, str | None]) -> str:
    """The data of a half of CSV; JSON is for others to tell."""
    data, encoding = half
    if encoding == "BASE64":
        raise Odd(REFUSED)
    if encoding not in ("CSV", "JSON"):
        raise Odd(REFUSED)
    if encoding == "JSON":
        raise Odd(UNCLAIMED)
    return data


def parse_label(text: str | None) -> str | None:
    """A label or a prediction without blanks around it; None where it is missing."""
    stripped = None if text is None else text.strip()
    if stripped in (None, "", "NaN", "nan"):
        return None
    return stripped


def parse_probability(text: str | None) -> float | None:
    """A probability as a number; None where it is missing."""
    stripped = "" if text is None else text.strip()
    if not stripped:
        return None
    if stripped.startswith("{"):
        raise Odd(UNCLAIMED)  # an object by class
    if DECIMAL.fullmatch(stripped) is None or not 0 <= float(stripped) <= 1:
        raise Odd(REFUSED)
    return float(stripped)


def merged(line: bytes, path: str, selection: RecordSelection, *, features: int | None = None) -> Any:
    """Label, prediction and probability of each row of a merged record; with a number of features these first, and no
    probability, and what is missing is None."""
    return _answered(_merged, line, path, selection, features)


def _merged(line: bytes, path: str, selection: RecordSelection, features: int | None) -> list[Row]:
    document = parsed(line.decode("utf-8", "replace"), parse_int=parse_integer)
    _halves(document, ())
    _require_selected(document, line, path, selection)
    if isinstance(document.get("requestMetadata"), dict) and not _halves(document, ("endpointInput", *OUTPUTS)):
        raise Odd(WITHOUT_DATA)
    captured = document["captureData"]
    halves = {name: _half(captured, name) for name in OUTPUTS}
    request = None
    if features is not None:
        request = _half(captured, "endpointInput")
    output = halves[OUTPUTS[0]] or halves[OUTPUTS[1]]
    truth = _half(document, "groundTruthData", "CSV")
    present_halves = [half for half in (request, output, truth) if half is not None]
    if features is not None and request is None and output is None:
        raise Odd(REFUSED)
    if truth is None or output is None:
        raise Odd(REFUSED)
    rows = _rows_of_outcomes([_require_csv(half) for half in present_halves], features)
    texts = [text for row in rows for text in row if isinstance(text, str)]
    if not all(map(is_writable, texts)):
        raise Odd(REFUSED)
    if not is_utf_8(line) and any("\ufffd" in text for text in texts):
        raise Odd(REFUSED)
    return rows


def _rows_of_outcomes(data: list[str], features: int | None) -> list[Row]:
    *requests, answers, truths = (rows_of_csv(payload) for payload in data)
    if any(cell and cell.lstrip().startswith("[") for row in answers for cell in row):
        raise Odd(UNCLAIMED)  # a list of all classes
    answers = split_answers(answers, len(truths))
    columns_of_rows = [*requests, answers, truths]
    if not truths or len({len(half_rows) for half_rows in columns_of_rows}) != 1:
        raise Odd(REFUSED)
    labels = [parse_label(row[0]) for row in truths]
    predictions = [parse_label(row[0]) for row in answers]
    if features is None:
        probabilities = [parse_probability(row[1]) if len(row) > 1 else None for row in answers]
        rows = list(zip(labels, predictions, probabilities, strict=True))
        if any(cell is None for row in rows for cell in row):
            raise Odd(REFUSED)
        return rows
    if requests:
        inputs = requests[0]
    else:
        inputs = [row[:features] for row in answers]
    if any(len(row) != features for row in inputs):
        raise Odd(REFUSED)
    return [(*row, label, prediction) for row, label, prediction in zip(inputs, labels, predictions, strict=True)]


def document(line: bytes) -> Any:
    """Label `y`, prediction `a` and probability `p` of an object of JSON."""
    return _answered(_document, line)


def _document(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    document = parsed(line.decode("utf-8-sig"))
    if not isinstance(document, dict):
        raise Odd(REFUSED)
    values = [document.get(name) for name in "yap"]
    if values[0] is None:
        raise Odd(REFUSED)
    if any(isinstance(value, list) for value in values):
        raise Odd(UNCLAIMED)
    texts = [None if value is None else format_cell(value) for value in values]
    row = (parse_label(texts[0]), parse_label(texts[1]), parse_probability(texts[2]))
    if None in row or not all(map(is_writable, texts)):
        raise Odd(REFUSED)
    return [row]


def csv_line(line: bytes, names: tuple[str, ...]) -> Any:
    """The cells of a line of a CSV file."""
    return _answered(_csv_line, line, names)


def _csv_line(line: bytes, names: tuple[str, ...]) -> list[Row]:
    if not is_utf_8(line) or line.count(b'"') % 2:
        raise Odd(REFUSED)
    cells = split_cells(line.decode())
    if len(cells) != len(names) or sorted(cell or "" for cell in cells) == sorted(names):
        raise Odd(REFUSED)
    return [tuple(cells)]


def json_object(line: bytes, plain_members: tuple[str, ...]) -> Any:
    """The object on a line of JSON Lines, as the only row. plain_members: those that are numbers or texts in most records."""
    try:
        document = json.loads(line.decode(), parse_int=float)
    except (ValueError, RecursionError):
        return REFUSED
    if not isinstance(document, dict) or count_levels(line.decode()) > MAX_LEVELS:
        return REFUSED
    nested = {name for name, value in document.items() if isinstance(value, dict | list)}
    if nested & {*plain_members} or not all(map(is_writable, document)):
        return REFUSED
    # Whether most records have an object or an array there, a line alone doesn't say
    if nested:
        return UNCLAIMED
    return [(document,)]


def count_levels(line: str) -> int:
    """How many objects and arrays are inside each other anywhere in a JSON text, also in a value that a later one replaces."""
    signs = re.sub(r'"(?:[^"\\]|\\.)*"|[^][{}"]', "", line)
    return max(accumulate((1 if sign in "[{" else -1 for sign in signs), initial=0))


def joinable(line: bytes) -> Any:
    """The id that a captured request is joined by, its own id and the request itself."""
    return _answered(_joinable, line)


def _joinable(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    document = parsed(line.decode(), parse_float=Number, parse_int=Number)
    if not isinstance(document, dict):
        raise Odd(REFUSED)
    captured = document.get("captureData")
    event = document.get("eventMetadata")
    if not isinstance(captured, dict) or not isinstance(event, dict | None):
        raise Odd(REFUSED)
    if not isinstance(captured.get("endpointOutput"), dict | None):
        raise Odd(REFUSED)
    event_id, inference_id = (_id((event or {}).get(name)) for name in ("eventId", "inferenceId"))
    key = inference_id or event_id
    if not key or not is_writable(key) or not is_writable(event_id):
        raise Odd(REFUSED)
    if not captured and document.get("requestMetadata") is not None:
        raise Odd(WITHOUT_DATA)
    return [(key, event_id or None, document)]


class Number(str):
    """A number as it was written."""


def _id(value: Any) -> str | None:
    if isinstance(value, dict | list):
        raise Odd(UNCLAIMED)
    if value is None:
        return value
    if isinstance(value, str):
        return str(value)
    return json.dumps(value)


def ground_truth(line: bytes, *, repairing: bool) -> Any:
    """The id, the data and the encoding of each label on a line."""
    return _answered(_ground_truth, line, repairing)


def _ground_truth(line: bytes, repairing: bool) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    try:
        document = json.loads(line.decode().strip(), parse_float=Number, parse_int=parse_integer)
    except (ValueError, RecursionError):
        raise Odd(UNCLAIMED if repairing else REFUSED) from None
    values = document if isinstance(document, list) else [document]
    if not values:
        raise Odd(REFUSED)
    return [_label(value) for value in values]


def _label(value: Any) -> Row:
    truth, event = (object_in(value, name) for name in ("groundTruthData", "eventMetadata"))
    event_id = (event or {}).get("eventId")
    if truth is None or event_id in (None, ""):
        raise Odd(REFUSED)
    data = truth.get("data")
    encoding = truth.get("encoding") or "CSV"
    if isinstance(encoding, Number) and not float(encoding):
        encoding = "CSV"  # 0.0 says as little as 0
    encoding = str(encoding)
    if data is None or encoding.upper() not in ("CSV", "JSON", "BASE64"):
        raise Odd(REFUSED)
    if any(isinstance(member, dict | list) for member in (event_id, data)):
        raise Odd(UNCLAIMED)
    event_text, text = (str(member) if isinstance(member, str) else format_cell(member) for member in (event_id, data))
    if not text.strip() or not is_writable(text) or not is_writable(event_text):
        raise Odd(REFUSED)
    return event_text, text, encoding


def transform_output(line: bytes, encoding: str) -> Any:
    """The id that a transform appended to an output, and the output without it: parsed, or the text of CSV."""
    return _answered(_output_of_csv if encoding == "CSV" else _output_of_json, line)


def _output_of_json(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    document = parsed(line.decode())
    if not isinstance(document, dict):
        raise Odd(REFUSED)
    inference_id = document.pop("SageMakerInferenceId", None)
    document.pop("SageMakerInferenceTime", None)
    if inference_id is None or inference_id == "":
        raise Odd(REFUSED)
    if not isinstance(inference_id, str):
        raise Odd(UNCLAIMED)
    if not is_writable(inference_id):
        raise Odd(REFUSED)
    return [(inference_id, document)]


def _output_of_csv(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    text = line.decode()
    if '"' in text or re.search(r"[\x00-\x1f\x7f-\xa0]", text):
        raise Odd(UNCLAIMED)
    *cells, inference_id, time = ["", "", *text.split(",")]
    if len(cells) < 3 or parse_time(time.strip(" ")) is None or not inference_id.strip(" "):
        raise Odd(REFUSED)
    return [(inference_id.strip(" "), ",".join(cells[2:]))]


def same(first_value: Any, second_value: Any) -> bool:
    """Whether two values are the same, NaN included."""
    if isinstance(first_value, float) and isinstance(second_value, float):
        return first_value == second_value or (math.isnan(first_value) and math.isnan(second_value))
    return bool(first_value == second_value)
