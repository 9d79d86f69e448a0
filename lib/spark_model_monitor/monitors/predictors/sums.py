"""Models that are sums, of columns or of leaves of trees: their Shapley values need no coalitions. Pure numpy.

Source: E3.6; Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, cached_property, partial
from math import factorial, inf, nan
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, Flags, Indexes
from spark_model_monitor.value_class import value_class

# Shape (…, leaves): one bit for each condition of a leaf, set if the condition holds
ConditionBits: TypeAlias = NDArray[np.unsignedinteger[Any]]
# Takes rows, returns their local values, shape (rows, outputs, columns)
AttributionFunction: TypeAlias = Callable[[Doubles], Doubles]
WeightFunction: TypeAlias = Callable[[Indexes, ConditionBits], Doubles]
"""Takes leaves and the conditions that hold in a row, returns the Shapley weights of the conditions, shape (leaves,
conditions).
"""

MAX_CONDITIONS = 2**20  # maximum number of conditions of all leaves; with more, coalitions are faster
# Number of conditions processed together; larger arrays wouldn't fit in the processor's cache
CONDITIONS_PER_CALL = 2**17
LEAVES_TOGETHER = 256
CONDITIONS_TOGETHER = 2**12
"""Number of leaves and of conditions that share lookup tables by bin; small tables stay in a core's cache."""
MAX_COLUMNS = 64  # maximum number of columns on the path to a leaf, one bit each; with more, coalitions are used
MAX_BITS = 6
MAX_ENTRIES = 2**21
"""Limits for weights that are looked up by the conditions that hold: bits of a leaf, and entries of all tables, about 100
MB.
"""


@value_class
class Linear:
    """A linear model. weights: of each column, shape (outputs, columns)."""

    weights: Doubles

    def build_attribution(self, baseline: Doubles) -> AttributionFunction:
        """The function that computes local values relative to the baseline rows."""
        # Relative to the first row, so that large means lose no digits
        first_row = baseline[0]
        mean = (baseline - first_row).mean(axis=0)
        return lambda rows: ((rows - first_row) - mean)[:, None, :] * self.weights


@value_class
class Tree:
    """A tree; each member has one entry per node.

    left, right: the children, -1 for a leaf.
    columns, below: the column that splits, and the threshold below which a cell goes left.
    missing_left: whether a missing cell goes left.
    values: shape (nodes, outputs).
    """

    left: list[int]
    right: list[int]
    columns: list[int]
    below: list[float]
    missing_left: list[bool]
    values: Doubles


_LeafConditions: TypeAlias = dict[int, tuple[float, float, bool]]
"""By column: the interval of the values that reach a leaf, and whether a missing value does."""


@value_class(slots=False)
class Leaves:
    """Leaves by the conditions on their paths: column, lower and upper limit, and whether a missing cell meets the condition.

    All have shape (leaves, conditions), except values with shape (leaves, outputs). Cells are compared as 32-bit numbers, as
    in trees.
    """

    columns: Indexes
    low: Doubles
    high: Doubles
    missing: Flags
    values: Doubles

    @classmethod
    def of(cls, trees: Iterable[Tree]) -> Leaves | None:
        """The leaves of all trees; None if there are none or too many."""
        paths: list[_LeafConditions] = []
        values: list[Doubles] = []
        longest = 1
        for tree in trees:
            # Depth first without recursion, because a tree may be deeper than Python's stack allows
            pending: list[tuple[int, _LeafConditions]] = [(0, {})]
            while pending:
                node, path = pending.pop()
                if tree.left[node] < 0:
                    paths.append(path)
                    values.append(tree.values[node])
                    longest = max(longest, len(path))
                    continue
                # Each path has the interval of every column on it, and whether a missing value passes
                column = tree.columns[node]
                threshold = tree.below[node]
                goes_left = tree.missing_left[node]
                low, high, missing = path.get(column, (-inf, inf, True))
                left_condition = (low, min(high, threshold), missing and goes_left)
                right_condition = (max(low, threshold), high, missing and not goes_left)
                pending.append((tree.left[node], {**path, column: left_condition}))
                pending.append((tree.right[node], {**path, column: right_condition}))
            # With too many conditions, the model is not treated as a sum but explained by coalitions
            if len(paths) * longest > MAX_CONDITIONS or longest > MAX_COLUMNS:
                return None
        if not paths:
            return None
        # All paths get the same length, so that they form arrays: they are filled with a condition that always holds
        path_conditions = []
        for path in paths:
            conditions = [(column, *condition) for column, condition in path.items()]
            path_conditions.append(conditions + [(0, -inf, inf, True)] * (longest - len(path)))
        columns, low, high, missing = np.moveaxis(np.array(path_conditions, dtype=np.float64), 2, 0)
        return cls(columns.astype(np.intp), low, high, missing.astype(bool), np.array(values))

    def build_attribution(self, baseline: Doubles) -> AttributionFunction:
        """The function that computes local values relative to the baseline rows."""
        width = self.low.shape[1]
        bins = self._find_bins(baseline)
        has_table = width <= MAX_BITS and len(self.low) << width <= MAX_ENTRIES
        # Whatever depends only on the baseline rows is computed once for all calls
        weighed_blocks = [
            (block, block.prepare_weights(block.find_conditions(bins), has_table)) for block in self._blocks
        ]
        # With one baseline row, most leaves are unreachable
        conditions_per_call = 4 * CONDITIONS_PER_CALL
        if has_table and len(baseline) > 1:
            conditions_per_call = CONDITIONS_PER_CALL
        step = max(1, conditions_per_call // max(block.columns.size for block in self._blocks))

        def attribute(rows: Doubles) -> Doubles:
            attributions = np.zeros((len(rows), self.values.shape[1], rows.shape[1]))
            # Process rows in portions whose conditions fit in the processor's cache
            for start in range(0, len(rows), step):
                bins = self._find_bins(rows[start : start + step])
                for block, weight_functions in weighed_blocks:
                    conditions = block.find_conditions(bins)
                    for reachable, compute_weights in weight_functions:
                        block.add_attributions(
                            conditions, reachable, compute_weights, attributions[start : start + step]
                        )
            return attributions / len(baseline)

        return attribute

    def _find_bins(self, rows: Doubles) -> list[Indexes]:
        cells = rows.astype(np.float32).astype(np.float64)
        return [_assign_bins(cells[:, column], edges) for column, edges in enumerate(self._edges)]

    @cached_property
    def _edges(self) -> list[Doubles]:
        """The edges of each column's bins."""
        condition_masks = (self.columns == column for column in range(self.columns.max() + 1))
        return [
            _find_edges(self.low[column_conditions], self.high[column_conditions])
            for column_conditions in condition_masks
        ]

    @cached_property
    def _blocks(self) -> list[_Block]:
        """Blocks of leaves, with the conditions that hold in each bin."""
        width = self.low.shape[1]
        blocks = []
        # One bit for each condition of a path, in the smallest integer type with enough bits
        dtype: type[np.unsignedinteger[Any]] = np.uint64
        if width <= 8:
            dtype = np.uint8
        elif width <= 16:
            dtype = np.uint16
        bits = (1 << np.arange(width, dtype=np.uint64)).astype(dtype)
        step = min(LEAVES_TOGETHER, CONDITIONS_TOGETHER // width)
        for start in range(0, len(self.low), step):
            block_leaves = slice(start, start + step)
            # The conditions of the leaves in this block
            columns = self.columns[block_leaves]
            low = self.low[block_leaves]
            high = self.high[block_leaves]
            missing = self.missing[block_leaves]
            is_free = (low == -inf) & (high == inf) & missing
            always = (is_free * bits).sum(axis=1, dtype=dtype)
            column_tables = []
            for column in np.unique(columns[~is_free]).tolist():
                # The bits of the conditions that hold in each bin of a column
                column_conditions = (columns == column) & ~is_free
                edges = _find_edges(low[column_conditions], high[column_conditions])
                cells = np.array([-inf, *edges, nan])[:, None, None]
                holds = ((cells >= low) & (cells < high)) | (np.isnan(cells) & missing)
                conditions_by_bin = (holds * column_conditions * bits).sum(axis=2, dtype=dtype)
                block_bins = _assign_bins(np.array([-inf, *self._edges[column], nan]), edges)
                column_tables.append((column, block_bins, conditions_by_bin))
            blocks.append(_Block(columns, self.values[block_leaves], always, column_tables))
        return blocks


@value_class
class _Block:
    """Leaves that are processed together.

    columns, values: the columns of their conditions, and their values.
    always: the conditions that always hold.
    column_tables: for each column, the block's bin for each bin of all leaves, and the conditions that hold in each bin.
    """

    columns: Indexes
    values: Doubles
    always: ConditionBits
    column_tables: list[tuple[int, Indexes, ConditionBits]]

    def find_conditions(self, bins: list[Indexes]) -> ConditionBits:
        """The conditions that hold in rows, shape (rows, leaves)."""
        conditions = np.tile(self.always, (len(bins[0]), 1))
        column_conditions = np.empty_like(conditions)
        for column, block_bins, conditions_by_bin in self.column_tables:
            np.take(conditions_by_bin, block_bins[bins[column]], axis=0, out=column_conditions, mode="clip")
            np.bitwise_or(conditions, column_conditions, out=conditions)
        return conditions

    def prepare_weights(
        self, baseline_conditions: ConditionBits, has_table: bool
    ) -> list[tuple[ConditionBits, WeightFunction]]:
        """Pairs of the conditions that hold in baseline rows and the weights relative to them: one for all rows by
        look-up, or one per row.
        """
        width = self.columns.shape[1]
        # A table of all combinations would be too large, so each baseline row is weighed separately
        if not has_table:
            return [
                (baseline_row, partial(_compute_weights, baseline_row, width)) for baseline_row in baseline_conditions
            ]
        # The number of baseline rows that meet each combination of a leaf's conditions
        counts = np.zeros((len(self.columns), 1 << width))
        np.add.at(counts, (np.arange(len(self.columns)), baseline_conditions), 1)
        table = (counts @ _compute_weight_table(width)).reshape(-1, width)
        reachable = np.bitwise_or.reduce(baseline_conditions, axis=0)
        return [(reachable, lambda leaf, conditions: np.take(table, (leaf << width) + conditions, axis=0))]

    def add_attributions(
        self,
        conditions: ConditionBits,
        reachable: ConditionBits,
        compute_weights: WeightFunction,
        attributions: Doubles,
    ) -> None:
        """Add each leaf's value, weighted, to the columns that lead to it only in the row; subtract it from those that do
        only in the baseline.
        """
        rows, outputs, columns = attributions.shape
        width = self.columns.shape[1]
        # A leaf is reachable if each of its conditions holds in the row or in a baseline row
        reached = np.flatnonzero((conditions | reachable) == conditions.dtype.type((1 << width) - 1))
        row = reached // len(self.columns)
        leaf = reached - row * len(self.columns)
        weights = compute_weights(leaf, conditions.reshape(-1)[reached])
        targets = np.take(self.columns, leaf, axis=0)
        targets += (row * columns)[:, None]
        # Several conditions may belong to one column, so their shares are added
        for output in range(outputs):
            leaf_shares = weights * np.take(self.values[:, output], leaf)[:, None]
            column_sums = np.bincount(targets.reshape(-1), leaf_shares.reshape(-1), rows * columns)
            attributions[:, output] += column_sums.reshape(rows, columns)


def _compute_weights(baseline_row: ConditionBits, width: int, leaf: Indexes, conditions: ConditionBits) -> Doubles:
    return _weigh_conditions(conditions, baseline_row[leaf], width)


@cache
def _compute_weight_table(width: int) -> Doubles:
    """The weights of a leaf's conditions: by the conditions that hold in the baseline row, by those that hold in the row,
    by condition.
    """
    baseline_bits, row_bits = np.divmod(np.arange(1 << 2 * width, dtype=np.uint64), np.uint64(1 << width))
    weights = _weigh_conditions(row_bits, baseline_bits, width)
    # A leaf that neither row can reach gets nothing
    weights[(row_bits | baseline_bits) != (1 << width) - 1] = 0
    return weights.reshape(1 << width, -1)


def _find_edges(low: Doubles, high: Doubles) -> Doubles:
    edges = np.unique([low, high])
    finite_edges: Doubles = edges[np.isfinite(edges)]
    return finite_edges


def _assign_bins(cells: Doubles, edges: Doubles) -> Indexes:
    """The index of each cell's bin: 0 below the first edge, one more from each edge on, and the last index for missing
    cells.
    """
    bins = np.searchsorted(edges, cells, side="right")
    bins[np.isnan(cells)] = len(edges) + 1
    return bins


def _unpack_bits(numbers: NDArray[np.unsignedinteger[Any]], width: int) -> Flags:
    return (numbers[:, None].astype(np.uint64) >> np.arange(width, dtype=np.uint64)) & np.uint64(1) > 0


def _weigh_conditions(row_bits: ConditionBits, baseline_bits: ConditionBits, width: int) -> Doubles:
    """The Shapley weights of a leaf's conditions, positive for those that hold only in the row."""
    only_in_row = _unpack_bits(row_bits & ~baseline_bits, width)
    only_in_baseline = _unpack_bits(baseline_bits & ~row_bits, width)
    table = _shapley_weights(width)
    row_size = only_in_row.sum(axis=1)
    baseline_size = only_in_baseline.sum(axis=1)
    weights: Doubles = only_in_row * table[row_size, baseline_size][:, None]
    weights -= only_in_baseline * table[baseline_size, row_size][:, None]
    return weights


def _shapley_weights(most_columns: int) -> Doubles:
    """(s - 1)! t! / (s + t)!, shape (s, t): the Shapley weight of one of s columns that lead to a leaf only in the row,
    if t do only in the other row.
    """
    weights = np.zeros((most_columns + 1, most_columns + 1))
    for s in range(1, most_columns + 1):
        for t in range(most_columns + 1):
            weights[s, t] = factorial(s - 1) * factorial(t) / factorial(s + t)
    return weights


@value_class
class Sum:
    """A model as a sum. names: of its columns; empty if it uses their order. sums_log_odds: whether the log-odds are the
    sum, not the answers.
    """

    parts: Linear | Leaves
    names: tuple[str, ...] = ()
    sums_log_odds: bool = False
