"""Intervals of metrics, from the counts alone: the cells of the table are drawn again, and no row is looked at. Pure.

Drawing rows with replacement is drawing the cells' counts from a multinomial distribution, so this is the bootstrap of the rows
at the price of the cells. The flip test is drawn from its three outcomes, given the neighbours.
Source: B5.2; Efron and Tibshirani 1993, "An Introduction to the Bootstrap", percentile interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.bias.counts import Counts, FacetCounts, FlipTest
from model_monitor.monitors.bias.metrics import POST_TRAINING, PRE_TRAINING, Metric, Undefined
from model_monitor.registry import Entry

LEVEL = 0.95
RESAMPLES = 1000
SEED = 20_261_120
"""The same counts give the same interval in every run."""

NUMBERS_AT_ONCE = 4_000_000  # 32 MB

LEAST_DEFINED = 0.95
"""Share of the resamples for which a metric has to be defined for its interval to be told."""

PRIOR = 0.5
"""Rows added to each cell before chance is asked, as Jeffreys' prior of a share has them: no row in a cell of few is no proof."""

RATIOS = frozenset({"DI"})
"""Metrics that are neutral at 1. Their chance is told in logarithms: half as much is as far as twice as much."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """How far chance takes a metric, nineteen times in twenty. value: of the counts with `PRIOR`. below, above: of `RATIOS` in
    logarithms."""

    value: float
    below: float
    above: float


def spreads_of(counts: FacetCounts, names: Sequence[str]) -> Mapping[str, Spread | None]:
    """The spread of each metric, where cells of few rows, and neighbours that answer for many, are less certain than they look.
    None where it has no interval.

    Source: B5.3.
    """
    cautious = _cautious(counts)
    of_one = replace(cautious, cells=cautious.cells[None])
    found: dict[str, Spread | None] = dict.fromkeys(names)
    for name, interval in intervals_of(cautious, names).items():
        value = float(_values(_metric(name), of_one)[0])
        if interval is not None and np.isfinite(value):
            with np.errstate(divide="ignore"):
                low, middle, high = (
                    np.log(each) if name in RATIOS else each for each in (interval[0], value, interval[1])
                )
            found[name] = Spread(value, float(middle - low), float(high - middle))
    return found


def _cautious(counts: FacetCounts) -> FacetCounts:
    """`PRIOR` rows more in each cell of side, label and prediction, over its subgroups as all rows are; and no more rows in the
    flip test than there are neighbours."""
    of_subgroups = counts.cells.sum(axis=(0, 1, 2))
    cells = counts.cells + PRIOR * of_subgroups / max(of_subgroups.sum(), 1)
    flips = counts.flips
    if flips is not None:
        share = min(flips.tested, flips.neighbours) / max(flips.tested, 1)
        flips = replace(
            flips,
            to_negative=flips.to_negative * share + PRIOR,
            to_positive=flips.to_positive * share + PRIOR,
            tested=round(flips.tested * share) + 1,
        )
    return replace(counts, cells=cells, flips=flips)


def intervals_of(
    counts: FacetCounts, names: Sequence[str], *, level: float = LEVEL, resamples: int = RESAMPLES
) -> Mapping[str, Interval | None]:
    """The percentile interval of each metric; its ends may be infinite. None where it is undefined in too many resamples."""
    found: dict[str, list[Counts]] = {name: [] for name in names}
    for resampled in _resamples(counts, resamples):
        for name in names:
            found[name].append(_values(_metric(name), resampled))
    return {name: _interval(np.concatenate(parts), level) for name, parts in found.items()}


def _metric(name: str) -> Entry[Metric]:
    return (PRE_TRAINING if name in PRE_TRAINING else POST_TRAINING).get(name)


def _resamples(counts: FacetCounts, resamples: int) -> Iterator[FacetCounts]:
    """The counts of resamples, many at once."""
    rng = np.random.default_rng(SEED)
    rows = round(float(counts.cells.sum()))
    shares = counts.cells.ravel() / max(counts.cells.sum(), 1)
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
