"""The command lines of replay and backfill, and their output.

`spark-model-monitor replay` starts the job, `jobs/replay.py`, as every job is started; this process waits for it and prints
the table, so that with `--json` only JSON is on the standard output. `spark-model-monitor backfill` monitors every
window of existing captures in this process, one after the other.
"""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from spark_model_monitor.data.reading.formats import CaptureFormat, MergedFormat
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.errors import MESSAGE, BadConfiguration, NoData
from spark_model_monitor.machine import current_machine
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.running.configuration.command_line import require_existing_paths
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.inferred_options import choose_default_output, choose_detected_format
from spark_model_monitor.running.configuration.option_types import flag_name
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import PREVIOUS, read_named_baseline
from spark_model_monitor.running.product_layout import Layout, cache_directory
from spark_model_monitor.running.runtime.logs import start_logging
from spark_model_monitor.running.runtime.status import SUCCESSFUL, ExitStatus, parse_partial_success, read_message
from spark_model_monitor.running.scheduling.schedules import (
    HOURLY,
    Recurrence,
    iterate_hour_folders,
    iterate_until_stopped,
    list_windows,
)
from spark_model_monitor.stopping import shell_status, wait_for_process
from spark_model_monitor.storage import get_storage, is_local, join, local_path
from spark_model_monitor.value_class import value_class

JOB = "replay"
# the result for programs and for people, below the output path
JSON_NAME = "replay.json"
TEXT_NAME = "replay.txt"
REPLAY_FOLDER = "replays"  # folder in the cache directory for results and journals, unless --output-path is given

# exit statuses of a replay
EQUAL = 0
DIFFERENT = 1

SET_BY_REPLAY = ("--compat", "--dataset-source", "--scheduled-time")
"""Flags of the monitoring job that a replay sets itself, window by window."""

StartJob = Callable[[str, Sequence[str]], int]  # a job's name and its flags -> its exit status


@value_class
class ReplayRequest:
    """The arguments of a replay. monitor_flags: the flags of the monitoring job; the rest is the replay's own."""

    reports: str | None
    recurrence: Recurrence
    output_path: str
    monitor_flags: list[str]
    as_json: bool


def read_request(arguments: Sequence[str], environment: Mapping[str, str]) -> ReplayRequest:
    """The parsed command line; exits with the help text if that is requested.

    Raises BadConfiguration for a flag that is missing, unknown, or set by the replay itself.
    """
    options, monitor_flags = _make_parser().parse_known_args(list(arguments))
    # These flags would contradict what the replay sets for each window
    for word in monitor_flags:
        if word.partition("=")[0] in SET_BY_REPLAY:
            raise BadConfiguration(
                f"{word.partition('=')[0]} is no flag of a replay, which finds its windows below --windows and runs each with "
                "both values of --compat"
            )
    output_path = options.output_path or str(cache_directory(environment) / REPLAY_FOLDER)
    monitor_flags += ["--output-path", output_path]
    if options.windows is not None:
        monitor_flags += ["--dataset-source", options.windows]
    sources = read_sources(monitor_flags, environment)
    if sources.text("dataset_source") is None:
        folder = "the folder above the captures' hour folders"
        raise BadConfiguration(f"--windows is missing; write --windows CAPTURES, {folder}")
    # Unless another format is given, the service monitored captures of endpoints
    if sources.text("dataset_format") is None:
        monitor_flags += [flag_name("dataset_format"), "capture"]
    recurrence = parse_recurrence(options.schedule or HOURLY)
    return ReplayRequest(options.reports, recurrence, output_path, monitor_flags, options.json)


def main(arguments: Sequence[str], *, out: TextIO | None = None, start_job: StartJob | None = None) -> int:
    """Replay and print; returns 0 if all compared windows are equal, 1 if they aren't, or the status of the failed job.

    out: where the result is written, by default the standard output. start_job: starts a job and waits for it.
    Raises BadConfiguration for errors that show before a job is started.
    """
    # Read here to report errors at once: the job would report them only after Spark has started, many seconds later
    request = read_request(arguments, os.environ)
    output_path = request.output_path
    words = [*arguments, "--output-path", output_path]
    if not is_local(output_path):
        sys.stderr.write(f"the result will be in {join(output_path, JSON_NAME)} and {TEXT_NAME} beside it\n")
        return (start_job or submit)(JOB, words)
    result = local_path(join(output_path, JSON_NAME if request.as_json else TEXT_NAME))
    # If the job fails, the result of an earlier one must not be printed
    result.unlink(missing_ok=True)
    status = (start_job or submit)(JOB, words)
    if result.is_file():
        (out or sys.stdout).write(result.read_text(encoding="utf-8"))
    return status


_START = (
    "import sys; from spark_model_monitor.cli.verbs import start_job; sys.exit(start_job(sys.argv[1], sys.argv[2:]))"
)


def submit(job: str, flags: Sequence[str]) -> int:
    """The exit status of a job whose lines go to the standard error; 128 + N if signal N ended it."""
    command = [sys.executable, "-c", _START, job, *flags]
    return shell_status(wait_for_process(subprocess.Popen(command, stdout=sys.__stderr__)))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spark-model-monitor replay",
        description="Run the windows of old captures again with their old baseline, and compare three results: the service's "
        "report, --compat service, and our default. Exit status 0 if the first two are equal in every window with a report, "
        "otherwise 1.",
        epilog="Flags of the monitoring job (--record-preprocessor-script, --exclude-features-attribute, --env-file, …) and "
        "options of spark-submit (--master, …) are accepted, too; --start-time and --end-time limit the windows.",
        # With abbreviations, --output would be taken here, and never reach the monitoring job
        allow_abbrev=False,
    )
    parser.add_argument(
        "--windows", metavar="CAPTURES", help="the folder above the hour folders of the captures (yyyy/mm/dd/hh)"
    )
    parser.add_argument(
        "--reports",
        metavar="DIR",
        help="the folder above the hour folders of the service's reports; without it, our default is compared with "
        "--compat service",
    )
    parser.add_argument(
        "--schedule", metavar="EXPRESSION", help=f"the service's schedule expression, if it was not hourly ({HOURLY})"
    )
    parser.add_argument(
        "--output-path",
        metavar="DIRECTORY",
        help=f"where to write {JSON_NAME}, {TEXT_NAME} and the journal, which resumes an interrupted replay (default: the "
        "user's cache directory)",
    )
    parser.add_argument("--json", action="store_true", help=f"print {JSON_NAME} instead of the table")
    return parser


def parse_recurrence(expression: str) -> Recurrence:
    """The recurrence of a schedule expression. Raises BadConfiguration if it is invalid, or runs only once."""
    recurrence = Recurrence.of(expression)
    if recurrence is None:
        raise BadConfiguration(f"--schedule is {expression!r}, which runs once; leave it out for hourly windows")
    return recurrence


STATUSES_OF_ALL_WINDOWS = (ExitStatus.BAD_CONFIGURATION, ExitStatus.SCRIPT_FAILED)
"""Statuses that end a backfill if the first window has them, because every window would. In a later window they are due to its
data."""


@value_class
class BackfillRequest:
    """The arguments of a backfill. config: the configuration of all windows; its times limit them. flags: the flags of the
    monitoring job, as given.
    """

    config: JobConfig
    recurrence: Recurrence
    flags: Sequence[str]


def read_backfill(arguments: Sequence[str]) -> BackfillRequest:
    """The parsed command line; exits with the help text if that is requested.

    Raises BadConfiguration for errors that show before the first window.
    """
    options, flags = _make_backfill_parser().parse_known_args(list(arguments))
    # Errors are reported now, and not once per window
    require_existing_paths(flags)
    sources = choose_detected_format("monitor", choose_default_output("backfill", read_sources(flags, os.environ)))
    config = build_config("monitor", sources)
    if config.time_column is None and not isinstance(config.dataset_format, (CaptureFormat, MergedFormat)):
        raise BadConfiguration(
            f"{config.dataset_source}: every hour would be of all of its rows; backfill is of captures in hour folders, and of "
            "Parquet and tables with --time-column"
        )
    # The format of all hours, because a single hour may have only damaged captures
    if (word := sources.text("dataset_format")) is not None:
        flags = ["--dataset-format", word, *flags]
    return BackfillRequest(config, parse_recurrence(options.schedule), flags)


def list_backfill_windows(config: JobConfig, recurrence: Recurrence) -> list[Window]:
    """The windows that have an hour folder. If there are no such folders, and a column has the times of rows, all windows
    between the bounds.

    Raises BadConfiguration if a bound is missing, NoData if there is no window.
    """
    source = config.dataset_source
    storage = get_storage(source)
    start = config.start_time
    end = config.end_time
    # A table of a catalog has no source
    has_hour_folders = bool(source) and any(iterate_hour_folders(storage, source))
    if config.time_column is None or has_hour_folders:
        return list_windows(storage, source, recurrence, start=start, end=end)
    if start is None or end is None:
        raise BadConfiguration(
            f"{source or 'a table'} has no hour folders (…/yyyy/mm/dd/hh), so windows are cut by {config.time_column}: "
            "name --start-time and --end-time"
        )
    # A window ends at a time of the schedule, and begins a period earlier
    windows = [Window(time - recurrence.period, time) for time in recurrence.times(start, end)]
    windows = [window for window in windows if window.start >= start]
    if not windows:
        raise NoData(f"no window of {recurrence.period} lies between --start-time and --end-time; widen them")
    return windows


def backfill(request: BackfillRequest, out: TextIO) -> tuple[int, bool]:
    """Monitor every window, and print a line with each result.

    Returns the exit status, and whether any window was published. The status is the first failure's; without a failure, it is
    VIOLATIONS if a window has violations, and otherwise the highest status.
    """
    config = request.config
    statuses: list[int] = []
    windows = list_backfill_windows(config, request.recurrence)
    # The job's own driver, run in this process: a process for each window would import everything anew
    monitor = runpy.run_path(str(Layout.here().job_file("monitor", Path.cwd())))["main"]

    stored_baseline: StoredBaseline | None = None

    def read_once(window_config: JobConfig, monitor_of_window: Monitor) -> StoredBaseline | None:
        nonlocal stored_baseline
        # The previous run is another one for each window
        if stored_baseline is None or window_config.baseline == PREVIOUS:
            stored_baseline = read_named_baseline(window_config, monitor_of_window)
        return stored_baseline

    has_runs = False

    start_logging()
    logging.disable(logging.INFO)  # leaves out the steps of each window
    try:
        for window in iterate_until_stopped(windows):
            times = ("--start-time", format_moment(window.start), "--end-time", format_moment(window.end))
            # A window that still runs has too few records, and would count as the latest one
            if window.end > current_machine().now():
                print(f"{times[1]} and later: left out, because it ends after now", file=out)
                break
            output_path = join(config.output_path, f"{window.end:%Y/%m/%d/%H}")  # C1.5
            status: int = monitor([*request.flags, *times, "--output-path", output_path], read_once)
            statuses.append(status)
            message = read_message(join(output_path, MESSAGE), status)
            failed_outputs, _ = parse_partial_success(message)
            has_runs |= bool(failed_outputs) or status in SUCCESSFUL
            print(f"{format_moment(window.start)}/{format_moment(window.end)}  {message}", file=out, flush=True)
            if statuses[0] in STATUSES_OF_ALL_WINDOWS and len(statuses) == 1 and stored_baseline is None:
                break
    finally:
        logging.disable(logging.NOTSET)
    # Violations are a finding. Every other status except 0 is a failure, which has priority
    failures = [status for status in statuses if status not in SUCCESSFUL]
    if ExitStatus.VIOLATIONS in statuses:
        worst_status: int = ExitStatus.VIOLATIONS
    else:
        worst_status = max(statuses, default=ExitStatus.NO_DATA)
    return next(iter(failures), worst_status), has_runs


def _make_backfill_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        usage="spark-model-monitor backfill CAPTURES --baseline DIRECTORY [flags of spark-model-monitor monitor]",
        description="Monitor every hour of existing captures, one after the other, and write one page about all hours. "
        "CAPTURES is the folder above the hour folders (yyyy/mm/dd/hh).",
        epilog="--start-time and --end-time limit the windows; with both, --time-column cuts Parquet and tables without hour "
        "folders into windows. The results of a window are in the hour folder of its end, below "
        "--output-path. spark-model-monitor monitor --help-all lists the other flags.",
        allow_abbrev=False,
    )
    help_text = f"schedule of the windows, if not hourly (default: {HOURLY})"
    parser.add_argument("--schedule", metavar="EXPRESSION", default=HOURLY, help=help_text)
    return parser
