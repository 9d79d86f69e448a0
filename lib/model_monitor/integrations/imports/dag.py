"""A schedule that was moved over: its entry, and as a DAG of Airflow to be read and edited."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from jinja2 import Environment

from model_monitor.documents.schedule import Schedule, ScheduledJob, ScheduledWindow, ScheduleStatus
from model_monitor.integrations.imports.descriptions import Definition, ScheduleDescription
from model_monitor.integrations.imports.variables import JobVariables
from model_monitor.running.configuration.contract import OPTIONS
from model_monitor.running.configuration.options import variable_of
from model_monitor.running.scheduling.schedules import DAY_HOURS, Recurrence, read_offset

AT_ITS_END = "PT0S"
_ANY_HOUR = Recurrence(0, DAY_HOURS)
"""For a schedule without an expression: the service then runs it daily, at a time that it picks (C10a)."""


def entry_of(
    schedule: ScheduleDescription, definition: Definition, jobs: Sequence[JobVariables], env_files: Mapping[str, str]
) -> Schedule:
    """The entry. env_files: the file of each job's variables by the job's name.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    """
    recurrence = _recurrence(schedule)
    return Schedule(
        name=schedule.name,
        monitoring_type=definition.monitoring_type,
        status=ScheduleStatus(schedule.status),
        schedule_expression=schedule.expression,
        cron=recurrence.cron if recurrence else None,
        window=window_of(schedule, definition),
        max_runtime_seconds=definition.max_runtime_seconds,
        jobs=tuple(
            ScheduledJob(job=job.job, env_file=env_files[job.job], output_folder=job.output_folder) for job in jobs
        ),
    )


def window_of(schedule: ScheduleDescription, definition: Definition) -> ScheduledWindow:
    """The offsets that were given; without them the period before the run.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    Source: C6.2b, C10b, C10c.
    """
    recurrence = _recurrence(schedule)
    before = f"-PT{recurrence.every_hours if recurrence else 1}H"
    start = schedule.analysis_start or definition.source.start_offset or before
    end = schedule.analysis_end or definition.source.end_offset or AT_ITS_END
    read_offset(start, f"the start offset of {schedule.name}")
    read_offset(end, f"the end offset of {schedule.name}")
    return ScheduledWindow(start_offset=start, end_offset=end)


def _recurrence(schedule: ScheduleDescription) -> Recurrence | None:
    return _ANY_HOUR if schedule.expression is None else Recurrence.of(schedule.expression)


# A schedule that was moved over as a DAG of Airflow, to be read and edited: docs/airflow.md. Pure; Airflow is not
# needed.


OPERATORS = {"merge": "MergeOperator", "monitor": "MonitorOperator"}

SAID_BY_ARGUMENTS = {
    "merge": ("dataset_source", "ground_truth_source", "output_path"),
    "monitor": ("analysis_type", "dataset_source", "dataset_format", "output_path"),
}
"""Options that are arguments of a job's operator; the others are its flags."""

WINDOW = ("start_time_offset", "end_time_offset")
"""Said by length and lag."""

GRACE = timedelta(minutes=5)
"""After its longest run time, for a job that hangs before its own clock begins or while it ends."""

MINUTE = "10"
"""Of the hour, at which runs begin: captures are delivered late. Source: C10b, 0 to 20 minutes after it."""

TEMPLATE = '''\
"""{{ monitoring_type }}, as the service's schedule {{ name | text }} had it.

Written by `model-monitor import --airflow`; yours to edit. docs/airflow.md says what else operators take.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG{% if cron %}, CronTriggerTimetable{% endif %}

from model_monitor.airflow import LocalSpark, {{ operators | join(", ") }}

with DAG(
    {{ name | text }},
{%- if cron %}
    schedule=CronTriggerTimetable({{ cron | text }}, timezone="UTC"),
{%- else %}
    schedule=None,  # the service ran it once, at once
{%- endif %}
    start_date=datetime(2024, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation={{ is_stopped }},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
):
    where = LocalSpark(python={{ python | text }})  # or SparkConnection, EmrCluster, EmrServerless
{%- for task in tasks %}
    {{ task.job }} = {{ task.operator }}(
        task_id={{ task.job | text }},
        where=where,
{%- for argument, value in task.arguments.items() %}
        {{ argument }}={{ value | text }},
{%- endfor %}
{%- for name, place in task.missing.items() %}
        {{ name }}=None,  # to fill in: {{ place | remark }}
{%- endfor %}
{%- if task.job == "monitor" %}
        baseline=None,
{%- endif %}
        length=timedelta(seconds={{ length }}),
        lag=timedelta(seconds={{ lag }}),
{%- if timeout %}
        execution_timeout=timedelta(seconds={{ timeout }}),
{%- endif %}
        flags={
{%- for name, value in task.flags.items() %}
            {{ name | text }}: {{ value | text }},
{%- endfor %}
{%- for name, place in task.missing_flags.items() %}
            # to fill in: {{ name }}; {{ place | remark }}
{%- endfor %}
        },
    )
{%- endfor %}
{%- if tasks | length > 1 %}
    {{ tasks | map(attribute="job") | join(" >> ") }}
{%- endif %}
'''


def dag_text(entry: Schedule, jobs: Sequence[JobVariables], python: str) -> str:
    """The DAG's file. jobs: those of the entry, with their variables. python: the interpreter that has our package."""
    start, end = _offsets(entry.window)
    longest = entry.max_runtime_seconds
    environment = Environment(autoescape=False, keep_trailing_newline=True)  # Python, in which & means itself
    environment.filters |= {"text": _literal, "remark": lambda value: _literal(value)[1:-1]}
    return environment.from_string(TEMPLATE).render(
        name=entry.name,
        monitoring_type=entry.monitoring_type,
        cron=entry.cron and " ".join([MINUTE, *entry.cron.split()[1:]]),
        is_stopped=entry.status is not ScheduleStatus.SCHEDULED,
        python=python,
        operators=sorted({OPERATORS[job.job] for job in jobs}),
        length=round((end - start).total_seconds()),
        lag=round(-end.total_seconds()),
        timeout=None if longest is None else longest + round(GRACE.total_seconds()),
        tasks=[_task(job, longest) for job in jobs],
    )


def _literal(text: str) -> str:
    """A text as Python and JSON both have it, on one line whatever is in it."""
    return json.dumps(text, ensure_ascii=False)


def _offsets(window: ScheduledWindow | None) -> tuple[timedelta, timedelta]:
    if window is None:
        return timedelta(hours=-1), timedelta(0)
    return read_offset(window.start_offset, "start_offset"), read_offset(window.end_offset, "end_offset")


def _task(job: JobVariables, longest_seconds: int | None) -> Mapping[str, object]:
    told = _by_option(job.variables)
    arguments = SAID_BY_ARGUMENTS[job.job]
    if longest_seconds is not None:
        told["max_runtime"] = f"PT{longest_seconds}S"
    return {
        "job": job.job,
        "operator": OPERATORS[job.job],
        "arguments": {name: told[name] for name in arguments if name in told},
        "flags": {name: text for name, text in told.items() if name not in (*arguments, *WINDOW)},
        "missing": {name: where for name, where in job.missing.items() if name in arguments},
        "missing_flags": {name: where for name, where in job.missing.items() if name not in arguments},
    }


def _by_option(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that our jobs read, by the names of their options; scripts' own variables are none of these."""
    options = {variable_of(name, option): name for name, option in OPTIONS.items()}
    return {options[variable]: text for variable, text in variables.items() if variable in options}
