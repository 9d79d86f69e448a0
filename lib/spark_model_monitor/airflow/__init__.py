"""The jobs as tasks of Airflow 3 (docs/airflow.md).

    with DAG("churn", schedule=CronTriggerTimetable("10 * * * *", timezone="UTC"), max_active_runs=1):
        hourly_monitoring(where=LocalSpark(), captures=…, output_path=…, monitors=[data_quality(baseline=…)])

run_windows.py: the window of a DAG run. job_options.py: a job's options. job_locations.py: where a job runs; emr.py has further
locations. job_results.py: the result of a job, read from its files, and what happens to a task whose job found violations.
operators.py has the tasks and their links, workflows.py an hour of all tasks, and the tasks after an alert.

The package runs in Airflow's processes. So it imports neither pyspark nor modules of ours that import it, but the standard
library, Airflow, and providers where they are used. The jobs have a Python of their own.
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
from spark_model_monitor.airflow.job_locations import LocalSpark, SparkConnection
from spark_model_monitor.airflow.job_results import OnViolations
from spark_model_monitor.airflow.operators import BaselineOperator, MergeOperator, MonitorOperator
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
