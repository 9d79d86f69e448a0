"""Scores of entrants: what the rows of a run add up to, each share with its 95 % interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from scipy import stats

MONTH = 720  # windows
LEVEL = 0.95
WIDE = 0.5  # an interval of a share that is wider resolves nothing

Row = dict[str, Any]
Key = TypeVar("Key")


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
class Comparison:
    """Ours beside another rule, in the faults of a group, on the streams that both have played."""

    group: tuple[str, ...]
    rule: str
    ours: Interval
    theirs: Interval
    tries: int

    @property
    def gap(self) -> float:
        return self.theirs.value - self.ours.value

    @property
    def is_lost(self) -> bool:
        """Whether ours is below the other's interval."""
        return self.ours.value < self.theirs.low

    @property
    def is_resolved(self) -> bool:
        return self.theirs.high - self.theirs.low <= WIDE


Delays = dict[tuple[str, int, int], list["int | None"]]  # by stream


def compare_rules(
    rows: Iterable[Row], group_by: Callable[[Row], tuple[str, ...]], ours: str, rules: Iterable[str]
) -> dict[tuple[str, ...], list[Comparison]]:
    """Ours beside each of the rules, by group."""
    delays: dict[tuple[str, ...], dict[str, Delays]] = {}
    for row in rows:
        if row["fault"] is not None:
            by_stream = delays.setdefault(group_by(row), {}).setdefault(row["rule"], {})
            by_stream.setdefault((row["law"], row["columns"], row["seed"]), []).extend(row["delays"])
    comparisons = {}
    for group, by_rule in delays.items():
        mine = by_rule.get(ours, {})
        rivals = {rule: by_rule[rule] for rule in rules if rule in by_rule and by_rule[rule].keys() & mine.keys()}
        comparisons[group] = [compare_delays(group, rule, mine, theirs) for rule, theirs in rivals.items()]
    return comparisons


def compare_delays(group: tuple[str, ...], rule: str, ours: Delays, theirs: Delays) -> Comparison:
    streams = ours.keys() & theirs.keys()
    shares = []
    for by_stream in (ours, theirs):
        delays = [delay for stream in streams for delay in by_stream[stream]]
        shares.append(estimate_share(sum(delay is not None for delay in delays), len(delays)))
    return Comparison(group, rule, *shares, tries=len(delays))
