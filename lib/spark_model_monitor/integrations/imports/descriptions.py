"""Descriptions of the service's schedules, job definitions and endpoints, for any kind of monitoring, validated by botocore."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.schedule import MONITORING_TYPES
from spark_model_monitor.errors import BadConfiguration, BadDocument, explain_missing_import
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.model import ServiceModel, Shape

ApiMembers: TypeAlias = dict[str, Any]
"""A request or an answer of the API, or a part of one, as boto3 has it: texts, numbers, times, lists, members."""

ApiAnswer: TypeAlias = Mapping[str, Any]  # the same members, only to be read

PARTS = ("BaselineConfig", "AppSpecification", "JobInput", "JobOutputConfig")
"""Members of a job definition, whose names begin with the kind of monitoring."""

NOT_NEEDED = {
    "JobResources": "where a job runs is an option of spark-submit",
    "NetworkConfig": "the network is the cluster's",
    "RoleArn": "jobs use the cluster's credentials",
    "ContainerEntrypoint": "a container of your own runs other code than ours",
    "ContainerArguments": "a container of your own runs other code than ours",
}
"""Members without a counterpart, with the reason, at any position."""


IMAGES = (
    "sagemaker-model-monitor-analyzer",
    "sagemaker-model-monitor-groundtruth-merger",
    "sagemaker-clarify-processing",
    "spark-model-monitor",
)
"""The names of images whose jobs exist here."""


def require_image(uri: str) -> None:
    """Raises BadConfiguration for an image that is neither the service's nor ours."""
    image = re.split("[:@]", uri.rpartition("/")[2])[0]
    if image not in IMAGES:
        raise BadConfiguration(
            f"{uri}: an image of your own runs other code than ours; images whose jobs are here are {', '.join(IMAGES)}"
        )


@value_class
class MonitoredSource:
    """The monitored data: an endpoint, or the results of batch transforms below a prefix. Members are None if they aren't given.

    attributes: the API's members that locate features, prediction, probability and label, by our variables' names.
    """

    endpoint: str | None = None
    transform_prefix: str | None = None
    transform_format: Mapping[str, Any] = field(default_factory=dict)
    start_offset: str | None = None
    end_offset: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@value_class
class Definition:
    """A job definition.

    Attributes
    ----------
    name: Its name.
    monitoring_type: `DataQuality`, …
    source: The monitored data.
    output_uri: The location of its results.
    constraints, statistics: The files of its baseline.
    baselining_job: The job that made its baseline.
    ground_truth: The prefix of the labels.
    settings: Members of its application, by the names of our options; "" for absent members.
    environment: Variables of its container.
    kms_key: The key that encrypts results.
    max_runtime_seconds: The time limit of its jobs.
    not_needed: Members that have no counterpart here.
    role: The role of its jobs.
    """

    name: str
    monitoring_type: str
    source: MonitoredSource
    output_uri: str
    constraints: str | None = None
    statistics: str | None = None
    baselining_job: str | None = None
    ground_truth: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    max_runtime_seconds: int | None = None
    not_needed: tuple[str, ...] = ()
    role: str | None = None


@value_class
class ScheduleDescription:
    """A schedule. definition_name: the name of its job definition. inline: the definition inside it, which old schedules have."""

    name: str
    status: str
    expression: str | None
    definition_name: str | None
    inline: Definition | None = None
    analysis_start: str | None = None
    analysis_end: str | None = None


def read_schedule(content: ApiAnswer) -> ScheduleDescription:
    """The schedule in an answer to DescribeMonitoringSchedule."""
    config = content["MonitoringScheduleConfig"]
    name = content["MonitoringScheduleName"]
    times = config.get("ScheduleConfig", {})
    inline = config.get("MonitoringJobDefinition")
    # Old answers have no type, because there was only data quality
    kind = config.get("MonitoringType", content.get("MonitoringType", MONITORING_TYPES[0]))
    return ScheduleDescription(
        name,
        content["MonitoringScheduleStatus"],
        times.get("ScheduleExpression"),
        config.get("MonitoringJobDefinitionName"),
        read_definition(convert_inline_definition(name, kind, inline)) if inline else None,
        times.get("DataAnalysisStartTime"),
        times.get("DataAnalysisEndTime"),
    )


def read_definition(content: ApiAnswer) -> Definition:
    """The job definition in an answer to one of the four Describe…JobDefinition."""
    # The kind is the prefix of the members' names
    kind = next(kind for kind in MONITORING_TYPES if f"{kind}JobInput" in content)
    baseline, application, job_input, output = (content.get(f"{kind}{part}", {}) for part in PARTS)
    name = content["JobDefinitionName"]
    outputs = output["MonitoringOutputs"]
    # botocore's model accepts an empty list
    if not outputs:
        raise BadDocument(f"the job definition {name} has no MonitoringOutputs, so there is no place for its results")
    return Definition(
        name,
        kind,
        _read_source(job_input),
        outputs[0]["S3Output"]["S3Uri"].rstrip("/"),
        constraints=baseline.get("ConstraintsResource", {}).get("S3Uri"),
        statistics=baseline.get("StatisticsResource", {}).get("S3Uri"),
        baselining_job=baseline.get("BaseliningJobName"),
        ground_truth=job_input.get("GroundTruthS3Input", {}).get("S3Uri"),
        settings={ours: application.get(name, "") for name, ours in SETTINGS.items()},
        environment=dict(application.get("Environment", {})),
        kms_key=output.get("KmsKeyId"),
        max_runtime_seconds=content.get("StoppingCondition", {}).get("MaxRuntimeInSeconds"),
        not_needed=tuple(member for member in NOT_NEEDED if member in {*content, *application, *output}),
        role=content.get("RoleArn"),
    )


def read_capture_prefix(content: ApiAnswer) -> tuple[str, str | None]:
    """An endpoint's name, and the prefix of its captures (None if it has none), from an answer to DescribeEndpoint."""
    # An endpoint without captures has no DataCaptureConfig
    prefix = content.get("DataCaptureConfig", {}).get("DestinationS3Uri")
    return content["EndpointName"], prefix


FURTHER_MEMBERS = {
    "MonitoringResources": "JobResources",
    "RoleArn": "RoleArn",
    "NetworkConfig": "NetworkConfig",
    "StoppingCondition": "StoppingCondition",
}
"""Members of an inline definition -> the same members of a separate definition, for every kind."""


def convert_inline_definition(name: str, kind: str, inline: ApiAnswer) -> ApiMembers:
    """The definition inside a schedule's configuration, with the members of a separate definition."""
    if len(inline["MonitoringInputs"]) != 1:
        raise BadDocument(
            f"the schedule {name} has {len(inline['MonitoringInputs'])} MonitoringInputs; the service takes 1"
        )
    # In a separate definition the environment is a member of the application
    application = {**inline["MonitoringAppSpecification"], "Environment": inline.get("Environment", {})}
    return {
        "JobDefinitionName": name,
        f"{kind}BaselineConfig": inline.get("BaselineConfig", {}),
        f"{kind}AppSpecification": application,
        f"{kind}JobInput": inline["MonitoringInputs"][0],
        f"{kind}JobOutputConfig": inline["MonitoringOutputConfig"],
        **{
            member: inline[inline_member]
            for inline_member, member in FURTHER_MEMBERS.items()
            if inline_member in inline
        },
    }


SETTINGS = {  # members of an application -> our options
    "RecordPreprocessorSourceUri": "record_preprocessor_script",
    "PostAnalyticsProcessorSourceUri": "post_analytics_processor_script",
    "ProblemType": "problem_type",
    "ConfigUri": "analysis_config",
}
ATTRIBUTES = {
    "FeaturesAttribute": "features_attribute",
    "InferenceAttribute": "inference_attribute",
    "ProbabilityAttribute": "probability_attribute",
    "ProbabilityThresholdAttribute": "probability_threshold_attribute",
    "ExcludeFeaturesAttribute": "exclude_features_attribute",
}


def _read_source(job_input: ApiAnswer) -> MonitoredSource:
    endpoint = job_input.get("EndpointInput")
    transform = job_input.get("BatchTransformInput")
    # Both kinds of input have the following members, or some of them
    members = endpoint or transform or {}
    return MonitoredSource(
        endpoint=members.get("EndpointName"),
        transform_prefix=members.get("DataCapturedDestinationS3Uri"),
        transform_format=members.get("DatasetFormat", {}),
        start_offset=members.get("StartTimeOffset"),
        end_offset=members.get("EndTimeOffset"),
        attributes={ours: str(members[name]) for name, ours in ATTRIBUTES.items() if name in members},
    )


OPERATIONS = {
    "MonitoringScheduleConfig": "DescribeMonitoringSchedule",
    **{f"{kind}JobInput": f"Describe{kind}JobDefinition" for kind in MONITORING_TYPES},
    "EndpointArn": "DescribeEndpoint",
    "EndpointConfigArn": "DescribeEndpointConfig",
    "MonitoringScheduleSummaries": "ListMonitoringSchedules",
    "MonitoringExecutionSummaries": "ListMonitoringExecutions",
}
"""A member that only one kind of answer has -> the operation that returns it."""

_RESPONSE_METADATA = "ResponseMetadata"  # a member that boto3 adds to every answer


@value_class
class CheckedAnswer:
    """One answer of the API. unknown: paths of members that botocore's model lacks, left out of `content`."""

    operation: str
    content: ApiAnswer
    unknown: tuple[str, ...] = ()


def find_operation(content: Mapping[str, Json]) -> str | None:
    """The operation that returns an answer with such members; None if there is no such operation."""
    return next((name for member, name in OPERATIONS.items() if member in content), None)


def check_answer(content: object, where: str) -> CheckedAnswer:
    """The content of a file, checked as an answer of the API. where: the name of the file in errors.

    Raises BadDocument if it can't be imported, or is not in an answer's form; MissingDependency without
    botocore.
    """
    if not isinstance(content, Mapping):
        type_name = type(content).__name__
        raise BadDocument(
            f"{where} is {type_name}; it has to be a JSON object, as `aws sagemaker describe-…` prints it"
        )
    operation = find_operation(content)
    if operation is None:
        raise BadDocument(
            f"{where} has none of the members {', '.join(OPERATIONS)}; give the output of aws sagemaker "
            "describe-monitoring-schedule, of describe-data-quality-job-definition or one like it, or of describe-endpoint"
        )
    shape = _load_service_model().operation_model(operation).output_shape
    # Members that the installed botocore doesn't know, because the service is newer, are left out with a remark
    unknown: list[str] = []
    members = _drop_unknown_members(content, shape, unknown)
    faults = _find_faults(members, shape)
    if faults:
        raise BadDocument("\n".join(f"{where}: {fault}" for fault in faults))
    return CheckedAnswer(operation, members, tuple(sorted(unknown)))


def _load_service_model() -> ServiceModel:
    with explain_missing_import(
        "the API's shapes are botocore's, which is not installed; write pip install 'spark-model-monitor[s3]'"
    ):
        from botocore.session import get_session
    return get_session().get_service_model("sagemaker")


def _find_faults(content: ApiAnswer, shape: Shape) -> list[str]:
    from botocore.validate import ParamValidator

    report: str = ParamValidator().validate(content, shape).generate_report()
    return report.splitlines()


def _drop_unknown_members(value: Json, shape: Shape, unknown: list[str], path: str = "") -> Json:
    """The value without null members, and without members that the shape lacks, whose paths are added to `unknown`."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        unknown += [f"{path}{name}" for name in value if name not in shape.members and name != _RESPONSE_METADATA]
        known_members = {name: member for name, member in value.items() if name in shape.members and member is not None}
        return {
            name: _drop_unknown_members(member, shape.members[name], unknown, f"{path}{name}.")
            for name, member in known_members.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        above = path.rstrip(".")
        return [
            _drop_unknown_members(item, shape.member, unknown, f"{above}[{index}].") for index, item in enumerate(value)
        ]
    return value
