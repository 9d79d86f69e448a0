"""What a release of EMR has: its line of Spark, and so the JAR and the Python that a job gets there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_monitor.errors import BadConfiguration
from model_monitor.spark.launch.deequ_jar import is_had, provide_jar
from model_monitor.spark.launch.spark_home import SparkLine, line_of
from model_monitor.spark.launch.target import Kind, Target

LINES = {"emr-7.": "3.5", "emr-spark-8.": "4.0"}
"""How the label of a release begins -> its line of Spark. Source: EMR's release guide."""

PYTHON = "python3.11"
"""On all of them; EMR 7's `python3` is 3.9, which is too old for jobs. Source: EMR's release guide."""


def line_on(target: Target, service: Any) -> SparkLine:
    """The line of Spark that the target's release has. service: boto3's client for it.

    Raises BadConfiguration for a release that jobs don't run on.
    """
    label = _label_of(target, service)
    for beginning, version in LINES.items():
        if label.startswith(beginning):
            return line_of(version)
    raise BadConfiguration(
        f"{target.identifier} has the release {label!r}; jobs run on {' and '.join(f'{name}x' for name in LINES)}"
    )


def _label_of(target: Target, service: Any) -> str:
    if target.kind is Kind.EMR:
        return str(service.describe_cluster(ClusterId=target.identifier)["Cluster"].get("ReleaseLabel", ""))
    return str(service.get_application(applicationId=target.identifier)["application"].get("releaseLabel", ""))


def jar_for(line: SparkLine, environment: Mapping[str, str]) -> Path | None:
    """Deequ's JAR for a line of Spark; None where there is none, and jobs do without."""
    return provide_jar(environment) if is_had(environment, line) else None
