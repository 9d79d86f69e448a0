"""The model that a job's configuration names."""

from __future__ import annotations

from model_monitor.configuration.contract import JobConfig
from model_monitor.deequ.functions import function_of
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadConfiguration
from model_monitor.predictors import PREDICTORS, Model
from model_monitor.predictors.loading import flavour_of, model_of
from model_monitor.predictors.requests import Request


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
    function = function_of(config.model, "--model") if flavour == "callable" else None
    model = model_of(
        config.model,
        {} if analysis.predictor is None else analysis.predictor.plain(),
        flavour=flavour,
        function=function,
        allows_pickle=config.allow_pickle,
        trusted=config.trust_type,
    )
    if flavour == "http":
        Request(model.request)
    return model
