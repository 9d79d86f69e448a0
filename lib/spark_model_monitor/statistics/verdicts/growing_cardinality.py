"""Whether the number of a column's distinct values grows along the rows of a data set. Pure.

Model: without growth, the parts of a data set are in random order, so a value that k of n parts have begins in part j
with a probability that only k and n decide.
Statistic: the sum of -log P(a value begins so late), less its mean, in its standard deviations.
Assumptions: parts are in the order of the rows, and values are independent of each other.
Used by: `window_history.estimate_block_variation`, for catalogues that grow and campaigns that come and go. Source: D4.20.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.states.row_counts import MAX_RUNS
from spark_model_monitor.statistics.verdicts.between_window_variance import NOISE_LEVEL

MIN_LATE_DEVIATIONS = 10.0  # standard deviations by which values begin later than in random order. Source: D4.20.
# the fewest parts in which values begin that would rarely begin there in random order
MIN_LATE_PARTS = 2
MIN_LASTING_VALUES = 2
"""The fewest values at every part that begin before it and end after it; rows sorted by the column have parts without any."""


def count_beginnings(occurs: Flags, *, may_end: bool) -> Doubles | None:
    """The number of values that first occur in each part, NaN in the first half of the parts; None if the parts may be
    in random order, so that a new value was only not seen before.

    occurs: whether each part has each value, shape (parts, values), parts in order. may_end: whether values may surely
    disappear as others appear. If not, rows may be sorted by the column: then values have to overlap all along the parts, or to
    begin late by more than they end early.
    Source: D4.20.
    """
    parts = len(occurs)
    parts_by_value = occurs.sum(axis=0)
    first_part = occurs.argmax(axis=0)
    parts_after_last = occurs[::-1].argmax(axis=0)
    order = _random_order(parts)
    deviation = math.sqrt(order.variances[parts_by_value].sum())
    if not deviation:
        return None
    mean = order.means[parts_by_value]
    excess = float((order.scores[first_part, parts_by_value] - mean).sum()) / deviation
    early_end = float((order.scores[parts_after_last, parts_by_value] - mean).sum()) / deviation
    if not may_end:
        # Values whose parts are so close together rarely by chance
        comes_and_goes = order.tails[first_part + parts_after_last, parts_by_value] <= NOISE_LEVEL
        inner = np.arange(1, parts - 1)[:, None]
        is_around = (first_part < inner) & (inner < parts - 1 - parts_after_last) & comes_and_goes
        may_end = is_around.sum(axis=1).min() >= MIN_LASTING_VALUES
    # Values of rows sorted by the column begin late, too, but end as early
    if not may_end:
        excess -= max(early_end, 0.0)
    late_parts = np.unique(first_part[order.tails[first_part, parts_by_value] <= NOISE_LEVEL])
    if excess < MIN_LATE_DEVIATIONS or len(late_parts) < MIN_LATE_PARTS:
        return None
    new_values = np.bincount(first_part, minlength=parts).astype(float)
    new_values[: parts // 2] = np.nan
    return new_values


class _RandomOrder(NamedTuple):
    """Parts in random order, by the number of parts that have a value.

    tails: the probability that no part before this one has the value, shape (parts, number of parts + 1). scores: its negative
    logarithm. means, variances: the moments of the score of the part in which a value begins.
    """

    tails: Doubles
    scores: Doubles
    means: Doubles
    variances: Doubles


@lru_cache(MAX_RUNS)
def _random_order(parts: int) -> _RandomOrder:
    # C(parts - part, number) / C(parts, number): the share of choices without any part before this one
    numbers = range(parts + 1)
    choices = np.array([[math.comb(parts - index, number) for number in numbers] for index in range(parts)], float)
    tails = choices / choices[0]
    scores = -np.log(np.where(tails > 0, tails, 1.0))
    probabilities = tails - np.vstack((tails[1:], np.zeros(parts + 1)))
    means: Doubles = (probabilities * scores).sum(axis=0)
    variances: Doubles = (probabilities * scores**2).sum(axis=0) - means**2
    return _RandomOrder(tails, scores, means, variances)
