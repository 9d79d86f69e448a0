"""The descriptions of an account's schedules: read from exported JSON, or fetched from the account, which is only read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.errors import BadConfiguration, BadDocument, MonitorError
from spark_model_monitor.integrations.imports.descriptions import (
    OPERATIONS,
    ApiAnswer,
    Definition,
    ScheduleDescription,
    check_answer,
    find_operation,
    read_definition,
    read_schedule,
)
from spark_model_monitor.integrations.imports.import_command import call_api, fetch_answers, make_aws_client
from spark_model_monitor.integrations.leaving.other_resources import OTHER_MEMBERS, OtherResource, list_other_resources
from spark_model_monitor.storage import write_text
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient

Answer: TypeAlias = tuple[str, ApiAnswer]  # its file, as errors name it, and the API's own members

OTHER_CALLS = (
    ("cloudwatch", "describe_alarms"),
    ("cloudwatch", "list_dashboards"),
    ("events", "list_rules"),
    ("sagemaker", "list_pipelines"),
    ("sagemaker", "list_model_package_groups"),
    ("sagemaker", "list_model_cards"),
)
"""Calls that list an account's other resources, each with its service."""

RESOURCES = ("JobResources", "MonitoringResources")


@value_class
class MonitoredSchedule:
    """One schedule with all that belongs to it. answers: its description, its job definition's and its endpoint's.

    definition: None if it is in none of the files. image: the image of its container. cluster: the instances of its jobs.
    executions: the service's summaries. endpoint: the description of its endpoint.
    """

    name: str
    answers: tuple[Answer, ...]
    description: ScheduleDescription
    definition: Definition | None
    image: str = ""
    cluster: ApiAnswer = field(default_factory=dict)
    executions: tuple[ApiAnswer, ...] = ()
    endpoint: ApiAnswer = field(default_factory=dict)


@value_class
class Inventory:
    """An account's schedules, its endpoints' configurations by name, its other resources, and remarks on unreadable answers."""

    schedules: tuple[MonitoredSchedule, ...]
    endpoint_configs: Mapping[str, ApiAnswer]
    other_resources: tuple[OtherResource, ...] = ()
    remarks: tuple[str, ...] = ()


def read_inventory(folder: str, report: Path) -> Inventory:
    """The descriptions in a folder's files `….json`, as `aws sagemaker describe-…` and `list-…` print them, at any depth.

    report: the folder of the report, whose files are not read. Raises BadConfiguration if no file describes a schedule.
    """
    answers = []
    remarks = []
    for path in sorted(Path(folder).rglob("*.json")):
        # A report within the folder has copies of files, and an account's descriptions of an earlier day
        if Path(folder).resolve() in report.resolve().parents and report.resolve() in path.resolve().parents:
            continue
        try:
            answers.append((str(path), json.loads(path.read_bytes())))
        except (ValueError, RecursionError):
            remarks.append(f"{path.name} is no JSON; it was left out")
    return build_inventory(answers, remarks)


def fetch_inventory(client: BaseClient, folder: Path) -> Inventory:
    """The descriptions in an account. client: boto3's client for SageMaker, whose list and describe calls alone are used.
    folder: gets the answers.

    Raises BadInput if the API does not answer, BadConfiguration if there is no schedule.
    """
    answers: list[Answer] = []
    remarks: list[str] = []

    def export(name: str, exported: Iterable[ApiAnswer]) -> None:
        for number, answer in enumerate(exported):
            path = folder / f"{quote(name, safe='')}-{number}.json"
            # The answer without the member that boto3 adds
            members = {member: value for member, value in answer.items() if member != "ResponseMetadata"}
            write_text(path, json.dumps(members, indent=2, default=str) + "\n")
            answers.append((str(path), members))

    for listing in _fetch_pages(client, "list_monitoring_schedules"):
        for summary in listing["MonitoringScheduleSummaries"]:
            name = summary["MonitoringScheduleName"]
            # The schedule, its job definition, and its endpoint if it has one
            export(name, fetch_answers(client, name))
            export(
                f"{name}-executions", _fetch_pages(client, "list_monitoring_executions", MonitoringScheduleName=name)
            )
    # Whether captures are taken is in the endpoint's configuration
    names = {answer["EndpointConfigName"] for _, answer in answers if "EndpointConfigName" in answer}
    for name in sorted(names):
        export(f"{name}-config", [call_api(client, "describe_endpoint_config", EndpointConfigName=name)])
    # Other resources may belong to other teams, so an error is only a remark: the role needs no right to read them
    for service, method in OTHER_CALLS:
        try:
            service_client = client
            if service != "sagemaker":
                service_client = make_aws_client(client.meta.region_name, service)
            export(f"{service}-{method}", _fetch_pages(service_client, method))
        except MonitorError as error:
            remarks.append(f"{service} was not read: {error}")
    # A copy of the list, because descriptions are added to the list
    for _, answer in list(answers):
        try:
            for summary in answer.get("PipelineSummaries", ()):
                name = summary["PipelineName"]
                export(f"pipeline-{name}", [call_api(client, "describe_pipeline", PipelineName=name)])
            for summary in answer.get("ModelPackageGroupSummaryList", ()):
                export(f"package-{summary['ModelPackageGroupName']}", _fetch_latest_package(client, summary))
        except MonitorError as error:
            remarks.append(f"sagemaker was not read: {error}")
    return build_inventory(answers, remarks)


def _fetch_latest_package(client: BaseClient, group: ApiAnswer) -> Iterator[ApiAnswer]:
    parameters = {
        "ModelPackageGroupName": group["ModelPackageGroupName"],
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    for summary in call_api(client, "list_model_packages", **parameters)["ModelPackageSummaryList"][:1]:
        yield call_api(client, "describe_model_package", ModelPackageName=summary["ModelPackageArn"])


def _fetch_pages(client: BaseClient, method: str, **parameters: str) -> Iterator[ApiAnswer]:
    page = call_api(client, method, **parameters)
    yield page
    while page.get("NextToken"):
        page = call_api(client, method, **parameters, NextToken=page["NextToken"])
        yield page


def build_inventory(answers: Iterable[Answer], remarks: Iterable[str]) -> Inventory:
    """The inventory of some answers; an answer that isn't the API's becomes a remark.

    Raises BadConfiguration if no schedule is among them.
    """
    remarks = list(remarks)
    answers_by_operation: dict[str, list[Answer]] = defaultdict(list)
    other_answers: list[ApiAnswer] = []
    unknown_files: list[str] = []
    for where, content in answers:
        # A folder may have JSON of other kinds, too, such as copies of reports
        if not isinstance(content, Mapping) or not {*OPERATIONS, *OTHER_MEMBERS} & content.keys():
            unknown_files.append(where)
            continue
        if find_operation(content) is None:
            other_answers.append(content)
            continue
        try:
            answer = check_answer(content, where)
            answers_by_operation[answer.operation].append((where, answer.content))
        except BadDocument as error:
            remarks.append(str(error).splitlines()[0])
    # One line, however many files there are
    if unknown_files:
        remarks.append(
            f"no descriptions, left out: {format_noun_count(len(unknown_files), 'file')} such as {unknown_files[0]}"
        )
    # Each schedule with its definition, endpoint and executions
    schedules = tuple(
        _join_schedule(*answer, answers_by_operation) for answer in answers_by_operation["DescribeMonitoringSchedule"]
    )
    if not schedules:
        raise BadConfiguration(
            "there is no schedule among the descriptions; add the output of aws sagemaker describe-monitoring-schedule for each "
            "one that aws sagemaker list-monitoring-schedules names"
        )

    # Schedules that a listing names, but no answer describes, would be forgotten
    pages = [page for _, page in answers_by_operation["ListMonitoringSchedules"]]
    summaries = [summary for page in pages for summary in page["MonitoringScheduleSummaries"]]
    listed_names = {summary["MonitoringScheduleName"] for summary in summaries}
    missing_names = listed_names - {schedule.name for schedule in schedules}
    remarks += [
        f"list-monitoring-schedules names {name}, whose description is missing" for name in sorted(missing_names)
    ]
    # Answers that don't belong to a schedule
    configs = {config["EndpointConfigName"]: config for _, config in answers_by_operation["DescribeEndpointConfig"]}
    definitions = [schedule.definition for schedule in schedules if schedule.definition]
    return Inventory(schedules, configs, tuple(list_other_resources(other_answers, definitions)), tuple(remarks))


def _join_schedule(
    where: str, content: ApiAnswer, answers_by_operation: Mapping[str, Sequence[Answer]]
) -> MonitoredSchedule:
    """A schedule with its job definition, its endpoint and its executions, as far as they are there."""
    description = read_schedule(content)
    answers = [(where, content)]

    # The job definition is inside the schedule, or described by an answer of its own
    definition = description.inline
    resources = content["MonitoringScheduleConfig"].get("MonitoringJobDefinition", {})
    kinds = [operation for operation in answers_by_operation if operation.endswith("JobDefinition")]
    definitions = chain.from_iterable(answers_by_operation[operation] for operation in kinds)
    answer = _find_answer(definitions, "JobDefinitionName", description.definition_name)
    if answer is not None:
        answers.append(answer)
        _, resources = answer
        definition = read_definition(resources)

    # A batch transform has no endpoint
    endpoint = None
    name = definition.source.endpoint if definition else None
    answer = _find_answer(answers_by_operation.get("DescribeEndpoint", ()), "EndpointName", name)
    if answer is not None:
        answers.append(answer)
        _, endpoint = answer

    # Members of a definition are named by its kind; in a schedule they have the same names for all kinds
    nothing: ApiAnswer = {}
    cluster = next((resources[member]["ClusterConfig"] for member in RESOURCES if member in resources), nothing)
    application = next((part for member, part in resources.items() if member.endswith("AppSpecification")), nothing)

    # The schedule's runs, from pages that may list the runs of all schedules
    pages = answers_by_operation.get("ListMonitoringExecutions", ())
    summaries = [summary for _, page in pages for summary in page["MonitoringExecutionSummaries"]]
    # Runs by their times, because a page may be there twice
    executions = {
        summary["ScheduledTime"]: summary
        for summary in summaries
        if summary["MonitoringScheduleName"] == description.name
    }
    return MonitoredSchedule(
        description.name,
        tuple(answers),
        description,
        definition,
        application.get("ImageUri", ""),
        cluster,
        tuple(executions.values()),
        endpoint or nothing,
    )


def _find_answer(answers: Iterable[Answer], member: str, name: str | None) -> Answer | None:
    for where, content in answers:
        if content[member] == name:
            return where, content
    return None
