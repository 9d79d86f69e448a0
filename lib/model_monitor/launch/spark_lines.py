"""The lines of Spark that jobs run on, and what belongs to each: Scala, Java, the release of Deequ. In this one place.

docs/decisions/0009-one-jar.md says why this release of Deequ, docs/decisions/0048-lines-of-spark.md what is done without one.
Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_monitor.errors import MissingDependency

ORGANISATION, MODULE = "com.amazon.deequ", "deequ"

REMEDY = "`pip install 'pyspark>=3.5,<4.2'`"

WITHOUT_DEEQU = frozenset({"merge"})
"""The jobs of this package that never ask Deequ for anything, so that they need no JAR."""


@dataclass(frozen=True)
class SparkLine:
    """Spark's releases of one number, "3.5".

    scala: of its JARs and so of Deequ's. javas: the major versions it runs on, the one to install last. deequ: the revision of
    Deequ that is built for it, None if there is none. sha256: of that JAR; None where we know of no copy to compare with, so
    that it is not fetched but named by the user. pydeequ: what PyDeequ wants in SPARK_VERSION.

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
        """Deequ's, as --packages takes it."""
        return f"{ORGANISATION}:{MODULE}:{self.deequ}" if self.deequ else None

    @property
    def needs_deequ(self) -> bool:
        """Whether a job takes its metrics from Deequ or ends; on other lines the twin stands in for it."""
        return self.sha256 is not None


PINNED = SparkLine(
    "3.5",
    scala="2.12",
    javas=(8, 11, 17),
    deequ="2.1.0-spark-3.5",
    sha256="ab902814dec56dc39ff16d1c5c80e7101a5dff8c1aa380fdafce522da1cd1546",
    pydeequ="3.5",
)
"""The line that the pins in requirements/ are for."""

LINES = (
    PINNED,
    SparkLine("4.0", scala="2.13", javas=(21, 17), deequ="2.0.15-spark-4.0", sha256=None, pydeequ="4.1"),
    SparkLine("4.1", scala="2.13", javas=(21, 17), deequ=None, sha256=None, pydeequ="4.1"),
)


def line_of(version: str) -> SparkLine:
    """The line of a release, "4.0.2".

    Raises MissingDependency for one that jobs don't run on.
    """
    for line in LINES:
        if version == line.name or version.startswith(f"{line.name}."):
            return line
    names = ", ".join(line.name for line in LINES)
    raise MissingDependency(f"Spark {version} is not supported; jobs run on Spark {names}: {REMEDY}")
