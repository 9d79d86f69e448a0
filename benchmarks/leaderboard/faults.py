"""The ten kinds of fault, each in sizes: what becomes of a window's columns, and which column an alarm should name. numpy alone.

Faults are made in the column x, in a pair of related columns, in the times of the rows, or in all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from detectors import NEWEST_ROW, REPEATED_ROWS, ROW_COUNT, is_text
from laws import NEW_NUMBER, NEW_TEXT, Columns, Random, Values, estimate_unit, lose, replace_some, vanish
from streams import LONGEST_FAULT, USUAL_FAULT

RELATED = 0.6  # the least correlation of a pair
DAY = 86_400.0  # seconds
X = "x"


@dataclass(frozen=True)
class Sites:
    """Where faults of a stream are made. unit: the deviation of x. partner: the column that x is swapped with. segment: a
    column and the value of some rows. pair: two related columns. times: the column of times.
    """

    unit: float
    partner: str | None
    segment: tuple[str, str] | None
    pair: tuple[str, str] | None
    times: str | None
    has_texts: bool


Change = Callable[
    [Random, Columns, Sites, int], Columns
]  # of a window, the last number is that of windows since the fault began


@dataclass(frozen=True)
class Perturbation:
    """windows: how long it lasts, unless it is found. site: what is changed. texts: whether x must be of texts or mustn't."""

    kind: str
    size: str
    change: Change
    site: str = X
    windows: int = USUAL_FAULT
    texts: bool | None = None

    def list_targets(self, sites: Sites) -> set[str]:
        """What an alarm should name; nothing if the fault can't be made."""
        if self.texts is not None and self.texts != sites.has_texts:
            return set()
        if self.site == "pair":
            return {*(sites.pair or ())}
        targets = {
            X: {X},
            "rows": {ROW_COUNT},
            "repeated": {REPEATED_ROWS},
            "times": {sites.times, NEWEST_ROW} if sites.times else set(),
            "partner": {X, sites.partner} if sites.partner else set(),
            "segment": {X} if sites.segment else set(),
        }
        return targets[self.site]


def find_sites(baseline: Columns, times: str | None) -> Sites:
    x = baseline[X]
    other_columns = {name: values for name, values in baseline.items() if name not in (X, times)}
    numbers = {name: values for name, values in other_columns.items() if not is_text(values)}
    return Sites(
        unit=estimate_unit(x),
        partner=find_partner(x, other_columns),
        segment=find_segment(other_columns),
        pair=find_pair(numbers),
        times=times,
        has_texts=is_text(x),
    )


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


def change_x(change: Callable[[Random, Values, float], Values]) -> Change:
    return lambda random, columns, sites, since: {**columns, X: change(random, columns[X], sites.unit)}


def multiply(random: Random, values: Values, unit: float, factor: float, share: float) -> Values:
    return np.where(random.random(len(values)) < share, factor * values, values)


def bring_new_value(random: Random, values: Values, unit: float, share: float) -> Values:
    return replace_some(random, values, share, NEW_TEXT if is_text(values) else NEW_NUMBER)


def lose_rows(random: Random, columns: Columns, sites: Sites, since: int, share: float) -> Columns:
    remaining = random.random(len(columns[X])) >= share
    remaining[:2] = True  # two rows at least
    return {name: values[remaining] for name, values in columns.items()}


def swap(random: Random, columns: Columns, sites: Sites, since: int) -> Columns:
    partner = sites.partner or X
    return {**columns, X: columns[partner], partner: columns[X]}


def repeat_rows(random: Random, columns: Columns, sites: Sites, since: int, share: float) -> Columns:
    """Copies of other rows in place of the last ones."""
    rows = len(columns[X])
    first = rows - int(share * rows)
    row = np.append(np.arange(first), random.choice(first, rows - first))
    return {name: values[row] for name, values in columns.items()}


def delay_rows(random: Random, columns: Columns, sites: Sites, since: int, share: float) -> Columns:
    """Rows of the day before."""
    times = columns[sites.times or X]
    is_late = random.random(len(times)) < share
    return {**columns, sites.times or X: np.where(is_late, times - DAY, times)}


def drift_slowly(random: Random, columns: Columns, sites: Sites, since: int, speed: float) -> Columns:
    """Numbers grow by so many deviations a window; of texts so many hundredths more become the most frequent."""
    x = columns[X]
    if not sites.has_texts:
        return {**columns, X: x + speed * (since + 1) * sites.unit}
    texts, counts = np.unique(x.astype(str), return_counts=True)
    share = min(1.0, speed * (since + 1) / 3)
    return {**columns, X: replace_some(random, x, share, str(texts[np.argmax(counts)]))}


def shift_segment(random: Random, columns: Columns, sites: Sites, since: int, size: float) -> Columns:
    column, text = sites.segment or (X, "")
    is_inside = columns[column].astype(str) == text
    x = columns[X]
    if sites.has_texts:
        return {**columns, X: np.where(is_inside, lose(random, x, min(1.0, size / 3)), x)}
    return {**columns, X: np.where(is_inside, x + size * sites.unit, x)}


def break_relation(random: Random, columns: Columns, sites: Sites, since: int, share: float) -> Columns:
    """The second of the pair in another order, in some rows."""
    _, second = sites.pair or (X, X)
    values = columns[second].copy()
    chosen = np.flatnonzero(random.random(len(values)) < share)
    values[chosen] = values[random.permutation(chosen)]
    return {**columns, second: values}


def list_faults() -> Iterator[Perturbation]:
    miles = change_x(partial(multiply, factor=1.609, share=1.0))
    yield Perturbation("unit", "all rows x 1.609", miles, texts=False)
    yield Perturbation("unit", "3 % x 1,000", change_x(partial(multiply, factor=1e3, share=0.03)), texts=False)
    for share in (0.03, 0.15):
        nulls = change_x(lambda random, values, unit, share=share: lose(random, values, share))
        yield Perturbation("nulls", f"{share:.0%} more", nulls)
        new_value = change_x(partial(bring_new_value, share=share))
        yield Perturbation("new value", f"{share:.0%}", new_value)
    yield Perturbation("vanished value", "the third", change_x(vanish), texts=True)
    for share in (0.3, 0.9):
        yield Perturbation("outage", f"{share:.0%} of the rows", partial(lose_rows, share=share), "rows")
    yield Perturbation("swap", "two columns", swap, "partner")
    for share in (0.1, 0.3):
        yield Perturbation("duplicates", f"{share:.0%}", partial(repeat_rows, share=share), "repeated")
    for share in (0.1, 0.5):
        yield Perturbation("late rows", f"{share:.0%}", partial(delay_rows, share=share), "times")
    for speed in (0.03, 0.1):
        yield Perturbation("slow drift", f"{speed} a window", partial(drift_slowly, speed=speed), windows=LONGEST_FAULT)
    for size in (1.0, 3.0):
        yield Perturbation("one segment", f"{size:.0f} sd", partial(shift_segment, size=size), "segment")
    for share in (0.3, 1.0):
        yield Perturbation("correlation", f"{share:.0%}", partial(break_relation, share=share), "pair")


FAULTS = [*list_faults()]
