"""Who watches the runs: a schedule whose runs don't come says so by its sinks."""

from __future__ import annotations

import logging
from datetime import datetime

from model_monitor.documents.alerts import AlertStatus
from model_monitor.documents.run_description import moment
from model_monitor.reports.notices.destinations import deliver
from model_monitor.reports.notices.environment import Environment
from model_monitor.reports.notices.messages import ON_TIME, OVERDUE, AlertReport, Notice, Report
from model_monitor.scheduling.due import PERIODS_UNTIL_OVERDUE, overdue_since
from model_monitor.scheduling.models import model_of
from model_monitor.scheduling.plan import Plan
from model_monitor.scheduling.record import Record

log = logging.getLogger(__name__)


def watch(plan: Plan, record: Record, now: datetime, environment: Environment) -> bool:
    """Whether runs are overdue. The sinks that get messages are told when that changes; the first time only if they are.

    One that can't be told is a warning, and all are told again by the next call.
    """
    since = overdue_since(plan, record.executions, now)
    is_overdue = since is not None
    notice = _notice(since)
    if is_overdue:
        log.warning("%s: %s", plan.name, notice.text)
    if is_overdue is not record.executions.overdue:
        delivery = deliver(
            _report(plan, record, notice, now), [to for to in plan.destinations if not to.every_run], environment
        )
        for failure in delivery.failures:
            log.warning("%s", failure)
        if not delivery.failures:
            record.tell_overdue(is_overdue)
    return is_overdue


def _notice(since: datetime | None) -> Notice:
    if since is None:
        return Notice(ON_TIME, "runs come again")
    return Notice(
        OVERDUE,
        f"no run has completed since that of {moment(since)}, which is more than {PERIODS_UNTIL_OVERDUE} periods ago",
    )


def _report(plan: Plan, record: Record, notice: Notice, now: datetime) -> Report:
    latest = next(iter(record.latest_first), None)
    said = {"latest run": f"{latest.scheduled_time}, {latest.status.value}"} if latest else {}
    return Report(
        analysis_type=plan.analysis_type,
        run_id="",
        time=now,
        alert=AlertReport(AlertStatus.OK),
        endpoint=model_of(plan),
        schedule=plan.name,
        paths={**said, "schedule": str(plan.file)},
        notices=(notice,),
    )
