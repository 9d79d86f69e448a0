"""The report that a sink sends about a run: a small typed `Report`, its text, and its JSON for webhooks and topics."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import FeatureOutcome, Outcome
from spark_model_monitor.documents.page import Headline, format_noun_count
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.reports.outputs.printable import escape_in_json, printable
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MAX_VIOLATIONS = 5  # most violations that a report names one by one; further ones are counted

TRAFFIC_FELL = "TrafficFell"
TRAFFIC_IS_BACK = "TrafficIsBack"
OVERDUE = "Overdue"
ON_TIME = "OnTime"
GIVEN_UP = "GivenUp"
DATA_HINT = "DataHint"
MISSED = "Missed"
ALERTS = "Alerts"
ALERTS_RESOLVED = "AlertsOver"  # kinds of notices

COMPLETED = "Completed"
COMPLETED_WITH_VIOLATIONS = "CompletedWithViolations"  # the service's name for an execution's status (C1.6)


@value_class
class AlertReport:
    """The state of the alert after the run.

    status: OK, CannotTell or InAlert. changed: whether this run changed the status. violated: how many of the last
    `evaluation_period` windows had violations; an alert needs `datapoints_to_alert` of them.
    """

    status: AlertStatus
    changed: bool = False
    violated: int = 0
    datapoints_to_alert: int = 1
    evaluation_period: int = 1


@value_class
class Notice:
    """A message about the monitoring itself. kind: one of the constants above. text: the sentence that people read."""

    kind: str
    text: str


@value_class
class ReportedRun:
    """The run of a report. Without a `run_id` there was no run, and the report has only notices about a schedule.

    Attributes
    ----------
    analysis_type: The kind of the monitor.
    endpoint, schedule: The names of the endpoint and the schedule; None without them.
    data: The name of the data set.
    start, end: The start and end of the window; None if the whole source was read.
    """

    analysis_type: str
    run_id: str = ""
    endpoint: str | None = None
    schedule: str | None = None
    data: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def model(self) -> str | None:
        """The name of the model or, without one, the name of the data set."""
        return self.endpoint or self.data


@value_class
class ReportedVerdict:
    """The verdict of a run on its window.

    Attributes
    ----------
    violations: The number of violations.
    worst: At most `MAX_VIOLATIONS` violations as in constraint_violations.json, the worst first.
    alarms: At most `MAX_VIOLATIONS` alarms as texts, the largest first.
    alarm_count: The number of all alarms.
    headline: The sentence of the run's page.
    outcome: The outcome of the run; None if nothing was judged.
    unsure: The features or metrics that may have changed.
    """

    violations: int = 0
    worst: tuple[Mapping[str, Json], ...] = ()
    alarms: tuple[str, ...] = ()
    alarm_count: int = 0
    headline: Headline | None = None
    outcome: Outcome | None = None
    unsure: tuple[FeatureOutcome, ...] = ()

    @property
    def largest(self) -> str | None:
        """The largest alarm as text; None if there is none."""
        return self.alarms[0] if self.alarms else None

    @property
    def outcome_name(self) -> str | None:
        """The outcome in words; None if nothing was judged."""
        if self.outcome is None:
            return None
        return self.outcome.value

    @property
    def status(self) -> str:
        """The status of the execution."""
        if self.violations:
            return COMPLETED_WITH_VIOLATIONS
        return COMPLETED


NO_VERDICT = ReportedVerdict()  # the verdict in a report without a run


@dataclass(frozen=True, slots=True)
class Report:
    """What sinks send about a monitoring run, or about a schedule without a run.

    Attributes
    ----------
    time: The time of the report.
    namespace: The last component of the service's namespace for its metrics; None without one.
    paths: By kind: the full paths of the run's files.
    metrics: The run's metrics as CloudWatch's objects (C9.1).
    notices: Messages besides the alert.
    page: Renders the page without values of the data, for sinks that send it; None if the run's page may be sent.
    """

    run: ReportedRun
    time: datetime
    alert: AlertReport
    verdict: ReportedVerdict = NO_VERDICT
    namespace: str | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Mapping[str, Json], ...] = ()
    notices: tuple[Notice, ...] = ()
    page: Callable[[], bytes] | None = field(default=None, compare=False, repr=False)

    @property
    def is_of_a_run(self) -> bool:
        """Whether there was a run that decided about the alert."""
        return bool(self.run.run_id)

    @property
    def delivery_id(self) -> str:
        """The same id for every attempt to send the same report, so that a receiver can drop duplicates."""
        run = self.run
        window = f"{run.start}/{run.end}" if run.start else ""
        members = [run.analysis_type, run.endpoint, run.schedule, window, run.run_id, self.alert.status.value]
        members += [notice.kind for notice in self.notices]
        # Without a run, two notices of the same kind differ only in their time
        if not self.is_of_a_run:
            members.append(self.time.isoformat())
        return sha256("\0".join(map(str, members)).encode()).hexdigest()[:32]


def select_worst(
    violations: Sequence[Mapping[str, Json]], outcomes: Iterable[CheckResult]
) -> tuple[Mapping[str, Json], ...]:
    """At most `MAX_VIOLATIONS` violations, the worst first; equally bad violations keep their order.

    `CheckResult.severity` measures how bad a violation is. If a monitor doesn't have an outcome for each
    violation, all violations keep their order.
    """
    violated = [outcome for outcome in outcomes if outcome.is_violated]
    # Outcomes and violations can be matched only if their numbers are equal
    if len(violated) != len(violations):
        return tuple(violations[:MAX_VIOLATIONS])
    order = sorted(range(len(violations)), key=lambda index: -violated[index].severity)
    return tuple(violations[index] for index in order[:MAX_VIOLATIONS])


def select_sendable(metrics: Iterable[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The metrics whose numbers are all finite; the log says how many others there are."""
    all_metrics = list(metrics)
    finite = [metric for metric in all_metrics if all(map(math.isfinite, get_numbers(metric).values()))]
    if len(finite) < len(all_metrics):
        log.warning("left out %d metrics that are not finite numbers", len(all_metrics) - len(finite))
    return finite


def get_numbers(metric: Mapping[str, Json]) -> Mapping[str, float]:
    """By name: the numbers of a metric, either its `Value` or the numbers in its set of statistics."""
    return metric.get("StatisticValues") or {"Value": metric["Value"]}


# A report as text, and as the JSON document of webhooks and topics. Names of features and endpoints may contain line
# breaks and other characters that a line of a mail, or its subject, may not contain.


VERSION = 1  # version of the JSON document; within a version, members are only added


def write_headline(report: Report) -> str:
    """One line: the state of the alert, the model, the number of violations, and the notices."""
    verdict = report.verdict
    run = report.run
    notices = "; ".join(notice.text for notice in report.notices)
    # Without a run there are only notices
    if not report.is_of_a_run:
        return printable(f"{', '.join(notice.kind for notice in report.notices)}: {_name_owner(report)}, {notices}")
    violation_count = format_noun_count(verdict.violations, "violation")
    line = f"{report.alert.status.value}: {_name_owner(report)}, {violation_count}"
    if run.start and run.end:
        line += f" from {format_moment(run.start)} to {format_moment(run.end)}"
    if verdict.headline is not None:
        line += f": {verdict.headline.text}"
    return printable(f"{line}; {notices}" if notices else line)


def write_text(report: Report) -> str:
    """The report as text: headline, alert, what happened, paths."""
    verdict = report.verdict
    path_lines = [f"{description}: {printable(path)}" for description, path in report.paths.items()]
    if not report.is_of_a_run:
        return "\n".join([write_headline(report), "", *path_lines]) + "\n"
    alert = report.alert
    change = "as before"
    if alert.changed:
        change = "changed by this run"
    lines = [
        write_headline(report),
        f"The alert is {alert.status.value}, {change}: {alert.violated} of the last {alert.evaluation_period} windows had "
        f"violations, {alert.datapoints_to_alert} make an alert.",
        "",
    ]
    # The headline of the page, so that mail and page say the same
    if verdict.headline is not None:
        lines += [printable(str(verdict.headline)), ""]
    lines += [f"- {printable(alarm)}" for alarm in verdict.alarms]
    if verdict.alarm_count > len(verdict.alarms):
        lines.append(f"and {verdict.alarm_count - len(verdict.alarms):,} more")
    # The reasons stand below what happened
    if verdict.headline is not None and verdict.headline.detail:
        lines += ["", printable(verdict.headline.detail)]
    lines += ["", *path_lines, f"run: {report.run.run_id}"]
    return "\n".join(lines) + "\n"


def create_document(report: Report) -> dict[str, Json]:
    """The report as a JSON object; docs/reference/alerts.md describes its members. Chat servers show `text`."""
    verdict = report.verdict
    run = report.run
    sentence = verdict.headline or Headline("")
    # The first features or metrics that may have changed
    first_unsure = [
        {"name": feature.name, "reason": feature.reason, "advice": feature.advice}
        for feature in verdict.unsure[:MAX_VIOLATIONS]
    ]
    # Chat servers show this member only, so it has to make sense alone
    text = write_headline(report)
    if verdict.largest and not verdict.headline:
        text += f"; the largest: {printable(verdict.largest)}"
    return {
        "version": VERSION,
        "text": text,
        "headline": sentence.text or None,
        "next_step": sentence.next_step or None,
        "analysis_type": run.analysis_type,
        "model": run.model,
        "schedule": run.schedule,
        "window": {"start": format_moment(run.start), "end": format_moment(run.end)} if run.start and run.end else None,
        "status": verdict.status if report.is_of_a_run else None,
        "outcome": verdict.outcome_name,
        "unsure": {"count": len(verdict.unsure), "first": first_unsure},
        "notices": [{"kind": notice.kind, "text": notice.text} for notice in report.notices],
        "alert": {
            "status": report.alert.status.value,
            "changed": report.alert.changed,
            "violated_windows": report.alert.violated,
            "datapoints_to_alert": report.alert.datapoints_to_alert,
            "evaluation_period": report.alert.evaluation_period,
        },
        "violations": {
            "count": verdict.violations,
            "worst": [dict(violation) for violation in verdict.worst],
        },
        "largest": verdict.largest,
        "alarms": {"count": verdict.alarm_count, "largest": list(verdict.alarms)},
        "paths": dict(report.paths),
        "run_id": run.run_id or None,
    }


def encode_document(report: Report) -> bytes:
    """The JSON document as the bytes that are sent."""
    return escape_in_json(json.dumps(create_document(report), ensure_ascii=False, allow_nan=False)).encode()


def _name_owner(report: Report) -> str:
    run = report.run
    names = " / ".join(name for name in (run.model, run.schedule) if name)
    if names:
        return f"{run.analysis_type} of {names}"
    return run.analysis_type
