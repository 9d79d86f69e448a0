"""A job's options, a DAG run's window, and where a job runs: on the worker, or by a Spark connection."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from spark_model_monitor.data.records.windows import Window, format_duration
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, MissingDependency, did_you_mean, needing
from spark_model_monitor.running.configuration.command_line import option_names, write_flag
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.spark.launch.deequ_jar import is_had, provide_jar
from spark_model_monitor.spark.launch.java import PINNED, find_line_at
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.spark_command import own_settings
from spark_model_monitor.stopping import shell_status

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context
    from botocore.client import BaseClient

log = logging.getLogger(__name__)

AN_HOUR = timedelta(hours=1)


def get_run_window(context: Context, *, length: timedelta = AN_HOUR, lag: timedelta = timedelta(0)) -> Window:
    """The window of a DAG run, UTC.

    context: Airflow's context of the task. length: the length of the window if the run's interval is empty; that window ends
    at the full hour. lag: how far the window precedes the interval, for labels that come late.

    Raises BadConfiguration if the run has no time at all.
    """
    start = context.get("data_interval_start")
    end = context.get("data_interval_end")
    # A run that was started by hand or by an asset has an empty interval, or no interval
    if start is None or end is None or not start < end:
        # Rounded down to the hour, because captures are in folders by the hour
        end = _to_utc(end or _get_run_time(context)).replace(minute=0, second=0, microsecond=0)
        start = end - length
    return Window(_to_utc(start) - lag, _to_utc(end) - lag)


def get_scheduled_time(window: Window, lag: timedelta = timedelta(0)) -> datetime:
    """The scheduled time of a window's run, by which folders are named: the end of its interval.

    Source: C1.5, where the folder of a report is the hour at which its run was scheduled.
    """
    return window.end + lag


def _get_run_time(context: Context) -> datetime:
    run = context.get("dag_run")
    # In Airflow 3 a run without a logical date has `run_after`
    time = context.get("logical_date") or getattr(run, "run_after", None)
    if time is None:
        raise BadConfiguration("the DAG run has neither a data interval nor a time; trigger it with a logical date")
    moment: datetime = time
    return moment


def _to_utc(time: datetime) -> datetime:
    """A plain datetime in UTC. Airflow's times are pendulum's, which compute differently around changes of daylight saving."""
    return datetime.fromtimestamp(time.timestamp(), tz=timezone.utc)


def open_aws_client(service: str, aws_conn_id: str | None) -> BaseClient:
    """boto3's client of a service, with the credentials and the region of Airflow's connection."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook(aws_conn_id=aws_conn_id, client_type=service).conn


Texts: TypeAlias = Mapping[str, str]  # of options or variables, by name
SECRETS = {"sink": "MODEL_MONITOR_SINK"}
"""Options whose text may be a secret, with their variables. If the job's environment can be set, they are passed by it, because
everybody on a machine sees the arguments of its programs."""

FlagValue: TypeAlias = "str | float | PurePath | datetime | timedelta | Mapping[str, Json] | Iterable[FlagValue] | None"
Flags: TypeAlias = Mapping[str, FlagValue]  # by the option's name

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def format_flags(flags: Flags) -> dict[str, str]:
    """The text of each option: numbers and paths unchanged, True as true, lists with commas, times and durations in ISO 8601,
    mappings as JSON. None and blank texts are left out: the option is not set.
    """
    texts = {name: _format_value(value) for name, value in flags.items() if value is not None}
    return {name: text for name, text in texts.items() if text.strip()}


def flag_words(texts: Texts) -> list[str]:
    """The flags of a command line: `--dataset-source=…`."""
    return [write_flag(name, text) for name, text in texts.items()]


def split_secrets(texts: Texts) -> tuple[dict[str, str], dict[str, str]]:
    """The flags that may be in a command line, and the variables for the others."""
    plain = {name: text for name, text in texts.items() if name not in SECRETS}
    return plain, {variable: texts[name] for name, variable in SECRETS.items() if name in texts}


def require_free(flags: Flags, taken: Texts) -> None:
    """Check that `flags` are options of the jobs which the task doesn't set itself.

    taken: option -> the operator's argument that sets it. Raises BadConfiguration with a line for each invalid flag.
    """
    errors = []
    for name in flags:
        # The usual mistakes are `--start-time` and `start-time`
        if _NAME.fullmatch(str(name)) is None:
            likely = str(name).lstrip("-").replace("-", "_")
            errors.append(f"flags has {name!r}; write the option as docs/jobs.md has it, with underscores: {likely!r}")
        # An option that is set twice is an error: one of the two would be ignored silently
        elif name in taken:
            errors.append(f"flags has {name!r}, which the task says by {taken[name]}; write that instead")
        elif name not in option_names():
            hint = did_you_mean(name, option_names(), "docs/jobs.md lists them")
            errors.append(f"flags has {name!r}, which is no option of the jobs; {hint}")
    if errors:
        raise BadConfiguration.gathered(errors)


def _format_value(value: FlagValue) -> str:
    # str() would write True
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_format_value, value))
    return str(value)


def format_moment(time: datetime) -> str:
    """A time in the format of jobs, `2026-01-31T22:00:00Z`."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class JobCall:
    """One run of a job.

    name: the name of the task's run: the same in all of its attempts, and unique otherwise. flags: the texts of its options.
    """

    job: str
    name: str
    flags: Texts

    @property
    def output_path(self) -> str:
        """The folder of the job's results."""
        return self.flags["output_path"]

    @property
    def words(self) -> list[str]:
        """The job's flags as words of a command line."""
        return flag_words(self.flags)


class Running(Protocol):
    """A job that was started."""

    def wait(self) -> int | None:
        """The exit status when it has ended; None if the location doesn't report it. Its log lines go to the task's log."""

    def stop(self) -> None:
        """End the job, if it has not ended."""


@dataclass(frozen=True, kw_only=True)
class Location(ABC):
    """Where a job runs. All texts may be templates, because clusters are often created by an earlier task.

    spark_options: arguments of spark-submit, `("--executor-memory", "4g")`. aws_conn_id: Airflow's connection for results on S3.
    """

    spark_options: tuple[str, ...] = ()
    aws_conn_id: str | None = "aws_default"

    def fill_templates(self, render: Callable[[Any], Any]) -> Location:
        """The location with its templates filled in."""
        return replace(self, **{field.name: render(getattr(self, field.name)) for field in fields(self) if field.init})

    def find(self, call: JobCall) -> Running | None:
        """The unfinished run of this call that an earlier attempt started; None if there is no such run, or if runs end
        with the attempt.
        """
        return None

    @abstractmethod
    def begin(self, call: JobCall) -> Running:
        """Start the job.

        Raises BadConfiguration for an invalid configuration, another MonitorError if the location refuses it.
        """


STOPPING_SECONDS = 60  # time for a job to write its message and to stop Spark, before it is killed


@dataclass(frozen=True, kw_only=True)
class LocalSpark(Location):
    """A job in a process of the worker's machine: on local Spark, or on a cluster from here.

    python: the interpreter that has our package with all its libraries; Airflow's own environment need not have them. master:
    Spark's master, such as local[4] or yarn. folder: where relative paths start. environment: variables of the job, in addition
    to the worker's.

    Examples
    --------
    >>> from spark_model_monitor.airflow import LocalSpark
    >>> place = LocalSpark(python="/srv/spark-model-monitor/bin/python", master="local[2]")
    """

    python: str = sys.executable
    master: str = "local[*]"
    folder: str | None = None
    environment: Texts = field(default_factory=dict, repr=False)

    def begin(self, call: JobCall) -> LocalProcess:
        # Secrets are passed by the environment: all users of the machine see the arguments of a process
        plain, secret = split_secrets(call.flags)
        words = ["--master", self.master, "--name", call.name, *self.spark_options, call.job, *flag_words(plain)]
        command = [self.python, "-m", "spark_model_monitor.spark.launch.submission", *words]
        return LocalProcess(command, {**self.environment, **secret}, self.folder)


class LocalProcess:
    """A process whose lines go to the log; its child processes end with it."""

    def __init__(self, command: Sequence[str], variables: Texts, folder: str | None = None) -> None:
        """Start it. Raises MissingDependency if there is no such program."""
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **variables},
                cwd=None if folder is None else Path(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # so that the JVM and Python's workers can be ended with it
            )
        except OSError as error:
            raise MissingDependency(
                f"{error.filename} can't be started ({error.strerror}); python= has to be an interpreter that has "
                "spark-model-monitor, such as /srv/spark-model-monitor/bin/python, and folder= a folder"
            ) from error
        self.lines: list[str] = []

    def wait(self) -> int:
        """The exit status of the process; 128 + N if signal N ended it, as in a shell."""
        assert self._process.stdout is not None
        # Logged line by line, so that Airflow shows the log while the job runs
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            log.info("%s", line.rstrip())
        return shell_status(self._process.wait())

    def stop(self) -> None:
        if self._process.poll() is not None:
            return
        # The whole process group, with spark-submit's JVM and its Python workers
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


SIZING_MASTER = "yarn"  # executors' memory is sized as on YARN; other clusters ignore YARN's setting


@dataclass(frozen=True, kw_only=True)
class SparkConnection(Location):
    """Spark by the hook of Airflow's Spark provider, with a connection that has master, deploy mode, queue and keytab.

    spark_home: the folder of the Spark whose spark-submit is used; None for the spark-submit in the PATH, which is taken for a
    Spark 3.5. python: the interpreter of driver and executors. columns: number of columns in the data, which sizes the executors'
    memory. conf: settings of Spark, which override ours. hook: further arguments of the provider's SparkSubmitHook, such as
    executor_memory or archives.

    Examples
    --------
    >>> from spark_model_monitor.airflow import SparkConnection
    >>> place = SparkConnection(conn_id="spark_default", hook={"executor_memory": "4g"})
    """

    conn_id: str = "spark_default"
    spark_home: str | None = None
    python: str | None = None
    columns: int = 1000
    conf: Texts = field(default_factory=dict)
    hook: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, call: JobCall) -> ConnectionRun:
        with needing(
            "a Spark connection needs Airflow's Spark provider; install it: pip install apache-airflow-providers-apache-spark"
        ):
            from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
        if self.spark_options:
            raise BadConfiguration(
                f"spark_options is {self.spark_options!r}; a connection's run takes conf= and hook={{'executor_memory': '4g'}} "
                "instead"
            )
        layout = Layout.here()
        if self.spark_home:
            line = find_line_at(Path(self.spark_home))
        else:
            line = PINNED
        driver = layout.job_file(call.job, layout.root)
        plain, secret = split_secrets(call.flags)
        remarks: list[str] = []
        settings = {**own_settings(layout, self.columns, SIZING_MASTER, self.conf, remarks), **self.conf}
        if self.python:
            python = {"PYSPARK_PYTHON": self.python, "PYSPARK_DRIVER_PYTHON": self.python}
        else:
            python = {}
        has_jar = layout.needs_deequ(driver) and is_had(os.environ, line)
        arguments = {
            "conn_id": self.conn_id,
            "name": call.name,
            "py_files": str(provide_zip(layout.package, cache_directory(os.environ))),
            "jars": str(provide_jar(os.environ)) if has_jar else None,
            "application_args": flag_words(plain),
            "spark_binary": str(Path(self.spark_home) / "bin" / "spark-submit") if self.spark_home else None,
        }
        for remark in remarks:
            log.info("%s", remark)
        # Settings and variables of `hook` are added to ours, its other arguments replace ours
        conf = {**settings, **self.hook.get("conf", {})}
        variables = {**python, **secret, **self.hook.get("env_vars", {})}
        hook_arguments = {**arguments, **self.hook, "conf": conf, "env_vars": variables}
        return ConnectionRun(SparkSubmitHook(**hook_arguments), str(driver))


class ConnectionRun:
    """A run that the provider's hook submits and follows. The hook reports only success or failure, no exit status."""

    def __init__(self, hook: SparkSubmitHook, application: str) -> None:
        self._hook = hook
        self._application = application

    def wait(self) -> None:
        from airflow.sdk.exceptions import AirflowException

        try:
            self._hook.submit(self._application)
        except FileNotFoundError as error:
            raise MissingDependency(
                f"{error.filename} can't be started; spark_home= has to be the folder of a Spark 3.5, or its bin in the PATH"
            ) from error
        except AirflowException as error:
            log.warning("%s", str(error).splitlines()[-1])  # the job's message says more than this line

    def stop(self) -> None:
        self._hook.on_kill()
