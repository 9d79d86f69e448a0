"""Counts of two numeric features over the same cells: between deciles, or between all edges of both. Pure numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.drift.distributions import Counts, NumericDistribution, StepCdf
from spark_model_monitor.statistics.states import HistogramBin
from spark_model_monitor.value_class import value_class

DECILES = range(1, 10)

_LARGEST_DOUBLE = float(np.finfo(np.float64).max)


@value_class(eq=False)
class Histogram:
    """Counts of ranges of values, ascending. A range of zero width is a point, possibly an infinity."""

    lower: Doubles
    upper: Doubles
    counts: Counts

    @property
    def is_wide(self) -> Flags:
        """Which ranges have a half width above 0; halves, because the full width of the widest overflows a double."""
        is_wide: Flags = self.upper / 2 > self.lower / 2
        return is_wide

    @classmethod
    def of(cls, buckets: Sequence[HistogramBin]) -> Histogram:
        """The histogram of these buckets, such as those of statistics.json."""
        rows = [(bucket.lower_bound, bucket.upper_bound, bucket.count) for bucket in buckets]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 3).T)

    @classmethod
    def from_numbers(cls, numbers: NumericDistribution) -> Histogram:
        """The ten buckets of statistics.json, plus a point for each infinity that occurs."""
        sketch = numbers.sketch
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


def compute_decile_edges(cdf: StepCdf) -> Doubles:
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

    Points are their own cells, matched by value, also those at an infinity.
    Source: AlignHistograms of TFDV's anomalies/metrics.cc; D2, D3.3.
    """
    edges: list[Doubles] = []
    points: list[Doubles] = []
    for histogram in (baseline, current):
        edges += [histogram.lower[histogram.is_wide], histogram.upper[histogram.is_wide]]
        points.append(histogram.lower[~histogram.is_wide])
    cells = np.unique(np.concatenate(edges)), np.unique(np.concatenate(points))
    return _count_cells(baseline, *cells), _count_cells(current, *cells)


def _count_between(edges: Doubles, cdf: StepCdf) -> Counts:
    return np.diff(cdf.ranks_at(edges), prepend=0, append=cdf.total).astype(np.float64)


def _count_cells(histogram: Histogram, edges: Doubles, points: Doubles) -> Counts:
    """Counts between neighbouring edges, which include those of the histogram's wide ranges, and at points."""
    is_wide = histogram.is_wide
    lower = histogram.lower[is_wide, None] / 2
    upper = histogram.upper[is_wide, None] / 2
    covered = np.minimum(upper, edges[1:] / 2) - np.maximum(lower, edges[:-1] / 2)
    spread = (histogram.counts[is_wide, None] * (np.maximum(covered, 0) / (upper - lower))).sum(axis=0)
    positions = np.searchsorted(points, histogram.lower[~is_wide])
    return np.append(spread, np.bincount(positions, histogram.counts[~is_wide], minlength=len(points)))
