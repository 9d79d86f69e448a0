"""The Spark session of a job: its own Spark, or a session within the Spark that a notebook or an Airflow task already runs.

Settings that results could depend on are set here, explicitly, for every job; everything else is the cluster's or the
user's (`conf/spark-defaults.conf`). Library code sets nothing: a caller's own session is left unchanged. The master of
a standalone cluster is checked before Spark starts, and watched while it runs: Spark itself would wait forever.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from spark_model_monitor.errors import BadConfiguration, ClusterGone, MonitorError
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.spark.deequ.jvm import set_pydeequ_version
from spark_model_monitor.spark.engine.application import (
    Application,
    connect,
    connect_to_jvm,
    get_application,
    new_session,
    running_session,
    worker_settings,
)
from spark_model_monitor.spark.launch.request import read_properties
from spark_model_monitor.spark.launch.spark_command import SHELL_NAME, shell_variables
from spark_model_monitor.spark.launch.submission import SHARED_SPARK

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pyspark.sql import SparkSession


log = logging.getLogger(__name__)

MASTER_SCHEME = "spark://"
DEFAULT_PORT = 7077  # Spark 3.5, standalone mode

CONNECT_SECONDS = 3
START_WAIT_SECONDS = 10  # seconds that a master may be unreachable when a job starts, for example while it restarts

CHECK_SECONDS = 15  # seconds between two checks whether the master answers
MAX_SECONDS_WITHOUT_MASTER = 60  # seconds without a master after which a job ends
"""How often a running job checks, and after how long without a master and without executors it gives up."""


def require_master(master: str, wait_seconds: float = START_WAIT_SECONDS) -> None:
    """Check that one of the masters in `spark://HOST:PORT,…` answers. Other kinds of masters are not checked.

    Raises ClusterGone if no master answers.
    """
    if master.startswith(MASTER_SCHEME) and not wait_until_reachable(master, wait_seconds):
        raise ClusterGone(f"--master is {master!r}, where no master answers; check the address, or start the cluster")


def wait_until_reachable(address: str, wait_seconds: float = START_WAIT_SECONDS) -> bool:
    """Whether the address accepts a connection within this time."""
    deadline = time.monotonic() + wait_seconds
    while not is_reachable(address):
        if time.monotonic() > deadline:
            return False
        time.sleep(min(1.0, wait_seconds))
    return True


def is_reachable(master: str) -> bool:
    """Whether one of the masters in `spark://HOST:PORT,HOST:PORT` accepts connections."""
    for address in master.removeprefix(MASTER_SCHEME).split(","):
        host, _, port = address.rpartition(":")
        # An address without a port, which may be an IPv6 address in brackets, has the master's usual port
        if not host or not port.isdigit():
            host = address
            port = str(DEFAULT_PORT)
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        # A standby master doesn't accept connections while another master leads
        except OSError:
            continue
        return True
    return False


class MasterWatch:
    """Stops the session's Spark when neither a master nor an executor is left, so that the job fails with a message.

    With executors, the job can finish without a master; with a master, it gets new executors.
    """

    def __init__(
        self,
        spark: SparkSession,
        *,
        check_seconds: float = CHECK_SECONDS,
        max_seconds_without_master: float = MAX_SECONDS_WITHOUT_MASTER,
    ) -> None:
        self._application = Application(spark)
        self._check_seconds = check_seconds
        self._max_seconds_without_master = max_seconds_without_master
        self._stopped = threading.Event()
        if self._application.master.startswith(MASTER_SCHEME):
            threading.Thread(target=self._watch, daemon=True, name="watch of the master").start()

    def end(self) -> None:
        """Stop watching: after this call, no session is stopped."""
        self._stopped.set()

    def _watch(self) -> None:
        last_contact = time.monotonic()
        while not self._stopped.wait(self._check_seconds):
            master = self._application.master
            # While the master is being replaced, executors show that the cluster is alive
            if is_reachable(master) or self._application.has_executors():
                last_contact = time.monotonic()
            elif time.monotonic() - last_contact >= self._max_seconds_without_master:
                log.error(f"no master at {master} and no executor for {time.monotonic() - last_contact:.0f} s")
                # Stopped in the JVM, because the thread that waits for a job can't be interrupted from here
                self._application.abandon()
                return


SETTINGS = {
    # The same text gives the same time and the same number everywhere.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    # True would lose rows without a warning: 100,181 of 400,000 rows of a truncated gzip in a measurement.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # The number of partitions depends on the data, not on the number of cores (data/engine/partitions.py).
    "spark.sql.files.minPartitionNum": "1",
    # For more paths, Spark starts a job to list folders: for 72 hours of captures, 0.85 s instead of 0.11 s, measured.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # A job reads cached data once or twice only; to compress the data, Spark would first count every cached value.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Times before 1900 are read as they are written. Without this, Spark 3 refuses them in files of other writers; it
    # recognises files that Spark 2 wrote.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}

ARROW_SETTINGS = {"spark.sql.execution.arrow.pyspark.enabled": "true"}
"""Settings of notebook sessions: Arrow converts pandas frames, so that missing texts stay missing."""

PRELOADED_MODULES = ("pandas", "pyarrow.parquet", "pyspark.sql.pandas.functions")
"""Imports of a job after Spark has started, including pandas, which PySpark itself imports (benchmarks/start_up.py)."""

CONNECT_PORT = 15002  # Spark 4.0, spark.connect.grpc.binding.port

GATEWAY_PORT = "PYSPARK_GATEWAY_PORT"
GATEWAY_SECRET = "PYSPARK_GATEWAY_SECRET"
"""The variable is set if a JVM was already started for this Python, by spark-submit or by `shared_application`. The latter puts
the workers' Python into SHARED_SPARK."""


def start_session(job: str, *, progress: bool | None = None, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The session of a job; under spark-submit, with spark-submit's master and options. Takes 2 to 4 seconds.

    progress: whether a bar shows the stages; None: Spark's setting decides, which the submission sets for terminals.
    settings: the settings that the job requests, in addition to SETTINGS.
    Raises ClusterGone if the master of a standalone cluster doesn't answer.
    """
    set_pydeequ_version()
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    from spark_model_monitor.spark.engine.spark import set_file_systems

    # Python imports modules while the JVM starts, because the JVM takes most of the 2 to 4 seconds
    threading.Thread(target=_preload_modules, args=(PRELOADED_MODULES,), name="imports", daemon=True).start()
    connect_to_jvm()
    # The JVM belongs to another process, so neither the master nor start settings can be chosen here
    if SHARED_SPARK in os.environ:
        return _attach_to_shared(settings or {})
    conf = SparkConf()
    require_master(conf.get("spark.master", "local"))
    builder = SparkSession.builder
    # A name that the user chose isn't changed, because people find their job by it in Spark's UI. Without one, spark-submit uses
    # the name of the file
    if conf.get("spark.app.name", SHELL_NAME) in (SHELL_NAME, Path(sys.argv[0]).name):
        builder = builder.appName(f"spark-model-monitor {job}")
    # Later settings override earlier ones, so the job's settings override those of the package
    for key, value in {**SETTINGS, **worker_settings(conf, os.environ), **(settings or {})}.items():
        builder = builder.config(key, value)
    if progress is not None:
        builder = builder.config("spark.ui.showConsoleProgress", str(progress).lower())
    spark = builder.getOrCreate()
    set_file_systems(spark)
    return spark


def remote_session(url: str) -> SparkSession:
    """The session of a job at a Spark Connect server, `sc://HOST:PORT`.

    Raises ClusterGone if no server answers, MissingDependency if Connect's libraries are missing.
    """
    host = urlsplit(url).hostname
    port = urlsplit(url).port or CONNECT_PORT
    # Checked first, because Connect itself would try for minutes before it reports an error
    if not wait_until_reachable(f"{host}:{port}"):
        raise ClusterGone(
            f"--remote is {url.partition(';')[0]!r}, where no server answers; check the address, or start it"
        )
    spark = connect(url)
    _apply_job_settings(spark)
    return spark


@contextmanager
def session_within(host: SparkSession, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A job's session in the Spark of `host`. It changes neither the settings of `host` nor its Spark.

    settings: the job's requested settings.
    Raises BadConfiguration for a setting that Spark accepts only at its start.
    """
    from pyspark.sql import SparkSession

    from spark_model_monitor.spark.engine.spark import set_file_systems

    _require_started_with(host, settings or {})
    spark = new_job_session(host)
    set_file_systems(spark)
    # The job's session becomes the active session, because expressions are parsed with that session's settings
    former_session = SparkSession.getActiveSession()
    get_application(spark).activate()
    try:
        yield spark
    finally:
        get_application(former_session or host).activate()


def _require_started_with(spark: SparkSession, settings: Mapping[str, str]) -> None:
    application = get_application(spark)
    for key, value in settings.items():
        if application.setting(key) != value:
            raise BadConfiguration(f"{key} has to be {value!r} before Spark starts; set it where the session is made")


def shared_application(connection: Connection) -> None:
    """Start Spark for jobs of other processes, send them the variables to connect to it, and stop it when the pipe closes."""
    try:
        with use_submit_variables():
            spark = start_session("watch", progress=False)
    except MonitorError as error:
        # The process that waits at the other end raises this error
        connection.send(error)
        return
    context: Any = spark.sparkContext
    gateway_parameters = context._gateway.gateway_parameters
    connection.send(
        {
            GATEWAY_PORT: str(gateway_parameters.port),
            GATEWAY_SECRET: gateway_parameters.auth_token,
            SHARED_SPARK: context.pythonExec,
        }
    )
    # The other end never sends anything; the pipe closes when that process has ended in any way
    with suppress(EOFError):
        connection.recv()
    stop_session(spark)


def _attach_to_shared(settings: Mapping[str, str]) -> SparkSession:
    """A session in the Spark that `shared_application` has started, over a new connection of this process."""
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    jvm: Any = SparkContext._jvm
    # The running context is used, because PySpark would otherwise make a second context and fail
    java_context = jvm.JavaSparkContext.fromSparkContext(jvm.org.apache.spark.SparkContext.getOrCreate())
    context: Any = SparkContext(jsc=java_context, conf=SparkConf(_jconf=java_context.sc().conf()))
    # Workers use the Python that Spark was started with, which may differ from the Python of this process
    context.pythonExec = os.environ[SHARED_SPARK]
    host = SparkSession(context)
    _require_started_with(host, settings)
    spark = new_job_session(host)
    get_application(spark).activate()
    return spark


def _preload_modules(modules: Sequence[str]) -> None:
    """Import modules that will be needed soon. An absent module raises only when it is used."""
    for module in modules:
        with suppress(ImportError):
            import_module(module)


def local_session() -> SparkSession:
    """A session for notebooks and scripts: the active session, or a new one like that of a job on this machine.

    Finds Java and fetches Deequ's JAR if needed. Options in PYSPARK_SUBMIT_ARGS override a job's, except for options that
    results depend on. Arrow is on, so `createDataFrame` keeps missing texts of a pandas frame missing.

    Returns
    -------
    pyspark.sql.SparkSession
        The session stays open until its `stop`.

    Raises
    ------
    MissingDependency
        If Java, Spark or Deequ's JAR is unavailable.
    BadConfiguration
        If the options can't be read.

    Examples
    --------
    >>> from spark_model_monitor import local_session
    >>> spark = local_session()
    >>> spark.range(3).count()
    3
    """
    running = running_session()
    if running is not None:
        set_pydeequ_version()
        return running
    with use_submit_variables():
        return start_session("session", progress=False, settings=ARROW_SETTINGS)


@contextmanager
def open_session() -> Iterator[SparkSession]:
    """A context with the running session or, if there is none, with a new session that is stopped at the end."""
    running = running_session()
    session = running or local_session()
    try:
        yield session
    finally:
        if running is None:
            stop_session(session)


@contextmanager
def use_submit_variables() -> Iterator[None]:
    """A context in which PySpark starts its JVM with the settings that spark-submit would give it."""
    with _set_variables(os.environ, {} if GATEWAY_PORT in os.environ else shell_variables(Layout.here(), os.environ)):
        yield


def new_job_session(spark: SparkSession) -> SparkSession:
    """A session in the same Spark with a job's settings. The settings of `spark` itself aren't changed."""
    session = new_session(spark)
    _apply_job_settings(session)
    return session


def _apply_job_settings(spark: SparkSession) -> None:
    """Apply a job's settings to a new session, except settings that the user changed when Spark was started."""
    get_setting = get_application(spark).setting
    defaults = read_properties(Layout.here().conf / "spark-defaults.conf").items()
    # Only settings of spark.sql can be set for a session; other settings apply to the whole Spark
    session_settings = {key: get_setting(key) or value for key, value in defaults if key.startswith("spark.sql.")}
    for key, value in {**SETTINGS, **session_settings}.items():
        spark.conf.set(key, value)


@contextmanager
def _set_variables(environment: MutableMapping[str, str], variables: Mapping[str, str]) -> Iterator[None]:
    """A context in which these variables of the environment are set; at the end they are restored."""
    former_values = {name: environment.get(name) for name in variables}
    environment.update(variables)
    try:
        yield
    finally:
        for name, value in former_values.items():
            # Deleted, because an empty variable would count as set
            if value is None:
                del environment[name]
            else:
                environment[name] = value


def stop_session(spark: SparkSession, tag: str | None = None) -> None:
    """Stop Spark or, in a shared Spark, only the jobs with the tag. Afterwards no thread of Spark keeps the process alive."""
    if SHARED_SPARK not in os.environ:
        get_application(spark).stop()
    elif tag is not None:
        end_jobs(spark, tag)


def end_jobs(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs with the tag."""
    application = get_application(spark)
    application.cancel_jobs(tag)
    application.untag_jobs(tag)
