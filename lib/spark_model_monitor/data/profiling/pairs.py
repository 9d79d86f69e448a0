"""Relations between columns, counted block by block: rows by cells of two columns, and rows that break a relation.

Each count is a mapping, written as JSON: `kind`, `columns` by name, and the kind's parameters. `association`: `cells`,
each column's cuts, or its values' hashes. `key`: `known`, hashes of values of the first column with those of the second
that they determine. `equal`, `order` (first at most second), `sum` and `product` (of the first two) need numbers, and
have a tolerance `within`. Runs on executors, and on the driver for a baseline's sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import numbers_of
from spark_model_monitor.data.profiling.plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics.states import State
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.hashing import xxhash64_of
from spark_model_monitor.statistics.states.pairs import Pairs, size_of

Values: TypeAlias = NDArray[Any]  # shape (rows,): numbers, NaN if missing, or hashes of texts, 0 if missing

ROUNDING = 1e-6  # maximum relative difference of equal numbers


def counts_of(what: Mapping[str, Any], columns: Sequence[Values]) -> tuple[int, ...]:
    """The numbers of rows by kind, as in `Pairs`."""
    if what["kind"] == "association":
        first, second = (codes_of(cells, values) for cells, values in zip(what["cells"], columns, strict=True))
        return table_of(what, first, second)
    about, broken = broken_by(what, columns)
    return int(about.sum()), int(broken.sum())


def table_of(what: Mapping[str, Any], first: NDArray[np.intp], second: NDArray[np.intp]) -> tuple[int, ...]:
    """The number of rows for each pair of cells, in row-major order. first, second: the cells of each row."""
    rows, columns = map(size_of, what["cells"])
    return tuple(np.bincount(first * columns + second, minlength=rows * columns).tolist())


def codes_of(cells: Mapping[str, Any], values: Values) -> NDArray[np.intp]:
    """The cell of each row; the last cell is for missing values."""
    if "cuts" in cells:
        codes = np.zeros(len(values), np.intp)
        for cut in cells["cuts"]:
            codes += values >= cut
        codes[np.isnan(values)] = len(cells["cuts"]) + 1
        return codes
    known = np.array(cells["values"], np.uint64)
    places: NDArray[np.intp] = np.minimum(known.searchsorted(values), len(known) - 1)
    places[known[places] != values] = len(known)
    places[values == 0] = len(known) + 1
    return places


def broken_by(what: Mapping[str, Any], columns: Sequence[Values]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Flags of the rows to which a relation applies, and of those that break it."""
    kind, (first, second, *third) = what["kind"], columns
    if kind == "key":
        keys = hashes_of_values(first)
        values = hashes_of_values(second)
        known, expected = np.array(what["known"], np.uint64).T
        places = np.minimum(known.searchsorted(keys), len(known) - 1)
        about = (known[places] == keys) & (values != 0)
        return about, about & (expected[places] != values)
    about = ~np.isnan(np.sum(columns, axis=0))
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "order":
            return about, about & (first > second)
        if third:
            made = {"sum": np.add, "product": np.multiply}[kind](first, second)
        else:
            made = first
        goal = third[0] if third else second
        near = np.isfinite(goal) & (np.abs(made - goal) <= ROUNDING * np.abs(goal) + what["within"])
        return about, about & ~(near | (made == goal))


def hashes_of_values(values: Values) -> NDArray[np.uint64]:
    """Hashes that identify values; 0 if missing."""
    if values.dtype == np.uint64:
        return values
    hashes = xxhash64_of(values + 0.0)
    hashes[np.isnan(values)] = 0
    return hashes


def values_of(block: Block, column: ColumnPlan, *, numeric: bool, accept_exponents: bool) -> Values:
    """The number, or the hash of the text, of each row."""
    cells = block.cells(column)
    if not column.is_text:
        if numeric:
            return numbers_of(cells)
        return hashes_of_values(numbers_of(cells))
    found = block.found[column.position]
    present: Values | None
    if not numeric:
        present = found.hashes_of_cells
    elif column.hashed_by_spark:
        present = parse_numbers(cells.drop_null(), accept_exponents=accept_exponents)
    else:
        present = found.numbers_of_cells
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
        mine = [(what, places) for what, places in plan.pairs if places[0] == position]
        self._pairs = [(what, json.loads(what), [columns[at] for at in places]) for what, places in mine]
        self._names = {what: [str(cells) for cells in told.get("cells", ())] for what, told, _ in self._pairs}
        self._accept_exponents = plan.accept_exponents
        self._counts: dict[str, NDArray[np.int64]] = {}

    def update(self, block: Block) -> None:
        for text, what, columns in self._pairs:
            if what["kind"] == "association":
                counts = table_of(what, *self._codes(block, what, columns, self._names[text]))
            else:
                counts = counts_of(what, [self._values(block, column, what, at) for at, column in enumerate(columns)])
            self._counts[text] = self._counts.get(text, np.zeros(len(counts), np.int64)) + counts

    def states(self) -> Iterator[State]:
        yield Pairs.of({what: tuple(counts.tolist()) for what, counts in self._counts.items()})

    def _values(self, block: Block, column: ColumnPlan, what: Mapping[str, Any], at: int) -> Values:
        numeric = what["numeric"][at]
        make = partial(values_of, block, column, numeric=numeric, accept_exponents=self._accept_exponents)
        return block.once(("values", column.position, numeric), make)

    def _codes(
        self, block: Block, what: Mapping[str, Any], columns: Sequence[ColumnPlan], names: Sequence[str]
    ) -> Iterator[Values]:
        for at, column in enumerate(columns):

            def codes(at: int = at, column: ColumnPlan = column) -> Values:
                return codes_of(what["cells"][at], self._values(block, column, what, at))

            yield block.once(("codes", column.position, names[at]), codes)


def pairs_of(written: Sequence[str], names: Sequence[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The counts whose columns exist, with the positions of their columns."""
    told = ((what, json.loads(what)["columns"]) for what in written)
    return tuple((what, tuple(map(names.index, columns))) for what, columns in told if {*columns} <= {*names})
