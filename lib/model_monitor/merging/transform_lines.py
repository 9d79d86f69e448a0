"""Outputs of a batch transform in JSON: the appended id and time, and the rest as it stands there. Pure.

Executors import this module. The two members are cut out of the text, so that what remains is the model's own, to the last
digit. Source: C3.2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from json.decoder import JSONDecodeError

import pyarrow as pa

INFERENCE_ID, INFERENCE_TIME = "SageMakerInferenceId", "SageMakerInferenceTime"

SCHEMA = "__key string, __written string, __data string, __is_json boolean"
ARROW = pa.schema(
    [("__key", pa.string()), ("__written", pa.string()), ("__data", pa.string()), ("__is_json", pa.bool_())]
)

_DECODER = json.JSONDecoder()
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class TransformOutput:
    """One output. inference_id, time: None where it has none. data: its JSON text without them. is_json: whether it is an
    object at all; the rest says nothing otherwise."""

    inference_id: str | None = None
    time: str | None = None
    data: str = ""
    is_json: bool = True


def transform_output(text: str) -> TransformOutput:
    """An output, a line or a whole file, taken apart."""
    try:
        members = list(_members(text))
    except (ValueError, RecursionError):
        return TransformOutput(is_json=False)
    appended = {name: value for name, value, _ in members if name in (INFERENCE_ID, INFERENCE_TIME)}
    rest = ",".join(span for name, _, span in members if name not in appended)
    return TransformOutput(_text(appended.get(INFERENCE_ID)), _text(appended.get(INFERENCE_TIME)), f"{{{rest}}}")


def split_outputs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Texts, the first column, as rows with `SCHEMA` in front of their other columns."""
    for batch in batches:
        raw = batch.column(0).cast(pa.binary()).to_pylist()  # as text it would have to be UTF-8
        outputs = [transform_output((text or b"").decode("utf-8", "replace")) for text in raw]
        columns = [
            pa.array([output.inference_id for output in outputs], pa.string()),
            pa.array([output.time for output in outputs], pa.string()),
            pa.array([output.data for output in outputs], pa.string()),
            pa.array([output.is_json for output in outputs], pa.bool_()),
        ]
        fields = [*ARROW, *list(batch.schema)]
        yield pa.RecordBatch.from_arrays([*columns, *batch.columns], schema=pa.schema(fields))


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
    return None if value is None or value == "" else str(value)
