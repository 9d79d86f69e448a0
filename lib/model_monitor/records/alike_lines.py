"""Lines that one program wrote: the same JSON text in all of them but for what stands between some quotes. Pure; runs on
executors.

A program that writes records puts the same members in the same order, line after line. So the text around the values is
compared as bytes, many lines at once, each value is followed to its closing quote, and the values are cut out without a parser.
Nothing is guessed: a line that has an escape other than a line break's or a tab's, or differs from the first one in a byte
outside of its values, is not said to be alike.
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

from model_monitor.records.line_bytes import Bytes, Flags, buffer_of, bytes_of, chunks, starts_of, utf_8_flags

Path: TypeAlias = tuple[str, ...]
Positions: TypeAlias = NDArray[np.int64]
Values: TypeAlias = list[tuple[Positions, Positions]]
"""Where each value begins and ends in the bytes of the alike lines."""

QUOTE, BACKSLASH, SPACE = b'"\\ '

ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
"""What may stand behind a backslash: line breaks, which end the payloads of many models."""

_IS_ESCAPE = np.isin(np.arange(256), [ord(letter) for letter in ESCAPES])

LINES_LOOKED_AT = 64
LEAST_SHARE = 0.5
"""Of so many lines, spread over all, this share has to be like the first one, or it is not worth while to look at all."""

CHUNK_BYTES = 2**22
"""Bytes of lines that are compared at a time: many for each call of numpy, and no more than stay near from one to the next."""

SHARE_TO_GO_ON = 0.9
"""The lines of the last chunk serve for the next one as long as so many are like them."""

LONGEST_LINE = 2**18
"""Bytes of a line that is compared: a parser is as fast with a longer one, and takes it apart but once."""

NARROWEST, WIDEST = 16, 1024
"""Bytes of a value that are looked at together: a multiple of the one, at most the other."""

WIDEST_LATER = 2**12
"""The same of the few values that go on behind their first bytes: each time twice as many as before, at most so many."""

UNUSUAL = re.compile(rb"\\(?![%s])|[\x00-\x1f]" % "".join(ESCAPES).encode())


class Member(Enum):
    """What a member is that is no text."""

    OBJECT = "object"
    NULL = "null"
    OTHER = "number, true, false or array"


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What a line is but for its values, which are texts that differ from line to line.

    stretches: the bytes before, between and behind the values, with the quotes of these. openings: which of the line's quotes
    opens each value; widths: how many bytes each of them has, its closing quote and a few more. members: of each its value's
    number, its text if that is the same in all lines, or what else it is.
    """

    stretches: tuple[bytes, ...]
    openings: tuple[int, ...]
    widths: tuple[int, ...]
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
    """The skeleton of a line; None if it is no JSON object, or empty, has an unusual escape, or a member twice.

    same: which of its quotes open texts that are no values, but the same in all lines.
    """
    pieces = line.split(b'"')
    if not line.startswith(b"{") or UNUSUAL.search(line) or len(pieces) % 2 == 0:
        return None
    # every text becomes the number of the quote that opens it, so that the parser says what each of them is
    numbered = b'"'.join(b"%d" % (at - 1) if at % 2 else piece for at, piece in enumerate(pieces))
    try:
        document = json.loads(numbered, object_pairs_hook=_Object, parse_constant=_refuse)
        found = dict(_members(document, (), {at - 1: pieces[at].decode() for at in range(1, len(pieces), 2)}))
    except (ValueError, RecursionError):
        return None
    if not found:
        return None
    openings = sorted(what for what in found.values() if isinstance(what, int) and what not in same)
    quotes = [place for place, letter in enumerate(line) if letter == QUOTE]
    begins = [0, *(quotes[opening + 1] for opening in openings)]
    ends = [*(quotes[opening] + 1 for opening in openings), len(line)]
    return Skeleton(
        tuple(line[begin:end] for begin, end in zip(begins, ends, strict=True)),
        tuple(openings),
        tuple(_width(len(pieces[opening + 1])) for opening in openings),
        {path: _value(what, openings, pieces) for path, what in found.items()},
    )


def _width(size: int) -> int:
    return min(WIDEST, NARROWEST * (size // NARROWEST + 1))


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
    sizes = np.diff(starts_of(lines))
    if sizes.max(initial=0) > LONGEST_LINE:
        return _of_short_ones(lines, sizes <= LONGEST_LINE, schema)
    flags, tables = np.zeros(len(lines), dtype=np.bool_), []
    for start, end in chunks(lines, CHUNK_BYTES):
        found = _alike_of_chunk(lines.slice(start, end - start), schema)
        if found is not None:
            flags[start:end] = found[0]
            tables.append(found[1])
    return (flags, pa.concat_tables(tables)) if tables else None


def _of_short_ones(lines: pa.StringArray, are_short: Flags, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Those of lines among which some are too long to be compared."""
    found = alike_lines(lines.filter(pa.array(are_short)), schema)
    if found is None:
        return None
    flags = np.zeros(len(lines), dtype=np.bool_)
    flags[are_short] = found[0]
    return flags, found[1]


def _alike_of_chunk(lines: pa.StringArray, schema: pa.Schema) -> tuple[Flags, pa.Table] | None:
    """Those of some lines: like the ones before them, or else like the first of them."""
    last = _LAST.get(schema)
    if last is not None:
        alike, values = _alike(lines, last)
        if alike.mean() >= SHARE_TO_GO_ON:
            return alike, _table(lines, alike, values, last, schema)
    skeleton = _common_skeleton(lines, schema)
    if skeleton is None:
        return None
    _LAST[schema] = skeleton
    alike, values = _alike(lines, skeleton)
    return alike, _table(lines, alike, values, skeleton, schema)


def _common_skeleton(lines: pa.StringArray, schema: pa.Schema) -> Skeleton | None:
    """That of the first line, if it serves and enough others have it."""
    numbers = np.linspace(0, len(lines) - 1, min(len(lines), LINES_LOOKED_AT)).astype(np.int64)
    spread = lines.take(pa.array(numbers))
    line = spread.cast(pa.binary())[0].as_py()
    skeleton = skeleton_of(line)
    if skeleton is None or not skeleton.serves(list(schema)):
        return None
    alike, values = _alike(spread, skeleton)
    if alike.mean() < LEAST_SHARE:
        return None
    content = bytes_of(spread)
    same = [_are_same(content, *value) for value in values]
    return skeleton_of(line, [opening for opening, are_same in zip(skeleton.openings, same, strict=True) if are_same])


def _are_same(content: Bytes, begins: Positions, ends: Positions) -> bool:
    """Whether a value is the same text in all lines."""
    return len({content[begin:end].tobytes() for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)}) == 1


def _alike(lines: pa.StringArray, skeleton: Skeleton) -> tuple[Flags, Values]:
    """Which lines have the skeleton, and where each value begins and ends in these."""
    starts = starts_of(lines)
    at, line_ends = starts[:-1], starts[1:]
    widest = _width(starts[-1] // max(1, len(lines)))  # what is looked at together is not much more than the lines
    widths = [min(width, widest) for width in skeleton.widths]
    content = _with_nothing_behind(bytes_of(lines), WIDEST_LATER)
    is_text = utf_8_flags(lines)
    alike = np.ones(len(lines), dtype=np.bool_) if is_text is None else is_text
    values = []
    # a line that differs is followed as well, as far as it goes: only of the others anything is said
    for stretch, width in zip(skeleton.stretches, [*widths, None], strict=True):
        behind = at + len(stretch)
        alike &= behind <= line_ends
        alike[alike] = _are_at(content, at[alike], stretch)
        at = behind
        if width is not None:
            begins = np.minimum(at, line_ends)
            at, usual = _closing_quotes(content, begins, line_ends, width)
            alike &= usual
            values.append((begins, at))
    alike &= at == line_ends
    return alike, values if alike.all() else [(begins[alike], ends[alike]) for begins, ends in values]


def _with_nothing_behind(content: Bytes, size: int) -> Bytes:
    """The bytes with so many NULs behind them, so that as many can be looked at from any place."""
    return np.concatenate([content, np.zeros(size + 1, np.uint8)])


def _closing_quotes(content: Bytes, begins: Positions, line_ends: Positions, width: int) -> tuple[Positions, Flags]:
    """Where the values that begin at these places end, and which of them do so in their line, without unusual escapes and
    control characters.

    content: more than WIDEST_LATER bytes longer than the lines. width: bytes to look at together first.
    """
    ends, usual = begins.copy(), np.ones(len(begins), dtype=np.bool_)
    values, at = np.arange(len(begins)), begins
    while len(values):
        near = _windows(content, width)[at].view(np.uint8).reshape(-1, width)
        first = (near == QUOTE).argmax(axis=1)
        found = content[at + first] == QUOTE
        odd = np.flatnonzero((near == BACKSLASH) | (near < SPACE))
        if len(odd):
            value = odd // width
            place = odd - value * width + at[value]
            wrong = (content[place] != BACKSLASH) | ~_IS_ESCAPE[content[place + 1]]
            wrong &= (place < (at + first)[value]) | ~found[value]
            usual[values[value[wrong]]] = False
        ends[values] = at + first
        if found.all():
            break
        onwards = ~found & (at + width < line_ends[values])
        values, at = values[onwards], at[onwards] + width
        width = min(
            2 * width, WIDEST_LATER
        )  # what goes on is as long as this, so that together it is no more than the lines
    inside = ends < line_ends
    return np.where(inside, ends, line_ends), usual & inside & (content[ends] == QUOTE)


def _are_at(content: Bytes, begins: Positions, text: bytes) -> Flags:
    """Whether the text stands at these places, each of which has as many bytes behind it."""
    if not len(begins):
        return np.ones(0, dtype=np.bool_)
    equal = _windows(content, len(text))[begins].view(np.uint8).reshape(-1, len(text)) == np.frombuffer(text, np.uint8)
    return np.ones(len(begins), dtype=np.bool_) if equal.all() else equal.all(axis=1)


def _windows(content: Bytes, size: int) -> NDArray[np.void]:
    """As many bytes from each place on."""
    return np.ndarray((len(content) - size + 1,), f"V{size}", buffer=content, strides=(1,))


def _table(lines: pa.StringArray, alike: Flags, values: Values, skeleton: Skeleton, schema: pa.Schema) -> pa.Table:
    texts = {number: _cut(lines, *values[number]) for number in set(_values_in(schema, (), skeleton))}
    rows = int(alike.sum())
    return pa.table([_column(field, (), skeleton, texts, rows) for field in schema], schema=schema)


def _values_in(fields: Iterable[pa.Field], above: Path, skeleton: Skeleton) -> Iterator[int]:
    """The numbers of the values that are asked for."""
    for field in fields:
        path = (*above, field.name)
        found = skeleton.members.get(path)
        if isinstance(found, int):
            yield found
        elif pa.types.is_struct(field.type):
            yield from _values_in(field.type, path, skeleton)


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
