"""The master of a standalone cluster: whether it is there before Spark starts, and whether it stays. Driver only.

Spark itself asks a master that is away for a minute, and then fails with a text about metrics; when master and executors
have gone while it runs, it waits for ever.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

from model_monitor.engine.application import Application
from model_monitor.errors import ClusterGone

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

SCHEME = "spark://"
DEFAULT_PORT = 7077  # Spark 3.5, standalone mode

CONNECT_SECONDS = 3
PATIENCE_SECONDS = 10
"""How long a master may be away when a job starts, a restart of it included."""

LOOK_SECONDS = 15
GONE_SECONDS = 60
"""How often a running job looks, and after how long without a master and without executors it gives up."""


def require_master(master: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Make sure that one of the masters of `spark://HOST:PORT,…` answers; other kinds of master are not asked.

    Raises ClusterGone if none does.
    """
    if master.startswith(SCHEME) and not answers_soon(master, patience_seconds):
        raise ClusterGone(f"--master is {master!r}, where no master answers; check the address, or start the cluster")


def answers_soon(address: str, patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether somebody takes connections there before patience ends."""
    until = time.monotonic() + patience_seconds
    while not answers(address):
        if time.monotonic() > until:
            return False
        time.sleep(min(1.0, patience_seconds))
    return True


def answers(master: str) -> bool:
    """Whether one of the masters of `spark://HOST:PORT,HOST:PORT` takes connections."""
    for address in master.removeprefix(SCHEME).split(","):
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            host, port = address, str(DEFAULT_PORT)
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except OSError:
            continue
        return True
    return False


class MasterWatch:
    """Stops the session's Spark when neither a master nor an executor is left, so that the job fails and says so.

    With executors left it can end without a master; with a master it gets new ones.
    """

    def __init__(
        self, spark: SparkSession, *, look_seconds: float = LOOK_SECONDS, gone_seconds: float = GONE_SECONDS
    ) -> None:
        self._application = Application(spark)
        self._look_seconds, self._gone_seconds = look_seconds, gone_seconds
        self._over = threading.Event()
        if self._application.master.startswith(SCHEME):
            threading.Thread(target=self._watch, daemon=True, name="watch of the master").start()

    def end(self) -> None:
        """From here on nobody is stopped."""
        self._over.set()

    def _watch(self) -> None:
        seen = time.monotonic()
        while not self._over.wait(self._look_seconds):
            master = self._application.master
            if answers(master) or self._application.has_executors():
                seen = time.monotonic()
            elif time.monotonic() - seen >= self._gone_seconds:
                log.error("no master at %s and no executor for %.0f s", master, time.monotonic() - seen)
                self._application.abandon()
                return
