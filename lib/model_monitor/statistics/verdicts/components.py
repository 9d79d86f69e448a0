"""The tests of one column: has it changed between a baseline and a window, of which only summaries are known? Pure.

How rare a count is, if two samples are parts of one, is told by the tails of the hypergeometric distribution.
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

from model_monitor.statistics.drift.distributions import (
    CategoryCounts,
    Counts,
    NumericDistribution,
    category_cells,
    tails,
)
from model_monitor.statistics.drift.special_functions import (
    FEW,
    chi_square_above,
    kolmogorov_above,
    log_gamma,
    normal_above,
    normal_quantile,
    of_each,
)

Places: TypeAlias = NDArray[np.int64]
Lacking: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Of both sides how many are missing, of how many rows."""


ONE = np.zeros(1, np.int64)  # the cell of one column

LARGE = 1000.0
"""Above this standard deviation of a count its tail is a normal one; the difference is below 3 % at five deviations."""

REACH, LEAST_REACH = 10, 40
"""So many standard deviations beyond a count, and at least so many counts, hold its tail to all digits of a double."""


def rarer(totals: Counts, counts: Counts, size: Counts, of: Counts, columns: Places = ONE) -> Counts:
    """Probability that a sample has so many of a cell or more, for each cell; 1 for what it has no more of than its share.

    totals, counts: of the cell in both samples together, and in the sample. size, of: rows of the sample, and of both; without
    any nothing is rare. columns: whose cell it is, one column after the other.
    """
    found = np.ones(len(totals))
    share = size / np.maximum(of, 1.0)
    expected = totals * share
    more = counts > expected
    if not more.any():
        return found
    deviations = np.sqrt(expected * (1 - share) * (of - totals) / np.maximum(of - 1, 1.0))  # hypergeometric
    is_large = deviations > LARGE
    large = (more & is_large).nonzero()[0]
    if len(large):  # half a count: continuity
        found[large] = of_each(normal_above, (counts[large] - 0.5 - expected[large]) / deviations[large])
    few = (more & ~is_large).nonzero()[0]
    if len(few):
        found[few] = _exactly(*(each[few] for each in (totals, counts, size, of, deviations, columns)))
    least: Counts = np.minimum(found, 1.0)
    return least


def _exactly(t: Counts, x: Counts, size: Counts, of: Counts, deviations: Counts, columns: Places) -> Counts:
    """The sum of a hypergeometric distribution from x on, for each cell: as many terms for all cells of a column."""
    starts = np.diff(columns, prepend=-1).nonzero()[0]
    ends = [*starts[1:].tolist(), len(t)]
    each_has = ends - starts
    widest = REACH * np.maximum.reduceat(deviations, starts) + LEAST_REACH
    terms = np.minimum(np.maximum.reduceat(np.minimum(t, size) - x, starts), widest).astype(np.int64)
    beyond, terms_of_each = np.ones(len(t)), np.repeat(terms, each_has)
    order = terms_of_each.argsort(kind="stable")
    about = np.frexp(terms_of_each[order])[1]  # those of up to twice as many terms are looked at together
    for some in {*about.tolist()} - {0}:
        cells = order[about == some]
        terms_of_cells = terms_of_each[cells]
        k = x[cells, None] + np.arange(terms_of_cells[-1])  # so many or more
        ratios = t[cells, None] - k
        ratios *= size[cells, None] - k
        k += 1
        ratios /= k * (k + (of - size - t)[cells, None])
        np.cumprod(np.maximum(ratios, 0.0, out=ratios), axis=1, out=ratios)
        firsts = np.diff(terms_of_cells, prepend=0).nonzero()[0].tolist()
        alike = starmap(slice, pairwise([*firsts, len(cells)]))
        sums = (ratios[own, : terms_of_cells[own.start]].sum(axis=1) for own in alike)
        beyond[cells] += np.concatenate([*sums])  # each term beside the first one
    parts = np.array((x, t - x, size - x, of - t - size + x, t, of - t)) + 1
    are_few = np.repeat(len(parts) * each_has < FEW, each_has)  # as of a column by itself
    parts[:, are_few] = of_each(math.lgamma, parts[:, are_few])
    parts[:, ~are_few] = log_gamma(parts[:, ~are_few])
    sides = zip(of[starts].tolist(), size[starts].tolist(), strict=True)
    ways = [math.lgamma(all_ + 1) - math.lgamma(own + 1) - math.lgamma(all_ - own + 1) for all_, own in sides]
    of_x: Counts = np.exp(parts[4:].sum(axis=0) - parts[:4].sum(axis=0) - np.repeat(ways, each_has))
    return of_x * beyond


def two_sided(totals: Counts, counts: Counts, n: Counts, m: Counts, columns: Places = ONE) -> Counts:
    """p-value of each cell: `counts` of its `totals` are among the m values of the window, the others among the baseline's n.

    Exact for exchangeable rows. Source: D4.1, "cell p"; Fisher 1935, "The logic of inductive inference".
    """
    sides = np.concatenate((counts, totals - counts)), np.concatenate((m, n))
    of_sides = np.concatenate((columns, columns + columns.max(initial=0) + 1))  # as if each side had columns of its own
    in_window, in_baseline = rarer(np.tile(totals, 2), *sides, np.tile(n + m, 2), of_sides).reshape(2, -1)
    p: Counts = np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)
    return p


_CERTAIN, _RARE = 1e-12, 0.01  # between which p-values it matters how many tests there are
_ROUNDING = 1 + 1e-5  # of many rows a chance has so few digits, and others where other cells are looked at beside


def attained(totals: Counts, sizes: Counts, of: Counts, limit: float) -> Counts:
    """The chance of so many of each cell of a column, or more, that it is at most `limit`; 0 if no count is so rare."""
    t, places = np.unique(totals, return_inverse=True)
    size, of = sizes[: len(t)], of[: len(t)]  # which are the column's
    columns = np.frexp(t)[1].astype(np.int64)  # cells of about one size have as many terms
    expected, most = t * size / of, np.minimum(t, size)
    low = np.floor(expected)
    high = np.minimum(most, np.floor(expected + REACH * np.sqrt(expected) + LEAST_REACH)) + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        is_rare = rarer(t, middle, size, of, columns) <= limit * _ROUNDING
        low, high = np.where(is_rare, low, middle), np.where(is_rare, middle, high)
    found: Counts = np.where(high <= most, rarer(t, np.minimum(high, most), size, of, columns), 0.0)
    return found[places]


@lru_cache(4096)  # columns and windows ask the same again and again; a stream of them must not fill the memory
def chance_of_more(lacking: int, rows: int, current_lacking: int, current_rows: int) -> float:
    """Probability that the window would lack as many or more, if it were of the same kind as the baseline."""
    counts = (lacking + current_lacking, current_lacking, current_rows, rows + current_rows)
    return float(rarer(*np.array(counts, float)[:, None])[0])


@lru_cache(4096)
def fewest_beyond_chance(lacking: int, rows: int, current_rows: int, level: float) -> int | None:
    """The least number of rows of a window whose chance is `level` or less; None if not even all of them are.

    lacking, rows: of the baseline. Source: Fisher 1935; Thatcher 1964, "Relationships between Bayesian and confidence limits
    for predictions".
    """
    return fewest(current_rows, lambda found: chance_of_more(lacking, rows, found, current_rows) <= level)


def fewest(most: int, is_enough: Callable[[int], bool]) -> int | None:
    """The least number up to `most` that is enough, as all larger ones are; None if not even `most` is."""
    reach = 1
    while reach < most and not is_enough(reach):  # it is a small one mostly
        reach *= 2
    found = bisect_left(range(min(reach, most) + 1), True, lo=min(reach // 2, most), key=is_enough)
    return found if found <= most else None


LEAST_EFFECT = 0.02  # d: the smallest change of a share that is worth a word. Source: D4.1.
LEAST_RATIO = 2.0  # r: … or so many times as large, for a rare value. Source: D4.1.
OF_SCORES = {"location": 0.522, "spread": 0.42}  # of a mean score: 0.02 for 0.05 standard deviations, or 5 % of one
LEAST_EXPECTED = 5.0  # of a cell in the smaller sample, in the chi-square test. Source: D4.1.


@dataclass(frozen=True, slots=True)
class Component:
    """One test. p: its p-value, 1 if the effect is not reached. effect: how large the change is, as a share. tests: how many
    there are. rivals: how many of them rows by themselves leave, if fewer: p is the least one times that. chances: that p is
    made of. direction: if not the mean's."""

    name: str
    p: float
    effect: float
    tests: float = 1.0
    chances: tuple[float, float] | None = None
    direction: str | None = None
    rivals: float | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """How many values there are. n: of the baseline. m: of the window. error: of both sketches' shares together. of_window: of
    the window's."""

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
        """The standard error of the difference of two shares of a half, the largest there is."""
        return 0.5 / math.sqrt(self.effective)

    @property
    def smaller(self) -> int:
        return min(self.n, self.m)


def fewer_are_missing(lacking: Lacking) -> bool:
    """Whether so many fewer are missing than in the baseline that it is worth a word."""
    (b, n), (w, m) = lacking
    before, after, half = b / max(n, 1), w / max(m, 1), 0.5 / max(min(n, m), 1)
    return before > after and (before - after >= LEAST_EFFECT or (before + half) / (after + half) >= LEAST_RATIO)


def of_missing(baseline: tuple[int, int], current: tuple[int, int]) -> tuple[Component, ...]:
    """The test of more missing values; none where none is missing. Each side: how many are missing, of how many rows."""
    (b, n), (w, m) = baseline, current
    if not b + w:
        return ()
    before, after, half = b / n, w / m, 0.5 / min(n, m)
    gap, p = after - before, 1.0
    ratio = (after + half) / (before + half)
    error = math.sqrt((b + w) * (n + m - b - w) / n / m / (n + m))
    if w * n >= b * m and gap and (abs(gap) + error >= LEAST_EFFECT or ratio >= LEAST_RATIO):  # fewer are a hint
        p = chance_of_more(b, n, w, m)
    return (Component("missing", p, abs(gap)),)


def of_categories(sides: Sequence[Sequence[CategoryCounts]]) -> list[tuple[Component, ...]]:
    """The tests of columns of texts: of each the counts by category of baseline and window, neither of them empty."""
    counts = [category_cells(before, after) for before, after in sides]
    samples = [Samples(int(before.sum()), int(after.sum())) for before, after in counts]
    cells = _Cells(np.concatenate(counts, axis=1), np.array([len(before) for before, _ in counts]), samples)
    return [*zip(cells.chi_square(len(counts)), cells.rarest(), strict=True)]


def of_numbers(sides: Sequence[Sequence[NumericDistribution]]) -> list[tuple[Component, ...]]:
    """The tests of columns of numbers: of each the distributions of baseline and window, neither of them empty."""
    pooled = [_Pooled(before, after) for before, after in sides]
    samples, counts = [each.samples for each in pooled], np.concatenate([each.steps.cells for each in pooled], axis=1)
    many = np.array([len(each.steps.cells[0]) for each in pooled])
    of_ends, ends = tails(counts, many)
    cells = _Cells(np.concatenate((counts, of_ends), axis=1), np.concatenate((many, ends)), 2 * samples)
    means = [[each.mean_of(*scores) for scores in each.steps.scores.items()] for each in pooled]
    rarest = cells.rarest()
    of_cells = zip(pooled, means, cells.chi_square(len(sides)), rarest[: len(sides)], rarest[len(sides) :], strict=True)
    return [(each.kolmogorov(), *of_scores, each.range(), *others) for each, of_scores, *others in of_cells]


class _Cells:
    """Counts of some columns in both samples over the same cells, none of which is empty on both sides, column after column."""

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
        # less what may be the sketches' error
        self.gaps: Counts = np.sign(gaps) * np.maximum(np.abs(gaps) - self.error / 2, 0.0)

    def rarest(self) -> list[Component]:
        """Of each column the cell whose change is least likely among those that changed enough.

        Source: Tarone 1990, "A modified Bonferroni method for discrete data"; Westfall and Wolfinger 1997, "Multiple tests with
        discrete distributions".
        """
        n, m, gaps, sizes, signs = self.n, self.m, self.gaps, np.abs(self.gaps), np.sign(self.gaps)
        # for certain, in whole values: each side has the error of its own sketch
        known = signs * np.ceil(signs * self.baseline + (self.error - self.of_window) / 2 * n)
        counts = signs * np.floor(signs * self.current - self.of_window / 2 * m)
        totals, before, after, half = known + counts, known / n, counts / m, 0.5 / self.smaller
        ratios = (np.maximum(before, after) + half) / (np.minimum(before, after) + half)  # of no empty cells
        errors = np.sqrt(totals * (n + m - totals) / (n + m) ** 2 / self.effective)
        enough = ((sizes + errors >= LEAST_EFFECT) | (ratios >= LEAST_RATIO)) & (gaps != 0)
        scores = np.divide(sizes, errors, out=np.zeros(len(sizes)), where=enough)
        enough &= scores >= self._of_each(np.maximum, scores)[self.columns] / 2  # none of the others is the rarest
        looked_at = enough.nonzero()[0]
        columns = self.columns[looked_at]
        p = two_sided(totals[looked_at], counts[looked_at], n[looked_at], m[looked_at], columns)
        found = [Component("cell", 1.0, size) for size in self._of_each(np.maximum, sizes).tolist()]
        least = np.lexsort((p, columns))[np.diff(columns, prepend=-1).nonzero()[0]]
        limits = np.zeros(len(found))
        limits[columns[least]] = p[least]
        others = n + m - self.totals + 1
        possible = 2 * (np.maximum(self.smaller - self.totals + 1, 0) / others) ** self.totals <= limits[self.columns]
        tried, cells = (self._of_each(np.add, each).tolist() for each in (possible * 1.0, np.ones(len(totals))))
        of_least = (columns[least].tolist(), p[least].tolist(), sizes[looked_at[least]].tolist())
        for column, each, effect in zip(*of_least, strict=True):  # cells of few rows are no tests, two are one
            rivals = tests = 1.0 if cells[column] <= 2 else max(1.0, tried[column])
            if tests > 1 and _CERTAIN < each * tests < _RARE:
                own = (possible & (self.columns == column)).nonzero()[0]
                sides = (attained(self.totals[own], side[own], (n + m)[own], each / 2) for side in (m, n))
                rivals = max(sum(float(tails.sum()) for tails in sides) / each, 0.5)  # of one side at least
            found[column] = Component("cell", min(1.0, each * rivals), effect, tests, rivals=rivals)
        return found

    def chi_square(self, first: int) -> list[Component]:
        """The test of equal shares of all cells of each of the first columns, none of which is without, small ones joined, with a
        guard for those that are still rare.
        """
        of_column = self.starts[:first]
        least = (LEAST_EXPECTED * (self.n + self.m) / self.smaller)[of_column]
        own = starmap(slice, pairwise([*self.starts.tolist(), len(self.totals)][: first + 1]))
        groups = [*map(joined, map(self.totals.__getitem__, own), least.tolist())]
        sizes = np.array([int(each.max()) + 1 for each in groups])
        starts, columns = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
        of_cells = np.concatenate([start + each for start, each in zip(starts, groups, strict=True)])
        totals, moved = (np.bincount(of_cells, each[: len(of_cells)]) for each in (self.totals, self.gaps))
        shares = totals / np.add.reduceat(totals, starts)[columns]
        smaller, of = self.smaller[of_column][columns], (self.n + self.m)[of_column][columns]
        values = np.stack((moved**2 / shares, np.abs(moved), 1 / np.sqrt(totals * smaller / of)))
        # behind a zero, to which numpy adds as it does where a column is by itself
        sums = np.add.reduceat(np.insert(values, starts, 0.0, axis=1), starts + np.arange(len(starts)), axis=1).tolist()
        return [_chi_square(*each) for each in zip(self.samples[:first], sizes.tolist(), *sums, strict=True)]

    def _of_each(self, ufunc: np.ufunc, values: Counts) -> Counts:
        """Of each column what the values make together; 0 without cells."""
        found = np.zeros(len(self.samples))
        found[self.filled] = ufunc.reduceat(values, self.starts)
        return found


def _chi_square(samples: Samples, groups: int, squares: float, moved: float, rare: float) -> Component:
    """squares, moved, rare: sums of groups of cells."""
    freedom = groups - 1
    if not freedom:
        return Component("chi2", 1.0, 0.0)
    by_noise = 0.4 * math.sqrt(freedom / samples.effective)  # sqrt(2 / π) / 2 for each cell, by noise alone
    effect = moved / 2 - by_noise
    if effect + samples.half_error < LEAST_EFFECT:
        return Component("chi2", 1.0, max(effect, 0.0))
    p = chi_square_above(samples.effective * squares, freedom)
    return Component("chi2", max(p, _guarded(-normal_quantile(max(p, 1e-300)), rare / groups)), effect)


class _Pooled:
    """Two numeric distributions on the values of both."""

    def __init__(self, baseline: NumericDistribution, current: NumericDistribution) -> None:
        before, after = baseline.step_cdf(), current.step_cdf()
        self.both = after.beside(before)
        self.steps = self.both.steps
        self.samples = Samples(before.total, after.total, baseline.error + current.error, current.error)
        self.ends = baseline.ends, current.ends

    def kolmogorov(self) -> Component:
        """The largest gap of the two cumulative distributions."""
        effect = max(0.0, self.both.gap - self.samples.error)
        if effect + self.samples.half_error < LEAST_EFFECT:
            return Component("ks", 1.0, effect)
        root = math.sqrt(self.samples.effective)
        return Component("ks", kolmogorov_above((root + 0.12 + 0.11 / root) * effect), effect)  # Stephens 1970

    def mean_of(self, name: str, scores: Counts) -> Component:
        """The difference of the mean scores, with the variance that it has in all permutations, and a guard for skewed ones.

        Errors of ranks are of either sign along the values: of a mean a quarter of the scores' range times the bound is a
        standard deviation.
        """
        n, m, weights = self.samples.n, self.samples.m, self.steps.weights
        difference, total = float(scores @ self.steps.shares), n + m
        effect = abs(difference) * OF_SCORES[name]
        deviations = scores - float(scores @ weights) / total
        squares = deviations * deviations
        variance = float(weights @ squares) / (total - 1)  # of a score in all permutations
        of_sketches = (self.samples.error * float(np.ptp(scores)) / 4) ** 2 if self.samples.error else 0.0
        deviation = math.sqrt(variance * (1 / n + 1 / m) + of_sketches)
        if effect + deviation * OF_SCORES[name] < LEAST_EFFECT:
            return Component(name, 1.0, effect)
        skewness = float(weights @ (squares * deviations)) / total / variance**1.5
        toward = math.copysign(1.0, difference) * (1.0 if m <= n else -1.0)
        skewness = max(0.0, toward * skewness / math.sqrt(self.samples.smaller))  # of the mean
        return Component(name, min(1.0, 2 * _skewed_above(abs(difference) / deviation, skewness)), effect)

    def range(self) -> Component:
        """Values of the window beyond all of the baseline's, on the side that has more."""
        (low, high), (lowest, highest) = self.ends
        m = self.samples.m
        if low <= lowest and highest <= high:
            return Component("range", 1.0, 0.0)
        found = (m - self.both.upto(high, "right"), highest > high), (self.both.upto(low, "left"), lowest < low)
        beyond = max(max(count - self.samples.of_window * m, 1.0) if any_ else 0.0 for count, any_ in found)
        return Component("range", min(1.0, 2 * self.samples.share**beyond), beyond / m)


def joined(totals: Counts, least: float) -> NDArray[np.int64]:
    """The number of each cell's group: cells from the smallest up, together until they have `least`."""
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


def _guarded(z: float, guard: float) -> float:
    """The normal tail above z, widened as a skewed distribution's is; guard: its skewness, 0 or more."""
    return normal_above(z / math.sqrt(1 + max(z, 0.0) * guard / 3))


def _skewed_above(z: float, skewness: float) -> float:
    """The tail of a gamma distribution above z standard deviations. Source: Wilson and Hilferty 1931."""
    if skewness < 1e-6:
        return normal_above(z)
    root, thirds = 2 / skewness, skewness**2 / 36
    return normal_above(3 * root * ((1 + z / root) ** (1 / 3) - 1 + thirds))
