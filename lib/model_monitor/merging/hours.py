"""The hours that a merge works in, and where each of them lies: `<branch>/yyyy/mm/dd/hh/`.

An hour is a whole number, the hours since 1970 in UTC. A branch is what stands before the hour in the path of the captures,
`<endpoint>/<variant>` as a rule, and the same in the output. Pure.

Source: C1.5, C6.3, C11f.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid5

from model_monitor.storage import join

SECONDS = 3600

PARTS = UUID("6f2d2b0e-6f2c-5a3e-9c56-3f0f7a1f2f4b")
"""Namespace of the uuids in the names of merged files."""

HOUR_PATH = re.compile(r"(?:(.*)/)?(\d{4})/(\d\d)/(\d\d)/(\d\d)(?:/.*)?", re.ASCII)
"""A folder that names an hour, and what is above it."""


@dataclass(frozen=True, slots=True, order=True)
class HourFolder:
    """One hour of one branch."""

    branch: str
    hour: int

    @property
    def path(self) -> str:
        """Its folder, relative to the captures or to the output."""
        day = moment_of(self.hour).strftime("%Y/%m/%d/%H")
        return join(self.branch, day) if self.branch else day

    @property
    def part(self) -> str:
        """The name of its merged file: the same in every run, so that a run replaces what an earlier one wrote."""
        return f"part-00000-{uuid5(PARTS, self.path)}.c000.jsonl"

    @property
    def state(self) -> str:
        """The path of its ids, relative to the folder of all of them."""
        hour = moment_of(self.hour).strftime("%Y-%m-%dT%H.jsonl")
        return join(self.branch, hour) if self.branch else hour

    @classmethod
    def of_state(cls, path: str) -> HourFolder | None:
        """The hour whose `state` is this path; None if it is none's."""
        branch, _, name = path.rpartition("/")
        try:
            found = cls(branch, hour_of(datetime.strptime(name, "%Y-%m-%dT%H.jsonl").replace(tzinfo=timezone.utc)))
        except ValueError:
            return None
        return found if found.state == path else None


def hour_of(time: datetime) -> int:
    """The hour that holds a time."""
    return int(time.timestamp()) // SECONDS


def hours_of(period: timedelta) -> int:
    """So many whole hours hold a period."""
    return -(-int(period.total_seconds()) // SECONDS)


def moment_of(hour: int) -> datetime:
    """The beginning of an hour."""
    return datetime.fromtimestamp(hour * SECONDS, timezone.utc)


def text_of(hour: int) -> str:
    """The beginning of an hour as documents have it."""
    return moment_of(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def placed(folder: str, root: str) -> tuple[str, int | None]:
    """Branch and hour of a folder at or below `root`; the hour is None if neither of them names one."""
    below = folder.removeprefix(root).strip("/")
    found = HOUR_PATH.fullmatch(below)
    if found is not None:
        return found[1] or "", _hour(found)
    mounted = HOUR_PATH.fullmatch(folder)
    return (below, None) if mounted is None else ("", _hour(mounted))


def _hour(found: re.Match[str]) -> int | None:
    try:
        return hour_of(datetime(*(int(part) for part in found.groups()[1:]), tzinfo=timezone.utc))  # type: ignore[misc, arg-type]
    except ValueError:
        return None
