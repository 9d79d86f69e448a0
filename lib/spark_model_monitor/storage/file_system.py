"""The interface of a storage, the registry of storages by the schemes that they open, hidden files, and drafts."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit
from uuid import uuid4

from spark_model_monitor.registry import Registry, import_all

COPIED_BYTES = 4 * 2**20  # bytes of a file that are in memory at once while it is copied or compared

_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")

STORAGES: Registry[type[Storage]] = Registry("storage")


def make_draft_name(name: str) -> str:
    """A unique temporary name for a file while it is written."""
    return f".{name}.{uuid4().hex}"


def is_draft(name: str) -> bool:
    """Whether this may be the temporary name of a file that is being written."""
    return _DRAFT.fullmatch(name) is not None


def is_hidden(name: str) -> bool:
    """Whether Spark's readers skip a file or folder of this name."""
    return name.startswith((".", "_"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`, with the same scheme."""
    return "/".join([folder.rstrip("/"), *names])


@dataclass(frozen=True, slots=True, order=True)
class StoredFile:
    """One file of a listing. `modified_ms` is the modification time in milliseconds since 1970."""

    path: str
    size_bytes: int
    modified_ms: int

    @property
    def name(self) -> str:
        """The file's name: the last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_compressed(self) -> bool:
        """Whether the file's suffix is that of a compression."""
        return self.path.endswith((".gz", ".bz2", ".zst"))


class Storage(ABC):
    """The interface of a file system. All paths are at or below the path that `get_storage` was given.

    Methods that change files first call `require_lease`, which raises OutputHeld if this thread held their output and
    lost it (`lease.py`). `tests/storage_law.py` tests all this for every registered storage.
    """

    @abstractmethod
    def resolved(self, path: str) -> str:
        """`path` in its canonical spelling, for ledgers and for Spark."""

    @abstractmethod
    def exists(self, path: str) -> bool: ...

    @abstractmethod
    def walk(self, path: str, *, hidden: bool = False) -> Iterable[StoredFile]:
        """The files at or below `path`, in the order in which the storage lists the names of a folder.

        Entries that aren't files, such as pipes, are skipped, with a warning that counts them.
        hidden: include hidden files (`_x`, `.x`) and files in hidden folders, and don't follow links.
        Raises BadInput if nothing exists at `path`, or for a link to one of the link's parent folders.
        """

    def list_files(self, path: str) -> list[StoredFile]:
        """The files at or below `path`, sorted by path, without hidden files and folders. Raises as `walk` does."""
        return sorted(self.walk(path), key=attrgetter("path"))

    def list_hidden(self, folder: str) -> list[StoredFile]:
        """The hidden files at any depth below a folder; empty on an object store, which doesn't show drafts.

        Raises BadInput if the folder can't be listed.
        """
        if self.shows_drafts:
            return [file for file in self.walk(folder, hidden=True) if is_hidden(file.name)]
        return []

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders directly below `path`, sorted, without hidden folders and links to a parent folder;
        empty if `path` is a file.

        Raises BadInput if nothing exists at `path`.
        """
        names = _list_names_below(path, self.walk(path))
        return sorted({name.partition("/")[0] for name, _ in names if "/" in name})

    def list_by_prefix(self, folder: str, start: str) -> list[StoredFile]:
        """The files directly in a folder whose names begin with `start`, hidden or not.

        Raises BadInput if the folder can't be listed.
        """
        names = _list_names_below(folder, self.walk(folder, hidden=True))
        return [file for name, file in names if name.startswith(start) and "/" not in name]

    @property
    def shows_drafts(self) -> bool:
        """Whether a file is visible while it is written."""
        return True

    @abstractmethod
    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        """The bytes of a file from offset `start`, at most `at_most` of them, or all.

        Raises BadInput if the file can't be read.
        """

    def open(self, path: str) -> Path | BinaryIO:
        """An open file in a form that libraries can read: a path, or a seekable stream."""
        return BytesIO(self.read(path))

    @abstractmethod
    def write(self, path: str, content: bytes, *, private: bool = False) -> None:
        """Replace a whole file atomically: readers see the old content or the new content, never a part.

        private: make the file, and the folder if this call creates it, readable by the owner only, on storages whose
        files have owners. An object store has policies instead: the object itself grants access to nobody.
        Raises OutputFailed if the file can't be written; the old file then remains.
        """

    @abstractmethod
    def assemble(self, sources: Sequence[str], target: str) -> bool:
        """Replace `target` with the concatenation of files of this storage. Returns False if the target already has this
        content and is left alone. The target is private, as in `write`. Files can have any size. The sources may be gone
        afterwards.

        Raises OutputFailed as `write` does.
        """

    def copy(self, source: str, target: str) -> None:
        """Replace the file `target` with a copy of `source`; both may share their bytes on the disk.

        Raises BadInput if `source` can't be read, OutputFailed as `write` does.
        """
        self.write(target, self.read(source))

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove a file, or a folder with everything below it; does nothing if it is absent.

        Raises OutputFailed if something can't be removed.
        """


def _list_names_below(folder: str, files: Iterable[StoredFile]) -> list[tuple[str, StoredFile]]:
    """Files with their names relative to a folder; the name is empty if `folder` is the file itself."""
    prefix = folder.rstrip("/") + "/"
    return [(file.path.partition(prefix)[2], file) for file in files]


def sort_like_spark(files: Iterable[StoredFile], folder: str) -> Iterator[StoredFile]:
    """Files in the order in which Spark reads a folder: first files, then sub-folders, both in the given order."""
    files_by_folder: dict[str, list[StoredFile]] = {}
    for file in files:
        name, slash, _ = file.path[len(folder) :].lstrip("/").partition("/")
        # The order of rows determines the header and the sample, so it has to be Spark's order
        if slash:
            files_by_folder.setdefault(f"{folder.rstrip('/')}/{name}", []).append(file)
        else:
            yield file
    for inner_folder, inner_files in files_by_folder.items():
        yield from sort_like_spark(inner_files, inner_folder)


def register_storage(
    name: str, *, schemes: tuple[str, ...], needs: str | None = None
) -> Callable[[type[Storage]], type[Storage]]:
    """Decorator that enters a storage.

    schemes: the schemes of the paths that the storage opens without Spark; empty if it needs a session. needs: the
    top-level module of the library that it needs to open them.
    """
    return STORAGES.register(name, schemes=schemes, needs=needs)


def find_storage_without_spark(path: str) -> Storage | None:
    """The storage that opens a path without Spark; None if there is no such storage. Storages for other schemes than local
    ones are imported on first use.
    """
    # Importing the modules of the other storages registers their schemes
    scheme = urlsplit(path).scheme
    if scheme not in ("", "file"):
        import_all(import_module("spark_model_monitor.storage"))
    for storage in STORAGES.values():
        library = storage.facts["needs"]
        # find_spec looks for the library without loading it, which takes long for boto3
        if scheme in storage.facts["schemes"] and (library is None or find_spec(library) is not None):
            return cast("Storage", storage())
    return None
