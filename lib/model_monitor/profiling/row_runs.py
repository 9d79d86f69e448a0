"""Runs of neighbouring rows, kept beside what a gatherer gathers: so many of a partition that each has its part. Runs on
executors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.profiling.block import Block
from model_monitor.profiling.keys import hashes_of
from model_monitor.profiling.plan import ColumnPlan, ScanPlan
from model_monitor.statistics.states.data_types import classify, parse_numbers
from model_monitor.statistics.states.rows import FEWEST_ROWS, MOST_RUNS, RowRuns, Run

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
            stretches = pa.concat_arrays([(cells if order is None else order).slice(start, rows) for _, start in new])
            found = self._runs_of([lot for lot, _ in new], stretches if order is None else cells.take(stretches), rows)
            self._runs = sorted([*self._runs, *found], key=lambda run: run.lot)[: self._most]

    def states(self) -> Iterator[RowRuns]:
        yield RowRuns(
            tuple(Run(rank + run.lot, run.rows, run.numbers, run.hashes) for rank, run in enumerate(self._runs))
        )

    def _runs_of(self, lots: Sequence[float], cells: pa.Array, rows: int) -> Iterator[Run]:
        """Runs of so many rows each, one behind the other: what is done once for all of them is cheaper."""
        present = cells.drop_null()
        numbers, hashes = self._of_texts(present) if self._column.is_text else _of_numbers(present)
        ends = np.cumsum(cells.is_valid().to_numpy(zero_copy_only=False).reshape(-1, rows).sum(axis=1))
        for lot, end, count in zip(lots, ends, np.diff(ends, prepend=0), strict=True):
            of_run = numbers[end - count : end]
            is_number = ~np.isnan(of_run)
            if hashes is None:
                yield Run(lot, rows, of_run[is_number].tobytes())
            else:  # texts are numbers if all of them are
                yield Run(lot, rows, of_run[: count * is_number.all()].tobytes(), hashes[end - count : end].tobytes())

    def _of_texts(self, present: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
        """Each text as a number, NaN if it is none, and its hash."""
        encoded = present.dictionary_encode()
        texts, codes = encoded.dictionary, encoded.indices.to_numpy()
        if not len(texts):
            return np.empty(0), np.empty(0, np.uint64)
        kinds = classify(texts, accept_exponents=self._accept_exponents)
        return parse_numbers(texts, kinds)[codes], hashes_of(texts)[codes]


def _of_numbers(present: pa.Array) -> tuple[NDArray[np.float64], None]:
    return present.to_numpy(zero_copy_only=False).astype(np.float64), None
