"""A body that is collected while it passes, up to a size. Shared by both kinds of middleware."""

from __future__ import annotations


class Body:
    """The beginning of a body, or all of it.

    at_most: nothing is kept of what comes after so many bytes, so that a body that was too large is longer than that and
    does not fill the memory.
    """

    def __init__(self, at_most: int) -> None:
        self._room = at_most
        self._chunks: list[bytes] = []

    def add(self, chunk: object) -> None:
        """Take the next bytes; whatever else an application sends is the server's to judge."""
        if self._room >= 0 and isinstance(chunk, (bytes, bytearray, memoryview)) and len(chunk):
            content = bytes(chunk)
            self._room -= len(content)
            self._chunks.append(content)

    @property
    def size_bytes(self) -> int:
        """Bytes that were kept."""
        return sum(map(len, self._chunks))

    @property
    def content(self) -> bytes:
        """What was kept."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
