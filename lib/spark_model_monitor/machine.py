"""The machine that a run is on, as far as other runs go by it: its name, its clocks, and which of its processes live.

A process id is given again: after a restart, in another container, or once all numbers were used. So a process is known by
where its number means anything, and by its start.

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

from spark_model_monitor.value_class import value_class

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")
# Among the fields of /proc/PID/stat behind the name: 3 and 22 in proc_pid_stat(5)
_STATE = 0
_START = 19


@value_class
class ProcessIdentity:
    """One process, and no other one that ever has its number.

    machine: the identity of its machine; empty if nothing tells of the process.
    start: when the process began, in clock ticks since the boot.
    """

    machine: str
    number: int
    start: int

    @classmethod
    def read(cls, text: str) -> ProcessIdentity:
        """What `str` wrote. Raises ValueError for any other text."""
        machine, number, start = text.rsplit(" ", 2)
        return cls(machine, int(number), int(start))

    def __str__(self) -> str:
        return f"{self.machine} {self.number} {self.start}"


class Machine:
    """This process's own."""

    def name(self) -> str:
        """What its users call it; several machines may be called the same."""
        return socket.gethostname()

    def identity(self) -> str:
        """Where such a number means anything: this boot of it, and of its containers this one; empty where nothing tells."""
        try:
            # A container may have the /proc of the machine around it, where its numbers are those of other processes
            if os.readlink("/proc/self") != str(os.getpid()):
                return ""
            return f"{_BOOT.read_text().strip()} {os.readlink(_PROCESSES)}"
        except OSError:
            return ""

    def process(self, number: int | None = None) -> ProcessIdentity:
        """This process, or the one that has a number here."""
        number = number or os.getpid()
        stat = _read_stat(number)
        if stat is None:
            return ProcessIdentity("", number, 0)
        return ProcessIdentity(self.identity(), number, int(stat[_START]))

    def is_alive(self, process: ProcessIdentity) -> bool | None:
        """Whether a process still runs, and is no zombie; None if that can't be told from here."""
        # 0 and below would be groups of processes
        if not process.machine or process.machine != self.identity() or process.number <= 0:
            return None
        try:
            # Signal 0 does nothing but ask whether a process exists
            os.kill(process.number, 0)
        except (ProcessLookupError, OverflowError):
            return False
        # Another user's process may not be asked, and exists
        except OSError:
            pass
        stat = _read_stat(process.number)
        if stat is None:
            return None
        # A zombie still has its number until its parent asks for its status
        return stat[_STATE] != "Z" and int(stat[_START]) == process.start

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc)

    def seconds(self) -> float:
        """A clock that only goes on."""
        return time.monotonic()

    def rest(self, seconds: float) -> None:
        """Wait by that clock."""
        time.sleep(seconds)


def _read_stat(process: int) -> list[str] | None:
    """What the system tells of a process; its name, in parentheses, may hold anything. None if it tells nothing."""
    try:
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


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
