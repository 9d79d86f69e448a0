"""What does each part of the verdict earn? The product with one part off at a time, beside a z-test of thirty lines.

python benchmarks/ablation.py [--laws NAME ...] [--parts NAME ...] [--seeds 1 2 ...] [--windows N | --months N] [--json FILE]
python benchmarks/ablation.py --marks    # the whole product alone; the exit status is 1 if a mark is missed

A law draws the windows of a table in the order of time. Windows are judged by the engine without Spark and remembered, as a
schedule of runs does. A fault changes one column from a window on; it is found if a violation names that column. The level
of the z-test is such that it alarms once a month of 720 windows on that law. Names of laws and parts: --help.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from statistics import median
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import stats

from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.run_description import moment
from spark_model_monitor.monitors.data_quality.clock import examples_lost
from spark_model_monitor.monitors.data_quality.messages import NUMBER_OF_ROWS
from spark_model_monitor.reports.history.archive import StoredProfile
from spark_model_monitor.reports.history.variation import Entry, History, new_history

Values: TypeAlias = NDArray[Any]  # numbers with NaN, or texts with None, where a value is missing
Columns: TypeAlias = dict[str, Values]
Random: TypeAlias = np.random.Generator

MONTH = 720  # windows
START = datetime(2026, 1, 5, tzinfo=timezone.utc)  # a Monday

# Laws: how the windows of a table come about. Faults are made in the column x, which every law has.


@dataclass(frozen=True)
class Law:
    """start: takes a random generator and returns a function that draws a window from its number and its rows. rows: the
    mean number of rows. traffic: its factor by the window's number. hours: from window to window. baseline: how many
    windows the baseline has. finish: what is done to a window after a fault. are_alone: whether rows are independent.
    time_column: of the rows. warm: how many windows are judged before the first that counts.
    """

    start: Callable[[Random], Callable[[int, int], Columns]]
    rows: int = 1_000
    hours: int = 24
    baseline: int = 16
    traffic: Callable[[int], float] = lambda number: 1.0
    finish: Callable[[Columns, Random], Columns] = lambda columns, random: columns
    are_alone: bool = False
    time_column: str | None = None
    warm: int = 0

    def windows(self, random: Random) -> Iterator[Columns]:
        draw = self.start(random)
        for number in range(10**9):
            yield draw(number, max(2, random.poisson(self.rows * self.traffic(number))))


PLANS = ("basic", "plus", "premium", "trial")
PLAN_SHARES = (0.5, 0.26, 0.14, 0.1)


def choose(random: Random, names: Any, rows: int, shares: Any = None) -> Values:
    return np.array(names, dtype=object)[random.choice(len(names), rows, p=shares)]


def with_nulls(random: Random, values: Values, share: float) -> Values:
    is_missing = random.random(len(values)) < share
    return np.where(is_missing, None if values.dtype == object else np.nan, values)


def stateless(draw: Callable[[Random, int, int], Columns], **settings: Any) -> Law:
    """A law whose windows depend on nothing but their number."""
    return Law(lambda random: partial(draw, random), **settings)


def alone(draw: Callable[[Random, int], Values], **settings: Any) -> Law:
    """Independent rows of one distribution, beside two ordinary columns."""

    def window(random: Random, number: int, rows: int) -> Columns:
        plan = choose(random, PLANS, rows, PLAN_SHARES)
        return {"x": draw(random, rows), "y": random.normal(size=rows), "plan": plan}

    return stateless(window, are_alone=True, **settings)


def by_window(draw: Callable[[Random, int, int], Values], **settings: Any) -> Law:
    """Independent rows, of another distribution in each window."""
    return stateless(
        lambda random, number, rows: {"x": draw(random, number, rows), "y": random.normal(size=rows)}, **settings
    )


def beside(name: str, draw: Callable[[Random, int, int], Values], **settings: Any) -> Law:
    """An odd column of this name, beside the ordinary one that has the faults."""
    return stateless(
        lambda random, number, rows: {"x": random.normal(50, 10, rows), name: draw(random, number, rows)}, **settings
    )


def sessions(random: Random, number: int, rows: int, *, own: float = 0.0) -> Columns:
    """Rows of users side by side, about twenty each. own: the part of a row's variance that is not its user's."""
    user = np.repeat(np.arange(rows), random.integers(1, 40, rows))[:rows]
    x = np.sqrt(1 - own) * random.normal(size=rows)[user] + np.sqrt(own) * random.normal(size=rows)
    return {"x": x, "plan": choose(random, PLANS, rows, PLAN_SHARES)[user]}


def scattered(random: Random, number: int, rows: int) -> Columns:
    """Equal rows of users, anywhere in the window; each window has about 50 of 400 users."""
    user = np.repeat(random.permutation(400), random.integers(1, 40, 400))[:rows]
    user = random.permutation(np.resize(user, rows))
    names = np.array([f"user-{one}" for one in user], dtype=object)
    return {"x": random.normal(size=400)[user], "plan": choose(random, PLANS, 400, PLAN_SHARES)[user], "user": names}


def sorted_export(random: Random, number: int, rows: int) -> Columns:
    grade = np.sort(random.choice(list("ABCDEFG"), rows)).astype(object)
    return {"x": random.normal(18, 6, rows), "grade": grade, "amount": random.lognormal(9, 0.6, rows)}


def catalogue(
    random: Random, comes: float, lasts: float, stock: int, *, timed: bool = False
) -> Callable[[int, int], Columns]:
    """Products of which some come each day, and go after a while. timed: whether a column has the time of each row."""
    begins = np.sort(np.concatenate((np.zeros(stock), random.uniform(0, 2_000, int(2_000 * comes)))))
    ends = begins + (random.exponential(lasts, len(begins)) if np.isfinite(lasts) else np.inf)
    weights = random.lognormal(size=len(begins))

    def window(number: int, rows: int) -> Columns:
        there = np.flatnonzero((begins <= number) & (ends > number))
        sold = random.choice(there, rows, p=weights[there] / weights[there].sum())
        columns = {"x": random.lognormal(size=rows), "product": np.array([f"p{one}" for one in sold], dtype=object)}
        return {**columns, "seen": seconds_of(random, number, rows)} if timed else columns

    return window


def seconds_of(random: Random, number: int, rows: int) -> Values:
    """Times of rows in a day, as seconds since 1970."""
    return 1_700_000_000 + 86_400 * number + np.sort(random.integers(0, 86_400, rows))


def wandering(random: Random) -> Callable[[int, int], Columns]:
    """A mean that keeps nine tenths of its distance from window to window."""
    levels = [0.0]

    def window(number: int, rows: int) -> Columns:
        levels.append(0.9 * levels[-1] + random.normal(0, 0.03))
        return {"x": random.normal(levels[-1], 1, rows), "y": random.normal(size=rows)}

    return window


def free_text(random: Random, rows: int) -> Values:
    words = random.integers(0, 5_000, (rows, 30))
    lengths = random.poisson(8, rows) + 1
    return np.array(
        [" ".join(f"w{word:x}" for word in words[row, : lengths[row]]) for row in range(rows)], dtype=object
    )


def as_texts(columns: Columns, random: Random, cell: str) -> Columns:
    """Numbers written as texts, of which one cell is none."""
    texts = np.array([format(value, ".6g") for value in columns["x"]], dtype=object)
    texts[np.isnan(columns["x"])] = None
    texts[random.integers(len(texts))] = cell
    return {**columns, "x": texts}


def season(number: int, period: float = 24) -> float:
    return float(np.sin(2 * np.pi * number / period))


def weekend(number: int) -> bool:
    return number % 7 > 4


def outage(random: Random, rows: int) -> Values:
    share = random.uniform(0.05, 0.3) if random.random() < 0.1 else 0.01
    return with_nulls(random, random.normal(size=rows), share)


def hourly(draw: Callable[[Random, int, int], Values], **settings: Any) -> Law:
    return by_window(draw, hours=1, baseline=7 * 24, rows=300, warm=7 * 24, **settings)


def wide(random: Random, number: int, rows: int) -> Columns:
    numbers = random.normal(size=(400, rows))
    columns = {f"x{index}": numbers[index] for index in range(1, 400)}
    return {"x": numbers[0], **columns, **{f"t{index}": choose(random, PLANS, rows) for index in range(100)}}


ZIPF = 1 / np.arange(1, 1_001) ** 1.1
CODES = [f"C{code:03d}" for code in range(1_000)]
storm = lambda random: random.exponential(0.25) if random.random() < 0.1 else random.normal(0, 0.03)  # noqa: E731

LAWS = {
    "normal": alone(lambda random, rows: random.normal(50, 10, rows)),
    "normal, 200 rows": alone(lambda random, rows: random.normal(50, 10, rows), rows=200, baseline=40),
    "normal, 50 rows": alone(lambda random, rows: random.normal(50, 10, rows), rows=50, baseline=60),
    "normal, 5,000 rows": alone(lambda random, rows: random.normal(50, 10, rows), rows=5_000),
    "t(5)": alone(lambda random, rows: random.standard_t(5, rows)),
    "t(3)": alone(lambda random, rows: random.standard_t(3, rows)),
    "Cauchy": alone(lambda random, rows: random.standard_cauchy(rows)),
    "lognormal": alone(lambda random, rows: random.lognormal(3, 1, rows)),
    "lognormal 3": alone(lambda random, rows: random.lognormal(0, 3, rows)),
    "Pareto 1.2": alone(lambda random, rows: random.pareto(1.2, rows)),
    "counts": alone(lambda random, rows: random.poisson(3, rows).astype(float)),
    "overdispersed counts": alone(lambda random, rows: random.negative_binomial(0.5, 0.1, rows).astype(float)),
    "zeros and amounts": alone(lambda random, rows: random.lognormal(3, 1, rows) * (random.random(rows) < 0.2)),
    "flag": alone(lambda random, rows: (random.random(rows) < 0.1).astype(float)),
    "1 % nulls": alone(lambda random, rows: with_nulls(random, random.normal(size=rows), 0.01)),
    "30 % nulls, 200 rows": alone(lambda random, rows: with_nulls(random, random.normal(size=rows), 0.3), rows=200),
    "constant up to rounding": alone(lambda random, rows: np.full(rows, 0.1) * 3 + random.choice([0, 1e-16], rows)),
    "four texts": alone(lambda random, rows: choose(random, PLANS, rows, PLAN_SHARES)),
    "four texts, 200 rows": alone(lambda random, rows: choose(random, PLANS, rows, PLAN_SHARES), rows=200),
    "1,000 texts": alone(lambda random, rows: choose(random, CODES, rows, ZIPF / ZIPF.sum())),
    "codes of one shape": alone(
        lambda random, rows: np.array([f"A{code:06d}" for code in random.integers(0, 10**6, rows)], object)
    ),
    "free text": alone(free_text),
    "one cell n/a": alone(lambda random, rows: random.lognormal(3, 1, rows), finish=partial(as_texts, cell="n/a")),
    "one sorted column": stateless(sorted_export, rows=600),
    "minutes": beside("minute", lambda random, number, rows: np.sort(random.integers(0, 60, rows)).astype(float)),
    "cycle": beside("cycle", lambda random, number, rows: 1.0 + (np.arange(rows) + random.integers(97)) % 97),
    "keys": beside("key", lambda random, number, rows: 1_000 * number + np.arange(rows)),
    "times": beside("seen", seconds_of),
    "campaigns": Law(partial(catalogue, comes=3, lasts=10, stock=30, timed=True), baseline=40, time_column="seen"),
    "sessions": stateless(sessions),
    "sessions, partly alike": stateless(partial(sessions, own=0.67)),
    "users scattered": stateless(scattered),
    "catalogue": Law(partial(catalogue, comes=11, lasts=np.inf, stock=300), rows=2_000, baseline=60),
    "means vary": by_window(lambda random, number, rows: random.normal(random.normal(0, 0.06), 1, rows)),
    "means vary as t(3)": by_window(lambda random, number, rows: random.normal(0.05 * random.standard_t(3), 1, rows)),
    "means storm": by_window(lambda random, number, rows: random.normal(storm(random), 1, rows)),
    "means wander": Law(wandering),
    "rates vary": by_window(lambda random, number, rows: random.poisson(3 * random.gamma(50) / 50, rows).astype(float)),
    "shares vary": by_window(
        lambda random, number, rows: choose(random, PLANS, rows, random.dirichlet(100 * np.array(PLAN_SHARES)))
    ),
    "outages": by_window(lambda random, number, rows: outage(random, rows)),
    "pay days": by_window(
        lambda random, number, rows: random.lognormal(3 + 0.3 * (number % 15 == 0), 1, rows), baseline=60
    ),
    "season of hours": hourly(lambda random, number, rows: random.normal(season(number), 1, rows)),
    "nulls at night": hourly(
        lambda random, number, rows: with_nulls(random, random.normal(size=rows), 0.3 * (number % 24 < 7))
    ),
    "traffic of hours": hourly(
        lambda random, number, rows: random.normal(size=rows), traffic=lambda number: 1 + 0.6 * season(number)
    ),
    "weekends": by_window(
        lambda random, number, rows: random.normal(weekend(number), 1, rows),
        baseline=56,
        traffic=lambda number: 0.5 if weekend(number) else 1.0,
    ),
    "traffic grows": by_window(
        lambda random, number, rows: random.normal(size=rows), traffic=lambda number: 1.005**number
    ),
    "500 columns, 200 rows": stateless(wide, rows=200, baseline=20, are_alone=True),
}

# Faults: what becomes of x. unit: a standard deviation of a normal distribution with the baseline's quartiles.

NEW = -999.0


def present(values: Values) -> Values:
    return np.array([value is not None for value in values]) if values.dtype == object else ~np.isnan(values)


def vanish(values: Values, name: Any, random: Random) -> Values:
    """The rows of one value have others instead."""
    is_gone = values == name
    return np.where(is_gone, random.choice(values[~is_gone], len(values)), values) if (~is_gone).any() else values


def replace_some(random: Random, values: Values, share: float, value: Any) -> Values:
    return np.where(random.random(len(values)) < share, value, values)


Fault: TypeAlias = Callable[[Random, Values, float], Values]
BOTH: dict[str, Fault] = {
    "5 % become null": lambda random, values, unit: with_nulls(random, values, 0.05),
    "12 % become null": lambda random, values, unit: with_nulls(random, values, 0.12),
    "frozen": lambda random, values, unit: np.full(len(values), values[present(values)][0], values.dtype),
}
NUMBERS: dict[str, Fault] = {
    "shift of .25 sd": lambda random, values, unit: values + 0.25 * unit,
    "shift of .5 sd": lambda random, values, unit: values + 0.5 * unit,
    "shift of 1 sd": lambda random, values, unit: values + unit,
    "1.5 times as wide": lambda random, values, unit: np.nanmedian(values) + 1.5 * (values - np.nanmedian(values)),
    "10 % zeros": lambda random, values, unit: replace_some(random, values, 0.1, 0.0),
    "0.5 % times 1,000": lambda random, values, unit: np.where(
        random.random(len(values)) < 0.005, 1_000 * values, values
    ),
    "5 % a new value": lambda random, values, unit: replace_some(random, values, 0.05, NEW),
    "30 % a new value": lambda random, values, unit: replace_some(random, values, 0.3, NEW),
    "step of .15 sd": lambda random, values, unit: values + 0.15 * unit,
}
TEXTS: dict[str, Fault] = {
    "a value of 14 % vanishes": lambda random, values, unit: vanish(values, PLANS[2], random),
    "5 % a new value": lambda random, values, unit: replace_some(random, values, 0.05, "new"),
    "30 % a new value": lambda random, values, unit: replace_some(random, values, 0.3, "new"),
}
HALF = "half of the rows"
LASTS = {"step of .15 sd": 24}  # windows until a fault ends that isn't found
USUAL_LENGTH = 8


# The z-test that a colleague would write.

PAST, CALIBRATION = 16, 2 * MONTH


class ZTest:
    """Mean, deviation, null share, the ten most frequent texts and the row count, each compared with the last 16 windows
    without an alarm by Student's t.
    """

    def __init__(self, baseline: list[Columns], level: float) -> None:
        self.level = level
        whole = concatenate(baseline)
        texts = {name: Counter(values.tolist()) for name, values in whole.items() if values.dtype == object}
        self.frequent = {name: [text for text, _ in counts.most_common(10)] for name, counts in texts.items()}
        self.features = [NUMBER_OF_ROWS]
        for name in whole:
            self.features += [name] * (1 + len(self.frequent.get(name, "md")))
        self.past = [self.measure(window) for window in baseline[-PAST:]]

    def measure(self, columns: Columns) -> Values:
        rows = len(next(iter(columns.values())))
        numbers = [float(rows)]
        for name, values in columns.items():
            if name in self.frequent:
                numbers += [np.mean([value is None for value in values])]
                numbers += [np.mean(values == text) for text in self.frequent[name]]
            else:
                numbers += [np.isnan(values).mean(), np.nanmean(values), np.nanstd(values)]
        return np.array(numbers)

    def p_values(self, columns: Columns) -> Values:
        self.now = self.measure(columns)
        past = np.array(self.past[-PAST:])
        least = np.maximum(1e-9 * np.abs(past).mean(axis=0), 0.5 / self.now[0])  # rounding, and half a row of a share
        deviations = np.maximum(past.std(axis=0, ddof=1), least) * np.sqrt(1 + 1 / PAST)
        return 2 * stats.t.sf(np.abs(self.now - past.mean(axis=0)) / deviations, PAST - 1)

    def judge(self, columns: Columns, number: int) -> set[str]:
        self.violated = {name for name, p in zip(self.features, self.p_values(columns), strict=True) if p < self.level}
        return self.violated

    def remember(self) -> None:
        if not self.violated:
            self.past = [*self.past[1 - PAST :], self.now]

    def fork(self) -> ZTest:
        return copy.copy(self)


@cache
def level_of_a_month(name: str) -> float:
    """The p-value below which the z-test alarms once a month on a law."""
    random = np.random.default_rng([0, len(name)])
    law = LAWS[name]
    windows = (law.finish(columns, random) for columns in law.windows(random))
    test = ZTest([next(windows) for _ in range(law.baseline)], level=0.0)
    least = []
    for _ in range(CALIBRATION):
        least.append(float(test.p_values(next(windows)).min()))
        test.violated = set()
        test.remember()
    return sorted(least)[CALIBRATION // MONTH]


# The product, whole or with a part off.

MONITOR = DataQualityMonitor(find_causes=False)  # they change no verdict


class StoredInMemory(StoredProfile):
    """A window's states that were not written to a file."""

    def __init__(self, profile: Any) -> None:
        features = {feature.name: feature for feature in profile.features}
        super().__init__(profile.item_count, tuple(features), None, features, "")

    def features(self, names: Any, kinds: Any = None) -> dict[str, Any]:
        return {name: feature for name, feature in self._header.items() if name in names}


@dataclass(frozen=True)
class HistoryInMemory(History):
    """A history of windows whose states are in memory."""

    states: dict[str, Any] = field(default_factory=dict)

    def _profile(self, entry: Entry) -> StoredInMemory:
        return StoredInMemory(self.states[entry.folder])


class Product:
    """Data quality of the windows of one table, by a schedule. part: what is off."""

    def __init__(self, law: Law, baseline: list[Columns], part: str | None = None) -> None:
        self.hours, self.part = law.hours, part
        self.monitor = replace(MONITOR, time_column=law.time_column)
        self.history = HistoryInMemory("", new_history("").table)
        with switched_off(part), tempfile.TemporaryDirectory() as folder:
            run_baseline(as_table(concatenate(baseline)), self.monitor, engine="local").write(folder)
            self.baseline = read_baseline(folder, self.monitor)

    def judge(self, columns: Columns, number: int) -> set[str]:
        start, end = (START + timedelta(hours=self.hours * (number + after)) for after in (0, 1))
        with switched_off(self.part):
            known = self.history.beside(self.baseline, moment(end), "baseline")
            known = known.with_volume(end, self.history.rows(), start)
            self.findings = run_monitoring(as_table(columns), self.monitor, known, engine="local")
        self.window = f"{moment(start)}/{moment(end)}", moment(end)
        return {result.feature or "" for result in self.findings.results if result.is_violation}

    @property
    def is_unsure(self) -> bool:
        """Whether a feature of the last window could not be judged."""
        return any(result.status is CheckStatus.CANNOT_TELL for result in self.findings.results)

    def remember(self) -> None:
        window, end = self.window
        known, state = self.findings.known, self.findings.current.state
        with switched_off(self.part):
            raw = known.raw_statistics(state, examples_lost(self.findings.results))
            entry = Entry(end, window, "0", window, "baseline", self.findings.count > 0)
            self.history.states[window] = state
            self.history = self.history.with_window(entry, raw)

    def fork(self) -> Product:
        other = copy.copy(self)
        other.history = copy.copy(self.history)
        object.__setattr__(other.history, "states", dict(self.history.states))
        return other


def as_table(columns: Columns) -> pa.Table:
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def concatenate(windows: list[Columns]) -> Columns:
    return {name: np.concatenate([window[name] for window in windows]) for name in windows[0]}


# Parts: what to replace in the product so that a part is off, by its place below the package. A part that the product does
# not have is not listed.

Replacement: TypeAlias = Callable[[Any], Any]  # takes what is there, and returns what is there instead


def returns(value: Any) -> Replacement:
    return lambda original: lambda *arguments, **named: value


returns_itself: Replacement = lambda original: lambda self, *arguments, **named: self  # noqa: E731


def leaves_out(component: str) -> Replacement:
    def replacement(original: Any) -> Any:
        return lambda sides: [tuple(test for test in tests if test.name != component) for tests in original(sides)]

    return replacement


QUALITY = "monitors.data_quality"
NUMBERS_OF_COLUMNS, TEXTS_OF_COLUMNS = f"{QUALITY}.calibration:of_numbers", f"{QUALITY}.calibration:of_categories"
VARIATION, HISTORY = "statistics.verdicts.variation", "reports.history.variation:History"
BASELINE = f"{QUALITY}.comparison:QualityBaseline"
ALL_PARTS: dict[str, dict[str, Replacement]] = {
    "baseline parts": {f"{BASELINE}.with_parts": returns_itself},
    "likeness of neighbours": {f"{QUALITY}.monitor:groups_of": returns({})},
    "guards": {f"{QUALITY}.checks.guard:evidence_of": returns({})},
    "growth of catalogues": {f"{QUALITY}.distributions:beginnings": returns(None)},
    "clock": {f"{HISTORY}.clock": returns(({}, {}))},
    "volume": {f"{BASELINE}.with_volume": returns_itself},
    "shrunken variances": {f"{QUALITY}.comparison:Comparison.others": returns(None)},
    "location": {NUMBERS_OF_COLUMNS: leaves_out("location")},
    "spread": {NUMBERS_OF_COLUMNS: leaves_out("spread")},
    "range": {NUMBERS_OF_COLUMNS: leaves_out("range")},
    "ks": {NUMBERS_OF_COLUMNS: leaves_out("ks")},
    "chi-square": {NUMBERS_OF_COLUMNS: leaves_out("chi2"), TEXTS_OF_COLUMNS: leaves_out("chi2")},
    "lasting": {f"{HISTORY}.memory": returns(None)},
    "filling": {f"{QUALITY}.calibration:_look_for_filled": returns(None)},
    "tails": {
        f"{VARIATION}:_Spread.tail": lambda original: property(lambda self: (self.windows, 1.0)),
        f"{VARIATION}:_tail_of_cells": lambda original: lambda spread, *others: spread.tail,
    },
    "storms": {"statistics.verdicts.missing:chance_of_many": returns(0.0)},
    "previous:8": {
        f"{BASELINE}.wanted_references": lambda original: property(
            lambda self: tuple(name for name in original.fget(self) if name != "previous:8")
        )
    },
    "learning": {
        f"{HISTORY}.past": lambda original: (
            lambda self, reference, *arguments, **named: (
                {} if reference == "baseline" else original(self, reference, *arguments, **named)
            )
        )
    },
}


def owner_of(place: str) -> tuple[Any, str] | None:
    """The object below the package that has an attribute, and the attribute's name; None if there is none."""
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    try:
        owner: Any = importlib.import_module(f"spark_model_monitor.{module}")
        for attribute in owners:
            owner = getattr(owner, attribute)
    except (ImportError, AttributeError):
        return None
    return (owner, name) if hasattr(owner, name) else None


PARTS = [name for name, places in ALL_PARTS.items() if all(map(owner_of, places))]


@contextmanager
def switched_off(part: str | None) -> Iterator[None]:
    with ExitStack() as stack:
        for place, replacement in ALL_PARTS[part].items() if part else ():
            owner, name = owner_of(place) or (None, "")
            original = owner.__dict__[name]
            stack.enter_context(mock.patch.object(owner, name, replacement(original)))
        yield


# A run: all contestants see the same windows.


@dataclass
class Tally:
    """What a contestant said of one law. delays: of each fault, the number of windows until it was found, or None."""

    windows: int = 0
    alarms: int = 0
    unsure: int = 0
    seconds: float = 0.0
    features: Counter[str] = field(default_factory=Counter)
    delays: dict[str, list[int | None]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        self.windows += other.windows
        self.alarms += other.alarms
        self.unsure += other.unsure
        self.seconds += other.seconds
        self.features += other.features
        for fault, delays in other.delays.items():
            self.delays.setdefault(fault, []).extend(delays)

    def row(self) -> list[str]:
        """Cells of a table: alarms, their rate, faults found at once and in the end, the delay, and the time."""
        delays = [delay for some in self.delays.values() for delay in some]
        return [
            f"{self.alarms} of {self.windows}",
            f"{fewest_a_month(self.alarms, self.windows):.2f}",
            *found_cells(delays),
            f"{1_000 * self.seconds / max(self.windows, 1):.0f}",
        ]


def found_cells(delays: list[int | None]) -> list[str]:
    if not delays:
        return ["", "", ""]
    middle = median(np.inf if delay is None else delay for delay in delays)
    return [f"{found_at_once(delays):.2f}", f"{found_in_the_end(delays):.2f}", f"{middle:.0f}"]


def found_at_once(delays: list[int | None]) -> float:
    return sum(delay == 1 for delay in delays) / max(len(delays), 1)


def found_in_the_end(delays: list[int | None]) -> float:
    return sum(delay is not None for delay in delays) / max(len(delays), 1)


def fewest_a_month(alarms: int, windows: int) -> float:
    """The 99 % lower bound of the alarms in a month of windows (Garwood 1936)."""
    return float(stats.chi2.ppf(0.01, 2 * alarms)) / 2 * MONTH / windows if alarms else 0.0


WARM, TRIES = 16, 2  # windows before the first fault, and how often each fault is tried
Z_TEST, WHOLE = "z-test", "whole"


def run(name: str, seed: int, parts: list[str], count: int) -> dict[str, Tally]:
    """The tallies of a law and a seed, by contestant."""
    law, random = LAWS[name], np.random.default_rng([seed, len(name), sum(map(ord, name))])
    stream = law.windows(random)
    windows = [next(stream) for _ in range(law.baseline + law.warm + count + max(LASTS.values()))]
    baseline = [law.finish(window, random) for window in windows[: law.baseline]]
    contestants: dict[str, Any] = {Z_TEST: ZTest(baseline, level_of_a_month(name)), WHOLE: Product(law, baseline)}
    contestants |= {part: Product(law, baseline, part) for part in parts}
    tallies = {contestant: Tally() for contestant in contestants}
    unit = unit_of(concatenate(windows[: law.baseline])["x"])
    tried_at = np.linspace(min(WARM, count - 1), count - 1, TRIES, dtype=int) + law.baseline + law.warm
    for number in range(law.baseline, law.baseline + law.warm + count):
        if number in tried_at:
            for fault in faults_of(windows[number]["x"]):
                changed = partial(changed_window, windows, law, fault, unit, seed)
                for contestant, monitor in contestants.items():
                    delay = delay_of(monitor.fork(), fault, changed, number)
                    tallies[contestant].delays.setdefault(fault, []).append(delay)
        columns = law.finish(windows[number], random)
        for contestant, monitor in contestants.items():
            began = time.process_time()
            violated = monitor.judge(columns, number)
            monitor.remember()
            if number < law.baseline + law.warm:
                continue
            tally = tallies[contestant]
            tally.seconds += time.process_time() - began
            tally.windows += 1
            tally.alarms += bool(violated)
            tally.unsure += not violated and getattr(monitor, "is_unsure", False)
            tally.features.update(violated)
    return tallies


def unit_of(values: Values) -> float:
    if values.dtype == object:
        return 1.0
    low, high = np.nanquantile(values, [0.25, 0.75])
    return float((high - low) / 1.349 or np.nanstd(values) or 1.0)


def faults_of(values: Values) -> list[str]:
    return [*BOTH, *(TEXTS if values.dtype == object else NUMBERS), HALF]


def changed_window(windows: list[Columns], law: Law, fault: str, unit: float, seed: int, number: int) -> Columns:
    """A window with a fault."""
    random = np.random.default_rng([seed, number, sum(map(ord, fault))])
    columns = windows[number]
    if fault == HALF:
        columns = {name: values[::2] for name, values in columns.items()}
    else:
        change = {**BOTH, **(TEXTS if columns["x"].dtype == object else NUMBERS)}[fault]
        columns = {**columns, "x": change(random, columns["x"], unit)}
    return law.finish(columns, random)


def delay_of(monitor: Any, fault: str, changed: Callable[[int], Columns], first: int) -> int | None:
    """How many windows with a fault a monitor needs to find it; None if it doesn't."""
    target = NUMBER_OF_ROWS if fault == HALF else "x"
    for number in range(first, first + LASTS.get(fault, USUAL_LENGTH)):
        if target in monitor.judge(changed(number), number):
            return number - first + 1
        monitor.remember()
    return None


# What is printed.

HEADINGS = ("alarms", "at least a month", "found at once", "found", "delay", "core ms")


def print_table(
    title: str, first: str, rows: dict[str, tuple[list[str], list[str]]], headings: tuple[str, ...]
) -> None:
    print(f"\n{title}\n\n| {first} | {' | '.join(headings)} | {' | '.join(f'z-test: {name}' for name in headings)} |")
    print("|" + "---|" * (1 + 2 * len(headings)))
    for name, (mine, theirs) in rows.items():
        print(f"| {name} | {' | '.join(mine)} | {' | '.join(theirs)} |", flush=True)


def total_of(tallies: dict[str, dict[str, Tally]], contestant: str) -> Tally:
    total = Tally()
    for by_contestant in tallies.values():
        total.add(by_contestant[contestant])
    return total


def print_tables(tallies: dict[str, dict[str, Tally]], contestants: list[str]) -> None:
    z_test = total_of(tallies, Z_TEST)
    for contestant in contestants:
        title = "The whole product" if contestant == WHOLE else f"Without {contestant}"
        by_law = {law: (some[contestant].row(), some[Z_TEST].row()) for law, some in tallies.items()}
        total = total_of(tallies, contestant)
        print_table(f"## {title}", "law", {**by_law, "**all**": (total.row(), z_test.row())}, HEADINGS)
        by_fault = {
            name: (found_cells(delays), found_cells(z_test.delays[name])) for name, delays in total.delays.items()
        }
        print_table(f"{title}, by fault", "fault", by_fault, HEADINGS[2:5])
    by_part = {name: (total_of(tallies, name).row(), z_test.row()) for name in contestants}
    print_table("## What is off", "off", by_part, HEADINGS)


# Marks.


@dataclass(frozen=True)
class Mark:
    """What was measured beside what is wanted."""

    what: str
    measured: float
    wanted: str
    is_met: bool

    def __str__(self) -> str:
        return f"{'ok    ' if self.is_met else 'MISSED'}  {self.what:72} {self.measured:8.3f}   wanted: {self.wanted}"


def marks_of(tallies: dict[str, dict[str, Tally]]) -> Iterator[Mark]:
    for law, by_contestant in tallies.items():
        product, z_test = by_contestant[WHOLE], by_contestant[Z_TEST]
        for what, share in (("at once", found_at_once), ("in the end", found_in_the_end)):
            mine, theirs = (
                share([delay for some in one.delays.values() for delay in some]) for one in (product, z_test)
            )
            yield Mark(
                f"{law}: share found {what}, minus the z-test's", mine - theirs, ">= -.25", mine - theirs >= -0.25
            )
        fewest = fewest_a_month(product.alarms, product.windows)
        yield Mark(f"{law}: alarms a month, at least", fewest, "<= 1", fewest <= 1)
    for rows, least in ((200, 0.95), (1_000, 0.99)):
        alone_laws = [by[WHOLE] for law, by in tallies.items() if LAWS[law].are_alone and LAWS[law].rows == rows]
        windows = sum(tally.windows for tally in alone_laws)
        share = 1 - sum(tally.alarms + tally.unsure for tally in alone_laws) / max(windows, 1)
        yield Mark(
            f"independent rows, {rows}: share of healthy windows that are unchanged",
            share,
            f">= {least}",
            share >= least,
        )


HUNDRED, RUNS, RUNS_OF_A_BASELINE = 100, 400, 20


def marks_of_hundred_columns(seed: int) -> Iterator[Mark]:
    """Healthy runs of a hundred columns of independent rows."""
    draws = [
        law for law in LAWS.values() if law.are_alone and law.rows == 1_000 and law.finish is LAWS["normal"].finish
    ]
    for rows in (200, 1_000, 5_000):
        random, alarms = np.random.default_rng([seed, rows]), 0
        drawn = [draws[index % len(draws)].start(random) for index in range(HUNDRED)]

        def table(count: int) -> pa.Table:
            return as_table({f"x{index}": draw(0, count)["x"] for index, draw in enumerate(drawn)})  # noqa: B023

        for _ in range(RUNS // RUNS_OF_A_BASELINE):
            baseline = run_baseline(table(10_000), MONITOR, engine="local")
            for _ in range(RUNS_OF_A_BASELINE):
                alarms += run_monitoring(table(rows), MONITOR, baseline, engine="local").count > 0
        yield Mark(f"healthy runs of {HUNDRED} columns, {rows} rows, of {RUNS} that alarm", alarms, "<= 3", alarms <= 3)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laws", nargs="+", choices=LAWS, default=list(LAWS), metavar="NAME", help=", ".join(LAWS))
    parser.add_argument(
        "--parts", nargs="+", choices=[*PARTS, "none"], default=PARTS, metavar="NAME", help=", ".join(PARTS)
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--windows", type=int, default=48, help="healthy windows of each law and seed")
    parser.add_argument("--months", type=float, help=f"the same in months of {MONTH}")
    parser.add_argument("--json", help="a file that gets all tallies")
    parser.add_argument("--marks", action="store_true")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    parts = [] if asked.marks or asked.parts == ["none"] else asked.parts
    count = round(asked.months * MONTH) if asked.months else asked.windows
    tallies: dict[str, dict[str, Tally]] = {}
    for name in asked.laws:
        for seed in asked.seeds:
            for contestant, tally in run(name, seed, parts, count).items():
                tallies.setdefault(name, {}).setdefault(contestant, Tally()).add(tally)
        print(f"{name}: {tallies[name][WHOLE].row()}", file=sys.stderr, flush=True)
    print_tables(tallies, [WHOLE, *parts])
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump(tallies, file, default=vars, indent=1)
    if not asked.marks:
        return 0
    missed = 0
    for mark in (*marks_of(tallies), *(mark for seed in asked.seeds for mark in marks_of_hundred_columns(seed))):
        missed += not mark.is_met
        print(mark, flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
