"""A feature's distribution in a window and in its baseline, in the baseline's bins: windows compare. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spark_model_monitor.documents.page import Overlay, counted, number_text, percent
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.statistics.drift.distributions import Values

BINS = 20
TAIL = 0.005


@dataclass(frozen=True, slots=True)
class Bins:
    """A baseline's bins of a feature. ends: of numbers. names: of categories, the most frequent first."""

    ends: tuple[float, float] | None = None
    names: tuple[str, ...] = ()

    def shares(self, side: FeatureDistribution) -> Values | None:
        """The 22 shares of a distribution's values; None if there are none, or they are not known one by one."""
        if self.ends is not None and side.numbers is not None:
            cdf = side.numbers.step_cdf()
            if cdf.total:
                return np.diff(cdf.shares_at(self._edges), prepend=0.0, append=1.0)
            return None
        if self.ends is None and side.categories:
            return self._of_categories(side.categories)
        return None

    @property
    def _edges(self) -> Values:
        low, high = self.ends or (0.0, 0.0)
        halves = np.linspace(low / 2, high / 2, BINS + 1)  # the whole width may exceed a double
        edges = halves.astype(np.float64) * 2
        edges[0], edges[-1] = np.nextafter(low, -np.inf), high  # a bin includes its upper edge, the first bin both
        return edges

    def _of_categories(self, counts: Mapping[str, int]) -> Values:
        total = sum(counts.values())
        shares = np.zeros(BINS + 2)
        first = [counts.get(name, 0) / total for name in self.names[:BINS]]
        known = sum(counts.get(name, 0) for name in self.names) / total
        shares[: len(first)] = first
        shares[BINS:] = known - sum(first), 1 - known
        return np.clip(shares, 0.0, 1.0)


def choose_bins(baseline: FeatureDistribution) -> Bins | None:
    """None if its values are not known one by one."""
    if baseline.numbers is not None:
        finite = baseline.numbers.step_cdf().finite()
        if not finite.total:
            return None
        low, high = finite.quantiles((TAIL, 1 - TAIL))
        return Bins((low, high))
    counts = baseline.categories
    if counts:
        return Bins(names=tuple(sorted(counts, key=lambda name: (-counts[name], name))))
    return None


def draw_overlay(
    baseline: FeatureDistribution, current: FeatureDistribution | None, most_named: int = 0
) -> Overlay | None:
    """None if either side's values are not known one by one. current: None shows the baseline alone. most_named: the
    largest number of categories whose names may be shown; others are counted.
    """
    if current is None:
        sides = [baseline]
    else:
        sides = [baseline, current]
    bins = choose_bins(baseline)
    found = [bins.shares(side) if bins is not None else None for side in sides]
    shares = [np.clip(each, 0.0, 1.0) for each in found if each is not None]
    if bins is None or len(shares) < len(sides):
        return None
    if bins.ends is None:
        words = f"{counted(len(bins.names), 'value')} in the baseline"
        words += f", {shares[1][-1]:.1%} now are others" if len(sides) > 1 else ""
        kept = [*range(min(len(bins.names), BINS)), *([BINS] if len(bins.names) > BINS else []), BINS + 1]
        named = len(bins.names) <= most_named
        names = [name if named else f"value {place}" for place, name in enumerate(bins.names[:BINS], start=1)]
        names += [*(["others"] * (len(bins.names) > BINS)), "new"]
        return overlay([share[kept] for share in shares], words, names=names)
    low, high = bins.ends
    medians = [number_text(side.numbers.step_cdf().quantiles((0.5,))[0]) for side in sides if side.numbers is not None]
    if len(sides) == 1:
        words = f"median {medians[0]}"
    else:
        words = f"median {medians[0]} in the baseline, {medians[1]} now"
    if low < high:
        kept = [*range(BINS + 2)]
    else:
        kept = [0, 1, BINS + 1]
    return overlay([share[kept] for share in shares], words, bins.ends)


def overlay(
    shares: Sequence[Values], words: str, ends: tuple[float, float] | None = None, names: Sequence[str] = ()
) -> Overlay:
    """shares: of the baseline, and of the window if any. ends: of the baseline's numbers. names: of its categories."""
    baseline, *current = (tuple(map(float, share)) for share in shares)
    now = current[0] if current else ()
    if ends is None:
        return Overlay(baseline, now, words, ("most frequent", "new"), tuple(names))
    low, high = ends
    axis = list(dict.fromkeys(number_text(end, 3) for end in (low, low / 2 + high / 2, high)))
    for place, sign in ((0, "< "), (-1, "> ")):  # the outermost bins include everything beyond them
        axis[place] = f"{sign if max(baseline[place], now[place] if now else 0.0) else ''}{axis[place]}"
    outside = [
        f"{percent(now[place])} of the records {side} the baseline’s range"
        for place, side in ((0, "below"), (-1, "above"))
        if now and baseline and now[place] >= max(0.02, 2 * baseline[place])
    ]
    return Overlay(baseline, now, words, tuple(axis), (), ", ".join(outside))
