"""The hours that a merge works in, where each of them lies, where its lines are staged, and where a reply has its score. Pure.

Hours are counted since 1970.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from model_monitor.data.records.decoding import CSV
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


# Where in a model's reply its score is. A path into CSV is the index of a cell, into JSON the names of members.


STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Score:
    """The cell `0`, or the member `predictions[0].score`, of a reply's first row."""

    attribute: str = "0"

    def of_reply(self, data: str | None, encoding: str | None) -> str | None:
        """The score as text; None if the reply has none there."""
        row = re.split("[\r\n]", (data or "").strip(" "), maxsplit=1)[0]
        if (encoding or "").upper() == CSV:
            return self._cell_of(row.split(","))
        return self._member_of(row)

    def _cell_of(self, cells: list[str]) -> str | None:
        place = int(self.attribute) if self.attribute.isdecimal() else len(cells)
        return cells[place].strip(" ") if place < len(cells) else None

    def _member_of(self, row: str) -> str | None:
        try:
            found = json.loads(row, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return None
        path = f"[{self.attribute}]" if self.attribute.isdecimal() else self.attribute
        for name, index in STEP.findall(path):
            found = _inside(found, int(index) if index else name)
        return found if found is None or isinstance(found, str) else json.dumps(found)


def _inside(value: Any, step: int | str) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, dict) else None
    return value[step] if isinstance(value, list) and step < len(value) else None


# The folders that staged lines are written to: one for each kind of line, hour, branch and slice of the hour, by
# one number.


PART = "part"
"""Name of the folders, `part=45504003`."""


class Kind(IntEnum):
    """What a staged line is: a merged record; the id of a capture that has a label, has the label that says that none came,
    or waits; what was counted of a bucket."""

    MERGED = 0
    LABELLED = 1
    ABSENT = 2
    WAITING = 3
    COUNTS = 4


ID_KINDS = (Kind.LABELLED, Kind.ABSENT, Kind.WAITING)


@dataclass(frozen=True, slots=True)
class Parts:
    """How the numbers are made. branches: by their own numbers. slices: how many an hour is cut into, by time."""

    branches: tuple[str, ...]
    slices: int

    def numbers(
        self, kind: Kind, branches: NDArray[np.integer[Any]], hours: NDArray[np.int64], seconds: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The numbers of lines of a kind, shape (lines,). seconds: within the hour; those of neighbouring hours go to the first
        or the last slice."""
        slices = np.clip(seconds, 0, SECONDS - 1) * self.slices // SECONDS
        numbers: NDArray[np.int64] = ((hours * len(self.branches) + branches) * len(Kind) + kind) * self.slices + slices
        return numbers

    @property
    def of_counts(self) -> int:
        """The number of lines that are in no hour."""
        return int(Kind.COUNTS) * self.slices

    def read(self, number: int) -> tuple[Kind, HourFolder, int]:
        """Kind, hour and slice of a number."""
        rest, slice_ = divmod(number, self.slices)
        rest, kind = divmod(rest, len(Kind))
        hour, branch = divmod(rest, len(self.branches))
        return Kind(kind), HourFolder(self.branches[branch], hour), slice_
