"""How a schedule runs one job: in a process that it shares with no other job, by spark-submit, or in this process.

A process that has run a job waits for the next one, because it has loaded what jobs need. `Launch` is what the modules of
schedules know of all this.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from spark_model_monitor.data.reading.data_reader import EngineName
from spark_model_monitor.documents.schedule import ExecutionStatus
from spark_model_monitor.errors import MESSAGE, MissingDependency, MonitorError
from spark_model_monitor.machine import current_machine
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.outputs.printable import format_error
from spark_model_monitor.running.configuration.command_line import require_existing_paths
from spark_model_monitor.running.configuration.option_types import flag_name
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.runtime.status import OUT_OF_TIME, SUCCESSFUL, failed, write_message
from spark_model_monitor.running.scheduling.parallel_jobs import JOB_BYTES
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand
from spark_model_monitor.stopping import GRACE_SECONDS, STEP_SECONDS, wait_for_process
from spark_model_monitor.storage import join

KILLED_STATUS = -signal.SIGKILL
JOBS_OF_A_PROCESS = 16  # then a new process is forked: each job leaves 2 MB in memory

Note = Callable[..., object]  # records what happens to a run in progress: members of `Execution`
Launch = Callable[[JobCommand, Note], int]  # runs a command to its end and returns its exit status

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


def run_in_own_process(command: JobCommand, note: Note) -> int:
    """Run a job in a process without other jobs, which ends with this process.

    The job runs as if the command had started it: with options of Spark by spark-submit, otherwise without Spark if possible.
    """
    process: _SubmittedJob | _ForkedJob
    if command.words[0].startswith("-"):
        process = _SubmittedJob(command)
    else:
        process = _ForkedJob(command)
    try:
        # The job begins when the record names its process: otherwise the next run-due would not know of it
        identity = str(current_machine().process(process.pid))
        note(process=identity)
        if isinstance(process, _ForkedJob):
            process.begin()
        ending = partial(note, process=identity, status=ExecutionStatus.STOPPING)
        return wait_for_process(process, command.longest_seconds, ending=ending)
    except subprocess.TimeoutExpired as late:
        # The job hung, and could not say so itself
        reason = OUT_OF_TIME.format(limit=timedelta(seconds=late.timeout))
        with suppress(MonitorError):
            write_message(failed(reason), command.message_path, None)
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


class _SubmittedJob(subprocess.Popen[bytes]):
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


class _SharedSpark:
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


_SHARED_SPARK = _SharedSpark()
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


class _ForkedJob:
    """A job in a worker: in an idle one if possible, but for jobs on Spark."""

    def __init__(self, command: JobCommand) -> None:
        preloaded_modules = list(PRELOADED_MODULES)
        worker = None
        is_on_spark = f"{flag_name('engine')}={EngineName.SPARK.value}" in command.words
        if is_on_spark:
            preloaded_modules += PRELOADED_SPARK_MODULES
        else:
            worker = _take_idle_worker()
        # What is preloaded is set before Spark's process is forked off
        multiprocessing.get_context("forkserver").set_forkserver_preload(preloaded_modules)
        if is_on_spark:
            command = replace(command, variables={**command.variables, **_SHARED_SPARK.variables()})
        self._command = command
        self._worker = worker or _Worker()
        self._status: int | None = None
        self._is_ending = False
        self.pid = self._worker.process.pid
        self.kill = self._worker.process.kill

    def terminate(self) -> None:
        # The signal may arrive after the job's end: the worker gets no other job, which it would end
        self._is_ending = True
        self._worker.process.terminate()

    def begin(self) -> None:
        # A worker that was killed takes no command
        with suppress(OSError):
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
        # The pipe is closed before the process has ended
        if ready_handles and status is None:
            connection.wait([sentinel], timeout)
            status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._command.words, timeout or 0.0)
        return status


def _take_idle_worker() -> _Worker | None:
    # Several threads take workers, so only the attempt shows whether there is one
    with suppress(IndexError):
        while True:
            worker = _IDLE_WORKERS.pop()
            # The pipe of a worker that has ended can be read
            if not worker.pipe.poll():
                return worker
    return None


def _serve_jobs(commands: connection.Connection) -> None:
    """Run jobs until a job fails, leaves traces or takes much memory, or no job follows; exit with the last status."""
    for jobs_left in reversed(range(JOBS_OF_A_PROCESS)):
        try:
            command = commands.recv()
        # The run-due that sends jobs has ended, or was killed
        except (EOFError, KeyboardInterrupt):
            return
        try:
            with _restore_process():
                _run_and_exit(command)
        except SystemExit as ended:
            # Loaded late, because the forking process doesn't need it
            from spark_model_monitor.running.runtime.job import has_no_trace

            is_large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > JOB_BYTES
            if not jobs_left or is_large or ended.code not in SUCCESSFUL or not has_no_trace():
                raise
            status = int(ended.code)
        # The last step: from here on another job may be requested
        with suppress(OSError):
            commands.send(status)


def _run_and_exit(command: JobCommand) -> None:
    """Run a job in this process. Raises SystemExit with the job's status."""
    os.environ.update(_make_variables(command))
    os.chdir(command.folder)
    try:
        require_existing_paths(command.words[1:])
    # There is no run yet that could leave its message
    except MonitorError as error:
        with suppress(MonitorError):
            write_message(failed(str(error)), join(command.output_path, MESSAGE), None)
        sys.stderr.write(format_error(error))
        sys.exit(error.exit_status)
    # From here on as if the command had been called by a shell
    sys.argv = ["spark-model-monitor", *command.words]
    runpy.run_module("spark_model_monitor", run_name="__main__")


def _make_variables(command: JobCommand) -> dict[str, str]:
    """The job's variables, and the path by which its Python finds this package."""
    return {"PYTHONPATH": Layout.here().python_path(os.environ), **command.variables}
