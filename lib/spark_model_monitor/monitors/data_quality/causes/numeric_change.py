"""A feature's numbers in baseline and window, and whether the baseline's look like the window's once they are changed. Pure."""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.value_class import value_class

CHANCE_GAP = 1.63  # 99 % of Kolmogorov-Smirnov gaps without a change are smaller, in units of sqrt(1/n + 1/m)
MAX_UNEXPLAINED_SHARE = 0.4  # the largest gap that a change may leave, as a share of the gap that it explains
MAX_MAGNITUDE = 1e200  # larger numbers times a factor could exceed the largest double
ROUNDING = 1e-9  # relative error of products


def estimate_noise(n: float, m: float) -> float:
    """The largest gap that chance explains between samples of n and m values."""
    return CHANCE_GAP * math.sqrt(1 / n + 1 / m)


@value_class
class NumericChange:
    """The change of a feature's finite numbers. baseline, current: neither is empty."""

    baseline: StepCdf
    current: StepCdf

    @classmethod
    def of(cls, baseline: StepCdf, current: StepCdf) -> NumericChange | None:
        """The change; None if a side has none, or has numbers too large to be multiplied."""
        finite = (baseline.drop_infinite(), current.drop_infinite())
        if all(cdf.total and np.abs(cdf.values[[0, -1]]).max() < MAX_MAGNITUDE for cdf in finite):
            return cls(*finite)
        return None

    @property
    def noise(self) -> float:
        """The largest gap that chance explains."""
        return estimate_noise(self.baseline.total, self.current.total)

    @property
    def gap(self) -> float:
        """The Kolmogorov-Smirnov distance between baseline and window."""
        return self.measure_gap(self.baseline.values)

    def measure_gap(self, values: Doubles) -> float:
        """The Kolmogorov-Smirnov distance between the window and the baseline with its values replaced by `values`."""
        order = np.argsort(values, kind="stable")
        ranks = np.concatenate(([0], self.baseline.counts[order].cumsum()))
        values = values[order]
        points = np.concatenate((self.current.values, values))
        points += ROUNDING * np.abs(points)
        shares = ranks[np.searchsorted(values, points, side="right")] / self.baseline.total
        return float(np.abs(shares - self.current.shares_at(points)).max())

    def is_near(self, values: Doubles) -> bool:
        """Whether the window looks like the baseline with these values, within chance."""
        return self.measure_gap(values) <= self.noise + MIN_EFFECT / 2

    def is_explained_by(self, values: Doubles, max_unexplained_share: float = MAX_UNEXPLAINED_SHARE) -> bool:
        """Whether the window looks like the baseline with these values, and far more so than like the baseline itself."""
        return self.is_near(values) and self.measure_gap(values) <= max_unexplained_share * self.gap
