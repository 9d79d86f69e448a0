"""A request and its answer while they pass, their bodies up to a size. Shared by both kinds of middleware."""

from __future__ import annotations

from model_monitor.capture.records import SERVER_ERROR, Exchange, Payload
from model_monitor.capture.writer import CaptureWriter


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


class Conversation:
    """One request and its answer. status: the one that was sent."""

    def __init__(self, writer: CaptureWriter, exchange: Exchange, content_type: str | None) -> None:
        self._writer = writer
        self._exchange: Exchange | None = exchange
        self._request_type = content_type
        self.request = Body(writer.options.max_payload_bytes)
        self.response_type: str | None = None
        self.response = Body(writer.options.max_payload_bytes)
        self.status = SERVER_ERROR

    def end(self, status: int | None = None) -> None:
        """Capture, once: what fails after the answer was sent changes nothing. status: None for the one that was sent."""
        exchange, self._exchange = self._exchange, None
        self._writer.end(
            exchange,
            Payload(self.request.content, self._request_type),
            Payload(self.response.content, self.response_type),
            status=self.status if status is None else status,
        )
