"""A day of orders, Parquet on S3, on EMR Serverless: the table that a model reads and what it answered.

Run orders_baseline once by hand. The places are examples; docs/emr.md says what the application has to have.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, CronTriggerTimetable

from spark_model_monitor.airflow import BaselineOperator, EmrServerless, MonitorOperator

WHERE = EmrServerless(
    application_id="00f1r3l2ab0cd901",
    execution_role="arn:aws:iam::123456789012:role/monitoring",
    package_location="s3://team/spark-model-monitor",
    environment="s3://team/spark-model-monitor/environment.tar.gz",
)
MONITORING = "s3://team/monitoring/orders"
ORDERS = {"where": WHERE, "dataset_format": "parquet", "flags": {"time_column": "ordered_at"}}

with DAG("orders_baseline", schedule=None):
    BaselineOperator(
        task_id="baseline", dataset_source="s3://team/training/orders", output_path=f"{MONITORING}/baseline", **ORDERS
    )

with DAG(
    "orders_daily",
    schedule=CronTriggerTimetable("30 0 * * *", timezone="UTC"),  # half an hour after the day that it looks at
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
):
    MonitorOperator(
        task_id="monitor",
        dataset_source="s3://team/orders",
        baseline=f"{MONITORING}/baseline",
        output_path=f"{MONITORING}/days",
        length=timedelta(days=1),  # the rows of which the time column says so
        **ORDERS,
    )
