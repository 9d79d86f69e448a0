"""One run of a schedule: its jobs, one after the other, each a process as `./spark-submit.sh` starts it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlparse

from model_monitor.data.records.windows import duration
from model_monitor.documents.run_description import moment
from model_monitor.documents.schedule import Execution, ExecutionStatus, ScheduledJob
from model_monitor.errors import BadConfiguration, MonitorError
from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.options import flag_of, variable_of
from model_monitor.running.configuration.reading import sources_of
from model_monitor.running.layout import Layout
from model_monitor.running.runtime.status import ExitStatus
from model_monitor.running.scheduling.plan import Plan, attributions_of, full_hour
from model_monitor.running.scheduling.record import Record
from model_monitor.storage import join, storage_of

log = logging.getLogger(__name__)

MESSAGE = "message"

SECRET_OPTIONS = ("sink",)
"""Go by the environment: everybody on the machine sees a program's arguments."""

SCHEDULE = "sagemaker_monitoring_schedule_name"
"""The variable by which notices and metrics say of which schedule they are."""

ATTRIBUTIONS = "attributions"

GRACE_SECONDS = 300
"""After its longest run time, for a job that hangs before its own clock begins or while it ends."""

STOPPING_SECONDS = 60

KILLED = -9

_OUTCOMES = {
    ExitStatus.COMPLETED: ExecutionStatus.COMPLETED,
    ExitStatus.VIOLATIONS: ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
    ExitStatus.TERMINATED: ExecutionStatus.STOPPED,
    -15: ExecutionStatus.STOPPED,
    KILLED: ExecutionStatus.STOPPED,
}
"""What became of a run by the exit status of a job; any other is a failure."""


@dataclass(frozen=True, slots=True)
class JobCommand:
    """How a job is started: words, variables beside those there are, its folder, and where its results go."""

    words: tuple[str, ...]
    variables: Mapping[str, str]
    folder: Path
    output_path: str
    longest_seconds: float | None = None


class Note(Protocol):
    """Takes down what is known of a run meanwhile: members of `Execution`."""

    def __call__(self, **members: object) -> object: ...


Launch = Callable[[JobCommand, Note], int]
"""Runs a command to its end and gives its exit status."""


def launch(command: JobCommand, note: Note) -> int:
    """Run a job in a process of its own, which ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "model_monitor.spark.launch.submission", *command.words],
        env={**os.environ, "PYTHONPATH": Layout.here().python_path(os.environ), **command.variables},
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
    )
    try:
        note(process_id=process.pid)
        return process.wait(command.longest_seconds)
    except subprocess.TimeoutExpired:
        return KILLED
    finally:
        if process.poll() is None:
            note(process_id=process.pid, status=ExecutionStatus.STOPPING)
            _end(process)


def run_jobs(plan: Plan, record: Record, scheduled: datetime, launch: Launch = launch) -> tuple[Execution, int]:
    """Run the jobs of one time until the last, or until one does not complete; gives the run and that job's exit status.

    A run without data, before there was any, is no run.
    """
    execution = record.begin(scheduled, plan.window(scheduled))
    log.info("%s: the run of %s begins", plan.name, execution.scheduled_time)
    violated, status, outcome = False, int(ExitStatus.COMPLETED), ExecutionStatus.COMPLETED
    try:
        for job in plan.entry.jobs:
            command = command_of(plan, job, scheduled)
            execution = record.put(execution, job=job.job, output_path=command.output_path)
            _forget_message(command)
            status = launch(command, partial(record.put, execution))
            outcome = _OUTCOMES.get(status, ExecutionStatus.FAILED)
            violated |= outcome is ExecutionStatus.COMPLETED_WITH_VIOLATIONS
            execution = record.put(execution, exit_message=_message(command, status))
            if not outcome.is_of_a_whole_run:
                break
        if outcome.is_of_a_whole_run:
            outcome = ExecutionStatus.COMPLETED_WITH_VIOLATIONS if violated else ExecutionStatus.COMPLETED
            status = int(ExitStatus.COMPLETED)
        if status == ExitStatus.NO_DATA and plan.clock and len(record.executions.executions) == 1:
            record.withdraw(execution)
            log.info("%s: there is no data yet; runs are due from the first on", plan.name)
            return execution, int(ExitStatus.COMPLETED)
        execution = record.put(execution, status=outcome)
    except MonitorError as fault:
        status = fault.exit_status
        execution = record.put(execution, status=ExecutionStatus.FAILED, exit_message=f"Error: {fault}")
    except BaseException:
        record.put(execution, status=ExecutionStatus.STOPPED, exit_message="Error: run-due was stopped from outside")
        raise
    log.info("%s: the run of %s is %s", plan.name, execution.scheduled_time, execution.status.value)
    return execution, status


def command_of(plan: Plan, job: ScheduledJob, scheduled: datetime) -> JobCommand:
    """How a job of the run of this time is started: by flags for all that its env file says, and for its window.

    Raises BadConfiguration if the env file can't be read or names no output path.
    """
    given = _given(plan, job)
    if job.output_folder is not None:
        given["output_path"] = join(given["output_path"], scheduled.strftime(job.output_folder))
    hour, window = full_hour(scheduled), plan.window(scheduled)
    longest = plan.entry.max_runtime_seconds
    flags = {
        **given,
        **_told_by(plan, job, given),
        "scheduled_time": moment(scheduled),
        "start_time_offset": duration(window.start - hour),
        "end_time_offset": duration(window.end - hour),
        "fail_on_violations": "true",  # so that the exit status tells of them
        **({} if longest is None else {"max_runtime": f"PT{longest}S"}),
    }
    words = [f"{flag_of(name)}={text}" for name, text in flags.items() if name not in SECRET_OPTIONS]
    return JobCommand(
        (*plan.entry.spark_options, job.job, *words),
        {variable_of(name, OPTIONS[name]): given[name] for name in SECRET_OPTIONS if name in given},
        plan.folder,
        given["output_path"],
        None if longest is None else longest + GRACE_SECONDS,
    )


def folder_of_runs(plan: Plan) -> str:
    """The folder above the outputs of a schedule's last job, the one that monitors.

    Raises BadConfiguration as `command_of` does.
    """
    path = _given(plan, plan.entry.jobs[-1])["output_path"]
    return path if urlparse(path).scheme else str(plan.folder / path)


def _given(plan: Plan, job: ScheduledJob) -> dict[str, str]:
    """What the env file of a job says."""
    path = str(plan.env_file(job))
    sources = sources_of(["--env-file", path], {})
    if sources.errors:
        raise BadConfiguration.gathered(list(sources.errors))
    given = {name: text.text for name, text in sources.values.items() if text.place.startswith(f"{path}: ")}
    if "output_path" not in given:
        raise BadConfiguration(f"{path}: output_path is missing; write output_path=DIRECTORY")
    return given


def _told_by(plan: Plan, job: ScheduledJob, given: Mapping[str, str]) -> dict[str, str]:
    """What a schedule says to jobs that take it, unless their env file does: its name, and what moves its model."""
    wanted = {name for name in (SCHEDULE, ATTRIBUTIONS) if job.job in OPTIONS[name].jobs and not given.get(name)}
    told = {SCHEDULE: plan.name, ATTRIBUTIONS: attributions_of(plan) if ATTRIBUTIONS in wanted else None}
    return {name: text for name, text in told.items() if name in wanted and text is not None}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _forget_message(command: JobCommand) -> None:
    """Drop the message of a run before this one; elsewhere than on this machine the exit status has to do."""
    path = _message_path(command)
    if path is not None:
        storage_of(path).delete(path)


def _message(command: JobCommand, status: int) -> str:
    """The job's own words, or its exit status where there are none at hand."""
    path = _message_path(command)
    if path is not None and storage_of(path).exists(path):
        return storage_of(path).read(path).decode("utf-8", "replace").strip()
    return f"exit status {status}; the job's log says more"


def _message_path(command: JobCommand) -> str | None:
    scheme = urlparse(command.output_path).scheme
    if scheme == "file":
        return join(command.output_path, MESSAGE)
    return None if scheme else str(command.folder / command.output_path / MESSAGE)
