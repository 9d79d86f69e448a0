"""The jobs of an imported schedule: their variables and env files, the schedule's entry, and an Airflow DAG."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TypeAlias

from jinja2 import Environment

from spark_model_monitor.data.records.windows import HOUR_NAME
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.run_description import AnalysisType
from spark_model_monitor.documents.schedule import Schedule, ScheduledJob, ScheduledWindow, ScheduleStatus
from spark_model_monitor.integrations.imports.descriptions import Definition, ScheduleDescription
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.offsets import read_offset
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.scheduling.schedules import DAY_HOURS, Recurrence
from spark_model_monitor.value_class import value_class

Texts: TypeAlias = Mapping[str, str]  # of variables or options, by name
_COMPAT = variable_name("compat", OPTIONS["compat"])


def format_env_file(title: str, variables: Texts, missing: Texts) -> str:
    """The text of an env file. missing: variables for the user to fill in, each with where to find its value."""
    lines = [f"# {title}", *(f"{name}={_quote(value)}" for name, value in variables.items())]
    # Missing variables are comments
    for name, where in missing.items():
        lines += ["", f"# To fill in; {where}", f"# {name}="]
    compat_remark = "# Alarms as the service had them, to the digit; remove the # for as long as you want that."
    return "\n".join([*lines, "", compat_remark, f"# {_COMPAT}=service", ""])


def _quote(value: str) -> str:
    """The value in single quotes, in which # and $ are no special characters."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_ANALYSES = {
    "DataQuality": AnalysisType.DATA_QUALITY,
    "ModelQuality": AnalysisType.MODEL_QUALITY,
    "ModelBias": AnalysisType.MODEL_BIAS,
    "ModelExplainability": AnalysisType.MODEL_EXPLAINABILITY,
}
MODEL = variable_name("model", OPTIONS["model"])
_WITH_GROUND_TRUTH = ("ModelQuality", "ModelBias")
_CAPTURE_NAMES = {"ModelQuality": ["endpointOutput"], "ModelBias": ["endpointInput", "endpointOutput"]}


@value_class
class JobVariables:
    """The variables of one job.

    Attributes
    ----------
    job: The job's name.
    variables: The texts of its variables, by name.
    missing: Variables that the description lacks, each with where to find its value.
    unused: Variables of the description's Environment that our jobs don't read.
    output_folder: As in `ScheduledJob`.
    """

    job: str
    variables: Texts
    missing: Texts
    unused: tuple[str, ...] = ()
    output_folder: str | None = None


def build_jobs(
    definition: Definition,
    schedule: str,
    captures: str | None,
    window: ScheduledWindow | None = None,
    merge_folders: Collection[str] = (),
) -> tuple[JobVariables, ...]:
    """The jobs of one run of a schedule, in order.

    captures: the prefix of the endpoints' captures, None if unknown. window: the window of a run, relative to its scheduled
    time; None if unknown. merge_folders: the folders of other schedules, because two merges can't write to the same folder.
    Source: C1.1, C1.2, C1.3, C1.5, C2, C3.2.
    """
    # Variables that a merge and a monitoring job share
    source = definition.source
    common: dict[str, str] = {}
    if definition.kms_key:
        common = {"s3_encryption": "SSE-KMS", "s3_kms_key": definition.kms_key}
    if window is not None:
        common |= {"start_time_offset": window.start_offset, "end_time_offset": window.end_offset}
    results_folder = schedule
    if source.endpoint:
        results_folder = f"{source.endpoint}/{schedule}"
    # The data: results of a batch transform, or captures of an endpoint
    missing: dict[str, str] = {}
    if source.transform_prefix:
        data_path = f"{source.transform_prefix.rstrip('/')}/output"
        dataset_format = json.dumps(source.transform_format)
        common["manifest_root"] = _get_outputs_folder(source.transform_prefix)
    else:
        data_path = ""
        dataset_format = json.dumps({"sagemakerCaptureJson": {}})
        if captures and source.endpoint:
            data_path = f"{captures.rstrip('/')}/{source.endpoint}"
        else:
            missing["dataset_source"] = (
                f"the captures of the endpoint {source.endpoint}: give the output of aws sagemaker describe-endpoint "
                "as well, or --captures PREFIX"
            )
    # The monitoring job, which is the only job unless labels are merged first
    monitoring_variables = {
        "analysis_type": _ANALYSES[definition.monitoring_type].value,
        "dataset_source": data_path,
        "dataset_format": dataset_format,
        "output_path": f"{definition.output_uri}/{results_folder}",
        **common,
        **_get_baseline_variables(definition, missing),
        **definition.settings,
        "sagemaker_endpoint_name": source.endpoint or "",
        "sagemaker_monitoring_schedule_name": schedule,
        **source.attributes,
    }
    if definition.monitoring_type == "ModelExplainability" and MODEL not in definition.environment:
        missing[MODEL] = "the model that is explained: its file, its address or module:function"
    if definition.monitoring_type not in _WITH_GROUND_TRUTH:
        return (_build_job(monitoring_variables, missing, definition),)
    # The merge writes the records that the monitoring job then reads instead of the captures
    merged_folder = f"{definition.output_uri}/merge/{source.endpoint or schedule}"
    if merged_folder in merge_folders:
        merged_folder = f"{definition.output_uri}/merge/{schedule}"
    capture_names = _CAPTURE_NAMES[definition.monitoring_type]
    if source.transform_prefix:
        capture_names = ["batchTransformOutput"]
    merge_variables = {
        "dataset_source": data_path,
        "ground_truth_source": definition.ground_truth or "",
        "output_path": merged_folder,
        **common,
    }
    monitoring_variables |= {
        "dataset_source": merged_folder,
        "dataset_format": json.dumps({"sagemakerMergeJson": {"captureIndexNames": capture_names}}),
    }
    # The merge reads the captures, so their missing location is reported for the merge
    merge_missing = {}
    if "dataset_source" in missing:
        merge_missing["dataset_source"] = missing.pop("dataset_source")
    if not definition.ground_truth:
        merge_missing["ground_truth_source"] = "the prefix of the ground truth; the description does not name it"
    return (
        JobVariables("merge", _name_variables(merge_variables), merge_missing),
        _build_job(monitoring_variables, missing, definition),
    )


def _get_outputs_folder(captures: str) -> str:
    """The folder that may contain a transform's outputs, by the prefix of its captures: the bucket, or the parent folder."""
    scheme, separator, path = captures.partition("://")
    # On an object store a manifest may name any key of the bucket
    if separator and scheme != "file":
        return f"{scheme}://{path.partition('/')[0]}"
    return captures.rstrip("/").rpartition("/")[0] or "/"


def _build_job(texts: Texts, missing: Texts, definition: Definition) -> JobVariables:
    option_variables = {variable_name(option, OPTIONS[option]) for option in OPTIONS}
    # Members of the definition have priority over variables of the same name
    environment = {key: text for key, text in definition.environment.items() if key not in texts}
    # Sorted, so that a second import writes the same files
    unused = tuple(sorted(environment.keys() - option_variables))
    return JobVariables("monitor", _name_variables({**texts, **environment}), missing, unused, HOUR_NAME)


def _name_variables(texts: Texts) -> dict[str, str]:
    """The variables with a text, by the names that our jobs use."""
    variables: dict[str, str] = {}
    for name, text in texts.items():
        if name in OPTIONS:
            name = variable_name(name, OPTIONS[name])
        if text:
            variables[name] = text
    return variables


def _get_baseline_variables(definition: Definition, missing: dict[str, str]) -> dict[str, str]:
    if definition.constraints is None:
        advice = "the description names no baseline; make one with jobs/baseline.py"
        if definition.baselining_job:
            advice = (
                f"the results of the baselining job {definition.baselining_job}: constraints.json at the output path that it "
                "was given"
            )
        missing["baseline_constraints"] = advice
        return {}
    return {"baseline_constraints": definition.constraints, "baseline_statistics": definition.statistics or ""}


_ANY_HOUR = Recurrence(0, DAY_HOURS)
"""The recurrence of a schedule without an expression, which the service runs daily at an hour of its choice (C10a)."""


def build_entry(
    schedule: ScheduleDescription, definition: Definition, jobs: Sequence[JobVariables], env_files: Texts
) -> Schedule:
    """The schedule entry. env_files: the file of each job's variables, by the job's name.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    """
    recurrence = get_recurrence(schedule)
    scheduled_jobs = [
        ScheduledJob(job=job.job, env_file=env_files[job.job], output_folder=job.output_folder) for job in jobs
    ]
    return Schedule(
        name=schedule.name,
        monitoring_type=definition.monitoring_type,
        status=ScheduleStatus(schedule.status),
        schedule_expression=schedule.expression,
        cron=recurrence.cron if recurrence else None,
        window=get_window(schedule, definition),
        max_runtime_seconds=definition.max_runtime_seconds,
        jobs=tuple(scheduled_jobs),
    )


def get_window(schedule: ScheduleDescription, definition: Definition) -> ScheduledWindow:
    """The window of the given offsets; without offsets, the period before the run.

    Raises BadConfiguration for an expression or an offset that the service does not have.
    Source: C6.2b, C10b, C10c.
    """
    recurrence = get_recurrence(schedule)
    # Without offsets the service monitors the period since the last run; for a single run, the last hour
    usual_start = f"-PT{recurrence.every_hours if recurrence else 1}H"
    start = schedule.analysis_start or definition.source.start_offset or usual_start
    end = schedule.analysis_end or definition.source.end_offset or "PT0S"
    # Read only to check them, so that a wrong offset fails now and not at the first run
    read_offset(start, f"the start offset of {schedule.name}")
    read_offset(end, f"the end offset of {schedule.name}")
    return ScheduledWindow(start_offset=start, end_offset=end)


def get_recurrence(schedule: ScheduleDescription) -> Recurrence | None:
    """The recurrence of a schedule; None if it runs once, at once."""
    if schedule.expression is None:
        return _ANY_HOUR
    return Recurrence.of(schedule.expression)


OPERATORS = {"merge": "MergeOperator", "monitor": "MonitorOperator"}

OPERATOR_ARGUMENTS = {
    "merge": ("dataset_source", "ground_truth_source", "output_path"),
    "monitor": ("analysis_type", "dataset_source", "dataset_format", "output_path"),
}
"""Options that are arguments of a job's operator; other options are its flags."""

WINDOW = ("start_time_offset", "end_time_offset")  # set by length and lag

GRACE = timedelta(minutes=5)
"""Added to the job's own time limit before Airflow kills its task, so that the job can report why it ended."""

MINUTE = "10"  # the minute of the hour at which runs begin, because captures arrive late. Source: C10b, 0 to 20 minutes after it.

TEMPLATE = '''\
"""{{ monitoring_type }}, as the service's schedule {{ name | text }} had it.

Written by `spark-model-monitor import --airflow`; yours to edit. docs/airflow.md says what else operators take.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG{% if cron %}, CronTriggerTimetable{% endif %}

from spark_model_monitor.airflow import LocalSpark, {{ operators | join(", ") }}

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


def render_dag(entry: Schedule, jobs: Sequence[JobVariables], python: str) -> str:
    """The DAG's file. jobs: the entry's jobs, with their variables. python: the interpreter that has our package."""
    start, end = _read_offsets(entry.window)
    longest = entry.max_runtime_seconds
    environment = Environment(
        autoescape=False, keep_trailing_newline=True
    )  # no escaping: the text is Python, and not HTML
    environment.filters |= {"text": _format_literal, "remark": lambda value: _format_literal(value)[1:-1]}
    return environment.from_string(TEMPLATE).render(
        name=entry.name,
        monitoring_type=entry.monitoring_type,
        cron=entry.cron and " ".join([MINUTE, *entry.cron.split()[1:]]),
        is_stopped=entry.status is not ScheduleStatus.SCHEDULED,
        python=python,
        operators=sorted({OPERATORS[job.job] for job in jobs}),
        # In seconds; the operators take them as timedeltas
        length=round((end - start).total_seconds()),
        lag=round(-end.total_seconds()),
        # A little longer than the job's own limit, so that the job can still report why it stopped
        timeout=None if longest is None else longest + round(GRACE.total_seconds()),
        tasks=[_describe_task(job, longest) for job in jobs],
    )


def _format_literal(text: str) -> str:
    """A text as a literal of both Python and JSON, always on one line."""
    return json.dumps(text, ensure_ascii=False)


def _read_offsets(window: ScheduledWindow | None) -> tuple[timedelta, timedelta]:
    if window is None:
        return timedelta(hours=-1), timedelta(0)
    return read_offset(window.start_offset, "start_offset"), read_offset(window.end_offset, "end_offset")


def _describe_task(job: JobVariables, longest_seconds: int | None) -> Mapping[str, Json]:
    texts = _map_by_option(job.variables)
    arguments = OPERATOR_ARGUMENTS[job.job]
    # The job gets the limit as well, so that it stops by itself and leaves a message
    if longest_seconds is not None:
        texts["max_runtime"] = f"PT{longest_seconds}S"
    return {
        "job": job.job,
        "operator": OPERATORS[job.job],
        "arguments": {name: texts[name] for name in arguments if name in texts},
        "flags": {name: text for name, text in texts.items() if name not in (*arguments, *WINDOW)},
        "missing": {name: where for name, where in job.missing.items() if name in arguments},
        "missing_flags": {name: where for name, where in job.missing.items() if name not in arguments},
    }


def _map_by_option(variables: Texts) -> dict[str, str]:
    """The variables that our jobs read, by the names of their options; variables of scripts are left out."""
    options = {variable_name(name, option): name for name, option in OPTIONS.items()}
    return {options[variable]: text for variable, text in variables.items() if variable in options}
