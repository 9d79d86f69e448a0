"""The same months with processes of this machine, which are really killed: `python -m tests.simulation --real`.

Time is the machine's here, so what stands still or is slow does so for a moment, and nobody waits out a lease: who starts
processes waits for all that go on. Clocks don't jump.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from tests.faults import DEFECT
from tests.simulation import law
from tests.simulation.world import Fault, Host, World

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.stopping import Stopped

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: processes whose parent is killed become this one's
MOMENT = 0.1


class Noted(list):
    """What all processes append, in a file; the first of them reads it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def append(self, notification: object) -> None:
        with self._file.open("a") as file:
            file.write(f"{json.dumps(notification)}\n")

    def read(self) -> None:
        if self._file.exists():
            stored_items = [json.loads(line) for line in self._file.read_text().splitlines()]
            self[:] = [tuple(item_read) if isinstance(item_read, list) else item_read for item_read in stored_items]


@dataclass(eq=False)
class RealProcess:
    """A process of this machine, as `play` sees it; number: its pid. The rest as of `Process`."""

    host: Host
    number: int
    parent: RealProcess | None = None
    faults: dict[int, Fault] = field(default_factory=dict)
    calls: int = 0
    is_dead: bool = False
    is_over: bool = False
    is_full: bool = False
    status: int | None = None
    struck: list[tuple[Fault, str]] = field(default_factory=list)
    unheld: int = 0
    unlisted: dict[Path, Path] = field(default_factory=dict)
    writes: str | None = None
    thread: threading.Thread = field(default_factory=threading.main_thread)

    @property
    def is_gone(self) -> bool:
        return self.is_over

    def pause(self, seconds: float) -> None:
        time.sleep(MOMENT)

    def wait_for(self, child: RealProcess) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(child.number, 0)[1])


class RealWorld(World):
    """As the other one, but for processes and time."""

    is_real = True

    def __init__(self, folder: Path, began: datetime, random: Random) -> None:
        super().__init__(folder, began, random)
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        self.notes = folder.with_name("notes")
        self.notes.mkdir(exist_ok=True)
        for file in self.notes.iterdir():
            file.unlink()
        noted = [Noted(self.notes / name) for name in ("told", "commands", "said", "defects", "strikes")]
        self.told, self.commands, self.said, self.defects, self._strikes = self._noted = noted
        self._read = 0

    def start(
        self, host: Host, job: Callable[[], object], faults: dict[int, Fault] | None = None
    ) -> Any:  # as World's, but of another class
        process = RealProcess(host, 0, self.current, dict(faults or {}))
        process.number = os.fork()
        if not process.number:
            self._be(process, job)
        self.processes[process.number] = process
        return process

    def _be(self, process: RealProcess, job: Callable[[], object]) -> None:
        """Do a job as a process that was forked, and end."""
        for descriptor in Path("/proc/self/fd").iterdir():
            if os.path.lexists(descriptor) and os.readlink(descriptor).endswith(".lock"):
                os.close(int(descriptor.name))  # a schedule's lock is its run-due's alone
        process.number = os.getpid()
        self.current = process
        self._merged.clear()
        sys.stderr = (self.notes / "log").open("a", buffering=1)
        status = DEFECT
        try:
            status = int(job() or 0)
        except MonitorError as error:
            self.said.append(str(error))
            status = error.exit_status
        except (SystemExit, Stopped):
            status = 143
        except Exception:
            self.defect(traceback.format_exc())
        finally:
            self._set_times()
            sys.stderr.flush()
            os._exit(status & 255)

    def run(self, *awaited: Any) -> None:
        while True:
            try:
                number, status = os.waitpid(0, 0)
            except ChildProcessError:
                break
            if number in self.processes:
                code = os.waitstatus_to_exitcode(status)
                self.processes[number].is_over = True
                self.processes[number].status = None if code == -9 else code
        for aside in Path(f"{self.folder}-unlisted").rglob("*.jsonl"):
            aside.replace(Path(self.folder, aside.relative_to(f"{self.folder}-unlisted")))
        for noted in self._noted:
            noted.read()
        for number, name, where in self._strikes[self._read :]:
            of_who = self.processes.setdefault(number, RealProcess(self.hosts[0], number, is_over=True))
            of_who.struck.append((Fault[name], where))
        self._read = len(self._strikes)
        if (log := self.notes / "log").exists():
            sys.stderr.write(log.read_text())
            log.unlink()

    def pass_seconds(self, seconds: float) -> None:
        self.run()

    def _set_times(self) -> None:
        """Merged records have one time, as in the other world."""
        for path in [path for path in self._merged if os.path.exists(path)]:
            os.utime(path, (self.began.timestamp(),) * 2)
            self._merged.remove(path)

    def _is_anothers_time(self, process: object) -> bool:
        return False

    def _require_alive(self, process: Any, is_its_own: bool) -> None:
        if process.is_dead:
            os.kill(os.getpid(), signal.SIGKILL)

    def _strike(self, fault: Fault, process: Any, event: str, arguments: tuple[Any, ...], is_its_own: bool) -> None:
        with self._alone():
            self._strikes.append((process.number, fault.name, process.struck[-1][1]))
        if fault is Fault.SIGNAL:
            os.kill(os.getpid(), signal.SIGTERM)
        elif fault is Fault.ORPHAN:
            if process.parent is not None:
                os.kill(process.parent.number, signal.SIGKILL)
                process.faults.clear()
        elif fault in (Fault.STALL, Fault.JUMP, Fault.SLOW):
            process.pause(MOMENT)
        else:
            super()._strike(fault, process, event, arguments, is_its_own)

    def tell(self, notification: tuple[str, ...]) -> None:
        process = self.current
        before = len(process.struck) if process is not None else 0
        try:
            super().tell(notification)
        finally:
            if process is not None and len(process.struck) > before:
                fault, where = process.struck[-1]
                self._strikes.append((process.number, fault.name, where))


@lru_cache(maxsize=2)
def quiet_elsewhere(seed: int) -> law.Ended:
    """The quiet month of the other world, which this one's has to end as; by a process of its own, since it starts threads."""
    law._folder()  # both are of one place
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        return pool.submit(law.quiet_month, seed).result()
