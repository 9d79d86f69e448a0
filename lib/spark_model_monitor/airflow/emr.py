"""A job as a step of an EMR cluster or a job run of an EMR Serverless application, by the clients of Airflow's connections.

The package, Deequ's JAR and the driver are uploaded to S3 like `./spark-submit.sh --target …` does. A retry first looks for
the run of an earlier attempt, by the name that all attempts share, so that no second one runs in parallel.
"""

from __future__ import annotations

import logging
import os
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spark_model_monitor.airflow.places import JobCall, Location, flag_words
from spark_model_monitor.errors import BadConfiguration, needing
from spark_model_monitor.integrations.emr.emr_runs import (
    FAILED_STATES,
    SUCCEEDED_STATES,
    ServiceRun,
    UploadSet,
    build_request,
    get_jar,
    get_spark_line,
)
from spark_model_monitor.integrations.emr.endings import error_sentences, refuse_secrets
from spark_model_monitor.running.configuration.encryption import S3Encryption, upload_arguments
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import S3Location, ServiceKind, Target, spark_settings, split_options
from spark_model_monitor.spark.launch.spark_command import own_settings

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _OnEmr(Location):
    package_location: str
    environment: str | None = None
    columns: int = 1000

    @abstractmethod
    def _target(self) -> Target: ...

    @abstractmethod
    def _client(self) -> BaseClient:
        """boto3's client of the service, with the connection's credentials and region."""

    @abstractmethod
    def _live_runs(self, client: BaseClient) -> Iterator[tuple[str, str]]:
        """Name and identifier of each run that has not ended."""

    @abstractmethod
    def _cancel(self, client: BaseClient, run: ServiceRun) -> None: ...

    def find(self, call: JobCall) -> RemoteRun | None:
        target = self._target()
        with self._error_sentences(target):
            client = self._client()
            # By the name, which is the same in every attempt of a task's run and in no other run
            for name, identifier in self._live_runs(client):
                if name == call.name:
                    return self._remote_run(ServiceRun(target.kind, target.identifier, identifier), client)
        return None

    def begin(self, call: JobCall) -> RemoteRun:
        target = self._target()
        layout = Layout.here()
        # A local path would lie on a node of the cluster, where nobody finds the results
        S3Location.of(call.output_path, "output_path")
        # EMR shows the words of a job to everyone, so secrets are refused before anything is uploaded
        options, other_words = split_options(self.spark_options)
        if other_words:
            raise BadConfiguration(f"spark_options has {other_words[0]!r}, which is no option of spark-submit")
        refuse_secrets([*flag_words(call.flags), *self.spark_options])
        # Memory of the executors, and the files that the job needs
        remarks: list[str] = []
        settings = own_settings(layout, self.columns, "yarn", spark_settings(options), remarks)
        package = provide_zip(layout.package, cache_directory(os.environ))
        driver = layout.job_file(call.job, layout.root)
        for remark in remarks:
            log.info("%s", remark)
        # Only from here on AWS is asked: which Spark it runs decides on the JAR
        with self._error_sentences(target):
            client = self._client()
            jar = None
            if layout.needs_deequ(driver):
                jar = get_jar(get_spark_line(target, client), os.environ)
            upload_set = UploadSet.of(target, driver, package, jar)
            for file in upload_set.upload(_s3_client(self.aws_conn_id), _get_encryption(call)):
                log.info("put %s to %s", file.path.name, file.uri)
            # On EMR Serverless the token makes a request that is sent twice start one run
            token = str(uuid.uuid4())
            request = build_request(target, upload_set, settings, options, call.words, name=call.name, token=token)
            run = ServiceRun.started(target.kind, client, request)
        log.info("started %s %s of %s", target.kind.value, run.identifier, run.target_id)
        return self._remote_run(run, client)

    def _remote_run(self, run: ServiceRun, client: BaseClient) -> RemoteRun:
        return RemoteRun(run, client, partial(self._cancel, client, run))

    @contextmanager
    def _error_sentences(self, target: Target) -> Iterator[None]:
        with needing("EMR needs Airflow's Amazon provider; install it: pip install apache-airflow-providers-amazon"):
            import airflow.providers.amazon  # noqa: F401 - the sentence about boto3 would be the wrong one here
        # The same sentences as of the command line
        with error_sentences(target):
            yield


@dataclass(frozen=True, kw_only=True)
class EmrCluster(_OnEmr):
    """Steps of a running cluster.

    package_location: the S3 location of the files that jobs need. environment: an archive of Python's environment, here or
    on S3, None if the cluster has all libraries. columns: number of columns in the data, which sizes the executors' memory.

    Examples
    --------
    >>> from spark_model_monitor.airflow import EmrCluster
    >>> place = EmrCluster(cluster_id="j-2AXXXXXXGAPLF", package_location="s3://bucket/package")
    """

    cluster_id: str

    def _target(self) -> Target:
        package = S3Location.of(self.package_location, "package_location")
        return Target(ServiceKind.EMR, self.cluster_id, package, environment=self.environment)

    def _client(self) -> BaseClient:
        from airflow.providers.amazon.aws.hooks.emr import EmrHook

        return EmrHook(aws_conn_id=self.aws_conn_id).conn

    def _live_runs(self, client: BaseClient) -> Iterator[tuple[str, str]]:
        states = ["PENDING", "RUNNING"]
        for page in client.get_paginator("list_steps").paginate(ClusterId=self.cluster_id, StepStates=states):
            yield from ((step["Name"], step["Id"]) for step in page["Steps"])

    def _cancel(self, client: BaseClient, run: ServiceRun) -> None:
        client.cancel_steps(
            ClusterId=run.target_id, StepIds=[run.identifier], StepCancellationOption="TERMINATE_PROCESS"
        )


@dataclass(frozen=True, kw_only=True)
class EmrServerless(_OnEmr):
    """Job runs of an application. execution_role: ARN of the role that they run as. The others as in `EmrCluster`.

    Examples
    --------
    >>> from spark_model_monitor.airflow import EmrServerless
    >>> place = EmrServerless(
    ...     application_id="00f1r3l2ab0cd901",
    ...     execution_role="arn:aws:iam::123456789012:role/monitoring",
    ...     package_location="s3://bucket/package",
    ... )
    """

    application_id: str
    execution_role: str

    def _target(self) -> Target:
        package = S3Location.of(self.package_location, "package_location")
        return Target(ServiceKind.SERVERLESS, self.application_id, package, self.execution_role, self.environment)

    def _client(self) -> BaseClient:
        from airflow.providers.amazon.aws.hooks.emr import EmrServerlessHook

        return EmrServerlessHook(aws_conn_id=self.aws_conn_id).conn

    def _live_runs(self, client: BaseClient) -> Iterator[tuple[str, str]]:
        states = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]
        for page in client.get_paginator("list_job_runs").paginate(applicationId=self.application_id, states=states):
            yield from ((run.get("name", ""), run["id"]) for run in page["jobRuns"])

    def _cancel(self, client: BaseClient, run: ServiceRun) -> None:
        client.cancel_job_run(applicationId=run.target_id, jobRunId=run.identifier)


class RemoteRun:
    """A step or job run that is followed until it has ended."""

    def __init__(self, run: ServiceRun, client: BaseClient, cancel: Callable[[], None]) -> None:
        self.run = run
        self._client = client
        self._cancel = cancel

    def wait(self) -> None:
        """The job's message has the result; the service reports only success or failure."""
        state = self.run.wait(self._client)
        if state.reason:
            log.info("%s %s: %s", self.run.kind.value, self.run.identifier, state.reason)

    def stop(self) -> None:
        if self.run.state(self._client).name not in SUCCEEDED_STATES[self.run.kind] + FAILED_STATES[self.run.kind]:
            self._cancel()


def _s3_client(aws_conn_id: str | None) -> BaseClient:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(aws_conn_id=aws_conn_id).conn


def _get_encryption(call: JobCall) -> dict[str, str]:
    """The package is encrypted like the results. Raises BadConfiguration for an unknown kind of encryption."""
    encryption = call.flags.get("s3_encryption")
    kinds = {kind.value.lower(): kind for kind in S3Encryption}
    # As the job itself reads it, without regard to case
    if encryption is not None and encryption.lower() not in kinds:
        names = ", ".join(kind.value for kind in S3Encryption)
        raise BadConfiguration(f"flags has s3_encryption={encryption!r}; it is one of: {names}")
    return upload_arguments(kinds[encryption.lower()] if encryption else None, call.flags.get("s3_kms_key"))
