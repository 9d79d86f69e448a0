"""How long from the submission of a job to its first Spark stage, beside a PySpark script that does nothing else?

python benchmarks/start_up.py [--quick]

All are submitted to the same Spark with the same settings, in turns; the time of the first stage is the one in Spark's own
event log.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from performance import note
from session import MASTER
from side_by_side import is_quick_run

from spark_model_monitor.spark.launch import class_archive
from spark_model_monitor.spark.launch.class_archive import ClassArchive
from spark_model_monitor.spark.launch.java import find_java, find_spark_home

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7
ROUNDS_QUICK = 2
AT_MOST = 1.3
"""Times the bare script's."""

SETTINGS = ("spark.ui.enabled=false", "spark.ui.showConsoleProgress=false", "spark.eventLog.enabled=true")
ROWS = 1000


@dataclass(frozen=True)
class Starter:
    """Something that is submitted. command: of the options for Spark and the folder that it may write to."""

    name: str
    command: Callable[[list[str], Path], list[str]]
    variables: Mapping[str, str]
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Submit it and keep the seconds to its first stage."""
        with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
            folder = Path(name)
            (folder / "events").mkdir()
            options = ["--master", MASTER]
            for setting in (*SETTINGS, f"spark.eventLog.dir={(folder / 'events').as_uri()}"):
                options += ["--conf", setting]
            began = time.time()
            subprocess.run(
                self.command(options, folder), env={**os.environ, **self.variables}, check=True, capture_output=True
            )
            self.seconds.append(first_stage(folder / "events") - began)


def first_stage(events: Path) -> float:
    """When the first stage of an application was submitted, in seconds since 1970."""
    [log] = [path for path in events.iterdir() if not path.name.startswith(".")]
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["Event"] == "SparkListenerStageSubmitted":
            return float(event["Stage Info"]["Submission Time"]) / 1000
    raise AssertionError(f"{log} has no stage")


def ours(table: Path) -> Starter:
    """The baselining job over a table of a thousand rows, as `make setup` leaves it."""
    java = find_java(os.environ)
    archive = ClassArchive.of(java, find_spark_home({}), os.environ)
    if not archive.path.is_file():
        raise SystemExit("the archive of Spark's classes is absent; `make setup` makes it")
    return Starter("ours: a baselining job", make_submission(table), {})


def ours_without_archive(table: Path) -> Starter:
    """The same started with the classes that Java itself has in an archive, as Spark is started."""
    default_archive = find_java(os.environ).home / "lib" / "server" / "classes.jsa"
    return Starter(
        "ours without Spark's classes",
        make_submission(table),
        {"SPARK_SUBMIT_OPTS": f"{class_archive.ARCHIVE_OPTION}={default_archive}"},
    )


def make_submission(table: Path) -> Callable[[list[str], Path], list[str]]:
    """The command line of the baselining job."""

    def command(options: list[str], folder: Path) -> list[str]:
        flags = ["--dataset-source", str(table), "--dataset-format", "csv", "--output-path", str(folder / "out")]
        return [str(ROOT / "spark-submit.sh"), "baseline", *options, *flags]

    return command


def bare(table: Path) -> Starter:
    """A script that counts the same table's lines."""
    home = find_spark_home({})

    def command(options: list[str], folder: Path) -> list[str]:
        return [
            str(home / "bin" / "spark-submit"),
            *options,
            str(Path(__file__).with_name("bare_script.py")),
            str(table),
        ]

    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    return Starter("a bare PySpark script", command, {"SPARK_HOME": str(home), **python})


def main() -> None:
    rounds = ROUNDS_QUICK if is_quick_run(__doc__) else ROUNDS
    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as name:
        table = Path(name) / "table.csv"
        table.write_text("amount,items\n" + "".join(f"{row / 7:.4f},{row % 9}\n" for row in range(ROWS)))
        contestants = [ours(table), ours_without_archive(table), bare(table)]
        for contestant in contestants:  # the first start reads Spark's JARs from the disk
            contestant.run()
            contestant.seconds.clear()
        for _ in range(rounds):
            for contestant in contestants:
                contestant.run()
    print(f"\nseconds from submission to the first stage, {rounds} rounds\n")
    print(f"| {'':30} | median | least |")
    print(f"| {'-' * 30} | -----: | ----: |")
    for contestant in contestants:
        print(
            f"| {contestant.name:30} | {statistics.median(contestant.seconds):6.2f} | {min(contestant.seconds):5.2f} |"
        )
    full_start, without, peer = (statistics.median(start.seconds) for start in contestants)
    times = full_start / peer
    print(f"\n{without / peer:.2f} times without Spark's classes in an archive")
    verdict = note("from submission to the first stage", "a bare script of Spark", full_start, peer, AT_MOST, "s")
    print(f"{times:.2f} times, at most {AT_MOST} wanted: {verdict}")


if __name__ == "__main__":
    main()
