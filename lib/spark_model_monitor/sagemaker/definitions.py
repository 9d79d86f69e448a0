"""The parts of a job definition, in the form of the API, made from the arguments of the SDK's methods."""

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
    """What a schedule can be given; a monitor takes those of its own signature, None for what is not given.

    endpoint_input: the endpoint's name, an EndpointInput (which says where the prediction is, and how late labels are), or a path
    of its captures. ground_truth_input: the prefix of the labels. analysis_config: the place of one, or an object. Instances,
    keys, network, role and the longest run time are accepted, and without effect.
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


def make_signed(method: Callable[..., None], owner: type, defaults: ApiAnswer) -> Callable[..., None]:
    """A method with a signature of its own: these parameters with their defaults, each by position or name.

    Raises TypeError, when it is called, for other arguments.
    """
    # Annotations of a TypedDict are forward references; help() should show their text only
    kinds = {name: getattr(kind, "__forward_arg__", kind) for name, kind in ScheduleArguments.__annotations__.items()}
    positional_or_keyword = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        Parameter(name, positional_or_keyword, default=value, annotation=kinds[name])
        for name, value in defaults.items()
    ]
    # IDEs and help() read this; the method itself takes any keywords
    signature = Signature([Parameter("self", positional_or_keyword), *parameters], return_annotation="None")

    @functools.wraps(method)
    def call_with_defaults(*ordered: Any, **named: Any) -> None:
        # A wrong argument is a TypeError here, with the same words as for any Python function
        bound = signature.bind(*ordered, **named)
        bound.apply_defaults()
        method(**bound.arguments)

    # `wraps` has copied the base class's name and parameters; help() should show those of this kind of monitor
    vars(call_with_defaults).update(__signature__=signature)
    call_with_defaults.__qualname__ = f"{owner.__qualname__}.{method.__name__}"
    return call_with_defaults


PUBLISH = "publish_cloudwatch_metrics"

IMAGE = "spark-model-monitor"  # stands for the image, which the API requires


def build_job_input(
    endpoint: str | EndpointInput | None,
    transform: BatchTransformInput | None,
    environment: Mapping[str, str],
    session: SdkSession,
) -> tuple[ApiMembers, str]:
    """`…JobInput`, and the prefix of the endpoints' captures.

    An endpoint is a name below that prefix, or a path (or URI) of its captures, whose last folder is then its name.
    Raises ValueError, in the SDK's words, unless exactly one of the two is given.
    """
    if (endpoint is None) == (transform is None):
        raise ValueError(
            "Need to have either batch_transform_input or endpoint_input to create an Amazon Model Monitoring Schedule. "
            "Please provide only one of the above required inputs"
        )
    prefix = capture_prefix(environment, session)
    # Batch transform names its folder itself; the prefix stays that of the endpoints
    if transform is not None:
        transform_input = transform.request()["BatchTransformInput"]
        captured_uri = absolute(transform_input["DataCapturedDestinationS3Uri"])
        return {"BatchTransformInput": {**transform_input, "DataCapturedDestinationS3Uri": captured_uri}}, prefix
    request = EndpointInput.named(endpoint or "").request()
    name = request["EndpointInput"]["EndpointName"].rstrip("/")
    # A path instead of a name: the service would refuse it, here it saves naming the prefix apart
    if "/" in name or exists_here(name):
        prefix, _, name = absolute(name).rpartition("/")
        request["EndpointInput"]["EndpointName"] = name
    return request, prefix


def build_job_output(schedule: str, destination: str | None, session: SdkSession) -> ApiMembers:
    """`…JobOutputConfig`; by default below the SDK's own prefix (C1.5)."""
    output_uri = destination or join(default_prefix(session), "monitoring", schedule, "results")
    return {"MonitoringOutputs": [MonitoringOutput(str(CONTAINER / "output"), absolute(output_uri)).request()]}


def build_app_specification(
    preprocessor: str | None = None,
    postprocessor: str | None = None,
    *,
    publishes: bool | None,
    environment: Mapping[str, str] | None,
) -> ApiMembers:
    """`…AppSpecification`: scripts and environment, if given."""
    variables = dict(environment or {})
    # None is an update that leaves the metrics as they are; it must not turn them off
    if publishes is not None:
        variables[PUBLISH] = "Enabled" if publishes else "Disabled"
    return drop_missing(
        ImageUri=IMAGE,
        RecordPreprocessorSourceUri=preprocessor and absolute(preprocessor),
        PostAnalyticsProcessorSourceUri=postprocessor and absolute(postprocessor),
        Environment=variables or None,
    )


def build_baseline_config(**files: ModelMonitoringFile | str | None) -> ApiMembers:
    """`…BaselineConfig` of files given as objects or by location: ConstraintsResource=…, StatisticsResource=…."""
    uris = {name: file.file_s3_uri if isinstance(file, ModelMonitoringFile) else file for name, file in files.items()}
    return {name: {"S3Uri": absolute(uri)} for name, uri in uris.items() if uri is not None}


def schedule_config(expression: str | None, start: str | None, end: str | None) -> dict[str, str]:
    """`ScheduleConfig`; empty without an expression, as in the API for a daily schedule.

    Raises ValueError, in the SDK's words, for NOW without both ends of its window.
    """
    if expression is None:
        return {}
    if expression == NOW and (start is None or end is None):
        raise ValueError(
            "Both data_analysis_start_time and data_analysis_end_time are required for one time monitoring schedule "
        )
    return drop_missing(ScheduleExpression=expression, DataAnalysisStartTime=start, DataAnalysisEndTime=end)


def build_ground_truth(prefix: str | None) -> ApiMembers:
    """The member of `…JobInput` that names the labels, if given."""
    if prefix is None:
        return {}
    return {"GroundTruthS3Input": {"S3Uri": absolute(prefix)}}


def drop_missing(**members: Any) -> ApiMembers:
    """The members that are not None."""
    return {name: value for name, value in members.items() if value is not None}
