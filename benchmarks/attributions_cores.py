"""Does a second core halve the time in which rows are explained?

python benchmarks/attributions_cores.py [--quick]

XGBoost with 100 trees of depth 6, 14 features that all differ from one baseline row, 100 coalitions. Each run is a process of its
own with a session of its own, warm when it is timed; the runs take turns. Where other work fills the machine the clock tells
nothing of a second core: then the core seconds say whether two tasks take more than one.
"""

from __future__ import annotations

import os
import sys
from functools import partial

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
from attributions import NAMES, models
from performance import note
from session import MASTER, benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, own_process, race, timed

from spark_model_monitor import AnalysisConfig, AttributionMeasures, ExplainabilityMonitor, run_baseline

ONE_TASK = "local[1]"
ROWS = 100_000
PARTITIONS = 8
SPEED_UP_AT_LEAST = 1.7


def one(master: str, rows: int) -> None:
    """What such a process does: print the seconds of a warm run, and those of processor cores."""
    folder = models()
    data = np.load(folder / "rows.npy")
    table = pd.DataFrame(np.resize(data[1:], (rows, len(NAMES))), columns=list(NAMES))
    members = {"methods": {"shap": {"baseline": [data[0].tolist()], "num_samples": 100}}}
    monitor = ExplainabilityMonitor(
        AttributionMeasures.of(AnalysisConfig.model_validate(members), str(folder / "model.ubj"))
    )
    with benchmark_session(master=master) as spark:
        frame = spark.createDataFrame(table).repartition(PARTITIONS).cache()
        frame.count()
        run_baseline(frame.limit(rows // QUICK_SHARE), monitor)

        def explained() -> None:
            run_baseline(frame, monitor)

        took = timed(explained)
        print(took.seconds, took.core_seconds)


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    runs = {
        master: Contestant(master, partial(own_process, [sys.executable, __file__, "--one", master, str(rows)]))
        for master in (ONE_TASK, MASTER)
    }
    race(list(runs.values()))
    print("\n| master   |    rows | seconds | core s |")
    print("| -------- | ------: | ------: | -----: |")
    for master, run in runs.items():
        print(f"| {master:8} | {rows:7,} | {run.seconds:7.2f} | {run.core_seconds:6.2f} |")
    faster = runs[ONE_TASK].seconds / runs[MASTER].seconds
    seconds = runs[MASTER].seconds
    one_task = runs[ONE_TASK].seconds
    reached = note(
        f"{rows:,} rows explained on {MASTER}", f"the same on {ONE_TASK}", seconds, one_task, 1 / SPEED_UP_AT_LEAST, "s"
    )
    print(f"\nspeed-up by a second task: {faster:.2f}, at least {SPEED_UP_AT_LEAST} wanted: {reached}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        main()
