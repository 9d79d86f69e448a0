"""What does each part of the verdict earn? The product with one part off at a time, beside a z-test of thirty lines.

python benchmarks/ablation.py [--laws NAME ...] [--parts NAME ...|none] [--seeds 1 2 ...] [--windows N | --months N] [--json FILE]
python benchmarks/ablation.py --small-changes [--seeds 1 2 ...]    # how late small lasting changes are found
python benchmarks/ablation.py --marks [--against FILE] [...]    # the whole product alone; exits 1 if a mark is missed

A law (laws.py) draws the windows of a table in the order of time. The engine without Spark judges and remembers them, as
a schedule of runs does (contestants.py). A fault changes the column x from a window on; it is found if a violation names
that column. The level of the z-test is such that it alarms once a month of 720 windows on that law. What a part earns is
printed by law: faults that are found with it alone, and alarms that it prevents. Besides steps of the verdict, each check
and statistic is a part, by its name. --help names laws and parts.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from statistics import median
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from contestants import MONITOR, MONTH, PARTS, Product, ZTest, as_table, calibrate_z_test, list_table_parts
from laws import (
    A_FIFTH_TWICE,
    HALF_OF_THE_ROWS,
    LAWS,
    LONG_FAULTS,
    TIME_FAULTS,
    USUAL_FAULT,
    Columns,
    Draw,
    Law,
    Random,
    Values,
    concatenate,
    estimate_unit,
    make_fault,
    select_faults,
    stateless,
)
from scipy import stats

from spark_model_monitor import run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.messages import NEWEST_ROW, NUMBER_OF_ROWS, REPEATED_ROWS

# windows before the first fault, and how often each fault is tried
WARM = 16
TRIES = 2
Z_TEST = "z-test"
WHOLE = "whole"
TARGETS = {
    HALF_OF_THE_ROWS: {NUMBER_OF_ROWS},
    A_FIFTH_TWICE: {REPEATED_ROWS},
    **{fault: {"x", "seen", NEWEST_ROW, NUMBER_OF_ROWS} for fault in TIME_FAULTS},
}  # features of which faults of the whole table name one


# A run: all contestants see the same windows


Delay: TypeAlias = "int | None"  # windows until a fault was found; None if it wasn't


@dataclass
class Tally:
    """What a contestant said of healthy windows, and the delays of faults by kind. deciders: how many faults a check or a
    statistic found; sole_deciders: and nothing else did; alarmed: in how many healthy windows it was violated.
    """

    windows: int = 0
    alarms: int = 0
    unsure: int = 0
    seconds: float = 0.0
    features: Counter[str] = field(default_factory=Counter)
    delays: dict[str, list[Delay]] = field(default_factory=dict)
    deciders: Counter[str] = field(default_factory=Counter)
    sole_deciders: Counter[str] = field(default_factory=Counter)
    alarmed: Counter[str] = field(default_factory=Counter)

    def add(self, other_tally: Tally) -> None:
        self.windows += other_tally.windows
        self.alarms += other_tally.alarms
        self.unsure += other_tally.unsure
        self.seconds += other_tally.seconds
        self.features += other_tally.features
        self.deciders += other_tally.deciders
        self.sole_deciders += other_tally.sole_deciders
        self.alarmed += other_tally.alarmed
        for fault, delays in other_tally.delays.items():
            self.delays.setdefault(fault, []).extend(delays)

    def add_deciders(self, deciders: set[str]) -> None:
        """Of a fault that was found."""
        self.deciders.update(deciders)
        if len(deciders) == 1:
            self.sole_deciders.update(deciders)

    @property
    def all_delays(self) -> list[Delay]:
        return [delay for delays in self.delays.values() for delay in delays]

    @property
    def fewest_alarms(self) -> float:
        """The 99 % lower bound of the alarms a month (Garwood 1936)."""
        if self.alarms:
            return float(stats.chi2.ppf(0.01, 2 * self.alarms)) / 2 * MONTH / self.windows
        return 0.0


def run_law(name: str, seed: int, parts: list[str], count: int) -> dict[str, Tally]:
    """The tallies of a law and a seed, by contestant."""
    law = LAWS[name]
    random = np.random.default_rng([seed, *name.encode()])
    count = max(2, round(count * law.effort))
    # The windows, and a baseline of the first
    first = law.baseline + law.warm_up
    windows = [*islice(law.windows(random), first + count + max(LONG_FAULTS.values()))]
    baseline = [law.finish(random, columns) for columns in windows[: law.baseline]]
    unit = estimate_unit(concatenate(windows[: law.baseline])["x"])
    # All contestants see the same windows
    contestants: dict[str, Product | ZTest] = {
        Z_TEST: ZTest(baseline, calibrate_z_test(name)),
        WHOLE: Product(law, baseline),
    }
    contestants |= {part: Product(law, baseline, part) for part in parts}
    tallies = {contestant: Tally() for contestant in contestants}
    # In which windows faults are tried
    tries = max(1, round(TRIES * law.effort))
    tried = np.linspace(min(WARM, count - 1), count - 1, tries).astype(int) + first
    for number in range(law.baseline, first + count):
        # Faults that begin with this window
        faults = (*select_faults(windows[number]["x"]), HALF_OF_THE_ROWS, *law.faults)
        for fault in faults if number in tried else ():
            change = partial(change_window, windows, law, fault, unit, seed)
            for contestant, monitor in contestants.items():
                twin = monitor.fork()
                delay = measure_delay(twin, fault, change, number)
                tallies[contestant].delays.setdefault(fault, []).append(delay)
                if delay is not None and isinstance(twin, Product):
                    tallies[contestant].add_deciders(twin.list_deciders(TARGETS.get(fault, {"x"})))
        # The healthy window
        columns = law.finish(random, windows[number])
        for contestant, monitor in contestants.items():
            began = time.process_time()
            violated = monitor.judge(columns, number)
            monitor.remember()
            if number >= first:
                tally = tallies[contestant]
                tally.seconds += time.process_time() - began
                tally.windows += 1
                tally.alarms += bool(violated)
                tally.unsure += not violated and getattr(monitor, "is_unsure", False)
                tally.features.update(violated)
                if isinstance(monitor, Product):
                    tally.alarmed.update(monitor.list_deciders(violated))
    return tallies


def change_window(windows: list[Columns], law: Law, fault: str, unit: float, seed: int, number: int) -> Columns:
    random = np.random.default_rng([seed, number, *fault.encode()])
    return law.finish(random, make_fault(random, windows[number], fault, unit))


def measure_delay(monitor: Product | ZTest, fault: str, change: Callable[[int], Columns], first: int) -> Delay:
    targets = TARGETS.get(fault, {"x"})
    for number in range(first, first + LONG_FAULTS.get(fault, USUAL_FAULT)):
        if targets & monitor.judge(change(number), number):
            return number - first + 1
        monitor.remember()
    return None


# What is printed


OF_WINDOWS = ("alarms", "a month, at least", "core ms")
OF_FAULTS = ("found at once", "found", "delay")
Tallies: TypeAlias = dict[str, dict[str, Tally]]  # by law and contestant


def share_found_at_once(delays: list[Delay]) -> float:
    return sum(delay == 1 for delay in delays) / max(len(delays), 1)


def share_found(delays: list[Delay]) -> float:
    return sum(delay is not None for delay in delays) / max(len(delays), 1)


def describe_delays(delays: list[Delay]) -> list[str]:
    middle = median([np.inf if delay is None else delay for delay in delays] or [np.inf])
    return [f"{share_found_at_once(delays):.2f}", f"{share_found(delays):.2f}", f"{middle:.0f}"]


def describe(tally: Tally) -> list[str]:
    milliseconds = 1_000 * tally.seconds / max(tally.windows, 1)
    healthy = [f"{tally.alarms} of {tally.windows}", f"{tally.fewest_alarms:.2f}", f"{milliseconds:.0f}"]
    return [*healthy, *describe_delays(tally.all_delays)]


def sum_up(tallies: Tallies, contestant: str) -> Tally:
    total = Tally()
    for by_contestant in tallies.values():
        total.add(by_contestant[contestant])
    return total


def print_table(title: str, first: str, headings: tuple[str, ...], rows: dict[str, list[str]]) -> None:
    cells = [first, *headings, *(f"z-test: {heading}" for heading in headings)]
    print(f"\n{title}\n\n| {' | '.join(cells)} |\n|{'---|' * len(cells)}")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(row)} |", flush=True)


def print_tables(tallies: Tallies, contestants: list[str]) -> None:
    z_test = sum_up(tallies, Z_TEST)
    headings = OF_WINDOWS + OF_FAULTS
    totals = {contestant: sum_up(tallies, contestant) for contestant in contestants}
    for contestant, total in totals.items():
        if contestant == WHOLE:
            title = "The whole product"
        else:
            title = f"Without {contestant}"
        rows = {law: [*describe(some[contestant]), *describe(some[Z_TEST])] for law, some in tallies.items()}
        print_table(f"## {title}, by law", "law", headings, rows)
        rows = {
            name: describe_delays(some) + describe_delays(z_test.delays[name]) for name, some in total.delays.items()
        }
        print_table(f"## {title}, by fault", "fault", OF_FAULTS, rows)
    rows = {contestant: [*describe(total), *describe(z_test)] for contestant, total in totals.items()}
    print_table("## What is off", "off", headings, rows)
    print_deciders(totals[WHOLE])
    for part in contestants:
        if part != WHOLE:
            print_earnings(tallies, part)


def print_deciders(total: Tally) -> None:
    """What each check and statistic finds, by its name in checks.json, whatever the product is made of."""
    print("\n## What finds faults\n\n| check | faults | alone | healthy windows |\n|---|---|---|---|")
    for name, _ in (total.deciders + total.alarmed).most_common():
        print(f"| {name} | {total.deciders[name]} | {total.sole_deciders[name]} | {total.alarmed[name]} |")


MIN_EARNED = 0.01
"""Of all faults and healthy windows: a part that changes less goes."""


def print_earnings(tallies: Tallies, part: str) -> None:
    """What a part earns: faults that are only found with it, and alarms that it prevents, by law."""
    earned_faults: dict[str, int] = {}
    earned_alarms: dict[str, int] = {}
    for law, by_contestant in tallies.items():
        product = by_contestant[WHOLE]
        without_part = by_contestant[part]
        earned_faults[law] = count_found(product) - count_found(without_part)
        earned_alarms[law] = without_part.alarms - product.alarms
    # Whether it changes enough, for better or worse
    total = sum_up(tallies, WHOLE)
    share_of_faults = sum(map(abs, earned_faults.values())) / max(len(total.all_delays), 1)
    share_of_alarms = sum(map(abs, earned_alarms.values())) / max(total.windows, 1)
    verdict = "goes" if max(share_of_faults, share_of_alarms) < MIN_EARNED else "stays"
    faults = f"{sum(earned_faults.values()):+} of {len(total.all_delays)} faults"
    alarms = f"{sum(earned_alarms.values()):+} alarms in {total.windows} windows"
    print(f"\n{part} {verdict}: it finds {faults} and prevents {alarms}")
    for law in tallies:
        if earned_faults[law] or earned_alarms[law]:
            print(f"    {law}: {earned_faults[law]:+} faults, {earned_alarms[law]:+} alarms")


def count_found(tally: Tally) -> int:
    return sum(delay is not None for delay in tally.all_delays)


# Marks


def print_mark(name: str, measured: float, limit: str, is_met: bool) -> bool:
    word = "ok    " if is_met else "MISSED"
    print(f"{word}  {name:75} {measured:8.3f}   wanted: {limit}", flush=True)
    return is_met


def check_marks(tallies: Tallies) -> Iterator[bool]:
    for law, by_contestant in tallies.items():
        product = by_contestant[WHOLE]
        z_test = by_contestant[Z_TEST]
        for when, share in (("at once", share_found_at_once), ("in the end", share_found)):
            difference = share(product.all_delays) - share(z_test.all_delays)
            mark = f"{law}: share of faults found {when}, less the z-test's"
            yield print_mark(mark, difference, ">= -.25", difference >= -0.25)
        alarms = product.fewest_alarms
        yield print_mark(f"{law}: alarms a month, at least", alarms, "<= 1", alarms <= 1)
    for rows, smallest in ((200, 0.95), (1_000, 0.99)):
        laws = [name for name in tallies if LAWS[name].is_independent and LAWS[name].rows == rows]
        total = sum_up({name: tallies[name] for name in laws}, WHOLE)
        if total.windows:
            unchanged = 1 - (total.alarms + total.unsure) / total.windows
            mark = f"{rows} independent rows: share of healthy windows that are unchanged"
            yield print_mark(mark, unchanged, f">= {smallest}", unchanged >= smallest)


def check_power(tallies: Tallies, path: str) -> Iterator[bool]:
    """Whether as many faults are found as in a file of `--json`, of the same laws, seeds and windows."""
    with open(path, encoding="utf-8") as file:
        earlier = json.load(file)
    tries = 0
    gained = 0
    lost = 0
    for law in tallies.keys() & earlier.keys():
        delays_before = earlier[law][WHOLE]["delays"]
        for fault, delays in tallies[law][WHOLE].delays.items():
            for delay, delay_before in zip(delays, delays_before.get(fault, []), strict=False):
                tries += 1
                gained += delay == 1 and delay_before != 1
                lost += delay != 1 and delay_before == 1
    difference = (gained - lost) / max(tries, 1)
    standard_error = (gained + lost) ** 0.5 / max(tries, 1)  # of pairs: McNemar 1947
    mark = f"share of {tries} faults found at once, less that of {path}"
    yield print_mark(mark, difference, f">= {-2 * standard_error:.3f}", difference >= -2 * standard_error)


COLUMNS = 100
RUNS = 400
RUNS_OF_A_BASELINE = 20


def check_hundred_columns(seed: int) -> Iterator[bool]:
    """Healthy runs of a hundred columns of independent rows."""
    laws = [law for law in LAWS.values() if law.is_independent and law.rows == 1_000 and law.finish is Law.finish]
    for rows in (200, 1_000, 5_000):
        random = np.random.default_rng([seed, rows])
        draws = [laws[index % len(laws)].start(random) for index in range(COLUMNS)]

        def table(count: int, draws: list[Draw] = draws) -> pa.Table:
            return as_table({f"x{index}": draw(0, count)["x"] for index, draw in enumerate(draws)})

        alarms = 0
        for _ in range(RUNS // RUNS_OF_A_BASELINE):
            baseline = run_baseline(table(10_000), MONITOR, engine="local")
            for _ in range(RUNS_OF_A_BASELINE):
                alarms += run_monitoring(table(rows), MONITOR, baseline, engine="local").count > 0
        mark = f"{COLUMNS} columns, {rows} rows: healthy runs of {RUNS} that alarm"
        yield print_mark(mark, alarms, "<= 3", alarms <= 3)


# standard deviations, in all and a window
STEPS = (0.1, 0.15, 0.25)
RAMPS = (0.01, 0.03)
QUIET = 24
LONGEST_DELAY = 60
ROWS_OF_SMALL_CHANGES = 500


def list_small_changes() -> dict[str, Values]:
    """By how many standard deviations the windows since the beginning of a change are shifted."""
    since = np.arange(1, LONGEST_DELAY + 1)
    changes = {f"a step of {size} sd": np.full(LONGEST_DELAY, size) for size in STEPS}
    for size in RAMPS:
        changes[f"a ramp of {size} sd a window"] = size * since
    return changes


def print_small_changes(seeds: list[int]) -> None:
    """How late small lasting changes of a column are found, after quiet windows."""
    rows: dict[str, list[str]] = {}
    for columns in (4, 12):
        delays: dict[str, list[Delay]] = {}
        for seed in seeds:
            for change, delay in measure_small_changes(columns, seed).items():
                delays.setdefault(change, []).append(delay)
        for change, delays_of_change in delays.items():
            count = sum(delay is not None for delay in delays_of_change)
            *_, middle = describe_delays(delays_of_change)
            rows.setdefault(change, []).extend((f"{count} of {len(delays_of_change)}", middle))
    headings = ("found, 4 columns", "median delay", "found, 12 columns", "median delay")
    print(f"| change | {' | '.join(headings)} |\n|{'---|' * 5}")
    for change, cells in rows.items():
        print(f"| {change} | {' | '.join(cells)} |")


def measure_small_changes(columns: int, seed: int) -> dict[str, Delay]:
    """The delay of each change, all of which begin at the same time in the first of so many columns."""
    names = ["x", *(f"x{index}" for index in range(1, columns))]

    def draw(random: Random, number: int, rows: int) -> Columns:
        return {name: random.normal(size=rows) for name in names}

    law = stateless(draw, rows=ROWS_OF_SMALL_CHANGES)
    # Quiet windows
    windows = law.windows(np.random.default_rng([seed, columns]))
    product = Product(law, [*islice(windows, law.baseline)])
    first = law.baseline + QUIET
    for number in range(law.baseline, first):
        product.judge(next(windows), number)
        product.remember()
    # Each change, in the same later windows
    later = [*islice(windows, LONGEST_DELAY)]
    delays = {}
    for change, shifts in list_small_changes().items():
        changed = [{**window, "x": window["x"] + shift} for window, shift in zip(later, shifts, strict=True)]
        delays[change] = find_delay(product.fork(), changed, first)
    return delays


def find_delay(product: Product, windows: list[Columns], first: int) -> Delay:
    for since, columns in enumerate(windows):
        if "x" in product.judge(columns, first + since):
            return since + 1
        product.remember()
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--laws", nargs="+", choices=LAWS, default=[*LAWS], metavar="NAME", help="; ".join(LAWS).replace("%", "%%")
    )
    choices = [*PARTS, *list_table_parts(), "none"]
    parser.add_argument("--parts", nargs="+", choices=choices, default=PARTS, metavar="NAME", help="; ".join(choices))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--windows", type=int, default=48, help="healthy windows of each law and seed")
    parser.add_argument("--months", type=float, help=f"their number in months of {MONTH}")
    parser.add_argument("--json", help="a file that gets all tallies, law by law")
    parser.add_argument("--small-changes", action="store_true", help="print how late small lasting changes are found")
    parser.add_argument("--marks", action="store_true", help="judge the whole product by its marks")
    parser.add_argument("--against", metavar="FILE", help="with --marks: tallies of earlier, whose power is kept")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.small_changes:
        print_small_changes(arguments.seeds)
        return 0
    if arguments.marks:
        parts = []
    else:
        parts = [part for part in arguments.parts if part != "none"]
    if arguments.months:
        count = round(arguments.months * MONTH)
    else:
        count = arguments.windows
    tallies: Tallies = {}
    for name in arguments.laws:
        by_contestant = tallies.setdefault(name, {})
        for seed in arguments.seeds:
            for contestant, tally in run_law(name, seed, parts, count).items():
                by_contestant.setdefault(contestant, Tally()).add(tally)
        print(
            f"{name}: {describe(by_contestant[WHOLE])} {dict(by_contestant[WHOLE].features)}",
            file=sys.stderr,
            flush=True,
        )
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(tallies, file, default=vars, indent=1)
    print_tables(tallies, [WHOLE, *parts])
    if not arguments.marks:
        return 0
    are_met = [*check_marks(tallies)]
    if arguments.against:
        are_met += check_power(tallies, arguments.against)
    for seed in arguments.seeds:
        are_met += check_hundred_columns(seed)
    return 0 if all(are_met) else 1


if __name__ == "__main__":
    sys.exit(main())
