"""The demo as a user starts it: two jobs, and the planted fault named in the last line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model_monitor.demo.traffic import FAULT

ROOT = Path(__file__).resolve().parents[2]


def start(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_monitor.cli", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib"), "SPARK_LOCAL_IP": "127.0.0.1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(folder):
    done = start("demo", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_last_line_names_the_feature_that_was_tampered_with(shown):
    assert re.fullmatch(
        rf"The window 2024-03-04T20:00Z to 21:00Z has \d+ violations; the largest: {FAULT.feature} drifted, "
        r"distance 0\.\d+ \(threshold 0\.1\): its mean went from \d\d\.\d+ to \d,\d{3}\.",
        shown[-1],
    )


def test_only_what_the_fault_touches_is_violated(shown, folder):
    document = json.loads((folder / "model-monitor-demo" / "monitoring" / "constraint_violations.json").read_text())

    assert {violation["feature_name"] for violation in document["violations"]} == {FAULT.feature, *FAULT.follow_up}


def test_the_tour_shows_what_the_demo_says(shown):
    tour = (ROOT / "examples" / "churn" / "README.md").read_text(encoding="utf-8")
    table = [line for line in shown if line.startswith(("churned ", "payment_method "))]

    assert len(table) == 2
    assert all(f"    {line}\n" in tour for line in [*table, shown[-1]])


def test_an_hour_before_the_fault_keeps_to_the_baseline_by_the_command_of_the_tour(shown, folder):
    tour = (ROOT / "examples" / "churn" / "README.md").read_text(encoding="utf-8").replace("\\\n", "")
    [words] = re.findall(r"^ +\./spark-submit\.sh jobs/monitor\.py (.*)$", tour, re.MULTILINE)
    done = start("submit", "monitor", *words.split(), folder=folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed: Job completed successfully with no violations." in done.stdout
