"""Lines that Spark need not parse: executors cut the few texts that a merge wants out of lines that are alike. No pyspark.

Every other line is left as it is, for Spark's parser, which also says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.merging.label_lines import ENCODINGS
from model_monitor.records.alike_lines import ESCAPES, Path, alike_lines
from model_monitor.records.line_bytes import REPLACED, Flags, holding
from model_monitor.records.places import LINE

OPENED = "__opened"
"""A line without the brace that closes it; null unless the line is plain."""

EVENT_ID, INFERENCE_ID, INFERENCE_TIME = "__event_id", "__inference_id", "__inference_time"
DATA, ENCODING = "__data", "__encoding"
TIMESTAMP = "__timestamp"
"""Of a time that is written as the service writes it: the microseconds since 1970."""

AS_THE_SERVICE_WRITES = len("2026-01-31T22:10:00Z")

Texts: TypeAlias = Mapping[str, pa.StringArray]


@dataclass(frozen=True, slots=True)
class PlainLines:
    """Finds the texts of plain lines. paths: where each of them is, by the name of its column.

    is_plain: whether the texts of lines that are alike are all that they should be. opening: whether the line is wanted, too,
    as `OPENED`. time: the one of the texts that is a time; it comes as `TIMESTAMP`.
    """

    paths: tuple[tuple[str, Path], ...]
    is_plain: Callable[[Texts], Flags]
    opening: bool = False
    time: str | None = None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows with what is found in front, null where the line is not plain; where it is, `LINE` is."""
        for batch in batches:
            lines = batch.column(LINE)
            plain, texts = self._of(lines)
            found = {**self._opened(lines, plain), **texts, **self._timed(texts)}
            kept = {name: batch.column(name) for name in batch.schema.names} | {LINE: _null_where(plain, lines)}
            yield pa.RecordBatch.from_pydict(found | kept)

    @property
    def ddl(self) -> str:
        """The columns that are put in front."""
        texts = [*([OPENED] if self.opening else []), *(name for name, _ in self.paths)]
        numbers = [] if self.time is None else [TIMESTAMP]
        return ", ".join([*(f"{name} string" for name in texts), *(f"{name} bigint" for name in numbers)])

    def _opened(self, lines: pa.StringArray, plain: Flags) -> dict[str, pa.StringArray]:
        if not self.opening:
            return {}
        return {OPENED: _null_where(~plain, pc.binary_slice(lines.cast(pa.binary()), 0, -1).view(pa.string()))}

    def _timed(self, texts: Texts) -> dict[str, pa.Array]:
        """The times as numbers, and no text of them, if they can be."""
        if self.time is None:
            return {}
        times = timestamps_of(texts[self.time])
        if times is None:
            return {TIMESTAMP: pa.nulls(len(texts[self.time]), pa.int64())}
        return {self.time: _nulls(len(times)), TIMESTAMP: times}

    def _of(self, lines: pa.StringArray) -> tuple[Flags, dict[str, pa.StringArray]]:
        """Which lines are plain, and the texts of those."""
        found = alike_lines(lines, _schema_of(self.paths))
        if found is None:
            return np.zeros(len(lines), bool), {name: _nulls(len(lines)) for name, _ in self.paths}
        alike, table = found
        table = table.combine_chunks()
        texts = {name: _text_of(table, path) for name, path in self.paths}
        plain = alike.copy()
        plain[alike] = self.is_plain(texts)
        plain &= np.asarray(pc.ends_with(lines, "}"))
        if plain.all():
            return plain, texts
        places = pa.array(np.cumsum(alike) - 1, mask=~plain)
        return plain, {name: text.take(places) for name, text in texts.items()}


def plain_captures(*, with_data: bool) -> PlainLines:
    """Of captured records. with_data: whether the model's reply is wanted, too."""
    output = ("captureData", "endpointOutput")
    paths = [
        (EVENT_ID, ("eventMetadata", "eventId")),
        (INFERENCE_ID, ("eventMetadata", "inferenceId")),
        (INFERENCE_TIME, ("eventMetadata", "inferenceTime")),
        (ENCODING, (*output, "encoding")),
    ]
    if with_data:
        paths.append((DATA, (*output, "data")))
    return PlainLines(tuple(paths), has_output_and_id, opening=True, time=INFERENCE_TIME)


def plain_labels() -> PlainLines:
    """Of ground-truth records."""
    truth = "groundTruthData"
    paths = ((EVENT_ID, ("eventMetadata", "eventId")), (DATA, (truth, "data")), (ENCODING, (truth, "encoding")))
    return PlainLines(paths, has_truth_and_id)


def has_output_and_id(texts: Texts) -> Flags:
    """Whether the record has a reply, and an id to be joined by."""
    flags: Flags = np.asarray(texts[ENCODING].is_valid()) & (
        _is_there(texts[EVENT_ID]) | _is_there(texts[INFERENCE_ID])
    )
    return flags


def has_truth_and_id(texts: Texts) -> Flags:
    """Whether the record has a label of a known encoding, which JSON writes as it is, and an id."""
    known = pc.is_in(pc.utf8_upper(texts[ENCODING]), pa.array([*ENCODINGS, None]))
    flags: Flags = np.asarray(known) & _is_there(pc.utf8_trim(texts[DATA], " ")) & _is_there(texts[EVENT_ID])
    flags &= ~holding(texts[DATA], "".join(ESCAPES.values()).encode())
    for text in (texts[DATA], texts[EVENT_ID]):
        flags &= ~np.asarray(pc.fill_null(pc.match_substring(text, REPLACED), False))
    return flags


def timestamps_of(texts: pa.StringArray) -> pa.Int64Array | None:
    """The times that texts are, null where there is no text; None unless each text is as the service writes a time."""
    as_usual = pc.and_(pc.equal(pc.binary_length(texts), AS_THE_SERVICE_WRITES), pc.ends_with(texts, "Z"))
    if not pc.all(as_usual).as_py():
        return None
    try:
        return texts.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def _is_there(text: pa.StringArray) -> Flags:
    flags: Flags = np.asarray(pc.fill_null(pc.not_equal(text, ""), False))
    return flags


def _null_where(flags: Flags, column: pa.Array) -> pa.Array:
    if not flags.any():
        return column
    return pa.nulls(len(column), column.type) if flags.all() else pc.if_else(pa.array(flags), None, column)


def _nulls(rows: int) -> pa.StringArray:
    return pa.nulls(rows, pa.string())


def _text_of(table: pa.Table, path: Path) -> pa.StringArray:
    struct = table.column(path[0]).chunk(0)
    return pc.struct_field(struct, list(path[1:]))


class _Tree(dict[str, "_Tree"]):
    """The names below a member."""


def _schema_of(paths: Iterable[tuple[str, Path]]) -> pa.Schema:
    """A schema of the texts at these paths, each below one object at least."""
    tree = _Tree()
    for _, path in paths:
        inside = tree
        for name in path:
            inside = inside.setdefault(name, _Tree())
    return pa.schema(_fields_of(tree))


def _fields_of(tree: _Tree) -> list[pa.Field]:
    return [pa.field(name, pa.struct(_fields_of(inside)) if inside else pa.string()) for name, inside in tree.items()]
