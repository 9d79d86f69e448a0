"""From lines in memory to files in their hours: drafts that grow and are finished by age or size.

Used by one thread. Every record lies in the folder of its own hour, whatever the clock did meanwhile, so that a job that
reads the folders of its window finds it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from model_monitor.capture.buffer import Line
from model_monitor.capture.clock import Clock
from model_monitor.capture.fault_log import FaultLog
from model_monitor.capture.options import CaptureLimits
from model_monitor.capture.spool import Draft, Spool

log = logging.getLogger(__name__)


class SpoolFull(Exception):
    """There are as many files waiting for delivery as may be."""


@dataclass(frozen=True, slots=True)
class _Growing:
    draft: Draft
    opened_seconds: float


class Drafts:
    """The growing files of one process, one for each hour that records are of. folder: of them all, `<endpoint>/<variant>`."""

    def __init__(self, spool: Spool, folder: str, limits: CaptureLimits, clock: Clock) -> None:
        self._spool = spool
        self._folder = folder
        self._limits = limits
        self._seconds = clock.seconds
        self._faults = FaultLog(log, clock.seconds)
        self._by_hour: dict[int, _Growing] = {}

    def append(self, lines: Sequence[Line]) -> list[Line]:
        """Write lines to the drafts of their hours; those that could not be written come back."""
        by_hour: dict[int, list[Line]] = {}
        for line in lines:
            by_hour.setdefault(_hour_of(line.time), []).append(line)
        unwritten: list[Line] = []
        for hour, same in by_hour.items():
            try:
                self._draft_of(hour, same[0].time).append(b"".join([line.content for line in same]), len(same))
            except (OSError, SpoolFull) as fault:
                self._faults.warn("captured records can't be written to %s (%s)", self._spool.folder, fault)
                unwritten += same
        return unwritten

    def take_finished(self) -> list[Draft]:
        """The drafts that are old or large enough; others take their place."""
        due = [hour for hour, growing in self._by_hour.items() if self._is_due(growing)]
        return [self._by_hour.pop(hour).draft for hour in due]

    def take_all(self) -> list[Draft]:
        """All drafts."""
        drafts = [growing.draft for growing in self._by_hour.values()]
        self._by_hour = {}
        return drafts

    def _draft_of(self, hour: int, time: datetime) -> Draft:
        growing = self._by_hour.get(hour)
        if growing is None:
            self._require_room()
            # as the service names its files: MM-SS-mmm-<uuid>.jsonl in the folder of the hour (C3.1)
            name = f"{time:%Y/%m/%d/%H/%M-%S}-{time.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
            draft = self._spool.create(f"{self._folder}/{name}")
            growing = self._by_hour[hour] = _Growing(draft, self._seconds())
        return growing.draft

    def _require_room(self) -> None:
        size_bytes = self._spool.size_bytes()
        if size_bytes >= self._limits.spool_bytes:
            raise SpoolFull(
                f"{size_bytes:,} bytes wait there for delivery; spool_bytes allows {self._limits.spool_bytes:,}"
            )

    def _is_due(self, growing: _Growing) -> bool:
        age_seconds = self._seconds() - growing.opened_seconds
        return age_seconds >= self._limits.rotate_seconds or growing.draft.size_bytes >= self._limits.rotate_bytes


def _hour_of(time: datetime) -> int:
    """The number of the hour since the beginning of time. Cheap, since it holds up the server's threads."""
    return time.toordinal() * 24 + time.hour
