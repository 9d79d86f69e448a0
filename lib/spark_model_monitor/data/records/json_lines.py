"""Parses JSON by Python and by Arrow: integers of any length, duplicate keys, Python literals, and flat objects as columns.

Documents are parsed record by record, so that a record with too many names or too deep nesting is refused without refusing
the others. Executors import this module.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from spark_model_monitor.data.records.arrays import (
    compute_text_starts,
    find_utf_8,
    get_text_buffer,
    is_utf_8,
    is_writable,
    view_text_bytes,
)
from spark_model_monitor.data.records.decoded_rows import MAX_COLUMNS
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.documents.json_text import describe_json_fault
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.value_class import value_class

OPENING, CLOSING, OPENING_LIST, COLON = b"{}[:"

MAX_DEPTH = 100
"""Maximum nesting of objects and arrays in a record. Arrow's parser recurses into each of them, and a stack overflow would end
the process, so it gets no line that opens more of them, nested or not."""

MEMBER_BYTES = len('"a":1')  # the minimum number of bytes of a member
MAX_UNCOUNTED_BYTES = MAX_COLUMNS * MEMBER_BYTES  # a record with at most this many bytes can't have too many members
# Texts that Arrow's parser reads differently from Python's: half a surrogate pair, and numbers that are not JSON
READ_ANOTHER_WAY = (b"\\u", b"NaN", b"Inf")
ZERO_WITH_SIGN = re.compile(rb"-0[^.\d]")  # the integer -0: only doubles have a negative zero

NAME = re.compile(rb'"([^"\\]*)"\s*:')

MAX_CELLS = 20_000_000
"""The maximum number of cells of a table, including absent members. Lines with few absent members stay below it."""

# Numbers of lines whose names are counted: the longest lines, and lines evenly spread over a batch
NUM_LONGEST_LINES = 16
NUM_SPREAD_LINES = 256

JsonValue: TypeAlias = Any  # what `json.loads` makes of a text, with `JsonObject` or a dictionary for objects
JsonMembers: TypeAlias = dict[str, Any]  # the members of an object by name; of duplicates, the last value

TOKEN = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"\s*(:?)|[{}\[\]]', re.DOTALL)
"""Matches a name with its colon, another text, or a bracket that begins or ends an object or an array."""

BLANKS = re.compile(r"[ \t\r\n]*")


def parse_json(text: str, *, too_long: Callable[[str], str | float] = str, **options: Any) -> JsonValue:
    """The value of a JSON text. If an integer is too long for Python, it is replaced by `too_long(digits)`.

    Arrow, which parses most lines, accepts such integers, so the result must not depend on the parser.
    options: of `json.loads`. Raises ValueError or RecursionError if the text is not JSON, or is nested too deep.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads up to 4,300 digits (sys.get_int_max_str_digits)
        return json.loads(text, **options, parse_int=partial(_parse_whole_number, too_long))


def _parse_whole_number(too_long: Callable[[str], str | float], digits: str) -> str | float:
    try:
        return int(digits)
    except ValueError:
        return too_long(digits)


def parse_json_table(
    content: bytes | pa.Buffer, schema: pa.Schema | None, other_members: str = "ignore"
) -> pa.Table | None:
    """The schema's members of the objects in a text, one row each, by Arrow's parser; None if it rejects an object.

    other_members: Arrow's option for members that are not in the schema.
    """
    if schema is not None and not len(content):
        return schema.empty_table()
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(schema, unexpected_field_behavior=other_members),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None


def parse_flat_objects(lines: pa.Array, schema: pa.Schema | None = None) -> pa.Table | None:
    """The members of all objects, or only those in a schema; None to leave the lines to `json_features`.

    lines: without line ends. An object in lines that begin and end like objects can't span two lines: if there are as
    many objects as lines, each line is one object.
    """
    # Check the conditions under which Arrow's result equals that of Python's parser; cheap checks come first
    ends = compute_text_starts(lines)
    letters = view_text_bytes(lines)
    if not len(lines) or (np.diff(ends) < len("{}")).any():
        return None
    if (letters[ends[:-1]] != OPENING).any() or (letters[ends[1:] - 1] != CLOSING).any():
        return None
    if find_many_names(lines).any():
        return None
    texts = lines.view(pa.string())
    content = letters.tobytes()
    if content.count(b"{") + content.count(b"[") > len(lines):
        opened_positions = np.flatnonzero((letters == OPENING) | (letters == OPENING_LIST))
        if np.diff(np.searchsorted(opened_positions, ends)).max() > MAX_DEPTH:
            return None
    if any(mark in content for mark in READ_ANOTHER_WAY) or find_utf_8(texts) is not None:
        return None
    if b"-0" in content and ZERO_WITH_SIGN.search(content):
        return None
    if schema is None and _is_sparse(lines, ends):
        return None
    document = get_text_buffer(pc.binary_join_element_wise(texts, "", "\n"))
    table = parse_json_table(document, schema, "error" if schema else "infer")
    if table is not None and len(table) == len(lines):
        return table
    return None


def _is_sparse(lines: pa.Array, ends: Integers) -> bool:
    """Whether the lines have so many different names that a table would be too large. Examines the longest lines and a
    sample.
    """
    if len(lines) * int(ends[-1] - ends[0]) < MAX_CELLS * MEMBER_BYTES:
        return False
    # Long lines have the most names, so they are always examined
    longest_lines = np.argsort(np.diff(ends))[-NUM_LONGEST_LINES:]
    line_indices = np.union1d(longest_lines, np.linspace(0, len(lines) - 1, NUM_SPREAD_LINES).astype(np.int64))
    sampled_lines = lines.take(line_indices).cast(pa.binary()).to_pylist()
    return len({name for line in sampled_lines for name in NAME.findall(line)}) * len(lines) > MAX_CELLS


def find_many_names(lines: pa.Array) -> Flags:
    """Flags of lines that may have more names than are accepted; a parser would notice this only after building the record."""
    letters = view_text_bytes(lines)
    starts = compute_text_starts(lines)
    flags = np.zeros(len(lines), np.bool_)
    for number in np.flatnonzero(np.diff(starts) > MAX_UNCOUNTED_BYTES).tolist():
        line = letters[starts[number] : starts[number + 1]]
        flags[number] = np.count_nonzero(line == COLON) > MAX_COLUMNS
    return flags


class JsonObject(list[tuple[str, Any]]):
    """The members of a JSON object in order, including duplicates."""


def parse_literal(text: str) -> Any:
    """The value of a literal. Raises ValueError if the text is not a literal.

    Suppresses Python's warnings of odd backslashes, since they would show a record's value in a log.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("no literal of Python's") from None


def has_many_names(text: bytes | str) -> bool:
    """Whether a record has more names than are accepted, counted by their paths; stops at the first name beyond the limit.

    The elements of an array share its path. The text is not parsed: a parser would build the whole record first.
    """
    if len(text) <= MAX_UNCOUNTED_BYTES:
        return False
    if isinstance(text, bytes):
        text = text.decode("latin-1")  # decodes each byte to one character
    if text.count(":") <= MAX_COLUMNS:
        return False
    # Each path is numbered by the number of its object's path and its name; `containers` are open objects and arrays
    paths: dict[tuple[int, str], int] = {}
    containers = [0]
    value_path = 0
    for token in TOKEN.finditer(text):
        if token[2]:
            value_path = paths.setdefault((containers[-1], token[1]), len(paths) + 1)
            if len(paths) > MAX_COLUMNS:
                return True
            continue
        if token[0] in "{[":
            containers.append(value_path or containers[-1])
        elif token[0] in "}]" and len(containers) > 1:
            containers.pop()
        value_path = 0
    return False


def is_deep(text: str, value: JsonValue = None) -> bool:
    """Whether a record is nested deeper than is accepted. value: its parsed value, with duplicate members; None to parse it."""
    if len(text) <= MAX_DEPTH or text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    return is_deep_value(value or parse_json(text, object_pairs_hook=JsonObject))


def is_deep_value(value: JsonValue) -> bool:
    """Whether an object or an array is nested deeper than is accepted."""
    # Iterate level by level, since recursion would reach Python's limit first
    containers = [value]
    for _ in range(MAX_DEPTH):
        members = chain.from_iterable(map(_iterate_members, containers))
        containers = [member for member in members if isinstance(member, (dict, list))]
    return bool(containers)


def _iterate_members(container: dict[str, JsonValue] | list[JsonValue]) -> Iterable[JsonValue]:
    if isinstance(container, JsonObject):
        return (member for _, member in container)
    if isinstance(container, dict):
        return container.values()
    return container


@value_class
class JsonRecord:
    """An element of a JSON array.

    text: the text of the element alone.
    value: the parsed text; None if the record is refused.
    reason: why the record is refused; 0 if it is accepted.
    """

    text: str
    value: JsonValue = None
    reason: int = 0


def iterate_records(text: str, *, too_long: Callable[[str], str | float] = str, **options: Any) -> Iterator[JsonRecord]:
    """The elements of a JSON array, or a document of another kind as one record. too_long, options: as in `parse_json`.

    Raises ValueError if the text is not JSON, possibly only after yielding the first elements.
    """
    start = skip_blanks(text, 0)
    is_array = text.startswith("[", start)
    if is_array:
        start = skip_blanks(text, start + 1)
    is_open = not (is_array and text.startswith("]", start))
    end = start
    # The second decoder is slower; it is used if the first one meets an integer that is too long
    decoders = (
        json.JSONDecoder(**options),
        json.JSONDecoder(**options, parse_int=partial(_parse_whole_number, too_long)),
    )
    while is_open:
        record = _parse_record(text, start, decoders)
        yield record
        end = skip_blanks(text, start + len(record.text))
        is_open = is_array and text.startswith(",", end)
        start = skip_blanks(text, end + 1)
    if is_array and not text.startswith("]", end):
        raise json.JSONDecodeError("Expecting ',' delimiter", text, end)
    if skip_blanks(text, end + is_array) < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def skip_blanks(text: str, position: int) -> int:
    """The position after the blanks, if any, that begin at a position."""
    return BLANKS.match(text, position).end()  # type: ignore[union-attr]


def _parse_record(text: str, start: int, decoders: tuple[json.JSONDecoder, json.JSONDecoder]) -> JsonRecord:
    """The element that begins at `start`."""
    try:
        try:
            value, end = decoders[0].raw_decode(text, start)
        except json.JSONDecodeError:
            raise
        except ValueError:
            value, end = decoders[1].raw_decode(text, start)
        record_text = text[start:end]
        if is_deep(record_text):
            return JsonRecord(record_text, reason=Refusal.TOO_DEEP)
    except RecursionError:
        return JsonRecord(text[start : _find_end(text, start)], reason=Refusal.TOO_DEEP)
    if has_many_names(record_text):
        return JsonRecord(record_text, reason=Refusal.TOO_MANY_NAMES)
    return JsonRecord(record_text, value)


def _find_end(text: str, start: int) -> int:
    """The position at which the object or array that begins at `start` ends."""
    depth = 0
    for token in TOKEN.finditer(text, start):
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
        if depth == 0:
            return token.end()
    return len(text)


def read_records(batch: pa.RecordBatch, whole_files: bool) -> Iterator[tuple[JsonMembers, int]]:
    """Each record of a batch with 0, or an empty record with the reason for refusing it."""
    contents = batch.column(0).view(pa.binary()).to_pylist()
    if not whole_files:
        yield from map(_read_line, contents)
        return
    for content, file in zip(contents, batch.column(1).to_pylist(), strict=True):
        if content.strip():
            yield from _read_document(content, file)


def _read_line(line: bytes) -> tuple[JsonMembers, int]:
    # Count names before a parser builds the whole record
    if has_many_names(line):
        return {}, Refusal.TOO_MANY_NAMES if is_utf_8(line) else Refusal.NOT_UTF_8
    try:
        text = line.decode()
        *values, _ = parse_json(f"[{text},null]", too_long=float)
    except UnicodeDecodeError:
        return {}, Refusal.NOT_UTF_8
    except RecursionError:
        return {}, Refusal.TOO_DEEP
    except ValueError:
        return {}, Refusal.NOT_A_JSON_OBJECT
    if len(values) > 1 and all(isinstance(value, dict) for value in values):
        return {}, Refusal.SEVERAL_JSON_OBJECTS
    if len(values) != 1:
        return {}, Refusal.NOT_A_JSON_OBJECT
    if is_deep(text):
        return {}, Refusal.TOO_DEEP
    return _check_record(values[0], has_escapes="\\u" in text)


def _read_document(content: bytes, file: str) -> Iterator[tuple[JsonMembers, int]]:
    # Bytes that aren't UTF-8 become half surrogate pairs in the text, so only records with such bytes are refused
    text = content.decode("utf-8-sig", "surrogateescape")
    is_damaged = not is_utf_8(content)
    try:
        for record in iterate_records(text, too_long=float):
            if record.reason:
                yield {}, record.reason
            elif is_damaged and not is_writable(record.text):
                yield {}, Refusal.NOT_UTF_8
            else:
                yield _check_record(record.value, has_escapes="\\u" in record.text)
    except (ValueError, RecursionError):
        raise BadInput(_describe_broken_document(text, file)) from None


def _describe_broken_document(text: str, file: str) -> str:
    where = ""
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        where = f": line {fault.lineno:,}, {describe_json_fault(fault)}"
    except (ValueError, RecursionError):
        where = ", or it is nested too deep"
    return f"{file}: is not one JSON document (an object or an array of objects){where}"


def _check_record(value: JsonValue, *, has_escapes: bool) -> tuple[JsonMembers, int]:
    """The value with 0, or an empty record with the reason for refusing it. has_escapes: whether the text contains `\\\\u`."""
    if not isinstance(value, dict):
        return {}, Refusal.NOT_A_JSON_OBJECT
    if has_escapes and not all(map(is_writable, _iterate_names(value))):
        return {}, Refusal.NOT_UTF_8
    return value, 0


def _iterate_names(value: JsonValue) -> Iterator[str]:
    """The names of the members of all objects in a value."""
    inner_values: Iterable[JsonValue] = ()
    if isinstance(value, dict):
        yield from value
        inner_values = value.values()
    elif isinstance(value, list):
        inner_values = value
    for inner in inner_values:
        yield from _iterate_names(inner)
