"""Captured records the usual way: json.loads for each line, pandas, Evidently's DataDriftPreset. Needs nothing of ours.

python evidently_drift.py BASELINE CAPTURES     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from processor_time import ProcessorTime


def main(baseline: str, captures: str) -> None:
    reference = pd.read_csv(next(Path(baseline).glob("*.csv")))
    cores = ProcessorTime()
    began = time.perf_counter()
    began_cores = cores.seconds()
    rows = []
    for file in sorted(Path(captures).rglob("*.jsonl")):
        for line in file.open():
            halves = json.loads(line)["captureData"]
            cells = halves["endpointOutput"]["data"].split(",") + halves["endpointInput"]["data"].split(",")
            rows.append([float(cell) for cell in cells])
    current = pd.DataFrame(rows, columns=reference.columns)
    Report([DataDriftPreset()]).run(current, reference).dict()
    print(time.perf_counter() - began, cores.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
