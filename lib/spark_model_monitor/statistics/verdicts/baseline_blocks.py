"""Variation between parts of a data set, each compared with the rest: raw statistics (`window_statistics.FIELDS`). Pure.

Model: as in `window_statistics.py`, with a part of the baseline as the window and the other parts as its reference.
Statistic: the same scores, so that a baseline's parts stand for the windows that a first run doesn't have.
Assumptions: rows of a part are neighbours. A column whose parts differ by order alone, such as a sorted one, shows nothing
of later windows: `estimate_between_shares` tells it apart.
Used by: `distribution/window_history.py` of data quality. Source: D4.8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import (
    CUTS,
    Counts,
    Values,
    compute_rank_scores,
    split_into_slices,
)
from spark_model_monitor.statistics.drift.special_functions import map_values
from spark_model_monitor.statistics.verdicts.window_statistics import Windows, add_by_group, ks_score, score_cells

Indices = NDArray[np.int64]

# distinct numbers that are kept apart, and how many at either end always are
MOST_VALUES = 512
ENDS = 32
_CUTS = np.array(CUTS)


class BaselineBlocks:
    """Columns, all split into the same number of blocks, none of them empty.

    Arrays of rows, of blocks and of values run over all columns, one after the other.
    """

    def __init__(
        self, columns: Sequence[tuple[NDArray[Any], Indices]], block_sizes: Indices, *, are_numbers: bool
    ) -> None:
        """columns: for each the distinct values of all blocks, ascending, and the index of each row's value, block after
        block: numbers (many neighbours are merged, except at the ends) or hashes of texts. block_sizes: the rows of each
        block, shape (columns, blocks).
        """
        self.block_sizes = block_sizes
        self.are_numbers = are_numbers
        self.num_columns, self.num_blocks = block_sizes.shape
        self.column_rows = block_sizes.sum(axis=1)
        self.other_rows = self.column_rows[:, None] - block_sizes  # those of a column outside the block
        self.earlier_rows = self.column_rows.cumsum() - self.column_rows  # of all columns before
        self.values = np.concatenate([values for values, _ in columns])
        self._set_value_counts([len(values) for values, _ in columns])
        indices = [self.first_values[column] + index for column, (_, index) in enumerate(columns)]
        self.value_of_row: Indices = np.concatenate(indices)
        if are_numbers and (self.num_values > MOST_VALUES).any():
            self._merge_neighbours()
        self.rows_of_value = np.bincount(self.value_of_row)
        self.ranks = self.rows_of_value.cumsum() - self.earlier_rows[self.column_of_value]
        sizes = block_sizes.ravel()
        self.block_of_row: Indices = np.repeat(np.arange(sizes.size), sizes)
        self.first_rows: Indices = sizes.cumsum() - sizes  # of each block

    def _set_value_counts(self, num_values: Sequence[int]) -> None:
        self.num_values = np.array(num_values, np.int64)
        self.first_values = self.num_values.cumsum() - self.num_values
        self.column_of_value: Indices = np.repeat(np.arange(self.num_columns), self.num_values)

    def _merge_neighbours(self) -> None:
        """Keep as many quantiles of columns with many values, and the values at their ends."""
        has_many = self.num_values > MOST_VALUES
        value_of_rank = np.repeat(np.arange(len(self.values)), np.bincount(self.value_of_row))
        quantile_ranks = np.ceil(np.linspace(0, self.column_rows[has_many], MOST_VALUES))
        quantile_ranks = np.maximum(quantile_ranks, 1).astype(np.int64) + self.earlier_rows[has_many] - 1
        is_kept = ~has_many[self.column_of_value]
        is_kept[value_of_rank[quantile_ranks]] = True
        position = np.arange(len(self.values)) - self.first_values[self.column_of_value]
        is_kept |= position < ENDS
        is_kept |= position >= (self.num_values - ENDS)[self.column_of_value]
        # A value that isn't kept counts as the next one that is
        new_index = is_kept.cumsum() - is_kept
        self.values = self.values[is_kept]
        self.value_of_row = new_index[self.value_of_row]
        self._set_value_counts(np.add.reduceat(is_kept, self.first_values, dtype=np.int64).tolist())

    def counts(self, column: int, value_of_row: Indices | None = None) -> Windows:
        """The count of each value in each block of a column, shape (blocks, values)."""
        if value_of_row is None:
            value_of_row = self.value_of_row
        first_row = self.earlier_rows[column]
        num_values = self.num_values[column]
        rows = slice(first_row, first_row + self.column_rows[column])
        block = self.block_of_row[rows] - column * self.num_blocks
        cells = block * num_values + value_of_row[rows] - self.first_values[column]
        counts = _count(cells, np.ones(len(cells)), self.num_blocks * num_values)
        return counts.reshape(self.num_blocks, num_values)

    def raw(self) -> dict[str, Values]:
        """The raw statistics, each of shape (columns, blocks)."""
        if self.are_numbers:
            numeric_statistics = self._compare_numbers()
        else:
            numeric_statistics = {}
        return {
            "rows": self.block_sizes * np.ones(self.block_sizes.shape),
            "effective": self._effective_rows,
            **numeric_statistics,
            **self._compute_mean_scores(),
            **self._compare_cells(),
        }

    @property
    def _effective_rows(self) -> Values:
        effective: Values = self.block_sizes * self.other_rows / self.column_rows[:, None]
        return effective

    def _compare_numbers(self) -> dict[str, Values]:
        """The gaps of cumulative distributions, and values outside the other blocks' range."""
        keys = np.sort(self.block_of_row * len(self.values) + self.value_of_row)
        ascending = keys - self.block_of_row * len(self.values)  # the values' indices, ascending in each block
        return {"ks": self._compute_ks_scores(ascending), **self._compute_shares_outside(ascending)}

    def _compute_ks_scores(self, ascending: Indices) -> Values:
        """Kolmogorov-Smirnov scores: a block's gap is extreme before or at its own values."""
        block = self.block_of_row
        is_last = np.ones(len(ascending), bool)  # of equal values in a block
        is_last[:-1] = (ascending[1:] != ascending[:-1]) | (block[1:] != block[:-1])
        is_first = np.ones(len(ascending), bool)
        is_first[1:] = is_last[:-1]
        is_first &= ascending > self.first_values[block // self.num_blocks]

        # F of the block less F of the others, which is F of the column without the block
        rank_in_block = np.arange(1, len(ascending) + 1) - self.first_rows[block]
        factor = (1 / self.block_sizes.ravel() + 1 / self.other_rows.ravel())[block]
        other_rows = self.other_rows.ravel()[block]
        gap_at = np.abs(rank_in_block * factor - self.ranks[ascending] / other_rows) * is_last
        gap_before = np.abs((rank_in_block - 1) * factor - self.ranks[ascending - 1] / other_rows) * is_first
        largest = np.maximum.reduceat(np.maximum(gap_at, gap_before), self.first_rows)
        rounding = np.abs(
            self.block_sizes * (1 / self.block_sizes + 1 / self.other_rows)
            - self.column_rows[:, None] / self.other_rows
        )
        gaps = np.maximum(largest.reshape(rounding.shape), rounding)
        root = np.sqrt(self._effective_rows)
        return map_values(ks_score, (root + 0.12 + 0.11 / root) * gaps)

    def _compute_shares_outside(self, ascending: Indices) -> dict[str, Values]:
        """The shares outside the other blocks' range, and by more than half its width; 0 except for blocks at an end."""
        shape = self.block_sizes.shape
        smallest = ascending[self.first_rows].reshape(shape)
        largest = ascending[self.first_rows + self.block_sizes.ravel() - 1].reshape(shape)
        two_smallest = np.sort(smallest, axis=1)[:, :2, None]
        two_largest = np.sort(largest, axis=1)[:, :-3:-1, None]
        has_smallest = smallest == two_smallest[:, 0]
        has_largest = largest == two_largest[:, 0]

        # The range of the other blocks
        begin = self.values[np.where(has_smallest, two_smallest[:, 1], two_smallest[:, 0])].ravel()
        end = self.values[np.where(has_largest, two_largest[:, 1], two_largest[:, 0])].ravel()
        with np.errstate(invalid="ignore", over="ignore"):
            half_width = np.where(np.isfinite(end - begin), (end - begin) / 2, 0.0)
        rows = (has_smallest | has_largest).ravel()[self.block_of_row].nonzero()[0]
        block = self.block_of_row[rows]
        values = self.values[ascending[rows]]
        shares = {}
        for name, distance in (("beyond", np.zeros(len(half_width))), ("far", half_width)):
            above = np.bincount(block, values > (end + distance)[block], self.block_sizes.size)
            below = np.bincount(block, values < (begin - distance)[block], self.block_sizes.size)
            shares[name] = np.maximum(above.reshape(shape), below.reshape(shape)) / self.block_sizes
        return shares

    def _compute_mean_scores(self) -> dict[str, Values]:
        """The mean scores: of numbers by rank, of texts by rank of frequency."""
        rows_of_value = self.rows_of_value
        value_of_row = self.value_of_row
        ranks = self.ranks
        if not self.are_numbers:
            # Texts have no order but that of their frequency, the most frequent one first
            by_frequency = np.lexsort((-rows_of_value, self.column_of_value))
            position = np.empty(len(by_frequency), np.int64)
            position[by_frequency] = np.arange(len(by_frequency))
            rows_of_value = rows_of_value[by_frequency]
            value_of_row = position[value_of_row]
            ranks = rows_of_value.cumsum() - self.earlier_rows[self.column_of_value]
        weights = rows_of_value.astype(float)
        scores = compute_rank_scores((ranks - weights / 2) / self.column_rows[self.column_of_value])
        # The sums of scores, of each block and of all rows
        columns = split_into_slices(self.num_values)
        block_sums = {name: np.empty(self.block_sizes.shape) for name in scores}
        column_sums = {name: np.empty(self.num_columns) for name in scores}
        for column, values in enumerate(columns):
            counts = self.counts(column, value_of_row)
            if not self.are_numbers:
                counts = np.asfortranarray(counts)  # the order of additions, and so rounding, follows the layout
            for name, value_scores in scores.items():
                block_sums[name][column] = counts @ value_scores[values]
                column_sums[name][column] = weights[values] @ value_scores[values]
        return {
            name: self._standardize(value_scores, weights, columns, block_sums[name], column_sums[name])
            for name, value_scores in scores.items()
        }

    def _standardize(
        self, scores: Values, weights: Counts, columns: Sequence[slice], block_sums: Windows, column_sums: Values
    ) -> Values:
        """The difference of the mean scores of a block and the others, in its standard errors."""
        differences = block_sums / self.block_sizes - (column_sums[:, None] - block_sums) / self.other_rows
        squares = (scores - (column_sums / self.column_rows)[self.column_of_value]) ** 2
        sums = np.array([weights[values] @ squares[values] for values in columns])
        variance = (sums / np.maximum(self.column_rows - 1, 1))[:, None]
        errors = np.sqrt(variance * (1 / self.block_sizes + 1 / self.other_rows))
        standardized: Values = np.divide(differences, errors, out=differences * 0, where=variance > 0)
        return standardized

    def _assign_cells(self) -> Indices:
        """The cell of each value. Numbers have a cell for each quantile of all values, and one between each two."""
        if not self.are_numbers:
            return np.arange(len(self.values))
        begins = np.zeros(len(self.values) + 1, bool)
        cut_ranks = np.ceil(_CUTS * self.column_rows[:, None]).astype(np.int64) + self.earlier_rows[:, None]
        cut_values = self.rows_of_value.cumsum().searchsorted(cut_ranks.ravel())
        begins[self.first_values] = True
        begins[cut_values] = True
        begins[cut_values + 1] = True
        return begins[:-1].cumsum() - 1

    def _compare_cells(self) -> dict[str, Values]:
        cells = self._assign_cells()
        totals = _count(cells, self.rows_of_value)
        begins_cell = np.diff(cells, prepend=-1).nonzero()[0]
        num_cells = np.bincount(self.column_of_value[begins_cell])
        keys = self.block_of_row % self.num_blocks * len(totals) + cells[self.value_of_row]
        counts = _count(keys, np.ones(len(keys)), self.num_blocks * len(totals)).reshape(self.num_blocks, -1)
        statistics = score_cells(totals, counts, num_cells, are_numbers=self.are_numbers)
        if not self.are_numbers:
            unseen = np.where(totals - counts <= 0, counts, 0)
            statistics["unseen"] = np.add.reduceat(unseen, self.first_values, axis=1).T / self.block_sizes
        return statistics

    def iterate_between_shares(self, most_frequent: int) -> Iterator[tuple[float, Values]]:
        """For each column: the share of its variance between blocks in row order, beyond what groups of rows explain;
        and the values with it: ranks of numbers, or the indicator of one of the most frequent texts.
        """
        columns = split_into_slices(self.column_rows)
        if self.are_numbers:
            middle_ranks = (self.ranks - self.rows_of_value / 2)[self.value_of_row]
            scores = [[middle_ranks[rows]] for rows in columns]
        else:
            scores = []
            for rows, values in zip(columns, split_into_slices(self.num_values), strict=True):
                by_frequency = np.argsort(-self.rows_of_value[values], kind="stable")
                frequent = values.start + by_frequency[:most_frequent]
                scores.append([(self.value_of_row[rows] == value).astype(float) for value in frequent])
        # A column of texts has several scores, of which the one that varies most between blocks counts
        num_scores = [len(column_scores) for column_scores in scores]
        shares = estimate_between_shares([*chain(*scores)], np.repeat(self.block_sizes, num_scores, axis=0))
        for column_scores, column_scores_slice in zip(scores, split_into_slices(np.array(num_scores)), strict=True):
            largest = int(shares[column_scores_slice].argmax())
            yield float(shares[column_scores_slice][largest]), column_scores[largest]


def estimate_between_shares(scores: Sequence[Values], block_sizes: Indices) -> Values:
    """The share of each column's variance between blocks in row order, beyond what groups of rows within them explain.

    scores: each column's values in order of blocks: ranks, or 0 and 1. block_sizes: shape (columns, blocks). The
    difference between the halves of a block estimates the effect of groups of rows.
    """
    num_columns, num_blocks = block_sizes.shape
    column_rows = block_sizes.sum(axis=1)
    values = np.concatenate(scores)
    variance = _compute_variances(values, column_rows, column_rows)

    # Blocks of one row have no halves
    has_halves = block_sizes.ravel() > 1
    sizes = block_sizes.ravel()[has_halves]
    ends = block_sizes.cumsum()[has_halves]
    column = np.repeat(np.arange(num_columns), num_blocks)[has_halves]
    usable_blocks = np.bincount(column, minlength=num_columns)
    cumulative = np.concatenate(([0.0], np.cumsum(values)))
    starts = ends - sizes
    halves = sizes // 2
    first_mean = (cumulative[starts + halves] - cumulative[starts]) / halves
    second_mean = (cumulative[ends] - cumulative[starts + halves]) / (sizes - halves)

    # The variance of the blocks' means, less that of a mean of two halves
    squared_differences = add_by_group((first_mean - second_mean) ** 2, usable_blocks)
    within = squared_differences / np.maximum(usable_blocks, 1) / 4
    block_means = (first_mean + second_mean) / 2
    between = np.maximum(_compute_variances(block_means, usable_blocks, np.maximum(usable_blocks - 1, 1)) - within, 0.0)
    is_known = (usable_blocks > 1) & (variance > 0)
    shares: Values = np.divide(between, variance, out=np.zeros(num_columns), where=is_known)
    return shares


def _compute_variances(values: Values, sizes: Indices, freedoms: Indices) -> Values:
    means = add_by_group(values, sizes) / np.maximum(sizes, 1)
    deviations = values - np.repeat(means, sizes)
    variances: Values = add_by_group(deviations * deviations, sizes) / freedoms
    return variances


def _count(indices: Indices, weights: NDArray[Any], minimum: int = 0) -> Values:
    counts: Any = np.bincount(indices, weights, minimum)  # doubles, whatever its annotation says
    return np.asarray(counts)
