"""A report in words, and as the JSON document that webhooks and topics get. Pure."""

from __future__ import annotations

import json
from typing import Any

from model_monitor.documents.run_description import moment
from model_monitor.outputs.notices.reports import Report
from model_monitor.outputs.printable import in_json, printable

VERSION = 1
"""Of the JSON document; members are only added under the same number."""


def headline(report: Report) -> str:
    """One line: the alert's state, whose it is, how many violations there were, and what else there is to say."""
    noted = "; ".join(notice.text for notice in report.notices)
    if not report.is_of_a_run:
        return _in_one_line(f"{', '.join(notice.kind for notice in report.notices)}: {_whose(report)}, {noted}")
    many = "1 violation" if report.violations == 1 else f"{report.violations:,} violations"
    line = f"{report.alert.status.value}: {_whose(report)}, {many}{_window(report)}"
    return _in_one_line(f"{line}; {noted}" if noted else line)


def text(report: Report) -> str:
    """The report for people: headline, alert, what happened, paths."""
    places = [f"{what}: {printable(path)}" for what, path in report.paths.items()]
    if not report.is_of_a_run:
        return "\n".join([headline(report), "", *places]) + "\n"
    alert = report.alert
    turned = "changed by this run" if alert.changed else "as before"
    lines = [
        headline(report),
        f"The alert is {alert.status.value}, {turned}: {alert.violated} of the last {alert.evaluation_period} windows had "
        f"violations, {alert.datapoints_to_alert} make an alert.",
        "",
        *(f"- {_in_one_line(alarm)}" for alarm in report.alarms),
    ]
    if report.alarm_count > len(report.alarms):
        lines.append(f"and {report.alarm_count - len(report.alarms):,} more")
    lines += ["", *places, f"run: {report.run_id}"]
    return "\n".join(lines) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as a JSON object; docs/alerts.md describes its members. `text` is what chat servers show."""
    return {
        "version": VERSION,
        "text": headline(report) + (f"; the largest: {printable(report.largest)}" if report.largest else ""),
        "analysis_type": report.analysis_type,
        "model": report.endpoint,
        "schedule": report.schedule,
        "window": {"start": moment(report.start), "end": moment(report.end)} if report.start and report.end else None,
        "status": report.status if report.is_of_a_run else None,
        "notices": [{"kind": notice.kind, "text": notice.text} for notice in report.notices],
        "alert": {
            "status": report.alert.status.value,
            "changed": report.alert.changed,
            "violated_windows": report.alert.violated,
            "datapoints_to_alert": report.alert.datapoints_to_alert,
            "evaluation_period": report.alert.evaluation_period,
        },
        "violations": {"count": report.violations, "worst": [dict(violation) for violation in report.worst]},
        "largest": report.largest,
        "alarms": {"count": report.alarm_count, "largest": list(report.alarms)},
        "paths": dict(report.paths),
        "run_id": report.run_id or None,
    }


def document_bytes(report: Report) -> bytes:
    """The JSON document as it is sent."""
    return in_json(json.dumps(document(report), ensure_ascii=False, allow_nan=False)).encode()


def _whose(report: Report) -> str:
    names = " / ".join(name for name in (report.endpoint, report.schedule) if name)
    return f"{report.analysis_type} of {names}" if names else report.analysis_type


def _window(report: Report) -> str:
    return f" from {moment(report.start)} to {moment(report.end)}" if report.start and report.end else ""


def _in_one_line(words: str) -> str:
    """Names of features and endpoints may hold line breaks and worse; a line of mail, and its subject, may not."""
    return printable(words)
