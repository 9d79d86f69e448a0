"""The SDK's objects for a started job, and the baselining jobs of all monitors."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from spark_model_monitor.documents.alert_files import Decision
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.reports.history.decisions import accept
from spark_model_monitor.reports.outputs.run_files import CONSTRAINTS, STATISTICS, VIOLATIONS
from spark_model_monitor.sagemaker import local_jobs
from spark_model_monitor.sagemaker.definitions import IMAGE, PUBLISH
from spark_model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput, ProcessingOutput
from spark_model_monitor.sagemaker.local_jobs import JOBS
from spark_model_monitor.sagemaker.monitoring_files import (
    Constraints,
    ConstraintViolations,
    SdkSession,
    Statistics,
    absolute,
    default_prefix,
    locate,
)
from spark_model_monitor.sagemaker.sdk import make_getattr
from spark_model_monitor.storage import join

log = logging.getLogger(__name__)

BASELINING_JOB = "baseline-suggestion-job"  # the beginning of a job's name, as in the SDK

ENCRYPTION = "MODEL_MONITOR_S3_ENCRYPTION"  # the job's variable for how files in S3 are encrypted

WITHOUT_EFFECT = (
    "role",
    "instance_count",
    "instance_type",
    "volume_size_in_gb",
    "volume_kms_key",
    "max_runtime_in_seconds",
    "tags",
    "network_config",
)
"""Arguments that only a managed service uses."""

J = TypeVar("J", bound="ProcessingJob")
E = TypeVar("E", bound="MonitoringExecution")


@dataclass(eq=False)
class ProcessingJob:
    """A job by its name. output_kms_key: kept, not used."""

    sagemaker_session: SdkSession
    job_name: str
    inputs: Sequence[ProcessingInput]
    outputs: Sequence[ProcessingOutput]
    output_kms_key: str | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return self.job_name

    @property
    def arn(self) -> str:
        """A stand-in for the job's ARN."""
        return f"{local_jobs.ARN}:processing-job/{self.job_name}"

    # The names in the SDK's third version.

    processing_job_name = name
    processing_job_arn = arn

    @property
    def processing_job_status(self) -> str:
        """Its current status: InProgress, Completed, Failed or Stopped."""
        return str(self.describe()["ProcessingJobStatus"])

    @property
    def exit_message(self) -> str | None:
        """Its exit message; None while it runs."""
        return self.describe().get("ExitMessage")

    def refresh(self: J) -> J:
        """The job itself, whose status is looked up on each access."""
        return self

    def wait(self, logs: bool = True) -> None:
        """Wait until it has ended. logs: show its log meanwhile.

        Raises JobFailed if it did not complete.
        """
        local_jobs.wait(self.job_name, sys.stdout if logs else None)

    def describe(self) -> ApiMembers:
        """The API's DescribeProcessingJob: `ProcessingJobStatus`, `ExitMessage`, ….

        Raises BadInput if there is no such job.
        """
        return local_jobs.describe(self.job_name)

    def stop(self) -> None:
        """End it if it is running."""
        local_jobs.stop(self.job_name)

    @classmethod
    def from_processing_name(cls: type[J], sagemaker_session: SdkSession, processing_job_name: str) -> J:
        """The job of this name.

        Raises BadInput if there is none.
        """
        inputs, job_outputs = read_inputs_and_outputs(local_jobs.describe(processing_job_name))
        return cls(sagemaker_session, processing_job_name, inputs, job_outputs)

    @classmethod
    def from_processing_arn(cls: type[J], sagemaker_session: SdkSession, processing_job_arn: str) -> J:
        """The job of this ARN, as `describe` gives it.

        Raises BadInput if there is none.
        """
        return cls.from_processing_name(sagemaker_session, local_jobs.parse_job_arn(processing_job_arn))

    def file(self, name: str) -> str:
        """The location of one of its files."""
        return join(self.outputs[0].destination, name)


class BaseliningJob(ProcessingJob):
    """A job that made a baseline."""

    @classmethod
    def from_processing_job(cls, processing_job: ProcessingJob) -> BaseliningJob:
        """The same job."""
        job = processing_job
        return cls(job.sagemaker_session, job.job_name, job.inputs, job.outputs, job.output_kms_key)

    def baseline_statistics(self, file_name: str = STATISTICS, kms_key: str | None = None) -> Statistics:
        """statistics.json of the baseline. Raises BadInput if it doesn't exist, as before the job has completed."""
        return Statistics.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def suggested_constraints(self, file_name: str = CONSTRAINTS, kms_key: str | None = None) -> Constraints:
        """constraints.json of the baseline. Raises BadInput if it doesn't exist, as before the job has completed."""
        return Constraints.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)


class MonitoringExecution(ProcessingJob):
    """One run of a schedule. output: the location of its results."""

    def __init__(
        self,
        sagemaker_session: SdkSession,
        job_name: str,
        inputs: Sequence[ProcessingInput],
        output: ProcessingOutput,
        output_kms_key: str | None = None,
    ) -> None:
        self.output = output
        super().__init__(sagemaker_session, job_name, inputs, [output], output_kms_key)

    @classmethod
    def from_processing_name(cls: type[E], sagemaker_session: SdkSession, processing_job_name: str) -> E:
        """The run of this name.

        Raises BadInput if there is none.
        """
        inputs, job_outputs = read_inputs_and_outputs(local_jobs.describe(processing_job_name))
        # A run writes all of its results to one location
        return cls(sagemaker_session, processing_job_name, inputs, job_outputs[0])

    def statistics(self, file_name: str = STATISTICS, kms_key: str | None = None) -> Statistics:
        """statistics.json of the window. Raises BadInput if it doesn't exist, as after a failed run."""
        return Statistics.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def constraint_violations(self, file_name: str = VIOLATIONS, kms_key: str | None = None) -> ConstraintViolations:
        """constraint_violations.json of the window. Raises BadInput if it doesn't exist, as after a failed run."""
        return ConstraintViolations.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def accept(self, features: Sequence[str] = (), by: str | None = None, why: str | None = None) -> Decision:
        """Say that its alarms are fine, or those of some features; not in the SDK. by, why: who says so, and the reason.

        Raises BadInput if its results are not there, BadConfiguration if it has no such violation.
        """
        return accept(locate(self.output.destination), features, by=by, why=why)


def read_inputs_and_outputs(description: ApiAnswer) -> tuple[list[ProcessingInput], list[ProcessingOutput]]:
    """The inputs and outputs in a job's request or description. Raises KeyError if one of them lacks a member."""
    inputs = [
        ProcessingInput(member["S3Input"]["S3Uri"], member["S3Input"]["LocalPath"], member["InputName"])
        for member in description.get("ProcessingInputs", ())
    ]
    # A job may have no outputs
    job_outputs = [
        ProcessingOutput(member["S3Output"]["LocalPath"], member["S3Output"]["S3Uri"], member["OutputName"])
        for member in description.get("ProcessingOutputConfig", {}).get("Outputs", ())
    ]
    return inputs, job_outputs


@dataclass(eq=False, repr=False)
class BaselinedMonitor:
    """A monitor with its baselining jobs.

    env: variables for every job; some change how this package runs it, such as `MODEL_MONITOR_COMPAT`.
    output_kms_key: jobs encrypt with it what they write to S3, unless `env` says how.
    The parameters in `WITHOUT_EFFECT` are accepted, but no job here uses them; this is logged once.
    """

    role: str | None = None
    instance_count: int | None = 1
    instance_type: str | None = "ml.m5.xlarge"
    volume_size_in_gb: int = 30
    volume_kms_key: str | None = None
    output_kms_key: str | None = None
    max_runtime_in_seconds: int | None = None
    base_job_name: str | None = None
    sagemaker_session: SdkSession = None
    env: dict[str, str] | None = None
    tags: Any = None
    network_config: Any = None

    # Attributes of the SDK's monitors about the container, which have no meaning here, because jobs are processes
    image_uri = IMAGE
    entrypoint: ClassVar[list[str] | None] = None
    arguments: ClassVar[list[str] | None] = None

    def __post_init__(self) -> None:
        self.baselining_jobs: list[BaseliningJob] = []
        self.latest_baselining_job: BaseliningJob | None = None
        self.latest_baselining_job_name: str | None = None
        # A variable that the user has set has priority over the key
        if self.output_kms_key and ENCRYPTION not in (self.env or {}):
            encryption = {ENCRYPTION: "SSE-KMS", "MODEL_MONITOR_S3_KMS_KEY": self.output_kms_key}
            self.env = {**(self.env or {}), **encryption}
        arguments = {name: getattr(self, name) for name in WITHOUT_EFFECT}
        ignored_arguments = [f"{name}={value!r}" for name, value in arguments.items() if value is not None]
        # These arguments are logged once and not refused, because every notebook has an instance type, which has no effect here
        if ignored_arguments:
            log.info("without effect on jobs of ours: %s", ", ".join(ignored_arguments))

    def baseline_statistics(self, file_name: str = STATISTICS) -> Statistics:
        """statistics.json of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._get_baselining_job().baseline_statistics(file_name)

    def suggested_constraints(self, file_name: str = CONSTRAINTS) -> Constraints:
        """constraints.json of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._get_baselining_job().suggested_constraints(file_name)

    def describe_latest_baselining_job(self) -> ApiMembers:
        """The API's description of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._get_baselining_job().describe()

    def _start_baselining_job(
        self, job_name: str | None, output: str | None, variables: Mapping[str, str | None], *, wait: bool, logs: bool
    ) -> ProcessingJob:
        """Start a baselining job. variables: the job's variables, except the location of its results."""
        name = job_name or make_job_name(self.base_job_name or BASELINING_JOB)
        # As in the service, a second job with the same name is refused; it would overwrite the first job's record
        if JOBS.exists(name):
            raise BadConfiguration(f"job_name is {name!r}, which there is already; name another one, or none")
        destination = output or join(default_prefix(self.sagemaker_session), "baselining", name, "results")
        # Later members replace earlier ones, so the monitor's environment can't change what this job reads or where it writes
        job_variables = {
            **(self.env or {}),
            **{key: text for key, text in variables.items() if text},
            PUBLISH: "Disabled",  # as in the SDK, baselines publish no metrics
            "output_path": absolute(destination),
        }
        # Input and output have the SDK's names, because notebooks look them up by these names
        inputs = local_jobs.list_inputs("baseline_dataset_input", job_variables)
        local_jobs.start("baseline", name, job_variables, inputs)
        processing_output = ProcessingOutput(str(CONTAINER / "output"), destination, "monitoring_output")
        job = BaseliningJob(self.sagemaker_session, name, inputs, [processing_output], self.output_kms_key)
        self.latest_baselining_job_name = name
        self.latest_baselining_job = job
        self.baselining_jobs.append(job)
        # The job is added before the wait, so that users can examine it if it fails
        if wait:
            job.wait(logs=logs)
        return job

    def _get_baselining_job(self) -> BaseliningJob:
        if self.latest_baselining_job is None:
            raise BadConfiguration("there is no baselining job yet; start one by suggest_baseline")
        return self.latest_baselining_job


def make_job_name(base: str) -> str:
    """A unique name for a job or a schedule: a prefix, the time, and four digits."""
    return f"{base}-{local_jobs.now():%Y-%m-%d-%H-%M-%S}-{uuid.uuid4().hex[:4]}"


__getattr__ = make_getattr("processing")
