"""What records mean, in plain Python: json.loads, csv.reader, and nothing of ours. One line at a time, in no hurry.

A record is kept with its rows, or something else becomes of it; `UNCLAIMED` where the rules that a page of docs/reference or
docs/reference/formats.md has don't say what stands in it (quotes within a cell of CSV, lists of classes): of those the tests ask that
they come out alike wherever they stand.
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
from typing import Any

MOST_LEVELS = 100

REFUSED = "refused"
OUTSIDE = "outside"
SAMPLED_OUT = "sampled out"
WITHOUT_DATA = "without data"
UNCLAIMED = "unclaimed"

Row = tuple[Any, ...]
Answer = "list[Row] | str"

HOUR = re.compile(r".*/(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]*", re.ASCII)
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:0\d|1[0-7]):[0-5]\d)?", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WHOLE_ROW = re.compile(r'(?:[^",\r\n]*|"(?:[^"]|"")*")(?:,(?:[^",\r\n]*|"(?:[^"]|"")*"))*')
"""A row whose quotes stand around a whole cell, or doubled in it: what RFC 4180 knows."""


class Odd(Exception):
    """Something else than kept; args: what."""


def lines_of(content: bytes) -> list[bytes]:
    """The records of a file of text, as Hadoop and Spark tell lines: without the mark at the beginning, and without blanks."""
    text = content.removeprefix(b"\xef\xbb\xbf")
    return [line for line in re.split(rb"\r\n|\r|\n", text) if line.strip(b" ")]


def time_of(text: str) -> datetime | None:
    found = TIME.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        time = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        if zone and zone != "Z":
            hours = int(zone[1:3])
            minutes = int(zone[4:])
            time -= timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
        return time + timedelta(microseconds=int((fraction or "").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        return None


def text_of(value: Any) -> str:
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


def whole(digits: str) -> int | str:
    """A whole number; one that is longer than Python reads is its digits."""
    if len(digits) <= 4_300:
        return int(digits)
    return digits


def object_in(document: Any, name: str) -> dict[str, Any] | None:
    if not isinstance(document, dict) or not isinstance(document.get(name), dict | None):
        raise Odd(REFUSED)
    return document.get(name)


def cells_of(row: str) -> list[str | None]:
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
    return [cells_of(row.removesuffix("\r")) for row in text.split("\n")]


@dataclass(frozen=True)
class Asked:
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


def _require_asked(document: Any, line: bytes, path: str, asked: Asked) -> None:
    if asked.start is None and asked.sample is None:
        return
    event = object_in(document, "eventMetadata") or {}
    if asked.start is not None and asked.end is not None:
        written = event.get("inferenceTime")
        if written is None:
            found = HOUR.fullmatch(path)
            time = None if found is None else datetime(*map(int, found.groups()), tzinfo=timezone.utc)  # type: ignore[misc]
        else:
            time = time_of(text_of(written))
        if time is None:
            raise Odd(REFUSED)
        if not asked.start <= time < asked.end:
            raise Odd(OUTSIDE)
    if asked.sample is not None:
        event_id = event.get("eventId")
        if event_id is not None and not is_writable(text_of(event_id)):
            raise Odd(REFUSED)
        if zlib.crc32(line if event_id is None else text_of(event_id).encode()) >= round(asked.sample * 2**32):
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
    data = text_of(half["data"])
    called = None
    if encoding is not None:
        called = text_of(encoding).upper()
    content_type = text_of(half.get("observedContentType")).split(";")[0].upper()
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


def captured(line: bytes, path: str, asked: Asked) -> Any:
    """The rows of a captured request: the cells of the reply, then those of the request."""
    return _answered(_captured, line, path, asked)


def _captured(line: bytes, path: str, asked: Asked) -> list[Row]:
    document = parsed(line.decode("utf-8", "replace"), parse_int=whole)
    _halves(document, ())
    _require_asked(document, line, path, asked)
    halves = list(_halves(document, ("endpointOutput", "endpointInput")).values())
    if not halves:
        raise Odd(WITHOUT_DATA if isinstance(document.get("requestMetadata"), dict) else REFUSED)
    if any(encoding != asked.encoding for _, encoding in halves):
        raise Odd(REFUSED)
    if not is_utf_8(line) and any("\ufffd" in data for data, _ in halves):
        raise Odd(REFUSED)
    sides = [rows_of_csv(data) if asked.encoding == "CSV" else _rows_of_json(data) for data, _ in halves]
    if len({len(side) for side in sides}) != 1 or not sides[0]:
        raise Odd(REFUSED)
    together = [[cell for part in parts for cell in part] for parts in zip(*sides, strict=True)]
    rows = [tuple(row) if asked.encoding == "CSV" else _by_name(row, asked.names) for row in together]
    if any(len(row) != len(asked.names) or not all(map(is_writable, row)) for row in rows):
        raise Odd(REFUSED)
    return rows


class Pairs(list):
    """The members of an object of JSON."""


def _rows_of_json(data: str) -> list[list[tuple[str, str | None]]]:
    """Names and texts of each row: an object, objects in an array or on lines, an array of values or of such arrays."""
    text = data.strip(" \t\r\n")
    if text.startswith("["):
        found = parsed(text, object_pairs_hook=Pairs)
        if found and not any(isinstance(one, Pairs) for one in found):
            if all(type(one) is list for one in found):
                rows = found
            else:
                rows = [found]
            found = [Pairs(("", value) for value in row) for row in rows]
    else:
        found = _objects_on_lines(text)
    if not all(isinstance(one, Pairs) for one in found):
        raise Odd(REFUSED)
    if any(isinstance(value, list) for one in found for _, value in one):
        raise Odd(REFUSED)  # nested
    return [[(key, None if value is None else text_of(value)) for key, value in one] for one in found]


def _objects_on_lines(text: str) -> list[Any]:
    decoder = json.JSONDecoder(object_pairs_hook=Pairs)
    found = []
    at = 0
    while at < len(text):
        try:
            one, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise Odd(REFUSED) from None
        found.append(one)
        behind = re.compile(r"[ \t\r\n]*").match(text, end)
        between = behind[0] if behind else ""
        at = end + len(between)
        if at < len(text) and "\n" not in between:
            raise Odd(UNCLAIMED if text[at] == "," else REFUSED)  # `{…},{…}` is read as an array without its brackets
    return found


def _by_name(entries: list[tuple[str, str | None]], names: tuple[str, ...]) -> Row:
    entries = [entry for place, entry in enumerate(entries) if not entry[0] or entry not in entries[:place]]
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


def _require_known(half: tuple[str, str | None]) -> str:
    """The data of a half of CSV; JSON is for others to tell."""
    data, encoding = half
    if encoding == "BASE64":
        raise Odd(REFUSED)
    if encoding not in ("CSV", "JSON"):
        raise Odd(REFUSED)
    if encoding == "JSON":
        raise Odd(UNCLAIMED)
    return data


def label_of(text: str | None) -> str | None:
    """A label or a prediction without blanks around it; None where it is missing."""
    stripped = None if text is None else text.strip()
    if stripped in (None, "", "NaN", "nan"):
        return None
    return stripped


def probability_of(text: str | None) -> float | None:
    """A probability as a number; None where it is missing."""
    stripped = "" if text is None else text.strip()
    if not stripped:
        return None
    if DECIMAL.fullmatch(stripped) is None or not 0 <= float(stripped) <= 1:
        raise Odd(REFUSED)
    return float(stripped)


def merged(line: bytes, path: str, asked: Asked, *, features: int | None = None) -> Any:
    """Label, prediction and probability of each row of a merged record; with a number of features these first, and no
    probability, and what is missing is None."""
    return _answered(_merged, line, path, asked, features)


def _merged(line: bytes, path: str, asked: Asked, features: int | None) -> list[Row]:
    document = parsed(line.decode("utf-8", "replace"), parse_int=whole)
    _halves(document, ())
    _require_asked(document, line, path, asked)
    if isinstance(document.get("requestMetadata"), dict) and not _halves(document, ("endpointInput", *OUTPUTS)):
        raise Odd(WITHOUT_DATA)
    captured = document["captureData"]
    halves = {name: _half(captured, name) for name in OUTPUTS}
    request = None
    if features is not None:
        request = _half(captured, "endpointInput")
    output = halves[OUTPUTS[0]] or halves[OUTPUTS[1]]
    truth = _half(document, "groundTruthData", "CSV")
    found = [half for half in (request, output, truth) if half is not None]
    if features is not None and request is None and output is None:
        raise Odd(REFUSED)
    if truth is None or output is None:
        raise Odd(REFUSED)
    rows = _rows_of_outcomes([_require_known(half) for half in found], features)
    texts = [text for row in rows for text in row if isinstance(text, str)]
    if not all(map(is_writable, texts)):
        raise Odd(REFUSED)
    if not is_utf_8(line) and any("\ufffd" in text for text in texts):
        raise Odd(REFUSED)
    return rows


def _rows_of_outcomes(data: list[str], features: int | None) -> list[Row]:
    *requests, outputs, truths = (rows_of_csv(one) for one in data)
    if any(cell and cell.lstrip().startswith("[") for row in outputs for cell in row):
        raise Odd(UNCLAIMED)  # a list of all classes
    sides = [*requests, outputs, truths]
    if not truths or len({len(side) for side in sides}) != 1:
        raise Odd(REFUSED)
    labels = [label_of(row[0]) for row in truths]
    predictions = [label_of(row[0]) for row in outputs]
    if features is None:
        probabilities = [probability_of(row[1]) if len(row) > 1 else None for row in outputs]
        rows = list(zip(labels, predictions, probabilities, strict=True))
        if any(cell is None for row in rows for cell in row):
            raise Odd(REFUSED)
        return rows
    if requests:
        inputs = requests[0]
    else:
        inputs = [row[:features] for row in outputs]
    if any(len(row) != features for row in inputs):
        raise Odd(REFUSED)
    return [(*row, label, found) for row, label, found in zip(inputs, labels, predictions, strict=True)]


def document(line: bytes) -> Any:
    """Label `y`, prediction `a` and probability `p` of an object of JSON."""
    return _answered(_document, line)


def _document(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    found = parsed(line.decode("utf-8-sig"))
    if not isinstance(found, dict):
        raise Odd(REFUSED)
    values = [found.get(name) for name in "yap"]
    if values[0] is None:
        raise Odd(REFUSED)
    if any(isinstance(value, list) for value in values):
        raise Odd(UNCLAIMED)
    texts = [None if value is None else text_of(value) for value in values]
    row = (label_of(texts[0]), label_of(texts[1]), probability_of(texts[2]))
    if None in row or not all(map(is_writable, texts)):
        raise Odd(REFUSED)
    return [row]


def csv_line(line: bytes, names: tuple[str, ...]) -> Any:
    """The cells of a line of a CSV file."""
    return _answered(_csv_line, line, names)


def _csv_line(line: bytes, names: tuple[str, ...]) -> list[Row]:
    if not is_utf_8(line) or line.count(b'"') % 2:
        raise Odd(REFUSED)
    cells = cells_of(line.decode())
    if len(cells) != len(names) or sorted(cell or "" for cell in cells) == sorted(names):
        raise Odd(REFUSED)
    return [tuple(cells)]


def json_object(line: bytes) -> Any:
    """The object on a line of JSON Lines, as the only row. Spark's parser takes no number of more than 1,000 digits."""
    if re.search(rb"[0-9.]{1000}", line):
        return UNCLAIMED
    try:
        found = json.loads(line.decode())
    except (ValueError, RecursionError):
        return REFUSED
    if not isinstance(found, dict) or levels_of(line.decode()) > MOST_LEVELS:
        return REFUSED
    # Most records have a number or a text there, so this one is of another shape
    if any(isinstance(value, list) for value in found.values()):
        return UNCLAIMED
    return [(found,)]


def levels_of(line: str) -> int:
    """How many objects and arrays are inside each other anywhere in a JSON text, also in a value that a later one replaces."""
    signs = re.sub(r'"(?:[^"\\]|\\.)*"|[^][{}"]', "", line)
    return max(accumulate((1 if sign in "[{" else -1 for sign in signs), initial=0))


def joinable(line: bytes) -> Any:
    """The id that a captured request is joined by, its own id and the request itself."""
    return _answered(_joinable, line)


def _joinable(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    found = parsed(line.decode(), parse_float=Number, parse_int=Number)
    if not isinstance(found, dict):
        raise Odd(REFUSED)
    captured = found.get("captureData")
    event = found.get("eventMetadata")
    if not isinstance(captured, dict) or not isinstance(event, dict | None):
        raise Odd(REFUSED)
    if not isinstance(captured.get("endpointOutput"), dict | None):
        raise Odd(REFUSED)
    own, other = (_id((event or {}).get(name)) for name in ("eventId", "inferenceId"))
    key = other or own
    if not key or not is_writable(key) or not is_writable(own):
        raise Odd(REFUSED)
    if not captured and found.get("requestMetadata") is not None:
        raise Odd(WITHOUT_DATA)
    return [(key, own or None, found)]


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
        found = json.loads(line.decode().strip(), parse_float=Number, parse_int=whole)
    except (ValueError, RecursionError):
        raise Odd(UNCLAIMED if repairing else REFUSED) from None
    values = found if isinstance(found, list) else [found]
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
    if any(isinstance(one, dict | list) for one in (event_id, data)):
        raise Odd(UNCLAIMED)
    own, text = (str(one) if isinstance(one, str) else text_of(one) for one in (event_id, data))
    if not text.strip() or not is_writable(text) or not is_writable(own):
        raise Odd(REFUSED)
    return own, text, encoding


def transform_output(line: bytes, encoding: str) -> Any:
    """The id that a transform appended to an output, and the output without it: parsed, or the text of CSV."""
    return _answered(_output_of_csv if encoding == "CSV" else _output_of_json, line)


def _output_of_json(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    found = parsed(line.decode())
    if not isinstance(found, dict):
        raise Odd(REFUSED)
    own = found.pop("SageMakerInferenceId", None)
    found.pop("SageMakerInferenceTime", None)
    if own is None or own == "":
        raise Odd(REFUSED)
    if not isinstance(own, str):
        raise Odd(UNCLAIMED)
    if not is_writable(own):
        raise Odd(REFUSED)
    return [(own, found)]


def _output_of_csv(line: bytes) -> list[Row]:
    if not is_utf_8(line):
        raise Odd(REFUSED)
    text = line.decode()
    if '"' in text or re.search(r"[\x00-\x1f\x7f-\xa0]", text):
        raise Odd(UNCLAIMED)
    *cells, own, time = ["", "", *text.split(",")]
    if len(cells) < 3 or time_of(time.strip(" ")) is None or not own.strip(" "):
        raise Odd(REFUSED)
    return [(own.strip(" "), ",".join(cells[2:]))]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, NaN included."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)
