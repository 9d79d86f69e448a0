"""The windows and hour folders of captures (`…/yyyy/mm/dd/hh`), and the reports that the service left of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime

from model_monitor.data.records.windows import HOUR, Window, hour_of_path
from model_monitor.documents.check_results import Violations
from model_monitor.errors import BadConfiguration, BadDocument, BadInput, NoData
from model_monitor.reports.outputs.files import CONSTRAINTS, STATISTICS, VIOLATIONS
from model_monitor.running.replay.certificate import Verdict
from model_monitor.running.scheduling.schedules import Recurrence
from model_monitor.storage import Storage, join


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


# The windows that a folder of captures holds: one for each run that the schedule would have made of it.


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


# The reports that the service left, by the hour that their runs were scheduled for.


REPORT_FILES = (VIOLATIONS, STATISTICS, CONSTRAINTS)


def reports_of(storage: Storage, path: str) -> dict[datetime, str]:
    """The folders with a report by the hour that they name, the end of their window.

    Raises BadInput if there is nothing at `path`, BadConfiguration if two folders below it name one hour.
    Source: C1.5, `<output>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`.
    """
    found: dict[datetime, str] = {}
    for hour, folder in hour_folders(storage, path):
        if not any(storage.exists(join(folder, name)) for name in REPORT_FILES):
            continue
        if hour in found:
            raise BadConfiguration(
                f"--reports {path} holds two reports of {hour:%Y-%m-%dT%HZ}, {found[hour]} and {folder}; "
                "name the folder of one schedule"
            )
        found[hour] = folder
    return found


def read_report(storage: Storage, folder: str) -> Verdict:
    """What a report says; one without a file of violations has none.

    Source: C11.7.
    """
    path = join(folder, VIOLATIONS)
    if not storage.exists(path):
        return Verdict()
    try:
        return Verdict.of(each.plain() for each in Violations.from_json(storage.read(path), path).violations)
    except (BadDocument, BadInput) as fault:
        return Verdict(failure=str(fault))
