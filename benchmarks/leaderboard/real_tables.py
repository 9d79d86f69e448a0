"""Writes the real tables of the packages in requirements-tables.txt, cut into windows in the order of time: real_tables.py FOLDER

x is the column that gets the faults; `at`, if there is one, are the seconds of the rows from the first window on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from laws import START
from real_series import AT, flights_of_2013, flights_of_2015, weather_of_2013
from streams import TABLES


def read_nannyml(folder: Path, name: str, dropped: list[str]) -> pd.DataFrame:
    """The reference, and the half of the later data that is of the same population."""
    data = folder / "nannyml" / "datasets" / "data"
    parts = [pd.read_csv(data / f"{name}_{part}.csv") for part in ("reference", "analysis")]
    parts[1] = parts[1][: len(parts[1]) // 2]
    table = pd.concat(parts, ignore_index=True)
    return table[[name for name in parts[1] if name not in dropped]]


def read_employment(folder: Path) -> pd.DataFrame:
    data = folder / "nannyml" / "datasets" / "data"
    parts = [pd.read_parquet(data / f"employment_MA_{part}.pq") for part in ("reference", "analysis")]
    return pd.concat(parts, ignore_index=True)[[*parts[1].columns.drop(["id", "year"])]]


def read_sample(folder: Path, name: str, time: str) -> pd.DataFrame:
    """A table of bokeh_sampledata, with its times."""
    table = pd.read_csv(folder / "bokeh_sampledata" / "_data" / name)
    table[AT] = pd.to_datetime(table.pop(time)).dt.tz_localize(None)
    return table.sort_values(AT, kind="stable").reset_index(drop=True)


def read_temperatures(folder: Path) -> pd.DataFrame:
    """Of each hour in two cities."""
    data = folder / "vega_datasets" / "_data"
    cities = [pd.read_csv(data / f"{city}-temps.csv") for city in ("seattle", "sf")]
    columns = {"seattle": cities[0]["temp"], "sf": cities[1]["temp"], AT: pd.to_datetime(cities[0]["date"])}
    return pd.DataFrame(columns).dropna()


def read_weather(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "vega_datasets" / "_data" / "seattle-weather.csv")
    table[AT] = pd.to_datetime(table.pop("date"))
    return table


def cut_by_days(table: pd.DataFrame, days: int) -> np.ndarray:
    first = table[AT].min().normalize()
    return ((table[AT] - first).dt.days // days).to_numpy()


def cut_by_rows(table: pd.DataFrame, rows: int) -> np.ndarray:
    return np.arange(len(table)) // rows


CARD = ["id", "timestamp", "y_pred", "y_true"]
LOAN = ["id", "timestamp", "y_pred", "repaid"]
# The reader, the column with the faults, and the days of a window; rows where there are no times, as a negative number
READERS: dict[str, tuple[Callable[[Path], pd.DataFrame], str, int]] = {
    "flights of 2013": (flights_of_2013, "air_time", 1),
    "weather of 2013": (weather_of_2013, "humid", 3),
    "flights of 2015": (flights_of_2015, "AIR_TIME", 7),
    "employment": (read_employment, "AGEP", -2_000),
    "credit card": (lambda folder: read_nannyml(folder, "mc", CARD), "credit_bureau_score", -500),
    "car loan": (lambda folder: read_nannyml(folder, "synthetic_car_loan", LOAN), "debt_to_income_ratio", -500),
    "stocks": (lambda folder: read_sample(folder, "stocks.csv.gz", "Date"), "Volume", 28),
    "glucose": (lambda folder: read_sample(folder, "CGM.csv.gz", "datetime"), "glucose", 1),
    "sea surface": (
        lambda folder: read_sample(folder, "sea_surface_temperature.csv.gz", "time (UTC)"),
        "temperature (celsius)",
        7,
    ),
    "temperatures": (read_temperatures, "seattle", 7),
    "seattle weather": (read_weather, "temp_max", 28),
}


def write_table(name: str, folder: Path) -> None:
    reader, x, size = READERS[name]
    table = reader(folder)
    if size > 0:
        window = cut_by_days(table, size)
        seconds = (table[AT] - table[AT].min().normalize()).dt.total_seconds()
        table[AT] = seconds + START.timestamp()
    else:
        window = cut_by_rows(table, -size)
    columns = {}
    for column, values in table.rename(columns={x: "x"}).items():
        if values.dtype == object:
            columns[str(column)] = values.fillna("").astype(str).to_numpy(dtype=str)
        else:
            columns[str(column)] = values.to_numpy(dtype=float)
    np.savez_compressed(TABLES / f"{name}.npz", window=window, hours=24 * max(size, 1), **columns)
    print(f"{name}: {len(table):,} rows, {len(columns)} columns, {len(np.unique(window))} windows")


if __name__ == "__main__":
    TABLES.mkdir(parents=True, exist_ok=True)
    for name in READERS:
        write_table(name, Path(sys.argv[1]))
