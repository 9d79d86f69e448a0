"""The Spark session of a job: its own, or one within the Spark that a notebook or an Airflow task already runs.

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
from spark_model_monitor.spark.deequ.jvm import name_line_to_pydeequ
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
from spark_model_monitor.spark.launch.spark_command import SHELL, shell_variables
from spark_model_monitor.spark.launch.submission import SHARED

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from pyspark import SparkConf
    from pyspark.sql import SparkSession


log = logging.getLogger(__name__)

SCHEME = "spark://"
DEFAULT_PORT = 7077  # Spark 3.5, standalone mode

CONNECT_SECONDS = 3
PATIENCE_SECONDS = 10  # how long a master may be away when a job starts, including a restart of it

LOOK_SECONDS = 15  # between two looks at whether the master is there
GONE_SECONDS = 60  # without the master, after which a job ends
"""How often a running job checks, and after how long without a master and without executors it gives up."""


def require_master(master: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Make sure that one of the masters of `spark://HOST:PORT,…` answers; other kinds of master are not checked.

    Raises ClusterGone if none does.
    """
    if master.startswith(SCHEME) and not answers_soon(master, patience_seconds):
        raise ClusterGone(f"--master is {master!r}, where no master answers; check the address, or start the cluster")


def answers_soon(address: str, patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether the address accepts connections within this time."""
    until = time.monotonic() + patience_seconds
    while not answers(address):
        if time.monotonic() > until:
            return False
        time.sleep(min(1.0, patience_seconds))
    return True


def answers(master: str) -> bool:
    """Whether one of the masters of `spark://HOST:PORT,HOST:PORT` accepts connections."""
    for address in master.removeprefix(SCHEME).split(","):
        host, _, port = address.rpartition(":")
        # Without a port, also for an IPv6 address in brackets, the master's usual one counts
        if not host or not port.isdigit():
            host = address
            port = str(DEFAULT_PORT)
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        # A standby master doesn't accept connections while another one leads
        except OSError:
            continue
        return True
    return False


class MasterWatch:
    """Stops the session's Spark when neither a master nor an executor is left, so that the job fails with a message.

    With executors left it can finish without a master; with a master it gets new executors.
    """

    def __init__(
        self, spark: SparkSession, *, look_seconds: float = LOOK_SECONDS, gone_seconds: float = GONE_SECONDS
    ) -> None:
        self._application = Application(spark)
        self._look_seconds = look_seconds
        self._gone_seconds = gone_seconds
        self._over = threading.Event()
        if self._application.master.startswith(SCHEME):
            threading.Thread(target=self._watch, daemon=True, name="watch of the master").start()

    def end(self) -> None:
        """Stop watching: from here on no session is stopped."""
        self._over.set()

    def _watch(self) -> None:
        last_contact = time.monotonic()
        while not self._over.wait(self._look_seconds):
            master = self._application.master
            # Executors at work are a sign of life while the master is being replaced
            if answers(master) or self._application.has_executors():
                last_contact = time.monotonic()
            elif time.monotonic() - last_contact >= self._gone_seconds:
                log.error("no master at %s and no executor for %.0f s", master, time.monotonic() - last_contact)
                # In the JVM, since the thread that waits for a job can't be reached from here
                self._application.abandon()
                return


SETTINGS = {
    # The same text gives the same time and the same number everywhere.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    # True would silently lose rows: 100,181 of 400,000 of a truncated gzip, measured.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # The number of partitions depends on the data, not on the number of cores (data/engine/partitions.py).
    "spark.sql.files.minPartitionNum": "1",
    # Above it Spark lists folders by a job of its own: 0.85 s instead of 0.11 s for 72 hours of captures, measured.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # A job reads what it caches once or twice; to compress it, Spark would first count every cached value.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # Times before 1900 as they are written: Spark 3 refuses them in files by other writers, and recognises files that
    # Spark 2 wrote.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}

WITH_ARROW = {"spark.sql.execution.arrow.pyspark.enabled": "true"}
"""For notebook sessions: pandas frames are converted by Arrow, which keeps a missing text missing."""

IMPORTED_MEANWHILE = ("pandas", "pyarrow.parquet", "pyspark.sql.pandas.functions")
"""Imports of a job after Spark has started, including pandas, which PySpark itself imports (benchmarks/start_up.py)."""

CONNECT_PORT = 15002  # Spark 4.0, spark.connect.grpc.binding.port

GATEWAY = "PYSPARK_GATEWAY_PORT"
SECRET = "PYSPARK_GATEWAY_SECRET"
"""Set where a JVM was already started for this Python: by spark-submit, or by `shared_application`, which gives its
workers' Python in SHARED."""


def start_session(job: str, *, progress: bool | None = None, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The session of a job; under spark-submit with its master and its options. Takes 2 to 4 seconds.

    progress: whether a bar shows the stages; None leaves it to Spark's setting, which `submission.py` makes for
    terminals. settings: the job's requested settings, in addition to those above.
    Raises ClusterGone if the master of a standalone cluster doesn't answer.
    """
    name_line_to_pydeequ()
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    from spark_model_monitor.spark.engine.spark import set_file_systems

    # Python's imports take place while the JVM starts, which takes most of the 2 to 4 seconds
    threading.Thread(target=_import_all, args=(IMPORTED_MEANWHILE,), name="imports", daemon=True).start()
    connect_to_jvm()
    # The JVM is another process's, so neither master nor start settings can be chosen here
    if SHARED in os.environ:
        return _attach(settings or {})
    require_master(SparkConf().get("spark.master", "local"))
    builder = SparkSession.builder
    # A name given to spark-submit is kept, since people find their job by it in Spark's UI
    if not _is_named(SparkConf()):
        builder = builder.appName(f"spark-model-monitor {job}")
    # Later ones win: settings that the job asks for override those of the package
    for key, value in {**SETTINGS, **worker_settings(SparkConf(), os.environ), **(settings or {})}.items():
        builder = builder.config(key, value)
    if progress is not None:
        builder = builder.config("spark.ui.showConsoleProgress", str(progress).lower())
    spark = builder.getOrCreate()
    set_file_systems(spark)
    return spark


def remote_session(url: str) -> SparkSession:
    """The session of a job at a Spark Connect server, `sc://HOST:PORT`.

    Raises ClusterGone if no server answers there, MissingDependency without Connect's libraries.
    """
    host = urlsplit(url).hostname
    port = urlsplit(url).port or CONNECT_PORT
    # Connect itself would try again for minutes before it says anything
    if not answers_soon(f"{host}:{port}"):
        raise ClusterGone(
            f"--remote is {url.partition(';')[0]!r}, where no server answers; check the address, or start it"
        )
    spark = connect(url)
    _set_as_jobs(spark)
    return spark


@contextmanager
def session_within(host: SparkSession, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A job's session in the Spark of `host`, whose own settings and Spark are left unchanged.

    settings: the job's requested settings.
    Raises BadConfiguration for a setting that Spark accepts only at its start.
    """
    from pyspark.sql import SparkSession

    from spark_model_monitor.spark.engine.spark import set_file_systems

    _require_started_with(host, settings or {})
    spark = new_job_session(host)
    set_file_systems(spark)
    # Expressions are parsed with the active session's settings, hence the switch
    before = SparkSession.getActiveSession()
    get_application(spark).activate()
    try:
        yield spark
    finally:
        get_application(before or host).activate()


def _require_started_with(spark: SparkSession, settings: Mapping[str, str]) -> None:
    application = get_application(spark)
    for key, value in settings.items():
        if application.setting(key) != value:
            raise BadConfiguration(f"{key} has to be {value!r} before Spark starts; set it where the session is made")


def shared_application(connection: Connection) -> None:
    """Start Spark for jobs of other processes, send the variables to connect to it, and stop when the pipe closes."""
    try:
        with as_submitted():
            spark = start_session("watch", progress=False)
    except MonitorError as error:
        # The process that waits at the other end raises it, with its sentence
        connection.send(error)
        return
    context: Any = spark.sparkContext
    gateway_parameters = context._gateway.gateway_parameters
    connection.send(
        {GATEWAY: str(gateway_parameters.port), SECRET: gateway_parameters.auth_token, SHARED: context.pythonExec}
    )
    # Nothing is ever sent: the pipe closes when the other end is gone, however it ended
    with suppress(EOFError):
        connection.recv()
    stop_session(spark)


def _attach(settings: Mapping[str, str]) -> SparkSession:
    """A session in the Spark that `shared_application` has started, by a connection of this process's own."""
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    jvm: Any = SparkContext._jvm
    # The context that runs there already; PySpark would otherwise make a second one and fail
    started = jvm.JavaSparkContext.fromSparkContext(jvm.org.apache.spark.SparkContext.getOrCreate())
    context: Any = SparkContext(jsc=started, conf=SparkConf(_jconf=started.sc().conf()))
    # The workers' Python is the one that Spark was started with, not this process's
    context.pythonExec = os.environ[SHARED]
    host = SparkSession(context)
    _require_started_with(host, settings)
    spark = new_job_session(host)
    get_application(spark).activate()
    return spark


def _is_named(conf: SparkConf) -> bool:
    """Whether the user chose the application's name; else spark-submit uses the file's."""
    return conf.get("spark.app.name", SHELL) not in (SHELL, Path(sys.argv[0]).name)


def _import_all(modules: Sequence[str]) -> None:
    """Load modules that will soon be needed; an absent one raises only where it is needed."""
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
        name_line_to_pydeequ()
        return running
    with as_submitted():
        return start_session("session", progress=False, settings=WITH_ARROW)


@contextmanager
def open_session() -> Iterator[SparkSession]:
    """The running session, or one for the duration of the body."""
    running = running_session()
    session = running or local_session()
    try:
        yield session
    finally:
        if running is None:
            stop_session(session)


@contextmanager
def as_submitted() -> Iterator[None]:
    """While open, a newly started JVM gets what spark-submit would give it, in a Python that it did not start."""
    with _changed(os.environ, {} if GATEWAY in os.environ else shell_variables(Layout.here(), os.environ)):
        yield


def new_job_session(spark: SparkSession) -> SparkSession:
    """A session in the same Spark with a job's settings; those of `spark` itself are left unchanged."""
    session = new_session(spark)
    _set_as_jobs(session)
    return session


def _set_as_jobs(spark: SparkSession) -> None:
    """Apply a job's settings to a new session, except for defaults that the user changed when Spark was started."""
    started_with = get_application(spark).setting
    defaults = read_properties(Layout.here().conf / "spark-defaults.conf").items()
    # Only spark.sql.* can be set later; the rest holds for a whole Spark
    of_sessions = {key: started_with(key) or value for key, value in defaults if key.startswith("spark.sql.")}
    for key, value in {**SETTINGS, **of_sessions}.items():
        spark.conf.set(key, value)


@contextmanager
def _changed(environment: MutableMapping[str, str], variables: Mapping[str, str]) -> Iterator[None]:
    """Sets these variables of the environment while it is open, then restores them."""
    before = {name: environment.get(name) for name in variables}
    environment.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            # Deleted and not emptied: an empty variable counts as set
            if value is None:
                del environment[name]
            else:
                environment[name] = value


def stop_session(spark: SparkSession, tag: str | None = None) -> None:
    """Stop Spark, or in a shared Spark only the jobs with the tag; no thread that Spark left keeps the process
    alive.
    """
    if SHARED not in os.environ:
        get_application(spark).stop()
    elif tag is not None:
        end_jobs(spark, tag)


def end_jobs(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs with the tag."""
    application = get_application(spark)
    application.cancel_jobs(tag)
    application.untag_jobs(tag)
