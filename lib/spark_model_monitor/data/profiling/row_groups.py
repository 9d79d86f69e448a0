"""Keeps the rows of a sample of groups, named by a column, instead of runs of neighbours. Imported only if needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.gathering import runs_of
from spark_model_monitor.data.profiling.plan import Block, ColumnPlan, once_a_block
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.states.rows import MOST_GROUPS, ROWS_OF_A_GROUP, RowGroups


class RowLocations:
    """The positions of each group's rows, the same for all columns."""

    def __init__(self, group: ColumnPlan) -> None:
        self._group = group

    @once_a_block
    def of_block(self, block: Block) -> tuple[list[float], list[NDArray[np.int64]]]:
        """The groups with the smallest lots: their lots, and the positions of their rows. A lot depends on the group's
        name; rows without a group are left out.
        """
        cells = block.cells(self._group)
        rows = np.flatnonzero(~are_missing(cells))
        lots = (hash_texts(cells.drop_null().cast(pa.string())) >> np.uint64(11)).astype(np.float64) / 2**53
        some = np.unique(lots)[:MOST_GROUPS]
        there = np.flatnonzero(np.isin(lots, some))
        order = there[np.argsort(lots[there], kind="stable")]
        places = np.split(rows[order], lots[order].searchsorted(some[1:]))
        return some.tolist(), [each[:ROWS_OF_A_GROUP] for each in places if len(some)]


class RowGroupsGatherer:
    """Keeps the rows of a sample of groups, the same for all columns."""

    def __init__(self, column: ColumnPlan, groups: RowLocations) -> None:
        self._column, self._groups, self._kept = column, groups, RowGroups()

    def update(self, block: Block) -> None:
        lots, places = self._groups.of_block(block)
        if lots:
            self._kept += RowGroups(tuple(runs_of(self._column, block, lots, places)))

    def states(self) -> Iterator[RowGroups]:
        yield self._kept
