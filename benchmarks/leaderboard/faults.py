"""The kinds of fault, each in sizes: what becomes of a window's columns, and which column an alarm should name. numpy alone.

Faults are made in the column x, in a pair of related columns, in the times of the rows, in all rows, or in what a model with its
errors is given and learns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from detectors import NEWEST_ROW, REPEATED_ROWS, ROW_COUNT, StreamDescription, is_text
from laws import (
    NEW_NUMBER,
    NEW_TEXT,
    TIME_FAULTS,
    Columns,
    Random,
    Values,
    estimate_unit,
    lose,
    replace_some,
    vanish,
)
from published_laws import SHIFT_SIZES, SHIFTS
from streams import LONGEST_FAULT, USUAL_FAULT, draw_number

MAX_CELLS = 200  # of a board
RELATED = 0.6  # the least correlation of a pair
X = "x"


@dataclass(frozen=True)
class Sites:
    """Where faults are made. x: in the baseline. unit: its deviation. partner: the column that x is swapped with. segment: a
    column and the value of some rows. pair: two related columns. times: the column of times. feature: of a model whose errors
    are x.
    """

    x: Values
    unit: float
    partner: str | None
    segment: tuple[str, str] | None
    pair: tuple[str, str] | None
    times: str | None
    window_seconds: float
    feature: str | None


Change = Callable[[Random, Columns, Sites, float], Columns]  # of a window, in an amount


class Perturbation(NamedTuple):
    """site: what is changed. texts: whether x must be of texts or mustn't. grows: whether the amount does, with each window."""

    kind: str
    size: str
    amount: float
    change: Change
    site: str = X
    texts: bool | None = None
    grows: bool = False

    @property
    def windows(self) -> int:
        """How long it lasts, unless it is found."""
        return LONGEST_FAULT if self.grows else USUAL_FAULT

    def make(self, random: Random, columns: Columns, sites: Sites, since: int) -> Columns:
        """The window with the fault, so many windows after its first."""
        return self.change(random, columns, sites, self.amount * (since + 1) if self.grows else self.amount)

    def list_targets(self, sites: Sites) -> set[str]:
        """What an alarm should name; nothing if the fault can't be made."""
        if self.texts is not None and self.texts != is_text(sites.x):
            return set()
        is_of_model = self.kind in SHIFTS
        if is_of_model != (sites.feature is not None):
            return set()
        times = {sites.times, NEWEST_ROW} if sites.times else set()
        records = {X, ROW_COUNT} if sites.times else set()
        targets = {
            X: {X},
            "rows": {ROW_COUNT},
            "repeated": {REPEATED_ROWS},
            "times": times,
            "records": times | records,
            "partner": {X, sites.partner} if sites.partner else set(),
            "segment": {X} if sites.segment else set(),
            "pair": {*(sites.pair or ())},
            "covariate": {X, sites.feature or X},
            "label": {X, "label", "prediction"},
            "concept": {X, "label"},
        }
        return targets[self.site]


def find_sites(baseline: Columns, stream: StreamDescription) -> Sites:
    x = baseline[X]
    times = stream.time_column
    other_columns = {name: values for name, values in baseline.items() if name not in (X, times)}
    numbers = {name: values for name, values in other_columns.items() if not is_text(values)}
    partner = find_partner(x, other_columns)
    unit = estimate_unit(x)
    segment = find_segment(other_columns)
    pair = find_pair(numbers)
    feature = next(iter(other_columns)) if {"label", "prediction"} <= baseline.keys() else None
    return Sites(x, unit, partner, segment, pair, times, 3_600.0 * stream.hours, feature)


def find_partner(x: Values, other_columns: Columns) -> str | None:
    """Of the columns of the same kind the one that differs most: by texts in common, by its median."""
    similar_columns = {name: values for name, values in other_columns.items() if is_text(values) == is_text(x)}

    def measure_distance(name: str) -> float:
        if is_text(x):
            return -float(np.isin(similar_columns[name].astype(str), x.astype(str)).mean())
        return abs(float(np.nanmedian(similar_columns[name]) - np.nanmedian(x)))

    return max(similar_columns, key=measure_distance, default=None)


def find_segment(other_columns: Columns) -> tuple[str, str] | None:
    """The value whose share is nearest to a tenth, in a column of at most fifty texts."""
    distances = {}
    for name, values in other_columns.items():
        if is_text(values):
            texts, counts = np.unique(values.astype(str), return_counts=True)
            for text, count in zip(texts, counts, strict=True) if len(texts) <= 50 else ():
                distances[name, str(text)] = abs(count / len(values) - 0.1)
    return min(distances, key=lambda key: distances[key], default=None)


def find_pair(numbers: Columns) -> tuple[str, str] | None:
    names = [name for name in numbers if np.nanstd(numbers[name]) > 0][:40]
    rows = np.nan_to_num(np.array([numbers[name] for name in names]))
    if len(names) < 2:
        return None
    correlations = np.abs(np.triu(np.corrcoef(rows), 1))
    first, second = np.unravel_index(np.argmax(correlations), correlations.shape)
    if correlations[first, second] < RELATED:
        return None
    return names[first], names[second]


# What becomes of a window


def change_unit(random: Random, columns: Columns, sites: Sites, factor: float) -> Columns:
    return {**columns, X: factor * columns[X]}


def multiply_some(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    x = columns[X]
    return {**columns, X: np.where(random.random(len(x)) < share, 1_000 * x, x)}


def lose_values(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    return {**columns, X: lose(random, columns[X], share)}


def bring_new_value(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    x = columns[X]
    new_value = NEW_TEXT if is_text(x) else NEW_NUMBER
    return {**columns, X: replace_some(random, x, share, new_value)}


def lose_one_value(random: Random, columns: Columns, sites: Sites, amount: float) -> Columns:
    return {**columns, X: vanish(random, columns[X], sites.unit)}


def drop_rows(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    remaining = random.random(len(columns[X])) >= share
    remaining[:2] = True  # two rows at least
    return {name: values[remaining] for name, values in columns.items()}


def swap(random: Random, columns: Columns, sites: Sites, amount: float) -> Columns:
    partner = sites.partner or X
    return {**columns, X: columns[partner], partner: columns[X]}


def copy_rows(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    """Copies of other rows in place of the last ones."""
    rows = len(columns[X])
    first = rows - int(share * rows)
    row = np.append(np.arange(first), random.choice(first, rows - first))
    return {name: values[row] for name, values in columns.items()}


def delay_rows(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    """Rows of the window before."""
    times = columns[sites.times or X]
    is_late = random.random(len(times)) < share
    return {**columns, sites.times or X: np.where(is_late, times - sites.window_seconds, times)}


def change_records(random: Random, columns: Columns, sites: Sites, amount: float, fault: str) -> Columns:
    times = sites.times or X
    return TIME_FAULTS[fault](random, columns, times)


def drift_away(random: Random, columns: Columns, sites: Sites, size: float) -> Columns:
    """Numbers by so many deviations; of texts a third of such a share become the most frequent."""
    if not is_text(columns[X]):
        return {**columns, X: columns[X] + size * sites.unit}
    texts, counts = np.unique(sites.x.astype(str), return_counts=True)
    most_frequent = str(texts[np.argmax(counts)])
    share = min(1.0, size / 3)
    return {**columns, X: replace_some(random, columns[X], share, most_frequent)}


def shift_segment(random: Random, columns: Columns, sites: Sites, size: float) -> Columns:
    """Numbers by so many deviations; of texts a third of such a share is lost."""
    column, text = sites.segment or (X, "")
    x = columns[X]
    shifted = lose(random, x, min(1.0, size / 3)) if is_text(x) else x + size * sites.unit
    return {**columns, X: np.where(columns[column].astype(str) == text, shifted, x)}


def break_relation(random: Random, columns: Columns, sites: Sites, share: float) -> Columns:
    """The second of the pair in another order, in some rows."""
    _, second = sites.pair or (X, X)
    values = columns[second].copy()
    chosen = np.flatnonzero(random.random(len(values)) < share)
    values[chosen] = values[random.permutation(chosen)]
    return {**columns, second: values}


def shift_model(random: Random, columns: Columns, sites: Sites, size: float, shift: str) -> Columns:
    return SHIFTS[shift](random, columns, sites.feature or X, size)


FAULTS = [
    Perturbation("unit", "all rows x 1.609", 1.609, change_unit, texts=False),  # miles in kilometres
    Perturbation("unit", "3 % x 1,000", 0.03, multiply_some, texts=False),
    Perturbation("nulls", "3 % more", 0.03, lose_values),
    Perturbation("nulls", "15 % more", 0.15, lose_values),
    Perturbation("new value", "3 %", 0.03, bring_new_value),
    Perturbation("new value", "15 %", 0.15, bring_new_value),
    Perturbation("vanished value", "the third", 1.0, lose_one_value, texts=True),
    Perturbation("outage", "30 % of the rows", 0.3, drop_rows, "rows"),
    Perturbation("outage", "90 % of the rows", 0.9, drop_rows, "rows"),
    Perturbation("swap", "two columns", 1.0, swap, "partner"),
    Perturbation("duplicates", "10 %", 0.1, copy_rows, "repeated"),
    Perturbation("duplicates", "30 %", 0.3, copy_rows, "repeated"),
    Perturbation("late rows", "10 %", 0.1, delay_rows, "times"),
    Perturbation("late rows", "50 %", 0.5, delay_rows, "times"),
    *(Perturbation("late rows", name, 1.0, partial(change_records, fault=name), "records") for name in TIME_FAULTS),
    Perturbation("slow drift", ".03 a window", 0.03, drift_away, grows=True),
    Perturbation("slow drift", ".1 a window", 0.1, drift_away, grows=True),
    Perturbation("one segment", "1 sd", 1.0, shift_segment, "segment"),
    Perturbation("one segment", "3 sd", 3.0, shift_segment, "segment"),
    Perturbation("correlation", "30 %", 0.3, break_relation, "pair"),
    Perturbation("correlation", "all", 1.0, break_relation, "pair"),
    *(
        Perturbation(name, size, amount, partial(shift_model, shift=name), name.split()[0])
        for name, sizes in SHIFT_SIZES.items()
        for size, amount in sizes.items()
    ),
]


def choose_faults(commit: str, name: str, sites: Sites, laws: int) -> list[Perturbation]:
    """Some kinds that are possible on a law, each in one size, so that so many laws have at most 200 cells."""
    by_kind: dict[str, list[Perturbation]] = {}
    for fault in FAULTS:
        if fault.list_targets(sites):
            by_kind.setdefault(fault.kind, []).append(fault)
    kinds = sorted(by_kind, key=lambda kind: draw_number(commit, name, kind))
    sizes = [by_kind[kind] for kind in kinds[: MAX_CELLS // laws]]
    return [faults[draw_number(commit, name, faults[0].kind, "size") % len(faults)] for faults in sizes]
