"""The state of all schedules of a fleet: read from records and results, shown as one page, and reported in one message
for each cause.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlparse

from spark_model_monitor.documents.alert_files import Alerts, AlertStatus
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution
from spark_model_monitor.errors import MonitorError, OutputFailed
from spark_model_monitor.reports.alerts import deliver, read_alerts
from spark_model_monitor.reports.history_page.fleet_page import (
    WINDOWS,
    FleetMonitor,
    MonitorState,
    WindowOutcome,
    create_fleet_page,
    group_by_cause,
)
from spark_model_monitor.reports.notices import ALERTS, ALERTS_RESOLVED, AlertReport, Notice, Report, ReportedRun
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import PAGE
from spark_model_monitor.reports.page.page_files import Report as PageFile
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.runtime.failures import describe_failure
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.running.scheduling.due_runs import find_overdue_start
from spark_model_monitor.running.scheduling.fleet import Entry, Fleet
from spark_model_monitor.running.scheduling.record import Record, schedule_lock
from spark_model_monitor.running.scheduling.schedule_plan import Plan, find_model
from spark_model_monitor.stopping import raise_if_stopped
from spark_model_monitor.storage import join, write_text
from spark_model_monitor.storage.file_system import is_draft

log = logging.getLogger(__name__)

NOTIFIED = "notified.json"  # next to the page: what the sinks were notified of


def describe_monitor(fleet_entry: Entry, record: Record | None, now: datetime, folder: Path) -> FleetMonitor:
    """The state of an entry after its runs. folder: the folder of the page of all schedules, for relative links."""
    plan = fleet_entry.plan
    fault = _join_lines(str(fleet_entry.fault or ""))
    if plan is None:
        return FleetMonitor(fleet_entry.name, MonitorState.FAILED, fault=fault)
    monitor = FleetMonitor(
        plan.name,
        MonitorState.FAILED,
        plan.analysis_type,
        find_model(plan) or plan.name,
        plan.entry.owner or "",
        plan.entry.tags,
        source=next(iter(plan.list_texts("dataset_source")), ""),
    )
    # Nothing was ever run, or the record can't be read
    if record is None:
        state = MonitorState.WAITING
        if fault:
            state = MonitorState.FAILED
        return replace(monitor, state=state, fault=fault, note=fleet_entry.notice)

    # The outcomes of its recent windows, and whether its runs fail
    alerts, fault = _read_alerts(plan)
    recent_windows = alerts.windows[-WINDOWS:]
    windows = tuple(
        WindowOutcome(window.time, window.violations, tuple(window.since or {}), tuple(window.unsure or ()))
        for window in recent_windows
    )
    last = next(iter(record.latest_first), None)
    failure, failed_since = _find_failure(plan, record, now)

    # The state: an alert comes before a failure, a failure before windows that can't tell
    since = ""
    if alerts.status is AlertStatus.IN_ALERT:
        state = MonitorState.IN_ALERT
        since = _find_alert_start(alerts)
    elif failure or fault:
        state = MonitorState.FAILED
        since = failed_since
    elif alerts.status is AlertStatus.CANNOT_TELL:
        state = MonitorState.UNSURE
        since = _find_transition_time(alerts, AlertStatus.CANNOT_TELL)
    else:
        state = MonitorState.OK if windows else MonitorState.WAITING

    # What its line on the page shows
    page = _find_page(plan, last, folder)
    fault = fault or failure
    note = fleet_entry.notice
    if last and (plan.monitors_commits or last.outputs) and not fault:
        note = _join_lines(last.exit_message or "")
    return replace(monitor, state=state, since=since, fault=fault, windows=windows, page=page, note=note)


def _read_alerts(plan: Plan) -> tuple[Alerts, str]:
    """The monitored windows; and the reason if they can't be read."""
    try:
        return read_alerts(join(plan.find_runs_folder(), "2000/01/01/00")), ""
    except MonitorError as error:
        return Alerts(), _join_lines(str(error))


def _find_alert_start(alerts: Alerts) -> str:
    start_times = (alerts.windows[-1].since or {}).values() if alerts.windows else ()
    return min(start_times, default="") or _find_transition_time(alerts, AlertStatus.IN_ALERT)


def _find_transition_time(alerts: Alerts, status: AlertStatus) -> str:
    """When the alert last got a status; empty if it never did."""
    return next((transition.time for transition in reversed(alerts.transitions) if transition.status is status), "")


def _find_failure(plan: Plan, record: Record, now: datetime) -> tuple[str, str]:
    """Why the entry was not checked recently, and since when; two empty texts if it was checked."""
    runs = record.latest_first
    ended_runs = [run for run in runs if not run.status.is_under_way]
    # ended_runs[:failed_runs] are the runs since the last whole run
    failed_runs = next((index for index, run in enumerate(ended_runs) if run.status.has_completed), len(ended_runs))
    # A run in the future is from a clock that was ahead: until then no run is due, which nothing else would show
    if runs and (last := runs[0].scheduled_time) > format_moment(now):
        return f"its last run is of {last}, which is later than it is here; compare the hosts' clocks", ""
    if failed_runs:
        latest_failure = ended_runs[0]
        reason = latest_failure.exit_message or f"the run is {latest_failure.status.value}"
        return _join_lines(reason), ended_runs[failed_runs - 1].scheduled_time
    overdue_start = find_overdue_start(plan, record.executions, now)
    if overdue_start is None:
        return "", ""
    time = format_moment(overdue_start)
    return f"no run has completed since that of {time}", time


def _find_page(plan: Plan, last: Execution | None, folder: Path) -> str:
    """The path of a run's page, relative to a folder; empty if the run has no page, or its page is on another machine."""
    if last is None or last.output_path is None or urlparse(last.output_path).scheme not in ("", "file"):
        return ""
    names = (PAGE, "history.html")  # the second is the page of a table, whose windows have folders of their own
    paths = (os.path.abspath(plan.folder / urlparse(last.output_path).path / name) for name in names)
    return next((os.path.relpath(path, folder.absolute()) for path in paths if os.path.exists(path)), "")


def _join_lines(text: str) -> str:
    return " ".join(re.sub(r"^(Error|Completed\w*): ", "", text).split())


def notify_and_write_page(
    watched: Sequence[FleetMonitor], page: Path, fleet: Fleet, now: datetime, environment: Environment
) -> tuple[str, int]:
    """Notify the fleet's sinks of changes, and write the page of all schedules; returns the text to print, and a status.

    A page that can't be written is a warning. If another call is already doing both, nothing is done.
    """
    status: int = ExitStatus.COMPLETED
    with ExitStack() as lock:
        # If no lock can be made, no page can be written either, but messages are still sent
        with suppress(OutputFailed):
            if not lock.enter_context(schedule_lock(page.parent, page.name)):
                return "", status
        if fleet.sinks:
            for failure in _notify_changes(watched, page, fleet, now, environment):
                log.warning("%s", failure)
        # The page, which people may look at later
        try:
            _write_page(watched, page, fleet)
        except Exception as error:
            raise_if_stopped()
            page_failure = describe_failure(error)
            log.warning("the page of all: %s", page_failure.reason)
            status = page_failure.exit_status
    return _summarize_monitors(watched, page), status


def _summarize_monitors(monitors: Sequence[FleetMonitor], page: Path) -> str:
    """Lines for a terminal: the first monitors with something to report, and the number of monitors by state."""
    lines = []
    count_by_state: Counter[MonitorState] = Counter()
    for monitor in monitors:
        count_by_state[monitor.state] += 1
        if monitor.sentence:
            lines.append(f"{_name_state(monitor.state)}: {monitor.name}: {monitor.sentence}")
    # The page has all monitors; a terminal shows the first ones
    unhealthy_states = [state for state in MonitorState if state is not MonitorState.OK]
    counts = ", ".join(f"{count_by_state[state]:,} {_name_state(state)}" for state in unhealthy_states)
    lines = [*lines[:WINDOWS], f"{page}: {len(monitors):,} monitors, {counts}"]
    return "".join(f"{printable(line)}\n" for line in lines)


def _name_state(state: MonitorState) -> str:
    # The value begins with a sign and a blank, which terminals don't need
    return state.value[2:]


def _write_page(watched: Sequence[FleetMonitor], page: Path, fleet: Fleet) -> None:
    for draft in page.parent.glob(f".{page.name}.*"):  # left by a process that was killed while it wrote
        if is_draft(draft.name):
            draft.unlink(missing_ok=True)
    PageFile(create_fleet_page(watched, fleet.name, _describe_budget(fleet), fleet.noun)).save(page)


def _describe_budget(fleet: Fleet) -> str:
    """The false-alarm budget of the fleet, as text for its page."""
    if fleet.share is None or fleet.alarms_per_month is None:
        return "each schedule's own"
    return f"{fleet.alarms_per_month:g} a month, one in {1 / fleet.share:,.0f} runs"


def _notify_changes(
    watched: Sequence[FleetMonitor], page: Path, fleet: Fleet, now: datetime, environment: Environment
) -> tuple[str, ...]:
    """Send a message for each cause that is new since the last call, and one for all alerts that have ended; returns errors
    of delivery, after which the next call tries again.
    """
    # The states of which the last call notified the sinks
    path = page.with_name(f"{page.stem}.{NOTIFIED}")
    notified_states = _read_notified(path)

    # The states of unhealthy monitors, by name: news if the sinks weren't notified of the state. A monitor of which they were
    # notified is resolved if it is healthy now
    unhealthy_monitors = (monitor for monitor in watched if monitor.state.rank < MonitorState.WAITING.rank)
    state_by_name = {monitor.name: f"{monitor.state.name} {monitor.since}" for monitor in unhealthy_monitors}
    news = [
        monitor
        for monitor in watched
        if monitor.name in state_by_name and notified_states.get(monitor.name) != state_by_name[monitor.name]
    ]
    resolved_names = sorted(set(notified_states) - set(state_by_name))

    # A notice for each cause of the news, and one for all resolved monitors
    notices = []
    for cause in group_by_cause(news):
        status = AlertStatus.IN_ALERT
        if cause.monitors[0].state is MonitorState.UNSURE:
            status = AlertStatus.CANNOT_TELL
        notices.append((_join_kinds(cause.monitors), status, Notice(ALERTS, cause.sentence)))
    if resolved_names:
        kinds = _join_kinds([monitor for monitor in watched if monitor.name in resolved_names])
        notice = Notice(ALERTS_RESOLVED, f"no longer: {', '.join(resolved_names)}")
        notices.append((kinds, AlertStatus.OK, notice))

    # The next call repeats notices that could not be delivered
    failures: tuple[str, ...] = ()
    for kinds, status, notice in notices:
        alert = AlertReport(status, changed=True)
        paths = {"page": str(page.absolute())}
        report = Report(ReportedRun(kinds, schedule=fleet.name), now, alert, paths=paths, notices=(notice,))
        failures += deliver(report, fleet.sinks, environment).failures
    # The file is written last: if a sink failed, the next call sends all notices again
    if notices and not failures:
        try:
            write_text(path, json.dumps(state_by_name, indent=1))
        except OutputFailed as error:
            failures = (f"the next call notifies again: {error}",)
    return failures


def _join_kinds(monitors: Sequence[FleetMonitor]) -> str:
    return " and ".join(dict.fromkeys(monitor.kind for monitor in monitors if monitor.kind)) or "SCHEDULES"


def _read_notified(path: Path) -> dict[str, str]:
    """The states of which the sinks were notified; empty if the file can't be read, so that they are notified again."""
    try:
        state_by_name = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if isinstance(state_by_name, dict):
        return {str(name): str(text) for name, text in state_by_name.items()}
    return {}
