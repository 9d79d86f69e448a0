"""The tests of one column: has it changed between a baseline and a window, of which only summaries are known? Pure.

How rare a count is, if two samples are parts of one, is told by the tails of the hypergeometric distribution.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

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
    chi_square_above,
    kolmogorov_above,
    log_gamma,
    normal_above,
    normal_quantile,
    of_each,
)

LARGE = 1000.0
"""Above this standard deviation of a count its tail is a normal one; the difference is below 3 % at five deviations."""

REACH, LEAST_REACH = 10, 40
"""So many standard deviations beyond a count, and at least so many counts, hold its tail to all digits of a double."""


def rarer(totals: Counts, counts: Counts, size: float, of: float) -> Counts:
    """Probability that a sample has so many of a cell or more, for each cell; 1 for what it has no more of than its share.

    totals: of the cell in both samples together.
    counts: of the cell in the sample.
    size, of: rows of the sample, and of both; without any nothing is rare.
    """
    tails = np.ones(len(totals))
    if not of:
        return tails
    share = size / of
    more = counts > totals * share
    deviations = np.sqrt(totals * share * (1 - share) * (of - totals) / max(of - 1, 1))  # hypergeometric
    few = more if deviations.max(initial=0.0) <= LARGE else more & (deviations <= LARGE)
    if few is not more:  # half a count: continuity
        large = more & (deviations > LARGE)
        tails[large] = of_each(normal_above, (counts[large] - 0.5 - totals[large] * share) / deviations[large])
    if few.any():
        t, x = totals[few], counts[few]
        terms = min((np.minimum(t, size) - x).max(), REACH * deviations[few].max() + LEAST_REACH)
        k = x[:, None] + np.arange(int(terms))  # so many or more
        ratios = t[:, None] - k
        ratios *= size - k
        k += 1
        ratios /= k * (k + (of - size - t)[:, None])
        np.cumprod(np.maximum(ratios, 0.0, out=ratios), axis=1, out=ratios)
        beyond = 1 + ratios.sum(axis=1)  # each term beside the first one
        parts = log_gamma(np.array((x, t - x, size - x, of - t - size + x, t, of - t)) + 1)
        ways = math.lgamma(of + 1) - math.lgamma(size + 1) - math.lgamma(of - size + 1)
        tails[few] = np.exp(parts[4:].sum(axis=0) - parts[:4].sum(axis=0) - ways) * beyond  # of exactly x, and of more
    least: Counts = np.minimum(tails, 1.0)
    return least


def two_sided(totals: Counts, counts: Counts, n: float, m: float) -> Counts:
    """p-value of each cell: `counts` of its `totals` are among the m values of the window, the others among the baseline's n.

    Exact for exchangeable rows. Source: D4.1, "cell p"; Fisher 1935, "The logic of inductive inference".
    """
    in_window, in_baseline = rarer(totals, counts, m, n + m), rarer(totals, totals - counts, n, n + m)
    p: Counts = np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)
    return p


def chance_of_more(lacking: int, rows: int, current_lacking: int, current_rows: int) -> float:
    """Probability that the window would lack as many or more, if it were of the same kind as the baseline."""
    together, size = np.array([float(lacking + current_lacking)]), float(current_rows)
    return float(rarer(together, np.array([float(current_lacking)]), size, float(rows + current_rows))[0])


@lru_cache(4096)  # many columns ask the same; a stream of windows must not fill the memory
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
OF_SCORES = {
    "location": 0.522,
    "spread": 0.42,
}  # of a mean score: 0.02 for 0.05 normal standard deviations, or 5 % of one
LEAST_EXPECTED = 5.0  # of a cell in the smaller sample, in the chi-square test. Source: D4.1.


@dataclass(frozen=True, slots=True)
class Component:
    """One test. p: its p-value, 1 if the effect is not reached. effect: how large the change is, as a share. tests: how many
    there are, of which p is the least one times their number.
    """

    name: str
    p: float
    effect: float
    tests: float = 1.0


@dataclass(frozen=True, slots=True)
class Samples:
    """How many values there are. n: of the baseline. m: of the window. error: of both sketches' shares together."""

    n: int
    m: int
    error: float = 0.0

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


def of_categories(baseline: CategoryCounts, current: CategoryCounts) -> tuple[Component, ...]:
    """The tests of two sets of counts by category, neither of them empty."""
    b, w = category_cells(baseline, current)
    cells = _Cells(b, w, Samples(int(b.sum()), int(w.sum())))
    return cells.chi_square(), cells.rarest()


def of_numbers(baseline: NumericDistribution, current: NumericDistribution) -> tuple[Component, ...]:
    """The tests of two numeric distributions, neither of them empty."""
    pooled = _Pooled(baseline, current)
    cells = _Cells(*pooled.both.cells, pooled.samples)
    return (
        pooled.kolmogorov(),
        *(pooled.mean_of(name, scores) for name, scores in pooled.both.scores.items()),
        pooled.range(),
        cells.chi_square(),
        cells.rarest(),
        _Cells(tails(cells.baseline), tails(cells.current), pooled.samples).rarest(),
    )


@dataclass(frozen=True, eq=False)
class _Cells:
    """Counts of both samples over the same cells, none of which is empty on both sides."""

    baseline: Counts
    current: Counts
    samples: Samples

    @cached_property
    def totals(self) -> Counts:
        return self.baseline + self.current

    def tried(self, p: float) -> int:
        """How many cells could be as unlikely as that, or more: those of fewer rows are no tests. Two cells are one.

        Source: Tarone 1990, "A modified Bonferroni method for discrete data".
        """
        all_others = self.samples.n + self.samples.m - self.totals + 1
        least = 2 * (np.maximum(self.samples.smaller - self.totals + 1, 0) / all_others) ** self.totals
        return 1 if len(self.baseline) <= 2 else max(1, int((least <= p).sum()))

    @cached_property
    def gaps(self) -> Counts:
        """Difference of each cell's share, less what may be the sketches' error."""
        gaps: Counts = self.current / self.samples.m - self.baseline / self.samples.n
        if not self.samples.error:
            return gaps
        shrunk: Counts = np.sign(gaps) * np.maximum(np.abs(gaps) - self.samples.error / 2, 0.0)
        return shrunk

    def rarest(self) -> Component:
        """The cell whose change is least likely among those that changed enough."""
        n, m, totals = self.samples.n, self.samples.m, self.totals
        gaps, sizes = self.gaps, np.abs(self.gaps)
        counts = self.current
        if self.samples.error:  # what moved for certain, in whole values
            moved = totals * self.samples.share + gaps * self.samples.effective
            counts = np.where(gaps > 0, np.floor(moved), np.ceil(moved))
        before, after = (totals - counts) / n, counts / m
        half = 0.5 / self.samples.smaller  # half a row more on both sides: no cell is empty
        ratios = (np.maximum(before, after) + half) / (np.minimum(before, after) + half)
        errors = np.sqrt(totals * (n + m - totals) / (n + m) ** 2 / self.samples.effective)
        enough = (sizes + errors >= LEAST_EFFECT) | (ratios >= LEAST_RATIO)
        enough &= gaps != 0
        if not enough.any():
            return Component("cell", 1.0, float(sizes.max(initial=0.0)))
        scores = np.divide(sizes, errors, out=np.zeros(len(sizes)), where=enough)
        enough = scores >= scores.max() / 2  # none of the others is the rarest
        p = two_sided(totals[enough], counts[enough], n, m)
        least = int(p.argmin())
        tests = self.tried(float(p[least]))
        return Component("cell", min(1.0, float(p[least]) * tests), float(sizes[enough][least]), tests)

    def chi_square(self) -> Component:
        """The test of equal shares of all cells, small ones joined, with a guard for those that are still rare."""
        samples, gaps = self.samples, self.gaps
        groups = joined(self.totals, LEAST_EXPECTED * (samples.n + samples.m) / samples.smaller)
        totals = np.bincount(groups, self.totals)
        moved = np.bincount(groups, gaps)
        freedom = len(totals) - 1
        if not freedom:
            return Component("chi2", 1.0, 0.0)
        statistic = float(samples.effective * ((moved**2) / (totals / totals.sum())).sum())
        by_noise = 0.4 * math.sqrt(freedom / samples.effective)  # sqrt(2 / π) / 2 for each cell, by noise alone
        effect = float(np.abs(moved).sum()) / 2 - by_noise
        if effect + samples.half_error < LEAST_EFFECT:
            return Component("chi2", 1.0, max(effect, 0.0))
        p = chi_square_above(statistic, freedom)
        rare = float((1 / np.sqrt(totals * samples.smaller / (samples.n + samples.m))).mean())
        return Component("chi2", max(p, _guarded(-normal_quantile(max(p, 1e-300)), rare)), effect)


class _Pooled:
    """Two numeric distributions on the values of both."""

    def __init__(self, baseline: NumericDistribution, current: NumericDistribution) -> None:
        before, after = baseline.step_cdf(), current.step_cdf()
        self.both = both = after.beside(before)
        self.values, self.after = both.values, both.after
        self.samples = Samples(before.total, after.total, baseline.error + current.error)
        self.window_error = current.error
        self.weights, self.together = both.weights, both.together
        self.gaps = both.counts[1] / self.samples.m - both.counts[0] / self.samples.n
        self.ends = _ends(baseline, before.values), _ends(current, after.values)

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
        n, m, total = self.samples.n, self.samples.m, self.together[-1]
        difference = float(scores @ self.gaps)
        effect = abs(difference) * OF_SCORES[name]
        deviations = scores - float(scores @ self.weights) / total
        squares = deviations * deviations
        variance = float(self.weights @ squares) / (total - 1)  # of a score in all permutations
        of_sketches = (self.samples.error * float(np.ptp(scores)) / 4) ** 2
        deviation = math.sqrt(variance * (1 / n + 1 / m) + of_sketches)
        if effect + deviation * OF_SCORES[name] < LEAST_EFFECT:
            return Component(name, 1.0, effect)
        skewness = float(self.weights @ (squares * deviations)) / total / variance**1.5
        toward = math.copysign(1.0, difference) * (1.0 if m <= n else -1.0)
        guard = max(0.0, toward * skewness / math.sqrt(self.samples.smaller))
        return Component(name, min(1.0, 2 * _guarded(abs(difference) / deviation, guard)), effect)

    def range(self) -> Component:
        """Values of the window beyond all of the baseline's, on the side that has more."""
        (low, high), (lowest, highest) = self.ends
        m = self.samples.m
        if low <= lowest and highest <= high:
            return Component("range", 1.0, 0.0)
        found = (m - self._up_to(high, "right"), highest > high), (self._up_to(low, "left"), lowest < low)
        beyond = max(max(count - self.window_error * m, 1.0) if any_ else 0.0 for count, any_ in found)
        return Component("range", min(1.0, 2 * self.samples.share**beyond), beyond / m)

    def _up_to(self, value: float, side: Literal["left", "right"]) -> float:
        place = self.values.searchsorted(value, side=side)
        return float(self.after[place - 1]) if place else 0.0


def _ends(side: NumericDistribution, values: Counts) -> tuple[float, float]:
    """The smallest and the largest value, which the sketch may have dropped."""
    low, high = float(values[0]), float(values[-1])
    return (
        low if side.minimum is None else min(low, side.minimum),
        high if side.maximum is None else max(high, side.maximum),
    )


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
