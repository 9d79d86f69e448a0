"""What a sink reports about a run: a small typed `Report`, its text, and the JSON of webhooks and topics. Pure."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.check_results import CheckResult, compute_severity
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import FeatureOutcome, Outcome
from spark_model_monitor.documents.page import Headline, format_noun_count
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.reports.outputs.printable import escape_in_json, printable
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

MAX_VIOLATIONS = 5  # violations that a report names one by one; the others are counted

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

    changed: whether this run changed it. violated: how many of the last `evaluation_period` windows had violations;
    an alert needs `datapoints_to_alert`.
    """

    status: AlertStatus
    changed: bool = False
    violated: int = 0
    datapoints_to_alert: int = 1
    evaluation_period: int = 1


@value_class
class Notice:
    """A message about the monitoring itself. kind: one of the words above. text: the sentence that people read."""

    kind: str
    text: str


@value_class
class ReportedRun:
    """The run of a report; without a `run_id` there was none, and only notices about a schedule are reported.

    analysis_type: which monitor. endpoint, schedule: None outside one. data: the name of the data set. start, end: the
    window; None if the whole source was read.
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
        """Whose report it is: the model's name, else the data set's."""
        return self.endpoint or self.data


@value_class
class ReportedVerdict:
    """What a run says of its window.

    violations: their number. worst: at most `MAX_VIOLATIONS` of them as in constraint_violations.json, the worst first.
    alarms: at most `MAX_VIOLATIONS` as text, the largest first. alarm_count: number of all alarms. said: the sentence of
    the run's page. outcome: of the run, None if nothing was judged. unsure: the features or metrics of which nobody can
    tell whether they changed.
    """

    violations: int = 0
    worst: tuple[Mapping[str, Json], ...] = ()
    alarms: tuple[str, ...] = ()
    alarm_count: int = 0
    said: Headline | None = None
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


NO_VERDICT = ReportedVerdict()  # of a report without a run


@dataclass(frozen=True, slots=True)
class Report:
    """What sinks send of a monitoring run, or of a schedule without runs.

    time: of the report. notices: messages besides the alert. namespace: the last part of the service's own namespace for
    its metrics; None if there is none. metrics: as CloudWatch's objects (C9.1). paths: full paths of the run's files, by
    kind. page: renders the page without values of the data, for sinks that send it; None if the run's own may be sent.
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
        parts = (
            *(run.analysis_type, run.endpoint, run.schedule, window, run.run_id, self.alert.status.value),
            *(notice.kind for notice in self.notices),
            # Without a run nothing else differs between two notices of one kind
            *(() if self.is_of_a_run else (self.time.isoformat(),)),
        )
        return sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:32]


def select_worst(
    violations: Sequence[Mapping[str, Json]], outcomes: Iterable[CheckResult]
) -> tuple[Mapping[str, Json], ...]:
    """The worst violations first, at most `MAX_VIOLATIONS`; equally bad ones in their order.

    `documents.check_results.compute_severity` says how bad; a monitor without an outcome for each violation keeps their order.
    """
    violated = [outcome for outcome in outcomes if outcome.is_violated]
    # Without one outcome for each violation nothing says which belong together
    if len(violated) != len(violations):
        return tuple(violations[:MAX_VIOLATIONS])
    order = sorted(range(len(violations)), key=lambda index: -compute_severity(violated[index]))
    return tuple(violations[index] for index in order[:MAX_VIOLATIONS])


def select_sendable(metrics: Iterable[Mapping[str, Json]]) -> list[Mapping[str, Json]]:
    """The metrics whose numbers are all finite; the others are counted in the log."""
    all_metrics = list(metrics)
    finite = [metric for metric in all_metrics if all(map(math.isfinite, get_numbers(metric).values()))]
    if len(finite) < len(all_metrics):
        log.warning("left out %d metrics that are not finite numbers", len(all_metrics) - len(finite))
    return finite


def get_numbers(metric: Mapping[str, Json]) -> Mapping[str, float]:
    """The numbers of a metric: its `Value`, or the names of a set of statistics with theirs."""
    return metric.get("StatisticValues") or {"Value": metric["Value"]}


# A report as text, and as the JSON document of webhooks and topics. Names of features and endpoints may contain line
# breaks and other characters that a line of a mail, or its subject, may not contain.


VERSION = 1  # version of the JSON document; within a version, members are only added


def write_headline(report: Report) -> str:
    """One line: the state of the alert, its model, the number of violations, and the notices."""
    verdict = report.verdict
    run = report.run
    noted = "; ".join(notice.text for notice in report.notices)
    # Only notices: there is no verdict that could lead the line
    if not report.is_of_a_run:
        return printable(f"{', '.join(notice.kind for notice in report.notices)}: {_name_owner(report)}, {noted}")
    violation_count = format_noun_count(verdict.violations, "violation")
    line = f"{report.alert.status.value}: {_name_owner(report)}, {violation_count}"
    if run.start and run.end:
        line += f" from {format_moment(run.start)} to {format_moment(run.end)}"
    if verdict.said is not None:
        line += f": {verdict.said.text}"
    return printable(f"{line}; {noted}" if noted else line)


def write_text(report: Report) -> str:
    """The report as text: headline, alert, what happened, paths."""
    verdict = report.verdict
    path_lines = [f"{description}: {printable(path)}" for description, path in report.paths.items()]
    if not report.is_of_a_run:
        return "\n".join([write_headline(report), "", *path_lines]) + "\n"
    alert = report.alert
    turned = "as before"
    if alert.changed:
        turned = "changed by this run"
    lines = [
        write_headline(report),
        f"The alert is {alert.status.value}, {turned}: {alert.violated} of the last {alert.evaluation_period} windows had "
        f"violations, {alert.datapoints_to_alert} make an alert.",
        "",
        # The page's own sentence, so that mail and page say the same
        *([printable(str(verdict.said)), ""] if verdict.said is not None else []),
        *(f"- {printable(alarm)}" for alarm in verdict.alarms),
    ]
    if verdict.alarm_count > len(verdict.alarms):
        lines.append(f"and {verdict.alarm_count - len(verdict.alarms):,} more")
    # Why, below what happened
    if verdict.said is not None and verdict.said.detail:
        lines += ["", printable(verdict.said.detail)]
    lines += ["", *path_lines, f"run: {report.run.run_id}"]
    return "\n".join(lines) + "\n"


def create_document(report: Report) -> dict[str, Json]:
    """The report as a JSON object; docs/reference/alerts.md describes its members. Chat servers show `text`."""
    verdict = report.verdict
    run = report.run
    sentence = verdict.said or Headline("")
    # The first features or metrics of which nobody can tell
    first_unsure = [
        {"name": feature.name, "reason": feature.reason, "advice": feature.advice}
        for feature in verdict.unsure[:MAX_VIOLATIONS]
    ]
    return {
        "version": VERSION,
        # The only member that chat servers show, so it has to make sense alone
        "text": write_headline(report)
        + (f"; the largest: {printable(verdict.largest)}" if verdict.largest and not verdict.said else ""),
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
    """The JSON document as sent."""
    return escape_in_json(json.dumps(create_document(report), ensure_ascii=False, allow_nan=False)).encode()


def _name_owner(report: Report) -> str:
    run = report.run
    names = " / ".join(name for name in (run.model, run.schedule) if name)
    if names:
        return f"{run.analysis_type} of {names}"
    return run.analysis_type
