"""Facts about a window: counted rows of some kind, and how rare so many rows are, given the baseline's. Pure.

Model: the rows of baseline and window are exchangeable, or groups of `design_effect` rows are, so that the count in the window
is hypergeometric, given the count in both. Beyond an end of the baseline's numbers the tail falls at least as fast as before
it, if its logarithm is concave there. The lengths of stretches of equal neighbours are geometric.
Statistic: the exact upper tail of a count; for numbers beyond an end also how far beyond it they are.
Assumptions: groups and ends are estimated from the baseline alone, so that a changed column excuses nothing.
Used by: the facts of data quality, and rare counts of its differences. Source: D4.9.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail

MIN_ROWS_AT_END = 4.0  # fewest rows near an end that show how the tail falls


def exact_tail(count: int, rows: int, baseline_count: int, baseline_rows: int, design_effect: float = 1.0) -> float:
    """The probability that `count` or more of a window's rows are of some kind, given the baseline's count (Fisher's exact test).

    design_effect: how many rows count as one in the baseline; a group is of the kind if all of its rows are.

    >>> round(exact_tail(2, 4, 0, 4) * 14, 9)  # 4/8 x 3/7, by hand
    3.0
    >>> round(exact_tail(4, 8, 0, 8, 2.0) * 14, 9)  # the same, in groups of two
    3.0
    """
    if design_effect > 1:
        rows = int(rows / design_effect)
        baseline_rows = int(baseline_rows / design_effect)
        count = min(rows, int(count / design_effect))
        baseline_count = min(baseline_rows, math.ceil(baseline_count / design_effect))
    if not rows or not count:
        return 1.0
    return hypergeometric_tail(baseline_count, baseline_rows, count, rows)


def has_steep_end(counts: Doubles) -> bool:
    """Whether the tail falls at least exponentially towards an end. counts: the rows within each of several distances from it,
    each distance twice the distance before.

    If a tail's logarithm is concave, its ratio over a distance d doesn't grow outwards: S(x + d) / S(x) <= S(x) / S(x - d).
    """
    return bool((counts[1:] <= np.maximum(counts[:-1], MIN_ROWS_AT_END) ** 2).all())


def steep_end_tail(count: int, rows: int, baseline_rows: int, rows_within: float, widths: float = 1.0) -> float:
    """The probability of `count` or more of a window's rows so far beyond a steep end. rows_within: the number of the baseline's
    rows that are as near before the end; two standard errors are taken off. widths: the distance, as a multiple of the range's
    width if all of the baseline's rows are nearer.

    Model: the share v / n lies beyond the end, with v exponential, and so at most the share v (v / rows_within)^widths / n as
    far beyond it. The mean over v of the first term of a Poisson tail is (m / n / rows_within^widths)^k (k + k widths)! / k!.
    """
    enough = max(1.0, rows_within - 2 * math.sqrt(rows_within))
    widths = min(widths, max(1.0, enough / count - 1))  # the bound is weaker from there on
    logarithm = count * (math.log(max(rows, 1) / max(baseline_rows, 1)) - widths * math.log(enough))
    return math.exp(min(0.0, logarithm + math.lgamma(count + count * widths + 1) - math.lgamma(count + 1)))


def find_standstills(values: Doubles | Integers | Flags, sizes: Integers) -> tuple[Integers, Integers]:
    """The stretches of equal neighbours within runs of rows: the first row of each, and its length."""
    is_first = np.ones(len(values), bool)
    is_first[1:] = values[1:] != values[:-1]
    is_first[sizes.cumsum() - sizes] = True
    first_rows = is_first.nonzero()[0]
    return first_rows, np.diff(first_rows, append=len(values))


def measure_rarest_standstill(value_indices: Integers) -> float:
    """The rarest stretch of equal neighbours, in units of the longest stretch of independent rows. Rows on both sides of a gap
    in a sample count as neighbours, since a stretch may go on there."""
    rows = len(value_indices)
    first_rows, lengths = find_standstills(value_indices, np.array([rows]))
    shares = np.bincount(value_indices)[value_indices[first_rows]] / rows
    return float(compute_standstill(lengths, shares, rows).max())


def compute_standstill(length: Doubles | Integers | float, share: Doubles | float, rows: int) -> Doubles:
    """The length of a stretch of equal neighbours, in units of the longest stretch by chance: length log(1/share) / log(rows).

    share: the share of rows with the stretch's value.
    """
    standstills: Doubles = length * np.log(1 / share) / math.log(max(rows, 2))
    return standstills


def standstill_tail(standstill: float, rows: int, baseline_standstill: float, baseline_rows: int) -> float:
    """The probability of so rare a stretch of equal neighbours in a window. baseline_standstill: the baseline's rarest stretch.

    Model: lengths are geometric, even if neighbours are alike. On average one row of the baseline begins a stretch that is one
    row longer than its rarest stretch.
    """
    return min(1.0, rows * math.pow(max(baseline_rows, 2), -standstill / (baseline_standstill + 1)))
