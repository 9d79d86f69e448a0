"""Faults of capturing in the log: the first of each kind at once, then at most one a minute, so that an outage is no flood."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

QUIET_SECONDS = 60.0


class FaultLog:
    """Warnings by kind. seconds: a clock that never goes back."""

    def __init__(self, log: logging.Logger, seconds: Callable[[], float]) -> None:
        self._log = log
        self._seconds = seconds
        self._lock = Lock()
        self._quiet_until: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def warn(self, text: str, *values: object) -> None:
        """Log a warning of the kind `text`, a format, with how many of its kind were held back before it.

        values: never anything of a request or an answer.
        """
        with self._lock:
            if self._seconds() < self._quiet_until.get(text, float("-inf")):
                self._held_back[text] = self._held_back.get(text, 0) + 1
                return
            self._quiet_until[text] = self._seconds() + QUIET_SECONDS
            held_back = self._held_back.pop(text, 0)
        self._log.warning(f"{text}%s", *values, f" ({held_back:,} more since the last such line)" if held_back else "")
