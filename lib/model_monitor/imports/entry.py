"""The schedule entry of a schedule that was moved over: its hours, and the window of a run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from model_monitor.documents.schedule import Schedule, ScheduledJob, ScheduledWindow, ScheduleStatus
from model_monitor.imports.descriptions import Definition, ScheduleDescription
from model_monitor.imports.variables import JobVariables
from model_monitor.running.scheduling.schedules import DAY_HOURS, Recurrence, read_offset

AT_ITS_END = "PT0S"
_ANY_HOUR = Recurrence(0, DAY_HOURS)
"""For a schedule without an expression: the service then runs it daily, at a time that it picks (C10a)."""


def entry_of(
    schedule: ScheduleDescription, definition: Definition, jobs: Sequence[JobVariables], env_files: Mapping[str, str]
) -> Schedule:
    """The entry. env_files: the file of each job's variables by the job's name.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    """
    recurrence = _recurrence(schedule)
    return Schedule(
        name=schedule.name,
        monitoring_type=definition.monitoring_type,
        status=ScheduleStatus(schedule.status),
        schedule_expression=schedule.expression,
        cron=recurrence.cron if recurrence else None,
        window=window_of(schedule, definition),
        max_runtime_seconds=definition.max_runtime_seconds,
        jobs=tuple(
            ScheduledJob(job=job.job, env_file=env_files[job.job], output_folder=job.output_folder) for job in jobs
        ),
    )


def window_of(schedule: ScheduleDescription, definition: Definition) -> ScheduledWindow:
    """The offsets that were given; without them the period before the run.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    Source: C6.2b, C10b, C10c.
    """
    recurrence = _recurrence(schedule)
    before = f"-PT{recurrence.every_hours if recurrence else 1}H"
    start = schedule.analysis_start or definition.source.start_offset or before
    end = schedule.analysis_end or definition.source.end_offset or AT_ITS_END
    read_offset(start, f"the start offset of {schedule.name}")
    read_offset(end, f"the end offset of {schedule.name}")
    return ScheduledWindow(start_offset=start, end_offset=end)


def _recurrence(schedule: ScheduleDescription) -> Recurrence | None:
    return _ANY_HOUR if schedule.expression is None else Recurrence.of(schedule.expression)
