"""Finished files on their way to a destination: one after the other, again and again until it takes them.

Has a thread of its own, since an upload may take as long as it likes while records go on to the disk.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from threading import Event

from model_monitor.capture.clock import Clock
from model_monitor.capture.counts import Tally
from model_monitor.capture.destinations import Destination
from model_monitor.capture.fault_log import FaultLog
from model_monitor.capture.options import CaptureLimits
from model_monitor.capture.spool import Draft

log = logging.getLogger(__name__)


class Outbox:
    """Finished files and where they go. `put` and `close` are called by one thread, `run` is another."""

    def __init__(self, destination: Destination, limits: CaptureLimits, tally: Tally, clock: Clock) -> None:
        self._destination = destination
        self._limits = limits
        self._tally = tally
        self._faults = FaultLog(log, clock.seconds)
        self._files: deque[Draft] = deque()
        self._arrived = Event()
        self._closed = Event()

    def put(self, drafts: Iterable[Draft]) -> None:
        """Take finished files over."""
        self._files.extend(drafts)
        self._arrived.set()

    def close(self) -> None:
        """Nothing comes any more: `run` tries each file once more and ends."""
        self._closed.set()
        self._arrived.set()

    def run(self) -> None:
        """Deliver what comes until it is closed. After a failure the pauses double. Never raises."""
        pause_seconds = self._limits.retry_seconds
        while not self._closed.is_set():
            self._arrived.wait()
            self._arrived.clear()
            while self._files and not self._closed.is_set():
                if self._deliver_first():
                    pause_seconds = self._limits.retry_seconds
                else:
                    self._closed.wait(pause_seconds)
                    pause_seconds = min(2 * pause_seconds, max(self._limits.rotate_seconds, pause_seconds))
        while self._files and self._deliver_first():
            pass
        self._leave()

    def forget(self) -> None:
        """In a process that was forked: leave all files to the other one."""
        for draft in self._files:
            draft.forget()

    def _deliver_first(self) -> bool:
        draft = self._files[0]
        try:
            self._deliver(draft)
        except Exception as fault:  # whatever a destination raises
            self._faults.warn("captured records can't be delivered to %r (%s)", self._destination, fault)
            return False
        self._files.popleft().release()
        return True

    def _deliver(self, draft: Draft) -> None:
        if not draft.path.exists():
            self._faults.warn("%s was taken away by somebody else; its records are lost", draft.path)
        elif not draft.size_bytes:
            draft.path.unlink()
        else:
            draft.finish()
            self._destination.deliver(draft.path, draft.key)
            self._tally.add("delivered", draft.lines)
            self._tally.add("delivered_files")

    def _leave(self) -> None:
        if self._files:
            log.warning(
                "%d files of captured records are left in %s; the next writer there delivers them",
                *(len(self._files), self._destination.spool),
            )
        for draft in self._files:
            draft.release()
