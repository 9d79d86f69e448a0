"""Alerts: where `--sink` sends them, when each sink is due, and the history of windows that decides.

There is an alert if n of the last m monitored windows had violations. Without one, there is a state of its own if the last
window can't tell whether something changed. For runs in hour folders (`…/yyyy/mm/dd/hh`) the history is stored above these
folders; for any other output path it is stored in that path. A rerun replaces its window. If one sink fails, the others still
get the report.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import groupby
from statistics import median

from spark_model_monitor.documents.alert_files import Alerts, AlertStatus, MonitoredWindow, Notified, Transition
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import BadDocument, MonitorError
from spark_model_monitor.registry import RegistryEntry, import_all
from spark_model_monitor.reports import sinks
from spark_model_monitor.reports.notices import Report
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS, read_document_file
from spark_model_monitor.reports.sinks import SINKS, Environment, Sink
from spark_model_monitor.stopping import run_with_timeout
from spark_model_monitor.storage import exists, hold, join, write_file
from spark_model_monitor.storage.lease import WAIT, Lease
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

import_all(sinks)

CHAT_SERVICES = ("discord", "googlechat", "mattermost", "msteams", "opsgenie", "pagerduty", "slack", "telegram")
SPELLINGS = ", ".join(SINKS.get(name).facts["spelling"] for name in sorted(SINKS))
"""The spelling of each kind of sink in `--sink`, independent of what was imported first."""


@dataclass(frozen=True, slots=True)
class SinkDestination:
    """A sink and its target. The target may be a secret (a webhook's URL), so it is in neither `str` nor `repr`."""

    name: str
    target: str

    @property
    def sink(self) -> RegistryEntry[Sink]:
        return SINKS.get(self.name)

    @property
    def every_run(self) -> bool:
        """Whether this sink gets a report of every run, whatever the status of the alert."""
        return bool(self.sink.facts["every_run"])

    @property
    def adds_up(self) -> bool:
        """Whether this sink adds up what it gets, so that numbers sent twice would count twice."""
        return bool(self.sink.facts["adds_up"])

    @property
    def key(self) -> str:
        """The name of this destination in the alerts' file: the sink's name and a hash of the target."""
        return f"{self.name}:{sha256(self.target.encode()).hexdigest()[:12]}"

    def require_ready(self, environment: Environment) -> None:
        """Raise BadConfiguration if the sink lacks something that it needs, such as a package or an environment variable."""
        self.sink.facts["ready"](self.target, environment)

    def __repr__(self) -> str:
        return f"SinkDestination({self.key})"

    __str__ = __repr__


def read_destinations(text: str) -> tuple[SinkDestination, ...]:
    """The destinations in a text such as `webhook:https://a.example/x,cloudwatch`, without duplicates, in the text's order.

    Raises ValueError for the first invalid destination; the error says what to write instead.
    """
    texts = [destination.strip() for destination in text.split(",") if destination.strip()]
    return tuple(dict.fromkeys(_read_destination(text, position) for position, text in enumerate(texts, start=1)))


def _read_destination(text: str, position: int) -> SinkDestination:
    """The destination that a text names. Errors don't repeat an invalid text, because it may be a URL with a secret."""
    name, _, target = text.partition(":")
    if name in CHAT_SERVICES:
        raise ValueError(f"names no sink at place {position}; apprise has {name}: write apprise:{name}://…")
    if name not in SINKS:
        raise ValueError(
            f"names no sink at place {position}; write one of {SPELLINGS} (a comma inside a target is %2C)"
        )
    try:
        return SinkDestination(name, SINKS.get(name).facts["examined"](target.strip()))
    except ValueError as error:
        raise ValueError(f"names the sink {name} with a target that {error}") from error


@value_class
class Delivery:
    """Which destinations got the report, and a sentence for each destination that didn't get it."""

    reached: tuple[SinkDestination, ...]
    failures: tuple[str, ...]


def deliver(report: Report, destinations: Iterable[SinkDestination], environment: Environment) -> Delivery:
    """Send the report to each destination. Raises nothing; an unexpected error is reported by its type only."""
    reached = []
    failures = []
    for destination in destinations:
        # None, if the report arrived
        failure = _notify_destination(report, destination, environment)
        if failure is None:
            reached.append(destination)
            log.info("notified the sink %s", destination.name)
        else:
            failures.append(f"the sink {destination.name} was not notified: {failure}")
    return Delivery(tuple(reached), tuple(failures))


def _notify_destination(report: Report, destination: SinkDestination, environment: Environment) -> str | None:
    """Send the report to one destination; returns the reason of a failure, None if it arrived."""
    send = partial(destination.sink, report, destination.target, environment)
    try:
        run_with_timeout(environment.whole_seconds, send)
    # A sink that hangs must not hold up the other sinks or the run
    except TimeoutError:
        return f"its server had not answered after {environment.whole_seconds:g} s"
    except MonitorError as error:
        return str(error)
    # The text of an unexpected error may repeat the target, which may be a secret
    except Exception as error:
        return f"unexpected {type(error).__name__}"
    return None


MAX_WINDOWS = 100  # most windows in the history: the largest EvaluationPeriod. Source: C10e
MAX_TRANSITIONS = 100  # most changes of the alert's status in the history
MAX_MISSED_CHANGES = 24  # most changes that are stored for a failed sink, which gets them when it is reachable again
MIN_WINDOWS = 3  # earlier windows with a number of records that an expected number of records needs


@value_class
class AlertRule:
    """There is an alert if datapoints_to_alert of the last evaluation_period windows have violations.

    Source: C10e, DatapointsToAlert and EvaluationPeriod.
    """

    datapoints_to_alert: int = 1
    evaluation_period: int = 1

    def count_violated(self, windows: Iterable[MonitoredWindow]) -> int:
        """How many of the last windows had new violations or an alarm that continues."""
        are_violated: list[bool] = []
        for window in windows:
            # An alarm that recurs continues an alert, but doesn't begin an alert
            continues = bool(are_violated) and are_violated[-1]
            are_violated.append(window.violations > 0 and (continues or not window.recurring))
        return sum(are_violated[-self.evaluation_period :])

    def compute_status(self, windows: Sequence[MonitoredWindow]) -> AlertStatus:
        """The alert's status. There may be fewer windows than the evaluation period has."""
        if self.count_violated(windows) >= self.datapoints_to_alert:
            return AlertStatus.IN_ALERT
        if windows and windows[-1].outcome is Outcome.CANNOT_TELL:
            return AlertStatus.CANNOT_TELL
        return AlertStatus.OK


def record_window(alerts: Alerts, monitored: MonitoredWindow, rule: AlertRule) -> Alerts:
    """The alerts after a window was monitored, for the first time or again."""
    other_windows = []
    for window in alerts.windows:
        if window.window != monitored.window:
            other_windows.append(window)
        # If the same run is repeated, a sink that has the run's numbers already must not get them twice
        elif window.run_id == monitored.run_id:
            monitored = monitored.model_copy(update={"notified": window.notified})
    # Sorted by the windows' time, because a catch-up runs old windows after new ones
    windows = tuple(sorted([*other_windows, monitored], key=lambda window: window.time)[-MAX_WINDOWS:])
    status = rule.compute_status(windows)
    transitions = alerts.transitions
    if status is not alerts.status:
        latest = windows[-1]
        transitions = (*transitions, Transition(time=latest.time, window=latest.window, status=status))
    return alerts.model_copy(
        update={"status": status, "windows": windows, "transitions": transitions[-MAX_TRANSITIONS:]}
    )


def is_due(
    destination: SinkDestination, alerts: Alerts, window: MonitoredWindow, traffic: AlertStatus, *, every: bool
) -> bool:
    """Whether a destination gets a report of the window. alerts: contains the window already. every: the option `every`.

    A destination for series of numbers is due in every run; if it adds numbers up, it is due only once for the same run. A
    message is due if the last message to this destination had another status of the alert or of the traffic (without an earlier
    message, that status is OK). A message is also due if one has failed since: an alert that began and ended meanwhile is
    reported, too.
    """
    key = destination.key
    if destination.every_run:
        return not (destination.adds_up and _has_numbers(alerts, window.window, key))
    # Missed changes are reported with the newest window, not with an old window of a catch-up
    is_newest = window.time == max(window.time for window in alerts.windows)
    has_missed = is_newest and bool(alerts.find_missed(key))
    is_news = has_missed or alerts.find_last_status(key) is not alerts.status
    return every or is_news or has_traffic_changed(destination, alerts, traffic)


def has_traffic_changed(destination: SinkDestination, alerts: Alerts, traffic: AlertStatus) -> bool:
    """Whether the destination takes messages and its last message had a different status of the traffic."""
    return not destination.every_run and alerts.find_last_status(f"{destination.key}:traffic") is not traffic


def record_delivery(
    alerts: Alerts,
    window: MonitoredWindow,
    traffic: AlertStatus,
    reached: Sequence[SinkDestination],
    missed: Sequence[SinkDestination] = (),
) -> Alerts:
    """The alerts after `reached` got the report of the window, and `missed` did not."""
    updates = [Notified(sink=sink.key, status=alerts.status) for sink in reached if not sink.every_run]
    traffic_sinks = [f"{sink.key}:traffic" for sink in reached if has_traffic_changed(sink, alerts, traffic)]
    updates += [Notified(sink=name, status=traffic) for name in traffic_sinks]
    updates += [_record_missed(alerts, window, sink.key) for sink in missed if not sink.every_run]
    updated_sinks = {notified.sink for notified in updates}
    other_sinks = [notified for notified in alerts.notifications if notified.sink not in updated_sinks]
    # The window records which sinks have its numbers, so that a repeated run doesn't send them again
    keys_with_numbers = [sink.key for sink in reached if sink.adds_up]
    windows = []
    for recorded in alerts.windows:
        if recorded.window == window.window:
            notified_sinks = dict.fromkeys((*recorded.notified, *keys_with_numbers))
            recorded = recorded.model_copy(update={"notified": tuple(notified_sinks)})
        windows.append(recorded)
    return alerts.model_copy(update={"notifications": (*other_sinks, *updates), "windows": tuple(windows)})


def _record_missed(alerts: Alerts, window: MonitoredWindow, sink: str) -> Notified:
    """The last status that a sink was notified of, and the changes that it has missed since."""
    missed = Transition(time=window.time, window=window.window, status=alerts.status)
    # A repeated run of the window replaces the change that the sink missed in that window
    before = [transition for transition in alerts.find_missed(sink) if transition.window != window.window]
    in_order = sorted([*before, missed], key=lambda transition: transition.time)
    # Consecutive windows with the same status are one change, which belongs to the first of these windows
    changes = [next(transitions) for _, transitions in groupby(in_order, key=lambda transition: transition.status)]
    return Notified(sink=sink, status=alerts.find_last_status(sink), missed=tuple(changes[-MAX_MISSED_CHANGES:]))


def _has_numbers(alerts: Alerts, name: str, sink: str) -> bool:
    return any(window.window == name and sink in window.notified for window in alerts.windows)


def open_alerts(output_path: str, wait: timedelta = WAIT) -> AbstractContextManager[Lease]:
    """A context in which no other run changes the alerts. Needed by code that reads, changes and writes them.

    Raises the errors of `lease.holding`.
    """
    return hold(join(find_series_folder(output_path), ""), wait)


def read_alerts(output_path: str) -> Alerts:
    """The alerts of the runs that `output_path` belongs to; without windows if no run was monitored there.

    If the file is damaged, a warning is logged and a new history begins. Raises BadInput if the file can't be read.
    """
    path = resolve_alerts_path(output_path)
    if exists(path):
        try:
            return read_document_file(Alerts, path)
        except BadDocument as error:
            log.warning("%s; the history of windows begins anew with this run", error)
    return Alerts()


def write_alerts(alerts: Alerts, output_path: str) -> None:
    """Store the alerts next to the runs.

    Raises OutputFailed if they can't be written.
    """
    write_file(resolve_alerts_path(output_path), alerts.to_json().encode())


def resolve_alerts_path(output_path: str) -> str:
    """The path of the alerts of the runs below `output_path`."""
    return join(find_series_folder(output_path), Alerts.FILE_NAME)


def find_series_folder(output_path: str) -> str:
    """The folder of files about all runs of a series: the folder above their hour folders, otherwise the output path."""
    hours = HOUR_FOLDERS.match(output_path)
    if hours is None:
        return output_path
    return hours["top"]


def estimate_usual_records(earlier: Sequence[MonitoredWindow], time: str) -> float | None:
    """The median number of records of the earlier windows that ended at the same hour of the day as `time`.

    If fewer than `MIN_WINDOWS` windows ended at that hour: the median of all earlier windows; None if they are too few, too.
    """
    record_counts = []
    counts_at_hour = []
    for window in earlier:
        if window.records is not None:
            record_counts.append(window.records)
            # The hour in 2026-01-31T22:00:00Z
            if window.time[11:13] == time[11:13]:
                counts_at_hour.append(window.records)
    # Traffic depends on the hour of the day
    if len(counts_at_hour) >= MIN_WINDOWS:
        return float(median(counts_at_hour))
    if len(record_counts) >= MIN_WINDOWS:
        return float(median(record_counts))
    return None


def judge_traffic(monitored: MonitoredWindow, usual_count: float | None, min_share: float | None) -> AlertStatus:
    """InAlert if the window has less than `min_share` of the usual number of records; OK if one of these numbers is unknown."""
    if monitored.records is None or usual_count is None or min_share is None:
        return AlertStatus.OK
    if monitored.records < min_share * usual_count:
        return AlertStatus.IN_ALERT
    return AlertStatus.OK
