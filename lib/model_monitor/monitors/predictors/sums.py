"""Models that are sums, of columns or of the leaves of trees: their Shapley values need no coalitions. Pure numpy.

Source: E3.6; Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from math import factorial, inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MOST_CONDITIONS = 2**20  # of all leaves; of more, coalitions are quicker
AT_ONCE = 2**19  # conditions that are looked at together
LEAVES_TOGETHER, CONDITIONS_TOGETHER = 512, 2**12
"""Whose conditions lie in tables by the bins of cells: small ones stay in a core's cache."""
MOST_COLUMNS = 64  # on the way to a leaf, a bit for each; of more, coalitions
MOST_BITS = 6  # of a leaf whose shares are looked up: the table has two to the power of twice as many rows


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


@dataclass(frozen=True)
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
            if len(ways) * longest > MOST_CONDITIONS or longest > MOST_COLUMNS:
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
        others = [self._held(other[None])[0] for other in baseline]
        for start in range(0, len(rows), step):
            here = self._held(rows[start : start + step])
            for there in others:
                found[start : start + step] += self._shares(here, there, rows.shape[1])
        return found / len(baseline)

    def _held(self, rows: Numbers) -> NDArray[np.unsignedinteger[Any]]:
        """Which conditions hold in some rows, shape (rows, leaves): a bit for each of a leaf."""
        cells = rows.astype(np.float32).astype(np.float64)
        held = np.empty((len(rows), len(self.low)), self._kind)
        for start, always, by_column in self._blocks:
            of_block = held[:, start : start + len(always)]
            of_block[:] = always
            for column, edges, of_bins in by_column:
                of_block |= of_bins[_bins_of(cells[:, column], edges)]
        return held

    @property
    def _kind(self) -> type[np.unsignedinteger[Any]]:
        wide: type[np.unsignedinteger[Any]] = np.uint8 if self.low.shape[1] <= 8 else np.uint16
        return wide if self.low.shape[1] <= 16 else np.uint64

    @cached_property
    def _blocks(self) -> list[tuple[int, NDArray[Any], list[tuple[int, Numbers, NDArray[Any]]]]]:
        """Of some leaves each: the first, the conditions that always hold, and by column where its bins begin, and the conditions
        that hold in each."""
        blocks = []
        step = min(LEAVES_TOGETHER, CONDITIONS_TOGETHER // self.low.shape[1])
        for start in range(0, len(self.low), step):
            own = slice(start, start + step)
            columns, low, high, missing = (each[own] for each in (self.columns, self.low, self.high, self.missing))
            bits = (1 << np.arange(low.shape[1], dtype=np.uint64)).astype(self._kind)
            is_free = (low == -inf) & (high == inf) & missing
            always = (is_free * bits).sum(axis=1, dtype=self._kind)
            by_column = []
            for column in np.unique(columns[~is_free]).tolist():
                of_column = (columns == column) & ~is_free
                edges = np.unique([low[of_column], high[of_column]])
                edges = edges[np.isfinite(edges)]
                cells = np.array([-inf, *edges, nan])[:, None, None]
                holds = ((cells >= low) & (cells < high)) | (np.isnan(cells) & missing)
                of_bins = (holds * of_column * bits).sum(axis=2, dtype=self._kind)
                by_column.append((column, edges, of_bins))
            blocks.append((start, always, by_column))
        return blocks

    def _shares(self, here: NDArray[Any], there: NDArray[Any], columns: int) -> Numbers:
        """What each leaf gives to the columns that lead to it in a row alone, and takes from those in the other row alone."""
        width = self.low.shape[1]
        reached = ((here | there) == self._kind((1 << width) - 1)) & (here != there)
        row, leaf = np.nonzero(reached)
        mine, others = here[row, leaf], there[leaf]
        weights = self._weights_of(mine & ~others, others & ~mine)
        places = (row[:, None] * columns + self.columns[leaf]).reshape(-1)
        each = [
            np.bincount(places, (weights * value[leaf][:, None]).reshape(-1), len(here) * columns)
            for value in self.values.T
        ]
        return np.stack([found.reshape(len(here), columns) for found in each], axis=1)

    def _weights_of(self, joining: NDArray[Any], leaving: NDArray[Any]) -> Numbers:
        """The shares of leaves' conditions, by those that hold in the row alone, and in the other: shape (leaves, conditions)."""
        width = self.low.shape[1]
        if width <= MOST_BITS:
            found: Numbers = self._weights_by_bits[(joining.astype(np.intp) << width) | leaving]
            return found
        own, other = (_bits_of(each, width) for each in (joining, leaving))
        return _weighted(own, other)

    @cached_property
    def _weights_by_bits(self) -> Numbers:
        width = self.low.shape[1]
        every = _bits_of(np.arange(1 << width, dtype=np.uint64), width)
        return _weighted(np.repeat(every, 1 << width, axis=0), np.tile(every, (1 << width, 1)))


def _bins_of(cells: Numbers, edges: Numbers) -> NDArray[np.intp]:
    """The number of each cell's bin: that below the first edge, from each edge on, and the last of missing cells."""
    bins = np.searchsorted(edges, cells, side="right")
    bins[np.isnan(cells)] = len(edges) + 1
    return bins


def _bits_of(numbers: NDArray[Any], width: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (numbers[:, None].astype(np.uint64) >> np.arange(width, dtype=np.uint64)) & np.uint64(
        1
    ) > 0
    return found


def _weighted(joining: NDArray[np.bool_], leaving: NDArray[np.bool_]) -> Numbers:
    table = _weights(joining.shape[1])
    sizes = joining.sum(axis=1), leaving.sum(axis=1)
    found: Numbers = joining * table[sizes][:, None] - leaving * table[sizes[::-1]][:, None]
    return found


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
