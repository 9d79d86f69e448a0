"""The DAGs of examples/airflow, as they are, with real jobs on the churn example's captures."""

import json
import os
import re
import sys
from hashlib import sha256

import pytest
from tests.airflow.conftest import PRODUCT_PYTHON, ROOT, hour_time
from tests.programs import run_program

from spark_model_monitor.airflow.job_options import format_arguments, format_flags
from spark_model_monitor.airflow.workflows import LAST_TIME_KEY
from spark_model_monitor.integrations.demo.traffic import FAULT

GROUP = "hourly_monitoring"
ROLE = "arn:aws:iam::123456789012:role/monitoring"


@pytest.fixture(scope="module")
def baselines(example, run, churn):
    """The DAG run that made the baselines."""
    return run(example("churn_baselines"), hour_time(0))


@pytest.fixture(scope="module")
def hour(example, run, churn, baselines):
    """The run of 21:00, which looks at 20:00 to 21:00: the charge is in cents since 18:00."""
    return run(example("churn_hourly"), hour_time(21))


def digests(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "message"]
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_baselines_are_promoted_and_say_so(baselines, churn):
    assert baselines.state == "success"
    promoted = baselines.result("promote_data_quality")
    assert promoted["model_version"] == "1"
    assert promoted["run_id"] == baselines.result("data_quality")["run_id"]
    current = json.loads((churn / "baselines" / "data_quality" / "_current.json").read_text())
    assert current["run_id"] == promoted["run_id"]


def test_the_hour_finds_the_planted_fault_and_what_follows_from_it(hour, churn):
    """fault.json of the demo is the answer: the charge, and with it the model's own output."""
    outcome = hour.result(f"{GROUP}.data_quality")

    assert hour.states == {f"{GROUP}.{task}": "success" for task in ("merge", "data_quality", "model_quality")}
    assert outcome["status"] == "CompletedWithViolations"
    assert {violation["feature_name"] for violation in outcome["violated"]} == {FAULT.feature, *FAULT.follow_up}
    assert outcome["violations"] == len(outcome["violated"])
    assert outcome["window"] == {"start": "2024-03-04T20:00:00Z", "end": "2024-03-04T21:00:00Z"}
    assert outcome["alert"] == "InAlert"


def test_the_paths_are_those_of_the_documents_in_the_hours_folder(hour, churn):
    paths = hour.result(f"{GROUP}.data_quality")["paths"]
    folder = churn / "monitoring" / "data_quality" / "2024" / "03" / "04" / "21"

    assert paths["output"] == str(folder)
    for name in ("statistics.json", "constraints.json", "constraint_violations.json", "checks.json", "ledger.json"):
        with open(paths[name], "rb") as document:
            assert document.read() == (folder / name).read_bytes()


def test_the_links_lead_to_the_documents(hour, churn):
    link = hour.xcoms[f"{GROUP}.data_quality", "_link_constraint_violations.json"]

    assert link.startswith("file:///")
    with open(link.removeprefix("file://"), encoding="utf-8") as document:
        assert len(json.load(document)["violations"]) == hour.result(f"{GROUP}.data_quality")["violations"]
    page = hour.xcoms[f"{GROUP}.data_quality", "_link_report.html"]
    with open(page.removeprefix("file://"), encoding="utf-8") as report:
        assert report.read().startswith("<!doctype html>")


def test_model_quality_judges_the_predictions_that_were_merged_with_labels(hour, churn):
    """Of 200 requests an hour 2 % are never labelled (integrations/demo/traffic.py); late labels have come, and are waited
    for a week.
    """
    outcome = hour.result(f"{GROUP}.model_quality")
    ledger = json.loads((churn / "monitoring" / "model_quality" / "2024/03/04/21" / "ledger.json").read_text())

    assert ledger["records"]["kept"] == 196
    assert {"accuracy", "precision"} <= {violation["metric_name"] for violation in outcome["violated"]}


def test_the_same_hour_again_writes_the_same_bytes_and_is_one_window_of_the_alert(example, run, hour, churn):
    reports = churn / "monitoring" / "data_quality"
    before = digests(reports)

    completed_tasks = re.compile(rf"{GROUP}\.(merge|model_quality)")
    second_run = run(example("churn_hourly"), hour_time(21), taken_as_done=completed_tasks)

    assert second_run.result(f"{GROUP}.data_quality") == hour.result(f"{GROUP}.data_quality")
    assert digests(reports) == before
    assert len(json.loads((reports / "_alerts.json").read_text())["windows"]) == 1


RETRAIN = """
mkdir -p "$(dirname "$CANDIDATE")" && {python} - <<'END'
import csv, glob, json, os, sys
sys.path.insert(0, {lib!r})
from spark_model_monitor.integrations.demo import churn
rows = []
hour = os.environ["SINCE"][:13].replace("-", "/").replace("T", "/")
for path in glob.glob(os.path.join({home!r}, "captures", "churn", "AllTraffic", hour, "*.jsonl")):
    for line in open(path, encoding="utf-8"):
        record = json.loads(line)["captureData"]
        halves = [record[half]["data"].strip() for half in ("endpointOutput", "endpointInput")]
        rows.append(",".join(halves))
with open(os.environ["CANDIDATE"], "w", encoding="utf-8") as training:
    training.write(",".join([churn.LABEL, churn.SCORE, *churn.FEATURES]) + "\\n" + "\\n".join(rows) + "\\n")
END
"""
"""A retraining that learns what the hour's traffic is like."""


def test_a_day_of_parquet_is_what_emr_serverless_would_be_asked_for(example):
    """The command line of the same run, looked at by the jobs' own Python: a day of rows, all paths on S3."""
    (monitor,) = example("orders_daily").tasks
    times = dict.fromkeys(("data_interval_start", "data_interval_end"), hour_time(0).replace(minute=30))
    words = format_arguments(format_flags({**monitor.own_flags(monitor.get_window(times)), **monitor.flags}))
    where = [*("--target", "emr-serverless", "--application-id", "00f"), "--execution-role", ROLE]
    submit = [PRODUCT_PYTHON, "-m", "spark_model_monitor.spark.launch.submission", "--dry-run", *where]
    shown = run_program(
        [*submit, "--package-location", "s3://team/packages", "--environment", "s3://team/e.tar.gz", "monitor", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib"), "MODEL_MONITOR_DEEQU_JAR": str(ROOT / "setup.cfg")},
    )

    assert shown.returncode == 0, shown.stderr
    assert "looked for on the cluster" not in shown.stderr
    assert "read whole" not in shown.stderr
    assert "--start-time=2024-03-03T00:00:00Z" in shown.stdout
    assert "--end-time=2024-03-04T00:00:00Z" in shown.stdout
    assert "--output-path=s3://team/monitoring/orders/days/2024/03/04/00" in shown.stdout


def test_two_hours_of_violations_of_three_retrain_and_promote(example, run, churn, baselines, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_VAR_CHURN_RETRAIN",
        RETRAIN.format(python=sys.executable, lib=str(ROOT / "lib"), home=str(churn)),
    )
    behind = ("retrain", "baseline", "gate", "promote")
    first, second = (run(example("churn_retraining"), hour_time(hour)) for hour in (19, 20))

    assert FAULT.feature in {violation["feature_name"] for violation in first.result("monitor")["violated"]}
    assert first.result("monitor")["alert"] == "OK", "one hour of three"
    assert {first.states[task] for task in behind} == {"skipped"}
    assert second.result("monitor")["alert"] == "InAlert"
    assert second.states == dict.fromkeys(("monitor", "alert", *behind), "success")
    assert second.xcoms["alert", LAST_TIME_KEY] == "2024-03-04T20:00:00Z", "from here on it cools down"
    assert second.result("gate")["violations"] == 0
    promoted = json.loads((churn / "baselines" / "data_quality" / "_current.json").read_text())
    assert promoted["run_id"] == second.result("baseline")["run_id"], "what monitors follow from now on"
    assert second.result("promote")["model_version"] == "2024-03-04T20"
