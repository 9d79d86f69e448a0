"""Clusters on this machine, and jobs that are sent to them by ./spark-submit.sh."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.clusters.executors_python import make_environment
from tests.clusters.standalone import Standalone, end_whole_group, standalone_cluster
from tests.jvms import SHORT_LIVED, class_archive_options

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 400
"""A job of this folder takes 10 to 20 s on an idle machine."""


@pytest.fixture(scope="session")
def executors_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual environment of the nodes: the executors' libraries, without this package."""
    return make_environment(tmp_path_factory.mktemp("nodes") / "environment")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    with standalone_cluster(tmp_path_factory.mktemp("standalone")) as running:
        yield running


@dataclass(frozen=True)
class Submitter:
    """Starts jobs in `folder`. options: of spark-submit, for each of them. python: the executors'; None: the job says."""

    folder: Path
    options: tuple[str, ...]
    python: Path | None = None
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, job: str, *words: str, folder: Path | None = None) -> subprocess.Popen[str]:
        """The job's process, which leads a session of its own. folder: where it runs, if not in `self.folder`."""
        if self.python:
            pythons = {"PYSPARK_PYTHON": str(self.python), "PYSPARK_DRIVER_PYTHON": sys.executable}
        else:
            pythons = {}
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                [str(ROOT / "spark-submit.sh"), *self.options, job, *words],
                env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", **pythons},
                cwd=folder or self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what still runs of the jobs that were started."""
        for process in self.started:
            if process.poll() is None:
                end_whole_group(process)

    def run(self, job: str, *words: str, status: int = 0, folder: Path | None = None) -> str:
        """What a job says that ends with this status."""
        process = self.start(job, *words, folder=folder)
        try:
            process.wait(SECONDS)
        finally:
            self.end()
        assert process.returncode == status, self.read_log()
        return self.read_log()

    def read_log(self) -> str:
        """What the last job said."""
        return (self.folder / "log").read_text()


@pytest.fixture
def submitter(cluster: Standalone, executors_environment: Path, tmp_path: Path) -> Iterator[Submitter]:
    """Jobs for the standalone cluster in client mode, whose nodes' Python has the executors' libraries."""
    jobs = Submitter(tmp_path, on_standalone(cluster.master), executors_environment / "bin" / "python")
    yield jobs
    jobs.end()


def on_standalone(master: str) -> tuple[str, ...]:
    """The options for a cluster of small workers; a file is a partition, so that there are tasks to lose."""
    settings = (
        *("spark.executor.memory=512m", "spark.sql.files.openCostInBytes=33554432"),
        f"spark.executor.extraJavaOptions={' '.join([SHORT_LIVED, *class_archive_options()])}",
    )
    return ("--master", master, *(word for setting in settings for word in ("--conf", setting)))
