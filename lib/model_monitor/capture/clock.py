"""The two clocks that capturing reads.

The clock on the wall says when a request came and nothing else: it may go back, and then records are merely as late as they
say. Ages of files and latencies are told by a clock that never goes back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial


@dataclass(frozen=True, slots=True)
class Clock:
    """now: the time, aware, UTC. seconds: grows by one a second from any start; never goes back."""

    now: Callable[[], datetime]
    seconds: Callable[[], float]


SYSTEM_CLOCK = Clock(partial(datetime.now, timezone.utc), time.monotonic)
