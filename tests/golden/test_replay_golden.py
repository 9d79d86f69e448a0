"""`spark-model-monitor replay` of the golden runs: beside the service's own reports --compat service is equal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from spark_model_monitor.running.replay import replay_command

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}


def laid_out(files, folder):
    """Copies of files in a folder, as the service names it."""
    folder.mkdir(parents=True)
    for name, source in files.items():
        shutil.copy(source, folder / name)


def as_process(*flags):
    """Exit status and JSON of a replay, started as users start it."""
    command = [sys.executable, "-m", "spark_model_monitor", "replay", "--json", *map(str, flags)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "engine: local" in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def replayed(spark, jobs_here):
    """`replayed(*flags)` is the exit status and the JSON of a replay whose job runs in this session."""

    def replaying(*flags):
        out = StringIO()
        status = replay_command.main(
            ["--json", *map(str, flags)], out=out, start_job=lambda job, words: jobs_here(job, *words).status
        )
        return status, json.loads(out.getvalue())

    return replaying


def test_the_churn_run_is_equal(golden, jobs_here, replayed, tmp_path):
    case = golden / "dq-churn"
    source = ("--compat", "service", "--dataset-format", "csv", "--dataset-source", case / "input.csv")
    assert jobs_here("baseline", *source, "--output-path", tmp_path / "baseline").status == 0
    captures = tmp_path / "captures"
    reports = tmp_path / "reports"
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
    assert [difference["subject"] for difference in window["differences_of_default"]] == ["Churn"]


def test_the_cookbooks_run_is_equal_without_a_jvm_and_on_spark(golden, replayed, tmp_path):
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
    flags = ("--windows", tmp_path / "captures", "--reports", tmp_path / "reports", "--baseline", tmp_path / "baseline")

    status, result = as_process(*flags, "--output-path", tmp_path / "out")

    assert (status, result["equal"], result["summary"][0]) == (0, True, "1 of 1 window equal")
    assert (tmp_path / "out/message").read_text() == "Completed: 1 of 1 window equal\n"
    assert replayed(*flags, "--output-path", tmp_path / "spark", "--engine", "spark") == (status, result)


def test_a_report_that_says_otherwise_is_exit_status_1(golden, replayed, tmp_path):
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
def test_a_replay_that_cannot_begin_is_no_certificate(golden, jobs_here, tmp_path, capsys, flags):
    words = ["--output-path", str(tmp_path), *flags]
    try:
        status = replay_command.main(words, start_job=lambda job, words: jobs_here(job, *words).status)
    except SystemExit as ended:  # by the parser, which the command hands on
        status = ended.code

    assert status not in (0, 1)
    assert capsys.readouterr().out == ""
