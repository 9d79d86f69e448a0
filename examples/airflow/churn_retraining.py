"""Data quality every hour; when two of the last three hours had violations, the model is trained again, at most every two days.

    monitor -> alert -> retrain -> baseline -> gate -> promote

The new baseline counts only if the traffic of the hour keeps to it. Training is yours: the Variable churn_retrain is a shell
command that leaves the new model's training data, predictions in front, at the path in the variable CANDIDATE; SINCE is when
the hour began. The Variables churn_home and churn_python say where the data lies, and which interpreter has spark-model-monitor.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, CronTriggerTimetable, chain

from spark_model_monitor.airflow import (
    AlertGateOperator,
    BaselineOperator,
    LocalSpark,
    MonitorOperator,
    PromoteOperator,
)

HOME = "{{ var.value.churn_home }}"
PYTHON = "{{ var.value.churn_python }}"
BASELINES = f"{HOME}/baselines/data_quality"
VERSION = "{{ data_interval_end.strftime('%Y-%m-%dT%H') }}"
CANDIDATE = f"{HOME}/candidates/{VERSION}"

with DAG(
    "churn_retraining",
    schedule=CronTriggerTimetable("10 * * * *", timezone="UTC"),  # captures of an hour are delivered until after it
    start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
):
    where = LocalSpark(python=PYTHON)
    monitor = MonitorOperator(
        task_id="monitor",
        where=where,
        dataset_source=f"{HOME}/captures",
        baseline=BASELINES,
        output_path=f"{HOME}/watched",
        flags={"datapoints_to_alert": 2, "evaluation_period": 3},
        retries=2,
    )
    alert = AlertGateOperator(
        task_id="alert", alert="{{ ti.xcom_pull('monitor')['alert'] }}", cool_down=timedelta(days=2)
    )
    retrain = BashOperator(
        task_id="retrain",
        bash_command="{{ var.value.churn_retrain }}",
        env={"CANDIDATE": f"{CANDIDATE}/training.csv", "SINCE": "{{ ti.xcom_pull('monitor')['window']['start'] }}"},
        append_env=True,
    )
    baseline = BaselineOperator(
        task_id="baseline",
        where=where,
        dataset_source=f"{CANDIDATE}/training.csv",
        dataset_format="csv",
        output_path=f"{CANDIDATE}/run",
    )
    gate = MonitorOperator(
        task_id="gate",
        where=where,
        dataset_source=f"{HOME}/captures",
        baseline=f"{CANDIDATE}/run",
        output_path=f"{CANDIDATE}/gate",
        output_folder=None,
        on_violations="fail",
    )
    promote = PromoteOperator(
        task_id="promote", run=f"{CANDIDATE}/run", model_version=VERSION, baselines=BASELINES, python=PYTHON
    )
    chain(monitor, alert, retrain, baseline, gate, promote)
