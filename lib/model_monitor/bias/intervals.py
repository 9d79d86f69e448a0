"""Intervals of metrics, from the counts alone: the cells of the table are drawn again, and no row is looked at. Pure.

Drawing rows with replacement is drawing the cells' counts from a multinomial distribution, so this is the bootstrap of the rows
at the price of the cells. The flip test is drawn from its three outcomes, given the neighbours.
Source: B5.2; Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from model_monitor.bias.counts import Counts, FacetCounts, FlipTest
from model_monitor.bias.metrics import POST_TRAINING, PRE_TRAINING, Metric, Undefined
from model_monitor.registry import Entry

LEVEL = 0.95
RESAMPLES = 1000
SEED = 20_261_120
"""The same counts give the same interval in every run."""

NUMBERS_AT_ONCE = 4_000_000  # 32 MB

LEAST_DEFINED = 0.95
"""Share of the resamples for which a metric has to be defined for its interval to be told."""

Interval = tuple[float, float]


def intervals_of(
    counts: FacetCounts, names: Sequence[str], *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Mapping[str, Interval | None]:
    """The percentile interval of each metric; its ends may be infinite. None where it is undefined in too many resamples."""
    found: dict[str, list[Counts]] = {name: [] for name in names}
    for resampled in _resamples(counts, resamples):
        for name in names:
            metric = (PRE_TRAINING if name in PRE_TRAINING else POST_TRAINING).get(name)
            found[name].append(_values(metric, resampled))
    return {name: _interval(np.concatenate(parts), level) for name, parts in found.items()}


def _resamples(counts: FacetCounts, resamples: int) -> Iterator[FacetCounts]:
    """The counts of resamples, many at once."""
    rng = np.random.default_rng(SEED)
    rows = int(counts.cells.sum())
    shares = counts.cells.ravel() / max(rows, 1)
    chunk = max(1, NUMBERS_AT_ONCE // len(shares))
    for start in range(0, resamples if rows else 0, chunk):
        size = min(chunk, resamples - start)
        cells = rng.multinomial(rows, shares, size=size).reshape(size, *counts.cells.shape).astype(np.float64)
        flips = _flips(counts.flips, rng, size) if counts.flips else None
        yield replace(counts, cells=cells, flips=flips)


def _flips(flips: FlipTest, rng: np.random.Generator, size: int) -> FlipTest:
    outcomes = np.array([float(flips.to_negative), float(flips.to_positive), 0.0])
    outcomes[2] = flips.tested - outcomes.sum()
    drawn = rng.multinomial(flips.tested, outcomes / max(flips.tested, 1), size=size).astype(np.float64)
    return replace(flips, to_negative=drawn[:, 0], to_positive=drawn[:, 1])


def _values(metric: Entry[Metric], counts: FacetCounts) -> Counts:
    """NaN where the metric is undefined."""
    size = len(counts.cells)
    defined = np.ones(size, dtype=bool)
    for holds in metric.facts["requires"].values():
        defined = defined & holds(counts)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.broadcast_to(metric(counts), size)
    except Undefined:
        values = np.full(size, np.nan)
    undefined: Counts = np.where(defined, values, np.nan)
    return undefined


def _interval(values: NDArray[np.float64], level: float) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < LEAST_DEFINED * len(values) or not len(values):
        return None
    tail = (1 - level) / 2
    # no value between two others: infinities can't be interpolated
    low = np.quantile(defined, tail, method="lower")
    high = np.quantile(defined, 1 - tail, method="higher")
    return float(low), float(high)
