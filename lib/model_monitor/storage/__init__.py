"""Files wherever they lie: on this machine, or on any file system that Hadoop opens.

`storage_of(path, spark)` gives the storage that holds `path`; readers, writers and the message file all go through it, so
that nothing else asks what scheme a path has. Driver only. It moves whole small files (documents, states, header lines);
Spark reads data sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from model_monitor.errors import BadInput
from model_monitor.storage.files import Storage, StoredFile, join
from model_monitor.storage.hadoop import HadoopStorage
from model_monitor.storage.lease import holding
from model_monitor.storage.local import LocalStorage, local_path
from model_monitor.storage.server import ServerStorage, is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = [
    "storage_of",
    "opened_by",
    "Storage",
    "StoredFile",
    "join",
    "holding",
    "LocalStorage",
    "HadoopStorage",
    "local_path",
]


_OPENER: ContextVar[SparkSession | None] = ContextVar("opener", default=None)


@contextmanager
def opened_by(spark: SparkSession | None) -> Iterator[None]:
    """While this is open, `storage_of` without a session takes this one: for commands that read whatever somebody names."""
    token = _OPENER.set(spark)
    try:
        yield
    finally:
        _OPENER.reset(token)


def storage_of(path: str, spark: SparkSession | None = None) -> Storage:
    """The storage that holds `path`.

    Without a session, of its own or of `opened_by`, only local paths can be opened (`/data`, `file:/data`).

    Raises BadInput for another scheme without a session, or for one that Hadoop has no file system for.
    """
    spark = spark or _OPENER.get()
    if spark is None:
        scheme = urlparse(path).scheme
        if scheme not in ("", "file"):
            raise BadInput(f"{path}: this command opens local paths only; copy the files here, or start it as a job")
        return LocalStorage()
    if is_connect(spark):
        return LocalStorage() if urlparse(path).scheme in ("", "file") else ServerStorage(spark)
    hadoop = HadoopStorage.at(path, spark)
    return LocalStorage() if hadoop.scheme == "file" else hadoop
