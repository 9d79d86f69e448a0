"""How far a difference must be from zero to be significant, however often the trial is looked at. Pure.

A trial has a planned number of rows. Until then, a constant boundary for the sum of the rows spends most of the error:
at the planned end it is hardly stricter than for a single look. A mixture boundary, which never ends, spends the rest:
it detects large differences early and stays valid beyond the plan. The sum of both errors bounds the total error, so
earlier looks don't matter.

Model: the estimate's sum over rows is a Brownian motion with drift.
Statistic: the estimate over its standard error, compared with `boundary`.
Assumptions: the estimate is nearly normal, and rows are independent.
Used by: trials of a challenger (`model_quality/model_comparison.py`).
Source: Jennison and Turnbull 2000, "Group sequential methods"; Robbins 1970.
"""

from __future__ import annotations

import math

from spark_model_monitor.statistics.drift.special_functions import normal_quantile, normal_survival, student_quantile

ERROR = 0.05  # probability that the interval misses the truth at any look, half of it on either side
# the parts of this error: of the boundary up to the planned end, and of the boundary without an end
ERROR_OF_PLAN = 0.04
ERROR_OF_MIXTURE = 0.01
PRIOR_ROWS_RATIO = 0.0825
"""Rows of the mixture's prior relative to the planned rows; this value minimises its boundary at the planned end."""

# how far ahead, in multiples of the rows so far, and how finely `estimate_rows_to_significance` looks
MAX_ROWS_RATIO = 1000.0
STEP = 1.02


def boundary(rows: float, planned: float) -> float:
    """The boundary, in standard errors: a trial's estimate is ever further from the truth with probability `ERROR`.

    The smaller of two: P(max of Brownian motion up to 1 > b) = 2·P(normal > b), so b/√t is crossed as rarely at all
    times t as b at the end; and √((1 + r)·(ln(1 + 1/r) - 2·ln α)), r the prior's rows over those so far.
    Source: Lévy's reflection principle, as in Jennison and Turnbull 2000, "Group sequential methods", 7.2; Robbins 1970,
    "Statistical methods related to the law of the iterated logarithm", the normal mixture, which Waudby-Smith et al. 2024,
    "Time-uniform central limit theory", have for any estimate that is nearly normal.
    """
    prior = PRIOR_ROWS_RATIO * planned / rows
    mixture = math.sqrt((1 + prior) * (math.log1p(1 / prior) - 2 * math.log(ERROR_OF_MIXTURE)))
    if rows > planned:
        return mixture
    return min(mixture, -normal_quantile(ERROR_OF_PLAN / 4) * math.sqrt(planned / rows))


def interval_half_width(error: float, freedom: float, rows: float, planned: float) -> float:
    """Half the width of an estimate's interval. error: its standard error. freedom: the error's degrees of freedom."""
    return -student_quantile(freedom, normal_survival(boundary(rows, planned))) * error


def estimate_rows_to_significance(difference: float, error: float, rows: float, planned: float) -> int | None:
    """The number of rows at which the current difference would be significant; None if above a thousand times `rows`.

    difference: the distance of the estimate from the value it has to differ from. error: its standard error at `rows` rows.
    """
    look_rows = rows
    while difference and look_rows <= MAX_ROWS_RATIO * rows:
        if difference > boundary(look_rows, planned) * error * math.sqrt(rows / look_rows):
            return math.ceil(look_rows)
        next_rows = look_rows * STEP
        # The planned end is also a look
        if look_rows < planned < next_rows:
            next_rows = planned
        look_rows = next_rows
    return None
