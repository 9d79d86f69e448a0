"""The runs of a schedule: which are due or overdue; and the execution of each run, one job after the other."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from urllib.parse import urlparse

from spark_model_monitor.data.reading.captures import find_capture_files, make_no_captures_error
from spark_model_monitor.data.reading.data_reader import EngineName
from spark_model_monitor.data.records.windows import A_MOMENT
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, Executions, ExecutionStatus, ScheduledJob
from spark_model_monitor.errors import MESSAGE, BadInput, MissingDependency, MonitorError
from spark_model_monitor.machine import current_machine
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.outputs.printable import format_error
from spark_model_monitor.running.configuration.command_line import require_existing_paths
from spark_model_monitor.running.configuration.option_types import flag_name
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.runtime.logs import LogStyle
from spark_model_monitor.running.runtime.status import (
    OUT_OF_TIME,
    VIOLATIONS,
    ExitStatus,
    failed,
    is_out_of_time,
    parse_partial_success,
    read_message,
    write_message,
)
from spark_model_monitor.running.scheduling.parallel_jobs import JOB_BYTES
from spark_model_monitor.running.scheduling.record import RUNNING_STATUSES, Clock, Record, read_time, scheduled_times
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand, Plan
from spark_model_monitor.running.scheduling.schedules import CrontabTimes
from spark_model_monitor.stopping import BY_SIGNAL, GRACE_SECONDS, STEP_SECONDS, wait_for_process
from spark_model_monitor.storage import can_open_without_spark, exists, get_storage, join, remove
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

PERIODS_UNTIL_OVERDUE = 2


@value_class
class DueRuns:
    """The times of the runs that are due, oldest first, and the number of older ones that are given up as too many."""

    times: tuple[datetime, ...] = ()
    given_up: int = 0


def find_due_runs(plan: Plan, past: Executions, now: datetime, *, retry_failed: bool = False) -> DueRuns:
    """Every time since the schedule began whose run has not started, up to `now` minus the plan's delay.

    A schedule begins at `starts`, otherwise with the time before its first check, whose window was complete by then; runs
    before the first data count as done. At most `catch_up` runs are due at once: the latest. Earlier runs are given up
    for good. A run that was stopped from outside is due again; a run that failed or took too long is due again only with
    `retry_failed`. While a job continues whose run-due was killed, later runs wait, because they need its results.
    """
    if not plan.is_running:
        return DueRuns()
    statuses = {ExecutionStatus.PENDING}
    if retry_failed:
        statuses |= {ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
    repeated_times = scheduled_times([execution for execution in past.executions if execution.status in statuses])
    # After a long pause only the latest runs are caught up: old alarms help nobody
    missed_times = list(_list_missed_times(plan, past, now))
    if plan.entry.catch_up:
        caught_up_times = missed_times[-plan.entry.catch_up :]
    else:
        caught_up_times = []
    # Runs are in order, because each window is compared with the history that earlier runs left
    running_times = scheduled_times(
        [execution for execution in past.executions if execution.status in RUNNING_STATUSES]
    )
    times = [
        time for time in sorted({*repeated_times, *caught_up_times}) if not running_times or time < min(running_times)
    ]
    return DueRuns(tuple(times), len(missed_times) - len(caught_up_times))


def iterate_due_times(plan: Plan, record: Record, now: Clock, *, retry_failed: bool = False) -> Iterator[datetime]:
    """Due times, oldest first, including times that become due meanwhile. retry_failed: also the times of runs that failed or
    took too long.

    The times end with a run that was stopped, which the next call repeats: later windows need the history that it leaves.
    """
    past = record.executions
    if retry_failed:
        past = past.model_copy(update={"executions": tuple(record.read_all())})
    due = find_due_runs(plan, past, now(), retry_failed=retry_failed)
    if due.given_up:
        log.warning("%s: %d past runs are skipped; catch_up is %d", plan.name, due.given_up, plan.entry.catch_up)
    repeated_statuses = {ExecutionStatus.PENDING, *((ExecutionStatus.STOPPED,) if retry_failed else ())}
    # A failed run is retried once a call, so that this ends
    while due.times:
        for time in due.times:
            yield time
            if record.read_status(time) in repeated_statuses:
                log.warning(
                    "%s: the run of %s was stopped; the next call repeats it, before later ones",
                    plan.name,
                    format_moment(time),
                )
                return
        due = find_due_runs(plan, record.executions, now())


def find_overdue_start(plan: Plan, past: Executions, now: datetime) -> datetime | None:
    """The last time a run completed, or the schedule's start, if that is more than two periods ago; otherwise None.

    A run counts from its scheduled time. A run in the future, from a clock that was ahead, doesn't count. A schedule that is
    stopped or runs once is never overdue.
    """
    if plan.clock is None or not plan.is_running:
        return None
    times = scheduled_times([execution for execution in past.executions if execution.status.has_completed])
    last_time = max(_select_past_times(now, times), default=_find_first_time(plan, plan.clock, past, now))
    allowed_delay = PERIODS_UNTIL_OVERDUE * plan.clock.period(now) + plan.delay
    return last_time if now - last_time > allowed_delay else None


def _list_missed_times(plan: Plan, past: Executions, now: datetime) -> Iterator[datetime]:
    latest = now - plan.delay
    begun_times = scheduled_times(past.executions) + [read_time(time) for time in (past.without_data,) if time]
    if plan.clock is None:
        single_time = plan.starts or read_time(past.since)
        if single_time > max(begun_times, default=single_time - A_MOMENT):
            yield single_time
        return
    # A run recorded by a clock that was ahead must not suppress the runs until its time
    after = max(_select_past_times(now, begun_times), default=_find_first_time(plan, plan.clock, past, now) - A_MOMENT)
    yield from (time for time in plan.clock.times(after, latest) if time not in begun_times)


def _select_past_times(now: datetime, times: Sequence[datetime]) -> list[datetime]:
    return [time for time in times if time <= now]


def _find_first_time(plan: Plan, clock: CrontabTimes, past: Executions, now: datetime) -> datetime:
    return plan.starts or clock.latest(min(read_time(past.since), now) - plan.delay)


KILLED_STATUS = -9
JOBS_OF_A_PROCESS = 16  # then a new process is forked: each job leaves 2 MB in memory

PRELOADED_MODULES = (
    "pandas",
    "spark_model_monitor.cli",
    "spark_model_monitor.running.runtime.job",
    "spark_model_monitor.running.runtime.publishing",
    "spark_model_monitor.running.inputs.data_sets",
    "spark_model_monitor.monitors.data_quality.feature_scan",
    "spark_model_monitor.monitors.data_quality.causes.contributing_segments",
    "spark_model_monitor.monitors.data_quality.checks.drift.segment_shares",
    "spark_model_monitor.statistics.states.rule_counts",
    "spark_model_monitor.statistics.verdicts.expected_row_count",
    "spark_model_monitor.spark.launch.submission",
    "pyarrow.acero",
    "pyarrow.dataset",
    "spark_model_monitor.running.scheduling.preloading",
    "spark_model_monitor.reports.history_page.over_time",
)
"""Modules that the forking process loads once for all jobs. A job loads further modules itself."""

PRELOADED_SPARK_MODULES = (
    "pyspark.sql.pandas.functions",
    "spark_model_monitor.spark.spark_session",
    "spark_model_monitor.spark.engine.spark",
)

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
_WHOLE_RUN_STATUSES = {status for status, outcome in _OUTCOMES.items() if outcome.has_completed}


Note = Callable[..., object]  # records what happens to a run in progress: members of `Execution`
Launch = Callable[[JobCommand, Note], int]  # runs a command to its end and returns its exit status


def run_in_own_process(command: JobCommand, note: Note) -> int:
    """Run a job in a process without other jobs, which ends with this process.

    The job runs as if the command had started it: with options of Spark by spark-submit, otherwise without Spark if possible.
    """
    process = _Submitted(command) if command.words[0].startswith("-") else _Forked(command)
    try:
        identity = str(current_machine().process(process.pid))
        note(process=identity)
        if isinstance(process, _Forked):
            process.begin()
        ending = partial(note, process=identity, status=ExecutionStatus.STOPPING)
        return wait_for_process(process, command.longest_seconds, ending=ending)
    except subprocess.TimeoutExpired as late:
        # The job hung, and could not say so itself
        reason = OUT_OF_TIME.format(limit=timedelta(seconds=late.timeout))
        with suppress(MonitorError):
            write_message(failed(reason), _find_message_path(command), None)
        return KILLED_STATUS


def run_in_process(command: JobCommand, variables: Mapping[str, str]) -> int:
    """Run a job in this process, and return its exit status. variables: in addition to the job's own."""
    name, *words = command.words
    # The job is run as a file: jobs aren't modules of the package
    driver = runpy.run_path(str(Layout.here().job_file(name, command.folder)))
    with _restore_process():
        os.environ.update({**variables, **command.variables})
        os.chdir(command.folder)
        status: int = driver["main"](words)
    return status


@contextmanager
def _restore_process() -> Iterator[None]:
    """Restore the working folder and the variables, which a job changes, so that the next job of this process starts alike."""
    folder = os.getcwd()
    variables = dict(os.environ)
    try:
        yield
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)


def run_in_session(command: JobCommand, note: Note) -> int:
    """Run a job in the Spark session of this process."""
    return run_in_process(command, {})


def end_idle_processes() -> None:
    """End the processes that wait for further jobs."""
    while _IDLE_WORKERS:
        _IDLE_WORKERS.pop().pipe.close()


class _Submitted(subprocess.Popen[bytes]):
    """A job of spark-submit: the process is its JVM, and the driver's Python, in the same group, may outlive it."""

    def __init__(self, command: JobCommand) -> None:
        super().__init__(
            [sys.executable, "-m", "spark_model_monitor.spark.launch.submission", *command.words],
            env={**os.environ, **_make_variables(command)},
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self, timeout: float | None = None) -> int:
        status = super().wait(timeout)
        # A driver whose JVM was stopped still writes its message, and releases its outputs
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
            for _ in range(int(GRACE_SECONDS / STEP_SECONDS)):
                current_machine().sleep(STEP_SECONDS)
                os.killpg(self.pid, 0)
            os.killpg(self.pid, signal.SIGKILL)
        return status


class _Application:
    """One Spark for all jobs that need it without options; the first one starts it, in a daemon of this process."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._host: BaseProcess | None = None
        self._settings: Mapping[str, str] | MonitorError = MissingDependency(
            "Spark could not be started; the log says why"
        )

    def variables(self) -> Mapping[str, str]:
        """The variables by which a job connects to it. Raises the error of its start."""
        with self._starting:
            if self._host is None or not self._host.is_alive():
                forkserver = multiprocessing.get_context("forkserver")
                self._pipe, worker_pipe = forkserver.Pipe()  # the process ends when our end closes
                self._host = forkserver.Process(
                    target=plugin("spark").shared_application, args=(worker_pipe,), daemon=True
                )
                with _PROCESS_LOCK:
                    self._host.start()
                worker_pipe.close()
                with suppress(EOFError):
                    self._settings = self._pipe.recv()
        if isinstance(self._settings, MonitorError):
            raise self._settings
        return self._settings


_SHARED_SPARK = _Application()
_PROCESS_LOCK = threading.Lock()  # starting a process polls all others; of two polls at once, one gets no answer


class _Worker:
    """A process forked off one that has loaded what jobs need. It runs many jobs: an hour costs only its records."""

    def __init__(self) -> None:
        forkserver = multiprocessing.get_context("forkserver")
        self.pipe, worker_pipe = forkserver.Pipe()  # the process ends when our end closes
        self.process = forkserver.Process(target=_serve_jobs, args=(worker_pipe,))
        with _PROCESS_LOCK:
            self.process.start()
        worker_pipe.close()


_IDLE_WORKERS: deque[_Worker] = deque()
atexit.register(end_idle_processes)


class _Forked:
    """A job in a worker: a used one if possible."""

    def __init__(self, command: JobCommand) -> None:
        is_on_spark = f"{flag_name('engine')}={EngineName.SPARK.value}" in command.words
        preloaded = [*PRELOADED_MODULES, *(PRELOADED_SPARK_MODULES if is_on_spark else ())]
        multiprocessing.get_context("forkserver").set_forkserver_preload(
            preloaded
        )  # before Spark's process is forked off
        if is_on_spark:
            command = replace(command, variables={**command.variables, **_SHARED_SPARK.variables()})
        self._command = command
        self._status: int | None = None
        idle = None if is_on_spark else _idle_worker()
        self._worker = idle or _Worker()
        self._is_ending = False
        self.pid = self._worker.process.pid
        self.kill = self._worker.process.kill

    def terminate(self) -> None:
        self._is_ending = True  # the signal may arrive after the job's end: no other job should get it
        self._worker.process.terminate()

    def begin(self) -> None:  # the record has the process by now: otherwise the next run-due would not know of it
        with suppress(OSError):  # the worker was killed
            self._worker.pipe.send(self._command)

    def poll(self) -> int | None:
        with _PROCESS_LOCK:
            if self._status is None and self._worker.pipe.poll():
                with suppress(EOFError, OSError):
                    self._status = self._worker.pipe.recv()
                    if not self._is_ending:
                        _IDLE_WORKERS.append(self._worker)
            # If the worker sent no status: its exit code if it died, None while it runs
            if self._status is None:
                self._status = self._worker.process.exitcode
            return self._status

    def wait(self, timeout: float | None = None) -> int:
        sentinel = self._worker.process.sentinel
        ready_handles = connection.wait([self._worker.pipe, sentinel], timeout)
        status = self.poll()
        if ready_handles and status is None:  # the process is about to end
            connection.wait([sentinel], timeout)
            status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._command.words, timeout or 0.0)
        return status


def _idle_worker() -> _Worker | None:
    with suppress(IndexError):
        while worker := _IDLE_WORKERS.pop():
            if not worker.pipe.poll():  # the worker is still alive
                return worker
    return None


def _serve_jobs(commands: connection.Connection) -> None:
    """Run jobs until a job fails, leaves traces or takes much memory, or no job follows; exit with the last status."""
    for jobs_left in reversed(range(JOBS_OF_A_PROCESS)):
        try:
            command = commands.recv()
        except (EOFError, KeyboardInterrupt):  # the run-due that sends jobs has ended, or was killed
            return
        try:
            with _restore_process():
                _run_and_exit(command)
        except SystemExit as ended:
            from spark_model_monitor.running.runtime.job import has_no_trace  # the forking process doesn't need it

            is_large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > JOB_BYTES
            if not jobs_left or is_large or ended.code not in _WHOLE_RUN_STATUSES or not has_no_trace():
                raise
            status = int(ended.code)
        with suppress(OSError):  # the last step: from here on another job may be requested
            commands.send(status)


def _run_and_exit(command: JobCommand) -> None:
    """Run a job in this process. Raises SystemExit with the job's status."""
    os.environ.update(_make_variables(command))
    os.chdir(command.folder)
    try:
        require_existing_paths(command.words[1:])
    except MonitorError as error:  # before a run exists that could leave its message
        with suppress(MonitorError):
            write_message(failed(str(error)), join(command.output_path, MESSAGE), None)
        sys.stderr.write(format_error(error))
        sys.exit(error.exit_status)
    # From here on as if the command had been called by a shell
    sys.argv = ["spark-model-monitor", *command.words]
    runpy.run_module("spark_model_monitor", run_name="__main__")


def _make_variables(command: JobCommand) -> dict[str, str]:
    return {"PYTHONPATH": Layout.here().python_path(os.environ), **command.variables}


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
            job_members = {"job": job.job, "output_path": command.output_path, "processing_job": command.name}
            execution = record.put(execution, **job_members)
            # The message of an earlier run would be taken for this run's
            message_path = _delete_message(command)
            status = launch(command, partial(record.put, execution))
            message = read_message(message_path, status)
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
            else:
                outcome = ExecutionStatus.COMPLETED
            status = ExitStatus.FAILED if execution.outputs else ExitStatus.COMPLETED
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
        message_path = _find_message_path(command)
        if path is None or sources.text("dataset_format") != "capture" or not can_open_without_spark(message_path):
            return None
        location = plan.path(path)
        if not can_open_without_spark(location) or find_capture_files(get_storage(location), location, window)[1]:
            return None
        reason = str(make_no_captures_error(path, window))
        write_message(failed(reason), message_path, None)
        if LogStyle.read(os.environ).names_every_step:
            log.error("%s", reason)
        members = {"job": job.job, "output_path": command.output_path, "processing_job": command.name}
        return record.begin(scheduled, window, status=ExecutionStatus.FAILED, exit_message=failed(reason), **members)
    return None


def _has_captures(plan: Plan, job: ScheduledJob, scheduled: datetime) -> bool:
    """Whether the endpoint captured something in the window of a run, whatever its model."""
    captures = plan.path(plan.sources(job).text("dataset_source") or "")
    window = plan.window(scheduled)
    with suppress(BadInput):  # there is no such folder
        return bool(find_capture_files(get_storage(captures), captures, window, lenient_window=True)[1])
    return False


def _delete_message(command: JobCommand) -> str:
    """Delete the message of an earlier run, and return its path. Raises OutputFailed if it can't be removed."""
    path = _find_message_path(command)
    if can_open_without_spark(path) and exists(path):
        remove(path)
    return path


def _find_message_path(command: JobCommand) -> str:
    if urlparse(command.output_path).scheme:
        return join(command.output_path, MESSAGE)
    return str(command.folder / command.output_path / MESSAGE)
