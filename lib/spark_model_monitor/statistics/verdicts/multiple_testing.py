"""Many tests, one budget of false alarms, and the smallest change that a test detects with 90 % power. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from spark_model_monitor.statistics.drift.distances import CRITICAL_VALUE
from spark_model_monitor.statistics.drift.special_functions import normal_above, normal_quantile
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT, Component, Samples, fewest_beyond_chance

BUDGET = 1 / 720  # share of healthy runs that may have any violation: one in a month of hourly runs. Source: D4.

_LEAST, _MOST = 1e-300, 0.75  # p-values are clipped to these: a p-value of 1 would outweigh all others. Source: D4.1.


PARTS = {"drift": 4.0, "prediction drift": 2.0}  # parts of the budget; every other family has one
WEIGHTS = {"location": 3.0, "spread": 3.0, "cell": 1.5}
"""Weights above 1, for components that detect the most common changes. Source: D4.1."""


def combined(components: Iterable[Component]) -> float:
    """The p-value of a column, combined from its components, which may be dependent; 1 without any.

    Source: D4.1; Liu and Xie 2020, "Cauchy combination test", with weights.
    """
    found = [(WEIGHTS.get(each.name, 1.0), _tangent(min(max(each.p, _LEAST), _MOST))) for each in components]
    if not found:
        return 1.0
    mean = sum(weight * tangent for weight, tangent in found) / sum(weight for weight, _ in found)
    return 1 / (mean * math.pi) if mean > 1e12 else 0.5 - math.atan(mean) / math.pi  # atan loses all digits far out


def adjusted(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values: those below a level are rejected at that level.

    Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".
    """
    tests, least = len(p_values), 1.0
    found = [1.0] * tests
    for rank, place in sorted(enumerate(sorted(range(tests), key=p_values.__getitem__), start=1), reverse=True):
        least = min(least, p_values[place] * tests / rank)  # from the largest down, so that they are monotone
        found[place] = least
    return found


def shared(budget: float, families: Sequence[str]) -> dict[str, float]:
    """The ledger of a budget: the level of every family; the levels add up to the budget. Source: D4.6."""
    parts = {family: PARTS.get(family, 1.0) for family in families}
    return {family: budget * part / sum(parts.values()) for family, part in parts.items()}


def _tangent(p: float) -> float:
    return 1 / (p * math.pi) if p < 1e-12 else math.tan((0.5 - p) * math.pi)


KOLMOGOROV = 1.3581  # the 95 % quantile of the largest gap, in units of sqrt(1/n + 1/m)
POWER = 1.2816  # normal quantile of 90 %: the power for the smallest change
COMPONENTS = 4  # tests that share a column's level: location has three of twelve parts


def distance_interval(distance: float, samples: Samples, *, phi: float = 1.0) -> tuple[float, float]:
    """A confidence interval, 95 % or more, for the true largest gap between two distributions."""
    reach = KOLMOGOROV * math.sqrt(phi / samples.effective) + samples.error
    return max(0.0, distance - reach), min(1.0, distance + reach)


def smallest_shift(samples: Samples, level: float, columns: int, *, phi: float = 1.0) -> float:
    """The smallest detectable shift of numbers, in standard deviations; infinite if none is.

    level: for all columns together.
    """
    error = math.sqrt(phi / 12 / samples.effective + (samples.error / 4) ** 2)  # a uniform rank's variance is 1 / 12
    least = LEAST_EFFECT / math.sqrt(2)  # the shift of the mean rank if normal values have the largest gap d
    reached = max(_critical(level, columns) * error, least - error) + POWER * error
    return math.sqrt(2) * normal_quantile(0.5 + reached) if reached < 0.5 else math.inf


def smallest_share(share: float, samples: Samples, level: float, columns: int, *, phi: float = 1.0) -> float:
    """The smallest detectable share above the baseline's `share`; 1 if none is."""
    by_chance = math.sqrt(share * (1 - share) * phi / samples.effective)
    least = max(_critical(level, columns) * by_chance, min(LEAST_EFFECT - by_chance, share))

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


FEW_MISSING = 10  # below this many missing values of a baseline, their number is not normal


def smallest_missing(lacking: int, rows: int, current_rows: int, level: float, *, phi: float = 1.0) -> float:
    """The smallest detectable rise of the share of missing values, by Fisher's exact test; infinite if none is.

    lacking, rows: of the baseline. level: of the test. phi: the overdispersion factor.
    """
    share = lacking / rows
    if lacking < FEW_MISSING:
        fewest = fewest_beyond_chance(lacking, rows, current_rows, level)
        if fewest is None:
            return math.inf
        critical_share = fewest / current_rows
    else:
        critical_share = share
        critical_score = -normal_quantile(level)
        for _ in range(4):  # the pooled share depends on the critical one
            pooled = min((lacking + critical_share * current_rows) / (rows + current_rows), 1.0)
            variance = pooled * (1 - pooled) * (1 / rows + 1 / current_rows)
            critical_share = share + critical_score * math.sqrt(variance)
    critical_share = share + (critical_share - share) * math.sqrt(phi)
    if critical_share >= 1:
        return math.inf
    # the share of which nine in ten windows have at least the critical one: Wilson 1927
    weight = POWER**2 * phi / current_rows
    middle = critical_share + weight / 2
    reach = math.sqrt(weight * (critical_share * (1 - critical_share) + weight / 4))
    return (middle + reach) / (1 + weight) - share


def smallest_gap(threshold: float, samples: Samples, *, phi: float = 1.0) -> float:
    """The smallest gap of two distributions that exceeds a threshold of `Robust` with 90 % power; may be above 1."""
    error = math.sqrt(phi / samples.effective)
    return threshold + (CRITICAL_VALUE + POWER / 2) * error + samples.error


def shift_of_gap(gap: float) -> float:
    """The shift of a normal distribution, in standard deviations, that causes this gap; infinite if none does."""
    return 2 * normal_quantile((1 + gap) / 2) if gap < 1 else math.inf  # 2 · Φ(shift / 2) - 1 is the gap


def gap_of_shift(shift: float) -> float:
    """The gap that a shift of a normal distribution causes, in standard deviations."""
    return 1 - 2 * normal_above(shift / 2)


def _critical(level: float, columns: int) -> float:
    return -normal_quantile(level / (2 * max(columns, 1) * COMPONENTS))
