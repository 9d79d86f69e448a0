"""The model server of `model_server.py` as a process of its own: `with served(folder) as server: …`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAM = Path(__file__).with_name("model_server.py")
LIBRARY = Path(__file__).resolve().parent.parent / "lib"
SECONDS_TO_STOP = 60


@dataclass(frozen=True)
class Server:
    """A server that runs, on a port of this machine."""

    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Ask it to end, as any supervisor does, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(SECONDS_TO_STOP)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait()


@contextmanager
def served(folder: Path | None, *flags: str) -> Iterator[Server]:
    """A server whose traffic is captured in `folder`, or not at all. flags: further ones of model_server.py.

    Its socket listens before it runs, so that nobody has to wait for it.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        if folder is None:
            captured = []
        else:
            captured = ["--folder", str(folder)]
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "--socket", str(listening.fileno()), *captured, *flags],
            pass_fds=[listening.fileno()],
            env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        )
        server = Server(listening.getsockname()[1], process)
    try:
        yield server
    finally:
        if process.poll() is None:
            server.kill()
