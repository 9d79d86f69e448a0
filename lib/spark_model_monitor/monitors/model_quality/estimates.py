"""Estimates: a metric's value with its error, from which intervals and thresholds are computed. Pure.

There are two kinds. A `FractionEstimate` is between 0 and 1 and behaves like a share of independent trials, so its
interval has a positive width even at 0 and 1. A `JackknifeEstimate` is any function of sums of blocks of rows. Both have:

value: the metric, NaN if undefined.
n: number of rows.
method: how intervals are computed.
bound: the largest possible difference from the value without binning, None if nothing was binned.
end: the end of the interval beyond which the true value lies with probability `level`, None if it can't be computed.
limit: the value beyond which `growth` times as many other such rows lie with probability `level`, None if it can't be
    computed.
units: the number of equivalent rows; the error is proportional to 1 / √units.
unit_variance: the variance of one unit, 0 if unknown.
freedom: degrees of freedom of this variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import NamedTuple, TypeAlias

import numpy as np

from spark_model_monitor.documents.check_results import FISHER, STUDENT
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.drift.special_functions import (
    hypergeometric_tail,
    normal_quantile,
    student_quantile,
    student_survival,
)
from spark_model_monitor.statistics.states.moments import ROUNDING
from spark_model_monitor.statistics.verdicts.multiple_testing import POWER
from spark_model_monitor.value_class import value_class

IncludedBlocks = Flags  # shape (…, blocks): which blocks of rows a statistic includes
Statistic = Callable[[IncludedBlocks], Doubles]  # takes shape (choices, blocks), returns one number for each choice

CONFIDENCE = 0.95  # of each interval in metrics.json by itself


class Side(Enum):
    """Which end of an interval is meant, or which direction of a change."""

    LOW = -1
    HIGH = 1


class TestOfChange(NamedTuple):
    """The result of a test. statistic: the window's count, or Student's t; None if there is no change, or no error. p:
    one-sided.
    """

    name: str
    statistic: float | None
    p: float


def compare_estimates(baseline: Estimate, window: Estimate, direction: Side) -> TestOfChange:
    """The one-sided test of a window's value against the baseline's, in one direction.

    For plain shares it is Fisher's exact test. For all others it is a t-test with the larger of both variances: a few rows
    without rare large errors contain no information on such errors, and a window with one shows how uncertain the mean is.
    Source: D4.12.
    """
    less_certain = max(baseline, window, key=lambda estimate: estimate.unit_variance)
    freedom = less_certain.freedom
    if isinstance(baseline, FractionEstimate) and isinstance(window, FractionEstimate):
        # For counts of rows, Fisher's exact test needs no variance
        if baseline.is_count or not less_certain.unit_variance:
            count, rows = window.count_beyond(direction)
            p_value = hypergeometric_tail(*baseline.count_beyond(direction), count, rows)
            blocks = min(baseline.blocks, window.blocks)
            # With few blocks the design effect is uncertain, so the normal score is compared with Student's t
            if math.isinf(blocks) or not 0 < p_value < 0.5:
                return TestOfChange(FISHER, float(count), p_value)
            score = -normal_quantile(p_value)
            if blocks > 1:
                p_value = student_survival(score, blocks - 1)
            else:
                p_value = 1.0
            return TestOfChange(STUDENT, score, p_value)
        freedom = min(baseline.freedom, window.freedom)
    # Positive if the window's value is on the tested side
    difference = direction.value * (window.value - baseline.value)
    rounding = ROUNDING * max(abs(baseline.value), abs(window.value))
    if difference <= rounding or freedom <= 0:
        return TestOfChange(STUDENT, None, 1.0)
    error = math.sqrt(less_certain.unit_variance * (1 / baseline.units + 1 / window.units))
    # Without variance, every difference is certain
    if not error:
        return TestOfChange(STUDENT, None, 0.0)
    score = difference / error
    return TestOfChange(STUDENT, score, student_survival(score, freedom))


def smallest_change(baseline: Estimate, window: Estimate, direction: Side, level: float) -> float:
    """The smallest change in this direction that such windows detect with 90 % power; infinite if unknown."""
    interval = confidence_interval(window)
    # Without an interval or a sample size, nothing is known about the power
    if interval is None or not baseline.units_of_limit:
        return math.inf
    critical_value = baseline.limit(direction, level, window.units_of_limit / baseline.units_of_limit)
    if critical_value is None:
        return math.inf
    # Half of a 95 % interval is 1.96 standard errors
    error = (interval[1] - interval[0]) / 2 / -normal_quantile((1 - CONFIDENCE) / 2)
    return abs(critical_value - baseline.value) + POWER * error


def confidence_interval(estimate: Estimate) -> tuple[float, float] | None:
    """Both ends of the 95 % interval; None if it can't be computed."""
    low, high = (estimate.end(direction, (1 - CONFIDENCE) / 2) for direction in Side)
    if low is None or high is None:
        return None
    return low, high


@value_class
class FractionEstimate:
    """A metric from 0 to 1.

    trials: number of independent trials for which a share is as uncertain; for a plain share its denominator, else
        value·(1 - value) / variance.
    units: as in the module's docstring; 0 for a plain share.
    blocks: number of blocks from which the design effect was estimated.
    """

    value: float
    n: int
    trials: float
    method: str = "Wilson"
    bound: float | None = None
    units: float = 0.0
    blocks: float = math.inf

    @classmethod
    def from_count(cls, hits: float, rows: float, *, without_rows: float = math.nan) -> FractionEstimate:
        """A share of rows. without_rows: the value if there are no rows."""
        value = hits / rows if rows else without_rows
        return cls(value, int(rows), rows)

    @classmethod
    def from_variance(
        cls,
        value: float,
        variance: float,
        n: int,
        *,
        method: str,
        fallback: float,
        bound: float | None = None,
        units: float | None = None,
    ) -> FractionEstimate:
        """A metric with a known variance. fallback: the number of trials if value or variance don't determine it, and the
        units unless they are given."""
        trials = fallback
        # The number of trials for which a share with this value has this variance
        if 0 < value < 1 and variance > 0:
            trials = min(value * (1 - value) / variance, n)
        if units is None:
            units = fallback
        return cls(value, n, trials, method, bound, units)

    @property
    def units_of_limit(self) -> float:
        """The units of which `limit` assumes `growth` times as many."""
        return self.trials

    @property
    def is_count(self) -> bool:
        """Whether it is a plain share of its rows."""
        return self.trials == self.n and not self.units

    @property
    def variance(self) -> float:
        if self.trials:
            return self.value * (1 - self.value) / self.trials
        return 0.0

    @property
    def unit_variance(self) -> float:
        return self.variance * self.units

    @property
    def freedom(self) -> float:
        return min(self.units, self.blocks) - 1

    def count_beyond(self, direction: Side) -> tuple[int, int]:
        """Hits and denominator, in rows or units: for HIGH of the value, for LOW of 1 - value."""
        denominator = self.n if self.is_count else int(self.units)
        # The rows that aren't hits are on the low side
        share = self.value if direction is Side.HIGH else 1 - self.value
        return round(share * denominator), denominator

    def reduce_to_groups(self, rows: float, blocks: float = math.inf) -> FractionEstimate:
        """The same estimate with a design effect: this many rows count as one. blocks: number of blocks from which it was
        estimated.
        """
        reduced = replace(self, blocks=min(blocks, self.blocks))
        if rows == 1:
            return reduced
        n = int(self.n / rows)
        trials = float(n) if self.is_count else self.trials / rows
        return replace(reduced, n=n, trials=trials, units=self.units / rows)

    def end(self, direction: Side, level: float) -> float | None:
        """An end of Wilson's score interval. Source: Wilson 1927, "Probable inference, the law of succession, and
        statistical inference".
        """
        value = self.value
        if math.isnan(value) or not self.trials > 0:  # there are no trials if the metric is undefined in all draws
            return None
        # At the end of the scale, the interval ends there, too
        if value == (1.0 if direction is Side.HIGH else 0.0):
            return value
        z = -normal_quantile(level)
        spread = z * z / self.trials
        middle = (value + spread / 2) / (1 + spread)
        half_width = math.sqrt(max(value * (1 - value), 0.0) * spread + spread * spread / 4) / (1 + spread)
        return min(max(middle + direction.value * half_width, 0.0), 1.0)

    def limit(self, direction: Side, level: float, growth: float) -> float | None:
        """The value t of the other rows at which a score test of equal shares has this level.

        Solves (value - t)² = z²·p(1 - p)·(1/n + 1/m) with the pooled p = (n·value + m·t)/(n + m); n and m are the trials.
        Source: Krishnamoorthy and Peng 2011, "Improved closed-form prediction intervals for binomial and Poisson
        distributions", on joint sampling.
        """
        value = self.value
        if math.isnan(value) or not self.trials > 0:  # there are no trials if the metric is undefined in all draws
            return None
        z = -normal_quantile(level)
        n = self.trials
        m = self.trials * growth
        spread = z * z * (n + m) / (n * m)
        baseline_part = n * value / (n + m)
        window_weight = m / (n + m)
        square = 1 + spread * window_weight * window_weight
        linear = 2 * value + spread * window_weight * (1 - 2 * baseline_part)
        constant = value**2 - spread * baseline_part * (1 - baseline_part)
        root = math.sqrt(max(linear**2 - 4 * square * constant, 0.0))
        share = min(max((linear + direction.value * root) / (2 * square), 0.0), 1.0)
        # Rounding could move it slightly to the other side of the value
        if direction is Side.LOW:
            return min(share, value)
        return max(share, value)


class Scale(Enum):
    """The scale on which the errors of an estimate are symmetric. COMPLEMENT: the logarithm of 1 - value."""

    LINEAR = "linear"
    LOG = "logarithm"
    COMPLEMENT = "logarithm of the complement"


@value_class
class JackknifeEstimate:
    """A metric computed from blocks of rows.

    standard_error: NaN for fewer than two blocks. freedom: degrees of freedom of the standard error, at most the number
    of blocks minus 1.
    """

    value: float
    n: int
    standard_error: float
    freedom: float
    scale: Scale = Scale.LINEAR
    method: str = "jackknife"
    bound: float | None = None

    @property
    def units(self) -> float:
        return self.n

    @property
    def units_of_limit(self) -> float:
        return self.n

    def reduce_to_groups(self, rows: float, _: float = math.inf) -> JackknifeEstimate:
        """The same estimate with a design effect: this many rows count as one."""
        return replace(self, standard_error=self.standard_error * math.sqrt(rows))

    @property
    def unit_variance(self) -> float:
        if math.isfinite(self.standard_error):
            return self.standard_error**2 * self.n
        return 0.0

    def end(self, direction: Side, level: float) -> float | None:
        return self._compute_end(direction, level, self.standard_error)

    def limit(self, direction: Side, level: float, growth: float) -> float | None:
        return self._compute_end(direction, level, self.standard_error * math.sqrt(1 + 1 / growth))

    def _compute_end(self, direction: Side, level: float, error: float) -> float | None:
        value = self.value
        if not (math.isfinite(value) and math.isfinite(error)):
            return None
        if not error:
            return value
        # The quantile of Student's t for this level and these degrees of freedom
        distance = direction.value * -student_quantile(self.freedom, level) * error
        end = value + distance
        # A value that is closer to the end of its scale than its error has a linear interval that is cut there
        if self.scale is Scale.LOG:
            if value > error:
                end = _move_on_log_scale(value, distance)
            end = max(end, 0.0)
        elif self.scale is Scale.COMPLEMENT:
            if 1 - value > error:
                end = 1 - _move_on_log_scale(1 - value, -distance)
            end = min(end, 1.0)
        # The result may overflow or underflow a double
        return end if math.isfinite(end) else None


def _move_on_log_scale(value: float, distance: float) -> float:
    """A positive value that is moved by a distance whose size is measured at this value."""
    exponent = math.log(value) + distance * (1 / value)
    return math.exp(min(exponent, 700.0))  # exp() of more overflows a double


Estimate: TypeAlias = FractionEstimate | JackknifeEstimate


VARIANCE_RATIO = 5.0
"""The variance of a metric as a multiple of its squared `standard_deviation`. A sample of 80 % of the rows without
replacement has a quarter of the variance, and the mean square of five samples around their own mean is four fifths of
that."""


def estimate_from_deviation(
    window: Estimate, value: float, standard_deviation: float, growth: float
) -> FractionEstimate | JackknifeEstimate:
    """The estimate of a baseline without states, from a metric's value and `standard_deviation` in its file.

    growth: the baseline's number of rows divided by the window's. The baseline's rows are assumed to vary like the window's,
        or more if the deviation, which comes from five samples of 80 % of the rows (C5.1), is larger.
    """
    variance = VARIANCE_RATIO * standard_deviation**2
    n = round(window.n * growth)
    if isinstance(window, JackknifeEstimate):
        error = max(window.standard_error / math.sqrt(growth), math.sqrt(variance))
        return replace(window, value=value, n=n, standard_error=error)
    # In a plain share, each row is a trial; otherwise the number of trials grows in proportion to the rows
    trials = float(n) if window.is_count else window.trials * growth
    similar_window = replace(window, value=value, n=n, trials=trials, units=window.units * growth)
    # If the deviation is larger than that of independent rows, the ratio of the variances is a design effect
    design_effect = 1.0
    if similar_window.variance:
        design_effect = max(variance / similar_window.variance, 1.0)
    return similar_window.reduce_to_groups(design_effect)


def jackknife(
    statistic: Statistic, rows: Doubles, included: IncludedBlocks | None = None, scale: Scale = Scale.LINEAR
) -> JackknifeEstimate:
    """The delete-a-block jackknife: a statistic of blocks of rows, with its standard error from leaving out each block in
    turn.

    rows: number of rows in each block; empty blocks don't count. included: the blocks that the statistic includes; None: all.
        If a few blocks make most of the error, as with rare large values, the error is uncertain and has fewer degrees of
        freedom.
    Source: Kott 2001, "The delete-a-group jackknife"; Satterthwaite 1946, with Var(s²)/s⁴ = 2/(g - 1) + excess kurtosis/g.
    """
    if included is None:
        included = np.ones(len(rows), dtype=bool)
    blocks = np.flatnonzero(included & (rows > 0))
    groups = len(blocks)
    total_rows = int(rows[included].sum())
    # The error comes from differences between blocks, so there must be at least two
    if groups < 2:
        blocks = blocks[:0]
    choices = np.tile(included, (len(blocks) + 1, 1))  # first all blocks, then all without each block in turn
    choices[np.arange(1, len(blocks) + 1), blocks] = False
    with np.errstate(all="ignore"):  # undefined values become NaN, and sums of huge values become infinite
        value, *values_without_block = statistic(choices).tolist()
        if groups < 2:
            return JackknifeEstimate(value, total_rows, math.nan, 0, scale)
        squares = (np.array(values_without_block) - np.mean(values_without_block)) ** 2
        error = float(np.sqrt((groups - 1) / groups * squares.sum()))
        kurtosis = 0.0
        if error:
            kurtosis = float(np.mean(squares * squares) / np.mean(squares) ** 2) - 3
    # Satterthwaite's degrees of freedom: if a few blocks contribute most, the error itself is uncertain
    freedom = 2 / (2 / (groups - 1) + max(kurtosis, 0.0) / groups)
    return JackknifeEstimate(value, total_rows, error, freedom, scale)


def jackknife_quotient(
    numerators: Doubles,
    denominators: Doubles,
    *,
    rows: Doubles | None = None,
    included: IncludedBlocks | None = None,
    scale: Scale = Scale.LOG,
) -> JackknifeEstimate:
    """The jackknife of the quotient of two sums over blocks; NaN if the divisor is 0. rows: `denominators` if None. included: all
    blocks if None.
    """

    def statistic(choices: IncludedBlocks) -> Doubles:
        return sum_blocks(choices, numerators) / sum_blocks(choices, denominators)

    if rows is None:
        rows = denominators
    return jackknife(statistic, rows, included, scale)


def sum_blocks(included: IncludedBlocks, sums: Doubles) -> Doubles:
    """The sum over the blocks of each choice. included: shape (choices, blocks). sums: shape (…, blocks). Returns shape
    (…, choices).
    """
    total: Doubles = np.where(included, sums[..., np.newaxis, :], 0.0).sum(axis=-1)
    return total


# How many times as many rows a window needs to detect a change


STEP = math.sqrt(2)  # factor between two sizes that are tried
MAX_STEPS = 20  # the largest size is about a thousand times the rows


def compute_growth(baseline: Estimate, window: Estimate, worse: Side, level: float, change: float) -> float | None:
    """How many times as many rows are needed to detect a change of this size; None if a thousand times aren't enough.

    Additional rows are assumed to vary like the window's rows.
    """
    growth = 1.0
    for _ in range(MAX_STEPS):
        growth *= STEP
        n = round(window.n * growth)
        if isinstance(window, JackknifeEstimate):
            larger_window: Estimate = replace(window, n=n, standard_error=window.standard_error / math.sqrt(growth))
        else:
            larger_window = replace(window, n=n, trials=window.trials * growth, units=window.units * growth)
        if smallest_change(baseline, larger_window, worse, level) <= change:
            return growth
    return None
