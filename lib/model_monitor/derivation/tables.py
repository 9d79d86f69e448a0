"""Two distributions side by side, and the point at which they are furthest apart. Pure.

A table shows some points; `largest` is found among all, so it is the number that the distance rests on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from model_monitor.statistics.drift.distances import tie_losing_cdf
from model_monitor.statistics.drift.distributions import CategoryCounts, NumericDistribution, StepCdf, decile_edges

MOST_CATEGORIES = 20
"""Categories that a table shows one by one, those that differ most first; the others are added up."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    label: the category; of numbers the range that the counts are of. up_to: where the range of numbers ends, included; None
    for categories. shares: of numbers those at or below `up_to`, of categories those of the category.
    """

    label: str
    baseline: int
    current: int
    baseline_share: float
    current_share: float
    up_to: float | None = None

    @property
    def gap(self) -> float:
        """How far apart the two shares are."""
        return abs(self.baseline_share - self.current_share)


@dataclass(frozen=True, slots=True)
class Table:
    """Two distributions side by side.

    kind: `numbers` or `categories`. largest: the row of the largest gap; it is among `rows`. n, m: values of the baseline and of
    the current data, as the distance counts them.
    """

    kind: str
    rows: tuple[Row, ...]
    largest: Row
    n: int
    m: int


def of_numbers(baseline: NumericDistribution, current: NumericDistribution, *, ties_lost: bool = False) -> Table | None:
    """The cumulative shares at the deciles of the baseline, at the largest gap, and at the end; None if a side has no values.

    ties_lost: count each distinct value once, as `--compat service` does.
    """
    if ties_lost:
        before, after = tie_losing_cdf(baseline.levels), tie_losing_cdf(current.levels)
    else:
        before, after = baseline.step_cdf(), current.step_cdf()
    if not (before.total and after.total):
        return None
    values = np.union1d(before.values, after.values)
    widest = values[np.abs(before.shares_at(values) - after.shares_at(values)).argmax()]
    edges = np.unique(np.concatenate((decile_edges(before), [widest, values[-1]])))
    rows = tuple(_ranges(edges, before, after))
    return Table("numbers", rows, next(row for row in rows if row.up_to == widest), before.total, after.total)


def of_categories(baseline: CategoryCounts, current: CategoryCounts) -> Table | None:
    """The shares of the categories, those that differ most first; None if a side has no values."""
    n, m = sum(baseline.values()), sum(current.values())
    if not (n and m):
        return None
    rows = [
        Row(name, baseline.get(name, 0), current.get(name, 0), baseline.get(name, 0) / n, current.get(name, 0) / m)
        for name in sorted(baseline.keys() | current.keys())
    ]
    rows.sort(key=lambda row: -row.gap)
    shown, others = rows[:MOST_CATEGORIES], rows[MOST_CATEGORIES:]
    if others:
        before, after = sum(row.baseline for row in others), sum(row.current for row in others)
        shown.append(Row(f"({len(others):,} others)", before, after, before / n, after / m))
    return Table("categories", tuple(shown), rows[0], n, m)


def _ranges(edges: np.ndarray[tuple[int], np.dtype[np.float64]], before: StepCdf, after: StepCdf) -> list[Row]:
    """A row for each range of values between neighbouring edges, the first from below."""
    sides = [cdf.ranks_at(edges) for cdf in (before, after)]
    counts = [np.diff(ranks, prepend=0) for ranks in sides]
    return [
        Row(
            _label(edges[place - 1] if place else -math.inf, edges[place]),
            int(counts[0][place]),
            int(counts[1][place]),
            float(sides[0][place] / before.total),
            float(sides[1][place] / after.total),
            float(edges[place]),
        )
        for place in range(len(edges))
    ]


def _label(above: float, up_to: float) -> str:
    return f"up to {up_to:g}" if above == -math.inf else f"{above:g} to {up_to:g}"
