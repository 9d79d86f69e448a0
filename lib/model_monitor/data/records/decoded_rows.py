"""Lines as rows of cells, on an executor: what a decoder gives, the batches made of it, and how columns were matched. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.records.arrays import at, joined
from model_monitor.data.records.locations import LINE, PLACES
from model_monitor.data.records.refusals import CELLS, REASON, Refusal, by_parts

NUMBER = re.compile(r"-\d+|[-+]?\d+\.\d+")  # what nobody calls a column, unless the baseline says so


class Matching(Enum):
    """How the columns were matched, as the ledger says it. Source: M11, M14."""

    NAME = "name"
    POSITION = "position"
    NAME_ELSE_POSITION = "name, else position"
    """Record by record: the members of JSON objects by name, the cells of CSV and of JSON arrays by position."""

    @property
    def may_be_by_position(self) -> bool:
        """Whether some cells carry no name that says which column they are of."""
        return self is not Matching.NAME


def matching_of(carried: Collection[str], baseline: Collection[str]) -> Matching:
    """How columns of these names are matched: by name if all of the baseline's are there, and somebody gave them."""
    return Matching.NAME if set(baseline) <= set(carried) and carry_names(baseline) else Matching.POSITION


def can_be_told(carried: Collection[str], baseline: Collection[str]) -> bool:
    """Whether columns of these names are found by them alone. Those of a record, read as a header, are no names."""
    if not (carry_names(carried) and carry_names(baseline)):
        return False
    return not set(carried).isdisjoint(baseline) or not any(map(NUMBER.fullmatch, carried))


def carry_names(names: Collection[str]) -> bool:
    """Whether the columns have names of their own, not only `_c0`, `_c1`, …, which a column without one is given."""
    return not all(map(GENERATED.fullmatch, names))


MOST_COLUMNS = 20_000
"""Columns that a data set may have, and members of JSON records: a thousand take some 50 MB of a run's memory."""

ROWS_AT_ONCE = 65_536  # rows of one batch that leaves: a document may hold millions


@dataclass(frozen=True, slots=True)
class DecodedRows:
    """The rows of some lines; a refused line is one row.

    columns: for each feature, or whatever else is asked for, the cells of all rows, null where one is missing. lines: the number
    of each row's line, shape (rows,). reasons: 0 or the `Refusal` of each row. cells: the number of cells that a record is
    counted under, on its first row, and 0 on the others; all 0 where cells aren't counted.
    """

    columns: tuple[pa.Array, ...]
    lines: NDArray[np.int64]
    reasons: NDArray[np.int32]
    cells: NDArray[np.int32]

    @classmethod
    def refused(cls, lines: NDArray[np.int64], reasons: NDArray[np.int32], features: int) -> DecodedRows:
        """Refused lines, whose cells nobody counted."""
        nothing = pa.nulls(len(lines), pa.string())
        return cls((nothing,) * features, lines, reasons, np.zeros(len(lines), np.int32))

    @classmethod
    def one_by_one(cls, found: Sequence[Decoded], lines: NDArray[np.int64], columns: int) -> DecodedRows:
        """What was found in some lines. lines: the number of each."""
        nothing = ((None,) * columns,)
        rows = [row for one in found for row in one.rows or nothing]
        sizes = [max(1, len(one.rows)) for one in found]
        cells = [one.cells * (place == 0) for one, size in zip(found, sizes, strict=True) for place in range(size)]
        return cls(
            tuple(pa.array([row[place] for row in rows], pa.string()) for place in range(columns)),
            np.repeat(lines, sizes),
            np.repeat(np.array([one.reason or 0 for one in found], np.int32), sizes),
            np.array(cells, np.int32),
        )

    @classmethod
    def by_parts(
        cls, ranges: Iterable[tuple[int, int]], decode: Callable[[slice], DecodedRows], features: int
    ) -> DecodedRows:
        """The rows of the lines in these ranges; a line on which `decode` raises is refused."""

        def refused(number: int, reason: Refusal) -> DecodedRows:
            return cls.refused(np.array([number]), np.array([reason], np.int32), features)

        return by_parts(ranges, decode, refused, "lines")

    @classmethod
    def in_order(cls, parts: list[DecodedRows], features: int) -> DecodedRows:
        """The rows of all parts, which are taken out of their list, by the numbers of their lines.

        Those of one line are of one part, in their order.
        """
        parts[:] = [part for part in parts if len(part.lines)]
        if not parts:
            return cls.refused(np.zeros(0, np.int64), np.zeros(0, np.int32), features)
        rows = joined(parts)
        is_in_order = not (rows.lines[1:] < rows.lines[:-1]).any()  # as they come from chunks
        return rows if is_in_order else at(rows, np.argsort(rows.lines, kind="stable"))


def with_reasons(schema: pa.Schema) -> pa.Schema:
    """The schema of rows of which some may be refused."""
    return schema if REASON in schema.names else schema.append(pa.field(REASON, pa.int32()))


def with_refused(
    batch: pa.RecordBatch, bad: NDArray[np.bool_], reason: Refusal, cells: str | None, schema: pa.Schema
) -> pa.RecordBatch:
    """Rows as `with_reasons` has them, with the records refused that bad rows are of: each becomes one row.

    cells: the column that is 0 on all rows of a record but its first; None if each row is a record.
    """
    nothing = np.zeros(batch.num_rows, np.int32)
    reasons = batch.column(REASON).to_numpy(zero_copy_only=False) if REASON in batch.schema.names else nothing
    counted = None if cells is None else batch.column(cells).to_numpy(zero_copy_only=False)
    is_first = np.ones(len(reasons), bool) if counted is None else (counted > 0) | (reasons > 0)
    record = np.cumsum(is_first)
    refused = np.isin(record, record[bad & (reasons == 0)])
    known = {REASON: pa.array(np.where(refused, np.int32(reason), reasons).astype(np.int32))}
    if cells is not None and counted is not None:
        known[cells] = pa.array(np.where(refused, 0, counted).astype(np.int32))
    columns = [known[name] if name in known else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema).filter(pa.array(~refused | is_first))


class Decoder(Protocol):
    """Makes rows of lines."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that it looks at: the line, and the file if that matters."""

    @property
    def features(self) -> int:
        """How many columns of features the rows have."""

    @property
    def counts_cells(self) -> bool:
        """Whether the rows say how many cells their records have."""

    @property
    def keeps_lines(self) -> bool:
        """Whether rows that are kept come with their line; refused ones always do."""

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of a batch that has the columns of `inputs`, in the order of its lines."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """A decoder, and which of its features are wanted. `decoding(batch)` is what a scan makes of a batch of lines: the
    features c0, c1, …, REASON, and CELLS if the decoder counts them. keeps_lines: whether all rows come with their line, whatever
    the decoder does."""

    decoder: Decoder
    kept: tuple[int, ...]
    keeps_lines: bool = False

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return self._batch(self.decoder.rows(batch))

    def with_places(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same of every batch, and behind it where each row stands, and its line if it is refused or lines are kept."""
        for batch in batches:
            rows = self.decoder.rows(batch)
            found = self._batch(rows)
            for start in range(0, len(rows.lines), ROWS_AT_ONCE):
                part = slice(start, start + ROWS_AT_ONCE)
                places = self._places(batch, rows.lines[part], rows.reasons[part])
                columns = [*found.slice(start, ROWS_AT_ONCE).columns, *places]
                yield pa.RecordBatch.from_arrays(columns, names=[*found.schema.names, *PLACES])

    def _places(self, batch: pa.RecordBatch, lines: NDArray[np.int64], reasons: NDArray[np.int32]) -> list[pa.Array]:
        numbers = pa.array(lines)
        wanted = numbers if self.keeps_lines or self.decoder.keeps_lines else pa.array(lines, mask=reasons == 0)
        return [batch.column(name).take(wanted if name == LINE else numbers) for name in PLACES]

    def _batch(self, rows: DecodedRows) -> pa.RecordBatch:
        columns = {f"c{position}": rows.columns[feature] for position, feature in enumerate(self.kept)}
        columns[REASON] = pa.array(rows.reasons, pa.int32())
        if self.decoder.counts_cells:
            columns[CELLS] = pa.array(rows.cells, pa.int32())
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a line is. reason: why it is refused, None if it is kept. rows: its cells then. cells: how many cells each of
    its rows has, also where that is the reason; 0 if it was not counted or if rows differ. keys: of JSON objects."""

    reason: Refusal | None = None
    rows: Sequence[Sequence[str | None]] = ()
    cells: int = 0
    keys: tuple[str, ...] = ()


GENERATED = re.compile(r"_c\d+")  # a name that a column without one is given
