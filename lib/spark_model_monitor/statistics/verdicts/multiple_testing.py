"""Many tests, one budget of false alarms, and the smallest change that a test detects with 90 % power. Pure.

Model: a run tests many columns, each by several tests that may depend on each other.
Statistic: a column's tests become one p-value (Liu and Xie 2020), the columns of a family are adjusted (Benjamini and
Hochberg 1995), and each family has a fixed part of the run's false-alarm budget.
Assumptions: p-values of healthy columns are uniform or larger; any dependence within a column, none that is negative
between columns.
Used by: the calibration of data quality, the limits of model quality, and all "smallest change" members of checks.json.
Source: D4.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from spark_model_monitor.statistics.drift.distances import CRITICAL_VALUE
from spark_model_monitor.statistics.drift.special_functions import normal_quantile, normal_survival, student_quantile
from spark_model_monitor.statistics.verdicts.components import (
    COLUMN_TESTS,
    MIN_EFFECT,
    Component,
    Samples,
    fewest_beyond_chance,
)

BUDGET = 1 / 720  # share of healthy runs that may have any violation: one in a month of hourly runs. Source: D4.

# p-values are clipped to these limits: a p-value of 1 would outweigh all others. Source: D4.1.
_MIN_P = 1e-300
_MAX_P = 0.75


PARTS = {"drift": 4.0, "prediction drift": 2.0}  # parts of the budget; every other family has one part
SHARE_ONE_PART = frozenset({"contents", "new kinds"})  # families that have half a part each if both run


def combine_p_values(components: Iterable[Component]) -> float:
    """The p-value of a column, combined from its components, which may be dependent; 1 without any.

    Each p-value becomes a quantile of Cauchy's distribution, tan((1/2 - p) π); their weighted mean is such a quantile, too.

    Source: D4.1; Liu and Xie 2020, "Cauchy combination test", with weights.

    Examples
    --------
    >>> shift = Component("location", p=0.01, effect=0.1)
    >>> one_value = Component("value", p=0.2, effect=0.05)
    >>> round(combine_p_values([shift, one_value]), 5)  # tan(.49 π) counts twelve times, tan(.3 π) once
    0.01079
    """
    weighted_sum = 0.0
    total_weight = 0.0
    for component in components:
        weight = COLUMN_TESTS[component.name].weight
        p = min(max(component.p, _MIN_P), _MAX_P)
        weighted_sum += weight * _cauchy_quantile(p)
        total_weight += weight
    if not total_weight:
        return 1.0
    mean = weighted_sum / total_weight
    if mean > 1e12:  # atan loses all digits far out
        return 1 / (mean * math.pi)
    return 0.5 - math.atan(mean) / math.pi


def _cauchy_quantile(p: float) -> float:
    """The value that a Cauchy distributed variable exceeds with probability p."""
    if p < 1e-12:
        return 1 / (p * math.pi)
    return math.tan((0.5 - p) * math.pi)


def adjust_p_values(p_values: Sequence[float]) -> list[float]:
    """Benjamini-Hochberg adjusted p-values: those below a level are rejected at that level.

    Source: Benjamini and Hochberg 1995, "Controlling the false discovery rate".

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03])  # .01 x 3 / 1; .03 x 3 / 2 is larger than .04 x 3 / 3
    [0.03, 0.04, 0.04]
    """
    tests = len(p_values)
    adjusted_p_values = [1.0] * tests
    ascending = sorted(range(tests), key=p_values.__getitem__)
    smallest = 1.0
    for rank in range(tests, 0, -1):  # from the largest p-value down, so that adjusted p-values are monotone
        index = ascending[rank - 1]
        smallest = min(smallest, p_values[index] * tests / rank)
        adjusted_p_values[index] = smallest
    return adjusted_p_values


def allocate_budget(budget: float, families: Sequence[str]) -> dict[str, float]:
    """The ledger of a budget: the level of every family; the levels add up to the budget. Source: D4.6.

    Examples
    --------
    >>> allocate_budget(0.06, ["drift", "completeness", "contents"])
    {'drift': 0.04, 'completeness': 0.01, 'contents': 0.01}
    """
    part_by_family = {family: PARTS.get(family, 1.0) for family in families}
    if part_by_family.keys() >= SHARE_ONE_PART:
        part_by_family |= dict.fromkeys(SHARE_ONE_PART, 0.5)
    total = sum(part_by_family.values())
    return {family: budget * part / total for family, part in part_by_family.items()}


KOLMOGOROV = 1.3581  # the 95 % quantile of the largest gap, in units of sqrt(1/n + 1/m)
POWER = 1.2816  # normal quantile of 90 %: the power for the smallest change
EQUIVALENT_TESTS = (
    sum(test.weight * test.times_per_number for test in COLUMN_TESTS.values()) / COLUMN_TESTS["location"].weight
)
"""A column's level is as if it were shared by so many tests of location, which has three of twelve parts."""


def distance_interval(distance: float, samples: Samples, *, phi: float = 1.0) -> tuple[float, float]:
    """A confidence interval, 95 % or more, for the true largest gap between two distributions (Kolmogorov-Smirnov)."""
    half_width = KOLMOGOROV * math.sqrt(phi / samples.effective) + samples.error
    return max(0.0, distance - half_width), min(1.0, distance + half_width)


def smallest_shift(
    samples: Samples, level: float, columns: int, *, phi: float = 1.0, freedom: float = math.inf
) -> float:
    """The smallest detectable shift of numbers, in standard deviations; infinite if none is.

    level: the level of all columns together. phi, freedom: how much windows vary, relative to independent rows, and the degrees
    of freedom of this estimate.
    """
    error = math.sqrt(phi / 12 / samples.effective + (samples.error / 4) ** 2)  # a uniform rank's variance is 1 / 12
    least_effect = MIN_EFFECT / math.sqrt(2)  # the shift of the mean rank if normal values have the largest gap d
    detectable_shift = max(_critical_score(level, columns, freedom) * error, least_effect - error) + POWER * error
    if detectable_shift < 0.5:
        return math.sqrt(2) * normal_quantile(0.5 + detectable_shift)
    return math.inf


def smallest_share(
    share: float, samples: Samples, level: float, columns: int, *, phi: float = 1.0, freedom: float = math.inf
) -> float:
    """The smallest detectable share above the baseline's `share`; 1 if none is. phi, freedom: as for a shift."""
    standard_error = math.sqrt(share * (1 - share) * phi / samples.effective)
    least_effect = min(MIN_EFFECT - standard_error, share)
    critical_gap = max(_critical_score(level, columns, freedom) * standard_error, least_effect)
    critical_share = min(1.0, share + critical_gap)
    return min(1.0, _find_detectable_share(critical_share, samples.m, phi, share * (1 - share) / samples.n))


def _find_detectable_share(critical_share: float, rows: int, phi: float, variance: float = 0.0) -> float:
    """The share with which nine in ten windows of so many rows show at least the critical share. variance: its variance.

    Source: Wilson 1927, "Probable inference".
    """
    weight = POWER**2 * phi / rows
    center = critical_share + weight / 2
    square = critical_share * (1 - critical_share) + weight / 4 + (1 + weight) * rows * variance
    return (center + math.sqrt(weight * square)) / (1 + weight)


FEW_MISSING = 10  # if a baseline has fewer missing values, their number is not normal


def smallest_missing(missing_rows: int, rows: int, current_rows: int, level: float, *, phi: float = 1.0) -> float:
    """The smallest detectable rise of the share of missing values, by Fisher's exact test; infinite if none is.

    missing_rows, rows: the baseline's missing values and rows. level: the level of the test. phi: the overdispersion factor.
    """
    share = missing_rows / rows
    if missing_rows < FEW_MISSING:
        fewest = fewest_beyond_chance(missing_rows, rows, current_rows, level)
        if fewest is None:
            return math.inf
        critical_share = fewest / current_rows
    else:
        critical_share = share
        critical_score = -normal_quantile(level)
        for _ in range(4):  # the pooled share depends on the critical share
            pooled = min((missing_rows + critical_share * current_rows) / (rows + current_rows), 1.0)
            variance = pooled * (1 - pooled) * (1 / rows + 1 / current_rows)
            critical_share = share + critical_score * math.sqrt(variance)
    critical_share = share + (critical_share - share) * math.sqrt(phi)
    if critical_share >= 1:
        return math.inf
    return _find_detectable_share(critical_share, current_rows, phi) - share


def smallest_gap(threshold: float, samples: Samples, *, phi: float) -> float:
    """The smallest gap of two distributions that exceeds a threshold of `Robust` with 90 % power; may be above 1."""
    error = math.sqrt(phi / samples.effective)
    return threshold + (CRITICAL_VALUE + POWER / 2) * error + samples.error


def convert_gap_to_shift(gap: float) -> float:
    """The shift of a normal distribution, in standard deviations, that causes this gap; infinite if none does."""
    # 2 · Φ(shift / 2) - 1 is the gap
    if gap < 1:
        return 2 * normal_quantile((1 + gap) / 2)
    return math.inf


def convert_shift_to_gap(shift: float) -> float:
    """The gap that a shift of a normal distribution causes, in standard deviations."""
    return 1 - 2 * normal_survival(shift / 2)


def _critical_score(level: float, columns: int, freedom: float) -> float:
    return student_quantile(freedom, 1 - level / (2 * max(columns, 1) * EQUIVALENT_TESTS))
