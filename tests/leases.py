"""Somebody else at an output, for tests of those who wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from spark_model_monitor.storage import LocalStorage
from spark_model_monitor.storage.lease import Lease

SECONDS = 60


class _Waiting(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "waiting for another run to end" in record.getMessage():
            self.began.set()


@contextmanager
def waiting_while_held(folder: object, action: Callable[[], Any]) -> Iterator[None]:
    """In the body the action waits for a lease on the folder, which another run has; after it the action is done."""
    handler = _Waiting()
    log = logging.getLogger("spark_model_monitor.storage.lease")
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    lease = Lease(LocalStorage(), str(folder))
    lease.take()
    try:
        with ThreadPoolExecutor(1) as threads:
            doing = threads.submit(action)
            try:
                assert handler.began.wait(SECONDS), "it did not wait"
                yield
            finally:
                lease.release()
            doing.result(SECONDS)
    finally:
        lease.release()
        log.setLevel(before)
        log.removeHandler(handler)
