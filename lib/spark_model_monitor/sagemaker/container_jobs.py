"""Processing jobs with one of the service's images, run as jobs of ours: `Processor`, and the API's CreateProcessingJob.

A container reads variables whose paths are its own, and the request says what is mounted there (C1.1 to C1.4); a job of ours
gets the locations instead.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import require_image
from spark_model_monitor.running.configuration.reading import read_sources
from spark_model_monitor.sagemaker import local_jobs
from spark_model_monitor.sagemaker.analyses import model_variables
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput, ProcessingOutput
from spark_model_monitor.sagemaker.monitoring_files import absolute, default_prefix, read_text
from spark_model_monitor.sagemaker.processing import ProcessingJob, make_job_name
from spark_model_monitor.spark.container import ANALYSED_DATA, ANALYSIS_CONFIG, OUTPUT, choose_job
from spark_model_monitor.storage import join

log = logging.getLogger(__name__)

_ROOT = PurePosixPath("/")


@dataclass(frozen=True)
class Mount:
    """A folder of the container, and the location that is mounted there."""

    folder: PurePosixPath
    location: str


def start_processing_job(request: Mapping[str, Any]) -> str:
    """Start the job of a request in the form of the API's CreateProcessingJob; returns its ARN.

    Raises BadConfiguration for a name that is taken, an image that isn't the service's, and a path that nothing is mounted at.
    """
    name = str(_get_member(request, "ProcessingJobName", "the request"))
    if local_jobs.exists(local_jobs.JOBS, name):
        raise BadConfiguration(f"there is a processing job {name!r} already; name another one")
    application = _get_member(request, "AppSpecification", name)
    require_image(str(_get_member(application, "ImageUri", f"AppSpecification of {name}")))
    if ignored := [member for member in ("ContainerEntrypoint", "ContainerArguments") if application.get(member)]:
        log.info("without effect on jobs of ours: %s", ", ".join(ignored))
    inputs = [_read_input(member, name) for member in request.get("ProcessingInputs", ())]
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", ())
    mounts = [Mount(PurePosixPath(item.destination), item.source) for item in inputs]
    for output in outputs:
        s3_output = _get_member(output, "S3Output", f"an output of {name}")
        mounts.append(Mount(PurePosixPath(s3_output["LocalPath"]), s3_output["S3Uri"]))
    variables = locate_variables(request.get("Environment", {}), mounts)
    local_jobs.start(choose_job(read_sources([], variables)), name, variables, inputs, request)
    return f"{local_jobs.ARN}:processing-job/{name}"


def locate_variables(environment: Mapping[str, str], mounts: Sequence[Mount]) -> dict[str, str]:
    """A container's variables, with the location in place of each path of its own.

    Raises BadConfiguration for a path that nothing is mounted at, and without data or a place for the results.
    """
    variables = dict(environment)
    if "dataset_source" not in variables:
        variables |= _derive_variables(mounts)
    for name in local_jobs.PATHS:
        path = PurePosixPath(variables.get(name, ""))
        if path.is_relative_to(CONTAINER):
            variables[name] = _locate(name, path, mounts)
    if missing := [name for name in ("dataset_source", "output_path") if not variables.get(name)]:
        raise BadConfiguration(
            f"the job's Environment has no {' and no '.join(missing)}; its image reads them from there"
        )
    return variables


def _derive_variables(mounts: Sequence[Mount]) -> dict[str, str]:
    """What a container of Clarify's layout finds at fixed paths, for which it gets no variables; empty for any other."""
    path = _ROOT / ANALYSIS_CONFIG
    if not any(path.is_relative_to(mount.folder) for mount in mounts):
        return {}
    location = _locate("analysis_config", path, mounts)
    config = json.loads(read_text(location, None))
    if {"shap", "pdp"} & set(config["methods"]):
        analysis = AnalysisType.MODEL_EXPLAINABILITY
    else:
        analysis = AnalysisType.MODEL_BIAS
    return {
        "analysis_type": analysis.value,
        "MODEL_MONITOR_ANALYSIS_CONFIG": location,
        "dataset_source": str(_ROOT / ANALYSED_DATA),
        "output_path": str(_ROOT / OUTPUT),
        **model_variables(config),
    }


def _locate(name: str, path: PurePosixPath, mounts: Sequence[Mount]) -> str:
    """The location of a path in the container: of the innermost mount around it, else of the only one below it."""
    around = [mount for mount in mounts if path.is_relative_to(mount.folder)]
    if around:
        mount = max(around, key=lambda candidate: len(candidate.folder.parts))
        below = path.relative_to(mount.folder)
        is_mounted_file = mount.location.endswith(f"/{below}") and below.suffix != ""
        if not below.parts or is_mounted_file:
            return mount.location
        return join(mount.location, str(below))
    inside = [mount for mount in mounts if mount.folder.is_relative_to(path)]
    if len(inside) == 1:
        return inside[0].location
    if inside:
        raise BadConfiguration(
            f"{name} is {path}, below which {len(inside)} inputs are mounted; start a job for each, or mount the folder "
            "above them"
        )
    mounted = ", ".join(str(mount.folder) for mount in mounts) or "nothing"
    raise BadConfiguration(f"{name} is {path}, where nothing is mounted; inputs and outputs have {mounted}")


def _read_input(member: Mapping[str, Any], name: str) -> ProcessingInput:
    s3_input = _get_member(member, "S3Input", f"input {member.get('InputName', '')} of {name}")
    return ProcessingInput(s3_input["S3Uri"], s3_input["LocalPath"], member.get("InputName"))


def _get_member(members: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in members:
        raise BadConfiguration(f"{where} has no {name}")
    return members[name]


@dataclass(eq=False, repr=False)
class Processor:
    """Runs processing jobs with the service's images. What only a managed service needs is accepted and without effect."""

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
        request = {
            "ProcessingJobName": name,
            "ProcessingInputs": [_describe_input(item, number) for number, item in enumerate(inputs or (), 1)],
            "ProcessingOutputConfig": {
                "Outputs": [self._describe_output(item, number, name) for number, item in enumerate(outputs or (), 1)]
            },
            "AppSpecification": drop_missing(
                ImageUri=image, ContainerEntrypoint=self.entrypoint, ContainerArguments=arguments
            ),
            "Environment": dict(self.env or {}),
        }
        start_processing_job(request)
        self.latest_job = ProcessingJob.from_processing_name(self.sagemaker_session, name)
        self.jobs.append(self.latest_job)
        if wait:
            self.latest_job.wait(logs=logs)

    def _describe_output(self, output: Any, number: int, job: str) -> dict[str, Any]:
        """An output, ours or the SDK's own, as the API has it; without a destination below the default prefix, as in the SDK."""
        name = output.output_name or f"output-{number}"
        folder = output.destination or join(default_prefix(self.sagemaker_session), job, "output", name)
        return ProcessingOutput(output.source, absolute(folder), name).request()


def _describe_input(item: Any, number: int) -> dict[str, Any]:
    """An input, ours or the SDK's own, as the API has it."""
    return ProcessingInput(absolute(item.source), item.destination, item.input_name).request(number)
