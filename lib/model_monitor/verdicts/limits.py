"""Limits of shares that leave room for chance, in the baseline and in the window. Pure.

A limit says how many rows of a window may lack something that few rows of the baseline lack. It is Fisher's exact test turned
round: a score test's limit is no limit where less than a handful of rows are expected (docs/decisions/0042-verdicts.md).
"""

from __future__ import annotations

import numpy as np

from model_monitor.verdicts.tails import rarer


def chance_of_more(lacking: int, rows: int, current_lacking: int, current_rows: int) -> float:
    """Probability that the window would lack as many or more, if it were of the same kind as the baseline."""
    together, size = np.array([float(lacking + current_lacking)]), float(current_rows)
    return float(rarer(together, np.array([float(current_lacking)]), size, float(rows + current_rows))[0])


def fewest_beyond_chance(lacking: int, rows: int, current_rows: int, level: float) -> int | None:
    """The least number of rows of a window whose chance is `level` or less; None if not even all of them are.

    lacking, rows: of the baseline. Source: Fisher 1935; Thatcher 1964, "Relationships between Bayesian and confidence limits
    for predictions".
    """
    low, high = 0, current_rows
    if chance_of_more(lacking, rows, high, current_rows) > level:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        found = chance_of_more(lacking, rows, middle, current_rows) <= level
        low, high = (low, middle) if found else (middle, high)
    return high
