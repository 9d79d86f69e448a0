"""The SDK's `ModelExplainabilityMonitor`: whether other features move the model than did in the baseline."""

from __future__ import annotations

from typing import Any, ClassVar

from model_monitor.sagemaker.clarify import DataConfig, ModelPredictedLabelConfig, explained_of
from model_monitor.sagemaker.clarify_monitor import ClarifyMonitor
from model_monitor.sagemaker.definitions import baseline_config, given
from model_monitor.sagemaker.explanations import Explained, ModelConfig, methods_of
from model_monitor.sagemaker.inputs import BatchTransformInput, EndpointInput
from model_monitor.sagemaker.monitoring_files import Constraints
from model_monitor.sagemaker.processing import ProcessingJob


class ExplainabilityAnalysisConfig:
    """A monitor's configuration: what is explained and how. headers: of the features, without the label."""

    def __init__(
        self,
        explainability_config: Explained,
        model_config: ModelConfig,
        headers: list[str] | None = None,
        label_headers: list[str] | None = None,
    ) -> None:
        predictor = {**model_config.get_predictor_config(), **given(label_headers=label_headers)}
        self.analysis_config: dict[str, Any] = {
            "methods": methods_of(explainability_config),
            "predictor": predictor,
            **given(headers=headers),
        }


class ModelExplainabilityMonitor(ClarifyMonitor):
    """Watches the attributions of features."""

    MONITORING_TYPE: ClassVar[str] = "ModelExplainability"
    JOB_DEFINITION_BASE_NAME = "model-explainability-job-definition"

    def suggest_baseline(
        self,
        data_config: DataConfig,
        explainability_config: Explained,
        model_config: ModelConfig,
        model_scores: ModelPredictedLabelConfig | str | int | None = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
        kms_key: str | None = None,
    ) -> ProcessingJob:
        """Explain the model on a data set; its attributions are what later windows are held against.

        A schedule takes model, methods and headers from here if it is not told.
        Raises JobFailed if it was waited for and did not complete.
        """
        labelled = model_scores if isinstance(model_scores, ModelPredictedLabelConfig) else None
        scores = labelled.label if labelled else model_scores
        return self._analysed(
            data_config,
            explained_of(data_config, model_config, explainability_config, model_scores),
            ExplainabilityAnalysisConfig(
                explainability_config,
                model_config,
                _features_of(data_config),
                labelled.label_headers if labelled else None,
            ),
            given(FeaturesAttribute=data_config.features, InferenceAttribute=None if scores is None else str(scores)),
            job_name,
            wait=wait,
            logs=logs,
        )

    def create_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        analysis_config: str | ExplainabilityAnalysisConfig | None = None,
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
        )

    def update_monitoring_schedule(
        self,
        endpoint_input: str | EndpointInput | None = None,
        analysis_config: str | ExplainabilityAnalysisConfig | None = None,
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
        )


def _features_of(data_config: DataConfig) -> list[str] | None:
    """The headers without the label: of JSON, whose label is a path, those behind the features are the label's and prediction's.

    Source: B1.
    """
    headers, label = data_config.headers, data_config.label
    if headers is None or label in headers or data_config.features is None:
        return headers and [name for name in headers if name != label]
    return headers[: len(headers) - sum(each is not None for each in (label, data_config.predicted_label))]
