"""Parses lines of JSON by Python and by Arrow: integers of any length, duplicate keys, Python literals, flat objects as
columns, and templated records, which one program wrote: they have the same text except between some quotes. Executors
import this module.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import (
    Bytes,
    Flags,
    compute_text_starts,
    find_letters,
    find_utf_8,
    get_text_buffer,
    split_into_chunks,
    view_text_bytes,
)
from spark_model_monitor.data.records.decoded_rows import MOST_COLUMNS
from spark_model_monitor.data.records.json_elements import COLON, LONGEST_UNCOUNTED, MEMBER_BYTES


def parse_json(text: str, *, too_long: Callable[[str], str | float] = str, **options: Any) -> JsonValue:
    """The value of a JSON text. An integer that is too long for Python is replaced by `too_long` of its digits.

    Arrow, which parses most lines, accepts such integers, so the result must not depend on the parser.
    options: of `json.loads`. Raises ValueError or RecursionError if the text is not JSON, or is nested too deep.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads up to 4,300 digits (sys.get_int_max_str_digits)

        def parse_whole(digits: str) -> str | float:
            try:
                return int(digits)
            except ValueError:
                return too_long(digits)

        return json.loads(text, **options, parse_int=parse_whole)


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


OPENING, CLOSING = b"{}"
OPENING_LIST = ord("[")
MOST_OPENED = 100
"""Maximum objects and lists in a line: Arrow's parser recurses into each, until a stack overflow ends the process."""

READ_ANOTHER_WAY = (b"\\u", b"NaN", b"Inf")  # half a surrogate pair, and numbers that are not JSON
ZERO_WITH_SIGN = re.compile(rb"-0[^.\d]")  # integers have no negative zero

NAME = re.compile(rb'"([^"\\]*)"\s*:')
MOST_CELLS = 20_000_000
"""The maximum cells of a table, including absent members: lines with few absent members have fewer."""
LONGEST_LINES = 16
LINES_OF_ALL = 256


def parse_flat_objects(lines: pa.Array, schema: pa.Schema | None = None) -> pa.Table | None:
    """The members of all objects, or only those in a schema; None to leave the lines to `json_features`.

    lines: without line ends. An object in lines that begin and end like objects can't span two lines: if there are as
    many objects as lines, each line is one object.
    """
    # Conditions under which Arrow gives what Python's parser would; the cheap ones first
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
        opened = np.flatnonzero((letters == OPENING) | (letters == OPENING_LIST))
        if np.diff(np.searchsorted(opened, ends)).max() > MOST_OPENED:
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


def _is_sparse(lines: pa.Array, ends: NDArray[np.int64]) -> bool:
    """Whether the lines have so many names, each in few lines, that a table would be too large. Examines the longest
    lines and a sample.
    """
    if len(lines) * int(ends[-1] - ends[0]) < MOST_CELLS * MEMBER_BYTES:
        return False
    # Long lines have the most names
    longest = np.argsort(np.diff(ends))[-LONGEST_LINES:]
    line_indices = np.union1d(longest, np.linspace(0, len(lines) - 1, LINES_OF_ALL).astype(np.int64))
    sampled_lines = lines.take(pa.array(line_indices)).cast(pa.binary()).to_pylist()
    return len({name for line in sampled_lines for name in NAME.findall(line)}) * len(lines) > MOST_CELLS


def find_many_names(lines: pa.Array) -> Flags:
    """Flags of lines that may have more names than are accepted, which a parser would find out too late."""
    letters = view_text_bytes(lines)
    starts = compute_text_starts(lines)
    flags = np.zeros(len(lines), np.bool_)
    for number in np.flatnonzero(np.diff(starts) > LONGEST_UNCOUNTED).tolist():
        line = letters[starts[number] : starts[number + 1]]
        flags[number] = np.count_nonzero(line == COLON) > MOST_COLUMNS
    return flags


class JsonObject(list[tuple[str, Any]]):
    """The members of a JSON object in order, including duplicates."""


JsonValue: TypeAlias = Any  # what `json.loads` makes of a text, with `JsonObject` or a dictionary for objects
JsonMembers: TypeAlias = dict[str, Any]  # the members of an object by name; of duplicates, the last one


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


Path: TypeAlias = tuple[str, ...]
Positions: TypeAlias = NDArray[np.int64]

BACKSLASH, SPACE = b"\\ "

ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
"""The allowed escapes: whitespace such as line breaks, which end the payloads of many models."""

_IS_ESCAPE = np.isin(np.arange(256), [ord(letter) for letter in ESCAPES])

CHUNK_BYTES = 2**21
"""Bytes of lines that are compared at once: many for each call of numpy, and few enough to stay in the cache."""

SAMPLED_LINES = 32
"""A text that is the same in so many lines, spread over all lines, is assumed to be the same in all."""

LEAST_SHARE = 0.5  # the minimum share of lines with a common template for this to pay off


class Member(Enum):
    """The kind of a member that is not a text."""

    OBJECT = "object"
    NULL = "null"
    OTHER = "number, true, false or array"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A line without its values, which are the texts that differ between lines.

    quotes: their number in a line. stretches: bytes before, between and after the values, with the values' quotes.
    openings: index of each value's opening quote. members: for each, its opening quote's index, its text if that is
    the same in all lines, or its other kind.
    """

    quotes: int
    stretches: tuple[bytes, ...]
    openings: tuple[int, ...]
    members: Mapping[Path, int | str | Member]

    def can_serve(self, fields: Sequence[pa.Field], above: Path = ()) -> bool:
        """Whether all these members are absent, null, or have the fields' types: texts, or structs of texts."""
        for field in fields:
            path = (*above, field.name)
            member = self.members.get(path, Member.NULL)
            is_struct = pa.types.is_struct(field.type)
            if member is Member.OTHER or (member is not Member.NULL and is_struct != (member is Member.OBJECT)):
                return False
            if is_struct and not self.can_serve(list(field.type), path):
                return False
        return True


def build_skeleton(lines: Sequence[bytes]) -> Skeleton | None:
    """The skeleton of lines with equally many quotes and no unusual escape; texts that all share are not values.

    None if the first line is not a JSON object, or is empty, or has a duplicate member.
    """
    # Every second piece is a text; those that differ are values
    split = [line.split(b'"') for line in lines]
    pieces = split[0]
    differs = [len(set(pieces_at_position)) > 1 for pieces_at_position in zip(*split, strict=True)]
    if not pieces[0].startswith(b"{") or len(pieces) % 2 == 0:
        return None
    # Every text is replaced by the index of its opening quote, so that the parser identifies each text
    numbered = b'"'.join(b"%d" % (position - 1) if position % 2 else piece for position, piece in enumerate(pieces))
    try:
        document = json.loads(numbered, object_pairs_hook=JsonObject, parse_constant=int)  # so that NaN is rejected
        texts = {position - 1: pieces[position].decode() for position in range(1, len(pieces), 2)}
        # A text that is the same in all lines stands for itself, another one for its opening quote
        members: dict[Path, int | str | Member] = {}
        for path, kind_or_opening in _iterate_members(document, (), texts):
            members[path] = kind_or_opening
            if not isinstance(kind_or_opening, Member) and not differs[kind_or_opening + 1]:
                members[path] = json.loads(b'"%s"' % pieces[kind_or_opening + 1])
    except (ValueError, RecursionError):
        return None
    # Where the values are in a line, and what is before, between and after them
    openings = sorted(member for member in members.values() if isinstance(member, int))
    begins = [0, *(opening + 2 for opening in openings)]
    ends = [*(opening + 1 for opening in openings), len(pieces)]
    between = [b'"'.join(pieces[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    stretches = b'"\n"'.join(between).split(b"\n")  # no piece contains a line end
    if members:
        return Skeleton(len(pieces) - 1, tuple(stretches), tuple(openings), members)
    return None


def parse_alike_lines(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Flags of lines that resemble their neighbours, and the schema's members of these lines, one row each.

    schema: texts, and structs of texts. None if too few lines are alike.
    """
    flags = np.zeros(len(lines), dtype=np.bool_)
    tables = []
    for start, end in split_into_chunks(lines, CHUNK_BYTES):
        fitting = _parse_alike_chunk(lines.slice(start, end - start), schema)
        if fitting is not None:
            flags[start:end], table = fitting
            tables.append(table)
    if tables:
        return (flags, pa.concat_tables(tables))
    return None


_recent_skeletons: dict[tuple[str, ...], Skeleton] = {}
"""The skeletons of the last lines by requested member names: later lines mostly have the same skeleton."""


def _parse_alike_chunk(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """The lines that match the previous skeleton, or else that of a line with the most frequent number of quotes."""
    content = view_text_bytes(lines)
    starts = compute_text_starts(lines)
    if len(content) > CHUNK_BYTES:  # a single long line, for which a parser is as fast
        return None
    # Only lines with the most frequent number of quotes can have its skeleton
    quotes = find_letters(lines, b'"')
    counts = np.diff(np.searchsorted(quotes, starts))
    are_alike = _are_usual(lines, content, starts) & ~find_many_names(lines)
    if not are_alike.any():
        return None
    quote_count = np.bincount(counts[are_alike]).argmax()
    are_alike &= counts == quote_count
    if not are_alike.all():
        quotes = quotes[np.repeat(are_alike, counts)]
    numbers = np.flatnonzero(are_alike)
    quotes = quotes.reshape(len(numbers), quote_count)
    # The previous skeleton first, then those of some lines
    begins = starts[:-1][numbers]
    ends = starts[1:][numbers]
    previous = _recent_skeletons.get(tuple(schema.names))
    for skeleton in _iterate_skeletons(content, begins, ends, previous):
        if not skeleton.can_serve(list(schema)) or skeleton.quotes != quote_count:
            continue
        # A line fits if all that isn't a value is the same
        values = {opening: (quotes[:, opening] + 1, quotes[:, opening + 1]) for opening in skeleton.openings}
        fits = _match_stretches(content, begins, ends, list(values.values()), skeleton.stretches)
        if fits.sum() >= LEAST_SHARE * len(lines) and (skeleton is not previous or fits.all()):
            are_alike[numbers] = fits
            if not fits.all():
                values = {opening: (begins[fits], ends[fits]) for opening, (begins, ends) in values.items()}
            columns = [_build_column(field, (), skeleton.members, lines, values, int(fits.sum())) for field in schema]
            _recent_skeletons[tuple(schema.names)] = skeleton
            return are_alike, pa.table(columns, schema=schema)
    return None


def _iterate_skeletons(
    content: Bytes, begins: Positions, ends: Positions, before: Skeleton | None
) -> Iterator[Skeleton]:
    """Candidate skeletons of lines with equally many quotes. before: the skeleton of the previous lines."""
    if before is not None:
        yield before
    # Texts that are equal in lines from all over the chunk are taken for the same in all
    spread = np.linspace(0, len(begins) - 1, SAMPLED_LINES).astype(np.int64)
    bounds = zip(begins[spread].tolist(), ends[spread].tolist(), strict=True)
    looked_at = [content[begin:end].tobytes() for begin, end in bounds]
    for first in (0, SAMPLED_LINES // 2, SAMPLED_LINES - 1):
        skeleton = build_skeleton([looked_at[first], *looked_at])
        if skeleton is not None:
            yield skeleton


def _are_usual(lines: pa.StringArray, content: Bytes, starts: Positions) -> Flags:
    """Flags of lines that are UTF-8, without control characters and unusual escapes."""
    is_text = find_utf_8(lines)
    is_usual = np.ones(len(lines), dtype=np.bool_) if is_text is None else is_text
    odd = np.flatnonzero((content == BACKSLASH) | (content < SPACE))
    behind = content[np.minimum(odd + 1, len(content) - 1)]
    # Other escapes and control characters need a parser
    wrong = odd[(content[odd] != BACKSLASH) | ~_IS_ESCAPE[behind]]
    is_usual[np.searchsorted(starts, wrong, side="right") - 1] = False
    return is_usual


def _match_stretches(
    content: Bytes,
    line_starts: Positions,
    line_ends: Positions,
    values: Sequence[tuple[Positions, Positions]],
    stretches: Sequence[bytes],
) -> Flags:
    """Flags of lines that have these stretches before, between and after their values."""
    fits = np.ones(len(line_starts), dtype=np.bool_)
    begins = [line_starts, *(end for _, end in values)]
    ends = [*(begin for begin, _ in values), line_ends]
    for stretch, begin, end in zip(stretches, begins, ends, strict=True):
        fits &= end - begin == len(stretch)
        fits[fits] = _match_text_at(content, begin[fits], stretch)
    return fits


def _match_text_at(content: Bytes, begins: Positions, text: bytes) -> Flags:
    """Whether the text is at these positions, each of which has at least as many bytes after it."""
    if not len(begins):
        return np.ones(0, dtype=np.bool_)
    # As many bytes from each position
    windows: NDArray[np.void] = np.ndarray(
        (len(content) - len(text) + 1,), f"V{len(text)}", buffer=content, strides=(1,)
    )
    equal = windows[begins].view(np.uint8).reshape(-1, len(text)) == np.frombuffer(text, np.uint8)
    return np.ones(len(begins), dtype=np.bool_) if equal.all() else equal.all(axis=1)


def _cut_values(lines: pa.StringArray, begins: Positions, ends: Positions) -> pa.StringArray:
    """The text of one value in every line."""
    if not len(begins):
        return pa.array([], pa.string())
    bounds = np.stack([begins, ends], axis=1).astype(np.int32)
    # An array over the bytes of the lines, in which the texts alternate with the bytes between them
    alternating = pa.StringArray.from_buffers(bounds.size - 1, pa.py_buffer(bounds), get_text_buffer(lines))
    return _unescape(alternating.take(pa.array(np.arange(0, bounds.size, 2))))


def _unescape(texts: pa.StringArray) -> pa.StringArray:
    content = view_text_bytes(texts)
    behind = content[np.flatnonzero(content == BACKSLASH) + 1]
    for letter, meant in ESCAPES.items():
        if (behind == ord(letter)).any():
            texts = pc.replace_substring(texts, f"\\{letter}", meant)
    return texts


def _build_column(
    field: pa.Field,
    above: Path,
    members: Mapping[Path, int | str | Member],
    lines: pa.StringArray,
    values: Mapping[int, tuple[Positions, Positions]],
    rows: int,
) -> pa.Array:
    """A member of alike lines. values: bounds of the differing values, by the index of their opening quote."""
    path = (*above, field.name)
    found = members.get(path, Member.NULL)
    if isinstance(found, str):
        return pa.repeat(found, rows)
    if found is Member.OBJECT:
        inner = [_build_column(member, path, members, lines, values, rows) for member in field.type]
        return pa.StructArray.from_arrays(inner, fields=list(field.type))
    if isinstance(found, int):
        return _cut_values(lines, *values[found])
    return pa.nulls(rows, field.type)


def _iterate_members(value: JsonValue, path: Path, texts: Mapping[int, str]) -> Iterator[tuple[Path, int | Member]]:
    """Every member of a document in which numbers represent the texts. Raises ValueError for a duplicate member."""
    if isinstance(value, JsonObject):
        names = [texts[int(number)] for number, _ in value]
        if len(set(names)) < len(names) or any("\\" in name for name in names):
            raise ValueError("a member is there twice, or its name has to be read")
        if path:
            yield path, Member.OBJECT
        for name, (_, member) in zip(names, value, strict=True):
            yield from _iterate_members(member, (*path, name), texts)
    elif isinstance(value, str):
        yield path, int(value)
    else:
        yield path, Member.NULL if value is None else Member.OTHER
