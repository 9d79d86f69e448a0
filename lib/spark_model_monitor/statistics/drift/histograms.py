"""Counts of two numeric features over the same cells: between deciles, or between all edges of both. Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import Counts, NumericDistribution, StepCdf, Values
from spark_model_monitor.statistics.states import Bucket

DECILES = range(1, 10)

_LARGEST_DOUBLE = float(np.finfo(np.float64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Counts of ranges of values, ascending. A range of zero width is a point, possibly an infinity.

    nan: the number of NaNs, if they are counted (`NumericDistribution` treats them as null).
    """

    lower: Values
    upper: Values
    counts: Counts
    nan: float = 0.0

    @classmethod
    def of(cls, buckets: Sequence[Bucket], *, nan: int = 0) -> Histogram:
        """The histogram of these buckets, such as those of statistics.json."""
        numbers = np.array([(b.lower_bound, b.upper_bound, b.count) for b in buckets], dtype=np.float64).reshape(-1, 3)
        lower, upper, counts = numbers.T
        return cls(lower, upper, counts, float(nan))

    @classmethod
    def of_numbers(cls, numbers: NumericDistribution) -> Histogram:
        """The ten buckets of statistics.json, plus a point for each infinity that occurs."""
        sketch = numbers.sketch()
        buckets: list[Bucket] = []
        if sketch.count:
            if numbers.minimum is None:
                low = sketch.quantile(0.0)
            else:
                low = numbers.minimum
            if numbers.maximum is None:
                high = sketch.quantile(1.0)
            else:
                high = numbers.maximum
            buckets = sketch.buckets(low, high)
        if numbers.negative_infinite:
            buckets = [Bucket(-math.inf, -math.inf, numbers.negative_infinite), *buckets]
        if numbers.positive_infinite:
            buckets = [*buckets, Bucket(math.inf, math.inf, numbers.positive_infinite)]
        return cls.of(buckets)


def decile_edges(cdf: StepCdf) -> Values:
    """The distinct values at which 1/10, 2/10, … 9/10 of the finite values are first reached.

    Source: D3.5.
    """
    finite = cdf.finite()
    # In integers: C(v) ≥ n·j/10 is 10·C(v) ≥ n·j.
    places = np.searchsorted(10 * finite.cumulative, [finite.total * decile for decile in DECILES], side="left")
    if finite.total:
        return finite.values[np.unique(places)]
    return finite.values


def decile_cells(baseline: StepCdf, current: StepCdf) -> tuple[Counts, Counts]:
    """Counts of each side between the baseline's deciles: up to the first, …, above the last.

    If a side has infinities, -inf has its own cell before all others and inf its own after them.
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
    """Counts of each side between the edges of both; a bucket's values are spread evenly over its width.

    Points are their own cells, matched by value. Values in ranges that reach to infinity, and NaNs, are a cell that the
    other side lacks, because their position in the range is unknown. Infinities that were counted are points, because
    their position is known.
    Source: AlignHistograms of TFDV's anomalies/metrics.cc; D2, D3.3.
    """
    sides = (baseline, current)
    edges = np.unique(np.concatenate([edges[_wide(side)] for side in sides for edges in (side.lower, side.upper)]))
    points = np.unique(np.concatenate([side.lower[_point(side)] for side in sides]))
    unmatched = [(float(side.counts[_open(side)].sum()), side.nan) for side in sides]
    cells = [np.concatenate((_spread(side, edges), _shares_at_points(side, points))) for side in sides]
    return np.concatenate((cells[0], unmatched[0], (0.0, 0.0))), np.concatenate((cells[1], (0.0, 0.0), unmatched[1]))


def _counts_between(edges: Values, cdf: StepCdf) -> Counts:
    return np.diff(cdf.ranks_at(edges), prepend=0, append=cdf.total).astype(np.float64)


def _wide(histogram: Histogram) -> NDArray[np.bool_]:
    """Buckets with a finite half width above 0; halves, because the full width of the widest overflows a double."""
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
    lower = histogram.lower[wide, None] / 2
    upper = histogram.upper[wide, None] / 2
    covered = np.minimum(upper, edges[1:] / 2) - np.maximum(lower, edges[:-1] / 2)
    counts: Counts = (histogram.counts[wide, None] * (np.maximum(covered, 0) / (upper - lower))).sum(axis=0)
    return counts


def _shares_at_points(histogram: Histogram, points: Values) -> Counts:
    point = _point(histogram)
    places = np.searchsorted(points, histogram.lower[point])
    return np.bincount(places, histogram.counts[point], minlength=len(points)).astype(np.float64)
