"""The SDK's `Session`, a bucket with files, and boto3's client for SageMaker as far as files here can answer it."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.integrations.imports.descriptions import (
    ApiAnswer,
    ApiMembers,
    convert_inline_definition,
    read_time,
)
from spark_model_monitor.sagemaker import executions, local_jobs
from spark_model_monitor.sagemaker.container_jobs import start_processing_job
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.local_jobs import JOBS, SCHEDULES
from spark_model_monitor.sagemaker.monitoring_files import SdkSession, capture_prefix
from spark_model_monitor.sagemaker.monitors import (
    DefaultModelMonitor,
    ModelBiasMonitor,
    ModelExplainabilityMonitor,
    ModelQualityMonitor,
)
from spark_model_monitor.sagemaker.s3 import S3Downloader, S3Uploader
from spark_model_monitor.sagemaker.sdk import make_getattr
from spark_model_monitor.sagemaker.sdk_schedules import NO_ROLE, ScheduledMonitor, describe_schedule

if TYPE_CHECKING:
    import boto3
    from botocore.client import BaseClient
    from botocore.waiter import Waiter
    from sagemaker.session_settings import SessionSettings

DEFINITIONS = local_jobs.ApiRecords("definitions")
MONITORS: dict[str, type[ScheduledMonitor]] = {
    kind.MONITORING_TYPE: kind
    for kind in (DefaultModelMonitor, ModelQualityMonitor, ModelBiasMonitor, ModelExplainabilityMonitor)
}
MAX_LISTED = 100

_DEMANDED = ("AppSpecification", "JobInput", "JobOutputConfig")
"""Members of a job definition that the API requires; their names begin with the kind of monitoring."""

_DEFINITION_CALL = re.compile(
    "(create|describe|delete)_(data_quality|model_quality|model_bias|model_explainability)_job_definition"
)


class Client:
    """Calls by the names, members and answers of `boto3.client("sagemaker")`: schedules, their job definitions, executions and
    alerts, and processing jobs. What only an account knows (endpoints, models, training) its own client is asked, or it is
    refused by a sentence.

    Example: `client().list_monitoring_executions(MonitoringScheduleName="churn-hourly")["MonitoringExecutionSummaries"]`.
    """

    def __init__(self, account: BaseClient | None = None) -> None:
        """account: boto3's client, which answers the calls that are not here; without one they are refused."""
        self._account = account

    def create_monitoring_schedule(
        self, MonitoringScheduleName: str, MonitoringScheduleConfig: ApiAnswer, **_: Any
    ) -> ApiMembers:
        """Keep a schedule of a job definition, by its name or in the schedule itself.

        Raises BadConfiguration for a name that is taken.
        """
        name = MonitoringScheduleName
        if SCHEDULES.exists(name):
            raise BadConfiguration(f"there is a schedule {name!r} already; delete it, or name another one")
        definition, kind = _get_definition(name, MonitoringScheduleConfig)
        return _keep(describe_schedule(name, local_jobs.now(), kind, MonitoringScheduleConfig), definition, kind)

    def update_monitoring_schedule(
        self, MonitoringScheduleName: str, MonitoringScheduleConfig: ApiAnswer
    ) -> ApiMembers:
        """Have a schedule run at other times, or another job definition."""
        before = SCHEDULES.read(MonitoringScheduleName)["Schedule"]
        definition, kind = _get_definition(MonitoringScheduleName, MonitoringScheduleConfig)
        after = describe_schedule(MonitoringScheduleName, local_jobs.now(), kind, MonitoringScheduleConfig)
        kept_members = {name: before[name] for name in ("CreationTime", "MonitoringScheduleStatus")}
        return _keep({**after, **kept_members}, definition, kind)

    def describe_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Run what is due, and describe the schedule."""
        return _make_monitor(MonitoringScheduleName).describe_schedule()

    def list_monitoring_schedules(self, **filters: Any) -> ApiMembers:
        """The schedules, the newest first. Raises BadConfiguration, as each listing, for a filter that it does not have."""
        records = [SCHEDULES.read(name) for name in SCHEDULES.list_names()]
        summaries = [
            # A summary has no configuration, as in the API
            {member: value for member, value in record["Schedule"].items() if member != "MonitoringScheduleConfig"}
            | _get_monitored(record)
            for record in records
        ]
        return _make_page("MonitoringScheduleSummaries", summaries, filters)

    def start_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Have its runs be due again."""
        _make_monitor(MonitoringScheduleName).start_monitoring_schedule()
        return {}

    def stop_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Have no run be due until it is started again."""
        _make_monitor(MonitoringScheduleName).stop_monitoring_schedule()
        return {}

    def delete_monitoring_schedule(self, MonitoringScheduleName: str) -> ApiMembers:
        """Forget the schedule; the results of its runs stay."""
        _make_monitor(MonitoringScheduleName).delete_monitoring_schedule()
        return {}

    def list_monitoring_executions(self, MonitoringScheduleName: str | None = None, **filters: Any) -> ApiMembers:
        """Run what is due, and list the runs, the latest first: of a schedule, or of all."""
        # Without a name everything due of every schedule is run, one schedule after another
        if MonitoringScheduleName:
            names = [MonitoringScheduleName]
        else:
            names = SCHEDULES.list_names()
        summaries = [
            execution | _get_monitored(SCHEDULES.read(name)) for name in names for execution in executions.run_due(name)
        ]
        return _make_page("MonitoringExecutionSummaries", summaries, filters)

    def list_monitoring_alerts(self, MonitoringScheduleName: str, **_: Any) -> ApiMembers:
        """The schedule's one alert as it stands."""
        alerts, _next = _make_monitor(MonitoringScheduleName).list_monitoring_alerts()
        return {"MonitoringAlertSummaries": [_list_members(alert) for alert in alerts]}

    def list_monitoring_alert_history(self, MonitoringScheduleName: str, **_: Any) -> ApiMembers:
        """The changes of the schedule's alert, the latest first."""
        changes, _next = _make_monitor(MonitoringScheduleName).list_monitoring_alert_history(max_results=MAX_LISTED)
        named = {"MonitoringScheduleName": MonitoringScheduleName}
        return {"MonitoringAlertHistory": [{**named, **_list_members(change)} for change in changes]}

    def update_monitoring_alert(
        self, MonitoringScheduleName: str, MonitoringAlertName: str, DatapointsToAlert: int, EvaluationPeriod: int
    ) -> ApiMembers:
        """Have the alert be n of m."""
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
        """What calls raise, by the API's names: here, and of the account."""
        raised_here = {"ResourceNotFound": BadInput, "ResourceInUse": BadConfiguration, "ClientError": MonitorError}
        if self._account is None:
            return SimpleNamespace(**raised_here)
        # Both kinds in one clause of a notebook's except
        raised_there = self._account.exceptions
        return SimpleNamespace(**{name: (ours, getattr(raised_there, name)) for name, ours in raised_here.items()})

    def get_waiter(self, waiter_name: str) -> SimpleNamespace | Waiter:
        """What waits, by `wait(ProcessingJobName=…)`, until a job has ended. Raises JobFailed if it did not complete."""
        if waiter_name != "processing_job_completed_or_stopped":
            # Endpoints, models and training are waited for at the account
            if self._account is not None:
                return self._account.get_waiter(waiter_name)
            raise BadConfiguration(f"get_waiter: only an account can answer it for {waiter_name}")
        return SimpleNamespace(wait=lambda ProcessingJobName, **_: local_jobs.wait(ProcessingJobName))

    def get_paginator(self, operation_name: str) -> SimpleNamespace:
        """What gives the answers of a listing page by page, by `paginate`."""
        return SimpleNamespace(paginate=partial(_iterate_pages, getattr(self, operation_name)))

    def __getattr__(self, name: str) -> Callable[..., ApiMembers]:
        """The calls of job definitions, which have the same members for every kind. Any other is the account's; without an
        account it is refused when it is called.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        match = _DEFINITION_CALL.fullmatch(name)
        if match is None and self._account is not None:
            return getattr(self._account, name)  # type: ignore[no-any-return]
        # An unknown name is refused in the call, with a sentence; an AttributeError would hold the name only

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
    definition = _describe("", {"JobDefinitionName": config["MonitoringJobDefinitionName"]})
    # The kind is in no member of its own, only in the prefix of the others' names
    return definition, next(kind for kind in MONITORS if f"{kind}JobInput" in definition)


def _convert_inline_definition(schedule: str, config: ApiAnswer) -> tuple[ApiMembers, str]:
    """The definition inside a schedule's configuration, with the members that one of its own has."""
    # Members without which there is nothing to run
    inline = config["MonitoringJobDefinition"]
    absent = [member for member in ("MonitoringAppSpecification", "MonitoringOutputConfig") if member not in inline]
    if absent or len(inline.get("MonitoringInputs", ())) != 1:
        missing = ", ".join(absent) or "one of MonitoringInputs"
        raise BadConfiguration(f"the MonitoringJobDefinition of {schedule} has to have {missing}")
    # Without a type it is data quality, as in the service
    kind = config.get("MonitoringType", DefaultModelMonitor.MONITORING_TYPE)
    definition = {
        "JobDefinitionArn": f"{local_jobs.ARN}:job-definition/{schedule}",
        "CreationTime": local_jobs.now(),
        # The definition may have a role
        "RoleArn": NO_ROLE,
        **convert_inline_definition(schedule, kind, inline),
    }
    return definition, kind


def _keep(schedule: ApiAnswer, definition: ApiAnswer, kind: str) -> ApiMembers:
    # Where captures are is not in the API's members
    prefix = capture_prefix(definition[f"{kind}AppSpecification"].get("Environment", {}), None)
    record = {"Schedule": schedule, "Definition": definition, "CapturePrefix": prefix}
    executions.keep(schedule["MonitoringScheduleName"], record)
    return {"MonitoringScheduleArn": schedule["MonitoringScheduleArn"]}


def _create(kind: str, members: ApiAnswer) -> ApiMembers:
    name = _get_name(members)
    if absent := [part for part in _DEMANDED if f"{kind}{part}" not in members]:
        raise BadConfiguration(f"the job definition {name} has no {', '.join(kind + part for part in absent)}")
    arn = f"{local_jobs.ARN}:job-definition/{name}"
    DEFINITIONS.write(name, {**members, "JobDefinitionArn": arn, "CreationTime": local_jobs.now()})
    return {"JobDefinitionArn": arn}


def _describe(_: str, members: ApiAnswer) -> ApiMembers:
    name = _get_name(members)
    if SCHEDULES.exists(name):  # made by a monitor's create_monitoring_schedule
        definition: ApiMembers = SCHEDULES.read(name)["Definition"]
        return definition
    return DEFINITIONS.read(name)


def _delete(_: str, members: ApiAnswer) -> ApiMembers:
    DEFINITIONS.delete(_get_name(members))
    return {}


def _get_monitored(record: ApiAnswer) -> ApiMembers:
    """What a summary says of the schedule beside itself: its job definition, and the endpoint if it monitors one."""
    definition = record["Definition"]
    kind = record["Schedule"]["MonitoringType"]
    endpoint = definition[f"{kind}JobInput"].get("EndpointInput", {}).get("EndpointName")
    named = {"MonitoringJobDefinitionName": definition["JobDefinitionName"], "MonitoringType": kind}
    return {**named, **drop_missing(EndpointName=endpoint)}


def _get_name(members: ApiAnswer) -> str:
    if "JobDefinitionName" not in members:
        raise BadConfiguration(f"a job definition is called by its JobDefinitionName; given are {', '.join(members)}")
    return str(members["JobDefinitionName"])


_DEFINITION_CALLS = {"create": _create, "describe": _describe, "delete": _delete}


def _make_monitor(name: str) -> ScheduledMonitor:
    kind = SCHEDULES.read(name)["Schedule"]["MonitoringType"]
    return MONITORS[kind].attach(name)


_FILTER = re.compile(
    "(Name(?=C)|Status(?=E)|MonitoringType(?=E)|EndpointName|MonitoringJobDefinitionName|(?:Creation|LastModified|Scheduled)Time)"
    "(Equals|Contains|Before|After|)"
)
_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "Contains": lambda there, asked: asked.lower() in there.lower(),  # names have no case
    "Before": lambda there, asked: there < read_time(asked),
    "After": lambda there, asked: there > read_time(asked),
    **dict.fromkeys(("Equals", ""), lambda there, asked: there == asked),
}


def _make_page(kind: str, summaries: list[ApiMembers], request: ApiAnswer) -> ApiMembers:
    """The page of a listing that is asked for: the latest first, unless it is asked for in another order.

    Raises BadConfiguration for a filter that no listing has.
    """
    # The order and the page that are asked for
    subject = kind.removesuffix("Summaries")
    filters = dict(request)
    names = {"Name": f"{subject.replace('Execution', 'Schedule')}Name", "Status": f"{subject}Status"}
    sort_by = filters.pop("SortBy", "ScheduledTime" if "Execution" in kind else "CreationTime")
    is_ascending = filters.pop("SortOrder", None) == "Ascending"
    page_size = filters.pop("MaxResults", MAX_LISTED)
    first = int(filters.pop("NextToken", 0))
    # All other members are filters, such as StatusEquals and CreationTimeAfter
    for name, value in filters.items():
        if (part := _FILTER.fullmatch(name)) is None:
            raise BadConfiguration(f"{name} is nothing that {kind} are listed by here")
        member = names.get(part[1], part[1])
        holds = _HOLDS[part[2]]
        summaries = [summary for summary in summaries if member in summary and holds(summary[member], value)]
    # A page's token is the index of its first summary
    ordered = sorted(summaries, key=lambda summary: summary[names.get(sort_by, sort_by)], reverse=not is_ascending)
    if len(ordered) > first + page_size:
        further = {"NextToken": str(first + page_size)}
    else:
        further = {}
    return {kind: ordered[first : first + page_size], **further}


def _list_members(summary: executions.MonitoringAlertSummary | executions.MonitoringAlertHistorySummary) -> ApiMembers:
    """The API's members of one of the SDK's summaries: `AlertName` is MonitoringAlertName there."""
    names = {"alert_name": "MonitoringAlertName", "data_points_to_alert": "DatapointsToAlert", "actions": "Actions"}
    members = {names.get(name, name.title().replace("_", "")): value for name, value in vars(summary).items()}
    if "Actions" in members:
        indicator = members["Actions"].model_dashboard_indicator
        members["Actions"] = {"ModelDashboardIndicator": {"Enabled": indicator.enabled}}
    return members


BUCKET = "model-monitor"
REGION = "us-east-1"


def get_execution_role(sagemaker_session: SdkSession = None, use_default: bool = False) -> str:
    """What stands for the notebook's role, which no job of ours takes.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import get_execution_role
    >>> role = get_execution_role()  # no job takes it
    """
    return NO_ROLE


class LocalSession:
    """What notebooks ask of `sagemaker.Session`, without an account or with a folder that stands in for S3: a bucket, and files
    in it. The rest is asked of the SDK where it is installed.

    default_bucket, default_bucket_prefix: below which results go that have no place of their own.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import Session
    >>> session = Session()
    """

    def __init__(
        self,
        boto_session: boto3.Session | None = None,
        sagemaker_client: BaseClient | Client | None = None,
        sagemaker_runtime_client: BaseClient | None = None,
        sagemaker_featurestore_runtime_client: BaseClient | None = None,
        default_bucket: str | None = None,
        settings: SessionSettings | None = None,
        sagemaker_metrics_client: BaseClient | None = None,
        sagemaker_config: ApiAnswer | None = None,
        default_bucket_prefix: str | None = None,
    ) -> None:
        self._given = {"boto_session": boto_session, "sagemaker_runtime_client": sagemaker_runtime_client}
        self.boto_region_name = getattr(boto_session, "region_name", None) or REGION
        self.sagemaker_client = sagemaker_client or Client()
        self.default_bucket_prefix = default_bucket_prefix
        self._bucket = default_bucket or BUCKET

    def __getattr__(self, name: str) -> Any:
        """What an account would be asked: boto3's session and clients, and the SDK's own session where it is installed."""
        # Through __dict__: copying or unpickling asks for attributes before __init__ ran
        if (value := self.__dict__.get("_given", {}).get(name)) is not None:
            return value
        if name == "boto_session":
            return _import_installed("boto3", name).Session(region_name=self.boto_region_name)
        if name == "sagemaker_runtime_client":
            return self.boto_session.client("sagemaker-runtime")
        return getattr(_import_installed("sagemaker", name).Session(self.boto_session), name)

    def default_bucket(self) -> str:
        """The bucket."""
        return self._bucket

    def upload_data(
        self,
        path: str,
        bucket: str | None = None,
        key_prefix: str = "data",
        callback: Callable[[int], None] | None = None,
        extra_args: Mapping[str, str] | None = None,
    ) -> str:
        """Upload a file or a folder below a prefix; gives its URI."""
        return S3Uploader.upload(path, f"s3://{bucket or self._bucket}/{key_prefix}")

    def upload_string_as_file_body(self, body: str, bucket: str, key: str, kms_key: str | None = None) -> str:
        """Write a text to a key; gives its URI."""
        return S3Uploader.upload_string_as_file_body(body, f"s3://{bucket}/{key}", kms_key)

    def download_data(
        self, path: str, bucket: str, key_prefix: str = "", extra_args: Mapping[str, str] | None = None
    ) -> list[str]:
        """Copy what is below a prefix into a folder; gives the paths of the copies."""
        return S3Downloader.download(f"s3://{bucket}/{key_prefix}", path)

    def read_s3_file(self, bucket: str, key_prefix: str) -> str:
        """The text of an object."""
        return S3Downloader.read_file(f"s3://{bucket}/{key_prefix}")

    def list_s3_files(self, bucket: str, key_prefix: str) -> list[str]:
        """The keys that begin with a prefix."""
        return [uri[len(f"s3://{bucket}/") :] for uri in S3Downloader.list(f"s3://{bucket}/{key_prefix}")]

    def account_id(self) -> str:
        """What stands for the account's number."""
        return NO_ROLE.split(":")[4]


def _import_installed(package: str, name: str) -> ModuleType:
    """A library of AWS. Raises AttributeError if it is not installed, or as Python asks for a name of its own."""
    if name.startswith("__") or importlib.util.find_spec(package) is None:
        raise AttributeError(f"Session has no {name} without the package {package}; pip install {package}")
    return importlib.import_module(package)


__getattr__ = make_getattr("session")
