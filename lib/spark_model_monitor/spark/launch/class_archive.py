"""A faster start of Spark: an archive of the classes that its JVM loads, which are read and checked only once (Java's class data
sharing, JEP 310).

    python -m spark_model_monitor.spark.launch.class_archive      prints their location, after making the archive if there is none

A JVM without an archive, or with an archive for other JARs, starts as usual. Standard library only, because this runs before
Spark starts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT

from spark_model_monitor.errors import MissingDependency
from spark_model_monitor.running.product_layout import cache_directory, replace_when_complete
from spark_model_monitor.spark.launch.java import Java, TextsByName, find_java, find_line_at, find_spark_home
from spark_model_monitor.value_class import value_class

MIN_JAVA = 17  # archives of earlier versions weren't tested

ARCHIVE_OPTION = "-XX:SharedArchiveFile"
QUIET_OPTIONS = ("-Xlog:cds=off", "-Xlog:cds+dynamic=off")
"""Options that silence Java's warning about an archive that doesn't fit, because a slower start isn't an error."""

OWNER_FILE = "made-for.json"  # a file next to the archive, with the Java and the Spark that it belongs to
SAMPLE_TABLE = "amount,country\n12.5,DE\n40,FR\n,DE\n"  # the data of the job whose classes are recorded


@value_class
class ClassArchive:
    """The archive for one Java and one Spark. When one of the two is replaced, a new archive is used."""

    folder: Path
    java: Path
    spark_home: Path

    @classmethod
    def of(cls, java: Java, spark_home: Path, environment: TextsByName) -> ClassArchive:
        """The archive for jobs of this Spark, started by this Java, in the cache directory; it may not exist yet."""
        key = _compute_key(java.home, spark_home)
        return cls(cache_directory(environment) / "classes" / key, java.home, spark_home)

    @property
    def path(self) -> Path:
        return self.folder / "spark.jsa"

    @property
    def options(self) -> tuple[str, ...]:
        """The options that make a JVM use the archive; empty if there is no archive."""
        if self.path.is_file():
            return (f"{ARCHIVE_OPTION}={self.path}", *QUIET_OPTIONS)
        return ()

    def create(self, environment: TextsByName) -> None:
        """Run a small job, record its classes, and let Java write the archive. This takes half a minute, once.

        Raises MissingDependency with the reason if Java can't write it; jobs then run without an archive.
        """
        with (
            tempfile.TemporaryDirectory(prefix="spark-model-monitor-classes-") as name,
            replace_when_complete(self.path) as draft,
        ):
            scratch = Path(name)
            # Made in a draft folder and moved when complete, so that a job that starts meanwhile finds a whole archive or none
            archive = draft / self.path.name
            classes = scratch / "classes.txt"
            # The first run lists the classes, the second only writes the archive
            _start_job(scratch, [f"-XX:DumpLoadedClassList={classes}"], environment)
            dump_options = ["-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"{ARCHIVE_OPTION}={archive}"]
            _start_job(scratch, dump_options, environment)
            if not archive.is_file():
                raise MissingDependency("Java wrote no archive of Spark's classes")
            # This file is read later to find out whether this Java and this Spark still exist
            owner = {"java": str(self.java), "spark_home": str(self.spark_home)}
            (self.folder / OWNER_FILE).write_text(json.dumps(owner), encoding="utf-8")

    def remove_outdated(self) -> None:
        """Remove the archives whose Java or Spark was replaced or removed. An archive has 130 MB."""
        for folder in self.folder.parent.iterdir():
            # An archive that is being made has no key yet, and stays
            if _read_key(folder) not in (None, folder.name):
                shutil.rmtree(folder, ignore_errors=True)


def _start_job(scratch: Path, options: list[str], environment: TextsByName) -> None:
    """Submit a baselining job of the little table to a JVM with these options, as a user would."""
    table = scratch / "table.csv"
    table.write_text(SAMPLE_TABLE, encoding="utf-8")
    flags = {"--dataset-source": table, "--dataset-format": "csv", "--output-path": scratch / "baseline"}
    words = [str(word) for flag in flags.items() for word in flag]
    # One core is enough, because the loaded classes don't depend on the number of cores
    job = ["baseline", "--master", "local[1]", *words]
    submission = [sys.executable, "-m", "spark_model_monitor.spark.launch.submission", *job]
    variables = {**environment, "SPARK_SUBMIT_OPTS": shlex.join([*options, *QUIET_OPTIONS])}
    process = subprocess.run(submission, env=variables, text=True, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    if process.returncode:
        last_line = (process.stdout.strip().splitlines() or ["it said nothing"])[-1]
        raise MissingDependency(f"a job with {options[0]} ended with exit status {process.returncode}: {last_line}")


def _compute_key(java_home: Path, spark_home: Path) -> str:
    """A hash of the files with which the JVM compares an archive: its own library and the JARs."""
    digest = hashlib.sha256()
    # The JVM refuses an archive if one of these files has another size or time
    for path in (java_home.resolve() / "lib" / "server" / "libjvm.so", *sorted((spark_home / "jars").glob("*.jar"))):
        try:
            status = path.stat()
        except OSError:
            continue
        # Contents aren't hashed, because this is computed at every start, and the JARs have hundreds of megabytes
        digest.update(f"{path}\0{status.st_size}\0{int(status.st_mtime)}\n".encode())
    return digest.hexdigest()[:16]


def _read_key(folder: Path) -> str | None:
    """The key that the folder's archive would get now; None if the archive is still being made."""
    try:
        owner = json.loads((folder / OWNER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _compute_key(Path(owner["java"]), Path(owner["spark_home"]))


def main() -> int:
    """Print the archive's path after making the archive if needed, or print why there is none. The exit status is always 0,
    because jobs run without an archive, too.
    """
    try:
        spark_home = find_spark_home(os.environ)
        java = find_java(os.environ, find_line_at(spark_home))
        archive = ClassArchive.of(java, spark_home, os.environ)
        # Making an archive that the JVM can't use would only waste half a minute
        if java.major < MIN_JAVA:
            raise MissingDependency(
                f"Java {java.major} makes no archive that Spark's classes go into, Java {MIN_JAVA} does"
            )
        if not archive.path.is_file():
            sys.stderr.write("noting Spark's classes, so that jobs start some seconds faster (half a minute, once)\n")
            archive.create(os.environ)
            archive.remove_outdated()
    except (MissingDependency, OSError) as error:
        sys.stderr.write(f"jobs start without an archive of Spark's classes: {error}\n")
        return 0
    sys.stdout.write(f"{archive.path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
