"""Are planted faults found in free texts, ids, times and between columns, and are healthy windows silent?

python benchmarks/planted.py [--full] [--only PART] [--seed SEED]

Windows of 1,000 rows beside a baseline of 10,000. The exit status is 1 if a mark is missed. --full takes an hour.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn import datasets
from verdicts import Mark, Random, list_violated, run_parts, within

from spark_model_monitor import run_baseline
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET

Fault: TypeAlias = Callable[[pd.DataFrame, Random], pd.DataFrame]
Faults: TypeAlias = dict[str, tuple[str, Fault]]  # by name, with the check that should find it


def find_planted(
    title: str,
    draw: Callable[[Random, int], pd.DataFrame],
    faults: Faults,
    monitor: DataQualityMonitor,
    full: bool,
    seed: int,
) -> Iterator[Mark]:
    """Healthy windows of 1,000 rows are silent, and planted faults are found."""
    windows, tries = (1_000, 100) if full else (100, 20)
    random = np.random.default_rng(seed)
    alarms = 0
    detected = dict.fromkeys(faults, 0)
    for number in range(windows):
        if number % 50 == 0:
            baseline = run_baseline(draw(random, 10_000), monitor, engine="local")
        alarms += bool(list_violated(draw(random, 1_000), DataQualityMonitor(), baseline))
        for name, (check, fault) in faults.items() if number < tries else ():
            window = fault(draw(random, 1_000), random)
            detected[name] += check in list_violated(window, DataQualityMonitor(), baseline)
    maximum = within(windows, BUDGET)
    yield Mark(f"{title}: windows of {windows} with an alarm", alarms, f"<= {maximum}", alarms <= maximum)
    for name, count in detected.items():
        yield Mark(f"{title}, found: {name}, windows of {tries}", count, ">= 95 %", count >= 0.95 * tries)


def draw_free_columns(random: Random, rows: int) -> pd.DataFrame:
    words = random.integers(0, 10**6, (rows, 30))
    lengths = random.poisson(8, rows)
    notes = [" ".join(f"w{word:x}" for word in words[row, : lengths[row]]) for row in range(rows)]
    return pd.DataFrame(
        {
            "id": [f"{number:012x}" for number in random.integers(0, 2**48, rows)],
            "number": random.permutation(10**6)[:rows],
            "note": notes,
            "seen": random.integers(1_700_000_000, 1_700_003_600, rows),
            "spend": random.lognormal(3, 1, rows),
        }
    )


def rewrite_notes(change: Callable[[str], str]) -> Fault:
    return lambda frame, random: frame.assign(note=frame["note"].map(change))


def repeat(*columns: str) -> Fault:
    """2 % of the rows are there twice, as far as these columns go."""

    def fault(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
        frame.loc[:19, [*columns]] = frame.loc[20:39, [*columns]].to_numpy()
        return frame

    return fault


FAULTS_OF_FREE_COLUMNS: Faults = {
    "8 words become 3": ("text_length_check", rewrite_notes(lambda text: " ".join(text.split()[:3]))),
    "words are joined": ("text_words_check", rewrite_notes(lambda text: text.replace(" ", "_"))),
    "letters become digits": ("text_letters_check", rewrite_notes(lambda text: re.sub("[a-f]", "7", text))),
    "2 % of the ids twice": ("repeated_value_check", repeat("id")),
    "2 % of the whole numbers twice": ("repeated_value_check", repeat("number")),
    "2 % of the rows twice": ("repeated_rows_check", repeat("id", "number", "note", "seen", "spend")),
    "milliseconds": ("time_unit_check", lambda frame, random: frame.assign(seen=frame["seen"] * 1_000)),
}


def free(full: bool, seed: int) -> Iterator[Mark]:
    """Free texts, ids, whole rows and times."""
    yield from find_planted("free", draw_free_columns, FAULTS_OF_FREE_COLUMNS, DataQualityMonitor(), full, seed)


def draw_orders(random: Random, rows: int) -> pd.DataFrame:
    """Columns that have to do with each other, by correlation, sum, product, order and code; and one that has not."""
    a, noise, alone = random.normal(size=(3, rows))
    price = np.round(random.lognormal(2, 0.5, rows), 2)
    count = random.integers(1, 9, rows)
    city = random.choice(5, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    start = random.uniform(0, 10, rows)
    total = np.round(price * count, 2)
    visits = random.poisson(3 + 2 * (city == 0)).astype(float)
    return pd.DataFrame(
        {
            "a": a,
            "b": 0.8 * a + 0.6 * noise,
            "price": price,
            "count": count,
            "total": total,
            "city": np.array(["Graz", "Linz", "Wien", "Salzburg", "Villach"])[city],
            "zip": np.array(["8010", "4020", "1010", "5020", "9500"])[city],
            "start": start,
            "end": start + random.exponential(2, rows),
            "visits": np.where(random.random(rows) < 0.1, np.nan, visits),
            "sum": total + visits,
            "alone": alone,
        }
    )


def weaken(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    return frame.assign(b=0.5 * frame["a"] + np.sqrt(0.75) * random.normal(size=len(frame)))


def change_ten(**changes: Callable[[pd.DataFrame], Any]) -> Fault:
    """Other values of columns in ten rows: 1 %."""

    def fault(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
        changed = frame[:10].assign(**changes)
        return pd.concat([changed, frame[10:]])

    return fault


NEXT_CODES = {"8010": "4020", "4020": "1010", "1010": "5020", "5020": "9500", "9500": "8010"}
FAULTS_BETWEEN_COLUMNS: Faults = {
    "a correlation of 0.5 for 0.8": ("association_check", weaken),
    "a product broken in 1 %": ("relation_check", change_ten(price=lambda rows: rows["price"] + 1)),
    "a sum broken in 1 %": ("relation_check", change_ten(sum=lambda rows: rows["sum"] + 1)),
    "an order broken in 1 %": ("relation_check", change_ten(start=lambda rows: rows["end"] + 1)),
    "codes that don't fit in 1 %": ("relation_check", change_ten(zip=lambda rows: rows["zip"].map(NEXT_CODES))),
}


PAIRED = {"association_check", "relation_check"}


def between(full: bool, seed: int) -> Iterator[Mark]:
    """Between columns; and halves of public tables, which are silent."""
    halves = 200 if full else 20
    for rows in ("clustered", "independent"):
        monitor = DataQualityMonitor(settings=MonitoringSettings(rows=rows), pairs=True)
        yield from find_planted(f"between, {rows}", draw_orders, FAULTS_BETWEEN_COLUMNS, monitor, full, seed)
        random = np.random.default_rng(seed)
        alarms = 0
        for load in (datasets.load_breast_cancer, datasets.load_diabetes, datasets.load_digits):
            table = load(as_frame=True).frame
            for _ in range(halves):
                mixed = table.sample(frac=1, random_state=random).reset_index(drop=True)
                half = len(mixed) // 2
                baseline = run_baseline(mixed[:half], monitor, engine="local")
                window = mixed[half:].reset_index(drop=True)
                alarms += bool(PAIRED & {*list_violated(window, DataQualityMonitor(), baseline)})
        maximum = within(3 * halves, BUDGET)
        title = f"between, {rows}: halves of public tables, {3 * halves}, with an alarm between columns"
        yield Mark(title, alarms, f"<= {maximum}", alarms <= maximum)


if __name__ == "__main__":
    sys.exit(run_parts(__doc__, (free, between)))
