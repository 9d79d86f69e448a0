"""Samples groups of rows, which a column names, instead of runs of neighbours. Imported only if needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.profiling.row_runs import extract_runs
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, compute_once_per_block
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.states.row_counts import MAX_GROUP_ROWS, MAX_GROUPS, RowGroups


class SampledGroups:
    """The positions of each group's rows, which are the same for all columns."""

    def __init__(self, group: ColumnPlan) -> None:
        self._group = group

    @compute_once_per_block
    def select_groups(self, block: Block) -> tuple[list[float], list[Integers]]:
        """The groups with the smallest lots: their lots, and the positions of their rows. A lot depends on the name of the group.
        Rows without a group are left out.
        """
        # The lot depends on the name only, so a group is sampled in all partitions or in none
        cells = block.cells(self._group)
        rows = np.flatnonzero(~are_missing(cells))
        lots = (hash_texts(cells.drop_null().cast(pa.string())) >> np.uint64(11)).astype(np.float64) / 2**53
        sampled_lots = np.unique(lots)[:MAX_GROUPS]
        is_sampled = np.flatnonzero(np.isin(lots, sampled_lots))
        # The rows of each group, in the order of the data
        order = is_sampled[np.argsort(lots[is_sampled], kind="stable")]
        group_rows = np.split(rows[order], lots[order].searchsorted(sampled_lots[1:]))
        return sampled_lots.tolist(), [positions[:MAX_GROUP_ROWS] for positions in group_rows if len(sampled_lots)]


class RowGroupsGatherer:
    """Samples the values of a column by groups of rows, with the same groups for all columns."""

    def __init__(self, column: ColumnPlan, groups: SampledGroups) -> None:
        self._column = column
        self._groups = groups
        self._sample = RowGroups()

    def update(self, block: Block) -> None:
        lots, positions = self._groups.select_groups(block)
        if lots:
            self._sample += RowGroups(tuple(extract_runs(self._column, block, lots, positions)))

    def states(self) -> Iterator[RowGroups]:
        yield self._sample
