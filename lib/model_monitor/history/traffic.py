"""Whether traffic fell: a window's records beside those that are usual at its hour of the day. Pure.

A service that gets a tenth of its requests breaks no constraint; the window just says less, and somebody should know.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from model_monitor.documents.alerts import AlertStatus, MonitoredWindow

FEWEST_WINDOWS = 3
"""So many earlier windows have to be known before anything is called usual."""

_HOUR = slice(11, 13)  # of 2026-01-31T22:00:00Z


def usual_records(earlier: Sequence[MonitoredWindow], time: str) -> float | None:
    """The median of the records of the earlier windows that ended at the same hour of the day as `time`.

    Of all earlier windows where that are fewer than `FEWEST_WINDOWS`; None if those are fewer, too.
    """
    counted = [(window.time[_HOUR], window.records) for window in earlier if window.records is not None]
    at_that_hour = [records for hour, records in counted if hour == time[_HOUR]]
    of_all = [records for _, records in counted]
    known = at_that_hour if len(at_that_hour) >= FEWEST_WINDOWS else of_all
    return float(median(known)) if len(known) >= FEWEST_WINDOWS else None


def traffic_status(monitored: MonitoredWindow, usual: float | None, least_share: float | None) -> AlertStatus:
    """InAlert if the window has fewer records than this share of the usual ones; OK if nobody can tell or nobody asked."""
    if monitored.records is None or usual is None or least_share is None:
        return AlertStatus.OK
    return AlertStatus.IN_ALERT if monitored.records < least_share * usual else AlertStatus.OK
