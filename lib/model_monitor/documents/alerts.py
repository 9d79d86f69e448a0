"""_alerts.json: the windows that were monitored, whether there is an alert, when that changed, and who was told.

Ours; the service keeps the same behind its API: `InAlert` or `OK`, and a history of transitions (C10e).
Times are UTC, `2021-05-06T22:00:00Z`, so that their texts sort. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number


class AlertStatus(Enum):
    """Whether enough of the last windows had violations, in the service's words."""

    OK = "OK"
    IN_ALERT = "InAlert"


class MonitoredWindow(Section):
    """One window that a run completed.

    window: what tells it from others: its times, its hour folder, or the run's id; a rerun has the same. time: when it ended,
    by which windows are ordered. violations: how many the run found. records: how many the run kept; None of a run before they
    were noted. told: sinks that have this run's numbers and must not get them twice. since: by an alarm's cause when the first
    of the windows in a row that had it began.
    """

    window: Name
    time: Name
    violations: Count
    run_id: Name
    records: Count | None = None
    told: tuple[Name, ...] = ()
    since: Mapping[str, Name] | None = None


class Transition(Section):
    """A change of the alert. time, window: of the window that was monitored last when it changed."""

    time: Name
    window: Name
    status: AlertStatus


class Told(Section):
    """What a sink was last told. sink: its name and a hash of its target, which may be a secret."""

    sink: Name
    status: AlertStatus


class Alerts(Document):
    """_alerts.json. windows: the last ones, in the order of their times. transitions: the oldest first."""

    FILE_NAME: ClassVar[str] = "_alerts.json"
    MEANT: ClassVar[str] = "_alerts.json of monitoring runs"
    FOREIGN: ClassVar[Mapping[str, str]] = {}

    version: Number = Field(default=0.0)
    status: AlertStatus = AlertStatus.OK
    windows: tuple[MonitoredWindow, ...] = ()
    transitions: tuple[Transition, ...] = ()
    told: tuple[Told, ...] = ()

    def since_before(self, time: str) -> Mapping[str, str]:
        """The alarms of the last window that ended before a time, and since when there were."""
        return next((window.since or {} for window in reversed(self.windows) if window.time < time), {})

    def told_of(self, sink: str) -> AlertStatus:
        """What `sink` was last told; OK if it never was told anything."""
        return next((told.status for told in self.told if told.sink == sink), AlertStatus.OK)
