"""Moments of a numeric feature: the count, sum, mean, spread and range of its values.

A sum of doubles depends on the order of addition, so the order is fixed. `sum` adds value by value in arrival order, as
the service does. Mean and spread are computed in blocks of 4,096 finite values, whatever the sizes of the calls.
`MomentsBuilder` takes values on executors; `Moments` is the finished state. Pure numpy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.encoding import State, register_state
from spark_model_monitor.value_class import value_class

Values: TypeAlias = Doubles  # shape (values,)

BLOCK_VALUES = 4096  # P1
MAX_SQUARABLE = 1e140  # the sum of squares of a block of smaller numbers doesn't overflow
ROUNDING = float(np.finfo(np.float32).eps)
"""Two means whose relative difference is at most this may be equal: numbers may have been stored with 24 bits, and a sum of
doubles depends on the number of rows and on how they are split."""


@register_state
@value_class(eq=False)
class Moments(State):
    """Counts and moments of one feature's values.

    count: number of finite values.
    missing: number of nulls.
    nan, positive_infinite, negative_infinite: number of NaNs and of infinities of each sign.
    sum, minimum, maximum: of the finite values.
    mean, m2: mean of the finite values and sum of squared deviations from it, both updated value by value or block by block
        (as in Deequ's StandardDeviationState). Documents show `average` instead of this mean. mean, minimum and maximum
        are NaN if there is no finite value.
    """

    KIND = "moments"

    count: int = 0
    missing: int = 0
    nan: int = 0
    positive_infinite: int = 0
    negative_infinite: int = 0
    sum: float = 0.0
    mean: float = math.nan
    m2: float = 0.0
    minimum: float = math.nan
    maximum: float = math.nan

    @property
    def present(self) -> int:
        """The number of values that are neither null nor NaN."""
        return self.count + self.positive_infinite + self.negative_infinite

    @property
    def absent(self) -> int:
        """The number of nulls and NaNs; NaN counts as missing (D2f)."""
        return self.missing + self.nan

    @property
    def average(self) -> float:
        """sum / count, the mean that the service prints; NaN if there is no finite value. Source: C4.1."""
        if self.count:
            return self.sum / self.count
        return math.nan

    @property
    def standard_deviation(self) -> float:
        """Population standard deviation, divided by n; NaN if there is no finite value. Source: G3."""
        if self.count:
            return math.sqrt(self.m2 / self.count)
        return math.nan

    def __add__(self, addend: Moments) -> Moments:
        """Exact for counts, minimum and maximum; sum, mean and m2 depend on the order of addition, up to rounding."""
        count, total, mean, m2 = _merge_totals(
            (self.count, self.sum, self.mean, self.m2), (addend.count, addend.sum, addend.mean, addend.m2)
        )
        return Moments(
            *(count, self.missing + addend.missing, self.nan + addend.nan),
            self.positive_infinite + addend.positive_infinite,
            self.negative_infinite + addend.negative_infinite,
            *(total, mean, m2),
            *_join_ranges((self.minimum, self.maximum), (addend.minimum, addend.maximum)),
        )

    def is_consistent(self) -> bool:
        # m2 is NaN if sums overflowed
        return not self.m2 < 0 and (not self.count or -math.inf < self.minimum <= self.maximum < math.inf)


class ValueBlocks:
    """Splits values in arrival order into blocks of equal size, whatever the sizes of the calls."""

    def __init__(self) -> None:
        self._pending: Values = np.empty(BLOCK_VALUES)
        self._size = 0

    def split_values(self, values: Values) -> Iterator[Values]:
        """Yield every block that these values complete. A block may be overwritten when the next one is requested."""
        position = 0
        total = len(values)
        while position < total:
            if not self._size and total - position >= BLOCK_VALUES:
                yield values[position : position + BLOCK_VALUES]
                position += BLOCK_VALUES
                continue
            added = min(BLOCK_VALUES - self._size, total - position)
            filled = self._size + added
            self._pending[self._size : filled] = values[position : position + added]
            self._size = filled % BLOCK_VALUES
            position += added
            if filled == BLOCK_VALUES:
                yield self._pending

    @property
    def remainder(self) -> Values:
        """The values after the last complete block."""
        return self._pending[: self._size]


class MomentsBuilder:
    """Computes moments block by block. The result does not depend on how the values are split into calls.

    value_by_value: update the mean and the squared deviations with each value, as Spark and therefore the service does. The
        last digits then equal the service's, but this takes several times as long.
    """

    def __init__(self, *, value_by_value: bool = False) -> None:
        self._add_block = _add_each_value if value_by_value else _add_block
        self._missing = self._nan = self._positive_infinite = self._negative_infinite = 0
        self._range = (math.nan, math.nan)
        self._totals: _Totals = (0, 0.0, math.nan, 0.0)
        self._blocks = ValueBlocks()

    def update(self, values: Values, missing: int = 0) -> Values:
        """Take values in arrival order, including NaN and infinities, and count `missing` nulls.

        Returns the finite values in order; the array itself if all are finite.
        """
        self._missing += missing
        if not len(values):
            return values
        low = float(values.min())
        high = float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # numpy's minimum is NaN if any value is NaN
            values = self._drop_not_finite(values)
            if not len(values):
                return values
            low = float(values.min())
            high = float(values.max())
        self._range = _join_ranges(self._range, (low, high))
        with self._allow_overflow():
            for block in self._blocks.split_values(values):
                self._totals = self._add_block(self._totals, block)
        return values

    def _allow_overflow(self) -> AbstractContextManager[None]:
        """A context in which sums of huge values become infinite without a warning, as in the JVM."""
        low, high = self._range
        if low > -MAX_SQUARABLE and high < MAX_SQUARABLE:
            return nullcontext()
        return np.errstate(over="ignore", invalid="ignore")

    def count_absent(self, *, missing: int, nan: int) -> None:
        """Add to the counts of nulls and NaNs without taking values."""
        self._missing += missing
        self._nan += nan

    def state(self) -> Moments:
        """The moments of all values so far."""
        with self._allow_overflow():
            count, total, mean, m2 = self._add_block(self._totals, self._blocks.remainder)
        counts = (count, self._missing, self._nan, self._positive_infinite, self._negative_infinite)
        return Moments(*counts, total, mean, m2, *self._range)

    def _drop_not_finite(self, values: Values) -> Values:
        is_finite = np.isfinite(values)
        not_finite = values[~is_finite]
        nan = int(np.isnan(not_finite).sum())
        positive = int((not_finite > 0).sum())
        self._nan += nan
        self._positive_infinite += positive
        self._negative_infinite += len(not_finite) - nan - positive
        finite_values: Values = values[is_finite]
        return finite_values


_Totals: TypeAlias = tuple[int, float, float, float]
"""Count, sum, mean and sum of squared deviations of some values; the mean is NaN if there are none."""


def _add_block(totals: _Totals, block: Values) -> _Totals:
    """The totals after one more block of finite values."""
    count = len(block)
    if not count:
        return totals
    mean = float(block.sum()) / count
    if math.isinf(mean):  # the sum of huge values may overflow a double although their mean doesn't
        mean = float((block / count).sum())
    deviations = block - mean
    deviations *= deviations  # in place, to avoid another array
    total_count, _, merged_mean, m2 = _merge_totals(totals, (count, 0.0, mean, float(deviations.sum())))
    return total_count, _sum_in_order(totals[1], block), merged_mean, m2


def _add_each_value(totals: _Totals, block: Values) -> _Totals:
    """The totals after one more block of finite values, in which mean and squared deviations are updated value by value.

    Source: Welford 1962, "Note on a method for calculating corrected sums of squares and products", as CentralMomentAgg
    of Spark 3.5 computes it.
    """
    count, total, mean, m2 = totals
    if not count:
        mean = 0.0
    if not len(block):
        return totals
    for value in block.tolist():
        count += 1
        deviation = value - mean
        step = deviation / count
        mean += step
        m2 += deviation * (deviation - step)
    return count, _sum_in_order(total, block), mean, m2


def _sum_in_order(total: float, block: Values) -> float:
    """`total` plus each value, added one after the other."""
    # np.add.reduce sums pairwise, but np.subtract.reduce works in order. Its rounding equals sequential addition, and it is
    # faster than np.cumsum
    return 0.0 - float(np.subtract.reduce(block, initial=-total))


def _merge_totals(first: _Totals, second: _Totals) -> _Totals:
    """The totals of the values of both sides: m2 = m2_left + m2_right + d² n m / (n + m), with d the difference of the means.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    n, total, mean, m2 = first
    m, other_total, other_mean, other_m2 = second
    if not n or not m:
        return second if m else first
    count = n + m
    mean_difference = other_mean - mean
    between_groups = mean_difference * mean_difference * (n * m / count)
    return (
        count,
        total + other_total,
        mean + mean_difference * (m / count),
        m2 + other_m2 + between_groups,
    )


def _join_ranges(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """The smallest range that covers both. A range of NaN is empty, and -0.0 becomes 0.0."""
    if math.isnan(first[0]):
        first = second
    elif math.isnan(second[0]):
        second = first
    return min(first[0], second[0]) + 0.0, max(first[1], second[1]) + 0.0
