"""Faults that an S3 server, or the way to it, can have, and when they happen: the weather of a proxy.

A fault does something to a request, and says whether the request goes on to the server.
"""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.s3.seen import RecordedRequest

if TYPE_CHECKING:
    from tests.s3.proxy import Handler

Fault = Callable[["Handler"], bool]
Weather = Callable[[RecordedRequest], "Fault | None"]
Where = Callable[[RecordedRequest], bool]


def refusal(status: int, code: str, message: str) -> Fault:
    """An answer of S3's own with an error."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        "<RequestId>4442587FB7D0A2F9</RequestId></Error>"
    )

    def refuse(handler: Handler) -> bool:
        handler.drain()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":  # whose answers have no body
            handler.wfile.write(body.encode())
        return False

    return refuse


slow_down = refusal(503, "SlowDown", "Please reduce your request rate.")
denied = refusal(403, "AccessDenied", "Access Denied")


def reset(handler: Handler) -> bool:
    """The connection is torn down, whatever of the request is still on its way."""
    with suppress(OSError):  # the client may be gone already
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
    return False


def cut(handler: Handler) -> bool:
    """The answer breaks off in its middle, if it has a body."""
    handler.breaks_off = True
    return True


def late(seconds: float) -> Fault:
    """The answer takes so long."""

    def wait(handler: Handler) -> bool:
        time.sleep(seconds)
        return True

    return wait


def fair(request: RecordedRequest) -> None:
    """Nothing happens."""


def first(times: int, fault: Fault, *, where: Where = lambda request: True) -> Weather:
    """The fault happens to the first so many requests of a kind."""
    left = itertools.count(times, -1)
    return lambda request: fault if where(request) and next(left) > 0 else None


def always(fault: Fault, *, where: Where = lambda request: True) -> Weather:
    """The fault happens to every request of a kind."""
    return lambda request: fault if where(request) else None


def every(**periods: tuple[int, Fault]) -> Weather:
    """Every n-th request meets a fault, for several of them: `every(slow=(7, slow_down), torn=(11, reset))`."""
    numbers = itertools.count(1)

    def weather(request: RecordedRequest) -> Fault | None:
        number = next(numbers)
        return next((fault for period, fault in periods.values() if number % period == 0), None)

    return weather


def once(number: int, fault: Fault) -> Weather:
    """The fault happens to the request of this number, from 0 on."""
    numbers = itertools.count()
    return lambda request: fault if next(numbers) == number else None


def since(number: int, fault: Fault) -> Weather:
    """The fault happens to that request and to all after it."""
    numbers = itertools.count()
    return lambda request: fault if next(numbers) >= number else None
