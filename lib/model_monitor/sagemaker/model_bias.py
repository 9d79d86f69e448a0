"""The SDK's `ModelBiasMonitor`: whether a sensitive group is treated otherwise than in the baseline.

A run of its schedule is two jobs, the merge with the ground truth and the monitoring of what was merged.
"""

from __future__ import annotations

from typing import Any, ClassVar

from model_monitor.sagemaker.clarify import BiasConfig, DataConfig, ModelPredictedLabelConfig, analysis_of
from model_monitor.sagemaker.clarify_monitor import ClarifyMonitor
from model_monitor.sagemaker.definitions import baseline_config, given
from model_monitor.sagemaker.inputs import BatchTransformInput, EndpointInput
from model_monitor.sagemaker.monitoring_files import Constraints
from model_monitor.sagemaker.processing import ProcessingJob


class BiasAnalysisConfig:
    """A monitor's configuration: a BiasConfig, with the columns' names and the label."""

    def __init__(self, bias_config: BiasConfig, headers: list[str] | None = None, label: str | None = None) -> None:
        self.analysis_config = {**bias_config.get_config(), **given(headers=headers, label=label)}


class ModelBiasMonitor(ClarifyMonitor):
    """Watches Clarify's bias metrics."""

    MONITORING_TYPE: ClassVar[str] = "ModelBias"
    JOB_DEFINITION_BASE_NAME = "model-bias-job-definition"

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

        Without `data_config.predicted_label` the model is called. What says here where label and prediction are, a schedule
        takes from here if it is not told.
        Raises JobFailed if it was waited for and did not complete.
        """
        config = analysis_of(
            data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods="all",
            post_training_methods="all",
        )
        return self._analysed(
            data_config,
            config,
            BiasAnalysisConfig(bias_config, headers=data_config.headers, label=data_config.label),
            _attributes_of(data_config, model_predicted_label_config),
            job_name,
            wait=wait,
            logs=logs,
        )

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
        self._create(
            monitor_schedule_name,
            (endpoint_input, batch_transform_input),
            output_s3_uri,
            baseline=self._baseline_of(constraints),
            application=self._analysing(analysis_config or self._latest_config(), enable_cloudwatch_metrics, self.env),
            times=(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time),
            labels=ground_truth_input,
        )

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
        self._update(
            (endpoint_input, batch_transform_input),
            output_s3_uri,
            baseline=baseline_config(ConstraintsResource=constraints),
            application=self._analysing(analysis_config, enable_cloudwatch_metrics, env),
            times=(schedule_cron_expression, data_analysis_start_time, data_analysis_end_time),
            labels=ground_truth_input,
        )


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
