"""JSON as typed columns, with the types that Spark infers of it and the faults that it finds. Pure.

What few files hold and Spark reads in a way of its own (integers of more than 64 bits, objects beside texts in one feature)
raises NeedsSpark. Source: JsonInferSchema and JacksonParser of Spark 3.5.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, TypeAlias

import pyarrow as pa

from model_monitor.data.records.json_lines import nested_object
from model_monitor.data.records.locations import PLACE_FIELDS
from model_monitor.data.records.refusals import REASON, Refusal
from model_monitor.documents.json_text import java_double
from model_monitor.errors import BadInput, NeedsSpark

LONG, DOUBLE, TEXT, BOOLEAN = "long", "double", "text", "boolean"
NOTHING = None
"""Kinds of values; of a null nothing is known. An array is a tuple of the kind of its elements, an object a dict by name."""

Kind: TypeAlias = Any

ARROW = {LONG: pa.int64(), DOUBLE: pa.float64(), TEXT: pa.string(), BOOLEAN: pa.bool_(), NOTHING: pa.string()}

DEEPEST = 100  # objects and arrays inside each other that a record may have, as the engine of Spark takes them

PLAIN_FROM, PLAIN_BELOW = 1e-9, 1e16  # doubles that have one text, whatever the release of Java

INFERRED = pa.schema([("kind", pa.binary())])

ACCOUNT = (pa.field(REASON, pa.int32()), *PLACE_FIELDS)  # what stands behind the features of lines

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder()


def infer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The kind of all objects that a partition's lines begin with; lines that are no JSON say nothing."""
    found: Kind = NOTHING
    for batch in batches:
        for line in batch.column(0).view(pa.binary()).to_pylist():
            try:
                text = line.decode()
                value, _ = _DECODER.raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
            except (ValueError, RecursionError):
                if b"INF" in line or b"+Inf" in line:
                    raise NeedsSpark("JSON with INF or +Infinity for a number") from None
                continue
            found = _merged(found, _root(_kind_of(value)) if _depth(value) <= DEEPEST else NOTHING)
    yield pa.RecordBatch.from_pylist([{"kind": pickle.dumps(found)}], INFERRED)


def infer_documents(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same of whole files. batches: with the file behind the text."""
    found: Kind = NOTHING
    for batch in batches:
        for content, file in zip(
            batch.column(0).view(pa.binary()).to_pylist(), batch.column(1).to_pylist(), strict=True
        ):
            found = reduce(_merged, map(_kind_of, _objects(content, file)), found)
    yield pa.RecordBatch.from_pylist([{"kind": pickle.dumps(found)}], INFERRED)


def kind_of_all(batches: Sequence[pa.RecordBatch], where: str) -> Kind:
    """The features of all partitions. Raises BadInput if there is no object."""
    found = reduce(_merged, (pickle.loads(blob.as_py()) for batch in batches for blob in batch.column(0)), NOTHING)
    features = _settled(found)
    if not isinstance(features, dict) or not features:
        raise BadInput(
            f"{where}: no JSON object was found; --dataset-format jsonl wants one object a line, "
            'like {"age": 31, "plan": "basic"}, and json one object or array a file'
        )
    return features


def require_flat(features: Kind, where: str) -> None:
    """Raises BadInput for a feature that is a nested object (C11.18)."""
    for name, kind in sorted(features.items()):
        if isinstance(kind, dict):
            raise BadInput(nested_object(name, where))


def leaves(features: Kind, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Kind]]:
    """Every member that is no object, by its path, in the order of Spark's columns."""
    for name in sorted(features, key=lambda name: name.encode("utf-16-be", "surrogatepass")):
        kind = features[name]
        if isinstance(kind, dict):
            yield from leaves(kind, (*path, name))
        else:
            yield (*path, name), kind


def arrow_type(kind: Kind) -> pa.DataType:
    """The type of a column. Of arrays of arrays, or of objects, it matters only whether an element is there."""
    if isinstance(kind, tuple):
        element = kind[0]
        return pa.list_(pa.bool_() if isinstance(element, (tuple, dict)) else arrow_type(element))
    return ARROW[kind]


def rows_of_lines(
    columns: tuple[tuple[tuple[str, ...], Kind], ...], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The objects of lines as columns, with the reason for refusing a line and its place behind them."""
    for batch in batches:
        found = [_of_line(line) for line in batch.column(0).view(pa.binary()).to_pylist()]
        cells = _cells([value for value, _ in found], columns, schema)
        reasons = pa.array([int(reason) for _, reason in found], schema.field(REASON).type)
        yield pa.RecordBatch.from_arrays([*cells, reasons, *batch.columns], schema=schema)


def rows_of_documents(
    columns: tuple[tuple[tuple[str, ...], Kind], ...], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The objects of whole files as columns."""
    for batch in batches:
        for content, file in zip(
            batch.column(0).view(pa.binary()).to_pylist(), batch.column(1).to_pylist(), strict=True
        ):
            cells = _cells(list(_objects(content, file)), columns, schema)
            yield pa.RecordBatch.from_arrays(cells, schema=schema)


def _of_line(line: bytes) -> tuple[dict[str, Any], int]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return {}, Refusal.NOT_UTF_8
    try:
        values = json.loads(f"[{text},null]")
    except (ValueError, RecursionError):
        return {}, Refusal.NOT_A_JSON_OBJECT
    *objects, _ = values
    if len(objects) > 1 and all(isinstance(value, dict) for value in objects):
        return {}, Refusal.SEVERAL_JSON_OBJECTS
    if len(objects) > 1:
        raise NeedsSpark("JSON with several values in a line")
    if not isinstance(objects[0], dict) or _depth(objects[0]) > DEEPEST:
        return {}, Refusal.NOT_A_JSON_OBJECT
    return objects[0], 0


def _objects(content: bytes, file: str) -> Iterator[dict[str, Any]]:
    fault = BadInput(f"{file}: is not one JSON document (an object or an array of objects); is it JSON Lines?")
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise fault from None
    is_too_deep = _depth(value) > DEEPEST + 1
    for found in value if isinstance(value, list) else [value]:
        if not isinstance(found, dict) or is_too_deep:
            raise fault
        yield found


def _is_text(name: str) -> bool:
    return name.isascii() or not _LONE_SURROGATE.search(name)


def _root(kind: Kind) -> Kind:
    """Of an array of objects in a line the objects count; a value that is none says nothing."""
    found = kind[0] if isinstance(kind, tuple) else kind
    return found if isinstance(found, dict) else NOTHING


def _kind_of(value: Any) -> Kind:
    if isinstance(value, dict):
        if "" in value:
            raise NeedsSpark("JSON with a key without letters")
        if not all(map(_is_text, value)):
            raise NeedsSpark("JSON with half a surrogate pair in a key")
        return {name: _kind_of(member) for name, member in value.items()}
    if isinstance(value, list):
        return (reduce(_merged, map(_kind_of, value), NOTHING),)
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise NeedsSpark("JSON with integers of more than 64 bits")
        return LONG
    if isinstance(value, float):
        return DOUBLE
    return TEXT if value else NOTHING  # Spark takes an empty text for null here


def _merged(one: Kind, other: Kind) -> Kind:
    if one is other or other is NOTHING:
        return one
    if one is NOTHING:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return one | {name: _merged(one.get(name), kind) for name, kind in other.items()}
    if isinstance(one, tuple) and isinstance(other, tuple):
        return (_merged(one[0], other[0]),)
    if one == other:
        return one
    if isinstance(one, (dict, tuple)) or isinstance(other, (dict, tuple)):
        raise NeedsSpark(
            "JSON with a feature that is an object, or an array, in some records and a plain value in others"
        )
    return DOUBLE if {one, other} == {LONG, DOUBLE} else TEXT


def _settled(kind: Kind) -> Kind:
    """The kind without objects that have no members; what is null everywhere is a text."""
    if not isinstance(kind, dict):
        return (_settled(kind[0]),) if isinstance(kind, tuple) else kind
    members = {name: _settled(member) for name, member in kind.items()}
    return {name: member for name, member in members.items() if member != {} and member != ({},)}


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _cells(
    objects: Sequence[dict[str, Any]], columns: tuple[tuple[tuple[str, ...], Kind], ...], schema: pa.Schema
) -> list[pa.Array]:
    found = []
    for (path, kind), field in zip(columns, schema, strict=False):
        values: list[Any] = [each.get(path[0]) for each in objects]
        for name in path[1:]:
            values = [None if each is None else each.get(name) for each in values]
        found.append(pa.array([_cell(value, kind) for value in values], field.type))
    return found


def _cell(value: Any, kind: Kind) -> Any:
    if value is None:
        return None
    if isinstance(kind, tuple):
        element = kind[0]
        if isinstance(element, (tuple, dict)):
            return [None if each is None else True for each in value]
        return [_cell(each, element) for each in value]
    if isinstance(value, str):
        if kind not in (TEXT, NOTHING):
            raise NeedsSpark("JSON with an empty text in a feature of numbers or booleans")
        return value.encode(errors="replace")  # half a surrogate pair is a question mark, as Spark has it
    return _text(value) if kind in (TEXT, NOTHING) else float(value) if kind == DOUBLE else value


def _text(value: Any) -> str:
    """A number or a boolean as Spark writes it into a feature that has texts as well."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if value and not PLAIN_FROM <= abs(value) < PLAIN_BELOW:
        raise NeedsSpark("JSON with very large or small numbers beside texts in one feature")
    return java_double(value)
