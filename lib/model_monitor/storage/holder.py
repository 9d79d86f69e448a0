"""Who holds a lease: a run, its process and its machine, as the lease's file says them. Standard library only."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from uuid import uuid4

_BOOT, _PROCESSES = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Holder:
    """One run. machine: where its number of process means anything: this boot of the machine, and of its containers this one."""

    run: str
    host: str
    process: int
    machine: str
    since: str

    @classmethod
    def here(cls) -> Holder:
        """A new run of this process."""
        now = datetime.now(timezone.utc)
        run = f"{now:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}"
        return cls(run, socket.gethostname(), os.getpid(), _machine(), f"{now:%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def read(cls, content: bytes, run: str) -> Holder:
        """What a lease's file says; run: by its name. A file that says nothing is of a process that nobody can ask for."""
        try:
            found = cls(**json.loads(content))
        except (ValueError, TypeError, RecursionError):
            return cls(run, "unknown", 0, "", "unknown")
        return found

    def to_json(self) -> bytes:
        """The file's content."""
        return f"{json.dumps(asdict(self))}\n".encode()

    @property
    def is_dead(self) -> bool:
        """Whether its process has ended, even if nobody has asked how; False where that can't be told from here."""
        if not self.machine or self.machine != _machine() or not isinstance(self.process, int) or self.process < 1:
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return _state_of(self.process) == "Z"

    def __str__(self) -> str:
        return f"run {self.run}, process {self.process} on host {self.host}, since {self.since}"


def _state_of(process: int) -> str:
    """The letter that the system has for it; the name before it, in parentheses, may hold anything. Empty if it does not tell."""
    try:
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def _machine() -> str:
    """Hosts may share a name, and containers of one host as well; empty where the system does not tell."""
    try:
        return f"{_BOOT.read_text().strip()} {os.readlink(_PROCESSES)}"
    except OSError:
        return ""
