"""The hour folders below a path, `…/yyyy/mm/dd/hh`, as captures and reports have them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from model_monitor.data.records.windows import hour_of_path
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
