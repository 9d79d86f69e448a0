"""Every hour of the churn model's traffic: data quality, and beside it the merge with the labels and model quality.

The Variables churn_home (where the data lies) and churn_python (an interpreter that has spark-model-monitor) say the rest;
churn_baselines.py makes the baselines.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, CronTriggerTimetable

from spark_model_monitor.airflow import LocalSpark, data_quality, hourly_monitoring, model_quality

HOME = "{{ var.value.churn_home }}"

with DAG(
    "churn_hourly",
    schedule=CronTriggerTimetable("10 * * * *", timezone="UTC"),  # captures of an hour are delivered until after it
    start_date=datetime(2024, 3, 4, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10), "execution_timeout": timedelta(minutes=45)},
):
    hourly_monitoring(
        where=LocalSpark(python="{{ var.value.churn_python }}"),
        captures=f"{HOME}/captures",
        ground_truth=f"{HOME}/ground-truth",
        output_path=f"{HOME}/monitoring",
        merge_flags={"late_labels": "P7D"},
        monitors=[
            data_quality(baseline=f"{HOME}/baselines/data_quality"),
            model_quality(
                baseline=f"{HOME}/baselines/model_quality",
                flags={
                    "problem_type": "BinaryClassification",
                    "inference_attribute": "0",
                    "probability_attribute": "1",
                },
            ),
        ],
    )
