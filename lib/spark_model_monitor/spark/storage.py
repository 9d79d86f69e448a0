"""Storages that Spark opens: Hadoop's file systems through the driver's JVM, and files that a Spark Connect server reads.

JVM classes are looked up once by their full names, because py4j would otherwise look up every part of `org.apache.…`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import reduce
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

from spark_model_monitor.errors import BadInput, InputUnavailable, MonitorError, OutputFailed
from spark_model_monitor.storage.file_system import (
    Storage,
    StoredFile,
    find_storage_without_spark,
    is_hidden,
    join,
    make_draft_name,
    register_storage,
)
from spark_model_monitor.storage.lease import require_lease
from spark_model_monitor.storage.local_storage import PRIVATE_FILE, PRIVATE_FOLDER
from spark_model_monitor.storage.refused_requests import find_refusal

if TYPE_CHECKING:
    from py4j.java_gateway import JavaClass, JavaGateway, JavaObject
    from pyspark.sql import Row, SparkSession


# By py4j's gateway into a JVM: the JVM's classes by name
_CLASSES_BY_GATEWAY: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def java_class(gateway: JavaGateway, name: str) -> JavaClass:
    """The Java class with this full name. gateway: py4j's gateway, `spark.sparkContext._gateway`.

    If the class doesn't exist, the result is a JavaPackage.
    """
    classes = _CLASSES_BY_GATEWAY.setdefault(gateway, {})
    if name not in classes:
        java_object = reduce(getattr, name.split("."), gateway.jvm)
        # A missing class isn't remembered, because its JAR may still be added to the session
        if is_missing(java_object):
            return java_object
        classes[name] = java_object
    return classes[name]


def is_missing(java_object: JavaObject) -> bool:
    """Whether a result of `java_class` isn't a class."""
    return type(java_object).__name__ == "JavaPackage"


PATH_CLASS = "org.apache.hadoop.fs.Path"

ABSENT_PATH = re.compile("FileNotFoundException|PATH_NOT_FOUND")
LOCAL_SCHEME = "file"  # Hadoop's scheme of local files, which Python opens without Hadoop

NO_FILE_SYSTEM = re.compile(r"No FileSystem for scheme|FileSystem not found")


@register_storage("hadoop", schemes=())
class HadoopStorage(Storage):
    """Files of any file system that Hadoop opens (`hdfs:`, `s3a:`, …), with the session's configuration."""

    # Object stores show a file only when its stream is closed, and can't rename files, so drafts would be useless.
    OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "oss"})

    def __init__(self, gateway: JavaGateway, configuration: JavaObject, file_system: JavaObject) -> None:
        self._gateway = gateway
        self._configuration = configuration
        self._file_system = file_system
        # The scheme of the file system, because a path may have no scheme; then fs.defaultFS decides
        self.scheme = str(file_system.getUri().getScheme())

    @classmethod
    def for_path(cls, path: str, spark: SparkSession) -> HadoopStorage:
        context: Any = spark.sparkContext
        # The session's configuration, because it also has settings that were made on the session, such as keys
        configuration = spark._jsparkSession.sessionState().newHadoopConf()
        try:
            file_system = java_class(context._gateway, PATH_CLASS)(path).getFileSystem(configuration)
        except Exception as error:
            raise BadInput(f"{path}: no file system of this Spark opens it ({describe_error(error)})") from error
        return cls(context._gateway, configuration, file_system)

    def _find_class(self, name: str) -> JavaClass:
        return java_class(self._gateway, name)

    def _make_path(self, path: str) -> JavaObject:
        return self._find_class(PATH_CLASS)(path)

    def resolved(self, path: str) -> str:
        return str(self._file_system.makeQualified(self._make_path(path)).toString())

    def exists(self, path: str) -> bool:
        return bool(self._file_system.exists(self._make_path(path)))

    @property
    def shows_drafts(self) -> bool:
        return self.scheme not in self.OBJECT_STORES

    def walk(self, path: str, *, hidden: bool = False) -> Iterator[StoredFile]:
        with _convert_errors(path, "listed"):
            top = self._file_system.makeQualified(self._make_path(path))
            statuses = self._file_system.listFiles(top, True)  # an object store lists everything below in one call
            depth = len(str(top.toString()))
            while statuses.hasNext():
                # Each member is a call to the JVM, so as few as possible are read, because there may be many files
                file = _make_stored_file(statuses.next())
                if hidden or not any(is_hidden(name) for name in file.path[depth:].split("/")):
                    yield file

    def list_folders(self, path: str) -> list[str]:
        with _convert_errors(path, "listed"):
            statuses = self._file_system.listStatus(self._make_path(path))
            names = [str(status.getPath().getName()) for status in statuses if status.isDirectory()]
        return sorted(name for name in names if not is_hidden(name))

    def list_by_prefix(self, folder: str, start: str) -> list[StoredFile]:
        with _convert_errors(folder, "listed"):
            name_filter = self._find_class("org.apache.hadoop.fs.GlobFilter")(f"{start}*")
            statuses = self._file_system.listStatus(
                self._make_path(join(folder, "")), name_filter
            )  # a bucket must end with /
            return [_make_stored_file(status) for status in statuses if status.isFile()]

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        with _convert_errors(path, "read"):
            stream = self._file_system.open(self._make_path(path))
            try:
                if start:
                    stream.seek(start)
                content = stream
                if at_most is not None:
                    content = self._find_class("org.apache.commons.io.input.BoundedInputStream")(stream, at_most)
                # read as a text with a character for each byte, because py4j converts bytes one by one, in 0.5 s for a megabyte
                text: str = self._find_class("org.apache.commons.io.IOUtils").toString(content, "ISO-8859-1")
                return text.encode("latin-1")
            finally:
                stream.close()

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        require_lease(self, path)
        target = self._make_path(path)
        with _convert_errors(path, "written", OutputFailed):
            self._create_or_replace(target, lambda stream: stream.write(bytearray(content)), private=private)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        require_lease(self, target)
        target_path = self._make_path(target)
        with _convert_errors(target, "written", OutputFailed):
            # If a run is repeated, the file and its modification time don't change
            if self._has_contents(target_path, sources):
                return False
            # Renaming is free on a disk; on an object store, it would cost as much as a copy
            if len(sources) == 1 and self.shows_drafts:
                source = self._make_path(sources[0])
                self._make_private_folder(target_path.getParent())
                self._file_system.setPermission(source, self._make_permission(PRIVATE_FILE))
                self._replace(source, target_path)
            else:
                self._create_or_replace(target_path, lambda stream: self._copy_all(sources, stream), private=True)
        return True

    def _create_or_replace(self, target: JavaObject, fill: Callable[[JavaObject], None], *, private: bool) -> None:
        """Create a file from the bytes that `fill` writes to a Java stream; through a draft if partial files would be visible."""
        # An object is visible only when it is complete, so a draft would only cost another copy
        if not self.shows_drafts:
            self._create_from(target, fill)
            return
        draft = self._make_path(join(str(target.getParent()), make_draft_name(target.getName())))
        try:
            self._create_from(draft, fill, private=private)
            self._replace(draft, target)
        except BaseException:
            # Only the first error is reported; a draft that can't be deleted has a hidden name
            with suppress(Exception):
                self._file_system.delete(draft, False)
            raise

    def _create_from(self, target: JavaObject, fill: Callable[[JavaObject], None], *, private: bool = False) -> None:
        """Create a file from the bytes that `fill` writes to a Java stream. On an object store, it is complete or absent."""
        stream = self._open_new(target, private=private)
        try:
            fill(stream)
        except Exception:
            with suppress(Exception):
                if not self.shows_drafts:
                    stream.abort()  # closing would make an incomplete object visible
                else:
                    stream.close()
            raise
        stream.close()

    def _open_new(self, target: JavaObject, *, private: bool) -> JavaObject:
        """The Java stream of a new file. Permissions are set while the file is still empty."""
        # Object stores don't have such permissions; the bucket's policy decides
        if not private or not self.shows_drafts:
            return self._file_system.create(target, True)
        self._make_private_folder(target.getParent())
        stream = self._file_system.create(target, True)
        self._file_system.setPermission(target, self._make_permission(PRIVATE_FILE))
        return stream

    def _make_private_folder(self, folder: JavaObject) -> None:
        # The permissions of an existing folder aren't changed
        if not self._file_system.exists(folder):
            self._file_system.mkdirs(folder)
            self._file_system.setPermission(folder, self._make_permission(PRIVATE_FOLDER))

    def _make_permission(self, mode: int) -> JavaObject:
        return self._find_class("org.apache.hadoop.fs.permission.FsPermission")(f"{mode:o}")

    def _copy_all(self, sources: Sequence[str], stream: JavaObject) -> None:
        content = self._open_all(sources)
        try:
            self._find_class("org.apache.commons.io.IOUtils").copyLarge(content, stream)
        finally:
            content.close()

    def _open_all(self, sources: Sequence[str]) -> JavaObject:
        """A Java stream of all files, concatenated."""
        streams = self._find_class("java.util.Vector")()
        for source in sources:
            streams.add(self._file_system.open(self._make_path(source)))
        return self._find_class("java.io.SequenceInputStream")(streams.elements())

    def _has_contents(self, path: JavaObject, sources: Sequence[str]) -> bool:
        if not self._file_system.exists(path):
            return False
        # Lengths are compared first, because comparing contents reads both sides to the end
        sizes = [int(self._file_system.getFileStatus(self._make_path(source)).getLen()) for source in sources]
        if int(self._file_system.getFileStatus(path).getLen()) != sum(sizes):
            return False
        existing = self._file_system.open(path)
        content = self._open_all(sources)
        try:
            return bool(self._find_class("org.apache.commons.io.IOUtils").contentEquals(existing, content))
        finally:
            existing.close()
            content.close()

    def _replace(self, draft: JavaObject, target: JavaObject) -> None:
        options = self._find_class("org.apache.hadoop.fs.Options").Rename
        # FileContext.rename replaces an existing file in one step; FileSystem.rename refuses to
        overwrite = self._find_class("java.lang.reflect.Array").newInstance(options.OVERWRITE.getClass(), 1)
        overwrite[0] = options.OVERWRITE
        context = self._find_class("org.apache.hadoop.fs.FileContext").getFileContext(
            target.toUri(), self._configuration
        )
        context.rename(draft, target, overwrite)

    def delete(self, path: str) -> None:
        require_lease(self, path)
        with _convert_errors(path, "removed", OutputFailed):
            self._file_system.delete(self._make_path(path), True)


def _make_stored_file(status: JavaObject) -> StoredFile:
    return StoredFile(str(status.getPath().toString()), int(status.getLen()), int(status.getModificationTime()))


@contextmanager
def _convert_errors(path: str, action: str, error_type: type[MonitorError] = InputUnavailable) -> Iterator[None]:
    """A context that converts errors of Hadoop or of Spark's reader into a sentence: `action` says what can't be done."""
    try:
        yield
    except Exception as error:
        sentence = f"can't be {action} ({describe_error(error)})"
        # An absent path is noticed when it is listed, which happens before any read
        if action == "listed" and is_absent(error):
            sentence = "there is no such file or directory"
        elif action == "listed" and NO_FILE_SYSTEM.search(str(error)):
            sentence = f"no file system of this Spark opens it ({describe_error(error)})"
        raise error_type(f"{path}: {sentence}") from error


def is_absent(error: Exception) -> bool:
    """Whether the error of Hadoop or of Spark's reader says that the path doesn't exist."""
    return find_refusal(str(error)) is None and ABSENT_PATH.search(str(error)) is not None


def describe_error(error: Exception) -> str:
    """The message of an object store, otherwise the class and the first line of the Java exception, without its trace."""
    refusal = find_refusal(str(error))
    if refusal is not None:
        return refusal
    java_exception = getattr(error, "java_exception", None)
    return str(java_exception.toString() if java_exception is not None else error).splitlines()[0]


def is_connect(session: object) -> bool:
    """Whether an object is a session or a frame of Spark Connect. Imports nothing."""
    return type(session).__module__.startswith("pyspark.sql.connect.")


@register_storage("connect", schemes=())
class ServerStorage(Storage):
    """Read-only files that a Spark Connect server can open, but this machine can't."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def resolved(self, path: str) -> str:
        return path

    def exists(self, path: str) -> bool:
        with _convert_errors(path, "listed"):
            try:
                return bool(self._read_rows(path, "path"))
            except Exception as error:
                if not is_absent(error):
                    raise
        return False

    shows_drafts = False

    def walk(self, path: str, *, hidden: bool = False) -> list[StoredFile]:
        """The files at or below a path; Spark's readers don't see hidden files."""
        with _convert_errors(path, "listed"):
            rows = self._read_rows(path, "path", "length", "unix_millis(modificationTime)")
        return [StoredFile(*row) for row in rows]

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        length = "" if at_most is None else f", {at_most}"
        with _convert_errors(path, "read"):
            rows = self._read_rows(path, f"substring(content, {start + 1}{length})")
        return b"".join(bytes(content) for (content,) in rows)

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        self._refuse(path)

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        self._refuse(target)

    def delete(self, path: str) -> None:
        self._refuse(path)

    def _read_rows(self, path: str, *expressions: str) -> list[Row]:
        reader = self._spark.read.format("binaryFile").option("recursiveFileLookup", "true")
        return list(reader.load(path).selectExpr(*expressions).collect())

    def _refuse(self, path: str) -> NoReturn:
        raise OutputFailed(
            f"{path}: a session of Spark Connect writes to local paths only; choose one, and copy the files from there"
        )


def storage_of_session(path: str, spark: SparkSession) -> Storage:
    """The storage of a path, among the file systems of a session. Raises BadInput for a scheme that no file system opens."""
    storage: Storage
    # A Connect client has no JVM, so the scheme is taken from the path
    if is_connect(spark):
        scheme = urlparse(path).scheme or LOCAL_SCHEME
        storage = ServerStorage(spark)
    else:
        storage = hadoop = HadoopStorage.for_path(path, spark)
        scheme = hadoop.scheme
    # Python reads local files itself, because the JVM would need a round trip for each call and a conversion for each byte
    if scheme == LOCAL_SCHEME:
        return find_storage_without_spark(f"{LOCAL_SCHEME}:") or storage
    return storage
