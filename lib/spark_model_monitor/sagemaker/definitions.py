"""Makes the parts of a job definition in the API's form from the arguments of the SDK's methods."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Any, TypedDict

from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.running.scheduling.schedules import NOW
from spark_model_monitor.sagemaker.inputs import CONTAINER, BatchTransformInput, EndpointInput, MonitoringOutput
from spark_model_monitor.sagemaker.monitoring_files import (
    Constraints,
    ModelMonitoringFile,
    SdkSession,
    Statistics,
    absolute,
    capture_prefix,
    default_prefix,
    exists_here,
)
from spark_model_monitor.storage import join


class ScheduleArguments(TypedDict, total=False):
    """The arguments of a schedule. A monitor accepts those in its own signature; an argument that isn't given is None.

    endpoint_input: the endpoint's name, an EndpointInput (which says where the prediction is, and how late labels are), or a path
    of its captures. ground_truth_input: the prefix of the labels. analysis_config: the location of a configuration, or an object.
    Instances, keys, network, role and the longest run time are accepted, but have no effect.
    """

    endpoint_input: str | EndpointInput | None
    batch_transform_input: BatchTransformInput | None
    ground_truth_input: str | None
    problem_type: str | None
    analysis_config: Any
    record_preprocessor_script: str | None
    post_analytics_processor_script: str | None
    output_s3_uri: str | None
    constraints: Constraints | str | None
    statistics: Statistics | str | None
    monitor_schedule_name: str | None
    schedule_cron_expression: str | None
    data_analysis_start_time: str | None
    data_analysis_end_time: str | None
    enable_cloudwatch_metrics: bool | None
    env: dict[str, str] | None
    role: str | None
    instance_count: int | None
    instance_type: str | None
    volume_size_in_gb: int | None
    volume_kms_key: str | None
    output_kms_key: str | None
    max_runtime_in_seconds: int | None
    network_config: Any


LAST_PARAMETERS = ("batch_transform_input", "data_analysis_start_time", "data_analysis_end_time")
RESOURCES = (
    "instance_count",
    "instance_type",
    "volume_size_in_gb",
    "volume_kms_key",
    "output_kms_key",
    "max_runtime_in_seconds",
    "env",
    "network_config",
)
"""Parameters in the SDK's order."""


def add_signature(method: Callable[..., None], owner: type, defaults: ApiAnswer) -> Callable[..., None]:
    """The method with its own signature: the parameters in `defaults`, each of which may be given by position or name.

    A call with other arguments raises TypeError.
    """
    # Annotations of a TypedDict are forward references, but help() should show only their text
    kinds = {name: getattr(kind, "__forward_arg__", kind) for name, kind in ScheduleArguments.__annotations__.items()}
    positional_or_keyword = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        Parameter(name, positional_or_keyword, default=value, annotation=kinds[name])
        for name, value in defaults.items()
    ]
    # IDEs and help() show this signature, because the method itself accepts any keywords
    signature = Signature([Parameter("self", positional_or_keyword), *parameters], return_annotation="None")

    @functools.wraps(method)
    def call_with_defaults(*ordered: Any, **named: Any) -> None:
        # A wrong argument raises the same TypeError as with any Python function
        bound = signature.bind(*ordered, **named)
        bound.apply_defaults()
        method(**bound.arguments)

    # `wraps` has copied the base class's name and parameters, but help() should show those of this monitor
    vars(call_with_defaults).update(__signature__=signature)
    call_with_defaults.__qualname__ = f"{owner.__qualname__}.{method.__name__}"
    return call_with_defaults


PUBLISH = "publish_cloudwatch_metrics"

IMAGE = "spark-model-monitor"  # a name in place of the image that the API requires


def build_job_input(
    endpoint: str | EndpointInput | None,
    transform: BatchTransformInput | None,
    environment: Mapping[str, str],
    session: SdkSession,
) -> tuple[ApiMembers, str]:
    """The member `…JobInput`, and the prefix of the endpoints' captures.

    An endpoint is a name below that prefix, or the path or URI of its captures, whose last folder is then its name.
    Raises ValueError, in the SDK's words, unless exactly one of endpoint and transform is given.
    """
    if (endpoint is None) == (transform is None):
        raise ValueError(
            "Need to have either batch_transform_input or endpoint_input to create an Amazon Model Monitoring Schedule. "
            "Please provide only one of the above required inputs"
        )
    prefix = capture_prefix(environment, session)
    # A batch transform has its own folder; the prefix is still that of the endpoints
    if transform is not None:
        transform_input = transform.request()["BatchTransformInput"]
        captured_uri = absolute(transform_input["DataCapturedDestinationS3Uri"])
        return {"BatchTransformInput": {**transform_input, "DataCapturedDestinationS3Uri": captured_uri}}, prefix
    request = EndpointInput.named(endpoint or "").request()
    name = request["EndpointInput"]["EndpointName"].rstrip("/")
    # The service would refuse a path in place of a name; here it also gives the prefix
    if "/" in name or exists_here(name):
        prefix, _, name = absolute(name).rpartition("/")
        request["EndpointInput"]["EndpointName"] = name
    return request, prefix


def build_job_output(schedule: str, destination: str | None, session: SdkSession) -> ApiMembers:
    """The member `…JobOutputConfig`. By default, results go below the SDK's prefix (C1.5)."""
    output_uri = destination or join(default_prefix(session), "monitoring", schedule, "results")
    return {"MonitoringOutputs": [MonitoringOutput(str(CONTAINER / "output"), absolute(output_uri)).request()]}


def build_app_specification(
    preprocessor: str | None = None,
    postprocessor: str | None = None,
    *,
    publishes: bool | None,
    environment: Mapping[str, str] | None,
) -> ApiMembers:
    """The member `…AppSpecification` with the scripts and the environment that are given."""
    variables = dict(environment or {})
    # None is an update that doesn't change whether metrics are published
    if publishes is not None:
        variables[PUBLISH] = "Enabled" if publishes else "Disabled"
    return drop_missing(
        ImageUri=IMAGE,
        RecordPreprocessorSourceUri=preprocessor and absolute(preprocessor),
        PostAnalyticsProcessorSourceUri=postprocessor and absolute(postprocessor),
        Environment=variables or None,
    )


def build_baseline_config(**files: ModelMonitoringFile | str | None) -> ApiMembers:
    """The member `…BaselineConfig`. files: objects or locations, by member: ConstraintsResource=…, StatisticsResource=…."""
    uris = {name: file.file_s3_uri if isinstance(file, ModelMonitoringFile) else file for name, file in files.items()}
    return {name: {"S3Uri": absolute(uri)} for name, uri in uris.items() if uri is not None}


def build_schedule_config(expression: str | None, start: str | None, end: str | None) -> dict[str, str]:
    """The member `ScheduleConfig`; empty without an expression, which the API takes as a daily schedule.

    Raises ValueError, in the SDK's words, for NOW without both the start and the end of its window.
    """
    if expression is None:
        return {}
    if expression == NOW and (start is None or end is None):
        raise ValueError(
            "Both data_analysis_start_time and data_analysis_end_time are required for one time monitoring schedule "
        )
    return drop_missing(ScheduleExpression=expression, DataAnalysisStartTime=start, DataAnalysisEndTime=end)


def build_ground_truth(prefix: str | None) -> ApiMembers:
    """The member of `…JobInput` that names the labels; empty if there is no prefix."""
    if prefix is None:
        return {}
    return {"GroundTruthS3Input": {"S3Uri": absolute(prefix)}}


def drop_missing(**members: Any) -> ApiMembers:
    """The members whose values aren't None."""
    return {name: value for name, value in members.items() if value is not None}
