"""Whether requests are captured now: as the options say, or a file that may change while the server runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model_monitor.capture.fault_log import FaultLog

STATES = {"on": True, "off": False}


class Switch:
    """One for a process, asked by every request; the file is read when it was not for `seconds_between`.

    enabled: without the file. What is neither on nor off changes nothing.
    """

    def __init__(
        self, enabled: bool, path: str | None, seconds: Callable[[], float], faults: FaultLog, seconds_between: float
    ) -> None:
        self._enabled = self._is_on = enabled
        self._path = None if path is None else Path(path)
        self._seconds = seconds
        self._faults = faults
        self._seconds_between = seconds_between
        self._next_seconds = float("-inf")

    def is_on(self) -> bool:
        """Whether a request that arrives now is captured."""
        if self._path is not None and self._seconds() >= self._next_seconds:
            self._next_seconds = self._seconds() + self._seconds_between
            self._is_on = self._read(self._path)
        return self._is_on

    def _read(self, path: Path) -> bool:
        try:
            return STATES[path.read_text(encoding="utf-8").strip().lower()]
        except FileNotFoundError:
            return self._enabled
        except (OSError, ValueError, KeyError):
            self._faults.warn("%s: can't be read as a switch; write on or off", path)
            return self._is_on
