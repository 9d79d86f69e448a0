"""Middleware that captures the requests and answers of an ASGI application (FastAPI, Starlette, Quart, …).

    app.add_middleware(CaptureMiddleware, writer=writer)

A request is captured after the last byte of its answer was sent. The application and its client get all messages unchanged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

from spark_model_monitor.capture import records
from spark_model_monitor.capture.selection import parse_paths
from spark_model_monitor.capture.writer import CaptureWriter

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SHUTDOWN = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})


class CaptureMiddleware:
    """Captures every POST, or only those to `paths`. Closes the writer when the server shuts the application down.

    paths: the paths of requests, such as `/invocations`. Raises ValueError for a path without a leading slash.
    """

    def __init__(self, app: Application, writer: CaptureWriter, *, paths: Collection[str] | None = None) -> None:
        self._app = app
        self._writer = writer
        self._paths = parse_paths(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # `lifespan` messages announce the server's start and end; they are no requests
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._close_on_shutdown(send))
            return
        exchange = None
        # Only requests that may be captured cost time
        headers = scope.get("headers", ())
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        if is_post and (self._paths is None or scope["path"] in self._paths):
            exchange = self._writer.begin(
                _get_header(headers, records.INFERENCE_ID), _get_headers(headers, records.CUSTOM_ATTRIBUTES)
            )
        if exchange is None:
            await self._app(scope, receive, send)
            return
        # From here on, messages are recorded and passed on unchanged
        conversation = _Conversation(self._writer, exchange, _get_header(headers, records.CONTENT_TYPE))
        try:
            await self._app(scope, conversation.record_requests(receive), conversation.record_responses(send))
        except Exception:
            conversation.end(records.SERVER_ERROR)
            raise
        except BaseException:  # the task was cancelled because the client is gone
            conversation.end(records.CLIENT_CLOSED_REQUEST)
            raise

    def _close_on_shutdown(self, send: Send) -> Send:
        async def close_and_send(message: Message) -> None:
            if message["type"] in SHUTDOWN:
                self._writer.close()
            # The writer is closed first, since the server may end once it has this message
            await send(message)

        return close_and_send


class _Conversation(records.Conversation):
    """One request and its answer as ASGI's messages."""

    def record_requests(self, receive: Receive) -> Receive:
        async def receive_and_record() -> Message:
            message = await receive()
            # A request's body comes in several messages
            if message["type"] == "http.request":
                self.request.add(message.get("body", b""))
            return message

        return receive_and_record

    def record_responses(self, send: Send) -> Send:
        async def send_and_record(message: Message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.response_type = _get_header(message.get("headers", ()), records.CONTENT_TYPE)
            elif message["type"] == "http.response.body":
                self.response.add(message.get("body", b""))
                if not message.get("more_body", False):
                    self.end()

        return send_and_record


def _get_headers(headers: Iterable[tuple[bytes, bytes]], name: str) -> list[str]:
    # Names of headers are case-insensitive; values may contain any byte
    lower_name = name.encode("ascii")
    return [value.decode("latin-1") for key, value in headers if key.lower() == lower_name]


def _get_header(headers: Iterable[tuple[bytes, bytes]], name: str) -> str | None:
    return next(iter(_get_headers(headers, name)), None)
