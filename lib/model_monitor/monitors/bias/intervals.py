"""How far chance takes bias metrics: intervals from the counts alone, and how many rows count as one where they belong together.

Pure numpy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.bias.metrics import (
    POST_TRAINING,
    PRE_TRAINING,
    SAME_AS,
    Counts,
    FacetCounts,
    FlipTest,
    Metric,
    Undefined,
)
from model_monitor.registry import Entry
from model_monitor.statistics.verdicts.groups import likeness_in_blocks
from model_monitor.statistics.verdicts.likeness import ROOM, rows_as_one

LEVEL = 0.95
RESAMPLES = 1000
SEED = 20_261_120  # the same counts give the same interval in every run
NUMBERS_AT_ONCE = 4_000_000  # 32 MB

STEP = 1.2  # from one number of rows that count as one to the next: a quarter of what 64 blocks know of it
LEAST = 1e-300  # an error of none
LEAST_DEFINED = 0.95  # share of the resamples for which a metric has to be defined for its interval to be told

PRIOR = 0.5
"""Rows added to each cell before chance is asked, as Jeffreys' prior of a share has them: no row in a cell of few is no proof."""

RATIOS = frozenset({"DI"})
"""Metrics that are neutral at 1. Their chance is told in logarithms: half as much is as far as twice as much."""

ROOTS = frozenset({"JS", "KL"})
"""Metrics that grow with the square of a difference, and are above 0 by chance alone. Their chance is told in roots."""

Interval = tuple[float, float]


def on_even_scale(name: str, value: float) -> float:
    """The value on the scale on which chance takes it as far up as down."""
    if name in ROOTS:
        return math.sqrt(max(value, 0.0))
    return float(np.log(value)) if name in RATIOS else value


def from_even_scale(name: str, value: float) -> float:
    """The value that lies there on the even scale."""
    with np.errstate(over="ignore"):
        return max(value, 0.0) ** 2 if name in ROOTS else float(np.exp(value)) if name in RATIOS else value


@dataclass(frozen=True, slots=True)
class Spread:
    """How far chance takes a metric, nineteen times in twenty. value: of the counts with `PRIOR`. below, above: of `RATIOS` in
    logarithms, of `ROOTS` in roots."""

    value: float
    below: float
    above: float


def spreads_of(counts: FacetCounts, likeness: Mapping[str, float]) -> Mapping[str, Spread | None]:
    """The spread of each metric, where cells of few rows, and neighbours that answer for many, are less certain than they look.
    None where it has no interval. likeness: by metric how many rows count as one.

    Source: B5.3.
    """
    found: dict[str, Spread | None] = dict.fromkeys(likeness)
    for fewer, of_these in _as_they_count(counts, likeness):
        cautious = _cautious(fewer)
        of_one = replace(cautious, cells=cautious.cells[None])
        for name, interval in intervals_of(cautious, dict.fromkeys(of_these, 1.0)).items():
            value = float(_values(_metric(name), of_one)[0])
            if interval is not None and np.isfinite(value):
                with np.errstate(divide="ignore"):
                    low, middle, high = (on_even_scale(name, each) for each in (interval[0], value, interval[1]))
                found[name] = Spread(value, middle - low, high - middle)
    return found


def likeness_of(
    counts: FacetCounts, names: Sequence[str], of_neighbours: Mapping[str, float] | None = None
) -> dict[str, float]:
    """By metric how many rows count as one: as neighbours tell where no column says which belong together.

    What one more row of a kind does to the metric is added up over the rows of each block of groups. The flip test, whose
    outcomes no block has, takes the most of all others.
    Source: B5.4.
    """
    if counts.blocks is None:
        return {name: (of_neighbours or {}).get(name, 1.0) for name in names}
    blocks = counts.blocks.reshape(len(counts.blocks), -1)
    told, scores = _scores_of(counts, counts.blocks.sum(axis=0), names)
    rows, alone = blocks.sum(axis=0), blocks[-1]
    found = likeness_in_blocks(
        scores @ blocks[:-1].T, scores**2 @ rows, blocks[:-1].sum(axis=1), scores**2 @ alone, alone.sum()
    )
    return _of_each(told, found, names)


def likeness_of_runs(counts: FacetCounts, kinds: NDArray[np.int64], sizes: NDArray[np.int64]) -> dict[str, float]:
    """The same of every metric, as neighbours tell. kinds: of some rows, run after run: their places in the cells of all rows,
    those without a subgroup apart. sizes: of the runs.

    Source: B5.4.
    """
    names = [*PRE_TRAINING, *POST_TRAINING]
    by_kind = np.stack([counts.cells[..., :-1].sum(axis=-1), counts.cells[..., -1]], axis=-1)
    told, scores = _scores_of(counts, by_kind, names)
    found, _ = rows_as_one(scores[:, kinds], sizes, answers=range(len(told))) if told else (np.zeros(0), None)
    return _of_each(told, np.maximum(ROOM * found, 1.0), names)


def _scores_of(counts: FacetCounts, by_kind: Counts, names: Sequence[str]) -> tuple[list[str], Counts]:
    """The metrics that one more row of some kind changes, and by how much each kind does, less the mean of all rows."""
    rows, kinds = by_kind.ravel(), by_kind.size
    one_more = rows + PRIOR / 2 + np.concatenate([np.zeros((1, kinds)), np.eye(kinds)])
    varied = replace(counts, cells=one_more.reshape(-1, *by_kind.shape))
    asked = sorted({SAME_AS.get(name, name) for name in names})
    values = np.array([_values(_metric(name), varied) for name in asked])
    told = np.isfinite(values).all(axis=1) & (np.ptp(values, axis=1) > 0)
    scores = values[told, 1:] - values[told, :1]
    scores -= (scores @ rows)[:, None] / max(rows.sum(), 1)
    return [*itertools.compress(asked, told)], scores


def _of_each(told: Sequence[str], found: Counts, names: Sequence[str]) -> dict[str, float]:
    found = STEP ** np.rint(np.log(found) / math.log(STEP))  # so that metrics share their resamples
    known = dict(zip(told, found.tolist(), strict=True))
    most = max(known.values(), default=1.0)
    return {name: known.get(SAME_AS.get(name, name), most) for name in names}


def fewest_groups(counts: FacetCounts) -> float:
    """The blocks that have rows of the smaller side, each row of no group for itself; infinite where nobody says."""
    if counts.blocks is None:
        return math.inf
    of_sides = counts.blocks.sum(axis=(2, 3, 4))
    return float((np.count_nonzero(of_sides[:-1], axis=0) + of_sides[-1]).min())


def _as_they_count(counts: FacetCounts, likeness: Mapping[str, float]) -> Iterator[tuple[FacetCounts, list[str]]]:
    """The counts of as many rows as say as much by themselves, each time with the metrics that these are of."""
    for rows in sorted(set(likeness.values())):
        yield _divided(counts, rows) if rows > 1 else counts, [name for name in likeness if likeness[name] == rows]


def _divided(counts: FacetCounts, rows: float) -> FacetCounts:
    rows = min(rows, float(counts.cells.sum()))  # one is left
    flips = counts.flips
    if flips is not None:
        tested, neighbours = (max(round(of / rows), 1) for of in (flips.tested, flips.neighbours))
        to_negative, to_positive = (of * tested / flips.tested for of in (flips.to_negative, flips.to_positive))
        flips = FlipTest(to_negative, to_positive, tested, neighbours, flips.of)
    return replace(counts, cells=counts.cells / rows, flips=flips)


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
    counts: FacetCounts, likeness: Mapping[str, float], *, resamples: int = RESAMPLES
) -> Mapping[str, Interval | None]:
    """The percentile interval of each metric; its ends may be infinite. None where it is undefined in too many resamples.
    likeness: by metric how many rows count as one.
    """
    found: dict[str, list[Counts]] = {name: [] for name in likeness}
    for fewer, of_these in _as_they_count(counts, likeness):
        for resampled in _resamples(fewer, resamples):
            for name in of_these:
                found[name].append(_values(_metric(name), resampled))
    return {name: _interval(np.concatenate(parts)) for name, parts in found.items()}


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


def _interval(values: NDArray[np.float64]) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < LEAST_DEFINED * len(values) or not len(values):
        return None
    tail = (1 - LEVEL) / 2
    # no value between two others: infinities can't be interpolated
    low = np.quantile(defined, tail, method="lower")
    high = np.quantile(defined, 1 - tail, method="higher")
    return float(low), float(high)
