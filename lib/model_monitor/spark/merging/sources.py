"""The files of captures and of ground truth, each with its hour and its place in the order of all files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
from model_monitor.data.engine import engine_of
from model_monitor.data.engine.protocol import Engine, Lines
from model_monitor.data.reading.lines import LongLine, long_lines_of
from model_monitor.data.reading.listing import Listing, folders_of_hours
from model_monitor.data.reading.transforms import named_files
from model_monitor.data.records.locations import keys_of, places_among, uri_of
from model_monitor.spark.merging.hours import moment_of, placed
from model_monitor.storage import StoredFile

PARTITION_BYTES = 64 * 2**20
COMPRESSION = 8
"""Text is about so many times as large as its compressed file."""


@dataclass(frozen=True, slots=True)
class HourlyFile:
    """One file, with the branch and the hour that its records belong to; None: the hour of each record's own time."""

    file: StoredFile
    branch: str
    hour: int | None

    @property
    def order(self) -> tuple[int, str]:
        """By hour, then by path; files without an hour first."""
        return (-1 if self.hour is None else self.hour, self.file.path)

    @property
    def text_bytes(self) -> int:
        """About how long its lines are."""
        return self.file.size_bytes * (COMPRESSION if self.file.is_compressed else 1)


@dataclass(frozen=True)
class HourlySource:
    """The files below `path`, in order, and what of it Spark reads to get their lines."""

    path: str
    files: tuple[HourlyFile, ...]
    places: tuple[str, ...]

    @property
    def stored_files(self) -> tuple[StoredFile, ...]:
        """The files as storage has them."""
        return tuple(file.file for file in self.files)

    @property
    def listing(self) -> Listing:
        """The files as a listing has them."""
        return Listing(self.path, self.stored_files, self.places)

    @cached_property
    def branches(self) -> tuple[str, ...]:
        """The branches; a line has the number of its own."""
        return tuple(sorted({file.branch for file in self.files}))

    @cached_property
    def hours(self) -> frozenset[int]:
        """The hours that folders name."""
        return frozenset(file.hour for file in self.files if file.hour is not None)

    @property
    def text_bytes(self) -> int:
        """About how long all lines are."""
        return sum(file.text_bytes for file in self.files)

    @property
    def largest_hour_bytes(self) -> int:
        """About how long the lines are of the largest hour of a branch; of files without an hour, of all of them."""
        sizes: dict[tuple[str, int | None], int] = {}
        for file in self.files:
            sizes[file.branch, file.hour] = sizes.get((file.branch, file.hour), 0) + file.text_bytes
        return max(sizes.values(), default=0)

    def lines(self, session: SparkSession | Engine, *, whole_files: bool = False) -> Lines:
        """The lines of the files; with `whole_files` each file is one."""
        return engine_of(session).lines(self.places, whole_files=whole_files)

    def long_lines(self, session: SparkSession | Engine) -> tuple[LongLine, ...]:
        """The lines that are too long, which no reader has seen."""
        return long_lines_of(engine_of(session), self.stored_files)

    def of_files(self, ranks: Collection[int]) -> HourlySource:
        """The same files in the same order, of which only some are read."""
        return replace(self, places=tuple(self.files[rank].file.path for rank in sorted(ranks)))


def partitions_of(*sources: HourlySource) -> int:
    """How many partitions hold what sources have, each about `PARTITION_BYTES` of it: a function of the data alone."""
    return max(1, -(-sum(source.text_bytes for source in sources) // PARTITION_BYTES))


def list_hours(session: SparkSession | Engine, path: str, hours: Collection[int] | None) -> HourlySource:
    """The files at or below `path` that are not empty; of a tree of hour folders those of the wanted hours only.

    Raises BadInput if there is no such path.
    """
    storage = engine_of(session).storage(path)
    root = storage.resolved(path)
    folders = [path] if hours is None else folders_of_hours(storage, path, map(moment_of, sorted(hours)))
    files = [_placed(file, root) for folder in folders for file in storage.list_files(folder) if file.size_bytes]
    return HourlySource(
        root, tuple(sorted(files, key=lambda file: file.order)), tuple(storage.resolved(folder) for folder in folders)
    )


def _placed(file: StoredFile, root: str) -> HourlyFile:
    # of a source that is one file the branch is nothing
    branch, hour = placed(file.path.rpartition("/")[0], root.rpartition("/")[0] if file.path == root else root)
    return HourlyFile(file, branch, hour)


# The outputs of batch transforms that manifests name. Source: C3.2.


def outputs_of_manifests(session: SparkSession | Engine, source: HourlySource) -> HourlySource:
    """The files that the listed manifests name, in the hours of the manifests, beside those that are no manifests.

    Raises BadInput for a manifest that can't be read or that names an absent file.
    """
    named = named_files(engine_of(session), [file.file for file in source.files])
    if not named:
        return source
    files = {
        inner: HourlyFile(inner, file.branch, file.hour)
        for file in source.files
        for inner in named.get(file.file, (file.file,))
    }
    ordered = tuple(sorted(files.values(), key=lambda file: file.order))
    return HourlySource(source.path, ordered, tuple(file.file.path for file in ordered))


# Where the files behind lines stand in the order of all files. Pure; executors import this module.


@dataclass(frozen=True, slots=True, eq=False)
class FilePlaces:
    """Where the files of a source stand, by the key that their lines come with. Pure; executors look at it.

    keys: sorted, shape (spellings,). ranks: the file behind each key. uris, branches, hours: of the files, by their rank;
    an hour is null of a file in no hour's folder.
    """

    keys: NDArray[np.int64]
    ranks: NDArray[np.int32]
    uris: pa.StringArray
    branches: pa.Int32Array
    hours: pa.Int64Array

    @classmethod
    def of(cls, files: Sequence[HourlyFile], branches: Sequence[str]) -> FilePlaces:
        """branches: by their own numbers."""
        number = {branch: index for index, branch in enumerate(branches)}
        uris = [uri_of(file.file.path) for file in files]
        spelled = [(spelling, rank) for rank, uri in enumerate(uris) for spelling in spellings_of(uri)]
        keys = np.array(keys_of([spelling for spelling, _ in spelled]), np.int64)
        order = np.argsort(keys, kind="stable")
        return cls(
            keys[order],
            np.array([rank for _, rank in spelled], np.int32)[order],
            pa.array(uris, pa.string()),
            pa.array([number.get(file.branch, 0) for file in files], pa.int32()),
            pa.array([file.hour for file in files], pa.int64()),
        )

    def listed(self, lines: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Int32Array]:
        """The lines of files that were listed, and the rank of each; a file that came after the listing is passed over."""
        places, known = places_among(self.keys, lines)
        if not known.all():
            lines, places = lines.filter(pa.array(known)), places[known]
        return lines, pa.array(self.ranks[places], pa.int32())


def spellings_of(uri: str) -> tuple[str, ...]:
    """What `input_file_name()` may call a file: where no host is named, Spark writes one slash or three."""
    scheme, slashes, path = uri.partition(":/")
    return (uri,) if not slashes or path.startswith("/") else (uri, f"{scheme}:///{path}")
