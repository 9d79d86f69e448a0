"""A feature's distribution in a window over that of its baseline, in bins of the baseline's, so that windows compare. Pure.

Numbers: 20 bins of equal width between the baseline's 0.5 % and 99.5 % quantile, and an open one on each side. Categories: the
baseline's 20 most frequent ones, its others, and those that it has not.
"""

from __future__ import annotations

import numpy as np

from model_monitor.data_quality.distributions import FeatureDistribution
from model_monitor.documents.page import Overlay, number_text
from model_monitor.drift.distributions import StepCdf, Values

BINS = 20
TAIL = 0.005


def overlay_of(baseline: FeatureDistribution, current: FeatureDistribution | None) -> Overlay | None:
    """None if either side's values are not known one by one. current: None shows the baseline alone."""
    sides = [baseline] if current is None else [baseline, current]
    if all(side.numbers is not None for side in sides):
        return _of_numbers([side.numbers.step_cdf() for side in sides if side.numbers is not None])
    if all(side.categories is not None for side in sides):
        return _of_categories([dict(side.categories or {}) for side in sides])
    return None


def _of_numbers(sides: list[StepCdf]) -> Overlay | None:
    finite = sides[0].finite()
    if not all(side.total for side in sides) or not finite.total:
        return None
    low, high = _quantiles(finite, (TAIL, 1 - TAIL))
    halves = np.linspace(low / 2, high / 2, BINS + 1 if low < high else 2)  # the whole width may be no double
    edges = halves.astype(np.float64) * 2
    edges[0], edges[-1] = np.nextafter(low, -np.inf), high  # a bin has its upper edge, the first has both
    shares = [np.diff(side.shares_at(edges), prepend=0.0, append=1.0) for side in sides]
    medians = [number_text(_quantiles(side, (0.5,))[0]) for side in sides]
    words = f"median {medians[0]}" if len(sides) == 1 else f"median {medians[0]} in the baseline, {medians[1]} now"
    return _overlay(shares, words, (number_text(low, 3), number_text(high, 3)))


def _of_categories(sides: list[dict[str, int]]) -> Overlay | None:
    totals = [sum(side.values()) for side in sides]
    if not all(totals):
        return None
    names = sorted(sides[0], key=lambda name: (-sides[0][name], name))
    shares = []
    for side, total in zip(sides, totals, strict=True):
        first = [side.get(name, 0) / total for name in names[:BINS]]
        known = sum(side.get(name, 0) for name in names) / total
        shares.append(np.array([*first, *([known - sum(first)] if len(names) > BINS else ()), 1 - known]))
    new = shares[-1][-1]
    words = f"{len(names):,} values in the baseline" + (f", {new:.1%} now are others" if len(sides) > 1 else "")
    return _overlay(shares, words, ("most frequent", "new"))


def _overlay(shares: list[Values], words: str, ends: tuple[str, str]) -> Overlay:
    baseline, *current = (tuple(np.clip(side, 0.0, 1.0).tolist()) for side in shares)
    return Overlay(baseline, current[0] if current else (), words, ends)


def _quantiles(cdf: StepCdf, shares: tuple[float, ...]) -> list[float]:
    places = np.searchsorted(cdf.cumulative, np.array(shares) * cdf.total, side="left")
    return [float(value) for value in cdf.values[np.minimum(places, len(cdf.values) - 1)]]
