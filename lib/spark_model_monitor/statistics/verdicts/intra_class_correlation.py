"""The design effect of rows that a column puts into groups, and whether a column names groups at all. Pure numpy.

Model: rows of one group are alike, with an intra-class correlation r, and groups are independent of each other. The
variance of a mean is then the design effect, about 1 + (m - 1) r for groups of m rows, times that of independent rows
(Kish 1965, "Survey Sampling"). It is estimated by the squared sums of the groups over what independent rows would have.

Statistic: the squared sums of groups, relative to those of independent rows; for names, how many of the baseline's names a
window lacks. A column whose values many rows share, such as a country, explains much of other columns, too, but names no
groups: a window has as many of its values as independent rows would. Of names of groups, most are missing from a window, and
the others have more rows (`NameShares`).

Assumptions: names are the same in baseline and window, or new. Not for groups of neighbours: `design_effect.py` has these.

Used by: data quality (a column that was named, or found), and the sums of blocks of model quality, bias, attributions.
Source: D4.21, D4.23.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.drift.special_functions import normal_survival
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED
from spark_model_monitor.statistics.verdicts.design_effect import (
    INDEPENDENT,
    MIN_GROUPS,
    DesignEffect,
    ScoredColumn,
    ScoreMoments,
    ratio_or_zero,
)
from spark_model_monitor.value_class import value_class

MAX_ROWS_PER_NAME = 1.65  # rows per name: 64 blocks of independent rows are as uneven in one of 1,000 windows
MIN_LOG_LIKELIHOOD_RATIO = 1.0  # the least log-likelihood ratio of other names to the same names

MIN_NAMES = 32  # least diversity (Hill number) of a column that names groups
MIN_ROWS_PER_NAME = 2  # least rows per name in the baseline: keys have one row each
MIN_EXPECTED = 8  # least expected number of the baseline's names in a window, to say that many are missing
MAX_SHARED_NAMES = 0.5  # largest share of the names that independent rows would have in common with the baseline


def estimate_block_design_effects(
    sums: Doubles, squares: Doubles, rows: Doubles, alone_squares: Doubles | float = 0, alone: float = 0
) -> Doubles:
    """The number of rows that count as one, for each score: 1 for independent rows, never less. Shape (scores,).

    sums: sums of the centred scores by score and block. squares: sums of their squares over all rows. rows: rows of
    each block. alone, alone_squares: the number of rows without a group, and the sums of their squares.
    Source: B5.4; Kish 1965, "Survey Sampling".
    """
    total = rows.sum() + alone
    filled_blocks = np.count_nonzero(rows) + alone
    if filled_blocks < MIN_GROUPS:
        return np.full(len(squares), max(1.0, total / max(filled_blocks, 1)))
    expected = squares * (1 - ((rows**2).sum() + alone) / total**2)
    observed = (sums**2).sum(axis=1) + alone_squares
    effects: Doubles = np.maximum(ratio_or_zero(observed, expected), 1.0)
    return effects


def estimate_group_design_effect(values: NDArray[Any], sizes: Integers, *, are_numbers: bool) -> float:
    """The number of rows that count as one, given the groups; 1 for independent rows.

    values: group after group. sizes: sizes of the groups. are_numbers: whether values are numbers, or hashes of texts.
    Source: D4.21.
    """
    sizes = sizes[sizes > 0]
    if len(sizes) < MIN_GROUPS:
        return len(values) / len(sizes)
    # Partitions come in any order; sums of floating-point numbers have to be the same
    groups = np.repeat(np.arange(len(sizes)), sizes)
    values_in_order = values[np.lexsort((values, groups))]
    if are_numbers:
        column = ScoredColumn.from_numbers(values_in_order)
    else:
        column = ScoredColumn.from_texts(values_in_order)
    effect = group_design_effect(column, sizes).rows
    if effect > MAX_DISPERSED:
        return effect
    return 1.0


def group_design_effect(column: ScoredColumn, sizes: Integers) -> DesignEffect:
    """The largest design effect of a column's answers. column: group after group. sizes: the sizes of the groups, none empty."""
    rows = int(sizes.sum())
    if rows < 2:
        return INDEPENDENT
    scores = column.scores - column.scores.mean(axis=1, keepdims=True)
    moments = ScoreMoments.of([ScoredColumn(scores, column.answers)])
    group_sums = np.add.reduceat(scores, np.cumsum(sizes) - sizes, axis=1)
    squared_sums = np.add.reduceat((group_sums**2).sum(axis=1), column.answers)
    squared_sizes = float((sizes.astype(np.float64) ** 2).sum())
    expected = rows * moments.variance * (1 - squared_sizes / rows**2)
    effects = ratio_or_zero(squared_sums, expected)
    # A pair of rows of one group has a weight of 2 / rows in the design effect
    pairs = (squared_sizes - rows) / 2
    if not pairs:
        return INDEPENDENT
    z = moments.normal_score(effects, 4 * pairs / rows**2, 8 * pairs / rows**3)
    p_value = min(1.0, len(effects) * normal_survival(float(z.max())))
    return DesignEffect(max(1.0, float(effects.max())), p_value)


@value_class
class NameShares:
    """How the rows of a baseline are spread over the values of a column that may name groups.

    counted: the share of each value whose count is known. uncounted_names: how many other values share the remaining rows.
    """

    counted: Doubles
    uncounted_names: float = 0.0

    @property
    def share_of_uncounted(self) -> float:
        return max(0.0, 1 - float(self.counted.sum())) / max(self.uncounted_names, 1.0)

    @property
    def diversity(self) -> float:
        """The effective number of values, 1 / sum of squared shares: with so many equally frequent values, two random rows would
        agree as often. Source: Hill 1973, "Diversity and evenness", order 2, the inverse of Simpson's index.
        """
        squares = float((self.counted**2).sum()) + self.uncounted_names * self.share_of_uncounted**2
        return 1 / squares if squares else 0.0

    def expected_names(self, rows: int) -> float:
        """How many of the values occur in so many independent rows."""
        counted_names = float((1 - np.exp(-rows * self.counted)).sum())
        return counted_names + self.uncounted_names * (1 - math.exp(-rows * self.share_of_uncounted))

    def has_too_few(self, shared_names: float, rows: int) -> bool:
        """Whether so many independent rows would have far more of the values. shared_names: the number of values they have."""
        expected = self.expected_names(rows)
        return expected >= MIN_EXPECTED and shared_names <= MAX_SHARED_NAMES * expected


def estimate_rows_per_name(rows_by_block: Doubles) -> float:
    """The number of rows per name, averaged over rows: the variance of the blocks' rows over their mean; 1 if independent."""
    mean = max(rows_by_block.mean(), 1e-9)
    return float(((rows_by_block - mean) ** 2).sum() / mean / (len(rows_by_block) - 1))


def has_one_row_per_name(rows_by_block: Doubles, baseline_rows_by_block: Doubles) -> bool:
    """Whether each row of a window has its own name, while names in the baseline had several rows, and the names are
    new. If names recur, as of users with one row per window, blocks have the same shares as before. Source: D4.21.
    """
    baseline_rows_per_name = estimate_rows_per_name(baseline_rows_by_block)
    if estimate_rows_per_name(rows_by_block) > min(MAX_ROWS_PER_NAME, baseline_rows_per_name / 2):
        return False
    # The rows of each block if names recurred, relative to equal blocks
    baseline_shares = baseline_rows_by_block / baseline_rows_by_block.mean()
    expected = 1 + (1 - 1 / baseline_rows_per_name) * (baseline_shares - 1)
    return float(rows_by_block @ np.log(expected)) < -MIN_LOG_LIKELIHOOD_RATIO
