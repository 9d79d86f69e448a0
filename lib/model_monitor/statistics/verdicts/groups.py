"""How many rows count as one where it is known which belong together, from all of them or from the sums of blocks. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.distributions import Values
from model_monitor.statistics.verdicts.likeness import CELLS, likeness_scores
from model_monitor.statistics.verdicts.variation import MOST_DISPERSED

FEWEST_GROUPS = 16  # that tell how alike their rows are; of fewer, each counts as a row
MOST_UNEVEN = 1.65  # once in a thousand windows 64 blocks of rows by themselves are as uneven as of so many rows a name
LIKELIER = 1.0  # in logarithms: by so much, at least, other names are than the same ones


def likeness_in_blocks(
    sums: Values, squares: Values, rows: Values, alone_squares: Values | float = 0, alone: float = 0
) -> Values:
    """How many rows count as one, by score: at least 1, which rows by themselves are. Shape (scores,).

    sums: of the scores less their means, by score and block. squares: of their squares, over all rows. rows: of the blocks.
    alone: rows of no group, and the sums of their squares.
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
    """How many rows count as one where it is known which belong together, 1 of rows by themselves: the design effect.

    values: group after group. sizes: of the groups. are_numbers: as of `likeness`.
    Source: D4.21; Kish 1965, "Survey Sampling".
    """
    sizes = sizes[sizes > 0]
    rows, groups = len(values), len(sizes)
    if groups < FEWEST_GROUPS:
        return max(1.0, rows / max(groups, 1))
    in_order = np.lexsort((values, np.repeat(np.arange(groups), sizes)))  # however partitions brought them
    ranks, cells, answers = likeness_scores([values[in_order]], are_numbers=are_numbers)
    scores = np.concatenate((ranks, cells == np.arange(CELLS)[:, None]))[:, 1:]
    apart = scores - scores.mean(axis=1, keepdims=True)
    of_groups = (np.add.reduceat(apart, np.cumsum(sizes) - sizes, axis=1) ** 2).sum(axis=1)
    expected = (apart**2).sum(axis=1) * (1 - float((sizes**2).sum()) / rows**2)  # of rows by themselves
    of_answers = (np.add.reduceat(each, answers) for each in (of_groups, expected))
    found = max((float(mine / theirs) for mine, theirs in zip(*of_answers, strict=True) if theirs > 0), default=1.0)
    return 1.0 if found <= MOST_DISPERSED else found


def rows_a_name(by_block: Values) -> float:
    """How many rows have the same name, on average of rows, as uneven blocks of names tell; about 1 of rows by themselves."""
    usual = max(by_block.mean(), 1e-9)
    return float(((by_block - usual) ** 2).sum() / usual / (len(by_block) - 1))


def each_has_a_name(by_block: Values, before: Values) -> bool:
    """Whether each row of a window has a name of its own, where names of the baseline had several, and they are other names.
    Those that come again, of users who are there once in a window, are as frequent in the blocks as they were. Source: D4.21.
    """
    of_before = rows_a_name(before)
    if rows_a_name(by_block) > min(MOST_UNEVEN, of_before / 2):
        return False
    as_before = 1 + (1 - 1 / of_before) * (before / before.mean() - 1)  # times as many as in each block alike
    return float(by_block @ np.log(as_before)) < -LIKELIER
