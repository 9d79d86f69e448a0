"""The SDK's four monitors."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ATTRIBUTES, ApiAnswer, ApiMembers
from spark_model_monitor.sagemaker.analyses import (
    Explained,
    ModelConfig,
    Predicted,
    build_model_variables,
    collect_methods,
)
from spark_model_monitor.sagemaker.clarify import (
    BiasConfig,
    ClarifyBaseliningJob,
    DataConfig,
    ModelPredictedLabelConfig,
    build_analysis_config,
    build_analysis_variables,
    build_explanation_config,
    write_config,
)
from spark_model_monitor.sagemaker.definitions import build_baseline_config, drop_missing
from spark_model_monitor.sagemaker.inputs import DataQualityMonitoringConfig, MonitoringOutput, ProcessingInput
from spark_model_monitor.sagemaker.monitoring_files import ConstraintViolations, Statistics, absolute, default_prefix
from spark_model_monitor.sagemaker.processing import BASELINING_JOB, ProcessingJob, make_job_name
from spark_model_monitor.sagemaker.sdk_schedules import ScheduledMonitor
from spark_model_monitor.storage import join


class DefaultModelMonitor(ScheduledMonitor):
    """Watches what an endpoint is sent and answers, or what a batch transform left.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DefaultModelMonitor
    >>> DefaultModelMonitor(role="any").latest_baselining_job is None
    True
    """

    MONITORING_TYPE: ClassVar[str] = "DataQuality"
    JOB_DEFINITION_BASE_NAME = "data-quality-job-definition"
    PARAMETERS = ("record_preprocessor_script", "post_analytics_processor_script")
    CREATE_FILES = ("constraints", "statistics")
    UPDATE_FILES = ("statistics", "constraints")
    ROLE_LAST = True

    def suggest_baseline(
        self,
        baseline_dataset: str,
        dataset_format: ApiMembers,
        record_preprocessor_script: str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        monitoring_config_override: DataQualityMonitoringConfig | None = None,
    ) -> ProcessingJob:
        """Profile a data set and suggest constraints: the baselining job.

        baseline_dataset: a path, or a URI that the job's Spark opens. wait: until it has ended; logs: show its log meanwhile.
        Raises JobFailed if it was waited for and did not complete, RuntimeError for a configuration that is not valid.
        """
        # The SDK raises a RuntimeError with these words
        if not DataQualityMonitoringConfig.valid_monitoring_config(monitoring_config_override):
            raise RuntimeError("Invalid value for monitoring_config_override.")
        drift_method = None
        if monitoring_config_override is not None and monitoring_config_override.distribution_constraints is not None:
            drift_method = monitoring_config_override.distribution_constraints.categorical_drift_method
        # The job's variables are texts; a variable that is None isn't set
        variables = {
            "dataset_source": absolute(baseline_dataset),
            "dataset_format": json.dumps(dataset_format),
            "record_preprocessor_script": record_preprocessor_script and absolute(record_preprocessor_script),
            "post_analytics_processor_script": post_analytics_processor_script
            and absolute(post_analytics_processor_script),
            "categorical_drift_method": drift_method,
        }
        return self._start_baselining_job(job_name, output_s3_uri, variables, wait=wait, logs=logs)

    def run_baseline(self) -> None:
        """Not for this monitor, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError(
            "'.run_baseline()' is only allowed for ModelMonitor objects. "
            "Please use suggest_baseline for DefaultModelMonitor objects, instead."
        )

    def latest_monitoring_statistics(self) -> Statistics | None:  # type: ignore[override]
        """statistics.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return super().latest_monitoring_statistics()

    def latest_monitoring_constraint_violations(self) -> ConstraintViolations | None:  # type: ignore[override]
        """constraint_violations.json of the latest run; None, with a warning, if there is none. Runs what is due."""
        return super().latest_monitoring_constraint_violations()

    def _latest_baseline(self) -> ApiMembers:
        """The files of the latest baselining job. Raises BadConfiguration if there is none."""
        job = self._get_baselining_job()
        return build_baseline_config(
            ConstraintsResource=job.suggested_constraints(), StatisticsResource=job.baseline_statistics()
        )


class ModelQualityMonitor(ScheduledMonitor):
    """Watches accuracy, precision, recall, errors: the metrics of a `problem_type`.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ModelQualityMonitor
    >>> ModelQualityMonitor(role="any").latest_baselining_job is None
    True
    """

    MONITORING_TYPE: ClassVar[str] = "ModelQuality"
    JOB_DEFINITION_BASE_NAME = "model-quality-job-definition"
    PARAMETERS = ("ground_truth_input", "problem_type", "record_preprocessor_script", "post_analytics_processor_script")

    def suggest_baseline(
        self,
        baseline_dataset: str,
        dataset_format: ApiMembers,
        problem_type: str,
        inference_attribute: str | None = None,
        probability_attribute: str | int | None = None,
        ground_truth_attribute: str | None = None,
        probability_threshold_attribute: float | str | None = None,
        post_analytics_processor_script: str | None = None,
        output_s3_uri: str | None = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
    ) -> ProcessingJob:
        """Measure the model on a data set with its answers and the labels, and suggest thresholds: the baselining job.

        problem_type: BinaryClassification, MulticlassClassification or Regression. The attributes are columns by name or index.
        Raises JobFailed if it was waited for and did not complete.
        """
        # Compared with None, because 0 is a valid index or threshold
        threshold = probability_threshold_attribute
        variables = {
            "analysis_type": AnalysisType.MODEL_QUALITY.value,
            "dataset_source": absolute(baseline_dataset),
            "dataset_format": json.dumps(dataset_format),
            "problem_type": problem_type,
            "inference_attribute": inference_attribute,
            "probability_attribute": None if probability_attribute is None else str(probability_attribute),
            "ground_truth_attribute": ground_truth_attribute,
            "probability_threshold_attribute": None if threshold is None else str(threshold),
            "post_analytics_processor_script": post_analytics_processor_script
            and absolute(post_analytics_processor_script),
        }
        return self._start_baselining_job(job_name, output_s3_uri, variables, wait=wait, logs=logs)

    def run_baseline(
        self,
        baseline_inputs: Sequence[ProcessingInput],
        output: MonitoringOutput,
        arguments: Sequence[str] | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
    ) -> None:
        """Not here: in the SDK it runs a container of one's own.

        Raises NotImplementedError.
        """
        raise NotImplementedError("'.run_baseline()' runs a container of your own; use suggest_baseline instead.")


class MonitorsConfig(Protocol):
    """A configuration of a monitor, member for member as the SDK writes it."""

    analysis_config: ApiMembers


@dataclass
class ClarifyBaseliningConfig:
    """What a schedule takes of the latest baselining job where it is not given its own."""

    analysis_config: MonitorsConfig
    features_attribute: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | int | None = None
    probability_threshold_attribute: float | None = None


class ClarifyMonitor(ScheduledMonitor):
    """A monitor of bias or of attributions."""

    _attributes: ApiMembers | None = None
    _config: MonitorsConfig | None = None

    @property
    def latest_baselining_job_config(self) -> ClarifyBaseliningConfig | None:
        """The configuration of the latest baselining job; None if there was none."""
        if self._config is None:
            return None
        attributes = self._attributes or {}
        members = {name: attributes.get(api_name) for api_name, name in ATTRIBUTES.items()}
        # For a baselining job, the data's configuration excludes columns
        del members["exclude_features_attribute"]
        return ClarifyBaseliningConfig(self._config, **members)

    def run_baseline(self, **_: Any) -> None:
        """Not here, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError("'.run_baseline()' is only allowed for ModelMonitor objects.")

    def latest_monitoring_statistics(self, **_: Any) -> None:  # type: ignore[override]
        """Not here: an analysis has no statistics.

        Raises NotImplementedError.
        """
        raise NotImplementedError("analysis.json is all that an analysis leaves")

    def _start_analysis(
        self,
        data_config: DataConfig,
        config: ApiMembers,
        schedule_config: MonitorsConfig,
        attributes: ApiMembers,
        job_name: str | None,
        *,
        wait: bool,
        logs: bool,
    ) -> ProcessingJob:
        """Start a baselining job with a configuration.

        schedule_config, attributes: what a schedule takes where it is not given its own.
        """
        name = job_name or make_job_name(self.base_job_name or BASELINING_JOB)
        variables = build_analysis_variables(config, data_config, name, self.sagemaker_session)
        # `_baseline` adds a plain job to the list; it is replaced below by a job with Clarify's results
        job = self._start_baselining_job(name, data_config.s3_output_path, variables, wait=wait, logs=logs)
        self.latest_baselining_job = ClarifyBaseliningJob(
            self.sagemaker_session, name, job.inputs, job.outputs, self.output_kms_key
        )
        self.baselining_jobs[-1] = self.latest_baselining_job
        # Stored for create_monitoring_schedule, which may be called without a configuration
        self._config = schedule_config
        self._attributes = attributes
        return job

    def _latest_config(self) -> MonitorsConfig:
        """The configuration of the latest baselining job. Raises BadConfiguration if there was none."""
        if self._config is None:
            raise BadConfiguration("analysis_config is missing; give one, or make a baseline by suggest_baseline first")
        return self._config

    def _specify_application(self, arguments: ApiAnswer) -> ApiMembers:
        """The application with the location of its configuration. A configuration that is an object is written to a file."""
        config = arguments["analysis_config"]
        env = arguments["env"]
        # A new schedule needs a configuration; an update without one doesn't change the definition's configuration
        if not config and "monitor_schedule_name" in arguments:
            config = self._latest_config()
        if config is None:
            return self._build_application(env, arguments["enable_cloudwatch_metrics"])
        # A text is the location of a configuration file, which isn't copied
        location = config
        if not isinstance(config, str):
            # Our jobs take the model that they load from the environment, not from the configuration
            model = build_model_variables(config.analysis_config)
            if model:
                env = self.env if env is None else env
                env = {**(env or {}), **model}
            folder = join(default_prefix(self.sagemaker_session), "analysis-configs", str(uuid.uuid4()))
            location = write_config(config.analysis_config, folder, self.sagemaker_session)
        application = self._build_application(env, arguments["enable_cloudwatch_metrics"])
        return {**application, "ConfigUri": absolute(location)}

    def _add_attributes(self, input_request: ApiMembers) -> ApiMembers:
        """An input that says where features and prediction are, from the baseline where it does not say it itself."""
        attributes = self._attributes or {}
        return {kind: {**attributes, **members} for kind, members in copy.deepcopy(input_request).items()}


class BiasAnalysisConfig:
    """A monitor's configuration: a BiasConfig, with the columns' names and the label.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import BiasAnalysisConfig, BiasConfig
    >>> config = BiasAnalysisConfig(BiasConfig([1], "sex", [0]), headers=["target", "sex"], label="target")
    """

    def __init__(self, bias_config: BiasConfig, headers: list[str] | None = None, label: str | None = None) -> None:
        self.analysis_config = {**bias_config.get_config(), **drop_missing(headers=headers, label=label)}


class ModelBiasMonitor(ClarifyMonitor):
    """Watches Clarify's bias metrics.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ModelBiasMonitor
    >>> ModelBiasMonitor(role="any").latest_baselining_job is None
    True
    """

    MONITORING_TYPE: ClassVar[str] = "ModelBias"
    JOB_DEFINITION_BASE_NAME = "model-bias-job-definition"
    PARAMETERS = ("ground_truth_input", "analysis_config")

    def suggest_baseline(
        self,
        data_config: DataConfig,
        bias_config: BiasConfig,
        model_config: ModelConfig,
        model_predicted_label_config: ModelPredictedLabelConfig | None = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
        kms_key: str | None = None,
    ) -> ProcessingJob:
        """Analyse a data set with labels and predictions; its metrics are what later windows are compared with.

        Without `data_config.predicted_label` the model is called. What says here where label and prediction are, a schedule
        takes from here if it is not given its own.
        Raises JobFailed if it was waited for and did not complete.
        """
        config = build_analysis_config(
            data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods="all",
            post_training_methods="all",
        )
        return self._start_analysis(
            data_config,
            config,
            BiasAnalysisConfig(bias_config, headers=data_config.headers, label=data_config.label),
            _build_attributes(data_config, model_predicted_label_config),
            job_name,
            wait=wait,
            logs=logs,
        )


def _build_attributes(data_config: DataConfig, predicted: ModelPredictedLabelConfig | None) -> dict[str, str]:
    """Source: ModelBiasMonitor of sagemaker 2.257.7, which fills these in (C7.2a)."""
    named = drop_missing(
        FeaturesAttribute=data_config.features,
        InferenceAttribute=predicted.label if predicted else None,
        ProbabilityAttribute=predicted.probability if predicted else None,
    )
    attributes = {name: str(value) for name, value in named.items()}
    if predicted and predicted.probability_threshold is not None:
        attributes["ProbabilityThresholdAttribute"] = predicted.probability_threshold  # type: ignore[assignment]
    return attributes


class ExplainabilityAnalysisConfig:
    """A monitor's configuration: what is explained and how. headers: of the features, without the label.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ExplainabilityAnalysisConfig, ModelConfig, SHAPConfig
    >>> config = ExplainabilityAnalysisConfig(SHAPConfig(seed=1), ModelConfig(model_name="churn.json"), headers=["age", "plan"])
    """

    def __init__(
        self,
        explainability_config: Explained,
        model_config: ModelConfig,
        headers: list[str] | None = None,
        label_headers: list[str] | None = None,
    ) -> None:
        predictor = model_config.get_predictor_config() | drop_missing(label_headers=label_headers)
        self.analysis_config: ApiMembers = {
            "methods": collect_methods(explainability_config),
            "predictor": predictor,
            **drop_missing(headers=headers),
        }


class ModelExplainabilityMonitor(ClarifyMonitor):
    """Watches the attributions of features.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ModelExplainabilityMonitor
    >>> ModelExplainabilityMonitor(role="any").latest_baselining_job is None
    True
    """

    MONITORING_TYPE: ClassVar[str] = "ModelExplainability"
    JOB_DEFINITION_BASE_NAME = "model-explainability-job-definition"
    PARAMETERS = ("analysis_config",)

    def suggest_baseline(
        self,
        data_config: DataConfig,
        explainability_config: Explained,
        model_config: ModelConfig,
        model_scores: Predicted = None,
        wait: bool = False,
        logs: bool = False,
        job_name: str | None = None,
        kms_key: str | None = None,
    ) -> ProcessingJob:
        """Explain the model on a data set; its attributions are what later windows are compared with.

        A schedule takes model, methods and headers from here if it is not given its own.
        Raises JobFailed if it was waited for and did not complete.
        """
        # A name or an index is the location of the score, and doesn't say the label's classes
        score_column = model_scores
        label_headers = None
        if isinstance(model_scores, ModelPredictedLabelConfig):
            score_column = model_scores.label
            label_headers = model_scores.label_headers
        if score_column is not None:
            score_column = str(score_column)
        config = build_explanation_config(data_config, model_config, explainability_config, model_scores)
        features = _list_features(data_config)
        schedule_config = ExplainabilityAnalysisConfig(explainability_config, model_config, features, label_headers)
        attributes = drop_missing(FeaturesAttribute=data_config.features, InferenceAttribute=score_column)
        return self._start_analysis(data_config, config, schedule_config, attributes, job_name, wait=wait, logs=logs)


def _list_features(data_config: DataConfig) -> list[str] | None:
    """The headers of the features, without the headers of label and prediction; None if there are no headers.

    Source: B1.
    """
    headers = data_config.headers
    label = data_config.label
    if headers is None:
        return None
    # In CSV data, the label is one of the headers and is left out
    if label in headers or data_config.features is None:
        return [name for name in headers if name != label]
    # In JSON data, label and prediction are paths, and their headers come last
    outcome_columns = [column for column in (label, data_config.predicted_label) if column is not None]
    return headers[: len(headers) - len(outcome_columns)]
