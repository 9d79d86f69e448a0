"""What reading a DAG file of ours costs beside a plain one: time over Airflow's own, each in a process of its own, in turns.

    .venv-airflow/bin/python benchmarks/dag_import.py      (make airflow makes that environment)

Wanted: less than a second over Airflow's own. Airflow reads every DAG file again and again, and before every task.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from performance import note

ROOT = Path(__file__).resolve().parent.parent
DAGS = sorted((ROOT / "examples" / "airflow").glob("*.py"))
WANTED_SECONDS = 1.0

PLAIN = """
from datetime import datetime, timedelta, timezone
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, TaskGroup, chain
hourly = CronDataIntervalTimetable("@hourly", timezone="UTC")
with DAG("plain", schedule=hourly, start_date=datetime(2024, 3, 4, tzinfo=timezone.utc)):
    with TaskGroup("group"):
        chain(BashOperator(task_id="one", bash_command="true"), BashOperator(task_id="two", bash_command="true"))
"""

TIMED = """
import runpy, sys, time
began = time.perf_counter()
runpy.run_path(sys.argv[1])
print(time.perf_counter() - began)
"""


def main(arguments: list[str]) -> int:
    rounds = 3 if "--quick" in arguments else 7
    python = ROOT / ".venv-airflow" / "bin" / "python"
    if not python.is_file():
        print(f"{python} is not there, so nothing was measured; `make airflow` makes it")
        return 0
    with tempfile.TemporaryDirectory() as home:
        plain = Path(home) / "plain.py"
        plain.write_text(PLAIN, encoding="utf-8")
        seconds: dict[Path, list[float]] = {file: [] for file in (plain, *DAGS)}
        for number in range(rounds + 1):
            for file, times in seconds.items():
                measured = read(file, python, home)
                if number:  # the first round fills the caches of the disk
                    times.append(measured)
    base = statistics.median(seconds.pop(plain))
    print(f"a plain DAG of Airflow's operators: {base:.2f} s, median of {rounds}")
    excess_seconds = {file: statistics.median(times) - base for file, times in seconds.items()}
    for file, more in excess_seconds.items():
        print(f"{file.name}: {more:+.2f} s over that")
    verdict = note(
        "the import of a DAG of ours, over a plain one",
        "",
        max(excess_seconds.values()),
        at_most=WANTED_SECONDS,
        unit="s",
    )
    print(f"wanted less than {WANTED_SECONDS:g} s: {verdict}")
    return 0


def read(file: Path, python: Path, home: str) -> float:
    """Seconds that a fresh interpreter takes to read the file."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        "AIRFLOW_HOME": home,
        "PYTHONPATH": str(ROOT / "lib"),
    }
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", TIMED, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
