"""Which runs of a schedule are due, and whether runs are overdue, from its plan and the runs that were. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from model_monitor.data.records.windows import parse_time
from model_monitor.documents.schedule import Execution, Executions, ExecutionStatus
from model_monitor.errors import BadDocument
from model_monitor.schedules import Clock
from model_monitor.scheduling.plan import A_MOMENT, Plan

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
