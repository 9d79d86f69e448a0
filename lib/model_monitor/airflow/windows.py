"""What a DAG run looks at: its data interval, or the time before it. Pure.

Airflow's plain `schedule="@hourly"` makes runs whose interval has no length (unless `create_cron_data_intervals` is set); a
run that was triggered by hand or by an asset may have none at all. Both look at the hour before their time, as a run of the
service does.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from model_monitor.data.records.windows import Window
from model_monitor.errors import BadConfiguration

AN_HOUR = timedelta(hours=1)


def window_of(context: Mapping[str, Any], *, length: timedelta = AN_HOUR, lag: timedelta = timedelta(0)) -> Window:
    """The window of a DAG run, UTC.

    context: Airflow's, of the task. length: of the window of a run whose interval has none; it ends at the full hour. lag: by
    how much the window lies before the interval, for labels that come late.

    Raises BadConfiguration if the run has no time at all.
    """
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None or not start < end:
        end = _utc(end or _time_of_run(context)).replace(minute=0, second=0, microsecond=0)
        start = end - length
    return Window(_utc(start) - lag, _utc(end) - lag)


def scheduled_time_of(window: Window, lag: timedelta = timedelta(0)) -> datetime:
    """The time that the run of a window is called by, in folders: the end of its interval.

    Source: C1.5, where the folder of a report is the hour at which its run was scheduled.
    """
    return window.end + lag


def _time_of_run(context: Mapping[str, Any]) -> datetime:
    run = context.get("dag_run")
    time = context.get("logical_date") or getattr(run, "run_after", None)
    if time is None:
        raise BadConfiguration("the DAG run has neither a data interval nor a time; trigger it with a logical date")
    moment: datetime = time
    return moment


def _utc(time: datetime) -> datetime:
    """A plain datetime: Airflow's own are pendulum's, whose sums are something else at a change of the clocks."""
    return datetime.fromtimestamp(time.timestamp(), tz=timezone.utc)
