"""The window that a run is told, the hour that a scheduled one is for (C6.2b, C10b), and what else a run is of."""

from __future__ import annotations

from datetime import datetime, timezone

from model_monitor.configuration.contract import JobConfig
from model_monitor.data.reading.formats import ParquetFormat, SparkFormat, TableFormat
from model_monitor.data.records.windows import Window, hour_of_path
from model_monitor.documents.run_description import RunContext, moment
from model_monitor.errors import BadConfiguration
from model_monitor.storage import join


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
