"""A block of rows as the gatherers see it: the cells of one column, and the hashes that came with them. Runs on executors.

Columns of a wide table arrive together, as one list for each row: all its doubles, all its texts. Spark then writes into one
Arrow vector and not into a thousand, which its caches can't hold, and generates code for one expression.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.profiling.plan import HASH, VALUE, ColumnPlan
from model_monitor.statistics.states.data_types import parse_numbers

Cell = TypeVar("Cell", bound=np.generic)

TURNED_AT_A_TIME = 64
"""Columns of a list of numbers that are taken out of its rows together: enough for what memory hands over of a row at once,
and few enough to be in the processor's cache when their turn comes."""


class Block:
    """Some rows of a partition, all of them kept; in pieces, as they came, none of which is empty."""

    def __init__(self, pieces: Sequence[pa.RecordBatch]) -> None:
        self._pieces = pieces
        self._lists: dict[str, _Texts | _Numbers] = {}
        self._order: pa.Array | None = None

    @property
    def rows(self) -> int:
        return sum(piece.num_rows for piece in self._pieces)

    def cells(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, null where one is missing."""
        if column.listed is None:
            return self._column(f"{VALUE}{column.position}")
        if column.listed not in self._lists:
            values = [piece.column(column.listed).flatten() for piece in self._pieces]
            kind = _Texts if pa.types.is_string(values[0].type) else _Numbers
            self._lists[column.listed] = kind(values, [piece.num_rows for piece in self._pieces])
        return self._lists[column.listed].column(column.slot)

    def order_by(self, time: ColumnPlan) -> pa.Array:
        """The places of the rows in the order of a column, those without a value last; found once for all columns."""
        if self._order is None:
            cells = self.cells(time)
            if time.is_text and np.isnan(numbers := parse_numbers(cells)).sum() == cells.null_count:
                cells = pa.array(numbers)
            self._order = pc.array_sort_indices(cells)
        return self._order

    def hashes(self, column: ColumnPlan) -> NDArray[np.uint64]:
        """Spark's hashes of the column's present cells, where they came along."""
        hashes: NDArray[np.int64] = self._column(f"{HASH}{column.position}").drop_null().to_numpy()
        return hashes.view(np.uint64)

    def counts(self, name: str, column: ColumnPlan) -> pa.Array:
        """One of the further columns that a column brings along."""
        return self._column(f"{name}{column.position}")

    def _column(self, name: str) -> pa.Array:
        cells = [piece.column(name) for piece in self._pieces]
        return cells[0] if len(cells) == 1 else pa.concat_arrays(cells)


class _Texts:
    """The columns of a list of texts. values: row after row, of each piece. rows: of each piece."""

    def __init__(self, values: Sequence[pa.StringArray], rows: Sequence[int]) -> None:
        self._rows = sum(rows)
        row_after_row = np.arange(sum(map(len, values))).reshape(self._rows, -1)
        self._column_after_column = pa.concat_arrays(values).take(pa.array(row_after_row.T.ravel()))

    def column(self, slot: int) -> pa.StringArray:
        return self._column_after_column.slice(slot * self._rows, self._rows)


class _Numbers:
    """The columns of a list of numbers of one type. values: row after row, of each piece. rows: of each piece."""

    def __init__(self, values: Sequence[pa.Array], rows: Sequence[int]) -> None:
        self._numbers = [_as_they_lie(each).reshape(count, -1) for each, count in zip(values, rows, strict=True)]
        self._missing: list[NDArray[np.bool_]] | None = None
        if any(each.null_count for each in values):
            self._missing = [
                each.is_null().to_numpy(zero_copy_only=False).reshape(count, -1)
                for each, count in zip(values, rows, strict=True)
            ]
        self._first = -TURNED_AT_A_TIME
        self._turned: NDArray[np.generic] = np.empty(0)
        self._turned_missing: NDArray[np.bool_] | None = None

    def column(self, slot: int) -> pa.Array:
        if not self._first <= slot < self._first + TURNED_AT_A_TIME:
            self._first = slot - slot % TURNED_AT_A_TIME
            places = slice(self._first, self._first + TURNED_AT_A_TIME)
            self._turned = _columns(self._numbers, places)
            self._turned_missing = None if self._missing is None else _columns(self._missing, places)
        missing = None if self._turned_missing is None else self._turned_missing[slot - self._first]
        some_missing = missing is not None and missing.any()
        return pa.array(self._turned[slot - self._first], mask=missing if some_missing else None)


def _as_they_lie(values: pa.Array) -> NDArray[np.generic]:
    """Numbers, whatever stands where one is missing."""
    numbers: NDArray[np.generic] = pa.Array.from_buffers(
        values.type, len(values), [None, values.buffers()[1]], offset=values.offset
    ).to_numpy()
    return numbers


def _columns(pieces: Sequence[NDArray[Cell]], places: slice) -> NDArray[Cell]:
    """The columns at these places; shape (columns, rows of all pieces). pieces: shape (rows, all columns) each."""
    turned = [piece[:, places].T for piece in pieces]
    columns = np.empty((len(turned[0]), sum(map(len, pieces))), turned[0].dtype)
    return np.concatenate(turned, axis=1, out=columns)  # without `out` it would lie row after row, as the pieces do
