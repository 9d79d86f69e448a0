"""A block of rows as the gatherers see it: the cells of one column, and the hashes that came with them. Runs on executors.

Text columns arrive together, as one list of texts and one list of hashes for each row: Spark evaluates an expression over a
list in one place, but generates code for every column of its own, which at 1,000 columns never gets warm.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.profiling.plan import HASH, HASHES, TEXTS, VALUE, ColumnPlan


class Block:
    """Some rows of a partition, all of them kept. text_columns: how many columns arrive in the lists."""

    def __init__(self, batch: pa.RecordBatch, text_columns: int) -> None:
        self._batch = batch
        self._text_columns = text_columns

    def cells(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, null where one is missing."""
        if column.slot is None:
            return self._batch.column(f"{VALUE}{column.position}")
        return self._texts.slice(column.slot * self._batch.num_rows, self._batch.num_rows)

    def hashes(self, column: ColumnPlan) -> NDArray[np.uint64]:
        """Spark's hashes of the column's present cells."""
        if column.slot is None:
            hashes = self._batch.column(f"{HASH}{column.position}").drop_null().to_numpy()
        else:
            hashes = self._hashes[column.slot]
            cells = self.cells(column)
            if cells.null_count:
                hashes = hashes[cells.is_valid().to_numpy(zero_copy_only=False)]
        unsigned: NDArray[np.uint64] = hashes.view(np.uint64)
        return unsigned

    def counts(self, name: str, column: ColumnPlan) -> pa.Array:
        """One of the further columns that a column brings along."""
        return self._batch.column(f"{name}{column.position}")

    @cached_property
    def _texts(self) -> pa.Array:
        """The texts of all rows, column after column."""
        texts = self._batch.column(TEXTS).flatten()
        if self._text_columns == 1:
            return texts
        row_after_row = np.arange(len(texts)).reshape(-1, self._text_columns)
        return texts.take(pa.array(row_after_row.T.ravel()))

    @cached_property
    def _hashes(self) -> NDArray[np.int64]:
        """shape (text columns, rows)"""
        hashes = self._batch.column(HASHES).flatten().to_numpy(zero_copy_only=False)
        return np.ascontiguousarray(hashes.reshape(-1, self._text_columns).T)
