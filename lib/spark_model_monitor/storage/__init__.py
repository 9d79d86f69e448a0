"""Reads and writes files wherever they are: on this machine, on S3, or on any file system that Hadoop opens.

`get_storage(path, spark)` returns the storage for `path`. Readers, writers and the message file all use it, so no other
code looks at the scheme of a path. Driver only. Storages read and write small files (documents, states, header lines); Spark
reads data sets. Each storage is a subclass of `file_system.Storage` in a module of its own, registered with the schemes that
it opens. A Spark session opens whatever its file systems support (`spark/storage.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, cast

from spark_model_monitor.errors import BadInput
from spark_model_monitor.plugins import load_lazily, plugin
from spark_model_monitor.storage.file_system import Storage, StoredFile, find_storage_without_spark, join
from spark_model_monitor.storage.lease import WAIT, Lease, holding
from spark_model_monitor.storage.local_storage import LocalStorage, is_local, local_path, write_text

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_model_monitor.storage.s3_storage import encrypt_uploads

__all__ = [
    "get_storage",
    "exists",
    "read_file",
    "read_if_exists",
    "remove",
    "resolve_path",
    "write_file",
    "get_storage_without_spark",
    "using_session",
    "without_session",
    "is_session_disabled",
    "get_current_session",
    "can_open_without_spark",
    "encrypt_uploads",
    "Storage",
    "StoredFile",
    "join",
    "hold",
    "holding",
    "LocalStorage",
    "is_local",
    "local_path",
    "write_text",
]


def can_open_without_spark(path: str) -> bool:
    """Whether a path can be opened without Spark."""
    return find_storage_without_spark(path) is not None


class Opener(Enum):
    """What opens paths instead of a Spark session."""

    THIS_PROCESS = "this process"


_OPENER: ContextVar[SparkSession | Opener | None] = ContextVar("opener", default=None)


@contextmanager
def using_session(spark: SparkSession | Opener | None) -> Iterator[None]:
    """In this context, `get_storage` without a session uses this session. spark: None changes nothing."""
    # A context variable, so that threads and nested calls keep their own session
    token = _OPENER.set(spark or _OPENER.get())
    try:
        yield
    finally:
        _OPENER.reset(token)


def without_session() -> AbstractContextManager[None]:
    """In this context, `get_storage` without a session is `get_storage_without_spark`, even if a session runs in this process."""
    # Unlike None, this value also keeps callers from looking for a running session
    return using_session(Opener.THIS_PROCESS)


def is_session_disabled() -> bool:
    """Whether the caller is within the context `without_session`."""
    return _OPENER.get() is Opener.THIS_PROCESS


def get_current_session() -> SparkSession | None:
    """The session of `using_session`; None if paths are opened without a session."""
    opener = _OPENER.get()
    if isinstance(opener, Opener):
        return None
    return opener


def get_storage(path: str, spark: SparkSession | None = None) -> Storage:
    """The storage for `path`, opened by `spark` or the session of `using_session`; without a session, as in
    `get_storage_without_spark`.

    Raises BadInput for a scheme that nothing opens.
    """
    spark = spark or get_current_session()
    if spark is None:
        return get_storage_without_spark(path)
    # The plugin is loaded here, so that importing this module needs no pyspark
    return cast("Storage", plugin("spark").storage_of_session(path, spark))


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    return get_storage(path).exists(path)


def read_file(path: str) -> bytes:
    """The bytes of a file. Raises BadInput if it can't be read."""
    return get_storage(path).read(path)


def read_if_exists(path: str) -> bytes | None:
    """The bytes of a file; None if it is not there. Raises BadInput if it can't be read."""
    # Check first, since reading raises the same error for an absent file as for one that can't be read
    if exists(path):
        return read_file(path)
    return None


def write_file(path: str, content: bytes) -> None:
    """Replace a file, as `Storage.write` does."""
    # The replacement is atomic: readers see the old content or the new
    get_storage(path).write(path, content)


def remove(path: str) -> None:
    """Delete a file, or a folder with all that is in it, as `Storage.delete` does."""
    get_storage(path).delete(path)


def hold(folder: str, wait: timedelta = WAIT) -> AbstractContextManager[Lease]:
    """Hold an output, wherever it is, as `holding` does."""
    # The lease's file lies in the folder itself, so one storage opens both
    return holding(get_storage(folder), folder, wait)


def resolve_path(path: str) -> str:
    """A path in its canonical spelling, for ledgers and for Spark."""
    return get_storage(path).resolved(path)


def get_storage_without_spark(path: str) -> Storage:
    """The storage for a path that is opened without Spark: local paths (`/data`, `file:/data`), and S3 through boto3.

    Raises BadInput for another scheme.
    """
    # The most frequent cause of an error is an s3:// path without boto3, so the text names boto3 first
    storage = find_storage_without_spark(path)
    if storage is not None:
        return storage
    raise BadInput(
        f"{path}: without Spark only local paths are opened, and s3:// by boto3; pip install 'spark-model-monitor[s3]', "
        "copy the files here, or start it as a job on Spark"
    )


__getattr__, __dir__ = load_lazily(__name__, {"spark_model_monitor.storage.s3_storage": ["encrypt_uploads"]})
