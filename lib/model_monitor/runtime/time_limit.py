"""The time that a run may take before it publishes: `--max-runtime`. Driver only, in its main thread.

The run is ended by an alarm of the system, which interrupts whatever the driver waits for. What it was to write is not
published then: the limit is lifted before the first file is put in place.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

SOONEST_SECONDS = 0.001  # 0 would be no alarm at all


class OutOfTime(SystemExit):
    """The run took too long. No `Exception`, so that nobody on the way takes it for a failure of what they were doing."""


class TimeLimit:
    """An alarm that goes off `limit` after `began`, a time of `time.monotonic()`.

    cancel: ends what the driver waits for elsewhere, so that it can be cleared away.
    """

    def __init__(self, limit: timedelta, began: float, cancel: Callable[[], None]) -> None:
        self._limit = limit
        self._cancel = cancel
        self._handler: Any = signal.signal(signal.SIGALRM, self._end)
        left = limit.total_seconds() - (time.monotonic() - began)
        signal.setitimer(signal.ITIMER_REAL, max(left, SOONEST_SECONDS))

    def lift(self) -> None:
        """From here on the run may take the time it needs."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._cancel()
        raise OutOfTime(f"stopped after {self._limit}, as --max-runtime says; nothing was published")
