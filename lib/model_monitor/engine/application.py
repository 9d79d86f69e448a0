"""The application behind a session of Spark: which cluster it runs on, and how it is stopped. Driver only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from model_monitor.engine.connect import ConnectApplication
from model_monitor.storage.server import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_VALUES = "spark.modelMonitor.logValues"
"""A session's setting: `true` where exceptions of workers may be logged with their texts."""


def application_of(spark: SparkSession) -> Application | ConnectApplication:
    """The application behind a session."""
    return ConnectApplication(spark) if is_connect(spark) else Application(spark)


class Application:
    """The application of a session; its methods may be called from any thread."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._context: Any = spark.sparkContext
        self.master = str(self._context.master)

    @property
    def _in_jvm(self) -> Any:
        return self._context._jsc.sc()

    def has_executors(self) -> bool:
        return len(self._in_jvm.statusTracker().getExecutorInfos()) > 1  # the driver is one of them

    def setting(self, key: str) -> str | None:
        """What the application was started with, None if nobody said."""
        found: str | None = self._in_jvm.getConf().get(key, None)  # PySpark's would copy all settings, one by one
        return found

    def tag_jobs(self, tag: str) -> None:
        """Have the jobs that this thread starts from now on bear a tag."""
        self._context.addJobTag(tag)

    def untag_jobs(self, tag: str) -> None:
        self._context.removeJobTag(tag)

    def cancel_jobs(self, tag: str) -> None:
        """End the jobs that bear the tag; whoever waits for one gets an error."""
        self._context.cancelJobsWithTag(tag)

    def activate(self) -> None:
        """Make the session the one that Spark itself asks in this thread: expressions are made with its settings."""
        anyone: Any = self._spark
        type(self._spark)._activeSession = anyone
        self._context._jvm.SparkSession.setActiveSession(anyone._jsparkSession)

    def reconnect(self) -> None:
        """Give this thread a new connection to the JVM: the old one waits for the answer to what was interrupted."""
        connection = self._context._gateway._gateway_client.get_thread_connection()
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Stop Spark in its JVM while somebody waits for a job, who gets an error then."""
        self._in_jvm.stop()

    def stop(self) -> None:
        """Stop Spark, and py4j's callback server, if there is one whose threads would keep the process alive.

        pydeequ starts such a server (awslabs/python-deequ#7). One that Spark's own way started has daemon threads, and
        shutting it down would wait for ever for a connection that the JVM keeps open.
        """
        gateway = self._context._gateway
        if not gateway.callback_server_parameters.daemonize:
            gateway.shutdown_callback_server()
        self._spark.stop()


def connect_to_jvm() -> None:
    """Start the JVM, or find the one that spark-submit started; until then SparkConf does not know what that was told."""
    from pyspark import SparkContext

    SparkContext._ensure_initialized()


def running_session() -> SparkSession | None:
    """The session of this process, if there is one."""
    connect: Any = sys.modules.get("pyspark.sql.connect.session")
    if connect is not None and (remote := connect.SparkSession.getActiveSession()) is not None:
        return cast("SparkSession", remote)
    pyspark = sys.modules.get("pyspark")  # not imported here: what has not been loaded has started nothing
    if pyspark is None or pyspark.SparkContext._active_spark_context is None:
        return None
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()
