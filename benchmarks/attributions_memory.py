"""How much memory does a worker take that explains rows of 1,000 features?

python benchmarks/attributions_memory.py [--quick]

One baseline row, the default number of coalitions, rows that differ from it in 1,000, 995, 990, … features: each row wants
a design of its own. The peak of a process of its own, numpy's and the model's memory included; wanted: less than 1,000 MB.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from data_sets import SEED
from performance import note
from side_by_side import QUICK_SHARE, is_quick_run

from spark_model_monitor.monitors.explainability.kernel import Kernel, count_samples

FEATURES = 1000
ROWS = 100
STEP = 5
MAX_MEGABYTES = 1000


def explain(rows: int) -> None:
    """What the process does: explain so many rows and print its peak."""
    random = np.random.default_rng(SEED)
    data = random.normal(size=(rows + 1, FEATURES))
    weights = random.normal(size=FEATURES)
    for index, row in enumerate(data[1:]):
        same = random.permutation(FEATURES)[: STEP * index]
        row[same] = data[0, same]
    kernel = Kernel(lambda cells: (cells @ weights)[:, None], data[:1], count_samples(None, FEATURES))
    kernel.explain(data[1:])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    command = [sys.executable, __file__, "--one", str(rows)]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
    work = f"a worker that explains {rows} rows of {FEATURES:,} features"
    reached = note(work, "", peak, at_most=MAX_MEGABYTES, unit="MB")
    print(f"{rows} rows of {FEATURES:,} features: peak {peak} MB, less than {MAX_MEGABYTES:,} wanted: {reached}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        explain(int(sys.argv[2]))
    else:
        main()
