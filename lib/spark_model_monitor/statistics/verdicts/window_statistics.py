"""Statistics of windows, each compared with its reference: scores that are standard normal for independent rows. Pure.

Model: a column is a list of means over rows: of missing values, rank, spread, sixteenths of the reference's values and its tails,
its most frequent values, values that it lacks. A window's rows are a random sample of the rows of the window and its reference.
Statistic: `FIELDS`, a score for each mean, with the number of rows behind it. A history keeps these statistics, not rows.
Assumptions: none beyond the model. If the scores of healthy windows vary more than the model says,
`between_window_variance.py` estimates by how much.
Used by: the history of windows, the parts of a baseline (`baseline_blocks.py`), and the verdict on a window.
Source: D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distributions import Counts, NumericDistribution, compute_rank_scores
from spark_model_monitor.statistics.drift.special_functions import normal_quantile
from spark_model_monitor.value_class import value_class

Windows: TypeAlias = Doubles  # shape (windows, cells): counts of each window; totals include them
WindowStatistics: TypeAlias = Mapping[str, Doubles]  # raw statistics by field, of shape (windows,); NaN if undefined

MAX_FREQUENT = 8  # most frequent values of a column, each with a score of its share
VALUES = tuple(f"value{rank}" for rank in range(1, MAX_FREQUENT + 1))
SIXTEENTHS = tuple(f"sixteenth{number}" for number in range(1, 17))
TAILS = ("tail1", "tail2")
TAIL = 1 / 64  # share of the reference's values in each tail
MEANS = ("location", "spread")
LEVELS = (*MEANS, *SIXTEENTHS, *TAILS, *VALUES)  # scores that all vary if a column's level does
DIGITS = ("even", "round")
FEW_ROWS = 50  # with so few rows on a side, mean scores are not normal
CLEAR_SCORE = 2.0  # smaller normal scores need not be exact
BINS_OF_SCORES = 64
ERROR_OF_SUMS = 1e-12  # rounding error of the probabilities of sums
SCORES_OF_VALUES = (*LEVELS, *DIGITS, "mix")

BLOCK_FIELDS = ("reach", "standstill")  # fields that only the parts of a baseline have
FIELDS = ("rows", "effective", "missing", *SCORES_OF_VALUES, "largest", "unseen", "beyond", "far", *BLOCK_FIELDS)
"""rows: a window's rows. effective: n m / (n + m). missing, location, spread, …: scores with the sign of the change.
sixteenth1, …: between the reference's quantiles, of texts in the order of their hashes. tail1, tail2: below and above nearly
all of its values. value1, …: its most frequent values, from MIN_EFFECT of its rows on. even, round: numbers whose last digit,
of those that the reference's numbers have, is even, or 0. mix: the shares of all values. largest: the
largest share of one value. unseen: the share of texts that the reference lacks. beyond, far: of texts whose values grow in
number, the new values, and among how many. Of numbers in parts: reach: how far the level of one half of them lies beyond
the other half's, in widths of the range; standstill: the rarest stretch of equal neighbours.
"""


@value_class
class StatisticChange:
    """How one mean over rows differs between a window and its reference. field: one of `FIELDS`. difference: the difference of
    the means. error: its standard error. sketch_error: its error from sketches. counts: for a share, the count and the rows of
    the reference, and of the window; None for a mean of scores.
    """

    field: str
    difference: float
    error: float
    sketch_error: float = 0.0
    counts: tuple[int, int, int, int] | None = None

    def score(self, rows_of_group: float = 1.0) -> float:
        """The difference in standard errors: about standard normal for independent rows. One row makes no large score.

        rows_of_group: how many rows count as one, of which a half at least is not missing.
        """
        error = self.error
        if self.counts is not None:
            before, n, now, m = np.array(self.counts)
            if self.field == "missing":
                return float(score_missing(before, n, now, m, rows_of_group))
            # How much the difference changes if one row moves to the other side
            error = max(error, 1 / n + 1 / m)
        if error:
            return self.difference / error
        return 0.0

    @property
    def test(self) -> str:
        """The name of its test in `COLUMN_TESTS`."""
        return self.field.rstrip("0123456789")


def compare_numbers(before: NumericDistribution, now: NumericDistribution, frequent: Doubles) -> list[StatisticChange]:
    """The changes of a numeric column. Neither side is empty. frequent: the reference's most frequent values."""
    pooled = now.cdf.pool_with(before.cdf)
    changes = compare_values(pooled.values, pooled.counts, frequent, before.error + now.error)
    # Digits have no order, so a sketch counts as a sample of the values that it keeps
    decimals = before.cdf.decimals
    counts_before, n = before.cdf.count_digits(decimals, is_exact=not before.error)
    counts_now, m = now.cdf.count_digits(decimals, is_exact=not now.error)
    if m:  # else all numbers have more decimals
        changes += _compare_shares(DIGITS, np.array([counts_before, counts_now]), (n, m))
    return changes


def compare_values(
    values: NDArray[Any], counts: Counts, frequent: NDArray[Any], sketch_error: float = 0.0
) -> list[StatisticChange]:
    """The changes of a column's values. values: those of both sides, ascending: numbers, or hashes of texts. counts: how often
    each side has each value; neither side is empty. frequent: the reference's most frequent values.

    A sketch's rank errors change their sign along the values: the standard deviation of a mean's error is a quarter of the
    scores' range times the error bound.
    """
    totals = counts[0] + counts[1]
    sizes = counts.sum(axis=1)
    changes = []
    for name, scores in compute_rank_scores((totals.cumsum() - totals / 2) / sizes.sum()).items():
        [difference], [error] = compare_mean_scores(scores, totals, counts[1:], sizes[1:])
        # The sum of few rows is not normal: take the error with which a normal score has the exact tail
        width = float(np.ptp(scores))
        if width and abs(difference) > CLEAR_SCORE * error and sizes.min() <= FEW_ROWS:
            error = abs(difference) / _score_few_rows(scores, totals, counts[sizes.argmin()])
        changes.append(StatisticChange(name, float(difference), float(error), sketch_error * width / 4))
    names, counts_of_cells = count_cells(counts, counts[0].cumsum(), values, frequent)
    # The value with the largest share of the window is a cell, too
    counts_of_cells = np.column_stack((counts_of_cells, counts[:, counts[1].argmax()]))
    changes += _compare_shares([*names, "largest"], counts_of_cells, sizes.tolist(), sketch_error / 2)
    return changes


def compare_missing_values(before: tuple[int, int], now: tuple[int, int]) -> StatisticChange:
    """The change of the missing values. Each side: the numbers of missing values and of rows."""
    counts, rows = np.array([before, now], float).T
    return _compare_shares(["missing"], counts[:, None], rows.tolist())[0]


def score_missing(before: Doubles, n: Doubles, now: Doubles, m: Doubles, rows_of_group: float = 1.0) -> Doubles:
    """The score of missing values, of square roots: an outage moves it less than their number, so that a worse one is seen.
    Instead of a share, which ends at 1, it has the logarithm of the share of present values, of which half a group is assumed.

    before, n: missing values and rows of the other windows. now, m: those of the window. Source: Freeman and Tukey 1950.
    """
    rows = n + m
    minimum = rows_of_group / 2
    share = (before + now) / (rows + minimum)
    losses = -m * np.log(np.maximum(m - now, minimum) / m)
    difference = np.sqrt(losses) + np.sqrt(losses + 1) - np.sqrt(1 - 4 * m * np.log1p(-share))
    # The variance of independent rows is nearly that, by the delta method
    scores: Doubles = difference * np.sqrt(rows / n * np.sqrt(1 - share))
    return scores


def count_cells(
    counts: Windows, ranks: Doubles, values: NDArray[Any], frequent: NDArray[Any]
) -> tuple[list[str], Windows]:
    """The fields of a column's sixteenths, tails and frequent values, and the number of each window's rows in them.

    counts: shape (windows, values). ranks: the reference's number of values at or below each of `values`. A very frequent value
    fills one sixteenth, or several that are then one.
    """
    quantiles = ranks.searchsorted(np.ceil(np.arange(1, 16) / 16 * ranks[-1])) + 1
    # Equal quantiles are one edge
    edges = sorted({0, *quantiles.tolist(), len(values)})
    names = [*SIXTEENTHS[: len(edges) - 1], *TAILS, *VALUES[: len(frequent)]]
    low, high = ranks.searchsorted(np.array([TAIL, 1 - TAIL]) * ranks[-1]).tolist()
    # A frequent value that doesn't occur ends where it starts
    starts = [*edges[:-1], 0, high + 1, *values.searchsorted(frequent, "left")]
    ends = [*edges[1:], low, len(values), *values.searchsorted(frequent, "right")]
    # The rows before each start and end
    cuts = sorted({*starts, *ends})
    rows = np.zeros((len(counts), len(cuts)))
    np.add.reduceat(counts, cuts[:-1], axis=1).cumsum(axis=1, out=rows[:, 1:])
    return names, rows[:, np.searchsorted(cuts, ends)] - rows[:, np.searchsorted(cuts, starts)]


def _score_few_rows(scores: Doubles, totals: Counts, counts: Counts) -> float:
    """The absolute normal score with the exact tail of a sum of few scores, which is not normal itself.

    Model: the rows are drawn from those of both sides with replacement; a correction makes them vary less, as without it.
    totals, counts: how often each value occurs on both sides together, and among these rows.
    """
    bins = np.rint(BINS_OF_SCORES / np.ptp(scores) * (scores - scores.min())).astype(int)
    # The distribution of the sum is that of one score, convolved with itself for each row
    rows = int(counts.sum())
    length = rows * BINS_OF_SCORES + 1
    shares = np.bincount(bins, totals) / totals.sum()
    sums = np.fft.irfft(np.fft.rfft(shares, length) ** rows, length)
    observed = int(counts @ bins)
    tail = min(sums[: observed + 1].sum(), sums[observed:].sum())
    return -normal_quantile(max(tail, ERROR_OF_SUMS)) / math.sqrt(1 - rows / totals.sum())


def compare_mean_scores(scores: Doubles, totals: Counts, windows: Windows, sizes: Doubles) -> tuple[Doubles, Doubles]:
    """The difference of each window's mean score from the mean score of all other rows, and its standard error.

    scores, totals: the score of each value, and how often it occurs. windows: shape (windows, values). sizes: their rows.
    """
    rows = totals.sum()
    other_rows = rows - sizes
    total = totals @ scores
    variance = totals @ (scores - total / rows) ** 2 / max(rows - 1, 1)
    # Not by `@`, whose last digits depend on the processor
    sums = np.einsum("wv,v->w", windows, scores)
    return sums / sizes - (total - sums) / other_rows, np.sqrt(variance * (1 / sizes + 1 / other_rows))


def _compare_shares(
    names: Sequence[str], counts: Counts, rows: Sequence[float], sketch_error: float = 0.0
) -> list[StatisticChange]:
    """The changes of shares of rows. counts: shape (2 sides, shares)."""
    n, m = map(int, rows)
    totals = counts[0] + counts[1]
    # All shares at once
    differences = counts[1] / m - counts[0] / n
    errors = np.sqrt(totals * (n + m - totals) / n / m / (n + m))
    members = zip(names, differences.tolist(), errors.tolist(), *counts.astype(int).tolist(), strict=True)
    return [
        StatisticChange(name, difference, error, sketch_error, (before, n, now, m))
        for name, difference, error, before, now in members
    ]


def score_counts(totals: Counts, windows: Windows, sizes: Doubles, rows: float) -> Windows:
    """The score of each count, as in `StatisticChange`: its variance is 1 for independent rows, and the rows of a group for
    groups; 0 for the only category, which can't change. sizes: rows of each window. rows: rows in total.

    Source: Pearson 1900.
    """
    expected = totals * sizes / rows
    variances = expected * (1 - sizes / rows) * (1 - totals / rows)
    scores: Windows = (windows - expected) / np.sqrt(np.maximum(variances, 1.0))
    return scores
