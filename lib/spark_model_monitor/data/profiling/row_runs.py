"""Samples runs of neighbouring rows, with the same runs for all columns. Executors import this module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, count, pairwise, repeat
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan, compute_once_per_block
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics import Doubles, Flags, Hashes, Integers
from spark_model_monitor.statistics.states.row_counts import MAX_RUNS, MIN_ROWS, RowRun, RowRuns, encode_lot

if TYPE_CHECKING:
    from spark_model_monitor.data.profiling.file_order import FileOrder

MAX_RUN_ROWS = 512
MAX_RUN_CELLS = 50_000  # most cells of a run in all columns


class RunSampler:
    """The locations of a partition's sampled runs, which are the same for all columns.

    The first partition keeps the most runs, because it may be the only one. The first run of every partition ranks before the
    second run of any other, so that the final sample has runs of each partition.

    max_runs: the maximum number of runs that this partition keeps.
    """

    def __init__(self, plan: ScanPlan, partition: int, max_runs: int = MAX_RUNS) -> None:
        self._min_rows = plan.run_rows
        self._partition = partition
        self._rows_seen = 0
        self._file_order = plan.file_order
        self._rows_seen_by_rank: Counter[int] = Counter()  # by rank: the rows so far of that piece of a file
        self._max_rows = max(8 * MIN_ROWS, min(MAX_RUN_ROWS, MAX_RUN_CELLS // max(1, plan.all_columns)))
        self._random = np.random.default_rng(partition)
        self.max_runs = max(1, max_runs >> partition.bit_length())
        if partition >= 2 * MAX_RUNS and self._random.random() * partition > 2 * MAX_RUNS:
            self.max_runs = 0
        self._lots: list[float] = []
        self._time = plan.time_column

    @compute_once_per_block
    def select_runs(self, block: Block) -> tuple[list[float], list[Integers]]:
        """The runs that `draw_runs` draws from a block's rows, which are ordered by time if there is a time column, otherwise by
        their files; computed once for all columns.
        """
        order, ranks = block.find_row_order(self._time, self._file_order)
        if order is None:
            return self.draw_runs(block.rows, ranks)
        lots, positions = self.draw_runs(block.rows, None if ranks is None else ranks[order])
        return lots, [order[rows] for rows in positions]

    def draw_runs(self, rows: int, ranks: Integers | None) -> tuple[list[float], list[Integers]]:
        """The runs among the next rows that may be in the sample: their lots, and the positions of their rows.

        ranks: for each row, the rank of its piece of a file, ascending; None if the files are unknown.
        """
        # The length of runs if the partition had no other rows
        step = max(self._min_rows, rows // max(1, self.max_runs))
        # A small window is one run
        if rows < 2 * step and self._min_rows > MIN_ROWS:
            step = rows
        starts = range(0)
        if self.max_runs:
            starts = range(0, rows - step + 1, step)
        random_numbers = self._random.random(len(starts)).tolist()
        # The positions in the data at which each run begins and ends
        length = min(step, self._max_rows)
        ends = [start + length for start in starts]
        if ranks is None or self._file_order is None:
            lots = map(encode_lot, random_numbers, repeat(self._partition), count(self._rows_seen, step))
        else:
            pieces, first_rows, ends = self._locate_runs(self._file_order, ranks, starts, ends)
            lots = map(encode_lot, random_numbers, pieces, first_rows)
        # The runs with the lowest lots are kept
        runs = sorted(zip(lots, starts, ends, strict=False))
        self._rows_seen += rows
        self._lots = sorted([*self._lots, *(lot for lot, _, _ in runs)])[: self.max_runs]
        selected_runs = [(lot, np.arange(start, end)) for lot, start, end in runs if lot in self._lots]
        return [lot for lot, _ in selected_runs], [positions for _, positions in selected_runs]

    def _locate_runs(
        self, order: FileOrder, ranks: Integers, starts: range, ends: list[int]
    ) -> tuple[list[int], list[int], list[int]]:
        """For each run: the rank of the piece of a file from which its rows are counted, its first row there, and its end.

        Pieces that follow each other in the data are one sequence of rows, as if they were one file. A run ends at the end of its
        sequence, unless it would be too short.
        """
        sequence_starts = np.concatenate(([0], np.flatnonzero(np.diff(ranks) > 1) + 1))
        sequence_ends = np.append(sequence_starts[1:], len(ranks))
        sequences = np.searchsorted(sequence_starts, starts, side="right") - 1
        # Rows are counted from the first row of the sequence's first piece; earlier blocks may have had rows of this piece
        first_ranks = ranks[sequence_starts]
        rows_before = np.array([self._rows_seen_by_rank[rank] for rank in first_ranks.tolist()]) - sequence_starts
        first_rows = np.array(starts, np.int64) + rows_before[sequences]
        pieces = order.scale_ranks(first_ranks)[sequences]
        ranks_seen, row_counts = np.unique(ranks, return_counts=True)
        self._rows_seen_by_rank.update(dict(zip(ranks_seen.tolist(), row_counts.tolist(), strict=True)))
        # Each run ends at the end of its sequence
        bounded_ends = []
        for start, end, sequence_end in zip(starts, ends, sequence_ends[sequences].tolist(), strict=True):
            is_long_enough = sequence_end - start >= self._min_rows
            bounded_ends.append(min(end, sequence_end) if is_long_enough else end)
        return pieces.tolist(), first_rows.tolist(), bounded_ends


class RowRunsGatherer:
    """Samples runs of a column's rows."""

    def __init__(self, column: ColumnPlan, starts: RunSampler) -> None:
        self._column = column
        self._sampler = starts
        self._runs: list[RowRun] = []

    def update(self, block: Block) -> None:
        lots, positions = self._sampler.select_runs(block)
        if lots:
            self._runs += extract_runs(self._column, block, lots, positions)
            self._runs = keep_lowest_lots(self._runs, self._sampler.max_runs)

    def states(self) -> Iterator[RowRuns]:
        yield rank_runs(self._runs)


def keep_lowest_lots(runs: Iterable[RowRun], limit: int) -> list[RowRun]:
    """The `limit` runs with the lowest lots."""
    return sorted(runs, key=attrgetter("lot"))[:limit]


def rank_runs(runs: Iterable[RowRun]) -> RowRuns:
    """The runs of a partition's sample, with ranks in this order."""
    return RowRuns(tuple(RowRun(rank + run.lot, *run[1:]) for rank, run in enumerate(runs)))


def extract_runs(
    column: ColumnPlan, block: Block, lots: Sequence[float], positions: Sequence[Integers]
) -> Iterator[RowRun]:
    """The runs of a column at these positions of a block. All runs are computed together, which is cheaper."""
    rows = np.concatenate(positions)
    ends = [0, *accumulate(map(len, positions))]
    read_cells = _read_texts if column.is_text else _read_numbers
    is_present, numbers, hashes = read_cells(column, block, rows)
    # The numbers and hashes of the present cells of all runs are split by run
    present_ends = _count_before(is_present, ends)
    number_counts = np.diff(_count_before(~np.isnan(numbers), present_ends)).tolist()
    present_bits = [b""] * len(lots)
    if not is_present.all():
        present_bits = _pack_presence_bits(is_present, ends)
    number_bytes = numbers.tobytes()
    hash_bytes = hashes.tobytes()
    for index, lot in enumerate(lots):
        start = present_ends[index]
        end = present_ends[index + 1]
        run_numbers = b""
        if 2 * number_counts[index] >= end - start:
            run_numbers = number_bytes[8 * start : 8 * end]
        yield RowRun(lot, len(positions[index]), run_numbers, hash_bytes[8 * start : 8 * end], present_bits[index])


def _read_numbers(column: ColumnPlan, block: Block, rows: Integers) -> tuple[Flags, Doubles, Hashes]:
    """Flags of the rows with a number, the numbers, and an empty array of hashes."""
    numbers = convert_to_doubles(block.cells(column))[rows]
    is_present = ~np.isnan(numbers)
    return is_present, numbers[is_present], np.empty(0, np.uint64)


def _read_texts(column: ColumnPlan, block: Block, rows: Integers) -> tuple[Flags, Doubles, Hashes]:
    """Flags of the rows with a text, and the texts as numbers and as hashes."""
    is_valid = ~are_missing(block.cells(column))
    among_present = (np.cumsum(is_valid) - 1)[rows[is_valid[rows]]]
    texts = block.texts_by_position[column.position]
    return is_valid[rows], *texts.take(among_present, has_text_hashes=not column.hashed_by_spark)


def _pack_presence_bits(is_present: Flags, ends: list[int]) -> list[bytes]:
    """For each run: one bit per row, which says whether the row has a value; empty if all rows of the run have one."""
    bits_by_run = []
    for start, end in pairwise(ends):
        run_is_present = is_present[start:end]
        bits_by_run.append(b"" if run_is_present.all() else np.packbits(run_is_present).tobytes())
    return bits_by_run


def _count_before(flags: Flags, positions: list[int]) -> list[int]:
    """The number of true flags before each position; the positions themselves if all flags are true."""
    if flags.all():
        return positions
    counts: list[int] = np.concatenate(([0], np.cumsum(flags)))[positions].tolist()
    return counts
