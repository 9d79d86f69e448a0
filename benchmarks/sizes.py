"""How do time and memory go with the size: 10,000 to 10 M rows in one file on both engines, and 1 to 5,000 partitions on Spark?

python benchmarks/sizes.py [--quick] [--rows 10000 1000000] [--formats csv] [--engines local]

Each baseline is a process of its own, from its start to its documents. The memory is that of all its processes together, pages
that several have counted once; the JVM's with Spark. A file is written in pieces and goes when both engines have read it: 10 M
rows are 2.3 GB of CSV, 100 M have to be asked for by `--rows`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pyspark.sql.functions as F
from data_sets import ROW_GROUP_CELLS, TEXTS, _tables
from performance import note
from processor_time import ProcessorTime, descendants
from session import benchmark_session
from side_by_side import QUICK_SHARE, timed
from without_jvm import BASELINE

from spark_model_monitor import DataQualityMonitor, run_baseline

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
ENGINES = ["local", "spark"]
DOUBLES = 10
MAX_GIGABYTES = 0.5
"""Of memory on the engine without a JVM, whatever the size."""

PARTITIONS = (1, 10, 100, 1_000, 5_000)
ROWS_OF_ALL = 1_000_000
SECONDS_BETWEEN_LOOKS = 0.2


def written(folder: Path, rows: int, file_format: str) -> Path:
    """One file of 10 doubles and 3 texts, never held as a whole."""
    path = folder / f"rows.{file_format}"
    writer = None
    for table in _tables(rows, DOUBLES, TEXTS):
        if writer is None and file_format == "csv":
            writer = pyarrow.csv.CSVWriter(path, table.schema)
        elif writer is None:
            writer = pyarrow.parquet.ParquetWriter(path, table.schema, use_dictionary=list(TEXTS))
        if file_format == "csv":
            rows_of_group = {}
        else:
            rows_of_group = {"row_group_size": ROW_GROUP_CELLS // len(table.column_names)}
        writer.write_table(table, **rows_of_group)
    if writer is not None:
        writer.close()
    return path


def watched(command: list[str]) -> tuple[float, float, float]:
    """Seconds on the clock, of cores, and the most gigabytes that a process and its descendants held."""
    processor_time = ProcessorTime()
    peak_bytes = 0
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    before = descendants()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=printed)
        while process.poll() is None:
            peak_bytes = max(peak_bytes, sum(map(_own_bytes, descendants() - before)))
            processor_time.seconds()
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if process.returncode:
            printed.seek(0)
            sys.exit(printed.read().decode(errors="replace"))
    return time.perf_counter() - began, processor_time.seconds() - began_cores, peak_bytes / 1e9


def _own_bytes(pid: int) -> int:
    """The resident memory of a process, its share of what it has with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def measure_sizes(rows_of: list[int], formats: list[str], engines: list[str]) -> None:
    print(f"\n| {'one file of 13 columns':36} | engine | seconds | core s | memory, GB |")
    print(f"| {'-' * 36} | ------ | ------: | -----: | ---------: |")
    for file_format in formats:
        for rows in rows_of:
            with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as folder:
                file = written(Path(folder), rows, file_format)
                title = f"{rows:,} rows, {file_format}, {file.stat().st_size / 1e6:,.0f} MB"
                for engine in engines:
                    words = [sys.executable, "-c", BASELINE, str(file), engine, file_format]
                    seconds, cores, gigabytes = watched(words)
                    print(
                        f"| {title:36} | {engine:6} | {seconds:7.1f} | {cores:6.1f} | {gigabytes:10.2f} |", flush=True
                    )
                    if engine == "local":
                        note(f"{title}: memory without a JVM", "", gigabytes, at_most=MAX_GIGABYTES, unit="GB")


def measure_partitions(rows: int) -> None:
    print(f"\n| {rows:,} rows of {DOUBLES} doubles on Spark, partitions | seconds | core s |")
    print("| -------------------------------------------------- | ------: | -----: |")
    with benchmark_session() as spark:
        doubles = [F.randn(seed=position).alias(f"x{position}") for position in range(DOUBLES)]
        for partitions in (PARTITIONS[0], *PARTITIONS):  # the first one for warmth
            frame = spark.range(0, rows, 1, partitions).select(*doubles)
            took = timed(partial(_baselined, frame))
            print(f"| {partitions:50,} | {took.seconds:7.1f} | {took.core_seconds:6.1f} |", flush=True)


def _baselined(frame: object) -> None:
    run_baseline(frame, DataQualityMonitor())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"a {QUICK_SHARE}th of the rows")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--formats", nargs="+", choices=["parquet", "csv"], default=["parquet", "csv"])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--no-partitions", action="store_true", help="files alone")
    arguments = parser.parse_args()
    share = QUICK_SHARE if arguments.quick else 1
    measure_sizes([rows // share for rows in arguments.rows], arguments.formats, arguments.engines)
    if not arguments.no_partitions:
        measure_partitions(ROWS_OF_ALL // share)


if __name__ == "__main__":
    main()
