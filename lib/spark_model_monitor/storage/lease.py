"""Leases: one run at a time writes to an output, wherever it is stored. docs/decisions/0041 explains the design."""

from __future__ import annotations

import json
import logging
import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from uuid import uuid4

from spark_model_monitor.errors import BadInput, OutputFailed, OutputHeld
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.stopping import run_at_exit
from spark_model_monitor.storage.file_system import Storage, StoredFile, is_draft, join
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
    """The right of one run to write to an output.

    run: the run's unique name. now, sleep: the machine's monotonic clock and sleep, or substitutes.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str,
        *,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.holder = Holder.from_this_process()
        self.run = self.holder.run
        self.folder = folder
        self.where = _resolve_folder(storage, folder)
        self.thread = threading.get_ident()
        self._storage = storage
        self._now = now or current_machine().seconds
        self._sleep = sleep or current_machine().sleep
        self._file_name = f"{PREFIX}{self.run}"
        self._file_path = join(folder, self._file_name)
        self._renewed_seconds = self._now()
        self._was_written = False
        self._is_lost = False
        self._removed_dead_run = False
        self._taken_ms = 0
        self._taken_seconds = self._renewed_seconds  # the same moment by this machine's clock
        self._renewal_lock = threading.Lock()
        self._ended = threading.Event()
        # Interrupts of the run don't stop another thread
        self._renewal_thread = threading.Thread(target=self._renew_until_ended, daemon=True, name="lease")

    def store_time(self) -> datetime:
        """The time by the store's clock, which all runs that use the store share. Only for a lease that was taken.

        It is the modification time of the lease's file when the lease was taken, plus the seconds since then."""
        return datetime.fromtimestamp(self._taken_ms / 1000 + self._now() - self._taken_seconds, timezone.utc)

    def take(self, wait: timedelta = WAIT) -> None:
        """Wait until no other run holds the output, then hold it.

        Raises OutputHeld, naming the other run, if it holds it after the wait; OutputFailed if no file can be written.
        """
        # Monotonic seconds, so that setting the clock neither ends nor prolongs the wait
        deadline_seconds = self._now() + wait.total_seconds()
        has_warned = False
        while (holder := self._find_other_holder()) is not None:
            if self._now() >= deadline_seconds:
                raise OutputHeld(
                    f"{self.folder}: another run is writing there: {holder}; start this one again when that has ended, or "
                    f"have it wait longer than {wait} by --set lease_wait=DURATION"
                )
            if not has_warned:
                log.warning("%s: waiting for another run to end: %s", self.folder, holder)
                has_warned = True
            # The pause is random, so that two waiting runs don't always look at the same moments
            self._sleep(random.uniform(0.5, 1.5))
        self._renewal_thread.start()
        _held_leases.append(self)
        if self._removed_dead_run:
            self._remove_dead_drafts()

    def renew(self) -> bool:
        """Write the lease file again. Returns whether the output is held for a further period.

        The lease is lost if other runs have removed its file. After a long stall, it is also lost if another run's file stays:
        a run that takes over writes its own file before it removes this one.
        """
        with self._renewal_lock:
            began_seconds = self._now()
            if self._is_lost or not self._storage.exists(self._file_path):
                self._is_lost = True
                return False
            # The write itself checks the lease; without the new time it would be refused as late
            previous_seconds = self._renewed_seconds
            self._renewed_seconds = began_seconds
            is_in_time = False
            try:
                self._storage.write(self._file_path, self.holder.to_json())
                self._is_lost = began_seconds - previous_seconds > SAFE_SECONDS and self._has_lasting_rivals()
                # If writing took long, other runs may have taken over in the meantime
                is_in_time = self._now() - began_seconds <= LIFE_SECONDS - SAFE_SECONDS
            finally:
                self._renewed_seconds = began_seconds if is_in_time else previous_seconds
            return is_in_time and not self._is_lost

    def _has_lasting_rivals(self) -> bool:
        """Whether other runs' lease files stay there, instead of vanishing after a look."""
        # A run that only looks removes its file after a moment; a run that took over keeps it
        for _ in range(NUM_STAY_CHECKS):
            names = {file.name for file in self._storage.list_by_prefix(self.folder, PREFIX)}
            if names <= {self._file_name}:
                return False
            self._sleep(1.0)
        return True

    def release(self) -> None:
        """Release the output, as the last step of a run. A lease that was tried and not taken removes its file."""
        # The renewal thread removes the file, even if this thread is interrupted
        if self in _held_leases:
            _held_leases.remove(self)
        self._ended.set()
        if self._renewal_thread.ident is None:
            self._renewal_thread.start()
        self._renewal_thread.join(RELEASE_SECONDS)

    def require_held(self) -> None:
        """Raises OutputHeld if another run may have taken over the output."""
        # After a stall, the file's existence proves nothing: another run may be about to remove it
        is_late = self._now() - self._renewed_seconds > SAFE_SECONDS
        if self._is_lost or not self._storage.exists(self._file_path) or (is_late and not self.renew()):
            raise OutputHeld(
                f"{self.folder}: another run took it over, since this one had stalled for longer than {SAFE_SECONDS} s, or its "
                f"file {self._file_name} was deleted; nothing more was written; start it again"
            )

    def _find_other_holder(self) -> Holder | None:
        """The run that keeps this run from holding the output; None if this run holds it now."""
        # Write first and look then: of two runs that come at once, at least one sees the other
        self._write_file()
        files = {file.name: file for file in self._storage.list_by_prefix(self.folder, "")}
        own_file = files.pop(self._file_name, None)
        if own_file is None:  # another run removed it, taking this run for dead
            return self.holder
        self._taken_ms = own_file.modified_ms
        holders = self._find_living_holders(files.values())
        if not holders:
            return None
        # If several runs come at once, the run with the alphabetically first name stays
        first_name = min(holders)
        if first_name < self._file_name:
            self._storage.delete(self._file_path)
        return holders[first_name]

    def _write_file(self) -> None:
        self._renewed_seconds = self._now()
        self._taken_seconds = self._renewed_seconds
        try:
            self._storage.write(self._file_path, self.holder.to_json())
        except OutputFailed as fault:  # users know the folder, not the lease file
            raise OutputFailed(str(fault).replace(self._file_path, self.folder)) from fault
        self._was_written = True

    def _find_living_holders(self, files: Iterable[StoredFile]) -> dict[str, Holder]:
        """The living runs by the name of their lease file. Removes the files of runs that have ended."""
        holders: dict[str, Holder] = {}
        for file in files:
            # Both times are by the store's clock
            is_old = self._taken_ms - file.modified_ms > LIFE_SECONDS * 1000
            if _is_lease_draft(file.name) and (is_old or is_of_ended_process(file.name)):
                self._storage.delete(join(self.folder, file.name))
            elif file.name.startswith(PREFIX):
                holder = self._read_holder(file.name)
                if is_old or file.name in _unremoved_files or holder.is_dead:
                    log.warning("%s: takes over from a run that has died: %s", self.folder, holder)
                    self._storage.delete(join(self.folder, file.name))
                    self._removed_dead_run = True
                else:
                    holders[file.name] = holder
        return holders

    def _remove_dead_drafts(self) -> None:
        """Remove drafts of dead runs. If this process is killed meanwhile, its lease file stays, so that the next run does it.

        Skips outputs below this one that other runs hold. Only drafts older than this lease are removed.
        """
        hidden_files = self._storage.list_hidden(self.folder)
        lease_folders = [file.path.removesuffix(file.name) for file in hidden_files if file.name.startswith(PREFIX)]
        # Inner outputs with a lease file may be held by living runs, whose drafts must stay
        held_folders = tuple(set(lease_folders) - {join(self._storage.resolved(self.folder), "")})
        for file in hidden_files:
            is_of_dead_run = file.modified_ms < self._taken_ms and not file.path.startswith(held_folders)
            if is_of_dead_run and is_draft(file.name) and not _is_lease_draft(file.name):
                self._storage.delete(file.path)

    def _read_holder(self, name: str) -> Holder:
        content = b""
        with suppress(BadInput):  # the file may have been removed; the next look shows that
            content = self._storage.read(join(self.folder, name), at_most=10_000)
        return Holder.read(content, name.removeprefix(PREFIX))

    def _renew_until_ended(self) -> None:
        """Renew the lease until the run is over, then remove its file."""
        pause_seconds: float = RENEWED_SECONDS
        while not self._ended.wait(pause_seconds) and not self._is_lost:
            try:
                pause_seconds = RENEWED_SECONDS if self.renew() else RETRIED_SECONDS
            # A short failure of the store must not end the thread, since the lease would expire
            except Exception as error:
                log.warning("%s: the lease could not be renewed (%s)", self.folder, type(error).__name__)
                pause_seconds = RETRIED_SECONDS
        try:
            self._storage.delete(self._file_path)
        except Exception as error:
            _unremoved_files.add(self._file_name)
            if self._was_written:
                log.warning("%s: could not be removed (%s); others wait for it", self._file_path, type(error).__name__)


def _is_lease_draft(name: str) -> bool:
    """Whether a file is the draft of a lease file, whose run may be about to begin."""
    return name.startswith(f".{PREFIX}") and is_draft(name)


@contextmanager
def holding(storage: Storage, folder: str, wait: timedelta = WAIT) -> Iterator[Lease]:
    """Hold an output while the body runs. If the same thread already holds it, the existing lease is used.

    Raises OutputHeld if another run holds it for longer than the wait, OutputFailed if nothing can be written there.
    """
    resolved_folder = _resolve_folder(storage, folder)
    for lease in tuple(_held_leases):
        if lease.where == resolved_folder and lease.thread == threading.get_ident():
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
