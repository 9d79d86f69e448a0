"""The times of schedules and the window of each run; the windows of a folder of captures; the one loop over windows.

`run-due` and the SDK's classes give that loop the due times of a schedule (`runs.iterate_due_times`), `backfill` and `replay`
the windows of a folder (`…/yyyy/mm/dd/hh`). Airflow doesn't use the loop: its scheduler starts a task for each window.

The service knows exactly four forms of an expression, all in UTC and on the full hour; a run at 23:00 of an hourly
schedule has the window 22:00 to 23:00. Our own schedules may have any line of crontab.

Source: C10a, C10b, C10c.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from itertools import takewhile
from typing import TypeVar

from spark_model_monitor.data.records.windows import HOUR, Window, parse_hour_of_path
from spark_model_monitor.errors import BadConfiguration, NoData
from spark_model_monitor.stopping import raise_if_stopped
from spark_model_monitor.storage import Storage, join
from spark_model_monitor.value_class import value_class

W = TypeVar("W")

NOW = "NOW"  # the expression of a schedule that runs once, at once

DAY_HOURS = 24
HOURLY = "cron(0 * ? * * *)"

_CRON = re.compile(r"cron\(0 (?P<hour>\*|\d{1,2})(?:/(?P<step>\d{1,2}))? (?:\? \* \* \*|\* \* \? \*)\)")
_EXPRESSIONS = f"{HOURLY}, cron(0 5 ? * * *) for five o'clock, cron(0 0/6 ? * * *) for every six hours, or {NOW}"
_CRONTAB_FIELDS = 5


def _iterate_times(cron: str, start: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    from cronsim import CronSim  # Airflow's processes may lack it

    return CronSim(cron, start, reverse=reverse)


@cache
def _find_first_time(cron: str) -> datetime:
    """The first time of a crontab line since 2000; cached, because the entries of a fleet share lines.

    Raises CronSimError, or StopIteration for a line such as 30 February, which is valid, and never comes.
    """
    return next(_iterate_times(cron, datetime(2000, 1, 1, tzinfo=timezone.utc)))


@value_class
class CrontabTimes:
    """The times of a crontab line, minute to day of the week, in UTC."""

    cron: str

    @classmethod
    def of(cls, text: str, where: str) -> CrontabTimes:
        """The times of a line of crontab. where: the name of the line in errors.

        Raises BadConfiguration if the text is not a line of crontab, or if its times never come.
        """
        from cronsim import CronSimError

        fields = text.split()
        cron = " ".join(fields)
        try:
            if len(fields) != _CRONTAB_FIELDS:
                raise CronSimError(f"it has {len(fields)} fields of {_CRONTAB_FIELDS}")
            _find_first_time(cron)
        except CronSimError as error:
            raise BadConfiguration(
                f"{where} is {text!r} ({error}); it has to be minute, hour, day, month and day of the week as crontab has "
                "them, such as 0 * * * * for every hour; SageMaker's cron(…) is a schedule_expression"
            ) from None
        except StopIteration:
            raise BadConfiguration(f"{where} is {text!r}, which never comes; write a day that there is") from None
        return cls(cron)

    def times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times later than `after`, up to and including `until`."""
        return takewhile(lambda time: time <= until, _iterate_times(self.cron, after.astimezone(timezone.utc)))

    def latest(self, until: datetime) -> datetime:
        """The last time up to and including `until`."""
        minute_after = until.astimezone(timezone.utc).replace(second=0, microsecond=0) + timedelta(minutes=1)
        return next(_iterate_times(self.cron, minute_after, reverse=True))

    def period(self, time: datetime) -> timedelta:
        """The distance between the last time up to `time` and the time after it."""
        latest = self.latest(time)
        return next(_iterate_times(self.cron, latest)) - latest


@value_class
class Recurrence:
    """Runs at `first_hour` of each day (0 to 23, UTC) and every `every_hours` (1 to 24) after it until the day ends."""

    first_hour: int
    every_hours: int

    @classmethod
    def of(cls, expression: str, where: str = "the schedule expression") -> Recurrence | None:
        """The recurrence of a service's expression; None for `NOW`. where: the name of the expression in errors.

        Raises BadConfiguration for any other text.
        """
        text = expression.strip()
        if text.upper() == NOW:
            return None
        match = _CRON.fullmatch(text)
        if match:
            hour = match["hour"]
            step = match["step"]
        else:
            hour = ""
            step = None
        # The service's forms: every hour, one hour of the day, or every n hours from an hour of the day on
        if match is None or (hour == "*" and step) or (hour != "*" and int(hour) >= DAY_HOURS):
            raise BadConfiguration(f"{where} is {expression!r}; the service has {_EXPRESSIONS}")
        if step is not None and not 1 <= int(step) <= DAY_HOURS:
            raise BadConfiguration(f"{where} is {expression!r}, which runs every {step} hours; write 1 to {DAY_HOURS}")
        if hour == "*":
            return cls(0, 1)
        return cls(int(hour), int(step or DAY_HOURS))

    @property
    def period(self) -> timedelta:
        """The length of a run's window."""
        return timedelta(hours=self.every_hours)

    @property
    def cron(self) -> str:
        """The recurrence as a line of crontab, minute to day of the week."""
        if self.every_hours == 1 and self.first_hour == 0:
            return "0 * * * *"
        hours = range(self.first_hour, DAY_HOURS, self.every_hours)
        return f"0 {','.join(map(str, hours))} * * *"

    def times(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """The times of the runs later than `after`, up to and including `until`."""
        return CrontabTimes(self.cron).times(after, until)


def iterate_until_stopped(windows: Iterable[W]) -> Iterator[W]:
    """The windows, one after the other. If a signal ends this process, no further window follows, and the signal's exception is
    raised.

    windows: may be a generator, which finds further windows while the caller runs one.
    """
    for window in windows:
        raise_if_stopped()
        yield window


def iterate_hour_folders(storage: Storage, path: str) -> Iterator[tuple[datetime, str]]:
    """Each hour (UTC) that a folder below `path` names, with the folder; folders sorted by name, at any depth.

    The hour folders themselves are not listed. Raises BadInput if there is nothing at `path`.
    """
    for name in storage.list_folders(path):
        folder = join(path, name)
        hour = parse_hour_of_path(join(folder, ""))
        if hour is None:
            yield from iterate_hour_folders(storage, folder)
        else:
            yield hour, folder


def list_windows(
    storage: Storage, path: str, recurrence: Recurrence, *, start: datetime | None = None, end: datetime | None = None
) -> list[Window]:
    """The windows of the schedule that contain at least one captured hour, in order.

    start, end: bounds of the windows; None if they have no bound.
    Raises BadInput if there is nothing at `path`, NoData if no folder below it names an hour between the bounds.
    """
    hours = sorted({hour for hour, _ in iterate_hour_folders(storage, path)})
    if not hours:
        raise NoData(
            f"{path} has no hour folders (…/yyyy/mm/dd/hh), so it holds no windows; name the prefix of the captures"
        )
    # Up to the first run whose window has the last hour in it
    times = recurrence.times(hours[0], hours[-1] + HOUR + recurrence.period)
    windows = (Window(time - recurrence.period, time) for time in times)
    # Binary search in the sorted hours: the two ends of a window without hours have the same index
    captured_windows = [
        window for window in windows if bisect_left(hours, window.start) < bisect_left(hours, window.end)
    ]
    captured_windows = [window for window in captured_windows if start is None or start <= window.start]
    bounded_windows = [window for window in captured_windows if end is None or window.end <= end]
    if not bounded_windows:
        raise NoData(
            f"{path} has captures from {hours[0].isoformat()} to {(hours[-1] + HOUR).isoformat()}, and no window of them lies "
            "between the times asked for; widen these, or leave them out"
        )
    return bounded_windows
