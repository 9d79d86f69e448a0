"""A run of a job, from its command line to its exit status.

    with started("baseline", argv) as job:
        with read_source(job.engine, job.config) as data:
            …
        job.finish(completed())
    return job.exit_status

Whatever happens inside, the run writes one line to the message file, sets an exit status, stops Spark, and leaves no thread
that keeps the process alive. The configuration is read, and Spark is started, on first use.

If Spark runs already, in a notebook or an Airflow task, the run is a guest: it has a session of its own in that Spark, and
leaves Spark, logging and signals to the host. An interruption of the host stops it.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.partitions import MAX_RECORD_SIZE
from spark_model_monitor.data.engine.workers import hide_pandas_from_arrow
from spark_model_monitor.data.reading.data_reader import EngineName, get_running_session
from spark_model_monitor.data.reading.listing import allow_outside_links
from spark_model_monitor.documents.json_text import Json, dump_indented
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.plugins import plugin
from spark_model_monitor.progress import enable_progress
from spark_model_monitor.reports.outputs.sql_tables import create_catalog_settings
from spark_model_monitor.running.configuration import inferred_options
from spark_model_monitor.running.configuration.command_line import HELP_FLAGS
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.encryption import encryption_settings, upload_arguments
from spark_model_monitor.running.configuration.help import format_help, format_short_help
from spark_model_monitor.running.configuration.option_types import read_switch
from spark_model_monitor.running.configuration.reading import build_config, drop_consequences, find_output_faults
from spark_model_monitor.running.configuration.sources import Sources, read_sources
from spark_model_monitor.running.inputs.run_inputs import adopt_time_column, explain_use_of_spark
from spark_model_monitor.running.runtime import status
from spark_model_monitor.running.runtime.failures import Failure, describe_failure, format_trace, is_interruption
from spark_model_monitor.running.runtime.logs import VERDICT_LOGGER, LogStyle, start_logging
from spark_model_monitor.stopping import end_on_signals, get_reason_to_end, raise_if_stopped, run_at_exit
from spark_model_monitor.storage import encrypt_uploads, get_storage, holding, is_local, using_session, without_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

LAST_STEPS_SECONDS = 60  # time limit for an interrupted run to write its message and to stop Spark

_jobs_with_traces: list[str] = []  # names of jobs that loaded users' code or Spark into this process


def has_no_trace() -> bool:
    """Whether the jobs of this process left it unchanged, so that it can run another job."""
    return not _jobs_with_traces


def started(name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Job:
    """The run of the job `name` with these arguments, for use with `with`; `environment` defaults to the process's.

    Prints the help text and exits at once if the arguments ask for it.
    """
    variables = os.environ if environment is None else environment
    if {*HELP_FLAGS} & {*arguments}:
        # Help is printed even if the rest of the command line is wrong
        requested_analysis = (read_sources(arguments, variables).text("analysis_type") or "").upper()
        analysis = AnalysisType.DATA_QUALITY
        with suppress(ValueError):
            analysis = AnalysisType(requested_analysis)
        sys.stdout.write(format_help(name) if "--help-all" in arguments else format_short_help(name, analysis))
        raise SystemExit(0)
    return Job(name, arguments, variables, get_running_session())


class Job:
    """One run. `exit_status` and the message file are final after the `with` block.

    host: the Spark session of a notebook or a task, in which the run is a guest; None if the run starts Spark itself.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], host: SparkSession | None = None
    ) -> None:
        self.name = name
        self.exit_status: int = status.ExitStatus.FAILED
        self._arguments = arguments
        self._environment = environment
        self._host = host
        self._tag = f"spark-model-monitor-{name}-{uuid4().hex}"
        self._message: str | None = None
        self._verdict = ""
        self._summary: Mapping[str, Json] = {}
        self._has_failed = False
        self._began = time.monotonic()
        self._session: SparkSession | None = None
        self._master_watch: Any = None
        self._is_alone = False
        self._during_session = ExitStack()  # contexts that end before Spark
        self._during_run = ExitStack()  # contexts that end last, in the thread that opened them
        self._time_limit: status.TimeLimit | None = None

    @property
    def prints_json(self) -> bool:
        """Whether the run prints its result as JSON on the standard output."""
        return "--json" in self._arguments

    @property
    def shows_findings(self) -> bool:
        """Whether the standard output is for people, and not the host's or a script's."""
        return self._host is None and not self.prints_json

    @cached_property
    def config(self) -> JobConfig:
        """The configuration of the run.

        Raises BadConfiguration with all its errors.
        """
        # The baseline's options come first, because they may say what files don't show
        sources = inferred_options.adopt_baseline_options(self.name, self._sources)
        sources = inferred_options.choose_detected_format(self.name, sources)
        try:
            config = build_config(self.name, sources, in_container=status.is_container(self._container_root))
            config = adopt_time_column(config, sources)
        except BadConfiguration as error:
            raise drop_consequences(error) from error
        # A process that ran users' code isn't used for another job
        if not config.leaves_no_trace:
            _jobs_with_traces.append(self.name)
        # --verbose shows which source set each option
        for name, option_text in sources.values.items():
            log.debug("%s is set by %s", name, option_text.location)
        for sentence in sources.chosen:
            log.info("%s", sentence)
        self._during_session.enter_context(enable_progress(config.progress))
        # A variable may be set for another job, but a flag is meant for this one
        for level, is_flag in ((logging.INFO, False), (logging.WARNING, True)):
            ignored_locations = [location for location in config.ignored if location.startswith("--") is is_flag]
            if ignored_locations:
                log.log(level, "without effect on this job: %s", ", ".join(ignored_locations))
        if config.s3_encryption is not None and is_local(config.output_path):
            log.warning("s3_encryption is of S3; nothing encrypts what is written to %s", config.output_path)
        if config.doubtful:
            log.warning("unknown names, not used: %s", ", ".join(config.doubtful))
        if config.max_runtime is not None:
            may_leave = self._host is None
            self._time_limit = status.TimeLimit(config.max_runtime, self._began, self._cancel, may_leave=may_leave)
        return config

    @cached_property
    def engine(self) -> Engine:
        """The engine that reads data: the local engine, or the engine of the run's Spark session, which then also opens paths.

        From here on the run holds its output, so that an output that can't be written shows before results are computed.
        Raises OutputFailed if the output isn't writable, OutputHeld if a run holds it for longer than `lease_wait`.
        """
        self._during_run.enter_context(allow_outside_links(self.config.follow_links))
        engine = self._choose_local_engine() or plugin("spark").SparkEngine(self._open_session())
        if self._session is None:
            self._during_run.enter_context(without_session())
        else:
            self._during_run.enter_context(using_session(self._session))
        self._forget_message(has_engine=True)
        # The lease is taken before anything is read: a second run at this output waits
        output = self.config.output_path
        self._during_session.enter_context(holding(get_storage(output, self._session), output, self.config.lease_wait))
        return engine

    def _choose_local_engine(self) -> LocalEngine | None:
        """The local engine, or None if Spark is used; the log says which engine is used, and why."""
        engine = self.config.engine
        reason = explain_use_of_spark(self.config, self._host)
        if engine is EngineName.SPARK or (engine is EngineName.AUTO and reason):
            log.info("engine: Spark, %s", reason if engine is EngineName.AUTO else "as requested")
            return None
        log.info("engine: local, %s", "as requested" if engine is EngineName.LOCAL else "all of the data is read here")
        self._during_session.enter_context(
            encrypt_uploads(upload_arguments(self.config.s3_encryption, self.config.s3_kms_key))
        )
        # Arrow imports pandas with its first array, which takes a fifth of a second
        if self._is_alone and self.config.needs_no_pandas:
            hide_pandas_from_arrow()
        return LocalEngine(self.config.max_record_size)

    def _open_session(self) -> SparkSession:
        _jobs_with_traces.append(self.name)
        spark_plugin = plugin("spark")
        encryption = encryption_settings(self.config.s3_encryption, self.config.s3_kms_key)
        session: SparkSession
        # The host's Spark gets the settings only for the time of this run
        if self._host is None:
            session = self._start_spark(encryption)
        else:
            session = self._during_session.enter_context(spark_plugin.session_within(self._host, encryption))
        self._session = session
        self._session.conf.set(MAX_RECORD_SIZE, str(self.config.max_record_size))
        spark_plugin.get_application(self._session).tag_jobs(self._tag)
        self._session.conf.set(spark_plugin.LOG_VALUES, str(self._logs_values).lower())
        return session

    def _start_spark(self, settings: Mapping[str, str]) -> SparkSession:
        began = time.monotonic()
        spark_plugin = plugin("spark")
        if self.config.remote is not None:
            spark: SparkSession = spark_plugin.remote_session(self.config.remote)
        else:
            settings = {**settings, **create_catalog_settings(self.config.results_table)}
            with spark_plugin.use_submit_variables():
                spark = spark_plugin.start_session(self.name, progress=self.config.progress, settings=settings)
            self._master_watch = spark_plugin.MasterWatch(spark)
        log.info(
            f"started Spark {spark.version} on {spark_plugin.get_application(spark).master}, "
            f"{time.monotonic() - began:.1f} s"
        )
        return spark

    def lift_time_limit(self) -> None:
        """Call when the run begins to publish: `--max-runtime` no longer applies, so that nothing is half-published."""
        raise_if_stopped()
        self._lift_time_limit()

    def _lift_time_limit(self) -> None:
        if self._time_limit is not None:
            self._time_limit.lift()
            self._time_limit = None

    def finish(
        self,
        message: str,
        exit_status: int = status.ExitStatus.COMPLETED,
        *,
        verdict: str = "",
        summary: Mapping[str, Json] | None = None,
    ) -> None:
        """Set the result of the run: its exit message (`status.completed`, …). The last step of a driver.

        verdict: the log's last line. summary: what --json prints in addition to message and status.
        """
        self._message = message
        self._verdict = verdict
        self._summary = summary or {}
        self.exit_status = exit_status

    @cached_property
    def _sources(self) -> Sources:
        return inferred_options.choose_default_output(self.name, read_sources(self._arguments, self._environment))

    @cached_property
    def _message_path(self) -> str | None:
        output_path = self._sources.text("output_path")
        # A refused output gets no message: in the data the next run would read it, and at the baseline it would replace the
        # baseline's
        if any(find_output_faults(self.name, self._sources)):
            output_path = None
        return status.message_path(self._container_root, output_path)

    @property
    def _container_root(self) -> str:
        return self._sources.text("container_root") or "/"

    def __enter__(self) -> Job:
        self._is_alone = not gc.isenabled()
        if self._is_alone:  # in the command's own process
            gc.freeze()  # garbage collection skips the libraries' objects
            gc.enable()
        # In a process of the host, logging and signals are the host's
        if self._host is None:
            start_logging(self._arguments)
            self._during_run.enter_context(end_on_signals())
            self._during_run.enter_context(run_at_exit(self._leave_last_message))
        self._forget_message()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        reason = get_reason_to_end()
        if isinstance(error, Exception) and reason is not None:
            error = reason  # the interruption may have made a library raise another error
        self._lift_time_limit()
        # The driver's connection to the JVM still waits for the interrupted call; another thread has a connection of its own
        is_interrupted = error is not None and is_interruption(error)
        run_step = _run_in_a_thread if is_interrupted else _run_here
        try:
            if error is not None:
                # The configuration is known unless reading it failed
                as_service = "config" in vars(self) and self.config.replays_service
                self._fail(describe_failure(error, as_service=as_service), error)
            # Neither an error nor a call of finish(): a bug in the job
            elif self._message is None:
                self._fail(Failure("the job ended without saying what came of it", status.ExitStatus.FAILED), None)
            run_step(self._leave_message)
        finally:
            run_step(self._stop)
            self._during_run.close()
            if self._host is not None and is_interrupted:
                plugin("spark").get_application(self._host).reconnect()
        return self._host is None or error is None or isinstance(error, (Exception, status.OutOfTime))

    def _fail(self, failure: Failure, error: BaseException | None) -> None:
        self.finish(status.failed(failure.reason), failure.exit_status)
        self._has_failed = True
        if failure.is_expected or error is None:
            if LogStyle.read(os.environ).names_every_step:  # otherwise the line of the model has it
                log.error("%s", failure.reason)
        # Texts of errors may quote the data, so they are logged only on request
        elif self._logs_values:
            log.error("%s", failure.reason, exc_info=error)
        else:
            log.error("%s\n%s", failure.reason, format_trace(error))

    @property
    def _logs_values(self) -> bool:
        """Whether `log_values` was set, even if the rest of the configuration is invalid."""
        try:
            return bool(read_switch(self._sources.text("log_values")))
        except Exception:
            return False

    def _forget_message(self, *, has_engine: bool = False) -> None:
        """Delete the previous run's message, so that nobody takes it for this run's if this run is killed."""
        with suppress(Exception):  # the error shows again when the lease is taken
            path = self._message_path
            if path is not None and (has_engine or is_local(path)):
                get_storage(path, self._session).delete(path)

    def _leave_last_message(self) -> None:
        """Write the message of an interrupted run if the process exits before the run has ended."""
        reason = get_reason_to_end()
        if reason is not None and self._message is None:
            self._write_message(status.failed(describe_failure(reason).reason))

    def _write_message(self, message: str) -> None:
        if self._message_path is not None:
            status.write_message(message, self._message_path, self._session)

    def _leave_message(self) -> None:
        message = self._message or ""
        try:
            self._write_message(message)
        except Exception as error:
            reason = describe_failure(error).reason
            is_reported = message.endswith(reason.partition(": ")[2])  # about the output path itself, already reported
            log.error("the exit message could not be written%s", " there" if is_reported else f": {reason}")
            if self.exit_status in status.SUCCESSFUL:
                self.exit_status = status.ExitStatus.FAILED
        outcome = message
        if self._has_failed:
            outcome = "failed"
        # Only monitoring jobs check anything, so others don't say "no violations"
        elif message == status.COMPLETED and self.name != "monitor":
            outcome = status.WITHOUT_CHECKS
        # Uncertain outcomes are in the verdict, which follows
        elif self._verdict and status.is_completed(message):
            outcome = status.COMPLETED
        seconds = time.monotonic() - self._began
        log.info(f"{outcome} (exit status {self.exit_status:d}, {seconds:.1f} s)")
        if self._verdict:
            logging.getLogger(VERDICT_LOGGER).info("%s", self._verdict)
        # The JSON for scripts comes last
        if self.prints_json:
            document = {
                "exit_status": int(self.exit_status),
                "message": message if self._has_failed else outcome,
                **self._summary,
            }
            sys.stdout.write(dump_indented(document))

    def _cancel(self) -> None:
        """Cancel the Spark jobs of this run, in a thread, because this thread's connection to the JVM is busy."""
        if self._session is not None:
            application = plugin("spark").get_application(self._session)
            _run_in_a_thread(lambda: application.cancel_jobs(self._tag))

    def _stop(self) -> None:
        if self._session is None:
            self._during_session.close()
            return
        # The watch ends first: it would take the end of the session for a lost master
        if self._master_watch is not None:
            self._master_watch.end()
        try:
            if self._host is not None:
                plugin("spark").end_jobs(self._session, self._tag)  # jobs that an interruption left behind
            self._during_session.close()
            if self._host is None:
                plugin("spark").stop_session(self._session, self._tag)
        except Exception as error:  # the JVM may be gone already, which is fine
            log.info("Spark had already ended (%s)", type(error).__name__)


def _run_here(step: Callable[[], None]) -> None:
    step()


def _run_in_a_thread(step: Callable[[], None]) -> None:
    """Run a final step in a thread, and abandon it if it hangs."""
    thread = threading.Thread(target=step, daemon=True)
    thread.start()
    thread.join(LAST_STEPS_SECONDS)
