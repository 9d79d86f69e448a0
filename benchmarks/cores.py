"""Does a second core halve the time of a monitoring run over captures, and do ten times the records take ten times as long?

python benchmarks/cores.py [--quick]

Each run is a process of its own with a session of its own, warm when it is timed; the runs take turns.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from functools import partial

from profile_captures import RECORDS, baseline_run, captures, monitoring_run
from session import MASTER, benchmark_session
from side_by_side import QUICK_SHARE, ROUNDS, quick_asked, timed

ONE_CORE = "local[1]"
SPEED_UP_AT_LEAST = 1.7
GROWTH_AT_MOST = 10.5
TIMES_AS_MANY = 10
SHARE_TO_WARM_UP = 10


def run_seconds(master: str, records: int) -> float:
    """Seconds of one monitoring run over so many records, in a process of its own."""
    command = [sys.executable, __file__, "--one", master, str(records)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout.split()[-1])


def one(master: str, records: int) -> None:
    """What such a process does: print the seconds of a warm run."""
    baseline = tempfile.mkdtemp(prefix="model-monitor-benchmark-")
    with benchmark_session(master=master) as spark:
        try:
            baseline_run(spark, baseline)
            monitoring_run(spark, captures(RECORDS // SHARE_TO_WARM_UP), baseline)
            print(timed(partial(monitoring_run, spark, captures(records), baseline)).seconds)
        finally:
            shutil.rmtree(baseline)


def main() -> None:
    records = RECORDS // (QUICK_SHARE if quick_asked(__doc__) else 1)
    many = TIMES_AS_MANY * records
    for size in (RECORDS // SHARE_TO_WARM_UP, records, many):
        captures(size)  # made before anything is timed
    seconds: dict[tuple[str, int], list[float]] = {(ONE_CORE, records): [], (MASTER, records): [], (MASTER, many): []}
    for _ in range(ROUNDS):
        for run, took in seconds.items():
            took.append(run_seconds(*run))
    median = {run: statistics.median(took) for run, took in seconds.items()}
    print("\n| cores    |    records | seconds |")
    print("| -------- | ---------: | ------: |")
    for (master, size), took in median.items():
        print(f"| {master:8} | {size:10,} | {took:7.2f} |")
    faster = median[ONE_CORE, records] / median[MASTER, records]
    longer = median[MASTER, many] / median[MASTER, records]
    verdicts = {True: "reached", False: "missed"}
    print(f"\nspeed-up by a second core: {faster:.2f}, at least {SPEED_UP_AT_LEAST} wanted: ", end="")
    print(verdicts[faster >= SPEED_UP_AT_LEAST])
    print(f"growth to {TIMES_AS_MANY} times the records: {longer:.2f}, at most {GROWTH_AT_MOST} wanted: ", end="")
    print(verdicts[longer <= GROWTH_AT_MOST])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        main()
