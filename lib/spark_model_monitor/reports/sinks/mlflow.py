"""mlflow[:EXPERIMENT]: the run as a run of MLflow, with its numbers, its verdict and its page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.notices import Report, select_sendable
from spark_model_monitor.reports.sinks import Environment, open_local_page, register_sink, require_library

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "spark-model-monitor"
# MLflow's own variables
RUN = "MLFLOW_RUN_ID"
EXPERIMENT_NAME = "MLFLOW_EXPERIMENT_NAME"

INVALID_CHARACTERS = re.compile(r"[^\w/. -]")
"""Characters that a metric's name may not contain on every system (`validate_param_and_metric_name` of MLflow)."""

METRICS_PER_REQUEST = 1000  # limit of MLflow's REST API, Runs Log Batch

RUN_DIMENSIONS = ("Endpoint", "MonitoringSchedule")  # dimensions that have the same value for all metrics of a run


def _check_experiment(experiment: str) -> str:
    if not experiment.isprintable():
        raise ValueError("is no name of an experiment; write mlflow or mlflow:EXPERIMENT")
    return experiment


@register_sink(
    "mlflow",
    spelling="mlflow[:EXPERIMENT]",
    examined=_check_experiment,
    ready=require_library("mlflow", "mlflow", "mlflow or mlflow-skinny"),
    every_run=True,
    adds_up=True,
)
def mlflow(report: Report, experiment: str, environment: Environment) -> None:
    """A run in MLflow: metrics, the verdict as tags, the page as an artifact.

    MLFLOW_TRACKING_URI names the server, as usual; if MLFLOW_RUN_ID is set, the numbers go to that run.

    Raises SinkFailed.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, RunTag
    from mlflow.exceptions import MlflowException

    # MLflow's times are in milliseconds
    time = int(report.time.timestamp() * 1000)
    tags = [RunTag(f"model_monitor.{name}", text) for name, text in _create_tags(report).items()]
    metrics = [Metric(name, value, time, 0) for name, value in dict(_list_numbers(report)).items()]
    try:
        client = MlflowClient()
        experiment = experiment or environment.variable(EXPERIMENT_NAME) or EXPERIMENT
        given_run_id = environment.variable(RUN)
        run_id = given_run_id or _start_run(client, experiment, report)
        client.log_batch(run_id, tags=tags)
        for start in range(0, len(metrics), METRICS_PER_REQUEST):
            client.log_batch(run_id, metrics=metrics[start : start + METRICS_PER_REQUEST])
        with open_local_page(report) as page:
            if page is not None:
                client.log_artifact(run_id, page)
        # If the caller started the run, the caller also ends it
        if given_run_id is None:
            client.set_terminated(run_id)
    except ModuleNotFoundError as error:
        # The package mlflow-skinny stores runs in folders or at a server; a database needs the full package mlflow
        raise SinkFailed(
            f"MLflow needs the module {error.name} for this MLFLOW_TRACKING_URI, which mlflow-skinny comes without; install it: "
            "pip install mlflow"
        ) from error
    except MlflowException as error:
        raise SinkFailed(f"MLflow didn't take it ({error.error_code}); check MLFLOW_TRACKING_URI and {RUN}") from error


def _start_run(client: MlflowClient, name: str, report: Report) -> str:
    """The id of a new run in the experiment, which is created if it doesn't exist."""
    experiment = client.get_experiment_by_name(name)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
    run = report.run
    run_name = f"{run.schedule or run.analysis_type} {format_moment(run.start or report.time)}"
    return str(client.create_run(experiment_id, run_name=run_name).info.run_id)


def _create_tags(report: Report) -> dict[str, str]:
    run = report.run
    verdict = report.verdict
    tags = {
        "run_id": run.run_id,
        "analysis_type": run.analysis_type,
        "model": run.model,
        "schedule": run.schedule,
        "window": f"{format_moment(run.start)}/{format_moment(run.end)}" if run.start and run.end else None,
        "status": verdict.status,
        "alert": report.alert.status.value,
        "outcome": verdict.outcome_name,
        "headline": None if verdict.headline is None else str(verdict.headline),
        "report": report.paths.get("page"),
    }
    return {name: text for name, text in tags.items() if text}


def _list_numbers(report: Report) -> Iterator[tuple[str, float]]:
    for metric in select_sendable(report.metrics):
        values = [dimension["Value"] for dimension in metric["Dimensions"] if dimension["Name"] not in RUN_DIMENSIONS]
        name = INVALID_CHARACTERS.sub("_", "/".join([metric["MetricName"], *values]))
        statistics = metric.get("StatisticValues")
        if statistics is None:
            yield name, metric["Value"]
        else:
            yield f"{name}/mean", statistics["Sum"] / statistics["SampleCount"]
            yield f"{name}/min", statistics["Minimum"]
            yield f"{name}/max", statistics["Maximum"]
