"""Relations between columns, detected in a sample of a baseline's rows; `relation_verdicts.py` judges them in every window. Pure.

Source: D4.17.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from spark_model_monitor.data.profiling.pair_scan import Values, assign_cells, count_relation, hash_values
from spark_model_monitor.monitors.data_quality.distribution.always_new import explain_always_new
from spark_model_monitor.monitors.data_quality.relation_verdicts import estimate_overdispersion
from spark_model_monitor.statistics import Doubles, Hashes, Indexes, Integers
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowRuns
from spark_model_monitor.statistics.states.pairs import Pairs, count_cells
from spark_model_monitor.statistics.states.row_counts import RowRun
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero
from spark_model_monitor.value_class import value_class

MAX_COLUMNS = 200  # most columns that are examined, since every pair of them is
MAX_PAIRS = 300  # most relations that a baseline keeps
STRONGEST_PER_COLUMN = 3  # strong associations that each column keeps
MIN_STRENGTH = 0.15  # Cramér's V of a strong association
MIN_ROWS = 200  # fewest rows of the sample, and fewest rows that a relation is about
QUARTILES = (0.25, 0.5, 0.75)  # the cuts between the cells of numbers
MAX_FREQUENT_TEXTS = 4  # most texts with a cell of their own
MAX_KEYS = 64  # most distinct values of a column that may determine another column
MIN_ROWS_OF_KEY = 5  # fewest rows of a value that show what it determines
MAX_SHARE_OF_ONE_VALUE = 0.95  # a column with one value in more rows determines nothing
TRIED_ROWS = 12  # a few rows, which rule out most sums and products
OPERATIONS = {"sum": np.add, "product": np.multiply}
ROUNDED = {"sum": 0.0, "product": 0.0051}  # how far a result may be rounded: products of prices are rounded to cents


Relation: TypeAlias = dict[str, Any]
"""A relation as in `Pairs`: its `kind`, its `columns`, and what this kind needs, such as `within` or `cells`."""
ColumnCells: TypeAlias = dict[str, list[float]]
"""The cells of a column: `cuts` between numbers, or `values`, the hashes of texts."""
Table: TypeAlias = Doubles


@value_class(eq=False)
class _Column:
    """A column of the sample. values: in the form of `data.profiling.pair_scan`. is_fit: whether its values recur."""

    name: str
    values: Values
    is_fit: bool

    @property
    def numeric(self) -> bool:
        return self.values.dtype != np.uint64


def add_relations(profile: Profile, runs: Sequence[RowRuns]) -> Profile:
    """The profile with the relations between its columns, from the runs of rows that a baseline's scan keeps."""
    columns, sizes = _sample_columns(profile, runs)
    rows = int(sizes.sum())
    if rows < MIN_ROWS or len(columns) < 2:
        return profile
    # Exact relations first; a copy of a column has the associations of its original
    exact = [*_find_keys(columns), *_find_numeric_relations([column for column in columns if column.numeric])]
    relations = exact[:MAX_PAIRS]
    copies = {relation["columns"][1] for relation in relations if relation["kind"] == "equal" or "back" in relation}
    associations = _find_associations([column for column in columns if column.name not in copies], sizes)
    relations += itertools.islice(associations, MAX_PAIRS - len(relations))
    # Count each relation in the sample, and store it with its first column, by its JSON
    values = {column.name: column.values for column in columns}
    counts_by_feature: dict[str, dict[str, tuple[int, ...]]] = {}
    for relation in relations:
        names = relation["columns"]
        counts = count_relation(relation, [values[name] for name in names])
        relation["numeric"] = [values[name].dtype != np.uint64 for name in names]
        counts_by_feature.setdefault(names[0], {})[json.dumps(relation, sort_keys=True)] = counts
    features = []
    for feature in profile.features:
        if feature.name in counts_by_feature:
            states = {**feature.states, Pairs.KIND: Pairs.of(counts_by_feature[feature.name])}
            feature = replace(feature, states=dict(sorted(states.items())))
        features.append(feature)
    return replace(profile, features=tuple(features))


def _sample_columns(profile: Profile, runs: Sequence[RowRuns]) -> tuple[list[_Column], Integers]:
    """The columns of the rows that all runs have, and the number of rows in each run."""
    # All columns keep the same rows, except columns that lost some runs
    runs_by_column = [row_runs.runs for row_runs in runs[: len(profile.features)]]
    layouts = [tuple((run.lot, run.rows) for run in column_runs) for column_runs in runs_by_column]
    usual_layout = max(layouts, key=len, default=())
    if not usual_layout:
        return [], np.empty(0, np.int64)
    # Only columns with more than one value
    columns: list[_Column] = []
    for feature, feature_runs, layout in zip(profile.features, runs_by_column, layouts, strict=False):
        if layout == usual_layout and feature.num_present and len(columns) < MAX_COLUMNS:
            values = _read_values(feature_runs, feature)
            if values is not None and len(np.unique(hash_values(values))) > 1:
                columns.append(_Column(feature.name, values, explain_always_new(feature) is None))
    return columns, np.array([rows for _, rows in usual_layout], np.int64)


def _read_values(runs: Sequence[RowRun], feature: FeatureProfile) -> Values | None:
    """A value for each row: NaN, or the hash 0, where it is missing; None if some cells have no value."""
    present = np.concatenate([run.read_presence() for run in runs])
    values: Values
    if feature.is_numeric:
        cells = np.frombuffer(b"".join(run.numbers for run in runs), np.float64)
        values = np.full(len(present), np.nan)
    else:
        cells = np.frombuffer(b"".join(run.hashes for run in runs), np.uint64)
        values = np.zeros(len(present), np.uint64)
    # In a column of numbers, a text is present but has no number
    if len(cells) != np.count_nonzero(present):
        return None
    values[present] = cells
    return values


_CodedColumn: TypeAlias = tuple[_Column, Hashes, Indexes]
"""A column of few values: the sorted values, and the index of each row's value."""


def _find_keys(columns: Sequence[_Column]) -> Iterator[Relation]:
    """Columns of few values that determine others."""
    columns_of_few = []
    for column in columns:
        values, codes, counts = np.unique(hash_values(column.values), return_inverse=True, return_counts=True)
        if values[0] == 0:  # missing
            counts[0] = 0
        if len(values) <= MAX_KEYS and 0 < counts.max() <= MAX_SHARE_OF_ONE_VALUE * counts.sum():
            columns_of_few.append((column, values, codes))
    for first, second in itertools.combinations(columns_of_few, 2):
        names = [first[0].name, second[0].name]
        determined_by_first = _list_determined_values(first, second)
        determined_by_second = _list_determined_values(second, first)
        # Columns that determine each other are one relation, with `back`
        if determined_by_first:
            relation: Relation = {"kind": "key", "columns": names, "known": determined_by_first}
            if determined_by_second:
                relation["back"] = 1
            yield relation
        elif determined_by_second:
            yield {"kind": "key", "columns": names[::-1], "known": determined_by_second}


def _list_determined_values(key_column: _CodedColumn, value_column: _CodedColumn) -> list[list[int]]:
    """Each value of the key column with the value that it determines; empty if the column determines nothing."""
    _, keys, key_codes = key_column
    _, values, value_codes = value_column
    # Shape (keys, values): rows with each pair, missing ones left out. The first rows usually show that nothing is determined
    for rows in (slice(TRIED_ROWS**2), slice(None)):
        pair_codes = key_codes[rows] * len(values) + value_codes[rows]
        table = np.bincount(pair_codes, minlength=len(keys) * len(values)).reshape(len(keys), -1)
        table[:, values == 0] = 0
        table[keys == 0] = 0
        if (np.count_nonzero(table, axis=1) > 1).any():
            return []
    # Only keys with enough rows count, and together they need more than one value
    frequent_keys = np.flatnonzero(table.sum(axis=1) >= MIN_ROWS_OF_KEY)
    frequent_rows = table[frequent_keys]
    if frequent_rows.sum() < MIN_ROWS or np.count_nonzero(frequent_rows.sum(axis=0)) < 2:
        return []
    return [[int(keys[key]), int(values[table[key].argmax()])] for key in frequent_keys]


def _find_numeric_relations(columns: Sequence[_Column]) -> Iterator[Relation]:
    """Relations of equal numbers, sums and products, and of orders that unrelated columns would break."""
    if len(columns) < 2:
        return
    names = [column.name for column in columns]
    table = np.array([column.values for column in columns])

    # Equal columns, and orders with the share of rows that would break them if the columns were unrelated
    copies: set[int] = set()
    orders: list[tuple[float, int, int]] = []
    shuffled_rows = np.random.default_rng(0).permutation(table.shape[1])
    for first, second in _list_possible_orders(table):
        has_both = ~np.isnan(table[first] + table[second])
        if np.count_nonzero(has_both) < MIN_ROWS:
            continue
        low = table[first][has_both]
        high = table[second][has_both]
        if not (low <= high).all():
            continue
        if (low == high).all():
            if first < second:
                copies.add(second)
                yield {"kind": "equal", "columns": [names[first], names[second]], "within": 0.0}
            continue
        broken = float(np.mean(table[first][shuffled_rows] > table[second]))
        if broken >= MIN_EFFECT:
            orders.append((broken, first, second))

    # Sums and products; that a part is at most its sum follows, and is no order of its own
    implied_orders: set[frozenset[int]] = set()
    for kind, first, second, third in _list_possible_results(table):
        if third in (first, second) or copies & {first, second, third}:
            continue
        columns_of_relation = (first, second, third)
        relation_type = {"kind": kind, "columns": [names[index] for index in columns_of_relation]}
        for relation in _select_valid_relations(
            relation_type, [table[index] for index in columns_of_relation], ROUNDED[kind]
        ):
            implied_orders |= {frozenset((first, third)), frozenset((second, third))}
            yield relation

    # The orders that unrelated columns would break most
    orders = [order for order in orders if frozenset(order[1:]) not in implied_orders and not copies & {*order[1:]}]
    for _, first, second in sorted(orders, key=lambda order: -order[0])[: MAX_PAIRS // 3]:
        yield {"kind": "order", "columns": [names[first], names[second]], "within": 0.0}


def _list_possible_orders(table: Table) -> list[list[int]]:
    """The pairs of columns of which the first is never above the second in the first rows; these rule out most pairs."""
    first_rows = table[:, : TRIED_ROWS**2]
    is_possible = ~(first_rows[:, None] > first_rows).any(axis=2)
    pairs: list[list[int]] = np.argwhere(is_possible & ~np.eye(len(table), dtype=bool)).tolist()
    return pairs


def _list_possible_results(table: Table) -> Iterator[tuple[str, int, int, int]]:
    """The triples of columns of which the third is the sum, or the product, of the first two in the few rows with most values."""
    tried_rows = table[:, np.argsort(np.isnan(table).sum(axis=0), kind="stable")[:TRIED_ROWS]]
    for (kind, operation), first in itertools.product(OPERATIONS.items(), range(len(table) - 1)):
        # Shape (second columns, third columns, rows)
        results_of_operation = operation(tried_rows[first], tried_rows[first + 1 :])[:, None]
        differences = results_of_operation - tried_rows
        is_near = np.abs(differences) <= np.abs(tried_rows) * 1e-6 + ROUNDED[kind]
        for second, third in np.argwhere((is_near | np.isnan(differences)).all(axis=2)).tolist():
            yield kind, first, second + first + 1, third


def _select_valid_relations(relation_type: Relation, values: Sequence[Values], rounded: float) -> Iterator[Relation]:
    """The relation, if the sum or product holds in all rows, but not with shuffled values of one of its columns."""
    first, second, goal = values
    scale = float(np.nanmedian(np.abs(goal)))
    # With the values of other rows: if the relation still holds, the column hardly varies and has no part in it
    with_other_second = (first, np.roll(second, len(second) // 2), goal)
    with_other_first = (np.roll(first, len(first) // 2), second, goal)
    for within in dict.fromkeys((1e-9 * scale, rounded)):
        relation = {**relation_type, "within": within}
        num_rows, broken = count_relation(relation, values)
        if num_rows < MIN_ROWS or broken:
            continue
        for shuffled in (with_other_second, with_other_first):
            rows, num_broken = count_relation(relation, shuffled)
            if num_broken <= 0.1 * rows:
                return
        yield relation
        return


def _find_associations(columns: Sequence[_Column], sizes: Integers) -> Iterator[Relation]:
    """The strongest associations of each column, ordered by strength, and the pairs that go together weakly or not at all."""
    names: list[str] = []
    cells: list[ColumnCells] = []
    codes: list[Indexes] = []
    for column in columns:
        column_cells = _choose_cells(column.values) if column.is_fit else None
        if column_cells is not None:
            names.append(column.name)
            cells.append(column_cells)
            codes.append(assign_cells(column_cells, column.values))
    if len(cells) < 2:
        return
    widths = np.array([count_cells(column_cells) for column_cells in cells])
    strengths = _measure_strengths(codes, widths)
    # The strongest pairs first, until both columns are in enough of them; then weak or independent pairs
    num_pairs = np.zeros(len(cells), int)
    run_of_row = np.repeat(np.arange(len(sizes)), sizes)
    pairs = np.stack(np.triu_indices(len(cells), 1), axis=1)
    for first, second in pairs[np.argsort(-strengths[tuple(pairs.T)], kind="stable")].tolist():
        is_strong = strengths[first, second] >= MIN_STRENGTH
        if is_strong and min(num_pairs[first], num_pairs[second]) >= STRONGEST_PER_COLUMN:
            continue
        num_pairs[[first, second]] += 1
        # A table for each run: together they show how much more the association varies than by chance
        shape = (len(sizes), widths[first], widths[second])
        cell_index = (run_of_row * shape[1] + codes[first]) * shape[2] + codes[second]
        tables = np.bincount(cell_index, minlength=int(np.prod(shape))).astype(float).reshape(shape)
        yield {
            "kind": "association" if is_strong else "independence",
            "columns": [names[first], names[second]],
            "cells": [cells[first], cells[second]],
            "phi": round(estimate_overdispersion(tables), 3),
            "rows": round(float(sizes.mean()), 3),
        }


def _measure_strengths(codes: Sequence[Indexes], widths: Integers) -> Table:
    """Cramér's V of each pair of columns, less what noise contributes to it. codes: the cell of each row, by column. widths:
    the number of cells of each column.
    """
    # All tables at once, from an indicator column of zeros and ones for each cell
    starts = np.cumsum(widths) - widths
    indicators = np.zeros((len(codes[0]), int(widths.sum())), np.float32)
    for start, column_codes in zip(starts, codes, strict=True):
        indicators[np.arange(len(column_codes)), start + column_codes] = 1
    joint_counts = (indicators.T @ indicators).astype(float)
    # Chi-square of each table, divided by its rows
    rows = len(indicators)
    totals = np.diagonal(joint_counts)
    margins = np.outer(totals, totals)
    squared_deviations = (joint_counts - margins / rows) ** 2
    terms = ratio_or_zero(squared_deviations, margins)
    squares = np.add.reduceat(np.add.reduceat(terms, starts, axis=0), starts, axis=1)
    # Degrees of freedom
    free = np.add.reduceat(totals > 0, starts) - 1
    fewest_free = np.maximum(np.minimum.outer(free, free), 1)
    strengths: Table = np.sqrt(np.maximum(squares - 4 * np.outer(free, free) / rows, 0.0) / fewest_free)
    return strengths


def _choose_cells(values: Values) -> ColumnCells | None:
    """The cells of a column: quarters of its numbers, or its most frequent texts; None if these are too few."""
    if values.dtype != np.uint64:
        numbers = values[~np.isnan(values)]
        different = np.unique(numbers)
        if len(different) < 2:
            return None
        # A cell for each of a few numbers
        lowest = different[0]
        if len(different) <= len(QUARTILES) + 1:
            return {"cuts": different[1:].tolist()}
        quartiles = np.quantile(numbers, QUARTILES, method="higher")
        cuts = np.unique(quartiles[quartiles > lowest])
        # If most numbers equal the lowest one, the others are halved
        if len(cuts) <= 1:
            cuts = np.unique(np.quantile(numbers[numbers > lowest], (0.0, 0.5), method="higher"))
        return {"cuts": cuts.tolist()}
    texts, counts = np.unique(values[values > 0], return_counts=True)
    by_count = np.argsort(-counts, kind="stable")[:MAX_FREQUENT_TEXTS]
    is_frequent = counts[by_count] >= MIN_EFFECT * len(values)
    top = np.sort(texts[by_count][is_frequent])
    if len(top):
        return {"values": [int(value) for value in top]}
    return None
