"""Variation between blocks of a data set, each compared with the rest: raw statistics (`window_statistics.FIELDS`). Pure.

Model: as in `window_statistics.py`, with a block of the baseline as the window and the other blocks as its reference.
Statistic: the same scores, so that a baseline's blocks stand for the windows that a first run doesn't have.
Assumptions: rows of a block are neighbours. A column whose blocks differ only because of the rows' order, such as a sorted
column, doesn't show how later windows vary: `between_share` recognises such columns.
Used by: `distribution/window_history.py` of data quality. Source: D4.8.
"""

from __future__ import annotations

from functools import cached_property
from statistics import median

import numpy as np

from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.drift.distributions import compute_rank_scores, count_decimals, find_digits
from spark_model_monitor.statistics.states.surplus import measure_change
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero
from spark_model_monitor.statistics.verdicts.window_statistics import (
    DIGITS,
    TAIL,
    WindowStatistics,
    compare_mean_scores,
    count_cells,
    score_counts,
)
from spark_model_monitor.value_class import value_class

STRETCHES = 4  # a value that only one of so many stretches of a baseline has was new there
FREQUENT_TEXTS = 5  # most frequent texts, which show whether the rows are sorted by a text


@value_class(slots=False, eq=False)
class ColumnBlocks:
    """A column, split into blocks, none of them empty. values: distinct and ascending; numbers, or hashes of texts.
    value_of_row: the index of each row's value, block after block. sizes: the rows of each block. frequent: the most frequent
    values of the whole column, in the form of `values`.
    """

    values: Doubles
    value_of_row: Integers
    sizes: Integers
    frequent: Doubles
    are_numbers: bool

    @cached_property
    def counts(self) -> Doubles:
        """The rows of each block with each value, shape (blocks, values)."""
        blocks = len(self.sizes)
        values = len(self.values)
        cells = np.repeat(np.arange(blocks), self.sizes) * values + self.value_of_row
        # With weights, counts are floats at once; most are 0, and converting them takes longer than counting
        return np.asarray(np.bincount(cells, np.ones(cells.size), blocks * values).reshape(blocks, values), float)

    @cached_property
    def rows_of_value(self) -> Doubles:
        return np.bincount(self.value_of_row, minlength=len(self.values)).astype(float)

    def score(self) -> WindowStatistics:
        """The raw statistics of each block."""
        sizes = self.sizes.astype(float)
        total = float(sizes.sum())
        statistics = {"rows": sizes, "effective": sizes * (total - sizes) / total}
        rows = self.rows_of_value
        for name, scores in compute_rank_scores((rows.cumsum() - rows / 2) / total).items():
            differences, errors = compare_mean_scores(scores, rows, self.counts, sizes)
            statistics[name] = ratio_or_zero(differences, errors)
        names, counts = count_cells(self.counts, rows.cumsum(), self.values, self.frequent)
        if self.are_numbers:
            names = [*names, *DIGITS]
            digits = find_digits(self.values, count_decimals(self.values))
            counts = np.column_stack((counts, self.counts @ digits.T.astype(float)))
        scores = score_counts(counts.sum(axis=0), counts, sizes[:, None], total)
        statistics |= dict(zip(names, scores.T, strict=True))
        # The largest share of a value in each block, and the share of values that only a stretch around the block has
        statistics["largest"] = self.counts.max(axis=1) / sizes
        if not self.are_numbers:
            # The change of all shares from the other blocks to each one, in its standard errors
            statistics["mix"] = ratio_or_zero(*measure_change(rows - self.counts, self.counts))
            occurs = self.counts > 0
            blocks_around = len(occurs) - occurs.argmax(axis=0) - occurs[::-1].argmax(axis=0)
            is_of_stretch = blocks_around <= max(1, len(occurs) // STRETCHES)
            statistics["unseen"] = self.counts[:, is_of_stretch].sum(axis=1) / sizes
        return statistics

    def measure_reach(self) -> Doubles:
        """How far the level of the first half of the blocks is from that of the second half, in widths of the range of all finite
        numbers: the distance of the medians of the blocks' means, times the share of the means' variance beyond noise of rows.
        Numbers in the tails count as the tails' ends; medians don't move if only some blocks differ, as by season.
        """
        finite = self.values[np.isfinite(self.values)]
        if len(finite) < 2:
            return np.zeros(len(self.sizes))
        # Positions from 0 to 1 in this range; halves, since the width of the widest range overflows a double
        ends = (self.rows_of_value.cumsum() / len(self.value_of_row)).searchsorted([TAIL, 1 - TAIL])
        low, high = finite[[0, -1]] / 2
        positions = (self.values.clip(*self.values[ends]).clip(2 * low, 2 * high) / 2 - low) / (high - low)
        row_positions = positions[self.value_of_row]
        means = np.einsum("bv,v->b", self.counts, positions) / self.sizes
        middle = (len(means) + 1) // 2
        distance = abs(median(means[:middle]) - median(means[middle:]))
        distance *= estimate_between_share(row_positions, self.sizes) * row_positions.var() / (means.var(ddof=1) or 1)
        return np.full(len(means), distance)

    def between_share(self) -> tuple[float, Doubles]:
        """The share of the column's variance between blocks in row order, beyond what groups of rows explain; and the values that
        have this share: ranks of numbers, or the indicator of one of the most frequent texts.
        """
        if self.are_numbers:
            middle_ranks = self.rows_of_value.cumsum() - self.rows_of_value / 2
            candidates = [middle_ranks[self.value_of_row]]
        else:
            # A text with no more rows than a block may be a group of neighbours, which has one place in any order
            frequent = np.argsort(-self.rows_of_value, kind="stable")[:FREQUENT_TEXTS]
            frequent = frequent[self.rows_of_value[frequent] > self.sizes.max()]
            candidates = [(self.value_of_row == value).astype(float) for value in frequent] or [np.zeros(1)]
        shares = [estimate_between_share(values, self.sizes) for values in candidates]
        largest = int(np.argmax(shares))
        return shares[largest], candidates[largest]


def estimate_between_share(values: Doubles, sizes: Integers) -> float:
    """The share of a column's variance between blocks in row order, beyond what groups of rows within them explain.

    values: ranks, or 0 and 1, block after block. The difference between the halves of a block estimates the effect of groups
    of rows; blocks of one row have no halves and are left out.
    """
    variance = float(values.var())
    has_halves = sizes > 1
    if not variance or np.count_nonzero(has_halves) < 2:
        return 0.0
    cumulative = np.concatenate(([0.0], np.cumsum(values)))
    ends = sizes.cumsum()[has_halves]
    sizes = sizes[has_halves]
    halves = sizes // 2
    first_mean = (cumulative[ends - sizes + halves] - cumulative[ends - sizes]) / halves
    second_mean = (cumulative[ends] - cumulative[ends - sizes + halves]) / (sizes - halves)
    # The variance of the blocks' means, less the variance that the difference of their halves explains
    within_variance = float(((first_mean - second_mean) ** 2).mean()) / 4
    between_variance = float(((first_mean + second_mean) / 2).var(ddof=1))
    return max(between_variance - within_variance, 0.0) / variance
