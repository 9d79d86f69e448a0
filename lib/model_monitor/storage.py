"""Files wherever they lie: on this machine, or on any file system that Hadoop opens.

`storage_of(path, spark)` gives the storage that holds `path`; readers, writers and the message file all go through it, so
that nothing else asks what scheme a path has. Driver only. It moves whole small files (documents, states, header lines);
data sets are read by Spark.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlparse

from model_monitor.errors import BadInput, OutputFailed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One file of a listing. `modified_ms` is the modification time in milliseconds since 1970."""

    path: str
    size_bytes: int
    modified_ms: int


class Storage(Protocol):
    """What the package asks of a file system. Paths are those that `storage_of` was given, or below them."""

    def resolved(self, path: str) -> str:
        """`path` in the one spelling that stands in ledgers and that Spark reads."""

    def exists(self, path: str) -> bool: ...

    def list_files(self, path: str) -> list[StoredFile]:
        """The files at or below `path`, sorted by path; hidden ones (`_x`, `.x`) and their folders are left out.

        Raises BadInput if there is nothing at `path`.
        """

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders right below `path`, sorted, without hidden ones; none if `path` is a file.

        Raises BadInput if there is nothing at `path`.
        """

    def read(self, path: str, at_most: int | None = None) -> bytes:
        """The first `at_most` bytes of a file, or all of it.

        Raises BadInput if it can't be read.
        """

    def write(self, path: str, content: bytes) -> None:
        """Put a whole file in place: readers see the old one or the new one, never a half.

        Raises OutputFailed if it can't be written; the old file is then still there.
        """

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        """Put the contents of files of this storage, one after the other, in place of `target`, and say whether that
        changed it: a target that holds just that is left as it is. Of any size; the sources may be gone afterwards.

        Raises OutputFailed as `write` does.
        """

    def delete(self, path: str) -> None:
        """Remove a file or a folder with all below it; nothing happens if it is absent."""


COPIED_BYTES = 4 * 2**20
"""So much of a file is held at once while it is copied or compared."""


def is_hidden(name: str) -> bool:
    """Whether Spark's readers skip a file or folder of this name."""
    return name.startswith((".", "_"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`, whose scheme is kept."""
    return "/".join([folder.rstrip("/") or "", *names])


def storage_of(path: str, spark: SparkSession | None = None) -> Storage:
    """The storage that holds `path`.

    Without a session only local paths can be opened (`/data`, `file:/data`).

    Raises BadInput for another scheme without a session, or for one that Hadoop has no file system for.
    """
    if spark is None:
        scheme = urlparse(path).scheme
        if scheme not in ("", "file"):
            raise BadInput(f"{path}: this command opens local paths only; copy the files here, or start it as a job")
        return LocalStorage()
    hadoop = HadoopStorage.at(path, spark)
    return LocalStorage() if hadoop.scheme == "file" else hadoop


class LocalStorage:
    """Files of this machine."""

    def resolved(self, path: str) -> str:
        return f"file:{local_path(path).absolute()}"

    def exists(self, path: str) -> bool:
        return local_path(path).exists()

    def list_files(self, path: str) -> list[StoredFile]:
        top = local_path(path)
        if not top.exists():
            raise BadInput(f"{path}: there is no such file or directory")
        try:
            return sorted(_local_files(top))
        except OSError as fault:
            raise BadInput(f"{path}: can't be listed ({fault.strerror})") from fault

    def list_folders(self, path: str) -> list[str]:
        top = local_path(path)
        if not top.exists():
            raise BadInput(f"{path}: there is no such file or directory")
        if not top.is_dir():
            return []
        try:
            return sorted(inner.name for inner in top.iterdir() if inner.is_dir() and not is_hidden(inner.name))
        except OSError as fault:
            raise BadInput(f"{path}: can't be listed ({fault.strerror})") from fault

    def read(self, path: str, at_most: int | None = None) -> bytes:
        try:
            with local_path(path).open("rb") as file:
                return file.read(-1 if at_most is None else at_most)
        except OSError as fault:
            raise BadInput(f"{path}: can't be read ({fault.strerror})") from fault

    def write(self, path: str, content: bytes) -> None:
        target = local_path(path)
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except OSError as fault:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise OutputFailed(
                f"{path}: can't be written ({fault.strerror}); name an output path that this user can write to, "
                f"with {len(content):,} bytes free"
            ) from fault

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        parts, place = [local_path(source) for source in sources], local_path(target)
        if _holds_just(place, parts):
            return False
        draft = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if len(parts) == 1:
                parts[0].replace(draft)
            with draft.open("ab") as file:
                for part in parts if len(parts) > 1 else ():
                    with part.open("rb") as content:
                        shutil.copyfileobj(content, file, COPIED_BYTES)
                os.fsync(file.fileno())
            draft.replace(place)
        except OSError as fault:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise OutputFailed(
                f"{target}: can't be written ({fault.strerror}); name an output path that this user can write to"
            ) from fault
        return True

    def delete(self, path: str) -> None:
        target = local_path(path)
        if target.is_dir() and not target.is_symlink():
            for inner in target.iterdir():
                self.delete(str(inner))
            target.rmdir()
        else:
            target.unlink(missing_ok=True)


def local_path(path: str) -> Path:
    """`/data/x`, `file:/data/x` or `file:///data/x` as a path of this machine; like Hadoop, without percent-decoding."""
    if path.startswith("file:"):
        return Path("/" + path.removeprefix("file:").lstrip("/"))
    return Path(path)


def _holds_just(place: Path, parts: Sequence[Path]) -> bool:
    """Whether a file is there and is what the parts are, one after the other."""
    if not place.is_file() or place.stat().st_size != sum(part.stat().st_size for part in parts):
        return False
    with ExitStack() as opened:
        held = opened.enter_context(place.open("rb"))
        for part in parts:
            content = opened.enter_context(part.open("rb"))
            while piece := content.read(COPIED_BYTES):
                if held.read(len(piece)) != piece:
                    return False
    return True


def _local_files(top: Path) -> Iterator[StoredFile]:
    if top.is_file():
        found = top.stat()
        yield StoredFile(f"file:{top.absolute()}", found.st_size, found.st_mtime_ns // 1_000_000)
        return
    for folder, folders, names in os.walk(top, followlinks=True):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            if not is_hidden(name):
                yield from _local_files(Path(folder) / name)


class HadoopStorage:
    """Files of any file system that Hadoop opens (`hdfs:`, `s3a:`, …), with the session's configuration."""

    # Object stores show a file only when its stream is closed, and can't rename: there a draft would add nothing.
    OBJECT_STORES = frozenset({"s3", "s3a", "s3n", "gs", "abfs", "abfss", "wasb", "wasbs", "oss"})

    def __init__(self, jvm: Any, configuration: Any, file_system: Any) -> None:
        self._jvm = jvm
        self._configuration = configuration
        self._file_system = file_system
        self.scheme = str(file_system.getUri().getScheme())

    @classmethod
    def at(cls, path: str, spark: SparkSession) -> HadoopStorage:
        jvm: Any = spark._jvm
        configuration = spark._jsparkSession.sessionState().newHadoopConf()
        try:
            file_system = jvm.org.apache.hadoop.fs.Path(path).getFileSystem(configuration)
        except Exception as fault:
            raise BadInput(f"{path}: no file system of this Spark opens it ({_reason(fault)})") from fault
        return cls(jvm, configuration, file_system)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def resolved(self, path: str) -> str:
        return str(self._file_system.makeQualified(self._path(path)).toString())

    def exists(self, path: str) -> bool:
        return bool(self._file_system.exists(self._path(path)))

    def list_files(self, path: str) -> list[StoredFile]:
        try:
            top = self._file_system.getFileStatus(self._path(path))
            statuses = self._file_system.listFiles(top.getPath(), True) if top.isDirectory() else None
            if statuses is None:
                return [_stored(top)]
            files = []
            depth = len(top.getPath().toUri().getPath())
            while statuses.hasNext():
                status = statuses.next()
                below = status.getPath().toUri().getPath()[depth:]
                if not any(is_hidden(part) for part in below.split("/") if part):
                    files.append(_stored(status))
            return sorted(files)
        except Exception as fault:
            if "FileNotFoundException" in str(fault):
                raise BadInput(f"{path}: there is no such file or directory") from fault
            raise BadInput(f"{path}: can't be listed ({_reason(fault)})") from fault

    def list_folders(self, path: str) -> list[str]:
        try:
            top = self._file_system.getFileStatus(self._path(path))
            if not top.isDirectory():
                return []
            statuses = self._file_system.listStatus(top.getPath())
            names = [str(status.getPath().getName()) for status in statuses if status.isDirectory()]
        except Exception as fault:
            if "FileNotFoundException" in str(fault):
                raise BadInput(f"{path}: there is no such file or directory") from fault
            raise BadInput(f"{path}: can't be listed ({_reason(fault)})") from fault
        return sorted(name for name in names if not is_hidden(name))

    def read(self, path: str, at_most: int | None = None) -> bytes:
        try:
            source = self._path(path)
            length = int(self._file_system.getFileStatus(source).getLen())
            stream = self._file_system.open(source)
            try:
                size = length if at_most is None else min(length, at_most)
                return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream, size))
            finally:
                stream.close()
        except Exception as fault:
            raise BadInput(f"{path}: can't be read ({_reason(fault)})") from fault

    def write(self, path: str, content: bytes) -> None:
        target = self._path(path)
        in_place = self.scheme in self.OBJECT_STORES
        draft = (
            target if in_place else self._path(join(str(target.getParent()), f".{target.getName()}.{uuid.uuid4().hex}"))
        )
        try:
            stream = self._file_system.create(draft, True)
            try:
                stream.write(bytearray(content))
            finally:
                stream.close()
            if not in_place:
                self._replace(draft, target)
        except Exception as fault:
            with suppress(Exception):
                if not in_place:
                    self._file_system.delete(draft, False)
            raise OutputFailed(f"{path}: can't be written ({_reason(fault)})") from fault

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        place = self._path(target)
        try:
            if self._holds_just(place, sources):
                return False
            in_place = self.scheme in self.OBJECT_STORES
            draft = (
                place
                if in_place
                else self._path(join(str(place.getParent()), f".{place.getName()}.{uuid.uuid4().hex}"))
            )
            if len(sources) == 1 and not in_place:
                self._file_system.mkdirs(place.getParent())
                draft = self._path(sources[0])
            else:
                self._copy(sources, draft)
            if not in_place:
                self._replace(draft, place)
        except Exception as fault:
            raise OutputFailed(f"{target}: can't be written ({_reason(fault)})") from fault
        return True

    def _copy(self, sources: Sequence[str], target: Any) -> None:
        stream = self._file_system.create(target, True)
        try:
            self._jvm.org.apache.commons.io.IOUtils.copyLarge(self._opened(sources), stream)
        except Exception:
            with suppress(Exception):
                stream.abort()  # closing would show an object store's readers half an object
            raise
        stream.close()

    def _opened(self, sources: Sequence[str]) -> Any:
        """One Java stream of all files, one after the other."""
        streams = self._jvm.java.util.Vector()
        for source in sources:
            streams.add(self._file_system.open(self._path(source)))
        return self._jvm.java.io.SequenceInputStream(streams.elements())

    def _holds_just(self, place: Any, sources: Sequence[str]) -> bool:
        if not self._file_system.exists(place):
            return False
        sizes = [int(self._file_system.getFileStatus(self._path(source)).getLen()) for source in sources]
        if int(self._file_system.getFileStatus(place).getLen()) != sum(sizes):
            return False
        held, new = self._file_system.open(place), self._opened(sources)
        try:
            return bool(self._jvm.org.apache.commons.io.IOUtils.contentEquals(held, new))
        finally:
            held.close()
            new.close()

    def _replace(self, draft: Any, target: Any) -> None:
        options = self._jvm.org.apache.hadoop.fs.Options.Rename
        overwrite = self._jvm.java.lang.reflect.Array.newInstance(options.OVERWRITE.getClass(), 1)
        overwrite[0] = options.OVERWRITE
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(target.toUri(), self._configuration)
        context.rename(draft, target, overwrite)

    def delete(self, path: str) -> None:
        self._file_system.delete(self._path(path), True)


def _stored(status: Any) -> StoredFile:
    return StoredFile(str(status.getPath().toString()), int(status.getLen()), int(status.getModificationTime()))


def _reason(fault: Exception) -> str:
    """The Java exception's class and first line, without its trace."""
    java = getattr(fault, "java_exception", None)
    return str(java.toString() if java is not None else fault).splitlines()[0]
