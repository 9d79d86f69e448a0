"""A schedule entry (one file each), and NAME.executions.json with its runs, their status, and notices about missing runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated

from pydantic import BeforeValidator, Strict

from spark_model_monitor.documents.document import (
    Count,
    Document,
    Expected,
    Flag,
    Name,
    Number,
    Section,
    StrictSection,
    require_name_in,
)
from spark_model_monitor.documents.json_text import Json

MAX_CATCH_UP_RUNS = 24

MONITORING_TYPES = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")  # the service's words: C1.6

MonitoringType = Annotated[str, Strict(), require_name_in(MONITORING_TYPES), Expected.one_of(MONITORING_TYPES)]


class ScheduleStatus(Enum):
    """A schedule's status in the service's words; runs are due only if it is Scheduled. Source: C1.6."""

    PENDING = "Pending"
    FAILED = "Failed"
    SCHEDULED = "Scheduled"
    STOPPED = "Stopped"


class ScheduledWindow(StrictSection):
    """A run's window relative to its scheduled time, as ISO 8601 durations: `-PT1H` and `PT0S` mean the hour before."""

    start_offset: Name
    end_offset: Name


class ScheduledJob(StrictSection):
    """One job of a run. The jobs of a run are executed in order.

    env_file: the path of a file with variables, relative to the entry's folder.
    variables: by option name; they replace or override those of the file.
    output_folder: appended to the variable `output_path`: a strftime format of the scheduled time; None if the job
        makes its own folders.
    """

    job: Name
    env_file: Name | None = None
    variables: Mapping[Name, Name] | None = None
    output_folder: Name | None = None


def _parse_windows(value: Json) -> Json:
    is_number_or_text = isinstance(value, int | str) and not isinstance(value, bool)
    if not is_number_or_text or value in (0, "") or str(value).startswith("-"):
        raise ValueError("neither a number of runs nor an age")
    return value


_WINDOWS = Expected('a number of runs from 1 on, or an age such as "90 days"')


class Keep(StrictSection):
    """What is kept of a schedule's runs; None: everything. windows: the latest runs, by number or by age. pages, states: ages
    from which a run's pages or states are removed. Ages are `30 days`, `12 hours`, or ISO 8601 durations.
    """

    windows: Annotated[int | str, BeforeValidator(_parse_windows), _WINDOWS] | None = None
    pages: Name | None = None
    states: Name | None = None


class Schedule(
    Document,
    file="schedule.json",
    meant="schedule entry (docs/schedules.md), such as `spark-model-monitor import` writes",
    # People try the API's output first
    foreign={"MonitoringScheduleConfig": "a description of the service's API"},
    extra="forbid",
):
    """One schedule.

    schedule_expression: the service's expression; None if there was none: the service then chose an hour of the day.
    cron: the same in crontab format, in UTC; None for a single run. If both are given, cron has priority.
    window: None for the period before the run.
    starts: the time of the first run; None for the last time before the schedule was first processed.
    delay: how long after its scheduled time a run begins, as an ISO 8601 duration.
    catch_up: maximum number of past runs that are made up for at once.
    spark_options: options for spark-submit.
    sinks: as in `--sink`; they are notified of missing runs.
    owner, tags: search terms on the page of all schedules.
    keep: what is kept of its runs.
    """

    version: Number = 1.0
    name: Name
    monitoring_type: MonitoringType
    status: ScheduleStatus = ScheduleStatus.SCHEDULED
    schedule_expression: Name | None = None
    cron: Name | None = None
    window: ScheduledWindow | None = None
    starts: Name | None = None
    # Late records need time to arrive
    delay: Name | None = None
    # After a long outage, the latest windows are the most important; a thousand old ones would delay them
    catch_up: Count = MAX_CATCH_UP_RUNS
    max_runtime_seconds: Count | None = None
    spark_options: tuple[Name, ...] = ()
    sinks: Name | None = None
    owner: Name | None = None
    tags: tuple[Name, ...] = ()
    keep: Keep | None = None
    jobs: tuple[ScheduledJob, ...]


class ExecutionStatus(Enum):
    """The status of a run: the service's `MonitoringExecutionStatus`."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    COMPLETED_WITH_VIOLATIONS = "CompletedWithViolations"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"

    @property
    def has_completed(self) -> bool:
        """Whether the run completed, with or without violations."""
        return self in (ExecutionStatus.COMPLETED, ExecutionStatus.COMPLETED_WITH_VIOLATIONS)

    @property
    def is_under_way(self) -> bool:
        """Whether the run has not ended yet."""
        # A pending run counts, because it may begin at any moment and then no other may run
        return self in (ExecutionStatus.PENDING, ExecutionStatus.IN_PROGRESS, ExecutionStatus.STOPPING)


class Execution(Section):
    """One run of a schedule, with its jobs one after the other.

    scheduled_time: identifies the run.
    start_time, end_time: of its window.
    job: the job that was started last.
    exit_message: the message of this job.
    attempts: how often the run was started.
    process: the process of the job, as a `ProcessIdentity`.
    processing_job: the job's name in the SDK's classes; None for a run of `run-due`.
    outputs: of a completed run, the options of outputs (besides its files) that failed.
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
    process: Name | None = None
    processing_job: Name | None = None
    outputs: tuple[Name, ...] = ()


class Executions(
    Document,
    file="executions.json",
    meant="NAME.executions.json of `spark-model-monitor run-due`",
    foreign={"jobs": "a schedule entry"},
):
    """NAME.executions.json.

    executions: by scheduled time, the oldest first.
    since: when the schedule was first processed.
    without_data: the last scheduled time whose run found no data, if no earlier run found any.
    overdue: whether the last notification of the sinks was that runs are missing.
    given_up: the scheduled times of runs that were stopped too often, of which the sinks weren't notified yet.
    pages_from, states_from: the first hour whose runs may still have pages or states (`keep`).
    """

    version: Number = 1.0
    since: Name
    without_data: Name | None = None
    # So that sinks are notified of missing runs once, not every minute
    overdue: Flag = False
    given_up: tuple[Name, ...] = ()
    pages_from: Name | None = None
    states_from: Name | None = None
    executions: tuple[Execution, ...] = ()
