"""The machine on which a run takes place: its name, its clocks, and which of its processes are alive.

Process ids are reused: after a restart, in another container, or when all numbers have been used. So a process is identified
by the machine on which its id is valid, by its id, and by its start time.

`current_machine()` returns the machine of the current thread. A simulation of several machines in one process
(tests/simulation) sets it with `use_machine`. Standard library only.
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

_BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_PROCESS_NAMESPACE = Path("/proc/self/ns/pid")
# Indices of fields in /proc/PID/stat after the name: fields 3 and 22 in proc_pid_stat(5)
_STATE_FIELD = 0
_START_FIELD = 19


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
    """The machine of this process."""

    def name(self) -> str:
        """The host name; several machines may have the same one."""
        return socket.gethostname()

    def identity(self) -> str:
        """The scope in which a process id is unique: this boot of the machine and this container; empty if the system
        doesn't say.
        """
        try:
            # A container may show the /proc of its host, in which the numbers are those of other processes
            if os.readlink("/proc/self") != str(os.getpid()):
                return ""
            return f"{_BOOT_ID_FILE.read_text().strip()} {os.readlink(_PROCESS_NAMESPACE)}"
        except OSError:
            return ""

    def process(self, number: int | None = None) -> ProcessIdentity:
        """This process, or the process with this number on this machine."""
        number = number or os.getpid()
        stat = _read_stat(number)
        if stat is None:
            return ProcessIdentity("", number, 0)
        return ProcessIdentity(self.identity(), number, int(stat[_START_FIELD]))

    def is_alive(self, process: ProcessIdentity) -> bool | None:
        """Whether a process still runs and isn't a zombie; None if that can't be told from here."""
        # For kill, 0 and negative numbers mean groups of processes
        if not process.machine or process.machine != self.identity() or process.number <= 0:
            return None
        try:
            # Signal 0 only asks whether the process exists
            os.kill(process.number, 0)
        except (ProcessLookupError, OverflowError):
            return False
        # A process of another user exists, too, but may not be signalled
        except OSError:
            pass
        stat = _read_stat(process.number)
        if stat is None:
            return None
        # A zombie keeps its number until its parent asks for its status
        return stat[_STATE_FIELD] != "Z" and int(stat[_START_FIELD]) == process.start

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(timezone.utc)

    def seconds(self) -> float:
        """The seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait for this many seconds."""
        time.sleep(seconds)


def _read_stat(process: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the process's name, which is in parentheses and may contain anything. None if
    the file can't be read.
    """
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
def use_machine(machine: Machine) -> Iterator[None]:
    """Inside the body, `current_machine()` of this thread returns this machine."""
    # The token restores the previous machine, so bodies can be nested
    token = _current_machine.set(machine)
    try:
        yield
    finally:
        _current_machine.reset(token)
