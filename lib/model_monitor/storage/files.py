"""What the package asks of a file system, and what every kind of it has in common. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

COPIED_BYTES = 4 * 2**20
"""So much of a file is held at once while it is copied or compared."""

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
USUAL_FILE, USUAL_FOLDER = 0o666, 0o777
"""Permissions before the user's mask takes its part of them."""


_DRAFT = re.compile(r"\..+\.[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")


def draft_name(name: str) -> str:
    """What a file of this name is called while it is written, a name that no other has."""
    return f".{name}.{uuid4().hex}"


def is_draft(name: str) -> bool:
    """Whether a file may be called so while it is written."""
    return _DRAFT.fullmatch(name) is not None


def is_hidden(name: str) -> bool:
    """Whether Spark's readers skip a file or folder of this name."""
    return name.startswith((".", "_"))


def join(folder: str, *names: str) -> str:
    """A path below `folder`, whose scheme is kept."""
    return "/".join([folder.rstrip("/") or "", *names])


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
    """What the package asks of a file system. Paths are those that `storage_of` was given, or below them.

    What changes files raises OutputHeld if they lie in an output that this thread held and has lost (`lease.py`).
    """

    def resolved(self, path: str) -> str:
        """`path` in the one spelling that stands in ledgers and that Spark reads."""

    def exists(self, path: str) -> bool: ...

    def list_files(self, path: str) -> list[StoredFile]:
        """The files at or below `path`, sorted by path; hidden ones (`_x`, `.x`) and their folders are left out.

        Raises BadInput if there is nothing at `path`, or a link to a folder that it lies in.
        """

    def list_folders(self, path: str) -> list[str]:
        """The names of the folders right below `path`, sorted, without hidden ones and links to a
        folder that they lie in; none if `path` is a file.

        Raises BadInput if there is nothing at `path`.
        """

    def list_beginning(self, folder: str, start: str) -> list[StoredFile]:
        """The files right in a folder whose names begin so, hidden or not.

        Raises BadInput if it can't be listed.
        """

    def list_hidden(self, folder: str) -> list[StoredFile]:
        """The files at any depth below a folder whose own names are hidden; none on an object store, where drafts are not seen.

        Raises BadInput if it can't be listed.
        """

    def read(self, path: str, at_most: int | None = None, start: int = 0) -> bytes:
        """The bytes of a file from `start` on, at most `at_most` of them, or all.

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
        """Remove a file or a folder with all below it; nothing happens if it is absent.

        Raises OutputFailed if something can't be removed.
        """
