"""The hour folders below a path, `…/yyyy/mm/dd/hh`, as captures and reports have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone

from model_monitor.storage import Storage, join

_YEAR = re.compile(r"\d{4}")
_LOWER_LEVEL = re.compile(r"\d{2}")
_LOWER_LEVELS = 3  # month, day, hour


def hour_folders(storage: Storage, path: str) -> Iterator[tuple[datetime, str]]:
    """Each hour (UTC) that a folder at or below `path` names, with the folder; folders by their names, at any depth.

    Hours themselves are not listed. Raises BadInput if there is nothing at `path`.
    """
    for name in storage.list_folders(path):
        folder = join(path, name)
        if _YEAR.fullmatch(name):
            yield from _hours_of(storage, folder, (name,))
        else:
            yield from hour_folders(storage, folder)


def _hours_of(storage: Storage, folder: str, parts: tuple[str, ...]) -> Iterator[tuple[datetime, str]]:
    if len(parts) > _LOWER_LEVELS:
        hour = _hour(parts)
        if hour is not None:
            yield hour, folder
        return
    for name in storage.list_folders(folder):
        if _LOWER_LEVEL.fullmatch(name):
            yield from _hours_of(storage, join(folder, name), (*parts, name))


def _hour(parts: tuple[str, ...]) -> datetime | None:
    try:
        year, month, day, hour = map(int, parts)
        return datetime(year, month, day, hour, tzinfo=timezone.utc)
    except ValueError:  # 2022/13/01/00
        return None
