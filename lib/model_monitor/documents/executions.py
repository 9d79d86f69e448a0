"""NAME.executions.json: the runs of a schedule, what became of each, and what was told of their absence.

Ours; the service keeps the same behind its API, in these words (C1.6, C10d). Times are UTC,
`2021-05-06T22:00:00Z`, so that their texts sort. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Flag, Name, Number


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

    scheduled_time: tells it from others. start_time, end_time: its window. job: the last one that was started. exit_message: that
    job's own words. attempts: how often the run was begun. process_id, host: of the job that is under way.
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


class Executions(Document):
    """The file. executions: by their scheduled times, the oldest first. since: when the schedule was looked at first.

    without_data: the last time whose run found no data, while there was none before it either. overdue: whether the
    sinks were last told that runs don't come.
    """

    FILE_NAME: ClassVar[str] = "executions.json"
    MEANT: ClassVar[str] = "NAME.executions.json of `model-monitor run-due`"
    FOREIGN: ClassVar[Mapping[str, str]] = {"jobs": "a schedule entry"}

    version: Number = Field(default=1.0)
    since: Name
    without_data: Name | None = None
    overdue: Flag = False
    executions: tuple[Execution, ...] = ()
