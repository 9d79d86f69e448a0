"""A session of Spark Connect: what it has in place of a JVM beside the driver. Driver only.

Frames, readers and `mapInArrow` are those of `spark.py`. What is different stands here: a value travels with each task, and the
package goes to the server as an artifact (docs/decisions/0051-spark-connect.md).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from weakref import WeakSet

from model_monitor.errors import MissingDependency
from model_monitor.launch.cache import cache_directory
from model_monitor.launch.layout import Layout
from model_monitor.launch.package_zip import provide_zip
from model_monitor.storage.server import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Value = TypeVar("Value")

LIBRARIES = "`pip install 'pyspark[connect]>=4.0,<4.2'`"

_WITH_PACKAGE: WeakSet[Any] = WeakSet()
"""Sessions whose workers have this package."""


@dataclass(frozen=True)
class WithTasks(Generic[Value]):
    """A value that each task takes along; Connect has no broadcast (`protocol.Sent`)."""

    value: Value


class ConnectApplication:
    """What a session has of the application behind it (`application.Application`)."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark: Any = spark
        self.master = f"sc://{self._spark.client.host}"

    def setting(self, key: str) -> str | None:
        found: str | None = self._spark.conf.get(key, None)
        return found

    def tag_jobs(self, tag: str) -> None:
        self._spark.addTag(tag)

    def untag_jobs(self, tag: str) -> None:
        self._spark.removeTag(tag)

    def cancel_jobs(self, tag: str) -> None:
        self._spark.interruptTag(tag)

    def activate(self) -> None:
        """Expressions are made without a session's settings."""

    def reconnect(self) -> None:
        """Each call is a connection of its own."""

    def stop(self) -> None:
        self._spark.stop()


def connected(url: str) -> SparkSession:
    """A session at `sc://HOST:PORT`.

    Raises MissingDependency without a PySpark of 4.0 or 4.1 and Connect's libraries.
    """
    import pyspark.sql

    if pyspark.__version__.startswith("3."):
        raise MissingDependency(
            f"Spark Connect needs PySpark 4.0 or 4.1, and this is {pyspark.__version__}; {LIBRARIES}"
        )
    try:
        builder: Any = pyspark.sql.SparkSession.builder.remote(url)  # from here on `functions` makes Connect's columns
        return cast("SparkSession", builder.create())
    except ImportError as fault:
        raise MissingDependency(f"Spark Connect's libraries are absent ({fault.name}); {LIBRARIES}") from fault


def new_session(spark: SparkSession) -> SparkSession:
    """Another session in the same Spark, or at the same server, with settings of its own."""
    if not is_connect(spark):
        return spark.newSession()
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    client: Any = spark.client
    return cast("SparkSession", ConnectSession(connection=client._builder))


def send_package(spark: SparkSession) -> None:
    """Let the workers of a session import this package; it is sent once."""
    if spark not in _WITH_PACKAGE:
        package = provide_zip(Layout.here().package, cache_directory(os.environ))
        spark.addArtifacts(str(package), pyfile=True)
        _WITH_PACKAGE.add(spark)
