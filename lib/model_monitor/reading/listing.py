"""The files of a data set: `list_dataset` finds them before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from model_monitor.engine import Session, engine_of
from model_monitor.errors import NO_DATA, NoData
from model_monitor.reading.coverage import Coverage
from model_monitor.storage import StoredFile


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

    def partitions_at_most(
        self, session: Session, partition_bytes: int | None, *, in_order: bool = False
    ) -> int | None:
        """An upper bound of the partitions that are made of the files, of at most so many bytes each; None if that isn't known.

        in_order: whether they are read in their order, which takes one partition.
        """
        if in_order:
            return 1
        if not partition_bytes:
            return None
        return engine_of(session).partitions_at_most((file.size_bytes for file in self.files), partition_bytes)


def list_dataset(session: Session, path: str) -> Listing:
    """The files at or below `path`.

    Raises BadInput if there is no such path, NoData if no file there holds a byte.
    """
    storage = engine_of(session).storage(path)
    files = tuple(file for file in storage.list_files(path) if file.size_bytes)
    if not files:
        raise NoData(f"{NO_DATA}: {path} has no file that is neither hidden nor empty")
    return Listing(storage.resolved(path), files)
