"""A data set of 500 customers, and captured requests about them: the model's score, then the customer's age and plan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.programs import run_program
from tests.running_jobs import ROOT
from tests.unit.records.captured_lines import format_capture

PEOPLE = "score,age,plan\n" + "".join(f"0.25,{20 + row % 50},basic\n" for row in range(500))


def capture(number: int, age: int, plan: str = "basic", time: str = "2026-01-31T22:10:00Z", score: float = 0.25) -> str:
    return format_capture(f"{age},{plan}", f"{score}\n", f"event-{number}", time)


def capture_hour(plan: str = "gold", time: str = "2026-01-31T22:10:00Z") -> str:
    """400 requests of which one in ten is about this plan."""
    plans = [plan, *["basic"] * 9]
    return "".join(capture(row, 20 + row % 50, plans[row % 10], time) for row in range(400))


def write_captures(folder: Path, text: str, hour: str = "2026/01/31/22") -> None:
    file = folder / "endpoint" / "AllTraffic" / hour / "10-00-000-a.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def write_schedule(folder: Path, source: str, reports: str, baseline: str) -> None:
    """churn.json: a schedule that monitors the captures of 22:00 once, at 23:00."""
    (folder / "churn.env").write_text(
        f"dataset_source={source}\ndataset_format=capture\noutput_path={reports}\nMODEL_MONITOR_BASELINE={baseline}\n"
    )
    entry = {
        "name": "churn-hourly",
        "monitoring_type": "DataQuality",
        "schedule_expression": "NOW",
        "starts": "2026-01-31T23:00:00Z",
        "spark_options": ["--master", "local[2]"],
        "jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "%Y/%m/%d/%H"}],
    }
    (folder / "churn.json").write_text(json.dumps(entry))


def run_command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_program(
        [sys.executable, "-m", "spark_model_monitor", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        cwd=folder,
        timeout=600,
    )
