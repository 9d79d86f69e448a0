"""Two ways to run a job, called alike: in the tests' own process, in half a second, and as the process that users start.

A job in this process proves what a job reads, writes, says and returns; a process is for what only a process shows: that it
ends, with which status, and what else it writes to its output.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from tests import both_engines
from tests.programs import run_on_one_stream

from spark_model_monitor.data.reading.data_reader import get_running_session
from spark_model_monitor.running.runtime.logs import LOG_VARIABLE, PACKAGE_LOGGERS, RUNS_LOGGER, SUMMARY_LOGGER

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 240
"""A job of a few rows takes 5 s on an idle machine."""

WITH_ENGINE = ("baseline", "monitor", "merge", "replay")
"""Jobs that run on either engine."""


@dataclass(frozen=True)
class Finished:
    """A job that has ended: its exit status, and what it said."""

    status: int
    said: str


@dataclass(frozen=True)
class JobsHere:
    """`jobs("monitor", "--baseline", …, dataset_source=…)` runs a job in `folder`, with these flags and variables.

    It is a guest of the tests' session, as it is of a notebook's or of a task's of Airflow. engine: of jobs whose flags name
    none; None: the session's, if there is one.
    """

    folder: Path
    engine: str | None = None

    def __call__(self, job: str, *flags: object, **variables: str) -> Finished:
        words = [str(flag) for flag in flags]
        if job not in WITH_ENGINE or "--engine" in words:
            return self._run(job, words, variables)
        if both_engines.are_asked_for():
            return both_engines.run_on_both(lambda job_flags: self._run(job, job_flags, variables), self.folder, words)
        if self.engine is not None:
            words += ["--engine", self.engine]
        return self._run(job, words, variables)

    def _run(self, job: str, flags: Sequence[str], variables: Mapping[str, str]) -> Finished:
        with (
            pytest.MonkeyPatch.context() as patch,
            logged() as log_text,
            redirect_stderr(StringIO()) as printed,
            forgetting_modules(self.folder),
        ):
            patch.chdir(self.folder)
            for name, value in variables.items():
                patch.setenv(name, value)
            status = importlib.import_module(f"jobs.{job}").main(list(flags))
        sys.stderr.write(printed.getvalue())
        return Finished(status, log_text.getvalue() + printed.getvalue())


@dataclass(frozen=True)
class JobProcesses:
    """The same by `./spark-submit.sh`, with two cores unless `--master` says otherwise."""

    folder: Path

    def __call__(self, job: str, *flags: object, **variables: str) -> Finished:
        ended = run_on_one_stream(
            [str(ROOT / "spark-submit.sh"), job, "--master", "local[2]", *map(str, flags)],
            env={**os.environ, **variables},
            cwd=self.folder,
            timeout=SECONDS,
        )
        return Finished(ended.returncode, ended.stdout)


@contextmanager
def restoring_log() -> Iterator[None]:
    """What starts the log of this process while this is open leaves nothing to other tests."""
    names = ("", *PACKAGE_LOGGERS, RUNS_LOGGER, SUMMARY_LOGGER, "py4j")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    style = os.environ.get(LOG_VARIABLE)
    try:
        yield
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers[:] = handlers
        os.environ.pop(LOG_VARIABLE, None)
        if style is not None:
            os.environ[LOG_VARIABLE] = style


@contextmanager
def logged() -> Iterator[StringIO]:
    """While this is open, what a job logs is noted, with the traces that it logs."""
    log_text = StringIO()
    handler = logging.StreamHandler(log_text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    root = logging.getLogger()
    root_handlers = root.handlers[:]
    ours = logging.getLogger("spark_model_monitor")
    level = ours.level
    # Without a session the job starts the log of its process, and takes the root's handlers away
    if get_running_session() is None:
        listened_logger = ours
    else:
        listened_logger = root
    listened_logger.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield log_text
    finally:
        ours.setLevel(level)
        listened_logger.removeHandler(handler)
        root.handlers[:] = root_handlers


@contextmanager
def forgetting_modules(folder: Path) -> Iterator[None]:
    """What was imported from a test's folder meanwhile is not there for the next test, whose modules have the same names."""
    try:
        yield
    finally:
        # As texts: paths of all the modules that libraries have would take longer than a small job
        inside = f"{folder}{os.sep}"
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(inside):
                del sys.modules[name]
