"""Does a second core halve the time of a monitoring run over captures, and do ten times the records take ten times as long?

python benchmarks/cores.py [--quick]

Each run is a process of its own with a session of its own, warm when it is timed; the runs take turns. A task is a thread of the
JVM that reads and a Python process that decodes, at the same time, so that local[1] takes more than one core if it may; it
is timed once with all cores and once with one.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial

from performance import note
from profile_captures import RECORDS, baseline_run, captures, monitoring_run
from session import MASTER, benchmark_session
from side_by_side import QUICK_SHARE, ROUNDS, is_quick_run, timed

ONE_TASK = "local[1]"
SPEED_UP_AT_LEAST = 1.7
GROWTH_AT_MOST = 10.5
TIMES_AS_MANY = 10
WARM_UP_RECORDS = RECORDS
"""As many as most runs have: with a tenth of them the JVM is still compiling while it is timed."""


@dataclass(frozen=True)
class Run:
    """One monitoring run over so many records. cores: that it may use; None for all."""

    master: str
    records: int
    cores: int | None = None


def run_seconds(run: Run) -> float:
    """Seconds of a run, in a process of its own."""
    command = [sys.executable, __file__, "--one", run.master, str(run.records)]
    if run.cores is not None:
        command += [str(run.cores)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout.split()[-1])


def one(master: str, records: int, cores: int | None = None) -> None:
    """What such a process does: print the seconds of a warm run."""
    if cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])  # the JVM and the workers inherit it
    baseline = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    with benchmark_session(master=master) as spark:
        try:
            baseline_run(spark, baseline)
            monitoring_run(spark, captures(WARM_UP_RECORDS), baseline)
            print(timed(partial(monitoring_run, spark, captures(records), baseline)).seconds)
        finally:
            shutil.rmtree(baseline)


def main() -> None:
    records = RECORDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    record_count = TIMES_AS_MANY * records
    for size in (WARM_UP_RECORDS, records, record_count):
        captures(size)  # made before anything is timed
    one_core = Run(ONE_TASK, records, cores=1)
    one_task = Run(ONE_TASK, records)
    one_run = Run(MASTER, records)
    ten_times = Run(MASTER, record_count)
    seconds: dict[Run, list[float]] = {run: [] for run in (one_core, one_task, one_run, ten_times)}
    for _ in range(ROUNDS):
        for run, took in seconds.items():
            took.append(run_seconds(run))
    median = {run: statistics.median(took) for run, took in seconds.items()}
    print("\n| master   | cores |    records | seconds |")
    print("| -------- | ----: | ---------: | ------: |")
    for run, took in median.items():
        print(f"| {run.master:8} | {run.cores or 'all':>5} | {run.records:10,} | {took:7.2f} |")
    faster = median[one_task] / median[one_run]
    longer = median[ten_times] / median[one_run]
    work = f"{one_run.records:,} captured records on {MASTER}"
    of_task = note(
        work, f"the same on {one_task.master}", median[one_run], median[one_task], 1 / SPEED_UP_AT_LEAST, "s"
    )
    of_growth = note(f"{TIMES_AS_MANY} times as many", work, median[ten_times], median[one_run], GROWTH_AT_MOST, "s")
    print(f"\nspeed-up by a second core: {median[one_core] / median[one_run]:.2f}")
    print(f"speed-up by a second task: {faster:.2f}, at least {SPEED_UP_AT_LEAST} wanted: ", end="")
    print(of_task)
    print(f"growth to {TIMES_AS_MANY} times the records: {longer:.2f}, at most {GROWTH_AT_MOST} wanted: ", end="")
    print(of_growth)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        main()
