"""The application behind a session of Spark: which cluster it runs on, and how it is stopped. Driver only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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

    def cancel_jobs(self) -> None:
        """End what Spark is doing; whoever waits for it gets an error."""
        self._context.cancelAllJobs()

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


def is_running() -> bool:
    """Whether this process has an application already."""
    from pyspark import SparkContext

    return SparkContext._active_spark_context is not None
