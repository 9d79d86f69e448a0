"""Schedules with real jobs: `run-due` over captures, and a run that takes too long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.jobs.customers import PEOPLE, capture_hour, write_captures
from tests.running_jobs import JobProcesses, JobsHere

pytestmark = pytest.mark.rest

ROOT = Path(__file__).resolve().parents[2]
HOUR = datetime(2026, 1, 31, 22, tzinfo=timezone.utc)
"""Of the captures; the run of 23:00 looks at it."""


@pytest.fixture(scope="module")
def folder(spark, tmp_path_factory):
    """A schedule that runs one job once, over captures of one hour, and a baseline that one in ten of them breaks."""
    top = tmp_path_factory.mktemp("schedules")
    (top / "people.csv").write_text(PEOPLE)
    flags = ("--dataset-source", "people.csv", "--dataset-format", "csv", "--output-path", "run")
    assert JobsHere(top)("baseline", *flags).status == 0
    time = f"{HOUR + timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}"
    write_captures(top / "captures", capture_hour("gold", time), f"{HOUR:%Y/%m/%d/%H}")
    (top / "churn.env").write_text(
        "dataset_source=captures\ndataset_format=capture\noutput_path=reports\nMODEL_MONITOR_BASELINE=baselines\n"
    )
    entry = {
        "name": "churn-hourly",
        "monitoring_type": "DataQuality",
        "schedule_expression": "NOW",
        "starts": f"{HOUR + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "spark_options": ["--master", "local[2]"],
        "jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "%Y/%m/%d/%H"}],
    }
    (top / "churn.json").write_text(json.dumps(entry))
    return top


def command(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "spark_model_monitor", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_promoted_baseline_and_a_schedule_are_all_that_hourly_monitoring_needs(folder):
    promoted = command(folder, "promote", "run", "--model-version", "7", "--to", "baselines")
    assert promoted.returncode == 0, promoted.stderr

    ran = command(folder, "run-due", "--schedule", "churn.json", "--json")

    [execution] = json.loads(ran.stdout[ran.stdout.index('{\n  "MonitoringExecutionSummaries"') :])[
        "MonitoringExecutionSummaries"
    ]
    assert ran.returncode == 0, ran.stdout
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert execution["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with 1 violations.")
    assert execution["StartTime"] == f"{HOUR:%Y-%m-%dT%H:%M:%SZ}"
    report = folder / "reports" / f"{HOUR + timedelta(hours=1):%Y/%m/%d/%H}"
    assert json.loads((report / "ledger.json").read_text())["records"]["kept"] == 400
    [window] = json.loads((folder / "reports" / "_alerts.json").read_text())["windows"]
    assert window["window"].startswith(f"{HOUR:%Y-%m-%dT%H:%M:%SZ}/")
    assert "/baselines/7/_runs/" in json.loads((report / "run.json").read_text())["baseline"]["folder"]


def test_a_run_over_its_longest_time_is_stopped_in_the_middle_of_its_scan_with_nothing_published(folder):
    (folder / "slow.py").write_text(
        "import time\n\ndef preprocess_handler(record):\n    time.sleep(60)\n    return {'a': '1'}\n"
    )
    flags = (
        *("--dataset-source", "captures", "--dataset-format", "capture", "--baseline", "run", "--output-path", "slow"),
        *("--record-preprocessor-script", "slow.py", "--max-runtime", "PT15S"),
    )
    stopped = JobProcesses(folder)("monitor", *flags)

    assert stopped.status == 143, stopped.said
    assert (
        folder / "slow" / "message"
    ).read_text() == "Error: stopped after 0:00:15, as --max-runtime says; nothing was published\n"
    assert sorted(path.name for path in (folder / "slow").iterdir() if not path.name.startswith("_runs")) == ["message"]
