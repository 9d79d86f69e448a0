"""The Spark that jobs are submitted to from here. Standard library only: this runs before Spark does."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from model_monitor.errors import MissingDependency
from model_monitor.launch import deequ_release

_SPARK_CORE = re.compile(r"spark-core_[\d.]+-(\d+\.\d+)")


def find_spark_home(environment: Mapping[str, str]) -> Path:
    """SPARK_HOME if it is set, as on EMR, else the Spark inside this Python's pyspark.

    Raises MissingDependency if there is none, or if it is of another line than Deequ's JAR.
    """
    if environment.get("SPARK_HOME"):
        home, where = Path(environment["SPARK_HOME"]), f"SPARK_HOME ({environment['SPARK_HOME']})"
    else:
        pyspark = importlib.util.find_spec("pyspark")
        if pyspark is None or pyspark.origin is None:
            raise MissingDependency(
                f"there is no pyspark in this Python ({sys.executable}) and SPARK_HOME is not set; "
                "`make setup` in the clone, or `pip install 'pyspark>=3.5,<3.6'`"
            )
        home, where = Path(pyspark.origin).parent, f"pyspark ({pyspark.origin})"
    if not (home / "bin" / "spark-submit").is_file():
        raise MissingDependency(f"{where} has no bin/spark-submit; unset SPARK_HOME, or name a Spark's folder")
    versions = {found.group(1) for found in map(_SPARK_CORE.match, _names(home / "jars")) if found}
    if versions and deequ_release.SPARK_LINE not in versions:
        raise MissingDependency(
            f"{where} is Spark {', '.join(sorted(versions))}, Deequ's JAR is for Spark {deequ_release.SPARK_LINE}; "
            "unset SPARK_HOME to use pyspark's own, or name a Spark of that line"
        )
    return home


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
