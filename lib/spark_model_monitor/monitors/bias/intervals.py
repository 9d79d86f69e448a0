"""The noise of bias metrics: bootstrap intervals from the counts alone, and design effects if rows belong together.

Pure numpy.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from spark_model_monitor.monitors.bias.bias_metrics import (
    EQUIVALENT_METRICS,
    POST_TRAINING,
    PRE_TRAINING,
    Counts,
    FacetCounts,
)
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.verdicts.design_effect import estimate_score_design_effects
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_block_design_effects
from spark_model_monitor.value_class import value_class

LEVEL = 0.95
RESAMPLES = 1000
SEED = 20_261_120  # fixed, so that the same counts give the same interval in every run
MAX_RESAMPLED_CELLS = 4_000_000  # maximum number of cells resampled at once: 32 MB of doubles

# Design effects are rounded to powers of this, so that metrics share resamples; an estimate from 64 blocks is less precise
STEP = 1.2
MIN_ERROR = 1e-300  # replaces an error of 0, because nothing can be divided by 0
MIN_DEFINED = 0.95  # share of the resamples in which a metric must be defined for it to have an interval

PRIOR = 0.5
"""Rows added to each cell before resampling, as in Jeffreys' prior of a share, because few rows don't prove that a cell
is empty.
"""

RATIOS = frozenset({"DI"})
"""Metrics whose neutral value is 1. Their noise is measured in logarithms, so that half and twice are equally far from 1."""

ROOTS = frozenset({"JS", "KL"})
"""Metrics that grow with the square of a difference, so that noise makes them positive. Their noise is measured in square
roots.
"""

Interval = tuple[float, float]


def to_symmetric_scale(name: str, value: float) -> float:
    """The value on the scale on which noise is symmetric."""
    if name in ROOTS:
        return math.sqrt(max(value, 0.0))
    if name in RATIOS:
        return float(np.log(value))
    return value


@value_class
class Spread:
    """The 95 % range of a metric's noise. value: the metric of the counts with `PRIOR`. below, above: distances from it to
    the ends, for `RATIOS` in logarithms, for `ROOTS` in square roots."""

    value: float
    below: float
    above: float


def estimate_spreads(counts: FacetCounts, design_effects: Mapping[str, float]) -> Mapping[str, Spread | None]:
    """The spread of each metric, by resampling the counts with a prior; None if the metric has no interval.

    It allows for cells with few rows, and for the few neighbours of the flip test. design_effects: by metric, how many rows
    count as one (Kish).

    Source: B5.3.
    """
    spreads: dict[str, Spread | None] = dict.fromkeys(design_effects)
    # Metrics with equal design effects share their resamples
    for divided_counts, metric_names in _group_by_design_effect(counts, design_effects):
        counts_with_prior = _add_prior(divided_counts)
        single_counts = replace(counts_with_prior, cells=counts_with_prior.cells[None])
        for name, interval in compute_intervals(counts_with_prior, dict.fromkeys(metric_names, 1.0)).items():
            value = float(_compute_values(name, single_counts)[0])
            if interval is not None and np.isfinite(value):
                # The lower end of a ratio may be 0, whose logarithm is infinite
                with np.errstate(divide="ignore"):
                    low, center, high = (to_symmetric_scale(name, end) for end in (interval[0], value, interval[1]))
                spreads[name] = Spread(value, center - low, high - center)
    return spreads


def estimate_design_effects(
    counts: FacetCounts, names: Sequence[str], neighbour_effects: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The design effect of each metric, that is, how many rows count as one. It comes from neighbours unless a column names
    groups.

    The score of a kind of row is the change of the metric by one more such row. Scores are added up over each block of
    groups, and the variance between blocks is compared with that of independent rows. Blocks have no flip tests, so the flip
    test gets the largest effect of all other metrics.
    Source: B5.4.
    """
    if counts.blocks is None:
        return {name: (neighbour_effects or {}).get(name, 1.0) for name in names}
    blocks = counts.blocks.reshape(len(counts.blocks), -1)
    defined_names, scores = _score_kinds(counts, counts.blocks.sum(axis=0), names)
    rows = blocks.sum(axis=0)
    # Rows without the name of a group are groups of one row
    single_rows = blocks[-1]
    design_effects = estimate_block_design_effects(
        scores @ blocks[:-1].T, scores**2 @ rows, blocks[:-1].sum(axis=1), scores**2 @ single_rows, single_rows.sum()
    )
    return _spread_over_metrics(defined_names, design_effects, names)


def estimate_design_effects_of_runs(counts: FacetCounts, row_kinds: Integers, sizes: Integers) -> dict[str, float]:
    """The design effects of every metric, estimated from neighbours. row_kinds: of some rows, run after run: indexes into the
    cells of all rows, with the rows without a subgroup separate. sizes: of the runs.

    Source: B5.4.
    """
    names = [*PRE_TRAINING, *POST_TRAINING]
    rows_by_kind = np.stack([counts.cells[..., :-1].sum(axis=-1), counts.cells[..., -1]], axis=-1)
    defined_names, scores = _score_kinds(counts, rows_by_kind, names)
    if not defined_names:
        return _spread_over_metrics(defined_names, np.zeros(0), names)
    # The scores of each row, shape (metrics, rows)
    return _spread_over_metrics(defined_names, estimate_score_design_effects(scores[:, row_kinds], sizes), names)


def _score_kinds(counts: FacetCounts, rows_by_kind: Counts, names: Sequence[str]) -> tuple[list[str], Counts]:
    """The metrics that change by one more row of some kind, and each kind's score: this change minus the mean over all rows."""
    rows = rows_by_kind.ravel()
    row_kinds = rows_by_kind.size
    # First the counts themselves, then with one more row of each kind: shape (1 + kinds, kinds)
    one_more = rows + PRIOR / 2 + np.concatenate([np.zeros((1, row_kinds)), np.eye(row_kinds)])
    varied = replace(counts, cells=one_more.reshape(-1, *rows_by_kind.shape))
    # Metrics that are equivalent are computed once
    distinct_names = sorted({EQUIVALENT_METRICS.get(name, name) for name in names})
    values = np.array([_compute_values(name, varied) for name in distinct_names])
    # A metric that no additional row changes has no design effect
    is_defined = np.isfinite(values).all(axis=1) & (np.ptp(values, axis=1) > 0)
    scores = values[is_defined, 1:] - values[is_defined, :1]
    # Centred, so that the scores of all rows add up to 0
    scores -= (scores @ rows)[:, None] / max(rows.sum(), 1)
    return [*itertools.compress(distinct_names, is_defined)], scores


def _spread_over_metrics(
    defined_names: Sequence[str], design_effects: Counts, names: Sequence[str]
) -> dict[str, float]:
    # Rounded, so that metrics share resamples
    design_effects = STEP ** np.rint(np.log(design_effects) / math.log(STEP))
    effect_by_name = dict(zip(defined_names, design_effects.tolist(), strict=True))
    largest = max(effect_by_name.values(), default=1.0)
    return {name: effect_by_name.get(EQUIVALENT_METRICS.get(name, name), largest) for name in names}


def fewest_groups(counts: FacetCounts) -> float:
    """The number of blocks with rows of the smaller side; a row without a group counts as a block. Infinite without groups."""
    if counts.blocks is None:
        return math.inf
    rows_per_side = counts.blocks.sum(axis=(2, 3, 4))
    return float((np.count_nonzero(rows_per_side[:-1], axis=0) + rows_per_side[-1]).min())


def _group_by_design_effect(
    counts: FacetCounts, design_effects: Mapping[str, float]
) -> Iterator[tuple[FacetCounts, list[str]]]:
    """Yield the counts divided by each design effect that occurs, with the metrics that have this design effect."""
    for rows in sorted(set(design_effects.values())):
        divided_counts = _divide_counts(counts, rows) if rows > 1 else counts
        yield divided_counts, [name for name, effect in design_effects.items() if effect == rows]


def _divide_counts(counts: FacetCounts, rows: float) -> FacetCounts:
    rows = min(rows, float(counts.cells.sum()))  # at least one row remains
    flips = counts.flips
    if flips is not None:
        tested = max(round(flips.tested / rows), 1)
        neighbours = max(round(flips.neighbours / rows), 1)
        flips = replace(
            flips,
            to_negative=flips.to_negative * tested / flips.tested,
            to_positive=flips.to_positive * tested / flips.tested,
            tested=tested,
            neighbours=neighbours,
        )
    return replace(counts, cells=counts.cells / rows, flips=flips)


def _add_prior(counts: FacetCounts) -> FacetCounts:
    """The counts with `PRIOR` more rows in each cell of side, label and prediction, divided among subgroups like all rows.
    The flip test gets at most as many tested rows as there are neighbours."""
    subgroup_counts = counts.cells.sum(axis=(0, 1, 2))
    cells = counts.cells + PRIOR * subgroup_counts / max(subgroup_counts.sum(), 1)
    flips = counts.flips
    # A few neighbours decide about many tested rows, so not more rows count than there are neighbours
    if flips is not None:
        share = min(flips.tested, flips.neighbours) / max(flips.tested, 1)
        flips = replace(
            flips,
            to_negative=flips.to_negative * share + PRIOR,
            to_positive=flips.to_positive * share + PRIOR,
            tested=round(flips.tested * share) + 1,
        )
    return replace(counts, cells=cells, flips=flips)


def compute_intervals(
    counts: FacetCounts, design_effects: Mapping[str, float], *, resamples: int = RESAMPLES
) -> Mapping[str, Interval | None]:
    """The bootstrap percentile interval of each metric; its ends may be infinite. None if it is undefined in too many
    resamples.
    design_effects: by metric, how many rows count as one.
    """
    resampled_values: dict[str, list[Counts]] = {name: [] for name in design_effects}
    for divided_counts, metric_names in _group_by_design_effect(counts, design_effects):
        for resampled in _resample_counts(divided_counts, resamples):
            for name in metric_names:
                resampled_values[name].append(_compute_values(name, resampled))
    return {name: _percentile_interval(np.concatenate(parts)) for name, parts in resampled_values.items()}


def _resample_counts(counts: FacetCounts, resamples: int) -> Iterator[FacetCounts]:
    """Yield the counts of resamples, in batches."""
    rng = np.random.default_rng(SEED)
    rows = round(float(counts.cells.sum()))
    shares = counts.cells.ravel() / max(counts.cells.sum(), 1)
    # As many resamples at once as fit in memory
    chunk = max(1, MAX_RESAMPLED_CELLS // len(shares))
    for start in range(0, resamples if rows else 0, chunk):
        size = min(chunk, resamples - start)
        # Draw all rows with replacement, by kind of row
        cells = rng.multinomial(rows, shares, size=size).reshape(size, *counts.cells.shape).astype(np.float64)
        flips = counts.flips
        if flips is not None:
            outcomes = np.array([float(flips.to_negative), float(flips.to_positive), 0.0])
            outcomes[2] = flips.tested - outcomes.sum()
            drawn = rng.multinomial(flips.tested, outcomes / max(flips.tested, 1), size=size).astype(np.float64)
            flips = replace(flips, to_negative=drawn[:, 0], to_positive=drawn[:, 1])
        yield replace(counts, cells=cells, flips=flips)


def _compute_values(name: str, counts: FacetCounts) -> Counts:
    """The values of a metric in all resamples; NaN where it is undefined."""
    registry = PRE_TRAINING if name in PRE_TRAINING else POST_TRAINING
    metric = registry.get(name)
    size = len(counts.cells)
    defined = np.ones(size, dtype=bool)
    # A metric may be undefined in a resample although it is defined in the data
    for holds in metric.facts["requires"].values():
        defined = defined & holds(counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.broadcast_to(metric(counts), size)
    return np.where(defined, values, np.nan)


def _percentile_interval(values: Doubles) -> Interval | None:
    defined = values[~np.isnan(values)]
    if len(defined) < MIN_DEFINED * len(values) or not len(values):
        return None
    tail = (1 - LEVEL) / 2
    # Take existing values, because infinities can't be interpolated
    low = np.quantile(defined, tail, method="lower")
    high = np.quantile(defined, 1 - tail, method="higher")
    return float(low), float(high)
