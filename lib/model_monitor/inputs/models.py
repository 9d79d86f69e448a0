"""The model that a job's configuration names."""

from __future__ import annotations

from typing import Any

from model_monitor.configuration.contract import JobConfig
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadConfiguration
from model_monitor.monitors.predictors import PREDICTORS, Model
from model_monitor.monitors.predictors.loading import flavour_of, model_of
from model_monitor.monitors.predictors.requests import Request


def model_asked(config: JobConfig, analysis: AnalysisConfig) -> Model:
    """The model.

    Raises BadConfiguration if none is named, or it can't be told what it is or what it is asked.
    """
    if config.model is None:
        named = analysis.predictor and (analysis.predictor.model_name or analysis.predictor.endpoint_name)
        raise BadConfiguration(
            f"model is missing; write --model with the file of the model{f' {named}' if named else ''}, its address or "
            "module:function"
        )
    flavour = PREDICTORS.get(config.model_flavour).name if config.model_flavour else flavour_of(config.model)
    model = model_of(
        config.model,
        _request(config, analysis),
        flavour=flavour,
        allows_pickle=config.allow_pickle,
        trusted=config.trust_type,
    )
    if flavour == "http":
        Request(model.request)
    return model


def _request(config: JobConfig, analysis: AnalysisConfig) -> dict[str, Any]:
    """What the model is sent and answers; a monitor's configuration leaves it to the attributes where the scores are."""
    members = {} if analysis.predictor is None else analysis.predictor.plain()
    told = config.probability_attribute or config.inference_attribute
    if told is not None and not members.keys() & {"probability", "label"}:
        members["probability"] = int(told) if told.isdecimal() else told
    return members
