"""The account of a `CaptureWriter`: what became of every request that it was shown."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from threading import Lock


@dataclass(frozen=True, slots=True)
class CaptureCounts:
    """Requests by what became of them.

    begun = switched_off + sampled_out + failed_requests + recorded + dropped + faults + those that are being answered. Of the
    recorded ones, `delivered` are in files that jobs see; without_data: recorded for their metadata alone, since they failed or
    were too large. delivered_files: among them those that a killed process had left behind, whose records are not counted.
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
        """Requests that should have been recorded and were not."""
        return self.dropped_too_large + self.dropped_buffer_full + self.dropped_after_close


class Tally:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._numbers = {count.name: 0 for count in fields(CaptureCounts)}

    def add(self, name: str, number: int = 1) -> None:
        """Add to the member of `CaptureCounts` called `name`."""
        with self._lock:
            self._numbers[name] += number

    def counts(self) -> CaptureCounts:
        """All counts of one moment."""
        with self._lock:
            return replace(CaptureCounts(), **self._numbers)
