"""Lists the files of a data set and the folders of its hours, and identifies files that changed or can't be read."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.ledger import Coverage, LongLine
from spark_model_monitor.data.records.windows import A_MOMENT, HOUR, HOUR_NAME, Window, parse_hour_of_path
from spark_model_monitor.errors import NO_DATA, BadInput, InputUnavailable, MonitorError, NoData
from spark_model_monitor.storage import Storage, StoredFile, is_local, join, local_path
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.request_logs.capture_folder import CaptureFolder

CUT_SHORT = "is cut short or damaged, it can't be decompressed to its end; copy it again"

YEAR = re.compile(r"\d{4}")
FIRST_HOUR = "/01/01/00"
"""With its end, the name of a year, month or day becomes that of its first hour."""

IsRequested: TypeAlias = Callable[[str], bool]
"""Whether a folder such as 2026, 2026/01 or 2026/01/31/22 has requested hours."""

BESIDE_MERGED = ("pending", "quarantine", "metrics")
"""Folders that a merge writes next to the hours of its output."""

PUBLISHED = "_current.json"  # the file that identifies the output of a merge


_FOLLOWS_LINKS: ContextVar[bool] = ContextVar("follows_links", default=False)

log = logging.getLogger(__name__)

PathOrPaths: TypeAlias = "str | tuple[str, ...]"  # a path, or several
Change = tuple[StoredFile, int | None]  # a listed file, and its current size; None if it was deleted


@contextmanager
def allow_outside_links(is_requested: bool) -> Iterator[None]:
    """Within this context, links below a data set's path may lead out of it, if this or an outer context requests it."""
    token = _FOLLOWS_LINKS.set(is_requested or _FOLLOWS_LINKS.get())
    try:
        yield
    finally:
        _FOLLOWS_LINKS.reset(token)


def require_within(path: str, names: Iterable[str]) -> None:
    """Check that no link below a path leads out of it: otherwise anyone who can write there could have any file read.

    path: as the user gave it; it may itself contain links. names: paths of files and folders below it.
    Raises BadInput for the first name behind another link, unless links are followed.
    """
    if _FOLLOWS_LINKS.get() or not is_local(path):
        return
    root = str(local_path(path))
    # The root of a pattern is its last folder without wildcards
    while glob.has_magic(root) and not os.path.exists(root):
        root = os.path.dirname(root) or "."
    root = os.path.realpath(root)
    # A path of one file may be a link, since the user named it
    if os.path.isfile(root):
        return
    names_by_location: dict[str, str] = {}
    for name in (str(local_path(name)) for name in names):
        names_by_location.setdefault(os.path.dirname(name), name)
        if os.path.islink(name):
            names_by_location[name] = name
    for location, name in names_by_location.items():
        if os.path.commonpath((root, os.path.realpath(location))) != root:
            raise BadInput(
                f"{name}: is behind a link that leads out of {path}; remove the link, or if you trust whoever made it, write "
                "--follow-links (in Python read_data(…, follow_links=True))"
            )


def list_record_folders(storage: Storage, path: str) -> list[str]:
    """The folders of `path` with records: `path` itself, or a merge's output without its documents and state.

    Raises BadInput if nothing exists at `path`.
    """
    not_hours = _find_folders_without_hours(storage, path)
    if not_hours:
        return [join(path, name) for name in _list_folders(storage, path) if name not in not_hours]
    return [path]


def list_window_folders(storage: Storage, path: str, window: Window, *, later: int = 1) -> list[str]:
    """The folders at or below `path` with the window's records, sorted. Raises as `list_hour_folders`.

    later: number of hours after the window to include. The cost depends on the existing folders, not on the window.
    """
    first = next(window.hours())
    end = window.end + later * HOUR
    # Names such as 2026/01 sort like times, so they are compared with the beginnings of the first and last hour's names
    bounds = [time.astimezone(timezone.utc).strftime(HOUR_NAME) for time in (first, end - A_MOMENT)]

    def is_requested(name: str) -> bool:
        return bounds[0][: len(name)] <= name <= bounds[1][: len(name)]

    return _list_requested_below(storage, path, is_requested)


def list_hour_folders(storage: Storage, path: str, hours: Iterable[datetime]) -> list[str]:
    """The folders at or below `path` with the records of some hours, sorted.

    Below a folder with years, only the requested hours are listed, level by level; a folder without years is taken as
    it is, like a mounted hour.

    Raises BadInput if nothing exists at `path`.
    """
    # The names of the hours' years, months, days and hours: 4, 7, 10 and 13 characters
    names = {hour.strftime(HOUR_NAME) for hour in hours}
    return _list_requested_below(storage, path, {name[:end] for name in names for end in (4, 7, 10, 13)}.__contains__)


@contextmanager
def _expect_late_data() -> Iterator[None]:
    """Turns BadInput into InputUnavailable: a missing path may appear later, since an hour's records may be late."""
    try:
        yield
    except BadInput as fault:
        raise InputUnavailable(str(fault)) from fault


def _list_folders(storage: Storage, path: str) -> list[str]:
    with _expect_late_data():
        return storage.list_folders(path)


def _list_requested_below(storage: Storage, path: str, is_requested: IsRequested) -> list[str]:
    return sorted(_list_below(storage, path, is_requested, ignoring=_find_folders_without_hours(storage, path)))


def _find_folders_without_hours(storage: Storage, path: str) -> tuple[str, ...]:
    if storage.exists(join(path, PUBLISHED)):
        return BESIDE_MERGED
    return ()


def _list_below(storage: Storage, path: str, is_requested: IsRequested, *, ignoring: tuple[str, ...] = ()) -> list[str]:
    names = [name for name in _list_folders(storage, path) if name not in ignoring]
    # If this folder has no years, they may be further below, as with variants of an endpoint
    if any(YEAR.fullmatch(name) for name in names):
        return [folder for name in names for folder in _list_hours_below(storage, join(path, name), name, is_requested)]
    inner = [(join(path, name), _list_below(storage, join(path, name), is_requested)) for name in names]
    if all(inner_folders == [folder] for folder, inner_folders in inner):
        return [path]  # no years anywhere below
    return [folder for _, inner_folders in inner for folder in inner_folders]


def _list_hours_below(storage: Storage, folder: str, name: str, is_requested: IsRequested) -> Iterator[str]:
    """Folders of requested hours at or below the folder of a year, month, day or hour; lists requested folders only.

    A folder of numbers that are no such time, as of 31 April, is named in a warning.
    """
    if parse_hour_of_path(f"/{name}{FIRST_HOUR[3 * name.count('/') :]}/") is None:
        if name.replace("/", "").isdecimal():
            log.warning("%s is named by a time that doesn't exist, so no window reads it; rename it", folder)
        return
    if not is_requested(name):
        return
    # The folder of an hour is read as a whole, whatever is in it
    if name.count("/") == HOUR_NAME.count("/"):
        yield folder
        return
    for inner in storage.list_folders(folder):
        yield from _list_hours_below(storage, join(folder, inner), f"{name}/{inner}", is_requested)


@value_class
class Listing:
    """The files of a data set.

    path: the path that was listed.
    files: the files, sorted by path, without empty and hidden files.
    folders: the folders below `path` to read; empty if all of `path` is read.
    coverage: for merged records, how many captures of their hours have a label.
    request_log: the request log that the files were made from; the files exist for the length of a run.
    window: the times of the captures that are read; the files of the next hour may have some of them.
    """

    path: str
    files: tuple[StoredFile, ...]
    folders: tuple[str, ...] = ()
    coverage: Coverage | None = None
    request_log: CaptureFolder | None = None
    window: Window | None = None

    @property
    def sources(self) -> tuple[StoredFile, ...]:
        """The user's files: the files of the request log if the listed files were made from one, otherwise the listed files."""
        if self.request_log is None:
            return self.files
        return self.request_log.files

    @property
    def long_lines_of_log(self) -> tuple[LongLine, ...]:
        """The lines of the request log that are too long to read."""
        if self.request_log is None:
            return ()
        return self.request_log.long_lines

    @property
    def paths_to_read(self) -> tuple[str, ...]:
        """The paths to read: the folders, or the whole path."""
        return self.folders or (self.path,)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def has_partition_folders(self) -> bool:
        """Whether files lie in folders like `day=2026-01-01` below the path, which Spark reads as columns."""
        folders = (PurePosixPath(file.path.removeprefix(self.path)).parts[:-1] for file in self.files)
        return any("=" in folder for names in folders for folder in names)

    @property
    def partition_names(self) -> frozenset[str]:
        """The columns that folder names at any depth stand for: `day` for `day=2026-01-01`."""
        parts = {part for file in self.files for part in PurePosixPath(file.path).parts[:-1] if "=" in part}
        return frozenset(part.partition("=")[0] for part in parts)

    def max_partition_count(self, engine: Engine, partition_bytes: int | None, *, in_order: bool = False) -> int | None:
        """An upper bound on the number of partitions, of at most `partition_bytes` each; None if unknown.

        in_order: whether the files are read in order, which needs one partition.
        """
        if in_order:
            return 1
        if not partition_bytes:
            return None
        return engine.max_partition_count((file.size_bytes for file in self.files), partition_bytes)


def list_dataset(engine: Engine, path: PathOrPaths) -> Listing:
    """The files at or below `path`, which may be a glob of local files, or several paths.

    Raises InputUnavailable if a path doesn't exist, NoData if all files are empty.
    """
    storage = engine.storage(list_paths(path)[0])
    paths: list[str] = []
    files: tuple[StoredFile, ...] = ()
    for given_path in list_paths(path):
        matching_paths = _expand_glob(given_path)
        # Empty files hold no record
        with _expect_late_data():
            stored_files = [file for location in matching_paths for file in storage.list_files(location)]
        nonempty_files = tuple(file for file in stored_files if file.size_bytes)
        require_within(given_path, (file.path for file in nonempty_files))
        paths += matching_paths
        files += nonempty_files
    if not files:
        raise NoData(f"{NO_DATA}: {', '.join(paths)} has no file that is neither hidden nor empty")
    # A whole folder is given by its own path, so that readers needn't pass all files
    if paths == [path]:
        return Listing(storage.resolved(paths[0]), files)
    files = tuple(sorted(set(files)))
    return Listing(storage.resolved(paths[0]), files, tuple(file.path for file in files))


def list_paths(path: PathOrPaths) -> tuple[str, ...]:
    """One path or several, as a tuple."""
    if isinstance(path, str):
        return (path,)
    return path


def _expand_glob(path: str) -> list[str]:
    if not glob.has_magic(path) or not is_local(path) or os.path.exists(path):
        return [path]
    return sorted(glob.glob(path, recursive=True)) or [path]


@contextmanager
def report_faulty_files(engine: Engine, *listings: Listing) -> Iterator[None]:
    """On a failure in the body, list the files again, and read every compressed file once more on its own.

    Raises InputUnavailable if a file has changed or can't be decompressed; otherwise the original failure.
    """
    try:
        yield
    except Exception as fault:
        changes: list[Change] = []
        with suppress(Exception):  # if the storage is unavailable, the original failure says so
            changes = _find_changes(engine, listings)
        # An error of our own says what is wrong, unless it was caused by a changed file
        is_our_error = isinstance(fault, MonitorError)
        if changes and not (is_our_error and all(map(_has_only_grown, changes))):
            raise InputUnavailable(_describe_change(changes, listings)) from fault
        if is_our_error:
            raise
        # Spark doesn't say which file is damaged
        for file in _iterate_files(listings):
            if file.is_compressed and not engine.is_readable(file.path):
                raise InputUnavailable(f"{file.path}: {CUT_SHORT}") from fault
        raise


def require_unchanged(engine: Engine, *listings: Listing, may_grow: bool = True) -> None:
    """Check that the files are unchanged since listing. may_grow: whether appended text only causes a warning.

    Raises InputUnavailable if a file was deleted or its size has changed: only some of its rows may have been read.
    """
    changes = _find_changes(engine, listings)
    if not changes:
        return
    if not may_grow or not all(map(_has_only_grown, changes)):
        raise InputUnavailable(_describe_change(changes, listings))
    files = len(list(_iterate_files(listings)))
    log.warning(
        "%d of %d files grew while they were read, such as %s; run again for what was added",
        len(changes),
        files,
        changes[0][0].path,
    )


def _has_only_grown(change: Change) -> bool:
    file, size = change
    return size is not None and size > file.size_bytes and not file.is_compressed


def _find_changes(engine: Engine, listings: Iterable[Listing]) -> list[Change]:
    changes: list[Change] = []
    for listing in listings:
        if listing.files:
            storage = engine.storage(listing.path)
            sizes = {
                file.path: file.size_bytes for path in listing.paths_to_read for file in _list_existing(storage, path)
            }
            changes += (
                (file, sizes.get(file.path)) for file in listing.files if sizes.get(file.path) != file.size_bytes
            )
    return changes


def _list_existing(storage: Storage, path: str) -> list[StoredFile]:
    """The files at a path; empty if it was deleted."""
    try:
        return storage.list_files(path)
    except BadInput:
        if storage.exists(path):
            raise
        return []


def _describe_change(changes: list[Change], listings: Iterable[Listing]) -> str:
    # A file that lost rows is reported before one that has only grown.
    file, size = min(changes, key=_has_only_grown)
    now = "is gone" if size is None else f"has {size:,} now"
    further_files = ""
    if len(changes) > 1:
        further_files = f"; {len(changes)} of {len(list(_iterate_files(listings)))} files changed"
    return (
        f"{file.path}: had {file.size_bytes:,} bytes when it was listed and {now}{further_files}; run again when nothing "
        "writes or deletes there"
    )


def _iterate_files(listings: Iterable[Listing]) -> Iterator[StoredFile]:
    return (file for listing in listings for file in listing.files)
