"""Schedules with real jobs: `run-due` over captures, and a run that takes too long."""

import json

import pytest
from tests.jobs.customers import PEOPLE, capture_hour, run_command, write_captures, write_schedule
from tests.running_jobs import JobProcesses
from tests.unit.runs.local_jobs import LocalJobs

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A schedule that runs one job once, over captures of one hour, and a baseline that one in ten of them breaks."""
    jobs = LocalJobs(tmp_path_factory.mktemp("schedules"))
    jobs.write("people.csv", PEOPLE)
    jobs.run("baseline --dataset-source people.csv --output-path run")
    write_captures(jobs.folder / "captures", capture_hour())
    write_schedule(jobs.folder, source="captures", reports="reports", baseline="baselines")
    return jobs.folder


def test_a_promoted_baseline_and_a_schedule_are_all_that_hourly_monitoring_needs(folder):
    promoted = run_command(folder, "promote", "run", "--model-version", "7", "--to", "baselines")
    assert promoted.returncode == 0, promoted.stderr

    ran = run_command(folder, "run-due", "--schedule", "churn.json", "--json")
    assert ran.returncode == 0, ran.stdout
    answer = ran.stdout[ran.stdout.index('{\n  "MonitoringExecutionSummaries"') :]
    [execution] = json.loads(answer)["MonitoringExecutionSummaries"]
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
    assert execution["ExitMessage"].startswith("CompletedWithViolations: Job completed successfully with 1 violations.")
    assert execution["StartTime"] == "2026-01-31T22:00:00Z"
    report = folder / "reports" / "2026/01/31/23"
    assert json.loads((report / "ledger.json").read_text())["records"]["kept"] == 400
    [window] = json.loads((folder / "reports" / "_alerts.json").read_text())["windows"]
    assert window["window"].startswith("2026-01-31T22:00:00Z/")
    assert "/baselines/7/_runs/" in json.loads((report / "run.json").read_text())["baseline"]["folder"]


def test_a_run_over_its_longest_time_is_stopped_in_the_middle_of_its_scan_with_nothing_published(folder):
    sleeping = "import time\n\n\ndef preprocess_handler(record):\n    time.sleep(60)\n    return {'a': '1'}\n"
    (folder / "slow.py").write_text(sleeping)
    flags = (
        *("--dataset-source", "captures", "--dataset-format", "capture", "--baseline", "run", "--output-path", "slow"),
        *("--record-preprocessor-script", "slow.py", "--max-runtime", "PT15S"),
    )
    stopped = JobProcesses(folder)("monitor", *flags)
    message = (folder / "slow" / "message").read_text()

    assert stopped.status == 143, stopped.said
    assert message == "Error: stopped after 0:00:15, as --max-runtime says; nothing was published\n"
    assert sorted(path.name for path in (folder / "slow").iterdir() if not path.name.startswith("_runs")) == ["message"]
