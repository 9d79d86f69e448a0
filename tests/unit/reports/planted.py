"""Tables like public ones, shuffled and sorted, and faults that are planted in them, evenly or in some rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


def draw_diamonds(rows: int, random: np.random.Generator) -> pd.DataFrame:
    carat = np.round(random.gamma(2, 0.4, rows) + 0.2, 2)
    cut = random.choice(["Ideal", "Premium", "Good", "Fair"], rows, p=[0.45, 0.3, 0.2, 0.05])
    price = np.round(4_000 * carat**1.5 * np.exp(random.normal(0, 0.2, rows)))
    colour = random.choice([*"DEFGH"], rows)
    return pd.DataFrame({"price": price, "carat": carat, "cut": cut, "colour": colour})


def draw_tips(rows: int, random: np.random.Generator) -> pd.DataFrame:
    bill = np.round(random.gamma(4, 5, rows), 2)
    tip = np.round(bill * 0.15 * np.exp(random.normal(0, 0.3, rows)), 2)
    day = random.choice(["Thur", "Fri", "Sat", "Sun"], rows, p=[0.25, 0.1, 0.35, 0.3])
    smoker = random.choice(["Yes", "No"], rows)
    return pd.DataFrame({"bill": bill, "tip": tip, "day": day, "smoker": smoker})


def draw_flowers(rows: int, random: np.random.Generator) -> pd.DataFrame:
    species = random.choice(3, rows)
    centres = np.array([[5.0, 3.4], [5.9, 2.8], [6.6, 3.0]])
    sizes = np.round(centres[species] + random.normal(0, 0.3, (rows, 2)), 2)
    names = np.array(["setosa", "versicolor", "virginica"])[species]
    bed = random.choice([*"abcd"], rows)
    return pd.DataFrame({"length": sizes[:, 0], "width": sizes[:, 1], "species": names, "bed": bed})


def draw_sensor(rows: int, random: np.random.Generator) -> pd.DataFrame:
    """Temperatures of neighbouring rows are alike."""
    noise = random.normal(0, 1, rows)
    swing = np.convolve(random.normal(0, 1, rows + 30), np.ones(31) / np.sqrt(31), "valid")
    site = random.choice(["a", "b", "c"], rows)
    return pd.DataFrame(
        {"temperature": np.round(20 + 2 * swing + noise, 2), "humidity": np.round(50 + 5 * noise, 1), "site": site}
    )


def draw_accounts(rows: int, random: np.random.Generator) -> pd.DataFrame:
    charge = np.round(np.exp(random.normal(3.5, 0.6, rows)), 2)
    plan = random.choice(["basic", "plus", "pro"], rows, p=[0.6, 0.3, 0.1])
    numbers = random.integers(0, 10**8, rows)
    user = [f"u{number:08d}" for number in numbers]
    region = random.choice([f"r{number}" for number in range(8)], rows)
    calls = random.poisson(2, rows)
    return pd.DataFrame({"charge": charge, "calls": calls, "plan": plan, "region": region, "user": user})


TABLES = (draw_diamonds, draw_tips, draw_flowers, draw_sensor, draw_accounts)


def draw_table(table: Callable[..., pd.DataFrame], rows: int, seed: int, *, is_sorted: bool = False) -> pd.DataFrame:
    frame = table(rows, np.random.default_rng(seed))
    offsets = np.random.default_rng([seed, 1]).integers(0, 90, rows)
    days = pd.Timestamp(2026, 1, 1) + pd.to_timedelta(offsets, unit="D")
    frame["date"] = days.strftime("%Y-%m-%d")
    if not is_sorted:
        return frame
    return frame.sort_values([*frame.columns[2:4]], kind="stable", ignore_index=True)


@dataclass(frozen=True)
class DataError:
    """share: of the rows of a table that have it, if it is planted evenly. position: of the column that gets it."""

    name: str
    share: float
    position: int
    change: Callable[[pd.Series], Any]


NUMBER_FAULTS = (
    DataError("unit", 1, 0, lambda values: values * 100),
    DataError("unit in some rows", 0.15, 0, lambda values: values * 100),
    DataError("missing", 0.3, 0, lambda values: np.nan),
    DataError("shift", 1, 0, lambda values: values + values.std()),
    DataError("frozen", 1, 0, lambda values: values.iloc[0]),
    DataError("clipped", 1, 0, lambda values: values.clip(upper=values.quantile(0.7))),
    DataError("sentinel", 0.1, 0, lambda values: -999),
    DataError("text with unit", 0.3, 0, lambda values: values.astype(str) + " kg"),
    DataError("decimal comma", 0.4, 0, lambda values: values.map(lambda value: f"{value:.2f}".replace(".", ","))),
    DataError("other sign", 0.3, 0, lambda values: -values),
)
TEXT_FAULTS = (
    DataError("new category", 0.15, 2, lambda values: "Zzz"),
    DataError("case", 0.5, 2, lambda values: values.str.upper() + "S"),
    DataError("cut", 0.5, 2, lambda values: values.str[:2] + "."),
    DataError("mojibake", 0.3, 2, lambda values: values + "Ã¼"),
    DataError("missing text", 0.3, 2, lambda values: None),
)
DATE_FAULTS = (
    DataError("a year off", 1, -1, lambda days: days.str.replace("2026", "2025")),
    DataError("another form", 0.5, -1, lambda days: pd.to_datetime(days).dt.strftime("%d/%m/%Y")),
    DataError("epoch", 0.3, -1, lambda days: (pd.to_datetime(days).astype("int64") // 10**9).astype(str)),
    DataError("one date", 0.3, -1, lambda days: "1970-01-01"),
)
FAULTS = NUMBER_FAULTS + TEXT_FAULTS + DATE_FAULTS


def insert_fault(frame: pd.DataFrame, fault: DataError, chosen: np.ndarray) -> tuple[pd.DataFrame, str]:
    """The table with the fault in its first column of numbers or texts, or its days, in these rows; and the column's name."""
    name = frame.columns[fault.position]
    column = frame[name].astype(object)
    column[chosen] = fault.change(frame[name][chosen])
    return frame.assign(**{name: column.infer_objects()}), name


def insert_evenly(frame: pd.DataFrame, fault: DataError, seed: int) -> tuple[pd.DataFrame, str]:
    return insert_fault(frame, fault, np.random.default_rng(seed).random(len(frame)) < fault.share)


def insert_in_stretch(frame: pd.DataFrame, fault: DataError) -> tuple[pd.DataFrame, str]:
    """In a fifth of the rows, one after the other."""
    position = np.arange(len(frame)) / len(frame)
    return insert_fault(frame, fault, (position >= 0.6) & (position < 0.8))


def insert_in_segment(frame: pd.DataFrame, fault: DataError) -> tuple[pd.DataFrame, str]:
    """In the rows that have the second most frequent value of the fourth column."""
    values = frame[frame.columns[3]]
    return insert_fault(frame, fault, (values == values.value_counts().index[1]).to_numpy())


def list_tables() -> Iterator[tuple[str, Callable[..., pd.DataFrame], int, bool]]:
    """20 tables: name, function, rows, and whether they are sorted."""
    for table in TABLES:
        for rows in (300, 1_000):
            for is_sorted in (False, True):
                order = "sorted" if is_sorted else "shuffled"
                yield f"{table.__name__.removeprefix('draw_')}, {rows}, {order}", table, rows, is_sorted
