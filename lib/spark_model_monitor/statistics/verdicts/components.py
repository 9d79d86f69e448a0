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
    FEW_VALUES,
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

REACH = 10
LEAST_REACH = 40
"""A tail is summed over this many standard deviations and at least this many counts, for all digits of a double."""


def hypergeometric_upper_tail(
    totals: Counts, counts: Counts, size: Counts, rows: Counts, columns: Places = ONE
) -> Counts:
    """The one-sided p-value of each cell: the probability of its count in a sample, or more; 1 up to its expectation.

    totals, counts: each cell's count in both samples together, and in the sample. size, rows: the rows of the sample, and
    of both; without rows nothing is rare. columns: the column of each cell, in ascending order.
    """
    p_values = np.ones(len(totals))
    share = size / np.maximum(rows, 1.0)
    expected = totals * share
    more = counts > expected
    if not more.any():
        return p_values
    deviations = np.sqrt(expected * (1 - share) * (rows - totals) / np.maximum(rows - 1, 1.0))  # hypergeometric
    is_large = deviations > LARGE
    large = (more & is_large).nonzero()[0]
    if len(large):  # continuity correction: half a count
        p_values[large] = map_values(normal_above, (counts[large] - 0.5 - expected[large]) / deviations[large])
    small = (more & ~is_large).nonzero()[0]
    if len(small):
        arrays = (totals, counts, size, rows, deviations, columns)
        p_values[small] = _compute_exact_upper_tail(*(values[small] for values in arrays))
    clipped: Counts = np.minimum(p_values, 1.0)
    return clipped


def _compute_exact_upper_tail(
    t: Counts, x: Counts, size: Counts, rows: Counts, deviations: Counts, columns: Places
) -> Counts:
    """The upper hypergeometric tail from x on, for each cell; all cells of a column have the same number of terms."""
    starts = np.diff(columns, prepend=-1).nonzero()[0]
    ends = [*starts[1:].tolist(), len(t)]
    cells_per_column = ends - starts
    widest = REACH * np.maximum.reduceat(deviations, starts) + LEAST_REACH
    terms = np.minimum(np.maximum.reduceat(np.minimum(t, size) - x, starts), widest).astype(np.int64)

    # The sum of all terms relative to the first, which is 1; cells with a similar number of terms are computed together
    relative_tails = np.ones(len(t))
    terms_by_cell = np.repeat(terms, cells_per_column)
    order = terms_by_cell.argsort(kind="stable")
    exponents = np.frexp(terms_by_cell[order])[1]
    for exponent in {*exponents.tolist()} - {0}:
        cells = order[exponents == exponent]
        terms_of_cells = terms_by_cell[cells]
        k = x[cells, None] + np.arange(terms_of_cells[-1])  # counts from x on
        # Each term over the one before: (t - k) (size - k) / (k + 1) / (rows - size - t + k + 1)
        ratios = t[cells, None] - k
        ratios *= size[cells, None] - k
        k += 1
        ratios /= k * (k + (rows - size - t)[cells, None])
        np.cumprod(np.maximum(ratios, 0.0, out=ratios), axis=1, out=ratios)
        firsts = np.diff(terms_of_cells, prepend=0).nonzero()[0].tolist()
        column_slices = starmap(slice, pairwise([*firsts, len(cells)]))
        # A column's cells are added over as many terms as they have alone: the same order of additions
        sums = [ratios[column, : terms_of_cells[column.start]].sum(axis=1) for column in column_slices]
        relative_tails[cells] += np.concatenate(sums)

    # The first term, C(t, x) C(rows - t, size - x) / C(rows, size), from log factorials
    factorials = np.array((x, t - x, size - x, rows - t - size + x, t, rows - t)) + 1
    are_few = np.repeat(len(factorials) * cells_per_column < FEW_VALUES, cells_per_column)  # as for a column alone
    factorials[:, are_few] = map_values(math.lgamma, factorials[:, are_few])
    factorials[:, ~are_few] = log_gamma(factorials[:, ~are_few])
    log_ways = []
    for num_rows, sampled in zip(rows[starts].tolist(), size[starts].tolist(), strict=True):
        log_ways.append(math.lgamma(num_rows + 1) - math.lgamma(sampled + 1) - math.lgamma(num_rows - sampled + 1))
    log_cells = factorials[4:].sum(axis=0) - factorials[:4].sum(axis=0)
    first_term: Counts = np.exp(log_cells - np.repeat(log_ways, cells_per_column))
    return first_term * relative_tails


def two_sided_p_values(totals: Counts, counts: Counts, n: Counts, m: Counts, columns: Places = ONE) -> Counts:
    """The two-sided p-value of each cell, of which the window's m values have `counts` and the n + m values `totals`.

    Exact for exchangeable rows. Source: D4.1, "cell p"; Fisher 1935, "The logic of inductive inference".
    """
    counts_and_sizes = np.concatenate((counts, totals - counts)), np.concatenate((m, n))
    columns_by_sample = np.concatenate(
        (columns, columns + columns.max(initial=0) + 1)
    )  # as if each side had its own columns
    totals_and_rows = np.tile(totals, 2), np.tile(n + m, 2)
    tails = hypergeometric_upper_tail(totals_and_rows[0], *counts_and_sizes, totals_and_rows[1], columns_by_sample)
    in_window, in_baseline = tails.reshape(2, -1)
    p: Counts = np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)
    return p


# the number of tests only matters for p-values between these
_CERTAIN = 1e-12
_RARE = 0.01
_ROUNDING = 1 + 1e-5  # with many rows a probability has few digits; the rest depends on the cells computed with it


def find_largest_attainable_tails(totals: Counts, sizes: Counts, rows: Counts, limit: float) -> Counts:
    """The largest attainable tail probability of each cell that is at most `limit`; 0 if no count is that rare."""
    t, index = np.unique(totals, return_inverse=True)
    # the same for all cells of a column
    size = sizes[: len(t)]
    rows = rows[: len(t)]
    columns = np.frexp(t)[1].astype(np.int64)  # cells of about the same size have the same number of terms
    expected = t * size / rows
    largest_count = np.minimum(t, size)
    low = np.floor(expected)
    high = np.minimum(largest_count, np.floor(expected + REACH * np.sqrt(expected) + LEAST_REACH)) + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        is_rare = hypergeometric_upper_tail(t, middle, size, rows, columns) <= limit * _ROUNDING
        low = np.where(is_rare, low, middle)
        high = np.where(is_rare, middle, high)
    tails = hypergeometric_upper_tail(t, np.minimum(high, largest_count), size, rows, columns)
    attainable: Counts = np.where(high <= largest_count, tails, 0.0)
    return attainable[index]


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
    return find_smallest_sufficient_number(
        current_rows, lambda missing_rows: chance_of_more(lacking, rows, missing_rows, current_rows) <= level
    )


def find_smallest_sufficient_number(maximum: int, is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number up to `maximum` that is enough, by bisection: all larger ones are, too. None if `maximum` isn't."""
    reach = 1
    while reach < maximum and not is_enough(reach):  # the result is usually small
        reach *= 2
    number = bisect_left(range(min(reach, maximum) + 1), True, lo=min(reach // 2, maximum), key=is_enough)
    return number if number <= maximum else None


LEAST_EFFECT = 0.02  # d: the smallest change of a share that is reported. Source: D4.1.
LEAST_RATIO = 2.0  # r: … or the smallest ratio, for a rare value. Source: D4.1.
LEAST_EXPECTED = 5.0  # expected count of a cell in the smaller sample, in the chi-square test. Source: D4.1.


@dataclass(frozen=True, slots=True)
class ColumnTest:
    """What is the same for all columns of one test.

    Another test is a line in `COLUMN_TESTS`, and a component that `compare_numbers` or `compare_categories` computes. If past
    windows show how much it varies, it is a field in `window_statistics.FIELDS` too, in `LATER` since earlier files lack
    it, and `BaselineBlocks` computes it for parts of the baseline. If it is of the values' distribution,
    `alert_files.TESTS_OF_VALUES` names it. A weight changes how much the other tests find: D4.1, D4.2 and the page on
    verdicts say which there are.
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


def compare_missing_values(baseline: tuple[int, int], current: tuple[int, int]) -> tuple[Component, ...]:
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


def compare_categories(category_counts: Sequence[Sequence[CategoryCounts]]) -> list[tuple[Component, ...]]:
    """The tests of text columns. category_counts: for each column the category counts of baseline and window, neither empty."""
    counts = [category_cells(before, after) for before, after in category_counts]
    samples = [Samples(int(before.sum()), int(after.sum())) for before, after in counts]
    num_cells = np.array([len(before) for before, _ in counts])
    cells = _Cells(np.concatenate(counts, axis=1), num_cells, samples)
    return [*zip(cells.compare_all_cells(len(counts)), cells.compare_rarest_cells(), strict=True)]


def compare_numbers(distributions: Sequence[Sequence[NumericDistribution]]) -> list[tuple[Component, ...]]:
    """The tests of numeric columns. distributions: for each column the distributions of baseline and window, neither empty."""
    columns = [_NumericSamples(before, after) for before, after in distributions]
    samples = [column.samples for column in columns]
    cells = np.concatenate([column.steps.cells for column in columns], axis=1)
    num_cells = np.array([len(column.steps.cells[0]) for column in columns])
    tails, num_tails = count_tails(cells, num_cells)
    # The tails of all columns stand behind their cells, as if they were columns of their own
    cells_and_tails = _Cells(
        np.concatenate((cells, tails), axis=1), np.concatenate((num_cells, num_tails)), 2 * samples
    )
    chi_square = cells_and_tails.compare_all_cells(len(columns))
    rarest = cells_and_tails.compare_rarest_cells()
    tests = []
    for index, column in enumerate(columns):
        score_tests = [column.compare_means(name, scores) for name, scores in column.steps.scores.items()]
        rarest_cell = rarest[index]
        rarest_tail = rarest[len(columns) + index]
        tests.append(
            (
                column.compare_distributions(),
                *score_tests,
                column.compare_ranges(),
                chi_square[index],
                rarest_cell,
                rarest_tail,
            )
        )
    return tests


class _Cells:
    """Cell counts of several columns in both samples, column after column; no cell is empty on both sides."""

    def __init__(self, counts: Counts, num_cells: Places, samples: Sequence[Samples]) -> None:
        self.samples = samples
        self.filled_columns = num_cells.nonzero()[0]
        self.first_cells = (np.cumsum(num_cells) - num_cells)[self.filled_columns]
        self.column_of_cell = np.repeat(np.arange(len(num_cells)), num_cells)
        self.baseline, self.current = counts
        self.totals = self.baseline + self.current
        members = [(column.n, column.m, column.error, column.of_window, column.effective) for column in samples]
        self.n, self.m, self.error, self.of_window, self.effective = np.array(members)[self.column_of_cell].T
        self.smaller = np.minimum(self.n, self.m)
        gaps = self.current / self.m - self.baseline / self.n
        # minus the possible error of the sketches
        self.gaps: Counts = np.sign(gaps) * np.maximum(np.abs(gaps) - self.error / 2, 0.0)

    def compare_rarest_cells(self) -> list[Component]:
        """The test of the cell with the smallest p-value, for each column, among the cells that changed enough.

        Source: Tarone 1990, "A modified Bonferroni method for discrete data"; Westfall and Wolfinger 1997, "Multiple tests with
        discrete distributions".
        """
        n = self.n
        m = self.m
        effects = np.abs(self.gaps)
        signs = np.sign(self.gaps)

        # The certain part of the counts, in whole values: each side has the error of its own sketch
        baseline_counts = signs * np.ceil(signs * self.baseline + (self.error - self.of_window) / 2 * n)
        counts = signs * np.floor(signs * self.current - self.of_window / 2 * m)
        totals = baseline_counts + counts
        before = baseline_counts / n
        after = counts / m

        # Cells that changed enough, but for those that can't be the rarest
        half = 0.5 / self.smaller
        ratios = (np.maximum(before, after) + half) / (np.minimum(before, after) + half)  # finite for empty cells, too
        errors = np.sqrt(totals * (n + m - totals) / (n + m) ** 2 / self.effective)
        is_large = ((effects + errors >= LEAST_EFFECT) | (ratios >= LEAST_RATIO)) & (self.gaps != 0)
        scores = np.divide(effects, errors, out=np.zeros(len(effects)), where=is_large)
        is_large &= scores >= self._reduce_columns(np.maximum, scores)[self.column_of_cell] / 2
        cells = is_large.nonzero()[0]
        columns = self.column_of_cell[cells]
        p_values = two_sided_p_values(totals[cells], counts[cells], n[cells], m[cells], columns)

        # The smallest p-value of each column, and the cells that could have had as small a one
        tests = [Component("cell", 1.0, effect) for effect in self._reduce_columns(np.maximum, effects).tolist()]
        smallest = np.lexsort((p_values, columns))[np.diff(columns, prepend=-1).nonzero()[0]]
        limits = np.zeros(len(tests))
        limits[columns[smallest]] = p_values[smallest]
        unequal = np.maximum(self.smaller - self.totals + 1, 0) / (n + m - self.totals + 1)
        is_comparable = 2 * unequal**self.totals <= limits[self.column_of_cell]
        num_comparable = self._reduce_columns(np.add, is_comparable * 1.0).tolist()
        num_cells = self._reduce_columns(np.add, np.ones(len(totals))).tolist()
        for column, p, cell in zip(
            columns[smallest].tolist(), p_values[smallest].tolist(), cells[smallest], strict=True
        ):
            # Too small cells are not tests, two cells are one
            if num_cells[column] <= 2:
                num_tests = 1.0
            else:
                num_tests = max(1.0, num_comparable[column])
            comparisons = num_tests
            if num_tests > 1 and _CERTAIN < p * num_tests < _RARE:
                comparisons = self._count_comparisons(is_comparable & (self.column_of_cell == column), p)
            tests[column] = Component(
                "cell",
                min(1.0, p * comparisons),
                float(effects[cell]),
                num_tests,
                comparisons=comparisons,
                statistic=float(counts[cell]),
                least_effect=least_gap(before[cell], after[cell], half[cell], errors[cell]),
            )
        return tests

    def _count_comparisons(self, is_comparable: NDArray[np.bool_], p: float) -> float:
        """By how much the smallest of the cells' p-values has to be multiplied: the sum of the largest p-values that
        their counts can attain up to p, over p.
        """
        cells = is_comparable.nonzero()[0]
        rows = (self.n + self.m)[cells]
        attainable = 0.0
        for sizes in (self.m, self.n):
            attainable += float(find_largest_attainable_tails(self.totals[cells], sizes[cells], rows, p / 2).sum())
        return max(attainable / p, 0.5)  # at least the test of one side

    def compare_all_cells(self, num_columns: int) -> list[Component]:
        """The chi-square tests of equal shares in the first columns, which all have cells. Small cells are joined; a
        guard allows for groups that are still rare.
        """
        # Small cells joined to groups, until each expects enough of the smaller sample
        first_cells = self.first_cells[:num_columns]
        least_totals = (LEAST_EXPECTED * (self.n + self.m) / self.smaller)[first_cells]
        ends = [*self.first_cells.tolist(), len(self.totals)]
        groups = []
        for column, least_total in enumerate(least_totals.tolist()):
            groups.append(join_small_cells(self.totals[ends[column] : ends[column + 1]], least_total))

        # The groups of all columns, one after the other
        num_groups = np.array([int(column_groups.max()) + 1 for column_groups in groups])
        first_groups = np.cumsum(num_groups) - num_groups
        column_of_group = np.repeat(np.arange(len(num_groups)), num_groups)
        group_of_cell = np.concatenate([first + group for first, group in zip(first_groups, groups, strict=True)])

        # Of each group: its squared gap over its share, its gap, and how rare it is
        totals = np.bincount(group_of_cell, self.totals[: len(group_of_cell)])
        gaps = np.bincount(group_of_cell, self.gaps[: len(group_of_cell)])
        shares = totals / np.add.reduceat(totals, first_groups)[column_of_group]
        smaller = self.smaller[first_cells][column_of_group]
        rows = (self.n + self.m)[first_cells][column_of_group]
        values = np.stack((gaps**2 / shares, np.abs(gaps), 1 / np.sqrt(totals * smaller / rows)))
        # After a leading zero, numpy adds in the same order as for a column alone
        with_zeros = np.insert(values, first_groups, 0.0, axis=1)
        sums = np.add.reduceat(with_zeros, first_groups + np.arange(len(first_groups)), axis=1).tolist()
        columns = zip(self.samples[:num_columns], num_groups.tolist(), *sums, strict=True)
        return [_build_chi_square_test(*column) for column in columns]

    def _reduce_columns(self, ufunc: np.ufunc, values: Counts) -> Counts:
        """The values of each column, reduced by `ufunc`; 0 for a column without cells."""
        reduced = np.zeros(len(self.samples))
        reduced[self.filled_columns] = ufunc.reduceat(values, self.first_cells)
        return reduced


def _build_chi_square_test(samples: Samples, groups: int, squares: float, moved: float, rare: float) -> Component:
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


class _NumericSamples:
    """Two numeric distributions, evaluated at the values of both."""

    def __init__(self, baseline: NumericDistribution, current: NumericDistribution) -> None:
        before = baseline.step_cdf()
        after = current.step_cdf()
        self.both = after.pool_with(before)
        self.steps = self.both.steps
        self.samples = Samples(before.total, after.total, baseline.error + current.error, current.error)
        self.ends = baseline.ends, current.ends

    def compare_distributions(self) -> Component:
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
        n = self.samples.n
        m = self.samples.m
        weights = self.steps.weights
        difference = float(scores @ self.steps.shares)
        total = n + m
        effect = abs(difference) * COLUMN_TESTS[name].effect_of_score
        deviations = scores - float(scores @ weights) / total
        squares = deviations * deviations
        variance = float(weights @ squares) / (total - 1)  # a score's permutation variance
        if self.samples.error:
            of_sketches = (self.samples.error * float(np.ptp(scores)) / 4) ** 2
        else:
            of_sketches = 0.0
        deviation = math.sqrt(variance * (1 / n + 1 / m) + of_sketches)
        if effect + deviation * COLUMN_TESTS[name].effect_of_score < LEAST_EFFECT:
            return Component(name, 1.0, effect)
        skewness = float(weights @ (squares * deviations)) / total / variance**1.5
        toward = math.copysign(1.0, difference) * (1.0 if m <= n else -1.0)
        skewness = max(0.0, toward * skewness / math.sqrt(self.samples.smaller))  # of the mean
        p = min(1.0, 2 * _gamma_tail(abs(difference) / deviation, skewness))
        least_effect = max(0.0, LEAST_EFFECT - deviation * COLUMN_TESTS[name].effect_of_score)
        return Component(name, p, effect, statistic=difference / deviation, least_effect=least_effect)

    def compare_ranges(self) -> Component:
        """The test of values outside the baseline's range, on the side that has more of them."""
        (low, high), (lowest, highest) = self.ends
        m = self.samples.m
        if low <= lowest and highest <= high:
            return Component("range", 1.0, 0.0)
        # The certain part of the counts on either side, at least the value that is known to lie there
        uncertain = self.samples.of_window * m
        beyond = 0.0
        if highest > high:
            beyond = max(m - self.both.count_below(high, "right") - uncertain, 1.0)
        if lowest < low:
            beyond = max(beyond, self.both.count_below(low, "left") - uncertain, 1.0)
        return Component("range", min(1.0, 2 * self.samples.share**beyond), beyond / m, statistic=float(beyond))


def join_small_cells(totals: Counts, least_total: float) -> NDArray[np.int64]:
    """The group index of each cell: cells in ascending order of size, joined until a group's total reaches `least_total`."""
    group_of_cell = [0] * len(totals)
    group = 0
    group_total = 0.0
    counts = totals.tolist()
    for cell in np.argsort(totals, kind="stable").tolist():
        group_of_cell[cell] = group
        group_total += counts[cell]
        if group_total >= least_total:
            group = group + 1
            group_total = 0.0
    groups = np.array(group_of_cell, dtype=np.int64)
    if group_total and group:
        groups[groups == group] = group - 1
    return groups


def _tail_with_guard(z: float, guard: float) -> float:
    """The normal tail above z, widened like that of a skewed distribution. guard: its skewness, 0 or more."""
    return normal_above(z / math.sqrt(1 + max(z, 0.0) * guard / 3))


def _gamma_tail(z: float, skewness: float) -> float:
    """The tail of a gamma distribution above z standard deviations. Source: Wilson and Hilferty 1931."""
    if skewness < 1e-6:
        return normal_above(z)
    root = 2 / skewness
    thirds = skewness**2 / 36
    return normal_above(3 * root * ((1 + z / root) ** (1 / 3) - 1 + thirds))
