"""The number of rows that count as one if a column groups them, from all rows or from the sums of blocks. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.verdicts.likeness import CELLS, likeness_scores
from spark_model_monitor.statistics.verdicts.variation import MOST_DISPERSED

FEWEST_GROUPS = 16  # to estimate how alike their rows are; with fewer, each group counts as a row
MOST_UNEVEN = 1.65  # rows per name: 64 blocks of independent rows are as uneven in one of 1,000 windows
LIKELIER = 1.0  # the least log-likelihood ratio of other names to the same names


def likeness_in_blocks(
    sums: Values, squares: Values, rows: Values, alone_squares: Values | float = 0, alone: float = 0
) -> Values:
    """The number of rows that count as one, for each score: 1 for independent rows, never less. Shape (scores,).

    sums: sums of the centred scores by score and block. squares: sums of their squares over all rows. rows: rows of
    each block. alone, alone_squares: the number of rows without a group, and the sums of their squares.
    Source: B5.4; Kish 1965, "Survey Sampling".
    """
    total, filled = rows.sum() + alone, np.count_nonzero(rows) + alone
    if filled < FEWEST_GROUPS:
        return np.full(len(squares), max(1.0, total / max(filled, 1)))
    expected = squares * (1 - ((rows**2).sum() + alone) / total**2)
    found = np.divide((sums**2).sum(axis=1) + alone_squares, expected, out=np.ones(len(squares)), where=expected > 0)
    at_least_one: Values = np.maximum(found, 1.0)
    return at_least_one


def likeness_in_groups(values: NDArray[Any], sizes: NDArray[np.int64], *, are_numbers: bool) -> float:
    """The number of rows that count as one, given the groups; 1 for independent rows: the design effect.

    values: group after group. sizes: sizes of the groups. are_numbers: as in `likeness`.
    Source: D4.21; Kish 1965, "Survey Sampling".
    """
    sizes = sizes[sizes > 0]
    rows, groups = len(values), len(sizes)
    if groups < FEWEST_GROUPS:
        return max(1.0, rows / max(groups, 1))
    in_order = np.lexsort((values, np.repeat(np.arange(groups), sizes)))  # whatever order partitions came in
    ranks, cells, answers = likeness_scores([values[in_order]], are_numbers=are_numbers)
    scores = np.concatenate((ranks, cells == np.arange(CELLS)[:, None]))[:, 1:]
    apart = scores - scores.mean(axis=1, keepdims=True)
    of_groups = (np.add.reduceat(apart, np.cumsum(sizes) - sizes, axis=1) ** 2).sum(axis=1)
    expected = (apart**2).sum(axis=1) * (1 - float((sizes**2).sum()) / rows**2)  # for independent rows
    of_answers = (np.add.reduceat(each, answers) for each in (of_groups, expected))
    found = max((float(mine / theirs) for mine, theirs in zip(*of_answers, strict=True) if theirs > 0), default=1.0)
    return 1.0 if found <= MOST_DISPERSED else found


def rows_a_name(by_block: Values) -> float:
    """The number of rows per name, averaged over rows, estimated from uneven blocks; about 1 for independent rows."""
    usual = max(by_block.mean(), 1e-9)
    return float(((by_block - usual) ** 2).sum() / usual / (len(by_block) - 1))


def each_has_a_name(by_block: Values, before: Values) -> bool:
    """Whether each row of a window has its own name, while names in the baseline had several rows, and the names are
    new. If names recur, as of users with one row per window, blocks have the same shares as before. Source: D4.21.
    """
    of_before = rows_a_name(before)
    if rows_a_name(by_block) > min(MOST_UNEVEN, of_before / 2):
        return False
    as_before = 1 + (1 - 1 / of_before) * (before / before.mean() - 1)  # expected counts relative to equal blocks
    return float(by_block @ np.log(as_before)) < -LIKELIER
