"""The one loop over many windows, and the windows that a folder of captures holds (`…/yyyy/mm/dd/hh`).

`run-due` and the SDK's classes give it the times of a schedule that are due (`scheduling.runs.due_times`), `backfill` and
`replay` the windows of a folder. Airflow has none: its scheduler starts a task for each window.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from model_monitor.data.records.windows import HOUR, Window, hour_of_path
from model_monitor.errors import NoData
from model_monitor.running.scheduling.schedules import Recurrence
from model_monitor.storage import Storage, join

W = TypeVar("W")
R = TypeVar("R")


def run_windows(
    windows: Iterable[W], run: Callable[[W], R], *, ends_all: Callable[[R], bool] = lambda result: False
) -> Iterator[tuple[W, R]]:
    """Each window with what came of its run, when that has ended, one after the other.

    windows: may be found while others run. run: runs one. ends_all: whether what came of a run would come of all others, too:
    then none of them is run.
    """
    for window in windows:
        result = run(window)
        yield window, result
        if ends_all(result):
            return


def hour_folders(storage: Storage, path: str) -> Iterator[tuple[datetime, str]]:
    """Each hour (UTC) that a folder below `path` names, with the folder; folders by their names, at any depth.

    Hours themselves are not listed. Raises BadInput if there is nothing at `path`.
    """
    for name in storage.list_folders(path):
        folder = join(path, name)
        hour = hour_of_path(join(folder, ""))
        if hour is None:
            yield from hour_folders(storage, folder)
        else:
            yield hour, folder


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
