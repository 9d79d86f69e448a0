"""Ground-truth records that are not plain: what they are after all, and what had to be repaired. Pure.

Executors import this module. It gets the few lines that can't be read many at once, and the files that are one JSON array over
several lines. What people write in practice is repaired, and said: records printed by Python's `str(dict)`, and records
joined by commas. Source: C6.1; the repairs: aws/sagemaker-python-sdk#3224.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from model_monitor.data.records.arrays import is_utf_8, is_writable
from model_monitor.data.records.json_values import json_value, python_literal
from model_monitor.data.records.refusals import Refusal

ENCODINGS = ("CSV", "JSON", "BASE64")


class Repair(IntEnum):
    """What a record needed to be read; 0 in a frame for nothing."""

    PYTHON_LITERAL = 1
    JOINED_BY_COMMAS = 2

    @property
    def text(self) -> str:
        """The repair in words, as ledger and log say it."""
        return REPAIRS[self]


REPAIRS = {
    Repair.PYTHON_LITERAL: "written by Python's str(dict), not as JSON",
    Repair.JOINED_BY_COMMAS: "joined by commas",
}


@dataclass(frozen=True, slots=True)
class Label:
    """One ground-truth record. event_id and truth, the JSON text of its `groundTruthData`, are None if it is refused.

    line: the line that it is on. content: its own text instead, if it is an element of an array over several lines.
    """

    event_id: str | None = None
    truth: str | None = None
    reason: int = 0
    repair: int = 0
    line: bytes | None = None
    content: str | None = None


def labels_of_line(line: bytes, *, repairing: bool = True) -> list[Label]:
    """The records of one line; a line with one that can't be read is one refused record."""
    text = line.decode("utf-8", "replace").strip()
    if "\ufffd" in text and not is_utf_8(line):
        return [Label(reason=Refusal.NOT_UTF_8, line=line)]
    found, repair = _values(text, repairing=repairing)
    if found is None:
        several = not repairing and _values(text, repairing=True)[1] == Repair.JOINED_BY_COMMAS
        reason = Refusal.SEVERAL_JSON_OBJECTS if several else Refusal.NOT_A_JSON_OBJECT
        return [Label(reason=reason, line=line)]
    labels = [replace(_label(value), repair=repair, line=line) for value in found]
    refused = [label for label in labels if label.reason]
    return refused[:1] or labels or [Label(reason=Refusal.NOT_GROUND_TRUTH, line=line)]


def labels_of_file(content: bytes, *, repairing: bool = True) -> list[Label]:
    """The records of a file that begins as an array: its elements, or what is on its lines if it is no array to its end."""
    text = content.decode("utf-8-sig", "replace").strip()
    found, repair = _values(text, repairing=repairing)
    if found is None or repair == Repair.JOINED_BY_COMMAS or not is_utf_8(content):
        lines = [line for line in content.split(b"\n") if line.strip()]
        return [label for line in lines for label in labels_of_line(line.rstrip(b"\r"), repairing=repairing)]
    return [replace(_label(value), repair=repair, content=_content(value)) for value in found]


def _values(text: str, *, repairing: bool) -> tuple[list[Any] | None, int]:
    """The records in a text, and what had to be repaired; None if they can't be read."""
    plain = _json(text)
    if plain is not None:
        return plain, 0
    if not repairing:
        return None, 0
    joined = _json(f"[{text.rstrip(', ')}]")
    if joined is not None:
        return joined, Repair.JOINED_BY_COMMAS
    literal = _literal(text.rstrip(", "))
    return literal, Repair.PYTHON_LITERAL


class _Number(float):
    """A number with a fraction, as it was written."""

    text = ""

    @classmethod
    def of(cls, text: str) -> _Number:
        number = cls(text)
        number.text = text
        return number


def _json(text: str) -> list[Any] | None:
    try:
        value = json_value(text, parse_float=_Number.of)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else [value]


def _literal(text: str) -> list[Any] | None:
    try:
        value = python_literal(text)
    except ValueError:
        return None
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _label(value: Any) -> Label:
    truth, metadata = _member(value, "groundTruthData"), _member(value, "eventMetadata")
    if truth is None:
        return Label(reason=Refusal.NOT_GROUND_TRUTH)
    event_id = None if metadata is None else metadata.get("eventId")
    if event_id is None or event_id == "":
        return Label(reason=Refusal.NO_ID)
    data = truth.get("data")
    try:
        own, text, encoding = _text(event_id), _text(data), str(truth.get("encoding") or "CSV")
    except NOT_WRITTEN:
        return Label(reason=Refusal.NOT_GROUND_TRUTH)
    if data is None or not text.strip():
        return Label(reason=Refusal.NO_LABEL)
    if encoding.upper() not in ENCODINGS:
        return Label(reason=Refusal.UNKNOWN_ENCODING)
    if not is_writable(text) or not is_writable(own):
        return Label(reason=Refusal.NOT_UTF_8)
    return Label(own, json.dumps({"data": text, "encoding": encoding}, separators=(",", ":"), ensure_ascii=False))


NOT_WRITTEN = (TypeError, ValueError, RecursionError)
"""What `json.dumps` raises for what it can't write: Python's own literals hold bytes, sets and numbers of any length."""


def _text(value: Any) -> str:
    """A value as a text: what it says if it is one, else how it is written. Raises NOT_WRITTEN if JSON can't write it."""
    if isinstance(value, _Number):
        return value.text
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _content(value: Any) -> str:
    """An element of an array as the quarantine keeps it: as JSON, else as Python writes it, else by its type."""
    for write in (_json_of, json.dumps, repr):
        try:
            text = write(value)
        except NOT_WRITTEN:
            continue
        if is_writable(text):
            return text
    return type(value).__name__


def _json_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _member(value: Any, name: str) -> dict[str, Any] | None:
    member = value.get(name) if isinstance(value, dict) else None
    return member if isinstance(member, dict) else None
