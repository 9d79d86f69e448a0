"""Middleware that captures the requests and answers of a WSGI application (Flask, Django, …).

    app.wsgi_app = CaptureMiddleware(app.wsgi_app, writer)

A request is captured when the server has sent its answer and closes it. The writer closes itself when Python exits. If a
server's processes end in another way, call `writer.close()` in the server's own hook.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import IO, Any

from spark_model_monitor.capture import records
from spark_model_monitor.capture.selection import parse_paths
from spark_model_monitor.capture.writer import CaptureWriter

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class CaptureMiddleware:
    """Captures every POST, or only those to `paths`, such as `/invocations`.

    Raises ValueError for a path without a leading slash.
    """

    def __init__(self, app: Application, writer: CaptureWriter, *, paths: Collection[str] | None = None) -> None:
        self._app = app
        self._writer = writer
        self._paths = parse_paths(paths)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        exchange = self._begin(environ)
        if exchange is None:
            return self._app(environ, start_response)
        conversation = _Conversation(self._writer, exchange, environ.get("CONTENT_TYPE") or None)
        # The application reads its input through our recording stream
        environ["wsgi.input"] = _Input(environ["wsgi.input"], conversation.request)
        try:
            return _Answer(self._app(environ, conversation.record_response_start(start_response)), conversation)
        except Exception:
            conversation.end(records.SERVER_ERROR)
            raise

    def _begin(self, environ: Environ) -> records.Exchange | None:
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] != "POST" or not (self._paths is None or path in self._paths):
            return None
        # A missing header differs from an empty one
        attributes = environ.get(_format_variable(records.CUSTOM_ATTRIBUTES))
        return self._writer.begin(
            environ.get(_format_variable(records.INFERENCE_ID)), () if attributes is None else (attributes,)
        )


def _format_variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


class _Conversation(records.Conversation):
    """One request and its answer as WSGI's callables."""

    _response_bytes: str | None = None

    def record_response_start(self, start_response: StartResponse) -> StartResponse:
        def start_and_record(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
            # If the server raises here, the application gets the exception
            write = start_response(status, headers, *exc_info)
            self.status = records.SERVER_ERROR
            if status[:3].isdigit():
                self.status = int(status[:3])
            # Names of headers are case-insensitive
            by_name = {name.lower(): value for name, value in headers}
            self.response_type = by_name.get(records.CONTENT_TYPE)
            self._response_bytes = by_name.get(records.CONTENT_LENGTH)

            def write_and_record(chunk: bytes) -> object:
                self.response.add(chunk)
                return write(chunk)

            return write_and_record

        return start_and_record

    @property
    def is_all_sent(self) -> bool:
        """Whether the answer has its announced number of bytes; a server may stop reading then."""
        return self._response_bytes == str(self.response.size_bytes)


class _Input:
    """A stream in place of `wsgi.input` that records what the application reads."""

    def __init__(self, stream: IO[bytes], body: records.Body) -> None:
        self._stream = stream
        self._body = body

    def read(self, *size: int) -> bytes:
        return self._record_chunk(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._record_chunk(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._record_chunk(line) for line in self._stream.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return (self._record_chunk(line) for line in self._stream)

    def readinto(self, buffer: Any) -> int:
        chunk = self.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def __getattr__(self, name: str) -> Any:
        """Methods that PEP 3333 does not require, if the original stream has them."""
        method = getattr(self._stream, name)
        if name in ("read1", "readall"):
            return lambda *size: self._record_chunk(method(*size))
        return method

    def _record_chunk(self, chunk: bytes) -> bytes:
        self._body.add(chunk)
        return chunk


class _Answer:
    """The application's answer, which records what the server sends."""

    def __init__(self, chunks: Iterable[bytes], conversation: _Conversation) -> None:
        self._chunks = chunks
        self._conversation = conversation
        self._is_exhausted = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            # Record a chunk before it is sent, since a server may stop reading after the last byte
            for chunk in self._chunks:
                self._conversation.response.add(chunk)
                yield chunk
            self._is_exhausted = True
        except Exception:
            self._conversation.end(records.SERVER_ERROR)
            raise

    def close(self) -> None:
        """Called by the server when the answer was sent or can't be sent."""
        try:
            # PEP 3333 requires that the application's own iterable is closed
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()
        finally:
            is_answered = self._is_exhausted or self._conversation.is_all_sent
            self._conversation.end(None if is_answered else records.CLIENT_CLOSED_REQUEST)
