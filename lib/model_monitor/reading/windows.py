"""The hours that a run looks at, and the folders in which their records lie.

A record is delivered after it was made, so the folder of the hour after the window is read as well, and every record is
judged by its own time. Pure, but for listing folders through a storage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from model_monitor.errors import BadConfiguration
from model_monitor.storage import Storage, join

HOUR = timedelta(hours=1)

YEAR = re.compile(r"\d{4}")

TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-](?:0\d|1[0-7]):[0-5]\d)?", re.ASCII
)
"""What a captured time looks like. Spark's own cast would take `12:30` for today and `2022` for New Year's Day."""

HOUR_FOLDER = r".*/(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]*"
"""A file's path that names its hour: `…/2022/04/18/00/48-871-0b7b.jsonl`."""


@dataclass(frozen=True, slots=True)
class Window:
    """The times from `start` up to, but without, `end`; both aware, UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise BadConfiguration(
                f"the window {self.start} to {self.end} has no time zone; write 2026-01-31T22:00:00Z"
            )
        if not self.start < self.end:
            raise BadConfiguration(
                f"the window begins at {self.start.isoformat()} and ends at {self.end.isoformat()}; "
                "the start has to be before the end"
            )

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def hours(self, *, later: int = 0) -> Iterator[datetime]:
        """The beginnings of the hours that the window touches, and of so many `later` ones."""
        hour = self.start.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
        while hour < self.end + later * HOUR:
            yield hour
            hour += HOUR

    def whole_hours(self) -> list[datetime]:
        """The beginnings of the hours that lie within the window from their first to their last second."""
        return [hour for hour in self.hours() if hour >= self.start and hour + HOUR <= self.end]


def parse_time(text: str) -> datetime | None:
    """A captured time in UTC, or None if it isn't one. Without a zone it is UTC; digits below microseconds are cut off."""
    found = TIME.fullmatch(text)
    if found is None:
        return None
    *numbers, fraction, zone = found.groups()
    try:
        time = datetime(*(int(number) for number in numbers), tzinfo=_zone(zone))  # type: ignore[misc, arg-type]
        return time.astimezone(timezone.utc) + timedelta(microseconds=int((fraction or "").ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return timezone.utc
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def hour_of_path(path: str) -> datetime | None:
    """The hour that a file's folder names, None if it names none."""
    found = re.fullmatch(HOUR_FOLDER, path, re.ASCII)
    if found is None:
        return None
    try:
        year, month, day, hour = (int(part) for part in found.groups())
        return datetime(year, month, day, hour, tzinfo=timezone.utc)
    except ValueError:
        return None


BESIDE_MERGED = ("pending", "quarantine", "metrics")
PUBLISHED = "_current.json"
"""Folders that a merge leaves beside the hours of its output, and the file by which an output of ours is known."""


def record_folders(storage: Storage, path: str) -> list[str]:
    """What of `path` holds records: all of it, but of a merge's output its documents and its state don't.

    Raises BadInput if there is nothing at `path`.
    """
    beside = _beside(storage, path)
    return [join(path, name) for name in storage.list_folders(path) if name not in beside] if beside else [path]


def folders_of(storage: Storage, path: str, window: Window, *, later: int = 1) -> list[str]:
    """The folders at or below `path` in which the window's records lie, sorted; as `folders_of_hours`.

    later: how many hours after the window are taken, too.
    """
    return folders_of_hours(storage, path, window.hours(later=later))


def folders_of_hours(storage: Storage, path: str, hours: Iterable[datetime]) -> list[str]:
    """The folders at or below `path` in which the records of some hours lie, sorted.

    Below a folder with years only the hours asked for are looked at, level by level; a folder without them is taken as it
    is, as a mounted hour is.

    Raises BadInput if there is nothing at `path`.
    """
    wanted = {hour.strftime("%Y/%m/%d/%H") for hour in hours}
    return sorted(_below(storage, path, wanted, ignoring=_beside(storage, path)))


def _beside(storage: Storage, path: str) -> tuple[str, ...]:
    return BESIDE_MERGED if storage.exists(join(path, PUBLISHED)) else ()


def _below(storage: Storage, path: str, wanted: set[str], *, ignoring: tuple[str, ...] = ()) -> list[str]:
    names = [name for name in storage.list_folders(path) if name not in ignoring]
    if any(YEAR.fullmatch(name) for name in names):
        return list(_hours_below(storage, path, names, wanted))
    inner = [(join(path, name), _below(storage, join(path, name), wanted)) for name in names]
    if all(found == [folder] for folder, found in inner):
        return [path]  # no years anywhere below
    return [folder for _, found in inner for folder in found]


def _hours_below(storage: Storage, path: str, names: list[str], wanted: set[str]) -> Iterator[str]:
    """Folders of wanted hours: year, month, day and hour, each level listed only where the one above it is wanted."""
    for name in names:
        rest = {hour.partition("/")[2] for hour in wanted if hour.partition("/")[0] == name}
        if rest == {""}:
            yield join(path, name)
        elif rest:
            folder = join(path, name)
            yield from _hours_below(storage, folder, storage.list_folders(folder), rest)
