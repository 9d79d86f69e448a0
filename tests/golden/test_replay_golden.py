"""`model-monitor replay` of the golden runs: beside the service's own reports --compat service is equal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}


def laid_out(files, folder):
    """Copies of files in a folder, as the service names it."""
    folder.mkdir(parents=True)
    for name, source in files.items():
        shutil.copy(source, folder / name)


def replayed(*flags):
    """Exit status and JSON of a replay, started as users start it."""
    command = [sys.executable, "-m", "model_monitor.cli", "replay", "--json", *map(str, flags)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_churn_run_is_equal(golden, tmp_path):
    case = golden / "dq-churn"
    baseline = ["./spark-submit.sh", "jobs/baseline.py", "--compat", "service", "--dataset-format", "csv"]
    subprocess.run(
        [*baseline, "--dataset-source", str(case / "input.csv"), "--output-path", str(tmp_path / "baseline")],
        cwd=ROOT,
        capture_output=True,
        timeout=300,
        check=True,
    )
    captures, reports = tmp_path / "captures", tmp_path / "reports"
    laid_out({"a.jsonl": case / "run/capture.reconstructed.jsonl"}, captures / "churn/AllTraffic/2022/04/18/00")
    laid_out(
        {"constraint_violations.json": case / "run/expected-violations.derived.json"},
        reports / "churn/schedule/2022/04/18/01",
    )

    status, result = replayed(
        *("--windows", captures, "--reports", reports, "--baseline", tmp_path / "baseline"),
        *("--output-path", tmp_path / "out"),
    )

    assert (status, result["equal"], result["summary"][0]) == (0, True, "1 of 1 window equal")
    [window] = result["windows"]
    assert (window["start"], len(window["compat_service"]["violations"])) == ("2022-04-18T00:00:00+00:00", 60)
    # G16: with true counts Churn would have been violation number 61
    assert [each["subject"] for each in window["differences_of_default"]] == ["Churn"]


def test_the_cookbooks_run_is_equal(golden, tmp_path):
    case = golden / "dq-cookbook"
    laid_out(
        {
            "constraints.json": case / "run/baseline-constraints-used.json",
            "statistics.json": case / "baseline/statistics.json",
        },
        tmp_path / "baseline",
    )
    laid_out({"a.jsonl": case / "run/capture.reconstructed.jsonl"}, tmp_path / "captures/ep/AllTraffic/2021/05/24/21")
    laid_out(
        {name: case / "run" / name for name in ("constraint_violations.json", "statistics.json")},
        tmp_path / "reports/ep/schedule/2021/05/24/22",
    )

    status, result = replayed(
        *("--windows", tmp_path / "captures", "--reports", tmp_path / "reports", "--baseline", tmp_path / "baseline"),
        *("--output-path", tmp_path / "out"),
    )

    assert (status, result["equal"], result["summary"][0]) == (0, True, "1 of 1 window equal")
    assert (tmp_path / "out/message").read_text() == "Completed: 1 of 1 window equal\n"


def test_a_report_that_says_otherwise_is_exit_status_1(golden, tmp_path):
    case = golden / "dq-cookbook"
    laid_out(
        {
            "constraints.json": case / "run/baseline-constraints-used.json",
            "statistics.json": case / "baseline/statistics.json",
        },
        tmp_path / "baseline",
    )
    laid_out({"a.jsonl": case / "run/capture.reconstructed.jsonl"}, tmp_path / "captures/2021/05/24/21")
    laid_out({"statistics.json": case / "run/statistics.json"}, tmp_path / "reports/2021/05/24/22")

    status, result = replayed(
        *("--windows", tmp_path / "captures", "--reports", tmp_path / "reports", "--baseline", tmp_path / "baseline"),
        *("--output-path", tmp_path / "out"),
    )

    assert (status, result["summary"][0]) == (1, "0 of 1 window equal; 1 differs: types")


@pytest.mark.parametrize("flags", [("--windows", "nowhere", "--baseline", "nowhere"), ("--windows",)])
def test_a_replay_that_cannot_begin_is_no_certificate(golden, tmp_path, flags):
    command = [sys.executable, "-m", "model_monitor.cli", "replay", "--output-path", str(tmp_path), *flags]
    done = subprocess.run(
        command,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode not in (0, 1)
    assert done.stdout == ""
