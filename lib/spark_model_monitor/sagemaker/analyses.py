"""The SDK's classes of analyses: data, bias, the model, SHAP and partial dependence, as members of Clarify's configuration."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.monitors.predictors.model_loading import infer_flavour
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.monitoring_files import locate

MODEL = "MODEL_MONITOR_MODEL"  # the environment variable that names a job's model


FacetValue: TypeAlias = int | float | str  # a value or a threshold of a facet or of the label


class PredictorSettings(Protocol):
    """An object that describes a model: our `ModelConfig` or the SDK's."""

    def get_predictor_config(self) -> ApiAnswer: ...


@dataclass(eq=False)
class SegmentationConfig:
    """A column whose values divide the rows, for metrics of each part. display_aliases: with or without one for the rest.

    Raises ValueError, in the SDK's words, for invalid segments, or another number of aliases.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import SegmentationConfig
    >>> SegmentationConfig("age", [["[18, 30)"], ["[30, 50)"]]).name_or_index
    'age'
    """

    name_or_index: str | int
    segments: list[list[str | int]]
    config_name: str | None = None
    display_aliases: list[str] | None = None

    def __post_init__(self) -> None:
        if self.name_or_index is None:
            raise ValueError("`name_or_index` cannot be None")
        are_lists = isinstance(self.segments, list) and all(isinstance(segment, list) for segment in self.segments)
        if not self.segments or not are_lists:
            raise ValueError("`segments` must be a list of lists of values or intervals.")
        # One alias more than segments is allowed, which names the rows in no segment
        allowed_numbers = (len(self.segments), len(self.segments) + 1)
        if self.display_aliases is not None and len(self.display_aliases) not in allowed_numbers:
            raise ValueError(
                "Number of `display_aliases` must equal the number of segments specified or with one additional default segment "
                "display alias."
            )

    def to_dict(self) -> ApiMembers:
        """The member of the configuration."""
        names = drop_missing(config_name=self.config_name or None, display_aliases=self.display_aliases or None)
        return {"name_or_index": self.name_or_index, "segments": self.segments, **names}


@dataclass(eq=False)
class DataConfig:
    """The data set of an analysis, and the location of its results. s3_compression_type: accepted, without effect.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import DataConfig
    >>> config = DataConfig("applicants.csv", "bias", label="target", headers=["target", "sex"])
    """

    s3_data_distribution_type: ClassVar[str] = "FullyReplicated"
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
        segments = None
        if self.segmentation_config:
            segments = [segmentation.to_dict() for segmentation in self.segmentation_config]
        time_series = None
        if self.time_series_data_config:
            time_series = self.time_series_data_config.get_time_series_data_config()
        # The members have the SDK's order, so that a written file can be compared with a file of the SDK
        self.analysis_config: ApiMembers = drop_missing(
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
            segment_config=segments,
            time_series_data_config=time_series,
        )

    @property
    def segmentation_configs(self) -> list[SegmentationConfig] | None:
        """The segments, by the name of the SDK's attribute."""
        return self.segmentation_config

    def get_config(self) -> ApiMembers:
        """The configuration's members about the data."""
        # A copy, because callers add members
        return copy.deepcopy(self.analysis_config)


class BiasConfig:
    """The positive outcomes of the label, the facets with their sensitive values or thresholds, and the subgroups.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import BiasConfig
    >>> config = BiasConfig([1], "sex", [0])
    """

    def __init__(
        self,
        label_values_or_threshold: list[FacetValue],
        facet_name: str | int | list[str] | list[int],
        facet_values_or_threshold: Sequence[FacetValue] | Sequence[Sequence[FacetValue]] | None = None,
        group_name: str | None = None,
    ) -> None:
        """Raises ValueError, in the SDK's words, if the number of facets isn't the number of values."""
        names = facet_name if isinstance(facet_name, list) else [facet_name]
        values: Sequence[Any] | None = facet_values_or_threshold
        # A single facet gets the whole list of values; several facets get one element each
        if not isinstance(facet_name, list) or values is None:
            values = [values] * len(names)
        if len(values) != len(names):
            raise ValueError("The number of facet names doesn't match the number of facet values")
        facets = [
            drop_missing(name_or_index=name, value_or_threshold=value)
            for name, value in zip(names, values, strict=True)
        ]
        self.analysis_config: ApiMembers = drop_missing(
            label_values_or_threshold=label_values_or_threshold, facet=facets, group_variable=group_name
        )

    def get_config(self) -> ApiMembers:
        """The configuration's members about bias."""
        return copy.deepcopy(self.analysis_config)


@dataclass(eq=False)
class ModelPredictedLabelConfig:
    """The location of the prediction in the model's answer, and the threshold of its probability.

    Raises TypeError, in the SDK's words, for a threshold that is not a number.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ModelPredictedLabelConfig
    >>> config = ModelPredictedLabelConfig(probability="score", probability_threshold=0.5)
    """

    label: str | int | None = None
    probability: str | int | None = None
    probability_threshold: float | None = None
    label_headers: list[str] | None = None

    def __post_init__(self) -> None:
        # As in the SDK, a text with a number is accepted, and anything else is a TypeError, which notebooks may catch
        if self.probability_threshold is not None:
            try:
                float(self.probability_threshold)
            except ValueError:
                raise TypeError(
                    f"Invalid probability_threshold {self.probability_threshold}. "
                    f"Please choose one that can be cast to float."
                ) from None
        self.predictor_config = drop_missing(
            label=self.label, probability=self.probability, label_headers=self.label_headers
        )

    def get_predictor_config(self) -> tuple[float | None, ApiMembers]:
        """The threshold, and the configuration's members about the model's answer."""
        return self.probability_threshold, copy.deepcopy(self.predictor_config)


@dataclass(eq=False)
class ModelConfig:
    """What is explained. model_name or endpoint_name: a model that our jobs load, by its file, its address or `module:function`;
    any other name is the service's own, and `env={"MODEL_MONITOR_MODEL": …}` of the processor says which model is meant.

    Instances, accelerators and prefixes are accepted, and without effect.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import ModelConfig
    >>> config = ModelConfig(model_name="churn.json")
    """

    model_name: str | None = None
    instance_count: int | None = None
    instance_type: str | None = None
    accept_type: str | None = None
    content_type: str | None = None
    content_template: str | None = None
    record_template: str | None = None
    custom_attributes: str | None = None
    accelerator_type: str | None = None
    endpoint_name_prefix: str | None = None
    target_model: str | None = None
    endpoint_name: str | None = None
    time_series_model_config: Any = None

    def __post_init__(self) -> None:
        if self.time_series_model_config is not None:
            raise BadConfiguration("time_series_model_config: time series are not explained by this package")
        # The members have the SDK's order; the API's name for the number of instances differs from the SDK's argument
        self.predictor_config: ApiMembers = drop_missing(
            endpoint_name=self.endpoint_name,
            model_name=self.model_name,
            instance_type=self.instance_type,
            initial_instance_count=self.instance_count,
            accept_type=self.accept_type,
            content_type=self.content_type,
            content_template=self.content_template,
            record_template=self.record_template,
            custom_attributes=self.custom_attributes,
            accelerator_type=self.accelerator_type,
            endpoint_name_prefix=self.endpoint_name_prefix,
            target_model=self.target_model,
        )

    def get_predictor_config(self) -> ApiMembers:
        """The configuration's members about the model."""
        return copy.deepcopy(self.predictor_config)


class ExplainabilityConfig:
    """The subject and the method of an explanation: one of the two below."""


@dataclass(eq=False, repr=False)  # a baseline consists of rows of the data
class SHAPConfig(ExplainabilityConfig):
    """Attributions. text_config, image_config: refused, since texts and images are not explained by this package.

    Raises ValueError, in the SDK's words, for baseline beside num_clusters, BadConfiguration for texts and images.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import SHAPConfig
    >>> config = SHAPConfig(num_samples=100, seed=1)
    """

    baseline: str | list[Any] | ApiMembers | None = None
    num_samples: int | None = None
    agg_method: str | None = None
    use_logit: bool = False
    save_local_shap_values: bool = True
    seed: int | None = None
    num_clusters: int | None = None
    text_config: Any = None
    image_config: Any = None
    features_to_explain: list[str] | list[int] | None = None

    def __post_init__(self) -> None:
        # Texts and images are refused, because a report without their columns would look complete
        for name, config in {"text_config": self.text_config, "image_config": self.image_config}.items():
            if config is not None:
                raise BadConfiguration(f"{name}: it is not explained by this package; leave the column out")
        if self.baseline is not None and self.num_clusters is not None:
            raise ValueError("Baseline and num_clusters cannot be provided together. Please specify one of the two.")
        # These two members have defaults and are always written; the others are written only if they are given
        self.shap_config: ApiMembers = drop_missing(
            use_logit=self.use_logit,
            save_local_shap_values=self.save_local_shap_values,
            baseline=self.baseline,
            num_samples=self.num_samples,
            agg_method=self.agg_method,
            seed=self.seed,
            num_clusters=self.num_clusters,
            features_to_explain=self.features_to_explain,
        )

    def get_explainability_config(self) -> ApiMembers:
        """The member of `methods`."""
        return {"shap": copy.deepcopy(self.shap_config)}


class PDPConfig(ExplainabilityConfig):
    """Partial dependence.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import PDPConfig
    >>> config = PDPConfig(features=["age"], grid_resolution=10)
    """

    def __init__(
        self, features: list[str] | list[int] | None = None, grid_resolution: int = 15, top_k_features: int = 10
    ) -> None:
        self.pdp_config: ApiMembers = drop_missing(
            grid_resolution=grid_resolution, top_k_features=top_k_features, features=features
        )

    def get_explainability_config(self) -> ApiMembers:
        """The member of `methods`."""
        return {"pdp": copy.deepcopy(self.pdp_config)}


Explained = SHAPConfig | PDPConfig
Predicted: TypeAlias = "ModelPredictedLabelConfig | str | int | None"
"""The location of the prediction in the model's answer."""


def collect_methods(explainability: Explained | Sequence[Explained]) -> ApiMembers:
    """The member `methods` for one explanation or several.

    Raises ValueError, in the SDK's words, if there is no explanation, or the same method twice.
    """
    if isinstance(explainability, Explained):
        configs = [explainability]
    else:
        configs = list(explainability)
    methods: ApiMembers = {}
    for config in configs:
        explainability_config = config.get_explainability_config()
        # Clarify has one member per method, so a second SHAP would replace the first without an error
        if set(explainability_config) & set(methods):
            raise ValueError("Duplicate explainability configs are provided")
        methods |= explainability_config
    if not methods:
        raise ValueError("Please provide at least one explainability config.")
    return methods


def build_model_variables(config: ApiAnswer) -> dict[str, str]:
    """By name: the variable of a configuration's model, if our jobs can load a model with this name; otherwise empty."""
    predictor = config.get("predictor") or {}
    # Either member may name a model that our jobs load: a file, `module:function`, or an HTTP address
    name = predictor.get("endpoint_name") or predictor.get("model_name") or ""
    try:
        flavour = infer_flavour(name)
    # The name of a deployed model: our jobs can't call it, and the bias of the data needs no model
    except BadConfiguration:
        return {}
    # Only the path of a file is resolved; a function or an address is passed unchanged
    if flavour in ("callable", "http"):
        return {MODEL: name}
    return {MODEL: locate(name)}
