"""The operators in a real Airflow: tests/airflow, run in the environment that `make airflow` makes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.programs import run_program

ROOT = Path(__file__).resolve().parents[2]


def run_there(python: Path, *options: str, seconds: int) -> None:
    tests = run_program(
        [str(python), "-m", "pytest", "tests/airflow", "-p", "no:cacheprovider", "-q", *options],
        env={**os.environ, "MODEL_MONITOR_TEST_PYTHON": sys.executable},
        cwd=ROOT,
        timeout=seconds,
    )
    assert tests.returncode == 0, tests.stdout[-20_000:] + tests.stderr[-5_000:]
    assert " passed" in tests.stdout, tests.stdout


@pytest.mark.timeout(300)
def test_a_dag_runs_a_job_of_its_hour(airflow_python):
    run_there(airflow_python, "-m", "everyday", seconds=290)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_the_operators_pass_their_own_tests(airflow_python):
    run_there(airflow_python, seconds=1150)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_day_is_made_up_for(airflow_python):
    run_there(airflow_python, "-m", "slow", seconds=3500)
