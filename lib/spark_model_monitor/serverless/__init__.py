"""Monitoring in a function service, such as AWS Lambda: an event arrives, and each schedule's due windows are monitored.

    from spark_model_monitor.serverless import handler

`handler` is the function that the service calls. Two variables configure it: MODEL_MONITOR_FLEET, the path of a fleet or a
schedule entry, and MODEL_MONITOR_STATE, a folder on S3 for the records of runs. `handle` takes both as arguments.

An event only says that something may be due. The record and the store's clock determine what is due, under a lock that
all functions share, so that an event that comes twice, late or out of order starts nothing twice. Jobs run in this
process without Spark, one after the other, because such a service may have no shared memory for further processes.

`triggers.py` reads events.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from spark_model_monitor.documents.schedule import Execution
from spark_model_monitor.errors import BadConfiguration, MonitorError, OutputHeld
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.runtime.logs import start_logging
from spark_model_monitor.running.scheduling.due_runs import iterate_due_times
from spark_model_monitor.running.scheduling.fleet import Entry, read_fleet
from spark_model_monitor.running.scheduling.job_processes import Launch, Note, run_in_process
from spark_model_monitor.running.scheduling.record import Clock, Record, State, schedule_lock, utc_now
from spark_model_monitor.running.scheduling.schedule_command import watch
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand, Plan
from spark_model_monitor.running.scheduling.schedule_runs import run_jobs
from spark_model_monitor.serverless.triggers import Json, read_trigger, select_entries

__all__ = ["handle", "handler"]

log = logging.getLogger(__name__)

FLEET = "MODEL_MONITOR_FLEET"
STATE = "MODEL_MONITOR_STATE"

ENGINE = "MODEL_MONITOR_ENGINE"
CONTAINER_ROOT = "MODEL_MONITOR_CONTAINER_ROOT"

TIME_MARGIN = 2.0  # another run begins only if this many times the longest run's duration is left


class RunFailed(MonitorError):
    """A run of this call did not complete."""


class Context(Protocol):
    """The part that is used of the second argument of an AWS Lambda handler."""

    def get_remaining_time_in_millis(self) -> int: ...


def handler(event: Mapping[str, Json], context: Context | None = None) -> dict[str, list[dict[str, str]]]:
    """`handle` with the fleet and the state that the variables name. Raises as `handle`, and BadConfiguration without them."""
    missing_names = [name for name in (FLEET, STATE) if not os.environ.get(name)]
    # Report both variables at once, so that correcting them takes one deployment
    if missing_names:
        names = " and ".join(missing_names)
        raise BadConfiguration(
            f"variable {names} is missing; write the path of the fleet in {FLEET}, and a folder such as "
            f"s3://BUCKET/state in {STATE}"
        )
    return handle(event, os.environ[FLEET], os.environ[STATE], context)


def handle(
    event: Mapping[str, Json],
    fleet: str | Path,
    state: State,
    context: Context | None = None,
    *,
    launch: Launch | None = None,
    now: Clock = utc_now,
) -> dict[str, list[dict[str, str]]]:
    """Monitor the due windows of the schedules that an event concerns.

    Parameters
    ----------
    event
        An S3 event, direct or by EventBridge: the schedules whose `dataset_source` has the object. `{"schedule": NAME}`:
        that schedule. Any other event, such as that of a timer: all of them.
    fleet
        `fleet.yaml`, a folder of schedule entries, or one entry, in the function's package.
    state
        The folder of the records, such as `s3://bucket/state`, which all calls share.
    context
        The service's, whose remaining time decides whether another window begins.
    launch, now
        Run one job, and say the time; for tests. On S3 the store's time counts.

    Returns
    -------
    dict
        `runs`: each run of this call by schedule, with `scheduled_time`, `status`, `exit_message` and `output_path`.

    Raises
    ------
    RunFailed
        If a run did not complete, or one of its outputs failed, after all others: the service then counts an error. Its
        retry repeats a run that was stopped.
    OutputHeld
        If another call works on a schedule, so that the service tries again: that call may have been killed.
    """
    start_logging()
    trigger = read_trigger(event)
    schedules = select_entries(read_fleet((Path(fleet),), state=state).entries, trigger)
    runs: list[dict[str, str]] = []
    faults: list[MonitorError] = []
    for schedule in schedules:
        # An error of one schedule must not keep the other schedules from running
        try:
            for execution in _run_entry(schedule, state, _TimeLimit(context), launch or run_without_spark, now):
                runs.append(_describe_run(schedule, execution))
                if execution.outputs or not execution.status.has_completed:
                    faults.append(RunFailed(f"{schedule.name}: {runs[-1]['exit_message']}"))
        except MonitorError as fault:
            log.error("%s", fault)
            faults.append(fault)
    if faults:
        # A held schedule is tried again anyway, so a failed run is reported first
        failures = [fault for fault in faults if not isinstance(fault, OutputHeld)]
        raise (failures or faults)[0]
    return {"runs": runs}


def run_without_spark(command: JobCommand, note: Note) -> int:
    """Run a job in this process, without Spark, and return its exit status."""
    if command.words[0].startswith("-"):
        raise BadConfiguration(
            f"spark_options has {command.words[0]}; a function has no Spark, so remove it from the entry"
        )
    # CONTAINER_ROOT avoids the folder of processing jobs, which an image may have, but a function can't write to
    variables = {ENGINE: "local", CONTAINER_ROOT: str(command.folder)}
    return run_in_process(command, variables)


class _TimeLimit:
    """Limits the windows of a call to the time that the call has left."""

    def __init__(self, context: Context | None) -> None:
        self._context = context
        self._longest = timedelta(0)

    def limit(self, plan: Plan, times: Iterable[datetime]) -> Iterator[datetime]:
        """The scheduled times, as long as another run would probably end within the call's time."""
        for scheduled in times:
            # A caller without a context, such as a test, sets no limit
            if self._context is not None:
                milliseconds = self._context.get_remaining_time_in_millis()
                if timedelta(milliseconds=milliseconds) <= TIME_MARGIN * self._longest:
                    log.warning(
                        "%s: the run of %s is left to the next call, for lack of time", plan.name, scheduled.isoformat()
                    )
                    return
            start_seconds = time.monotonic()
            yield scheduled
            duration = timedelta(seconds=time.monotonic() - start_seconds)
            self._longest = max(self._longest, duration)


def _run_entry(schedule: Entry, state: State, time_left: _TimeLimit, launch: Launch, now: Clock) -> Iterator[Execution]:
    """The runs of a schedule that are due, oldest first."""
    environment = Environment()
    plan = schedule.require_ready(environment)
    with schedule_lock(state, plan.name, now) as shared_now:
        if shared_now is None:
            raise OutputHeld(f"{plan.name}: another call is working on it; call again when it has ended")
        # Read the record under the lock, so that it has the runs of all other calls
        record = Record.open(state, plan.name, shared_now)
        due_windows = iterate_due_times(plan, record, shared_now)
        for scheduled in time_left.limit(plan, due_windows):
            execution, _ = run_jobs(plan, record, scheduled, launch)
            # A first window without data was withdrawn, and doesn't count as a run
            if execution.scheduled_time != record.executions.without_data:
                yield execution
        watch(plan, record, shared_now(), environment)


def _describe_run(schedule: Entry, execution: Execution) -> dict[str, str]:
    """One run, in the form in which the caller gets it."""
    return {
        "schedule": schedule.name,
        "scheduled_time": execution.scheduled_time,
        "status": execution.status.value,
        "exit_message": execution.exit_message or "",
        "output_path": execution.output_path or "",
    }
