"""Tables with columns of times: how many healthy windows alarm, and how many changes that a plot of the times shows are found.

python benchmarks/hours_of_times.py [--quick] [--laws LAW ...] [--show]

Marks: of 200 healthy windows of each law none alarms, and of seven changes all that such times don't hide are found in each
draw. A baseline is five weeks, a window a day or a week after it; for half of the baselines with --time-column. Seeds are fresh
at each run.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd

from spark_model_monitor import Baseline, DataQualityMonitor, run_baseline, run_monitoring

Random: TypeAlias = np.random.Generator
Seconds: TypeAlias = np.ndarray

HOUR = 3600.0
DAY = 24 * HOUR
MONDAY = 1_772_409_600.0  # 2026-03-02
BASELINE_DAYS = 35
LATER_DAYS = 28
TIMES = ("came", "seen")
BASELINES = 10
WINDOWS = 20  # of each baseline


def draw_office_hours(random: Random, day: int) -> Seconds:
    """A normal day from 8 to 18 o'clock."""
    hours = random.normal(13, 2, random.poisson(400))
    return hours[(hours >= 8) & (hours < 18)] * HOUR


def draw_evenly(random: Random, day: int) -> Seconds:
    """One time every four minutes, and some seconds."""
    minutes = np.arange(0, DAY, 240)
    return minutes + random.uniform(0, 20, len(minutes))


def draw_with_rhythm(random: Random, day: int) -> Seconds:
    """At weekends a third of the rows, and later in the day."""
    if day % 7 >= 5:
        return DAY * random.beta(4, 2, random.poisson(150))
    return DAY * random.beta(2, 3, random.poisson(450))


def draw_batches(random: Random, day: int) -> Seconds:
    """Every three hours a batch, of which all rows have a time within seconds."""
    begins = np.arange(0, 24, 3) * HOUR + random.uniform(0, 300, 8)
    rows = random.poisson(50, 8)
    later = random.uniform(0, 20, rows.sum())
    return np.repeat(begins, rows) + later


def draw_with_busy_hours(random: Random, day: int) -> Seconds:
    """Each day has hours of its own with more rows, as after a mail to all customers."""
    shares = np.sin(np.arange(24) / 24 * 2 * np.pi) + 1.5
    shares *= random.lognormal(0, 0.4, 24)
    shares /= shares.sum()
    rows = random.poisson(400)
    hours = random.choice(24, rows, p=shares)
    return HOUR * (hours + random.random(rows))


def draw_visits(random: Random, day: int) -> Seconds:
    """Visits of about twenty pages within minutes."""
    begins = random.uniform(6, 23, random.poisson(25)) * HOUR
    pages = random.geometric(1 / 20, len(begins))
    later = random.exponential(120, pages.sum())
    return np.repeat(begins, pages) + later


def draw_dates(random: Random, day: int) -> Seconds:
    """A delivery in the next weeks, without an hour."""
    return random.integers(1, 31, random.poisson(400)) * DAY


@dataclass(frozen=True)
class TimeLaw:
    """When the rows of a day are. form: how times are written. unseen: changes that such times hide."""

    draw: Callable[[Random, int], Seconds]
    form: str
    unseen: tuple[str, ...] = ()


LATER = "six hours later"
AT_NIGHT = "a fifth at night"
SECONDS_0 = "all seconds 0"
MIDNIGHT = "all at midnight"
GAP = "no rows from 10 to 12"
TEN_TIMES = "ten times"

LAWS = {
    "office hours": TimeLaw(draw_office_hours, "typed"),
    "evenly spread": TimeLaw(draw_evenly, "ISO", unseen=(LATER,)),
    "weekday rhythm": TimeLaw(draw_with_rhythm, "zone"),
    "batches": TimeLaw(draw_batches, "typed", unseen=(LATER, AT_NIGHT, GAP, TEN_TIMES)),
    "busy hours": TimeLaw(draw_with_busy_hours, "ISO"),
    "visits": TimeLaw(draw_visits, "milliseconds", unseen=(GAP,)),
    "dates only": TimeLaw(draw_dates, "dates", unseen=(LATER, AT_NIGHT, SECONDS_0, MIDNIGHT, GAP, TEN_TIMES)),
    "epoch seconds": TimeLaw(draw_office_hours, "seconds"),
}


def draw_times(random: Random, law: TimeLaw, first: int, days: int) -> Seconds:
    times = []
    for day in range(first, first + days):
        seconds = np.sort(law.draw(random, day))
        midnight = MONDAY + day * DAY
        times.append(midnight + seconds)
    return np.concatenate(times)


def write_table(random: Random, seconds: Seconds, form: str) -> pd.DataFrame:
    """The times in their form, the same some minutes earlier, and two columns that have nothing to do with them."""
    table = pd.DataFrame(index=range(len(seconds)))
    table["came"] = write_times(seconds, form)
    earlier = seconds - random.lognormal(5, 1, len(seconds))
    are_dates = seconds % DAY == 0
    earlier_or_dates = np.where(are_dates, seconds, earlier)
    table["seen"] = write_times(earlier_or_dates, form)
    table["amount"] = random.lognormal(3, 0.5, len(seconds)).round(2)
    table["city"] = random.choice(["Aachen", "Bonn", "Celle"], len(seconds), p=[0.5, 0.3, 0.2])
    return table


def write_times(seconds: Seconds, form: str) -> pd.Series:
    whole_seconds = pd.Series(np.floor(seconds))
    if form == "seconds":
        return whole_seconds.astype("int64")
    if form == "milliseconds":
        return pd.Series(np.floor(seconds * 1_000)).astype("int64")
    times = pd.to_datetime(whole_seconds, unit="s")
    formats = {"ISO": "%Y-%m-%dT%H:%M:%SZ", "zone": "%Y-%m-%dT%H:%M:%S+02:00", "dates": "%Y-%m-%d"}
    if form in formats:
        return times.dt.strftime(formats[form])
    return times


# The changes


def move_a_fifth_to_night(random: Random, seconds: Seconds) -> Seconds:
    midnights = seconds - seconds % DAY
    nights = midnights + random.uniform(3 * HOUR, 4 * HOUR, len(seconds))
    is_moved = random.random(len(seconds)) < 0.2
    return np.where(is_moved, nights, seconds)


def swap_day_and_month(random: Random, seconds: Seconds) -> Seconds:
    moments = pd.to_datetime(seconds, unit="s")
    swapped = []
    for moment in moments:
        if moment.day <= 12:
            moment = moment.replace(day=moment.month, month=moment.day)
        swapped.append(moment.timestamp())
    return np.array(swapped)


def leave_two_hours_out(random: Random, seconds: Seconds) -> Seconds:
    hours = seconds % DAY / HOUR
    return seconds[(hours < 10) | (hours >= 12)]


CHANGES: dict[str, Callable[[Random, Seconds], Seconds]] = {
    LATER: lambda random, seconds: seconds + 6 * HOUR,
    AT_NIGHT: move_a_fifth_to_night,
    "day and month swapped": swap_day_and_month,
    SECONDS_0: lambda random, seconds: seconds - seconds % 60,
    MIDNIGHT: lambda random, seconds: seconds - seconds % DAY,
    GAP: leave_two_hours_out,
    TEN_TIMES: lambda random, seconds: random.choice(random.choice(seconds, 10), len(seconds)),
}


def list_alarms(table: pd.DataFrame, baseline: Baseline, time_column: str | None) -> dict[str, str]:
    """The violations of columns of times: others have the budget's alarms."""
    monitor = DataQualityMonitor(find_causes=False, time_column=time_column)
    findings = run_monitoring(table, monitor, baseline, engine="local")
    messages = {violation.feature_name: violation.description for violation in findings.violations.violations}
    return {name: message for name, message in messages.items() if name in TIMES}


def count_alarms(random: Random, law: TimeLaw, baseline: Baseline, time_column: str | None, show: bool) -> int:
    """How many healthy windows alarm."""
    alarms = 0
    for _ in range(WINDOWS):
        day = BASELINE_DAYS + int(random.integers(LATER_DAYS))
        days = int(random.choice([1, 1, 7]))
        window = write_table(random, draw_times(random, law, day, days), law.form)
        violations = list_alarms(window, baseline, time_column)
        alarms += bool(violations)
        if violations and show:
            print(f"  time column: {time_column}, day {day}, {days} days: {violations}")
    return alarms


def play_law(random: Random, name: str, num_baselines: int, show: bool) -> bool:
    """Whether no healthy window alarms, and each change is found."""
    law = LAWS[name]
    alarms = 0
    num_detected = {change_name: 0 for change_name in CHANGES if change_name not in law.unseen}
    for number in range(num_baselines):
        time_column = "came" if number % 2 else None
        monitor = DataQualityMonitor(find_causes=False, time_column=time_column)
        times = draw_times(random, law, 0, BASELINE_DAYS)
        baseline = run_baseline(write_table(random, times, law.form), monitor, engine="local")
        alarms += count_alarms(random, law, baseline, time_column, show)
        # Of a week, from the 6th of April on
        week = draw_times(random, law, BASELINE_DAYS, 7)
        for change_name in num_detected:
            changed = CHANGES[change_name](random, week)
            violations = list_alarms(write_table(random, changed, law.form), baseline, time_column)
            num_detected[change_name] += bool(violations)
    print(f"{name}: {alarms} of {num_baselines * WINDOWS} healthy windows alarm")
    detected = ", ".join(f"{change_name} {count}" for change_name, count in num_detected.items())
    print(f"{name}: of {num_baselines} draws found: {detected}", flush=True)
    return not alarms and all(count == num_baselines for count in num_detected.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two baselines of each law")
    parser.add_argument("--laws", nargs="*", choices=LAWS, default=[*LAWS])
    parser.add_argument("--show", action="store_true", help="the healthy windows that alarm")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    random = np.random.default_rng()
    num_baselines = 2 if options.quick else BASELINES
    are_reached = [play_law(random, name, num_baselines, options.show) for name in options.laws]
    return 0 if all(are_reached) else 1


if __name__ == "__main__":
    sys.exit(main())
