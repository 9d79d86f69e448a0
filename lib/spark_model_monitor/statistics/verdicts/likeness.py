"""The number of rows of a run that count as one, estimated from how alike neighbours or rows of a group are. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.drift.distributions import VALUES_TOGETHER, Values, slices_of
from spark_model_monitor.statistics.drift.special_functions import normal_above, normal_quantile, of_each
from spark_model_monitor.statistics.states.distinct import told_apart
from spark_model_monitor.statistics.verdicts.variation import MOST_DISPERSED

BLOCKS = (4, 8, 16, 32, 64)  # sizes of the blocks of neighbours whose means are compared
CELLS = 8  # cells of values: neighbouring rows are alike if they are in the same cell
_BYTES = np.array([*(1 << 8 * cell for cell in range(CELLS)), 0], "<u8")  # the bytes of a 64-bit integer, one per cell
ANSWERS = 3  # answers of a numeric column; any other column has one
CERTAIN, FEW_CERTAIN = 0.01, 0.15
"""Levels at which rows are taken to be dependent; for few rows, which show less, the level is higher."""
FEW_ROWS = 256
ROOM = 1.1  # blocks split groups, so the largest groups look smaller
FEWEST_NEIGHBOURS = 16  # fewest rows for an estimate


def rows_as_one(
    ranks: Values, sizes: NDArray[np.int64], answers: Sequence[int] = (0,)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each answer: the number of rows that count as one because neighbours are alike, about 1 for independent rows;
    and the excess over that in standard deviations.

    ranks: scores of the values, run after run, shape (scores, values). sizes: sizes of the runs. answers: the first
    score of each answer, which combines the scores up to the next one. Each block of neighbours is compared with the
    next block of its run: a difference between runs, and the largest step within a run, is a change, not a group.
    Source: D4.16; Kish 1965, "Survey Sampling"; von Neumann 1941, "Distribution of the ratio of the mean square successive
    difference to the variance".
    """
    behind = np.insert(ranks[:, : sizes.sum()], 0, 0.0, axis=1)
    found, certain = _of_columns(behind, None, answers, [sizes])
    return found[:, 0], certain[:, 0]


def _of_columns(
    ranks: Values, cells: NDArray[np.int8] | None, answers: Sequence[int], runs: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`rows_as_one` for several columns, each after a zero; shape (answers, columns). cells: the cell of each value;
    the indicators of the cells are further scores, which make the last answer. runs: the sizes of each column's runs.
    """
    sizes, of_run = np.concatenate(runs), np.repeat(np.arange(len(runs)), [*map(len, runs)])
    rows = np.array([each.sum() for each in runs])
    zeros = (rows + 1).cumsum() - rows - 1
    of_cells = np.empty((0, len(runs))) if cells is None else _variances_of_cells(cells, zeros, rows)
    of_scores = np.concatenate((_variances(ranks, zeros, rows), of_cells)).T.copy()
    variance = np.add.reduceat(of_scores, answers, axis=1).T
    squared = np.add.reduceat(of_scores**2, answers, axis=1).T
    # few cells, or one cell with nearly all rows, count as fewer kinds; one cell follows from the others
    kinds = np.maximum(np.divide(variance**2, squared, out=np.ones(variance.shape), where=squared > 0) - 1, 1)
    known = variance > 0
    starts = np.cumsum(sizes) - sizes + of_run
    upto = np.empty(ranks.shape)
    for own in slices_of(rows + 1) if len(ranks) else ():
        np.cumsum(ranks[:, own], axis=1, out=upto[:, own])
    of_ranks = [first for first in answers if first < len(ranks)]
    # one byte counts the values of a cell; no block has enough rows to overflow it
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
        within = np.ones(ends[-1], bool)  # steps between runs don't count
        within[ends - 1] = within[ends - 2] = False
        freedom = freedoms[at]
        firsts = freedom.cumsum() - freedom
        # after a leading zero, numpy adds in the same order as for a column alone
        squares = squares.take(np.insert(within.nonzero()[0], firsts, ends[-1] - 2), axis=1)
        firsts += np.arange(len(at))
        may_be_a_change = np.maximum.reduceat(squares, firsts, axis=1)  # a change that starts there
        total = np.add.reduceat(squares, firsts, axis=1) - may_be_a_change
        normal = of_each(normal_quantile, (freedom - 0.375) / (freedom + 0.25))
        largest = _cubed(kinds[:, at], normal)  # expected, of squared normal variables
        expected = 2 * (freedom - largest) * block * variance[:, at]
        apart = np.divide(total, expected, out=np.zeros(total.shape), where=known[:, at])
        found[:, at] = np.maximum(found[:, at], apart)
        # 2/9 over degrees of freedom: squared steps have 2/3 of the nominal number
        few = 1 / (3 * (freedom - 1) * kinds[:, at])
        certain[:, at] = np.maximum(certain[:, at], (np.cbrt(apart) - 1 + few) / np.sqrt(few))
    return found, certain


def _variances(scores: Values, zeros: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """The variance of each score within each column."""
    apart = scores - np.repeat(_sums(scores, zeros) / rows, rows + 1, axis=1)
    apart[:, zeros] = 0.0
    found: Values = _sums(np.square(apart, out=apart), zeros) / rows
    return found


def _variances_of_cells(cells: NDArray[np.int8], zeros: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """The variance of each cell's indicator, one cell at a time, because all of them don't fit in a processor cache."""
    places = np.repeat((CELLS + 1) * np.arange(len(rows)), rows + 1) + cells
    counts = np.bincount(places, minlength=(CELLS + 1) * len(rows)).reshape(len(rows), -1)
    squares = np.square(np.eye(CELLS, CELLS + 1)[:, None] - (counts[:, :CELLS] / rows[:, None]).T[:, :, None])
    squares[:, :, CELLS] = 0.0
    return np.concatenate([_sums(each.take(places)[None], zeros) for each in squares.reshape(CELLS, -1)]) / rows


def _sums(scores: Values, zeros: NDArray[np.int64]) -> Values:
    """The sum of each column after its leading zero, in the order in which numpy adds a column alone."""
    of_one = len(zeros) == 1
    found: Values = scores[:, 1:].sum(axis=1, keepdims=True) if of_one else np.add.reduceat(scores, zeros, axis=1)
    return found


def _cubed(kinds: Values, normal: Values) -> Values:
    """The mean of `kinds` squared normal variables at the quantile of `normal`. Source: Wilson and Hilferty 1931."""
    found: Values = (1 - 2 / (9 * kinds) + normal * np.sqrt(2 / (9 * kinds))) ** 3
    return found


def belong_together(certain: Sequence[float], rows: int) -> bool:
    """Whether one column alone, or all together, show that rows are dependent. certain: standard deviations of each."""
    if not certain:
        return False
    columns = len(certain)
    of_one = normal_above(max(certain)) * columns
    of_all = normal_above(sum(certain) / columns) / math.sqrt(columns)  # noise doesn't affect all columns at once
    return min(of_one, of_all) * ANSWERS * len(BLOCKS) <= (CERTAIN if rows >= FEW_ROWS else FEW_CERTAIN)


def likenesses(columns: Sequence[tuple[NDArray[Any], NDArray[np.int64], bool]]) -> list[tuple[float, float]]:
    """The `likeness` of each column. columns: values, sizes of the runs, and whether the values are numbers."""
    known = [(0.0, 0.0)] * len(columns)
    for are_numbers in (True, False):
        alike = [(place, each, own) for place, (each, own, numeric) in enumerate(columns) if numeric == are_numbers]
        longest = max((len(values) for _, values, _ in alike), default=1)
        each = VALUES_TOGETHER // longest if longest <= np.getbufsize() else 1  # numpy adds longer ones in parts
        for first in range(0, len(alike), each):
            places, values, runs = zip(*alike[first : first + each], strict=True)
            found, certain = _of_columns(*likeness_scores(values, are_numbers=are_numbers), runs)
            sure = np.where(found > MOST_DISPERSED, certain, 0.0).max(axis=0, initial=0.0)
            for place, *both in zip(places, found.max(axis=0).tolist(), sure.tolist(), strict=True):
                known[place] = both[0], both[1]
    return known


def likeness_of_neighbours(columns: Sequence[tuple[NDArray[Any], NDArray[np.int64], bool]]) -> float:
    """The number of neighbouring rows that count as one: the maximum over columns; 1 if rows are independent.

    columns: as in `likenesses`, all with the same number of values.
    """
    rows = len(columns[0][0]) if columns else 0
    found = likenesses(columns) if rows >= FEWEST_NEIGHBOURS else []
    return ROOM * max(each for each, _ in found) if belong_together([certain for _, certain in found], rows) else 1.0


def are_sorted(values: NDArray[Any]) -> bool:
    """Whether equal values are all adjacent, and there are at least two: neighbours then say nothing about groups."""
    return 1 + np.count_nonzero(values[1:] != values[:-1]) == len(told_apart(values)[0]) > 1


def likeness_scores(
    columns: Sequence[NDArray[Any]], *, are_numbers: bool
) -> tuple[Values, NDArray[np.int8], list[int]]:
    """The arguments of `rows_as_one` for columns of values, each after a zero: ranks of numbers and their squares, the
    cell of each value, and the first score of each answer.
    """
    found = [_likeness_cells(values, are_numbers=are_numbers) for values in columns]
    cells = np.concatenate([own for own, _ in found])
    if not are_numbers:
        return np.empty((0, len(cells))), cells, [0]
    ranks = np.concatenate([own for _, own in found])
    return np.stack((ranks, np.square(ranks))), cells, [0, 1, 2]


def _likeness_cells(values: NDArray[Any], *, are_numbers: bool) -> tuple[NDArray[np.int8], Values]:
    """The cell of each value of a column, after a zero, and for numbers the rank of each."""
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
