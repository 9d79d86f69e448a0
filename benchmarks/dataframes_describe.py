"""DuckDB's SUMMARIZE or polars' describe of a folder of Parquet or CSV, timed. Runs in an environment of its own.

python dataframes_describe.py duckdb|polars FOLDER     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import sys
import time

from processor_time import ProcessorTime


def summarize(files: str) -> None:
    import duckdb

    duckdb.connect().execute(f"SUMMARIZE SELECT * FROM '{files}'").fetchall()


def describe(files: str) -> None:
    import polars

    (polars.read_csv if files.endswith(".csv") else polars.read_parquet)(files).describe()


def main(name: str, folder: str) -> None:
    run = {"duckdb": summarize, "polars": describe}[name]
    files = f"{folder}/*.{folder.rsplit('-', 1)[1]}"
    run(files)
    processor_time = ProcessorTime()
    began, began_cores = time.perf_counter(), processor_time.seconds()
    run(files)
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
