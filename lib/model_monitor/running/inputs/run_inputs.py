"""What else a run is told: its window, its checks, its own metrics, and the engine where nobody chose one.

Everything is loaded and planned before any data is read, so that an error in it costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.engines import why_spark
from model_monitor.data.reading.formats import ParquetFormat, SparkFormat, TableFormat
from model_monitor.data.records.windows import Window, hour_of_path
from model_monitor.documents.run_description import RunContext, moment
from model_monitor.errors import BadConfiguration
from model_monitor.monitors.user_checks import loading
from model_monitor.monitors.user_checks.checks import CheckPlan
from model_monitor.registry import function_of
from model_monitor.reports.outputs.result_tables import is_of_catalog
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.storage import join, opens_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def window_of(config: JobConfig) -> Window | None:
    """The window of `start_time` and `end_time`, or of a scheduled time; None if none of them is given.

    Raises BadConfiguration if only one of the two is, if they are the wrong way round, or if there are two windows.
    """
    if config.scheduled_time is not None:
        return scheduled_window(config, config.scheduled_time)
    if config.start_time is None and config.end_time is None:
        return None
    if config.start_time is None or config.end_time is None:
        missing = "start_time" if config.start_time is None else "end_time"
        raise BadConfiguration(f"{missing} is missing; a window has a start_time and an end_time, or neither of them")
    return Window(config.start_time, config.end_time)


def has_window_of_table(config: JobConfig) -> bool:
    """Whether a window is asked of data in which only `--time-column` tells one."""
    is_table = isinstance(config.dataset_format, (ParquetFormat, SparkFormat, TableFormat))
    return is_table and window_of(config) is not None


def unused_window(config: JobConfig) -> str | None:
    """The sentence about a window that narrows nothing; None if there is none, or it does."""
    if config.time_column is not None or not has_window_of_table(config):
        return None
    return "the data is read whole: Parquet, ORC and tables have a window only with --time-column"


def window_told(config: JobConfig) -> tuple[str, datetime] | None:
    """What tells the window from others, and when it ended: by its times, else by the hour folder of the output, which tells when
    it began; None if nobody said.
    """
    given, hour = window_of(config), hour_of_path(join(config.output_path, ""))
    if given is not None:
        return f"{moment(given.start)}/{moment(given.end)}", given.end
    return (moment(hour), hour) if hour is not None else None


def context_of(config: JobConfig) -> RunContext:
    """The window, the model and the schedule that a run is told."""
    window = window_of(config)
    start, end = (window.start, window.end) if window is not None else (None, None)
    return RunContext(
        start, end, config.sagemaker_endpoint_name, config.sagemaker_monitoring_schedule_name, config.report
    )


def scheduled_window(config: JobConfig, scheduled: datetime) -> Window:
    """From the scheduled time's full hour, because a run may start some minutes after it, by the two offsets.

    Raises BadConfiguration if the window has no length, or if there is another one.
    """
    if config.start_time is not None or config.end_time is not None:
        raise BadConfiguration("scheduled_time is one window, start_time and end_time are another; write one of them")
    hour = scheduled_hour(scheduled)
    start, end = hour + config.start_time_offset, hour + config.end_time_offset
    if not start < end:
        raise BadConfiguration(
            f"start_time_offset gives {start.isoformat()} and end_time_offset {end.isoformat()}; the start has to be before "
            "the end, such as -PT1H and PT0H, or -P8D and -P1D"
        )
    return Window(start, end)


def scheduled_hour(scheduled: datetime) -> datetime:
    """The full hour that a run is for."""
    return scheduled.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


# A job's Deequ checks: loaded and planned before any data is read, so that a fault in them costs nothing.


def planned_checks(config: JobConfig, data: Dataset) -> CheckPlan | None:
    """The plan for the checks that `--checks` names, None without the flag.

    Raises BadConfiguration for checks that can't be loaded, or can't be answered for this data.
    """
    if config.checks is None:
        return None
    return loading.planned_checks(config.checks, data, second_scan_allowed=config.allow_second_scan)


# Metrics of the user's own: `--metrics module:function`.


def metric_name(reference: str) -> str:
    """The metric's name: that of its function."""
    return reference.rpartition(":")[2]


def load_metrics(references: Sequence[str]) -> dict[str, Callable[[Any], Any]]:
    """The functions that are named, by their names.

    Their modules' code travels with the tasks, so that they need to lie on the driver only.
    Raises BadConfiguration if one can't be imported, or is no function.
    """
    functions = {metric_name(reference): function_of(reference, "--metrics") for reference in references}
    for function in functions.values():
        from pyspark import cloudpickle  # takes 0.2 s to import; it starts nothing

        cloudpickle.register_pickle_by_value(sys.modules[function.__module__])  # type: ignore[no-untyped-call]
    return functions


# Which engine a job has, where its configuration leaves that to us.


def why_spark_runs(config: JobConfig, host: SparkSession | None) -> str | None:
    """Why a job runs on Spark; None if it needs none.

    host: the session of the Spark that it is a guest of.
    """
    if config.job not in ("baseline", "monitor"):
        return f"the {config.job} job is made of its frames"
    if config.remote is not None:
        return f"{config.remote.partition(';')[0]} was named"
    if config.time_column is not None and has_window_of_table(config):
        return "a window by --time-column is its"
    if config.checks is not None and config.allow_second_scan:
        return "--allow-second-scan is a scan of Deequ"
    if config.checks is not None and (reason := loading.why_spark(config.checks)):
        return reason
    if config.results_table and is_of_catalog(config.results_table):
        return f"--results-table {config.results_table} is a table of its catalog"
    for name in ("output_path", "results_table", "baseline", "baseline_constraints", "baseline_statistics"):
        path = getattr(config, name)
        if path and not opens_here(path):
            return f"{path} is opened by it"
    return why_spark(host, config.dataset_source or None, config.dataset_format)
