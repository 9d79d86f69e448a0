"""A process as if on another machine: calls the handler again and again, with a clock of its own, for one window a call.

python -m tests.s3.elsewhere NAME SECONDS_AHEAD FLEET STATE
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import datetime, timedelta

from spark_model_monitor.errors import OutputHeld
from spark_model_monitor.machine import Machine, use_machine
from spark_model_monitor.serverless import handle

PAUSE_SECONDS = 0.2


class Elsewhere(Machine):
    """A machine whose processes nobody else can look up, and whose clock is ahead."""

    def __init__(self, name: str, ahead: timedelta) -> None:
        self._name = name
        self._ahead = ahead

    def name(self) -> str:
        return self._name

    def identity(self) -> str:
        return self._name

    def now(self) -> datetime:
        return super().now() + self._ahead


class NoTimeLeft:
    """A context that has time for the window that has begun, and for no other."""

    def get_remaining_time_in_millis(self) -> int:
        return 1


def main(name: str, seconds_ahead: str, fleet: str, state: str) -> None:
    with use_machine(Elsewhere(name, timedelta(seconds=float(seconds_ahead)))):
        while True:
            with suppress(OutputHeld):  # the service would call again
                handle({}, fleet, state, NoTimeLeft())
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
