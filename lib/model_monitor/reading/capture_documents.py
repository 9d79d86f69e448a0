"""Captured lines as JSON documents: the members that count of many lines at once, parsed by Arrow. Pure; runs on executors.

A line is known if Arrow parsed it, which takes less than JSON allows: lines that it refuses are left to somebody who looks at
one line after the other, and so are those in which a member is written twice or is of an unusual type.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from model_monitor.reading.alike_lines import alike_lines
from model_monitor.reading.decoding import Reading
from model_monitor.reading.line_bytes import Flags, holding, utf_8_flags
from model_monitor.reading.windows import Window, parse_time

FEW_LINES = 16
"""Stretches with a line that Arrow refuses are halved down to so many, which then count as unknown."""

_HALF = pa.struct([("data", pa.string()), ("encoding", pa.string())])


@dataclass(frozen=True, slots=True)
class Documents:
    """What is known of some lines, in arrays of one element each.

    are_known: whether the line is one JSON object with an object `captureData`; nothing else holds for the others.
    payloads, encodings: of each half in the order of their columns, null where it was not captured. times, event_ids: null
    unless the reading asks for them.
    """

    are_known: Flags
    payloads: tuple[pa.StringArray, ...]
    encodings: tuple[pa.StringArray, ...]
    times: pa.StringArray
    event_ids: pa.StringArray

    def are_of(self, encoding: str) -> Flags:
        """Whether a half was captured, and all that were are of this encoding."""
        captured = np.zeros(len(self.are_known), dtype=np.bool_)
        all_of_it = ~captured
        for payload, written in zip(self.payloads, self.encodings, strict=True):
            has_data = payload.is_valid().to_numpy(zero_copy_only=False)
            captured |= has_data
            all_of_it &= ~has_data | np.asarray(pc.fill_null(pc.equal(written, encoding), False))
        both: Flags = captured & all_of_it
        return both


def documents_of(lines: pa.StringArray, reading: Reading) -> Documents:
    """What Arrow can tell of the lines, as far as the reading asks."""
    table = table_of(lines, _schema(reading))
    captured = member_of(table, "captureData")
    halves = [pc.struct_field(captured, [half]) for half in reading.ordered_halves]
    nothing = pa.nulls(len(lines), pa.string())
    event = member_of(table, "eventMetadata") if reading.window is not None or reading.sample is not None else None
    return Documents(
        captured.is_valid().to_numpy(zero_copy_only=False).copy(),
        tuple(pc.struct_field(half, ["data"]) for half in halves),
        tuple(pc.struct_field(half, ["encoding"]) for half in halves),
        nothing if reading.window is None else pc.struct_field(event, ["inferenceTime"]),
        nothing if reading.sample is None else pc.struct_field(event, ["eventId"]),
    )


def table_of(lines: pa.StringArray, schema: pa.Schema) -> pa.Table:
    """The members that the schema names, one row for each line: all null where nobody can tell.

    schema: of texts, and of structs of them.
    """
    found = alike_lines(lines, schema)
    if found is None:
        return _table_by_arrow(lines, schema)
    alike, table = found
    if alike.all():
        return table
    others = _table_by_arrow(lines.filter(pa.array(~alike)), schema)
    order = np.argsort(np.concatenate([np.flatnonzero(alike), np.flatnonzero(~alike)]))
    return pa.concat_tables([table, others]).combine_chunks().take(pa.array(order))


def _table_by_arrow(lines: pa.StringArray, schema: pa.Schema) -> pa.Table:
    looks_good = _look_like_objects(lines)
    good = lines if looks_good.all() else lines.filter(pa.array(looks_good))
    stretches = list(_parsed(good, schema)) or [_unknown(schema, 0)]
    table = pa.concat_tables(stretches).combine_chunks()
    if len(good) < len(lines):
        places = pa.array(np.cumsum(looks_good) - 1, mask=~looks_good)
        table = table.take(places)
    return table


def member_of(table: pa.Table, name: str) -> pa.StructArray:
    """A column of `table_of` in one piece."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def within_window(times: pa.StringArray, window: Window) -> tuple[Flags, Flags]:
    """Whether each time is in the window, and whether it is one. Every different text is read once."""
    encoded = times.dictionary_encode()
    read = [parse_time(text) for text in encoded.dictionary.to_pylist()]
    within = np.array([time is not None and time in window for time in read] + [False], np.bool_)
    readable = np.array([time is not None for time in read] + [False], np.bool_)
    codes = encoded.indices.fill_null(len(read)).to_numpy(zero_copy_only=False)
    return within[codes], readable[codes]


def _schema(reading: Reading) -> pa.Schema:
    """The members that the reading asks for; Arrow still reads the others, but keeps nothing of them."""
    members = [("captureData", pa.struct([(half, _HALF) for half in reading.ordered_halves]))]
    asked = ["inferenceTime"] * (reading.window is not None) + ["eventId"] * (reading.sample is not None)
    if asked:
        members.append(("eventMetadata", pa.struct([(name, pa.string()) for name in asked])))
    return pa.schema(members)


def _look_like_objects(lines: pa.StringArray) -> Flags:
    """Whether each line begins as an object does and holds nothing that Arrow would pass over: NUL ends its text."""
    good: Flags = np.asarray(pc.starts_with(lines, "{")) & ~holding(lines, b"\0")
    is_text = utf_8_flags(lines)
    return good if is_text is None else good & is_text


def _parsed(lines: pa.StringArray, schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of one row for each line, stretch after stretch; all null where a stretch can't be parsed.

    Each line begins with a brace, and gives a row at least: as many rows as lines are a row for each of them.
    """
    if not len(lines):
        return
    content = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")[0].as_buffer()
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=content.size + 1),
            pyarrow.json.ParseOptions(schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        table = None
    if table is not None and table.num_rows == len(lines):
        yield table
    elif len(lines) <= FEW_LINES:
        yield _unknown(schema, len(lines))
    else:
        half = len(lines) // 2
        yield from _parsed(lines.slice(0, half), schema)
        yield from _parsed(lines.slice(half), schema)


def _unknown(schema: pa.Schema, lines: int) -> pa.Table:
    return pa.table([pa.nulls(lines, field.type) for field in schema], schema=schema)
