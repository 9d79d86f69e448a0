"""Relations between columns: detected in a sample of a baseline's rows, and judged in every window. Pure.

Source: D4.17.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.pair_scan import Values, assign_cells, count_relation, hash_values
from spark_model_monitor.documents.check_results import CHI_SQUARE, CheckResult, CheckStatus
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import ComparedRelation, WindowComparison
from spark_model_monitor.monitors.data_quality.checks.facts import compare_shares
from spark_model_monitor.monitors.data_quality.distribution.always_new import why_always_new
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY, NoiseCalibration
from spark_model_monitor.monitors.data_quality.families import COLUMN_PAIRS
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.special_functions import chi_square_above
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowRuns
from spark_model_monitor.statistics.states.pairs import Pairs, count_cells
from spark_model_monitor.statistics.states.row_counts import RowRun
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.value_class import value_class

ASSOCIATION, RELATION = BETWEEN_COLUMNS

# examined; kept; per column
MAX_COLUMNS = 200
MAX_PAIRS = 300
STRONGEST = 3
MIN_ROWS = 200  # of the sample, and of those that a relation is about
WEAKEST = 0.15  # association that is kept
MIN_CHANGE = 0.1  # of an association, to be relevant
# of numbers; and the number of texts with a cell of their own
CUTS = (0.25, 0.5, 0.75)
TOP = 4
MAX_KEYS = 64
MIN_OF_KEY = 5
MAX_ALIKE = 0.95  # rows with the same value, beyond which a key determines nothing
TRIED = 12  # rows that distinguish most sums and products
MIN_EXPECTED = 1.0  # rows of a pair of cells that are compared
STRENGTH = "how strongly both go together, from 0 to 1"
OPERATIONS = {"sum": np.add, "product": np.multiply}
ROUNDED = {"sum": 0.0, "product": 0.0051}  # by how much a result may be rounded: products of prices, to cents

SIGNS = {"equal": "{} was {}", "order": "{} was at most {}", "key": "{0} determined {1}"}
SIGNS |= {"sum": "{2} was {0} + {1}", "product": "{2} was {0} × {1}"}


Relation: TypeAlias = dict[str, Any]
"""A relation as `Pairs` has it: `kind`, `columns`, and what this kind needs, such as `within` or `cells`."""
ColumnCells: TypeAlias = dict[str, list[float]]
"""The cells of a column: `cuts` between numbers, or `values`, the hashes of texts."""
Table: TypeAlias = NDArray[np.float64]


# Relations in a baseline.


@value_class(eq=False)
class _Column:
    """A column of the sample. values: as in `data.profiling.pair_scan`. is_fit: whether its values recur."""

    name: str
    values: Values
    is_fit: bool

    @property
    def numeric(self) -> bool:
        return self.values.dtype != np.uint64


def with_relations(profile: Profile, runs: Sequence[RowRuns]) -> Profile:
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
    # Counted in the sample; a relation belongs to its first column, under its JSON
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


def _sample_columns(profile: Profile, runs: Sequence[RowRuns]) -> tuple[list[_Column], NDArray[np.int64]]:
    """The columns of the rows that all runs have, and the number of rows in each run."""
    # Columns keep the same rows, but for those of which some runs are lost
    runs_by_column = [row_runs.runs for row_runs in runs[: len(profile.features)]]
    layouts = [tuple((run.lot, run.rows) for run in column_runs) for column_runs in runs_by_column]
    usual_layout = max(layouts, key=len, default=())
    if not usual_layout:
        return [], np.empty(0, np.int64)
    # Columns whose values differ at all
    columns: list[_Column] = []
    for feature, feature_runs, layout in zip(profile.features, runs_by_column, layouts, strict=False):
        if layout == usual_layout and feature.num_present and len(columns) < MAX_COLUMNS:
            values = _read_values(feature_runs, feature)
            if values is not None and len(np.unique(hash_values(values))) > 1:
                columns.append(_Column(feature.name, values, why_always_new(feature) is None))
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
    # In a column of numbers a text is present and no number
    if len(cells) != np.count_nonzero(present):
        return None
    values[present] = cells
    return values


_CodedColumn: TypeAlias = tuple[_Column, NDArray[np.uint64], NDArray[np.intp]]
"""A column of few values: the sorted values, and the index of each row's value."""


def _find_keys(columns: Sequence[_Column]) -> Iterator[Relation]:
    """Columns of few values that determine others."""
    columns_of_few = []
    for column in columns:
        values, codes, counts = np.unique(hash_values(column.values), return_inverse=True, return_counts=True)
        if values[0] == 0:  # missing
            counts[0] = 0
        if len(values) <= MAX_KEYS and 0 < counts.max() <= MAX_ALIKE * counts.sum():
            columns_of_few.append((column, values, codes))
    for first, second in itertools.combinations(columns_of_few, 2):
        names = [first[0].name, second[0].name]
        determined_by_first = _list_determined_values(first, second)
        determined_by_second = _list_determined_values(second, first)
        # Columns that determine each other are one relation, with `back`
        if determined_by_first and determined_by_second:
            yield {"kind": "key", "columns": names, "known": determined_by_first, "back": 1}
        elif determined_by_first:
            yield {"kind": "key", "columns": names, "known": determined_by_first}
        elif determined_by_second:
            yield {"kind": "key", "columns": names[::-1], "known": determined_by_second}


def _list_determined_values(key_column: _CodedColumn, value_column: _CodedColumn) -> list[list[int]]:
    """The values of one column with those of another that they determine; empty if they determine nothing."""
    _, keys, key_codes = key_column
    _, values, value_codes = value_column
    # Shape (keys, values): rows with each pair, missing ones left out. The first rows usually show that nothing is determined
    for rows in (slice(TRIED**2), slice(None)):
        pair_codes = key_codes[rows] * len(values) + value_codes[rows]
        table = np.bincount(pair_codes, minlength=len(keys) * len(values)).reshape(len(keys), -1)
        table[:, values == 0] = 0
        table[keys == 0] = 0
        if (np.count_nonzero(table, axis=1) > 1).any():
            return []
    # Keys of enough rows, which have more than one value together
    frequent_keys = np.flatnonzero(table.sum(axis=1) >= MIN_OF_KEY)
    frequent_rows = table[frequent_keys]
    if frequent_rows.sum() < MIN_ROWS or np.count_nonzero(frequent_rows.sum(axis=0)) < 2:
        return []
    return [[int(keys[key]), int(values[table[key].argmax()])] for key in frequent_keys]


def _find_numeric_relations(columns: Sequence[_Column]) -> Iterator[Relation]:
    """Equal numbers, sums, products, and orders that unrelated columns would not keep."""
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

    # Sums and products; a part of a sum is at most the sum, which is no order of its own
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
    """The pairs of columns of which the first is never above the second in the first rows, which rule out most of them."""
    first_rows = table[:, : TRIED**2]
    is_possible = ~(first_rows[:, None] > first_rows).any(axis=2)
    pairs: list[list[int]] = np.argwhere(is_possible & ~np.eye(len(table), dtype=bool)).tolist()
    return pairs


def _list_possible_results(table: Table) -> Iterator[tuple[str, int, int, int]]:
    """The columns of which the third is a sum, or a product, of the first two in the few rows that have most values."""
    tried = table[:, np.argsort(np.isnan(table).sum(axis=0), kind="stable")[:TRIED]]
    for (kind, operation), first in itertools.product(OPERATIONS.items(), range(len(table) - 1)):
        # Shape (second columns, third columns, rows)
        results_of_operation = operation(tried[first], tried[first + 1 :])[:, None]
        differences = results_of_operation - tried
        is_near = np.abs(differences) <= np.abs(tried) * 1e-6 + ROUNDED[kind]
        for second, third in np.argwhere((is_near | np.isnan(differences)).all(axis=2)).tolist():
            yield kind, first, second + first + 1, third


def _select_valid_relations(relation_type: Relation, values: Sequence[Values], rounded: float) -> Iterator[Relation]:
    """A sum or product that holds in all rows, but not with another column of them, or with a constant."""
    first, second, goal = values
    scale = float(np.nanmedian(np.abs(goal)))
    # The same with the values of other rows: it is no relation of a column that hardly varies
    with_other_second = (first, np.roll(second, len(second) // 2), goal)
    with_other_first = (np.roll(first, len(first) // 2), second, goal)
    for within in dict.fromkeys((1e-9 * scale, rounded)):
        relation = {**relation_type, "within": within}
        about, broken = count_relation(relation, values)
        if about < MIN_ROWS or broken:
            continue
        for shuffled in (with_other_second, with_other_first):
            rows, wrong = count_relation(relation, shuffled)
            if wrong <= 0.1 * rows:
                return
        yield relation
        return


def _find_associations(columns: Sequence[_Column], sizes: NDArray[np.int64]) -> Iterator[Relation]:
    """The strongest associations of each column, ordered by strength, and the pairs that go together weakly or not at all."""
    names: list[str] = []
    cells: list[ColumnCells] = []
    codes: list[NDArray[np.intp]] = []
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
    # The strongest pairs first, until both columns are in enough of them; then those that have nothing to do with each other
    num_pairs = np.zeros(len(cells), int)
    run_of_row = np.repeat(np.arange(len(sizes)), sizes)
    pairs = np.stack(np.triu_indices(len(cells), 1), axis=1)
    for first, second in pairs[np.argsort(-strengths[tuple(pairs.T)], kind="stable")].tolist():
        is_strong = strengths[first, second] >= WEAKEST
        if is_strong and min(num_pairs[first], num_pairs[second]) >= STRONGEST:
            continue
        num_pairs[[first, second]] += 1
        # A table for each run, which show how much more the association varies than by chance
        shape = (len(sizes), widths[first], widths[second])
        cell_index = (run_of_row * shape[1] + codes[first]) * shape[2] + codes[second]
        tables = np.bincount(cell_index, minlength=int(np.prod(shape))).astype(float).reshape(shape)
        yield {
            "kind": "association" if is_strong else "independence",
            "columns": [names[first], names[second]],
            "cells": [cells[first], cells[second]],
            "phi": round(_estimate_overdispersion(tables), 3),
            "rows": round(float(sizes.mean()), 3),
        }


def _measure_strengths(codes: Sequence[NDArray[np.intp]], widths: NDArray[np.int64]) -> Table:
    """Cramér's V of each pair of columns, less what noise contributes to it. codes: the cell of each row, by column. widths:
    the number of cells of each column.
    """
    # All tables at once, by a column of zeros and ones for each cell
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
    terms = np.divide(squared_deviations, margins, out=np.zeros_like(margins), where=margins > 0)
    squares = np.add.reduceat(np.add.reduceat(terms, starts, axis=0), starts, axis=1)
    # Degrees of freedom
    free = np.add.reduceat(totals > 0, starts) - 1
    fewest_free = np.maximum(np.minimum.outer(free, free), 1)
    strengths: Table = np.sqrt(np.maximum(squares - 4 * np.outer(free, free) / rows, 0.0) / fewest_free)
    return strengths


def _choose_cells(values: Values) -> ColumnCells | None:
    """The cells of a column: quarters of numbers, except those that most rows have, and the most frequent texts."""
    if values.dtype != np.uint64:
        numbers = values[~np.isnan(values)]
        different = np.unique(numbers)
        if len(different) < 2:
            return None
        # A cell for each of a few numbers
        lowest = different[0]
        if len(different) <= len(CUTS) + 1:
            return {"cuts": different[1:].tolist()}
        quartiles = np.quantile(numbers, CUTS, method="higher")
        cuts = np.unique(quartiles[quartiles > lowest])
        # Where most numbers are the lowest one, the others are halved
        if len(cuts) <= 1:
            cuts = np.unique(np.quantile(numbers[numbers > lowest], (0.0, 0.5), method="higher"))
        return {"cuts": cuts.tolist()}
    texts, counts = np.unique(values[values > 0], return_counts=True)
    by_count = np.argsort(-counts, kind="stable")[:TOP]
    is_frequent = counts[by_count] >= MIN_EFFECT * len(values)
    top = np.sort(texts[by_count][is_frequent])
    if len(top):
        return {"values": [int(value) for value in top]}
    return None


# Verdicts on a window.


def _fit_to_margins(table: Table, rows: Table, columns: Table) -> Table:
    """Tables with given margins and the association of `table`. rows, columns: shape (…, cells) of each table."""
    fitted = np.where(np.outer(table.sum(axis=1), table.sum(axis=0)) > 0, table + 0.5, 0.0)
    fitted = np.broadcast_to(fitted, (*rows.shape, columns.shape[-1])).copy()
    # Iterative proportional fitting
    for _ in range(20):
        for axis, goal in ((-1, rows), (-2, columns)):
            sums = fitted.sum(axis=axis)
            fitted *= np.expand_dims(np.divide(goal, sums, out=np.zeros_like(sums), where=sums > 0), axis)
    return fitted


def _compute_chi_square(table: Table, windows: Table) -> tuple[Table, NDArray[np.int64]]:
    """Pearson's chi-square of each window, if its columns go together as those of `table` do; and its degrees of freedom.
    windows: shape (…, rows, columns).
    """
    # Rows or columns that the baseline lacks say nothing of an association
    windows = windows * (np.outer(table.sum(axis=1), table.sum(axis=0)) > 0)
    expected = _fit_to_margins(table, windows.sum(axis=-1), windows.sum(axis=-2))
    squares = ((windows - expected) ** 2 / np.maximum(expected, MIN_EXPECTED)).sum(axis=(-1, -2))
    rows, columns = (np.count_nonzero(windows.any(axis=axis), axis=-1) for axis in (-1, -2))
    return squares, np.maximum((rows - 1) * (columns - 1), 1)


def _measure_strength(table: Table) -> float:
    """Cramér's V, less what noise contributes to it."""
    square, free = _compute_chi_square(np.outer(table.sum(axis=1), table.sum(axis=0)), table)
    return _scale_to_strength(float(square - free), table)


def _scale_to_strength(square: float, table: Table) -> float:
    """Cramér's V of a chi-square: 1 if each column tells the other."""
    cells = min(np.count_nonzero(table.any(axis=0)), np.count_nonzero(table.any(axis=1)))
    return min(1.0, math.sqrt(max(square, 0.0) / max(table.sum(), 1.0) / max(cells - 1, 1)))


def _estimate_overdispersion(tables: Table) -> float:
    """The factor by which tables of runs of rows vary more than those of independent rows; 0 if too few runs show it."""
    if len(tables) < MIN_WINDOWS:
        return 0.0
    squares, free = _compute_chi_square(tables.sum(axis=0), tables)
    return max(1.0, float(squares.sum() / free.sum()))


def judge_relations(
    comparison: WindowComparison, calibration: NoiseCalibration, violated: frozenset[str]
) -> Iterator[CheckResult]:
    """The verdicts, exact relations first, then the least likely orders and associations: one change is one violation.

    violated: features that other checks already report.
    """
    # Parts of a sorted column don't show how its associations vary
    unfit: Mapping[str, str] = {}
    if not calibration.rows_are_independent:
        unfit = comparison.baseline.get_variation().unfit
    judged: list[_JudgedRelation] = []
    for compared in comparison.pairs:
        # Counts of cells show an association; any other relation is one that each row meets
        if "cells" in compared.relation:
            check = ASSOCIATION
            finding = _judge_cells(compared, calibration, unfit)
        else:
            check = RELATION
            finding = _judge_relation(compared, calibration)
        is_loose = check == ASSOCIATION or compared.relation["kind"] == "order"
        judged.append(_JudgedRelation(check, compared.relation["columns"], finding, is_loose))
    # Columns of one exact relation change together
    linked: dict[str, set[str]] = {}
    for exact in judged:
        if not exact.is_loose:
            for name in exact.columns:
                linked.setdefault(name, set()).update(exact.columns)
    # What reported a change of each column
    reported_by = {name: name for name in violated}
    for judged_relation in sorted(judged, key=_JudgedRelation.rank):
        finding = judged_relation.finding
        if finding.is_violated:
            reporters = [
                reported_by[name] for name in judged_relation.list_changing_columns(linked) if name in reported_by
            ]
            fewest = 1 if judged_relation.is_loose else 2
            if violated & {*reporters} or len(reporters) >= fewest:
                finding = finding.leave_to(reporters[0])
            else:
                reported_by |= dict.fromkeys(judged_relation.columns, judged_relation.name)
        yield finding.result(judged_relation.check, feature=judged_relation.name)


@value_class
class _JudgedRelation:
    """A relation's check, columns and finding. is_loose: whether it is no exact one, but an order or an association."""

    check: str
    columns: Sequence[str]
    finding: Finding
    is_loose: bool

    @property
    def name(self) -> str:
        return messages.join_names(self.columns)

    def rank(self) -> tuple[bool, float]:
        """Exact relations first, then the least likely one."""
        if self.finding.p is None:
            return self.is_loose, math.inf
        return self.is_loose, self.finding.p

    def list_changing_columns(self, linked: Mapping[str, set[str]]) -> list[str]:
        """Its columns; of a loose relation, also those of exact ones. linked: the columns of these, by column."""
        if not self.is_loose:
            return [*self.columns]
        return [linked_name for name in self.columns for linked_name in linked.get(name, (name,))]


def _judge_relation(compared: ComparedRelation, calibration: NoiseCalibration) -> Finding:
    # b of n rows of the baseline break it, w of m rows of the window
    n, b = compared.before
    m, w = compared.now
    evidence = compare_shares("share of rows that break it", (b, n), (w, m))
    if evidence is None:
        return Finding.not_judged(None, "no row is about it")
    evidence.family = COLUMN_PAIRS
    finding = evidence.judge(calibration)
    statement = SIGNS[compared.relation["kind"]].format(*compared.relation["columns"])
    if finding.is_violated:
        return finding.but(change=statement)
    return finding.but(change=None)


def _judge_cells(compared: ComparedRelation, calibration: NoiseCalibration, unfit: Mapping[str, str]) -> Finding:
    """Whether two columns go together as before: violated if they do so differently by more than chance.

    Source: Rao and Scott 1981, for tables of rows in groups.
    """
    # The rows by pairs of cells, in the baseline and in the window
    shape = [count_cells(cells) for cells in compared.relation["cells"]]
    table, window = (np.array(counts, float).reshape(shape) for counts in (compared.before, compared.now))
    n = int(table.sum())
    m = int(window.sum())
    expected = _measure_strength(table)
    observed = _measure_strength(window)
    finding = Finding(CheckStatus.PASSED, threshold=expected, observed=observed, n=n, m=m, formula=STRENGTH)
    # Why there is no verdict
    phi = _find_overdispersion(compared, m, calibration)
    reasons = [unfit[name] for name in compared.relation["columns"] if name in unfit]
    if phi is None:
        reasons.append(NO_HISTORY)
    if phi is None or reasons:
        return finding.unjudged(reasons[0])
    # The test, and the strength of what is other than before
    square, free = _compute_chi_square(table, window)
    statistic = float(square) * n / (n + m)
    change = _scale_to_strength(statistic - int(free), window)
    p = chi_square_above(statistic / phi, int(free))
    family_level, tests = calibration.level_and_tests(COLUMN_PAIRS)
    level = family_level / tests
    finding = finding.but(
        decided_by=CHI_SQUARE, statistic=statistic, p=p, level=level, effect=change, least_effect=MIN_CHANGE
    )
    if p > level or change < MIN_CHANGE:
        return finding
    description = messages.changed("How strongly both go together", observed, expected)
    return finding.but(status=CheckStatus.VIOLATED, description=description)


def _find_overdispersion(compared: ComparedRelation, rows: int, calibration: NoiseCalibration) -> float | None:
    """By what factor the window varies more than independent rows, as runs of the baseline's rows do; the excess grows with its
    rows. None if too few runs show it.
    """
    if calibration.rows_are_independent:
        return 1.0
    relation = compared.relation
    if not relation["phi"]:
        return None
    excess = max(0.0, float(relation["phi"]) - 1)
    return 1 + excess * max(1.0, rows / float(relation["rows"]))
