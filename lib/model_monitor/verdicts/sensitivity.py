"""What could have been seen: the interval of a distance, and the smallest change that a test finds nine times in ten. Pure.

phi: by how much a column's shares vary more from window to window than those of independent rows, as a factor of the variance;
1 for independent rows.

Source: D4.7.
"""

from __future__ import annotations

import math

from model_monitor.drift.distances import CRITICAL_VALUE
from model_monitor.drift.special_functions import normal_quantile
from model_monitor.verdicts.components import LEAST_EFFECT, Samples

KOLMOGOROV = 1.3581
"""What the largest gap of 95 % of the samples is below, in units of sqrt(1/n + 1/m)."""

POWER = 1.2816
"""Normal quantile of 90 %: the smallest change is found so often."""

COMPONENTS = 7
"""Tests of a column that share its level."""


def distance_interval(distance: float, samples: Samples, *, phi: float = 1.0) -> tuple[float, float]:
    """The ends between which the true largest gap of two distributions lies, 95 % of the times or more."""
    reach = KOLMOGOROV * math.sqrt(phi / samples.effective) + samples.error
    return max(0.0, distance - reach), min(1.0, distance + reach)


def smallest_shift(samples: Samples, level: float, columns: int, *, phi: float = 1.0) -> float:
    """The smallest shift of numbers that is found, in standard deviations; infinite if none is.

    level: of all columns together.
    """
    error = math.sqrt(phi / 12 / samples.effective)
    reached = max(_critical(level, columns) * error + samples.error, LEAST_EFFECT) + POWER * error
    return math.sqrt(2) * normal_quantile(0.5 + reached) if reached < 0.5 else math.inf


def smallest_share(share: float, samples: Samples, level: float, columns: int, *, phi: float = 1.0) -> float:
    """The smallest larger share that is found where the baseline has `share`; 1 if none is."""
    critical = _critical(level, columns) * math.sqrt(share * (1 - share) * phi / samples.effective)
    least = max(critical, min(LEAST_EFFECT, share))

    def unseen(other: float) -> bool:
        error = math.sqrt(phi * (other * (1 - other) / samples.m + share * (1 - share) / samples.n))
        return other - share < least + POWER * error

    low, high = share, 1.0
    if unseen(high):
        return 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if unseen(middle) else (low, middle)
    return high


def smallest_gap(threshold: float, samples: Samples) -> float:
    """The smallest gap of two distributions that is beyond a threshold of `Robust` nine times in ten; may be above 1."""
    error = math.sqrt(1 / samples.effective)
    return threshold + (CRITICAL_VALUE + POWER / 2) * error + samples.error


def shift_of_gap(gap: float) -> float:
    """By how many standard deviations a normal distribution is shifted that is so far from itself; infinite if none is."""
    return 2 * normal_quantile((1 + gap) / 2) if gap < 1 else math.inf


def _critical(level: float, columns: int) -> float:
    return -normal_quantile(level / (2 * max(columns, 1) * COMPONENTS))
