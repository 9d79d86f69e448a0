"""The runs of a schedule, run when they are asked for, and its alert as the SDK's objects."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from model_monitor.documents.alerts import Alerts
from model_monitor.errors import MonitorError, OutputHeld
from model_monitor.integrations.imports.dag import window_of
from model_monitor.integrations.imports.descriptions import Definition, ScheduleDescription, definition_of, schedule_of
from model_monitor.integrations.imports.variables import JobVariables, jobs_of
from model_monitor.reports.alerts import read_alerts
from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.options import variable_of
from model_monitor.running.scheduling.schedules import DAY_HOURS, Recurrence, read_offset
from model_monitor.sagemaker import local_jobs
from model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput
from model_monitor.sagemaker.monitoring_files import located
from model_monitor.storage import LocalStorage, join
from model_monitor.storage.lease import holding

log = logging.getLogger(__name__)

SCHEDULED = "Scheduled"
PATHS = (
    *("dataset_source", "output_path", "ground_truth_source", "baseline_constraints", "baseline_statistics"),
    *("record_preprocessor_script", "post_analytics_processor_script", "MODEL_MONITOR_ANALYSIS_CONFIG"),
)
"""Variables that are paths or URIs."""

_JOB_NAMES = {
    "DataQuality": "model-monitoring",
    "ModelQuality": "model-quality-monitoring",
    "ModelBias": "model-bias-monitoring",
    "ModelExplainability": "model-explainability-monitoring",
}
_MERGE_JOB = "groundtruth-merge"
"""What the names of processing jobs begin with (C1.5)."""


def run_due(name: str) -> list[dict[str, Any]]:
    """Run what is due of a schedule, and give all of its executions, the oldest first, as the API lists them.

    Of two processes that ask at the same time one runs it, and the other gets what there was.
    Raises BadInput if there is no such schedule.
    """
    record = local_jobs.read(local_jobs.SCHEDULES, name)
    schedule, definition = schedule_of(record["Schedule"]), definition_of(record["Definition"])
    place = str(local_jobs.path_of(local_jobs.SCHEDULES, name, ".running"))
    with suppress(OutputHeld), holding(LocalStorage(), place, timedelta(0)):
        for scheduled in list(_due(local_jobs.read(local_jobs.SCHEDULES, name), schedule)):
            job = _run(schedule, definition, record["CapturePrefix"], scheduled)
            record = local_jobs.read(
                local_jobs.SCHEDULES, name
            )  # the schedule may have been changed or stopped meanwhile
            record["Executions"].append({"ScheduledTime": scheduled, "ProcessingJobName": job})
            local_jobs.write(local_jobs.SCHEDULES, name, record)
    return [run_summary(each, record["Schedule"]) for each in record["Executions"]]


def run_summary(execution: Mapping[str, Any], schedule: Mapping[str, Any]) -> dict[str, Any]:
    """One of the API's MonitoringExecutionSummaries. schedule: as the API describes it."""
    description = local_jobs.describe(execution["ProcessingJobName"])
    status, message = description["ProcessingJobStatus"], description.get("ExitMessage", "")
    violated = status == local_jobs.COMPLETED and message.startswith("CompletedWithViolations")
    reason = {"FailureReason": description["FailureReason"]} if "FailureReason" in description else {}
    return {
        "MonitoringScheduleName": schedule["MonitoringScheduleName"],
        "ScheduledTime": execution["ScheduledTime"],
        "CreationTime": description["CreationTime"],
        "LastModifiedTime": description.get("ProcessingEndTime", description["CreationTime"]),
        "MonitoringExecutionStatus": "CompletedWithViolations" if violated else status,
        "ProcessingJobArn": description["ProcessingJobArn"],
        **reason,
    }


def results_of(record: Mapping[str, Any]) -> str:
    """The folder above the hour folders of a schedule's runs."""
    schedule, definition = schedule_of(record["Schedule"]), definition_of(record["Definition"])
    return jobs_of(definition, schedule.name, record["CapturePrefix"])[-1].variables["output_path"]


def _due(record: Mapping[str, Any], schedule: ScheduleDescription) -> Iterator[datetime]:
    """The times of runs that should have been by now and have not."""
    if schedule.status != SCHEDULED:
        return
    created, now = record["Schedule"]["CreationTime"], local_jobs.now()
    done = {each["ScheduledTime"] for each in record["Executions"]}
    recurrence = Recurrence.of(schedule.expression) if schedule.expression else Recurrence(0, DAY_HOURS)
    times = [created] if recurrence is None else recurrence.times(created - recurrence.period, now)
    yield from (time for time in times if time not in done)


def _run(schedule: ScheduleDescription, definition: Definition, captures: str, scheduled: datetime) -> str:
    """Run the jobs of one execution until the last or until one fails; gives the name of the last that ran."""
    jobs = jobs_of(definition, schedule.name, captures)
    window = window_of(schedule, definition)
    start = scheduled + read_offset(window.start_offset, "start_offset")
    end = scheduled + read_offset(window.end_offset, "end_offset")
    suffix = f"{scheduled:%Y%m%d%H%M}-{uuid.uuid4().hex[:24]}"
    name = ""
    for job in jobs:
        prefix = _MERGE_JOB if job.job == "merge" else _JOB_NAMES[definition.monitoring_type]
        name = f"{prefix}-{suffix}"
        variables = {**_located(job, scheduled), "start_time": _time(start), "end_time": _time(end)}
        source = ProcessingInput(variables["dataset_source"], str(CONTAINER / "input"), "endpoint_input_1")
        local_jobs.start(job.job, name, variables, [source])
        with suppress(local_jobs.JobFailed):
            local_jobs.wait(name)
        description = local_jobs.describe(name)
        log.info("%s of %s: %s", job.job, schedule.name, description["ExitMessage"])
        if description["ProcessingJobStatus"] != local_jobs.COMPLETED:
            break
    return name


def _located(job: JobVariables, scheduled: datetime) -> dict[str, str]:
    """A job's variables with paths that it opens, its results in the folder of its hour."""
    variables = {key: located(text) if key in PATHS else text for key, text in job.variables.items()}
    if job.output_folder is not None:
        variables["output_path"] = join(variables["output_path"], f"{scheduled:{job.output_folder}}")
    return variables


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# The alert of a schedule, as the SDK's objects: decided from the history of its runs, which the jobs keep beside
# them.


DATAPOINTS = variable_of("datapoints_to_alert", OPTIONS["datapoints_to_alert"])
PERIOD = variable_of("evaluation_period", OPTIONS["evaluation_period"])

ASCENDING = "Ascending"


@dataclass
class ModelDashboardIndicatorAction:
    """Whether the service's dashboard shows the alert; there is none here."""

    enabled: bool


@dataclass
class MonitoringAlertActions:
    """What the service does about an alert; sinks do that here (docs/alerts.md)."""

    model_dashboard_indicator: ModelDashboardIndicatorAction


@dataclass
class MonitoringAlertSummary:
    """An alert: its rule, and how it stands. alert_status: InAlert or OK."""

    alert_name: str
    creation_time: datetime
    last_modified_time: datetime
    alert_status: str
    data_points_to_alert: int
    evaluation_period: int
    actions: MonitoringAlertActions


@dataclass
class MonitoringAlertHistorySummary:
    """A change of an alert."""

    alert_name: str
    creation_time: datetime
    alert_status: str


def rule_variables(datapoints: int | None, period: int | None) -> dict[str, str]:
    """The variables that tell the jobs a rule, as far as it is given.

    Raises ValueError, in the SDK's words, for no rule at all.
    """
    if not datapoints and not period:
        raise ValueError("Got no alert property to update.")
    return {name: str(value) for name, value in ((DATAPOINTS, datapoints), (PERIOD, period)) if value}


def summary_of(schedule: Mapping[str, Any], environment: Mapping[str, str], output_path: str) -> MonitoringAlertSummary:
    """The alert of a schedule. environment: of its jobs. output_path: the folder above its runs' hour folders."""
    datapoints = int(environment.get(DATAPOINTS, 1))
    return MonitoringAlertSummary(
        schedule["MonitoringScheduleName"],
        schedule["CreationTime"],
        schedule["LastModifiedTime"],
        _alerts(output_path).status.value,
        datapoints,
        int(environment.get(PERIOD, datapoints)),
        MonitoringAlertActions(ModelDashboardIndicatorAction(enabled=False)),
    )


def history_of(
    name: str,
    output_path: str,
    *,
    ascending: bool,
    status: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> list[MonitoringAlertHistorySummary]:
    """The changes of an alert, those with a status, before and after a time (ISO 8601) if these are given."""
    changes = [
        MonitoringAlertHistorySummary(name, _moment(transition.time), transition.status.value)
        for transition in _alerts(output_path).transitions
    ]
    wanted = [
        change
        for change in changes
        if (status is None or change.alert_status == status)
        and (before is None or change.creation_time < _moment(before))
        and (after is None or change.creation_time > _moment(after))
    ]
    return wanted if ascending else wanted[::-1]


def _alerts(output_path: str) -> Alerts:
    """The history beside the runs; an empty one where this process can't look, as on S3."""
    try:
        return read_alerts(located(output_path))
    except MonitorError:
        return Alerts()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
