"""The alert of a schedule, as the SDK's objects: decided from the history of its runs, which the jobs keep beside them.

A schedule has one alert, called as the schedule. What makes n of m is told to the jobs by variables of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model_monitor.documents.alerts import Alerts
from model_monitor.errors import MonitorError
from model_monitor.reports.history.alerts import read_alerts
from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.sources import variable_of
from model_monitor.sagemaker.locations import located

DATAPOINTS = variable_of("datapoints_to_alert", OPTIONS["datapoints_to_alert"])
PERIOD = variable_of("evaluation_period", OPTIONS["evaluation_period"])

ASCENDING = "Ascending"


@dataclass
class ModelDashboardIndicatorAction:
    """Whether the service's dashboard shows the alert; there is none here."""

    enabled: bool


@dataclass
class MonitoringAlertActions:
    """What the service does about an alert; sinks do that here (docs/alerts.md)."""

    model_dashboard_indicator: ModelDashboardIndicatorAction


@dataclass
class MonitoringAlertSummary:
    """An alert: its rule, and how it stands. alert_status: InAlert or OK."""

    alert_name: str
    creation_time: datetime
    last_modified_time: datetime
    alert_status: str
    data_points_to_alert: int
    evaluation_period: int
    actions: MonitoringAlertActions


@dataclass
class MonitoringAlertHistorySummary:
    """A change of an alert."""

    alert_name: str
    creation_time: datetime
    alert_status: str


def rule_variables(datapoints: int | None, period: int | None) -> dict[str, str]:
    """The variables that tell the jobs a rule, as far as it is given.

    Raises ValueError, in the SDK's words, for no rule at all.
    """
    if not datapoints and not period:
        raise ValueError("Got no alert property to update.")
    return {name: str(value) for name, value in ((DATAPOINTS, datapoints), (PERIOD, period)) if value}


def summary_of(schedule: Mapping[str, Any], environment: Mapping[str, str], output_path: str) -> MonitoringAlertSummary:
    """The alert of a schedule. environment: of its jobs. output_path: the folder above its runs' hour folders."""
    datapoints = int(environment.get(DATAPOINTS, 1))
    return MonitoringAlertSummary(
        schedule["MonitoringScheduleName"],
        schedule["CreationTime"],
        schedule["LastModifiedTime"],
        _alerts(output_path).status.value,
        datapoints,
        int(environment.get(PERIOD, datapoints)),
        MonitoringAlertActions(ModelDashboardIndicatorAction(enabled=False)),
    )


def history_of(
    name: str,
    output_path: str,
    *,
    ascending: bool,
    status: str | None = None,
    before: str | None = None,
    after: str | None = None,
) -> list[MonitoringAlertHistorySummary]:
    """The changes of an alert, those with a status, before and after a time (ISO 8601) if these are given."""
    changes = [
        MonitoringAlertHistorySummary(name, _moment(transition.time), transition.status.value)
        for transition in _alerts(output_path).transitions
    ]
    wanted = [
        change
        for change in changes
        if (status is None or change.alert_status == status)
        and (before is None or change.creation_time < _moment(before))
        and (after is None or change.creation_time > _moment(after))
    ]
    return wanted if ascending else wanted[::-1]


def _alerts(output_path: str) -> Alerts:
    """The history beside the runs; an empty one where this process can't look, as on S3."""
    try:
        return read_alerts(located(output_path))
    except MonitorError:
        return Alerts()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
