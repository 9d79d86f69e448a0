"""Whether the number of a column's distinct values grows along the rows of a data set. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.drift.special_functions import (
    log_gamma,
)
from spark_model_monitor.statistics.states.rows import MOST_RUNS

GROWS = 10.0  # standard deviations by which values begin later than in random order. Source: D4.20.
FEWEST_BEGINNINGS, RARELY = 3, 0.05  # parts in which values begin that rarely do in random order
FEWEST_LASTING = (
    2  # values that come and go, before, in and after every part; rows sorted by a column have none at some part
)


def beginnings(there: NDArray[np.bool_], *, may_end: bool) -> Values | None:
    """The number of values that first occur in each part, NaN in the first half of the parts; None if the parts may be
    in random order, so that a new value is just one not seen before.

    there: whether each part has each value, shape (parts, values), parts in order. may_end: whether values surely may
    disappear as others appear. Else they may if they overlap all along the parts, as they don't where rows are sorted by them;
    or they have to begin late by more than they end early.
    Source: D4.20.
    """
    parts = len(there)
    counts = there.sum(axis=0)
    first, last = there.argmax(axis=0), there[::-1].argmax(axis=0)
    tails, scores, means, variances = _of_beginnings(parts)
    variance = float(variances[counts].sum())
    if not variance:
        return None
    begin, end = (float((scores[at, counts] - means[counts]).sum()) / math.sqrt(variance) for at in (first, last))
    comes_and_goes = tails[first + last, counts] <= RARELY  # the chance that all its parts are so close together
    inner = np.arange(1, parts - 1)[:, None]
    lasting = ((first < inner) & (inner < parts - 1 - last) & comes_and_goes).sum(axis=1)
    may_end = may_end or lasting.min() >= FEWEST_LASTING
    begun = np.bincount(first, minlength=parts).astype(float)
    late = np.unique(first[tails[first, counts] <= RARELY])
    if begin - (0.0 if may_end else max(end, 0.0)) < GROWS or len(late) < FEWEST_BEGINNINGS:
        return None
    begun[: parts // 2] = np.nan
    return begun


@lru_cache(MOST_RUNS)
def _of_beginnings(parts: int) -> tuple[Values, Values, Values, Values]:
    """For parts in random order: the probability that no part before this one has a value, by part and by the number of
    parts that have it, and its negative logarithm; the latter's mean and variance, by that number.
    """
    later = np.arange(parts)[:, None] <= parts - np.arange(parts + 1)[None, :]
    j, c = np.meshgrid(np.arange(parts, dtype=float), np.arange(parts + 1, dtype=float), indexing="ij")
    ways = log_gamma(np.where(later, parts - j, 0.0) + 1) - log_gamma(np.where(later, parts - j - c, 0.0) + 1)
    tails = np.where(later, np.exp(ways - ways[0]), 0.0)
    scores = -np.log(np.where(later, tails, 1.0))
    shares = tails - np.vstack((tails[1:], np.zeros(parts + 1)))
    means: Values = (shares * scores).sum(axis=0)
    return tails, scores, means, (shares * scores**2).sum(axis=0) - means**2
