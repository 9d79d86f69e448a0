"""The runs of a schedule for people, and as the service's API lists them for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_monitor.documents.schedule import Execution
from model_monitor.reports.outputs.printable import text_table

LISTED = 10
MOST_LISTED = 100
"""Runs of one listing: by default, and at most. Source: C10d."""

LONGEST_MESSAGE = 60


def as_table(name: str, latest_first: Sequence[Execution], without_data: str | None = None) -> str:
    """A table, the latest run first. without_data: the time until which there was no data."""
    if not latest_first:
        return f"{name}: no run yet{f', since there was no data until {without_data}' if without_data else ''}\n"
    rows = [[each.scheduled_time, each.status.value, _window(each), _shortened(each)] for each in latest_first]
    return f"{name}\n{text_table(['scheduled', 'status', 'window', 'message'], rows, width=10_000)}"


def as_summaries(name: str, monitoring_type: str, latest_first: Sequence[Execution]) -> list[dict[str, Any]]:
    """The API's `MonitoringExecutionSummaries`, and what the service has no word for: window, output and message."""
    return [_summary(name, monitoring_type, each) for each in latest_first]


def _summary(name: str, monitoring_type: str, execution: Execution) -> dict[str, Any]:
    failed = not execution.status.is_of_a_whole_run and not execution.status.is_under_way
    return {
        "MonitoringScheduleName": name,
        "MonitoringType": monitoring_type,
        "ScheduledTime": execution.scheduled_time,
        "CreationTime": execution.creation_time,
        "LastModifiedTime": execution.last_modified_time,
        "MonitoringExecutionStatus": execution.status.value,
        **({"FailureReason": execution.exit_message} if failed and execution.exit_message else {}),
        "StartTime": execution.start_time,
        "EndTime": execution.end_time,
        "Job": execution.job,
        "OutputPath": execution.output_path,
        "ExitMessage": execution.exit_message,
        "Attempts": execution.attempts,
    }


def _window(execution: Execution) -> str:
    return f"{execution.start_time[:16]}/{execution.end_time[:16]}"


def _shortened(execution: Execution) -> str:
    message = " ".join((execution.exit_message or "").split())
    return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 1]}…"
