"""Where a job runs: on the worker, or by a Spark connection."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spark_model_monitor.airflow.job_options import TextByName, format_arguments, split_secrets
from spark_model_monitor.errors import BadConfiguration, MissingDependency, explain_missing_import
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.spark.launch.deequ_jar import is_jar_available, provide_jar
from spark_model_monitor.spark.launch.java import PINNED, find_line_at
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.spark_command import own_settings
from spark_model_monitor.stopping import shell_status
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


def open_aws_client(service: str, aws_conn_id: str | None) -> BaseClient:
    """boto3's client of a service, with the credentials and the region of Airflow's connection."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

    return AwsBaseHook(aws_conn_id=aws_conn_id, client_type=service).conn


@value_class
class JobCall:
    """One run of a job.

    name: the name of the task's run: the same in all of its attempts, and unique otherwise. flags: the texts of its options.
    """

    job: str
    name: str
    flags: TextByName

    @property
    def output_path(self) -> str:
        """The folder of the job's results."""
        return self.flags["output_path"]

    @property
    def arguments(self) -> list[str]:
        """The job's flags as arguments of a command line."""
        return format_arguments(self.flags)


class JobRun(Protocol):
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

    def find_run(self, call: JobCall) -> JobRun | None:
        """The unfinished run of this call that an earlier attempt started; None if there is no such run, or if runs end
        with the attempt.
        """
        return None

    @abstractmethod
    def begin(self, call: JobCall) -> JobRun:
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
    environment: TextByName = field(default_factory=dict, repr=False)

    def begin(self, call: JobCall) -> LocalProcess:
        # Secrets are passed by the environment: all users of the machine see the arguments of a process
        visible_flags, secret_variables = split_secrets(call.flags)
        options = ["--master", self.master, "--name", call.name, *self.spark_options]
        command = [self.python, "-m", "spark_model_monitor.spark.launch.submission", *options, call.job]
        command += format_arguments(visible_flags)
        return LocalProcess(command, {**self.environment, **secret_variables}, self.folder)


class LocalProcess:
    """A process whose lines go to the log; its child processes end with it."""

    def __init__(self, command: Sequence[str], variables: TextByName, folder: str | None = None) -> None:
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
    conf: TextByName = field(default_factory=dict)
    hook: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, call: JobCall) -> ConnectionRun:
        with explain_missing_import(
            "a Spark connection needs Airflow's Spark provider; install it: pip install apache-airflow-providers-apache-spark"
        ):
            from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
        if self.spark_options:
            raise BadConfiguration(
                f"spark_options is {self.spark_options!r}; a connection's run takes conf= and hook={{'executor_memory': '4g'}} "
                "instead"
            )
        # The Spark and the Python of the run
        spark_line = PINNED
        spark_submit = None
        if self.spark_home:
            spark_line = find_line_at(Path(self.spark_home))
            spark_submit = str(Path(self.spark_home) / "bin" / "spark-submit")
        variables = {}
        if self.python:
            variables = {"PYSPARK_PYTHON": self.python, "PYSPARK_DRIVER_PYTHON": self.python}

        # The job's files
        layout = Layout.here()
        driver = layout.job_file(call.job, layout.root)
        package = provide_zip(layout.package, cache_directory(os.environ))
        jar = None
        if layout.needs_deequ(driver) and is_jar_available(os.environ, spark_line):
            jar = str(provide_jar(os.environ))

        # The job's options, and the settings of Spark
        visible_flags, secret_variables = split_secrets(call.flags)
        remarks: list[str] = []
        settings = own_settings(layout, self.columns, SIZING_MASTER, self.conf, remarks)
        for remark in remarks:
            log.info("%s", remark)
        hook_arguments = {
            "conn_id": self.conn_id,
            "name": call.name,
            "py_files": str(package),
            "jars": jar,
            "application_args": format_arguments(visible_flags),
            "spark_binary": spark_submit,
            # Settings and variables of `hook` are added to ours, its other arguments replace ours
            **self.hook,
            "conf": {**settings, **self.conf, **self.hook.get("conf", {})},
            "env_vars": {**variables, **secret_variables, **self.hook.get("env_vars", {})},
        }
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
