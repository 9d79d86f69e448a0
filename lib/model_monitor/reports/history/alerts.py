"""Alerts: n of the last m monitored windows had violations, decided from the history of runs, which lies beside them.

The history of runs in hour folders (`…/yyyy/mm/dd/hh`) lies above the folders, that of any other output path in it. A rerun
replaces what the history says of its window, so that running a window again changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from model_monitor.documents.alerts import Alerts, AlertStatus, MonitoredWindow, Told, Transition
from model_monitor.errors import BadDocument
from model_monitor.reports.history.baselines import HOUR_FOLDERS
from model_monitor.reports.notices.destinations import Destination
from model_monitor.storage import holding, join, storage_of
from model_monitor.storage.lease import WAIT, Lease

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

MOST_WINDOWS = 100
"""The largest EvaluationPeriod. Source: C10e."""

MOST_TRANSITIONS = 100


@dataclass(frozen=True, slots=True)
class AlertRule:
    """datapoints_to_alert of the last evaluation_period windows have to have violations for an alert.

    Source: C10e, DatapointsToAlert and EvaluationPeriod.
    """

    datapoints_to_alert: int = 1
    evaluation_period: int = 1

    def violated(self, windows: Iterable[MonitoredWindow]) -> int:
        """How many of the last windows had violations."""
        return sum(window.violations > 0 for window in list(windows)[-self.evaluation_period :])

    def status(self, windows: Iterable[MonitoredWindow]) -> AlertStatus:
        """Whether there is an alert; also while there are fewer windows than the period has."""
        return AlertStatus.IN_ALERT if self.violated(windows) >= self.datapoints_to_alert else AlertStatus.OK


def with_window(alerts: Alerts, monitored: MonitoredWindow, rule: AlertRule) -> Alerts:
    """The alerts after a window was monitored, for the first time or again; a sink that has the same run's numbers keeps them."""
    before = next((window for window in alerts.windows if window.window == monitored.window), None)
    if before is not None and before.run_id == monitored.run_id:
        monitored = monitored.model_copy(update={"told": before.told})
    others = [window for window in alerts.windows if window.window != monitored.window]
    windows = tuple(sorted([*others, monitored], key=lambda window: window.time)[-MOST_WINDOWS:])
    status = rule.status(windows)
    transitions = alerts.transitions
    if status is not alerts.status:
        latest = windows[-1]
        transitions = (*transitions, Transition(time=latest.time, window=latest.window, status=status))
    return _changed(alerts, status=status, windows=windows, transitions=transitions[-MOST_TRANSITIONS:])


def is_due(to: Destination, alerts: Alerts, window: MonitoredWindow, traffic: AlertStatus, *, every: bool) -> bool:
    """Whether a destination gets a report of the window, which the alerts have already. every: as `--every` asks.

    Series of numbers are due in every run, but not twice for the same one where they add up. A message is due if the
    destination last heard of another status of the alert, or of the traffic; OK if it heard of none. So one that failed is
    sent by the next run.
    """
    if to.every_run:
        return not (to.adds_up and _has_numbers(alerts, window.window, to.key))
    return every or alerts.told_of(to.key) is not alerts.status or traffic_turned(to, alerts, traffic)


def traffic_turned(to: Destination, alerts: Alerts, traffic: AlertStatus) -> bool:
    """Whether the destination takes messages and last heard of another status of the traffic."""
    return not to.every_run and alerts.told_of(_of_traffic(to)) is not traffic


def after_delivery(
    alerts: Alerts, window: MonitoredWindow, traffic: AlertStatus, reached: Sequence[Destination]
) -> Alerts:
    """The alerts after these destinations got the report of the window."""
    turned = [_of_traffic(to) for to in reached if traffic_turned(to, alerts, traffic)]
    noted = _with_status(alerts, [to.key for to in reached if not to.every_run], alerts.status)
    noted = _with_status(noted, turned, traffic)
    return _with_numbers(noted, window.window, [to.key for to in reached if to.adds_up])


def _of_traffic(to: Destination) -> str:
    """What the alerts' file calls what a sink heard of the traffic."""
    return f"{to.key}:traffic"


def _with_status(alerts: Alerts, sinks: Iterable[str], status: AlertStatus) -> Alerts:
    now = {sink: Told(sink=sink, status=status) for sink in sinks}
    kept = (told for told in alerts.told if told.sink not in now)
    return _changed(alerts, told=(*kept, *now.values()))


def _with_numbers(alerts: Alerts, name: str, sinks: Iterable[str]) -> Alerts:
    told = tuple(sinks)
    windows = tuple(
        window.model_copy(update={"told": tuple(dict.fromkeys((*window.told, *told)))})
        if window.window == name
        else window
        for window in alerts.windows
    )
    return _changed(alerts, windows=windows)


def _has_numbers(alerts: Alerts, name: str, sink: str) -> bool:
    return any(window.window == name and sink in window.told for window in alerts.windows)


def holding_alerts(
    output_path: str, spark: SparkSession | None = None, wait: timedelta = WAIT
) -> AbstractContextManager[Lease]:
    """While this is open no other run changes the alerts; one that reads them, and writes what became of them, needs that.

    Raises as `storage.holding`.
    """
    folder = path_of(output_path).removesuffix(Alerts.FILE_NAME)
    return holding(storage_of(folder, spark), folder, wait)


def read_alerts(output_path: str, spark: SparkSession | None = None) -> Alerts:
    """The alerts of the runs that `output_path` belongs to; none if no run was monitored there.

    A file that can't be understood is left aside with a warning, and a new history begins.
    Raises BadInput if it can't be read.
    """
    path = path_of(output_path)
    storage = storage_of(path, spark)
    if not storage.exists(path):
        return Alerts()
    try:
        return Alerts.from_json(storage.read(path), path)
    except BadDocument as fault:
        log.warning("%s; the history of windows begins anew with this run", fault)
        return Alerts()


def write_alerts(alerts: Alerts, output_path: str, spark: SparkSession | None = None) -> None:
    """Put the alerts beside the runs.

    Raises OutputFailed if they can't be written.
    """
    path = path_of(output_path)
    storage_of(path, spark).write(path, alerts.to_json().encode())


def path_of(output_path: str) -> str:
    """Where the alerts of the runs below `output_path` are kept."""
    hours = HOUR_FOLDERS.match(output_path)
    return join(hours["top"] if hours else output_path, Alerts.FILE_NAME)


def _changed(alerts: Alerts, **members: object) -> Alerts:
    return alerts.model_copy(update=members)
