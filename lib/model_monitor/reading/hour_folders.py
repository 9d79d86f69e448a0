"""The folders in which the records of some hours lie.

A record is delivered after it was made, so the folder of the hour after the window is read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from model_monitor.records.windows import Window
from model_monitor.storage import Storage, join

YEAR = re.compile(r"\d{4}")

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
