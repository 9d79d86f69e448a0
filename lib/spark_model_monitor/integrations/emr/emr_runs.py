"""A step of EMR or a job run of EMR Serverless: its release of Spark, its request, its state. boto3's clients are passed in."""

from __future__ import annotations

import logging
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.integrations.emr.emr_uploads import UploadSet
from spark_model_monitor.spark.launch import package_zip
from spark_model_monitor.spark.launch.deequ_jar import is_jar_available, provide_jar
from spark_model_monitor.spark.launch.java import SparkLine, find_line
from spark_model_monitor.spark.launch.request import (
    ServiceKind,
    SparkOption,
    Target,
    option_words,
    spark_settings,
)
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


SPARK_LINES = {"emr-7.": "3.5", "emr-spark-8.": "4.0"}
"""The beginning of a release's label -> its line of Spark. Source: EMR's release guide."""

PYTHON = "python3.11"
"""A Python that all releases have; EMR 7's `python3` is 3.9, which is too old for jobs. Source: EMR's release guide."""


def get_spark_line(target: Target, service: BaseClient) -> SparkLine:
    """The line of Spark in the target's release. service: boto3's client for EMR or EMR Serverless.

    Raises BadConfiguration for a release that jobs don't run on.
    """
    label = _get_release_label(target, service)
    for beginning, version in SPARK_LINES.items():
        if label.startswith(beginning):
            return find_line(version)
    raise BadConfiguration(
        f"{target.identifier} has the release {label!r}; jobs run on {' and '.join(f'{name}x' for name in SPARK_LINES)}"
    )


def _get_release_label(target: Target, service: BaseClient) -> str:
    if target.kind is ServiceKind.EMR:
        return str(service.describe_cluster(ClusterId=target.identifier)["Cluster"].get("ReleaseLabel", ""))
    return str(service.get_application(applicationId=target.identifier)["application"].get("releaseLabel", ""))


def get_jar(line: SparkLine, environment: Mapping[str, str]) -> Path | None:
    """Deequ's JAR for a line of Spark; None if there is no such JAR, without which jobs also run."""
    if is_jar_available(environment, line):
        return provide_jar(environment)
    return None


OMITTED_OPTIONS = ("--master", "--deploy-mode", "--name", "--properties-file")
"""Options of spark-submit that the target decides, or that name a file of this machine."""

DRIVER_VARIABLES = {
    ServiceKind.EMR: "spark.yarn.appMasterEnv",
    ServiceKind.SERVERLESS: "spark.emr-serverless.driverEnv",
}


def build_request(
    target: Target,
    upload_set: UploadSet,
    settings: Mapping[str, str],
    options: Sequence[SparkOption],
    arguments: Sequence[str],
    *,
    name: str,
    token: str,
) -> dict[str, Json]:
    """The request's members, for boto3's `add_job_flow_steps` or `start_job_run`.

    settings: settings of Spark, which `options` override. arguments: the job's arguments. name: the name of the step or run.
    token: makes a repeated request start one run only (serverless only).
    """
    spark = _build_spark_arguments(target, upload_set, settings, options)
    if target.kind is ServiceKind.EMR:
        # In cluster mode, because in client mode all drivers would run on the primary node
        words = ["spark-submit", "--deploy-mode", "cluster", "--name", name, *spark, upload_set.driver.uri, *arguments]
        run = {"Jar": "command-runner.jar", "Args": words}
        # A failed job must not stop the steps of others, or end the cluster
        step = {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": run}
        return {"JobFlowId": target.identifier, "Steps": [step]}
    return {
        "applicationId": target.identifier,
        "clientToken": token,
        "executionRoleArn": target.role,
        "name": name,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": upload_set.driver.uri,
                "entryPointArguments": list(arguments),
                # One text, which the service splits like a shell
                "sparkSubmitParameters": shlex.join(spark),
            }
        },
    }


def _build_spark_arguments(
    target: Target, upload_set: UploadSet, settings: Mapping[str, str], options: Sequence[SparkOption]
) -> list[str]:
    arguments = []
    # Our settings come before the user's options, because the last --conf of a key counts
    for key, value in {**settings, **_get_python_settings(target.kind, upload_set, options)}.items():
        arguments += ["--conf", f"{key}={value}"]
    # Files of a kind that the job doesn't need are empty lists
    files: dict[str, list[str]] = {"--py-files": [upload_set.package.uri], "--jars": [], "--archives": []}
    if upload_set.jar:
        files["--jars"] = [upload_set.jar.uri]
    if upload_set.environment_uri:
        files["--archives"] = [f"{upload_set.environment_uri}#environment"]
    return arguments + option_words(options, files, OMITTED_OPTIONS)


def _get_python_settings(kind: ServiceKind, upload_set: UploadSet, options: Sequence[SparkOption]) -> dict[str, str]:
    """The Python of driver and executors: the environment's, otherwise the release's, unless the user names one."""
    driver = DRIVER_VARIABLES[kind]
    names = (f"{driver}.PYSPARK_PYTHON", f"{driver}.PYSPARK_DRIVER_PYTHON", "spark.executorEnv.PYSPARK_PYTHON")
    if upload_set.environment_uri:
        return dict.fromkeys(names, package_zip.PYTHON)
    settings = spark_settings(options)
    # If the user chooses a Python, ours is set neither for the driver nor for executors, which must have the same
    if "spark.pyspark.python" in settings or any(name in settings for name in names):
        return {}
    return dict.fromkeys(names, PYTHON)


POLL_SECONDS = 15.0

SUCCEEDED_STATES = {ServiceKind.EMR: ("COMPLETED",), ServiceKind.SERVERLESS: ("SUCCESS",)}
FAILED_STATES = {
    ServiceKind.EMR: ("CANCELLED", "FAILED", "INTERRUPTED"),
    ServiceKind.SERVERLESS: ("CANCELLED", "FAILED"),
}
"""Final states of a step or a job run. Source: EMR's API models (StepState, JobRunState)."""


@value_class
class ServiceRunState:
    """The state of a run. reason: the service's reason of a failure."""

    name: str
    reason: str = ""


@value_class
class ServiceRun:
    """A run that was started: the kind of service, the cluster or application, and the run's own identifier."""

    kind: ServiceKind
    target_id: str
    identifier: str

    @classmethod
    def start(cls, kind: ServiceKind, client: BaseClient, request: Mapping[str, Json]) -> ServiceRun:
        """The run that a request of `build_request` starts."""
        if kind is ServiceKind.EMR:
            [identifier] = client.add_job_flow_steps(**request)["StepIds"]
            return cls(kind, request["JobFlowId"], identifier)
        return cls(kind, request["applicationId"], client.start_job_run(**request)["jobRunId"])

    def state(self, client: BaseClient) -> ServiceRunState:
        """The current state of the run."""
        if self.kind is ServiceKind.EMR:
            status = client.describe_step(ClusterId=self.target_id, StepId=self.identifier)["Step"]["Status"]
            failure = status.get("FailureDetails") or {}
            change = status.get("StateChangeReason") or {}
            # Which of the three reasons EMR sets depends on where a step fails
            reasons = failure.get("Reason"), failure.get("Message"), change.get("Message")
            return ServiceRunState(status["State"], "; ".join(filter(None, reasons)))
        run = client.get_job_run(applicationId=self.target_id, jobRunId=self.identifier)["jobRun"]
        return ServiceRunState(run["state"], run.get("stateDetails") or "")

    def wait(self, client: BaseClient, *, pause: Callable[[float], None] = time.sleep) -> ServiceRunState:
        """The state of the run when it has ended; each change until then is logged."""
        last_name = ""
        start_seconds = time.monotonic()
        # Without a time limit, because the job has --max-runtime
        while True:
            state = self.state(client)
            # One line for each change of the state
            if state.name != last_name:
                seconds = time.monotonic() - start_seconds
                log.info(f"{self.kind.value} {self.identifier} is {state.name}, {seconds:.0f} s")
                last_name = state.name
            if self._has_ended(state):
                return state
            pause(POLL_SECONDS)

    def cancel(self, client: BaseClient) -> None:
        """End the run, unless it has ended."""
        if self._has_ended(self.state(client)):
            return
        if self.kind is ServiceKind.EMR:
            option = "TERMINATE_PROCESS"
            client.cancel_steps(ClusterId=self.target_id, StepIds=[self.identifier], StepCancellationOption=option)
        else:
            client.cancel_job_run(applicationId=self.target_id, jobRunId=self.identifier)

    def _has_ended(self, state: ServiceRunState) -> bool:
        return state.name in SUCCEEDED_STATES[self.kind] + FAILED_STATES[self.kind]


def find_live_run(target: Target, client: BaseClient, name: str) -> ServiceRun | None:
    """The run of this name that has not ended; None if there is no such run."""
    # A retry of a task looks for the run that an earlier attempt has started
    if target.kind is ServiceKind.EMR:
        states = ["PENDING", "RUNNING"]
        pages = client.get_paginator("list_steps").paginate(ClusterId=target.identifier, StepStates=states)
        runs = ((step["Name"], step["Id"]) for page in pages for step in page["Steps"])
    else:
        states = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
        pages = client.get_paginator("list_job_runs").paginate(applicationId=target.identifier, states=states)
        runs = ((run.get("name"), run["id"]) for page in pages for run in page["jobRuns"])
    # Names are unique only among the runs of our tasks
    for run_name, identifier in runs:
        if run_name == name:
            return ServiceRun(target.kind, target.identifier, identifier)
    return None


class ServiceRunFailed(MonitorError):
    """A step or a job run that failed without a message of the job."""
