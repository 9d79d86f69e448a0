"""Does memory grow with the rows, and what do the states of 1,000 columns x 100 partitions need on the driver?

python benchmarks/profile_memory.py [--quick]

All in a JVM with a heap of 1 GiB, which holds driver and executor: what ends here stays below that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark.sql.functions as F
from data_sets import mixed_parquet, numeric_parquet
from ours import whole_profile
from processor_time import descendants
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE, is_quick_run

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.application import DAEMON_MODULE

HEAP = "1g"
ROWS = (1_000_000, 10_000_000)
WIDE_ROWS = 100_000
COLUMNS = 1_000
PARTITIONS = 100
ROWS_OF_PARTITION = 5_000
"""Enough for a KLL sketch to have most of its size."""

DAEMONS = ("pyspark.daemon", DAEMON_MODULE)
"""The modules that Python workers are forked by, ours on one machine."""

MEBIBYTE = 2**20
SECONDS_BETWEEN_LOOKS = 0.05


class Watch:
    """The largest memory seen so far. heap: live in the JVM, after its last collections; worker: of one Python worker."""

    def __init__(self, spark: SparkSession) -> None:
        self.heap = 0
        self.worker = 0
        jvm: Any = spark._jvm
        pools = jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
        self._old = next(pool for pool in pools if pool.getName().endswith(("Old Gen", "Tenured Gen")))

    def begin(self) -> None:
        self._old.resetPeakUsage()

    def look(self) -> None:
        self.worker = max([self.worker, *map(_resident_bytes, _workers())])

    def end(self) -> None:
        self.heap = self._old.getPeakUsage().getUsed()


@contextmanager
def watched(spark: SparkSession) -> Iterator[Watch]:
    """Memory while the block runs."""
    watch = Watch(spark)
    done = threading.Event()

    def looking() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            watch.look()

    thread = threading.Thread(target=looking)
    watch.begin()
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()
        watch.end()


def main() -> None:
    share = QUICK_SHARE if is_quick_run(__doc__) else 1
    print(f"\npeak memory; the JVM's heap, driver and executor, is bounded to {HEAP}\n")
    print("| profile of                                      | old generation, MiB | a Python worker, MiB |")
    print("| ----------------------------------------------- | ------------------: | -------------------: |")
    with benchmark_session(driver_memory=HEAP) as spark:
        for rows in (rows // share for rows in ROWS):
            folder = mixed_parquet(rows)
            _print(spark, f"{rows:,} rows x 13 columns, Parquet", lambda: whole_profile(spark, folder))  # noqa: B023
    with benchmark_session(driver_memory=HEAP) as spark:
        rows = WIDE_ROWS // share
        wide = numeric_parquet(rows, COLUMNS)
        _print(spark, f"{rows:,} rows x {COLUMNS:,} columns, Parquet", lambda: whole_profile(spark, wide))
    with benchmark_session(driver_memory=HEAP) as spark:
        partitions = PARTITIONS // share
        text = f"{COLUMNS:,} numeric columns x {partitions} partitions"
        _print(spark, text, lambda: profile_wide(spark, partitions))


def profile_wide(spark: SparkSession, partitions: int) -> None:
    """Profile made-up doubles in so many partitions, each with a full set of states."""
    doubles = [F.randn(seed=position).alias(f"x{position}") for position in range(COLUMNS)]
    rows = spark.range(0, partitions * ROWS_OF_PARTITION, 1, partitions)
    run_baseline(rows.select(*doubles), DataQualityMonitor())


def _print(spark: SparkSession, text: str, run: Callable[[], None]) -> None:
    with watched(spark) as watch:
        run()
    print(f"| {text:47} | {watch.heap / MEBIBYTE:19.0f} | {watch.worker / MEBIBYTE:20.0f} |", flush=True)


def _workers() -> list[int]:
    return [pid for pid in descendants() if any(module in _read(pid, "cmdline") for module in DAEMONS)]


def _resident_bytes(pid: int) -> int:
    lines = [line for line in _read(pid, "status").splitlines() if line.startswith("VmRSS:")]
    if lines:
        return int(lines[0].split()[1]) * 1024
    return 0


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has ended meanwhile
        return ""


if __name__ == "__main__":
    main()
