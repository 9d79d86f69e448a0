"""Files that are being written, in a folder of this machine, until they are whole and can be delivered.

A file is locked by the process that writes it. What a killed process leaves behind is unlocked, and the next writer of the
same folder finishes it. Works on any file system of POSIX that has locks.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

LOCK = ".lock"
SUFFIX = ".jsonl"
READ_BACK_BYTES = 65_536

NO_DRAFT = (errno.ELOOP, errno.EISDIR, errno.ENXIO)
"""What opening a link, a folder or somebody's socket ends with."""

READABLE_BY_GROUP = 0o640
"""Captured data is personal: only the server's user and its group read it."""


class Draft:
    """A file of whole lines that nobody reads yet; locked as long as this object holds it.

    key: where it goes when it is finished, relative to the destination. lines: how many were appended by this process.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.key = unquote(path.name)
        self.size_bytes = os.fstat(descriptor).st_size
        self.lines = 0
        self._descriptor = descriptor

    def append(self, content: bytes, lines: int) -> None:
        """Write lines behind the others; they survive this process from then on.

        Raises OSError if they can't be written; none of them is in the file then.
        """
        written = 0
        try:
            while written < len(content):
                written += os.write(self._descriptor, content[written:] if written else content)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(content)
        self.lines += lines

    def finish(self) -> None:
        """Have the system put all of it on the disk. Raises OSError if it can't."""
        os.fsync(self._descriptor)

    def cut_to_whole_lines(self) -> None:
        """Take away what stands behind the last line end: a line that was being written when its process was killed."""
        end = self.size_bytes
        while end:
            start = max(0, end - READ_BACK_BYTES)
            line_end = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if line_end >= 0:
                end = start + line_end + 1
                break
            end = start
        os.ftruncate(self._descriptor, end)
        self.size_bytes = end

    def release(self) -> None:
        """Unlock the file, wherever it is now."""
        _unlocked_and_closed(self._descriptor)

    def forget(self) -> None:
        """In a process that was forked: leave the file to the other one, which goes on with it."""
        with suppress(OSError):
            os.close(self._descriptor)


class Spool:
    """The folder with the drafts of all writers of one destination."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, key: str) -> Draft:
        """A new draft of this process. Raises OSError if it can't be made."""
        path = self.folder / quote(key, safe="")
        with self._locked():
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, READABLE_BY_GROUP
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Draft(path, descriptor)

    def orphans(self) -> list[Draft]:
        """The drafts of processes that are no more, locked by this one and cut to whole lines. Raises OSError."""
        with self._locked():
            paths = [path for path in sorted(self.folder.iterdir()) if path.suffix == SUFFIX]
            drafts = [draft for path in paths for draft in _claimed(path)]
        for draft in drafts:
            draft.cut_to_whole_lines()
        return drafts

    def size_bytes(self) -> int:
        """Bytes of all drafts, those of other processes too. Raises OSError."""
        return sum(entry.stat().st_size for entry in os.scandir(self.folder)) if self.folder.is_dir() else 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else creates or claims drafts meanwhile: between its creation and its lock a draft looks like an orphan."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, READABLE_BY_GROUP)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            _unlocked_and_closed(descriptor)


def _unlocked_and_closed(descriptor: int) -> None:
    """Closing alone does not unlock if a process was forked meanwhile, which has the lock open as well."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _claimed(path: Path) -> Iterator[Draft]:
    """The draft at `path`, if its process is no more; nothing if it is no file of ours, but a link or under another's key."""
    if {"", ".", ".."} & set(unquote(path.name).split("/")):
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as fault:
        if isinstance(fault, FileNotFoundError) or fault.errno in NO_DRAFT:
            return  # delivered since it was listed, a link, a folder
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        delivered = not path.exists()
    except OSError:  # its process lives
        delivered = True
    if delivered:
        os.close(descriptor)
    else:
        yield Draft(path, descriptor)
