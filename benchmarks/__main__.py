"""The benchmarks, one after the other, each in a process of its own, and the table of what they measured in docs/performance.md.

python benchmarks [--quick] [--only SCRIPT …] [--minutes M]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from performance import ROWS_VARIABLE, noted, write_page

FOLDER = Path(__file__).parent
SCRIPTS = [
    *("engines.py", "columns.py", "without_jvm.py", "merge.py"),
    *sorted(path.name for path in FOLDER.glob("profile_*.py")),
    *("quality.py", "bias.py", "attributions.py", "attributions_memory.py", "attributions_cores.py"),
    *(
        "capture_latency.py",
        "documents.py",
        "tails.py",
        "report.py",
        "page_of_a_window.py",
        "commands.py",
        "start_up.py",
        "submission.py",
    ),
    *(
        "false_alarms.py",
        "aws_rules.py",
        "dag_import.py",
        "long_lines.py",
        "limits.py",
        "cores.py",
        "scale.py",
        "driver.py",
        "sizes.py",
        "result_tables.py",
        "s3_beside_disk.py",
    ),
]


def run(script: str, flags: list[str], rows: Path, seconds: float | None) -> str:
    """Run a benchmark, which notes its rows in a file; whatever it started ends with it. How it ended, if not well."""
    load = f"{os.getloadavg()[0]:.1f}"
    environment = {**os.environ, ROWS_VARIABLE: str(rows), "MODEL_MONITOR_BENCHMARK_LOAD": load}
    process = subprocess.Popen([sys.executable, FOLDER / script, *flags], env=environment, start_new_session=True)
    try:
        status = process.wait(seconds)
        if status:
            return f"exit status {status}"
        return ""
    except subprocess.TimeoutExpired:
        return "stopped: the time is over"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows; ratios differ from the full ones")
    parser.add_argument("--only", nargs="+", metavar="SCRIPT", help="these alone, as engines.py")
    parser.add_argument("--minutes", type=float, help="for all of them together; what isn't measured by then isn't")
    arguments = parser.parse_args()
    ends = None
    if arguments.minutes:
        ends = time.monotonic() + 60 * arguments.minutes
    went_wrong = {}
    for script in arguments.only or SCRIPTS:
        left = ends - time.monotonic() if ends else None
        if left is not None and left <= 0:
            print(f"== {script}: left out, the time is over", flush=True)
            continue
        print(f"== {script}", flush=True)
        with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as folder:
            rows = Path(folder, "rows.jsonl")
            how = run(script, ["--quick"] if arguments.quick else [], rows, left)
            write_page(noted(rows), SCRIPTS)
        if how:
            went_wrong[script] = how
    for script, how in went_wrong.items():
        print(f"{script}: {how}", file=sys.stderr)
    return 1 if went_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
