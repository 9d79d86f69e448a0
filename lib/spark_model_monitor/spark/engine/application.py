"""The application behind a Spark session, classic or Connect: its cluster, JVM, shutdown, and the settings of its workers."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import numpy as np

import spark_model_monitor
from spark_model_monitor.data.engine.workers import MALLOC_SETTINGS
from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.running.runtime.failures import CLUSTER_FAULTS
from spark_model_monitor.spark.engine.worker import report_versions, with_libraries
from spark_model_monitor.spark.launch.package_zip import provide_zip
from spark_model_monitor.spark.launch.request import PYTHON_PATH, is_local
from spark_model_monitor.spark.storage import is_connect
from spark_model_monitor.storage.refused_requests import find_sentence

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark import SparkConf
    from pyspark.sql import SparkSession


CASE_SENSITIVE = "spark.sql.caseSensitive"

CONNECT_REMEDY = "`pip install 'pyspark[connect]>=4.0,<4.4'`"

MAX_RETRIES = 9
MAX_RETRY_MS = 10_000
"""How often a job retries if a server is unreachable, and the longest wait before a retry: about a minute in total. PySpark's
own policy takes ten minutes."""

_SESSIONS_WITH_PACKAGE: WeakSet[Any] = (
    WeakSet()
)  # sessions of Connect and Spark contexts whose workers have this package


class ConnectApplication:
    """The application behind a Connect session, with the methods of `Application`."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark
        self.master = f"sc://{self._spark.client.host}"

    def setting(self, key: str) -> str | None:
        value: str | None = self._spark.conf.get(key, None)
        return value

    def tag_jobs(self, tag: str) -> None:
        self._spark.addTag(tag)

    def untag_jobs(self, tag: str) -> None:
        self._spark.removeTag(tag)

    def cancel_jobs(self, tag: str) -> None:
        self._spark.interruptTag(tag)

    def activate(self) -> None:
        """Nothing to do: expressions don't use a session's settings."""

    def reconnect(self) -> None:
        """Nothing to do: each call has its own connection."""

    def stop(self) -> None:
        self._spark.stop()


def connect(url: str) -> SparkSession:
    """A session at `sc://HOST:PORT`, for a job.

    Raises MissingDependency if PySpark 4 or Connect's libraries are missing.
    """
    import pyspark.sql

    if pyspark.__version__.startswith("3."):
        raise MissingDependency(f"Spark Connect needs PySpark 4, and this is {pyspark.__version__}; {CONNECT_REMEDY}")
    try:
        builder: Any = pyspark.sql.SparkSession.builder.remote(url)  # now pyspark.sql.functions makes Connect's columns
        session = builder.create()
    except ImportError as fault:
        raise MissingDependency(
            f"Spark Connect's libraries are absent ({fault.name or fault}); {CONNECT_REMEDY}"
        ) from fault
    # By default, Connect tries again for about ten minutes, during which a user sees nothing
    default_policy, *_ = session.client.get_retry_policies()
    session.client.set_retry_policies([type(default_policy)(max_retries=MAX_RETRIES, max_backoff=MAX_RETRY_MS)])
    return cast("SparkSession", session)


def new_session(spark: SparkSession) -> SparkSession:
    """Another session in the same Spark or at the same server, with its own settings. At a server, it is case-sensitive if the
    given session is, because only the owner of a session can set that."""
    if not is_connect(spark):
        return spark.newSession()
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    connect_session: Any = spark
    session: Any = ConnectSession(connection=connect_session.client._builder)
    # When a session is deleted, PySpark would also close the threads that all sessions of a process share
    session.client.close = session.client._channel.close
    session.conf.set(CASE_SENSITIVE, connect_session.conf.get(CASE_SENSITIVE))
    return cast("SparkSession", session)


def require_workers(spark: SparkSession) -> None:
    """Check once, with one small task, that workers have the driver's Python, this package and its libraries.

    On this machine, workers get the driver's Python unless the user chose another.

    Raises MissingDependency if something is missing.
    """
    context: Any = spark.sparkContext
    application = Application(spark)
    if context in _SESSIONS_WITH_PACKAGE or application.setting(DAEMON) == DAEMON_MODULE:  # a job's workers have it
        return
    user_python = os.environ.get("PYSPARK_PYTHON") or application.setting("spark.pyspark.python")
    # On a cluster, the path of the driver's Python may not exist
    if is_local(application.master) and not user_python:
        context.pythonExec = sys.executable
    _require_working_workers(spark)
    _SESSIONS_WITH_PACKAGE.add(context)


def _require_working_workers(spark: SparkSession) -> None:
    try:
        # A task of one row fails within seconds, before a scan is planned
        spark.range(0, 1, 1, 1).mapInArrow(with_libraries, "id long").collect()
    except Exception as fault:
        sentence = find_sentence(str(fault), CLUSTER_FAULTS)
        # A fault without a known remedy is raised unchanged
        if sentence is None:
            raise
        raise MissingDependency(f"the workers of this session can't run the scan: {sentence}") from None


def send_package(spark: SparkSession) -> None:
    """Send this package to the workers of a Connect session, once, if the server accepts packages; other servers must have it.

    Raises MissingDependency if the server accepts no packages and doesn't have this release.
    """
    if not is_connect(spark):
        require_workers(spark)
    elif spark not in _SESSIONS_WITH_PACKAGE:
        from pyspark.errors.exceptions.connect import UnsupportedOperationException

        package = provide_zip(Layout.here().package, cache_directory(os.environ))
        try:
            spark.addArtifacts(str(package), pyfile=True)
        except UnsupportedOperationException:  # raised by servers such as Sail
            _require_installed(spark)
        _require_working_workers(spark)
        _SESSIONS_WITH_PACKAGE.add(spark)


def _require_installed(spark: SparkSession) -> None:
    try:
        rows = spark.range(1).mapInArrow(report_versions, "version string").collect()
    except Exception as fault:
        # Other faults, such as a lost connection, don't mean that the package is missing
        if "No module named" not in str(fault):
            raise
        import_outcome = "can't import it"
    else:
        import_outcome = f"has {rows[0].version}"
    if import_outcome != f"has {spark_model_monitor.__version__}":
        raise MissingDependency(
            f"the server of Spark Connect takes no packages, and its Python {import_outcome}; install there: "
            f"pip install spark-model-monitor=={spark_model_monitor.__version__}"
        )


LOG_VALUES = "spark.modelMonitor.logValues"
"""A session's setting: `true` if exceptions of workers may be logged with their texts."""


def get_application(spark: SparkSession) -> Application | ConnectApplication:
    """The application behind a session."""
    if is_connect(spark):
        return ConnectApplication(spark)
    return Application(spark)


class Application:
    """The application of a session; its methods may be called from any thread."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._context: Any = spark.sparkContext
        self.master = str(self._context.master)

    @property
    def _java_context(self) -> JavaObject:
        return self._context._jsc.sc()

    def has_executors(self) -> bool:
        return len(self._java_context.statusTracker().getExecutorInfos()) > 1  # the driver is one of them

    def setting(self, key: str) -> str | None:
        """A setting from the application's start; None if it isn't set."""
        value: str | None = self._java_context.getConf().get(
            key, None
        )  # PySpark's method would copy all settings one by one
        return value

    def tag_jobs(self, tag: str) -> None:
        """Tag the jobs that this thread starts from now on."""
        self._context.addJobTag(tag)

    def untag_jobs(self, tag: str) -> None:
        self._context.removeJobTag(tag)

    def cancel_jobs(self, tag: str) -> None:
        """Cancel the jobs with the tag; threads that wait for such a job get an error."""
        self._context.cancelJobsWithTag(tag)

    def activate(self) -> None:
        """Make this session active in this thread, because Spark makes expressions with the active session's settings."""
        session: Any = self._spark
        # PySpark and the JVM each store an active session, and both have to change
        type(self._spark)._activeSession = session
        self._context._jvm.SparkSession.setActiveSession(session._jsparkSession)

    def reconnect(self) -> None:
        """Give this thread a new connection to the JVM, because the old one still waits for the answer to an interrupted call."""
        connection = self._context._gateway._gateway_client.get_thread_connection()
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Stop Spark in its JVM while a thread waits for a job; that thread then gets an error."""
        self._java_context.stop()

    def stop(self) -> None:
        """Stop Spark, and py4j's callback server if its threads would keep the process alive.

        pydeequ starts such a server (awslabs/python-deequ#7). A server that Spark itself started has daemon threads; shutting it
        down would wait forever for a connection that the JVM keeps open.
        """
        gateway = self._context._gateway
        if not gateway.callback_server_parameters.daemonize:
            gateway.shutdown_callback_server()
        self._spark.stop()


def connect_to_jvm() -> None:
    """Start the JVM, or connect to the JVM of spark-submit. Before this, SparkConf doesn't know the JVM's settings."""
    from pyspark import SparkContext

    SparkContext._ensure_initialized()


def running_session() -> SparkSession | None:
    """The session of this process; None if there is none."""
    # A Connect session is looked for first, because PySpark may be loaded but unused beside it
    connect: Any = sys.modules.get("pyspark.sql.connect.session")
    if connect is not None and (remote := connect.SparkSession.getActiveSession()) is not None:
        return cast("SparkSession", remote)
    pyspark = sys.modules.get("pyspark")  # not imported here, because a module that isn't loaded has started no session
    context: Any = getattr(pyspark, "SparkContext", None)  # PySpark's Connect client lacks it
    if context is None or context._active_spark_context is None:
        return None
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


NUMPY_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
"""The variable with processor features that numpy must not use. It has to be set before numpy is imported."""

_AVX_512 = ("X86_V4", "AVX512F")  # numpy's names of the feature: the first since 2.4, the second before
_FIRST_NUMPY_WITH_AVX2_SORT = (
    2  # major version of numpy; earlier versions have only a plain sort besides the sort for AVX-512
)
_ZEN_3_AND_4_FAMILY = "25"  # the number of the processor family; Zen 3, in the same family, has no AVX-512
_CPU_INFO = Path("/proc/cpuinfo")


def find_excluded_features() -> str:
    """The value of `NUMPY_VARIABLE` for this machine and its numpy; empty if no feature is to be left out."""
    processors = ""
    with suppress(OSError):  # only Linux has this file
        processors = _CPU_INFO.read_text(encoding="utf-8", errors="replace")
    detected_features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return choose_excluded_features(processors, int(np.__version__.partition(".")[0]), detected_features)


def choose_excluded_features(processors: str, numpy_major: int, detected_features: Collection[str]) -> str:
    """The value of `NUMPY_VARIABLE` for any machine.

    processors: the text of its /proc/cpuinfo. detected_features: the features that its numpy detected. Features that numpy was
    built to require aren't among these and can't be left out.
    """
    if not _is_zen_4(processors) or numpy_major < _FIRST_NUMPY_WITH_AVX2_SORT:
        return ""
    return next((name for name in _AVX_512 if name in detected_features), "")


def _is_zen_4(processors: str) -> bool:
    properties = dict(re.findall(r"^(\w+(?: +\w+)*)[ \t]*: (.*)$", processors.partition("\n\n")[0], re.MULTILINE))
    return (
        properties.get("vendor_id") == "AuthenticAMD"
        and properties.get("cpu family") == _ZEN_3_AND_4_FAMILY
        and "avx512f" in properties.get("flags", "").split()
    )


DAEMON = "spark.python.daemon.module"
DAEMON_MODULE = "spark_model_monitor.spark.engine.worker"

DISTUTILS_SETTINGS = (
    {"SETUPTOOLS_USE_DISTUTILS": "stdlib"} if sys.version_info < (3, 12) else {}
)  # Python 3.12 has no distutils
"""PySpark in each worker imports distutils for a version. Without this, setuptools would be imported to replace distutils."""


def worker_settings(conf: SparkConf, environment: Mapping[str, str]) -> dict[str, str]:
    """Spark's settings for Python workers, except settings that the user made.

    conf: the user's settings. environment: the driver's environment; if it sets variables that numpy or glibc reads, the user
    chose them.
    """
    features = find_excluded_features()  # for this machine; the workers' machines are assumed to be alike
    # Variables in the driver's environment are the user's choice and aren't changed
    tuning = {**MALLOC_SETTINGS, **({NUMPY_VARIABLE: features} if features else {})}
    variables = {**DISTUTILS_SETTINGS, **{name: value for name, value in tuning.items() if name not in environment}}
    settings = {f"spark.executorEnv.{name}": value for name, value in variables.items()}
    if is_local(conf.get("spark.master", "local") or "") and not conf.contains(PYTHON_PATH):
        # on other clusters, workers are already running when the package arrives
        settings |= {DAEMON: DAEMON_MODULE, PYTHON_PATH: str(Path(spark_model_monitor.__file__).parent.parent)}
    return {key: value for key, value in settings.items() if not conf.contains(key)}
