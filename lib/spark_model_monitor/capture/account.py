"""Counts what became of requests, and limits warnings: of each kind the first is logged at once, then one a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from functools import partial
from threading import Lock

QUIET_SECONDS = 60.0  # the minimum time between two warnings of one kind


@dataclass(frozen=True, slots=True)
class Clock:
    """Two clocks. now: the time in UTC, time-zone aware. seconds: a monotonic clock with any start."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]


SYSTEM_CLOCK = Clock(partial(datetime.now, timezone.utc), time.monotonic)


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """The number of requests by what became of them.

    begun = switched_off + sampled_out + failed_requests + recorded + dropped + faults + requests that are not answered yet.
    without_data: requests recorded without payloads, because they failed or were too large.
    delivered: recorded requests that are in files that jobs can see.
    delivered_files: includes files that a killed process had left, whose records are not counted in `delivered`.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder, Payload
    >>> writer = CaptureWriter(LocalFolder("captures"), CaptureOptions(endpoint="churn"))
    >>> writer.end(writer.begin(), Payload("1,2", "text/csv"), Payload("0.9", "text/csv"))
    >>> writer.close()
    >>> writer.counts.delivered
    1
    """

    begun: int = 0
    switched_off: int = 0
    sampled_out: int = 0
    failed_requests: int = 0
    recorded: int = 0
    without_data: int = 0
    dropped_too_large: int = 0
    dropped_buffer_full: int = 0
    dropped_after_close: int = 0
    faults: int = 0
    delivered: int = 0
    delivered_files: int = 0

    @property
    def dropped(self) -> int:
        """The number of requests that should have been recorded and weren't."""
        return self.dropped_too_large + self.dropped_buffer_full + self.dropped_after_close


class Tally:
    """Thread-safe counts."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = {count.name: 0 for count in fields(CaptureCounts)}

    def add(self, name: str, number: int = 1) -> None:
        """Add to the member of `CaptureCounts` called `name`."""
        with self._lock:
            self._numbers[name] += number

    def counts(self) -> CaptureCounts:
        """All counts at one moment."""
        with self._lock:
            return replace(CaptureCounts(), **self._numbers)


class ErrorLog:
    """Warnings by kind. seconds: a monotonic clock."""

    def __init__(self, log: logging.Logger, seconds: Callable[[], float]) -> None:
        self._log = log
        self._seconds = seconds
        self._lock = Lock()
        self._quiet_until: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def warn(self, text: str, *values: object) -> None:
        """Log a warning, with the number of warnings of its kind that were held back. text: its format, which is also its kind.

        values: must not contain anything of a request or an answer.
        """
        with self._lock:
            # Each kind gets at most one line in QUIET_SECONDS
            if self._seconds() < self._quiet_until.get(text, float("-inf")):
                self._held_back[text] = self._held_back.get(text, 0) + 1
                return
            self._quiet_until[text] = self._seconds() + QUIET_SECONDS
            held_back = self._held_back.pop(text, 0)
        self._log.warning(f"{text}%s", *values, f" ({held_back:,} more since the last such line)" if held_back else "")
