"""Relations between columns: detected in a sample of a baseline's rows, and judged in every window. Pure.

Source: D4.17.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.pairs import Values, codes_of, counts_of, hashes_of_values
from spark_model_monitor.documents.check_results import STUDENT, CheckResult, CheckStatus
from spark_model_monitor.documents.headline import BETWEEN_COLUMNS
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.checks.guard import share_evidence
from spark_model_monitor.monitors.data_quality.comparison import Comparison
from spark_model_monitor.monitors.data_quality.distribution.always_new import why_always_new
from spark_model_monitor.monitors.data_quality.distribution.calibration import NO_HISTORY, Calibration
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.monitors.data_quality.families import BETWEEN
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift.special_functions import student_above
from spark_model_monitor.statistics.states import FeatureProfile, Profile, RowRuns
from spark_model_monitor.statistics.states.pairs import Pairs, size_of
from spark_model_monitor.statistics.states.rows import Run
from spark_model_monitor.statistics.verdicts.between_window_variance import FEWEST_WINDOWS

ASSOCIATION, RELATION = BETWEEN_COLUMNS

# examined; kept; per column
MOST_COLUMNS = 200
MOST_PAIRS = 300
STRONGEST = 3
FEWEST_ROWS = 200  # of the sample, and of those that a relation is about
WEAKEST = 0.15  # association that is kept
LEAST_CHANGE = 0.1  # of an association, to be relevant
# of numbers; and the number of texts with a cell of their own
CUTS = (0.25, 0.5, 0.75)
TOP = 4
LEAST_SHARE = 0.02
"""Of a text that has a cell, and of rows that break an order between unrelated columns."""
MOST_KEYS = 64
FEWEST_OF_KEY = 5
MOST_ALIKE = 0.95  # rows with the same value, beyond which a key determines nothing
TRIED = 12  # rows that distinguish most sums and products

SIGNS = {"equal": "{} was {}", "order": "{} was at most {}", "key": "{0} told {1}"}
SIGNS |= {"sum": "{2} was {0} + {1}", "product": "{2} was {0} × {1}"}


# Relations in a baseline.


@dataclass(frozen=True, eq=False)
class _Column:
    """A column of the sample. values: as in `data.profiling.pairs`. is_fit: whether its values recur."""

    name: str
    values: Values
    is_fit: bool

    @property
    def numeric(self) -> bool:
        return self.values.dtype != np.uint64


def with_pairs(profile: Profile, runs: Sequence[RowRuns]) -> Profile:
    """The profile with the relations between its columns, from the runs of rows that a baseline's scan keeps."""
    columns, sizes = _sample(profile, runs)
    rows = int(sizes.sum())
    if rows < FEWEST_ROWS or len(columns) < 2:
        return profile
    relations = [*_keys(columns), *_find_numeric_relations([column for column in columns if column.numeric])][
        :MOST_PAIRS
    ]
    same = {relation["columns"][1] for relation in relations if relation["kind"] == "equal" or "back" in relation}
    associations = _associations([column for column in columns if column.name not in same], sizes)
    kept = [*relations, *itertools.islice(associations, MOST_PAIRS - len(relations))]
    values = {column.name: column.values for column in columns}
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for what in kept:
        counts = counts_of(what, [values[name] for name in what["columns"]])
        what["numeric"] = [values[name].dtype != np.uint64 for name in what["columns"]]
        found.setdefault(what["columns"][0], {})[json.dumps(what, sort_keys=True)] = counts
    features = (
        replace(feature, states=dict(sorted({**feature.states, Pairs.KIND: Pairs.of(found[feature.name])}.items())))
        if feature.name in found
        else feature
        for feature in profile.features
    )
    return replace(profile, features=tuple(features))


def _sample(profile: Profile, runs: Sequence[RowRuns]) -> tuple[list[_Column], NDArray[np.int64]]:
    """The columns of the rows that all runs have, and the number of rows in each run."""
    of_each = [run.runs for run in runs[: len(profile.features)]]
    usual = max((tuple((run.lot, run.rows) for run in kept) for kept in of_each), key=len, default=())
    if not usual:
        return [], np.empty(0, np.int64)
    columns: list[_Column] = []
    for feature, kept in zip(profile.features, of_each, strict=False):
        is_same = tuple((run.lot, run.rows) for run in kept) == usual
        if is_same and feature.num_present and len(columns) < MOST_COLUMNS:
            values = _values(kept, feature)
            if values is not None and len(np.unique(hashes_of_values(values))) > 1:
                columns.append(_Column(feature.name, values, why_always_new(feature) is None))
    return columns, np.array([rows for _, rows in usual], np.int64)


def _values(runs: Sequence[Run], feature: FeatureProfile) -> Values | None:
    numeric = feature.is_numeric
    present = np.concatenate([run.rows_present() for run in runs])
    kept = b"".join(run.numbers if numeric else run.hashes for run in runs)
    cells = np.frombuffer(kept, np.float64 if numeric else np.uint64)
    if len(cells) != np.count_nonzero(present):
        return None
    if numeric:
        values = np.full(len(present), np.nan)
    else:
        values = np.zeros(len(present), np.uint64)
    values[present] = cells
    return values


_Few: TypeAlias = tuple[_Column, NDArray[np.uint64], NDArray[np.intp]]
"""A column of few values: the sorted values, and the index of each row's value."""


def _keys(columns: Sequence[_Column]) -> Iterator[dict[str, Any]]:
    """Columns of few values that determine others."""
    few = []
    for column in columns:
        known, codes, counts = np.unique(hashes_of_values(column.values), return_inverse=True, return_counts=True)
        if known[0] == 0:
            counts[0] = 0
        if len(known) <= MOST_KEYS and 0 < counts.max() <= MOST_ALIKE * counts.sum():
            few.append((column, known, codes))
    for mine, theirs in itertools.combinations(few, 2):
        determined_values = _list_determined_values(mine, theirs)
        back = _list_determined_values(theirs, mine)
        if determined_values:
            key = {"kind": "key", "columns": [mine[0].name, theirs[0].name], "known": determined_values}
            yield key | ({"back": 1} if back else {})
        elif back:
            yield {"kind": "key", "columns": [theirs[0].name, mine[0].name], "known": back}


def _list_determined_values(mine: _Few, theirs: _Few) -> list[list[int]]:
    """The values of one column with those of another that they determine; empty if they determine nothing."""
    (_, keys, codes), (_, values, others) = mine, theirs
    for rows in (slice(TRIED**2), slice(None)):  # few rows usually show it
        place = codes[rows] * len(values) + others[rows]
        table = np.bincount(place, minlength=len(keys) * len(values)).reshape(len(keys), -1)
        table[:, values == 0], table[keys == 0] = 0, 0
        if (np.count_nonzero(table, axis=1) > 1).any():
            return []
    often = np.flatnonzero(table.sum(axis=1) >= FEWEST_OF_KEY)
    told = table[often]
    if told.sum() < FEWEST_ROWS or np.count_nonzero(told.sum(axis=0)) < 2:
        return []
    return [[int(keys[place]), int(values[table[place].argmax()])] for place in often]


def _find_numeric_relations(columns: Sequence[_Column]) -> Iterator[dict[str, Any]]:
    """Equal numbers, sums, products, and orders that unrelated columns would not keep."""
    names = [column.name for column in columns]
    table = np.array([column.values for column in columns])
    if len(columns) < 2:
        return
    spread = np.random.default_rng(0).permutation(table.shape[1])
    same = set[frozenset[int]]()
    told = set[frozenset[int]]()
    orders = []
    few = table[:, : TRIED**2]
    may_be = ~(few[:, None] > few).any(axis=2)
    for first, second in np.argwhere(may_be & ~np.eye(len(columns), dtype=bool)).tolist():
        both = ~np.isnan(table[first] + table[second])
        if np.count_nonzero(both) < FEWEST_ROWS:
            continue
        a = table[first][both]
        b = table[second][both]
        if not (a <= b).all():
            continue
        if (a == b).all():
            if first < second:
                same.add(frozenset((first, second)))
                yield {"kind": "equal", "columns": [names[first], names[second]], "within": 0.0}
        elif (broken := float(np.mean(table[first][spread] > table[second]))) >= LEAST_SHARE:
            orders.append((broken, first, second))
    copies = {max(pair) for pair in same}
    tried = table[:, np.argsort(np.isnan(table).sum(axis=0), kind="stable")[:TRIED]]
    kinds = (("sum", np.add, 0.0), ("product", np.multiply, 0.0051))
    for (kind, make, rounded), first in itertools.product(kinds, range(len(columns) - 1)):
        made = make(tried[first], tried[first + 1 :])[:, None]  # of all that follow
        near = np.abs(made - tried) <= np.abs(tried) * 1e-6 + rounded
        for second, third in np.argwhere((near | np.isnan(made - tried)).all(axis=2)).tolist():
            second += first + 1
            what = {"kind": kind, "columns": [names[at] for at in (first, second, third)]}
            if third not in (first, second) and not copies & {first, second, third}:
                for relation in _if_it_holds(what, [table[at] for at in (first, second, third)], rounded):
                    told |= {frozenset((first, third)), frozenset((second, third))}
                    yield relation
    orders = [order for order in orders if frozenset(order[1:]) not in told and not copies & {*order[1:]}]
    for _, first, second in sorted(orders, key=lambda order: -order[0])[: MOST_PAIRS // 3]:
        yield {"kind": "order", "columns": [names[first], names[second]], "within": 0.0}


def _if_it_holds(what: dict[str, Any], values: Sequence[Values], rounded: float) -> Iterator[dict[str, Any]]:
    """A sum or product that holds in all rows, but not with another column of them, or with a constant."""
    first, second, goal = values
    scale = float(np.nanmedian(np.abs(goal)))
    spread = np.roll(second, len(second) // 2), np.roll(first, len(first) // 2)
    for within in dict.fromkeys((1e-9 * scale, rounded)):
        relation = {**what, "within": within}
        about, broken = counts_of(relation, values)
        if about >= FEWEST_ROWS and not broken:
            others = (counts_of(relation, sides) for sides in ((first, spread[0], goal), (spread[1], second, goal)))
            if all(wrong > 0.1 * of for of, wrong in others):
                yield relation
            return


def _associations(columns: Sequence[_Column], sizes: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    """The strongest associations of each column, ordered by strength."""
    cells = [(column, found) for column in columns if column.is_fit and (found := _cells(column.values)) is not None]
    if len(cells) < 2:
        return
    codes = [codes_of(found, column.values) for column, found in cells]
    widths = np.array([size_of(found) for _, found in cells])
    starts = np.cumsum(widths) - widths
    hot = np.zeros((len(codes[0]), int(widths.sum())), np.float32)
    for start, of in zip(starts, codes, strict=True):
        hot[np.arange(len(of)), start + of] = 1
    together = (hot.T @ hot).astype(float)  # of all tables at once
    totals = np.diagonal(together)
    margins = np.outer(totals, totals)
    # chi-square
    apart = np.divide((together - margins / len(hot)) ** 2, margins, out=np.zeros_like(margins), where=margins > 0)
    squares = np.add.reduceat(np.add.reduceat(apart, starts, axis=0), starts, axis=1)
    free = np.add.reduceat(totals > 0, starts) - 1
    least = np.maximum(np.minimum.outer(free, free), 1)
    # Cramér's V, minus the contribution of noise
    strengths = np.sqrt(np.maximum(squares - 4 * np.outer(free, free) / len(hot), 0.0) / least)
    used = np.zeros(len(cells), int)
    of_run = np.repeat(np.arange(len(sizes)), sizes)
    places = np.argwhere(np.triu(strengths, 1) >= WEAKEST)
    for first, second in places[np.argsort(-strengths[tuple(places.T)], kind="stable")].tolist():
        if min(used[first], used[second]) < STRONGEST:
            used[[first, second]] += 1
            shape = (len(sizes), widths[first], widths[second])
            place = (of_run * shape[1] + codes[first]) * shape[2] + codes[second]
            tables = np.bincount(place, minlength=int(np.prod(shape))).astype(float).reshape(shape)
            yield {
                "kind": "association",
                "columns": [cells[at][0].name for at in (first, second)],
                "cells": [cells[at][1] for at in (first, second)],
                "phi": round(_phi(tables), 3),
                "rows": round(float(sizes.mean()), 3),
                "runs": len(sizes),
            }


def _cells(values: Values) -> dict[str, list[Any]] | None:
    """The cells of a column: quarters of numbers, except those that most rows have, and the most frequent texts."""
    if values.dtype != np.uint64:
        numbers = values[~np.isnan(values)]
        different = np.unique(numbers)
        if len(different) <= len(CUTS) + 1:
            if len(different) > 1:
                return {"cuts": different[1:].tolist()}
            return None
        least = numbers[numbers > different[0]]
        few = np.quantile(numbers, CUTS, method="higher"), np.quantile(least, (0.0, 0.5), method="higher")
        cuts = np.unique(few[0][few[0] > different[0]])
        return {"cuts": (cuts if len(cuts) > 1 else np.unique(few[1])).tolist()}
    known, counts = np.unique(values[values > 0], return_counts=True)
    top = np.sort(known[np.argsort(-counts, kind="stable")[:TOP]][np.sort(-counts)[:TOP] <= -LEAST_SHARE * len(values)])
    if len(top):
        return {"values": [int(each) for each in top]}
    return None


# Verdicts on a window.


Table = NDArray[np.float64]


def _scores(table: Table) -> tuple[float, Table, Table]:
    """The strength of a table's association of rows and columns, from 0 to 1, and the scores that show it best.

    Source: the first canonical correlation of a table, Fisher 1940, "The precision of discriminant functions".
    """
    total = table.sum()
    rows = table.sum(axis=1)
    columns = table.sum(axis=0)
    there = np.where(rows > 0, rows, np.inf), np.where(columns > 0, columns, np.inf)
    apart = (table - np.outer(rows, columns) / max(total, 1)) / np.sqrt(np.outer(*there))
    left, strength, right = np.linalg.svd(apart)
    mine = left[:, 0] * np.sqrt(total / there[0])
    theirs = right[0] * np.sqrt(total / there[1])
    return float(strength[0]), mine, theirs


def _raked(table: Table, rows: Table, columns: Table) -> Table:
    """Tables with given margins and the association of `table`. rows, columns: shape (…, cells) of each table."""
    found = np.where(np.outer(table.sum(axis=1), table.sum(axis=0)) > 0, table + 0.5, 0.0)
    found = np.broadcast_to(found, (*rows.shape, columns.shape[-1])).copy()
    for _ in range(20):
        for axis, goal in ((-1, rows), (-2, columns)):
            sums = found.sum(axis=axis)
            found *= np.expand_dims(np.divide(goal, sums, out=np.zeros_like(sums), where=sums > 0), axis)
    return found


def _change(table: Table, windows: Table) -> tuple[Table, Table, Table]:
    """The strength of association in windows, its expected strength if they were associated as in `table`, and the
    variance of the score of a row there. windows: shape (…, rows, columns).
    """
    _, mine, theirs = _scores(table)
    scores = np.outer(mine, theirs)
    windows = windows * (np.outer(table.sum(axis=1), table.sum(axis=0)) > 0)
    sizes = np.maximum(windows.sum(axis=(-1, -2)), 1.0)
    expected = _raked(table, windows.sum(axis=-1), windows.sum(axis=-2))
    now, before = ((each * scores).sum(axis=(-1, -2)) / sizes for each in (windows, expected))
    rest = np.broadcast_to(scores, windows.shape).copy()
    for _ in range(10):  # what neither rows nor columns tell alone
        for axis in (-1, -2):
            weights = expected.sum(axis=axis)
            means = np.divide((expected * rest).sum(axis=axis), weights, out=np.zeros_like(weights), where=weights > 0)
            rest -= np.expand_dims(means, axis)
    return now, before, (expected * rest**2).sum(axis=(-1, -2)) / sizes


def _phi(tables: Table) -> float:
    """The factor by which runs of rows vary more than independent rows. tables: of each run."""
    now, before, variance = _change(tables.sum(axis=0), tables)
    known = variance > 1e-9
    squares = (now - before)[known] ** 2 / variance[known] * tables.sum(axis=(1, 2))[known]
    if known.sum() >= FEWEST_WINDOWS:
        return max(1.0, float(squares.mean()))
    return 0.0


def relation_results(
    comparison: Comparison, calibration: Calibration, violated: frozenset[str]
) -> Iterator[CheckResult]:
    """The verdicts, exact relations first, then the least likely orders and associations: one change is one violation.

    violated: features that other checks already report.
    """
    history = comparison.baseline.history.get(BASELINE)
    unfit = {} if history is None or calibration.rows_are_independent else history.unfit
    found = []
    for check, what, before, now in comparison.pairs:
        if check == RELATION:
            finding = _relation(what, before, now, calibration)
        else:
            finding = _association(what, before, now, calibration)
            why = next((unfit[name] for name in what["columns"] if name in unfit), None)
            if why is not None:
                finding = finding.unjudged(why)
        order = what["kind"] in ("association", "order"), math.inf if finding.p is None else finding.p
        found.append((*order, check, what["columns"], finding))
    linked: dict[str, set[str]] = {}
    for names in (names for is_loose, *_, names, _ in found if not is_loose):
        for name in names:
            linked.setdefault(name, set()).update(names)
    told = {name: name for name in violated}
    for is_loose, _, check, names, finding in sorted(found, key=lambda each: each[:2]):
        called = messages.join_names(names)
        near = [other for name in names for other in (linked.get(name, (name,)) if is_loose else (name,))]
        said = [told[name] for name in near if name in told]
        if finding.status is CheckStatus.VIOLATED and (violated & {*said} or len(said) >= (1 if is_loose else 2)):
            finding = finding.unjudged(f"{said[0]} is violated, and this is the same change")
        elif finding.status is CheckStatus.VIOLATED:
            told |= dict.fromkeys(names, called)
        yield finding.result(check, feature=called)


def _relation(what: Mapping[str, Any], before: Sequence[int], now: Sequence[int], calibration: Calibration) -> Finding:
    (n, b), (m, w) = before, now
    evidence = share_evidence("share of rows that break it", (b, n), (w, m), is_kind=True)
    if evidence is None:
        return Finding.not_judged(None, "no row is about it")
    evidence.family = BETWEEN
    finding = evidence.judged(calibration)
    held = SIGNS[what["kind"]].format(*what["columns"])
    return finding.but(change=held if finding.status is CheckStatus.VIOLATED else None)


def _association(
    what: Mapping[str, Any], before: Sequence[int], now: Sequence[int], calibration: Calibration
) -> Finding:
    shape = [size_of(cells) for cells in what["cells"]]
    table, window = (np.array(counts, float).reshape(shape) for counts in (before, now))
    found, expected, variance = (float(each) for each in _change(table, window))
    n = int(table.sum())
    m = int(window.sum())
    formula = "how strongly both go together, from 0 to 1"
    finding = Finding(CheckStatus.PASSED, expected, found, n=n, m=m, formula=formula)
    if calibration.rows_are_independent:
        phi = 1.0
    else:
        phi = 1 + max(0.0, what["phi"] - 1) * max(1.0, m / what["rows"])
    if not calibration.rows_are_independent and (what["runs"] < FEWEST_WINDOWS or not what["phi"]):
        return finding.unjudged(NO_HISTORY)
    if variance < 1e-9:
        return finding.unjudged("one of them hardly varies in this window")
    z = abs(found - expected) / math.sqrt(phi * variance * (1 / m + 1 / n))
    p = min(1.0, 2 * student_above(z, max(what["runs"] - 1, 1)))
    level, tests = calibration.level_and_tests(BETWEEN)
    finding = finding.but(decided_by=STUDENT, statistic=z, p=p, level=level / tests)
    finding = finding.but(effect=abs(found - expected), least_effect=LEAST_CHANGE)
    if p > level / tests or abs(found - expected) < LEAST_CHANGE:
        return finding
    description = messages.changed("How strongly both go together", found, expected)
    return finding.but(status=CheckStatus.VIOLATED, description=description)
