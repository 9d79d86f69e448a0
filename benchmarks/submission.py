"""What does spark-submit of a baseline of 10,000 and of 2 M rows take, from its start to its end, and which process takes it?

python benchmarks/submission.py [--quick]

Core seconds, the least of three runs: of all processes, and of 2 M rows those of the driver, its Python and its JVM, which
reads the rows as well. The archive of Spark's classes is the one that `make setup` makes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from performance import note
from processor_time import SYSTEM, USER, descendants, list_processes
from session import MASTER
from side_by_side import is_quick_run
from sizes import written
from start_up import ROOT

ROWS = 10_000
ROWS_OF_DRIVER = 2_000_000
ROUNDS = 3
ROUNDS_QUICK = 1
MAX_CORE_SECONDS = 9
MAX_OF_DRIVER = 15
SECONDS_BETWEEN_LOOKS = 0.05
PARTS = {"spark.engine.worker": "Python workers", "jobs/baseline.py": "the driver's Python", "java": "the JVM"}
DRIVER = (PARTS["jobs/baseline.py"], PARTS["java"])
"""What a command line has, the first that fits, and what its process is called."""


def run(table: Path, baseline: Path) -> dict[str, float]:
    """The core seconds of each part of one run."""
    file_format = table.suffix.removeprefix(".")
    flags = ["--dataset-source", str(table), "--dataset-format", file_format, "--output-path", str(baseline)]
    before = descendants()
    process = subprocess.Popen([str(ROOT / "spark-submit.sh"), "baseline", "--master", MASTER, *flags])
    ticks: dict[int, int] = {}
    parts: dict[int, str] = {}
    while process.poll() is None:
        started = descendants() - before
        for pid, fields in list_processes():
            if pid in started:
                ticks[pid] = int(fields[USER]) + int(fields[SYSTEM])
                parts[pid] = _name_part(pid) or parts.get(pid, "others")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}")
    core_seconds = dict.fromkeys([*PARTS.values(), "others"], 0.0)
    for pid, name in parts.items():
        core_seconds[name] += ticks[pid] / os.sysconf("SC_CLK_TCK")
    return core_seconds


def _name_part(pid: int) -> str | None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended meanwhile
        return None
    # The JVM's own words name the job as well
    if "SparkSubmit" in command:
        return PARTS["java"]
    return next((name for word, name in PARTS.items() if word in command), None)


def find_cheapest(rows: int, file_format: str, rounds: int) -> dict[str, float]:
    """The parts of the run with the fewest core seconds, printed."""
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        table = written(Path(name), rows, file_format)
        runs = [run(table, Path(name) / f"out {number}") for number in range(rounds)]
    cheapest = min(runs, key=lambda parts: sum(parts.values()))
    print(
        f"{rows:,} rows: {', '.join(f'{part} {seconds:.1f} core s' for part, seconds in cheapest.items())}", flush=True
    )
    return cheapest


def main() -> None:
    rounds = ROUNDS_QUICK if is_quick_run(__doc__) else ROUNDS
    total = sum(find_cheapest(ROWS, "csv", rounds).values())
    verdict = note("spark-submit of a baseline of 10,000 rows", "", total, at_most=MAX_CORE_SECONDS)
    print(f"{total:.1f} core s, at most {MAX_CORE_SECONDS} wanted: {verdict}")

    parts = find_cheapest(ROWS_OF_DRIVER, "parquet", rounds)
    driver = sum(parts[name] for name in DRIVER)
    verdict = note("spark-submit of a baseline of 2,000,000 rows, the driver", "", driver, at_most=MAX_OF_DRIVER)
    print(f"the driver {driver:.1f} core s, at most {MAX_OF_DRIVER} wanted: {verdict}")


if __name__ == "__main__":
    main()
