"""How far a difference must be from zero to count, however often somebody looks. Pure.

A trial is planned for so many rows. Up to there a constant boundary for the sum of the rows takes most of the error: at the
planned end it asks for hardly more than a single look does. A mixture, which never ends, takes the rest: it finds large
differences early, and holds beyond the plan. What is between both is covered by the sum of their errors, so nothing has to be
known of earlier looks.
"""

from __future__ import annotations

import math

from model_monitor.statistics.drift.special_functions import normal_above, normal_quantile, student_quantile

ERROR = 0.05  # chance that the interval misses the truth at any look: half of it on either side
ERROR_OF_PLAN, ERROR_OF_MIXTURE = 0.04, 0.01  # which add up to it
TUNED = 0.0825
"""Rows of the mixture's prior over those planned: where its boundary is lowest at the planned end."""

MOST_TIMES, STEP = 1000.0, 1.02  # how far ahead, as a multiple of the rows so far, and how finely, `rows_to_tell` looks


def boundary(rows: float, planned: float) -> float:
    """Standard errors that an estimate of so many rows may be from the truth, with a chance of `ERROR` at any look of a trial.

    Of the two, the smaller one: P(max of Brownian motion up to 1 is above b) = 2·P(normal above b), so that b/√t is crossed as
    seldom at all times t as b at the end; and √((1 + r)·(ln(1 + 1/r) - 2·ln α)), r the prior's rows over those so far.
    Source: Lévy's reflection principle, as in Jennison and Turnbull 2000, "Group sequential methods", 7.2; Robbins 1970,
    "Statistical methods related to the law of the iterated logarithm", the normal mixture, which Waudby-Smith et al. 2024,
    "Time-uniform central limit theory", have for any estimate that is nearly normal.
    """
    prior = TUNED * planned / rows
    mixture = math.sqrt((1 + prior) * (math.log1p(1 / prior) - 2 * math.log(ERROR_OF_MIXTURE)))
    if rows > planned:
        return mixture
    return min(mixture, -normal_quantile(ERROR_OF_PLAN / 4) * math.sqrt(planned / rows))


def reach(error: float, freedom: float, rows: float, planned: float) -> float:
    """Half the width of the interval around an estimate. error: its standard error, known with so many degrees of freedom."""
    return -student_quantile(freedom, normal_above(boundary(rows, planned))) * error


def rows_to_tell(apart: float, error: float, rows: float, planned: float) -> int | None:
    """Rows with which a difference that stays as it is would be told; None if not even a thousand times as many would do.

    apart: how far the estimate is from what it has to differ from. error: its standard error with `rows` of them.
    """
    looked = rows
    while apart and looked <= MOST_TIMES * rows:
        if apart > boundary(looked, planned) * error * math.sqrt(rows / looked):
            return math.ceil(looked)
        following = looked * STEP
        looked = planned if looked < planned < following else following  # the end of the plan is a look
    return None
