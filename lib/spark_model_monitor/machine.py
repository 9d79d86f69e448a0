"""The machine that a run is on, as far as other runs go by it: its name, its clocks, and which of its processes live.

`current_machine()` is this one. A simulation of several machines in one process (tests/simulation) says with `on` which one a
thread is on.
Standard library only.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


class Machine:
    """This process's own."""

    def name(self) -> str:
        """What its users call it; several machines may be called the same."""
        return socket.gethostname()

    def process(self) -> int:
        """The number of this process."""
        return os.getpid()

    def identity(self) -> str:
        """Where such a number means anything: this boot of it, and of its containers this one; empty where nothing tells."""
        try:
            return f"{_BOOT.read_text().strip()} {os.readlink(_PROCESSES)}"
        except OSError:
            return ""

    def has_ended(self, process: int) -> bool:
        """Whether a process is no more, even if nobody has asked how it ended; False where that can't be told."""
        try:
            # Signal 0 does nothing but ask whether the process exists
            os.kill(process, 0)
        except (ProcessLookupError, OverflowError):
            return True
        # Another user's process may not be asked, and exists
        except OSError:
            return False
        # A zombie still has its number until its parent asks for its status
        return _process_state(process) == "Z"

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc)

    def seconds(self) -> float:
        """A clock that only goes on."""
        return time.monotonic()

    def rest(self, seconds: float) -> None:
        """Wait by that clock."""
        time.sleep(seconds)


def _process_state(process: int) -> str:
    """The letter that the system has for it; the name before it, in parentheses, may hold anything. Empty if it does not tell."""
    try:
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


_current_machine: ContextVar[Machine] = ContextVar("machine")
_REAL_MACHINE = Machine()


def current_machine() -> Machine:
    """The machine that this thread's run is on."""
    return _current_machine.get(_REAL_MACHINE)


@contextmanager
def on(machine: Machine) -> Iterator[None]:
    """What this thread does in the body is on that machine."""
    # Restored by its token, so that bodies may be nested
    before = _current_machine.set(machine)
    try:
        yield
    finally:
        _current_machine.reset(before)
