"""Hosts, their processes and clocks, and one disk, of which everything goes wrong that a fault says.

A process is a thread that runs alone until it waits, sleeps, or another one's time has come; so a month goes the same way each
time. The product is as it is: its calls of the file system are seen by an audit hook (tests/faults.py), which lets time go by,
and strikes. A process that was killed reaches the disk no more. Files have the times of the disk's clock, leases go by it.
"""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.faults import CALLS, Killed, takes_room

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.machine import Machine, ProcessIdentity, use_machine
from spark_model_monitor.running.runtime.job import Job
from spark_model_monitor.stopping import BY_SIGNAL, Stopped
from spark_model_monitor.storage import lease
from spark_model_monitor.storage.file_system import is_draft

CALL_SECONDS = 0.02  # of simulated time, at most, for a call to the disk
HASTE = 10  # whoever waits for a lease looks so many times less often than in life
TERMINATED = BY_SIGNAL + 15
OF_MERGED = re.compile(r"merged/\d{4}/")


class Fault(Enum):
    """What goes wrong at a call; the value says it."""

    KILL = "the process is killed before it"
    TORN = "the process is killed when half of the file is written; of a file that is put in place"
    ERROR = "it fails"
    LATE_ERROR = "it is done, and fails"
    FULL = "the disk is full for this process from then on"
    SLOW = "it takes minutes; the lease is renewed meanwhile"
    STALL = "the process stands still for minutes, its lease with it"
    LOST = "somebody deletes all leases"
    AGAIN = "the captures are uploaded again, the same bytes"
    LAG = "no listing has the captures of `churn` until the process is over"
    JUMP = "the clock of its host jumps"
    SIGNAL = "the process is told to end (SIGTERM)"
    ORPHAN = "whoever waits for the process is killed, and it goes on, up to an hour later"
    REFUSED = "the sink refuses the first report"
    TOLD_TWICE = "the sink takes the first report and says that it failed"

    @property
    def is_silent(self) -> bool:
        """Whether nothing fails by it alone."""
        return self in (Fault.SLOW, Fault.JUMP, Fault.AGAIN)


OF_SINKS = (Fault.REFUSED, Fault.TOLD_TWICE)


@dataclass
class Host:
    """A machine. ahead: how many seconds its clock is before the disk's."""

    name: str
    ahead: float = 0.0


@dataclass(eq=False)
class Process(Machine):
    """One process, which is all that the product sees of its machine.

    faults: by the number of the call at which each strikes, from 1 on; those of sinks by 0. struck: those that did.
    status: what it ended with; None if it was killed.
    """

    world: World
    host: Host
    number: int
    job: Callable[[], object]
    parent: Process | None = None
    faults: dict[int, Fault] = field(default_factory=dict)
    calls: int = 0
    wakes_at: float = 0.0
    is_dead: bool = False
    is_over: bool = False
    is_full: bool = False
    status: int | None = None
    struck: list[tuple[Fault, str]] = field(default_factory=list)
    unheld: int = 0  # files that it put in place since its lease is gone
    unlisted: dict[Path, Path] = field(default_factory=dict)  # files that lag: where they are, and where they belong
    writes: str | None = None  # what its last call opened to write there and then, no draft

    def __post_init__(self) -> None:
        self.turn = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._main, daemon=True)
        self.thread.start()

    # What the product asks of its machine.

    def name(self) -> str:
        return self.host.name

    def process(self, number: int | None = None) -> ProcessIdentity:
        return ProcessIdentity(self.identity(), number or self.number, 0)

    def identity(self) -> str:
        return f"boot of {self.host.name}"

    def is_alive(self, process: ProcessIdentity) -> bool | None:
        if process.machine != self.identity():
            return None
        asked_process = self.world.processes.get(process.number)
        return asked_process is not None and not asked_process.is_gone

    def now(self) -> datetime:
        return self.world.now + timedelta(seconds=self.host.ahead)

    def seconds(self) -> float:
        return self.world.clock

    def sleep(self, seconds: float) -> None:
        self.pause(seconds * HASTE)

    # How it runs.

    @property
    def is_gone(self) -> bool:
        return self.is_dead or self.is_over

    def pause(self, seconds: float) -> None:
        """Let others run; `inf` until somebody wakes it."""
        self.wakes_at = self.world.clock + seconds
        self.world.turn.release()
        self.turn.acquire()
        if self.is_dead:
            raise Killed

    def wait_for(self, child: Process) -> int:
        """The status of a process that it started, as the system has it: -9 of one that was killed."""
        while not child.is_gone:
            self.pause(math.inf)
        if child.status is None:
            return -9
        return child.status

    def _main(self) -> None:
        self.turn.acquire()
        try:
            with use_machine(self):
                self.status = self._status()
        finally:
            self.is_over = True
            if self.is_dead:
                self.status = None
            if self.parent is not None:
                self.parent.wakes_at = self.world.clock
            try:
                self.world.list_all(self)
            finally:
                self.world.turn.release()

    def _status(self) -> int | None:
        try:
            return int(self.job() or 0)  # type: ignore[call-overload]
        except Killed:
            return None
        except MonitorError as error:
            self.world.said.append(str(error))
            return error.exit_status
        except SystemExit:
            return TERMINATED
        except Exception:
            self.world.said.append(traceback.format_exc())
            if self.is_dead:
                return None
            return self.world.defect(traceback.format_exc())


class World:
    """The disk is a folder. is_real: whether its processes are. root: where what jobs read and write lies, as they name it; below
    it, and below the folder, paths are the same. random: what is by chance in it.

    said: what processes said beside their log. counted: the folders of runs that once counted, as somebody looked.
    """

    is_real = False
    root = ""

    def __init__(self, folder: Path, began: datetime, random: Random) -> None:
        self.folder = str(folder)
        self.began = began
        self.random = random
        self.clock = 0.0
        self.hosts = (Host("one"), Host("two", 3.0))
        self.processes: dict[int, Process] = {}
        self.current: Process | None = None
        self.turn = threading.Semaphore(0)
        self.told: list[tuple[str, ...]] = []
        self.commands: list[tuple[str, list[str]]] = []
        self.struck: list[tuple[object, ...]] = []
        self.said: list[str] = []
        self.defects: list[str] = []
        self.counted: set[str] = set()
        self.at_work: dict[str, Process] = {}
        self._is_striking = False
        self._written: dict[str, Process] = {}
        self._merged: set[str] = set()

    @property
    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.clock)

    def defect(self, trace: str) -> int:
        """Note what is no sentence of ours."""
        self.defects.append(trace)
        return 70

    def pass_until(self, time: datetime) -> None:
        """Nothing happens until then, unless that is over."""
        self.clock = max(self.clock, (time - self.began).total_seconds())

    def start(self, host: Host, job: Callable[[], object], faults: dict[int, Fault] | None = None) -> Process:
        """A new process, the child of whoever starts it, whose time has come."""
        number = 1000 + len(self.processes)
        self.processes[number] = Process(self, host, number, job, self.current, dict(faults or {}), wakes_at=self.clock)
        return self.processes[number]

    def run(self, *awaited: Process) -> None:
        """Let time go by until these are over; others run meanwhile when theirs has come."""
        while not all(process_alive.is_over for process_alive in awaited):
            self._go_on(self._alive())

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by in which whoever is under way goes on."""
        until = self.clock + seconds
        while due := [waiting_process for waiting_process in self._alive() if waiting_process.wakes_at <= until]:
            self._go_on(due)
        self.clock = max(self.clock, until)

    def is_anyone_at_work(self) -> bool:
        """Whether somebody goes on without whoever started it."""
        return any(not process_alive.is_gone for process_alive in self.processes.values())

    def _alive(self) -> list[Process]:
        return [
            process_alive
            for process_alive in self.processes.values()
            if not process_alive.is_over and process_alive.wakes_at < math.inf
        ]

    def _go_on(self, some: list[Process]) -> None:
        """One of them has its turn, the one whose time came first."""
        self.current = min(some, key=lambda process_alive: (process_alive.wakes_at, process_alive.number))
        self.clock = max(self.clock, self.current.wakes_at)
        self.current.turn.release()
        self.turn.acquire()
        self.current = None

    def run_all(self) -> None:
        """The same until nobody is left."""
        self.run(*self.processes.values())

    @contextmanager
    def alone_at(self, activity: str) -> Iterator[None]:
        """A defect if another process is at the same thing."""
        process = self.current
        assert process is not None
        if activity in self.at_work and not self.at_work[activity].is_gone:
            self.defect(f"two processes are at {activity} at once")
        self.at_work[activity] = process
        try:
            yield
        finally:
            self.at_work.pop(activity, None)

    def tell(self, notification: tuple[str, ...]) -> None:
        """What a sink does."""
        process = self.current
        fault = None
        if process is not None:
            fault = process.faults.pop(0, None)
        if fault is not Fault.REFUSED:
            self.told.append(notification)
        if process is not None and fault is not None:
            process.struck.append((fault, "sink"))
            raise OSError("the sink")

    # What happens at a call of the file system.

    def called(self, event: str, arguments: tuple[Any, ...]) -> None:
        process = self.current
        if process is None or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.path.join(_find_folder(event, arguments), os.fsdecode(arguments[0])))
        if not f"{path}/".startswith(f"{self.folder}/"):
            return
        is_write = event == "open" and takes_room(event, arguments)
        self._set_times()
        if event == "open" and is_draft(os.path.basename(path)):
            self._written[path] = process
        if not self._is_striking:
            is_its_own = threading.current_thread() is process.thread
            self._require_alive(process, is_its_own)
            process.calls += 1
            self.clock += self.random.random() * CALL_SECONDS
            fault = process.faults.pop(process.calls, None)
            if fault is not None:
                process.struck.append((fault, f"{event} {os.path.relpath(path, self.folder)}"))
                self._strike(fault, process, event, arguments, is_its_own)
            elif is_its_own and self._is_anothers_time(process):
                process.pause(0)
            if is_its_own:
                self._require_held(process, event, path, arguments)
            if is_write and not is_draft(os.path.basename(path)):
                process.writes = path
            else:
                process.writes = None
            if process.is_full and takes_room(event, arguments):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._set_times()
        if event in ("os.rename", "os.remove"):
            self._written.pop(path, None)
        if event == "os.rename" and OF_MERGED.match(os.path.relpath(os.fsdecode(arguments[1]), self.folder)):
            self._merged.add(os.path.abspath(os.fsdecode(arguments[1])))

    def _require_held(self, process: Process, event: str, path: str, arguments: tuple[Any, ...]) -> None:
        """Who has lost an output puts nothing more in place there, but for the file that was under way."""
        lost = [
            lease_held.where.removeprefix("file:")
            for lease_held in lease._held_leases
            if lease_held.thread == process.thread.ident and not os.path.exists(lease_held._file_path)
        ]
        is_put = event == "os.rename" and not is_draft(os.path.basename(os.fsdecode(arguments[1])))
        if is_put and any(path.startswith(f"{where.rstrip('/')}/") for where in lost):
            process.unheld += 1
            if process.unheld > 1:
                self.defect(f"a process that has lost its lease writes {path}")

    def _set_times(self) -> None:
        """Have the disk's time where there is another: files that are being written. Merged records are of one time, whenever
        they came to be: the ledgers of who reads them name it.
        """
        time = self.now.timestamp()
        for path, process in [*self._written.items()]:
            if os.path.exists(path):
                os.utime(path, (time, time))
            if process.is_gone:  # what it still had in its buffers, as no killed one has, came late
                self._written.pop(path)
        for path in [path for path in self._merged if os.path.exists(path)]:
            os.utime(path, (self.began.timestamp(),) * 2)
            self._merged.remove(path)

    def _is_anothers_time(self, process: Process) -> bool:
        return any(
            process_alive.wakes_at <= self.clock
            for process_alive in self.processes.values()
            if process_alive is not process and not process_alive.is_over
        )

    def _aside(self, file: Path) -> Path:
        """Where a file is that no listing has yet: beside the folder of the month."""
        aside = Path(f"{self.folder}-unlisted", file.relative_to(self.folder))
        aside.parent.mkdir(parents=True, exist_ok=True)
        return aside

    def list_all(self, process: Process) -> None:
        """What was not listed while a process went on is from now on; what was pruned meanwhile is gone."""
        with self._alone():
            for aside, file in process.unlisted.items():
                if file.parent.exists():
                    aside.replace(file)
        process.unlisted.clear()

    def _require_alive(self, process: Process, is_its_own: bool) -> None:
        if process.is_dead:
            raise Killed if is_its_own else OSError(errno.EIO, "the process is no more")

    def _strike(self, fault: Fault, process: Process, event: str, arguments: tuple[Any, ...], is_its_own: bool) -> None:
        # A second name of a file is linked, and nothing of it written
        if fault is Fault.TORN and event == "os.rename" and os.stat(arguments[0]).st_nlink == 1:
            os.truncate(arguments[0], os.path.getsize(arguments[0]) // 2)
            self._set_times()
        if fault in (Fault.KILL, Fault.TORN):
            process.is_dead = True
            if process.writes is not None and os.path.isfile(process.writes):
                os.truncate(process.writes, os.path.getsize(process.writes) // 2)
            self._require_alive(process, is_its_own)
        elif fault is Fault.ERROR:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        elif fault is Fault.LATE_ERROR:
            with self._alone(), suppress(OSError):
                {"os.rename": os.replace, "os.remove": os.remove, "os.rmdir": os.rmdir}.get(event, _nothing)(
                    *(
                        arguments[:2]
                        if event == "os.rename"
                        else [os.path.join(_find_folder(event, arguments), arguments[0])]
                    )
                )
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        elif fault is Fault.FULL:
            process.is_full = True
        elif fault is Fault.SLOW:
            for _ in range(self.random.randint(1, 10)):
                self.clock += lease.RENEWED_SECONDS
                with self._alone():
                    for own_lease in [
                        candidate_lease
                        for candidate_lease in lease._held_leases
                        if candidate_lease.thread == process.thread.ident
                    ]:
                        if not own_lease._renewal_lock.locked():  # else its keeper waits for the slow call
                            own_lease.renew()
        elif fault is Fault.LOST:
            with self._alone():
                for file in Path(self.folder).rglob(f"{lease.PREFIX}*"):
                    file.unlink()
        elif fault is Fault.AGAIN:
            with self._alone():
                for file in Path(self.folder, "captures").rglob("*.jsonl"):
                    shutil.copy2(file, aside := file.with_name(f"{file.name}.again"))
                    aside.replace(file)
        elif fault is Fault.LAG and any(
            Path(self.folder, "reports").rglob("_current.json")
        ):  # a first run waits for data
            with self._alone():
                for file in Path(self.folder, "captures", "churn").rglob("*.jsonl"):
                    process.unlisted[file.replace(self._aside(file))] = file
        elif fault is Fault.JUMP:
            process.host.ahead += self.random.choice((-86_400, -3_600, -90, 90, 3_600, 86_400))
        elif fault is Fault.SIGNAL and is_its_own:
            raise Stopped(TERMINATED)
        elif fault is Fault.STALL and is_its_own:
            process.pause(self.random.uniform(60, 400))
        elif fault is Fault.ORPHAN and is_its_own and process.parent is not None:
            process.parent.is_dead = True
            process.parent.wakes_at = self.clock
            process.faults.clear()  # nobody would run again what it fails at
            process.pause(self.random.choice((20, 4_000, 5_000)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._is_striking = True
        try:
            yield
        finally:
            self._is_striking = False


def _find_folder(event: str, arguments: tuple[Any, ...]) -> str:
    """Where a path that is not absolute begins: `rmtree` names what is in a folder that it has opened."""
    if event in ("os.remove", "os.rmdir") and arguments[1] >= 0:
        return os.readlink(f"/proc/self/fd/{arguments[1]}")
    return os.getcwd()


def _nothing(*arguments: object) -> None:
    """What a call that changes nothing leaves."""


_watched: list[World] = []


for _property in vars(Job).values():
    if isinstance(_property, cached_property):
        _property.lock = (
            nullcontext()
        )  # of all jobs of a real process, where Python is older than 3.12: those of ours would wait


def get_world() -> World:
    """The world that there is."""
    return _watched[-1]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event in CALLS:
        _watched[-1].called(event, arguments)


@contextmanager
def watch_world(folder: Path, began: datetime, random: Random, kind: type[World] = World) -> Iterator[World]:
    """A world on a folder, to which the calls below it belong while this is open."""
    if not hasattr(sys, "_simulated"):
        sys.addaudithook(_hook)  # for good
        sys._simulated = True  # type: ignore[attr-defined]
    world = kind(folder, began, random)
    _watched.append(world)
    try:
        yield world
    finally:
        _watched.pop()
        lease._held_leases.clear()
        lease._unremoved_files.clear()
