"""Sound windows of every kind of monitoring and format, with a few odd records in each, made from a seed.

A record is odd by damage to its line or document, or by one of `CLASSES`, which says what is odd about its values.

The law: no record ends a run, the ledger adds up, and a window whose odd records are all refused has the very files of the window
without them.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.fuzz.damage import (
    NUMBERS,
    ODD_TEXTS,
    JsonText,
    Twice,
    damaged,
    damaged_bytes,
    encode_json,
    odd_value,
    write_line,
)
from tests.fuzz.reference import split_lines

ROWS = 300
FEW_ROWS = 60
"""Below 100 records a member that one record has is that of more than one in a hundred."""
BY_CLASS = 0.5  # of odd records; the others come to harm
MAX_ODD = 3  # of 300: the share that may be refused by default
NAMES = ("n", "x", "w", "y", "a", "p", "r", "s", "c", "d")
"""Whole numbers, fractions, texts, then label, prediction and probability, and those of regressions and of many classes."""

TYPES = pa.schema([*((name, pa.int64()) for name in "nya"), *((name, pa.float64()) for name in "xprs")])
PARQUET = pa.schema([TYPES.field(name) if name in TYPES.names else pa.field(name, pa.string()) for name in NAMES])

Row = dict[str, Any]
Made = tuple[bytes, int | None]  # a file and its records; None where requests and answers are logged apart


def generate_rows(seed: int, count: int = ROWS) -> list[Row]:
    rng = random.Random(seed)
    generated_rows = []
    for _ in range(count):
        n = rng.randint(18, 80)
        x = round(rng.gauss(5, 2), 3)
        w = rng.choice("FFM")
        y = int(rng.random() < 0.4)
        a = y if rng.random() < 0.85 else 1 - y
        # Of regressions and of many classes
        r = round(rng.gauss(50, 9), 2)
        c = rng.choice(("red", "green", "blue"))
        p = round(0.5 + (a - 0.5) * rng.random(), 3)
        s = round(r + rng.gauss(0, 2), 2)
        row = {"n": n, "x": x, "w": w, "y": y, "a": a, "p": p, "r": r, "s": s, "c": c}
        row["d"] = c if rng.random() < 0.8 else "blue"
        generated_rows.append(row)
    return generated_rows


def _cell(values: Callable[[random.Random], Any], names: Sequence[str] = NAMES) -> Callable[[random.Random, Row], Row]:
    return lambda rng, row: {**row, rng.choice(names): values(rng)}


def _nested(rng: random.Random) -> JsonText:
    depth, (opening, closing) = rng.randint(1, 3_000), rng.choice((("[", "]"), ('{"a":', "}")))
    return JsonText(opening * depth + "1" + closing * depth)


def _many(rng: random.Random, row: Row) -> Row:
    return {**row, **{f"k{number}": number for number in range(rng.choice((300, 3_000, 10_000)))}}


def _too_many(rng: random.Random, row: Row) -> Row:
    """More names than are accepted, in the record, in an object of it or in an array."""
    begin = rng.choice(("k", 'k"', "\\", "é"))
    names = {f"{begin}{number}": number for number in range(rng.choice((20_100, 60_000)))}
    return rng.choice(({**row, **names}, {**row, "n": names}, {**row, "n": [row["n"], names]}))


def _twice(rng: random.Random, row: Row) -> Row:
    name = rng.choice(NAMES)
    return {**row, name: Twice([(name, row[name]), (name, odd_value(rng))])}


Odd = Callable[[random.Random, Row], Row]
CLASSES: Mapping[str, Odd] = {
    "huge whole numbers": _cell(
        lambda rng: JsonText(rng.choice(("", "-")) + rng.choice(("9" * rng.randint(15, 5_000), f"{2**63}", f"{2**64}")))
    ),
    "deep nesting": _cell(_nested),
    "third labels": _cell(lambda rng: rng.choice((2, -1, 0.5, "n/a", "maybe", "1 ", True, None)), "yac"),
    "no finite numbers": _cell(lambda rng: JsonText(rng.choice(("NaN", "Infinity", "-Infinity", "1e999", "-1e999")))),
    "objects and arrays": _cell(lambda rng: rng.choice(([], {}, [1, "a"], {"a": 1}, [[1]], {"": None}, [{"n": 1}]))),
    "odd names": lambda rng, row: {**row, rng.choice(("n.n", "n`", 'n"x', " n", "n ", "", "n\tx", "é", "N", "$.n")): 1},
    "other types": _cell(lambda rng: rng.choice((True, None, "text", "7", 7, 0.5, "0x1f", "1,5", "2022-02-30"))),
    "nothing": lambda rng, row: rng.choice(({}, {"n": row["n"]}, dict.fromkeys(row), dict.fromkeys(row, ""))),
    "a key twice": _twice,
    "lone surrogates": lambda rng, row: {**row, rng.choice((*NAMES, "\ud800")): rng.choice(("\ud800", "a\udfff"))},
    "long texts": _cell(lambda rng: rng.choice("a9é ,") * rng.choice((300, 33_000, 300_000))),
    "many keys": _many,
    "more keys than are accepted": _too_many,
}
"""What is odd about a record: the row that it is made of. Formats write it as they can."""


def make_odd_row(row: Row, rng: random.Random) -> Row:
    """One by a class."""
    return CLASSES[rng.choice([*CLASSES])](rng, row)


def format_cell(value: Any) -> str:
    """As a cell of CSV, in quotes where it needs them."""
    if isinstance(value, Twice):
        value = value[-1][1]
    if value is None:
        text = ""
    elif isinstance(value, str):
        text = value
    else:
        text = encode_json(value)
    if any(letter in text for letter in ',"\n\r'):
        return '"{}"'.format(text.replace('"', '""'))
    return text


def in_lines(lines: Sequence[bytes], header: bytes = b"") -> Made:
    content = b"".join(line + b"\n" for line in ([header] if header else []) + list(lines))
    return content, len(split_lines(content)) - bool(header)


def _csv(row: Row) -> bytes:
    return ",".join(map(str, row.values())).encode()


def _odd_csv(rng: random.Random, row: Row) -> bytes:
    if rng.random() < BY_CLASS:
        return ",".join(map(format_cell, make_odd_row(row, rng).values())).encode("utf-8", "surrogatepass")
    cells = [str(value) for value in row.values()]
    kind = rng.randrange(4)
    if kind == 0:
        return damaged_bytes(_csv(row), rng)
    if kind == 1:
        return ",".join(rng.choice((cells[:-1], [*cells, "1"], cells[:1], cells * 40))).encode()
    position = rng.randrange(len(cells))
    text = rng.choice((*ODD_TEXTS, *NUMBERS, "n/a", "None", "9" * 400, "1e400", "0.5", "1.0"))
    if kind != 2 and "\n" not in text and "\r" not in text:
        text = '"{}"'.format(text.replace('"', '""'))
    cells[position] = text
    return ",".join(cells).encode("utf-8", "surrogatepass")


def _odd_object(rng: random.Random, row: Row) -> Row:
    document = dict(row)
    if rng.random() < BY_CLASS:
        return make_odd_row(document, rng)
    if rng.random() < 0.5:
        document[rng.choice((*NAMES, "more", "n.n", "", " "))] = odd_value(rng)
        return document
    return damaged(document, rng)


def _odd_json_line(rng: random.Random, row: Row) -> bytes:
    line = write_line(_odd_object(rng, row), rng)
    if rng.random() < 0.3:
        return damaged_bytes(line, rng)
    return line


def _odd_element(rng: random.Random, row: Row) -> bytes:
    """Of an array that is JSON as a whole, however deep: what is none is a whole file's fault."""
    while True:
        text = encode_json(rng.choice((_odd_object(rng, row), odd_value(rng))), ascii_only=True)
        try:
            json.loads(f"[{text}]", parse_int=str)
        except ValueError:
            continue
        except RecursionError:
            if not _is_balanced(text):
                continue
        return text.encode()


def _is_balanced(text: str) -> bool:
    """Whether a text that is too deep for a parser closes what it opens."""
    return text.count("[") == text.count("]") and text.count("{") == text.count("}")


def _array(elements: Sequence[bytes]) -> Made:
    return b"[" + b",\n".join(elements) + b"]", len(elements)


def _half(data: str, mode: str, encoding: str) -> dict[str, Any]:
    return {"observedContentType": f"text/{encoding.lower()}", "mode": mode, "data": data, "encoding": encoding}


def captured(row: Row, output: str = "ap", label: str | None = None, encoding: str = "CSV") -> dict[str, Any]:
    """A record of a row; what it has beside the names of the outputs and labels stands in the request."""
    halves = {}
    inputs = [name for name in row if name in ("n", "x", "w") or name not in NAMES]
    for half, mode, names in (("endpointInput", "INPUT", inputs), ("endpointOutput", "OUTPUT", output)):
        values = {name: row[name] for name in names if name in row}
        if encoding == "CSV":
            text = ",".join(map(format_cell, values.values()))
        else:
            text = encode_json(values)
        halves[half] = _half(text, mode, encoding)
    record: dict[str, Any] = {"captureData": halves}
    if label is not None:
        record["groundTruthData"] = {"data": format_cell(row.get(label)), "encoding": "CSV"}
    event = {"eventId": format_cell(row.get("x"))[:40], "inferenceTime": "2026-11-01T10:00:00Z"}
    return {**record, "eventMetadata": event, "eventVersion": "0"}


@dataclass(frozen=True)
class Format:
    """sound, odd: a record as it stands in a file. made: the file of some records. word: what `--dataset-format` says, None
    if the format is detected. suffix: of the file's name."""

    name: str
    sound: Callable[[Row], Any]
    odd: Callable[[random.Random, Row], Any]
    made: Callable[[Sequence[Any]], Made]
    word: str | None
    suffix: str


ODD_PAYLOADS = (*ODD_TEXTS, "9" * 400, "n/a", "30,n/a,F", "1,n/a", "n/a,0.5", "9" * 400 + ",1,F")


def make_capture_format(name: str, word: str | None = "capture", **how: Any) -> Format:
    def odd(rng: random.Random, row: Row) -> bytes:
        if rng.random() < BY_CLASS:
            return encode_json(captured(make_odd_row(row, rng), **how)).encode()
        record = captured(row, **how)
        if rng.random() < 0.3:  # a cell
            halves = list(record["captureData"].values())
            if how.get("label"):
                halves.append(record["groundTruthData"])
            cells = rng.choice(halves)
            cells["data"] = rng.choice(ODD_PAYLOADS)
            return encode_json(record).encode()
        return _damage_line(rng, record)

    return Format(name, lambda row: encode_json(captured(row, **how)).encode(), odd, in_lines, word, "jsonl")


def _damage_line(rng: random.Random, document: Row) -> bytes:
    line = write_line(damaged(document, rng), rng)
    if rng.random() < 0.3:
        return damaged_bytes(line, rng)
    return line


LogRecords = Callable[[Row, str], list[Row]]
"""The records of a log for a row, of the id that is given: one, or a request and its answer."""


def make_log_format(
    name: str, make_records: LogRecords, word: str | None = None, *, is_in_halves: bool = False
) -> Format:
    """The log of a model server, a record a line. is_in_halves: whether a request and its answer are two records."""

    def make_sound(row: Row) -> bytes:
        records = make_records(row, encode_json(row))
        return b"\n".join(encode_json(record).encode() for record in records)

    def make_odd(rng: random.Random, row: Row) -> bytes:
        identifier = f"odd {rng.random()}"
        if rng.random() < BY_CLASS:
            row = make_odd_row(row, rng)
        records = make_records(row, identifier)
        lines = [encode_json(record).encode() for record in records]
        position = rng.randrange(len(lines))
        lines[position] = _damage_line(rng, records[position])
        return b"\n".join(lines)

    def make_file(records: Sequence[bytes]) -> Made:
        content, count = in_lines(records)
        if is_in_halves:
            return content, None
        return content, count

    return Format(name, make_sound, make_odd, make_file, word, "jsonl")


def _format_bodies(row: Row) -> tuple[JsonText, JsonText]:
    """The request and the answer of a row, as JSON."""
    inputs = {name: value for name, value in row.items() if name in ("n", "x", "w") or name not in NAMES}
    answers = {name: row[name] for name in "ap" if name in row}
    request = encode_json(inputs, ascii_only=True)
    answer = encode_json(answers, ascii_only=True)
    return JsonText(request), JsonText(answer)


LOG_TIME = "2026-11-01T10:00:00Z"
LOG_WINDOW = ("--start-time", LOG_TIME, "--end-time", "2026-11-01T11:00:00Z")
LOG_MAPPING = "id: id\ntime: at\nrequest: asked\nresponse: replied\nstatus: code\n"


def make_vertex_row(row: Row, identifier: str) -> list[Row]:
    request, answer = _format_bodies(row)
    payloads = {"request_payload": [f"{request}"], "response_payload": [f"{answer}"]}
    members = {"request_id": identifier, "logging_time": LOG_TIME}
    return [members | payloads]


def make_inference_row(row: Row, identifier: str) -> list[Row]:
    request, answer = _format_bodies(row)
    records = f'{{"dataframe_records":[{request}]}}'
    predictions = f'{{"predictions":[{answer}]}}'
    members = {"databricks_request_id": identifier, "request_time": LOG_TIME, "status_code": 200}
    return [{**members, "request": records, "response": predictions}]


def make_mapped_record(row: Row, identifier: str) -> list[Row]:
    request, answer = _format_bodies(row)
    return [{"id": identifier, "at": LOG_TIME, "asked": request, "replied": answer, "code": 200}]


def make_inference_events(row: Row, identifier: str) -> list[Row]:
    request, answer = _format_bodies(row)
    event = {"specversion": "1.0", "id": identifier, "time": LOG_TIME, "datacontenttype": "application/json"}
    kind = "org.kubeflow.serving.inference"
    instances = JsonText(f'{{"instances":[{request}]}}')
    predictions = JsonText(f'{{"predictions":[{answer}]}}')
    request_event = {**event, "type": f"{kind}.request", "data": instances}
    answer_event = {**event, "type": f"{kind}.response", "data": predictions}
    return [request_event, answer_event]


def make_collected_events(row: Row, identifier: str) -> list[Row]:
    request, answer = _format_bodies(row)
    event = {"specversion": "1.0", "correlationid": identifier, "time": LOG_TIME}
    kind = "azureml.inference"
    request_event = {**event, "id": f"{identifier} in", "type": f"{kind}.inputs", "data": JsonText(f"[{request}]")}
    answer_event = {**event, "id": f"{identifier} out", "type": f"{kind}.outputs", "data": JsonText(f"[{answer}]")}
    return [request_event, answer_event]


def make_stored_bodies(row: Row, identifier: str) -> list[Row]:
    """As KServe's blob store has them in Parquet."""
    rows = []
    for event in make_inference_events(row, identifier):
        body = event["data"]
        rows.append({"id": identifier, "req_type": event["type"], "bytes": body})
    return rows


LOG_TYPES = {
    "request_time": pa.timestamp("us", "Mars/Phobos"),  # a zone that nobody knows
    "logging_time": pa.timestamp("ns"),
    "status_code": pa.int32(),
    "bytes": pa.binary(),
    "request_payload": pa.list_(pa.string()),
    "response_payload": pa.list_(pa.string()),
}
"""Types of columns that are no texts."""

ODD_TICKS = (None, 0, -1, 2**63 - 1, -(2**63), 4 * 10**17)
ODD_STATUSES = (None, 0, -1, 500, 2**31 - 1)
ODD_BYTES = (*(text.encode("utf-8", "surrogatepass") for text in ODD_TEXTS), b"\xff", b"[" * 3_000, b'{"a": 1}', None)


def make_log_table(name: str, word: str, make_records: LogRecords) -> Format:
    """The log of a model server in Parquet."""

    def make_odd(rng: random.Random, row: Row) -> list[Row]:
        identifier = f"odd {rng.random()}"
        if rng.random() < BY_CLASS:
            return make_records(make_odd_row(row, rng), identifier)
        records = make_records(row, identifier)
        record = rng.choice(records)
        column = rng.choice([*record])
        column_type = LOG_TYPES.get(column, pa.string())
        if pa.types.is_timestamp(column_type):
            record[column] = rng.choice(ODD_TICKS)
        elif pa.types.is_integer(column_type):
            record[column] = rng.choice(ODD_STATUSES)
        elif pa.types.is_list(column_type):
            further_texts = [*record[column], b"1"]
            record[column] = rng.choice((None, [], [None], [rng.choice(ODD_BYTES)], further_texts))
        else:
            record[column] = rng.choice(ODD_BYTES)
        return records

    def make_file(made_rows: Sequence[list[Row]]) -> Made:
        rows = [record for records in made_rows for record in records]
        columns = {}
        for column in rows[0]:
            cells = [row[column] for row in rows]
            columns[column] = _make_log_column(cells, column)
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        if len(rows) > len(made_rows):
            return sink.getvalue(), None
        return sink.getvalue(), len(rows)

    return Format(name, lambda row: make_records(row, encode_json(row)), make_odd, make_file, word, "parquet")


def _make_log_column(values: Sequence[LogCell], name: str) -> pa.Array:
    column_type = LOG_TYPES.get(name, pa.string())
    encoded_values = [*map(_encode_value, values)]
    if pa.types.is_integer(column_type):
        return pa.array(encoded_values, column_type)
    if pa.types.is_timestamp(column_type):
        in_utc = pa.timestamp(column_type.unit, "UTC")
        time = pa.scalar(LOG_TIME).cast(in_utc).value
        ticks = [time if value == LOG_TIME.encode() else value for value in encoded_values]
        return pa.array(ticks, pa.int64()).cast(column_type)
    # Texts of any bytes
    if pa.types.is_list(column_type):
        return pa.array(encoded_values, pa.list_(pa.binary())).cast(column_type, safe=False)
    return pa.array(encoded_values, pa.binary()).cast(column_type, safe=False)


LogCell = str | bytes | int | list[str | bytes | None] | None


def _encode_value(value: LogCell) -> bytes | int | list[bytes | None] | None:
    if isinstance(value, list):
        return [*map(_encode_value, value)]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value


def _odd_typed(rng: random.Random, row: Row) -> Row:
    """A row of Parquet: whatever its columns can hold."""
    name = rng.choice(NAMES)
    column_type = PARQUET.field(name).type
    if pa.types.is_integer(column_type):
        return {**row, name: rng.choice((None, -1, 2, 2**63 - 1, -(2**63)))}
    if pa.types.is_floating(column_type):
        return {**row, name: rng.choice((None, float("nan"), float("inf"), -float("inf"), 1e308, -5e-324, 7.0, -0.0))}
    texts = (None, *ODD_TEXTS, "9" * 400, "n/a", "a" * 300_000, "[" * 3_000, '{"a": 1}')
    return {**row, name: rng.choice([text for text in texts if text is None or text.isascii() or text.isprintable()])}


def _parquet(rows: Sequence[Row]) -> Made:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), PARQUET), sink)
    return sink.getvalue(), len(rows)


CSV = Format("csv", _csv, _odd_csv, lambda lines: in_lines(lines, ",".join(NAMES).encode()), "csv", "csv")
JSON_LINES = Format("jsonl", lambda row: encode_json(row).encode(), _odd_json_line, in_lines, "jsonl", "jsonl")
JSON = Format("json", JSON_LINES.sound, _odd_element, _array, "json", "json")
TABLE = Format("parquet", dict, _odd_typed, _parquet, "parquet", "parquet")
TABLES = (CSV, JSON_LINES, JSON, TABLE)

LOGS = (
    make_log_format("vertex", make_vertex_row),
    make_log_format("databricks", make_inference_row),
    make_log_format("mapped", make_mapped_record, "captures.yaml"),
    make_log_table("vertex-parquet", "vertex", make_vertex_row),
    make_log_table("databricks-parquet", "databricks", make_inference_row),
    make_log_table("kserve-parquet", "kserve", make_stored_bodies),
)
LOGS_IN_HALVES = (
    make_log_format("kserve", make_inference_events, is_in_halves=True),
    make_log_format("azure-ml", make_collected_events, is_in_halves=True),
)
"""Read by a window, which leaves out what is of other hours without a count."""

BIAS = {
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "w", "value_or_threshold": ["F"]}, {"name_or_index": "n", "value_or_threshold": [40]}],
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}
SHAP = {"methods": {"shap": {"baseline": [[30, 5.0]], "seed": 1}}, "predictor": {"label_headers": ["buys"]}}
MODEL = """
def score(frame):
    return frame["n"] / 100 + frame["x"] / 50

# It refuses texts alone: without a record of another number, JSON has a column of another type, which files show
def score_of_any_number(frame):
    return score(frame).clip(0, 1).fillna(0)
"""


@dataclass(frozen=True)
class Kind:
    """A kind of monitoring of data in a format. config: of Clarify's analysis."""

    monitoring: str
    format: Format
    flags: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.monitoring}-{self.format.name}"


def _quality(problem: str, label: str, answer: tuple[str, ...], kind: Format, *, by_place: bool = False) -> Kind:
    flags = ["--analysis-type", "MODEL_QUALITY", "--problem-type", problem]
    addresses = ["0", "1"] if by_place else list(answer)
    flags += [] if by_place else ["--ground-truth-attribute", label]
    for name, address in zip(
        ("--inference-attribute", "--probability-attribute"), addresses[: len(answer)], strict=False
    ):
        flags += [name, address]
    return Kind(problem, kind, tuple(flags))


PROBLEMS = {
    "BinaryClassification": ("y", ("a", "p")),
    "MulticlassClassification": ("c", ("d", "p")),
    "Regression": ("r", ("s",)),
}
MERGED = {
    problem: make_capture_format("merged", "merged", output="".join(answer), label=label)
    for problem, (label, answer) in PROBLEMS.items()
}
BIAS_FLAGS = ("--analysis-type", "MODEL_BIAS")
BIAS_OF_MODEL_FLAGS = (*BIAS_FLAGS, "--model", "odd_model:score_of_any_number")
SHAP_FLAGS = ("--analysis-type", "MODEL_EXPLAINABILITY", "--model", "odd_model:score")

KINDS_OF_LOGS = [Kind("data", kind) for kind in LOGS]
KINDS_OF_LOGS += [Kind("data", kind, LOG_WINDOW) for kind in LOGS_IN_HALVES]
KINDS = (
    *(Kind("data", kind) for kind in TABLES),
    Kind("data", make_capture_format("capture")),
    Kind("data", make_capture_format("capture-json", encoding="JSON")),
    Kind("data", make_capture_format("merged", "merged", label="y")),
    Kind("data", make_capture_format("detected", None, encoding="JSON"), LOG_WINDOW),
    *KINDS_OF_LOGS,
    *(_quality(problem, *how, kind) for problem, how in PROBLEMS.items() for kind in TABLES),
    *(_quality(problem, *how, MERGED[problem], by_place=True) for problem, how in PROBLEMS.items()),
    *(Kind("bias", kind, BIAS_FLAGS, {**BIAS, "predicted_label": "a"}) for kind in TABLES),
    Kind(
        "bias",
        MERGED["BinaryClassification"],
        (*BIAS_FLAGS, "--inference-attribute", "0"),
        {**BIAS, "headers": [*"nxw", "y"]},
    ),
    *(Kind("bias-of-model", kind, BIAS_OF_MODEL_FLAGS, BIAS, tuple(set(NAMES) - {*"nxwy"})) for kind in TABLES),
    *(Kind("shap", kind, SHAP_FLAGS, SHAP, tuple(set(NAMES) - {"n", "x"})) for kind in TABLES),
    *(
        Kind("shap", kind, SHAP_FLAGS, {**SHAP, "headers": [*"nxw"]}, ("w",))
        for kind in (
            make_capture_format("capture"),
            make_capture_format("capture-json", encoding="JSON"),
            MERGED["BinaryClassification"],
        )
    ),
)

FILES = ("statistics.json", "constraints.json", "constraint_violations.json", "checks.json", "analysis.json")
RESULTS = ("kept", "dropped_by_script", "outside_window", "sampled_out", "without_data")


@dataclass(frozen=True)
class Ended:
    """What a job left: its status and what it said, the account of records, and its files."""

    status: int
    said: str
    records: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def refused(self) -> int:
        return sum(self.records["quarantined"].values())


def run(kind: Kind, job: str, content: bytes, folder: Path, *flags: str) -> Ended:
    """A job over one file, in this process."""
    source = folder / f"window.{kind.format.suffix}"
    output = folder / job
    source.write_bytes(content)
    shutil.rmtree(output, ignore_errors=True)
    words = ["--dataset-source", str(source)]
    words += ["--output-path", str(output)]
    if kind.format.word is not None:
        words += ["--dataset-format", kind.format.word]
    words += [*kind.flags, "--max-quarantined-share", "0.05", *flags]  # a line that is cut in two is two records
    if kind.config is not None:
        (folder / "analysis_config.json").write_text(json.dumps({"dataset_type": "text/csv", **kind.config}))
        words += ["--analysis-config", str(folder / "analysis_config.json")]
    words += ["--exclude-features-attribute", ",".join(kind.left_out)] if kind.left_out else []
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    before = os.getcwd()
    os.chdir(folder)
    try:
        status = importlib.import_module(f"jobs.{job}").main(words)
    finally:
        os.chdir(before)
        logging.getLogger().removeHandler(handler)
    ledger = output / "ledger.json"
    if status == 0:
        records = json.loads(ledger.read_text())["records"]
    else:
        records = {}
    files = {name: (output / name).read_bytes() for name in FILES if (output / name).exists()}
    return Ended(int(status), log.getvalue(), records, files)


class Law:
    """The law of a kind, in a folder of its own; its baseline and its quiet windows are made once."""

    def __init__(self, kind: Kind, folder: Path, *flags: str, rows: int = ROWS) -> None:
        self.kind = kind
        self.folder = folder
        self.flags = flags
        (folder / "odd_model.py").write_text(MODEL)
        (folder / "captures.yaml").write_text(LOG_MAPPING)
        self.sound = [kind.format.sound(row) for row in generate_rows(1, rows)]
        self.quiet = {}
        self.quiet["baseline"] = self.run("baseline", self.sound)
        (folder / "baseline").rename(folder / "known")
        self.quiet["monitor"] = self.run("monitor", self.sound)

    def run(self, job: str, records: Sequence[Any], *flags: str) -> Ended:
        content, read = self.kind.format.made(records)
        if job == "monitor":
            baseline_flags = ("--baseline", str(self.folder / "known"))
        else:
            baseline_flags = ()
        ended = run(self.kind, job, content, self.folder, *baseline_flags, *self.flags, *flags)
        assert ended.status == 0, f"{job} ended with {ended.status}: {ended.said[-3000:]}"
        left_out = sum(ended.records.get("not_in_log", {}).values())
        parts = sum(ended.records[name] for name in RESULTS) + ended.refused + left_out
        account = f"{job}: {read} records, and the ledger has {ended.records}"
        assert ended.records["read"] == parts, account
        assert read in (None, parts), account
        return ended

    def window(self, seed: int) -> list[Any]:
        """The records of a window, some of them odd."""
        rng = random.Random(f"{self.kind.name} {seed}")
        rows = generate_rows(seed)
        odd = [self.kind.format.odd(rng, row) for row in rows[: rng.choice((1, 1, 1, 2, MAX_ODD))]]
        records = list(self.sound)
        for odd_record in odd:
            records.insert(rng.choice((0, len(records), rng.randrange(len(records)))), odd_record)
        return records

    def hold(self, seed: int) -> tuple[Ended, ...]:
        """What both jobs leave of a window. Raises AssertionError if it breaks the law."""
        records = self.window(seed)
        left = []
        for job in ("monitor", "baseline") if seed % 3 == 0 else ("monitor",):
            ended = self.run(job, records)
            quiet = self.quiet[job]
            left.append(ended)
            if ended.records["kept"] == quiet.records["kept"]:
                for name in quiet.files:
                    same = ended.files.get(name) == quiet.files[name]
                    assert same, f"{job} writes another {name} of a window without {ended.refused} refused records"
                assert ended.files.keys() == quiet.files.keys()
        return tuple(left)
