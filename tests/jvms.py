"""Java virtual machines of tests."""

from __future__ import annotations

import os

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.spark.launch.class_archive import ClassArchive
from spark_model_monitor.spark.launch.java import find_java, find_spark_home

SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of one that runs for some seconds, as hundreds do: what the second compiler does comes too late for it."""


def class_archive_options() -> tuple[str, ...]:
    """Options that make one start faster, if `make test` could make the archive of Spark's classes."""
    try:
        return ClassArchive.of(find_java(os.environ), find_spark_home({}), os.environ).options
    except MissingDependency:  # the tests that need Java or Spark say so themselves
        return ()
