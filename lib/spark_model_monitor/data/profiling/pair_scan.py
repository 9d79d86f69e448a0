"""Relations between columns, counted block by block: rows by cells of two columns, and rows that break a relation.

Each count is a mapping, written as JSON: `kind`, `columns` by name, and the kind's parameters. `association`,
`independence`: `cells`, each column's cuts, or its values' hashes. `key`: `known`, hashes of values of the first column
with those of the second that they determine. `equal`, `order` (first at most second), `sum` and `product` (of the first
two) need numbers, and have a tolerance `within`. Runs on executors, and on the driver for a baseline's sample.
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
from spark_model_monitor.statistics import Flags, Hashes, Integers
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.pairs import Pairs, count_cells

Values: TypeAlias = NDArray[Any]  # shape (rows,): numbers, NaN if missing, or hashes of texts, 0 if missing
Relation: TypeAlias = Mapping[str, Any]  # a count, as its JSON says it

ROUNDING = 1e-6  # maximum relative difference of equal numbers


def count_relation(relation: Relation, columns: Sequence[Values]) -> tuple[int, ...]:
    """The numbers of rows by kind, as in `Pairs`."""
    if "cells" in relation:
        first, second = (assign_cells(cells, values) for cells, values in zip(relation["cells"], columns, strict=True))
        return count_rows_by_cells(relation, first, second)
    applies, broken = find_broken_rows(relation, columns)
    return int(applies.sum()), int(broken.sum())


def count_rows_by_cells(relation: Relation, first: NDArray[np.intp], second: NDArray[np.intp]) -> tuple[int, ...]:
    """The number of rows for each pair of cells, in row-major order. first, second: the cells of each row."""
    rows, columns = map(count_cells, relation["cells"])
    return tuple(np.bincount(first * columns + second, minlength=rows * columns).tolist())


def assign_cells(cells: Mapping[str, Any], values: Values) -> NDArray[np.intp]:
    """The cell of each row; the last cell is for missing values."""
    if "cuts" in cells:
        codes = np.zeros(len(values), np.intp)
        for cut in cells["cuts"]:
            codes += values >= cut
        codes[np.isnan(values)] = len(cells["cuts"]) + 1
        return codes
    # Behind the cells of values are one for all other values and one for missing ones
    values_with_cell = np.array(cells["values"], np.uint64)
    indices: NDArray[np.intp] = np.minimum(values_with_cell.searchsorted(values), len(values_with_cell) - 1)
    indices[values_with_cell[indices] != values] = len(values_with_cell)
    indices[values == 0] = len(values_with_cell) + 1
    return indices


def find_broken_rows(relation: Relation, columns: Sequence[Values]) -> tuple[Flags, Flags]:
    """Flags of the rows to which a relation applies, and of those that break it."""
    kind = relation["kind"]
    first, second, *third = columns
    # A key that the baseline doesn't have tells nothing of its value
    if kind == "key":
        keys = hash_values(first)
        values = hash_values(second)
        known_keys, expected = np.array(relation["known"], np.uint64).T
        indices = np.minimum(known_keys.searchsorted(keys), len(known_keys) - 1)
        applies = (known_keys[indices] == keys) & (values != 0)
        return applies, applies & (expected[indices] != values)
    # Relations of numbers apply to rows that have all of them
    applies = ~np.isnan(np.sum(columns, axis=0))
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "order":
            return applies, applies & (first > second)
        computed = first
        if third:
            computed = {"sum": np.add, "product": np.multiply}[kind](first, second)
        expected_value = third[0] if third else second
        # Sums of doubles are rounded; infinite ones are equal or not
        is_near = np.isfinite(expected_value) & (
            np.abs(computed - expected_value) <= ROUNDING * np.abs(expected_value) + relation["within"]
        )
        return applies, applies & ~(is_near | (computed == expected_value))


def hash_values(values: Values) -> Hashes:
    """Hashes that identify values; 0 if missing."""
    if values.dtype == np.uint64:
        return values
    hashes = xxhash64(values + 0.0)
    hashes[np.isnan(values)] = 0
    return hashes


def read_values(block: Block, column: ColumnPlan, *, numeric: bool) -> Values:
    """The number, or the hash of the text, of each row."""
    cells = block.cells(column)
    if not column.is_text:
        if numeric:
            return convert_to_doubles(cells)
        return hash_values(convert_to_doubles(cells))
    texts = block.texts_by_position[column.position]
    # A text column, as its gatherer parsed and hashed it
    present: Values | None = texts.cell_numbers if numeric else texts.cell_hashes
    values: Values = np.full(len(cells), np.nan) if numeric else np.zeros(len(cells), np.uint64)
    if present is not None:
        values[~are_missing(cells)] = present
    return values


class PairsGatherer:
    """Counts pairs that begin with one column. Runs after the gatherers of the columns.

    Computes a column's values once for all pairs.
    """

    def __init__(self, plan: ScanPlan, position: int) -> None:
        columns = {column.position: column for column in plan.columns}
        self._counts: dict[str, Integers] = {}
        # Relations with their columns, and the key of each column's codes
        self._pairs: list[tuple[str, Relation, list[ColumnPlan], list[str]]] = []
        for text, positions in plan.pairs:
            if positions[0] == position:
                relation = json.loads(text)
                keys = [str(cells) for cells in relation.get("cells", ())]
                self._pairs.append((text, relation, [columns[index] for index in positions], keys))

    def update(self, block: Block) -> None:
        for text, relation, columns, keys in self._pairs:
            # Each column's values, and then the cells they are in, are computed once for all relations
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


def locate_pairs(written: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The counts whose columns exist, with the positions of their columns."""
    column_names = ((text, json.loads(text)["columns"]) for text in written)
    return tuple((text, tuple(map(names.index, columns))) for text, columns in column_names if {*columns} <= {*names})
