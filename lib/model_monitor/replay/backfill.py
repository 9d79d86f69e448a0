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

from model_monitor.configuration.defaults import with_default_output
from model_monitor.configuration.reading import sources_of
from model_monitor.configuration.sources import Sources
from model_monitor.documents.run_description import moment
from model_monitor.errors import BadConfiguration
from model_monitor.launch.layout import Layout
from model_monitor.launch.places import require_places
from model_monitor.records.windows import Window, parse_time
from model_monitor.replay.command import recurrence_of
from model_monitor.replay.windows import windows_of
from model_monitor.runtime.logs import start_logging
from model_monitor.runtime.status import ExitStatus
from model_monitor.schedules import HOURLY, Recurrence
from model_monitor.storage import join, storage_of

JOB, MESSAGE = "monitor", "message"

OF_ALL_WINDOWS = (ExitStatus.BAD_CONFIGURATION, ExitStatus.SCRIPT_FAILED)
"""What is wrong with one window then is wrong with the next."""


@dataclass(frozen=True)
class Request:
    """flags: of the monitoring job, as they were given. bounds: the windows lie between them, None for no bound."""

    captures: str
    output_path: str
    recurrence: Recurrence
    bounds: tuple[str | None, str | None]
    flags: Sequence[str]


def read_request(arguments: Sequence[str]) -> Request:
    """The command line taken apart; exits with the help text if it asks for that.

    Raises BadConfiguration for what can be told before a window is looked at.
    """
    given, flags = _parser().parse_known_args(list(arguments))
    require_places(flags)
    sources = with_default_output("backfill", sources_of(flags, os.environ))
    captures = _needed(sources, "dataset_source", "write model-monitor backfill CAPTURES --baseline DIRECTORY")
    output = _needed(sources, "output_path", "write --output-path DIRECTORY, above the folders of the windows")
    if sources.faults:
        raise BadConfiguration.gathered(list(sources.faults))
    bounds = sources.text("start_time"), sources.text("end_time")
    return Request(captures, output, recurrence_of(given.schedule), bounds, flags)


def backfill(request: Request, out: TextIO) -> int:
    """Monitor every window, and say in a line what came of each; the exit status of the first that failed, else the highest."""
    start, end = (None if text is None else parse_time(text) for text in request.bounds)
    storage = storage_of(request.captures)
    windows = windows_of(storage, request.captures, request.recurrence, start=start, end=end)
    monitor = runpy.run_path(str(Layout.here().job_file(JOB, Path.cwd())))["main"]
    statuses: list[int] = []
    start_logging()
    logging.disable(logging.INFO)  # the steps of each window
    try:
        for window in windows:
            output = join(request.output_path, f"{window.end:%Y/%m/%d/%H}")  # C1.5
            statuses.append(monitor([*request.flags, *_window(window), "--output-path", output]))
            out.write(f"{moment(window.start)}/{moment(window.end)}  {_message(output, statuses[-1])}\n")
            out.flush()
            if statuses[-1] in OF_ALL_WINDOWS:
                break
    finally:
        logging.disable(logging.NOTSET)
    whole = (ExitStatus.COMPLETED, ExitStatus.VIOLATIONS)
    return next((status for status in statuses if status not in whole), max(statuses))


def _needed(sources: Sources, name: str, remedy: str) -> str:
    text = sources.text(name)
    if text is None:
        raise BadConfiguration(f"{name} is missing; {remedy}")
    return text


def _window(window: Window) -> tuple[str, ...]:
    return "--start-time", moment(window.start), "--end-time", moment(window.end)


def _message(output: str, status: int) -> str:
    path = join(output, MESSAGE)
    storage = storage_of(path)
    return storage.read(path).decode().strip() if storage.exists(path) else f"exit status {status}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="model-monitor backfill",
        usage="model-monitor backfill CAPTURES --baseline DIRECTORY [flags of model-monitor monitor]",
        description="Monitor every hour of captures that are there already, one after the other, and write the page of all: "
        "CAPTURES is the folder above their hour folders (yyyy/mm/dd/hh).",
        epilog="--start-time and --end-time bound the windows; each has its results in the hour folder of its end, below "
        "--output-path. model-monitor monitor --help-all has the other flags.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--schedule", metavar="EXPRESSION", default=HOURLY, help=f"windows of another length than {HOURLY}, hourly"
    )
    return parser
