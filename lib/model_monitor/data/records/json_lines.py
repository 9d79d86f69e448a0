"""Lines of JSON as Python and as Arrow read them: whole numbers of any length, keys that stand twice, Python's literals, flat
objects as columns, and templated records, which one program wrote: the same text in all of them but for what stands between
some quotes. Executors import this module.
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

from model_monitor.data.records.arrays import (
    Bytes,
    Flags,
    buffer_of,
    bytes_of,
    chunks,
    places_of,
    starts_of,
    utf_8_flags,
)


def json_value(text: str, *, too_long: Callable[[str], str | float] = str, **options: Any) -> Any:
    """The value that a text of JSON is. A whole number that is too long for Python is what `too_long` makes of its digits.

    Arrow, which parses most lines, reads such a number as well, so that nothing else depends on who parses a line.
    options: of `json.loads`. Raises ValueError or RecursionError for a text that is no JSON, or nested too deep.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads up to 4,300 digits (sys.get_int_max_str_digits)

        def whole(digits: str) -> str | float:
            try:
                return int(digits)
            except ValueError:
                return too_long(digits)

        return json.loads(text, **options, parse_int=whole)


def table_of_json(content: bytes | pa.Buffer, schema: pa.Schema | None, others: str = "ignore") -> pa.Table | None:
    """What the schema names of the objects in a text, a row for each, by Arrow's parser; None where it refuses one.

    others: what becomes of members that the schema does not name, as Arrow calls it.
    """
    if schema is not None and not len(content):
        return schema.empty_table()
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(schema, unexpected_field_behavior=others),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None


OPENING, CLOSING = b"{}"
OPENING_LIST = ord("[")
MOST_OPENED = 100
"""Objects and lists of a line: Arrow's parser goes down into each, until its stack ends and the process with it."""

READ_ANOTHER_WAY = (b"\\u", b"NaN", b"Inf")  # half a surrogate pair, and numbers that JSON has not
ZERO_WITH_SIGN = re.compile(rb"-0[^.\d]")  # a whole number has none

NAME = re.compile(rb'"([^"\\]*)"\s*:')
MOST_CELLS, MEMBER_BYTES = 20_000_000, len('"a":1')
"""Of a table, with those of members that a line has not: lines of a batch whose members are mostly there have fewer."""
LONGEST_LINES, LINES_OF_ALL = 16, 256


def columns_of(lines: pa.Array, schema: pa.Schema | None = None) -> pa.Table | None:
    """The members of all objects, or those in a schema and no others; None where it is left to `json_features`.

    lines: without line ends. Those that begin and end as an object does can't go on in the next one: if there are as many objects
    as lines, each is one.
    """
    ends = starts_of(lines)
    letters = bytes_of(lines)
    if not len(lines) or (np.diff(ends) < len("{}")).any():
        return None
    if (letters[ends[:-1]] != OPENING).any() or (letters[ends[1:] - 1] != CLOSING).any():
        return None
    texts, content = lines.view(pa.string()), letters.tobytes()
    if content.count(b"{") + content.count(b"[") > len(lines):
        opened = np.flatnonzero((letters == OPENING) | (letters == OPENING_LIST))
        if np.diff(np.searchsorted(opened, ends)).max() > MOST_OPENED:
            return None
    if any(each in content for each in READ_ANOTHER_WAY) or utf_8_flags(texts) is not None:
        return None
    if b"-0" in content and ZERO_WITH_SIGN.search(content):
        return None
    if schema is None and _is_sparse(lines, ends):
        return None
    document = buffer_of(pc.binary_join_element_wise(texts, "", "\n"))
    table = table_of_json(document, schema, "error" if schema else "infer")
    return table if table is not None and len(table) == len(lines) else None


def _is_sparse(lines: pa.Array, ends: NDArray[np.int64]) -> bool:
    """Whether the lines have so many names, each in a few of them, that a table would be too large: its longest lines, and some
    from all over.
    """
    if len(lines) * int(ends[-1] - ends[0]) < MOST_CELLS * MEMBER_BYTES:
        return False
    longest = np.argsort(np.diff(ends))[-LONGEST_LINES:]
    places = np.union1d(longest, np.linspace(0, len(lines) - 1, LINES_OF_ALL).astype(np.int64))
    some = lines.take(pa.array(places)).cast(pa.binary()).to_pylist()
    return len({name for line in some for name in NAME.findall(line)}) * len(lines) > MOST_CELLS


class JsonObject(list[tuple[str, Any]]):
    """The members of a JSON object in order, those written twice included."""


def python_literal(text: str) -> Any:
    """The value of a literal. Raises ValueError if it is none.

    Python warns of odd backslashes with the text before its eyes, and a warning of this one would be a record's value in a log.
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
"""What may stand behind a backslash: line breaks, which end the payloads of many models."""

_IS_ESCAPE = np.isin(np.arange(256), [ord(letter) for letter in ESCAPES])

CHUNK_BYTES = 2**21
"""Bytes of lines that are compared at a time: many for each call of numpy, and no more than stay near from one to the next."""

LINES_LOOKED_AT = 32
"""A text that is the same in so many lines, spread over all, is taken for one that is the same in all of them."""

LEAST_SHARE = 0.5  # this share of the lines has to be like one of them, or it is not worth while


class Member(Enum):
    """What a member is that is no text."""

    OBJECT = "object"
    NULL = "null"
    OTHER = "number, true, false or array"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a line is but for its values, which are texts that differ from line to line.

    quotes: how many a line has. stretches: the bytes before, between and behind the values, with the quotes of these. openings:
    which of the quotes opens each value. members: of each the quote that opens it, its text if that is the same in all lines,
    or what else it is.
    """

    quotes: int
    stretches: tuple[bytes, ...]
    openings: tuple[int, ...]
    members: Mapping[Path, int | str | Member]

    def serves(self, fields: Sequence[pa.Field], above: Path = ()) -> bool:
        """Whether all of these members are absent, null, or what the fields say: texts, or structs of texts."""
        for field in fields:
            path = (*above, field.name)
            found, is_struct = self.members.get(path, Member.NULL), pa.types.is_struct(field.type)
            if found is Member.OTHER or (found is not Member.NULL and is_struct != (found is Member.OBJECT)):
                return False
            if is_struct and not self.serves(list(field.type), path):
                return False
        return True


def skeleton_of(lines: Sequence[bytes]) -> Skeleton | None:
    """The skeleton of lines with equally many quotes and no unusual escape; a text that is the same in all is no value.

    None if the first of them is no JSON object, or empty, or has a member twice.
    """
    split = [line.split(b'"') for line in lines]
    pieces, differs = split[0], [len(set(same)) > 1 for same in zip(*split, strict=True)]
    if not pieces[0].startswith(b"{") or len(pieces) % 2 == 0:
        return None
    # every text becomes the number of the quote that opens it, so that the parser says what each of them is
    numbered = b'"'.join(b"%d" % (at - 1) if at % 2 else piece for at, piece in enumerate(pieces))
    try:
        document = json.loads(numbered, object_pairs_hook=JsonObject, parse_constant=int)  # so that NaN is no JSON
        found = dict(_members(document, (), {at - 1: pieces[at].decode() for at in range(1, len(pieces), 2)}))
        members = {
            path: what if isinstance(what, Member) or differs[what + 1] else json.loads(b'"%s"' % pieces[what + 1])
            for path, what in found.items()
        }
    except (ValueError, RecursionError):
        return None
    openings = sorted(what for what in members.values() if isinstance(what, int))
    begins, ends = [0, *(opening + 2 for opening in openings)], [*(opening + 1 for opening in openings), len(pieces)]
    between = [b'"'.join(pieces[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    stretches = b'"\n"'.join(between).split(b"\n")  # which no piece holds
    return Skeleton(len(pieces) - 1, tuple(stretches), tuple(openings), members) if members else None


def alike_lines(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Which lines are like others around them, and their members that the schema names, one row for each of them.

    schema: of texts, and of structs of them. None if too few lines are alike.
    """
    flags, tables = np.zeros(len(lines), dtype=np.bool_), []
    for start, end in chunks(lines, CHUNK_BYTES):
        found = _alike_of_chunk(lines.slice(start, end - start), schema)
        if found is not None:
            flags[start:end], table = found
            tables.append(table)
    return (flags, pa.concat_tables(tables)) if tables else None


_seen: dict[tuple[str, ...], Skeleton] = {}
"""What the last lines were like of which members of these names were wanted: the next ones mostly are, too."""


def _alike_of_chunk(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Those of some lines that are like the ones before them, or else like one of those with as many quotes as most have."""
    content, starts = bytes_of(lines), starts_of(lines)
    if len(content) > CHUNK_BYTES:  # a long line alone, which a parser takes apart as fast, and but once
        return None
    quotes = places_of(lines, b'"')
    counts = np.diff(np.searchsorted(quotes, starts))
    alike = _are_usual(lines, content, starts)
    if not alike.any():
        return None
    most = np.bincount(counts[alike]).argmax()
    alike &= counts == most
    if not alike.all():
        quotes = quotes[np.repeat(alike, counts)]
    numbers = np.flatnonzero(alike)
    quotes, begins, ends = quotes.reshape(len(numbers), most), starts[:-1][numbers], starts[1:][numbers]
    seen = _seen.get(tuple(schema.names))
    for skeleton in _skeletons(content, begins, ends, seen):
        if not skeleton.serves(list(schema)) or skeleton.quotes != most:
            continue
        values = {opening: (quotes[:, opening] + 1, quotes[:, opening + 1]) for opening in skeleton.openings}
        fits = _fit(content, begins, ends, list(values.values()), skeleton.stretches)
        if fits.sum() >= LEAST_SHARE * len(lines) and (skeleton is not seen or fits.all()):
            alike[numbers] = fits
            if not fits.all():
                values = {opening: (begins[fits], ends[fits]) for opening, (begins, ends) in values.items()}
            columns = [_column(field, (), skeleton.members, lines, values, int(fits.sum())) for field in schema]
            _seen[tuple(schema.names)] = skeleton
            return alike, pa.table(columns, schema=schema)
    return None


def _skeletons(content: Bytes, begins: Positions, ends: Positions, before: Skeleton | None) -> Iterator[Skeleton]:
    """What lines with equally many quotes may all be like. before: of the lines before these."""
    if before is not None:
        yield before
    spread = np.linspace(0, len(begins) - 1, LINES_LOOKED_AT).astype(np.int64)
    bounds = zip(begins[spread].tolist(), ends[spread].tolist(), strict=True)
    looked_at = [content[begin:end].tobytes() for begin, end in bounds]
    for first in (0, LINES_LOOKED_AT // 2, LINES_LOOKED_AT - 1):
        skeleton = skeleton_of([looked_at[first], *looked_at])
        if skeleton is not None:
            yield skeleton


def _are_usual(lines: pa.StringArray, content: Bytes, starts: Positions) -> Flags:
    """Which lines are UTF-8, without control characters and unusual escapes."""
    is_text = utf_8_flags(lines)
    usual = np.ones(len(lines), dtype=np.bool_) if is_text is None else is_text
    odd = np.flatnonzero((content == BACKSLASH) | (content < SPACE))
    behind = content[np.minimum(odd + 1, len(content) - 1)]
    wrong = odd[(content[odd] != BACKSLASH) | ~_IS_ESCAPE[behind]]
    usual[np.searchsorted(starts, wrong, side="right") - 1] = False
    return usual


def _fit(
    content: Bytes,
    line_starts: Positions,
    line_ends: Positions,
    values: Sequence[tuple[Positions, Positions]],
    stretches: Sequence[bytes],
) -> Flags:
    """Which lines have the stretches before, between and behind their values."""
    fits = np.ones(len(line_starts), dtype=np.bool_)
    begins, ends = [line_starts, *(end for _, end in values)], [*(begin for begin, _ in values), line_ends]
    for stretch, begin, end in zip(stretches, begins, ends, strict=True):
        fits &= end - begin == len(stretch)
        fits[fits] = _are_at(content, begin[fits], stretch)
    return fits


def _are_at(content: Bytes, begins: Positions, text: bytes) -> Flags:
    """Whether the text stands at these places, each of which has as many bytes behind it."""
    if not len(begins):
        return np.ones(0, dtype=np.bool_)
    # as many bytes from each place on
    windows: NDArray[np.void] = np.ndarray(
        (len(content) - len(text) + 1,), f"V{len(text)}", buffer=content, strides=(1,)
    )
    equal = windows[begins].view(np.uint8).reshape(-1, len(text)) == np.frombuffer(text, np.uint8)
    return np.ones(len(begins), dtype=np.bool_) if equal.all() else equal.all(axis=1)


def _cut(lines: pa.StringArray, begins: Positions, ends: Positions) -> pa.StringArray:
    """A value's text of every line."""
    if not len(begins):
        return pa.array([], pa.string())
    bounds = np.stack([begins, ends], axis=1).astype(np.int32)
    # an array over the bytes of the lines, in which the texts take turns with what is between them
    both = pa.StringArray.from_buffers(bounds.size - 1, pa.py_buffer(bounds), buffer_of(lines))
    return _unescaped(both.take(pa.array(np.arange(0, bounds.size, 2))))


def _unescaped(texts: pa.StringArray) -> pa.StringArray:
    content = bytes_of(texts)
    behind = content[np.flatnonzero(content == BACKSLASH) + 1]
    for letter, meant in ESCAPES.items():
        if (behind == ord(letter)).any():
            texts = pc.replace_substring(texts, f"\\{letter}", meant)
    return texts


def _column(
    field: pa.Field,
    above: Path,
    members: Mapping[Path, int | str | Member],
    lines: pa.StringArray,
    values: Mapping[int, tuple[Positions, Positions]],
    rows: int,
) -> pa.Array:
    """A member of alike lines. values: where those begin and end that differ from line to line, by the quotes that open them."""
    path = (*above, field.name)
    found = members.get(path, Member.NULL)
    if isinstance(found, str):
        return pa.repeat(found, rows)
    if found is Member.OBJECT:
        inner = [_column(member, path, members, lines, values, rows) for member in field.type]
        return pa.StructArray.from_arrays(inner, fields=list(field.type))
    return _cut(lines, *values[found]) if isinstance(found, int) else pa.nulls(rows, field.type)


def _members(value: Any, path: Path, texts: Mapping[int, str]) -> Iterator[tuple[Path, int | Member]]:
    """Every member of a document in which numbers stand for the texts. Raises ValueError if one is there twice."""
    if isinstance(value, JsonObject):
        names = [texts[int(number)] for number, _ in value]
        if len(set(names)) < len(names) or any("\\" in name for name in names):
            raise ValueError("a member is there twice, or its name has to be read")
        if path:
            yield path, Member.OBJECT
        for name, (_, member) in zip(names, value, strict=True):
            yield from _members(member, (*path, name), texts)
    elif isinstance(value, str):
        yield path, int(value)
    else:
        yield path, Member.NULL if value is None else Member.OTHER
