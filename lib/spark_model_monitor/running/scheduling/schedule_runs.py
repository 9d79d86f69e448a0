"""The execution of a schedule's run: its jobs one after the other, and what the record says of it."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from spark_model_monitor.data.reading.captures import find_capture_files, make_no_captures_error
from spark_model_monitor.documents.schedule import Execution, ExecutionStatus, ScheduledJob
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.running.runtime.logs import LogStyle
from spark_model_monitor.running.runtime.status import (
    VIOLATIONS,
    ExitStatus,
    failed,
    is_out_of_time,
    parse_partial_success,
    read_message,
    write_message,
)
from spark_model_monitor.running.scheduling.job_processes import Launch
from spark_model_monitor.running.scheduling.record import Record
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand, Plan
from spark_model_monitor.stopping import BY_SIGNAL
from spark_model_monitor.storage import can_open_without_spark, exists, get_storage, remove

log = logging.getLogger(__name__)

_OUTCOMES: Mapping[int, ExecutionStatus] = {
    ExitStatus.COMPLETED: ExecutionStatus.COMPLETED,
    ExitStatus.VIOLATIONS: ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
    ExitStatus.CANNOT_TELL: ExecutionStatus.COMPLETED,  # the service has no such status; the message says more
}
"""The outcome of a run by the exit status of a job; any other status is a failure, unless it was stopped."""

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
_STOPPED_STATUSES = {status for signal_number in _SIGNALS for status in (-signal_number, BY_SIGNAL + signal_number)}
"""The exit statuses of a job that was ended by a signal, as the system and as shells have them."""

_VIOLATED = VIOLATIONS.partition(":")[0]


def run_jobs(plan: Plan, record: Record, scheduled: datetime, launch: Launch) -> tuple[Execution, int]:
    """Run the jobs of one time until the last, or until one does not complete; returns the run and that job's exit status.

    If the run or its job is stopped from outside, the run is `Pending`: the next call repeats it (`Record.interrupt`). A run
    without data, before any data has arrived, doesn't count as a run. A run that found only records of other models of its
    endpoint is complete. So is a run that was published although other outputs failed, which only its exit status shows.
    """
    failed_run = _record_empty_window(plan, record, scheduled)
    if failed_run is not None:
        log.info("%s: the run of %s has no data", plan.name, failed_run.scheduled_time)
        return failed_run, ExitStatus.NO_DATA
    execution = record.begin(scheduled, plan.window(scheduled))
    log.info("%s: the run of %s begins", plan.name, execution.scheduled_time)
    style = LogStyle.read(os.environ)
    has_violations = False
    status: int = ExitStatus.COMPLETED
    outcome = ExecutionStatus.COMPLETED
    try:
        for job in plan.entry.jobs:
            command = plan.command(job, scheduled)
            command = replace(command, variables={**command.variables, **style.variables(plan.name)})
            execution = record.put(execution, **_describe_job(job, command))
            # The message of an earlier run would be taken for this run's
            _delete_message(command)
            status = launch(command, partial(record.put, execution))
            message = read_message(command.message_path, status)
            failed_outputs, _ = parse_partial_success(message)
            execution = record.put(execution, exit_message=message, outputs=(*execution.outputs, *failed_outputs))
            outcome = _find_outcome(plan, message, status)
            has_violations |= outcome is ExecutionStatus.COMPLETED_WITH_VIOLATIONS
            # If other models had traffic and this one had none, no data is missing
            if status == ExitStatus.NO_DATA and plan.reads_one_model and _has_captures(plan, job, scheduled):
                outcome = ExecutionStatus.COMPLETED
            if not outcome.has_completed:
                break
        if outcome.has_completed:
            if has_violations:
                outcome = ExecutionStatus.COMPLETED_WITH_VIOLATIONS
            status = ExitStatus.COMPLETED
            if execution.outputs:
                status = ExitStatus.FAILED
        # A schedule is often set up before its endpoint: until data come, nothing is missing
        waits_for_data = plan.clock is not None and not plan.counts_every_run
        if status == ExitStatus.NO_DATA and waits_for_data and len(record.executions.executions) == 1:
            record.withdraw(execution)
            log.info("%s: there is no data yet; runs are due from the first on", plan.name)
            return execution, ExitStatus.COMPLETED
        if outcome is ExecutionStatus.PENDING:
            execution = record.interrupt(execution, execution.exit_message)
        else:
            execution = record.put(execution, status=outcome)
    except MonitorError as error:
        status = error.exit_status
        execution = record.put(execution, status=ExecutionStatus.FAILED, exit_message=f"Error: {error}")
    # Also signals: a run that stays in progress would keep later ones waiting
    except BaseException:
        message = "Error: run-due was stopped from outside"
        if plan.counts_every_run:
            record.put(execution, status=ExecutionStatus.STOPPED, exit_message=message)
        else:
            record.interrupt(execution, message)
        raise
    log.info("%s: the run of %s is %s", plan.name, execution.scheduled_time, execution.status.value)
    return execution, status


def _find_outcome(plan: Plan, message: str, status: int) -> ExecutionStatus:
    """The outcome of a run, by the exit status and the message of its job; Pending if the job was stopped from outside."""
    # If the run was published, its window is done, although other outputs failed
    failed_outputs, completed_message = parse_partial_success(message)
    if failed_outputs and completed_message.startswith(_VIOLATED):
        return ExecutionStatus.COMPLETED_WITH_VIOLATIONS
    if failed_outputs:
        return ExecutionStatus.COMPLETED
    if status not in _STOPPED_STATUSES:
        return _OUTCOMES.get(status, ExecutionStatus.FAILED)
    if is_out_of_time(message) or plan.counts_every_run:
        return ExecutionStatus.STOPPED
    return ExecutionStatus.PENDING


def _record_empty_window(plan: Plan, record: Record, scheduled: datetime) -> Execution | None:
    """The failed run of a window without captures, as its job would leave it; starting a job takes a hundred times as long.

    None if there are captures, if only a job could tell, or if the schedule has no whole run yet: a job also finds options and
    baselines that don't work.
    """
    job = plan.entry.jobs[0]
    is_monitor = job.job == "monitor" and len(plan.entry.jobs) == 1 and not plan.entry.spark_options
    if not is_monitor or not record.has_whole_run:
        return None
    window = plan.window(scheduled)
    with suppress(MonitorError):  # the job reports the error
        sources = plan.sources(job)
        path = sources.text("dataset_source")
        command = plan.command(job, scheduled)
        message_path = command.message_path
        if path is None or sources.text("dataset_format") != "capture" or not can_open_without_spark(message_path):
            return None
        location = plan.path(path)
        if not can_open_without_spark(location) or find_capture_files(get_storage(location), location, window)[1]:
            return None
        reason = str(make_no_captures_error(path, window))
        write_message(failed(reason), message_path, None)
        if LogStyle.read(os.environ).names_every_step:
            log.error("%s", reason)
        members = _describe_job(job, command)
        return record.begin(scheduled, window, status=ExecutionStatus.FAILED, exit_message=failed(reason), **members)
    return None


def _has_captures(plan: Plan, job: ScheduledJob, scheduled: datetime) -> bool:
    """Whether the endpoint captured something in the window of a run, whatever its model."""
    captures = plan.path(plan.sources(job).text("dataset_source") or "")
    window = plan.window(scheduled)
    with suppress(BadInput):  # there is no such folder
        return bool(find_capture_files(get_storage(captures), captures, window, lenient_window=True)[1])
    return False


def _delete_message(command: JobCommand) -> None:
    """Delete the message of an earlier run. Raises OutputFailed if it can't be removed."""
    path = command.message_path
    if can_open_without_spark(path) and exists(path):
        remove(path)


def _describe_job(job: ScheduledJob, command: JobCommand) -> dict[str, str | None]:
    """The members of an `Execution` that say which job runs."""
    return {"job": job.job, "output_path": command.output_path, "processing_job": command.name}
