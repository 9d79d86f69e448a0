"""A job in a process of the worker's machine, as `./spark-submit.sh` starts it: on local Spark, or on a cluster from here."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_monitor.airflow.flags import without_secrets, words_of
from model_monitor.airflow.places import JobCall, Place
from model_monitor.errors import MissingDependency

log = logging.getLogger(__name__)

STOPPING_SECONDS = 60
"""How long a job may take to leave its message and to stop Spark."""


@dataclass(frozen=True, kw_only=True)
class LocalSpark(Place):
    """A job in a process of its own.

    python: the interpreter that has our package with all its libraries; Airflow's own environment need not have them. master:
    Spark's, such as local[4] or yarn. folder: where relative paths start. environment: variables of the job, beside the worker's.
    """

    python: str = sys.executable
    master: str = "local[*]"
    folder: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def begin(self, call: JobCall) -> LocalProcess:
        plain, secret = without_secrets(call.flags)
        words = ["--master", self.master, "--name", call.name, *self.spark_options, call.job, *words_of(plain)]
        command = [self.python, "-m", "model_monitor.spark.launch.submission", *words]
        return LocalProcess(command, {**self.environment, **secret}, self.folder)


class LocalProcess:
    """A process whose lines go to the log; what it started ends with it."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], folder: str | None = None) -> None:
        """Start it.

        Raises MissingDependency if there is no such program.
        """
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **variables},
                cwd=None if folder is None else Path(folder),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # so that the JVM and Python's workers can be told to end with it
            )
        except OSError as fault:
            raise MissingDependency(
                f"{fault.filename} can't be started ({fault.strerror}); python= has to be an interpreter that has "
                "spark-model-monitor, such as /srv/model-monitor/bin/python, and folder= a folder"
            ) from fault
        self.lines: list[str] = []

    def wait(self) -> int:
        """Its exit status, 128 + N if signal N ended it, as a shell says it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip())
            log.info("%s", line.rstrip())
        status = self._process.wait()
        return status if status >= 0 else 128 - status

    def stop(self) -> None:
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
