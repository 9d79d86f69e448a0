"""Descriptions asked for in the account itself, by a boto3 client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from model_monitor.errors import BadInput, MissingDependency


def sagemaker_client(region: str | None) -> Any:
    """A client for the region, or for that of the user's own settings; credentials are found as boto3 finds them.

    Raises MissingDependency without boto3, BadInput if there is no region.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError as fault:
        raise MissingDependency("boto3 is not installed; write pip install 'spark-model-monitor[aws]'") from fault
    try:
        return boto3.client("sagemaker", region_name=region)
    except BotoCoreError as fault:
        raise BadInput(f"the account can't be asked: {fault}; name a region with --region") from fault


def answers_on(client: Any, schedule: str) -> Iterator[Mapping[str, Any]]:
    """What the API says of a schedule, then of its job definition, then of its endpoint, as far as there are these.

    Raises BadInput if it does not answer.
    """
    from botocore import xform_name

    described = _ask(client, "describe_monitoring_schedule", MonitoringScheduleName=schedule)
    yield described
    config = described["MonitoringScheduleConfig"]
    if "MonitoringJobDefinitionName" in config:
        kind = config.get("MonitoringType", "DataQuality")
        method = xform_name(f"Describe{kind}JobDefinition")
        definition = _ask(client, method, JobDefinitionName=config["MonitoringJobDefinitionName"])
        yield definition
        job_input = definition[f"{kind}JobInput"]
    else:
        job_input = config["MonitoringJobDefinition"]["MonitoringInputs"][0]
    if "EndpointInput" in job_input:
        yield _ask(client, "describe_endpoint", EndpointName=job_input["EndpointInput"]["EndpointName"])


def _ask(client: Any, method: str, **named: str) -> Mapping[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: Mapping[str, Any] = getattr(client, method)(**named)
    except (BotoCoreError, ClientError) as fault:
        raise BadInput(f"{method.replace('_', '-')} {' '.join(named.values())}: {fault}") from fault
    return answer
