"""Outputs of batch transforms as records that can be joined, and how captures are told from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from json.decoder import JSONDecodeError
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
from model_monitor.data.engine import engine_of
from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.data.reading.headers import first_line, head_of
from model_monitor.data.records.arrays import is_writable
from model_monitor.data.records.decoding import CSV
from model_monitor.data.records.refusals import Refusal
from model_monitor.data.records.windows import parse_time
from model_monitor.spark.merging.captured import Records, microseconds, scores_of
from model_monitor.spark.merging.hours import Score
from model_monitor.spark.merging.rows import json_texts
from model_monitor.spark.merging.sources import HourlySource

INFERENCE_ID, INFERENCE_TIME = "SageMakerInferenceId", "SageMakerInferenceTime"

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"

LAST_TWO_CELLS = re.compile(r'(.*?),\s*"?([^",]+)"?\s*,\s*"?([^",]+)"?\s*', re.ASCII)


@dataclass(frozen=True, slots=True)
class TransformOutput:
    """One output. inference_id, time: None where it has none. data: its JSON text without them. is_json: whether it is an
    object at all; the rest says nothing otherwise."""

    inference_id: str | None = None
    time: str | None = None
    data: str = ""
    is_json: bool = True


@dataclass(frozen=True, slots=True)
class Outputs:
    """The decoder of a transform's outputs. encoding: CSV or JSON. score: where in the output the score is, if asked for."""

    encoding: str
    score: Score | None = None

    def __call__(self, lines: pa.StringArray) -> Records:
        return Records.by_parts(lines, self._records)

    def _records(self, lines: pa.StringArray) -> Records:
        take_apart: Callable[[str], TransformOutput] = csv_output if self.encoding == CSV else transform_output
        found = [_decoded(line, take_apart) for line in lines.cast(pa.binary()).to_pylist()]
        reasons = np.array([reason for reason, _ in found], np.int32)
        outputs = [output for _, output in found]
        data = pa.array([output.data for output in outputs], pa.string())
        ids = pa.array([output.inference_id for output in outputs], pa.string())
        times = microseconds(pa.array([output.time for output in outputs], pa.string()))
        scores = scores_of(self.score, data, pa.repeat(self.encoding, len(data)))
        return Records(reasons, ids, ids, times, self._opened(data, ids), scores)

    def _opened(self, data: pa.StringArray, ids: pa.StringArray) -> pa.StringArray:
        """The captured record that each output is, without the brace that closes it."""
        before = '{"eventVersion":"0","captureData":{"batchTransformOutput":{"data":'
        between = f',"encoding":{json.dumps(self.encoding)}}}}},"eventMetadata":{{"eventId":'
        return pc.binary_join_element_wise(before, json_texts(data), between, json_texts(ids), "}", "")


def csv_output(line: str) -> TransformOutput:
    """A line of CSV taken apart. Without a time in the last cell the last two are cells of the model's own."""
    found = LAST_TWO_CELLS.fullmatch(line)
    if found is None or parse_time(found[3].strip(" ")) is None:
        return TransformOutput()
    return TransformOutput(found[2].strip(" ") or None, found[3].strip(" "), found[1])


def transform_output(text: str) -> TransformOutput:
    """An output, a line or a whole file, taken apart."""
    try:
        members = list(_members(text))
    except (ValueError, RecursionError):
        return TransformOutput(is_json=False)
    appended = {name: value for name, value, _ in members if name in (INFERENCE_ID, INFERENCE_TIME)}
    rest = ",".join(span for name, _, span in members if name not in appended)
    return TransformOutput(_text(appended.get(INFERENCE_ID)), _text(appended.get(INFERENCE_TIME)), f"{{{rest}}}")


def _members(text: str) -> Iterator[tuple[str, object, str]]:
    """Name, value and text of each member of the one object that `text` is."""
    at = _after_blanks(text, 0)
    at = _after(text, at, "{")
    while not text.startswith("}", at):
        start = at
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            raise JSONDecodeError("a name is no text", text, start)
        at = _after(text, _after_blanks(text, at), ":")
        value, at = _DECODER.raw_decode(text, at)
        yield name, value, text[start:at]
        at = _after_blanks(text, at)
        if not text.startswith("}", at):
            at = _after(text, at, ",")
            if text.startswith("}", at):
                raise JSONDecodeError("a comma behind the last member", text, at)
    if text[at + 1 :].strip(_BLANKS):
        raise JSONDecodeError("something behind the object", text, at)


def _after(text: str, at: int, mark: str) -> int:
    if not text.startswith(mark, at):
        raise JSONDecodeError(f"no {mark}", text, at)
    return _after_blanks(text, at + 1)


def _after_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _text(value: object) -> str | None:
    return None if value is None else str(value) or None


def _decoded(line: bytes, take_apart: Callable[[str], TransformOutput]) -> tuple[int, TransformOutput]:
    try:
        output = take_apart(line.decode())
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8, TransformOutput()
    if not output.is_json:
        return Refusal.NOT_A_JSON_OBJECT, output
    if not output.inference_id:
        return Refusal.NO_ID, TransformOutput()
    if not is_writable(output.inference_id):
        return Refusal.NOT_UTF_8, TransformOutput()
    return 0, output if is_writable(output.time or "") else replace(output, time=None)


# What the captures are, where nobody says: an endpoint's records, or outputs of a batch transform in CSV or JSON.


CapturedFormat = CaptureFormat | CsvFormat | JsonFormat
"""What can be merged."""


def format_of(session: SparkSession | Engine, source: HourlySource) -> CapturedFormat:
    """The format of the first file. What is nothing that can be merged counts as captures, whose lines are then refused.

    Raises BadInput if the file is no text.
    """
    if not source.files:
        return CaptureFormat()
    head = head_of(engine_of(session).storage(source.path), source.files[0].file, refuse_nul=False).decode(
        "utf-8-sig", "replace"
    )
    line = (first_line(head) or "").strip()
    if line.startswith("{"):
        if transform_output(line).inference_id is not None:
            return JsonFormat(lines=True)
        begins_document = not _is_json(line) and f'"{INFERENCE_ID}"' in head
        return JsonFormat(lines=False) if begins_document else CaptureFormat()
    *_, identifier, time = ["", "", *(cell.strip(' "') for cell in line.split(","))]
    return CsvFormat() if identifier and parse_time(time) else CaptureFormat()


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
