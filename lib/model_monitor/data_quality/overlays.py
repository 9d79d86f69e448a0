"""A feature's distribution in a window over that of its baseline, in bins of the baseline's, so that windows compare. Pure.

Numbers: 20 bins of equal width between the baseline's 0.5 % and 99.5 % quantile, and an open one on each side. Categories: the
baseline's 20 most frequent ones, its others, and those that it has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model_monitor.data_quality.distributions import FeatureDistribution
from model_monitor.documents.page import Overlay, number_text
from model_monitor.statistics.drift.distributions import Values

BINS = 20
TAIL = 0.005


@dataclass(frozen=True, slots=True)
class Bins:
    """A baseline's bins of a feature. ends: of numbers. names: of categories, the most frequent first."""

    ends: tuple[float, float] | None = None
    names: tuple[str, ...] = ()

    def shares(self, side: FeatureDistribution) -> Values | None:
        """The 22 shares of a distribution's values; None if they are not known one by one, or there are none."""
        if self.ends is not None and side.numbers is not None:
            cdf = side.numbers.step_cdf()
            return np.diff(cdf.shares_at(self._edges), prepend=0.0, append=1.0) if cdf.total else None
        if self.ends is None and side.categories:
            return self._of_categories(side.categories)
        return None

    @property
    def _edges(self) -> Values:
        low, high = self.ends or (0.0, 0.0)
        halves = np.linspace(low / 2, high / 2, BINS + 1)  # the whole width may be no double
        edges = halves.astype(np.float64) * 2
        edges[0], edges[-1] = np.nextafter(low, -np.inf), high  # a bin has its upper edge, the first has both
        return edges

    def _of_categories(self, counts: Mapping[str, int]) -> Values:
        total = sum(counts.values())
        shares = np.zeros(BINS + 2)
        first = [counts.get(name, 0) / total for name in self.names[:BINS]]
        known = sum(counts.get(name, 0) for name in self.names) / total
        shares[: len(first)] = first
        shares[BINS:] = known - sum(first), 1 - known
        return np.clip(shares, 0.0, 1.0)


def bins_of(baseline: FeatureDistribution) -> Bins | None:
    """None if its values are not known one by one."""
    if baseline.numbers is not None:
        finite = baseline.numbers.step_cdf().finite()
        if not finite.total:
            return None
        low, high = finite.quantiles((TAIL, 1 - TAIL))
        return Bins((low, high))
    counts = baseline.categories
    return Bins(names=tuple(sorted(counts, key=lambda name: (-counts[name], name)))) if counts else None


def overlay_of(baseline: FeatureDistribution, current: FeatureDistribution | None) -> Overlay | None:
    """None if either side's values are not known one by one. current: None shows the baseline alone."""
    sides = [baseline] if current is None else [baseline, current]
    bins = bins_of(baseline)
    found = [bins.shares(side) if bins is not None else None for side in sides]
    shares = [each for each in found if each is not None]
    if bins is None or len(shares) < len(sides):
        return None
    if bins.ends is None:
        words = f"{len(bins.names):,} values in the baseline"
        words += f", {shares[1][-1]:.1%} now are others" if len(sides) > 1 else ""
        kept = [*range(min(len(bins.names), BINS)), *([BINS] if len(bins.names) > BINS else []), BINS + 1]
        return _overlay([each[kept] for each in shares], words, ("most frequent", "new"))
    low, high = bins.ends
    medians = [number_text(side.numbers.step_cdf().quantiles((0.5,))[0]) for side in sides if side.numbers is not None]
    words = f"median {medians[0]}" if len(sides) == 1 else f"median {medians[0]} in the baseline, {medians[1]} now"
    kept = [*range(BINS + 2)] if low < high else [0, 1, BINS + 1]
    return _overlay([each[kept] for each in shares], words, (number_text(low, 3), number_text(high, 3)))


def _overlay(shares: list[Values], words: str, ends: tuple[str, str]) -> Overlay:
    baseline, *current = (tuple(np.clip(side, 0.0, 1.0).tolist()) for side in shares)
    return Overlay(baseline, current[0] if current else (), words, ends)
