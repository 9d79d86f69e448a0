"""The tests of one column: has it changed between a baseline and a window, given only summaries of both? Pure.

Model: the rows of both samples are exchangeable, so a count in one of them is hypergeometric, given that in both.
Statistic: each test (`Component`) looks for one kind of change: mean ranks (location), spread, the largest gap of two
distributions (ks), all cells (chi2), the rarest cell, the range, missing values. A change below `LEAST_EFFECT` has p = 1.
Assumptions: rows are independent; `variance_adjustment.py` says what becomes of p where they aren't.
Used by: `distribution/calibration.py` of data quality, which combines a column's tests (`multiple_testing.combine_p_values`).
Source: D4.1.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, starmap
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import (
    CategoryCounts,
    Counts,
    NumericDistribution,
    category_cells,
    count_tails,
)
from spark_model_monitor.statistics.drift.special_functions import (
    FEW,
    chi_square_above,
    kolmogorov_above,
    log_gamma,
    map_values,
    normal_above,
    normal_quantile,
)

Places: TypeAlias = NDArray[np.int64]
Lacking: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""For the baseline and the window: the number of missing values and the number of rows."""


ONE = np.zeros(1, np.int64)  # the column of a single cell

LARGE = 1000.0
"""Above this standard deviation, a count's tail is taken as normal; the error is below 3 % at five deviations."""

REACH, LEAST_REACH = 10, 40
"""A tail is summed over this many standard deviations and at least this many counts, for all digits of a double."""


def hypergeometric_upper_tail(
    totals: Counts, counts: Counts, size: Counts, of: Counts, columns: Places = ONE
) -> Counts:
    """The one-sided p-value of each cell: the probability of its count in a sample, or more; 1 up to its expectation.

    totals, counts: each cell's count in both samples together, and in the sample. size, of: the rows of the sample, and
    of both; without rows nothing is rare. columns: the column of each cell, in ascending order.
    """
    p_values = np.ones(len(totals))
    share = size / np.maximum(of, 1.0)
    expected = totals * share
    more = counts > expected
    if not more.any():
        return p_values
    deviations = np.sqrt(expected * (1 - share) * (of - totals) / np.maximum(of - 1, 1.0))  # hypergeometric
    is_large = deviations > LARGE
    large = (more & is_large).nonzero()[0]
    if len(large):  # continuity correction: half a count
        p_values[large] = map_values(normal_above, (counts[large] - 0.5 - expected[large]) / deviations[large])
    few = (more & ~is_large).nonzero()[0]
    if len(few):
        p_values[few] = _exact_upper_tail(*(each[few] for each in (totals, counts, size, of, deviations, columns)))
    clipped: Counts = np.minimum(p_values, 1.0)
    return clipped


def _exact_upper_tail(t: Counts, x: Counts, size: Counts, of: Counts, deviations: Counts, columns: Places) -> Counts:
    """The upper hypergeometric tail from x on, for each cell; all cells of a column have the same number of terms."""
    starts = np.diff(columns, prepend=-1).nonzero()[0]
    ends = [*starts[1:].tolist(), len(t)]
    each_has = ends - starts
    widest = REACH * np.maximum.reduceat(deviations, starts) + LEAST_REACH
    terms = np.minimum(np.maximum.reduceat(np.minimum(t, size) - x, starts), widest).astype(np.int64)
    beyond, terms_of_each = np.ones(len(t)), np.repeat(terms, each_has)
    order = terms_of_each.argsort(kind="stable")
    about = np.frexp(terms_of_each[order])[1]  # cells with a similar number of terms are computed together
    for some in {*about.tolist()} - {0}:
        cells = order[about == some]
        terms_of_cells = terms_of_each[cells]
        k = x[cells, None] + np.arange(terms_of_cells[-1])  # counts from x on
        ratios = t[cells, None] - k
        ratios *= size[cells, None] - k
        k += 1
        ratios /= k * (k + (of - size - t)[cells, None])
        np.cumprod(np.maximum(ratios, 0.0, out=ratios), axis=1, out=ratios)
        firsts = np.diff(terms_of_cells, prepend=0).nonzero()[0].tolist()
        alike = starmap(slice, pairwise([*firsts, len(cells)]))
        sums = (ratios[own, : terms_of_cells[own.start]].sum(axis=1) for own in alike)
        beyond[cells] += np.concatenate([*sums])  # each term relative to the first
    parts = np.array((x, t - x, size - x, of - t - size + x, t, of - t)) + 1
    are_few = np.repeat(len(parts) * each_has < FEW, each_has)  # as for a column alone
    parts[:, are_few] = map_values(math.lgamma, parts[:, are_few])
    parts[:, ~are_few] = log_gamma(parts[:, ~are_few])
    sides = zip(of[starts].tolist(), size[starts].tolist(), strict=True)
    ways = [math.lgamma(all_ + 1) - math.lgamma(own + 1) - math.lgamma(all_ - own + 1) for all_, own in sides]
    of_x: Counts = np.exp(parts[4:].sum(axis=0) - parts[:4].sum(axis=0) - np.repeat(ways, each_has))
    return of_x * beyond


def two_sided_p_values(totals: Counts, counts: Counts, n: Counts, m: Counts, columns: Places = ONE) -> Counts:
    """The two-sided p-value of each cell, of which the window's m values have `counts` and the n + m values `totals`.

    Exact for exchangeable rows. Source: D4.1, "cell p"; Fisher 1935, "The logic of inductive inference".
    """
    sides = np.concatenate((counts, totals - counts)), np.concatenate((m, n))
    of_sides = np.concatenate((columns, columns + columns.max(initial=0) + 1))  # as if each side had its own columns
    in_window, in_baseline = hypergeometric_upper_tail(np.tile(totals, 2), *sides, np.tile(n + m, 2), of_sides).reshape(
        2, -1
    )
    p: Counts = np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)
    return p


_CERTAIN, _RARE = 1e-12, 0.01  # the number of tests only matters for p-values between these
_ROUNDING = 1 + 1e-5  # with many rows a probability has few digits; the rest depends on the cells computed with it


def largest_attainable_tails(totals: Counts, sizes: Counts, of: Counts, limit: float) -> Counts:
    """The largest attainable tail probability of each cell that is at most `limit`; 0 if no count is that rare."""
    t, places = np.unique(totals, return_inverse=True)
    size, of = sizes[: len(t)], of[: len(t)]  # the same for all cells of a column
    columns = np.frexp(t)[1].astype(np.int64)  # cells of about the same size have the same number of terms
    expected, most = t * size / of, np.minimum(t, size)
    low = np.floor(expected)
    high = np.minimum(most, np.floor(expected + REACH * np.sqrt(expected) + LEAST_REACH)) + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        is_rare = hypergeometric_upper_tail(t, middle, size, of, columns) <= limit * _ROUNDING
        low, high = np.where(is_rare, low, middle), np.where(is_rare, middle, high)
    found: Counts = np.where(high <= most, hypergeometric_upper_tail(t, np.minimum(high, most), size, of, columns), 0.0)
    return found[places]


@lru_cache(4096)  # columns and windows repeat the same calls; bounded, so that a stream doesn't fill the memory
def chance_of_more(lacking: int, rows: int, current_lacking: int, current_rows: int) -> float:
    """The probability of as many missing values in the window, or more, if all rows are exchangeable."""
    counts = (lacking + current_lacking, current_lacking, current_rows, rows + current_rows)
    return float(hypergeometric_upper_tail(*np.array(counts, float)[:, None])[0])


@lru_cache(4096)
def fewest_beyond_chance(lacking: int, rows: int, current_rows: int, level: float) -> int | None:
    """The smallest number of a window's rows with a p-value of `level` or less; None if even all have a larger one.

    lacking, rows: the baseline's counts. Source: Fisher 1935; Thatcher 1964, "Relationships between Bayesian and
    confidence limits for predictions".
    """
    return smallest_sufficient_number(
        current_rows, lambda found: chance_of_more(lacking, rows, found, current_rows) <= level
    )


def smallest_sufficient_number(most: int, is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number up to `most` that is enough, by bisection: all larger ones are, too. None if `most` isn't."""
    reach = 1
    while reach < most and not is_enough(reach):  # the result is usually small
        reach *= 2
    number = bisect_left(range(min(reach, most) + 1), True, lo=min(reach // 2, most), key=is_enough)
    return number if number <= most else None


LEAST_EFFECT = 0.02  # d: the smallest change of a share that is reported. Source: D4.1.
LEAST_RATIO = 2.0  # r: … or the smallest ratio, for a rare value. Source: D4.1.
LEAST_EXPECTED = 5.0  # expected count of a cell in the smaller sample, in the chi-square test. Source: D4.1.


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """What is the same for all columns of one test. Another test is a line in `COLUMN_TESTS`, a component that
    `numeric_tests` or `category_tests` computes, and, if past windows show how much it varies, a field in
    `window_statistics.FIELDS`.
    """

    words: str
    """The test in checks.json (`decided_by`)."""
    weight: float = 1.0
    """Its part of the column's p-value; more for tests that detect the most common changes. Source: D4.1."""
    times_per_number: int = 1
    """How many components of this name a column of numbers has."""
    effect_of_score: float = 1.0
    """Of a test of mean scores: a difference of 0.02 is then 0.05 standard deviations, or 5 % of one."""
    is_of_values: bool = True
    """Whether it looks for changes of the values' distribution: an odd day moves all such tests."""


COLUMN_TESTS = {
    "missing": ColumnTest("Fisher's exact test of missing values", times_per_number=0, is_of_values=False),
    "ks": ColumnTest("Kolmogorov-Smirnov test"),
    "location": ColumnTest("rank test of location", weight=3.0, effect_of_score=0.522),
    "spread": ColumnTest("rank test of spread", weight=3.0, effect_of_score=0.42),
    "range": ColumnTest("exact test of values beyond the baseline's range", is_of_values=False),
    "chi2": ColumnTest("chi-square test of all cells"),
    "cell": ColumnTest("Fisher's exact test of one cell", weight=1.5, times_per_number=2),  # one is of the tails
    "unseen": ColumnTest("exact test of values that the baseline lacks", times_per_number=0, is_of_values=False),
}
"""The tests of a column by the names of their components. Source: D4.1, D4.2."""


@dataclass(frozen=True, slots=True)
class Component:
    """One test. p: the p-value, 1 if the change is below the least effect. effect: the size of the change, as a share.
    tests: the number of tests. comparisons: the smaller number of tests for independent rows: p is the smallest p-value
    times it. direction: the direction, if it is not the mean's. statistic: of the test; of a count the window's.
    least_effect: what the effect had to reach; both None if p is 1 for that reason, or there is no such least effect."""

    name: str
    p: float
    effect: float
    tests: float = 1.0
    direction: str | None = None
    comparisons: float | None = None
    statistic: float | None = None
    least_effect: float | None = None


def least_gap(before: float, now: float, half: float, error: float) -> float:
    """The least gap of two shares that counts: with its standard error d, or that of a ratio of r if this is less.

    half: what is added to both shares of the ratio. Source: D4.1.
    """
    by_ratio = (before + half) * (LEAST_RATIO - 1 if now > before else 1 - 1 / LEAST_RATIO)
    return max(0.0, min(LEAST_EFFECT - error, by_ratio))


@dataclass(frozen=True, slots=True)
class Samples:
    """Sample sizes. n: values of the baseline. m: values of the window. error: the error of shares from both sketches.
    of_window: the error from the window's sketch."""

    n: int
    m: int
    error: float = 0.0
    of_window: float = 0.0

    @property
    def share(self) -> float:
        """The window's share of all values."""
        return self.m / (self.n + self.m)

    @property
    def effective(self) -> float:
        return self.n * self.share

    @property
    def half_error(self) -> float:
        """The standard error of the difference of two shares of 1/2, the maximum over all shares."""
        return 0.5 / math.sqrt(self.effective)

    @property
    def smaller(self) -> int:
        return min(self.n, self.m)


def missing_value_tests(baseline: tuple[int, int], current: tuple[int, int]) -> tuple[Component, ...]:
    """The two-sided test of the share of missing values; empty if none is missing. Each side: the numbers of missing
    values and of rows.

    Exact for exchangeable rows. Source: D4.1, "missing"; Fisher 1935, "The logic of inductive inference".
    """
    (missing_before, n), (missing_now, m) = baseline, current
    missing = missing_before + missing_now
    if not missing:
        return ()
    before = missing_before / n
    now = missing_now / m
    gap = abs(now - before)
    direction = "up" if now > before else "down"
    # The least effect, reached together with the standard error
    half = 0.5 / min(n, m)
    ratio = (max(before, now) + half) / (min(before, now) + half)
    error = math.sqrt(missing * (n + m - missing) / n / m / (n + m))
    if not gap or (gap + error < LEAST_EFFECT and ratio < LEAST_RATIO):
        return (Component("missing", 1.0, gap, direction=direction),)
    p_more = chance_of_more(missing_before, n, missing_now, m)
    p_fewer = chance_of_more(n - missing_before, n, m - missing_now, m)
    p = min(1.0, 2 * min(p_more, p_fewer))
    least_effect = least_gap(before, now, half, error)
    return (Component("missing", p, gap, direction=direction, statistic=float(missing_now), least_effect=least_effect),)


def category_tests(sides: Sequence[Sequence[CategoryCounts]]) -> list[tuple[Component, ...]]:
    """The tests of text columns. sides: for each column the category counts of baseline and window, neither empty."""
    counts = [category_cells(before, after) for before, after in sides]
    samples = [Samples(int(before.sum()), int(after.sum())) for before, after in counts]
    cells = _Cells(np.concatenate(counts, axis=1), np.array([len(before) for before, _ in counts]), samples)
    return [*zip(cells.chi_square(len(counts)), cells.rarest(), strict=True)]


def numeric_tests(sides: Sequence[Sequence[NumericDistribution]]) -> list[tuple[Component, ...]]:
    """The tests of numeric columns. sides: for each column the distributions of baseline and window, neither empty."""
    pooled = [_Pooled(before, after) for before, after in sides]
    samples, counts = [each.samples for each in pooled], np.concatenate([each.steps.cells for each in pooled], axis=1)
    many = np.array([len(each.steps.cells[0]) for each in pooled])
    of_ends, ends = count_tails(counts, many)
    cells = _Cells(np.concatenate((counts, of_ends), axis=1), np.concatenate((many, ends)), 2 * samples)
    means = [[each.compare_means(*scores) for scores in each.steps.scores.items()] for each in pooled]
    rarest = cells.rarest()
    of_cells = zip(pooled, means, cells.chi_square(len(sides)), rarest[: len(sides)], rarest[len(sides) :], strict=True)
    return [(each.kolmogorov(), *of_scores, each.range(), *others) for each, of_scores, *others in of_cells]


class _Cells:
    """Cell counts of several columns in both samples, column after column; no cell is empty on both sides."""

    def __init__(self, counts: Counts, sizes: Places, samples: Sequence[Samples]) -> None:
        self.samples, self.filled = samples, sizes.nonzero()[0]
        self.starts = (np.cumsum(sizes) - sizes)[self.filled]
        self.columns = np.repeat(np.arange(len(sizes)), sizes)
        self.baseline, self.current = counts
        self.totals = self.baseline + self.current
        of_samples = np.array([(each.n, each.m, each.error, each.of_window, each.effective) for each in samples])
        self.n, self.m, self.error, self.of_window, self.effective = of_samples[self.columns].T
        self.smaller = np.minimum(self.n, self.m)
        gaps = self.current / self.m - self.baseline / self.n
        # minus the possible error of the sketches
        self.gaps: Counts = np.sign(gaps) * np.maximum(np.abs(gaps) - self.error / 2, 0.0)

    def rarest(self) -> list[Component]:
        """The test of the cell with the smallest p-value, for each column, among the cells that changed enough.

        Source: Tarone 1990, "A modified Bonferroni method for discrete data"; Westfall and Wolfinger 1997, "Multiple tests with
        discrete distributions".
        """
        n, m, gaps, sizes, signs = self.n, self.m, self.gaps, np.abs(self.gaps), np.sign(self.gaps)
        # the certain part, in whole values: each side has the error of its own sketch
        known = signs * np.ceil(signs * self.baseline + (self.error - self.of_window) / 2 * n)
        counts = signs * np.floor(signs * self.current - self.of_window / 2 * m)
        totals, before, after, half = known + counts, known / n, counts / m, 0.5 / self.smaller
        ratios = (np.maximum(before, after) + half) / (np.minimum(before, after) + half)  # finite for empty cells, too
        errors = np.sqrt(totals * (n + m - totals) / (n + m) ** 2 / self.effective)
        enough = ((sizes + errors >= LEAST_EFFECT) | (ratios >= LEAST_RATIO)) & (gaps != 0)
        scores = np.divide(sizes, errors, out=np.zeros(len(sizes)), where=enough)
        enough &= (
            scores >= self._reduce_columns(np.maximum, scores)[self.columns] / 2
        )  # no other cell can be the rarest
        looked_at = enough.nonzero()[0]
        columns = self.columns[looked_at]
        p = two_sided_p_values(totals[looked_at], counts[looked_at], n[looked_at], m[looked_at], columns)
        found = [Component("cell", 1.0, size) for size in self._reduce_columns(np.maximum, sizes).tolist()]
        least = np.lexsort((p, columns))[np.diff(columns, prepend=-1).nonzero()[0]]
        limits = np.zeros(len(found))
        limits[columns[least]] = p[least]
        others = n + m - self.totals + 1
        possible = 2 * (np.maximum(self.smaller - self.totals + 1, 0) / others) ** self.totals <= limits[self.columns]
        tried, cells = (self._reduce_columns(np.add, each).tolist() for each in (possible * 1.0, np.ones(len(totals))))
        for column, each, cell in zip(columns[least].tolist(), p[least].tolist(), looked_at[least], strict=True):
            # too small cells are not tests, two cells are one
            comparisons = tests = 1.0 if cells[column] <= 2 else max(1.0, tried[column])
            if tests > 1 and _CERTAIN < each * tests < _RARE:
                own = (possible & (self.columns == column)).nonzero()[0]
                sides = (
                    largest_attainable_tails(self.totals[own], side[own], (n + m)[own], each / 2) for side in (m, n)
                )
                comparisons = max(
                    sum(float(tails.sum()) for tails in sides) / each, 0.5
                )  # at least the test of one side
            least_effect = least_gap(before[cell], after[cell], half[cell], errors[cell])
            found[column] = Component(
                *("cell", min(1.0, each * comparisons), float(sizes[cell]), tests),
                comparisons=comparisons,
                statistic=float(counts[cell]),
                least_effect=least_effect,
            )
        return found

    def chi_square(self, first: int) -> list[Component]:
        """The chi-square tests of equal shares in the first `first` columns, which all have cells. Small cells are
        joined; a guard allows for groups that are still rare.
        """
        of_column = self.starts[:first]
        least = (LEAST_EXPECTED * (self.n + self.m) / self.smaller)[of_column]
        own = starmap(slice, pairwise([*self.starts.tolist(), len(self.totals)][: first + 1]))
        groups = [*map(join_small_cells, map(self.totals.__getitem__, own), least.tolist())]
        sizes = np.array([int(each.max()) + 1 for each in groups])
        starts, columns = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
        of_cells = np.concatenate([start + each for start, each in zip(starts, groups, strict=True)])
        totals, moved = (np.bincount(of_cells, each[: len(of_cells)]) for each in (self.totals, self.gaps))
        shares = totals / np.add.reduceat(totals, starts)[columns]
        smaller, of = self.smaller[of_column][columns], (self.n + self.m)[of_column][columns]
        values = np.stack((moved**2 / shares, np.abs(moved), 1 / np.sqrt(totals * smaller / of)))
        # after a leading zero, numpy adds in the same order as for a column alone
        sums = np.add.reduceat(np.insert(values, starts, 0.0, axis=1), starts + np.arange(len(starts)), axis=1).tolist()
        return [_chi_square(*each) for each in zip(self.samples[:first], sizes.tolist(), *sums, strict=True)]

    def _reduce_columns(self, ufunc: np.ufunc, values: Counts) -> Counts:
        """The values of each column, reduced by `ufunc`; 0 for a column without cells."""
        found = np.zeros(len(self.samples))
        found[self.filled] = ufunc.reduceat(values, self.starts)
        return found


def _chi_square(samples: Samples, groups: int, squares: float, moved: float, rare: float) -> Component:
    """The chi-square test of one column. squares, moved, rare: sums over its groups of cells."""
    freedom = groups - 1
    if not freedom:
        return Component("chi2", 1.0, 0.0)
    by_noise = 0.4 * math.sqrt(freedom / samples.effective)  # sqrt(2 / π) / 2 for each cell, from noise alone
    effect = moved / 2 - by_noise
    if effect + samples.half_error < LEAST_EFFECT:
        return Component("chi2", 1.0, max(effect, 0.0))
    statistic = samples.effective * squares
    p = chi_square_above(statistic, freedom)
    p = max(p, _tail_with_guard(-normal_quantile(max(p, 1e-300)), rare / groups))
    least_effect = max(0.0, LEAST_EFFECT - samples.half_error)
    return Component("chi2", p, effect, statistic=statistic, least_effect=least_effect)


class _Pooled:
    """Two numeric distributions, evaluated at the values of both."""

    def __init__(self, baseline: NumericDistribution, current: NumericDistribution) -> None:
        before, after = baseline.step_cdf(), current.step_cdf()
        self.both = after.beside(before)
        self.steps = self.both.steps
        self.samples = Samples(before.total, after.total, baseline.error + current.error, current.error)
        self.ends = baseline.ends, current.ends

    def kolmogorov(self) -> Component:
        """The Kolmogorov-Smirnov test: the largest gap between the two cumulative distributions."""
        effect = max(0.0, self.both.gap - self.samples.error)
        if effect + self.samples.half_error < LEAST_EFFECT:
            return Component("ks", 1.0, effect)
        root = math.sqrt(self.samples.effective)
        statistic = (root + 0.12 + 0.11 / root) * effect  # Stephens 1970
        least_effect = max(0.0, LEAST_EFFECT - self.samples.half_error)
        return Component("ks", kolmogorov_above(statistic), effect, statistic=statistic, least_effect=least_effect)

    def compare_means(self, name: str, scores: Counts) -> Component:
        """The test of the difference of the mean scores, with its permutation variance and a guard for skewness.

        A sketch's rank errors have either sign along the values: the standard deviation of the error of a mean is a
        quarter of the scores' range times the bound.
        """
        n, m, weights = self.samples.n, self.samples.m, self.steps.weights
        difference, total = float(scores @ self.steps.shares), n + m
        effect = abs(difference) * COLUMN_TESTS[name].effect_of_score
        deviations = scores - float(scores @ weights) / total
        squares = deviations * deviations
        variance = float(weights @ squares) / (total - 1)  # a score's permutation variance
        of_sketches = (self.samples.error * float(np.ptp(scores)) / 4) ** 2 if self.samples.error else 0.0
        deviation = math.sqrt(variance * (1 / n + 1 / m) + of_sketches)
        if effect + deviation * COLUMN_TESTS[name].effect_of_score < LEAST_EFFECT:
            return Component(name, 1.0, effect)
        skewness = float(weights @ (squares * deviations)) / total / variance**1.5
        toward = math.copysign(1.0, difference) * (1.0 if m <= n else -1.0)
        skewness = max(0.0, toward * skewness / math.sqrt(self.samples.smaller))  # of the mean
        p = min(1.0, 2 * _gamma_tail(abs(difference) / deviation, skewness))
        least_effect = max(0.0, LEAST_EFFECT - deviation * COLUMN_TESTS[name].effect_of_score)
        return Component(name, p, effect, statistic=difference / deviation, least_effect=least_effect)

    def range(self) -> Component:
        """The test of values outside the baseline's range, on the side that has more of them."""
        (low, high), (lowest, highest) = self.ends
        m = self.samples.m
        if low <= lowest and highest <= high:
            return Component("range", 1.0, 0.0)
        found = (
            (m - self.both.count_below(high, "right"), highest > high),
            (self.both.count_below(low, "left"), lowest < low),
        )
        beyond = max(max(count - self.samples.of_window * m, 1.0) if any_ else 0.0 for count, any_ in found)
        return Component("range", min(1.0, 2 * self.samples.share**beyond), beyond / m, statistic=float(beyond))


def join_small_cells(totals: Counts, least: float) -> NDArray[np.int64]:
    """The group index of each cell: cells in ascending order of size, joined until a group's total reaches `least`."""
    found, group, held = [0] * len(totals), 0, 0.0
    counts = totals.tolist()
    for place in np.argsort(totals, kind="stable").tolist():
        found[place] = group
        held += counts[place]
        if held >= least:
            group, held = group + 1, 0.0
    groups = np.array(found, dtype=np.int64)
    if held and group:
        groups[groups == group] = group - 1
    return groups


def _tail_with_guard(z: float, guard: float) -> float:
    """The normal tail above z, widened like that of a skewed distribution. guard: its skewness, 0 or more."""
    return normal_above(z / math.sqrt(1 + max(z, 0.0) * guard / 3))


def _gamma_tail(z: float, skewness: float) -> float:
    """The tail of a gamma distribution above z standard deviations. Source: Wilson and Hilferty 1931."""
    if skewness < 1e-6:
        return normal_above(z)
    root, thirds = 2 / skewness, skewness**2 / 36
    return normal_above(3 * root * ((1 + z / root) ** (1 / 3) - 1 + thirds))
