"""Moves lines from memory to files by hour: a bounded buffer, and drafts, which are files that still grow."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from urllib.parse import quote, unquote

from spark_model_monitor.capture.account import Clock, ErrorLog
from spark_model_monitor.capture.options import CaptureLimits

log = logging.getLogger(__name__)

LOCK = ".lock"  # the file that is locked while drafts are created or claimed
SUFFIX = ".jsonl"  # of drafts
READ_BACK_BYTES = 65_536  # bytes that are read at once in the search for the last line end
NO_DRAFT = (errno.ELOOP, errno.EISDIR, errno.ENXIO)  # errors on opening a link, a folder or a socket
READABLE_BY_GROUP = 0o640  # captured data is personal: only the server's user and group may read it


@dataclass(frozen=True, slots=True)
class Line:
    """A record's line of JSON, with its line end, and the time of the record."""

    time: datetime
    content: bytes


class Buffer:
    """A buffer of at most `max_bytes` bytes of lines, in the order in which they came.

    half_full: called when a line leaves less than half of the room.
    """

    def __init__(self, max_bytes: int, half_full: Callable[[], None]) -> None:
        self._max_bytes = max_bytes
        self._half_full = half_full
        self._lock = Lock()
        self._lines: list[Line] = []
        self._size_bytes = 0
        self._closed = False

    def offer(self, line: Line) -> bool:
        """Add a line. Returns False if there is no room for it, or after `take_last`."""
        with self._lock:
            # A server's thread calls this, so it never waits for room
            size_bytes = self._size_bytes + len(line.content)
            if self._closed or size_bytes > self._max_bytes:
                return False
            self._lines.append(line)
            self._size_bytes = size_bytes
        # Called outside the lock, which the woken thread needs
        if size_bytes * 2 > self._max_bytes:
            self._half_full()
        return True

    def take(self) -> list[Line]:
        """All lines; the buffer is empty afterwards."""
        with self._lock:
            lines = self._lines
            self._lines = []
            self._size_bytes = 0
        return lines

    def take_last(self) -> list[Line]:
        """All lines; no more are accepted afterwards."""
        with self._lock:
            self._closed = True
        return self.take()

    def give_back(self, lines: list[Line]) -> int:
        """Put unwritten lines back in front. Returns the number of the last lines, for which there was no room."""
        with self._lock:
            # New lines may have taken room in the meantime
            room = self._max_bytes - self._size_bytes
            returned_lines = []
            for line in lines:
                if len(line.content) > room:
                    break
                room -= len(line.content)
                returned_lines.append(line)
            self._lines[:0] = returned_lines
            self._size_bytes = self._max_bytes - room
        return len(lines) - len(returned_lines)


class Draft:
    """A file of whole lines that nobody reads yet; locked as long as this object holds it.

    key: the path of the finished file, relative to the destination. lines: the number of lines that this process appended.
    created_seconds: when this process created the file, by its monotonic clock.
    """

    def __init__(self, path: Path, descriptor: int, created_seconds: float = 0.0) -> None:
        self.path = path
        self.created_seconds = created_seconds
        self.key = unquote(path.name)
        self.size_bytes = os.fstat(descriptor).st_size
        self.lines = 0
        self._descriptor = descriptor

    def append(self, content: bytes, lines: int) -> None:
        """Append lines. From then on they survive the end of this process.

        Raises OSError if they can't be written; then none of them is in the file.
        """
        written = 0
        try:
            while written < len(content):
                written += os.write(self._descriptor, content[written:] if written else content)
        except OSError:
            # Remove half-written lines, which would damage the next line
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(content)
        self.lines += lines

    def finish(self) -> None:
        """Sync the whole file to the disk. Raises OSError if it can't."""
        os.fsync(self._descriptor)

    def cut_to_whole_lines(self) -> None:
        """Remove the text after the last line end: a line that was being written when its process was killed."""
        end = self.size_bytes
        while end:
            # Search backwards from the end, since only the last line can be incomplete
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
        _unlock_and_close(self._descriptor)

    def forget(self) -> None:
        """Close the file in a forked process, without unlocking it: the parent process continues with it."""
        with suppress(OSError):
            os.close(self._descriptor)


class Spool:
    """The folder with the drafts of all writers of one destination."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, key: str, created_seconds: float = 0.0) -> Draft:
        """A new draft of this process. created_seconds: as in `Draft`. Raises OSError if it can't be created."""
        # The file's name is its key, so that any process can deliver the file
        path = self.folder / quote(key, safe="")
        with self._locked():
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(path, flags, READABLE_BY_GROUP)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Draft(path, descriptor, created_seconds)

    def claim_orphans(self) -> list[Draft]:
        """The drafts of ended processes, which this process locks and cuts to whole lines. Raises OSError."""
        with self._locked():
            # If a draft isn't locked, its process has ended
            paths = [path for path in sorted(self.folder.iterdir()) if path.suffix == SUFFIX]
            drafts = [draft for path in paths for draft in _claim(path)]
        for draft in drafts:
            draft.cut_to_whole_lines()
        return drafts

    def size_bytes(self) -> int:
        """The number of bytes of all drafts, including those of other processes. Raises OSError."""
        if self.folder.is_dir():
            return sum(entry.stat().st_size for entry in os.scandir(self.folder))
        return 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from creating or claiming drafts: a draft that isn't locked yet looks like an orphan."""
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, READABLE_BY_GROUP)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            _unlock_and_close(descriptor)


def _unlock_and_close(descriptor: int) -> None:
    """Unlock and close a file. Closing alone would not unlock it if a forked process has it open, too."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _claim(path: Path) -> Iterator[Draft]:
    """The draft at `path` if its process has ended. Yields nothing for other files, links, and keys that leave the folder."""
    if {"", ".", ".."} & set(unquote(path.name).split("/")):
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or error.errno in NO_DRAFT:
            return  # it was delivered in the meantime, or it is a link, a folder or a socket
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_unavailable = not path.exists()
    except OSError:  # locked by a living process
        is_unavailable = True
    if is_unavailable:
        os.close(descriptor)
    else:
        yield Draft(path, descriptor)


class Drafts:
    """The growing files of one process, one for each hour of records. folder: the folder of all files, `<endpoint>/<variant>`."""

    def __init__(self, spool: Spool, folder: str, limits: CaptureLimits, clock: Clock) -> None:
        self._spool = spool
        self._folder = folder
        self._limits = limits
        self._seconds = clock.seconds
        self._faults = ErrorLog(log, clock.seconds)
        self._draft_by_hour: dict[int, Draft] = {}

    def append(self, lines: Sequence[Line]) -> list[Line]:
        """Write lines to the drafts of their hours. Returns the lines that could not be written."""
        # Group the lines by hour, so that each file is written once
        lines_by_hour: dict[int, list[Line]] = {}
        for line in lines:
            lines_by_hour.setdefault(_count_hours(line.time), []).append(line)
        unwritten: list[Line] = []
        for hour, lines_of_hour in lines_by_hour.items():
            try:
                draft = self._get_draft(hour, lines_of_hour[0].time)
                draft.append(b"".join([line.content for line in lines_of_hour]), len(lines_of_hour))
            except OSError as error:
                self._faults.warn("captured records can't be written to %s (%s)", self._spool.folder, error)
                unwritten += lines_of_hour
        return unwritten

    def take_finished(self) -> list[Draft]:
        """The drafts that are old or large enough; new ones replace them."""
        due_hours = [hour for hour, draft in self._draft_by_hour.items() if self._is_due(draft)]
        return [self._draft_by_hour.pop(hour) for hour in due_hours]

    def take_all(self) -> list[Draft]:
        """All drafts."""
        drafts = list(self._draft_by_hour.values())
        self._draft_by_hour = {}
        return drafts

    def _get_draft(self, hour: int, time: datetime) -> Draft:
        if hour not in self._draft_by_hour:
            self._require_room()
            # The service names its files MM-SS-mmm-<uuid>.jsonl, in the folder of the hour (C3.1)
            name = f"{time:%Y/%m/%d/%H/%M-%S}-{time.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
            self._draft_by_hour[hour] = self._spool.create(f"{self._folder}/{name}", self._seconds())
        return self._draft_by_hour[hour]

    def _require_room(self) -> None:
        """Raises OSError if the files that wait for delivery have reached `spool_bytes`."""
        size_bytes = self._spool.size_bytes()
        if size_bytes >= self._limits.spool_bytes:
            allowed = f"spool_bytes allows {self._limits.spool_bytes:,}"
            raise OSError(f"{size_bytes:,} bytes wait there for delivery; {allowed}")

    def _is_due(self, draft: Draft) -> bool:
        age_seconds = self._seconds() - draft.created_seconds
        return age_seconds >= self._limits.rotate_seconds or draft.size_bytes >= self._limits.rotate_bytes


def _count_hours(time: datetime) -> int:
    """The number of hours since the beginning of the calendar; cheaper to compute than the name of the hour."""
    return time.toordinal() * 24 + time.hour
