"""A job that was started, as the SDK's objects: its state, and the files that it left."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from model_monitor.documents.check_results import Decision
from model_monitor.reports.history.decisions import accept
from model_monitor.reports.outputs.files import CONSTRAINTS, STATISTICS, VIOLATIONS
from model_monitor.sagemaker import local_jobs
from model_monitor.sagemaker.inputs import ProcessingInput, ProcessingOutput
from model_monitor.sagemaker.locations import located
from model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations, Statistics
from model_monitor.storage import join

J = TypeVar("J", bound="ProcessingJob")
E = TypeVar("E", bound="MonitoringExecution")


@dataclass(eq=False)
class ProcessingJob:
    """A job by its name. output_kms_key: kept, not used."""

    sagemaker_session: Any
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
        """What stands for the job's ARN."""
        return f"{local_jobs.ARN}:processing-job/{self.job_name}"

    def wait(self, logs: bool = True) -> None:
        """Wait until it has ended. logs: show its log meanwhile.

        Raises JobFailed if it did not complete.
        """
        local_jobs.wait(self.job_name, sys.stdout if logs else None)

    def describe(self) -> dict[str, Any]:
        """What the API's DescribeProcessingJob would say: `ProcessingJobStatus`, `ExitMessage`, ….

        Raises BadInput if there is no such job.
        """
        return local_jobs.describe(self.job_name)

    def stop(self) -> None:
        """End it if it is running."""
        local_jobs.stop(self.job_name)

    @classmethod
    def from_processing_name(cls: type[J], sagemaker_session: Any, processing_job_name: str) -> J:
        """The job of this name.

        Raises BadInput if there is none.
        """
        return cls(
            sagemaker_session, processing_job_name, *_inputs_and_outputs(local_jobs.describe(processing_job_name))
        )

    @classmethod
    def from_processing_arn(cls: type[J], sagemaker_session: Any, processing_job_arn: str) -> J:
        """The job of this ARN, as `describe` gives it.

        Raises BadInput if there is none.
        """
        return cls.from_processing_name(sagemaker_session, local_jobs.job_of_arn(processing_job_arn))

    def file(self, name: str) -> str:
        """The place of one of its files."""
        return join(self.outputs[0].destination, name)


class BaseliningJob(ProcessingJob):
    """A job that made a baseline."""

    @classmethod
    def from_processing_job(cls, processing_job: ProcessingJob) -> BaseliningJob:
        """The same job."""
        return cls(
            processing_job.sagemaker_session,
            processing_job.job_name,
            processing_job.inputs,
            processing_job.outputs,
            processing_job.output_kms_key,
        )

    def baseline_statistics(self, file_name: str = STATISTICS, kms_key: str | None = None) -> Statistics:
        """statistics.json of the baseline. Raises BadInput if it is not there, as before the job has completed."""
        return Statistics.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def suggested_constraints(self, file_name: str = CONSTRAINTS, kms_key: str | None = None) -> Constraints:
        """constraints.json of the baseline. Raises BadInput if it is not there, as before the job has completed."""
        return Constraints.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)


class MonitoringExecution(ProcessingJob):
    """One run of a schedule. output: the place of its results."""

    def __init__(
        self,
        sagemaker_session: Any,
        job_name: str,
        inputs: Sequence[ProcessingInput],
        output: ProcessingOutput,
        output_kms_key: str | None = None,
    ) -> None:
        self.output = output
        super().__init__(sagemaker_session, job_name, inputs, [output], output_kms_key)

    @classmethod
    def from_processing_name(cls: type[E], sagemaker_session: Any, processing_job_name: str) -> E:
        """The run of this name.

        Raises BadInput if there is none.
        """
        inputs, outputs = _inputs_and_outputs(local_jobs.describe(processing_job_name))
        return cls(sagemaker_session, processing_job_name, inputs, outputs[0])

    def statistics(self, file_name: str = STATISTICS, kms_key: str | None = None) -> Statistics:
        """statistics.json of the window. Raises BadInput if it is not there, as after a run that failed."""
        return Statistics.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def constraint_violations(self, file_name: str = VIOLATIONS, kms_key: str | None = None) -> ConstraintViolations:
        """constraint_violations.json of the window. Raises BadInput if it is not there, as after a run that failed."""
        return ConstraintViolations.from_s3_uri(self.file(file_name), kms_key, self.sagemaker_session)

    def accept(self, features: Sequence[str] = (), by: str | None = None, why: str | None = None) -> Decision:
        """Say that its alarms are fine, or those of some features; not in the SDK. by, why: who says so, and the reason.

        Raises BadInput if its results are not there, BadConfiguration if it has no such violation.
        """
        return accept(located(self.output.destination), features, by=by, why=why)


def _inputs_and_outputs(description: Mapping[str, Any]) -> tuple[list[ProcessingInput], list[ProcessingOutput]]:
    inputs = [
        ProcessingInput(each["S3Input"]["S3Uri"], each["S3Input"]["LocalPath"], each["InputName"])
        for each in description["ProcessingInputs"]
    ]
    outputs = [
        ProcessingOutput(each["S3Output"]["LocalPath"], each["S3Output"]["S3Uri"], each["OutputName"])
        for each in description["ProcessingOutputConfig"]["Outputs"]
    ]
    return inputs, outputs
