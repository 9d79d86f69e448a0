"""The parts of a job definition, in the form of the API, made of what the SDK's methods are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_monitor.documents.constraints import CATEGORICAL_DRIFT_METHODS
from model_monitor.running.scheduling.schedules import NOW
from model_monitor.sagemaker.inputs import CONTAINER, BatchTransformInput, EndpointInput, MonitoringOutput
from model_monitor.sagemaker.monitoring_files import (
    ModelMonitoringFile,
    absolute,
    capture_prefix,
    default_prefix,
    exists_here,
)
from model_monitor.storage import join


class DataQualityDistributionConstraints:
    """The part about distributions. categorical_drift_method: LInfinity or ChiSquared, or one of ours (docs/drift.md)."""

    def __init__(self, categorical_drift_method: str | None = None) -> None:
        self.categorical_drift_method = categorical_drift_method

    @staticmethod
    def valid_distribution_constraints(distribution_constraints: Any) -> bool:
        """Whether they can be used; None can."""
        return not distribution_constraints or DataQualityDistributionConstraints.valid_categorical_drift_method(
            distribution_constraints.categorical_drift_method
        )

    @staticmethod
    def valid_categorical_drift_method(categorical_drift_method: str | None) -> bool:
        """Whether there is such a method; None means the default one."""
        return not categorical_drift_method or categorical_drift_method in CATEGORICAL_DRIFT_METHODS


class DataQualityMonitoringConfig:
    """What replaces the suggested configuration."""

    def __init__(self, distribution_constraints: DataQualityDistributionConstraints | None = None) -> None:
        self.distribution_constraints = distribution_constraints

    @staticmethod
    def valid_monitoring_config(monitoring_config: Any) -> bool:
        """Whether it can be used; None can."""
        return not monitoring_config or DataQualityDistributionConstraints.valid_distribution_constraints(
            monitoring_config.distribution_constraints
        )


# The parts of a job definition, in the form of the API, made of what the SDK's methods are given.


PUBLISH = "publish_cloudwatch_metrics"

IMAGE = "spark-model-monitor"
"""What stands for the image, which the API wants."""


def job_input(
    endpoint: str | EndpointInput | None,
    transform: BatchTransformInput | None,
    environment: Mapping[str, str],
    session: Any,
) -> tuple[dict[str, Any], str]:
    """`…JobInput`, and the prefix that endpoints capture to.

    An endpoint is a name below that prefix, or a path (or URI) of its captures, whose last folder then is its name.
    Raises ValueError, in the SDK's words, unless one of the two is given, and not both.
    """
    if (endpoint is None) == (transform is None):
        raise ValueError(
            "Need to have either batch_transform_input or endpoint_input to create an Amazon Model Monitoring Schedule. "
            "Please provide only one of the above required inputs"
        )
    prefix = capture_prefix(environment, session)
    if transform is not None:
        read = transform.request()
        place = read["BatchTransformInput"]["DataCapturedDestinationS3Uri"]
        return {
            "BatchTransformInput": {**read["BatchTransformInput"], "DataCapturedDestinationS3Uri": absolute(place)}
        }, prefix
    request = EndpointInput.named(endpoint or "").request()
    name = request["EndpointInput"]["EndpointName"].rstrip("/")
    if "/" in name or exists_here(name):
        prefix, _, name = absolute(name).rpartition("/")
        request["EndpointInput"]["EndpointName"] = name
    return request, prefix


def job_output(schedule: str, destination: str | None, session: Any) -> dict[str, Any]:
    """`…JobOutputConfig`; by default below the SDK's own prefix (C1.5)."""
    place = destination or join(default_prefix(session), "monitoring", schedule, "results")
    return {"MonitoringOutputs": [MonitoringOutput(str(CONTAINER / "output"), absolute(place)).request()]}


def app_specification(
    preprocessor: str | None = None,
    postprocessor: str | None = None,
    *,
    publishes: bool | None,
    environment: Mapping[str, str] | None,
) -> dict[str, Any]:
    """`…AppSpecification`: scripts and environment, as far as they are given."""
    variables = dict(environment or {})
    if publishes is not None:
        variables[PUBLISH] = "Enabled" if publishes else "Disabled"
    return given(
        ImageUri=IMAGE,
        RecordPreprocessorSourceUri=preprocessor and absolute(preprocessor),
        PostAnalyticsProcessorSourceUri=postprocessor and absolute(postprocessor),
        Environment=variables or None,
    )


def baseline_config(**files: ModelMonitoringFile | str | None) -> dict[str, Any]:
    """`…BaselineConfig` of files given as objects or by their places: ConstraintsResource=…, StatisticsResource=…."""
    places = {name: file.file_s3_uri if isinstance(file, ModelMonitoringFile) else file for name, file in files.items()}
    return {name: {"S3Uri": absolute(place)} for name, place in places.items() if place is not None}


def schedule_config(expression: str | None, start: str | None, end: str | None) -> dict[str, str]:
    """`ScheduleConfig`; empty without an expression, as the API has it for a daily schedule.

    Raises ValueError, in the SDK's words, for NOW without both ends of its window.
    """
    if expression is None:
        return {}
    if expression == NOW and (start is None or end is None):
        raise ValueError(
            "Both data_analysis_start_time and data_analysis_end_time are required for one time monitoring schedule "
        )
    return given(ScheduleExpression=expression, DataAnalysisStartTime=start, DataAnalysisEndTime=end)


def ground_truth(prefix: str | None) -> dict[str, Any]:
    """The member of `…JobInput` that names the labels, if they are named."""
    return {} if prefix is None else {"GroundTruthS3Input": {"S3Uri": absolute(prefix)}}


def given(**members: Any) -> dict[str, Any]:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
