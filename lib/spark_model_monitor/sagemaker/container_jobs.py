"""Processing jobs with one of the service's images, run as our jobs: `Processor`, and the API's CreateProcessingJob.

A container reads variables with paths inside the container, and the request says what is mounted there (C1.1 to C1.4). Our job
gets the mounted locations instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, require_image
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.sagemaker import local_jobs
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput, ProcessingOutput
from spark_model_monitor.sagemaker.local_jobs import JOBS
from spark_model_monitor.sagemaker.monitoring_files import absolute, default_prefix
from spark_model_monitor.sagemaker.processing import ProcessingJob, make_job_name, read_inputs_and_outputs
from spark_model_monitor.spark.container import choose_job
from spark_model_monitor.storage import join

Mounts = Mapping[PurePosixPath, str]  # by folder of the container: the location that is mounted there


def start_processing_job(request: ApiAnswer) -> str:
    """Start the job of a request in the form of the API's CreateProcessingJob; returns its ARN.

    Raises BadConfiguration for a name that is taken, an image that isn't the service's, and a path at which nothing is mounted.
    """
    try:
        name = request["ProcessingJobName"]
        image = request["AppSpecification"]["ImageUri"]
        inputs, job_outputs = read_inputs_and_outputs(request)
    except KeyError as error:
        raise BadConfiguration(f"the request has no {error.args[0]}") from error
    if JOBS.exists(name):
        raise BadConfiguration(f"there is a processing job {name!r} already; name another one")
    require_image(image)
    # The locations of inputs and of results, by their folders in the container
    mounts = {PurePosixPath(job_input.destination): job_input.source for job_input in inputs}
    mounts |= {PurePosixPath(job_output.source): job_output.destination for job_output in job_outputs}
    variables = locate_variables(request.get("Environment", {}), mounts)
    local_jobs.start(choose_job(read_sources([], variables)), name, variables, inputs, request)
    return f"{local_jobs.ARN}:processing-job/{name}"


def locate_variables(environment: Mapping[str, str], mounts: Mounts) -> dict[str, str]:
    """A container's variables, with the mounted location in place of each path in the container.

    Raises BadConfiguration for a path at which nothing is mounted, and if there is no data or no location for the results.
    """
    variables = dict(environment)
    # A value that isn't an absolute path is a location already, such as an s3:// URI
    for name in local_jobs.PATHS:
        path = PurePosixPath(variables.get(name, ""))
        if path.is_relative_to(CONTAINER):
            variables[name] = _locate(name, path, mounts)
    absent_names = [name for name in ("dataset_source", "output_path") if not variables.get(name)]
    if absent_names:
        raise BadConfiguration(
            f"the job's Environment has no {' and no '.join(absent_names)}; the analyzer's image reads them from there, and for "
            "Clarify's there is SageMakerClarifyProcessor"
        )
    return variables


def _locate(name: str, path: PurePosixPath, mounts: Mounts) -> str:
    """The location of a path in the container: by the innermost mount that contains it, otherwise by the only mount below it."""
    # A container resolves a path by the innermost mount that contains it
    outer_folders = [folder for folder in mounts if path.is_relative_to(folder)]
    if outer_folders:
        folder = max(outer_folders, key=lambda candidate: len(candidate.parts))
        below = path.relative_to(folder)
        # A file is mounted as a folder that contains the file
        is_mounted_file = mounts[folder].endswith(f"/{below}") and below.suffix != ""
        if not below.parts or is_mounted_file:
            return mounts[folder]
        return join(mounts[folder], str(below))
    # Public notebooks name a folder above the mounted hour
    inner_folders = [folder for folder in mounts if folder.is_relative_to(path)]
    if len(inner_folders) == 1:
        return mounts[inner_folders[0]]
    if inner_folders:
        raise BadConfiguration(
            f"{name} is {path}, below which {len(inner_folders)} inputs are mounted; start a job for each, or mount the "
            "folder above them"
        )
    folders = ", ".join(map(str, mounts)) or "nothing"
    raise BadConfiguration(f"{name} is {path}, where nothing is mounted; inputs and outputs have {folders}")


@dataclass(eq=False, repr=False)
class Processor:
    """Runs processing jobs with the service's images. What only a managed service needs is accepted and without effect.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import Processor
    >>> processor = Processor(role="any", image_uri="sagemaker-model-monitor-analyzer")
    """

    role: str | None = None
    image_uri: str | None = None
    instance_count: int | None = None
    instance_type: str | None = None
    entrypoint: list[str] | None = None
    volume_size_in_gb: int = 30
    volume_kms_key: str | None = None
    output_kms_key: str | None = None
    max_runtime_in_seconds: int | None = None
    base_job_name: str | None = None
    sagemaker_session: Any = None
    env: dict[str, str] | None = None
    tags: Any = None
    network_config: Any = None
    jobs: list[ProcessingJob] = field(default_factory=list, init=False)
    latest_job: ProcessingJob | None = field(default=None, init=False)
    arguments: list[str] | None = field(default=None, init=False)

    def run(
        self,
        inputs: list[ProcessingInput] | None = None,
        outputs: list[ProcessingOutput] | None = None,
        arguments: list[str] | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        experiment_config: dict[str, str] | None = None,
        kms_key: str | None = None,
    ) -> None:
        """Start a job; `latest_job` is it.

        Raises BadConfiguration for an image that isn't the service's, JobFailed if it was waited for and did not complete,
        ValueError, in the SDK's words, for logs of a job that isn't waited for.
        """
        if logs and not wait:
            raise ValueError(
                "Logs can only be shown if wait is set to True.\nPlease either set wait to True or set logs to False."
            )
        self.arguments = arguments
        image = self.image_uri or ""
        name = job_name or make_job_name(self.base_job_name or re.split("[:@]", image.rpartition("/")[2])[0])
        # The objects may be those of the SDK. As in the SDK, results without a destination go below the default prefix
        job_inputs = [
            ProcessingInput(absolute(sdk_input.source), sdk_input.destination, sdk_input.input_name)
            for sdk_input in inputs or ()
        ]
        output_requests = []
        for number, sdk_output in enumerate(outputs or (), 1):
            output_name = sdk_output.output_name or f"output-{number}"
            default_folder = join(default_prefix(self.sagemaker_session), name, "output", output_name)
            folder = absolute(sdk_output.destination or default_folder)
            output_requests.append(ProcessingOutput(sdk_output.source, folder, output_name).request())

        # The job is started by the same request as that of CreateProcessingJob
        application = drop_missing(ImageUri=image, ContainerEntrypoint=self.entrypoint, ContainerArguments=arguments)
        request = {
            "ProcessingJobName": name,
            "ProcessingInputs": [job_input.request(number) for number, job_input in enumerate(job_inputs, 1)],
            "ProcessingOutputConfig": {"Outputs": output_requests},
            "AppSpecification": application,
            "Environment": dict(self.env or {}),
        }
        start_processing_job(request)
        self.latest_job = ProcessingJob.from_processing_name(self.sagemaker_session, name)
        self.jobs.append(self.latest_job)
        if wait:
            self.latest_job.wait(logs=logs)
