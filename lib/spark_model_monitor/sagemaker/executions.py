"""Runs the due windows of a schedule on request, and shows its runs and its alert as the SDK's objects."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from spark_model_monitor.data.records.windows import A_MOMENT, Window, read_time
from spark_model_monitor.documents.alert_files import Alerts
from spark_model_monitor.documents.run_description import format_moment, parse_moment
from spark_model_monitor.documents.schedule import Execution, ScheduledJob
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.integrations.imports.descriptions import (
    ApiAnswer,
    ApiMembers,
    read_definition,
    read_schedule,
)
from spark_model_monitor.integrations.imports.jobs import (
    JobVariables,
    build_entry,
    build_jobs,
    get_recurrence,
    get_window,
)
from spark_model_monitor.reports.alerts import read_alerts
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.offsets import read_offset
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.running.scheduling.due_runs import iterate_due_times
from spark_model_monitor.running.scheduling.job_processes import Note
from spark_model_monitor.running.scheduling.record import MAX_EXECUTIONS, Record, schedule_lock
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand, Plan
from spark_model_monitor.running.scheduling.schedule_runs import run_jobs
from spark_model_monitor.running.scheduling.schedules import CrontabTimes, iterate_until_stopped
from spark_model_monitor.sagemaker import local_jobs
from spark_model_monitor.sagemaker.definitions import drop_missing
from spark_model_monitor.sagemaker.local_jobs import EXECUTIONS, JOBS, SCHEDULES
from spark_model_monitor.sagemaker.monitoring_files import locate
from spark_model_monitor.storage import join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

_JOB_NAMES = {
    "DataQuality": "model-monitoring",
    "ModelQuality": "model-quality-monitoring",
    "ModelBias": "model-bias-monitoring",
    "ModelExplainability": "model-explainability-monitoring",
}
"""By type of monitoring: the prefix of the names of processing jobs (C1.5)."""

_STATUSES = {local_jobs.COMPLETED: ExitStatus.COMPLETED, local_jobs.STOPPED: ExitStatus.TERMINATED}
"""By a processing job's status: the exit status; any other status is a failure."""


@value_class
class LocalPlan(Plan):
    """The plan of a schedule that is stored in the API's form. Its jobs get variables, and names like those in the service.

    variables: by name of a job, its variables. token: a part of the names of processing jobs that makes them unique.
    """

    variables: Mapping[str, JobVariables] = field(default_factory=dict)
    token: str = ""

    def window(self, scheduled: datetime) -> Window:
        """The window of a scheduled run, with whole seconds."""
        start, end = self.offsets or (timedelta(0), timedelta(0))
        return Window(scheduled + start, scheduled + end)

    def command(self, job: ScheduledJob, scheduled: datetime) -> JobCommand:
        """The command of a job in the run that is scheduled for this time. Its results go to the folder of the run's hour."""
        variables = dict(self.variables[job.job].variables)
        # Only a monitor writes into the folder of an hour; a merge creates folders of hours itself
        if job.output_folder is not None:
            variables["output_path"] = join(variables["output_path"], f"{scheduled:{job.output_folder}}")
        window = self.window(scheduled)
        times = {"start_time": format_moment(window.start), "end_time": format_moment(window.end)}
        # Names begin like those in the service, so that scripts which filter by prefix still work
        prefix = _JOB_NAMES[self.entry.monitoring_type]
        if job.job == "merge":
            prefix = "groundtruth-merge"
        name = f"{prefix}-{scheduled:%Y%m%d%H%M}-{self.token}"
        return JobCommand((job.job,), variables | times, self.folder, locate(variables["output_path"]), name=name)


def build_plan(record: ApiAnswer) -> LocalPlan:
    """The plan of the schedule in a record."""
    schedule = read_schedule(record["Schedule"])
    definition = read_definition(record["Definition"])
    # The jobs by name: at most a merge and a monitor, in the order in which they run
    jobs = {job.job: job for job in build_jobs(definition, schedule.name, record["CapturePrefix"])}
    # The last argument has the names of the jobs' env files, which are empty because these jobs have none
    entry = build_entry(schedule, definition, tuple(jobs.values()), dict.fromkeys(jobs, ""))
    recurrence = get_recurrence(schedule)
    window = get_window(schedule, definition)
    # Times in the record of runs have no fractions of a second
    created = record["Schedule"]["CreationTime"].replace(microsecond=0)
    return LocalPlan(
        entry.model_copy(update={"catch_up": MAX_EXECUTIONS}),
        file=SCHEDULES.find_path(schedule.name),
        # A schedule that runs once (NOW) has no clock
        clock=CrontabTimes(recurrence.cron) if recurrence else None,
        offsets=(read_offset(window.start_offset, "start_offset"), read_offset(window.end_offset, "end_offset")),
        delay=timedelta(0),
        starts=created,
        destinations=(),
        # As in the service, people stop a run by stopping its job
        counts_every_run=True,
        variables=jobs,
        # Names of jobs must stay unique if the schedule is deleted and created again
        token=uuid.uuid4().hex[:24],
    )


def store_schedule(name: str, record: ApiAnswer) -> None:
    """Store a schedule's record. Raises BadConfiguration for an expression or offset that the service does not have."""
    build_plan(record)
    SCHEDULES.write(name, record)


def run_due(name: str) -> list[ApiMembers]:
    """Run the due windows of a schedule; returns all its executions, the oldest first, in the API's form.

    If two processes call this at the same time, one of them runs the windows, and the other gets the earlier executions.
    Raises BadInput if there is no such schedule.
    """
    schedule_record = SCHEDULES.read(name)
    name = schedule_record["Schedule"]["MonitoringScheduleName"]
    folder = EXECUTIONS.find_path(name).parent
    # If another process has the lock, this doesn't wait for it, because a run may take an hour
    with schedule_lock(folder, name) as is_valid_name:
        if is_valid_name:
            record = Record.read(folder, name)
            # Runs of a killed process are still recorded as running, and would block their windows
            record.settle()
            plan = build_plan(schedule_record)
            run = partial(run_jobs, plan, record, launch=_run_job)
            # Early runs come first, because their windows are older
            due_times = iterate_due_times(plan, record, local_jobs.now)
            for time in iterate_until_stopped(chain(_find_early_runs(plan, record), due_times)):
                run(time)
            _run_first_window(plan, record, run)
    return list_summaries(schedule_record["Schedule"])


def _find_early_runs(plan: LocalPlan, record: Record) -> Iterator[datetime]:
    """The scheduled times of runs before the end of their window, if it has ended since, so that further records have arrived."""
    now = local_jobs.now()
    if not plan.is_running:
        return
    for execution in record.executions.executions:
        scheduled_time = parse_moment(execution.scheduled_time)
        # Only `_run_first_window` runs a window before its scheduled time
        if parse_moment(execution.last_modified_time) < scheduled_time <= now:
            yield scheduled_time


def _run_first_window(plan: LocalPlan, record: Record, run: Callable[[datetime], tuple[Execution, int]]) -> None:
    """Run the first window of a new schedule at once, on the records so far: the window that contains the schedule's start or, if
    that window has no data, the window before it.

    The service begins with the same window, but at the window's end. If neither window has data, the schedule has no run yet.
    """
    if plan.clock is None or not plan.is_running or record.executions.executions:
        return
    # Two periods contain at least one time, even if clocks are set forward
    end = next(plan.clock.times(local_jobs.now(), local_jobs.now() + 2 * plan.clock.period(local_jobs.now())))
    # The present window, then the window before it; in a notebook, one of the two has the captures
    for time in (end, plan.clock.latest(end - A_MOMENT)):
        execution, status = run(time)
        if status != ExitStatus.NO_DATA:
            return
        # Removed from the record, so that the window runs regularly when it has ended
        record.forget(execution)


def list_summaries(schedule: ApiAnswer) -> list[ApiMembers]:
    """The runs that have ended, the oldest first. Runs and schedule are in the API's form."""
    name = schedule["MonitoringScheduleName"]
    record = Record.read(EXECUTIONS.find_path(name).parent, name)
    return [
        _summarize_execution(execution, execution.processing_job, name)
        for execution in record.read_all()
        if execution.processing_job and not execution.status.is_under_way
    ]


def _summarize_execution(execution: Execution, job: str, schedule: str) -> ApiMembers:
    """One of the API's MonitoringExecutionSummaries."""
    description = local_jobs.describe(job)
    status = description["ProcessingJobStatus"]
    # In the service, an execution with violations has its own status, while its job is completed
    violated = status == local_jobs.COMPLETED and _has_violations(description)
    return {
        "MonitoringScheduleName": schedule,
        "ScheduledTime": parse_moment(execution.scheduled_time),
        "CreationTime": description["CreationTime"],
        # For a job that hasn't ended, this is its start
        "LastModifiedTime": description.get("ProcessingEndTime", description["CreationTime"]),
        "MonitoringExecutionStatus": "CompletedWithViolations" if violated else status,
        "ProcessingJobArn": description["ProcessingJobArn"],
        **drop_missing(FailureReason=description.get("FailureReason")),
    }


def _run_job(command: JobCommand, note: Note) -> int:
    """Run one of our jobs under its name to its end; returns the exit status in its description."""
    # A scheduled command has one word, merge or monitor
    [job] = command.words
    name = command.name or ""
    inputs = local_jobs.list_inputs("endpoint_input_1", command.variables)
    # The process is recorded before the wait, so that other processes can find out whether this run is alive
    note(process=local_jobs.start(job, name, command.variables, inputs))
    # The return value reports a failed job, and the next windows still run
    with suppress(local_jobs.JobFailed):
        local_jobs.wait(name)
    description = local_jobs.describe(name)
    log.info("%s: %s", name, description["ExitMessage"])
    if job == "merge" and description["ProcessingJobStatus"] == local_jobs.COMPLETED:
        local_jobs.move_reports(name, command.output_path)
    status = _STATUSES.get(description["ProcessingJobStatus"])
    # The exit status of a failed job is unknown if another process started it
    if status is None:
        return JOBS.read(name).get("ExitStatus") or ExitStatus.FAILED
    # A job with violations also ends with 0, but the record of runs needs the exit status for violations
    if status is ExitStatus.COMPLETED and _has_violations(description):
        return ExitStatus.VIOLATIONS
    return status


def _has_violations(description: ApiAnswer) -> bool:
    return str(description.get("ExitMessage", "")).startswith("CompletedWithViolations")


def get_results_folder(record: ApiAnswer) -> str:
    """The folder above the hour folders of a schedule's runs."""
    schedule = read_schedule(record["Schedule"])
    definition = read_definition(record["Definition"])
    return build_jobs(definition, schedule.name, record["CapturePrefix"])[-1].variables["output_path"]


DATAPOINTS = variable_name("datapoints_to_alert", OPTIONS["datapoints_to_alert"])
PERIOD = variable_name("evaluation_period", OPTIONS["evaluation_period"])


@dataclass
class ModelDashboardIndicatorAction:
    """Whether the service's dashboard shows the alert; this package has no dashboard."""

    enabled: bool


@dataclass
class MonitoringAlertActions:
    """The service's actions for an alert; in this package, sinks take them (docs/reference/alerts.md)."""

    model_dashboard_indicator: ModelDashboardIndicatorAction


@dataclass
class MonitoringAlertSummary:
    """An alert: its rule and its state. alert_status: InAlert, OK or, only in this package, CannotTell."""

    alert_name: str
    creation_time: datetime
    last_modified_time: datetime
    alert_status: str
    data_points_to_alert: int
    evaluation_period: int
    actions: MonitoringAlertActions


@dataclass
class MonitoringAlertHistorySummary:
    """A change of an alert's status."""

    alert_name: str
    creation_time: datetime
    alert_status: str


def build_alert_variables(datapoints: int | None, period: int | None) -> dict[str, str]:
    """The variables for the parts of an alert's rule that are given.

    Raises ValueError, in the SDK's words, if no part is given.
    """
    if not datapoints and not period:
        raise ValueError("Got no alert property to update.")
    return {name: str(value) for name, value in ((DATAPOINTS, datapoints), (PERIOD, period)) if value}


def summarize_alert(schedule: ApiAnswer, environment: Mapping[str, str], output_path: str) -> MonitoringAlertSummary:
    """The alert of a schedule. environment: the variables of its jobs. output_path: the folder above its runs' hour folders."""
    datapoints = int(environment.get(DATAPOINTS, 1))
    return MonitoringAlertSummary(
        schedule["MonitoringScheduleName"],
        schedule["CreationTime"],
        schedule["LastModifiedTime"],
        _read_alerts(output_path).status.value,
        datapoints,
        int(environment.get(PERIOD, datapoints)),
        MonitoringAlertActions(ModelDashboardIndicatorAction(enabled=False)),
    )


def list_alert_changes(
    name: str,
    output_path: str,
    *,
    ascending: bool,
    status: str | None,
    before: str | None,
    after: str | None,
) -> list[MonitoringAlertHistorySummary]:
    """The changes of an alert with a status, and before and after a time (ISO 8601), as far as these are given."""
    changes = [
        MonitoringAlertHistorySummary(name, read_time(transition.time), transition.status.value)
        for transition in _read_alerts(output_path).transitions
    ]
    matching_changes = [
        change
        for change in changes
        # Both times are exclusive; None means no filter
        if (status is None or change.alert_status == status)
        and (before is None or change.creation_time < read_time(before))
        and (after is None or change.creation_time > read_time(after))
    ]
    # The changes are in order of time already
    if not ascending:
        matching_changes.reverse()
    return matching_changes


def _read_alerts(output_path: str) -> Alerts:
    """The history of alerts; empty if this process can't read it, for instance on S3."""
    try:
        return read_alerts(locate(output_path))
    except MonitorError:
        return Alerts()
