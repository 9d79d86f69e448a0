"""The log of jobs, and of commands that run many jobs: a line for each step or for each model, as text or as JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Collection, Mapping
from enum import Enum

from spark_model_monitor.reports.outputs.printable import printable_lines
from spark_model_monitor.value_class import value_class

LINE_FORMAT = "%(asctime)s %(levelname)s %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
PACKAGE_LOGGERS = ("spark_model_monitor", "__main__")
SUMMARY_LOGGER = "spark_model_monitor.summary"  # the logger of lines about a model, or about a pass over all models
VERDICT_LOGGER = "spark_model_monitor.verdict"  # the logger of a job's last line
RUNS_LOGGER = "spark_model_monitor.running.runs"  # its warnings are also in a run's files and on its page
JSON_MEMBERS = "facts"  # the attribute of a log record with further members of its JSON
LOG_VARIABLE = "SPARK_MODEL_MONITOR_LOG"  # tells jobs the log style of the command that starts them


class Detail(Enum):
    """STEPS: each step of jobs. SUMMARY: a line for each model and pass, warnings, errors. QUIET: warnings and errors."""

    STEPS = "steps"
    SUMMARY = "summary"
    QUIET = "quiet"


@value_class
class LogStyle:
    """How a process logs. schedule: the schedule whose job the process runs, which its lines name; empty if there is none."""

    detail: Detail = Detail.STEPS
    as_json: bool = False
    schedule: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> LogStyle:
        """The style in variables that `variables` created; by default all steps."""
        detail, _, form_and_schedule = environment.get(LOG_VARIABLE, "").partition(",")
        form, _, schedule = form_and_schedule.partition(",")
        if detail not in [known_detail.value for known_detail in Detail]:
            return cls()
        return cls(Detail(detail), form == "json", schedule)

    def variables(self, schedule: str) -> dict[str, str]:
        """Environment variables for a schedule's job, so that it logs in this style."""
        form = "json" if self.as_json else "lines"
        return {LOG_VARIABLE: f"{self.detail.value},{form},{schedule}"}

    @property
    def names_every_step(self) -> bool:
        """Whether jobs log their steps."""
        return self.detail is Detail.STEPS

    def start(self) -> None:
        """Log to standard error, with times in UTC; other libraries log warnings and errors only."""
        if self.as_json:
            formatter: logging.Formatter = JsonFormatter(self.schedule)
        elif self.schedule and not self.names_every_step:
            formatter = PrintableFormatter(
                LINE_FORMAT.replace("%(message)s", f"{self.schedule}: %(message)s"), TIME_FORMAT
            )
        else:
            formatter = PrintableFormatter(LINE_FORMAT, TIME_FORMAT)
        formatter.converter = time.gmtime
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter)
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        if self.names_every_step:
            level = logging.INFO
            runs_level = logging.NOTSET
        else:
            level = logging.WARNING
            runs_level = logging.ERROR
        for name in PACKAGE_LOGGERS:
            logging.getLogger(name).setLevel(level)
        logging.getLogger(RUNS_LOGGER).setLevel(runs_level)
        logging.getLogger(SUMMARY_LOGGER).setLevel(logging.WARNING if self.detail is Detail.QUIET else logging.INFO)
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it logs each failed call, which the caller logs, too
        warnings.simplefilter("ignore")  # warnings such as deprecations are for developers of libraries


SUMMARY = LogStyle(Detail.SUMMARY)


def start_logging(flags: Collection[str] = ()) -> None:
    """Log in the style given by the process's environment.

    flags: the flags of a job. --quiet: only warnings, errors and the verdict. --verbose: also the sources of options, and
    steps of libraries.
    """
    LogStyle.read(os.environ).start()
    if "--quiet" in flags:
        level = logging.WARNING
        logging.getLogger(VERDICT_LOGGER).setLevel(logging.INFO)
    elif "--verbose" in flags:
        level = logging.DEBUG
        logging.getLogger().setLevel(logging.INFO)
    else:
        return
    for name in PACKAGE_LOGGERS:
        logging.getLogger(name).setLevel(level)


class PrintableFormatter(logging.Formatter):
    """A record as text, with further lines of its message indented, so that they don't look like another record."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


class JsonFormatter(logging.Formatter):
    """A record as a JSON object in one line: time, level, schedule, message and the members of its facts."""

    def __init__(self, schedule: str) -> None:
        super().__init__("%(message)s", TIME_FORMAT)
        self._schedule = schedule

    def format(self, record: logging.LogRecord) -> str:
        members = {"time": self.formatTime(record, TIME_FORMAT), "level": record.levelname}
        if self._schedule:
            members["schedule"] = self._schedule
        members["message"] = super().format(record)
        return json.dumps(members | getattr(record, JSON_MEMBERS, {}), ensure_ascii=True)
