"""The files of a data set, the folders of its hours, and which file it was that changed or could not be read."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import PurePosixPath
from typing import TypeAlias

from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.ledger import Coverage
from model_monitor.data.records.windows import HOUR, Window, hour_of_path
from model_monitor.errors import NO_DATA, BadInput, MonitorError, NoData
from model_monitor.storage import Storage, StoredFile, is_local, join

CUT_SHORT = "is cut short or damaged, it can't be decompressed to its end; copy it again"

YEAR, ABOVE_HOURS = re.compile(r"\d{4}"), re.compile(r"\d{4}(/\d\d){0,2}", re.ASCII)
HOUR_NAME = "%Y/%m/%d/%H"
Wanted: TypeAlias = Callable[[str], bool]
"""Whether a folder such as 2026, 2026/01 or 2026/01/31/22 has hours that are asked for."""

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

    later: how many hours after the window are taken, too. However long it is, it costs what is there.
    """
    first, end = next(window.hours()), window.end + later * HOUR
    bounds = [time.astimezone(timezone.utc).strftime(HOUR_NAME) for time in (first, end - timedelta(microseconds=1))]

    def is_wanted(name: str) -> bool:
        hour = hour_of_path(f"/{name}/")
        if hour is not None:
            return first <= hour < end
        return bool(ABOVE_HOURS.fullmatch(name)) and bounds[0][: len(name)] <= name <= bounds[1][: len(name)]

    return _wanted_below(storage, path, is_wanted)


def folders_of_hours(storage: Storage, path: str, hours: Iterable[datetime]) -> list[str]:
    """The folders at or below `path` in which the records of some hours lie, sorted.

    Below a folder with years only the hours asked for are looked at, level by level; a folder without them is taken as it
    is, as a mounted hour is.

    Raises BadInput if there is nothing at `path`.
    """
    names = {hour.strftime(HOUR_NAME) for hour in hours}
    return _wanted_below(storage, path, {name[:end] for name in names for end in (4, 7, 10, 13)}.__contains__)


def _wanted_below(storage: Storage, path: str, is_wanted: Wanted) -> list[str]:
    return sorted(_below(storage, path, is_wanted, ignoring=_beside(storage, path)))


def _beside(storage: Storage, path: str) -> tuple[str, ...]:
    return BESIDE_MERGED if storage.exists(join(path, PUBLISHED)) else ()


def _below(storage: Storage, path: str, is_wanted: Wanted, *, ignoring: tuple[str, ...] = ()) -> list[str]:
    names = [name for name in storage.list_folders(path) if name not in ignoring]
    if any(YEAR.fullmatch(name) for name in names):
        return [folder for name in names for folder in _hours_below(storage, join(path, name), name, is_wanted)]
    inner = [(join(path, name), _below(storage, join(path, name), is_wanted)) for name in names]
    if all(found == [folder] for folder, found in inner):
        return [path]  # no years anywhere below
    return [folder for _, found in inner for folder in found]


def _hours_below(storage: Storage, folder: str, name: str, is_wanted: Wanted) -> Iterator[str]:
    """Folders of wanted hours at or below one of a year, month, day or hour; each is listed only if it is wanted."""
    if not is_wanted(name):
        return
    if name.count("/") == HOUR_NAME.count("/"):
        yield folder
        return
    for inner in storage.list_folders(folder):
        yield from _hours_below(storage, join(folder, inner), f"{name}/{inner}", is_wanted)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a data set, sorted by path; empty and hidden ones are left out. folders: what of `path` is read.

    coverage: of merged records, how many of the captures of their hours have a label.
    """

    path: str
    files: tuple[StoredFile, ...]
    folders: tuple[str, ...] = ()
    coverage: Coverage | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """What is read: the folders, or all of the path."""
        return self.folders or (self.path,)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def has_partition_folders(self) -> bool:
        """Whether files lie in folders like `day=2026-01-01`, which Spark reads as columns."""
        return any("=" in part for file in self.files for part in PurePosixPath(file.path).parts[:-1])

    def partitions_at_most(self, engine: Engine, partition_bytes: int | None, *, in_order: bool = False) -> int | None:
        """An upper bound of the partitions that are made of the files, of at most so many bytes each; None if that isn't known.

        in_order: whether they are read in their order, which takes one partition.
        """
        if in_order:
            return 1
        if not partition_bytes:
            return None
        return engine.partitions_at_most((file.size_bytes for file in self.files), partition_bytes)


Places: TypeAlias = "str | tuple[str, ...]"  # a path, or several


def list_dataset(engine: Engine, path: Places) -> Listing:
    """The files at or below `path`, a glob of this machine's files, or several paths.

    Raises BadInput if there is no such path, NoData if no file there holds a byte.
    """
    places = [found for place in places_of(path) for found in _matching(place)]
    storage = engine.storage(places[0])
    files = tuple(file for place in places for file in storage.list_files(place) if file.size_bytes)
    if not files:
        raise NoData(f"{NO_DATA}: {', '.join(places)} has no file that is neither hidden nor empty")
    if places == [path]:
        return Listing(storage.resolved(places[0]), files)
    files = tuple(sorted(set(files)))
    return Listing(storage.resolved(places[0]), files, tuple(file.path for file in files))


def places_of(path: Places) -> tuple[str, ...]:
    """One path, or several."""
    return (path,) if isinstance(path, str) else path


def _matching(place: str) -> list[str]:
    if not glob.has_magic(place) or not is_local(place) or os.path.exists(place):
        return [place]
    return sorted(glob.glob(place, recursive=True)) or [place]


log = logging.getLogger(__name__)

Change = tuple[StoredFile, int | None]  # a file as it was listed, and its bytes now; None if it has gone


@contextmanager
def faulty_files_named(engine: Engine, *listings: Listing) -> Iterator[None]:
    """If what is done with the files fails, they are listed again, and every compressed one is read once more on its own.

    Raises BadInput if one of them has changed or can't be decompressed; any other failure as it came.
    """
    try:
        yield
    except Exception as fault:
        changes: list[Change] = []
        with suppress(Exception):  # where the store itself is away, the fault says so
            changes = _changes(engine, listings)
        is_told = isinstance(fault, MonitorError)
        if changes and not (is_told and all(map(_has_only_grown, changes))):
            raise BadInput(_told(changes, listings)) from fault
        if is_told:
            raise
        for file in _files(listings):
            if file.is_compressed and not engine.is_readable(file.path):
                raise BadInput(f"{file.path}: {CUT_SHORT}") from fault
        raise


def require_unchanged(engine: Engine, *listings: Listing, may_grow: bool = True) -> None:
    """Require that the files are those that were listed. may_grow: whether text that was appended is only warned of.

    Raises BadInput if a file has gone or its size is another: some of its rows may have been read and others not.
    """
    changes = _changes(engine, listings)
    if not changes:
        return
    if not may_grow or not all(map(_has_only_grown, changes)):
        raise BadInput(_told(changes, listings))
    files = len(list(_files(listings)))
    log.warning(
        "%d of %d files grew while they were read, such as %s; run again for what was added",
        *(len(changes), files, changes[0][0].path),
    )


def _has_only_grown(change: Change) -> bool:
    file, size = change
    return size is not None and size > file.size_bytes and not file.is_compressed


def _changes(engine: Engine, listings: Iterable[Listing]) -> list[Change]:
    found: list[Change] = []
    for listing in listings:
        if listing.files:
            storage = engine.storage(listing.path)
            sizes = {file.path: file.size_bytes for place in listing.places for file in _listed(storage, place)}
            found += ((file, sizes.get(file.path)) for file in listing.files if sizes.get(file.path) != file.size_bytes)
    return found


def _listed(storage: Storage, place: str) -> list[StoredFile]:
    try:
        return storage.list_files(place)
    except BadInput:
        if storage.exists(place):
            raise
        return []


def _told(changes: list[Change], listings: Iterable[Listing]) -> str:
    # One that has lost rows is named before one that has only more of them.
    file, size = min(changes, key=_has_only_grown)
    now = "is gone" if size is None else f"has {size:,} now"
    others = f"; {len(changes)} of {len(list(_files(listings)))} files changed" if len(changes) > 1 else ""
    return (
        f"{file.path}: had {file.size_bytes:,} bytes when it was listed and {now}{others}; run again when nothing "
        "writes or deletes there"
    )


def _files(listings: Iterable[Listing]) -> Iterator[StoredFile]:
    return (file for listing in listings for file in listing.files)
