"""`CaptureWriter` takes a server's requests and answers, and writes capture files without delaying the server.

The server's threads only make a line of JSON and put it into a bounded buffer. Everything that can wait or fail is done by
two threads of the writer: one writes to the disk, the other delivers to the destination. Nothing here ever raises into the
serving path: requests that can't be captured are counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import uuid
import weakref
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread

from spark_model_monitor.capture.account import SYSTEM_CLOCK, CaptureCounts, Clock, ErrorLog, Tally
from spark_model_monitor.capture.options import CaptureLimits, CaptureOptions
from spark_model_monitor.capture.outbox import Destination, Outbox
from spark_model_monitor.capture.records import (
    FIRST_STATUS_OF_FAILURES,
    Exchange,
    Payload,
    build_halves,
    build_request_metadata,
    format_record,
)
from spark_model_monitor.capture.selection import CaptureSwitch, is_sampled
from spark_model_monitor.capture.spool import Buffer, Drafts, Line, Spool

log = logging.getLogger(__name__)

CLOSE_SECONDS = 30.0
SUCCESS = 200

_WRITERS: weakref.WeakSet[CaptureWriter] = weakref.WeakSet()


class CaptureWriter:
    """Writes capture files to a destination, from any number of threads.

    What a killed process left in the destination's spool is delivered as well. A process that is forked from this one goes
    on with buffer, files and counts of its own. The writer closes itself when the interpreter ends.

    Examples
    --------
    >>> from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder, Payload
    >>> writer = CaptureWriter(LocalFolder("captures"), CaptureOptions(endpoint="churn"))
    >>> exchange = writer.begin(inference_id="7")
    >>> answer = "0.93"  # the model's
    >>> writer.end(exchange, Payload("132,10,182.9", "text/csv"), Payload(answer, "text/csv"))
    >>> writer.close()
    """

    _threads: tuple[Thread, ...]

    def __init__(
        self,
        destination: Destination,
        options: CaptureOptions,
        limits: CaptureLimits | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.options = options
        self._destination = destination
        self._limits = limits or CaptureLimits()
        self._clock = clock
        self._closed = False
        self._prepare()
        self._ensure_running()
        atexit.register(self.close)
        _WRITERS.add(self)

    def begin(self, inference_id: str | None = None, custom_attributes: Sequence[str] = ()) -> Exchange | None:
        """Begin a request that arrives now. Returns None if it is not captured; `end` accepts None, too. Never raises.

        inference_id: the id by which ground truth will name the request. Requests with the same id are sampled alike.
        """
        try:
            self._tally.add("begun")
            # The cheap check comes first, since most requests may not be captured
            if not self._switch.is_on():
                self._tally.add("switched_off")
                return None
            event_id = str(uuid.uuid4())
            # Requests with the same inference id are sampled alike, on every server
            key = event_id if inference_id is None else inference_id
            if not is_sampled(key, self.options.sampling_percentage, self.options.sampling_seed):
                self._tally.add("sampled_out")
                return None
            attributes = tuple(custom_attributes)
            return Exchange(event_id, self._clock.now(), self._clock.seconds(), inference_id, attributes)
        except Exception as error:
            self._note_fault(error)
            return None

    def end(
        self,
        exchange: Exchange | None,
        request: Payload | None = None,
        response: Payload | None = None,
        *,
        status: int = SUCCESS,
    ) -> None:
        """Capture a request that is answered now. Never raises.

        status: the answer's HTTP status. From 400 on, the answer is not the model's. Such a request, or one with a payload
        above `max_payload_bytes`, is recorded only with the option `with_metadata`, and without its payloads.
        """
        if exchange is None:
            return
        try:
            self._record(exchange, request, response, status)
        except Exception as error:
            self._note_fault(error)

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Deliver all files and stop. Files that can't be delivered stay in the spool for the next writer. Never raises.

        Requests that end afterwards are dropped. Further calls do nothing.
        """
        # The threads check `_closed` when they wake
        self._closed = True
        atexit.unregister(self.close)
        threads = self._threads
        self._threads = ()
        self._wake.set()
        # Both threads share one deadline
        deadline_seconds = self._clock.seconds() + timeout_seconds
        for thread in threads:
            thread.join(max(0.0, deadline_seconds - self._clock.seconds()))
        if any(thread.is_alive() for thread in threads):
            log.warning(
                f"after {timeout_seconds:.0f} s captured records were still not delivered; they are in "
                f"{self._destination.spool} for the next writer there"
            )
        elif threads:
            counts = self.counts
            log.info(f"captured {counts.recorded:,} of {counts.begun:,} requests, dropped {counts.dropped:,}")

    @property
    def counts(self) -> CaptureCounts:
        """What became of the requests of this process so far."""
        return self._tally.counts()

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self) -> None:
        """Set up the objects that each process has for itself: counts, buffer, drafts and outbox."""
        self._tally = Tally()
        self._faults = ErrorLog(log, self._clock.seconds)
        options = self.options
        seconds = self._clock.seconds
        self._switch = CaptureSwitch(
            options.enable_capture, options.switch, seconds, self._faults, self._limits.flush_seconds
        )
        self._wake = Event()
        self._buffer = Buffer(self._limits.buffer_bytes, half_full=self._wake.set)
        self._spool = Spool(self._destination.spool)
        self._drafts = Drafts(self._spool, f"{options.endpoint}/{options.variant}", self._limits, self._clock)
        self._outbox = Outbox(self._destination, self._limits, self._tally, self._clock)
        self._starting = Lock()
        self._threads = ()

    def _ensure_running(self) -> None:
        with self._starting:
            if not self._threads and not self._closed:
                self._threads = (
                    Thread(target=self._write_to_disk, name="spark-model-monitor-capture-disk", daemon=True),
                    Thread(target=self._outbox.run, name="spark-model-monitor-capture-delivery", daemon=True),
                )
                for thread in self._threads:
                    thread.start()

    def _after_fork(self) -> None:
        """Reset the writer in a forked process, which has no threads, and whose buffer and files belong to the parent."""
        # The parent process continues with its files
        for draft in self._drafts.take_all():
            draft.forget()
        self._outbox.forget()
        self._prepare()

    def _record(self, exchange: Exchange, request: Payload | None, response: Payload | None, status: int) -> None:
        options = self.options
        # Of requests that failed or are too large, at most the metadata is recorded
        bodies = [payload.body for payload in (request, response) if payload is not None]
        too_large = any(len(body) > options.max_payload_bytes for body in bodies)
        has_data = status < FIRST_STATUS_OF_FAILURES and not too_large
        if not has_data and not options.with_metadata:
            self._tally.add("dropped_too_large" if too_large else "failed_requests")
            return
        metadata = None
        if options.with_metadata:
            latency_seconds = self._clock.seconds() - exchange.started_seconds
            metadata = build_request_metadata(latency_seconds, status, options.sampling_percentage)
        halves = {}
        if has_data:
            halves = build_halves(request, response, options)
        self._offer(Line(exchange.arrived, format_record(exchange, halves, metadata)), has_data=has_data)

    def _offer(self, line: Line, *, has_data: bool) -> None:
        if not self._threads:  # this is a forked process, or the writer is closed
            self._ensure_running()
        if self._buffer.offer(line):
            self._tally.add("recorded")
            if not has_data:
                self._tally.add("without_data")
        elif self._closed:
            self._tally.add("dropped_after_close")
        else:
            self._note_full(1)

    def _write_to_disk(self) -> None:
        """The loop of the disk thread: writes the buffer at every flush interval, and all that is left at the end."""
        adopted_seconds = float("-inf")
        while not self._closed:
            # Other processes may have died in the meantime
            if self._clock.seconds() - adopted_seconds >= self._limits.rotate_seconds:
                adopted_seconds = self._clock.seconds()
                self._run_guarded(self._adopt_orphans)
            self._run_guarded(self._flush)
            # Wait for the next interval, or until the buffer is half full
            self._wake.wait(self._limits.flush_seconds)
            self._wake.clear()
        # Write the last lines; the buffer accepts no more
        self._run_guarded(lambda: self._note_lost(len(self._drafts.append(self._buffer.take_last()))))
        self._outbox.put(self._drafts.take_all())
        self._outbox.close()

    def _adopt_orphans(self) -> None:
        orphans = self._spool.claim_orphans()
        if orphans:
            log.info("delivering %d files that a process left when it was killed", len(orphans))
            self._outbox.put(orphans)

    def _flush(self) -> None:
        # Lines that can't be written go back to the buffer, if there is room
        unwritten = self._drafts.append(self._buffer.take())
        self._note_lost(self._buffer.give_back(unwritten))
        self._outbox.put(self._drafts.take_finished())

    def _run_guarded(self, step: Callable[[], None]) -> None:
        """Run a step, and log whatever it raises, so that the thread survives."""
        try:
            step()
        except Exception as error:
            self._faults.warn("capturing in %s failed (%s: %s)", self._spool.folder, type(error).__name__, error)

    def _note_lost(self, records: int) -> None:
        """Count records that were recorded, but could not be written, as dropped."""
        if records:
            self._tally.add("recorded", -records)
            self._note_full(records)

    def _note_full(self, records: int) -> None:
        self._tally.add("dropped_buffer_full", records)
        self._faults.warn("captured records are dropped: they can't be written as fast as they come")

    def _note_fault(self, error: Exception) -> None:
        self._tally.add("faults")
        # The text of an exception may contain captured data, so only its type is logged
        self._faults.warn("a request could not be captured (%s)", type(error).__name__)


def _after_fork() -> None:
    for writer in list(_WRITERS):
        writer._after_fork()


os.register_at_fork(after_in_child=_after_fork)
