"""What a run leaves of itself to those that follow: of each feature the raw statistics beside its reference. Pure.

A baseline leaves those of its parts, each beside the others; a window those beside what it was held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.data_quality.distributions import FeatureDistribution
from model_monitor.statistics.drift.distributions import Counts, Values, category_cells
from model_monitor.statistics.states import FeatureProfile, Profile, RowRuns
from model_monitor.statistics.verdicts.variation import (
    FEWEST_WINDOWS,
    FIELDS,
    Raw,
    Windows,
    between_share,
    of_categories,
    of_missing,
    of_numbers,
)

BASELINE = "baseline"
WINDOW = "window"
"""The reference of what a window leaves of itself alone."""
PREVIOUS = "previous:8"
"""Beside the baseline what drift is judged against, if nobody chose. Source: D4.2."""

LOOKS_SORTED = "the rows look sorted by this column; give --time-column, or --rows independent"
MOST_BETWEEN = 0.05
"""The share of a column's variance between parts from which on its rows look sorted. Source: D4.8."""

MOST_VALUES, ENDS = 512, 32
"""Of numbers that are told apart, and of the smallest and largest ones that always are."""

LARGEST_DOMAIN = 4096
"""Texts of more values have no exact counts, and their drift is not judged."""

FREQUENT = 5
"""Values of a text by which it is told whether the rows are sorted by it."""

STATISTICS = FIELDS

Part: TypeAlias = NDArray[Any]  # shape (values,): numbers, or hashes of texts
Past: TypeAlias = Mapping[str, Raw]
"""Raw statistics of earlier windows, by feature."""


@dataclass(frozen=True, slots=True)
class Variation:
    """The raw statistics of some windows, by feature. unfit: features of which there are none, with the reason."""

    past: Past = field(default_factory=dict)
    unfit: Mapping[str, str] = field(default_factory=dict)


def of_parts(profile: Profile, runs: Sequence[RowRuns], *, are_by_time: bool = False) -> Variation:
    """The variation within a data set, from runs of its rows. runs: of every feature. are_by_time: whether the rows of a run are
    neighbours in time, so that a column by which they look sorted is one that changes with it.
    """
    past, unfit = {}, {}
    for feature, kept in zip(profile.features, runs, strict=False):
        if len(kept.runs) < FEWEST_WINDOWS:
            continue
        parts = [run.values(numeric=feature.is_numeric) for run in kept.runs]
        rows = np.array([run.rows for run in kept.runs], dtype=float)
        filled = [place for place, part in enumerate(parts) if len(part)]
        if len(filled) < FEWEST_WINDOWS:
            continue
        values, windows, places = _counted([parts[place] for place in filled])
        if len(values) > LARGEST_DOMAIN:
            continue
        totals, sizes = windows.sum(axis=0), np.array([len(parts[place]) for place in filled])
        if not are_by_time and _between(places, sizes, totals, feature) > MOST_BETWEEN:
            unfit[feature.name] = LOOKS_SORTED
            continue
        missing = rows[filled] - sizes
        lacking = of_missing(missing, rows[filled], missing.sum(), rows[filled].sum())
        of_values = of_numbers(values, totals, windows) if feature.is_numeric else of_categories(totals, windows)
        past[feature.name] = _whole({**lacking, **of_values}, len(filled))
    return Variation(past, unfit)


def of_window(before: FeatureDistribution, after: FeatureDistribution) -> dict[str, float] | None:
    """The raw statistics of a window beside its reference; None if the two can't be compared."""
    if before.reason or after.reason or not before.present or not after.present:
        return None
    lacking = of_missing(
        np.array([float(after.rows - after.present)]),
        np.array([float(after.rows)]),
        before.rows + after.rows - before.present - after.present,
        before.rows + after.rows,
    )
    if before.numbers is not None and after.numbers is not None:
        sides = before.numbers.step_cdf(), after.numbers.step_cdf()
        values = np.union1d(sides[0].values, sides[1].values)
        b, w = (np.diff(side.ranks_at(values), prepend=0).astype(float) for side in sides)
        found = of_numbers(values, b + w, w[None, :])
    elif before.categories is not None and after.categories is not None:
        b, w = category_cells(before.categories, after.categories)
        found = of_categories(b + w, w[None, :])
    else:
        return None
    return {name: float(each[0]) for name, each in _whole({**lacking, **found}, 1).items()}


def of_windows(
    references: Mapping[str, FeatureDistribution], now: Mapping[str, FeatureDistribution]
) -> Iterator[tuple[str, dict[str, float]]]:
    """The raw statistics of every feature that a reference and the window have."""
    for name, before in references.items():
        found = of_window(before, now[name]) if name in now else None
        if found is not None:
            yield name, found


def together(some: Past, others: Past) -> Past:
    """The windows of both, by feature."""
    both = {name: dict(raw) for name, raw in some.items()}
    for name, raw in others.items():
        mine = both.get(name)
        both[name] = {key: np.concatenate((mine[key], raw[key])) for key in FIELDS} if mine else dict(raw)
    return both


def _whole(found: Raw, windows: int) -> dict[str, Values]:
    nothing = np.full(windows, np.nan)
    return {name: np.asarray(found.get(name, nothing), dtype=float) for name in FIELDS}


def _counted(parts: Sequence[Part]) -> tuple[Values, Windows, NDArray[np.int64]]:
    """The distinct values, how often each part has them, and which of them each value is. Of many numbers neighbours are one, but
    for the ends.
    """
    values, places = np.unique(np.concatenate(parts), return_inverse=True)
    if len(values) > MOST_VALUES and values.dtype == np.float64:
        upto = np.cumsum(np.bincount(places))
        inner = np.searchsorted(upto, np.linspace(0, upto[-1], MOST_VALUES))
        ends = np.arange(ENDS), np.arange(len(values) - ENDS, len(values))
        kept = np.unique(np.concatenate((*ends, inner[inner < len(values)])))
        values, places = values[kept], np.searchsorted(kept, np.arange(len(values)))[places]
    of_part = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    windows = np.bincount(of_part * len(values) + places, minlength=len(parts) * len(values))
    return values, windows.reshape(len(parts), -1).astype(float), places


def _between(places: NDArray[np.int64], sizes: NDArray[np.int64], totals: Counts, feature: FeatureProfile) -> float:
    """The share of variance between parts: of ranks, or of the most frequent texts. places: of values among the distinct ones."""
    if feature.is_numeric:
        return between_share((np.cumsum(totals) - totals / 2)[places], sizes)
    frequent = np.argsort(-totals, kind="stable")[:FREQUENT]
    return max(between_share((places == place).astype(float), sizes) for place in frequent)
