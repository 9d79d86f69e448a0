"""Decodes, vectorized, JSON lines that one program wrote: they differ only in their values, which are texts and numbers.

A template is made from one line; the values of all lines that fit it are read by columns. The other lines are left to the
line-by-line decoders (`decoding.py`, and the decoders of labels), which define the result of every line. Executors import
this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import accumulate
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import (
    BACKSLASH,
    compute_text_starts,
    find_backslashes_and_controls,
    find_letters,
    find_utf_8,
    get_text_buffer,
    split_into_chunks,
    view_text_bytes,
)
from spark_model_monitor.data.records.json_lines import JsonValue, find_many_names
from spark_model_monitor.statistics import Bytes, Flags, Integers
from spark_model_monitor.value_class import value_class

MemberPath: TypeAlias = tuple[str, ...]
Positions: TypeAlias = Integers
Bounds: TypeAlias = tuple[Positions, Positions]
"""The positions at which a value begins and ends in each line."""

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"'}
"""The allowed escapes: the line ends and the quotes of payloads in JSON and CSV."""

_IS_ESCAPE = np.isin(np.arange(256), [ord(letter) for letter in ESCAPES])
_QUOTE = re.compile(rb'(?<!\\)"')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_NUMBER_ALONE = f"^{_NUMBER.pattern.decode()}$"
_BEFORE_NUMBER = re.compile(rb"[:,\[]\s*$")
_BEHIND_NUMBER = re.compile(rb"\s*[,}\]]")
_NUMBER_MARK = "#"  # marks the index of a number's piece in the document that stands for the line

CHUNK_BYTES = 2**21
"""Bytes of lines that are compared at once: many for each call of numpy, and few enough to stay in the cache."""

MIN_CHUNK_BYTES = 2**13  # lines with fewer bytes in total are read faster one by one
MAX_TEMPLATES = 8  # the most templates that are tried for the lines of a chunk


class Member(Enum):
    """The kind of a member whose value is not read: it is neither a text nor a number between two texts."""

    OBJECT = "object"
    NULL = "null"
    OTHER = "true, false, an array, or a number beside others"


@value_class
class Value:
    """A text, or a number, in a line that is cut into pieces at its quotes.

    piece: the index of the piece that contains the value.
    before, behind: the number of other bytes in that piece, before and after a number; 0 for a text.
    """

    piece: int
    is_number: bool = False
    before: int = 0
    behind: int = 0


@value_class
class Template:
    """A line without its values.

    quotes: the number of quotes in the line.
    constants: the bytes before, between and after the values.
    values: the texts and numbers that differ between lines, in order.
    members: the values by path, and the kinds of other members.
    """

    quotes: int
    constants: tuple[bytes, ...]
    values: tuple[Value, ...]
    members: Mapping[MemberPath, Value | Member]

    def has_types(self, fields: Sequence[pa.Field], above: MemberPath = ()) -> bool:
        """Whether each of these members is absent, null, or of its field's type: text, number, or a struct of these."""
        for field in fields:
            path = (*above, field.name)
            member = self.members.get(path, Member.NULL)
            if member is Member.NULL:
                continue
            if pa.types.is_struct(field.type):
                if member is not Member.OBJECT or not self.has_types(list(field.type), path):
                    return False
            elif not isinstance(member, Value) or member.is_number != pa.types.is_floating(field.type):
                return False
        return True

    def locate_values(self, quotes: Positions, first_quotes: Positions, ends: Positions) -> dict[Value, Bounds]:
        """The bounds of all values. first_quotes: the index in `quotes` of each line's first quote. ends: of the lines."""
        bounds = {}
        for value in self.values:
            # No value precedes the first quote, but a number may follow the last quote
            begin = quotes.take(first_quotes + (value.piece - 1)) + (1 + value.before)
            end = ends if value.piece == self.quotes else quotes.take(first_quotes + value.piece)
            bounds[value] = (begin, end - value.behind)
        return bounds


def build_template(line: bytes) -> Template | None:
    """The template of a line without unusual escapes; None if the line is not a JSON object, or has a member twice."""
    # Between quotes, every second piece is a text
    pieces = _QUOTE.split(line)
    if not pieces[0].startswith(b"{") or len(pieces) % 2 == 0:
        return None
    # Replace each text, and each single number between two texts, by the index of its piece, which the parser returns
    values: dict[str, Value] = {}
    marks = []
    for index, piece in enumerate(pieces):
        mark = piece
        if index % 2:
            values[str(index)] = Value(piece=index)
            mark = b'"%d"' % index
        elif (number := _find_number(piece)) is not None:
            behind = len(piece) - number.end()
            value = Value(piece=index, is_number=True, before=number.start(), behind=behind)
            values[f"{_NUMBER_MARK}{index}"] = value
            mark = b'%s"#%d"%s' % (piece[: number.start()], index, piece[number.end() :])
        marks.append(mark)
    try:
        document = json.loads(b"".join(marks), parse_constant=int)  # int rejects NaN
        members = dict(_iterate_members(document, (), pieces, values))
    except (ValueError, RecursionError):
        return None
    # The texts of names were taken out of `values`: names are part of the constants
    values_in_order = tuple(values.values())
    starts = [0, *accumulate(len(piece) + 1 for piece in pieces)]
    constants = []
    position = 0
    for value in values_in_order:
        start = starts[value.piece]
        constants.append(line[position : start + value.before])
        position = start + len(pieces[value.piece]) - value.behind
    constants.append(line[position:])
    return Template(len(pieces) - 1, tuple(constants), values_in_order, members)


def _find_number(piece: bytes) -> re.Match[bytes] | None:
    """The number in a piece between two texts; None if the piece has no number, several numbers, or another value."""
    number = _NUMBER.search(piece)
    if number is None or _NUMBER.search(piece, number.end()) is not None:
        return None
    if _BEFORE_NUMBER.search(piece[: number.start()]) and _BEHIND_NUMBER.match(piece, number.end()):
        return number
    return None


def _iterate_members(
    value: JsonValue, path: MemberPath, pieces: Sequence[bytes], values: dict[str, Value]
) -> Iterator[tuple[MemberPath, Value | Member]]:
    """Every member of a document in which indices stand for texts and numbers. Removes the indices of names from `values`.

    Raises ValueError for a member that an object has twice, or whose name has escapes.
    """
    if isinstance(value, dict):
        names = [pieces[values.pop(position).piece].decode() for position in value]
        if len(set(names)) < len(names) or any("\\" in name for name in names):
            raise ValueError("a member is there twice, or its name has to be read")
        if path:
            yield path, Member.OBJECT
        for name, member in zip(names, value.values(), strict=True):
            yield from _iterate_members(member, (*path, name), pieces, values)
    elif isinstance(value, str):
        yield path, values[value]
    else:
        yield path, Member.NULL if value is None else Member.OTHER
        # Names within arrays are constants, too, but members of arrays are not read
        if isinstance(value, list):
            for inner in value:
                yield from _iterate_members(inner, (*path, "[]"), pieces, values)


def parse_table(lines: pa.StringArray, schema: pa.Schema) -> pa.Table:
    """The schema's members, one row for each line. Lines that are left to a line-by-line decoder have only nulls.

    schema: texts, numbers as doubles, and structs of these.
    """
    # Each chunk is parsed with templates of its own lines
    row_numbers = []
    tables = []
    for start, end in split_into_chunks(lines, CHUNK_BYTES):
        for line_numbers, table in _parse_chunk(lines.slice(start, end - start), schema):
            row_numbers.append(line_numbers + start)
            tables.append(table)
    # Put the rows of all templates back in the order of the lines
    rows = pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()
    indices = np.full(len(lines), -1)
    indices[np.concatenate([np.zeros(0, np.int64), *row_numbers])] = np.arange(len(rows))
    if len(rows) == len(lines) and (np.diff(indices) > 0).all():
        return rows
    return rows.take(pa.array(indices, mask=indices < 0))


def _parse_chunk(lines: pa.StringArray, schema: pa.Schema) -> Iterator[tuple[Positions, pa.Table]]:
    """For each template, the numbers of the lines that fit it, and a table with their members."""
    content = view_text_bytes(lines)
    if len(content) < MIN_CHUNK_BYTES:
        return
    starts = compute_text_starts(lines)
    specials = find_backslashes_and_controls(lines)
    line_numbers = np.flatnonzero(_are_simple(lines, content, starts, specials) & ~find_many_names(lines))
    # Drop quotes after a backslash: they lie within texts
    quotes = find_letters(lines, b'"')
    if len(specials):
        quotes = quotes[content[quotes - 1] != BACKSLASH]
    first_quotes = np.searchsorted(quotes, starts)
    quote_counts = np.diff(first_quotes)
    # Make a template of the first line that is left, for all lines with the same number of quotes
    for _ in range(MAX_TEMPLATES):
        if (starts[line_numbers + 1] - starts[line_numbers]).sum() < MIN_CHUNK_BYTES:
            return
        first = line_numbers[0]
        template = build_template(content[starts[first] : starts[first + 1]].tobytes())
        if template is None or not template.has_types(list(schema)):
            line_numbers = line_numbers[1:]
            continue
        # Read the lines that fit the template; the others are compared with the next one
        candidates = line_numbers[quote_counts[line_numbers] == quote_counts[first]]
        bounds = template.locate_values(quotes, first_quotes[candidates], starts[candidates + 1])
        fits = _find_fitting(lines, starts[candidates], starts[candidates + 1], bounds, template)
        bounds = {value: (begins[fits], ends[fits]) for value, (begins, ends) in bounds.items()}
        fitting_numbers = candidates[fits]
        fitting_lines = _FittingLines(lines, template, bounds, len(fitting_numbers), len(specials) > 0)
        yield fitting_numbers, pa.table([fitting_lines.build_column(field) for field in schema], schema=schema)
        line_numbers = line_numbers[~np.isin(line_numbers, fitting_numbers)]


def _are_simple(lines: pa.StringArray, content: Bytes, starts: Positions, specials: Positions) -> Flags:
    """Flags of lines that need no parser: they are UTF-8, without control characters and unusual escapes.

    specials: the positions of backslashes and control characters.
    """
    is_text = find_utf_8(lines)
    is_simple = np.ones(len(lines), dtype=np.bool_) if is_text is None else is_text
    next_bytes = content[np.minimum(specials + 1, len(content) - 1)]
    unusual_positions = specials[(content[specials] != BACKSLASH) | ~_IS_ESCAPE[next_bytes]]
    is_simple[np.searchsorted(starts, unusual_positions, side="right") - 1] = False
    return is_simple


def _find_fitting(
    lines: pa.StringArray, starts: Positions, line_ends: Positions, bounds: Mapping[Value, Bounds], template: Template
) -> Flags:
    """Flags of lines that have the template's constants around their values, and a number for each number of the template."""
    content = view_text_bytes(lines)
    # Compare the sizes of the constants first, which rules out most lines, then their texts
    begins = [starts, *(end for _, end in bounds.values())]
    ends = [*(begin for begin, _ in bounds.values()), line_ends]
    fits = np.ones(len(starts), dtype=np.bool_)
    for constant, begin, end in zip(template.constants, begins, ends, strict=True):
        fits &= end - begin == len(constant)
    candidates = np.flatnonzero(fits)
    for constant, begin in zip(template.constants, begins, strict=True):
        fits[candidates] &= _match_text_at(content, begin[candidates], constant)
    # A text may be replaced by any text, but a number only by a number
    for value, (begin, end) in bounds.items():
        if value.is_number:
            fits &= end > begin
            candidates = np.flatnonzero(fits)
            texts = _cut_values(lines, begin[candidates], end[candidates])
            fits[candidates] = np.asarray(pc.match_substring_regex(texts, _NUMBER_ALONE))
    return fits


def _match_text_at(content: Bytes, begins: Positions, text: bytes) -> Flags:
    """Flags of positions at which the text stands. At least as many bytes as the text has must follow each position."""
    if not len(begins):
        return np.ones(0, dtype=np.bool_)
    # A view in which each position has the next len(text) bytes
    windows: NDArray[np.void] = np.ndarray(
        (len(content) - len(text) + 1,), f"V{len(text)}", buffer=content, strides=(1,)
    )
    equal_bytes = windows[begins].view(np.uint8).reshape(-1, len(text)) == np.frombuffer(text, np.uint8)
    return np.ones(len(begins), dtype=np.bool_) if equal_bytes.all() else equal_bytes.all(axis=1)


@value_class
class _FittingLines:
    """The lines that fit a template, and how to read their values.

    lines: all lines, also those that don't fit.
    bounds: the positions at which each value begins and ends in each fitting line.
    rows: the number of fitting lines.
    has_escapes: whether texts may have escapes.
    """

    lines: pa.StringArray
    template: Template
    bounds: Mapping[Value, Bounds]
    rows: int
    has_escapes: bool

    def build_column(self, field: pa.Field, above: MemberPath = ()) -> pa.Array:
        """A member of each fitting line, as a column."""
        path = (*above, field.name)
        member = self.template.members.get(path, Member.NULL)
        if member is Member.OBJECT:
            inner = [self.build_column(inner_field, path) for inner_field in field.type]
            return pa.StructArray.from_arrays(inner, fields=list(field.type))
        if not isinstance(member, Value):
            return pa.nulls(self.rows, field.type)
        texts = _cut_values(self.lines, *self.bounds[member])
        if member.is_number:
            return texts.cast(field.type)
        return _unescape(texts) if self.has_escapes else texts


def _cut_values(lines: pa.StringArray, begins: Positions, ends: Positions) -> pa.StringArray:
    """The text between two positions in every line."""
    if not len(begins):
        return pa.array([], pa.string())
    bounds = np.stack([begins, ends], axis=1).astype(np.int32)
    # In this array over the lines' bytes, the wanted texts alternate with the bytes between them
    alternating_texts = pa.StringArray.from_buffers(bounds.size - 1, pa.py_buffer(bounds), get_text_buffer(lines))
    return alternating_texts.take(np.arange(0, bounds.size, 2))


def _unescape(texts: pa.StringArray) -> pa.StringArray:
    escaped_letters = view_text_bytes(texts)[find_letters(texts, b"\\") + 1]
    for letter, character in ESCAPES.items():
        if (escaped_letters == ord(letter)).any():
            texts = pc.replace_substring(texts, f"\\{letter}", character)
    return texts
