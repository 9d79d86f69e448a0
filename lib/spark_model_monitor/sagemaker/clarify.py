"""The SDK's processor of analyses, which runs them as our baselining job; `sagemaker.clarify` under our name.

Its configurations (`analyses.py`) become Clarify's `analysis_config.json`, member for member as the SDK writes it.
"""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.reports.outputs.run_files import CONSTRAINTS
from spark_model_monitor.sagemaker.analyses import (
    BiasConfig,
    DataConfig,
    ExplainabilityConfig,
    Explained,
    ModelConfig,
    ModelPredictedLabelConfig,
    PDPConfig,
    Predicted,
    PredictorSettings,
    SegmentationConfig,
    SHAPConfig,
    build_model_variables,
    collect_methods,
)
from spark_model_monitor.sagemaker.monitoring_files import (
    Constraints,
    SdkSession,
    Statistics,
    absolute,
    default_prefix,
    read_text,
    write_text,
)
from spark_model_monitor.sagemaker.processing import BaselinedMonitor, BaseliningJob, ProcessingJob, make_job_name
from spark_model_monitor.sagemaker.sdk import UNAVAILABLE_CLASSES
from spark_model_monitor.storage import join

__all__ = [
    "BiasConfig",
    "DataConfig",
    "ModelConfig",
    "ExplainabilityConfig",
    "ModelPredictedLabelConfig",
    "PDPConfig",
    "SHAPConfig",
    "SageMakerClarifyProcessor",
    "SegmentationConfig",
    *UNAVAILABLE_CLASSES,
]

globals().update(UNAVAILABLE_CLASSES)

log = logging.getLogger(__name__)

Methods: TypeAlias = str | list[str]  # the methods of a stage: their names, or `all`
ANALYSIS = "analysis.json"
ANALYSIS_CONFIG = "analysis_config.json"
REPORT = {"name": "report", "title": "Analysis Report"}


class ClarifyBaseliningJob(BaseliningJob):
    """A job that analysed a data set: its results are the constraints of later windows."""

    def suggested_constraints(self, file_name: str | None = CONSTRAINTS, kms_key: str | None = None) -> Constraints:
        """analysis.json of the job, whatever `file_name` says. Raises BadInput if it doesn't exist."""
        return super().suggested_constraints(ANALYSIS, kms_key)

    def baseline_statistics(self, file_name: str | None = None, kms_key: str | None = None) -> Statistics:
        """Not available: an analysis has no statistics.

        Raises NotImplementedError.
        """
        raise NotImplementedError("analysis.json is all that an analysis leaves; use suggested_constraints")


@dataclass(eq=False, repr=False)
class SageMakerClarifyProcessor(BaselinedMonitor):
    """Runs analyses. What only a managed service needs is accepted and logged as ignored.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import SageMakerClarifyProcessor
    >>> processor = SageMakerClarifyProcessor(role="any")
    """

    instance_count: int | None = None
    instance_type: str | None = None
    base_job_name: str | None = field(default=None, init=False)  # in the SDK, only monitors have this attribute
    job_name_prefix: str | None = None
    version: str | None = None
    skip_early_validation: bool = False
    latest_job: ProcessingJob | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.instance_count = self.instance_count or 1
        self.instance_type = self.instance_type or "ml.m5.xlarge"
        super().__post_init__()

    @property
    def jobs(self) -> list[BaseliningJob]:
        """All jobs that it started."""
        return self.baselining_jobs

    def run(self, **_: Any) -> None:
        """Not available, as in the SDK.

        Raises NotImplementedError.
        """
        raise NotImplementedError(
            "Please choose a method of run_pre_training_bias, run_post_training_bias, run_bias, run_explainability or "
            "run_bias_and_explainability."
        )

    def run_pre_training_bias(
        self,
        data_config: DataConfig,
        data_bias_config: BiasConfig,
        methods: Methods = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse what the labels of a data set say. Raises JobFailed if it was waited for and did not complete."""
        config = build_analysis_config(data_config, data_bias_config, pre_training_methods=methods)
        return self._analyse(data_config, config, job_name or make_job_name("Clarify-Pretraining-Bias"), wait, logs)

    def run_post_training_bias(
        self,
        data_config: DataConfig,
        data_bias_config: BiasConfig,
        model_config: PredictorSettings | None = None,
        model_predicted_label_config: Predicted = None,
        methods: Methods = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse what the predictions in a data set say; without `data_config.predicted_label` the model's own.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = build_analysis_config(
            data_config, data_bias_config, model_config, model_predicted_label_config, post_training_methods=methods
        )
        return self._analyse(data_config, config, job_name or make_job_name("Clarify-Posttraining-Bias"), wait, logs)

    def run_bias(
        self,
        data_config: DataConfig,
        bias_config: BiasConfig,
        model_config: PredictorSettings | None = None,
        model_predicted_label_config: Predicted = None,
        pre_training_methods: Methods = "all",
        post_training_methods: Methods = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse labels and predictions of a data set, as the two above.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = build_analysis_config(
            data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods=pre_training_methods,
            post_training_methods=post_training_methods,
        )
        return self._analyse(data_config, config, job_name or make_job_name("Clarify-Bias"), wait, logs)

    def run_explainability(
        self,
        data_config: DataConfig,
        model_config: ModelConfig,
        explainability_config: Explained | list[Explained],
        model_scores: Predicted = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Explain a model by what it answers to the rows of a data set.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = build_explanation_config(data_config, model_config, explainability_config, model_scores)
        return self._analyse(data_config, config, job_name or make_job_name("Clarify-Explainability"), wait, logs)

    def run_bias_and_explainability(
        self,
        data_config: DataConfig,
        model_config: ModelConfig,
        explainability_config: Explained | list[Explained],
        bias_config: BiasConfig,
        pre_training_methods: Methods = "all",
        post_training_methods: Methods = "all",
        model_predicted_label_config: Predicted = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse the bias of a model and explain it: two jobs, the bias one with its results in the folder `bias`.

        Both are waited for, whatever `wait` says, since the analysis.json of the second gets the metrics of the first.
        Raises JobFailed if one did not complete.
        """
        if not wait:
            log.info("wait=False is without effect: analysis.json is made of two jobs")
        name = job_name or make_job_name("Clarify-Bias-And-Explainability")
        # A copy, because otherwise the caller's object would get the folder `bias` of this run
        bias_data_config = copy.copy(data_config)
        bias_data_config.s3_output_path = join(data_config.s3_output_path, "bias")
        bias_job = self.run_bias(
            bias_data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods,
            post_training_methods,
            logs=logs,
            job_name=f"{name}-bias",
        )
        # The second job is waited for, too, because its file is rewritten below
        job = self.run_explainability(
            data_config, model_config, explainability_config, model_predicted_label_config, logs=logs, job_name=name
        )
        analysis = json.loads(read_text(bias_job.file(ANALYSIS), self.sagemaker_session))
        # If both analyses have a member, such as `version`, the explanation's member counts
        analysis |= json.loads(read_text(job.file(ANALYSIS), self.sagemaker_session))
        write_text(job.file(ANALYSIS), json.dumps(analysis, indent=4), self.sagemaker_session)
        return job

    def _analyse(self, data_config: DataConfig, config: ApiAnswer, name: str, wait: bool, logs: bool) -> ProcessingJob:
        # The name is made before the variables, because their default folder for the configuration has the job's name
        if self.job_name_prefix:
            name = f"{self.job_name_prefix}-{name}"
        variables = build_analysis_variables(config, data_config, name, self.sagemaker_session)
        self.latest_job = self._start_baselining_job(name, data_config.s3_output_path, variables, wait=wait, logs=logs)
        return self.latest_job


def build_analysis_config(
    data_config: DataConfig,
    bias_config: BiasConfig,
    model_config: PredictorSettings | None = None,
    predicted: Predicted = None,
    *,
    pre_training_methods: Methods | None = None,
    post_training_methods: Methods | None = None,
) -> ApiMembers:
    """Clarify's configuration of an analysis of bias.

    model_config: any object with the SDK's `get_predictor_config`. Source: sagemaker.clarify of the SDK, 2.257.7.
    """
    # Clarify always writes a report, but the metrics of a stage only if its methods are named
    methods: ApiMembers = {"report": dict(REPORT)}
    if pre_training_methods:
        methods["pre_training_bias"] = {"methods": pre_training_methods}
    if post_training_methods:
        methods["post_training_bias"] = {"methods": post_training_methods}
    config = {**data_config.get_config(), **bias_config.get_config(), "methods": methods}
    if model_config is not None:
        config["predictor"] = dict(model_config.get_predictor_config())
    # Called last, because it adds to the member `predictor`, which must exist
    _add_answer(config, predicted)
    return config


def build_explanation_config(
    data_config: DataConfig,
    model_config: ModelConfig,
    explainability: Explained | list[Explained],
    scores: Predicted,
) -> ApiMembers:
    """Clarify's configuration of an explanation."""
    config = {
        **data_config.get_config(),
        "methods": {**collect_methods(explainability), "report": dict(REPORT)},
        "predictor": model_config.get_predictor_config(),
    }
    _add_answer(config, scores)
    return config


def _add_answer(config: ApiMembers, predicted: Predicted) -> None:
    """Add the location of the prediction in the model's answer."""
    if isinstance(predicted, ModelPredictedLabelConfig):
        # The location of the label is a member of the predictor, the threshold is a member of the whole configuration
        threshold, members = predicted.get_predictor_config()
        if members and "predictor" in config:
            config["predictor"].update(members)
        if threshold is not None:
            config["probability_threshold"] = threshold
    # Only a name or an index of the prediction is given; it is needed only if a model is called
    elif predicted is not None and "predictor" in config:
        config["predictor"]["label"] = predicted


def build_analysis_variables(
    config: ApiAnswer, data_config: DataConfig, name: str, session: SdkSession
) -> dict[str, str | None]:
    """The variables of a job. Writes the configuration to the path in the data configuration, otherwise below the home folder."""
    folder = data_config.s3_analysis_config_output_path or join(default_prefix(session), "analysis-configs", name)
    # The type of the job is an explanation if one of the explaining methods is requested, otherwise bias
    analysis_type = AnalysisType.MODEL_BIAS
    if {"shap", "pdp"} & set(config["methods"]):
        analysis_type = AnalysisType.MODEL_EXPLAINABILITY
    return {
        "analysis_type": analysis_type.value,
        "MODEL_MONITOR_ANALYSIS_CONFIG": absolute(write_config(config, folder, session)),
        "dataset_source": absolute(data_config.s3_data_input_path),
        **build_model_variables(config),
    }


def write_config(config: ApiAnswer, folder: str, session: SdkSession) -> str:
    """Write a configuration into a folder; returns its location."""
    return write_text(join(folder, ANALYSIS_CONFIG), json.dumps(config), session)
