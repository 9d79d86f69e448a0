"""A replacement for boto3's SageMaker client: the calls that our files can answer, with the API's names and members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.records.windows import read_time
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.integrations.imports.descriptions import (
    ApiAnswer,
    ApiMembers,
    convert_inline_definition,
)
from spark_model_monitor.sagemaker import executions, local_jobs
from spark_model_monitor.sagemaker.container_jobs import start_processing_job
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.local_jobs import JOBS, SCHEDULES
from spark_model_monitor.sagemaker.monitoring_files import capture_prefix
from spark_model_monitor.sagemaker.monitors import (
    DefaultModelMonitor,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from spark_model_monitor.sagemaker.sdk_schedules import NO_ROLE, ScheduledMonitor, describe_schedule

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.waiter import Waiter

DEFINITIONS = local_jobs.ApiRecords("definitions")
MONITORS: dict[str, type[ScheduledMonitor]] = {
    monitor.MONITORING_TYPE: monitor
    for monitor in (DefaultModelMonitor, ModelQualityMonitor, ModelBiasMonitor, ModelExplainabilityMonitor)
}
MAX_PAGE_SIZE = 100  # most summaries on a page of a listing, as in the API

_REQUIRED_MEMBERS = ("AppSpecification", "JobInput", "JobOutputConfig")
"""Members of a job definition that the API requires; their names begin with the kind of monitoring."""

_DEFINITION_CALL = re.compile(
    "(create|describe|delete)_(data_quality|model_quality|model_bias|model_explainability)_job_definition"
)

_FILTER = re.compile(
    "(Name(?=C)|Status(?=E)|MonitoringType(?=E)|EndpointName|MonitoringJobDefinitionName|(?:Creation|LastModified|Scheduled)Time)"
    "(Equals|Contains|Before|After|)"
)
_MATCHES: dict[str, Callable[[Any, Any], bool]] = {
    "Contains": lambda member, value: value.lower() in member.lower(),  # names are compared without case
    "Before": lambda member, value: member < read_time(value),
    "After": lambda member, value: member > read_time(value),
    **dict.fromkeys(("Equals", ""), lambda member, value: member == value),
}
"""Whether a summary's member matches the value of a filter, by the end of the filter's name."""


class Client:
    """Calls by the names, members and answers of `boto3.client("sagemaker")`: schedules, their job definitions, executions and
    alerts, and processing jobs. Calls that only an account can answer (endpoints, models, training) go to the account's client;
    without one they are refused with a sentence.

    Example: `client().list_monitoring_executions(MonitoringScheduleName="churn-hourly")["MonitoringExecutionSummaries"]`.
    """

    def __init__(self, account: BaseClient | None = None) -> None:
        """account: boto3's client, which answers the calls that are not here; without one they are refused."""
        self._account = account

    def create_monitoring_schedule(
        self, MonitoringScheduleName: str, MonitoringScheduleConfig: ApiAnswer, **_: Any
    ) -> ApiMembers:
        """Store a schedule with a job definition, which it names or contains.

        Raises BadConfiguration for a name that is taken.
        """
        name = MonitoringScheduleName
        if SCHEDULES.exists(name):
            raise BadConfiguration(f"there is a schedule {name!r} already; delete it, or name another one")
        definition, kind = _get_definition(name, MonitoringScheduleConfig)
        schedule = describe_schedule(name, local_jobs.now(), kind, MonitoringScheduleConfig)
        return _store_schedule(schedule, definition, kind)

    def update_monitoring_schedule(
        self, MonitoringScheduleName: str, MonitoringScheduleConfig: ApiAnswer
    ) -> ApiMembers:
        """Change the times or the job definition of a schedule."""
        before = SCHEDULES.read(MonitoringScheduleName)["Schedule"]
        definition, kind = _get_definition(MonitoringScheduleName, MonitoringScheduleConfig)
        after = describe_schedule(MonitoringScheduleName, local_jobs.now(), kind, MonitoringScheduleConfig)
        kept_members = {name: before[name] for name in ("CreationTime", "MonitoringScheduleStatus")}
        return _store_schedule(after | kept_members, definition, kind)

    def describe_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Run what is due, and describe the schedule."""
        return _make_monitor(MonitoringScheduleName).describe_schedule()

    def list_monitoring_schedules(self, **filters: Any) -> ApiMembers:
        """The schedules, the newest first. Like each listing, raises BadConfiguration for an unknown filter."""
        records = [SCHEDULES.read(name) for name in SCHEDULES.list_names()]
        summaries = [
            # As in the API, a summary has no configuration
            {member: value for member, value in record["Schedule"].items() if member != "MonitoringScheduleConfig"}
            | _describe_subject(record)
            for record in records
        ]
        return _make_page("MonitoringScheduleSummaries", summaries, filters)

    def start_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Make the runs of a stopped schedule due again."""
        _make_monitor(MonitoringScheduleName).start_monitoring_schedule()
        return {}

    def stop_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Make no run due until the schedule is started again."""
        _make_monitor(MonitoringScheduleName).stop_monitoring_schedule()
        return {}

    def delete_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Delete the schedule; the results of its runs stay."""
        _make_monitor(MonitoringScheduleName).delete_monitoring_schedule()
        return {}

    def list_monitoring_executions(self, MonitoringScheduleName: str | None = None, **filters: Any) -> ApiMembers:
        """Run what is due, and list the runs, the latest first: of a schedule, or of all."""
        # Without a name, the due runs of all schedules are run, one schedule after another
        if MonitoringScheduleName:
            names = [MonitoringScheduleName]
        else:
            names = SCHEDULES.list_names()
        summaries = [
            execution | _describe_subject(SCHEDULES.read(name))
            for name in names
            for execution in executions.run_due(name)
        ]
        return _make_page("MonitoringExecutionSummaries", summaries, filters)

    def list_monitoring_alerts(self, MonitoringScheduleName: str, **_: Any) -> ApiMembers:
        """The schedule's one alert as it stands."""
        alerts, _next = _make_monitor(MonitoringScheduleName).list_monitoring_alerts()
        return {"MonitoringAlertSummaries": [_list_members(alert) for alert in alerts]}

    def list_monitoring_alert_history(self, MonitoringScheduleName: str, **_: Any) -> ApiMembers:
        """The changes of the schedule's alert, the latest first."""
        changes, _next = _make_monitor(MonitoringScheduleName).list_monitoring_alert_history(max_results=MAX_PAGE_SIZE)
        named = {"MonitoringScheduleName": MonitoringScheduleName}
        return {"MonitoringAlertHistory": [named | _list_members(change) for change in changes]}

    def update_monitoring_alert(
        self, MonitoringScheduleName: str, MonitoringAlertName: str, DatapointsToAlert: int, EvaluationPeriod: int
    ) -> ApiMembers:
        """Set how many of the last windows must have violations for an alert."""
        _make_monitor(MonitoringScheduleName).update_monitoring_alert(
            MonitoringAlertName, DatapointsToAlert, EvaluationPeriod
        )
        return {"MonitoringAlertName": MonitoringAlertName}

    def create_processing_job(self, **request: Any) -> ApiMembers:
        """Start a job with one of the service's images. Raises BadConfiguration for another image."""
        return {"ProcessingJobArn": start_processing_job(request)}

    def describe_processing_job(self, ProcessingJobName: str) -> ApiMembers:
        """A job of ours. Raises BadInput if there is none of this name."""
        return local_jobs.describe(ProcessingJobName)

    def list_processing_jobs(self, **filters: Any) -> ApiMembers:
        """Our jobs, the latest first."""
        jobs = map(local_jobs.describe, JOBS.list_names())
        summaries = [{"LastModifiedTime": job.get("ProcessingEndTime", job["CreationTime"]), **job} for job in jobs]
        return _make_page("ProcessingJobSummaries", summaries, filters)

    def stop_processing_job(self, ProcessingJobName: str) -> ApiMembers:
        """End a job if it is running."""
        local_jobs.stop(ProcessingJobName)
        return {}

    @property
    def exceptions(self) -> SimpleNamespace:
        """The errors that calls raise, by the API's names: ours, and those of the account's client."""
        our_errors = {"ResourceNotFound": BadInput, "ResourceInUse": BadConfiguration, "ClientError": MonitorError}
        if self._account is None:
            return SimpleNamespace(**our_errors)
        # A notebook catches both kinds of errors by one name
        account_errors = self._account.exceptions
        return SimpleNamespace(**{name: (ours, getattr(account_errors, name)) for name, ours in our_errors.items()})

    def get_waiter(self, waiter_name: str) -> SimpleNamespace | Waiter:
        """An object whose `wait(ProcessingJobName=…)` waits for the end of a job, and raises JobFailed if it did not complete."""
        if waiter_name != "processing_job_completed_or_stopped":
            # Only the account's client can wait for endpoints, models and training
            if self._account is not None:
                return self._account.get_waiter(waiter_name)
            raise BadConfiguration(f"get_waiter: only an account can answer it for {waiter_name}")
        return SimpleNamespace(wait=lambda ProcessingJobName, **_: local_jobs.wait(ProcessingJobName))

    def get_paginator(self, operation_name: str) -> SimpleNamespace:
        """An object whose `paginate` gives the answers of a listing page by page."""
        return SimpleNamespace(paginate=partial(_iterate_pages, getattr(self, operation_name)))

    def __getattr__(self, name: str) -> Callable[..., ApiMembers]:
        """A call of a job definition, which has the same members for every kind of monitoring, or a call of the account's client.
        Without an account the latter is refused when it is called.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        match = _DEFINITION_CALL.fullmatch(name)
        if match is None and self._account is not None:
            return getattr(self._account, name)  # type: ignore[no-any-return]
        # An unknown name is refused only when it is called, because the sentence of that error says more than an AttributeError

        def call(*_: Any, **members: Any) -> ApiMembers:
            if match is None:
                raise BadConfiguration(
                    f"{name}: only an account can answer it; schedules, executions, alerts and processing jobs are here, the "
                    'rest is asked of boto3.client("sagemaker")'
                )
            return _DEFINITION_CALLS[match[1]](match[2].title().replace("_", ""), members)

        return call


def is_answered(call: str) -> bool:
    """Whether a call of boto3's client is answered here."""
    return hasattr(Client, call) or _DEFINITION_CALL.fullmatch(call) is not None


def client(account: BaseClient | None = None) -> Client:
    """What stands for `boto3.client("sagemaker")`. account: that client itself, for what only an account can answer.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import client
    >>> list_schedules = client().list_monitoring_schedules
    """
    return Client(account)


def _iterate_pages(listing: Callable[..., ApiMembers], **filters: Any) -> Iterator[ApiMembers]:
    """The answers of a listing, page by page."""
    page = listing(**filters)
    yield page
    while "NextToken" in page:
        page = listing(**{**filters, "NextToken": page["NextToken"]})
        yield page


def _get_definition(schedule: str, config: ApiAnswer) -> tuple[ApiMembers, str]:
    """The job definition that a schedule's configuration has or names, and its kind of monitoring."""
    if "MonitoringJobDefinition" in config:
        return _convert_inline_definition(schedule, config)
    if "MonitoringJobDefinitionName" not in config:
        raise BadConfiguration(
            "MonitoringScheduleConfig has no MonitoringJobDefinitionName; create a "
            "definition by create_data_quality_job_definition or one of its like and name it, or write a MonitoringJobDefinition"
        )
    definition = _describe_definition("", {"JobDefinitionName": config["MonitoringJobDefinitionName"]})
    # Only the prefix of its members' names shows the kind
    return definition, next(kind for kind in MONITORS if f"{kind}JobInput" in definition)


def _convert_inline_definition(schedule: str, config: ApiAnswer) -> tuple[ApiMembers, str]:
    """The job definition inside a schedule's configuration, in the form of a separate one."""
    # Members without which there is nothing to run
    inline = config["MonitoringJobDefinition"]
    absent = [member for member in ("MonitoringAppSpecification", "MonitoringOutputConfig") if member not in inline]
    if absent or len(inline.get("MonitoringInputs", ())) != 1:
        names = ", ".join(absent) or "one of MonitoringInputs"
        raise BadConfiguration(f"the MonitoringJobDefinition of {schedule} has to have {names}")
    # The default type is data quality, as in the service
    kind = config.get("MonitoringType", DefaultModelMonitor.MONITORING_TYPE)
    definition = {
        "JobDefinitionArn": f"{local_jobs.ARN}:job-definition/{schedule}",
        "CreationTime": local_jobs.now(),
        # A role in the definition replaces this one
        "RoleArn": NO_ROLE,
        **convert_inline_definition(schedule, kind, inline),
    }
    return definition, kind


def _store_schedule(schedule: ApiAnswer, definition: ApiAnswer, kind: str) -> ApiMembers:
    # The API has no member for the path of captures
    prefix = capture_prefix(definition[f"{kind}AppSpecification"].get("Environment", {}), None)
    record = {"Schedule": schedule, "Definition": definition, "CapturePrefix": prefix}
    executions.store_schedule(schedule["MonitoringScheduleName"], record)
    return {"MonitoringScheduleArn": schedule["MonitoringScheduleArn"]}


def _create_definition(kind: str, members: ApiAnswer) -> ApiMembers:
    name = _get_definition_name(members)
    if absent := [f"{kind}{name}" for name in _REQUIRED_MEMBERS if f"{kind}{name}" not in members]:
        raise BadConfiguration(f"the job definition {name} has no {', '.join(absent)}")
    arn = f"{local_jobs.ARN}:job-definition/{name}"
    DEFINITIONS.write(name, {**members, "JobDefinitionArn": arn, "CreationTime": local_jobs.now()})
    return {"JobDefinitionArn": arn}


def _describe_definition(_: str, members: ApiAnswer) -> ApiMembers:
    name = _get_definition_name(members)
    if SCHEDULES.exists(name):  # a monitor's create_monitoring_schedule has made it
        definition: ApiMembers = SCHEDULES.read(name)["Definition"]
        return definition
    return DEFINITIONS.read(name)


def _delete_definition(_: str, members: ApiAnswer) -> ApiMembers:
    DEFINITIONS.delete(_get_definition_name(members))
    return {}


def _describe_subject(record: ApiAnswer) -> ApiMembers:
    """A summary's members about the subject of a schedule: its job definition, and its endpoint if it has one."""
    definition = record["Definition"]
    kind = record["Schedule"]["MonitoringType"]
    endpoint = definition[f"{kind}JobInput"].get("EndpointInput", {}).get("EndpointName")
    named = {"MonitoringJobDefinitionName": definition["JobDefinitionName"], "MonitoringType": kind}
    return named | drop_missing(EndpointName=endpoint)


def _get_definition_name(members: ApiAnswer) -> str:
    if "JobDefinitionName" not in members:
        raise BadConfiguration(f"a job definition is called by its JobDefinitionName; given are {', '.join(members)}")
    return str(members["JobDefinitionName"])


_DEFINITION_CALLS = {"create": _create_definition, "describe": _describe_definition, "delete": _delete_definition}


def _make_monitor(name: str) -> ScheduledMonitor:
    kind = SCHEDULES.read(name)["Schedule"]["MonitoringType"]
    return MONITORS[kind].attach(name)


def _make_page(kind: str, summaries: list[ApiMembers], request: ApiAnswer) -> ApiMembers:
    """The requested page of a listing. The latest summary comes first unless another order is requested.

    Raises BadConfiguration for a filter that no listing has.
    """
    # The requested order and page
    subject = kind.removesuffix("Summaries")
    filters = dict(request)
    names = {"Name": f"{subject.replace('Execution', 'Schedule')}Name", "Status": f"{subject}Status"}
    sort_by = filters.pop("SortBy", "ScheduledTime" if "Execution" in kind else "CreationTime")
    is_ascending = filters.pop("SortOrder", None) == "Ascending"
    page_size = filters.pop("MaxResults", MAX_PAGE_SIZE)
    first = int(filters.pop("NextToken", 0))
    # All other members are filters, such as StatusEquals and CreationTimeAfter
    for name, value in filters.items():
        match = _FILTER.fullmatch(name)
        if match is None:
            raise BadConfiguration(f"{name} is nothing that {kind} are listed by here")
        member = names.get(match[1], match[1])
        matches = _MATCHES[match[2]]
        summaries = [summary for summary in summaries if member in summary and matches(summary[member], value)]
    # A page's token is the index of its first summary
    sort_member = names.get(sort_by, sort_by)
    summaries.sort(key=lambda summary: summary[sort_member], reverse=not is_ascending)
    page: ApiMembers = {kind: summaries[first : first + page_size]}
    if len(summaries) > first + page_size:
        page["NextToken"] = str(first + page_size)
    return page


def _list_members(summary: executions.MonitoringAlertSummary | executions.MonitoringAlertHistorySummary) -> ApiMembers:
    """The API's members of one of the SDK's summaries, in which `AlertName` becomes `MonitoringAlertName`."""
    names = {"alert_name": "MonitoringAlertName", "data_points_to_alert": "DatapointsToAlert", "actions": "Actions"}
    members = {names.get(name, name.title().replace("_", "")): value for name, value in vars(summary).items()}
    if "Actions" in members:
        indicator = members["Actions"].model_dashboard_indicator
        members["Actions"] = {"ModelDashboardIndicator": {"Enabled": indicator.enabled}}
    return members
