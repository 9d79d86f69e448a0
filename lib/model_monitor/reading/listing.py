"""The files of a data set: `list_dataset` finds them before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from model_monitor.engine.packing import partitions_at_most
from model_monitor.errors import NO_DATA, NoData
from model_monitor.reading.coverage import Coverage
from model_monitor.storage import StoredFile, storage_of


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

    def partitions_at_most(self, spark: SparkSession, partition_bytes: int) -> int:
        """An upper bound of the partitions that Spark makes of the files."""
        session: Any = spark._jsparkSession
        open_cost_bytes = int(session.sessionState().conf().filesOpenCostInBytes())
        return partitions_at_most((file.size_bytes for file in self.files), partition_bytes, open_cost_bytes)


def list_dataset(spark: SparkSession, path: str) -> Listing:
    """The files at or below `path`.

    Raises BadInput if there is no such path, NoData if no file there holds a byte.
    """
    storage = storage_of(path, spark)
    files = tuple(file for file in storage.list_files(path) if file.size_bytes)
    if not files:
        raise NoData(f"{NO_DATA}: {path} has no file that is neither hidden nor empty")
    return Listing(storage.resolved(path), files)
