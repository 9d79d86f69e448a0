"""The input of a comparison of one feature, never rows: a numeric distribution from a sketch, or counts by category.

A distance takes both sides in one of three forms: `StepCdf` (the sketch itself), or counts over the same cells, from
`category_cells` or `histograms`. Pure numpy, driver only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.statistics.states import KllSketch, Moments

Values: TypeAlias = NDArray[np.float64]  # shape (values,), no NaN
Ranks: TypeAlias = NDArray[np.int64]  # shape (values,), the number of values at or below each value
Counts: TypeAlias = NDArray[np.float64]  # shape (cells,), not negative, any total
Levels: TypeAlias = Sequence[Values] | Sequence[Sequence[float]]  # finite items; one in level h stands for 2^h values
CategoryCounts: TypeAlias = Mapping[str, int]  # by value; null is not a value


class EmptyDistribution(MonitorError):
    """One side of a comparison has no values, so there is no distance."""


CUTS = (0.001, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.98, 0.99, 0.995, 0.999)
"""The quantiles of the pooled sample that divide numbers into cells. Source: D4.1."""

_CUTS = np.array(CUTS)

VALUES_TOGETHER = 2**14  # of columns that are processed together


class Steps(NamedTuple):
    """The input of tests for two samples, over the values of both. counts: each sample's count of each value; weights:
    their sum. shares: each value's share of the second sample minus that of the first. scores: of the pooled midranks.
    cells: each sample's counts between the pooled quantiles; each quantile is its own cell.
    """

    counts: Counts
    weights: Counts
    shares: Values
    scores: Mapping[str, Values]
    cells: Counts


@dataclass(frozen=True, eq=False)
class Pooled:
    """Two samples over the values of both, neither empty. values: distinct, ascending. before, after: each sample's
    cumulative counts. gap: the largest gap between the two cumulative distributions.
    """

    values: Values
    before: Ranks
    after: Ranks
    gap: float

    @cached_property
    def steps(self) -> Steps:
        return compute_test_inputs([self])[0]

    @property
    def total(self) -> int:
        return int(self.before[-1] + self.after[-1])

    def count_below(self, value: float, side: Literal["left", "right"]) -> float:
        """The number of the second sample's values below this one (left), or at or below it (right)."""
        index = self.values.searchsorted(value, side=side)
        if index:
            return float(self.after[index - 1])
        return 0.0


def pool_samples(sides: Sequence[tuple[StepCdf, StepCdf]]) -> list[Pooled]:
    """`after.beside(before)` for each pair of before and after; cheaper for all values at once.

    Arrays of values run over all pairs, one after the other.
    """
    num_pairs = len(sides)
    both = [np.concatenate((before.values, after.values)) for before, after in sides]
    orders = [values.argsort(kind="stable") for values in both]  # merges two sorted arrays
    sizes = np.array([*map(len, both)])
    before_sizes = np.array([len(before.values) for before, _ in sides])
    firsts = sizes.cumsum() - sizes
    order = np.concatenate(orders)
    values = np.concatenate(both).take(order + np.repeat(firsts, sizes))

    # The last one of equal values of a pair
    is_last = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=is_last[:-1])
    is_last[firsts[1:] - 1] = True
    last = is_last.nonzero()[0]
    num_values = np.add.reduceat(is_last, firsts, dtype=np.int64)
    pair_of_value = np.repeat(np.arange(num_pairs), num_values)

    # How many values of either sample lie at or below each, in all pairs up to there; cumulative counts have a leading 0
    before_values = (order < np.repeat(before_sizes, sizes)).cumsum()[last]
    before_ranks = np.concatenate([before.ranks_upto() for before, _ in sides])
    after_ranks = np.concatenate([after.ranks_upto() for _, after in sides])
    before_counts = before_ranks.take(before_values + pair_of_value)
    after_counts = after_ranks.take(last + 1 - before_values + pair_of_value)

    values = values[last]
    ends = num_values.cumsum() - 1
    before_total = np.repeat(before_counts[ends], num_values)
    after_total = np.repeat(after_counts[ends], num_values)
    differences = np.abs(before_counts / before_total - after_counts / after_total)
    gaps = np.maximum.reduceat(differences, ends + 1 - num_values).tolist()
    pooled = []
    for pair, gap in zip(split_into_slices(num_values), gaps, strict=True):
        pooled.append(Pooled(values[pair], before_counts[pair], after_counts[pair], gap))
    for (before, after), samples in zip(sides, pooled, strict=True):
        after._beside.append((before, samples))
    return pooled


def cache_pooled_samples(sides: Sequence[tuple[StepCdf, StepCdf]]) -> None:
    """Compute and cache the pooled samples of all pairs and the input of their tests, before any is requested."""
    largest = max((len(before.values) + len(after.values) for before, after in sides), default=1)
    pairs_together = max(1, VALUES_TOGETHER // largest)
    for first in range(0, len(sides), pairs_together):
        pooled = pool_samples(sides[first : first + pairs_together])
        for samples, steps in zip(pooled, compute_test_inputs(pooled), strict=True):
            samples.__dict__["steps"] = steps


def compute_test_inputs(several: Sequence[Pooled]) -> list[Steps]:
    """The input of tests for each pooled sample, none with an empty side; cheaper for all at once."""
    sizes = np.array([len(pooled.values) for pooled in several])
    firsts = sizes.cumsum() - sizes
    before = np.concatenate([pooled.before for pooled in several])
    after = np.concatenate([pooled.after for pooled in several])
    cumulative = np.array([before, after])
    counts = np.diff(cumulative, prepend=0).astype(float)
    counts[:, firsts] = cumulative[:, firsts]
    weights = counts[0] + counts[1]
    totals = cumulative[:, sizes.cumsum() - 1]  # of either side of each pooled sample
    total = totals[0] + totals[1]
    ranks = cumulative[0] + cumulative[1]
    after_shares = counts[1] / np.repeat(totals[1], sizes)
    shares = after_shares - counts[0] / np.repeat(totals[0], sizes)
    scores = compute_rank_scores((ranks - weights / 2) / np.repeat(total, sizes))

    # A cell for each quantile, and one between each two
    earlier_rows = total.cumsum() - total
    cut_ranks = np.ceil(_CUTS * total[:, None]).astype(np.int64) + earlier_rows[:, None]
    cut_values = (ranks + np.repeat(earlier_rows, sizes)).searchsorted(cut_ranks.ravel())
    begins = np.zeros(len(weights) + 1, bool)
    begins[firsts] = True
    begins[cut_values] = True
    begins[cut_values + 1] = True
    cell_of_value = begins[:-1].cumsum() - 1
    num_cells = np.add.reduceat(begins[:-1], firsts, dtype=np.int64)
    cells = np.array([np.bincount(cell_of_value, side_counts) for side_counts in counts])

    inputs = []
    for values, own_cells in zip(split_into_slices(sizes), split_into_slices(num_cells), strict=True):
        own_scores = {name: value_scores[values] for name, value_scores in scores.items()}
        inputs.append(Steps(counts[:, values], weights[values], shares[values], own_scores, cells[:, own_cells]))
    return inputs


def compute_rank_scores(ranks: Values) -> dict[str, Values]:
    """Scores of location and spread. ranks: the share of values below each, from 0 to 1.

    Bounded approximations of normal scores and their squares, with 99.6 and 96.5 % of their power for normal values.
    Source: D4.1; van der Waerden 1952, "Order tests for the two-sample problem"; Klotz 1962, "Nonparametric tests for scale".
    """
    centred = 2 * ranks - 1
    squares = centred * centred
    outer = centred * squares * squares * squares  # ** 7 takes twenty times as long
    return {"location": centred + 0.9 * outer, "spread": squares + 2.64 * outer * outer}


@dataclass(frozen=True, slots=True, eq=False)
class StepCdf:
    """The number of values at or below each value of a sketch.

    values: distinct, ascending; may include -inf and inf. cumulative: the counts; the last is the number of all values.
    exact_deviation: population standard deviation of the data, if known; see `deviation`.

    Source: D1a.
    """

    values: Values
    cumulative: Ranks
    exact_deviation: float | None = None
    _beside: list[tuple[StepCdf, Pooled]] = field(default_factory=list, init=False, repr=False)

    @property
    def total(self) -> int:
        """Number of values, infinite ones included."""
        if len(self.cumulative):
            return int(self.cumulative[-1])
        return 0

    @property
    def deviation(self) -> float:
        """Population standard deviation of the finite values: `exact_deviation` if known, else the sketch's."""
        if self.exact_deviation is not None:
            return self.exact_deviation
        finite = self.finite()
        weights = np.diff(finite.cumulative, prepend=0)  # the number of values that each item stands for
        with np.errstate(over="ignore"):  # the deviation of huge values is infinite, as in Moments
            mean = np.average(finite.values, weights=weights)
            return math.sqrt(np.average((finite.values - mean) ** 2, weights=weights))

    def shares_at(self, points: Values) -> Values:
        """Share of the values at or below each of `points`, that is F(x)."""
        shares: Values = self.ranks_at(points) / self.total
        return shares

    def beside(self, before: StepCdf) -> Pooled:
        """Both samples, pooled. The first call merges them, for all tests and distances of the two."""
        for other, pooled in self._beside:
            if other is before:
                return pooled
        return pool_samples([(before, self)])[0]

    def ranks_upto(self) -> Ranks:
        """Cumulative counts for none of the smallest distinct values, the smallest, the two smallest, …"""
        return np.concatenate(([0], self.cumulative))

    def ranks_at(self, points: Values) -> Ranks:
        """Number of values at or below each of `points`."""
        ranks: Ranks = self.ranks_upto()[np.searchsorted(self.values, points, side="right")]
        return ranks

    def counts_at(self, points: Values) -> Counts:
        """Number of values equal to each of `points`."""
        ranks = self.ranks_upto()
        last = ranks[np.searchsorted(self.values, points, side="right")]
        counts: Counts = (last - ranks[np.searchsorted(self.values, points, side="left")]).astype(float)
        return counts

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The smallest values with at least these shares of all at or below them. There must be values."""
        places = np.searchsorted(self.cumulative, np.array(shares) * self.total, side="left")
        return [float(value) for value in self.values[np.minimum(places, len(self.values) - 1)]]

    def finite(self) -> StepCdf:
        """The distribution without infinite values."""
        kept = np.isfinite(self.values)
        if kept.all():
            return self
        weights = np.diff(self.cumulative, prepend=0)
        return replace(self, values=self.values[kept], cumulative=np.cumsum(weights[kept]))


@dataclass(frozen=True, eq=False)
class NumericDistribution:
    """A numeric feature: the items of its sketch, and exact numbers.

    levels: items of weight 1, 2, 4, …, as in KllSketch and in the sketch of statistics.json. negative_infinite,
    positive_infinite: counts, as sketches don't hold them. minimum, maximum, deviation (population): of the finite
    values; None if unknown, the sketch's are then used. known: the sketch itself, if available.
    """

    levels: Levels
    negative_infinite: int = 0
    positive_infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    known: KllSketch | None = None

    @property
    def total(self) -> int:
        """Number of values, infinite ones included."""
        finite = sum(len(level) << height for height, level in enumerate(self.levels))
        return finite + self.negative_infinite + self.positive_infinite

    @property
    def error(self) -> float:
        """The error bound of the sketch's shares; see `KllSketch.error`."""
        return self.sketch().error

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value, which the sketch may have dropped. There must be values."""
        low, high = self.step_cdf().values[[0, -1]].tolist()
        return (
            low if self.minimum is None else min(low, self.minimum),
            high if self.maximum is None else max(high, self.maximum),
        )

    @classmethod
    def of(cls, sketch: KllSketch, moments: Moments) -> NumericDistribution:
        """The distribution in a scan's states. NaN counts as null and is left out (D2)."""
        infinite = moments.negative_infinite, moments.positive_infinite
        if not moments.count:
            return cls(sketch.levels, *infinite, known=sketch)
        measured = moments.minimum, moments.maximum, moments.standard_deviation
        return cls(sketch.levels, *infinite, *measured, sketch)

    def step_cdf(self) -> StepCdf:
        """The sketch with the weights of equal items added up, and infinities at its ends."""
        return self._step_cdf

    @cached_property
    def _step_cdf(self) -> StepCdf:
        values, cumulative = self.sketch().step_cdf()
        if self.negative_infinite or self.positive_infinite:
            weights = np.diff(cumulative, prepend=0)
            counts = np.concatenate(([self.negative_infinite], weights, [self.positive_infinite]))
            present = counts > 0
            values = np.concatenate(([-math.inf], values, [math.inf]))[present]
            cumulative = np.cumsum(counts[present])
        return StepCdf(values, cumulative, self.deviation)

    def sketch(self) -> KllSketch:
        if self.known is not None:
            return self.known
        levels = tuple(np.asarray(level, dtype=np.float64) for level in self.levels)
        if levels:
            return KllSketch(levels=levels)
        return KllSketch()


def require_values(baseline_total: float, current_total: float, kind: str = "values") -> None:
    """Raise EmptyDistribution if a side has no values. kind: the values that were counted."""
    for total, side in ((baseline_total, "baseline"), (current_total, "current data")):
        if not total > 0:
            raise EmptyDistribution(f"the {side} has no {kind} to compare; a distance takes at least one on each side")


def split_into_slices(sizes: NDArray[np.int64]) -> list[slice]:
    """The slices of consecutive runs of these sizes."""
    ends = sizes.cumsum()
    return [*map(slice, (ends - sizes).tolist(), ends.tolist())]


_ENDS = np.arange(2, 11, 2)


def count_tails(cells: NDArray[Any], num_cells: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Counts below and above each of five cuts at either end of each column's cells, and the number of such counts.
    cells: of numeric columns, along the last axis. num_cells: of each column.
    """
    cumulative = np.zeros((len(cells), cells.shape[1] + 1))
    np.cumsum(cells, axis=1, out=cumulative[:, 1:])
    ends = num_cells.cumsum()
    first = np.repeat((ends - num_cells)[:, None], len(_ENDS), axis=1)
    end = np.repeat(ends[:, None], len(_ENDS), axis=1)
    starts = np.hstack((first, np.maximum(end - _ENDS, 0)))
    stops = np.hstack((np.minimum(first + _ENDS, cumulative.shape[1] - 1), end))
    is_there = np.tile(_ENDS, 2) <= num_cells[:, None]
    return cumulative[:, stops[is_there]] - cumulative[:, starts[is_there]], is_there.sum(axis=1)


def category_cells(baseline: CategoryCounts, current: CategoryCounts) -> tuple[Counts, Counts]:
    """The counts of each side over the categories of both, ordered by name; 0 if a side lacks a category."""
    names = sorted(baseline.keys() | current.keys())
    return _count_categories(names, baseline), _count_categories(names, current)


def _count_categories(names: Sequence[str], counts: CategoryCounts) -> Counts:
    return np.array([counts.get(name, 0) for name in names], dtype=np.float64)
