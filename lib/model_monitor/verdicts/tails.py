"""How rare a count is, if two samples are parts of one: the tails of the hypergeometric distribution, many at once. Pure.

A limit that leaves room for chance is Fisher's exact test turned round: a score test's is none where less than a handful of rows
are expected (docs/decisions/0042-verdicts.md).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from model_monitor.drift.distributions import Counts

LARGE = 1000.0
"""Above this standard deviation of a count its tail is a normal one; the difference is below 3 % at five deviations."""

REACH, LEAST_REACH = 10, 40
"""So many standard deviations beyond a count, and at least so many counts, hold its tail to all digits of a double."""


def rarer(totals: Counts, counts: Counts, size: float, of: float) -> Counts:
    """Probability that a sample has so many of a cell or more, for each cell; 1 for what it has no more of than its share.

    totals: of the cell in both samples together. counts: of the cell in the sample. size, of: rows of the sample, and of both.
    """
    from scipy.special._ufuncs import gammaln, ndtr

    tails = np.ones(len(totals))
    share = size / of
    more = counts > totals * share
    deviations = np.sqrt(totals * share * (1 - share) * (of - totals) / max(of - 1, 1))
    large, few = more & (deviations > LARGE), more & (deviations <= LARGE)
    tails[large] = ndtr((totals[large] * share - counts[large] + 0.5) / deviations[large])
    if few.any():
        t, x = totals[few], counts[few]
        terms = min((np.minimum(t, size) - x).max(), REACH * deviations[few].max() + LEAST_REACH)
        k = x[:, None] + np.arange(int(terms))
        ratios = (t[:, None] - k) * (size - k) / ((k + 1) * (of - t[:, None] - size + k + 1))
        beyond = 1 + np.cumprod(np.maximum(ratios, 0.0), axis=1).sum(axis=1)

        def ways(among: Counts | float, chosen: Counts | float) -> Counts:
            logarithm: Counts = gammaln(among + 1) - gammaln(chosen + 1) - gammaln(np.subtract(among, chosen) + 1)
            return logarithm

        first = ways(t, x) + ways(of - t, size - x) - ways(of, size)
        tails[few] = np.exp(first) * beyond
    least: Counts = np.minimum(tails, 1.0)
    return least


def two_sided(totals: Counts, counts: Counts, n: float, m: float) -> Counts:
    """p-value of each cell: `counts` of its `totals` are among the m values of the window, the others among the baseline's n.

    Exact for exchangeable rows. Source: D4.1, "cell p"; Fisher 1935, "The logic of inductive inference".
    """
    in_window, in_baseline = rarer(totals, counts, m, n + m), rarer(totals, totals - counts, n, n + m)
    p: Counts = np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)
    return p


def chance_of_more(lacking: int, rows: int, current_lacking: int, current_rows: int) -> float:
    """Probability that the window would lack as many or more, if it were of the same kind as the baseline."""
    together, size = np.array([float(lacking + current_lacking)]), float(current_rows)
    return float(rarer(together, np.array([float(current_lacking)]), size, float(rows + current_rows))[0])


@cache
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
