"""The jobs as tasks of Airflow 3 (docs/airflow.md).

    with DAG("churn", schedule=CronTriggerTimetable("10 * * * *", timezone="UTC"), max_active_runs=1):
        hourly_monitoring(where=LocalSpark(), captures=…, output_path=…, monitors=[data_quality(baseline=…)])

windows.py: what a DAG run looks at. flags.py: what a job is told. places.py: where a job runs, which is local.py,
spark_connection.py or emr.py. endings.py: what came of it, read from the files that it left (stored_files.py). violations.py:
what becomes of a task whose job found violations. operators.py has the tasks, groups.py an hour of all of them, retraining.py
what comes after an alert, links.py the documents one click away.

Runs in Airflow's processes, so it imports neither pyspark nor anything of ours that does: the standard library, Airflow, and
providers where they are used. The jobs have a Python of their own.
"""

from __future__ import annotations

try:
    import airflow.sdk  # noqa: F401
except ModuleNotFoundError as fault:
    if fault.name != "airflow.sdk":
        raise
    raise ImportError(
        "model_monitor.airflow needs Airflow 3; on Airflow 2 start jobs by "
        "BashOperator(bash_command='model-monitor monitor …'), as docs/airflow.md has it"
    ) from None

from model_monitor.airflow.emr import EmrCluster, EmrServerless
from model_monitor.airflow.endings import OnViolations
from model_monitor.airflow.groups import MonitorTask, bias, data_quality, hourly_monitoring, model_quality
from model_monitor.airflow.operators import BaselineOperator, MergeOperator, MonitorOperator
from model_monitor.airflow.places import LocalSpark, SparkConnection
from model_monitor.airflow.retraining import AlertGateOperator, PromoteOperator

__all__ = [
    "AlertGateOperator",
    "BaselineOperator",
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
