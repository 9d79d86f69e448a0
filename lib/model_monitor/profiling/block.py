"""A block of rows as the gatherers see it: the cells of one column, and the hashes that came with them. Runs on executors.

Columns of a wide table arrive together, as one list for each row: all its doubles, all its texts. Spark then writes into one
Arrow vector and not into a thousand, which its caches can't hold, and generates code for one expression.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.profiling.plan import HASH, VALUE, ColumnPlan


class Block:
    """Some rows of a partition, all of them kept."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._lists: dict[str, _Texts | _Numbers] = {}

    def cells(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, null where one is missing."""
        if column.listed is None:
            return self._batch.column(f"{VALUE}{column.position}")
        if column.listed not in self._lists:
            values = self._batch.column(column.listed).flatten()
            kind = _Texts if pa.types.is_string(values.type) else _Numbers
            self._lists[column.listed] = kind(values, self._batch.num_rows)
        return self._lists[column.listed].column(column.slot)

    def hashes(self, column: ColumnPlan) -> NDArray[np.uint64]:
        """Spark's hashes of the column's present cells, where they came along."""
        hashes: NDArray[np.int64] = self._batch.column(f"{HASH}{column.position}").drop_null().to_numpy()
        return hashes.view(np.uint64)

    def counts(self, name: str, column: ColumnPlan) -> pa.Array:
        """One of the further columns that a column brings along."""
        return self._batch.column(f"{name}{column.position}")


class _Texts:
    """The columns of a list of texts. values: row after row."""

    def __init__(self, values: pa.StringArray, rows: int) -> None:
        self._rows = rows
        row_after_row = np.arange(len(values)).reshape(rows, -1)
        self._column_after_column = values.take(pa.array(row_after_row.T.ravel()))

    def column(self, slot: int) -> pa.StringArray:
        return self._column_after_column.slice(slot * self._rows, self._rows)


class _Numbers:
    """The columns of a list of numbers of one type. values: row after row."""

    def __init__(self, values: pa.Array, rows: int) -> None:
        # as they lie there, whatever stands where one is missing
        numbers = pa.Array.from_buffers(values.type, len(values), [None, values.buffers()[1]], offset=values.offset)
        self._columns = np.ascontiguousarray(numbers.to_numpy().reshape(rows, -1).T)
        self._missing = (
            np.ascontiguousarray(values.is_null().to_numpy(zero_copy_only=False).reshape(rows, -1).T)
            if values.null_count
            else None
        )

    def column(self, slot: int) -> pa.Array:
        missing = None if self._missing is None or not self._missing[slot].any() else self._missing[slot]
        return pa.array(self._columns[slot], mask=missing)
