"""The one JAR the product needs, Deequ's: where it lies, and how it gets there. Standard library only.

    python -m model_monitor.launch.deequ_jar      prints where it lies, after fetching it if it is not there yet

It is fetched alone, from a mirror that the user names or by the Ivy inside pyspark: everything Deequ uses of its dependencies
is in Spark. Only the driver loads it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from model_monitor.errors import MissingDependency
from model_monitor.launch import maven
from model_monitor.launch.cache import cache_directory
from model_monitor.launch.deequ_release import COORDINATE, FILE_NAME, MODULE, ORGANISATION, REVISION, SHA256

VARIABLE = "MODEL_MONITOR_DEEQU_JAR"
ARTIFACT = maven.Artifact(ORGANISATION, MODULE, REVISION, SHA256)
REMEDY = (
    f"name a mirror in {maven.MIRROR}, or copy {FILE_NAME} here from a machine with network access and set {VARIABLE} "
    "to its path"
)


def jar_path(environment: Mapping[str, str]) -> Path:
    """Where the JAR lies, or will lie when it has been fetched: MODEL_MONITOR_DEEQU_JAR, else the cache directory.

    Raises MissingDependency if MODEL_MONITOR_DEEQU_JAR names no file.
    """
    chosen = environment.get(VARIABLE)
    if not chosen:
        return cache_directory(environment) / "jars" / FILE_NAME
    if not Path(chosen).is_file():
        raise MissingDependency(f"{VARIABLE} is {chosen!r}, where there is no file; name the file of {COORDINATE}")
    return Path(chosen).absolute()


def provide_jar(environment: Mapping[str, str]) -> Path:
    """The JAR's path, after fetching it if it is not there. A file that the user chose is taken as it is.

    Raises MissingDependency if it can't be fetched or is not the file that we know.
    """
    path = jar_path(environment)
    if environment.get(VARIABLE):
        return path
    return maven.provide(ARTIFACT, path.parent, environment, REMEDY)


def main() -> int:
    """Print the JAR's path, fetching it first if need be. Exit status 2 if it can't be had."""
    try:
        if not jar_path(os.environ).is_file():
            sys.stderr.write(f"fetching {FILE_NAME} (2 MB, once)\n")
        path = provide_jar(os.environ)
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
