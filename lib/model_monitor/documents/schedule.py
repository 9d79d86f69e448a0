"""A schedule entry, one file each, and NAME.executions.json: its runs, what became of each, who was notified of missing ones."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, ClassVar

from pydantic import Strict

from model_monitor.documents.document import (
    Count,
    Document,
    Expected,
    Flag,
    Name,
    Number,
    Section,
    StrictSection,
    named_in,
)

MOST_CAUGHT_UP = 24

MONITORING_TYPES = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")  # in the service's words: C1.6

MonitoringType = Annotated[str, Strict(), named_in(MONITORING_TYPES), Expected.one_of(MONITORING_TYPES)]


class ScheduleStatus(Enum):
    """Whether runs of a schedule are due, in the service's words: only if it is Scheduled. Source: C1.6."""

    PENDING = "Pending"
    FAILED = "Failed"
    SCHEDULED = "Scheduled"
    STOPPED = "Stopped"


class ScheduledWindow(StrictSection):
    """The window of a run, from the time at which it is scheduled: ISO 8601 durations, `-PT1H` and `PT0S` for the hour before."""

    start_offset: Name
    end_offset: Name


class ScheduledJob(StrictSection):
    """One job of a run; they run in their order. env_file: its variables, a path from the entry's own folder. variables: those
    that are said here instead, or count before the file's, by the names of options.

    output_folder: what is appended to the variable `output_path`, the time of the schedule in the form of strftime; None if the
    job makes its folders itself.
    """

    job: Name
    env_file: Name | None = None
    variables: Mapping[Name, Name] | None = None
    output_folder: Name | None = None


class Schedule(
    Document,
    file="schedule.json",
    meant="schedule entry (docs/schedules.md), such as `model-monitor import` writes",
    extra="forbid",
):
    """One schedule.

    schedule_expression: the service's, None if none was given: then it chose an hour of the day. cron: the same as crontab has
    it, in UTC; None if it runs once. Of the two, cron counts where it is there. window: None for the period before the run.
    starts: the first time of a run, None for the one before the schedule was looked at first. delay: how long after its time a
    run begins, an ISO 8601 duration. catch_up: most runs of the past that are made up for at once. spark_options: what
    spark-submit gets. sinks: as `--sink` has them, notified if runs don't come. owner, tags: by which the page of all is
    searched.
    """

    FOREIGN: ClassVar[Mapping[str, str]] = {"MonitoringScheduleConfig": "a description of the service's API"}

    version: Number = 1.0
    name: Name
    monitoring_type: MonitoringType
    status: ScheduleStatus = ScheduleStatus.SCHEDULED
    schedule_expression: Name | None = None
    cron: Name | None = None
    window: ScheduledWindow | None = None
    starts: Name | None = None
    delay: Name | None = None
    catch_up: Count = MOST_CAUGHT_UP
    max_runtime_seconds: Count | None = None
    spark_options: tuple[Name, ...] = ()
    sinks: Name | None = None
    owner: Name | None = None
    tags: tuple[Name, ...] = ()
    jobs: tuple[ScheduledJob, ...]


class ExecutionStatus(Enum):
    """What became of a run: the service's `MonitoringExecutionStatus`."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    COMPLETED_WITH_VIOLATIONS = "CompletedWithViolations"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def is_of_a_whole_run(self) -> bool:
        """Whether the run did what it should, violations or none."""
        return self in (ExecutionStatus.COMPLETED, ExecutionStatus.COMPLETED_WITH_VIOLATIONS)

    @property
    def is_under_way(self) -> bool:
        """Whether the run has not come to an end."""
        return self in (ExecutionStatus.PENDING, ExecutionStatus.IN_PROGRESS, ExecutionStatus.STOPPING)


class Execution(Section):
    """One run of a schedule: its jobs, one after the other.

    scheduled_time: identifies it. start_time, end_time: its window. job: the last one that was started. exit_message: that
    job's own words. attempts: how often the run was begun. process_id, host: of the job that is under way. processing_job: what
    the SDK's classes call that job; None for a run of `run-due`.
    """

    scheduled_time: Name
    status: ExecutionStatus = ExecutionStatus.PENDING
    start_time: Name
    end_time: Name
    creation_time: Name
    last_modified_time: Name
    job: Name | None = None
    output_path: Name | None = None
    exit_message: Name | None = None
    attempts: Count = 1
    process_id: Count | None = None
    host: Name | None = None
    processing_job: Name | None = None


class Executions(Document, file="executions.json", meant="NAME.executions.json of `model-monitor run-due`"):
    """NAME.executions.json. executions: by their scheduled times, the oldest first. since: when the schedule was looked at first.

    without_data: the last time whose run found no data, while there was none before it either. overdue: whether the
    sinks were last notified that runs don't come.
    """

    FOREIGN: ClassVar[Mapping[str, str]] = {"jobs": "a schedule entry"}

    version: Number = 1.0
    since: Name
    without_data: Name | None = None
    overdue: Flag = False
    executions: tuple[Execution, ...] = ()
