"""Statistics of windows, each compared with its reference: scores that are standard normal for independent rows. Pure.

Model: a window's rows are a random sample of all rows, those of the window and of its reference.
Statistic: `FIELDS`, a score for each kind of change, with the number of rows that it rests on. A history keeps them
instead of rows.
Assumptions: none beyond the model; how much the scores of healthy windows vary more than it says is what
`between_window_variance.py` estimates from them.
Used by: the history of windows, the parts of a baseline (`baseline_blocks.py`), and the verdict on a window.
Source: D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import (
    Counts,
    Pooled,
    Values,
    compute_rank_scores,
    split_into_slices,
)
from spark_model_monitor.statistics.drift.special_functions import (
    kolmogorov_above,
    map_values,
    normal_quantile,
)
from spark_model_monitor.statistics.states.distinct import unique_with_inverse
from spark_model_monitor.statistics.verdicts.components import (
    LEAST_EXPECTED,
    Places,
    join_small_cells,
)

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window; totals include them
WindowStatistics: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN if undefined

Statistic = TypeVar("Statistic")  # of one window a number, of several an array

MOST_FREQUENT = 8  # values of a column whose shares are followed one by one
VALUES = tuple(f"value{rank}" for rank in range(1, MOST_FREQUENT + 1))

OF_FACTS = ("outside", "repeats", "standstill")  # of a baseline's parts alone
LATER = ("nulls", "of", *VALUES, *OF_FACTS)  # absent in files of earlier releases

OF_CELLS = ("chi2", "freedom", "cell", "cells")
FIELDS = ("rows", "effective", "missing", "ks", "location", "spread", "beyond", "far", *OF_CELLS, "unseen", *LATER)
"""rows: a window's rows. effective: n m / (n + m). missing, ks, location, spread, cell: normal scores; cell is the
largest of `cells` cells; missing, location and spread have the sign of the change (for texts, of ranks by frequency).
beyond, far: shares outside the reference's range, and by more than half its width; for texts whose values grow in
number, the new values, and among how many. chi2, freedom: of the chi-square test. unseen: the share of categories that
the reference lacks. nulls, of: missing values and rows. value1, …: the scores of the baseline's most frequent values,
from LEAST_EFFECT of its rows on. Of numbers in parts: outside: rows outside the range of the other parts; repeats: the
share of the most frequent value, but for one row; standstill: the rarest stretch of equal neighbours.
"""


def score_missing_values(missing: Values, rows: Values, total_missing: float, total_rows: float) -> WindowStatistics:
    """The raw statistics of missing values. missing, rows: each window's counts."""
    scores: Values = np.zeros(len(missing))
    if total_missing:
        totals = np.array([total_missing])
        scores = score_counts(totals, missing[:, None], rows[:, None], total_rows)[:, 0]
    return {"missing": scores, "nulls": missing, "of": rows}


def without_missing_counts(raw: WindowStatistics) -> WindowStatistics:
    """The raw statistics of windows whose references lack different shares of values, as hours do: scores alone compare."""
    unknown = np.full(len(raw["nulls"]), np.nan)
    return {**raw, "nulls": unknown, "of": unknown}


def score_values(totals: Counts, windows: Windows, sizes: Values, rows: float) -> WindowStatistics:
    """The raw statistics of the most frequent values. totals: each value's count in all windows and their reference,
    which have so many rows. windows, sizes: its counts in each window, and the windows' rows.
    """
    scores = np.full((len(windows), MOST_FREQUENT), np.nan)
    scores[:, : len(totals)] = score_counts(totals, windows, sizes[:, None], rows)
    return dict(zip(VALUES, scores.T, strict=True))


class LazyStatistics(Mapping[str, Statistic]):
    """Raw statistics that are computed on first access, because most windows need few."""

    def __init__(self, compute_by_name: Mapping[str, Callable[[], Mapping[str, Statistic]]]) -> None:
        """compute_by_name: the function that computes each; some compute several."""
        self._compute_by_name = compute_by_name
        self._computed: dict[str, Statistic] = {}

    def __getitem__(self, name: str) -> Statistic:
        if name not in self._computed:
            self._computed |= self._compute_by_name[name]()
        return self._computed[name]

    def __contains__(self, name: object) -> bool:
        return name in self._compute_by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._compute_by_name)

    def __len__(self) -> int:
        return len(self._compute_by_name)


class _Sizes(NamedTuple):
    """Values of windows, shape (windows, 1), of everything else, and their effective number n m / (n + m)."""

    windows: Windows
    others: Windows
    effective: Values

    @classmethod
    def from_total(cls, total: float, window_sizes: Windows) -> _Sizes:
        reference_sizes = total - window_sizes
        return cls(window_sizes, reference_sizes, (window_sizes * reference_sizes / total)[:, 0])


def score_numbers(pooled: Pooled, batch: CellBatch | None = None) -> WindowStatistics:
    """The raw statistics of a window and its reference, neither empty. batch: the cells of other columns."""
    # What several statistics share; each of them is computed when it is asked for
    inputs = pooled.steps
    reference_counts, window_counts = inputs.counts
    windows = window_counts[None, :]
    sizes = _Sizes.from_total(float(pooled.total), np.array([[float(pooled.after[-1])]]))
    cells = (batch or CellBatch(are_numbers=True)).add(lambda: [*inputs.cells])

    def score_gap() -> WindowStatistics:
        factor = 1 / sizes.windows + 1 / sizes.others
        gaps = np.abs(pooled.after * factor - (pooled.before + pooled.after) / sizes.others).max(axis=1)
        root = np.sqrt(sizes.effective)
        return {"ks": map_values(ks_score, (root + 0.12 + 0.11 / root) * gaps)}

    def count_outside() -> WindowStatistics:
        # Values beyond the reference's range, and by more than half its width
        reference_values = pooled.values[reference_counts > 0]
        low = float(reference_values[0])
        high = float(reference_values[-1])
        if math.isfinite(high - low):
            half_width = (high - low) / 2
        else:
            half_width = 0.0
        rows = float(pooled.after[-1])
        shares = {}
        for name, distance in (("beyond", 0.0), ("far", half_width)):
            above = rows - pooled.count_below(high + distance, "right")
            below = pooled.count_below(low - distance, "left")
            shares[name] = np.array([max(above, below) / rows])
        return shares

    def score_location() -> WindowStatistics:
        return {"location": _mean_score(inputs.scores["location"], inputs.weights, windows, sizes)}

    def score_spread() -> WindowStatistics:
        return {"spread": _mean_score(inputs.scores["spread"], inputs.weights, windows, sizes)}

    return LazyStatistics(
        {
            "rows": lambda: {"rows": sizes.windows[:, 0]},
            "effective": lambda: {"effective": sizes.effective},
            "ks": score_gap,
            "location": score_location,
            "spread": score_spread,
            **dict.fromkeys(("beyond", "far"), count_outside),
            **dict.fromkeys(OF_CELLS, cells),
        }
    )


def score_categories(
    totals: Counts, windows: Windows, counted: Callable[[], WindowStatistics] | None = None
) -> WindowStatistics:
    """totals: each category's count in all windows and their reference. counted: computes these cells' statistics."""
    sizes = _Sizes.from_total(totals.sum(), windows.sum(axis=1, keepdims=True))
    is_one_window = len(windows) == 1

    def score_ranks() -> WindowStatistics:
        reference = totals - windows[0] if is_one_window else totals
        by_frequency = np.argsort(-reference, kind="stable")
        counts = totals[by_frequency]
        cumulative = counts.cumsum()
        statistics = {}
        for name, scores in compute_rank_scores((cumulative - counts / 2) / cumulative[-1]).items():
            window_scores = None
            if is_one_window:
                window_scores = _select_next_scores(scores, reference[by_frequency])
            statistics[name] = _mean_score(scores, counts, windows[:, by_frequency], sizes, window_scores)
        return statistics

    def score_column_cells() -> WindowStatistics:
        statistics = score_cells(totals, windows, np.array([len(totals)]), are_numbers=False)
        return {name: by_column[0] for name, by_column in statistics.items()}

    def count_unseen() -> WindowStatistics:
        return {"unseen": np.where(totals - windows <= 0, windows, 0).sum(axis=1) / sizes.windows[:, 0]}

    return LazyStatistics(
        {
            "rows": lambda: {"rows": sizes.windows[:, 0]},
            "effective": lambda: {"effective": sizes.effective},
            **dict.fromkeys(("location", "spread"), score_ranks),
            "unseen": count_unseen,
            **dict.fromkeys(OF_CELLS, counted or score_column_cells),
        }
    )


@lru_cache(2**14)  # columns with the same number of rows repeat the values
def ks_score(statistic: float) -> float:
    """The normal score of a Kolmogorov-Smirnov statistic's two-sided p-value."""
    if statistic > 5:
        return 2 * statistic - 0.2  # the normal score of 2 · exp(-2x²) is nearly linear there
    return -normal_quantile(max(kolmogorov_above(statistic), 1e-300) / 2)


def _select_next_scores(scores: Values, counts: Counts) -> Values:
    """The values' scores for rows of a window. A row of the reference contributes to its value's frequency, a row of
    the window doesn't: it gets the score of a count one higher. Otherwise a window would seem to have rarer values.
    """
    distinct_counts, index = unique_with_inverse(counts)
    mean_scores = np.bincount(index, scores) / np.bincount(index)
    next_index = np.minimum(np.searchsorted(distinct_counts, counts + 1), len(distinct_counts) - 1)
    return np.where(distinct_counts[next_index] == counts + 1, mean_scores[next_index], scores)


def _mean_score(
    scores: Values, totals: Counts, windows: Windows, sizes: _Sizes, window_scores: Values | None = None
) -> Values:
    """The normal score of each window's mean. window_scores: the values' scores for rows of windows, if different."""
    total = totals.sum()
    if window_scores is None:
        window_scores = scores
    other_sums = totals @ scores - windows @ scores
    differences = windows @ window_scores / sizes.windows[:, 0] - other_sums / sizes.others[:, 0]
    variance = float(totals @ (scores - totals @ scores / total) ** 2) / max(total - 1, 1)
    if not variance:
        return differences * 0
    standardized: Values = differences / np.sqrt(variance * (1 / sizes.windows + 1 / sizes.others)[:, 0])
    return standardized


class CellBatch:
    """Cells of several columns in a window and its reference; all raw statistics are computed together on first use."""

    def __init__(self, *, are_numbers: bool) -> None:
        self._are_numbers = are_numbers
        self._columns: list[Callable[[], Sequence[Counts]]] = []
        self._statistics: dict[str, Values] = {}

    def add(self, read_counts: Callable[[], Sequence[Counts]]) -> Callable[[], WindowStatistics]:
        """The function that computes another column's statistics. read_counts: gives its reference's and its window's."""
        self._columns.append(read_counts)
        return partial(self._select_column, len(self._columns) - 1)

    def _select_column(self, column: int) -> WindowStatistics:
        if not self._statistics:
            references, windows = zip(*(read_counts() for read_counts in self._columns), strict=True)
            window = np.concatenate(windows)
            num_cells = np.array([*map(len, windows)])
            totals = np.concatenate(references) + window
            self._statistics = score_cells(totals, window[None, :], num_cells, are_numbers=self._are_numbers)
        return {name: by_column[column] for name, by_column in self._statistics.items()}


def score_cells(totals: Counts, windows: Windows, num_cells: Places, *, are_numbers: bool) -> dict[str, Values]:
    """The raw statistics of several columns' cells, column after column, each of shape (columns, windows). totals: each
    cell's count in all windows and their reference. num_cells: of each column.
    """
    first_cells = num_cells.cumsum() - num_cells
    column_of_cell = np.repeat(np.arange(len(num_cells)), num_cells)
    column_totals = np.add.reduceat(totals, first_cells)[:, None]
    sizes = np.add.reduceat(windows, first_cells, axis=1).T
    reference_sizes = column_totals - sizes
    gaps = windows / sizes.T[:, column_of_cell] - (totals - windows) / reference_sizes.T[:, column_of_cell]

    # Small cells are joined, until a group's expected count is large enough
    least_totals = LEAST_EXPECTED * column_totals[:, 0] / np.minimum(sizes, reference_sizes).min(axis=1)
    cell_totals = [totals[cells] for cells in split_into_slices(num_cells)]
    groups = [*map(join_small_cells, cell_totals, least_totals.tolist())]
    num_groups = np.array([int(column_groups.max()) + 1 for column_groups in groups])
    first_groups = num_groups.cumsum() - num_groups
    group_of_cell = np.concatenate([first + group for first, group in zip(first_groups, groups, strict=True)])

    # The chi-square statistic of the groups
    expected_shares = np.bincount(group_of_cell, totals) / np.repeat(column_totals, num_groups)
    keys = (np.arange(len(windows))[:, None] * len(expected_shares) + group_of_cell).ravel()
    group_gaps = np.bincount(keys, gaps.ravel()).reshape(len(windows), -1)
    squares = sizes * reference_sizes / column_totals * add_by_group(group_gaps**2 / expected_shares, num_groups).T

    # The largest score of a cell
    scores = np.abs(score_counts(totals, windows, sizes.T[:, column_of_cell], column_totals[column_of_cell, 0]))
    largest = np.maximum.reduceat(scores, first_cells, axis=1).T
    if are_numbers:
        ends = first_cells + num_cells
        largest = np.maximum(largest, _find_largest_end_score(totals, windows, first_cells, ends, sizes, column_totals))
    # two cells are equally unusual: the larger of their scores would be too large
    are_two = ((num_cells == 2) & (num_groups == 2))[:, None]
    ones = np.ones(sizes.shape)
    return {
        "chi2": squares,
        "freedom": (num_groups - 1)[:, None] * ones,
        "cell": np.where(are_two, np.sqrt(squares), largest),
        "cells": num_cells[:, None] * ones,
    }


_ENDS = np.arange(2, 11, 2)  # numbers of cells at either end that are joined


def _find_largest_end_score(
    totals: Counts, windows: Windows, first_cells: Places, end_cells: Places, sizes: Values, column_totals: Values
) -> Values:
    """The largest score of the cells below and above five cuts at either end, as in `distributions.count_tails`."""
    first = np.repeat(first_cells[:, None], len(_ENDS), axis=1)
    end = np.repeat(end_cells[:, None], len(_ENDS), axis=1)
    starts = np.hstack((first, np.maximum(end - _ENDS, first))).ravel()
    stops = np.hstack((np.minimum(first + _ENDS, end), end)).ravel()
    cumulative = np.zeros((1 + len(windows), 1 + len(totals)))
    np.cumsum(np.vstack((totals, windows)), axis=1, out=cumulative[:, 1:])
    counts = cumulative[:, stops] - cumulative[:, starts]
    column_of_end = np.repeat(np.arange(len(first_cells)), 2 * len(_ENDS))
    end_totals = column_totals[column_of_end, 0]
    scores = np.abs(score_counts(counts[0], counts[1:], sizes.T[:, column_of_end], end_totals))
    largest: Values = scores.reshape(len(windows), len(first_cells), -1).max(axis=2).T
    return largest


def add_by_group(values: Values, sizes: Places) -> Values:
    """Sums of consecutive runs of these sizes along the last axis; a leading zero makes numpy add as for one run."""
    starts = sizes.cumsum() - sizes
    with_zeros = np.insert(values, starts, 0.0, axis=-1)
    sums: Values = np.add.reduceat(with_zeros, starts + np.arange(len(sizes)), axis=-1)
    return sums


def score_counts(totals: Counts, windows: Windows, sizes: Values, rows: float | Counts) -> Windows:
    """The score of each count, approximately standard normal. sizes: rows of each window. rows: rows in total.

    Source: Freeman and Tukey 1950.
    """
    share = sizes / rows
    expected = totals * share
    moved = np.sqrt(windows) + np.sqrt(windows + 1) - np.sqrt(4 * expected + 1)
    narrower = np.sqrt(np.maximum((1 - share) * (1 - totals / rows), 1e-9))
    scores: Windows = np.where(totals > 0, moved / narrower, 0.0)
    scores[:, totals >= rows] = 0.0  # the only category can't change
    return scores
