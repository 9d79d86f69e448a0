"""A day made up for by `airflow backfill`: scheduler, DAG processor and API server as processes, real jobs for every hour."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from tests.airflow.conftest import PRODUCT_PYTHON, ROOT, hour_time
from tests.ports import is_listening, reserved_port
from tests.programs import run_program
from tests.waiting import wait_for

from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
DAG_ID = "churn_hourly"
HOURS = int(os.environ.get("BACKFILL_HOURS", "24"))
"""The whole day of the example, unless somebody has no time for it."""

FIRST = Traffic().hours - HOURS
DAY = Traffic().start


@pytest.fixture(scope="module")
def variables(airflow):
    """Those of a deployment whose database, DAGs and data are the tests'."""
    with reserved_port() as port:
        yield {
            **os.environ,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "of the tests",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of the tests; " * 5,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "2",
            # no run of the present hour: its merge would meet those of the backfill on one output
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "NO_PROXY": "127.0.0.1",
        }


@contextmanager
def deployed(airflow, variables):
    """Airflow's processes, which run as long as the block does."""
    processes = []
    port = int(variables["AIRFLOW__API__PORT"])
    with ExitStack() as stack:
        for name in ("api-server", "dag-processor", "scheduler"):
            log = stack.enter_context((airflow / f"{name}.log").open("w"))
            command = [AIRFLOW, name]
            process = subprocess.Popen(
                command, env=variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            processes.append(process)
            stack.callback(_end, process)
            # Tasks call the API server as soon as they are scheduled
            wait_for(lambda: is_listening(port), f"the API server (see {airflow}/api-server.log)", *processes)
        yield processes


def _end(process):
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()


def query_airflow(airflow, query, *parameters):
    with closing(sqlite3.connect(f"file:{airflow}/airflow.db?mode=ro", uri=True, timeout=60)) as database:
        return database.execute(query, parameters).fetchall()


def run_there(variables, *words):
    command = [AIRFLOW, *words]
    done = run_program(command, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(3400)
def test_a_day_of_hours_is_made_up_for_each_with_its_own_window(airflow, churn, example, run, variables):
    """fault.json is the answer: the hours from 18 on have violations, those before have none."""
    assert run(example("churn_baselines"), hour_time(0)).state == "success"
    # the runs ten minutes after each hour
    first = _get_interval_end(FIRST)
    last = "2024-03-05T01:00:00Z"
    words = ("--from-date", first, "--to-date", last, "--max-active-runs", "1", "--reprocess-behavior", "none")
    # before anything else writes to the database: SQLite refuses one of two that write at once
    run_there(variables, "dag-processor", "--num-runs", "1")
    run_there(variables, "dags", "unpause", "--yes", DAG_ID)
    run_there(variables, "backfill", "create", "--dag-id", DAG_ID, *words)

    def states():
        query = "select state from dag_run where dag_id = ? and run_type = 'backfill'"
        return Counter(state for (state,) in query_airflow(airflow, query, DAG_ID))

    def has_ended(hours):
        return states()["success"] + states()["failed"] >= hours

    with deployed(airflow, variables) as processes:
        for hours in range(1, HOURS + 1):
            wait_for(lambda hours=hours: has_ended(hours), f"hour {hours} of the backfill", *processes, pause_seconds=1)

    assert states() == {"success": HOURS}
    reports = churn / "monitoring" / "data_quality"
    windows = json.loads((reports / "_alerts.json").read_text())["windows"]
    assert [window["window"] for window in windows] == [
        f"2024-03-04T{hour:02d}:00:00Z/{_get_interval_end(hour)}" for hour in range(FIRST, 24)
    ]
    assert [window["violations"] > 0 for window in windows] == [hour >= FAULT.first_hour for hour in range(FIRST, 24)]
    assert {window["records"] for window in windows} == {200}
    assert alone(churn, 23) == json.loads((reports / "2024/03/05/00" / "_current.json").read_text())["sha256"]


def _get_interval_end(hour):
    if hour == 23:
        return "2024-03-05T00:00:00Z"
    return f"2024-03-04T{hour + 1:02d}:00:00Z"


def alone(churn: Path, hour: int) -> dict[str, str]:
    """The hashes of the files of one hour that is run by hand, without Airflow."""
    flags = {
        "--dataset-source": churn / "captures",
        "--dataset-format": "capture",
        "--baseline": churn / "baselines" / "data_quality",
        "--start-time": f"2024-03-04T{hour}:00:00Z",
        "--end-time": _get_interval_end(hour),
        "--output-path": churn / "by-hand",
    }
    words = [str(word) for pair in flags.items() for word in pair]
    submit = [PRODUCT_PYTHON, "-m", "spark_model_monitor.spark.launch.submission", "monitor", *words]
    subprocess.run(submit, cwd=ROOT, check=True, capture_output=True)
    return json.loads((churn / "by-hand" / "_current.json").read_text())["sha256"]
