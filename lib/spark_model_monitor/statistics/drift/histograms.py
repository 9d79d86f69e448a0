"""Counts of two numeric features over the same cells: between deciles, or between all edges of both. Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spark_model_monitor.statistics.drift.distributions import Counts, Flags, NumericDistribution, StepCdf, Values
from spark_model_monitor.statistics.states import HistogramBin
from spark_model_monitor.value_class import value_class

DECILES = range(1, 10)

_LARGEST_DOUBLE = float(np.finfo(np.float64).max)


@value_class(eq=False)
class Histogram:
    """Counts of ranges of values, ascending. A range of zero width is a point, possibly an infinity.

    nan: the number of NaNs, if they are counted (`NumericDistribution` treats them as null).
    """

    lower: Values
    upper: Values
    counts: Counts
    nan: float = 0.0

    @classmethod
    def of(cls, buckets: Sequence[HistogramBin], *, nan: int = 0) -> Histogram:
        """The histogram of these buckets, such as those of statistics.json."""
        rows = [(bucket.lower_bound, bucket.upper_bound, bucket.count) for bucket in buckets]
        lower, upper, counts = np.array(rows, dtype=np.float64).reshape(-1, 3).T
        return cls(lower, upper, counts, float(nan))

    @classmethod
    def from_numbers(cls, numbers: NumericDistribution) -> Histogram:
        """The ten buckets of statistics.json, plus a point for each infinity that occurs."""
        sketch = numbers.sketch()
        buckets: list[HistogramBin] = []
        if sketch.count:
            low = numbers.minimum
            if low is None:
                low = sketch.quantile(0.0)
            high = numbers.maximum
            if high is None:
                high = sketch.quantile(1.0)
            buckets = sketch.buckets(low, high)
        if numbers.negative_infinite:
            buckets = [HistogramBin(-math.inf, -math.inf, numbers.negative_infinite), *buckets]
        if numbers.positive_infinite:
            buckets = [*buckets, HistogramBin(math.inf, math.inf, numbers.positive_infinite)]
        return cls.of(buckets)


def compute_decile_edges(cdf: StepCdf) -> Values:
    """The distinct values at which 1/10, 2/10, … 9/10 of the finite values are first reached.

    Source: D3.5.
    """
    finite = cdf.drop_infinite()
    # In integers: C(v) ≥ n·j/10 is 10·C(v) ≥ n·j.
    positions = np.searchsorted(10 * finite.cumulative, [finite.total * decile for decile in DECILES], side="left")
    if finite.total:
        return finite.values[np.unique(positions)]
    return finite.values


def count_decile_cells(baseline: StepCdf, current: StepCdf) -> tuple[Counts, Counts]:
    """Counts of each side between the baseline's deciles: up to the first, …, above the last.

    If a side has infinities, -inf has its own cell before all others and inf its own after them.
    Source: D3.5 and section 2.
    """
    edges = compute_decile_edges(baseline)
    # Infinities are cells of their own
    ends = [cdf.values[[0, -1]] for cdf in (baseline, current) if cdf.total]
    if any(first == -math.inf for first, _ in ends):
        edges = np.concatenate(([-math.inf], edges))
    if any(last == math.inf for _, last in ends):
        edges = np.unique(np.concatenate((edges, [_LARGEST_DOUBLE])))
    return _count_between(edges, baseline), _count_between(edges, current)


def count_histogram_cells(baseline: Histogram, current: Histogram) -> tuple[Counts, Counts]:
    """Counts of each side between the edges of both; a bucket's values are spread evenly over its width.

    Points are their own cells, matched by value. Values in ranges that reach to infinity, and NaNs, are a cell that the
    other side lacks, because their position in the range is unknown. Infinities that were counted are points, because
    their position is known.
    Source: AlignHistograms of TFDV's anomalies/metrics.cc; D2, D3.3.
    """
    edges_by_histogram = []
    for histogram in (baseline, current):
        is_wide = _is_wide(histogram)
        edges_by_histogram += [histogram.lower[is_wide], histogram.upper[is_wide]]
    edges = np.unique(np.concatenate(edges_by_histogram))
    # Points are matched by value
    points = np.unique(np.concatenate([histogram.lower[_is_point(histogram)] for histogram in (baseline, current)]))
    # Where one side counts values without a position, the other has nothing
    nothing = np.zeros(2)
    return (
        np.concatenate((_count_cells(baseline, edges, points), _count_unplaced(baseline), nothing)),
        np.concatenate((_count_cells(current, edges, points), nothing, _count_unplaced(current))),
    )


def _count_cells(histogram: Histogram, edges: Values, points: Values) -> Counts:
    return np.concatenate((_count_spread(histogram, edges), _count_points(histogram, points)))


def _count_unplaced(histogram: Histogram) -> Counts:
    """The values of buckets that reach to infinity, and the NaNs."""
    return np.array([histogram.counts[_is_open(histogram)].sum(), histogram.nan])


def _count_between(edges: Values, cdf: StepCdf) -> Counts:
    return np.diff(cdf.ranks_at(edges), prepend=0, append=cdf.total).astype(np.float64)


def _is_wide(histogram: Histogram) -> Flags:
    """Buckets with a finite half width above 0; halves, because the full width of the widest overflows a double."""
    finite = np.isfinite(histogram.lower) & np.isfinite(histogram.upper)
    wide: Flags = finite & (histogram.upper / 2 > histogram.lower / 2)
    return wide


def _is_open(histogram: Histogram) -> Flags:
    """Buckets that reach to infinity."""
    infinite: Flags = np.isinf(histogram.lower) | np.isinf(histogram.upper)
    reaching: Flags = infinite & (histogram.lower != histogram.upper)
    return reaching


def _is_point(histogram: Histogram) -> Flags:
    return ~_is_wide(histogram) & ~_is_open(histogram)


def _count_spread(histogram: Histogram, edges: Values) -> Counts:
    """Counts between neighbouring `edges`, which include all edges of the histogram's wide buckets."""
    wide = _is_wide(histogram)
    lower = histogram.lower[wide, None] / 2
    upper = histogram.upper[wide, None] / 2
    covered = np.minimum(upper, edges[1:] / 2) - np.maximum(lower, edges[:-1] / 2)
    counts: Counts = (histogram.counts[wide, None] * (np.maximum(covered, 0) / (upper - lower))).sum(axis=0)
    return counts


def _count_points(histogram: Histogram, points: Values) -> Counts:
    point = _is_point(histogram)
    positions = np.searchsorted(points, histogram.lower[point])
    return np.bincount(positions, histogram.counts[point], minlength=len(points)).astype(np.float64)
