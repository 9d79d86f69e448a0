"""Clocks that tests give to the product."""

from __future__ import annotations

from datetime import datetime

from spark_model_monitor.machine import Machine


class StoppedClock(Machine):
    """This machine at a moment that does not pass: `with use_machine(StoppedClock(moment)): …`."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment
