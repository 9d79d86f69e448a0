"""How many rows of a run count as one, as neighbours in it, or rows that are known to belong together, are alike. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.distributions import VALUES_TOGETHER, Values, slices_of
from model_monitor.statistics.drift.special_functions import normal_above, normal_quantile, of_each
from model_monitor.statistics.states.distinct import told_apart
from model_monitor.statistics.verdicts.variation import MOST_DISPERSED

BLOCKS = (4, 8, 16, 32, 64)  # rows of neighbours whose means are compared
CELLS = 8  # in which neighbouring rows are or are not alike
_BYTES = np.array([*(1 << 8 * cell for cell in range(CELLS)), 0], "<u8")  # of a long, one for each cell
ANSWERS = 3  # a column of numbers has so many, any other one
CERTAIN, FEW_CERTAIN = 0.01, 0.15
"""How seldom rows by themselves look otherwise, and of few rows, which show less: what is taken for groups counts for less."""
FEW_ROWS = 256
ROOM = 1.1  # blocks cut groups, so that the largest ones look smaller
FEWEST_NEIGHBOURS = 16  # of which anything is told


def rows_as_one(
    ranks: Values, sizes: NDArray[np.int64], answers: Sequence[int] = (0,)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many rows count as one where neighbours are alike, about 1 of rows by themselves; and in how many standard deviations
    that is more than by chance. Of each answer.

    ranks: scores of each value of some runs, run after run, shape (scores, values). sizes: of the runs. answers: the first score
    of each; those up to the next one make it together. Blocks of neighbours are held against the next ones of their run: what
    differs from run to run, and the largest step within one, is a change and no group.
    Source: D4.16; Kish 1965, "Survey Sampling"; von Neumann 1941, "Distribution of the ratio of the mean square successive
    difference to the variance".
    """
    behind = np.insert(ranks[:, : sizes.sum()], 0, 0.0, axis=1)
    found, certain = _of_columns(behind, None, answers, [sizes])
    return found[:, 0], certain[:, 0]


def _of_columns(
    ranks: Values, cells: NDArray[np.int8] | None, answers: Sequence[int], runs: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`rows_as_one` of columns, each behind a zero, of shape (answers, columns). cells: in which each value is; whether it is in
    each of them are further scores, which the last answer is made of. runs: the sizes of each column's.
    """
    sizes, of_run = np.concatenate(runs), np.repeat(np.arange(len(runs)), [*map(len, runs)])
    rows = np.array([each.sum() for each in runs])
    zeros = (rows + 1).cumsum() - rows - 1
    of_cells = np.empty((0, len(runs))) if cells is None else _variances_of_cells(cells, zeros, rows)
    of_scores = np.concatenate((_variances(ranks, zeros, rows), of_cells)).T.copy()
    variance = np.add.reduceat(of_scores, answers, axis=1).T
    squared = np.add.reduceat(of_scores**2, answers, axis=1).T
    # cells that are few, or of which one has nearly all rows, are fewer kinds; one is what the others leave
    kinds = np.maximum(np.divide(variance**2, squared, out=np.ones(variance.shape), where=squared > 0) - 1, 1)
    known = variance > 0
    starts = np.cumsum(sizes) - sizes + of_run
    upto = np.empty(ranks.shape)
    for own in slices_of(rows + 1) if len(ranks) else ():
        np.cumsum(ranks[:, own], axis=1, out=upto[:, own])
    of_ranks = [first for first in answers if first < len(ranks)]
    # a byte counts the values of a cell: what is more in none of the blocks overflows
    together = None if cells is None else _BYTES.take(cells).cumsum(dtype="<u8")
    found, certain = np.zeros(variance.shape), np.zeros(variance.shape)
    for block in BLOCKS:
        blocks = sizes // block
        freedoms = np.bincount(of_run, np.maximum(blocks - 1, 0), len(runs)).astype(np.int64)
        at, enough = (freedoms >= 3).nonzero()[0], (blocks > 1) & (freedoms[of_run] >= 3)
        if not len(at):
            break
        starts, sizes, blocks, of_run = (each[enough] for each in (starts, sizes, blocks, of_run))
        ends = np.cumsum(blocks + 1)
        edges = np.repeat(starts - (ends - blocks - 1) * block, blocks + 1) + block * np.arange(ends[-1])
        squares = np.zeros((len(answers), ends[-1] - 1))  # with a zero at the end
        if of_ranks:
            steps = np.diff(upto.take(edges, axis=1), 2, axis=1)
            squares[: len(of_ranks), :-1] = np.add.reduceat(np.square(steps, out=steps), of_ranks, axis=0)
        if together is not None:
            moved = np.diff(np.diff(together.take(edges)).view(np.uint8).reshape(-1, CELLS).astype(np.int16), axis=0)
            squares[-1, :-1] = np.square(moved, out=moved).sum(axis=1)
        within = np.ones(ends[-1], bool)  # steps from a run to the next one are none
        within[ends - 1] = within[ends - 2] = False
        freedom = freedoms[at]
        firsts = freedom.cumsum() - freedom
        # behind a zero numpy adds as it does where a column is alone
        squares = squares.take(np.insert(within.nonzero()[0], firsts, ends[-1] - 2), axis=1)
        firsts += np.arange(len(at))
        may_be_a_change = np.maximum.reduceat(squares, firsts, axis=1)  # that begins there
        total = np.add.reduceat(squares, firsts, axis=1) - may_be_a_change
        normal = of_each(normal_quantile, (freedom - 0.375) / (freedom + 0.25))
        largest = _cubed(kinds[:, at], normal)  # of squares of normal variables
        expected = 2 * (freedom - largest) * block * variance[:, at]
        apart = np.divide(total, expected, out=np.zeros(total.shape), where=known[:, at])
        found[:, at] = np.maximum(found[:, at], apart)
        # 2/9 over degrees of freedom: squares of steps vary as 2/3 as many do
        few = 1 / (3 * (freedom - 1) * kinds[:, at])
        certain[:, at] = np.maximum(certain[:, at], (np.cbrt(apart) - 1 + few) / np.sqrt(few))
    return found, certain


def _variances(scores: Values, zeros: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """Of each score within each column."""
    apart = scores - np.repeat(_sums(scores, zeros) / rows, rows + 1, axis=1)
    apart[:, zeros] = 0.0
    found: Values = _sums(np.square(apart, out=apart), zeros) / rows
    return found


def _variances_of_cells(cells: NDArray[np.int8], zeros: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """The same of whether a value is in each of the cells, one by one: all of them at once are more than a cache holds."""
    places = np.repeat((CELLS + 1) * np.arange(len(rows)), rows + 1) + cells
    counts = np.bincount(places, minlength=(CELLS + 1) * len(rows)).reshape(len(rows), -1)
    squares = np.square(np.eye(CELLS, CELLS + 1)[:, None] - (counts[:, :CELLS] / rows[:, None]).T[:, :, None])
    squares[:, :, CELLS] = 0.0
    return np.concatenate([_sums(each.take(places)[None], zeros) for each in squares.reshape(CELLS, -1)]) / rows


def _sums(scores: Values, zeros: NDArray[np.int64]) -> Values:
    """Of each column behind its zero, as numpy adds one that is alone."""
    of_one = len(zeros) == 1
    found: Values = scores[:, 1:].sum(axis=1, keepdims=True) if of_one else np.add.reduceat(scores, zeros, axis=1)
    return found


def _cubed(kinds: Values, normal: Values) -> Values:
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
    """`likeness` of columns: their values, the sizes of their runs, and whether they are numbers."""
    known = [(0.0, 0.0)] * len(columns)
    for are_numbers in (True, False):
        alike = [(place, each, own) for place, (each, own, numeric) in enumerate(columns) if numeric == are_numbers]
        longest = max((len(values) for _, values, _ in alike), default=1)
        each = VALUES_TOGETHER // longest if longest <= np.getbufsize() else 1  # more are added in parts
        for first in range(0, len(alike), each):
            places, values, runs = zip(*alike[first : first + each], strict=True)
            found, certain = _of_columns(*likeness_scores(values, are_numbers=are_numbers), runs)
            sure = np.where(found > MOST_DISPERSED, certain, 0.0).max(axis=0, initial=0.0)
            for place, *both in zip(places, found.max(axis=0).tolist(), sure.tolist(), strict=True):
                known[place] = both[0], both[1]
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


def likeness_scores(
    columns: Sequence[NDArray[Any]], *, are_numbers: bool
) -> tuple[Values, NDArray[np.int8], list[int]]:
    """What `rows_as_one` takes of the values of columns, each behind a zero: ranks of numbers and their squares, in which cell a
    value is, and the first score of each answer.
    """
    found = [_likeness_cells(values, are_numbers=are_numbers) for values in columns]
    cells = np.concatenate([own for own, _ in found])
    if not are_numbers:
        return np.empty((0, len(cells))), cells, [0]
    ranks = np.concatenate([own for _, own in found])
    return np.stack((ranks, np.square(ranks))), cells, [0, 1, 2]


def _likeness_cells(values: NDArray[Any], *, are_numbers: bool) -> tuple[NDArray[np.int8], Values]:
    """Of a column, behind a zero, in which cell each value is, and of numbers the rank of each."""
    _, places = told_apart(values)
    totals = np.bincount(places)
    cells, ranks = np.empty(len(values) + 1, np.int8), np.zeros(len(values) + 1 if are_numbers else 0)
    cells[0] = CELLS  # none
    if not are_numbers:
        by_frequency = np.argsort(np.argsort(-totals, kind="stable"), kind="stable")
        cells[1:] = np.minimum(by_frequency, CELLS - 1).astype(np.int8)[places]
        return cells, ranks
    of_each = (np.cumsum(totals) - totals / 2) / len(values) - 0.5
    cells[1:] = ((of_each + 0.5) * CELLS).astype(np.int8)[places]
    ranks[1:] = of_each[places]
    return cells, ranks
