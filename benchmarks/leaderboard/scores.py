"""Scores of entrants: what the rows of a run add up to, each share with its 95 % interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from scipy import stats

MONTH = 720  # windows
LEVEL = 0.95

Row = dict[str, Any]
Key = TypeVar("Key")
Cell = tuple[str, str, str]  # a law, and the kind and size of a fault


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def estimate_share(count: int, total: int, level: float = LEVEL) -> Interval:
    """A share and its interval. Source: Clopper and Pearson 1934."""
    tail = (1 - level) / 2
    low = float(stats.beta.ppf(tail, count, total - count + 1)) if count else 0.0
    high = float(stats.beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
    return Interval(count / max(total, 1), low, high)


def estimate_monthly_rate(count: int, windows: int, level: float = LEVEL) -> Interval:
    """Alarms a month and their interval, if alarms come as Poisson's do. Source: Garwood 1936."""
    tail = (1 - level) / 2
    low = float(stats.chi2.ppf(tail, 2 * count)) / 2 if count else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * count + 2)) / 2
    month = MONTH / max(windows, 1)
    return Interval(count * month, low * month, high * month)


@dataclass
class Score:
    """delays: of the faults that were tried, None where one wasn't found. named: alarms of faults that named the column."""

    windows: int = 0
    alarms: int = 0
    errors: int = 0
    seconds: float = 0.0
    megabytes: int = 0
    named: int = 0
    delays: list[int | None] = field(default_factory=list)

    def add(self, row: Row) -> None:
        if row["fault"] is not None:
            self.delays.extend(row["delays"])
            self.named += row["named"]
            return
        self.windows += row["windows"]
        self.alarms += row["alarms"]
        self.errors += sum(row["errors"].values())
        self.seconds += row["seconds"]
        self.megabytes = max(self.megabytes, row["megabytes"])

    @property
    def rate(self) -> Interval:
        return estimate_monthly_rate(self.alarms, self.windows)

    @property
    def delays_until_alarm(self) -> list[int]:
        return [delay for delay in self.delays if delay is not None]

    @property
    def share_found(self) -> Interval:
        return estimate_share(len(self.delays_until_alarm), len(self.delays))

    @property
    def share_named(self) -> Interval:
        return estimate_share(self.named, len(self.delays_until_alarm))

    @property
    def delay(self) -> float:
        """The median, in windows, of the faults that were found."""
        return median(self.delays_until_alarm or [float("nan")])

    @property
    def core_seconds(self) -> float:
        """Of a window."""
        return self.seconds / max(self.windows, 1)


def add_up(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, Score]:
    scores: dict[Key, Score] = {}
    for row in rows:
        scores.setdefault(key(row), Score()).add(row)
    return scores


@dataclass(frozen=True)
class CellResult:
    """Ours beside the best of the contenders, in a law and a fault."""

    cell: Cell
    ours: Interval
    first: str
    best: Interval
    z_test: Interval | None
    tries: int

    @property
    def is_lost(self) -> bool:
        """Whether ours is below the interval of the first."""
        return self.ours.value < self.best.low

    @property
    def gap_to_z_test(self) -> float:
        return self.z_test.value - self.ours.value if self.z_test else 0.0


def compare_cells(rows: list[Row], ours: str, z_test: str, contenders: Iterable[str]) -> list[CellResult]:
    # The share found of each cell and rule
    faults = [row for row in rows if row["fault"] is not None]
    scores = add_up(faults, lambda row: ((row["law"], row["fault"], row["size"]), row["rule"]))
    cells = {cell for cell, rule in scores if rule == ours}
    # Each cell of ours beside the best of it
    contending = {ours, *contenders}
    comparisons = []
    for cell in sorted(cells):
        shares = {rule: score.share_found for (scored_cell, rule), score in scores.items() if scored_cell == cell}
        first = max(contending & shares.keys(), key=lambda rule: (shares[rule].value, rule == ours, shares[rule].low))
        tries = len(scores[cell, ours].delays)
        comparisons.append(CellResult(cell, shares[ours], first, shares[first], shares.get(z_test), tries))
    return comparisons
