"""Which runs of a schedule are due or overdue, and who is notified when runs don't come."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from model_monitor.data.records.windows import parse_time
from model_monitor.documents.alerts import AlertStatus
from model_monitor.documents.run_description import moment
from model_monitor.documents.schedule import Execution, Executions, ExecutionStatus
from model_monitor.errors import BadDocument
from model_monitor.reports.alerts import deliver
from model_monitor.reports.notices import ON_TIME, OVERDUE, AlertReport, Notice, Report
from model_monitor.reports.sinks import Environment
from model_monitor.running.scheduling.plan import A_MOMENT, Plan, model_of
from model_monitor.running.scheduling.record import Record
from model_monitor.running.scheduling.schedules import Clock

PERIODS_UNTIL_OVERDUE = 2


@dataclass(frozen=True, slots=True)
class Due:
    """The times of the runs that are due, the oldest first, and how many older ones are given up as too many."""

    times: tuple[datetime, ...] = ()
    given_up: int = 0


def due_runs(plan: Plan, known: Executions, now: datetime, *, retry_failed: bool = False) -> Due:
    """Every time since the schedule began whose run was not begun, up to `now` less the plan's delay.

    A schedule begins at `starts`, else with the time before it was looked at first, whose window was over then; runs that found
    no data before there was any are behind it. At most `catch_up` runs are due at once, the latest; those before them are given
    up for good. A run that was interrupted is due again; one that failed or was stopped is if `retry_failed` says so.
    """
    if not plan.is_running:
        return Due()
    again = {
        _time(execution.scheduled_time)
        for execution in known.executions
        if _is_due_again(execution, retry_failed=retry_failed)
    }
    missed = list(_not_begun(plan, known, now))
    kept = missed[-plan.entry.catch_up :] if plan.entry.catch_up else []
    return Due(tuple(sorted(again | set(kept))), len(missed) - len(kept))


def overdue_since(plan: Plan, known: Executions, now: datetime) -> datetime | None:
    """When the last run came to its end whole, or when the schedule began, if that is more than two periods ago; else None.

    A run counts from its scheduled time. Nothing is overdue of a schedule that is stopped or runs once.
    """
    if plan.clock is None or not plan.is_running:
        return None
    whole = times_of([execution for execution in known.executions if execution.status.is_of_a_whole_run])
    last = max(whole, default=_beginning(plan, plan.clock, known))
    allowed = PERIODS_UNTIL_OVERDUE * plan.clock.period(now) + plan.delay
    return last if now - last > allowed else None


def _not_begun(plan: Plan, known: Executions, now: datetime) -> Iterator[datetime]:
    latest = now - plan.delay
    if plan.clock is None:
        if not known.executions:
            yield plan.starts or _time(known.since)
        return
    begun = times_of(known.executions) + [_time(time) for time in (known.without_data,) if time]
    after = max(begun, default=_beginning(plan, plan.clock, known) - A_MOMENT)
    yield from plan.clock.times(after, latest)


def _beginning(plan: Plan, clock: Clock, known: Executions) -> datetime:
    return plan.starts or clock.latest(_time(known.since) - plan.delay)


def _is_due_again(execution: Execution, *, retry_failed: bool) -> bool:
    if execution.status is ExecutionStatus.PENDING:
        return True
    return retry_failed and execution.status in (ExecutionStatus.FAILED, ExecutionStatus.STOPPED)


def times_of(executions: Sequence[Execution]) -> list[datetime]:
    """The scheduled times of some runs."""
    return [_time(execution.scheduled_time) for execution in executions]


def _time(text: str) -> datetime:
    time = parse_time(text)
    if time is None:
        raise BadDocument(f"the executions have the time {text!r}; it has to be one such as 2026-01-31T22:00:00Z")
    return time


# Who watches the runs: a schedule whose runs don't come says so by its sinks.


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
