"""A job as a step of an EMR cluster or a job run of an EMR Serverless application, by the clients of Airflow's connections.

The package, Deequ's JAR and the driver are uploaded to S3 like `./spark-submit.sh --target …` does. A retry first looks for
the run of an earlier attempt, by the name that all attempts share, so that no second run is started.
"""

from __future__ import annotations

import logging
import os
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spark_model_monitor.airflow.job_locations import JobCall, Location, open_aws_client
from spark_model_monitor.errors import BadConfiguration, explain_missing_import
from spark_model_monitor.integrations.emr.emr_outcomes import error_sentences, refuse_secrets
from spark_model_monitor.integrations.emr.emr_runs import (
    ServiceRun,
    build_request,
    find_live_run,
    get_jar,
    get_spark_line,
)
from spark_model_monitor.integrations.emr.emr_uploads import UploadSet
from spark_model_monitor.running.configuration.command_line import read_name
from spark_model_monitor.running.configuration.encryption import S3Encryption, upload_arguments
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import S3Location, ServiceKind, Target, spark_settings, split_options
from spark_model_monitor.spark.launch.spark_command import own_settings

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _EmrLocation(Location):
    package_location: str
    environment: str | None = None
    columns: int = 1000

    @property
    @abstractmethod
    def target(self) -> Target: ...

    @property
    def package(self) -> S3Location:
        return S3Location.of(self.package_location, "package_location")

    def _client(self) -> BaseClient:
        return open_aws_client(self.target.kind.value, self.aws_conn_id)

    def find_run(self, call: JobCall) -> RemoteRun | None:
        with self._error_sentences():
            client = self._client()
            # The name is the same in every attempt of a task's run, and in no other run
            run = find_live_run(self.target, client, call.name)
        if run is None:
            return None
        return RemoteRun(run, client)

    def begin(self, call: JobCall) -> RemoteRun:
        target = self.target
        layout = Layout.here()
        # A local path would lie on a node of the cluster, where nobody finds the results
        S3Location.of(call.output_path, "output_path")
        # EMR shows the words of a job to everyone, so secrets are refused before anything is uploaded
        options, other_arguments = split_options(self.spark_options)
        if other_arguments:
            raise BadConfiguration(f"spark_options has {other_arguments[0]!r}, which is no option of spark-submit")
        refuse_secrets([*call.arguments, *self.spark_options])
        # Memory of the executors, and the files that the job needs
        remarks: list[str] = []
        settings = own_settings(layout, self.columns, "yarn", spark_settings(options), remarks)
        package = provide_zip(layout.package, cache_directory(os.environ))
        driver = layout.job_file(call.job, layout.root)
        for remark in remarks:
            log.info("%s", remark)
        # AWS is called only from here on; its version of Spark decides on the JAR
        with self._error_sentences():
            client = self._client()
            jar = None
            if layout.needs_deequ(driver):
                jar = get_jar(get_spark_line(target, client), os.environ)
            upload_set = UploadSet.of(target, driver, package, jar)
            for file in upload_set.upload(open_aws_client("s3", self.aws_conn_id), _get_encryption(call)):
                log.info("put %s to %s", file.path.name, file.uri)
            # On EMR Serverless the token makes a repeated request start one run only
            token = str(uuid.uuid4())
            request = build_request(target, upload_set, settings, options, call.arguments, name=call.name, token=token)
            run = ServiceRun.start(target.kind, client, request)
        log.info("started %s %s of %s", target.kind.value, run.identifier, run.target_id)
        return RemoteRun(run, client)

    @contextmanager
    def _error_sentences(self) -> Iterator[None]:
        with explain_missing_import(
            "EMR needs Airflow's Amazon provider; install it: pip install apache-airflow-providers-amazon"
        ):
            import airflow.providers.amazon  # noqa: F401 - the sentence about boto3 would be the wrong one here
        # Errors have the same sentences as on the command line
        with error_sentences(self.target):
            yield


@dataclass(frozen=True, kw_only=True)
class EmrCluster(_EmrLocation):
    """Steps of a running cluster.

    package_location: the S3 location of the files that jobs need. environment: an archive of Python's environment, here or
    on S3, None if the cluster has all libraries. columns: number of columns in the data, which sizes the executors' memory.

    Examples
    --------
    >>> from spark_model_monitor.airflow import EmrCluster
    >>> cluster = EmrCluster(cluster_id="j-2AXXXXXXGAPLF", package_location="s3://bucket/package")
    """

    cluster_id: str

    @property
    def target(self) -> Target:
        return Target(ServiceKind.EMR, self.cluster_id, self.package, environment=self.environment)


@dataclass(frozen=True, kw_only=True)
class EmrServerless(_EmrLocation):
    """Job runs of an application. execution_role: the ARN of the role that they run as. Other members: as in `EmrCluster`.

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

    @property
    def target(self) -> Target:
        return Target(ServiceKind.SERVERLESS, self.application_id, self.package, self.execution_role, self.environment)


class RemoteRun:
    """A step or job run that is followed until it has ended."""

    def __init__(self, run: ServiceRun, client: BaseClient) -> None:
        self.run = run
        self._client = client

    def wait(self) -> None:
        """Wait for the end of the run. The job's message has the result; the service reports only success or failure."""
        state = self.run.wait(self._client)
        if state.reason:
            log.info("%s %s: %s", self.run.kind.value, self.run.identifier, state.reason)

    def stop(self) -> None:
        self.run.cancel(self._client)


def _get_encryption(call: JobCall) -> dict[str, str]:
    """The arguments that encrypt the package like the results. Raises BadConfiguration for an unknown kind of encryption."""
    try:
        encryption = read_name(
            {encryption.value: encryption for encryption in S3Encryption}, call.flags.get("s3_encryption")
        )
    except ValueError as error:
        raise BadConfiguration(f"flags: s3_encryption {error}") from None
    return upload_arguments(encryption, call.flags.get("s3_kms_key"))
