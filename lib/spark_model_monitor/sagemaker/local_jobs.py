"""Starts our jobs as local processes, and records each job in a JSON file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

import spark_model_monitor
from spark_model_monitor.data.records.windows import parse_hour_of_path
from spark_model_monitor.errors import MESSAGE, BadConfiguration, BadInput, MonitorError
from spark_model_monitor.integrations.imports.descriptions import ApiAnswer, ApiMembers
from spark_model_monitor.machine import ProcessIdentity, current_machine
from spark_model_monitor.running.product_layout import Layout
from spark_model_monitor.running.runtime.status import SUCCESSFUL
from spark_model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput, ProcessingOutput
from spark_model_monitor.sagemaker.monitoring_files import exists_here, home, locate, read_text
from spark_model_monitor.storage import LocalStorage, get_storage, join, write_text
from spark_model_monitor.value_class import value_class

PATHS = (
    "dataset_source",
    "output_path",
    "ground_truth_source",
    "baseline_constraints",
    "baseline_statistics",
    "record_preprocessor_script",
    "post_analytics_processor_script",
    "MODEL_MONITOR_ANALYSIS_CONFIG",
)
"""Variables of jobs that are paths or URIs. Descriptions have them unchanged; jobs get absolute paths."""


_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}")  # the API doesn't allow '_' and '.', and at most 63 characters
_TIME_SUFFIX = "Time"  # the end of names of the API's members that are times,
_DURATION_MEMBERS = (
    "DataAnalysisStartTime",
    "DataAnalysisEndTime",
)  # except these, which may be a duration before the run


def now() -> datetime:
    """The present time in UTC."""
    return current_machine().now()


@value_class
class ApiRecords:
    """The records of one kind, in a folder below the home folder: a JSON file for each record, with the record's name."""

    kind: str

    def find_path(self, name: str, suffix: str = ".json") -> Path:
        """The file of a record. Raises BadConfiguration for an invalid name."""
        # The name becomes a part of a path, so "../x" would leave the home folder
        if not _NAME.fullmatch(name):
            raise BadConfiguration(
                f"{name!r} is no name among the {self.kind}; write letters, digits, '-', '_' and '.', a letter or digit "
                "first, 200 at most"
            )
        # An existing record keeps its spelling, because the service compares names without case
        existing = (existing for existing in self.list_names() if existing.lower() == name.lower())
        return home() / self.kind / f"{next(existing, name)}{suffix}"

    def exists(self, name: str) -> bool:
        """Whether there is a record with this name."""
        return self.find_path(name).is_file()

    def list_names(self) -> list[str]:
        """The names of the existing records."""
        return sorted(path.stem for path in (home() / self.kind).glob("*.json") if _NAME.fullmatch(path.stem))

    def read(self, name: str) -> ApiMembers:
        """The content of a record.

        Raises BadInput, with a list of the existing records, if there is none with this name.
        """
        if not self.exists(name):
            existing_names = ", ".join(self.list_names()) or "none"
            raise BadInput(
                f"there is none called {name!r} among the {self.kind} of {home()}; there are: {existing_names}"
            )
        text = self.find_path(name).read_text(encoding="utf-8")
        return dict(json.loads(text, object_hook=_parse_times))

    def write(self, name: str, content: ApiAnswer) -> None:
        """Store a record.

        Raises OutputFailed if it can't be written.
        """
        text = json.dumps(content, indent=2, ensure_ascii=False, default=datetime.isoformat)
        write_text(self.find_path(name), f"{text}\n")

    def delete(self, name: str, suffix: str = ".json") -> None:
        """Remove a record; nothing happens if there is none."""
        self.find_path(name, suffix).unlink(missing_ok=True)


SCHEDULES = ApiRecords("schedules")
JOBS = ApiRecords("jobs")
EXECUTIONS = ApiRecords("executions")


def _parse_times(members: ApiMembers) -> ApiMembers:
    for name, value in members.items():
        if name.endswith(_TIME_SUFFIX) and name not in _DURATION_MEMBERS and isinstance(value, str):
            members[name] = datetime.fromisoformat(value)
    return members


ARN = "arn:aws:sagemaker:local:000000000000"  # the beginning of the ARNs of schedules and jobs, before their names

# `ProcessingJobStatus`
IN_PROGRESS = "InProgress"
COMPLETED = "Completed"
FAILED = "Failed"
STOPPED = "Stopped"

_SUCCESS_STATUSES = tuple(map(int, SUCCESSFUL))  # with --fail-on, a completed job may end with 4 or 5

_TERMINATED = (143, -15)
_POLL_SECONDS = 0.2
_MAX_MESSAGE_LENGTH = 1024  # characters of ExitMessage and FailureReason, as in the API

_running: dict[str, subprocess.Popen[bytes]] = {}


class JobFailed(MonitorError):
    """A job that was waited for did not complete; the text is its own exit message.

    Examples
    --------
    >>> from spark_model_monitor.sagemaker import JobFailed
    >>> issubclass(JobFailed, Exception)
    True
    """


_MOUNTS = {
    "baseline_constraints": ("constraints", "baseline/constraints"),
    "baseline_statistics": ("baseline", "baseline/stats"),
    "record_preprocessor_script": ("record_preprocessor_script_input", "code/preprocessing"),
    "post_analytics_processor_script": ("post_analytics_processor_script_input", "code/postprocessing"),
    "MODEL_MONITOR_ANALYSIS_CONFIG": ("analysis_config", "input/config"),
    "ground_truth_source": ("groundtruth_input_1", "groundtruth"),
}
"""By variable: the service's name and folder of a job's input, except the input with the data. Source: C1.3."""


def list_inputs(name: str, variables: Mapping[str, str]) -> list[ProcessingInput]:
    """The inputs of a job: baseline, scripts, configuration and labels, and last its data. name: the name of the data's input.

    The service's answers to DescribeProcessingJob have this order for a merge and for model quality, and notebooks rely on it.
    The position of scripts in the service's answers is unknown.
    """
    data = ProcessingInput(variables["dataset_source"], str(CONTAINER / "input"), name)
    further_inputs = [
        ProcessingInput(variables[variable], str(CONTAINER / folder), input_name)
        for variable, (input_name, folder) in _MOUNTS.items()
        if variables.get(variable)
    ]
    return [*further_inputs, data]


def start(
    job: str,
    name: str,
    variables: Mapping[str, str],
    inputs: Sequence[ProcessingInput],
    request: ApiAnswer | None = None,
) -> str:
    """Start one of our jobs under a name, and record it in the API's form; returns its process, a `ProcessIdentity` as text.

    job: baseline, monitor or merge. variables: the job's variables. request: the API's members with which the job was created,
    for its description.
    """
    message_path = join(variables["output_path"], MESSAGE)
    # The message of an earlier run is deleted: if the exit status is unknown, the message shows how the job ended
    if exists_here(message_path):
        LocalStorage().delete(locate(message_path))
    log = JOBS.find_path(name, ".log")
    # The first job of a home folder creates the subfolder
    log.parent.mkdir(parents=True, exist_ok=True)
    # Variables that are paths are translated, because an s3:// URI may stand for a local folder
    job_variables = {name: locate(text) if name in PATHS else text for name, text in variables.items()}
    with log.open("wb") as lines:
        _running[name] = subprocess.Popen(
            [sys.executable, "-m", "spark_model_monitor", job],
            # The job's variables have priority over the notebook's environment
            env={**os.environ, "PYTHONPATH": Layout.here().python_path(os.environ), **job_variables},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    # Recorded after the start, so that there is no record if the process can't be started
    description = {**_describe_job(name, variables, inputs), **(request or {})}
    process = str(current_machine().process(_running[name].pid))
    JOBS.write(name, {"Description": description, "Process": process, "OutputPath": variables["output_path"]})
    return process


def describe(name: str) -> ApiMembers:
    """The present answer of the API's DescribeProcessingJob for a job.

    Raises BadInput if there is no such job.
    """
    record = JOBS.read(name)
    description: ApiMembers = record["Description"]
    # The description of a job that has ended doesn't change
    if description["ProcessingJobStatus"] != IN_PROGRESS or _is_running(name, record["Process"]):
        return description
    # The first call after the job's end records the outcome, and the time of this call as the end
    description = {**description, **_read_outcome(name, record["OutputPath"]), "ProcessingEndTime": now()}
    status = None
    # Only the parent process knows the exit status; other processes know the message
    if name in _running:
        status = _running[name].returncode
    JOBS.write(name, {**record, "Description": description, "ExitStatus": status})
    _running.pop(name, None)
    return description


def wait(name: str, out: TextIO | None = None) -> ApiMembers:
    """Wait until a job has ended; returns its description. out: gets the job's log meanwhile.

    Raises JobFailed if the job did not complete.
    """
    with JOBS.find_path(name, ".log").open(encoding="utf-8", errors="replace") as lines:
        while True:
            # Described before the log is read, so that the last lines of a job that ends now are also written
            description = describe(name)
            if out is not None:
                out.write(lines.read())
            if description["ProcessingJobStatus"] != IN_PROGRESS:
                break
            time.sleep(_POLL_SECONDS)
    if description["ProcessingJobStatus"] != COMPLETED:
        raise JobFailed(f"the job {name} is {description['ProcessingJobStatus']}: {description.get('ExitMessage', '')}")
    return description


def stop(name: str) -> None:
    """End a job that is running. Nothing happens if the job has ended."""
    if describe(name)["ProcessingJobStatus"] == IN_PROGRESS:
        # The job may end before the signal
        with suppress(ProcessLookupError):
            os.kill(ProcessIdentity.read(JOBS.read(name)["Process"]).number, 15)
        # That the job was stopped isn't an error here
        with suppress(JobFailed):
            wait(name)


def move_reports(name: str, output: str) -> None:
    """Move a merge's reports to the job's record, because in the service a folder of merged records has no other files."""
    storage = get_storage(output)
    # All files are listed first, because deleting while walking may skip files
    for file in [*storage.walk(output, hidden=True)]:
        # Files outside yyyy/mm/dd/hh folders are reports
        if parse_hour_of_path(file.path) is None:
            relative = file.path.partition(output.rstrip("/"))[2]
            LocalStorage().write(str(JOBS.find_path(f"{name}.merge", relative)), storage.read(file.path))
            storage.delete(file.path)


def _is_running(name: str, process: str) -> bool:
    # `poll` also removes the ended child process
    if name in _running:
        return _running[name].poll() is None
    # Another process started the job
    return bool(current_machine().is_alive(ProcessIdentity.read(process)))


def _read_outcome(name: str, output_path: str) -> ApiMembers:
    """Status and message of a job that has ended: from its exit status or, if that is unknown, from its message."""
    try:
        message = read_text(join(output_path, MESSAGE), None).strip()
    # A job that was killed, for example because memory ran out, leaves no message
    except MonitorError:
        message = _read_last_line(name)
    status = None
    if name in _running:
        status = _running[name].returncode
    has_completed = status in _SUCCESS_STATUSES
    if status is None:
        # The message was written by this job, because the message of an earlier run was deleted at the start
        has_completed = message.startswith(COMPLETED)
    # The API's limit for ExitMessage, in characters
    message = message[:_MAX_MESSAGE_LENGTH]
    if has_completed:
        return {"ProcessingJobStatus": COMPLETED, "ExitMessage": message}
    reason = f"AlgorithmError: {message}"[:_MAX_MESSAGE_LENGTH]  # the service's words (C1.6)
    end_status = STOPPED if status in _TERMINATED else FAILED
    return {"ProcessingJobStatus": end_status, "ExitMessage": message, "FailureReason": reason}


def _read_last_line(name: str) -> str:
    """The last line of the log, for a job that ended before it could leave a message."""
    lines = JOBS.find_path(name, ".log").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it left no message")


def _describe_job(name: str, variables: Mapping[str, str], inputs: Sequence[ProcessingInput]) -> ApiMembers:
    started = now()
    output = ProcessingOutput(str(CONTAINER / "output"), variables["output_path"], "monitoring_output")
    resources = {
        "InstanceCount": 1,
        "InstanceType": "ml.t3.medium",
        "VolumeSizeInGB": 1,
    }  # the API requires these members
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"{ARN}:processing-job/{name}",
        "ProcessingJobStatus": IN_PROGRESS,
        "ProcessingInputs": [processing_input.request() for processing_input in inputs],
        "ProcessingOutputConfig": {"Outputs": [output.request()]},
        "ProcessingResources": {"ClusterConfig": resources},
        "AppSpecification": {"ImageUri": f"spark-model-monitor:{spark_model_monitor.__version__}"},
        "Environment": dict(variables),
        "CreationTime": started,
        "ProcessingStartTime": started,
    }


def parse_job_arn(arn: str) -> str:
    """The name of the job with an ARN.

    Raises BadInput if the ARN isn't that of a job.
    """
    _, separator, name = arn.partition(":processing-job/")
    if not separator:
        raise BadInput(f"{arn!r} is no processing job; its ARN has :processing-job/ in it")
    return name
