"""Statistics of windows, each compared with its reference: scores that are standard normal for independent rows. Pure.

Model: a column is a list of means over rows: of missing values, rank, spread, sixteenths of the reference's values and its tails,
its most frequent values, values that it lacks. A window's rows are a random sample of all rows, those of the window and of its
reference.
Statistic: `FIELDS`, a score for each mean, with the number of rows that it rests on. A history keeps them instead of rows.
Assumptions: none beyond the model; how much the scores of healthy windows vary more than it says is what
`between_window_variance.py` estimates from them.
Used by: the history of windows, the parts of a baseline (`baseline_blocks.py`), and the verdict on a window.
Source: D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import (
    Counts,
    NumericDistribution,
    Values,
    compute_rank_scores,
)
from spark_model_monitor.statistics.drift.special_functions import normal_quantile
from spark_model_monitor.value_class import value_class

Windows: TypeAlias = NDArray[np.float64]  # shape (windows, cells): counts of each window; totals include them
WindowStatistics: TypeAlias = Mapping[str, Values]  # raw statistics by name, each of shape (windows,); NaN if undefined

MAX_FREQUENT = 8  # values of a column whose shares are followed one by one
VALUES = tuple(f"value{rank}" for rank in range(1, MAX_FREQUENT + 1))
SIXTEENTHS = tuple(f"sixteenth{number}" for number in range(1, 17))
TAILS = ("tail1", "tail2")
TAIL = 1 / 64  # of the reference's values at either end
MEANS = ("location", "spread")
LEVELS = (*MEANS, *SIXTEENTHS, *TAILS, *VALUES)  # scores that all vary if a column's level does
DIGITS = ("even", "round")
FEW_ROWS = 50  # of either side, whose mean scores are not normal
CLEAR_SCORE = 2.0  # smaller ones need not be exact
BINS_OF_SCORES = 64
ERROR_OF_SUMS = 1e-12  # of their probabilities, as doubles have them
SCORES_OF_VALUES = (*LEVELS, *DIGITS)

OF_FACTS = ("reach", "standstill")  # of a baseline's parts alone
FIELDS = ("rows", "effective", "missing", *SCORES_OF_VALUES, "largest", "unseen", "beyond", "far", *OF_FACTS)
"""rows: a window's rows. effective: n m / (n + m). missing, location, spread, …: scores with the sign of the change.
sixteenth1, …: between the reference's quantiles, of texts in the order of their hashes. tail1, tail2: below and above nearly
all of its values. value1, …: its most frequent values, from MIN_EFFECT of its rows on. even, round: numbers whose last digit,
of those that the reference's numbers have, is even, or 0. largest: the largest share of one value. unseen: the share of texts
that the reference lacks. beyond, far: of texts whose values grow
in number, the new values, and among how many. Of numbers in parts: reach: how far the level of one half of them lies beyond
the other half's, in widths of the range; standstill: the rarest stretch of equal neighbours.
"""


@value_class
class StatisticChange:
    """How one mean over rows differs between a window and its reference. field: of `FIELDS`. difference: of the means. error:
    its standard error. sketch_error: the error of the difference from sketches. counts: of a share, the reference's count and
    rows and the window's; None for a mean of scores.
    """

    field: str
    difference: float
    error: float
    sketch_error: float = 0.0
    counts: tuple[int, int, int, int] | None = None

    @property
    def score(self) -> float:
        """About standard normal for independent rows; one row more or less is no large change."""
        error = self.error
        if self.counts is not None:
            # By how much one row changes the difference, if it is on the other side
            _, n, _, m = self.counts
            error = max(error, 1 / n + 1 / m)
        if error:
            return self.difference / error
        return 0.0

    @property
    def test(self) -> str:
        """The name of its test in `COLUMN_TESTS`."""
        return self.field.rstrip("0123456789")

    @property
    def has_rows(self) -> bool:
        """Whether a share has any rows on either side."""
        return self.counts is None or bool(self.counts[0] or self.counts[2])


def compare_numbers(
    before: NumericDistribution, now: NumericDistribution, frequent: Values
) -> tuple[StatisticChange, ...]:
    """The changes of a numeric column. Neither side is empty. frequent: the reference's most frequent values."""
    pooled = now.cdf.pool_with(before.cdf)
    counts = np.diff(np.array([pooled.before, pooled.after]), prepend=0).astype(float)
    changes = compare_values(pooled.values, counts, frequent, before.error + now.error)
    # Digits have no order, so a sketch shows those of as many values as it keeps
    decimals = before.cdf.decimals
    counts_before, n = before.cdf.count_digits(decimals, is_exact=not before.error)
    counts_now, m = now.cdf.count_digits(decimals, is_exact=not now.error)
    if not m:  # all have more decimals
        return tuple(changes)
    return (*changes, *_compare_shares(DIGITS, np.array([counts_before, counts_now]), (n, m)))


def compare_values(
    values: NDArray[Any], counts: Counts, frequent: NDArray[Any], sketch_error: float = 0.0
) -> list[StatisticChange]:
    """The changes of a column's values. values: ascending, of both sides: numbers, or hashes of texts. counts: of each value on
    either side, which has some. frequent: the reference's most frequent values.

    A sketch's rank errors have either sign along the values: the standard deviation of the error of a mean is a quarter of
    the scores' range times the bound.
    """
    totals = counts[0] + counts[1]
    changes = []
    for name, scores in compute_rank_scores((totals.cumsum() - totals / 2) / totals.sum()).items():
        changes.append(_compare_means(name, scores, counts, sketch_error * float(np.ptp(scores)) / 4))
    names, counts_of_cells = count_cells(counts, counts[0].cumsum(), values, frequent)
    # The value with the largest share of the window is a cell, too
    counts_of_cells = np.column_stack((counts_of_cells, counts[:, counts[1].argmax()]))
    rows = float(counts[0].sum()), float(counts[1].sum())
    return [*changes, *_compare_shares([*names, "largest"], counts_of_cells, rows, sketch_error / 2)]


def compare_missing_values(before: tuple[int, int], now: tuple[int, int]) -> StatisticChange:
    """The change of the missing values. Each side: the numbers of missing values and of rows."""
    counts = np.array([[before[0]], [now[0]]], float)
    return _compare_shares(("missing",), counts, (before[1], now[1]))[0]


def count_cells(
    counts: Windows, ranks: Values, values: NDArray[Any], frequent: NDArray[Any]
) -> tuple[list[str], Windows]:
    """The sixteenths of a column, its tails and its frequent values: their fields, and the rows of each window in them. counts:
    shape (windows, values). ranks: the reference's number of values at or below each of `values`. A frequent value has a
    sixteenth alone, or several.
    """
    quantiles = ranks.searchsorted(np.ceil(np.arange(1, 16) / 16 * ranks[-1])) + 1
    # Equal quantiles are one edge
    edges = [*dict.fromkeys([0, *quantiles.tolist(), len(values)])]
    names = [*SIXTEENTHS[: len(edges) - 1], *TAILS, *VALUES[: len(frequent)]]
    low, high = ranks.searchsorted(np.array([TAIL, 1 - TAIL]) * ranks[-1]).tolist()
    # A value that is not there ends where it starts
    starts = [*edges[:-1], 0, high + 1, *values.searchsorted(frequent, "left")]
    ends = [*edges[1:], low, len(values), *values.searchsorted(frequent, "right")]
    # The rows before each value, and before the end
    rows = np.zeros((len(counts), len(values) + 1))
    counts.cumsum(axis=1, out=rows[:, 1:])
    return names, rows[:, ends] - rows[:, starts]


def _compare_means(name: str, scores: Values, counts: Counts, sketch_error: float) -> StatisticChange:
    [difference], [error] = compare_mean_scores(scores, counts[0] + counts[1], counts[1:])
    # The sum of few rows is not normal: the error of a normal one with its tail
    smaller_side = counts[counts.sum(axis=1).argmin()]
    if abs(difference) > CLEAR_SCORE * error and smaller_side.sum() <= FEW_ROWS:
        error = abs(difference) / _score_few_rows(scores, counts.sum(axis=0), smaller_side)
    return StatisticChange(name, float(difference), float(error), sketch_error)


def _score_few_rows(scores: Values, totals: Counts, counts: Counts) -> float:
    """The size of the normal score whose tail is the exact one of a sum of scores: those of few rows are not normal.

    Model: the rows are drawn from those of both sides with replacement, and vary less without. totals, counts: of each value, on
    both sides and among these rows.
    """
    bins = np.rint(BINS_OF_SCORES / np.ptp(scores) * (scores - scores.min())).astype(int)
    # The distribution of the sum is that of one score, convolved with itself
    rows = int(counts.sum())
    length = rows * BINS_OF_SCORES + 1
    shares = np.bincount(bins, totals) / totals.sum()
    sums = np.fft.irfft(np.fft.rfft(shares, length) ** rows, length)
    observed = int(counts @ bins)
    tail = min(sums[: observed + 1].sum(), sums[observed:].sum())
    return -normal_quantile(max(tail, ERROR_OF_SUMS)) / math.sqrt(1 - rows / totals.sum())


def compare_mean_scores(scores: Values, totals: Counts, windows: Windows) -> tuple[Values, Values]:
    """The difference of each window's mean score from that of all other rows, and its standard error. scores, totals: of each
    value. windows: shape (windows, values).
    """
    sizes = windows.sum(axis=1)
    other_rows = totals.sum() - sizes
    total = totals @ scores
    variance = totals @ (scores - total / totals.sum()) ** 2 / max(totals.sum() - 1, 1)
    # Not by `@`, whose last digits depend on the processor
    sums = np.einsum("wv,v->w", windows, scores)
    return sums / sizes - (total - sums) / other_rows, np.sqrt(variance * (1 / sizes + 1 / other_rows))


def _compare_shares(
    names: Sequence[str], counts: Counts, rows: tuple[float, float], sketch_error: float = 0.0
) -> list[StatisticChange]:
    """The changes of shares of rows. counts: shape (2 sides, shares)."""
    n, m = map(int, rows)
    totals = counts[0] + counts[1]
    # Of all shares at once
    differences = counts[1] / m - counts[0] / n
    errors = np.sqrt(totals * (n + m - totals) / n / m / (n + m))
    members = zip(names, differences.tolist(), errors.tolist(), *counts.astype(int).tolist(), strict=True)
    return [
        StatisticChange(name, difference, error, sketch_error, (before, n, now, m))
        for name, difference, error, before, now in members
    ]


def score_counts(totals: Counts, windows: Windows, sizes: Values, rows: float) -> Windows:
    """The score of each count, as of `StatisticChange`: of variance 1 for independent rows, and as much as rows of a group for
    groups; 0 for the only category, which can't change. sizes: rows of each window. rows: rows in total.

    Source: Pearson 1900.
    """
    expected = totals * sizes / rows
    variances = expected * (1 - sizes / rows) * (1 - totals / rows)
    scores: Windows = (windows - expected) / np.sqrt(np.maximum(variances, 1.0))
    return scores
