"""Facts about a window: rows of some kind, counted, and how rare so many are beside the baseline's. Pure.

Model: the rows of baseline and window are exchangeable, or groups of `design_effect` rows are, so that the count in one of
them is hypergeometric, given that in both. Beyond an end of the baseline's numbers the tail falls at least as fast as before
it, if its logarithm is concave there.
Statistic: the exact upper tail of a count; for numbers beyond an end also how far they lie.
Assumptions: groups and ends are the baseline's alone, so that a column that changed excuses nothing.
Used by: the facts of data quality, and rare counts of its differences. Source: D4.9.
"""

from __future__ import annotations

import math
from functools import lru_cache

from spark_model_monitor.statistics.verdicts.components import chance_of_more, find_smallest_sufficient_number


def exact_tail(count: int, rows: int, baseline_count: int, baseline_rows: int, design_effect: float = 1.0) -> float:
    """The probability of `count` or more of a window's rows, given those of the baseline.

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
    return chance_of_more(baseline_count, baseline_rows, count, rows)


@lru_cache(4096)
def find_fewest(
    rows: int, baseline_count: int, baseline_rows: int, level: float, design_effect: float = 1.0
) -> int | None:
    """The smallest count of a window's rows whose tail is at most `level`; None if even that of all rows is above."""
    return find_smallest_sufficient_number(
        rows, lambda count: exact_tail(count, rows, baseline_count, baseline_rows, design_effect) <= level
    )
