"""Many schedules in parallel: as many jobs at a time as cores and memory allow; a slow job delays no other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TypeVar

from spark_model_monitor.stopping import raise_if_stopped

T = TypeVar("T")
R = TypeVar("R")

MAX_THREADS = 64  # schedules handled at a time; most wait for a turn
TURN_SECONDS = 60.0  # a job that takes longer loses its turn: the next job starts while it goes on
JOB_BYTES = 512 * 2**20  # memory that a job of a small model may take
JOBS_PER_CORE = 2  # a job of a small model waits for the disk and for its process as long as it computes
STEP_SECONDS = 0.5  # between two checks whether this process was told to end

_MEMORY_FILE = Path("/proc/meminfo")


def count_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_job_count() -> int:
    """The default number of jobs with a turn at once."""
    return min(JOBS_PER_CORE * count_cores(), count_possible_jobs(count_cores()))


def count_possible_jobs(at_once: int) -> int:
    """The number of jobs, including slow ones, that free memory has room for; at least `at_once`."""
    try:
        memory_line = next(line for line in _MEMORY_FILE.read_text().splitlines() if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 2 * at_once
    # What /proc/meminfo calls kB are 1,024 bytes
    return max(at_once, int(memory_line.split()[1]) * 1024 // JOB_BYTES)


class Turns:
    """This many runs have a turn at once; a slow run gives its turn back and continues, as far as memory allows."""

    def __init__(self, at_once: int, limit: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._at_once = at_once
        self._clock = clock
        self._limit = count_possible_jobs(at_once) if limit is None else limit
        self._start_by_turn: dict[object, float] = {}
        self._changed = threading.Condition()

    @contextmanager
    def take_turn(self) -> Iterator[None]:
        """A turn for the duration of the body. Raises the error of a signal that ends this process while waiting."""
        turn = object()
        with self._changed:
            while not self._has_room():
                # Waits in steps, since a slow job gives up its turn by time alone and wakes nobody
                self._changed.wait(STEP_SECONDS)
                raise_if_stopped()
            self._start_by_turn[turn] = self._clock()
        try:
            yield
        finally:
            with self._changed:
                del self._start_by_turn[turn]
                self._changed.notify()

    def _has_room(self) -> bool:
        now = self._clock()
        working_count = sum(now - began < TURN_SECONDS for began in self._start_by_turn.values())
        return working_count < self._at_once and len(self._start_by_turn) < self._limit


def map_in_threads(step: Callable[[T], R], arguments: Sequence[T], at_once: int) -> list[R]:
    """The result of a step for each argument, in order; if only one may run at once, in this very thread.

    Raises the first error, once the steps in progress have ended.
    """
    if at_once == 1 or len(arguments) < 2:
        return [step(argument) for argument in arguments]
    with ThreadPoolExecutor(min(MAX_THREADS, len(arguments)), "schedule") as pool:
        # Threads don't inherit context variables, such as how storage opens paths
        futures = [pool.submit(copy_context().run, partial(step, argument)) for argument in arguments]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # Steps that haven't begun are cancelled; steps in progress end by themselves
            pool.shutdown(wait=False, cancel_futures=True)
            raise
