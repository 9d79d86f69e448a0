"""What a comparison sees of one feature, never rows: a numeric distribution as its sketch has it, or counts by category.

A distance takes one of three forms, and both sides in the same one: `StepCdf` (the sketch itself), or counts over the
same cells, which come from `category_cells`, `decile_cells` or `histogram_cells`. Pure numpy, driver only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.errors import MonitorError
from model_monitor.statistics.states import Bucket, KllSketch, Moments
from model_monitor.statistics.states.kll import last_of_equals

Values: TypeAlias = NDArray[np.float64]  # shape (values,), no NaN
Ranks: TypeAlias = NDArray[np.int64]  # shape (values,), how many values lie below or at a value
Counts: TypeAlias = NDArray[np.float64]  # shape (cells,), not negative, any total
Levels: TypeAlias = Sequence[Values] | Sequence[Sequence[float]]  # finite items; one of level h stands for 2^h values
CategoryCounts: TypeAlias = Mapping[str, int]  # by value; null is not a value

DECILES = range(1, 10)

_LARGEST_DOUBLE = float(np.finfo(np.float64).max)


class EmptyDistribution(MonitorError):
    """One side of a comparison has no values, so that there is no distance."""


CUTS = (0.001, 0.005, 0.01, 0.02, 0.05, *(tenth / 10 for tenth in range(1, 10)), 0.95, 0.98, 0.99, 0.995, 0.999)
"""The quantiles of both samples together at which numbers are cut into cells. Source: D4.1."""

_CUTS = np.array(CUTS)


@dataclass(frozen=True, eq=False)
class Pooled:
    """Two samples on the values of both. values: distinct, ascending. before, after: how many of each lie at or below them."""

    values: Values
    before: Ranks
    after: Ranks

    @cached_property
    def gap(self) -> float:
        """The largest gap between the two cumulative distributions, if neither is empty."""
        return float(np.abs(self.before / self.before[-1] - self.after / self.after[-1]).max())

    @cached_property
    def counts(self) -> tuple[Counts, Counts]:
        """How often each sample has each value."""
        return steps_of(self.before).astype(float), steps_of(self.after).astype(float)

    @cached_property
    def together(self) -> Ranks:
        return self.before + self.after

    def upto(self, value: float, side: Literal["left", "right"]) -> float:
        """How many of the second sample's values lie below this one, or also at it."""
        place = self.values.searchsorted(value, side=side)
        return float(self.after[place - 1]) if place else 0.0

    @cached_property
    def weights(self) -> Counts:
        """How often both have each value."""
        return self.counts[0] + self.counts[1]

    @cached_property
    def scores(self) -> dict[str, Values]:
        """Of the middle ranks in both together."""
        return scores_of((self.together - self.weights / 2) / self.together[-1])

    @cached_property
    def cells(self) -> tuple[Counts, Counts]:
        """Counts of each sample between the quantiles of both together; each quantile is a cell of its own."""
        counts = cut(np.stack((self.before, self.after)), places_of_cuts(self.together, self.together[-1]))
        before, after = counts[:, counts.any(axis=0)].astype(np.float64)
        return before, after


def scores_of(ranks: Values) -> dict[str, Values]:
    """Scores of location and spread. ranks: shares of the values that lie below each, from 0 to 1.

    Nearly the normal scores and their squares, of which they have 99.6 and 96.5 % of the power if values are normal, but bounded.
    Source: D4.1; van der Waerden 1952, "Order tests for the two-sample problem"; Klotz 1962, "Nonparametric tests for scale".
    """
    centred = 2 * ranks - 1
    squares = centred * centred
    outer = centred * squares * squares * squares  # ** 7 takes twenty times as long
    return {"location": centred + 0.9 * outer, "spread": squares + 2.64 * outer * outer}


@dataclass(frozen=True, slots=True, eq=False)
class StepCdf:
    """How many values lie at or below each value of a sketch.

    values: distinct, ascending; -inf and inf may be among them. cumulative: the last one is the number of all values.
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
        return int(self.cumulative[-1]) if len(self.cumulative) else 0

    @property
    def deviation(self) -> float:
        """Population standard deviation of the finite values: `exact_deviation`, or else the sketch's own."""
        if self.exact_deviation is not None:
            return self.exact_deviation
        finite = self.finite()
        weights = np.diff(finite.cumulative, prepend=0)  # how many values each item stands for
        with np.errstate(over="ignore"):  # the deviation of huge values is infinite, as in Moments
            mean = np.average(finite.values, weights=weights)
            return math.sqrt(np.average((finite.values - mean) ** 2, weights=weights))

    def shares_at(self, points: Values) -> Values:
        """Share of the values at or below each of `points`, that is F(x)."""
        shares: Values = self.ranks_at(points) / self.total
        return shares

    def beside(self, before: StepCdf) -> Pooled:
        """Both samples on the values of both. The first call merges them, for all tests and distances that look at the two."""
        for other, found in self._beside:
            if other is before:
                return found
        values = np.concatenate((before.values, self.values))
        order = values.argsort(kind="stable")  # which merges two that are in order
        values = values[order]
        last = last_of_equals(values)
        upto = (order < len(before.values)).cumsum()[last]
        ranks = before.ranks_upto()[upto], self.ranks_upto()[last + 1 - upto]
        self._beside.append((before, Pooled(values[last], *ranks)))
        return self._beside[-1][1]

    def ranks_upto(self) -> Ranks:
        """Number of values among none of the smallest distinct ones, the smallest one, the two smallest …"""
        return np.concatenate(([0], self.cumulative))

    def ranks_at(self, points: Values) -> Ranks:
        """Number of values at or below each of `points`."""
        ranks: Ranks = self.ranks_upto()[np.searchsorted(self.values, points, side="right")]
        return ranks

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The smallest values with at least these shares of all at or below them; of no values nothing can be asked."""
        places = np.searchsorted(self.cumulative, np.array(shares) * self.total, side="left")
        return [float(value) for value in self.values[np.minimum(places, len(self.values) - 1)]]

    def finite(self) -> StepCdf:
        """The same without the infinite values."""
        kept = np.isfinite(self.values)
        if kept.all():
            return self
        weights = np.diff(self.cumulative, prepend=0)
        return replace(self, values=self.values[kept], cumulative=np.cumsum(weights[kept]))


@dataclass(frozen=True, slots=True, eq=False)
class NumericDistribution:
    """A numeric feature: the items of its sketch, and what is known exactly beside them.

    levels: items of weight 1, 2, 4, …, as in KllSketch and in the sketch of statistics.json. negative_infinite,
    positive_infinite: values that sketches don't hold. minimum, maximum, deviation (population): of the finite values;
    None if not known, then the sketch's own are taken. known: the sketch itself, if it is at hand.
    """

    levels: Levels
    negative_infinite: int = 0
    positive_infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    known: KllSketch | None = None
    _cdf: list[StepCdf] = field(default_factory=list, init=False, repr=False)

    @property
    def total(self) -> int:
        """Number of values, infinite ones included."""
        finite = sum(len(level) << height for height, level in enumerate(self.levels))
        return finite + self.negative_infinite + self.positive_infinite

    @property
    def error(self) -> float:
        """By how much the sketch's shares may be wrong; see `KllSketch.error`."""
        return self._sketch().error

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value, which the sketch may have dropped; of no values there are none."""
        low, high = self.step_cdf().values[[0, -1]].tolist()
        return (
            low if self.minimum is None else min(low, self.minimum),
            high if self.maximum is None else max(high, self.maximum),
        )

    @classmethod
    def of(cls, sketch: KllSketch, moments: Moments) -> NumericDistribution:
        """The distribution that a scan's states hold. NaN counts as null: no part of it (D2)."""
        infinite = moments.negative_infinite, moments.positive_infinite
        if not moments.count:
            return cls(sketch.levels, *infinite, known=sketch)
        measured = moments.minimum, moments.maximum, moments.standard_deviation
        return cls(sketch.levels, *infinite, *measured, sketch)

    def step_cdf(self) -> StepCdf:
        """The sketch with the weights of equal items added up, infinities at its ends."""
        if self._cdf:
            return self._cdf[0]
        values, cumulative = self._sketch().step_cdf()
        if self.negative_infinite or self.positive_infinite:
            weights = np.diff(cumulative, prepend=0)
            counts = np.concatenate(([self.negative_infinite], weights, [self.positive_infinite]))
            present = counts > 0
            values, cumulative = np.concatenate(([-math.inf], values, [math.inf]))[present], np.cumsum(counts[present])
        self._cdf.append(StepCdf(values, cumulative, self.deviation))
        return self._cdf[0]

    def histogram(self) -> Histogram:
        """The ten buckets of statistics.json, and a point for each infinity that occurs."""
        sketch = self._sketch()
        buckets: list[Bucket] = []
        if sketch.count:
            low = sketch.quantile(0.0) if self.minimum is None else self.minimum
            high = sketch.quantile(1.0) if self.maximum is None else self.maximum
            buckets = sketch.buckets(low, high)
        if self.negative_infinite:
            buckets = [Bucket(-math.inf, -math.inf, self.negative_infinite), *buckets]
        if self.positive_infinite:
            buckets = [*buckets, Bucket(math.inf, math.inf, self.positive_infinite)]
        return Histogram.of(buckets)

    def _sketch(self) -> KllSketch:
        if self.known is not None:
            return self.known
        levels = tuple(np.asarray(level, dtype=np.float64) for level in self.levels)
        return KllSketch(levels=levels) if levels else KllSketch()


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of ranges of values, ascending. A range of no width is a point, which may be an infinity.

    nan: values that are NaN, for those who count them (`NumericDistribution` takes them for null).
    """

    lower: Values
    upper: Values
    counts: Counts
    nan: float = 0.0

    @classmethod
    def of(cls, buckets: Sequence[Bucket], *, nan: int = 0) -> Histogram:
        """The histogram of these buckets, for example those of statistics.json."""
        numbers = np.array([(b.lower_bound, b.upper_bound, b.count) for b in buckets], dtype=np.float64).reshape(-1, 3)
        lower, upper, counts = numbers.T
        return cls(lower, upper, counts, float(nan))


def require_values(baseline_total: float, current_total: float, kind: str = "values") -> None:
    """Raises EmptyDistribution if there are no values on a side. kind: which values were counted."""
    for total, side in ((baseline_total, "baseline"), (current_total, "current data")):
        if not total > 0:
            raise EmptyDistribution(f"the {side} has no {kind} to compare; a distance takes at least one on each side")


def steps_of(ranks: NDArray[Any]) -> NDArray[Any]:
    """What each of these ranks, along the last axis, is more than the one before it, the first more than 0."""
    found = ranks.copy()
    found[..., 1:] -= ranks[..., :-1]
    return found


def places_of_cuts(ranks: NDArray[Any], total: float) -> NDArray[np.int64]:
    """At which of the values the `CUTS` are first reached, each once. ranks: of both samples together."""
    places = ranks.searchsorted(_CUTS * total)
    return places[steps_of(places + 1) > 0]


def cut(upto: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Counts between the values at these places; each of these is a cell of its own. upto: up to each value, of each sample."""
    edges = np.empty((len(upto), 2 * len(places) + 1), upto.dtype)
    edges[:, 1:-1:2], edges[:, 0:-1:2] = upto[:, places], np.where(places, upto[:, places - 1], 0)
    edges[:, -1] = upto[:, -1]
    return steps_of(edges)


def tails(cells: NDArray[Any]) -> NDArray[Any]:
    """Counts up to and from each of the five cuts at either end. cells: of numbers, along the last axis."""
    return np.concatenate([side.cumsum(axis=-1)[..., 1:10:2] for side in (cells, cells[..., ::-1])], axis=-1)


def category_cells(baseline: CategoryCounts, current: CategoryCounts) -> tuple[Counts, Counts]:
    """Counts of each side over the categories of both, in the order of their names; 0 where a side has none."""
    names = sorted(baseline.keys() | current.keys())
    return _counts_of(names, baseline), _counts_of(names, current)


def decile_edges(cdf: StepCdf) -> Values:
    """The distinct values at which 1/10, 2/10, … 9/10 of the finite values are first reached.

    Source: D3.5.
    """
    finite = cdf.finite()
    # In integers: C(v) ≥ n·j/10 is 10·C(v) ≥ n·j.
    places = np.searchsorted(10 * finite.cumulative, [finite.total * decile for decile in DECILES], side="left")
    return finite.values[np.unique(places)] if finite.total else finite.values


def decile_cells(baseline: StepCdf, current: StepCdf) -> tuple[Counts, Counts]:
    """Counts of each side between the deciles of the baseline: up to the first, …, above the last.

    If there are infinities on a side, -inf has a cell of its own before all others and inf one after them.
    Source: D3.5 and section 2.
    """
    edges = decile_edges(baseline)
    ends = [cdf.values[[0, -1]] for cdf in (baseline, current) if cdf.total]
    if any(first == -math.inf for first, _ in ends):
        edges = np.concatenate(([-math.inf], edges))
    if any(last == math.inf for _, last in ends):
        edges = np.unique(np.concatenate((edges, [_LARGEST_DOUBLE])))
    return _counts_between(edges, baseline), _counts_between(edges, current)


def histogram_cells(baseline: Histogram, current: Histogram) -> tuple[Counts, Counts]:
    """Counts of each side over the edges of both, the values of a bucket spread evenly over its width.

    Points are cells of their own, matched by value. What a side has in ranges that reach to infinity, or as NaN, is a
    cell that the other side does not have: nobody knows where in such a range the values lie. Of infinities that were
    counted it is known, so they are points.
    Source: AlignHistograms of TFDV's anomalies/metrics.cc; D2, D3.3.
    """
    sides = (baseline, current)
    edges = np.unique(np.concatenate([edges[_wide(side)] for side in sides for edges in (side.lower, side.upper)]))
    points = np.unique(np.concatenate([side.lower[_point(side)] for side in sides]))
    unmatched = [(float(side.counts[_open(side)].sum()), side.nan) for side in sides]
    cells = [np.concatenate((_spread(side, edges), _at_points(side, points))) for side in sides]
    return np.concatenate((cells[0], unmatched[0], (0.0, 0.0))), np.concatenate((cells[1], (0.0, 0.0), unmatched[1]))


def _counts_of(names: Sequence[str], counts: CategoryCounts) -> Counts:
    return np.array([counts.get(name, 0) for name in names], dtype=np.float64)


def _counts_between(edges: Values, cdf: StepCdf) -> Counts:
    return np.diff(cdf.ranks_at(edges), prepend=0, append=cdf.total).astype(np.float64)


def _wide(histogram: Histogram) -> NDArray[np.bool_]:
    """Buckets whose half width is a number above 0; halves, because the width of the widest is no double."""
    finite = np.isfinite(histogram.lower) & np.isfinite(histogram.upper)
    wide: NDArray[np.bool_] = finite & (histogram.upper / 2 > histogram.lower / 2)
    return wide


def _open(histogram: Histogram) -> NDArray[np.bool_]:
    """Buckets that reach to infinity."""
    infinite: NDArray[np.bool_] = np.isinf(histogram.lower) | np.isinf(histogram.upper)
    reaching: NDArray[np.bool_] = infinite & (histogram.lower != histogram.upper)
    return reaching


def _point(histogram: Histogram) -> NDArray[np.bool_]:
    return ~_wide(histogram) & ~_open(histogram)


def _spread(histogram: Histogram, edges: Values) -> Counts:
    """Counts between neighbouring `edges`, which include all edges of the histogram's wide buckets."""
    wide = _wide(histogram)
    lower, upper = histogram.lower[wide, None] / 2, histogram.upper[wide, None] / 2
    covered = np.minimum(upper, edges[1:] / 2) - np.maximum(lower, edges[:-1] / 2)
    counts: Counts = (histogram.counts[wide, None] * (np.maximum(covered, 0) / (upper - lower))).sum(axis=0)
    return counts


def _at_points(histogram: Histogram, points: Values) -> Counts:
    point = _point(histogram)
    places = np.searchsorted(points, histogram.lower[point])
    return np.bincount(places, histogram.counts[point], minlength=len(points)).astype(np.float64)
