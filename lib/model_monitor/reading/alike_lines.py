"""Lines that one program wrote: the same JSON text in all of them but for what stands between some quotes. Pure; runs on
executors.

A program that writes records puts the same members in the same order, line after line. So the text around the values is
compared as bytes, many lines at once, and the values are cut out of it without a parser. Nothing is guessed: a line that has an
escape other than a line break's or a tab's, or differs from the first one in a byte outside of its values, is not said to be
alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.reading.line_bytes import Bytes, Flags, buffer_of, bytes_of, chunks, starts_of, utf_8_flags

Path: TypeAlias = tuple[str, ...]
Positions: TypeAlias = NDArray[np.int64]

QUOTE, BACKSLASH, SPACE = b'"\\ '

ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
"""What may stand behind a backslash: line breaks, which end the payloads of many models."""

_IS_ESCAPE = np.isin(np.arange(256), [ord(letter) for letter in ESCAPES])

LINES_LOOKED_AT = 64
LEAST_SHARE = 0.5
"""Of so many lines, spread over all, this share has to be like the first one, or it is not worth while to look at all."""

CHUNK_BYTES = 2**21
"""Bytes of lines that are compared at a time, so that they stay in a core's cache from one comparison to the next."""

SHARE_TO_GO_ON = 0.9
"""The lines of the last chunk serve for the next one as long as so many are like them."""

LARGEST_CONTENT = np.iinfo(np.int32).max


UNUSUAL_ESCAPE = re.compile(rb"\\(?![%s])" % "".join(ESCAPES).encode())


class Member(Enum):
    """What a member is that is no text."""

    OBJECT = "object"
    NULL = "null"
    OTHER = "number, true, false or array"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a line is but for its values, which are texts that differ from line to line.

    stretches: the bytes before, between and behind the values, with the quotes of these. openings: which of the line's quotes
    opens each value; quotes: how many there are. members: of each its value's number, its text if that is the same in all
    lines, or what else it is.
    """

    stretches: tuple[bytes, ...]
    openings: tuple[int, ...]
    quotes: int
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


def skeleton_of(line: bytes, same: Collection[int] = ()) -> Skeleton | None:
    """The skeleton of a line; None if it is no JSON object, has an unusual escape, or a member twice.

    same: which of its quotes open texts that are no values, but the same in all lines.
    """
    pieces = line.split(b'"')
    if not line.startswith(b"{") or UNUSUAL_ESCAPE.search(line) or len(pieces) % 2 == 0:
        return None
    # every text becomes the number of the quote that opens it, so that the parser says what each of them is
    numbered = b'"'.join(b"%d" % (at - 1) if at % 2 else piece for at, piece in enumerate(pieces))
    try:
        document = json.loads(numbered, object_pairs_hook=_Object, parse_constant=_refuse)
        found = dict(_members(document, (), {at - 1: pieces[at].decode() for at in range(1, len(pieces), 2)}))
    except (ValueError, RecursionError):
        return None
    openings = sorted(what for what in found.values() if isinstance(what, int) and what not in same)
    quotes = [place for place, letter in enumerate(line) if letter == QUOTE]
    begins = [0, *(quotes[opening + 1] for opening in openings)]
    ends = [*(quotes[opening] + 1 for opening in openings), len(line)]
    return Skeleton(
        tuple(line[begin:end] for begin, end in zip(begins, ends, strict=True)),
        tuple(openings),
        len(quotes),
        {path: _value(what, openings, pieces) for path, what in found.items()},
    )


def _value(what: int | Member, openings: Sequence[int], pieces: Sequence[bytes]) -> int | str | Member:
    if isinstance(what, Member):
        return what
    if what in openings:
        return openings.index(what)
    text: str = json.loads(b'"%s"' % pieces[what + 1])
    return text


_LAST: dict[pa.Schema, Skeleton] = {}
"""The last skeleton for each schema. What is found does not depend on it, but for which lines are found without a parser."""


def alike_lines(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Which lines are like others around them, and their members that the schema names, one row for each of them.

    schema: of texts, and of structs of them. None if it can't be told so, or too few lines are alike.
    """
    flags, tables = np.zeros(len(lines), dtype=np.bool_), []
    for start, end in chunks(lines, CHUNK_BYTES):
        found = _alike_of_chunk(lines.slice(start, end - start), schema)
        if found is not None:
            flags[start:end] = found[0]
            tables.append(found[1])
    return (flags, pa.concat_tables(tables)) if tables else None


def _alike_of_chunk(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Those of some lines: like the ones before them, or else like the first of them."""
    if buffer_of(lines).size > LARGEST_CONTENT:
        return None
    last = _LAST.get(schema)
    if last is not None:
        alike, quotes = _alike(lines, last)
        if alike.mean() >= SHARE_TO_GO_ON:
            return alike, _table(lines, quotes, last, schema)
    skeleton = _common_skeleton(lines, schema)
    if skeleton is None:
        return None
    _LAST[schema] = skeleton
    alike, quotes = _alike(lines, skeleton)
    return alike, _table(lines, quotes, skeleton, schema)


def _common_skeleton(lines: pa.StringArray, schema: pa.Schema) -> Skeleton | None:
    """That of the first line, if it serves and enough others have it."""
    spread = lines.take(pa.array(np.linspace(0, len(lines) - 1, LINES_LOOKED_AT).astype(np.int64)))
    line = spread.cast(pa.binary())[0].as_py()
    skeleton = skeleton_of(line)
    if skeleton is None or not skeleton.quotes or not skeleton.serves(list(schema)):
        return None
    alike, quotes = _alike(spread, skeleton)
    if alike.mean() < LEAST_SHARE:
        return None
    content = bytes_of(spread)
    return skeleton_of(line, [opening for opening in skeleton.openings if _is_same(content, quotes, opening)])


def _is_same(content: Bytes, quotes: Positions, opening: int) -> bool:
    """Whether the same text stands behind this quote of all lines. quotes: of each line, in `content`."""
    begin, end = quotes[:, opening], quotes[:, opening + 1]
    text = content[begin[0] : end[0]].tobytes()
    return bool((end - begin == len(text)).all()) and bool(_are_at(content, begin, text).all())


def _alike(lines: pa.StringArray, skeleton: Skeleton) -> tuple[Flags, Positions]:
    """Which lines have the skeleton, and where the quotes of these are, shape (alike lines, quotes)."""
    content, starts = bytes_of(lines), starts_of(lines)
    alike, quotes = _with_so_many(np.flatnonzero(content == QUOTE), skeleton.quotes, starts)
    usual = ~_unusual(content, starts)
    is_text = utf_8_flags(lines)
    if is_text is not None:
        usual &= is_text
    alike, quotes = _kept(alike, quotes, usual[alike])
    alike, quotes = _kept(alike, quotes, _fit(_Stretches.of(starts, alike, quotes, skeleton), skeleton))
    return _kept(alike, quotes, _read_alike(content, _Stretches.of(starts, alike, quotes, skeleton), skeleton))


def _kept(alike: Flags, quotes: Positions, passed: Flags) -> tuple[Flags, Positions]:
    """The alike lines that have passed a test as well, and their quotes."""
    if passed.all():
        return alike, quotes
    still = alike.copy()
    still[alike] = passed
    return still, quotes[passed]


def _with_so_many(places: Positions, quotes: int, starts: Positions) -> tuple[Flags, Positions]:
    """Which lines have so many quotes, and where these are. places: of all quotes."""
    lines = len(starts) - 1
    if len(places) == lines * quotes:
        each = places.reshape(lines, quotes)
        if (each[:, 0] >= starts[:-1]).all() and (each[:, -1] < starts[1:]).all():
            return np.ones(lines, dtype=np.bool_), each
    before = np.searchsorted(places, starts)
    have = np.diff(before) == quotes
    return have, places[before[:-1][have, None] + np.arange(quotes)]


def _unusual(content: Bytes, starts: Positions) -> Flags:
    """Which lines hold an escape that is not one of `ESCAPES`, or a control character, which JSON wants to be one."""
    escapes = np.flatnonzero(content == BACKSLASH)
    if len(escapes):
        letters = content[np.minimum(escapes + 1, len(content) - 1)]
        escapes = escapes[~_IS_ESCAPE[letters]]
    control = np.flatnonzero(content < SPACE) if content.min(initial=SPACE) < SPACE else escapes[:0]
    found = np.zeros(len(starts) - 1, dtype=np.bool_)
    for places in (escapes, control):
        if len(places):
            found |= np.diff(np.searchsorted(places, starts)) > 0
    return found


@dataclass(frozen=True, slots=True)
class _Stretches:
    """Where the stretches begin and end in the lines' bytes, an array of one place in each line for each stretch."""

    begins: list[Positions]
    ends: list[Positions]

    @classmethod
    def of(cls, starts: Positions, alike: Flags, quotes: Positions, skeleton: Skeleton) -> _Stretches:
        return cls(
            [starts[:-1][alike], *(quotes[:, opening + 1] for opening in skeleton.openings)],
            [*(quotes[:, opening] + 1 for opening in skeleton.openings), starts[1:][alike]],
        )


def _fit(found: _Stretches, skeleton: Skeleton) -> Flags:
    """Whether the stretches of a line are as long as those of the skeleton."""
    sizes = [
        end - begin == len(stretch)
        for begin, end, stretch in zip(found.begins, found.ends, skeleton.stretches, strict=True)
    ]
    fit: Flags = np.logical_and.reduce(sizes)
    return fit


def _read_alike(content: Bytes, found: _Stretches, skeleton: Skeleton) -> Flags:
    """Whether the stretches of a line, which are as long as those of the skeleton, are the same."""
    same = np.ones(len(found.begins[0]), dtype=np.bool_)
    for begin, stretch in zip(found.begins, skeleton.stretches, strict=True):
        same &= _are_at(content, begin, stretch)
    return same


def _are_at(content: Bytes, begin: Positions, text: bytes) -> Flags:
    """Whether the text stands at these places, each of which has as many bytes behind it."""
    size = len(text)
    if not size or not len(begin):
        return np.ones(len(begin), dtype=np.bool_)
    windows: NDArray[np.void] = np.ndarray((len(content) - size + 1,), f"V{size}", buffer=content, strides=(1,))
    equal = windows[begin].view(np.uint8).reshape(-1, size) == np.frombuffer(text, np.uint8)
    return np.ones(len(begin), dtype=np.bool_) if equal.all() else equal.all(axis=1)


def _table(lines: pa.StringArray, quotes: Positions, skeleton: Skeleton, schema: pa.Schema) -> pa.Table:
    values = sorted(set(_values_in(schema, (), skeleton)))
    texts = dict(zip(values, _cut(lines, [skeleton.openings[value] for value in values], quotes), strict=True))
    columns = [_column(field, (), skeleton, texts, len(quotes)) for field in schema]
    return pa.table(columns, schema=schema)


def _values_in(fields: Iterable[pa.Field], above: Path, skeleton: Skeleton) -> Iterator[int]:
    """The numbers of the values that are asked for."""
    for field in fields:
        path = (*above, field.name)
        found = skeleton.members.get(path)
        if isinstance(found, int):
            yield found
        elif pa.types.is_struct(field.type):
            yield from _values_in(field.type, path, skeleton)


def _cut(lines: pa.StringArray, openings: Sequence[int], quotes: Positions) -> list[pa.StringArray]:
    """The texts behind these quotes, which rise, of every line."""
    if not openings or not len(quotes):
        return [pa.array([], pa.string()) for _ in openings]
    bounds = np.empty((len(quotes), 2 * len(openings)), np.int32)
    for at, opening in enumerate(openings):
        bounds[:, 2 * at] = quotes[:, opening] + 1
        bounds[:, 2 * at + 1] = quotes[:, opening + 1]
    # one array over the bytes of the lines, in which the texts take turns with what is between them
    both = pa.StringArray.from_buffers(bounds.size - 1, pa.py_buffer(bounds), buffer_of(lines))
    first = np.arange(len(quotes)) * bounds.shape[1]
    return [_unescaped(both.take(pa.array(first + 2 * at))) for at in range(len(openings))]


def _unescaped(texts: pa.StringArray) -> pa.StringArray:
    content = bytes_of(texts)
    behind = set(content[np.flatnonzero(content == BACKSLASH) + 1].tolist())
    for letter, meant in ESCAPES.items():
        if ord(letter) in behind:
            texts = pc.replace_substring(texts, f"\\{letter}", meant)
    return texts


def _column(
    field: pa.Field, above: Path, skeleton: Skeleton, texts: Mapping[int, pa.StringArray], rows: int
) -> pa.Array:
    path = (*above, field.name)
    found = skeleton.members.get(path, Member.NULL)
    if isinstance(found, str):
        return pa.repeat(found, rows)
    if found is Member.OBJECT:
        members = [_column(member, path, skeleton, texts, rows) for member in field.type]
        return pa.StructArray.from_arrays(members, fields=list(field.type))
    return texts[found] if isinstance(found, int) else pa.nulls(rows, field.type)


class _Object(list[tuple[str, Any]]):
    """The members of a JSON object, in order."""


def _members(value: Any, path: Path, texts: Mapping[int, str]) -> Iterator[tuple[Path, int | Member]]:
    """Every member of a document in which numbers stand for the texts. Raises ValueError if one is there twice."""
    if isinstance(value, _Object):
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


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
