"""The runs of a schedule: those that are due are run when they are asked for, one after the other.

Nothing runs by itself here. A schedule's first run is for the window that was over when it was created; `NOW` runs once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

from model_monitor.errors import OutputHeld
from model_monitor.imports.descriptions import Definition, ScheduleDescription, definition_of, schedule_of
from model_monitor.imports.entry import window_of
from model_monitor.imports.variables import JobVariables, jobs_of
from model_monitor.running.scheduling.schedules import DAY_HOURS, Recurrence, read_offset
from model_monitor.sagemaker import local_jobs, records
from model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput
from model_monitor.sagemaker.locations import located
from model_monitor.storage import LocalStorage, join
from model_monitor.storage.lease import holding

log = logging.getLogger(__name__)

SCHEDULED = "Scheduled"
PATHS = (
    *("dataset_source", "output_path", "ground_truth_source", "baseline_constraints", "baseline_statistics"),
    *("record_preprocessor_script", "post_analytics_processor_script", "MODEL_MONITOR_ANALYSIS_CONFIG"),
)
"""Variables that are paths or URIs."""

_JOB_NAMES = {
    "DataQuality": "model-monitoring",
    "ModelQuality": "model-quality-monitoring",
    "ModelBias": "model-bias-monitoring",
    "ModelExplainability": "model-explainability-monitoring",
}
_MERGE_JOB = "groundtruth-merge"
"""What the names of processing jobs begin with (C1.5)."""


def run_due(name: str) -> list[dict[str, Any]]:
    """Run what is due of a schedule, and give all of its executions, the oldest first, as the API lists them.

    Of two processes that ask at the same time one runs it, and the other gets what there was.
    Raises BadInput if there is no such schedule.
    """
    record = records.read(records.SCHEDULES, name)
    schedule, definition = schedule_of(record["Schedule"]), definition_of(record["Definition"])
    place = str(records.path_of(records.SCHEDULES, name, ".running"))
    with suppress(OutputHeld), holding(LocalStorage(), place, timedelta(0)):
        for scheduled in list(_due(records.read(records.SCHEDULES, name), schedule)):
            job = _run(schedule, definition, record["CapturePrefix"], scheduled)
            record = records.read(records.SCHEDULES, name)  # the schedule may have been changed or stopped meanwhile
            record["Executions"].append({"ScheduledTime": scheduled, "ProcessingJobName": job})
            records.write(records.SCHEDULES, name, record)
    return [run_summary(each, record["Schedule"]) for each in record["Executions"]]


def run_summary(execution: Mapping[str, Any], schedule: Mapping[str, Any]) -> dict[str, Any]:
    """One of the API's MonitoringExecutionSummaries. schedule: as the API describes it."""
    description = local_jobs.describe(execution["ProcessingJobName"])
    status, message = description["ProcessingJobStatus"], description.get("ExitMessage", "")
    violated = status == local_jobs.COMPLETED and message.startswith("CompletedWithViolations")
    reason = {"FailureReason": description["FailureReason"]} if "FailureReason" in description else {}
    return {
        "MonitoringScheduleName": schedule["MonitoringScheduleName"],
        "ScheduledTime": execution["ScheduledTime"],
        "CreationTime": description["CreationTime"],
        "LastModifiedTime": description.get("ProcessingEndTime", description["CreationTime"]),
        "MonitoringExecutionStatus": "CompletedWithViolations" if violated else status,
        "ProcessingJobArn": description["ProcessingJobArn"],
        **reason,
    }


def results_of(record: Mapping[str, Any]) -> str:
    """The folder above the hour folders of a schedule's runs."""
    schedule, definition = schedule_of(record["Schedule"]), definition_of(record["Definition"])
    return jobs_of(definition, schedule.name, record["CapturePrefix"])[-1].variables["output_path"]


def _due(record: Mapping[str, Any], schedule: ScheduleDescription) -> Iterator[datetime]:
    """The times of runs that should have been by now and have not."""
    if schedule.status != SCHEDULED:
        return
    created, now = record["Schedule"]["CreationTime"], records.now()
    done = {each["ScheduledTime"] for each in record["Executions"]}
    recurrence = Recurrence.of(schedule.expression) if schedule.expression else Recurrence(0, DAY_HOURS)
    times = [created] if recurrence is None else recurrence.times(created - recurrence.period, now)
    yield from (time for time in times if time not in done)


def _run(schedule: ScheduleDescription, definition: Definition, captures: str, scheduled: datetime) -> str:
    """Run the jobs of one execution until the last or until one fails; gives the name of the last that ran."""
    jobs = jobs_of(definition, schedule.name, captures)
    window = window_of(schedule, definition)
    start = scheduled + read_offset(window.start_offset, "start_offset")
    end = scheduled + read_offset(window.end_offset, "end_offset")
    suffix = f"{scheduled:%Y%m%d%H%M}-{uuid.uuid4().hex[:24]}"
    name = ""
    for job in jobs:
        prefix = _MERGE_JOB if job.job == "merge" else _JOB_NAMES[definition.monitoring_type]
        name = f"{prefix}-{suffix}"
        variables = {**_located(job, scheduled), "start_time": _time(start), "end_time": _time(end)}
        source = ProcessingInput(variables["dataset_source"], str(CONTAINER / "input"), "endpoint_input_1")
        local_jobs.start(job.job, name, variables, [source])
        with suppress(local_jobs.JobFailed):
            local_jobs.wait(name)
        description = local_jobs.describe(name)
        log.info("%s of %s: %s", job.job, schedule.name, description["ExitMessage"])
        if description["ProcessingJobStatus"] != local_jobs.COMPLETED:
            break
    return name


def _located(job: JobVariables, scheduled: datetime) -> dict[str, str]:
    """A job's variables with paths that it opens, its results in the folder of its hour."""
    variables = {key: located(text) if key in PATHS else text for key, text in job.variables.items()}
    if job.output_folder is not None:
        variables["output_path"] = join(variables["output_path"], f"{scheduled:{job.output_folder}}")
    return variables


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
