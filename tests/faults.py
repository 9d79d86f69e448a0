"""Each call that a job makes of this machine's file system, and one of them that goes wrong.

Python tells its audit hooks of every call that opens, lists, makes, renames or removes something, before it is made. So a
job's calls are counted, and any one of them goes wrong, with nothing of ours replaced. What Spark's JVM does is not seen; it
happens between two calls of the driver.
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.machine import current_machine
from spark_model_monitor.storage.lease import PREFIX

ROOT = Path(__file__).resolve().parent.parent

CALLS = frozenset({"open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir"})

DEFECT = 70
"""What a child ends with after an exception that is no sentence of ours."""


class Fault(Enum):
    """What goes wrong at a call."""

    KILL = "the process is killed before it"
    TORN = "the process is killed when half of the file is written; of a file that is put in place"
    ERROR = "it fails"
    FULL = "the disk is full from then on: nothing is made or written, what is there is read and removed"


class Killed(BaseException):
    """The end of a process that can't end, since it is the tests' own: no clean-up of it reaches the disk any more."""


@dataclass
class Disk:
    """A folder whose calls are noted in `calls`, as `os.rename out/message`; that of number `at` goes wrong.

    die: how a process ends there and then.
    """

    folder: str
    fault: Fault | None = None
    at: int = -1
    die: Callable[[], object] | None = None
    calls: list[str] = field(default_factory=list)
    is_dead: bool = False

    def called(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if not f"{path}/".startswith(f"{self.folder}/"):
            return
        number = len(self.calls)
        self.calls.append(f"{event} {os.path.relpath(path, self.folder)}")
        if self.is_dead:
            self._end()
        elif self.fault is Fault.FULL and number >= self.at and takes_room(event, arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        elif number == self.at:
            self._go_wrong(event, path)

    def _go_wrong(self, event: str, path: str) -> None:
        if self.fault is Fault.ERROR:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        # A second name of a file is linked, and nothing of it written
        if self.fault is Fault.TORN and event == "os.rename" and os.stat(path).st_nlink == 1:
            os.truncate(path, os.path.getsize(path) // 2)
        if self.fault is Fault.KILL or (self.fault is Fault.TORN and event == "os.rename"):
            self.is_dead = True
            self._end()

    def _end(self) -> None:
        if self.die is not None:
            self.die()
        if threading.current_thread() is threading.main_thread():
            raise Killed
        raise OSError(errno.EIO, "the process is no more")  # a lease's thread, which goes on and reaches nothing


def takes_room(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return any(sign in (arguments[1] or "") for sign in "wax+") or bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    return event == "os.mkdir"


_watched: Disk | None = None


@cache
def _hook() -> None:
    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _watched is not None and event in CALLS:
            _watched.called(event, arguments)

    sys.addaudithook(hook)  # for good; it costs nothing while no disk is watched


@contextmanager
def watched(disk: Disk) -> Iterator[Disk]:
    """While this is open the calls below the disk's folder are its."""
    global _watched
    _hook()
    _watched = disk
    try:
        yield disk
    finally:
        _watched = None


@dataclass(frozen=True)
class Ended:
    """What came of a try. status: None if it was killed. calls: those it made."""

    status: int | None
    said: str
    calls: list[str]


def in_a_child(job: Callable[[str], object], folder: str, fault: Fault | None = None, call_number: int = -1) -> Ended:
    """A job that needs no Spark, in a process of its own that can really be killed; message: its log, or its error."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([job.__module__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(job, folder, fault, call_number, theirs))
    with pytest.MonkeyPatch.context() as patch:  # the first of them starts the server, which imports from here
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "lib"), str(ROOT)]))
        process.start()
    theirs.close()
    try:
        message, calls = ours.recv()
    except EOFError:
        message = ""
        calls = []
    process.join()
    code = process.exitcode
    process.close()
    return Ended(None if code == -signal.SIGKILL else code, message, calls)


def _child(job: Callable[[str], object], folder: str, fault: Fault | None, call_number: int, answer: Any) -> None:
    os.chdir(folder)
    disk = Disk(folder, fault, call_number, lambda: os.kill(os.getpid(), signal.SIGKILL))
    status = 0
    message = ""
    with redirect_stderr(StringIO()) as log, watched(disk):
        try:
            status = int(job(folder) or 0)  # type: ignore[call-overload]
        except MonitorError as error:
            status = error.exit_status
            message = str(error)
        except Exception as error:
            status = DEFECT
            message = repr(error)
    answer.send((log.getvalue() + message, disk.calls))
    sys.exit(status)


ENDED_PROCESS = 2**22 + 1
"""A process's number that is no process's. Linux gives none above 2**22; that of a process which has ended is soon
another's, as containers start again at 1 after 32,768 processes and threads."""


def identify_ended_process() -> str:
    """A process of this machine that has ended, as leases and records have it."""
    return str(replace(current_machine().process(), number=ENDED_PROCESS))


def end_the_process(folder: Path) -> None:
    """Have what a run left below a folder look as if its process, and not the tests', had been at it."""
    for file in folder.rglob(f"{PREFIX}*"):
        lease_members = json.loads(file.read_bytes())
        times = file.stat()
        file.write_text(json.dumps(lease_members | {"process": identify_ended_process()}))
        os.utime(file, (times.st_atime, times.st_mtime))
    for draft in folder.rglob(f".{PREFIX}*"):
        draft.rename(draft.with_name(draft.name.replace(f"-{os.getpid()}-", f"-{ENDED_PROCESS}-")))
