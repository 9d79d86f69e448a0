"""The descriptions of an account's schedules: exported as JSON, or asked of the account, which is only read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from spark_model_monitor.errors import BadConfiguration, BadDocument
from spark_model_monitor.integrations.imports.command import call_api, fetch_answers
from spark_model_monitor.integrations.imports.descriptions import (
    Definition,
    Described,
    ScheduleDescription,
    check_answer,
    read_definition,
    read_schedule,
)

Answer = tuple[str, Mapping[str, Any]]  # where it is from, for errors, and the API's own members

RESOURCES = ("JobResources", "MonitoringResources")


@dataclass(frozen=True)
class MonitoredSchedule:
    """One schedule with all that belongs to it. answers: its description, its job definition's and its endpoint's.

    definition: None if it is in none of the files. image: of its container. cluster: instances of its jobs. executions: the
    service's summaries. endpoint: its description.
    """

    name: str
    answers: tuple[Answer, ...]
    description: ScheduleDescription
    definition: Definition | None
    image: str = ""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    executions: tuple[Mapping[str, Any], ...] = ()
    endpoint: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """An account's schedules, its endpoints' configurations by name, and remarks on what could not be read.

    jobs: descriptions of processing jobs by ARN.
    """

    schedules: tuple[MonitoredSchedule, ...]
    endpoint_configs: Mapping[str, Mapping[str, Any]]
    jobs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def read_inventory(folder: str) -> Inventory:
    """The descriptions in a folder's files `….json`, as `aws sagemaker describe-…` and `list-…` print them, at any depth.

    Raises BadConfiguration if no schedule is among them.
    """
    answers = []
    remarks = []
    for path in sorted(Path(folder).rglob("*.json")):
        try:
            answers.append((str(path), json.loads(path.read_bytes())))
        except (ValueError, RecursionError):
            remarks.append(f"{path.name} is no JSON; it was left out")
    return build_inventory(answers, remarks)


def fetch_inventory(client: Any) -> Inventory:
    """The same of an account. client: boto3's for SageMaker; only list and describe calls are made.

    Raises BadInput if the API does not answer, BadConfiguration if there is no schedule.
    """
    answers: list[Answer] = []
    for listing in _fetch_pages(client, "list_monitoring_schedules"):
        for summary in listing["MonitoringScheduleSummaries"]:
            name = summary["MonitoringScheduleName"]
            answers += [(f"the account's {name}", answer) for answer in fetch_answers(client, name)]
            pages = _fetch_pages(client, "list_monitoring_executions", MonitoringScheduleName=name)
            answers += [(f"the account's executions of {name}", page) for page in pages]
    names = {answer["EndpointConfigName"] for _, answer in answers if "EndpointConfigName" in answer}
    for name in sorted(names):
        config = call_api(client, "describe_endpoint_config", EndpointConfigName=name)
        answers.append((f"the account's {name}", config))
    return build_inventory(answers, [])


def _fetch_pages(client: Any, method: str, **named: str) -> Iterator[Mapping[str, Any]]:
    page = call_api(client, method, **named)
    yield page
    while page.get("NextToken"):
        page = call_api(client, method, **named, NextToken=page["NextToken"])
        yield page


def build_inventory(answers: Iterable[Answer], remarks: Iterable[str]) -> Inventory:
    """The inventory of some answers; one that isn't the API's becomes a remark.

    Raises BadConfiguration if no schedule is among them.
    """
    remarks = list(remarks)
    checked: list[tuple[str, Described]] = []
    for where, content in answers:
        try:
            checked.append((where, check_answer(content, where)))
        except BadDocument as error:
            remarks.append(str(error).splitlines()[0])
    described = _DescribedByKind(checked)
    schedules = tuple(
        described.join_schedule(where, answer)
        for where, answer in checked
        if answer.operation == "DescribeMonitoringSchedule"
    )
    if not schedules:
        raise BadConfiguration(
            "there is no schedule among the descriptions; add the output of aws sagemaker describe-monitoring-schedule for each "
            "one that aws sagemaker list-monitoring-schedules names"
        )
    missing = sorted(described.listed_names - {schedule.name for schedule in schedules})
    remarks += [f"list-monitoring-schedules names {name}, whose description is missing" for name in missing]
    return Inventory(schedules, described.endpoint_configs, described.jobs, tuple(remarks))


class _DescribedByKind:
    """Answers by what they describe, for the schedules that refer to them."""

    def __init__(self, checked: Iterable[tuple[str, Described]]) -> None:
        self.definitions: dict[str, Answer] = {}
        self.endpoints: dict[str, Answer] = {}
        self.endpoint_configs: dict[str, Mapping[str, Any]] = {}
        self.jobs: dict[str, Mapping[str, Any]] = {}
        self.executions: dict[str, Mapping[str, Any]] = {}
        self.listed_names: set[str] = set()
        for where, answer in checked:
            content = answer.content
            if answer.operation.endswith("JobDefinition"):
                self.definitions[content["JobDefinitionName"]] = (where, content)
            elif answer.operation == "DescribeEndpoint":
                self.endpoints[content["EndpointName"]] = (where, content)
            elif answer.operation == "DescribeEndpointConfig":
                self.endpoint_configs[content["EndpointConfigName"]] = content
            elif answer.operation == "DescribeProcessingJob":
                self.jobs[content["ProcessingJobArn"]] = content
            elif answer.operation == "ListMonitoringExecutions":
                for summary in content["MonitoringExecutionSummaries"]:  # a page may be there twice
                    self.executions[f"{summary['MonitoringScheduleName']} {summary['ScheduledTime']}"] = summary
            elif answer.operation == "ListMonitoringSchedules":
                summaries = content["MonitoringScheduleSummaries"]
                self.listed_names |= {summary["MonitoringScheduleName"] for summary in summaries}

    def join_schedule(self, where: str, answer: Described) -> MonitoredSchedule:
        """A schedule with its job definition, its endpoint and its executions, as far as they are there."""
        content = answer.content
        description = read_schedule(content)
        own = [(where, content)]
        definition = description.inline
        config = content["MonitoringScheduleConfig"]
        resources = config.get("MonitoringJobDefinition", {})
        if definition is None and description.definition_name in self.definitions:
            described = self.definitions[description.definition_name]
            own.append(described)
            resources = described[1]
            definition = read_definition(resources)
        endpoint = definition.source.endpoint if definition else None
        if endpoint in self.endpoints:
            own.append(self.endpoints[endpoint])
        nothing: Mapping[str, Any] = {}
        cluster = next((resources[member]["ClusterConfig"] for member in RESOURCES if member in resources), nothing)
        application = next((part for name, part in resources.items() if name.endswith("AppSpecification")), nothing)
        executions = [
            summary for summary in self.executions.values() if summary["MonitoringScheduleName"] == description.name
        ]
        return MonitoredSchedule(
            description.name,
            tuple(own),
            description,
            definition,
            application.get("ImageUri", ""),
            cluster,
            tuple(executions),
            self.endpoints.get(endpoint or "", ("", {}))[1],
        )


def read_time(value: Any) -> datetime:
    """A time of the API, as boto3 or as the command line of AWS gives it."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value).astimezone()
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
