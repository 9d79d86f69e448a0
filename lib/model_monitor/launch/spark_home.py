"""The Spark that jobs are submitted to from here. Standard library only: this runs before Spark does."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from model_monitor.errors import MissingDependency
from model_monitor.launch.spark_lines import PINNED, REMEDY, SparkLine, line_of

_SPARK_CORE = re.compile(r"spark-core_([\d.]+)-(\d+\.\d+)")


def find_spark_home(environment: Mapping[str, str]) -> Path:
    """SPARK_HOME if it is set, as on EMR, else the Spark inside this Python's pyspark.

    Raises MissingDependency if there is none, or if jobs don't run on it.
    """
    if environment.get("SPARK_HOME"):
        home, where = Path(environment["SPARK_HOME"]), f"SPARK_HOME ({environment['SPARK_HOME']})"
    else:
        pyspark = importlib.util.find_spec("pyspark")
        if pyspark is None or pyspark.origin is None:
            raise MissingDependency(
                f"there is no pyspark in this Python ({sys.executable}) and SPARK_HOME is not set; "
                f"`make setup` in the clone, or {REMEDY}"
            )
        home, where = Path(pyspark.origin).parent, f"pyspark ({pyspark.origin})"
    if not (home / "bin" / "spark-submit").is_file():
        raise MissingDependency(f"{where} has no bin/spark-submit; unset SPARK_HOME, or name a Spark's folder")
    try:
        line_at(home)
    except MissingDependency as fault:
        raise MissingDependency(f"{where}: {fault}") from None
    return home


def line_at(home: Path) -> SparkLine:
    """The line of the Spark in this folder; the pinned one where no JAR tells it.

    Raises MissingDependency for one that jobs don't run on, and for a build with another Scala.
    """
    for scala, version in (found.groups() for found in map(_SPARK_CORE.match, _names(home / "jars")) if found):
        line = line_of(version)
        if scala != line.scala:
            raise MissingDependency(
                f"Spark {version} is built with Scala {scala}, jobs run on the one with Scala {line.scala}; unset "
                "SPARK_HOME to use pyspark's own"
            )
        return line
    return PINNED


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
