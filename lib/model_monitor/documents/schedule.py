"""A schedule entry: when which jobs run, with which variables and over which window. Ours; one file for each schedule.

Whoever starts jobs by the clock (cron, a scheduler, a DAG) has here what there is to know. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import ConfigDict, Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number

MOST_CAUGHT_UP = 24


class ScheduleStatus(Enum):
    """Whether runs of a schedule are due, in the service's words: only if it is Scheduled. Source: C1.6."""

    PENDING = "Pending"
    FAILED = "Failed"
    SCHEDULED = "Scheduled"
    STOPPED = "Stopped"


class ScheduledWindow(Section):
    """The window of a run, from the time at which it is scheduled: ISO 8601 durations, `-PT1H` and `PT0S` for the hour before."""

    model_config = ConfigDict(extra="forbid")

    start_offset: Name
    end_offset: Name


class ScheduledJob(Section):
    """One job of a run; they run in their order. env_file: its variables, a path from the entry's own folder.

    output_folder: what is appended to the variable `output_path`, the time of the schedule in the form of strftime; None if the
    job makes its folders itself.
    """

    model_config = ConfigDict(extra="forbid")

    job: Name
    env_file: Name
    output_folder: Name | None = None


class Schedule(Document):
    """One schedule.

    schedule_expression: the service's, None if none was given: then it chose an hour of the day. cron: the same as crontab has
    it, in UTC; None if it runs once. Of the two, cron counts where it is there. window: None for the period before the run.
    starts: the first time of a run, None for the one before the schedule was looked at first. delay: how long after its time a
    run begins, an ISO 8601 duration. catch_up: most runs of the past that are made up for at once. spark_options: what
    spark-submit gets. sinks: as `--sink` has them, told if runs don't come.
    """

    model_config = ConfigDict(extra="forbid")

    FILE_NAME: ClassVar[str] = "schedule.json"
    MEANT: ClassVar[str] = "schedule entry (docs/schedules.md), such as `model-monitor import` writes"
    FOREIGN: ClassVar[Mapping[str, str]] = {"MonitoringScheduleConfig": "a description of the service's API"}

    version: Number = Field(default=1.0)
    name: Name
    monitoring_type: Name
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
    jobs: tuple[ScheduledJob, ...]
