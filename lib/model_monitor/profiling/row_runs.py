"""Runs of neighbouring rows, kept beside what a gatherer gathers: so many of a partition that each has its part. Runs on
executors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.profiling.block import Block
from model_monitor.profiling.keys import hashes_of
from model_monitor.profiling.plan import ColumnPlan, ScanPlan
from model_monitor.states.data_types import classify, parse_numbers
from model_monitor.states.row_runs import FEWEST_ROWS, MOST_RUNS, RowRuns, Run

LONGEST_RUN, CELLS_OF_RUNS = 512, 50_000
"""Rows of a run at most, and cells of all columns in one."""


class RowRunsGatherer:
    """Keeps some runs of a column's rows. The first partition keeps the most, since it may be the only one.

    The first run of every partition comes before the second of any, so that all have their part.
    """

    def __init__(self, column: ColumnPlan, plan: ScanPlan, partition: int) -> None:
        self._column = column
        self._accept_exponents = plan.accept_exponents
        self._time = plan.time_column
        self._longest = max(8 * FEWEST_ROWS, min(LONGEST_RUN, CELLS_OF_RUNS // max(1, plan.all_columns)))
        self._random = np.random.default_rng(partition)
        self._most = max(1, MOST_RUNS >> partition.bit_length())
        if partition >= 2 * MOST_RUNS and self._random.random() * partition > 2 * MOST_RUNS:
            self._most = 0
        self._runs: list[Run] = []

    def update(self, block: Block) -> None:
        """Take the next rows. Where runs lie, and which are kept, is the same for all columns."""
        step = max(FEWEST_ROWS, block.rows // max(1, self._most))
        starts = range(0, block.rows - step + 1, step) if self._most else range(0)
        drawn = sorted(zip(self._random.random(len(starts)).tolist(), starts, strict=True))
        kept = sorted([*(run.lot for run in self._runs), *(lot for lot, _ in drawn)])[: self._most]
        new = [(lot, start) for lot, start in drawn if lot in kept]
        if new:
            cells, rows = block.cells(self._column), min(step, self._longest)
            order = None if self._time is None else block.order_by(self._time)
            stretches = (
                cells.slice(start, rows) if order is None else cells.take(order.slice(start, rows)) for _, start in new
            )
            found = [self._run(lot, stretch) for (lot, _), stretch in zip(new, stretches, strict=True)]
            self._runs = sorted([*self._runs, *found], key=lambda run: run.lot)[: self._most]

    def states(self) -> Iterator[RowRuns]:
        yield RowRuns(
            tuple(Run(rank + run.lot, run.rows, run.numbers, run.hashes) for rank, run in enumerate(self._runs))
        )

    def _run(self, lot: float, cells: pa.Array) -> Run:
        present = cells.drop_null()
        if not self._column.is_text:
            numbers = present.to_numpy(zero_copy_only=False).astype(np.float64)
            return Run(lot, len(cells), numbers[~np.isnan(numbers)].tobytes())
        return Run(lot, len(cells), self._numbers(present).tobytes(), _hashes(present).tobytes())

    def _numbers(self, texts: pa.Array) -> NDArray[np.float64]:
        """The texts as numbers, none if one of them is something else."""
        kinds = classify(texts, accept_exponents=self._accept_exponents)
        numbers = parse_numbers(texts, kinds)
        return numbers if not np.isnan(numbers).any() else numbers[:0]


def _hashes(texts: pa.Array) -> NDArray[np.uint64]:
    return hashes_of(texts) if len(texts) else np.empty(0, np.uint64)
