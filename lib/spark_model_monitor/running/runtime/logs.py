"""The log of jobs and of the commands that run many of them: every step, or a line for each model; as lines for people, or as
JSON for collectors.
"""

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

FORMAT = "%(asctime)s %(levelname)s %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
PACKAGE_LOGGERS = ("spark_model_monitor", "__main__")
SUMMARY_LOGGER = "spark_model_monitor.summary"  # of the lines about a model and pass
VERDICT_LOGGER = "spark_model_monitor.verdict"  # of a job's last line
IN_FILES = "spark_model_monitor.running.runs"  # its warnings are in a run's files and on its page
FACTS = "facts"  # the attribute of a log record with further members of its JSON
VARIABLE = "SPARK_MODEL_MONITOR_LOG"  # the style of a call, for the jobs that it starts


class Detail(Enum):
    """STEPS: what jobs do. SUMMARY: a line for each model and pass, warnings, errors. QUIET: only what went wrong."""

    STEPS = "steps"
    SUMMARY = "summary"
    QUIET = "quiet"


@value_class
class LogStyle:
    """How a process logs. schedule: whose job it is; its lines name it."""

    detail: Detail = Detail.STEPS
    as_json: bool = False
    schedule: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> LogStyle:
        """The style that `variables` passed on; by default all steps."""
        detail, _, form_and_schedule = environment.get(VARIABLE, "").partition(",")
        form, _, schedule = form_and_schedule.partition(",")
        if detail not in [known_detail.value for known_detail in Detail]:
            return cls()
        return cls(Detail(detail), form == "json", schedule)

    def variables(self, schedule: str) -> dict[str, str]:
        """The environment of a schedule's job."""
        form = "json" if self.as_json else "lines"
        return {VARIABLE: f"{self.detail.value},{form},{schedule}"}

    @property
    def names_every_step(self) -> bool:
        """Whether jobs log what they do."""
        return self.detail is Detail.STEPS

    def start(self) -> None:
        """Log to standard error, with times in UTC; of other libraries warnings and above."""
        if self.as_json:
            formatter: logging.Formatter = JsonFormatter(self.schedule)
        elif self.schedule and not self.names_every_step:
            formatter = PrintableFormatter(FORMAT.replace("%(message)s", f"{self.schedule}: %(message)s"), TIME_FORMAT)
        else:
            formatter = PrintableFormatter(FORMAT, TIME_FORMAT)
        formatter.converter = time.gmtime
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter)
        logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
        # Others at INFO would bury our few lines
        if self.names_every_step:
            level = logging.INFO
            level_in_files = logging.NOTSET
        else:
            level = logging.WARNING
            level_in_files = logging.ERROR
        for name in PACKAGE_LOGGERS:
            logging.getLogger(name).setLevel(level)
        logging.getLogger(IN_FILES).setLevel(level_in_files)
        logging.getLogger(SUMMARY_LOGGER).setLevel(logging.WARNING if self.detail is Detail.QUIET else logging.INFO)
        logging.getLogger("py4j").setLevel(logging.CRITICAL)  # it logs each failed call, which the caller does anyway
        warnings.simplefilter("ignore")  # for developers of libraries, such as deprecations


SUMMARY = LogStyle(Detail.SUMMARY)


def start_logging(flags: Collection[str] = ()) -> None:
    """Log in the style of the process's environment. flags: of a job; --quiet leaves warnings, errors and the verdict,
    --verbose adds where options are from, and what libraries do.
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
    """A record's line, with its message's further lines indented below, so that no text can pass for a log line."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record))


class JsonFormatter(logging.Formatter):
    """A record as a JSON object in one line: time, level, message, and what else is known about it."""

    def __init__(self, schedule: str) -> None:
        super().__init__("%(message)s", TIME_FORMAT)
        self._schedule = schedule

    def format(self, record: logging.LogRecord) -> str:
        members = {"time": self.formatTime(record, TIME_FORMAT), "level": record.levelname}
        if self._schedule:
            members["schedule"] = self._schedule
        members["message"] = super().format(record)
        return json.dumps(members | getattr(record, FACTS, {}), ensure_ascii=True)
