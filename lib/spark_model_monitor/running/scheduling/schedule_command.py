"""`spark-model-monitor run-due` and `watch`: run what is due of some schedules, also in parallel, and list their runs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from enum import Enum
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TextIO

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, ExecutionStatus
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.alerts import deliver, read_destinations
from spark_model_monitor.reports.notices import GIVEN_UP, ON_TIME, OVERDUE, AlertReport, Notice, Report, ReportedRun
from spark_model_monitor.reports.outputs.sql_tables import compact
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.runtime.failures import describe_failure, format_trace
from spark_model_monitor.running.runtime.logs import JSON_MEMBERS, SUMMARY, SUMMARY_LOGGER, Detail, LogStyle
from spark_model_monitor.running.runtime.status import IN_PASS, ExitStatus
from spark_model_monitor.running.scheduling import due_runs, job_processes
from spark_model_monitor.running.scheduling import record as records
from spark_model_monitor.running.scheduling.catalog import STATE_FOLDER, make_table_fleet
from spark_model_monitor.running.scheduling.fleet import Entry, Fleet, read_fleet, require_alarm_limit
from spark_model_monitor.running.scheduling.parallel_jobs import Turns, default_job_count, map_in_threads
from spark_model_monitor.running.scheduling.record import Clock, Record, State, schedule_lock, utc_now
from spark_model_monitor.running.scheduling.retention import KEEP_ALL, has_window
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand, Plan, find_model
from spark_model_monitor.running.scheduling.schedule_runs import run_jobs
from spark_model_monitor.running.scheduling.schedules import iterate_until_stopped
from spark_model_monitor.stopping import raise_if_stopped, shell_status
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MAX_WINDOWS = 720  # on the page of a schedule's runs: a month of hours
OVERDUE_STATUS = 1  # the exit status of `--check` if runs are overdue


class Action(Enum):
    """What a call does: run what is due, list past runs, or check whether runs are overdue."""

    RUN = "run"
    LIST = "list"
    CHECK = "check"


@value_class
class Request:
    """The arguments of a call.

    Attributes
    ----------
    files: Schedule entries, folders of them, and fleets.
    state: Folder of the records, also on S3; None for the folder of each entry.
    action: What the call does.
    retry_failed: Whether failed or stopped runs are repeated.
    history: Whether the page of a schedule's runs is written after a run.
    as_json: Whether runs are listed as JSON, for programs.
    max_results: How many runs of each schedule are listed.
    at_once: Number of parallel jobs.
    page: The path of the page of all schedules; None: no page, and no messages of the fleet.
    alarms_per_month: Expected number of false alarms of all schedules together.
    log_style: The log style of the command and of its jobs.
    """

    files: tuple[Path, ...]
    state: State | None = None
    action: Action = Action.RUN
    retry_failed: bool = False
    history: bool = False
    as_json: bool = False
    max_results: int = records.DEFAULT_LISTED_RUNS
    at_once: int = 1
    page: Path | None = None
    alarms_per_month: float | None = None
    log_style: LogStyle = SUMMARY

    def __post_init__(self) -> None:
        if not 1 <= self.max_results <= records.MAX_LISTED_RUNS:
            raise BadConfiguration(
                f"--max-results is {self.max_results}; it has to be from 1 to {records.MAX_LISTED_RUNS}"
            )
        if self.at_once < 1:
            raise BadConfiguration(f"--at-once is {self.at_once}; write how many jobs go on side by side, from 1 on")
        if self.alarms_per_month is not None:
            require_alarm_limit(self.alarms_per_month, "--alarms-per-month")


def run_due(
    request: Request,
    out: TextIO,
    *,
    launch: job_processes.Launch = job_processes.run_in_own_process,
    now: Clock = utc_now,
    environment: Environment | None = None,
    fleet: Fleet | None = None,
) -> int:
    """Run what is due of each schedule; a schedule that can't be run does not prevent the others.

    fleet: replaces the entries of the request's files. Returns the exit status of the first run that did not complete, or of
    the first schedule that could not be run; 255 if only a page or a table could not be written; `OVERDUE_STATUS` if a check
    finds overdue runs; otherwise 0. Raises like `read_fleet`.
    """
    environment = environment or Environment()
    fleet = fleet or read_fleet(request.files, request.alarms_per_month, request.state)
    # At most at_once jobs run side by side, however many schedules there are
    calls = _CallSettings(request, launch, Turns(request.at_once), now, environment)
    step = partial(_run_entry, calls=calls)
    try:
        entry_results = map_in_threads(step, fleet.entries, request.at_once)
    finally:
        job_processes.end_idle_processes()
    # Rows that runs left for result tables are added once for all runs
    statuses = [entry_result.status for entry_result in entry_results]
    statuses.append(_compact_tables(fleet))
    is_quiet = request.log_style.detail is Detail.QUIET
    if request.page is None:
        plans_and_records = [
            (entry_result.entry.plan, entry_result.record)
            for entry_result in entry_results
            if entry_result.is_listed and entry_result.entry.plan and entry_result.record
        ]
        if not is_quiet or request.as_json:
            _list_runs(plans_and_records, request, out)
    else:
        from spark_model_monitor.running.scheduling.fleet_report import describe_monitor, notify_and_write_page

        watched = [
            describe_monitor(entry_result.entry, entry_result.record, now(), request.page.parent)
            for entry_result in entry_results
        ]
        text, status = notify_and_write_page(watched, request.page, fleet, now(), environment)
        statuses.append(status)
        if not is_quiet or any(monitor.sentence for monitor in watched):
            out.write(text)
    # The first failure is the status, though all schedules were run
    return next(filter(None, statuses), ExitStatus.COMPLETED)


def watch_tables(
    pattern: str,
    warehouse: str | None,
    output: Path,
    out: TextIO,
    *,
    sinks: str = "",
    at_once: int | None = None,
    uses_spark_catalog: bool = False,
    follow_links: bool = False,
    now: Clock = utc_now,
) -> int:
    """Monitor new rows of every matching table, and write the page of all tables. Raises like `make_table_fleet`."""
    if warehouse and uses_spark_catalog:
        raise BadConfiguration("--warehouse and --catalog say both where the tables are; write one of them")
    _start_logging(SUMMARY)
    page = output / "index.html"
    with plugin("spark").open_session() if uses_spark_catalog else nullcontext() as spark:
        try:
            destinations = read_destinations(sinks)
            fleet = make_table_fleet(pattern, warehouse, output, now(), destinations, spark, follow_links=follow_links)
        except ValueError as error:
            raise BadConfiguration(f"--sink {error}") from error
        # One session reads all tables, one after the other
        launch = job_processes.run_in_session if uses_spark_catalog else job_processes.run_in_own_process
        jobs = 1 if uses_spark_catalog else at_once or default_job_count()
        request = Request((), output / STATE_FOLDER, history=True, at_once=jobs, page=page)
        return run_due(request, out, launch=launch, now=now, fleet=fleet)


@value_class
class _CallSettings:
    """The arguments that all schedules of a call share."""

    request: Request
    launch: job_processes.Launch
    turns: Turns
    now: Clock
    environment: Environment


@value_class
class _EntryResult:
    """The result of an entry: its exit status, its record, and whether to list its runs."""

    entry: Entry
    status: int
    record: Record | None = None
    is_listed: bool = False


def _run_entry(fleet_entry: Entry, calls: _CallSettings) -> _EntryResult:
    """The result of an entry: whatever its failure, the other entries of a fleet still run."""
    try:
        plan = fleet_entry.require_ready(calls.environment)
        folder = calls.request.state or plan.folder
        is_run = calls.request.action is Action.RUN
        # A model that is seen for the first time is only recorded: its runs are due from the next call on
        if is_run and fleet_entry.is_discovered and not Record.exists(folder, fleet_entry.name):
            new_model = _announce_model(fleet_entry, folder, calls.now)
            return _EntryResult(new_model, ExitStatus.COMPLETED)
        if fleet_entry.notice:
            log.warning("%s: %s", fleet_entry.name, fleet_entry.notice)
        return _run_schedule(fleet_entry, plan, folder, calls)
    except MonitorError as error:
        log.error("%s", error)
        return _EntryResult(replace(fleet_entry, fault=error), error.exit_status)
    except Exception as error:
        raise_if_stopped()
        # Without a page that shows it, the error ends the call
        if calls.request.page is None:
            raise
        failure = describe_failure(error)
        log.error("%s: %s\n%s", fleet_entry.name, failure.reason, format_trace(error))
        return _EntryResult(replace(fleet_entry, fault=BadInput(failure.reason)), failure.exit_status)


def _announce_model(new_model: Entry, folder: State, now: Clock) -> Entry:
    """Begin the record of a model that captures name for the first time, so that the next call runs it; reports it."""
    with schedule_lock(folder, new_model.name, now) as clock:
        # Another process that holds the lock writes the same record
        if clock is not None:
            Record.read(folder, new_model.name, clock).settle()
    notice = "captures name this model for the first time; the next call monitors it"
    if new_model.notice:
        notice += f"; {new_model.notice}"
    log.warning("%s: %s", new_model.name, notice)
    return replace(new_model, notice=notice)


def main(request: Request, out: TextIO) -> int:
    """The command, in the process's own environment. When terminated, it ends the jobs in progress."""
    _start_logging(request.log_style)
    return run_due(request, out)


def _start_logging(style: LogStyle) -> None:
    """Log in this style, which the jobs of this process inherit."""
    os.environ |= style.variables("")
    style.start()


def _run_schedule(fleet_entry: Entry, plan: Plan, folder: State, calls: _CallSettings) -> _EntryResult:
    """The result of an entry with a plan that can be run."""
    request = calls.request
    if request.action is not Action.RUN:
        return _show_schedule(fleet_entry, plan, folder, calls)
    with schedule_lock(folder, plan.name, calls.now) as now:
        if now is None:
            log.info("%s: another run-due is working on it", plan.name)
            record = Record.read(folder, plan.name, calls.now)
            return _EntryResult(fleet_entry, ExitStatus.COMPLETED, record, request.as_json)
        record = Record.open(folder, plan.name, now)
        statuses = _run_due_windows(plan, record, now, calls)
        watch(plan, record, now(), calls.environment)
    failure_status = next(filter(None, statuses), ExitStatus.COMPLETED)
    is_listed = bool(statuses) or request.as_json
    # A record that nothing shows isn't returned: a thousand records take 150 MB
    shown_record = record if is_listed or request.page else None
    return _EntryResult(fleet_entry, shell_status(failure_status), shown_record, is_listed)


def _run_due_windows(plan: Plan, record: Record, now: Clock, calls: _CallSettings) -> list[int]:
    """Run what is due, then delete what is too old, and write the page of runs; returns a status for each run and the page."""
    request = calls.request
    launch = calls.launch
    # Result tables are compacted once at the end of this call, and not by each job
    if plan.result_folders:
        launch = partial(_launch_in_pass, launch)

    def run_in_turn(time: datetime) -> tuple[Execution, int]:
        with calls.turns.take_turn():
            return run_jobs(plan, record, time, launch)

    # Runs that become due meanwhile belong to this call, too
    iterate_due_times = due_runs.iterate_due_times(plan, record, now, retry_failed=request.retry_failed)
    runs = [*map(run_in_turn, iterate_until_stopped(iterate_due_times))]
    executions = [execution for execution, _ in runs]
    statuses = [status for _, status in runs]
    _log_summary(plan, executions)
    # Ages are counted from the newest window, so only a new window makes another one too old
    if any(map(has_window, executions)):
        _delete_expired(plan, record, now())
    if runs and request.history and record.has_whole_run:
        statuses.append(_write_history(plan))
    return statuses


def _launch_in_pass(launch: job_processes.Launch, command: JobCommand, note: job_processes.Note) -> int:
    """Run a job whose folder of result tables is compacted at the end of this call."""
    return launch(replace(command, variables={**command.variables, IN_PASS: "1"}), note)


def _compact_tables(fleet: Fleet) -> int:
    """Add the rows that runs of this call, or of a killed call, left for result tables; returns a status.

    Rows that can't be added stay there for the next call.
    """
    status = ExitStatus.COMPLETED
    folders: set[str] = set()
    # A folder that several schedules share is compacted once
    for schedule in fleet.entries:
        with suppress(MonitorError):  # the error was reported with the entry
            if schedule.plan:
                folders.update(schedule.plan.result_folders)
    # If a folder can't be written, the other folders still are
    for folder in sorted(folders):
        try:
            compact(folder)
        # The pages are still written, whatever the error is
        except Exception as error:
            raise_if_stopped()
            log.warning("the tables in %s: %s", folder, describe_failure(error).reason)
            status = ExitStatus.FAILED
    return int(status)


def _log_summary(plan: Plan, executions: Sequence[Execution]) -> None:
    """One line about the runs of a schedule in this pass; no line without runs, or if the only run was withdrawn."""
    ended_runs = [run for run in executions if not run.status.is_under_way]
    if not ended_runs:
        return
    # The run to report: one that did not complete, otherwise the last one
    reported_run = next((run for run in ended_runs if run.outputs or not run.status.has_completed), ended_runs[-1])
    is_healthy = all(run.status is ExecutionStatus.COMPLETED and not run.outputs for run in ended_runs)
    runs = "the run" if len(ended_runs) == 1 else f"{len(ended_runs)} runs; that"
    message = " ".join((reported_run.exit_message or "").split()).removeprefix(f"{reported_run.status.value}: ")
    json_members = {
        "schedule": plan.name,
        "runs": len(ended_runs),
        "scheduled_time": reported_run.scheduled_time,
        "status": reported_run.status.value,
        "exit_message": reported_run.exit_message,
        "output_path": reported_run.output_path,
    }
    level = logging.INFO if is_healthy else logging.WARNING
    text = f"{plan.name}: {runs} of {reported_run.scheduled_time} is {reported_run.status.value}: {message}"
    logging.getLogger(SUMMARY_LOGGER).log(level, "%s", text, extra={JSON_MEMBERS: json_members})


def _show_schedule(fleet_entry: Entry, plan: Plan, folder: State, calls: _CallSettings) -> _EntryResult:
    record = Record.read(folder, plan.name, calls.now)
    status: int = ExitStatus.COMPLETED
    if calls.request.action is Action.CHECK:
        with schedule_lock(folder, plan.name, calls.now) as clock:
            if due_runs.find_overdue_start(plan, record.executions, calls.now()) is not None:
                status = OVERDUE_STATUS
            if clock is not None:
                watch(plan, record, clock(), calls.environment)
    return _EntryResult(fleet_entry, status, record, is_listed=True)


def _delete_expired(plan: Plan, record: Record, now: datetime) -> None:
    """Delete the windows, pages and states that are too old. An error is only a warning: a later call tries again."""
    try:
        if plan.retention != KEEP_ALL:
            plan.retention.delete_expired(plan.find_runs_folder(), record, now)
    except MonitorError as error:
        log.warning("%s: what is to be kept: %s", plan.name, error)


def _write_history(plan: Plan) -> int:
    """Write the page of the schedule's runs above them; returns a status. An error is a warning: the runs are complete."""
    from spark_model_monitor.reports.history_page import report_command as reports

    try:
        reports.main(reports.HistoryRequest([plan.find_runs_folder()], last=MAX_WINDOWS), None, StringIO())
    except Exception as error:
        raise_if_stopped()
        log.warning("%s: the history of runs: %s", plan.name, describe_failure(error).reason)
        return ExitStatus.FAILED
    return ExitStatus.COMPLETED


def _list_runs(plans_and_records: Sequence[tuple[Plan, Record]], request: Request, out: TextIO) -> None:
    if request.as_json:
        summaries = []
        for plan, record in plans_and_records:
            for run in record.read_latest(request.max_results):
                summaries.append(records.summarize_run(plan.name, plan.entry.monitoring_type, run))
        out.write(json.dumps({"MonitoringExecutionSummaries": summaries}, indent=2) + "\n")
        return
    for plan, record in plans_and_records:
        out.write(
            records.format_runs(plan.name, record.read_latest(request.max_results), record.executions.without_data)
        )


def watch(plan: Plan, record: Record, now: datetime, environment: Environment) -> None:
    """Notify the sinks for messages when runs become overdue or come again, and of each run that was given up.

    An unreachable sink is a warning, and the next call notifies all sinks again.
    """
    # Runs that were given up stay in the record until the sinks are notified
    notices = [Notice(GIVEN_UP, f"the run of {time} was {records.GIVEN_UP}") for time in record.executions.given_up]
    for notice in notices:
        log.warning("%s: %s", plan.name, notice.text)
    notice = Notice(ON_TIME, "runs come again")
    overdue_start = due_runs.find_overdue_start(plan, record.executions, now)
    is_overdue = overdue_start is not None
    if overdue_start is not None:
        ago = f"which is more than {due_runs.PERIODS_UNTIL_OVERDUE} periods ago"
        notice = Notice(OVERDUE, f"no run has completed since that of {format_moment(overdue_start)}, {ago}")
        log.warning("%s: %s", plan.name, notice.text)
    # Only a change is reported, and not to sinks that take the numbers of each run
    if is_overdue is not record.executions.overdue:
        notices.append(notice)
    if notices:
        recipients = [destination for destination in plan.destinations if not destination.every_run]
        delivery = deliver(_create_report(plan, record, notices, now), recipients, environment)
        for failure in delivery.failures:
            log.warning("%s", failure)
        if not delivery.failures:
            record.note_notified(overdue=is_overdue)


def _create_report(plan: Plan, record: Record, notices: Sequence[Notice], now: datetime) -> Report:
    paths = {"schedule": str(plan.file)}
    if record.latest_first:
        latest = record.latest_first[0]
        paths = {"latest run": f"{latest.scheduled_time}, {latest.status.value}", **paths}
    return Report(
        ReportedRun(plan.analysis_type, endpoint=find_model(plan), schedule=plan.name),
        now,
        AlertReport(AlertStatus.OK),
        paths=paths,
        notices=tuple(notices),
    )
