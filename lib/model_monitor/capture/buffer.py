"""Records in memory, on their way to the disk: bounded, filled by the server's threads, emptied by the writer's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock


@dataclass(frozen=True, slots=True)
class Line:
    """A record's line of JSON, with its line end, and the time of the record."""

    time: datetime
    content: bytes


class Buffer:
    """At most `max_bytes` of lines, in the order in which they came.

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
        """Take a line in; False if there is no room for it, or the last ones were taken."""
        with self._lock:
            size_bytes = self._size_bytes + len(line.content)
            if self._closed or size_bytes > self._max_bytes:
                return False
            self._lines.append(line)
            self._size_bytes = size_bytes
        if size_bytes * 2 > self._max_bytes:
            self._half_full()
        return True

    def take(self) -> list[Line]:
        """All lines; the buffer is empty afterwards."""
        with self._lock:
            lines, self._lines, self._size_bytes = self._lines, [], 0
        return lines

    def take_last(self) -> list[Line]:
        """All lines; no more are taken in afterwards."""
        with self._lock:
            self._closed = True
        return self.take()

    def give_back(self, lines: list[Line]) -> int:
        """Put lines in front again that could not be written; the number of those, the latest, for which there was no room."""
        with self._lock:
            room = self._max_bytes - self._size_bytes
            kept = []
            for line in lines:
                if len(line.content) > room:
                    break
                room -= len(line.content)
                kept.append(line)
            self._lines[:0] = kept
            self._size_bytes = self._max_bytes - room
        return len(lines) - len(kept)
