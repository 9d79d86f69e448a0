"""Ports of this machine that no other process is given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """`with reserved_port() as port: …`: who calls there is refused, until a server that is told the port listens.

    The socket stays bound and never listens, so the system gives its port to nobody who asks for any. Linux lets a server
    have it beside this socket, as both set SO_REUSEADDR: Java, asyncio and uvicorn do by themselves.
    """
    with socket.socket() as reserving:
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        yield reserving.getsockname()[1]


def is_listening(port: int) -> bool:
    """Whether a server takes connections there by now."""
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except OSError:
        return False
    return True
