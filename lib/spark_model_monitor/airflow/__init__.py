"""The jobs as tasks of Airflow 3 (docs/airflow.md).

    with DAG("churn", schedule=CronTriggerTimetable("10 * * * *", timezone="UTC"), max_active_runs=1):
        hourly_monitoring(where=LocalSpark(), captures=…, output_path=…, monitors=[data_quality(baseline=…)])

places.py: what a job is given, what a DAG run looks at, and where a job runs, which may be emr.py. job_results.py: what came of
it, read from the files that it left, and what becomes of a task whose job found violations. operators.py has the tasks and their
links, workflows.py an hour of all of them, and what comes after an alert.

Runs in Airflow's processes, so it imports neither pyspark nor anything of ours that does: the standard library, Airflow, and
providers where they are used. The jobs have a Python of their own.
"""

from __future__ import annotations

try:
    import airflow.sdk  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "airflow.sdk":
        raise
    raise ImportError(
        "spark_model_monitor.airflow needs Airflow 3; on Airflow 2 start jobs by "
        "BashOperator(bash_command='spark-model-monitor monitor …'), as docs/airflow.md has it"
    ) from None

from spark_model_monitor.airflow.emr import EmrCluster, EmrServerless
from spark_model_monitor.airflow.job_results import OnViolations
from spark_model_monitor.airflow.operators import BaselineOperator, MergeOperator, MonitorOperator
from spark_model_monitor.airflow.places import LocalSpark, SparkConnection
from spark_model_monitor.airflow.workflows import (
    AlertGateOperator,
    ChallengeOperator,
    MonitorTask,
    PromoteOperator,
    bias,
    data_quality,
    hourly_monitoring,
    model_quality,
)

__all__ = [
    "AlertGateOperator",
    "BaselineOperator",
    "ChallengeOperator",
    "EmrCluster",
    "EmrServerless",
    "LocalSpark",
    "MergeOperator",
    "MonitorOperator",
    "MonitorTask",
    "OnViolations",
    "PromoteOperator",
    "SparkConnection",
    "bias",
    "data_quality",
    "hourly_monitoring",
    "model_quality",
]
