"""`model-monitor run-due`: runs what is due of some schedules, one after the other, and lists their runs."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from model_monitor.errors import BadConfiguration, BadDocument, MonitorError
from model_monitor.reports.history_page import command as reports
from model_monitor.reports.sinks import Environment
from model_monitor.running.runtime.failures import failure_of
from model_monitor.running.runtime.status import ExitStatus, start_logging
from model_monitor.running.scheduling.due import due_runs, overdue_since, watch
from model_monitor.running.scheduling.jobs import Launch, folder_of_runs, launch, run_jobs
from model_monitor.running.scheduling.plan import Plan, read_plan
from model_monitor.running.scheduling.record import (
    LISTED,
    MOST_LISTED,
    Now,
    Record,
    as_summaries,
    as_table,
    held,
    utc_now,
)
from model_monitor.storage import join

log = logging.getLogger(__name__)

MOST_WINDOWS = 720
"""On the page of a schedule's runs: a month of hours."""

OVERDUE_STATUS = 1
"""What `--check` ends with if runs are overdue."""


class Doing(Enum):
    """What a call does: run what is due, list the runs that were, or look whether runs are overdue."""

    RUN = "run"
    LIST = "list"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Request:
    """What a call asks for. files: schedule entries. state: folder of the records, None for each entry's own.

    retry_failed: whether what failed or was stopped is run again. history: whether the page of all runs is written after one.
    as_json, most: how runs are listed, and how many of each schedule. Runs are listed if some began, or if a program reads them.
    """

    files: tuple[Path, ...]
    state: Path | None = None
    does: Doing = Doing.RUN
    retry_failed: bool = False
    history: bool = False
    as_json: bool = False
    most: int = LISTED

    def __post_init__(self) -> None:
        if not 1 <= self.most <= MOST_LISTED:
            raise BadConfiguration(f"--max-results is {self.most}; it has to be from 1 to {MOST_LISTED}")


def run_due(
    request: Request,
    out: TextIO,
    *,
    launch: Launch = launch,
    now: Now = utc_now,
    environment: Environment | None = None,
) -> int:
    """Run what is due of each schedule; one that can't be run keeps none of the others from it.

    The exit status: of the first run that did not complete, or of the first schedule that could not be run; `OVERDUE_STATUS` if
    runs are overdue that this call was not to run; else 0.
    """
    statuses, listed = [], []
    for file in request.files:
        try:
            plan = read_plan(file)
            folder = request.state or plan.folder
            for destination in plan.destinations:
                destination.require_ready(environment or Environment())
            status, record = _of_schedule(plan, folder, request, launch, now, environment or Environment())
        except MonitorError as fault:
            log.error("%s", fault)
            statuses.append(fault.exit_status)
            continue
        statuses.append(status)
        if record is not None:
            listed.append((plan, record))
    _list(listed, request, out)
    return next((status for status in statuses if status), int(ExitStatus.COMPLETED))


def main(request: Request, out: TextIO) -> int:
    """The command, in the process's own environment. Ended from outside, it ends the job that is under way."""
    start_logging()
    before = signal.signal(signal.SIGTERM, _exit_by_signal)
    try:
        return run_due(request, out)
    finally:
        signal.signal(signal.SIGTERM, before)


def _of_schedule(
    plan: Plan, folder: Path, request: Request, launch: Launch, now: Now, environment: Environment
) -> tuple[int, Record | None]:
    """Exit status of one schedule, and its record if that is to be listed."""
    if request.does is not Doing.RUN:
        return _looked_at(plan, folder, request, now, environment)
    with held(folder, plan.name) as is_ours:
        if not is_ours:
            log.info("%s: another run-due is at it", plan.name)
            return int(ExitStatus.COMPLETED), Record.read(folder, plan.name, now) if request.as_json else None
        try:
            record = Record.read(folder, plan.name, now)
        except BadDocument:
            Record.begin_anew(folder, plan.name, now)
            raise
        record.write()
        record.settle()
        statuses = _run_all(plan, record, request, launch, now)
        if statuses and request.history:
            _write_history(plan)
        watch(plan, record, now(), environment)
    failed = next((status for status in statuses if status), int(ExitStatus.COMPLETED))
    return _of_process(failed), record if statuses or request.as_json else None


def _looked_at(plan: Plan, folder: Path, request: Request, now: Now, environment: Environment) -> tuple[int, Record]:
    record = Record.read(folder, plan.name, now)
    if request.does is Doing.LIST:
        return int(ExitStatus.COMPLETED), record
    with held(folder, plan.name) as is_ours:
        is_overdue = overdue_since(plan, record.executions, now()) is not None
        if is_ours:
            watch(plan, record, now(), environment)
    return (OVERDUE_STATUS if is_overdue else int(ExitStatus.COMPLETED)), record


def _run_all(plan: Plan, record: Record, request: Request, launch: Launch, now: Now) -> list[int]:
    """Run what is due, the oldest first, and what becomes due meanwhile; the exit statuses."""
    statuses: list[int] = []
    due = due_runs(plan, record.executions, now(), retry_failed=request.retry_failed)
    if due.given_up:
        log.warning(
            "%s: %d runs of the past are given up; catch_up is %d", plan.name, due.given_up, plan.entry.catch_up
        )
    while due.times:
        for scheduled in due.times:
            statuses.append(run_jobs(plan, record, scheduled, launch)[1])
        due = due_runs(plan, record.executions, now())
    return statuses


def _write_history(plan: Plan) -> None:
    """Put the page of the schedule's runs above them. A fault is a warning: the runs stand in any case."""
    try:
        folder = folder_of_runs(plan)
        reports.report_of(reports.Request([folder], last=MOST_WINDOWS)).save(join(folder, reports.OUTPUT))
    except Exception as fault:
        log.warning("%s: the history of runs: %s", plan.name, failure_of(fault).reason)


def _list(listed: Sequence[tuple[Plan, Record]], request: Request, out: TextIO) -> None:
    if request.as_json:
        summaries: list[dict[str, Any]] = []
        for plan, record in listed:
            summaries += as_summaries(plan.name, plan.entry.monitoring_type, record.latest_first[: request.most])
        out.write(json.dumps({"MonitoringExecutionSummaries": summaries}, indent=2) + "\n")
        return
    for plan, record in listed:
        out.write(as_table(plan.name, record.latest_first[: request.most], record.executions.without_data))


def _of_process(status: int) -> int:
    """An exit status as shells have it: 128 + N for a process that signal N ended."""
    return status if status >= 0 else 128 - status


def _exit_by_signal(number: int, frame: FrameType | None) -> None:
    raise SystemExit(ExitStatus.TERMINATED)
