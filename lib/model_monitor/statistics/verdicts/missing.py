"""How likely so many, or so few, missing values are where the logarithm of their share varies from window to window. Pure.

A storm has so many times as many as a usual day: as shares these lie far out, as logarithms they are about normal.

Source: D4.2, D4.22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from model_monitor.statistics.drift.distributions import Counts, Values
from model_monitor.statistics.drift.special_functions import chi_square_above, of_each, student_above, student_densities

TOO_MUCH = 2.0
"""So many times as large as that of scores the variance of logarithms is not theirs: few groups have none at times."""

NO_STORM = 10.0
"""More than so many times as many as ever were is no rare day of those that were."""

_NODES = np.linspace(-25.0, 9.0, 341)


def chance_of_many(now: Mapping[str, float], past: Mapping[str, Values], factor: float, freedom: float) -> float:
    """The p-value of more missing values; 0 if past windows don't say how many they had. factor: by how much the variance of
    their scores, which are of square roots, is larger than that of rows. freedom: in how many degrees that is known.
    """
    nulls, rows = (past[name][~np.isnan(past["nulls"])] for name in ("nulls", "of"))
    before, share = nulls.sum() / max(rows.sum(), 1.0), now["nulls"] / now["of"]
    if not 0 < before < share:
        return 0.0
    shares = (nulls + 0.5) / rows
    if share > NO_STORM * shares.max():
        return 0.0
    own = (1 - before) / (before * now["effective"])  # the variance of rows
    of_scores = -8 * math.log(max(1 - (factor - 1) * own / 8, 1e-9))
    of_logs = float(np.log(shares).var())
    if of_logs - float((1 / (nulls + 0.5)).mean()) > TOO_MUCH * of_scores:
        return 0.0
    varies = min(of_scores, of_logs)
    rise = math.log(share / before) + varies / 2  # from the median
    of_rows = own * before / share  # at its share; where they are most of it the p-value of scores is the larger one
    return 2 * student_above(rise / math.sqrt(varies + of_rows), freedom)


def chance_of_few(missing: int, rows: int, past: Counts, groups: float) -> float:
    """How likely so few missing values are: logarithms of shares vary by Student's distribution, rows within by Poisson's. past:
    shares of past windows. groups: how many rows count as one.
    """
    logs, windows = np.log(past), len(past)
    shares = np.minimum(np.exp(logs.mean() + logs.std(ddof=1) * math.sqrt(1 + 1 / windows) * _NODES), 1.0)
    each = student_densities(_NODES, windows - 1)
    few = of_each(lambda rate: chi_square_above(2 * rate, 2 * (int(missing / groups) + 1)), shares * rows / groups)
    return float(each @ few / each.sum())
