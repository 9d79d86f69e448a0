"""What we are plugged into: runs in MLflow, an asset check of Dagster, a task of Prefect, each in an environment of its own."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from tests.environments import require_client
from tests.programs import run_program

from spark_model_monitor import DataQualityMonitor, run_baseline

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "orchestration"
ORDERS = pd.DataFrame({"country": ["DE", "FR", "DE", "PL"] * 50, "items": [1, 3, 2, 2] * 50})
LATER = ORDERS.replace({"country": {"FR": "ES"}})  # another country in a quarter of the rows


@pytest.fixture
def folder(tmp_path):
    """With a baseline of the orders in it."""
    run_baseline(ORDERS, DataQualityMonitor()).write(tmp_path / "orders-baseline")
    return tmp_path


def run(folder, python, *command, **environment):
    return run_program(
        [str(python), *map(str, command)], cwd=folder, env={**os.environ, "PYTHONPATH": str(EXAMPLES), **environment}
    )


def test_mlflow_has_a_run_with_the_metrics_the_verdict_and_the_page(folder):
    python = require_client("mlflow")
    store = {"MLFLOW_TRACKING_URI": f"file:{folder / 'store'}", "MLFLOW_ALLOW_FILE_STORE": "true"}
    LATER.to_csv(folder / "later.csv", index=False)
    hour = ("--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z")
    where = ("later.csv", "--baseline", "orders-baseline", "--sink", "mlflow:orders", "--set=sink_required=yes")
    for _ in range(2):  # the same run again is the same run
        done = run(folder, python, "-m", "spark_model_monitor", "monitor", *where, *hour, **store)
        assert done.returncode == 0, done.stderr

    [logged_run] = json.loads(run(folder, python, ROOT / "tests/clients/mlflow_run.py", "orders", **store).stdout)
    assert (logged_run["status"], logged_run["artifacts"]) == ("FINISHED", ["report.html"])
    assert logged_run["metrics"]["total_number_of_violations"] >= 1
    assert logged_run["metrics"]["feature_completeness_country"] == 1
    assert logged_run["metrics"]["feature_data_items/mean"] == 2  # (1 + 3 + 2 + 2) / 4
    tags = {name.removeprefix("model_monitor."): text for name, text in logged_run["tags"].items()}
    assert (tags["status"], tags["alert"]) == ("CompletedWithViolations", "InAlert")
    assert tags["window"] == "2026-01-31T22:00:00Z/2026-01-31T23:00:00Z"


@pytest.mark.parametrize(("data", "passes"), [(ORDERS, True), (LATER, False)], ids=["alike", "changed"])
def test_a_check_of_dagster_blocks_what_comes_behind_changed_data(folder, data, passes):
    data.to_csv(folder / "orders.csv", index=False)
    done = run(folder, require_client("dagster"), ROOT / "tests/clients/dagster_run.py", DAGSTER_HOME="")

    outcome = json.loads(done.stdout.splitlines()[-1])
    assert (outcome["passed"], outcome["succeeded"], outcome["violations"] == 0) == (passes, passes, passes), (
        done.stderr
    )
    assert ("country" in outcome["description"]) is not passes
    assert (folder / "orders-report.html").is_file()


@pytest.mark.parametrize(("data", "status"), [(ORDERS, 0), (LATER, 1)], ids=["alike", "changed"])
def test_a_flow_of_prefect_ends_at_changed_data(folder, data, status):
    data.to_csv(folder / "orders.csv", index=False)
    server = {"PREFECT_HOME": str(folder), "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "200"}
    done = run(folder, require_client("prefect"), EXAMPLES / "prefect_orders.py", DO_NOT_TRACK="1", **server)

    assert done.returncode == status, done.stderr
    assert ("ViolationsFound: 200 records" in done.stdout + done.stderr) is (status == 1)
    assert (folder / "orders-report.html").is_file()
