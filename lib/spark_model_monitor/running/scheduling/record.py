"""The record of a schedule's runs, with one writing process at a time, and its listings.

On this machine the record is `NAME.executions.json`, and a lock of the system guards it. On S3 it is
`NAME/executions.json`: a lease in the folder NAME guards it, and the time is the store's, so that the clocks of the
machines that share it don't matter.

Every run writes the record several times, so the record is short: it has the latest runs only. Earlier runs move to a file
beside it, some dozens at a time.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from spark_model_monitor.data.records.windows import Window, parse_time
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, Executions, ExecutionStatus
from spark_model_monitor.errors import BadDocument, BadInput, DamagedRecord, OutputFailed, OutputHeld
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.reports.outputs.printable import format_table, truncate_text
from spark_model_monitor.stopping import run_at_exit
from spark_model_monitor.storage import (
    LocalStorage,
    exists,
    get_storage,
    is_local,
    join,
    local_path,
    read_file,
    read_if_exists,
    write_file,
)
from spark_model_monitor.storage.lease import Lease

log = logging.getLogger(__name__)

MAX_EXECUTIONS = 1_000  # the latest runs that are stored
# The runs that stay in the record when earlier runs move to their own file, which happens when it has more than twice as many
MAX_RECENT_RUNS = 25
EARLIER_FILE = f"earlier-{Executions.FILE_NAME}"
MAX_ATTEMPTS = 3  # a run that was stopped this often is given up: it may be the run that crashes the machine
RUNNING_STATUSES = (ExecutionStatus.IN_PROGRESS, ExecutionStatus.STOPPING)
VALID_YEARS = range(2000, 3000)  # the valid years in a record: hourly runs since the year 1 would be checked one by one

GIVEN_UP = f"stopped {MAX_ATTEMPTS} times from outside, with its job, its caller or its machine; run it again by --retry-failed"

LEASE_WAIT = timedelta(seconds=5)  # if several processes come at once, one of them gets the lease within this time

State = Path | str  # the folder of records, on this machine or on S3

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, in UTC."""
    return current_machine().now()


parse_recorded_time = lru_cache(maxsize=10_000)(parse_time)
"""Cached, because the records of all hourly schedules have the same times."""


def scheduled_times(executions: Sequence[Execution]) -> list[datetime]:
    """The scheduled times of some runs."""
    return [read_time(execution.scheduled_time) for execution in executions]


def read_time(text: str) -> datetime:
    """A time of a record. Raises DamagedRecord for a text that isn't a time."""
    time = parse_recorded_time(text)
    if time is None:
        raise DamagedRecord(f"the executions have the time {text!r}; it has to be one such as 2026-01-31T22:00:00Z")
    return time


class Record:
    """The runs of one schedule, in a file and in memory."""

    def __init__(self, path: str, executions: Executions, now: Clock) -> None:
        self._path = path
        self._now = now
        self.executions = executions

    @classmethod
    def exists(cls, folder: State, name: str) -> bool:
        """Whether the schedule called `name` was ever due."""
        return exists(cls._file(folder, name))

    @staticmethod
    def _file(folder: State, name: str) -> str:
        if is_local(str(folder)):
            return join(str(folder), f"{name}.{Executions.FILE_NAME}")
        # The lease guards all files in its folder
        return join(str(folder), name, Executions.FILE_NAME)

    @classmethod
    def read(cls, folder: State, name: str, now: Clock = utc_now) -> Record:
        """The record of the schedule called `name`; an empty one if none of its runs was ever due.

        Raises DamagedRecord if the file can't be parsed; an empty record in its place would repeat its runs.
        """
        path = cls._file(folder, name)
        content = read_if_exists(path)
        if content is None:
            return cls(path, Executions(since=format_moment(now())), now)
        try:
            executions = Executions.from_json(content, path)
        except BadDocument as fault:
            raise DamagedRecord(str(fault)) from fault
        times = [executions.since, *(execution.scheduled_time for execution in executions.executions)]
        if executions.without_data:
            times.append(executions.without_data)
        # A text that isn't a time would make every later comparison meaningless
        for time in times:
            parsed_time = parse_recorded_time(time)
            if parsed_time is None or parsed_time.year not in VALID_YEARS:
                raise DamagedRecord(
                    f"{path}: has the time {time!r}; it has to be one such as 2026-01-31T22:00:00Z; restore the file "
                    "from a copy"
                )
        return cls(path, executions, now)

    @classmethod
    def open(cls, folder: State, name: str, now: Clock) -> Record:
        """The record, for the lock's holder, with interrupted runs due again (`settle`).

        Raises DamagedRecord if the file can't be parsed, once: it is put aside, and the next call begins with an empty record.
        """
        try:
            record = cls.read(folder, name, now)
        except BadDocument:
            cls.replace_by_empty(folder, name, now)
            raise
        record.settle()
        return record

    @classmethod
    def replace_by_empty(cls, folder: State, name: str, now: Clock) -> None:
        """Copy a record that can't be parsed to a file ending in `.damaged`, and replace it by an empty one."""
        path = cls._file(folder, name)
        copy_name = _copy_damaged_file(path)
        cls(path, Executions(since=format_moment(now())), now).write()
        log.warning("%s: is %s now; from the next call on runs are due as of a new schedule", path, copy_name)

    @property
    def has_whole_run(self) -> bool:
        """Whether a run of the schedule ever completed, with or without violations."""
        return any(run.status.has_completed for run in self.executions.executions)

    def read_status(self, scheduled: datetime) -> ExecutionStatus | None:
        """The status of the run of a time; None if it never began."""
        time = format_moment(scheduled)
        return next((run.status for run in self.executions.executions if run.scheduled_time == time), None)

    @property
    def latest_first(self) -> list[Execution]:
        """The runs in the record, the latest first, which is the service's order of listing."""
        return list(reversed(self.executions.executions))

    def write(self) -> None:
        """Write the record. Raises OutputFailed if the file can't be written."""
        write_file(self._path, self.executions.to_json().encode())

    def settle(self) -> None:
        """Create the file, and note which runs were interrupted. For the lock's holder."""
        if not exists(self._path):
            self.write()
        for execution in self.executions.executions:
            if execution.status in RUNNING_STATUSES and not _is_alive(execution):
                self.interrupt(execution)

    def interrupt(self, execution: Execution, message: str | None = None) -> Execution:
        """Record that a run was stopped from outside: it is due again, or given up if that was its last attempt.

        message: why the run ended, which the record has while the run is due.
        """
        if execution.attempts < MAX_ATTEMPTS:
            return self.put(execution, status=ExecutionStatus.PENDING, process=None, exit_message=message)
        # A run that kills its host each time would otherwise be started for ever
        # One write for both changes: a kill between two writes would hide the run from the sinks
        given_up = dict.fromkeys((*self.executions.given_up, execution.scheduled_time))
        self.executions = self.executions.model_copy(update={"given_up": tuple(given_up)})
        return self.put(execution, status=ExecutionStatus.FAILED, process=None, exit_message=GIVEN_UP)

    def begin(self, scheduled: datetime, window: Window, **members: object) -> Execution:
        """Record a run that is about to begin, for the first time or again. members: further members of the run's record."""
        time = format_moment(scheduled)
        creation_time = format_moment(self._now())
        attempts = 1
        # A repeated run keeps its time of creation, and counts its attempts
        for earlier_run in self.executions.executions:
            if earlier_run.scheduled_time == time:
                creation_time = earlier_run.creation_time
                attempts = earlier_run.attempts + 1
        started_run = Execution(
            scheduled_time=time,
            start_time=format_moment(window.start),
            end_time=format_moment(window.end),
            creation_time=creation_time,
            last_modified_time=format_moment(self._now()),
            attempts=attempts,
        )
        return self.put(started_run, **{"status": ExecutionStatus.IN_PROGRESS, **members})

    def put(self, execution: Execution, **changes: object) -> Execution:
        """Replace the record of a run by its present state, and write the file."""
        changed_run = execution.model_copy(update={**changes, "last_modified_time": format_moment(self._now())})
        # ISO times sort as texts; of very many runs only the latest are kept
        sorted_runs = _merge_runs(self.executions.executions, [changed_run])[-MAX_EXECUTIONS:]
        if len(sorted_runs) > 2 * MAX_RECENT_RUNS:
            sorted_runs = self._move_earlier(sorted_runs)
        self._change(executions=tuple(sorted_runs))
        return changed_run

    def _move_earlier(self, sorted_runs: Sequence[Execution]) -> list[Execution]:
        """Move earlier runs to their own file; returns the runs that stay in the record."""
        # The record has to show since when runs fail, so all runs since the last whole one stay
        last_whole_index = max((index for index, run in enumerate(sorted_runs) if run.status.has_completed), default=0)
        moved_count = min(last_whole_index, len(sorted_runs) - MAX_RECENT_RUNS)
        moved_runs = [run for run in sorted_runs[:moved_count] if not run.status.is_under_way]
        if not moved_runs:
            return list(sorted_runs)
        try:
            earlier_runs = self._read_earlier()
        except BadDocument as error:
            log.warning("%s; it is %s now", error, _copy_damaged_file(self._earlier_path))
            earlier_runs = ()
        # This file is written first: after a kill, a run may be in both files, and the record counts
        merged = _merge_runs(earlier_runs, moved_runs)[-MAX_EXECUTIONS:]
        content = Executions(since=self.executions.since, executions=tuple(merged))
        write_file(self._earlier_path, content.to_json().encode())
        # Runs under way stay in the record, because their end is still to be recorded
        moved_times = {run.scheduled_time for run in moved_runs}
        return [run for run in sorted_runs if run.scheduled_time not in moved_times]

    @property
    def _earlier_path(self) -> str:
        return f"{self._path.removesuffix(Executions.FILE_NAME)}{EARLIER_FILE}"

    def _read_earlier(self) -> tuple[Execution, ...]:
        content = read_if_exists(self._earlier_path)
        if content is None:
            return ()
        return Executions.from_json(content, self._earlier_path).executions

    def read_all(self) -> list[Execution]:
        """All runs, the oldest first, also those that moved to the file of earlier runs.

        Raises BadDocument if that file can't be parsed.
        """
        return _merge_runs(self._read_earlier(), self.executions.executions)[-MAX_EXECUTIONS:]

    def read_latest(self, count: int) -> list[Execution]:
        """The latest runs, at most this many, the latest first. Raises like `read_all`."""
        latest = self.latest_first
        if len(latest) < count:
            latest = list(reversed(self.read_all()))
        return latest[:count]

    def _other_runs(self, execution: Execution) -> list[Execution]:
        return [run for run in self.executions.executions if run.scheduled_time != execution.scheduled_time]

    def withdraw(self, execution: Execution) -> None:
        """Remove the first run, and record only that there was no data for it yet."""
        self._change(executions=(), without_data=execution.scheduled_time)

    def forget(self, execution: Execution) -> None:
        """Remove a run, as if it had never begun."""
        self._change(executions=tuple(self._other_runs(execution)))

    def note_notified(self, *, overdue: bool) -> None:
        """Record that the sinks were notified of all runs that were given up. overdue: whether also of an overdue run."""
        self._change(overdue=overdue, given_up=())

    def note_expired(self, **hours: str) -> None:
        """Record up to which hours pages or states are deleted."""
        if any(getattr(self.executions, name) != hour for name, hour in hours.items()):
            self._change(**hours)

    def _change(self, **members: object) -> None:
        self.executions = self.executions.model_copy(update=members)
        self.write()


def _copy_damaged_file(path: str) -> str:
    """Copy a file that can't be parsed to a file whose name ends in `.damaged`; returns the name of the copy."""
    copy_path = f"{path}.damaged"
    write_file(copy_path, read_file(path))
    return Path(copy_path).name


def _merge_runs(earlier: Sequence[Execution], later: Sequence[Execution]) -> list[Execution]:
    """All runs, sorted by scheduled time; if both have a run of the same time, the one in `later`."""
    # Later runs overwrite earlier runs of the same time
    runs = {run.scheduled_time: run for run in (*earlier, *later)}
    return [runs[time] for time in sorted(runs)]


def list_recorded_schedules(folder: State) -> list[str]:
    """The names of the schedules that have records in a folder."""
    if is_local(str(folder)):
        suffix = f".{Executions.FILE_NAME}"
        return [path.name.removesuffix(suffix) for path in local_path(str(folder)).glob(f"*{suffix}")]
    try:
        return get_storage(str(folder)).list_folders(str(folder))
    except BadInput:  # nothing was recorded yet
        return []


@contextmanager
def schedule_lock(folder: State, name: str, now: Clock = utc_now) -> Iterator[Clock | None]:
    """The clock to use while this process alone runs the schedule; None if another process runs it.

    Raises OutputFailed if the folder can't be written.
    """
    if is_local(str(folder)):
        lock = _system_lock(local_path(str(folder)), name, now)
    else:
        lock = _shared_lock(join(str(folder), name))
    with lock as clock:
        yield clock


@contextmanager
def _shared_lock(folder: str) -> Iterator[Clock | None]:
    """The store's clock while this process has a lease of the folder; None if another process has it.

    If a process was killed, its lease lasts for two minutes more.
    """
    lease = Lease(get_storage(folder), folder)
    with run_at_exit(lease.release):
        try:
            lease.take(LEASE_WAIT)
        except OutputHeld as other:
            lease.release()
            log.info("%s", other)
            yield None
            return
        try:
            yield lease.store_time
        finally:
            lease.release()


@contextmanager
def _system_lock(folder: Path, name: str, now: Clock) -> Iterator[Clock | None]:
    """The given clock while this process has a lock of the system, which ends with the process; None if another has it."""
    path = folder / f".{name}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise OutputFailed(
            f"{path}: can't be written ({error.strerror}); name a folder that can be written to"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        storage = LocalStorage()
        if os.fstat(lock.fileno()).st_size:  # the last holder was killed, and may have left partial files
            for record in (Executions.FILE_NAME, EARLIER_FILE):
                for file in storage.list_by_prefix(str(folder), f".{name}.{record}."):
                    storage.delete(file.path)
        # A clean end empties the file, so its content shows the next holder that this process was killed
        lock.write("schedule_lock")
        lock.flush()
        yield now
        lock.truncate(0)


def _is_alive(execution: Execution) -> bool:
    """Whether the job of a run continues although its starter has ended; False if it can't be known, as for another machine."""
    try:
        return bool(current_machine().is_alive(ProcessIdentity.read(execution.process or "")))
    except ValueError:
        return False


DEFAULT_LISTED_RUNS = 10
MAX_LISTED_RUNS = 100  # runs in one listing: by default, and at most. Source: C10d.

MAX_MESSAGE_LENGTH = 60


def format_runs(name: str, latest_first: Sequence[Execution], without_data: str | None) -> str:
    """The runs as a table for people, the latest first. without_data: the time until which there was no data."""
    if not latest_first:
        reason = f", since there was no data until {without_data}" if without_data else ""
        return f"{name}: no run yet{reason}\n"
    rows = []
    for run in latest_first:
        window = f"{run.start_time[:16]}/{run.end_time[:16]}"
        message = truncate_text(" ".join((run.exit_message or "").split()), MAX_MESSAGE_LENGTH)
        rows.append([run.scheduled_time, run.status.value, window, message])
    return f"{name}\n{format_table(['scheduled', 'status', 'window', 'message'], rows, width=10_000)}"


def summarize_run(name: str, monitoring_type: str, execution: Execution) -> dict[str, Any]:
    """One of the API's `MonitoringExecutionSummaries`, plus members that the service lacks: window, output and message."""
    failed = not execution.status.has_completed and not execution.status.is_under_way
    return {
        "MonitoringScheduleName": name,
        "MonitoringType": monitoring_type,
        "ScheduledTime": execution.scheduled_time,
        "CreationTime": execution.creation_time,
        "LastModifiedTime": execution.last_modified_time,
        "MonitoringExecutionStatus": execution.status.value,
        **({"FailureReason": execution.exit_message} if failed and execution.exit_message else {}),
        "StartTime": execution.start_time,
        "EndTime": execution.end_time,
        "Job": execution.job,
        "OutputPath": execution.output_path,
        "ExitMessage": execution.exit_message,
        "Attempts": execution.attempts,
    }
