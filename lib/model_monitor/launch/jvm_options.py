"""Options of the JVM that spark-submit starts on this machine. Standard library only: this runs before Spark does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from model_monitor.launch import class_archive
from model_monitor.launch.class_archive import ClassArchive

VARIABLE = "SPARK_SUBMIT_OPTS"
LOG_SETTINGS = "-Dlog4j2.configurationFile"

COLLECTOR = "-XX:+UseParallelGC"
"""Of a local run: what lies in its heap is a batch of rows, gone at once. Java's own choice, Garbage-First,
touches more new memory, which short runs pay for (docs/decisions/0030-start-of-the-jvm.md)."""

_ANY_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")
_PLACES_OF_A_COLLECTOR = ("spark.driver.extraJavaOptions", "spark.driver.defaultJavaOptions")
_VARIABLES_OF_JAVA = (VARIABLE, "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")


def jvm_options(
    archive: ClassArchive, logging: Path, settings: Mapping[str, str], environment: Mapping[str, str], *, local: bool
) -> str:
    """The value of SPARK_SUBMIT_OPTS: the user's own options, and of ours those that they don't speak of.

    logging: the file with our settings of logs. settings: Spark's. local: whether executors are in the same JVM.
    """
    given, own = environment.get(VARIABLE, ""), []
    if LOG_SETTINGS not in given and logging.is_file():
        own.append(f"{LOG_SETTINGS}={logging.as_uri()}")
    if class_archive.OPTION not in given:
        own += archive.options
    if local and not _names_a_collector(settings, environment):
        own.append(COLLECTOR)
    return f"{given} {shlex.join(own)}".strip()


def _names_a_collector(settings: Mapping[str, str], environment: Mapping[str, str]) -> bool:
    """Whether the user chose one; Java refuses to start with two."""
    words = [settings.get(name, "") for name in _PLACES_OF_A_COLLECTOR]
    words += [environment.get(name, "") for name in _VARIABLES_OF_JAVA]
    return any(map(_ANY_COLLECTOR.search, words))
