"""What all monitors of the SDK can be told, and the baselines that they make."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.reports.outputs.files import CONSTRAINTS, STATISTICS
from model_monitor.sagemaker import local_jobs, records
from model_monitor.sagemaker.definitions import PUBLISH
from model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput, ProcessingOutput
from model_monitor.sagemaker.locations import default_prefix, located
from model_monitor.sagemaker.monitoring_files import Constraints, Statistics
from model_monitor.sagemaker.processing import BaseliningJob, ProcessingJob
from model_monitor.storage import join

log = logging.getLogger(__name__)

BASELINING_JOB = "baseline-suggestion-job"

ENCRYPTION = "MODEL_MONITOR_S3_ENCRYPTION"

WITHOUT_EFFECT = (
    *("role", "instance_count", "instance_type", "volume_size_in_gb", "volume_kms_key"),
    *("max_runtime_in_seconds", "tags", "network_config"),
)
"""What a managed service alone has a use for."""


@dataclass(eq=False, repr=False)
class BaselinedMonitor:
    """A monitor with its baselining jobs.

    env: variables for every job, those of ours too (`MODEL_MONITOR_COMPAT`). output_kms_key: what jobs write to S3 is encrypted
    with it, unless `env` says how. role, instances, the volume's key, tags, network and the longest run time are accepted; no
    job of ours has a use for them, which is logged once.
    """

    role: str | None = None
    instance_count: int = 1
    instance_type: str = "ml.m5.xlarge"
    volume_size_in_gb: int = 30
    volume_kms_key: str | None = None
    output_kms_key: str | None = None
    max_runtime_in_seconds: int | None = None
    base_job_name: str | None = None
    sagemaker_session: Any = None
    env: dict[str, str] | None = None
    tags: Any = None
    network_config: Any = None

    def __post_init__(self) -> None:
        self.baselining_jobs: list[BaseliningJob] = []
        self.latest_baselining_job: BaseliningJob | None = None
        self.latest_baselining_job_name: str | None = None
        if self.output_kms_key:
            encryption = {ENCRYPTION: "SSE-KMS", "MODEL_MONITOR_S3_KMS_KEY": self.output_kms_key}
            self.env = self.env if ENCRYPTION in (self.env or {}) else {**(self.env or {}), **encryption}
        given = [f"{name}={value!r}" for name in WITHOUT_EFFECT if (value := getattr(self, name)) is not None]
        if given:
            log.info("without effect on jobs of ours: %s", ", ".join(given))

    def baseline_statistics(self, file_name: str = STATISTICS) -> Statistics:
        """statistics.json of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._baselining_job().baseline_statistics(file_name)

    def suggested_constraints(self, file_name: str = CONSTRAINTS) -> Constraints:
        """constraints.json of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._baselining_job().suggested_constraints(file_name)

    def describe_latest_baselining_job(self) -> dict[str, Any]:
        """What the API would say of the latest baselining job. Raises BadConfiguration if there was none."""
        return self._baselining_job().describe()

    def _baseline(
        self, job_name: str | None, output: str | None, variables: Mapping[str, str | None], *, wait: bool, logs: bool
    ) -> ProcessingJob:
        """Start a baselining job. variables: without the place of its results."""
        name = job_name or named_after(self.base_job_name or BASELINING_JOB)
        if records.exists(records.JOBS, name):
            raise BadConfiguration(f"job_name is {name!r}, which there is already; name another one, or none")
        destination = output or join(default_prefix(self.sagemaker_session), "baselining", name, "results")
        told = {
            **(self.env or {}),
            **{key: text for key, text in variables.items() if text},
            PUBLISH: "Disabled",  # as the SDK has it for baselines
            "output_path": located(destination),
        }
        source = ProcessingInput(told["dataset_source"], str(CONTAINER / "input"), "baseline_dataset_input")
        local_jobs.start("baseline", name, told, [source])
        place = ProcessingOutput(str(CONTAINER / "output"), destination, "monitoring_output")
        job = BaseliningJob(self.sagemaker_session, name, [source], [place], self.output_kms_key)
        self.latest_baselining_job_name, self.latest_baselining_job = name, job
        self.baselining_jobs.append(job)
        if wait:
            job.wait(logs=logs)
        return job

    def _baselining_job(self) -> BaseliningJob:
        if self.latest_baselining_job is None:
            raise BadConfiguration("there is no baselining job yet; start one by suggest_baseline")
        return self.latest_baselining_job


def named_after(base: str) -> str:
    """A name of its own for a job or a schedule: what it is, when it was made, four digits."""
    return f"{base}-{records.now():%Y-%m-%d-%H-%M-%S}-{uuid.uuid4().hex[:4]}"
