"""What the SDK's monitors of analyses have in common: their configuration is a file, and they leave no statistics."""

from __future__ import annotations

import copy
import uuid
from typing import Any, Protocol

from model_monitor.errors import BadConfiguration
from model_monitor.reports.outputs.files import VIOLATIONS
from model_monitor.sagemaker.baselining import BASELINING_JOB, named_after
from model_monitor.sagemaker.clarify import ClarifyBaseliningJob, DataConfig, analysis_variables, write_config
from model_monitor.sagemaker.explanations import model_variables
from model_monitor.sagemaker.locations import absolute, default_prefix
from model_monitor.sagemaker.monitoring_files import ConstraintViolations
from model_monitor.sagemaker.processing import ProcessingJob
from model_monitor.sagemaker.schedules import ScheduledMonitor
from model_monitor.storage import join


class MonitorsConfig(Protocol):
    """A configuration of a monitor, member for member as the SDK writes it."""

    analysis_config: dict[str, Any]


class ClarifyMonitor(ScheduledMonitor):
    """A monitor of bias or of attributions."""

    _attributes: dict[str, Any] | None = None
    _config: MonitorsConfig | None = None

    def run_baseline(self, **_: Any) -> None:
        """Not here, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError("'.run_baseline()' is only allowed for ModelMonitor objects.")

    def latest_monitoring_statistics(self, **_: Any) -> None:
        """Not here: an analysis has no statistics.

        Raises NotImplementedError.
        """
        raise NotImplementedError("analysis.json is all that an analysis leaves")

    def latest_monitoring_constraint_violations(self, file_name: str = VIOLATIONS) -> ConstraintViolations | None:
        """constraint_violations.json of the latest run; None, with a warning, if there is no run. Runs what is due.

        Raises BadInput after a run without violations, which leaves no such file.
        """
        return self._latest_violations(file_name)

    def _analysed(
        self,
        data_config: DataConfig,
        config: dict[str, Any],
        of_schedules: MonitorsConfig,
        attributes: dict[str, Any],
        job_name: str | None,
        *,
        wait: bool,
        logs: bool,
    ) -> ProcessingJob:
        """Start a baselining job. of_schedules, attributes: what a schedule is told if it is not told otherwise."""
        name = job_name or named_after(self.base_job_name or BASELINING_JOB)
        variables = analysis_variables(config, data_config, name, self.sagemaker_session)
        job = self._baseline(name, data_config.s3_output_path, variables, wait=wait, logs=logs)
        self.latest_baselining_job = ClarifyBaseliningJob(
            self.sagemaker_session, name, job.inputs, job.outputs, self.output_kms_key
        )
        self.baselining_jobs[-1] = self.latest_baselining_job
        self._config, self._attributes = of_schedules, attributes
        return job

    def _latest_config(self) -> MonitorsConfig:
        """The configuration of the latest baselining job. Raises BadConfiguration if there was none."""
        if self._config is None:
            raise BadConfiguration("analysis_config is missing; give one, or make a baseline by suggest_baseline first")
        return self._config

    def _analysing(
        self, config: MonitorsConfig | str | None, publishes: bool | None, env: dict[str, str] | None
    ) -> dict[str, Any]:
        """The application of a schedule, and what an update changes of it. config: as an object it is written to a file."""
        if config is None or isinstance(config, str):
            place = {} if config is None else {"ConfigUri": absolute(config)}
            return {**self._changed_application(env, publishes), **place}
        members = config.analysis_config
        if model := model_variables(members):
            env = {**((self.env if env is None else env) or {}), **model}
        folder = join(default_prefix(self.sagemaker_session), "analysis-configs", str(uuid.uuid4()))
        place = {"ConfigUri": absolute(write_config(members, folder, self.sagemaker_session))}
        return {**self._changed_application(env, publishes), **place}

    def _with_attributes(self, read: dict[str, Any]) -> dict[str, Any]:
        """An input that says where features and prediction are, from the baseline where it does not say it itself."""
        return {kind: {**(self._attributes or {}), **members} for kind, members in copy.deepcopy(read).items()}
