"""Which runs of a schedule are due, and whether it is overdue. Decisions alone: nothing is run or written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from spark_model_monitor.data.records.windows import A_MOMENT
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Executions, ExecutionStatus
from spark_model_monitor.running.scheduling.record import RUNNING_STATUSES, Clock, Record, read_time, scheduled_times
from spark_model_monitor.running.scheduling.schedule_plan import Plan
from spark_model_monitor.running.scheduling.schedules import CrontabTimes
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

PERIODS_UNTIL_OVERDUE = 2


@value_class
class DueRuns:
    """The runs that are due.

    times: their scheduled times, oldest first.
    given_up: the number of older runs that are given up as too many.
    """

    times: tuple[datetime, ...] = ()
    given_up: int = 0


def find_due_runs(plan: Plan, past: Executions, now: datetime, *, retry_failed: bool = False) -> DueRuns:
    """Every time since the schedule began whose run has not started, up to `now` minus the plan's delay.

    A schedule begins at `starts`, otherwise with the time before its first check, whose window was complete by then; runs
    before the first data count as done. At most `catch_up` runs are due at once: the latest. Earlier runs are given up
    for good. A run that was stopped from outside is due again; a run that failed or took too long is due again only with
    `retry_failed`. While a job continues whose run-due was killed, later runs wait, because they need its results.
    """
    if not plan.is_running:
        return DueRuns()
    statuses = {ExecutionStatus.PENDING}
    if retry_failed:
        statuses |= {ExecutionStatus.FAILED, ExecutionStatus.STOPPED}
    # Runs without a result are repeated
    repeated_times = scheduled_times([execution for execution in past.executions if execution.status in statuses])
    # After a long pause only the latest runs are caught up: old alarms help nobody
    missed_times = list(_list_missed_times(plan, past, now))
    given_up = max(0, len(missed_times) - plan.entry.catch_up)
    # Runs are in order, because each window is compared with the history that earlier runs left
    running_times = scheduled_times(
        [execution for execution in past.executions if execution.status in RUNNING_STATUSES]
    )
    times = sorted({*repeated_times, *missed_times[given_up:]})
    if running_times:
        times = [time for time in times if time < min(running_times)]
    return DueRuns(tuple(times), given_up)


def iterate_due_times(plan: Plan, record: Record, now: Clock, *, retry_failed: bool = False) -> Iterator[datetime]:
    """Due times, oldest first, including times that become due meanwhile. retry_failed: also the times of runs that failed or
    took too long.

    The times end with a run that was stopped, which the next call repeats: later windows need the history that it leaves.
    """
    past = record.executions
    if retry_failed:
        past = past.model_copy(update={"executions": tuple(record.read_all())})
    due = find_due_runs(plan, past, now(), retry_failed=retry_failed)
    if due.given_up:
        log.warning("%s: %d past runs are skipped; catch_up is %d", plan.name, due.given_up, plan.entry.catch_up)
    repeated_statuses = {ExecutionStatus.PENDING}
    if retry_failed:
        repeated_statuses.add(ExecutionStatus.STOPPED)
    # A failed run is retried once a call, so that this ends
    while due.times:
        for time in due.times:
            yield time
            if record.read_status(time) in repeated_statuses:
                log.warning(
                    "%s: the run of %s was stopped; the next call repeats it, before later ones",
                    plan.name,
                    format_moment(time),
                )
                return
        due = find_due_runs(plan, record.executions, now())


def find_overdue_start(plan: Plan, past: Executions, now: datetime) -> datetime | None:
    """The last time a run completed, or the schedule's start, if that is more than two periods ago; otherwise None.

    A run counts from its scheduled time. A run in the future, from a clock that was ahead, doesn't count. A schedule that is
    stopped or runs once is never overdue.
    """
    if plan.clock is None or not plan.is_running:
        return None
    times = scheduled_times([execution for execution in past.executions if execution.status.has_completed])
    last_time = max(_select_past_times(now, times), default=_find_first_time(plan, plan.clock, past, now))
    allowed_delay = PERIODS_UNTIL_OVERDUE * plan.clock.period(now) + plan.delay
    if now - last_time > allowed_delay:
        return last_time
    return None


def _list_missed_times(plan: Plan, past: Executions, now: datetime) -> Iterator[datetime]:
    """The times since the schedule began of which no run is recorded, oldest first."""
    begun_times = scheduled_times(past.executions)
    # Runs before the first data aren't recorded, but for the last one's time
    if past.without_data:
        begun_times.append(read_time(past.without_data))
    if plan.clock is None:
        single_time = plan.starts or read_time(past.since)
        if single_time > max(begun_times, default=single_time - A_MOMENT):
            yield single_time
        return
    # A run recorded by a clock that was ahead must not suppress the runs until its time
    after = max(_select_past_times(now, begun_times), default=_find_first_time(plan, plan.clock, past, now) - A_MOMENT)
    yield from (time for time in plan.clock.times(after, now - plan.delay) if time not in begun_times)


def _select_past_times(now: datetime, times: Sequence[datetime]) -> list[datetime]:
    return [time for time in times if time <= now]


def _find_first_time(plan: Plan, clock: CrontabTimes, past: Executions, now: datetime) -> datetime:
    return plan.starts or clock.latest(min(read_time(past.since), now) - plan.delay)
