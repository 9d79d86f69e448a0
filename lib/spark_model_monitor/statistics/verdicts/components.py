"""The tests of one column, and the exact counts behind them. Pure.

Model: the rows of both samples are exchangeable, so a count in one of them is hypergeometric, given the count in both.
Statistic: a column is a list of means over rows (`window_statistics.py`), each of which is a `Component`. A change below
`MIN_EFFECT` has p = 1.
Assumptions: rows are independent; `between_window_variance.py` adjusts p-values where they aren't.
Used by: `distribution/calibration.py` of data quality, which combines a column's tests (`multiple_testing.combine_p_values`).
Source: D4.1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.value_class import value_class


def two_sided_p_value(before: int, n: int, now: int, m: int) -> float:
    """The two-sided p-value of a count in a window of m rows, given the count in n other rows (Fisher's exact test).

    Source: D4.1; Fisher 1935, "The logic of inductive inference".
    """
    return min(1.0, 2 * min(hypergeometric_tail(before, n, now, m), hypergeometric_tail(n - before, n, m - now, m)))


@lru_cache(4096)
def fewest_beyond_chance(baseline_count: int, rows: int, current_rows: int, level: float) -> int | None:
    """The smallest number of a window's rows with a p-value of `level` or less; None if even all have a larger one.

    baseline_count, rows: of the baseline. Source: Fisher 1935; Thatcher 1964, "Relationships between Bayesian and
    confidence limits for predictions".
    """
    return find_smallest_sufficient_number(
        current_rows, lambda count: hypergeometric_tail(baseline_count, rows, count, current_rows) <= level
    )


def find_smallest_sufficient_number(maximum: int, is_enough: Callable[[int], bool]) -> int | None:
    """The smallest number up to `maximum` that is enough, by bisection; larger ones have to be enough, too. None if none is."""
    number = bisect_left(range(maximum + 1), True, key=is_enough)
    if number <= maximum:
        return number
    return None


MIN_EFFECT = 0.02  # d: the smallest change of a share that is reported. Source: D4.1.
MIN_RATIO = 2.0  # r: the smallest ratio of the shares of a rare value that is reported instead. Source: D4.1.
NEARLY_ALL = 0.9  # share of a column's values from which nearly all are of one kind


@value_class
class ColumnTest:
    """What one test has in common for all columns. To add a test, add a line to `COLUMN_TESTS`, and fields to
    `window_statistics.FIELDS`. Its weight makes the other tests weaker: D4.1 and the page on verdicts list all weights.
    """

    words: str
    """The test in checks.json (`decided_by`)."""
    weight: float = 1.0
    """Its weight in the column's p-value; larger for tests that detect the most common changes. Source: D4.1."""
    times_per_number: int = 1
    """How many components of this name a column of numbers has."""
    effect_of_score: float = 1.0
    """For a test of mean scores, the factor of a difference, so that 0.02 is 0.05 standard deviations, 5 % of the spread, or a
    tenth more pairs of equal values."""


COLUMN_TESTS = {
    "missing": ColumnTest("exact test of missing values", times_per_number=0),
    "location": ColumnTest("rank test of location", weight=3.0, effect_of_score=0.522),
    "spread": ColumnTest("rank test of spread", weight=3.0, effect_of_score=0.42),
    "sixteenth": ColumnTest("exact test of a sixteenth of the values", weight=0.25, times_per_number=16),
    "tail": ColumnTest("exact test of the lowest or the highest values", weight=0.25, times_per_number=2),
    "value": ColumnTest("exact test of one value", weight=0.25, times_per_number=2),
    "even": ColumnTest("exact test of even last digits", weight=0.25),
    "round": ColumnTest("exact test of last digits that are 0", weight=0.25),
    "largest": ColumnTest("exact test of one value beside the most frequent ones so far", weight=0.5),
    "mix": ColumnTest("test of the shares of all values", weight=0.5, times_per_number=0, effect_of_score=0.2),
    "unseen": ColumnTest("exact test of values that the baseline lacks", weight=0.5, times_per_number=0),
}
"""The tests of a column by the names of their components. Source: D4.1, D4.2."""


@value_class
class Component:
    """The result of one test of a column.

    p: the p-value, 1 if the change is below the least effect. effect: the size of the change, as a share. direction: the
    direction of the change, if it is not that of the mean. statistic: the test's statistic; for a count, the window's count.
    least_effect: the effect that is needed. These two are None if the effect is too small, or if there is no least effect.
    """

    name: str
    p: float
    effect: float
    direction: str | None = None
    statistic: float | None = None
    least_effect: float | None = None


@value_class
class Samples:
    """Sample sizes. n: the baseline's values. m: the window's values. error: the error of shares from both sketches."""

    n: int
    m: int
    error: float = 0.0

    @property
    def effective(self) -> float:
        return self.n * (self.m / (self.n + self.m))
