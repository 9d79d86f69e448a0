"""The window of a DAG run, and its scheduled time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration

if TYPE_CHECKING:
    from airflow.sdk import Context

ONE_HOUR = timedelta(hours=1)


def get_run_window(context: Context, *, length: timedelta = ONE_HOUR, lag: timedelta = timedelta(0)) -> Window:
    """The window of a DAG run, UTC.

    context: Airflow's context of the task. length: the length of the window if the run's interval is empty; that window ends
    at the full hour. lag: how far the window precedes the interval, for labels that come late.

    Raises BadConfiguration if the run has no time at all.
    """
    start = context.get("data_interval_start")
    end = context.get("data_interval_end")
    # A run that was started by hand or by an asset has an empty interval, or no interval
    if start is None or end is None or not start < end:
        # Rounded down to the hour, because captures are in folders by the hour
        end = _to_utc(end or _get_run_time(context)).replace(minute=0, second=0, microsecond=0)
        start = end - length
    return Window(_to_utc(start) - lag, _to_utc(end) - lag)


def get_scheduled_time(window: Window, lag: timedelta) -> datetime:
    """The scheduled time of a window's run, by which folders are named: the end of its interval.

    Source: C1.5, where the folder of a report is the hour at which its run was scheduled.
    """
    return window.end + lag


def _get_run_time(context: Context) -> datetime:
    run = context.get("dag_run")
    # In Airflow 3 a run without a logical date has `run_after`
    time: datetime | None = context.get("logical_date") or getattr(run, "run_after", None)
    if time is None:
        raise BadConfiguration("the DAG run has neither a data interval nor a time; trigger it with a logical date")
    return time


def _to_utc(time: datetime) -> datetime:
    """A plain datetime in UTC. Airflow's times are pendulum's, which compute differently around changes of daylight saving."""
    return datetime.fromtimestamp(time.timestamp(), tz=timezone.utc)


def format_moment(time: datetime) -> str:
    """A time in the format of jobs, `2026-01-31T22:00:00Z`."""
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
