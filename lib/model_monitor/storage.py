"""Files wherever they lie: on this machine, or on any file system that Hadoop opens.

`storage_of(path, spark)` gives the storage that holds `path`; readers, writers and the message file all go through it, so
that nothing else asks what scheme a path has. Driver only. It moves whole small files (documents, states, header lines);
data sets are read by Spark.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlparse

from model_monitor.errors import BadInput, OutputFailed
from model_monitor.java_classes import java_class
from model_monitor.object_store import refusal_in

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PATH = "org.apache.hadoop.fs.Path"


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One file of a listing. `modified_ms` is the modification time in milliseconds since 1970."""

    path: str
    size_bytes: int
    modified_ms: int

    @property
    def is_compressed(self) -> bool:
        """Whether Spark decompresses it, which it tells by the name."""
        return self.path.endswith((".gz", ".bz2"))


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

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        """Put a whole file in place: readers see the old one or the new one, never a half.

        private: only its owner may read it, and the folder if that is made for it, where files have owners. An object store
        has policies instead; there nobody gets access by the object itself.
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

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
USUAL_FILE, USUAL_FOLDER = 0o666, 0o777
"""Permissions before the user's mask takes its part of them."""


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

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        target = local_path(path)
        draft = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        mode = PRIVATE_FILE if private else USUAL_FILE
        try:
            target.parent.mkdir(PRIVATE_FOLDER if private else USUAL_FOLDER, parents=True, exist_ok=True)
            with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except OSError as fault:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise OutputFailed(
                f"{path}: can't be written ({fault.strerror}); name an output path that this user can write to"
                + (f", with {len(content):,} bytes free" if content else "")
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

    def __init__(self, gateway: Any, configuration: Any, file_system: Any) -> None:
        self._gateway = gateway
        self._configuration = configuration
        self._file_system = file_system
        self.scheme = str(file_system.getUri().getScheme())

    @classmethod
    def at(cls, path: str, spark: SparkSession) -> HadoopStorage:
        context: Any = spark.sparkContext
        configuration = spark._jsparkSession.sessionState().newHadoopConf()
        try:
            file_system = java_class(context._gateway, _PATH)(path).getFileSystem(configuration)
        except Exception as fault:
            raise BadInput(f"{path}: no file system of this Spark opens it ({_reason(fault)})") from fault
        return cls(context._gateway, configuration, file_system)

    def _java(self, name: str) -> Any:
        return java_class(self._gateway, name)

    def _path(self, path: str) -> Any:
        return self._java(_PATH)(path)

    def resolved(self, path: str) -> str:
        return str(self._file_system.makeQualified(self._path(path)).toString())

    def exists(self, path: str) -> bool:
        return bool(self._file_system.exists(self._path(path)))

    def list_files(self, path: str) -> list[StoredFile]:
        try:
            top = self._file_system.makeQualified(self._path(path))
            statuses = self._file_system.listFiles(top, True)  # of an object store all below is one listing
            files = []
            depth = len(top.toUri().getPath())
            while statuses.hasNext():
                status = statuses.next()
                below = status.getPath().toUri().getPath()[depth:]
                if not any(is_hidden(part) for part in below.split("/") if part):
                    files.append(_stored(status))
            return sorted(files)
        except Exception as fault:
            raise BadInput(_not_listed(path, fault)) from fault

    def list_folders(self, path: str) -> list[str]:
        try:
            statuses = self._file_system.listStatus(self._path(path))
            names = [str(status.getPath().getName()) for status in statuses if status.isDirectory()]
        except Exception as fault:
            raise BadInput(_not_listed(path, fault)) from fault
        return sorted(name for name in names if not is_hidden(name))

    def read(self, path: str, at_most: int | None = None) -> bytes:
        try:
            stream = self._file_system.open(self._path(path))
            try:
                content = stream
                if at_most is not None:
                    content = self._java("org.apache.commons.io.input.BoundedInputStream")(stream, at_most)
                # as text, a character for each byte: py4j takes bytes apart one by one, 0.5 s for a megabyte
                text: str = self._java("org.apache.commons.io.IOUtils").toString(content, "ISO-8859-1")
                return text.encode("latin-1")
            finally:
                stream.close()
        except Exception as fault:
            raise BadInput(f"{path}: can't be read ({_reason(fault)})") from fault

    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        target = self._path(path)
        try:
            draft = self._draft_of(target)
            try:
                self._put(draft, lambda stream: stream.write(bytearray(content)), private=private)
                if draft is not target:
                    self._replace(draft, target)
            except Exception:
                if draft is not target:
                    self._discard(draft)
                raise
        except Exception as fault:
            raise OutputFailed(f"{path}: can't be written ({_reason(fault)})") from fault

    def assemble(self, sources: Sequence[str], target: str) -> bool:
        place = self._path(target)
        try:
            if self._holds_just(place, sources):
                return False
            draft = self._draft_of(place)
            if len(sources) == 1 and draft is not place:
                self._file_system.mkdirs(place.getParent())
                draft = self._path(sources[0])
            else:
                self._put(draft, lambda stream: self._copy(sources, stream))
            if draft is not place:
                self._replace(draft, place)
        except Exception as fault:
            raise OutputFailed(f"{target}: can't be written ({_reason(fault)})") from fault
        return True

    def _draft_of(self, target: Any) -> Any:
        """Where a file is written before it is put in place: of an object store that is the target itself."""
        if self.scheme in self.OBJECT_STORES:
            return target
        return self._path(join(str(target.getParent()), f".{target.getName()}.{uuid.uuid4().hex}"))

    def _put(self, target: Any, fill: Callable[[Any], object], *, private: bool = False) -> None:
        """Make a file of what `fill` writes to a Java stream. On an object store it is there whole or not at all."""
        stream = self._created(target, private=private)
        try:
            fill(stream)
        except Exception:
            with suppress(Exception):
                if self.scheme in self.OBJECT_STORES:
                    stream.abort()  # closing would show readers half an object
                else:
                    stream.close()
            raise
        stream.close()

    def _created(self, target: Any, *, private: bool) -> Any:
        """The Java stream of a new file. Permissions are set while there is nothing in it yet."""
        if not private or self.scheme in self.OBJECT_STORES:
            return self._file_system.create(target, True)
        permission = self._java("org.apache.hadoop.fs.permission.FsPermission")
        if not self._file_system.exists(target.getParent()):
            self._file_system.mkdirs(target.getParent())
            self._file_system.setPermission(target.getParent(), permission(f"{PRIVATE_FOLDER:o}"))
        stream = self._file_system.create(target, True)
        self._file_system.setPermission(target, permission(f"{PRIVATE_FILE:o}"))
        return stream

    def _discard(self, draft: Any) -> None:
        with suppress(Exception):
            self._file_system.delete(draft, False)

    def _copy(self, sources: Sequence[str], stream: Any) -> None:
        content = self._opened(sources)
        try:
            self._java("org.apache.commons.io.IOUtils").copyLarge(content, stream)
        finally:
            content.close()

    def _opened(self, sources: Sequence[str]) -> Any:
        """One Java stream of all files, one after the other."""
        streams = self._java("java.util.Vector")()
        for source in sources:
            streams.add(self._file_system.open(self._path(source)))
        return self._java("java.io.SequenceInputStream")(streams.elements())

    def _holds_just(self, place: Any, sources: Sequence[str]) -> bool:
        if not self._file_system.exists(place):
            return False
        sizes = [int(self._file_system.getFileStatus(self._path(source)).getLen()) for source in sources]
        if int(self._file_system.getFileStatus(place).getLen()) != sum(sizes):
            return False
        held, new = self._file_system.open(place), self._opened(sources)
        try:
            return bool(self._java("org.apache.commons.io.IOUtils").contentEquals(held, new))
        finally:
            held.close()
            new.close()

    def _replace(self, draft: Any, target: Any) -> None:
        options = self._java("org.apache.hadoop.fs.Options").Rename
        overwrite = self._java("java.lang.reflect.Array").newInstance(options.OVERWRITE.getClass(), 1)
        overwrite[0] = options.OVERWRITE
        context = self._java("org.apache.hadoop.fs.FileContext").getFileContext(target.toUri(), self._configuration)
        context.rename(draft, target, overwrite)

    def delete(self, path: str) -> None:
        self._file_system.delete(self._path(path), True)


def _stored(status: Any) -> StoredFile:
    return StoredFile(str(status.getPath().toString()), int(status.getLen()), int(status.getModificationTime()))


def _not_listed(path: str, fault: Exception) -> str:
    if refusal_in(str(fault)) is None and "FileNotFoundException" in str(fault):
        return f"{path}: there is no such file or directory"
    return f"{path}: can't be listed ({_reason(fault)})"


def _reason(fault: Exception) -> str:
    """What an object store meant, else the Java exception's class and first line, without its trace."""
    refusal = refusal_in(str(fault))
    if refusal is not None:
        return refusal
    java = getattr(fault, "java_exception", None)
    return str(java.toString() if java is not None else fault).splitlines()[0]
