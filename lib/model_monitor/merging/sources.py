"""The files of captures and of ground truth, each with its hour and its place in the order of all of them. Driver only."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession

from model_monitor.engine.text_lines import text_lines
from model_monitor.merging.hours import moment_of, placed
from model_monitor.merging.small_tables import small_table
from model_monitor.reading.hour_folders import folders_of_hours
from model_monitor.records.files_by_key import keys_of
from model_monitor.records.places import FILE, FILE_KEY, LINE
from model_monitor.storage import StoredFile, storage_of

BRANCH, HOUR, RANK = "__branch", "__hour", "__rank"
"""Of a line: the number of its branch, the hour of its folder (null if that has none), and its file's place in the order."""

NOT_IN_A_URI = re.compile(r"[\x00-\x20\x7f\"#%<>?\[\]\\^`{|}]")
"""What Java percent-encodes in the path of a URI; it leaves letters beyond ASCII as they are."""


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

    def lines(self, spark: SparkSession, *names: str) -> DataFrame:
        """The lines with the `FILE_KEY` of their file, and with these columns of `TextLines`. Starts no Spark job."""
        return text_lines(spark, self.places).of(LINE, FILE_KEY, *names)

    def placed(self, frame: DataFrame) -> DataFrame:
        """Rows with `BRANCH`, `HOUR` and `RANK` in place of their `FILE_KEY`. Those of files that came after the listing are
        left out."""
        number = {branch: index for index, branch in enumerate(self.branches)}
        spelled = [
            (spelling, number[file.branch], file.hour, rank)
            for rank, file in enumerate(self.files)
            for spelling in spellings_of(uri_of(file.file.path))
        ]
        keys = keys_of([spelling for spelling, *_ in spelled])
        rows = [(key, *place) for key, (_, *place) in zip(keys, spelled, strict=True)]
        schema = f"{FILE_KEY}: bigint, {BRANCH}: int, {HOUR}: bigint, {RANK}: int"
        return frame.join(F.broadcast(small_table(frame.sparkSession, rows, schema)), FILE_KEY).drop(FILE_KEY)

    def with_files(self, frame: DataFrame) -> DataFrame:
        """Rows with the `FILE` of their `RANK`."""
        rows = [(rank, uri_of(file.file.path)) for rank, file in enumerate(self.files)]
        table = small_table(frame.sparkSession, rows, f"{RANK}: int, {FILE}: string")
        return frame.join(F.broadcast(table), RANK)


def partitions_of(*sources: HourlySource) -> int:
    """How many partitions hold what sources have, each about `PARTITION_BYTES` of it: a function of the data alone."""
    return max(1, -(-sum(source.text_bytes for source in sources) // PARTITION_BYTES))


def list_hours(spark: SparkSession, path: str, hours: Collection[int] | None) -> HourlySource:
    """The files at or below `path` that are not empty; of a tree of hour folders those of the wanted hours only.

    Raises BadInput if there is no such path.
    """
    storage = storage_of(path, spark)
    root = storage.resolved(path)
    folders = [path] if hours is None else folders_of_hours(storage, path, map(moment_of, sorted(hours)))
    files = [_placed(file, root) for folder in folders for file in storage.list_files(folder) if file.size_bytes]
    return HourlySource(
        root, tuple(sorted(files, key=lambda file: file.order)), tuple(storage.resolved(folder) for folder in folders)
    )


def uri_of(path: str) -> str:
    """A listed path as Spark's `_metadata.file_path` spells it."""
    return NOT_IN_A_URI.sub(lambda found: f"%{ord(found[0]):02X}", path)


def spellings_of(uri: str) -> tuple[str, ...]:
    """What `input_file_name()` may call a file: where no host is named, Spark writes one slash or three."""
    scheme, slashes, path = uri.partition(":/")
    return (uri,) if not slashes or path.startswith("/") else (uri, f"{scheme}:///{path}")


def _placed(file: StoredFile, root: str) -> HourlyFile:
    # of a source that is one file the branch is nothing
    branch, hour = placed(file.path.rpartition("/")[0], root.rpartition("/")[0] if file.path == root else root)
    return HourlyFile(file, branch, hour)


def ddl_of(frame: DataFrame) -> str:
    """The columns of a frame, as a schema is written."""
    return ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in frame.schema.fields)
