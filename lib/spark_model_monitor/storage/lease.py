"""Leases: one run at a time writes to an output, wherever it is stored. docs/decisions/0041 explains the design."""

from __future__ import annotations

import json
import logging
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from uuid import uuid4

from spark_model_monitor.errors import BadInput, OutputFailed, OutputHeld
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.stopping import run_at_exit
from spark_model_monitor.storage.file_system import Storage, is_draft, join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

# The parts of a run's name that identify its machine, process and process start
_RUN_NAME_PATTERN = re.compile(r"-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{8}")

PREFIX = "_lease-"  # the beginning of the names of leases' files
WAIT = timedelta(minutes=10)  # the default wait for another run to end
LIFE_SECONDS = 120  # other runs take over a lease that was not renewed for this long
RENEWED_SECONDS = 40  # time between renewals
RETRIED_SECONDS = 5  # time until the next attempt after a failed renewal
RELEASE_SECONDS = 60  # the longest wait at the end of a run for the removal of its file
NUM_STAY_CHECKS = 5  # number of checks, one second apart, whether other runs' files stay

SAFE_SECONDS = 90
"""If a run could not renew its lease for this long, it checks whether the lease is lost. The rest of LIFE_SECONDS is left for
completing the file that it was writing, before another run takes over."""

_held_leases: list[Lease] = []
_unremoved_files: set[str] = set()  # files of this process's expired leases that could not be removed


@value_class
class Holder:
    """A run that holds an output or waits for it, and the run's process."""

    run: str
    host: str
    process: ProcessIdentity
    since: str

    @classmethod
    def from_this_process(cls) -> Holder:
        """A new run of this process."""
        machine = current_machine()
        process = machine.process()
        now = machine.now()
        run = (
            f"{now:%Y%m%dT%H%M%S%f}-{_hash_machine(process.machine)}-{process.number}-{process.start}-{uuid4().hex[:8]}"
        )
        return cls(run, machine.name(), process, f"{now:%Y-%m-%dT%H:%M:%SZ}")

    @classmethod
    def read(cls, content: bytes, run: str) -> Holder:
        """Parses the content of a lease file. run: the run's name. An unreadable file gives a process that can't be looked up."""
        try:
            members = json.loads(content)
            return cls(**{**members, "process": ProcessIdentity.read(members["process"])})
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            return cls(run, "unknown", ProcessIdentity("", 0, 0), "unknown")

    def to_json(self) -> bytes:
        """The content of the lease file."""
        return f"{json.dumps({**asdict(self), 'process': str(self.process)})}\n".encode()

    @property
    def is_dead(self) -> bool:
        """Whether the run's process has ended; False if that can't be determined from this machine."""
        return current_machine().is_alive(self.process) is False

    def __str__(self) -> str:
        return f"run {self.run}, process {self.process.number} on host {self.host}, since {self.since}"


def is_of_ended_process(name: str) -> bool:
    """Whether the name of a half-written lease file belongs to a process of this machine that has ended."""
    name_match = _RUN_NAME_PATTERN.search(name)
    machine = current_machine().identity()
    if name_match is None or name_match[1] != _hash_machine(machine):
        return False
    return current_machine().is_alive(ProcessIdentity(machine, int(name_match[2]), int(name_match[3]))) is False


def _hash_machine(machine: str) -> str:
    return sha256(machine.encode()).hexdigest()[:8]


class Lease:
    """The right of one run to write to an output. now, sleep: the machine's monotonic clock and sleep, or substitutes."""

    def __init__(
        self,
        storage: Storage,
        folder: str,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.holder = Holder.from_this_process()
        self.folder = folder
        self.where = _resolve_folder(storage, folder)
        self.thread = threading.get_ident()
        self._storage = storage
        self._now = now or current_machine().seconds
        self._sleep = sleep or current_machine().rest
        self._name = f"{PREFIX}{self.holder.run}"
        self._path = join(folder, self._name)
        self._renewed = self._now()
        self._is_there = self._is_lost = False
        self._takes_over = False
        self._since_ms = 0
        self._since = self._renewed  # the same moment by this machine's clock
        self._renewing = threading.Lock()
        self._over = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def run(self) -> str:
        """The run's unique name."""
        return self.holder.run

    def store_time(self) -> datetime:
        """The time by the store's clock, which all runs that use the store share. Only for a lease that was taken.

        It is the modification time of the lease's file when the lease was taken, plus the seconds since then."""
        return datetime.fromtimestamp(self._since_ms / 1000 + self._now() - self._since, timezone.utc)

    def take(self, wait: timedelta = WAIT) -> None:
        """Wait until no other run holds the output, then hold it.

        Raises OutputHeld, naming the other run, if it holds it after the wait; OutputFailed if no file can be written.
        """
        # Monotonic seconds, so that setting the clock neither ends nor prolongs the wait
        deadline = self._now() + wait.total_seconds()
        has_warned = False
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="lease")
        while (holder := self._find_other_holder()) is not None:
            if self._now() >= deadline:
                raise OutputHeld(
                    f"{self.folder}: another run is writing there: {holder}; start this one again when that has ended, or "
                    f"have it wait longer than {wait} by --set lease_wait=DURATION"
                )
            if not has_warned:
                log.warning("%s: waiting for another run to end: %s", self.folder, holder)
            has_warned = True
            # The pause is random, so that two waiting runs don't always look at the same moments
            self._sleep(random.uniform(0.5, 1.5))
        self._keeper.start()
        _held_leases.append(self)
        if self._takes_over:
            self._clear()

    def renew(self) -> bool:
        """Write the lease file again. Returns whether the output is held for a further period.

        The lease is lost if other runs have removed its file. After a long stall, it is also lost if another run's file stays:
        a run that takes over writes its own file before it removes this one.
        """
        with self._renewing:
            began_seconds = self._now()
            if self._is_lost or not self._storage.exists(self._path):
                self._is_lost = True
                return False
            # The write itself checks the lease; without the new time it would be refused as late
            before = self._renewed
            self._renewed = began_seconds
            is_in_time = False
            try:
                self._storage.write(self._path, self.holder.to_json())
                self._is_lost = began_seconds - before > SAFE_SECONDS and self._do_others_stay()
                # If writing took long, other runs may have taken over in the meantime
                is_in_time = self._now() - began_seconds <= LIFE_SECONDS - SAFE_SECONDS
            finally:
                self._renewed = began_seconds if is_in_time else before
            return is_in_time and not self._is_lost

    def _do_others_stay(self) -> bool:
        """Whether other runs' lease files stay there, instead of vanishing after a look."""
        # A run that only looks removes its file after a moment; a run that took over keeps it
        for _ in range(NUM_STAY_CHECKS):
            before = [file.name for file in self._storage.list_beginning(self.folder, PREFIX)]
            if set(before) <= {self._name}:
                return False
            self._sleep(1.0)
        return True

    def release(self) -> None:
        """Release the output, as the last step of a run. A lease that was tried and not taken removes its file."""
        # The keeper thread removes the file, even if this thread is interrupted
        if self in _held_leases:
            _held_leases.remove(self)
        self._over.set()
        if self._keeper is None:
            return
        if self._keeper.ident is None:
            self._keeper.start()
        self._keeper.join(RELEASE_SECONDS)

    def require_held(self) -> None:
        """Raises OutputHeld if another run may have taken over the output."""
        # After a stall, the file's existence proves nothing: another run may be about to remove it
        is_late = self._now() - self._renewed > SAFE_SECONDS
        if self._is_lost or not self._storage.exists(self._path) or (is_late and not self.renew()):
            raise OutputHeld(
                f"{self.folder}: another run took it over, since this one had stalled for longer than {SAFE_SECONDS} s, or its "
                f"file {self._name} was deleted; nothing more was written; start it again"
            )

    def _find_other_holder(self) -> Holder | None:
        """The run that keeps this run from holding the output; None if this run holds it now."""
        self._renewed = self._now()
        self._since = self._renewed
        try:
            self._storage.write(self._path, self.holder.to_json())
        except OutputFailed as fault:  # users know the folder, not the lease file
            raise OutputFailed(str(fault).replace(self._path, self.folder)) from fault
        self._is_there = True
        files = {file.name: file for file in self._storage.list_beginning(self.folder, "")}
        own_file = files.pop(self._name, None)
        if own_file is None:  # another run removed it, taking this run for dead
            return self.holder
        self._since_ms = own_file.modified_ms
        # Remove the files of runs that have ended; the other runs compete for the output
        holders: dict[str, Holder] = {}
        for name, file in files.items():
            is_old = own_file.modified_ms - file.modified_ms > LIFE_SECONDS * 1000
            if _is_of_lease(name) and (is_old or is_of_ended_process(name)):
                self._storage.delete(join(self.folder, name))
            elif name.startswith(PREFIX):
                holder = self._read(name)
                if is_old or name in _unremoved_files or holder.is_dead:
                    log.warning("%s: takes over from a run that has died: %s", self.folder, holder)
                    self._storage.delete(join(self.folder, name))
                    self._takes_over = True
                else:
                    holders[name] = holder
        if not holders:
            return None
        # If several runs come at once, the run with the alphabetically first name stays
        first = min(holders)
        if first < self._name:
            self._storage.delete(self._path)
        return holders[first]

    def _clear(self) -> None:
        """Remove drafts of dead runs. If this process is killed meanwhile, its lease file stays, so that the next run does it.

        Skips outputs below this one that other runs hold. Only drafts older than this lease are removed.
        """
        hidden_files = [(*file.path.rpartition("/")[::2], file) for file in self._storage.list_hidden(self.folder)]
        top = self._storage.resolved(self.folder).rstrip("/")
        # Inner outputs with a lease file may be held by living runs, whose drafts must stay
        holders = tuple(
            join(inner_folder, "")
            for inner_folder, name, _ in hidden_files
            if name.startswith(PREFIX) and inner_folder != top
        )
        for _, name, file in hidden_files:
            is_ours = not file.path.startswith(holders) and not _is_of_lease(name) and file.modified_ms < self._since_ms
            if is_ours and is_draft(name):
                self._storage.delete(file.path)

    def _read(self, name: str) -> Holder:
        content = b""
        with suppress(BadInput):  # the file may have been removed; the next look shows that
            content = self._storage.read(join(self.folder, name), at_most=10_000)
        return Holder.read(content, name.removeprefix(PREFIX))

    def _keep(self) -> None:
        """Renew the lease until the run is over, then remove its file. Runs in a thread that interrupts of the run don't stop."""
        pause: float = RENEWED_SECONDS
        while not self._over.wait(pause) and not self._is_lost:
            try:
                pause = RENEWED_SECONDS if self.renew() else RETRIED_SECONDS
            # A short failure of the store must not end the thread, since the lease would expire
            except Exception as error:
                log.warning("%s: the lease could not be renewed (%s)", self.folder, type(error).__name__)
                pause = RETRIED_SECONDS
        try:
            self._storage.delete(self._path)
        except Exception as error:
            _unremoved_files.add(self._name)
            if self._is_there:
                log.warning("%s: could not be removed (%s); others wait for it", self._path, type(error).__name__)


def _is_of_lease(name: str) -> bool:
    """Whether a file is the draft of a lease file, whose run may be about to begin."""
    return name.startswith(f".{PREFIX}") and is_draft(name)


@contextmanager
def holding(storage: Storage, folder: str, wait: timedelta = WAIT) -> Iterator[Lease]:
    """Hold an output while the body runs. If the same thread already holds it, the existing lease is used.

    Raises OutputHeld if another run holds it for longer than the wait, OutputFailed if nothing can be written there.
    """
    where = _resolve_folder(storage, folder)
    for lease in tuple(_held_leases):
        if lease.where == where and lease.thread == threading.get_ident():
            yield lease
            return
    lease = Lease(storage, folder)
    # Release the lease even if Python exits before the body ends; otherwise the next run would wait until it expires
    with run_at_exit(lease.release):
        try:
            lease.take(wait)
            yield lease
        finally:
            lease.release()


def _resolve_folder(storage: Storage, folder: str) -> str:
    return storage.resolved(join(folder, ""))  # a bucket is not a folder without its slash


def require_lease(storage: Storage, path: str) -> None:
    """Check, before a file is changed, that this thread still holds the output that contains the file, if it has a lease.

    Raises OutputHeld if it doesn't hold it any more.
    """
    for lease in tuple(_held_leases):
        if lease.thread == threading.get_ident() and storage.resolved(path).startswith(join(lease.where, "")):
            lease.require_held()
