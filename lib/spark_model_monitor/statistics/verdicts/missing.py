"""The p-values of many, or few, missing values if the logarithm of their share varies from window to window. Pure.

A storm multiplies missing values: the shares are then outliers, but their logarithms are roughly normal.

Source: D4.2, D4.22.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from spark_model_monitor.statistics.drift.distributions import Counts, Values
from spark_model_monitor.statistics.drift.special_functions import (
    chi_square_above,
    of_each,
    student_above,
    student_densities,
)

TOO_MUCH = 2.0
"""Above this ratio to the variance of scores, that of logarithms is an artefact: few groups sometimes have none."""

NO_STORM = 10.0
"""Above this multiple of the largest past share, a window is not a rare day like the past ones."""

_NODES = np.linspace(-25.0, 9.0, 341)


def chance_of_many(now: Mapping[str, float], past: Mapping[str, Values], factor: float, freedom: float) -> float:
    """The p-value of more missing values; 0 if past windows didn't record their number. factor: the variance of their
    scores, which are square roots, relative to independent rows. freedom: its degrees of freedom.
    """
    nulls, rows = (past[name][~np.isnan(past["nulls"])] for name in ("nulls", "of"))
    before, share = nulls.sum() / max(rows.sum(), 1.0), now["nulls"] / now["of"]
    if not 0 < before < share:
        return 0.0
    shares = (nulls + 0.5) / rows
    if share > NO_STORM * shares.max():
        return 0.0
    own = (1 - before) / (before * now["effective"])  # the variance from rows
    of_scores = -8 * math.log(max(1 - (factor - 1) * own / 8, 1e-9))
    of_logs = float(np.log(shares).var())
    if of_logs - float((1 / (nulls + 0.5)).mean()) > TOO_MUCH * of_scores:
        return 0.0
    varies = min(of_scores, of_logs)
    rise = math.log(share / before) + varies / 2  # from the median
    of_rows = own * before / share  # at its share; if rows dominate the variance, the p-value of scores is larger
    return 2 * student_above(rise / math.sqrt(varies + of_rows), freedom)


def chance_of_few(missing: int, rows: int, past: Counts, groups: float) -> float:
    """The p-value of few missing values: log shares have a Student distribution, counts given a share a Poisson one.
    past: shares of past windows. groups: the number of rows that count as one.
    """
    logs, windows = np.log(past), len(past)
    shares = np.minimum(np.exp(logs.mean() + logs.std(ddof=1) * math.sqrt(1 + 1 / windows) * _NODES), 1.0)
    each = student_densities(_NODES, windows - 1)
    few = of_each(lambda rate: chi_square_above(2 * rate, 2 * (int(missing / groups) + 1)), shares * rows / groups)
    return float(each @ few / each.sum())
