"""Writes the public tables of public_tables.tsv, cut into windows in the order of time: real_tables.py FOLDER

FOLDER has the packages. The list says where a table is from, with its licence; its files; which column is x, and gets the faults;
the size of a window, in days of the column time, or in rows; and which columns are dropped. In what is written `at`, if there is
one, are the seconds of the rows from the first window on.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from laws import START
from streams import TABLES

SECONDS_OF_A_DAY = 86_400


def read_list() -> dict[str, dict[str, str]]:
    file = Path(__file__).with_name("public_tables.tsv")
    with file.open(encoding="utf-8") as lines:
        return {row["name"]: row for row in csv.DictReader(lines, delimiter="\t")}


def read_frame(file: Path) -> pd.DataFrame:
    if file.suffix == ".compress":
        return pd.DataFrame(pd.read_pickle(file, compression="xz"))
    return pd.read_parquet(file) if file.suffix == ".pq" else pd.read_csv(file)


def write_table(name: str, row: dict[str, str], folder: Path) -> None:
    frames = [read_frame(folder / file) for file in row["files"].split()]
    frame = pd.concat(frames, ignore_index=True).rename(columns={row["x"]: "x"})
    size = int(row["size"])
    window = np.arange(len(frame)) // size
    if row["time"]:
        moments = pd.to_datetime(frame.pop(row["time"])).dt.tz_localize(None)
        seconds = (moments - moments.min().normalize()).dt.total_seconds()
        frame = frame.assign(at=seconds + START.timestamp()).iloc[np.argsort(seconds, kind="stable")]
        window = np.sort(seconds.to_numpy()) // (size * SECONDS_OF_A_DAY)
    # Numbers with NaN, and texts without a missing one
    columns = {}
    for column, values in frame.drop(columns=row["dropped"].split(","), errors="ignore").items():
        if values.dtype == object:
            columns[str(column)] = values.fillna("").astype(str).to_numpy(dtype=str)
        else:
            columns[str(column)] = values.to_numpy(dtype=float)
    hours = 24 * size if row["time"] else 24
    np.savez_compressed(TABLES / f"{name}.npz", window=window, hours=hours, **columns)
    print(f"{name}: {len(frame):,} rows, {len(columns)} columns, {len(np.unique(window))} windows")


if __name__ == "__main__":
    TABLES.mkdir(parents=True, exist_ok=True)
    for name, row in read_list().items():
        write_table(name, row, Path(sys.argv[1]))
