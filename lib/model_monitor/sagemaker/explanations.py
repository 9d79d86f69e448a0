"""The SDK's classes of explanations: the model, SHAP and partial dependence, as members of Clarify's configuration."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.monitors.predictors.loading import flavour_of
from model_monitor.sagemaker.definitions import given
from model_monitor.sagemaker.monitoring_files import located

MODEL = "MODEL_MONITOR_MODEL"
"""The variable that names a job's model."""


class ModelConfig:
    """What is explained. model_name or endpoint_name: a model that our jobs load, by its file, its address or `module:function`;
    any other name is the service's own, and `env={"MODEL_MONITOR_MODEL": …}` of the processor says which model is meant.

    Instances, accelerators and prefixes are accepted, and without effect.
    """

    def __init__(
        self,
        model_name: str | None = None,
        instance_count: int | None = None,
        instance_type: str | None = None,
        accept_type: str | None = None,
        content_type: str | None = None,
        content_template: str | None = None,
        record_template: str | None = None,
        custom_attributes: str | None = None,
        accelerator_type: str | None = None,
        endpoint_name_prefix: str | None = None,
        target_model: str | None = None,
        endpoint_name: str | None = None,
        time_series_model_config: Any = None,
    ) -> None:
        if time_series_model_config is not None:
            raise BadConfiguration("time_series_model_config: time series are not explained by this package")
        self.predictor_config: dict[str, Any] = given(
            endpoint_name=endpoint_name,
            model_name=model_name,
            instance_type=instance_type,
            initial_instance_count=instance_count,
            accept_type=accept_type,
            content_type=content_type,
            content_template=content_template,
            record_template=record_template,
            custom_attributes=custom_attributes,
            accelerator_type=accelerator_type,
            endpoint_name_prefix=endpoint_name_prefix,
            target_model=target_model,
        )

    def get_predictor_config(self) -> dict[str, Any]:
        """The members of the configuration that are about the model."""
        return copy.deepcopy(self.predictor_config)


class SHAPConfig:
    """Attributions. text_config, image_config: refused, since texts and images are not explained by this package."""

    def __init__(
        self,
        baseline: str | list[Any] | dict[str, Any] | None = None,
        num_samples: int | None = None,
        agg_method: str | None = None,
        use_logit: bool = False,
        save_local_shap_values: bool = True,
        seed: int | None = None,
        num_clusters: int | None = None,
        text_config: Any = None,
        image_config: Any = None,
        features_to_explain: list[str] | list[int] | None = None,
    ) -> None:
        """Raises ValueError, in the SDK's words, for baseline beside num_clusters, BadConfiguration for texts and images."""
        for name, what in (("text_config", text_config), ("image_config", image_config)):
            if what is not None:
                raise BadConfiguration(f"{name}: it is not explained by this package; leave the column out")
        if baseline is not None and num_clusters is not None:
            raise ValueError("Baseline and num_clusters cannot be provided together. Please specify one of the two.")
        self.shap_config: dict[str, Any] = given(
            use_logit=use_logit,
            save_local_shap_values=save_local_shap_values,
            baseline=baseline,
            num_samples=num_samples,
            agg_method=agg_method,
            seed=seed,
            num_clusters=num_clusters,
            features_to_explain=features_to_explain,
        )

    def get_explainability_config(self) -> dict[str, Any]:
        """The member of `methods`."""
        return {"shap": copy.deepcopy(self.shap_config)}


class PDPConfig:
    """Partial dependence."""

    def __init__(self, features: list[Any] | None = None, grid_resolution: int = 15, top_k_features: int = 10) -> None:
        self.pdp_config: dict[str, Any] = given(
            grid_resolution=grid_resolution, top_k_features=top_k_features, features=features
        )

    def get_explainability_config(self) -> dict[str, Any]:
        """The member of `methods`."""
        return {"pdp": copy.deepcopy(self.pdp_config)}


Explained = SHAPConfig | PDPConfig


def methods_of(asked: Explained | Sequence[Explained]) -> dict[str, Any]:
    """The `methods` of one or several.

    Raises ValueError, in the SDK's words, for none, or the same one twice.
    """
    configs = [asked] if isinstance(asked, Explained) else list(asked)
    methods: dict[str, Any] = {}
    for config in configs:
        found = config.get_explainability_config()
        if set(found) & set(methods):
            raise ValueError("Duplicate explainability configs are provided")
        methods |= found
    if not methods:
        raise ValueError("Please provide at least one explainability config.")
    return methods


def model_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """The variable of a configuration's model, if its name is of one that our jobs load."""
    predictor = config.get("predictor") or {}
    name = predictor.get("endpoint_name") or predictor.get("model_name") or ""
    try:
        is_file = flavour_of(name) not in ("callable", "http")
    except BadConfiguration:
        return {}
    return {MODEL: located(name) if is_file else name}
