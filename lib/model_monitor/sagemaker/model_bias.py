"""The SDK's `ModelBiasMonitor`: whether a sensitive group is treated otherwise than in the baseline.

A run of its schedule is two jobs, the merge with the ground truth and the monitoring of what was merged.
"""

from __future__ import annotations

import copy
import uuid
from typing import Any, ClassVar

from model_monitor.errors import BadConfiguration
from model_monitor.outputs.files import VIOLATIONS
from model_monitor.sagemaker.baselining import BASELINING_JOB, named_after
from model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    analysis_of,
    analysis_variables,
    write_config,
)
from model_monitor.sagemaker.definitions import (
    app_specification,
    baseline_config,
    given,
    ground_truth,
    job_input,
    job_output,
    schedule_config,
)
from model_monitor.sagemaker.inputs import BatchTransformInput, EndpointInput
from model_monitor.sagemaker.locations import absolute, default_prefix
from model_monitor.sagemaker.monitoring_files import Constraints, ConstraintViolations
from model_monitor.sagemaker.processing import ProcessingJob
from model_monitor.sagemaker.schedules import ScheduledMonitor
from model_monitor.storage import join


class BiasAnalysisConfig:
    """A monitor's configuration: a BiasConfig, with the columns' names and the label."""

    def __init__(self, bias_config: BiasConfig, headers: list[str] | None = None, label: str | None = None) -> None:
        self.analysis_config = {**bias_config.get_config(), **given(headers=headers, label=label)}


class ModelBiasMonitor(ScheduledMonitor):
    """Watches Clarify's bias metrics."""

    MONITORING_TYPE: ClassVar[str] = "ModelBias"
    JOB_DEFINITION_BASE_NAME = "model-bias-job-definition"

    _attributes: dict[str, str] | None = None
    _config: BiasAnalysisConfig | None = None

    def suggest_baseline(
        self,
        data_config: DataConfig,
        bias_config: BiasConfig,
        model_config: Any,
        model_predicted_label_config: ModelPredictedLabelConfig | None = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
        kms_key: str | None = None,
    ) -> ProcessingJob:
        """Analyse a data set with labels and predictions; its metrics are what later windows are held against.

        The model is not called: `data_config.predicted_label` has to name the predictions. What says here where label and
        prediction are, a schedule takes from here if it is not told.
        Raises JobFailed if it was waited for and did not complete.
        """
        name = job_name or named_after(self.base_job_name or BASELINING_JOB)
        config = analysis_of(
            data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods="all",
            post_training_methods="all",
        )
        variables = analysis_variables(config, data_config, name, self.sagemaker_session)
        job = self._baseline(name, data_config.s3_output_path, variables, wait=wait, logs=logs)
        self.latest_baselining_job = ClarifyBaseliningJob(
            self.sagemaker_session, name, job.inputs, job.outputs, self.output_kms_key
        )
        self.baselining_jobs[-1] = self.latest_baselining_job
        self._config = BiasAnalysisConfig(bias_config, headers=data_config.headers, label=data_config.label)
        self._attributes = _attributes_of(data_config, model_predicted_label_config)
        return job

    def run_baseline(self, **_: Any) -> None:
        """Not here, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError("'.run_baseline()' is only allowed for ModelMonitor objects.")

    def create_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        ground_truth_input: str | None = None,
        analysis_config: str | BiasAnalysisConfig | None = None,
        output_s3_uri: str | None = None,
        constraints: Constraints | str | None = None,
        monitor_schedule_name: str | None = None,
        schedule_cron_expression: str | None = None,
        enable_cloudwatch_metrics: bool = True,
        batch_transform_input: BatchTransformInput | None = None,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> None:
        """Keep a schedule; its runs are run when they are asked for (`list_executions`).

        analysis_config: the place of one, or an object; the latest baselining job's if it is not given, as are the constraints.
        Raises ValueError unless one input is given, and for a second schedule of one monitor; BadConfiguration for a name
        that is taken, or without a configuration.
        """
        name = self._new_name(monitor_schedule_name)
        read, captures = job_input(endpoint_input, batch_transform_input, self.env or {}, self.sagemaker_session)
        parts = {
            "BaselineConfig": baseline_config(
                ConstraintsResource=self.suggested_constraints() if constraints is None else constraints
            ),
            "AppSpecification": {
                **app_specification(publishes=enable_cloudwatch_metrics, environment=self.env),
                "ConfigUri": self._config_uri(analysis_config, name),
            },
            "JobInput": {**self._with_attributes(read), **ground_truth(ground_truth_input)},
            "JobOutputConfig": job_output(name, output_s3_uri, self.sagemaker_session),
        }
        times = schedule_config(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time)
        self._create(name, parts, times=times, captures=captures)

    def update_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        ground_truth_input: str | None = None,
        analysis_config: str | BiasAnalysisConfig | None = None,
        output_s3_uri: str | None = None,
        constraints: Constraints | str | None = None,
        schedule_cron_expression: str | None = None,
        enable_cloudwatch_metrics: bool | None = None,
        role: str | None = None,
        instance_count: int | None = None,
        instance_type: str | None = None,
        volume_size_in_gb: int | None = None,
        volume_kms_key: str | None = None,
        output_kms_key: str | None = None,
        max_runtime_in_seconds: int | None = None,
        env: dict[str, str] | None = None,
        network_config: Any = None,
        batch_transform_input: BatchTransformInput | None = None,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> None:
        """Change what is given of the schedule; instances, keys, network and role are accepted, and without effect.

        Raises ValueError if both inputs are given.
        """
        parts, captures = self._changed(endpoint_input, batch_transform_input, output_s3_uri, ground_truth_input)
        parts["BaselineConfig"] = baseline_config(ConstraintsResource=constraints)
        parts["AppSpecification"] = self._changed_application(env, enable_cloudwatch_metrics)
        if analysis_config is not None:
            parts["AppSpecification"]["ConfigUri"] = self._config_uri(analysis_config, self._schedule_name())
        times = schedule_config(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time)
        self._update(parts, times=times, captures=captures)

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

    def _config_uri(self, told: str | BiasAnalysisConfig | None, schedule: str) -> str:
        """The place of the configuration, written there if an object is given."""
        if isinstance(told, str):
            return absolute(told)
        config = told or self._config
        if config is None:
            raise BadConfiguration("analysis_config is missing; give one, or make a baseline by suggest_baseline first")
        folder = join(default_prefix(self.sagemaker_session), "analysis-configs", schedule, str(uuid.uuid4()))
        return absolute(write_config(config.analysis_config, folder, self.sagemaker_session))

    def _with_attributes(self, read: dict[str, Any]) -> dict[str, Any]:
        """An input that says where features and prediction are, from the baseline where it does not say it itself."""
        return {kind: {**(self._attributes or {}), **members} for kind, members in copy.deepcopy(read).items()}


def _attributes_of(data_config: DataConfig, predicted: ModelPredictedLabelConfig | None) -> dict[str, str]:
    """Source: ModelBiasMonitor of sagemaker 2.257.7, which fills these in (C7.2a)."""
    found = given(
        FeaturesAttribute=data_config.features,
        InferenceAttribute=predicted.label if predicted else None,
        ProbabilityAttribute=predicted.probability if predicted else None,
    )
    attributes = {name: str(value) for name, value in found.items()}
    if predicted and predicted.probability_threshold is not None:
        attributes["ProbabilityThresholdAttribute"] = predicted.probability_threshold  # type: ignore[assignment]
    return attributes
