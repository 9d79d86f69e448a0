"""Relations between columns, counted block by block: the rows in each pair of two columns' cells, and the rows that break a
relation.

A relation is a mapping, written as JSON: its `kind`, the names of its `columns`, and the kind's parameters. `association`,
`independence`: `cells` has each column's cuts, or its values' hashes. `key`: `known` has hashes of values of the first column,
and the hashes of the second column's values that they determine. `equal`, `order` (first at most second), `sum` and `product`
(of the first two) need numbers, and have a tolerance `within`. Runs on executors, and on the driver for a baseline's sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics import Flags, Hashes, Indexes, Integers
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.pairs import Pairs, count_cells

Values: TypeAlias = NDArray[Any]  # shape (rows,): numbers, NaN if missing, or hashes of texts, 0 if missing
Relation: TypeAlias = Mapping[str, Any]  # a relation, as parsed from its JSON

ROUNDING = 1e-6  # maximum relative difference of equal numbers


def count_relation(relation: Relation, columns: Sequence[Values]) -> tuple[int, ...]:
    """The numbers of rows that `Pairs` stores for a relation."""
    if "cells" in relation:
        first, second = (assign_cells(cells, values) for cells, values in zip(relation["cells"], columns, strict=True))
        return count_rows_by_cells(relation, first, second)
    applies, is_broken = find_broken_rows(relation, columns)
    return int(applies.sum()), int(is_broken.sum())


def count_rows_by_cells(relation: Relation, first: Indexes, second: Indexes) -> tuple[int, ...]:
    """The number of rows for each pair of cells, in row-major order. first, second: the cells of each row."""
    rows, columns = map(count_cells, relation["cells"])
    return tuple(np.bincount(first * columns + second, minlength=rows * columns).tolist())


def assign_cells(cells: Mapping[str, Any], values: Values) -> Indexes:
    """The cell of each row; the last cell is for missing values."""
    if "cuts" in cells:
        codes = np.zeros(len(values), np.intp)
        for cut in cells["cuts"]:
            codes += values >= cut
        codes[np.isnan(values)] = len(cells["cuts"]) + 1
        return codes
    # After the cells of values follow a cell for all other values and a cell for missing values
    values_with_cell = np.array(cells["values"], np.uint64)
    indices: Indexes = np.minimum(values_with_cell.searchsorted(values), len(values_with_cell) - 1)
    indices[values_with_cell[indices] != values] = len(values_with_cell)
    indices[values == 0] = len(values_with_cell) + 1
    return indices


def find_broken_rows(relation: Relation, columns: Sequence[Values]) -> tuple[Flags, Flags]:
    """Flags of the rows to which a relation applies, and flags of the rows that break it."""
    kind = relation["kind"]
    first, second, *third = columns
    # The relation doesn't apply to a key that the baseline doesn't have
    if kind == "key":
        keys = hash_values(first)
        values = hash_values(second)
        baseline_keys, expected = np.array(relation["known"], np.uint64).T
        indices = np.minimum(baseline_keys.searchsorted(keys), len(baseline_keys) - 1)
        applies = (baseline_keys[indices] == keys) & (values != 0)
        return applies, applies & (expected[indices] != values)
    # A relation of numbers applies to rows in which no number is missing
    applies = ~np.isnan(np.sum(columns, axis=0))
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "order":
            return applies, applies & (first > second)
        computed = first
        if third:
            computed = {"sum": np.add, "product": np.multiply}[kind](first, second)
        expected_value = third[0] if third else second
        # Sums of doubles are rounded, so finite numbers are compared with a tolerance; infinite numbers are equal or not
        is_near = np.isfinite(expected_value) & (
            np.abs(computed - expected_value) <= ROUNDING * np.abs(expected_value) + relation["within"]
        )
        return applies, applies & ~(is_near | (computed == expected_value))


def hash_values(values: Values) -> Hashes:
    """Hashes that identify values; 0 for a missing value."""
    if values.dtype == np.uint64:
        return values
    hashes = xxhash64(values + 0.0)
    hashes[np.isnan(values)] = 0
    return hashes


def read_values(block: Block, column: ColumnPlan, *, numeric: bool) -> Values:
    """For each row: the number, or the hash of the text."""
    cells = block.cells(column)
    if not column.is_text:
        if numeric:
            return convert_to_doubles(cells)
        return hash_values(convert_to_doubles(cells))
    texts = block.texts_by_position[column.position]
    # The gatherer of a text column has parsed and hashed its texts already
    present: Values | None = texts.cell_numbers if numeric else texts.cell_hashes
    values: Values = np.full(len(cells), np.nan) if numeric else np.zeros(len(cells), np.uint64)
    if present is not None:
        values[~are_missing(cells)] = present
    return values


class PairsGatherer:
    """Counts the relations whose first column is the column at a position. Runs after the gatherers of the columns.

    Computes the values of a column once for all relations.
    """

    def __init__(self, plan: ScanPlan, position: int) -> None:
        columns = {column.position: column for column in plan.columns}
        self._counts: dict[str, Integers] = {}
        # For each relation: its JSON, the relation, its columns, and the key of each column's codes
        self._relations: list[tuple[str, Relation, list[ColumnPlan], list[str]]] = []
        for text, positions in plan.pairs:
            if positions[0] == position:
                relation = json.loads(text)
                keys = [str(cells) for cells in relation.get("cells", ())]
                self._relations.append((text, relation, [columns[index] for index in positions], keys))

    def update(self, block: Block) -> None:
        for text, relation, columns, keys in self._relations:
            # The values of a column, and then their cells, are computed once for all relations
            values = []
            for column, numeric in zip(columns, relation["numeric"], strict=True):
                read = partial(read_values, block, column, numeric=numeric)
                values.append(block.compute_once(("values", column.position, numeric), read))
            if "cells" in relation:
                codes = []
                for column, key, cells, column_values in zip(columns, keys, relation["cells"], values, strict=True):
                    assign = partial(assign_cells, cells, column_values)
                    codes.append(block.compute_once(("codes", column.position, key), assign))
                counts = count_rows_by_cells(relation, *codes)
            else:
                counts = count_relation(relation, values)
            self._counts[text] = self._counts.get(text, np.zeros(len(counts), np.int64)) + counts

    def states(self) -> Iterator[State]:
        yield Pairs.of({text: tuple(counts.tolist()) for text, counts in self._counts.items()})


def locate_pairs(relations: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The relations whose columns exist, each with the positions of its columns."""
    column_names = ((text, json.loads(text)["columns"]) for text in relations)
    return tuple((text, tuple(map(names.index, columns))) for text, columns in column_names if {*columns} <= {*names})
