"""Faults that a verdict may look away from, each with a healthy twin: how many of ten are found, and how many twins alarm.

python benchmarks/verdict_cases.py [--cases WORD ...] [--tries N] [--seed N] [--show]

A case draws the windows of a table; the first ones are its baseline. Then a window is judged as it is, and with a fault;
the fault is found if a violation names its column. A case that has more windows between is judged and learnt from by a
schedule (contestants.py), the others by `run_baseline` and `run_monitoring`. --cases: those whose names have such a word.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeAlias

import numpy as np
import pandas as pd
from contestants import Product
from laws import (
    DAY_SECONDS,
    TIME_FAULTS,
    Columns,
    Draw,
    Random,
    Values,
    choose,
    concatenate,
    draw_late_records,
    lose,
    start_devices,
    start_wandering,
)

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS

TRIES = 10
CITIES = ("Aachen", "Bonn", "Celle", "Dresden", "Essen", "Fulda", "Gera", "Halle")
CITY_SHARES = np.array([0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.04])
Change: TypeAlias = Callable[[Random, Values], Values]
Fault: TypeAlias = Callable[[Random, Columns], Columns]


@dataclass(frozen=True)
class Case:
    """start: makes the function that draws windows. column: what the fault changes, or what it is called. baseline, learnt,
    healthy: how many windows the baseline has, are judged after it, and count as the healthy twin. hours: from window to
    window. fault: of the whole window, instead of the change of one column. also: what may be named as well.
    """

    start: Callable[[Random], Draw]
    column: str
    change: Change = lambda random, values: values
    fault: Fault | None = None
    also: tuple[str, ...] = ()
    rows: int = 1_000
    baseline: int = 10
    learnt: int = 0
    healthy: int = 1
    hours: int = 24
    time_column: str | None = None

    @property
    def monitor(self) -> DataQualityMonitor:
        return DataQualityMonitor(find_causes=False, time_column=self.time_column)

    def draw_windows(self, random: Random) -> Iterator[Columns]:
        draw = self.start(random)
        number = 0
        while True:
            yield draw(number, self.rows)
            number += 1

    def make_fault(self, random: Random, columns: Columns) -> Columns:
        if self.fault is not None:
            return self.fault(random, columns)
        return {**columns, self.column: self.change(random, columns[self.column])}


@dataclass(frozen=True)
class CaseOutcome:
    """Of a try. alarms: the names of violated features in the healthy windows. unsure: how many of these cannot tell."""

    is_found: bool
    alarms: tuple[str, ...]
    unsure: int
    named: tuple[str, ...]
    is_unsure: bool


def try_case(case: Case, seed: int) -> CaseOutcome:
    random = np.random.default_rng([seed, 88])
    windows = [*islice(case.draw_windows(random), case.baseline + case.learnt + case.healthy)]
    baseline = windows[: case.baseline]
    judge: FrameJudge | ScheduleJudge
    if case.learnt or case.healthy > 1:
        judge = ScheduleJudge(case, baseline)
    else:
        judge = FrameJudge(case, baseline)
    for number in range(case.baseline, case.baseline + case.learnt):
        judge.judge(windows[number], number)
        judge.remember()
    # The fault comes in the first window that counts, whose healthy twin and successors are judged after it
    first = case.baseline + case.learnt
    named = judge.judge(case.make_fault(random, windows[first]), first)
    is_unsure = judge.is_unsure
    alarms: list[str] = []
    unsure = 0
    for number in range(first, first + case.healthy):
        alarms += sorted(judge.judge(windows[number], number))
        unsure += judge.is_unsure
        judge.remember()
    is_found = bool({case.column, *case.also} & named)
    return CaseOutcome(is_found, tuple(alarms), unsure, tuple(sorted(named)), is_unsure)


class FrameJudge:
    """As a person calls it who has two frames."""

    def __init__(self, case: Case, baseline: list[Columns]) -> None:
        self.monitor = case.monitor
        self.baseline = run_baseline(pd.DataFrame(concatenate(baseline)), self.monitor, engine="local")

    def judge(self, columns: Columns, number: int) -> set[str]:
        self.findings = run_monitoring(pd.DataFrame(columns), self.monitor, self.baseline, engine="local")
        return {violation.feature_name for violation in self.findings.violations.violations}

    @property
    def is_unsure(self) -> bool:
        return str(getattr(self.findings.outcome, "value", None)) == "cannot tell"

    def remember(self) -> None:
        pass


class ScheduleJudge(Product):
    """As a schedule calls it, which learns from windows that don't alarm."""

    def __init__(self, case: Case, baseline: list[Columns]) -> None:
        super().__init__(case, baseline, monitor=case.monitor)


def ignore_state(draw: Callable[[Random, int, int], Columns]) -> Callable[[Random], Draw]:
    return lambda random: partial(draw, random)


# What becomes of a column


def shift(amount: float) -> Change:
    return lambda random, values: values + amount


def replace_some(share: float, value: float | str) -> Change:
    return lambda random, values: np.where(random.random(len(values)) < share, value, values)


def lose_text(text: str) -> Change:
    return lambda random, values: np.where(values == text, random.choice(values[values != text], len(values)), values)


def coarsen(step: float) -> Change:
    return lambda random, values: ((values / step).round() * step).round(6)


def freeze_third(random: Random, values: Values) -> Values:
    rows = len(values)
    first = random.integers(rows // 2)
    last = first + rows // 3
    frozen = values.copy()
    frozen[first:last] = values[first]
    return frozen


def put_some(count: int, value: float) -> Change:
    def change(random: Random, values: Values) -> Values:
        changed = values.astype(float)
        rows = random.choice(len(values), count, replace=False)
        changed[rows] = value
        return changed

    return change


# a. A column of whole numbers, or of many codes, that changes, and on which others depend


def draw_ages(random: Random, number: int, rows: int) -> Columns:
    """Pandas makes numbers with a decimal point of them, because some are missing."""
    age = random.integers(20, 80, rows)
    meno = (age > 50).astype(float)
    size = random.normal(25, 8, rows).round(1)
    return {"age": lose(random, age, 0.02), "meno": meno, "size": size}


def draw_scores(random: Random, number: int, rows: int) -> Columns:
    score = random.normal(650, 70, rows).clip(300, 850).round(-1)
    grades = np.array(list("EDCBA"), dtype=object)
    grade = grades[np.searchsorted([540, 600, 660, 740], score)]
    income = random.lognormal(10, 0.5, rows).round()
    return {"score": lose(random, score, 0.01), "grade": grade, "income": income}


def draw_births(random: Random, number: int, rows: int) -> Columns:
    year = random.integers(1945, 2006, rows)
    is_senior = np.where(year < 1960, "yes", "no").astype(object)
    rent = random.normal(900, 200, rows)
    return {"born": year, "senior": is_senior, "rent": rent}


def draw_months(random: Random, number: int, rows: int) -> Columns:
    tenure = random.integers(1, 73, rows)
    contracts = np.array(["new", "year", "old"], dtype=object)
    contract = contracts[np.searchsorted([12, 36], tenure, side="right")]
    paid = (tenure * 19.95).round(2)
    return {"tenure": lose(random, tenure, 0.02), "contract": contract, "paid": paid}


def draw_postcodes(random: Random, number: int, rows: int) -> Columns:
    """Forty codes of ten regions."""
    code = random.integers(0, 40, rows)
    names = np.array([f"R{index // 4}-{100 + index}" for index in range(40)], dtype=object)
    regions = np.array([f"region {index // 4}" for index in range(40)], dtype=object)
    return {"postcode": names[code], "region": regions[code], "x": random.normal(code // 4, 3)}


CASES: dict[str, Case] = {
    "a. age + 5.5": Case(ignore_state(draw_ages), "age", shift(5.5)),
    "a. age + 5.5, 300 rows": Case(ignore_state(draw_ages), "age", shift(5.5), rows=300, baseline=20),
    "a. age in months": Case(ignore_state(draw_ages), "age", lambda random, values: 12 * values),
    "a. score + 65.5": Case(ignore_state(draw_scores), "score", shift(65.5)),
    "a. born in two digits": Case(ignore_state(draw_births), "born", lambda random, values: values % 100),
    "a. tenure + 4.25": Case(ignore_state(draw_months), "tenure", shift(4.25)),
    "a. tenure in years": Case(ignore_state(draw_months), "tenure", lambda random, values: (values / 12).round(1)),
    "a. codes in small letters": Case(
        ignore_state(draw_postcodes),
        "postcode",
        lambda random, values: np.array([text.lower() for text in values], object),
    ),
}


# b. Columns whose level wanders, beside one that doesn't


def draw_rpm(random: Random, rows: int) -> Values:
    return random.normal(1_500, 40, rows).round()


def start_five_wandering(draw_steady: Callable[[Random, int], Values], count: int = 5) -> Callable[[Random], Draw]:
    return partial(start_wandering, count=count, draw_steady=draw_steady)


def start_table_of_sensors(random: Random) -> Draw:
    """Four wander, four wobble, and three follow the day, beside x."""
    wander = start_wandering(random, 4, draw_rpm)

    def window(number: int, rows: int) -> Columns:
        columns = wander(number, rows)
        for index in range(4):
            columns[f"wobble{index}"] = random.normal(random.normal(0, 0.3), 1, rows)
            columns[f"drive{index}"] = random.gamma(2 + np.sin(number / 4 + index), 3, rows)
        return columns

    return window


WANDERING_CASE = partial(Case, rows=720, baseline=40, learnt=8)
CASES |= {
    "b. half a deviation": WANDERING_CASE(
        start_five_wandering(draw_rpm),
        "x",
        shift(20),
    ),
    "b. none learnt": WANDERING_CASE(
        start_five_wandering(draw_rpm),
        "x",
        shift(20),
        learnt=0,
    ),
    "b. a table of sensors": WANDERING_CASE(
        start_table_of_sensors,
        "x",
        shift(40),
    ),
    "b. ten of eleven wander, amounts": WANDERING_CASE(
        start_five_wandering(lambda random, rows: random.lognormal(3, 1, rows), count=10),
        "x",
        lambda random, values: 1.6 * values,
    ),
    "b. a text": WANDERING_CASE(
        start_five_wandering(lambda random, rows: choose(random, CITIES, rows, CITY_SHARES)),
        "x",
        replace_some(0.12, "Bonn"),
    ),
}


# c. Levels that wobble, and one cell that changes


def draw_wobbling_scores(random: Random, number: int, rows: int) -> Columns:
    level = random.normal(0.5, 0.05)
    score = random.normal(level, 0.15, rows).clip(0, 1)
    return {"score": score, "other": random.normal(size=rows)}


def draw_wobbling_cities(random: Random, number: int, rows: int) -> Columns:
    city = choose(random, CITIES, rows, random.dirichlet(150 * CITY_SHARES))
    return {"city": city, "x": random.normal(size=rows)}


def draw_wobbling_stock(random: Random, number: int, rows: int) -> Columns:
    return {"stock": random.poisson(random.gamma(30, 0.5), rows).astype(float), "x": random.normal(size=rows)}


def draw_wobbling_temperature(random: Random, number: int, rows: int) -> Columns:
    level = random.normal(20, 1)
    return {"temperature": random.normal(level, 4, rows).round(1), "x": random.normal(size=rows)}


def draw_wobbling_prices(random: Random, number: int, rows: int) -> Columns:
    level = random.normal(3, 0.1)
    price = random.lognormal(level, 0.8, rows).round(2)
    shop = choose(random, CITIES, rows, random.dirichlet(150 * CITY_SHARES))
    return {"price": price, "shop": shop}


WOBBLING_CASE = partial(Case, baseline=30)
CASES |= {
    "c. 8 % at .5": WOBBLING_CASE(ignore_state(draw_wobbling_scores), "score", replace_some(0.08, 0.5)),
    "c. 8 % at .5, learnt": WOBBLING_CASE(
        ignore_state(draw_wobbling_scores), "score", replace_some(0.08, 0.5), learnt=8
    ),
    "c. a city of 15 % is gone": WOBBLING_CASE(ignore_state(draw_wobbling_cities), "city", lose_text("Celle")),
    "c. 2 % of -1 in a stock": WOBBLING_CASE(ignore_state(draw_wobbling_stock), "stock", replace_some(0.02, -1.0)),
    "c. half the resolution": WOBBLING_CASE(ignore_state(draw_wobbling_temperature), "temperature", coarsen(0.2)),
    "c. half degrees": WOBBLING_CASE(ignore_state(draw_wobbling_temperature), "temperature", coarsen(0.5)),
    "c. prices without cents": WOBBLING_CASE(ignore_state(draw_wobbling_prices), "price", coarsen(1.0)),
    "c. 5 % at 9.99": WOBBLING_CASE(ignore_state(draw_wobbling_prices), "price", replace_some(0.05, 9.99)),
    "c. a shop of 20 % is gone": WOBBLING_CASE(ignore_state(draw_wobbling_prices), "shop", lose_text("Bonn")),
}


# d. Sensors whose rows follow one another


def start_temperature_series(random: Random, near: float = 0.98) -> Draw:
    level = 0.0

    def window(number: int, rows: int) -> Columns:
        nonlocal level
        noise = random.normal(0, np.sqrt(1 - near**2), rows)
        series = np.empty(rows)
        for row in range(rows):
            level = near * level + noise[row]
            series[row] = level
        temperature = (67 + 13 * series).clip(24, 110).round(1)
        return {"temperature": temperature, "load": random.normal(50, 9, rows).clip(0).round(1)}

    return window


def start_device_series(random: Random) -> Draw:
    """Pressures of six machines in turn, each with a level of its own."""
    levels = random.normal(5, 1, 6)

    def window(number: int, rows: int) -> Columns:
        machine = np.arange(rows) % 6
        pressure = random.normal(levels[machine], 0.3).round(2)
        names = np.array([f"m{index}" for index in machine], dtype=object)
        return {"pressure": pressure, "machine": names}

    return window


SERIES_CASE = partial(Case, rows=508)
CASES |= {
    "d. a third is frozen": SERIES_CASE(start_temperature_series, "temperature", freeze_third),
    "d. 25 of -999": SERIES_CASE(start_temperature_series, "temperature", put_some(25, -999.0)),
    "d. 10 of 0": SERIES_CASE(start_temperature_series, "temperature", put_some(10, 0.0)),
    "d. load frozen": SERIES_CASE(start_temperature_series, "load", freeze_third),
    "d. rows apart, frozen": SERIES_CASE(partial(start_temperature_series, near=0.5), "temperature", freeze_third),
    "d. pressure, 8 of 99": SERIES_CASE(start_device_series, "pressure", put_some(8, 99.0), rows=300, baseline=20),
    "d. pressure frozen": SERIES_CASE(start_device_series, "pressure", freeze_third, rows=300, baseline=20),
}


# e. Events that arrive late


def draw_late_events(random: Random, number: int, rows: int, **settings: float) -> Columns:
    return as_timestamps(draw_late_records(random, number, rows, **settings))


def as_timestamps(columns: Columns) -> Columns:
    return {**columns, "seen": columns["seen"].astype("datetime64[s]")}


def change_events(name: str) -> Fault:
    def fault(random: Random, columns: Columns) -> Columns:
        seconds = columns["seen"].astype("int64").astype(float)
        return as_timestamps(TIME_FAULTS[name](random, {**columns, "seen": seconds}, "seen"))

    return fault


BACKLOG = change_events("a backlog of 40 %")
TIME_NAMES = ("seen", NEWEST_ROW, NUMBER_OF_ROWS)
LATE_CASE = partial(Case, column="x", also=TIME_NAMES, baseline=28, time_column="seen")
CASES |= {
    "e. a backlog of 40 %": LATE_CASE(ignore_state(draw_late_events), fault=BACKLOG, healthy=30),
    "e. a backlog, 16 days": LATE_CASE(ignore_state(draw_late_events), fault=BACKLOG, baseline=16),
    "e. a backlog, without the flag": LATE_CASE(ignore_state(draw_late_events), fault=BACKLOG, time_column=None),
    "e. half late by a day": LATE_CASE(
        ignore_state(partial(draw_late_events, late=0.5, mean_delay=DAY_SECONDS)),
        fault=BACKLOG,
    ),
    "e. a gap of 6 hours": LATE_CASE(
        ignore_state(draw_late_events),
        fault=change_events("a gap of 6 hours"),
        learnt=8,
    ),
    "e. + 6 hours": LATE_CASE(
        ignore_state(draw_late_events),
        fault=change_events("+ 6 hours"),
        learnt=8,
    ),
    "e. a fifth at night": LATE_CASE(ignore_state(draw_late_events), fault=change_events("a fifth at night")),
}


# f. What is replaced each Monday


def draw_versions(random: Random, number: int, rows: int) -> Columns:
    version = np.full(rows, f"v{number // 7 + 1}", dtype=object)
    return {"x": random.normal(50, 10, rows), "version": version, "plan": choose(random, CITIES, rows, CITY_SHARES)}


def draw_two_versions(random: Random, number: int, rows: int) -> Columns:
    """A tenth of the rows tries the version of the week after."""
    columns = draw_versions(random, number, rows)
    is_ahead = random.random(rows) < 0.1
    return {**columns, "version": np.where(is_ahead, f"v{number // 7 + 2}", columns["version"])}


REPLACED_CASE = partial(Case, baseline=21, healthy=30)
CASES |= {
    "f. devices": REPLACED_CASE(start_devices, "x", shift(12)),
    "f. devices, 16 days": REPLACED_CASE(start_devices, "x", shift(12), baseline=16),
    "f. devices, an unknown one": REPLACED_CASE(start_devices, "device", replace_some(0.3, "d99999"), baseline=28),
    "f. forty devices alike": REPLACED_CASE(partial(start_devices, count=40, replaced=4, deviation=2.0), "x", shift(6)),
    "f. a version a week": REPLACED_CASE(ignore_state(draw_versions), "x", shift(5)),
    "f. a version is lost": REPLACED_CASE(ignore_state(draw_versions), "version", replace_some(0.3, ""), baseline=56),
    "f. two versions": REPLACED_CASE(ignore_state(draw_two_versions), "x", shift(5), baseline=28),
}


def print_case(name: str, tries: int, seed: int, *, is_shown: bool) -> None:
    case = CASES[name]
    began = time.process_time()
    outcomes = [try_case(case, seed + index) for index in range(tries)]
    seconds = time.process_time() - began
    num_found = sum(outcome.is_found for outcome in outcomes)
    alarms = sum(bool(outcome.alarms) for outcome in outcomes)
    unsure = sum(outcome.unsure for outcome in outcomes)
    windows = tries * case.healthy
    line = f"{name:36} found {num_found:2} of {tries}   alarms {alarms:2} of {tries}   "
    print(f"{line}cannot tell {unsure:3} of {windows:3} healthy   {seconds:5.1f} core s", flush=True)
    for outcome in outcomes if is_shown else ():
        print(f"    {outcome}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", default=[""], metavar="WORD", help="; ".join(CASES).replace("%", "%%"))
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print what each try named")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for name in CASES:
        if any(word in name for word in options.cases):
            print_case(name, options.tries, options.seed, is_shown=options.show)
    return 0


if __name__ == "__main__":
    sys.exit(main())
