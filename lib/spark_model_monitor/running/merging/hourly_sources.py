"""What a merge works with: hours, the files of each hour, and the numbering of staged files.

Hours are counted since 1970. Executors import this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Engine, Lines
from spark_model_monitor.data.reading.csv_lines import find_listed_long_lines
from spark_model_monitor.data.reading.ledger import LongLine
from spark_model_monitor.data.reading.listing import Listing, list_hour_folders, require_within
from spark_model_monitor.data.reading.transform_outputs import list_named_files
from spark_model_monitor.data.records.locations import compute_file_keys, find_file_indices, format_uri
from spark_model_monitor.statistics import Integers
from spark_model_monitor.storage import StoredFile, join
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.request_logs.capture_folder import CaptureFolder

SECONDS_PER_HOUR = 3600  # of an hour

PART_NAMESPACE = UUID("6f2d2b0e-6f2c-5a3e-9c56-3f0f7a1f2f4b")  # namespace of the uuids in the names of merged files

HOUR_PATH = re.compile(r"(?!.*\n)(?:(.*)/)?(\d{4})/(\d\d)/(\d\d)/(\d\d)(?:/.*)?", re.ASCII)
"""A folder named for an hour, and the path above it."""


@dataclass(frozen=True, slots=True, order=True)
class HourFolder:
    """An hour of a branch. A branch is the path above hour folders, such as the path of a model's variant."""

    branch: str
    hour: int

    @property
    def path(self) -> str:
        """The hour's folder, relative to the captures or to the output."""
        return self._name_hour("%Y/%m/%d/%H")

    @property
    def part(self) -> str:
        """The name of the hour's merged file: the same in every run, so that a run replaces the file of an earlier one."""
        return f"part-00000-{uuid5(PART_NAMESPACE, self.path)}.c000.jsonl"

    @property
    def id_path(self) -> str:
        """The path of the file with the hour's ids, relative to the folder of all such files."""
        return self._name_hour("%Y-%m-%dT%H.jsonl")

    def _name_hour(self, form: str) -> str:
        name = hour_start(self.hour).strftime(form)
        if self.branch:
            return join(self.branch, name)
        return name

    @classmethod
    def parse_id_path(cls, path: str) -> HourFolder | None:
        """The hour with this `id_path` path; None if there is no such hour."""
        branch, _, name = path.rpartition("/")
        try:
            folder = cls(
                branch, containing_hour(datetime.strptime(name, "%Y-%m-%dT%H.jsonl").replace(tzinfo=timezone.utc))
            )
        except ValueError:
            return None
        # strptime also accepts 2024-1-2T3, which we don't write
        return folder if folder.id_path == path else None


def containing_hour(time: datetime) -> int:
    """The hour that contains a time."""
    return int(time.timestamp()) // SECONDS_PER_HOUR


def count_hours(period: timedelta) -> int:
    """The number of whole hours that cover a period."""
    return math.ceil(int(period.total_seconds()) / SECONDS_PER_HOUR)


def hour_start(hour: int) -> datetime:
    """The start of an hour."""
    return datetime.fromtimestamp(hour * SECONDS_PER_HOUR, timezone.utc)


def format_hour(hour: int) -> str:
    """The start of an hour in the format of documents."""
    return hour_start(hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_hour_folder(folder: str, root: str) -> tuple[str, int | None]:
    """Branch and hour of a folder at or below `root`; the hour is None if neither names one."""
    below = folder.removeprefix(root).strip("/")
    match = HOUR_PATH.fullmatch(below)
    if match is not None:
        return match[1] or "", _parse_hour(match)
    # In a container the root itself is an hour folder
    mounted = HOUR_PATH.fullmatch(folder)
    if mounted is None:
        return below, None
    return "", _parse_hour(mounted)


def _parse_hour(match: re.Match[str]) -> int | None:
    try:
        return containing_hour(datetime(*(int(part) for part in match.groups()[1:]), tzinfo=timezone.utc))  # type: ignore[misc, arg-type]
    except ValueError:
        return None


PART_COLUMN = "part"  # prefix of folder names, `part=45504003`


class LineKind(IntEnum):
    """Kinds of staged lines: a merged record, the id of a capture (labelled, absent or waiting), the counts of a bucket."""

    MERGED = 0
    LABELLED = 1
    ABSENT = 2
    WAITING = 3
    COUNTS = 4


ID_KINDS = (LineKind.LABELLED, LineKind.ABSENT, LineKind.WAITING)


@value_class
class FileNumbers:
    """The numbers of staged files: each is for the lines of one kind, branch, hour, and slice of the hour.

    branches: a branch's number is its index. slices: the number of slices of time in an hour.
    """

    branches: tuple[str, ...]
    slices: int

    def numbers(self, kind: LineKind, branches: NDArray[np.integer], hours: Integers, seconds: Integers) -> Integers:
        """The file numbers of lines of a kind, shape (lines,). seconds: times within the hour; others are in the first or the
        last slice."""
        slices = np.clip(seconds, 0, SECONDS_PER_HOUR - 1) * self.slices // SECONDS_PER_HOUR
        return ((hours * len(self.branches) + branches) * len(LineKind) + kind) * self.slices + slices

    @property
    def counts_number(self) -> int:
        """The file number for lines that belong to no hour."""
        return int(LineKind.COUNTS) * self.slices

    def read(self, number: int) -> tuple[LineKind, HourFolder, int]:
        """Kind, hour and slice of a number."""
        # The reverse of `numbers`: slice, kind and branch from the lowest digit up
        remainder, slice_number = divmod(number, self.slices)
        remainder, kind = divmod(remainder, len(LineKind))
        hour, branch = divmod(remainder, len(self.branches))
        return LineKind(kind), HourFolder(self.branches[branch], hour), slice_number


PARTITION_BYTES = 64 * 2**20  # text of a partition
LABEL_BYTES = 256 * 2**20  # labels of a bucket, which are in memory while its captures are read

COMPRESSION = 8  # typical ratio of text to its compressed size


@value_class
class HourlyFile:
    """One file, with the branch and the hour of its records. hour: None if each record's own time decides."""

    file: StoredFile
    branch: str
    hour: int | None

    @property
    def order(self) -> tuple[int, str]:
        """The sort key: files without an hour first, then by hour, then by path."""
        return (-1 if self.hour is None else self.hour, self.file.path)

    @property
    def text_bytes(self) -> int:
        """Estimated length of its lines."""
        return self.file.size_bytes * (COMPRESSION if self.file.is_compressed else 1)


@value_class(slots=False)
class HourlySource:
    """The files below `path`, in order. read_paths: the folders or files that Spark reads to get their lines."""

    path: str
    files: tuple[HourlyFile, ...]
    read_paths: tuple[str, ...]
    request_log: CaptureFolder | None = None

    @property
    def stored_files(self) -> tuple[StoredFile, ...]:
        """The files as `StoredFile`s."""
        return tuple(file.file for file in self.files)

    @property
    def listing(self) -> Listing:
        """The files as a `Listing`."""
        return Listing(self.path, self.stored_files, self.read_paths, request_log=self.request_log)

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """The branches; lines carry the branch's number."""
        return tuple(sorted({file.branch for file in self.files}))

    @cached_property
    def hours(self) -> frozenset[int]:
        """The hours named by folders."""
        return frozenset(file.hour for file in self.files if file.hour is not None)

    @property
    def text_bytes(self) -> int:
        """Estimated length of all lines."""
        return sum(file.text_bytes for file in self.files)

    @property
    def largest_hour_bytes(self) -> int:
        """Estimated length of the lines of a branch's largest hour; for files without an hour, of all their lines."""
        sizes: dict[tuple[str, int | None], int] = {}
        for file in self.files:
            sizes[file.branch, file.hour] = sizes.get((file.branch, file.hour), 0) + file.text_bytes
        return max(sizes.values(), default=0)

    def lines(self, engine: Engine, *, whole_files: bool = False) -> Lines:
        """The lines of the files; with `whole_files`, each file is one line."""
        return engine.lines(self.read_paths, whole_files=whole_files)

    def long_lines(self, engine: Engine) -> tuple[LongLine, ...]:
        """The lines that are too long, which readers skip."""
        return find_listed_long_lines(engine, self.listing)

    def select_files(self, ranks: Collection[int]) -> HourlySource:
        """The same files in the same order, but only some of them are read."""
        return replace(self, read_paths=tuple(self.files[rank].file.path for rank in sorted(ranks)))


def count_partitions(*sources: HourlySource, size_bytes: int = PARTITION_BYTES) -> int:
    """The number of partitions for these sources, each with about this many bytes; depends on the data alone."""
    return max(1, math.ceil(sum(source.text_bytes for source in sources) / size_bytes))


def list_hours(engine: Engine, path: str, hours: Collection[int] | None) -> HourlySource:
    """The non-empty files at or below `path`; in a tree of hour folders, only the files of the requested hours.

    Raises BadInput if the path doesn't exist.
    """
    storage = engine.storage(path)
    root = storage.resolved(path)
    # If hours are requested, only their folders are listed: there may be years of folders
    if hours is None:
        folders = [path]
    else:
        folders = list_hour_folders(storage, path, map(hour_start, sorted(hours)))
    listed_files = [file for folder in folders for file in storage.list_files(folder) if file.size_bytes]
    require_within(path, (file.path for file in listed_files))
    files = [_locate_file(file, root) for file in listed_files]
    return HourlySource(
        root, tuple(sorted(files, key=lambda file: file.order)), tuple(storage.resolved(folder) for folder in folders)
    )


def list_hours_of_log(
    engine: Engine, path: str, request_log: str, hours: Collection[int] | None, staging: str
) -> HourlySource:
    """The captures that a request log has of some hours, or of all; without files if it has none. Raises like `convert_log`."""
    from spark_model_monitor.data.request_logs.capture_folder import convert_log

    folder = convert_log(engine, path, request_log, hours, staging)
    if not engine.storage(folder.path).exists(folder.path):
        return HourlySource(folder.path, (), (), folder)
    return replace(list_hours(engine, folder.path, hours), request_log=folder)


def _locate_file(file: StoredFile, root: str) -> HourlyFile:
    # A source that is a single file has an empty branch
    branch, hour = parse_hour_folder(
        file.path.rpartition("/")[0], root.rpartition("/")[0] if file.path == root else root
    )
    return HourlyFile(file, branch, hour)


def select_manifest_outputs(engine: Engine, source: HourlySource, manifest_root: str | None) -> HourlySource:
    """The files named by the listed manifests, in the manifests' hours, and the listed files that are not manifests.

    manifest_root: as in `ReadOptions`. Raises BadInput like `list_named_files`.
    """
    files_by_manifest = list_named_files(engine, [file.file for file in source.files], manifest_root)
    if not files_by_manifest:
        return source
    # A file that two manifests name is read once
    files = {}
    for file in source.files:
        for inner in files_by_manifest.get(file.file, (file.file,)):
            files[inner] = HourlyFile(inner, file.branch, file.hour)
    sorted_files = tuple(sorted(files.values(), key=lambda file: file.order))
    return HourlySource(source.path, sorted_files, tuple(file.file.path for file in sorted_files))


@value_class(eq=False)
class FileLocations:
    """Locations of a source's files, by the key that their lines carry. Pure; used on executors.

    keys: one per spelling of a file, sorted. ranks: the rank of each key's file. uris, branches, hours: one per file, by rank;
    the hour is null for a file outside hour folders.
    """

    keys: Integers
    ranks: NDArray[np.int32]
    uris: pa.StringArray
    branches: pa.Int32Array
    hours: pa.Int64Array

    @classmethod
    def of(cls, files: Sequence[HourlyFile], branches: Sequence[str]) -> FileLocations:
        """The locations of these files. branches: a branch's number is its index."""
        number_by_branch = {branch: index for index, branch in enumerate(branches)}
        uris = [format_uri(file.file.path) for file in files]
        # Sorted by hash, so that executors find a line's file by binary search
        spellings: list[str] = []
        ranks: list[int] = []
        for rank, uri in enumerate(uris):
            for spelling in list_spellings(uri):
                spellings.append(spelling)
                ranks.append(rank)
        keys = np.array(compute_file_keys(spellings), np.int64)
        order = np.argsort(keys, kind="stable")
        return cls(
            keys[order],
            np.array(ranks, np.int32)[order],
            pa.array(uris, pa.string()),
            pa.array([number_by_branch.get(file.branch, 0) for file in files], pa.int32()),
            pa.array([file.hour for file in files], pa.int64()),
        )

    def keep_listed(self, lines: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Int32Array]:
        """The lines of listed files, and the rank of each; files added after the listing are skipped."""
        indices, is_listed = find_file_indices(self.keys, lines)
        if not is_listed.all():
            lines = lines.filter(pa.array(is_listed))
            indices = indices[is_listed]
        return lines, pa.array(self.ranks[indices], pa.int32())


def list_spellings(uri: str) -> tuple[str, ...]:
    """How `input_file_name()` may spell a file: without a host, Spark writes one slash or three."""
    scheme, slashes, path = uri.partition(":/")
    if not slashes or path.startswith("/"):
        return (uri,)
    return (uri, f"{scheme}:///{path}")
