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
from typing import Any, TypeAlias

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
from spark_model_monitor.statistics.states.distinct import told_apart
from spark_model_monitor.statistics.verdicts.components import (
    LEAST_EXPECTED,
    Places,
    join_small_cells,
)

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window; totals include them
WindowStatistics: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN if undefined

MOST_FREQUENT = 8  # values of a column whose shares are followed one by one
VALUES = tuple(f"value{rank}" for rank in range(1, MOST_FREQUENT + 1))

LATER = ("nulls", "of", *VALUES)  # absent in files of earlier releases

OF_CELLS = ("chi2", "freedom", "cell", "cells")
FIELDS = ("rows", "effective", "missing", "ks", "location", "spread", "beyond", "far", *OF_CELLS, "unseen", *LATER)
"""rows: a window's rows. effective: n m / (n + m). missing, ks, location, spread, cell: normal scores; cell is the
largest of `cells` cells; missing, location and spread have the sign of the change (for texts, of ranks by frequency).
beyond, far: shares outside the reference's range, and by more than half its width; for texts whose values grow in
number, the new values, and among how many. chi2, freedom: of the chi-square test. unseen: the share of categories that
the reference lacks. nulls, of: missing values and rows. value1, …: the scores of the baseline's most frequent values,
from LEAST_EFFECT of its rows on.
"""


def score_missing_values(missing: Values, rows: Values, total_missing: float, total_rows: float) -> WindowStatistics:
    """The raw statistics of missing values. missing, rows: each window's counts."""
    found = {"missing": np.zeros(len(missing)), "nulls": missing, "of": rows}
    if total_missing:
        (found["missing"],) = scores_of_counts(np.array([total_missing]), missing[:, None], rows[:, None], total_rows).T
    return found


def score_values(totals: Counts, windows: Windows, sizes: Values, rows: float) -> WindowStatistics:
    """The raw statistics of the most frequent values. totals: each value's count in all windows and their reference,
    which have so many rows. windows, sizes: its counts in each window, and the windows' rows.
    """
    scores = np.full((len(windows), MOST_FREQUENT), np.nan)
    scores[:, : len(totals)] = scores_of_counts(totals, windows, sizes[:, None], rows)
    return dict(zip(VALUES, scores.T, strict=True))


class LazyStatistics(Mapping[str, Any]):
    """Raw statistics that are computed on first access, because most windows need few. ways: the function that computes
    each; some compute several.
    """

    def __init__(self, ways: Mapping[str, Callable[[], Mapping[str, Any]]]) -> None:
        self._ways = ways
        self._found: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._found:
            self._found |= self._ways[name]()
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._ways

    def __iter__(self) -> Iterator[str]:
        return iter(self._ways)

    def __len__(self) -> int:
        return len(self._ways)


def score_numbers(both: Pooled, together: CellBatch | None = None) -> WindowStatistics:
    """The raw statistics of a window and its reference, neither empty. together: the cells of other columns."""
    before, after = both.steps.counts
    counted = (together or CellBatch(are_numbers=True)).of(lambda: [*both.steps.cells])
    totals, windows, scores = both.steps.weights, after[None, :], both.steps.scores
    sizes, others, effective = sides = _sides(float(both.total), np.array([[float(both.after[-1])]]))

    def ks() -> WindowStatistics:
        gaps = np.abs(both.after * (1 / sizes + 1 / others) - (both.before + both.after) / others).max(axis=1)
        root = np.sqrt(effective)
        return {"ks": map_values(ks_score, (root + 0.12 + 0.11 / root) * gaps)}

    def outside() -> WindowStatistics:
        known = both.values[before > 0]
        low, high, rows = float(known[0]), float(known[-1]), float(both.after[-1])
        found = {}
        for name, by in (("beyond", 0.0), ("far", (high - low) / 2 if math.isfinite(high - low) else 0.0)):
            above = rows - both.count_below(high + by, "right")
            found[name] = np.array([max(above, both.count_below(low - by, "left")) / rows])
        return found

    return LazyStatistics(
        {
            "rows": lambda: {"rows": sizes[:, 0]},
            "effective": lambda: {"effective": effective},
            "ks": ks,
            "location": lambda: {"location": _mean_score(scores["location"], totals, windows, sides)},
            "spread": lambda: {"spread": _mean_score(scores["spread"], totals, windows, sides)},
            **dict.fromkeys(("beyond", "far"), outside),
            **dict.fromkeys(OF_CELLS, counted),
        }
    )


def score_categories(
    totals: Counts, windows: Windows, counted: Callable[[], WindowStatistics] | None = None
) -> WindowStatistics:
    """totals: each category's count in all windows and their reference. counted: computes these cells' statistics."""
    sizes, others, effective = _sizes(totals, windows)

    def placed() -> WindowStatistics:
        before = totals - windows[0] if len(windows) == 1 else totals
        order = np.argsort(-before, kind="stable")
        ranks = totals[order].cumsum()
        each, sides = compute_rank_scores((ranks - totals[order] / 2) / ranks[-1]), (sizes, others, effective)
        return {
            name: _mean_score(
                by,
                totals[order],
                windows[:, order],
                sides,
                _scores_at_next_count(by, before[order]) if len(windows) == 1 else None,
            )
            for name, by in each.items()
        }

    def cells() -> WindowStatistics:
        found = score_cells(totals, windows, np.array([len(totals)]), are_numbers=False)
        return {name: each[0] for name, each in found.items()}

    def new() -> WindowStatistics:
        return {"unseen": np.where(totals - windows <= 0, windows, 0).sum(axis=1) / sizes[:, 0]}

    return LazyStatistics(
        {
            "rows": lambda: {"rows": sizes[:, 0]},
            "effective": lambda: {"effective": effective},
            **dict.fromkeys(("location", "spread"), placed),
            "unseen": new,
            **dict.fromkeys(OF_CELLS, counted or cells),
        }
    )


def _sizes(totals: Counts, windows: Windows) -> tuple[Values, Values, Values]:
    return _sides(totals.sum(), windows.sum(axis=1, keepdims=True))


def _sides(total: float, sizes: Windows) -> tuple[Values, Values, Values]:
    others = total - sizes
    return sizes, others, (sizes * others / total)[:, 0]


@lru_cache(2**14)  # columns with the same number of rows repeat the values
def ks_score(reached: float) -> float:
    if reached > 5:
        return 2 * reached - 0.2  # the normal score of 2 · exp(-2x²) is nearly linear there
    return -normal_quantile(max(kolmogorov_above(reached), 1e-300) / 2)


def _scores_at_next_count(scores: Values, counts: Counts) -> Values:
    """The values' scores for rows of a window. A row of the reference contributes to its value's frequency, a row of
    the window doesn't: it gets the score of a count one higher. Otherwise a window would seem to have rarer values.
    """
    known, place = told_apart(counts)
    alike = np.bincount(place, scores) / np.bincount(place)
    more = np.minimum(np.searchsorted(known, counts + 1), len(known) - 1)
    return np.where(known[more] == counts + 1, alike[more], scores)


def _mean_score(
    scores: Values,
    totals: Counts,
    windows: Windows,
    sides: tuple[Values, Values, Values],
    of_windows: Values | None = None,
) -> Values:
    """The normal score of each window's mean. of_windows: the values' scores for rows of windows, if different."""
    sizes, others, _ = sides
    total = totals.sum()
    rest = totals @ scores - windows @ scores
    differences = windows @ (scores if of_windows is None else of_windows) / sizes[:, 0] - rest / others[:, 0]
    variance = float(totals @ (scores - totals @ scores / total) ** 2) / max(total - 1, 1)
    found: Values = differences / np.sqrt(variance * (1 / sizes + 1 / others)[:, 0]) if variance else differences * 0
    return found


class CellBatch:
    """Cells of several columns in a window and its reference; all raw statistics are computed together on first use."""

    def __init__(self, *, are_numbers: bool) -> None:
        self._are_numbers, self._sides = are_numbers, list[Callable[[], Sequence[Counts]]]()
        self._found: dict[str, Values] = {}

    def of(self, sides: Callable[[], Sequence[Counts]]) -> Callable[[], WindowStatistics]:
        """The function that computes another column's statistics. sides: returns its reference and window counts."""
        self._sides.append(sides)
        return partial(self._of, len(self._sides) - 1)

    def _of(self, column: int) -> WindowStatistics:
        if not self._found:
            before, after = zip(*(sides() for sides in self._sides), strict=True)
            window, many = np.concatenate(after), np.array([*map(len, after)])
            totals = np.concatenate(before) + window
            self._found = score_cells(totals, window[None, :], many, are_numbers=self._are_numbers)
        return {name: each[column] for name, each in self._found.items()}


def score_cells(totals: Counts, windows: Windows, many: Places, *, are_numbers: bool) -> dict[str, Values]:
    """The raw statistics of several columns' cells, column after column, each of shape (columns, windows). totals: each
    cell's count in all windows and their reference. many: the number of cells of each column.
    """
    firsts, of_cell = many.cumsum() - many, np.repeat(np.arange(len(many)), many)
    total, sizes = np.add.reduceat(totals, firsts)[:, None], np.add.reduceat(windows, firsts, axis=1).T
    others = total - sizes
    gaps = windows / sizes.T[:, of_cell] - (totals - windows) / others.T[:, of_cell]
    least = LEAST_EXPECTED * total[:, 0] / np.minimum(sizes, others).min(axis=1)
    groups = [*map(join_small_cells, [totals[own] for own in split_into_slices(many)], least.tolist())]
    groups_each = np.array([int(each.max()) + 1 for each in groups])
    starts = groups_each.cumsum() - groups_each
    of_groups = np.concatenate([start + each for start, each in zip(starts, groups, strict=True)])
    shares = np.bincount(of_groups, totals) / np.repeat(total, groups_each)
    of_windows = (np.arange(len(windows))[:, None] * len(shares) + of_groups).ravel()
    together = np.bincount(of_windows, gaps.ravel()).reshape(len(windows), -1)
    scores = np.abs(scores_of_counts(totals, windows, sizes.T[:, of_cell], total[of_cell, 0]))
    largest = np.maximum.reduceat(scores, firsts, axis=1).T
    if are_numbers:
        largest = np.maximum(largest, _largest_of_ends(totals, windows, firsts, firsts + many, sizes, total))
    each = np.ones(sizes.shape)
    squares = sizes * others / total * add_by_group(together**2 / shares, groups_each).T
    # two cells are equally unusual: the larger of their scores would be too large
    are_two = ((many == 2) & (groups_each == 2))[:, None]
    return {
        "chi2": squares,
        "freedom": (groups_each - 1)[:, None] * each,
        "cell": np.where(are_two, np.sqrt(squares), largest),
        "cells": many[:, None] * each,
    }


_ENDS = np.arange(2, 11, 2)  # numbers of cells at either end that are joined


def _largest_of_ends(
    totals: Counts, windows: Windows, firsts: Places, ends: Places, sizes: Values, total: Values
) -> Values:
    """The largest score of the cells below and above five cuts at either end, as in `distributions.tails`."""
    first, last = firsts[:, None] + 0 * _ENDS, ends[:, None] + 0 * _ENDS
    begin = np.hstack((first, np.maximum(last - _ENDS, first))).ravel()
    end = np.hstack((np.minimum(first + _ENDS, last), last)).ravel()
    upto = np.zeros((1 + len(windows), 1 + len(totals)))
    np.cumsum(np.vstack((totals, windows)), axis=1, out=upto[:, 1:])
    counts, of_end = upto[:, end] - upto[:, begin], np.repeat(np.arange(len(firsts)), 2 * len(_ENDS))
    scores = np.abs(scores_of_counts(counts[0], counts[1:], sizes.T[:, of_end], total[of_end, 0]))
    largest: Values = scores.reshape(len(windows), len(firsts), -1).max(axis=2).T
    return largest


def add_by_group(values: NDArray[Any], sizes: Places) -> NDArray[Any]:
    """Sums of consecutive runs of these sizes along the last axis; a leading zero makes numpy add as for one run."""
    starts = sizes.cumsum() - sizes
    behind = np.insert(values, starts, 0.0, axis=-1)
    found: NDArray[Any] = np.add.reduceat(behind, starts + np.arange(len(sizes)), axis=-1)
    return found


def scores_of_counts(totals: Counts, windows: Windows, sizes: Values, rows: float | Counts) -> Windows:
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
