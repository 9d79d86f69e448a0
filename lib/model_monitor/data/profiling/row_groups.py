"""Rows of some groups that a column names, kept in place of runs of neighbours. Loaded where there is such a column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.profiling.gathering import runs_of
from model_monitor.data.profiling.plan import Block, ColumnPlan, once_a_block
from model_monitor.data.records.arrays import are_missing
from model_monitor.statistics.states.hashing import xxhash64_of_texts
from model_monitor.statistics.states.rows import MOST_GROUPS, ROWS_OF_A_GROUP, RowGroups


class RowLocations:
    """Where the rows of each group stand, the same for all columns."""

    def __init__(self, group: ColumnPlan) -> None:
        self._group = group

    @once_a_block
    def of_block(self, block: Block) -> tuple[list[float], list[NDArray[np.int64]]]:
        """The lots of the groups whose lots are the smallest, and where the rows of each stand. A lot is drawn by what the group
        is called; rows of no group are in none.
        """
        cells = block.cells(self._group)
        rows = np.flatnonzero(~are_missing(cells))
        lots = (xxhash64_of_texts(cells.drop_null().cast(pa.string())) >> np.uint64(11)).astype(np.float64) / 2**53
        some = np.unique(lots)[:MOST_GROUPS]
        there = np.flatnonzero(np.isin(lots, some))
        order = there[np.argsort(lots[there], kind="stable")]
        places = np.split(rows[order], lots[order].searchsorted(some[1:]))
        return some.tolist(), [each[:ROWS_OF_A_GROUP] for each in places if len(some)]


class RowGroupsGatherer:
    """Keeps the rows of some groups: of all columns the same."""

    def __init__(self, column: ColumnPlan, groups: RowLocations) -> None:
        self._column, self._groups, self._kept = column, groups, RowGroups()

    def update(self, block: Block) -> None:
        lots, places = self._groups.of_block(block)
        if lots:
            self._kept += RowGroups(tuple(runs_of(self._column, block, lots, places)))

    def states(self) -> Iterator[RowGroups]:
        yield self._kept
