"""Time windows of runs, and the ids in a sample. Pure; standard library only, since DAGs import this module."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from spark_model_monitor.errors import BadConfiguration

HOUR = timedelta(hours=1)
A_MOMENT = timedelta(microseconds=1)  # subtracted from a window's end, which isn't part of the window
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

HOUR_NAME = "%Y/%m/%d/%H"  # the name of an hour's folder, or of a run's folder by its time (C1.5)
FOLDER_BY_TIME = (
    "it has to be a folder below output_path, by letters of strftime that mean the same everywhere, such as "
    f"{HOUR_NAME}; write %% for a percent sign"
)
"""The remedy for a wrong output_folder."""

TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?:[Zz]|([+-](?:0\d|1[0-7]))(?::?([0-5]\d))?)?", re.ASCII
)
"""The format of captured times. Spark's own cast would read `12:30` as today and `2022` as New Year's Day."""

HOUR_FOLDER = r".*/(\d{4})/(\d\d)/(\d\d)/(\d\d)/[^/]*"
"""A file path that contains its hour: `…/2022/04/18/00/48-871-0b7b.jsonl`."""

HASHES = 2**32  # number of values of CRC-32


@dataclass(frozen=True, slots=True)
class Window:
    """A time span from `start` (included) to `end` (excluded).

    Parameters
    ----------
    start, end : datetime.datetime
        Both with a time zone.

    Raises
    ------
    BadConfiguration
        If one of them has no time zone, or if the end is not after the start.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> from spark_model_monitor import Window
    >>> hour = Window(datetime(2026, 1, 31, 22, tzinfo=timezone.utc), datetime(2026, 1, 31, 23, tzinfo=timezone.utc))
    >>> datetime(2026, 1, 31, 23, tzinfo=timezone.utc) in hour
    False
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if not all(isinstance(time, datetime) and time.tzinfo for time in (self.start, self.end)):
            raise BadConfiguration(
                f"the window {self.start!r} to {self.end!r} has no time zone, or is not of times; write "
                "datetime(2026, 1, 31, 22, tzinfo=timezone.utc)"
            )
        if not self.start < self.end:
            raise BadConfiguration(
                f"the window begins at {self.start.isoformat()} and ends at {self.end.isoformat()}; "
                "the start has to be before the end"
            )

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def may_contain_folder(self, path: str) -> bool:
        """Whether a file's folder isn't that of an hour outside the window."""
        hour = parse_hour_of_path(path)
        return hour is None or self.start - HOUR < hour < self.end

    def hours(self, *, later: int = 0) -> Iterator[datetime]:
        """The starts of the hours that the window touches, and of `later` further hours."""
        # The folders of captures are named by hours in UTC
        hour = self.start.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
        while hour < self.end + later * HOUR:
            yield hour
            hour += HOUR


def parse_time(text: str) -> datetime | None:
    """A captured time in UTC, or None if invalid. The default zone is UTC; digits below microseconds are cut off."""
    match = TIME.fullmatch(text)
    if match is None:
        return None
    second, fraction, hours, minutes = match.groups(default="")
    # Python 3.10 reads zones only as +01:00, and fractions only of three or six digits
    try:
        time = datetime.fromisoformat(f"{second}{hours or '+00'}:{minutes or '00'}").astimezone(timezone.utc)
        return time + timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
    except (ValueError, OverflowError):
        return None


def read_time(value: date | float | str) -> datetime:
    """A time from boto3, the command line of AWS or a user; without a time zone it is UTC. Raises ValueError for other texts."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, timezone.utc)
    # Python below 3.11 doesn't read the Z of ISO 8601
    time = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def count_microseconds(time: datetime) -> int:
    """A time in microseconds since 1970."""
    return (time - EPOCH) // A_MOMENT


def convert_microseconds(microseconds: int) -> datetime:
    """The time that is this number of microseconds after the beginning of 1970."""
    return EPOCH + microseconds * A_MOMENT


def format_duration(span: timedelta) -> str:
    """A time span in ISO 8601: `PT3600S`."""
    seconds = round(span.total_seconds())
    if seconds < 0:
        return f"-PT{-seconds}S"
    return f"PT{seconds}S"


def parse_hour_of_path(path: str) -> datetime | None:
    """The hour that a file's folders are named by; None if they name no hour."""
    match = re.fullmatch(HOUR_FOLDER, path, re.ASCII)
    if match is None:
        return None
    try:
        # Folders such as 2026/13/45/99 aren't an hour
        year, month, day, hour = (int(part) for part in match.groups())
        return datetime(year, month, day, hour, tzinfo=timezone.utc)
    except ValueError:
        return None


def is_sampled(event_id: bytes, fraction: float) -> bool:
    """Whether an id is in the sample: its CRC-32 is below `fraction` of the largest value."""
    return zlib.crc32(event_id) < round(fraction * HASHES)
