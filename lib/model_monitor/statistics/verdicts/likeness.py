"""How many rows of a run count as one, as neighbours in it, or rows that are known to belong together, are alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.distributions import Values
from model_monitor.statistics.drift.special_functions import normal_above, normal_quantile
from model_monitor.statistics.states.distinct import told_apart
from model_monitor.statistics.verdicts.variation import MOST_DISPERSED

BLOCKS = (4, 8, 16, 32, 64)  # rows of neighbours whose means are compared
CELLS = 8  # in which neighbouring rows are or are not alike
ANSWERS = 3  # a column of numbers has so many, any other one
CERTAIN, FEW_CERTAIN = 0.01, 0.15
"""How seldom rows by themselves look otherwise, and of few rows, which show less: what is taken for groups counts for less."""
FEW_ROWS = 256
ROOM = 1.1  # blocks cut groups, so that the largest ones look smaller
FEWEST_NEIGHBOURS = 16  # of which anything is told


def rows_as_one(
    ranks: Values, sizes: NDArray[np.int64], cells: NDArray[np.int8] | None = None, answers: Sequence[int] = (0,)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many rows count as one where neighbours are alike, about 1 of rows by themselves; and in how many standard deviations
    that is more than by chance. Of each answer.

    ranks: scores of each value of some runs, run after run, shape (scores, values). sizes: of the runs. cells: further scores,
    each 0 or 1. answers: the first score of each; those up to the next one make it together. Blocks of neighbours are held
    against the next ones of their run: what differs from run to run, and the largest step within one, is a change and no group.
    Source: D4.16; Kish 1965, "Survey Sampling"; von Neumann 1941, "Distribution of the ratio of the mean square successive
    difference to the variance".
    """
    of_scores = ranks.var(axis=1)
    if cells is not None:
        of_scores = np.concatenate((of_scores, cells.astype(float).var(axis=1)))
    variance = np.add.reduceat(of_scores, answers)
    squared = np.add.reduceat(of_scores**2, answers)
    # cells that are few, or of which one has nearly all rows, are fewer kinds; one is what the others leave
    kinds = np.maximum(np.divide(variance**2, squared, out=np.ones(len(answers)), where=squared > 0) - 1, 1)
    known = variance > 0
    upto = np.zeros((len(of_scores), ranks.shape[1] + 1))
    np.cumsum(ranks, axis=1, out=upto[: len(ranks), 1:])
    if cells is not None:  # whole numbers add up eight times as fast
        upto[len(ranks) :, 1:] = cells.cumsum(axis=1, dtype=np.int32)
    starts = np.cumsum(sizes) - sizes
    found, certain = np.zeros(len(answers)), np.zeros(len(answers))
    for block in BLOCKS:
        blocks = sizes // block
        starts, sizes, blocks = starts[blocks > 1], sizes[blocks > 1], blocks[blocks > 1]
        freedom = int((blocks - 1).sum())
        if freedom < 3:
            break
        ends = np.cumsum(blocks + 1)
        edges = np.repeat(starts - (ends - blocks - 1) * block, blocks + 1) + block * np.arange(ends[-1])
        steps = np.diff(upto.take(edges, axis=1), 2, axis=1)
        squares = np.add.reduceat(np.square(steps, out=steps), answers, axis=0)
        if len(ends) > 1:  # steps from a run to the next one are none
            within = np.ones(ends[-1] - 2, bool)
            within[ends[:-1] - 1] = within[ends[:-1] - 2] = False
            squares = squares.take(within.nonzero()[0], axis=1)
        total = squares.sum(axis=1) - squares.max(axis=1)  # the largest may be a change that begins there
        largest = _cubed(kinds, normal_quantile((freedom - 0.375) / (freedom + 0.25)))  # of squares of normal variables
        apart = np.divide(total, 2 * (freedom - largest) * block * variance, out=np.zeros(len(answers)), where=known)
        found = np.maximum(found, apart)
        few = 1 / (3 * (freedom - 1) * kinds)  # 2/9 over degrees of freedom: squares of steps vary as 2/3 as many do
        certain = np.maximum(certain, (np.cbrt(apart) - 1 + few) / np.sqrt(few))
    return found, certain


def _cubed(kinds: Values, normal: float) -> Values:
    """The mean of squares of so many normal variables that lies where a normal variable is. Source: Wilson and Hilferty 1931."""
    found: Values = (1 - 2 / (9 * kinds) + normal * np.sqrt(2 / (9 * kinds))) ** 3
    return found


def belong_together(certain: Sequence[float], rows: int) -> bool:
    """Whether rows do in one column for certain, or in all of them a little. certain: of each column, in standard deviations."""
    if not certain:
        return False
    columns = len(certain)
    of_one = normal_above(max(certain)) * columns
    of_all = normal_above(sum(certain) / columns) / math.sqrt(columns)  # chance has no part in all of them at once
    return min(of_one, of_all) * ANSWERS * len(BLOCKS) <= (CERTAIN if rows >= FEW_ROWS else FEW_CERTAIN)


def likenesses(columns: Sequence[tuple[NDArray[Any], NDArray[np.int64], bool]]) -> list[tuple[float, float]]:
    """`likeness` of columns: their values, the sizes of their runs, and whether they are numbers. Those with runs of equal sizes
    are looked at together.
    """
    alike: dict[bytes, list[int]] = {}
    for place, (_, sizes, _) in enumerate(columns):
        alike.setdefault(sizes.tobytes(), []).append(place)
    known = [(0.0, 0.0)] * len(columns)
    for places in alike.values():
        ranks, cells, answers, whose = likeness_scores([(columns[place][0], columns[place][2]) for place in places])
        found, certain = rows_as_one(ranks, columns[places[0]][1], cells, answers)
        for mine, place in enumerate(places):
            rows, sure = found[whose == mine], certain[whose == mine]
            known[place] = float(rows.max()), float(sure[rows > MOST_DISPERSED].max(initial=0.0))
    return known


def likeness_of_neighbours(columns: Sequence[tuple[NDArray[Any], NDArray[np.int64], bool]]) -> float:
    """How many neighbouring rows count as one, as the most alike of some columns has it; 1 where they don't belong together.

    columns: as of `likenesses`, with as many values each.
    """
    rows = len(columns[0][0]) if columns else 0
    found = likenesses(columns) if rows >= FEWEST_NEIGHBOURS else []
    return ROOM * max(each for each, _ in found) if belong_together([certain for _, certain in found], rows) else 1.0


def are_sorted(values: NDArray[Any]) -> bool:
    """Whether rows of one value are all next to each other, of two values or more: neighbours then tell nothing of groups."""
    return 1 + np.count_nonzero(values[1:] != values[:-1]) == len(told_apart(values)[0]) > 1


def likeness_scores(columns: Sequence[tuple[NDArray[Any], bool]]) -> tuple[Values, NDArray[np.int8], list[int], Any]:
    """What `rows_as_one` takes of columns of equal length, their values and whether they are numbers: ranks and their squares,
    the cells, the first score of each answer, and whose answer it is.
    """
    found = [_likeness_cells(values, are_numbers=are_numbers) for values, are_numbers in columns]
    ranked = [place for place, (_, _, own) in enumerate(found) if own is not None]
    ranks = np.empty((2 * len(ranked), len(columns[0][0])))
    for row, place in enumerate(ranked):
        ranks[2 * row] = found[place][2]
    np.square(ranks[::2], out=ranks[1::2])
    starts = np.cumsum([0, *(many for _, many, _ in found)]).tolist()
    cells = np.empty((starts[-1], ranks.shape[1]), np.int8)
    for (own, many, _), first in zip(found, starts, strict=False):
        np.equal(own, np.arange(many, dtype=np.int8)[:, None], out=cells[first : first + many].view(bool))
    answers = [*range(len(ranks)), *(len(ranks) + first for first in starts[:-1])]
    return ranks, cells, answers, np.array([*np.repeat(ranked, 2), *range(len(columns))], np.int64)


def _likeness_cells(values: NDArray[Any], *, are_numbers: bool) -> tuple[NDArray[np.int8], int, Values | None]:
    """Of a column in which cell each value is, how many cells there are, and of numbers the rank of each."""
    _, places = told_apart(values)
    totals = np.bincount(places)
    if not are_numbers:
        cells = np.minimum(np.argsort(np.argsort(-totals, kind="stable"), kind="stable"), CELLS - 1)
        return cells.astype(np.int8)[places], min(CELLS, len(totals)), None
    ranks = (np.cumsum(totals) - totals / 2) / len(values) - 0.5
    return ((ranks + 0.5) * CELLS).astype(np.int8)[places], CELLS, ranks[places]
