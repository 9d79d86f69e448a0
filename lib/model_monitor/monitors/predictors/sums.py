"""Models that are sums, of columns or of the leaves of trees: their Shapley values need no coalitions. Pure numpy.

Source: E3.6; Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from math import factorial, inf

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MOST_CONDITIONS = 2**20  # of all leaves; of more, coalitions are quicker
AT_ONCE = 2**19  # conditions that are looked at together


class Algorithm(str, Enum):
    """How attributions are made: without coalitions where a model is a sum and they come out the same, or always with them."""

    AUTO = "auto"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class Linear:
    """A weight for each column, shape (outputs, columns)."""

    weights: Numbers

    def attributed(self, rows: Numbers, baseline: Numbers) -> Numbers:
        """The values of some rows beside the baseline rows, shape (rows, outputs, columns)."""
        first = baseline[0]
        apart = (rows - first) - (baseline - first).mean(axis=0)
        found: Numbers = apart[:, None, :] * self.weights
        return found


@dataclass(frozen=True, slots=True)
class Tree:
    """By node: its children, -1 of a leaf; the column that splits and below what a cell goes left; where a missing one goes; its
    values, shape (nodes, outputs).
    """

    left: list[int]
    right: list[int]
    columns: list[int]
    below: list[float]
    missing_left: list[bool]
    values: Numbers


@dataclass(frozen=True, slots=True)
class Leaves:
    """Leaves by the conditions of the ways there: of which column, from where, to below where, and whether a missing cell passes.

    All of shape (leaves, conditions) but values, of (leaves, outputs). Cells count as the 32-bit numbers that trees compare.
    """

    columns: NDArray[np.intp]
    low: Numbers
    high: Numbers
    missing: NDArray[np.bool_]
    values: Numbers

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Leaves | None:
        """The leaves of all trees; None if there are none, or too many."""
        ways: list[dict[int, tuple[float, float, bool]]] = []
        values: list[Numbers] = []
        longest = 1
        for tree in trees:
            waiting: list[tuple[int, dict[int, tuple[float, float, bool]]]] = [(0, {})]
            while waiting:
                node, way = waiting.pop()
                if tree.left[node] < 0:
                    ways.append(way)
                    values.append(tree.values[node])
                    longest = max(longest, len(way))
                    continue
                column, at, goes_left = tree.columns[node], tree.below[node], tree.missing_left[node]
                low, high, missing = way.get(column, (-inf, inf, True))
                waiting.append((tree.left[node], {**way, column: (low, min(high, at), missing and goes_left)}))
                waiting.append((tree.right[node], {**way, column: (max(low, at), high, missing and not goes_left)}))
            if len(ways) * longest > MOST_CONDITIONS:
                return None
        if not ways:
            return None
        filled = [
            [*((column, *way[column]) for column in way), *[(0, -inf, inf, True)] * (longest - len(way))]
            for way in ways
        ]
        columns, low, high, passes = np.moveaxis(np.array(filled, dtype=np.float64), 2, 0)
        return cls(columns.astype(np.intp), low, high, passes.astype(bool), np.array(values))

    def attributed(self, rows: Numbers, baseline: Numbers) -> Numbers:
        """The values of some rows beside the baseline rows, shape (rows, outputs, columns)."""
        found = np.zeros((len(rows), self.values.shape[1], rows.shape[1]))
        step = max(1, AT_ONCE // self.low.size)
        for start in range(0, len(rows), step):
            here = self._hold(rows[start : start + step])
            for other in baseline:
                found[start : start + step] += self._shares(here, self._hold(other[None]), rows.shape[1])
        return found / len(baseline)

    def _hold(self, rows: Numbers) -> NDArray[np.bool_]:
        cells = rows.astype(np.float32)[:, self.columns]
        held: NDArray[np.bool_] = ((cells >= self.low) & (cells < self.high)) | (np.isnan(cells) & self.missing)
        return held

    def _shares(self, here: NDArray[np.bool_], there: NDArray[np.bool_], columns: int) -> Numbers:
        """What each leaf gives to the columns that lead to it in a row alone, and takes from those in the other row alone."""
        reached = (here | there).all(axis=2) & (here != there).any(axis=2)
        row, leaf = np.nonzero(reached)
        mine, others = here[row, leaf], there[0, leaf]
        joining, leaving = mine & ~others, others & ~mine
        sizes = joining.sum(axis=1), leaving.sum(axis=1)
        table = _weights(self.low.shape[1])
        weights = joining * table[sizes][:, None] - leaving * table[sizes[::-1]][:, None]
        places = (row[:, None] * columns + self.columns[leaf]).reshape(-1)
        each = [
            np.bincount(places, (weights * value[leaf][:, None]).reshape(-1), len(here) * columns)
            for value in self.values.T
        ]
        return np.stack([found.reshape(len(here), columns) for found in each], axis=1)


def _weights(most: int) -> Numbers:
    """By the numbers of columns that lead to a leaf in a row alone, and in the other alone: the share of one of the former."""
    sizes = range(most + 1)
    return np.array(
        [
            [factorial(own - 1) * factorial(other) / factorial(own + other) if own else 0.0 for other in sizes]
            for own in sizes
        ]
    )


@dataclass(frozen=True, slots=True)
class Sum:
    """A model as a sum. names: of its columns, none if it goes by their order. of_log_odds: whether those are the sum."""

    parts: Linear | Leaves
    names: tuple[str, ...] = ()
    of_log_odds: bool = False
