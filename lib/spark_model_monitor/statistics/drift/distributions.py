"""The input of a comparison of one feature, never rows: a numeric distribution from a sketch, or counts by category.

A distance takes both sides in one of three forms: `StepCdf` (the sketch itself), or counts over the same cells, from
`align_categories` or `histograms`. Pure numpy, driver only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.statistics.states import KllSketch, Moments
from spark_model_monitor.statistics.states.kll import find_last_equals
from spark_model_monitor.value_class import value_class

Counts: TypeAlias = Doubles  # shape (cells,), not negative, any total
Levels: TypeAlias = Sequence[Doubles] | Sequence[Sequence[float]]  # finite items; those of level h stand for 2^h values
CategoryCounts: TypeAlias = Mapping[str, int]  # by value; null is not a value


MAX_DECIMALS = 6  # numbers with more decimals count as having no fixed number of decimals
SINGLE = 0  # stands for the precision of 32 bits
DIGITS_OF_SINGLE = 7  # digits that tell most 32-bit numbers from whole numbers and decimals
MAX_DIGITS = 15  # digits that every double keeps
DIGITS_OF_PRECISIONS = (6, 7, SINGLE, *range(8, MAX_DIGITS + 1))  # those of C's %g and %e, of 32 bits, up to doubles
MAX_FEWER_DIGITS_SHARE = 0.5  # of numbers with fewer digits than a precision: a tenth end in 0 by chance
MAX_LOST_DIGITS_P = 1e-9  # p-value of lost digits; so small because many columns and precisions are tried
MAX_ROUNDING = 1e-3  # largest relative change of a number by rounding
SAMPLED_NUMBERS = 32  # numbers that show whether all may have a precision


class EmptyDistribution(MonitorError):
    """One side of a comparison has no values, so there is no distance."""


@value_class(slots=False, eq=False)
class Pooled:
    """Two samples over the values of both, neither empty.

    values: distinct, ascending.
    before, after: each sample's cumulative counts.
    gaps: the gap between the two cumulative distributions at each value; they change nowhere else.
    largest_gap: the largest of these.
    """

    values: Doubles
    before: Integers
    after: Integers
    gaps: Doubles
    largest_gap: float

    @cached_property
    def counts(self) -> Counts:
        """How often each side has each value, shape (2, values)."""
        counts: Counts = np.diff(np.array([self.before, self.after]), prepend=0).astype(float)
        return counts


def compute_rank_scores(ranks: Doubles) -> dict[str, Doubles]:
    """Scores of location and spread. ranks: the share of values below each, from 0 to 1.

    Bounded approximations of normal scores and their squares, with 99.6 and 96.5 % of their power for normal values.
    Source: D4.1; van der Waerden 1952, "Order tests for the two-sample problem"; Klotz 1962, "Nonparametric tests for scale".
    """
    centred = 2 * ranks - 1
    squares = centred * centred
    outer = centred * squares * squares * squares  # ** 7 takes twenty times as long
    return {"location": centred + 0.9 * outer, "spread": squares + 2.64 * outer * outer}


def count_decimals(values: Doubles) -> int:
    """How many decimals the numbers have; `MAX_DECIMALS` if they have more."""
    finite = values[np.isfinite(values)]
    # In most columns a few values rule out all decimals
    parts = (finite[:SAMPLED_NUMBERS], finite)
    for decimals in range(MAX_DECIMALS):
        if all(_are_on_grid(numbers, decimals).all() for numbers in parts):
            return decimals
    return MAX_DECIMALS


def find_digits(values: Doubles, decimals: int) -> Flags:
    """Whether each number's last digit of so many decimals is even, and whether it is 0; numbers with more have neither."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * 10.0**decimals
        # Half of an even number is whole, and a tenth of one that ends in 0
        quotients = np.rint(scaled) / np.array([[2.0], [10.0]])
    is_digit: Flags = _are_on_grid(values, decimals) & (quotients == np.rint(quotients))
    return is_digit


def _are_on_grid(values: Doubles, decimals: int) -> Flags:
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * 10.0**decimals
        tolerance = np.clip(1e-9 * np.abs(scaled), 1e-9, 1e-3)  # the rounding error of sums
        are_close: Flags = np.abs(scaled - np.rint(scaled)) <= tolerance
    return are_close


@value_class(slots=False, eq=False)
class StepCdf:
    """The number of values at or below each value of a sketch.

    values: distinct, ascending; may include -inf and inf. cumulative: the counts; the last is the number of all values.
    exact_deviation: population standard deviation of the data, if known; see `deviation`.

    Source: D1a.
    """

    values: Doubles
    cumulative: Integers
    exact_deviation: float | None = None

    @property
    def total(self) -> int:
        """Number of values, infinite ones included."""
        if len(self.cumulative):
            return int(self.cumulative[-1])
        return 0

    @property
    def deviation(self) -> float:
        """Population standard deviation of the finite values: `exact_deviation` if known, else the sketch's."""
        if self.exact_deviation is not None:
            return self.exact_deviation
        return self.drop_infinite().compute_mean_and_deviation()[1]

    @cached_property
    def counts(self) -> Integers:
        """The number of values equal to each value."""
        return np.diff(self.cumulative, prepend=0)

    def compute_mean_and_deviation(self) -> tuple[float, float]:
        """The mean of finite values, and their population standard deviation; infinite if they are huge, as in Moments."""
        # Squares of huge values are infinite
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float(np.average(self.values, weights=self.counts))
            variance = float(np.average((self.values - mean) ** 2, weights=self.counts))
        return mean, math.sqrt(variance)

    def count_outside(self, low: float, high: float) -> int:
        """The number of values below a low end or above a high one."""
        return int(self.counts[(self.values < low) | (self.values > high)].sum())

    def select(self, is_chosen: Flags) -> StepCdf:
        """The distribution of some of its values."""
        return replace(self, values=self.values[is_chosen], cumulative=np.cumsum(self.counts[is_chosen]))

    def shares_at(self, points: Doubles) -> Doubles:
        """Share of the values at or below each of `points`, that is F(x)."""
        shares: Doubles = self.ranks_at(points) / self.total
        return shares

    def pool_with(self, before: StepCdf) -> Pooled:
        """Both samples, pooled; neither may be empty. The first call merges them, for all tests and distances of the two."""
        if before not in self._pooled_samples:
            ordered = np.concatenate((before.values, self.values))
            ordered.sort(kind="stable")  # merges two sorted arrays
            values = ordered[find_last_equals(ordered)]
            # The largest gap lies at one of the values
            ranks_before = before.ranks_at(values)
            ranks = self.ranks_at(values)
            gaps = np.abs(ranks_before / before.total - ranks / self.total)
            self._pooled_samples[before] = Pooled(values, ranks_before, ranks, gaps, float(gaps.max()))
        return self._pooled_samples[before]

    @cached_property
    def decimals(self) -> int:
        """How many decimals its values have."""
        return count_decimals(self.values)

    @cached_property
    def precisions(self) -> frozenset[int]:
        """The precisions of `DIGITS_OF_PRECISIONS` that all values have. In most columns a few values rule out all of them."""
        sampled_values = self.values[:: max(1, len(self.values) // SAMPLED_NUMBERS)]
        if any(float(f"{value:.{MAX_DIGITS - 1}e}") != value for value in sampled_values.tolist()):
            return frozenset()
        candidates = [digits for digits in DIGITS_OF_PRECISIONS if _find_rounded(sampled_values, digits).all()]
        return frozenset(digits for digits in candidates if _find_rounded(self.values, digits).all())

    @cached_property
    def are_singles(self) -> bool:
        """Whether all its values are numbers of 32 bits."""
        with np.errstate(over="ignore"):
            return bool((self.values.astype(np.float32) == self.values).all())

    def count_digits(self, decimals: int, *, is_exact: bool) -> tuple[Counts, float]:
        """How many values have an even last digit, and a last digit of 0, at so many decimals; and of how many values.

        Only values with no more decimals count, except at `MAX_DECIMALS`. Counts of a sketch are scaled to the items it keeps.
        """
        weights = self.counts.astype(float)
        counts = find_digits(self.values, decimals) @ weights
        rows = float(self.total)
        if decimals < MAX_DECIMALS:
            rows = float(weights @ _are_on_grid(self.values, decimals))
        if is_exact:
            return counts, rows
        scale = len(self.values) / self.total
        return np.rint(counts * scale), float(np.rint(rows * scale))

    @cached_property
    def _pooled_samples(self) -> dict[StepCdf, Pooled]:
        """This sample pooled with each one that it was compared with."""
        return {}

    def with_leading_zero(self) -> Integers:
        """Cumulative counts for none of the smallest distinct values, the smallest, the two smallest, …"""
        return np.concatenate(([0], self.cumulative))

    def ranks_at(self, points: Doubles) -> Integers:
        """Number of values at or below each of `points`."""
        ranks: Integers = self.with_leading_zero()[np.searchsorted(self.values, points, side="right")]
        return ranks

    def counts_at(self, points: Doubles) -> Counts:
        """Number of values equal to each of `points`."""
        ranks_before = self.with_leading_zero()[np.searchsorted(self.values, points, side="left")]
        return (self.ranks_at(points) - ranks_before).astype(float)

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The smallest values with at least these shares of all at or below them. There must be values."""
        positions = np.searchsorted(self.cumulative, np.array(shares) * self.total, side="left")
        return [float(value) for value in self.values[np.minimum(positions, len(self.values) - 1)]]

    def drop_infinite(self) -> StepCdf:
        """The distribution without infinite values."""
        is_finite = np.isfinite(self.values)
        if is_finite.all():
            return self
        return self.select(is_finite)


@value_class(slots=False, eq=False)
class NumericDistribution:
    """A numeric feature: the items of its sketch, and exact numbers.

    levels: items of weight 1, 2, 4, …, as in KllSketch and in the sketch of statistics.json. negative_infinite,
    positive_infinite: counts, as sketches don't hold them. minimum, maximum, deviation (population): of the finite
    values; None if unknown, the sketch's are then used. known: the sketch itself, if available.
    """

    levels: Levels
    negative_infinite: int = 0
    positive_infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None
    known: KllSketch | None = None

    @property
    def total(self) -> int:
        """Number of values, infinite ones included."""
        return self.cdf.total

    @property
    def error(self) -> float:
        """The error bound of the sketch's shares; see `KllSketch.error`."""
        return self.sketch.error

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value, which the sketch may have dropped. There must be values."""
        low, high = self.cdf.values[[0, -1]].tolist()
        return (
            low if self.minimum is None else min(low, self.minimum),
            high if self.maximum is None else max(high, self.maximum),
        )

    @classmethod
    def of(cls, sketch: KllSketch, moments: Moments) -> NumericDistribution:
        """The distribution in a scan's states. NaN counts as null and is left out (D2)."""
        infinite = moments.negative_infinite, moments.positive_infinite
        if not moments.count:
            return cls(sketch.levels, *infinite, known=sketch)
        measured = moments.minimum, moments.maximum, moments.standard_deviation
        return cls(sketch.levels, *infinite, *measured, sketch)

    @cached_property
    def cdf(self) -> StepCdf:
        """The sketch with the weights of equal items added up, and infinities at its ends."""
        values, cumulative = self.sketch.step_cdf()
        if self.negative_infinite or self.positive_infinite:
            weights = np.diff(cumulative, prepend=0)
            counts = np.concatenate(([self.negative_infinite], weights, [self.positive_infinite]))
            present = counts > 0
            values = np.concatenate(([-math.inf], values, [math.inf]))[present]
            cumulative = np.cumsum(counts[present])
        return StepCdf(values, cumulative, self.deviation)

    def round_to(self, digits: int) -> NumericDistribution:
        """The same numbers in another precision."""
        levels = tuple(round_to_precision(level, digits) for level in self.sketch.levels)
        return replace(self, levels=levels, known=replace(self.sketch, levels=levels))

    @cached_property
    def sketch(self) -> KllSketch:
        if self.known is not None:
            return self.known
        levels = tuple(np.asarray(level, dtype=np.float64) for level in self.levels)
        return KllSketch(levels=levels or KllSketch().levels)


def align_precision(
    before: NumericDistribution, now: NumericDistribution
) -> tuple[NumericDistribution, NumericDistribution]:
    """Both distributions in the precision of the coarser one, so that 9.99 and 9.989999771118164 are one number.

    That is 32 bits, or a number of digits if the other side's numbers have no fixed number of decimals, or the digits without
    rounding errors. Whole numbers stay as they are, since ids may have more digits.
    """
    distributions = (before, now)
    cdfs = [distribution.cdf.drop_infinite() for distribution in distributions]
    # Sums and products of decimals have rounding errors, as 19.990000000000002 has beside 19.99
    have_errors = [0 < cdf.decimals < MAX_DECIMALS and MAX_DIGITS not in cdf.precisions for cdf in cdfs]
    if have_errors == [True, False]:
        return before.round_to(MAX_DIGITS), now
    if have_errors == [False, True]:
        return before, now.round_to(MAX_DIGITS)
    # Most columns have all digits of a double, and so no coarser precision
    has_precision = any(cdf.precisions or cdf.are_singles for cdf in cdfs)
    if not has_precision or all((cdf.values == np.rint(cdf.values)).all() for cdf in cdfs):
        return distributions
    for digits in DIGITS_OF_PRECISIONS:
        # The first precision that all numbers of one distribution have
        have_digits = [digits in cdf.precisions for cdf in cdfs]
        are_singles = [digits == SINGLE and cdf.are_singles for cdf in cdfs]
        if all(have_digits) or all(are_singles):  # both have their exact values
            return distributions
        are_coarse = np.logical_or(have_digits, are_singles).tolist()
        if all(are_coarse) or (
            any(are_coarse) and _has_lost_digits(cdfs[are_coarse.index(True)], cdfs[are_coarse.index(False)], digits)
        ):
            return before.round_to(digits), now.round_to(digits)
    return distributions


def _has_lost_digits(coarse: StepCdf, fine: StepCdf, digits: int) -> bool:
    """Whether the numbers of a coarse distribution lost digits that those of a fine one have.

    Most coarse numbers have so many digits, not fewer, as numbers rounded to some decimals may have; and the fine numbers have
    all digits of a double. Model: rows are exchangeable. Distinct numbers are exchangeable, too, since rows with the same number
    may belong together; that is not tested if both sides have the same numbers apart from the rounding.
    Source: Fisher 1935, "The logic of inductive inference".
    """
    have_fewer = _find_rounded(coarse.values, (digits or DIGITS_OF_SINGLE) - 1)
    has_all_digits = fine.decimals == MAX_DECIMALS or not _find_rounded(fine.values, MAX_DIGITS).all()
    if have_fewer.sum() > MAX_FEWER_DIGITS_SHARE * len(coarse.values) or not has_all_digits:
        return False
    rounded = round_to_precision(fine.values, digits)
    is_coarse = rounded == fine.values
    if is_coarse.all():
        return False
    p = hypergeometric_tail(int(fine.counts[is_coarse].sum()), fine.total, coarse.total, coarse.total)
    if np.isin(rounded[~is_coarse], round_to_precision(coarse.values, digits)).mean() <= MAX_FEWER_DIGITS_SHARE:
        num_coarse = len(coarse.values)
        p = max(p, hypergeometric_tail(int(is_coarse.sum()), len(fine.values), num_coarse, num_coarse))
    return p <= MAX_LOST_DIGITS_P


def _find_rounded(values: Doubles, digits: int) -> Flags:
    """Which numbers rounding leaves as they are."""
    are_equal: Flags = round_to_precision(values, digits) == values
    return are_equal


def round_to_precision(values: Doubles, digits: int) -> Doubles:
    """Each number rounded to so many digits, or to 32 bits in the fewest digits that show it; unchanged if it would move far."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if digits == SINGLE:
            singles = pa.array(values.astype(np.float32))
            rounded = pc.cast(pc.cast(singles, pa.string()), pa.float64()).to_numpy()
        else:
            decimals = digits - 1 - np.floor(np.log10(np.abs(values)))
            powers = 10.0 ** np.abs(decimals)
            rounded = np.where(decimals >= 0, np.rint(values * powers) / powers, np.rint(values / powers) * powers)
        # Zero has no digits, and 32 bits can't hold numbers beyond 3.4e38
        is_near = np.abs(rounded - values) <= MAX_ROUNDING * np.abs(values)
    numbers: Doubles = np.where(is_near, rounded, values)
    return numbers


def require_values(baseline_total: float, current_total: float, noun: str = "values") -> None:
    """Raise EmptyDistribution if a side has no values. noun: for the values that were counted."""
    for total, data_set in ((baseline_total, "baseline"), (current_total, "current data")):
        if not total > 0:
            raise EmptyDistribution(
                f"the {data_set} has no {noun} to compare; a distance takes at least one on each side"
            )


def align_categories(baseline: CategoryCounts, current: CategoryCounts) -> tuple[Counts, Counts]:
    """The counts of each side over the categories of both, ordered by name; 0 if a side lacks a category."""
    names = sorted(baseline.keys() | current.keys())
    return _count_categories(names, baseline), _count_categories(names, current)


def _count_categories(names: Sequence[str], counts: CategoryCounts) -> Counts:
    return np.array([counts.get(name, 0) for name in names], dtype=np.float64)
