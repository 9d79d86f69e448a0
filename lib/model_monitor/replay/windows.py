"""The windows that a folder of captures holds: one for each run that the schedule would have made of it."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime

from model_monitor.data.records.windows import HOUR, Window
from model_monitor.errors import NoData
from model_monitor.replay.hour_folders import hour_folders
from model_monitor.schedules import Recurrence
from model_monitor.storage import Storage


def windows_of(
    storage: Storage,
    path: str,
    recurrence: Recurrence,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[Window]:
    """The windows of the schedule in which at least one captured hour lies, in their order.

    start, end: only windows that lie between them; None: no bound.
    Raises BadInput if there is nothing at `path`, NoData if no folder below it names an hour between the bounds.
    """
    hours = sorted({hour for hour, _ in hour_folders(storage, path)})
    if not hours:
        raise NoData(
            f"{path} has no hour folders (…/yyyy/mm/dd/hh), so it holds no windows; name the prefix of the captures"
        )
    windows = [
        Window(time - recurrence.period, time)
        for time in recurrence.times(hours[0], hours[-1] + HOUR + recurrence.period)
    ]
    held = [window for window in windows if bisect_left(hours, window.start) < bisect_left(hours, window.end)]
    bounded = [
        window for window in held if (start is None or start <= window.start) and (end is None or window.end <= end)
    ]
    if not bounded:
        raise NoData(
            f"{path} has captures from {hours[0].isoformat()} to {(hours[-1] + HOUR).isoformat()}, and no window of them lies "
            "between the times asked for; widen these, or leave them out"
        )
    return bounded
