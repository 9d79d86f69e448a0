"""Every window of captures that are there already, monitored one after the other in this process: `model-monitor backfill`."""

from __future__ import annotations

import argparse
import logging
import os
import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from model_monitor.data.records.windows import Window
from model_monitor.documents.run_description import moment
from model_monitor.running.configuration.command_line import require_places
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.running.configuration.reading import (
    config_of,
    sources_of,
    with_default_output,
    with_recognised_format,
)
from model_monitor.running.layout import Layout
from model_monitor.running.replay.command import recurrence_of
from model_monitor.running.runtime.status import ExitStatus, start_logging
from model_monitor.running.scheduling.schedules import HOURLY, Recurrence, run_windows, windows_of
from model_monitor.storage import join, storage_of

OF_ALL_WINDOWS = (ExitStatus.BAD_CONFIGURATION, ExitStatus.SCRIPT_FAILED)
"""What is wrong with one window then is wrong with the next."""


@dataclass(frozen=True)
class Request:
    """config: of all windows, whose times bound them. flags: of the monitoring job, as they were given."""

    config: JobConfig
    recurrence: Recurrence
    flags: Sequence[str]


def read_request(arguments: Sequence[str]) -> Request:
    """The command line taken apart; exits with the help text if it asks for that.

    Raises BadConfiguration for what shows before a window is looked at.
    """
    given, flags = _parser().parse_known_args(list(arguments))
    require_places(flags)
    sources = with_recognised_format("monitor", with_default_output("backfill", sources_of(flags, os.environ)))
    return Request(config_of("monitor", sources, in_container=False), recurrence_of(given.schedule), flags)


def backfill(request: Request, out: TextIO) -> tuple[int, bool]:
    """Monitor every window, and say in a line what came of each.

    Gives the exit status of the first that failed, else the highest, and whether one did not fail.
    """
    config, statuses = request.config, list[int]()
    bounds = {"start": config.start_time, "end": config.end_time}
    windows = windows_of(storage_of(config.dataset_source), config.dataset_source, request.recurrence, **bounds)
    monitor = runpy.run_path(str(Layout.here().job_file("monitor", Path.cwd())))["main"]

    def output(window: Window) -> str:
        return join(config.output_path, f"{window.end:%Y/%m/%d/%H}")  # C1.5

    def run(window: Window) -> int:
        times = ("--start-time", moment(window.start), "--end-time", moment(window.end))
        status: int = monitor([*request.flags, *times, "--output-path", output(window)])
        return status

    start_logging()
    logging.disable(logging.INFO)  # the steps of each window
    try:
        for window, status in run_windows(windows, run, ends_all=OF_ALL_WINDOWS.__contains__):
            statuses.append(status)
            folder = output(window)
            message = storage_of(folder).read(join(folder, "message")).decode()
            print(f"{moment(window.start)}/{moment(window.end)}  {message}", end="", file=out, flush=True)
    finally:
        logging.disable(logging.NOTSET)
    whole = (ExitStatus.COMPLETED, ExitStatus.VIOLATIONS)
    failed = [status for status in statuses if status not in whole]
    return next(iter(failed), max(statuses)), len(failed) < len(statuses)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage="model-monitor backfill CAPTURES --baseline DIRECTORY [flags of model-monitor monitor]",
        description="Monitor every hour of captures that are there already, one after the other, and write the page of all: "
        "CAPTURES is the folder above their hour folders (yyyy/mm/dd/hh).",
        epilog="--start-time and --end-time bound the windows; each has its results in the hour folder of its end, below "
        "--output-path. model-monitor monitor --help-all has the other flags.",
        allow_abbrev=False,
    )
    help_text = f"windows of another length than {HOURLY}, hourly"
    parser.add_argument("--schedule", metavar="EXPRESSION", default=HOURLY, help=help_text)
    return parser
