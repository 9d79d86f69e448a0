"""The SDK's classes of analyses: what is analysed, and a processor that runs it as our baselining job.

The configurations become Clarify's `analysis_config.json`, member for member as the SDK writes it.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_monitor.documents.run_description import AnalysisType
from model_monitor.reports.outputs.files import CONSTRAINTS
from model_monitor.sagemaker.definitions import given
from model_monitor.sagemaker.explanations import Explained, ModelConfig, methods_of, model_variables
from model_monitor.sagemaker.monitoring_files import (
    Constraints,
    Statistics,
    default_prefix,
    located,
    read_text,
    write_text,
)
from model_monitor.sagemaker.processing import BaselinedMonitor, BaseliningJob, ProcessingJob, named_after
from model_monitor.storage import join

log = logging.getLogger(__name__)

ANALYSIS = "analysis.json"
ANALYSIS_CONFIG = "analysis_config.json"
REPORT = {"name": "report", "title": "Analysis Report"}


@dataclass(eq=False)
class SegmentationConfig:
    """A column whose values part the rows, for metrics of each part. display_aliases: with or without one of the rest.

    Raises ValueError, in the SDK's words, for segments that are none, or another number of aliases.
    """

    name_or_index: str | int
    segments: list[list[str | int]]
    config_name: str | None = None
    display_aliases: list[str] | None = None

    def __post_init__(self) -> None:
        if self.name_or_index is None:
            raise ValueError("`name_or_index` cannot be None")
        listed = isinstance(self.segments, list) and all(isinstance(segment, list) for segment in self.segments)
        if not self.segments or not listed:
            raise ValueError("`segments` must be a list of lists of values or intervals.")
        if self.display_aliases is not None and len(self.display_aliases) - len(self.segments) not in (0, 1):
            raise ValueError(
                "Number of `display_aliases` must equal the number of segments specified or with one additional default segment "
                "display alias."
            )

    def to_dict(self) -> dict[str, Any]:
        """The member of the configuration."""
        named = given(config_name=self.config_name or None, display_aliases=self.display_aliases or None)
        return {"name_or_index": self.name_or_index, "segments": self.segments, **named}


@dataclass(eq=False)
class DataConfig:
    """The data set of an analysis, and where its results go. s3_compression_type: accepted, files say by their names."""

    s3_data_input_path: str
    s3_output_path: str
    s3_analysis_config_output_path: str | None = None
    label: str | None = None
    headers: list[str] | None = None
    features: str | None = None
    dataset_type: str = "text/csv"
    s3_compression_type: str = "None"
    joinsource: str | int | None = None
    facet_dataset_uri: str | None = None
    facet_headers: list[str] | None = None
    predicted_label_dataset_uri: str | None = None
    predicted_label_headers: list[str] | None = None
    predicted_label: str | int | None = None
    excluded_columns: list[int] | list[str] | None = None
    segmentation_config: list[SegmentationConfig] | None = None
    time_series_data_config: Any = None

    def __post_init__(self) -> None:
        series = self.time_series_data_config
        self.analysis_config: dict[str, Any] = given(
            dataset_type=self.dataset_type,
            features=self.features,
            headers=self.headers,
            label=self.label,
            joinsource_name_or_index=self.joinsource,
            facet_dataset_uri=self.facet_dataset_uri,
            facet_headers=self.facet_headers,
            predicted_label_dataset_uri=self.predicted_label_dataset_uri,
            predicted_label_headers=self.predicted_label_headers,
            predicted_label=self.predicted_label,
            excluded_columns=self.excluded_columns,
            segment_config=[item.to_dict() for item in self.segmentation_config or ()] or None,
            time_series_data_config=series and series.get_time_series_data_config(),
        )

    def get_config(self) -> dict[str, Any]:
        """The members of the configuration that are about the data."""
        return copy.deepcopy(self.analysis_config)


class BiasConfig:
    """The positive outcomes of the label, the facets with their sensitive values or thresholds, and the subgroups."""

    def __init__(
        self,
        label_values_or_threshold: list[int | float | str],
        facet_name: str | int | list[str] | list[int],
        facet_values_or_threshold: Any = None,
        group_name: str | None = None,
    ) -> None:
        """Raises ValueError, in the SDK's words, if there are more facets than values, or fewer."""
        names = facet_name if isinstance(facet_name, list) else [facet_name]
        values = facet_values_or_threshold
        if not isinstance(facet_name, list) or values is None:
            values = [values] * len(names)
        if len(values) != len(names):
            raise ValueError("The number of facet names doesn't match the number of facet values")
        facets = [
            given(name_or_index=name, value_or_threshold=value) for name, value in zip(names, values, strict=True)
        ]
        self.analysis_config: dict[str, Any] = given(
            label_values_or_threshold=label_values_or_threshold, facet=facets, group_variable=group_name
        )

    def get_config(self) -> dict[str, Any]:
        """The members of the configuration that are about bias."""
        return copy.deepcopy(self.analysis_config)


@dataclass(eq=False)
class ModelPredictedLabelConfig:
    """Where the prediction is in what the model answers, and the threshold of its probability.

    Raises TypeError, in the SDK's words, for a threshold that is no number.
    """

    label: str | int | None = None
    probability: str | int | None = None
    probability_threshold: float | None = None
    label_headers: list[str] | None = None

    def __post_init__(self) -> None:
        try:
            float(0 if self.probability_threshold is None else self.probability_threshold)
        except ValueError:
            raise TypeError(
                f"Invalid probability_threshold {self.probability_threshold}. "
                f"Please choose one that can be cast to float."
            ) from None
        self.predictor_config = given(label=self.label, probability=self.probability, label_headers=self.label_headers)

    def get_predictor_config(self) -> tuple[float | None, dict[str, Any]]:
        """The threshold, and the members of the configuration that are about the model's answer."""
        return self.probability_threshold, copy.deepcopy(self.predictor_config)


class ClarifyBaseliningJob(BaseliningJob):
    """A job that analysed a data set: what it left is what later windows are asked to keep to."""

    def suggested_constraints(self, file_name: str | None = CONSTRAINTS, kms_key: str | None = None) -> Constraints:
        """analysis.json of the job, whatever `file_name` says. Raises BadInput if it is not there."""
        return super().suggested_constraints(ANALYSIS, kms_key)

    def baseline_statistics(self, file_name: str | None = None, kms_key: str | None = None) -> Statistics:
        """Not here: an analysis has no statistics.

        Raises NotImplementedError.
        """
        raise NotImplementedError("analysis.json is all that an analysis leaves; use suggested_constraints")


class SageMakerClarifyProcessor(BaselinedMonitor):
    """Runs analyses. What only a managed service needs is accepted and logged as ignored."""

    def __init__(
        self,
        role: str | None = None,
        instance_count: int | None = None,
        instance_type: str | None = None,
        volume_size_in_gb: int = 30,
        volume_kms_key: str | None = None,
        output_kms_key: str | None = None,
        max_runtime_in_seconds: int | None = None,
        sagemaker_session: Any = None,
        env: dict[str, str] | None = None,
        tags: Any = None,
        network_config: Any = None,
        job_name_prefix: str | None = None,
        version: str | None = None,
        skip_early_validation: bool = False,
    ) -> None:
        super().__init__(
            role=role,
            instance_count=instance_count or 1,
            instance_type=instance_type or "ml.m5.xlarge",
            volume_size_in_gb=volume_size_in_gb,
            volume_kms_key=volume_kms_key,
            output_kms_key=output_kms_key,
            max_runtime_in_seconds=max_runtime_in_seconds,
            sagemaker_session=sagemaker_session,
            env=env,
            tags=tags,
            network_config=network_config,
        )
        self.job_name_prefix = job_name_prefix
        self.version = version
        self.skip_early_validation = skip_early_validation
        self.latest_job: ProcessingJob | None = None

    def run(self, **_: Any) -> None:
        """Not here, as in the SDK.

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
        methods: str | list[str] = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse what the labels of a data set say. Raises JobFailed if it was waited for and did not complete."""
        config = analysis_of(data_config, data_bias_config, pre_training_methods=methods)
        return self._analyse(data_config, config, job_name or named_after("Clarify-Pretraining-Bias"), wait, logs)

    def run_post_training_bias(
        self,
        data_config: DataConfig,
        data_bias_config: BiasConfig,
        model_config: Any = None,
        model_predicted_label_config: ModelPredictedLabelConfig | str | int | None = None,
        methods: str | list[str] = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse what the predictions in a data set say; without `data_config.predicted_label` the model's own.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = analysis_of(
            data_config,
            data_bias_config,
            model_config,
            model_predicted_label_config,
            post_training_methods=methods,
        )
        return self._analyse(data_config, config, job_name or named_after("Clarify-Posttraining-Bias"), wait, logs)

    def run_bias(
        self,
        data_config: DataConfig,
        bias_config: BiasConfig,
        model_config: Any = None,
        model_predicted_label_config: ModelPredictedLabelConfig | str | int | None = None,
        pre_training_methods: str | list[str] = "all",
        post_training_methods: str | list[str] = "all",
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Analyse labels and predictions of a data set, as the two above.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = analysis_of(
            data_config,
            bias_config,
            model_config,
            model_predicted_label_config,
            pre_training_methods=pre_training_methods,
            post_training_methods=post_training_methods,
        )
        return self._analyse(data_config, config, job_name or named_after("Clarify-Bias"), wait, logs)

    def run_explainability(
        self,
        data_config: DataConfig,
        model_config: ModelConfig,
        explainability_config: Explained | list[Explained],
        model_scores: ModelPredictedLabelConfig | str | int | None = None,
        wait: bool = True,
        logs: bool = True,
        job_name: str | None = None,
        kms_key: str | None = None,
        experiment_config: dict[str, str] | None = None,
    ) -> ProcessingJob:
        """Explain a model by what it answers to the rows of a data set.

        Raises JobFailed if it was waited for and did not complete.
        """
        config = explained_of(data_config, model_config, explainability_config, model_scores)
        return self._analyse(data_config, config, job_name or named_after("Clarify-Explainability"), wait, logs)

    def run_bias_and_explainability(
        self,
        data_config: DataConfig,
        model_config: ModelConfig,
        explainability_config: Explained | list[Explained],
        bias_config: BiasConfig,
        pre_training_methods: str | list[str] = "all",
        post_training_methods: str | list[str] = "all",
        model_predicted_label_config: ModelPredictedLabelConfig | str | int | None = None,
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
        name = job_name or named_after("Clarify-Bias-And-Explainability")
        asked = (data_config, bias_config, model_config, model_predicted_label_config)
        config = analysis_of(
            *asked, pre_training_methods=pre_training_methods, post_training_methods=post_training_methods
        )
        beside = copy.copy(data_config)
        beside.s3_output_path = join(data_config.s3_output_path, "bias")
        bias = self._analyse(beside, config, f"{name}-bias", True, logs)
        config = explained_of(data_config, model_config, explainability_config, model_predicted_label_config)
        explained = self._analyse(data_config, config, name, True, logs)
        found = [json.loads(read_text(each.file(ANALYSIS), self.sagemaker_session)) for each in (bias, explained)]
        text = json.dumps({**found[0], **found[1]}, indent=4)
        write_text(explained.file(ANALYSIS), text, self.sagemaker_session)
        return explained

    def _analyse(
        self,
        data_config: DataConfig,
        config: Mapping[str, Any],
        name: str,
        wait: bool,
        logs: bool,
    ) -> ProcessingJob:
        if self.job_name_prefix:
            name = f"{self.job_name_prefix}-{name}"
        self.latest_job = self._baseline(
            name,
            data_config.s3_output_path,
            analysis_variables(config, data_config, name, self.sagemaker_session),
            wait=wait,
            logs=logs,
        )
        return self.latest_job


def analysis_of(
    data_config: DataConfig,
    bias_config: BiasConfig,
    model_config: Any = None,
    predicted: ModelPredictedLabelConfig | str | int | None = None,
    *,
    pre_training_methods: str | list[str] | None = None,
    post_training_methods: str | list[str] | None = None,
) -> dict[str, Any]:
    """Clarify's configuration of these.

    model_config: anything with the SDK's `get_predictor_config`. Source: sagemaker.clarify of the SDK, 2.257.7.
    """
    methods: dict[str, Any] = {"report": dict(REPORT)}
    if pre_training_methods:
        methods["pre_training_bias"] = {"methods": pre_training_methods}
    if post_training_methods:
        methods["post_training_bias"] = {"methods": post_training_methods}
    config = {**data_config.get_config(), **bias_config.get_config(), "methods": methods}
    if model_config is not None:
        config["predictor"] = dict(model_config.get_predictor_config())
    _add_answer(config, predicted)
    return config


def explained_of(
    data_config: DataConfig,
    model_config: ModelConfig,
    asked: Explained | list[Explained],
    scores: ModelPredictedLabelConfig | str | int | None,
) -> dict[str, Any]:
    """Clarify's configuration of an explanation."""
    config = {
        **data_config.get_config(),
        "methods": {**methods_of(asked), "report": dict(REPORT)},
        "predictor": model_config.get_predictor_config(),
    }
    _add_answer(config, scores)
    return config


def _add_answer(config: dict[str, Any], predicted: ModelPredictedLabelConfig | str | int | None) -> None:
    """Say where in the model's answer the prediction is."""
    if isinstance(predicted, ModelPredictedLabelConfig):
        threshold, members = predicted.get_predictor_config()
        if members and "predictor" in config:
            config["predictor"].update(members)
        if threshold is not None:
            config["probability_threshold"] = threshold
    elif predicted is not None and "predictor" in config:
        config["predictor"]["label"] = predicted


def analysis_variables(
    config: Mapping[str, Any], data_config: DataConfig, name: str, session: Any
) -> dict[str, str | None]:
    """A job's variables; the configuration is written to where the data configuration has it, else below the home."""
    folder = data_config.s3_analysis_config_output_path or join(default_prefix(session), "analysis-configs", name)
    explains = {"shap", "pdp"} & set(config["methods"])
    return {
        "analysis_type": (AnalysisType.MODEL_EXPLAINABILITY if explains else AnalysisType.MODEL_BIAS).value,
        "MODEL_MONITOR_ANALYSIS_CONFIG": located(write_config(config, folder, session)),
        "dataset_source": located(data_config.s3_data_input_path),
        **model_variables(config),
    }


def write_config(config: Mapping[str, Any], folder: str, session: Any) -> str:
    """Write a configuration into a folder, and give its place."""
    return write_text(join(folder, ANALYSIS_CONFIG), json.dumps(config), session)
