"""Staged hours put in their places in the output: one object an hour, under a name that never changes.

An hour's records are replaced by one file put in place of another, so that a reader, or a crash, finds the old ones or the
new ones. Hours that come out as they were are left alone, to the byte and to the time of modification.
Source: C6.3; P21.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection

from model_monitor.data.reading.ledger import COVERAGE, MERGED_PART
from model_monitor.merging.hours import HourFolder
from model_monitor.merging.staging import StagedHours
from model_monitor.storage import Storage, join

log = logging.getLogger(__name__)


def place_hours(staged: StagedHours, hours: Collection[HourFolder], output_path: str, storage: Storage) -> int:
    """Put the merged records of these hours in place, and say how many of them have changed.

    Raises OutputFailed if one can't be written; those before it are in place then, and a rerun goes on.
    """
    return sum(_place(staged, hour, output_path, storage) for hour in sorted(hours))


def _place(staged: StagedHours, hour: HourFolder, output_path: str, storage: Storage) -> bool:
    folder = join(output_path, hour.path)
    target = join(folder, hour.part)
    files = staged.merged.get(hour)
    changed = storage.assemble(files, target) if files else storage.exists(target)
    for path in _parts_in(folder, storage):
        name = path.rpartition("/")[2]
        if name != hour.part or not files:
            log.info("removing %s: the hour's records are in %s", path, hour.part if files else "none any more")
            storage.delete(path)
    path, content = join(folder, COVERAGE), (json.dumps(staged.hours[hour].to_json_dict()) + "\n").encode()
    if not storage.exists(path) or storage.read(path) != content:
        storage.write(path, content)
    return changed


def _parts_in(folder: str, storage: Storage) -> list[str]:
    """The merged files of an hour's folder, whoever wrote them."""
    if not storage.exists(folder):
        return []
    return [file.path for file in storage.list_files(folder) if MERGED_PART.fullmatch(file.path.rpartition("/")[2])]
