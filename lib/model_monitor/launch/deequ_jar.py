"""The one JAR the product needs, Deequ's: where it lies, and how it gets there. Standard library only.

    python -m model_monitor.launch.deequ_jar      prints where it lies, after fetching it if it is not there yet

It is fetched alone, from a mirror that the user names or by the Ivy inside pyspark: everything Deequ uses of its dependencies
is in Spark. Only the driver loads it. For a line of Spark whose JAR we know no checksum of, it is the user who names one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from model_monitor.errors import MissingDependency
from model_monitor.launch import maven
from model_monitor.launch.spark_home import find_spark_home, line_at
from model_monitor.launch.spark_lines import MODULE, ORGANISATION, PINNED, SparkLine
from model_monitor.running.layout import cache_directory

VARIABLE = "MODEL_MONITOR_DEEQU_JAR"
ARTIFACT = maven.Artifact(ORGANISATION, MODULE, PINNED.deequ or "", PINNED.sha256 or "")
REMEDY = (
    f"name a mirror in {maven.MIRROR}, or copy {ARTIFACT.file_name} here from a machine with network access and set {VARIABLE} "
    "to its path"
)


def jar_path(environment: Mapping[str, str]) -> Path:
    """Where the JAR lies, or will lie when it has been fetched: MODEL_MONITOR_DEEQU_JAR, else the cache directory.

    Raises MissingDependency if MODEL_MONITOR_DEEQU_JAR names no file.
    """
    chosen = environment.get(VARIABLE)
    if not chosen:
        return cache_directory(environment) / "jars" / ARTIFACT.file_name
    if not Path(chosen).is_file():
        raise MissingDependency(
            f"{VARIABLE} is {chosen!r}, where there is no file; name the file of {ARTIFACT.coordinate}"
        )
    return Path(chosen).absolute()


def provide_jar(environment: Mapping[str, str]) -> Path:
    """The JAR's path, after fetching it if it is not there. A file that the user chose is taken as it is.

    Raises MissingDependency if it can't be fetched or is not the file that we know.
    """
    path = jar_path(environment)
    if environment.get(VARIABLE):
        return path
    return maven.provide(ARTIFACT, path.parent, environment, REMEDY)


def is_had(environment: Mapping[str, str], line: SparkLine) -> bool:
    """Whether `provide_jar` has a JAR for this line of Spark: the pinned one's, or the one that the user chose."""
    return line is PINNED or bool(environment.get(VARIABLE))


def without_jar(line: SparkLine, *, has_jvm: bool = True) -> str:
    """What happens without a JAR on this line, and where there is one."""
    named = f"name {line.coordinate} in --packages, or its file in {VARIABLE}" if line.deequ else "it has no release"
    named = named if has_jvm else "it needs a JVM beside Python"
    return f"without Deequ for Spark {line.name} ({named}); metrics are computed from the same states, and are the same"


def main() -> int:
    """Print the JAR's path, fetching it first if need be. Exit status 2 if it can't be had."""
    try:
        line = line_at(find_spark_home(os.environ))
        if not is_had(os.environ, line):
            sys.stderr.write(f"{without_jar(line)}\n")
            return 0
        if not jar_path(os.environ).is_file():
            sys.stderr.write(f"fetching {ARTIFACT.file_name} (2 MB, once)\n")
        path = provide_jar(os.environ)
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
