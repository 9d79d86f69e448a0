"""Our jobs as local processes, and their records between calls: a JSON file for each."""

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
from spark_model_monitor.storage import LocalStorage, join, storage_of, write_text
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
"""Variables of jobs that are paths or URIs: descriptions have them as given, and jobs as absolute paths."""


_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,199}")  # more than the API's, which has no '_' and '.', and 63 of them
_OF_A_TIME = "Time"  # the ending of the API's members that are times
_AS_GIVEN = ("DataAnalysisStartTime", "DataAnalysisEndTime")
"""… except these, which may be a time or a duration before the run."""


def now() -> datetime:
    """The time, in UTC."""
    return current_machine().now()


@value_class
class ApiRecords:
    """The records of one kind, below the home folder: a JSON file for each, by its name."""

    kind: str

    def find_path(self, name: str, suffix: str = ".json") -> Path:
        """The file of one record. Raises BadConfiguration for a name that is invalid or leads elsewhere."""
        # The name becomes part of a path; "../x" would leave the home folder
        if not _NAME.fullmatch(name):
            raise BadConfiguration(
                f"{name!r} is no name among the {self.kind}; write letters, digits, '-', '_' and '.', a letter or digit "
                "first, 200 at most"
            )
        # As an existing record spells it: of the service's names two that differ in capitals alone are one
        existing = (existing for existing in self.list_names() if existing.lower() == name.lower())
        return home() / self.kind / f"{next(existing, name)}{suffix}"

    def exists(self, name: str) -> bool:
        """Whether there is such a record."""
        return self.find_path(name).is_file()

    def list_names(self) -> list[str]:
        """The names of the existing records."""
        return sorted(path.stem for path in (home() / self.kind).glob("*.json") if _NAME.fullmatch(path.stem))

    def read(self, name: str) -> ApiMembers:
        """A record.

        Raises BadInput, listing the existing ones, if there is none of this name.
        """
        if not self.exists(name):
            existing_names = ", ".join(self.list_names()) or "none"
            raise BadInput(
                f"there is none called {name!r} among the {self.kind} of {home()}; there are: {existing_names}"
            )
        text = self.find_path(name).read_text(encoding="utf-8")
        content: ApiMembers = json.loads(text, object_hook=_with_times)
        return content

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


def _with_times(members: ApiMembers) -> ApiMembers:
    times = {name for name in members if name.endswith(_OF_A_TIME) and name not in _AS_GIVEN}
    texts = {name: datetime.fromisoformat(members[name]) for name in times if isinstance(members[name], str)}
    return {**members, **texts}


ARN = "arn:aws:sagemaker:local:000000000000"  # prefix of the names of schedules and jobs where the API has an ARN

# `ProcessingJobStatus`
IN_PROGRESS = "InProgress"
COMPLETED = "Completed"
FAILED = "Failed"
STOPPED = "Stopped"

_PASSED = tuple(map(int, SUCCESSFUL))  # with --fail-on a job that completed may end with 4 or 5

_TERMINATED = (143, -15)
_LOOK_EVERY_SECONDS = 0.2
_LONGEST_MESSAGE = 1024  # characters of ExitMessage and FailureReason, as in the API

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
"""Names and folders of a job's inputs beside its data, as the service has them, by variable. Source: C1.3."""


def list_inputs(name: str, variables: Mapping[str, str]) -> list[ProcessingInput]:
    """What a job reads: baseline, scripts, configuration and labels, then its data under the given name.

    The service's answers to DescribeProcessingJob for a merge and for model quality have them in this order, by which
    notebooks ask for the data. Where scripts stand is in none of them.
    """
    data = ProcessingInput(variables["dataset_source"], str(CONTAINER / "input"), name)
    # Those that its variables name
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
    """Start a job of ours under a name, and record it in the API's form; returns its process, a `ProcessIdentity` as text.

    job: baseline, monitor or merge. variables: its own. request: the API's members that the job was created with; its description
    has them as they were given.
    """
    message_path = join(variables["output_path"], MESSAGE)
    # The message decides how the job ended if its exit status is unknown
    if exists_here(message_path):
        LocalStorage().delete(locate(message_path))  # of an earlier run
    log = JOBS.find_path(name, ".log")
    # The first job of a home folder makes its subfolder
    log.parent.mkdir(parents=True, exist_ok=True)
    # Only paths are translated: an s3:// URI may stand for a local folder
    opened = {name: locate(text) if name in PATHS else text for name, text in variables.items()}
    with log.open("wb") as lines:
        _running[name] = subprocess.Popen(
            [sys.executable, "-m", "spark_model_monitor", job],
            # The job's variables come last, so they win over those of the notebook's environment
            env={**os.environ, "PYTHONPATH": Layout.here().python_path(os.environ), **opened},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    # Recorded after the start, since a program that can't be started leaves no job
    description = {**_describe_job(name, variables, inputs), **(request or {})}
    process = str(current_machine().process(_running[name].pid))
    JOBS.write(name, {"Description": description, "Process": process, "OutputPath": variables["output_path"]})
    return process


def describe(name: str) -> ApiMembers:
    """The API's DescribeProcessingJob of a job, now.

    Raises BadInput if there is no such job.
    """
    record = JOBS.read(name)
    description: ApiMembers = record["Description"]
    # An ended job never changes, so its file is the answer and the process isn't looked at
    if description["ProcessingJobStatus"] != IN_PROGRESS or _is_running(name, record["Process"]):
        return description
    # The first look after the end settles the outcome; the end time is that of the look
    ended = {**description, **_read_outcome(name, record["OutputPath"]), "ProcessingEndTime": now()}
    status = None
    # Only the parent learns an exit status; any other process has to go by the message
    if name in _running:
        status = _running[name].returncode
    JOBS.write(name, {**record, "Description": ended, "ExitStatus": status})
    _running.pop(name, None)
    return ended


def wait(name: str, out: TextIO | None = None) -> ApiMembers:
    """Wait until a job has ended, and describe it. out: where its log goes meanwhile.

    Raises JobFailed if it did not complete.
    """
    with JOBS.find_path(name, ".log").open(encoding="utf-8", errors="replace") as lines:
        while True:
            # Asked before the log is read, so that the last lines of a job that ends now are shown too
            description = describe(name)
            if out is not None:
                out.write(lines.read())
            if description["ProcessingJobStatus"] != IN_PROGRESS:
                break
            time.sleep(_LOOK_EVERY_SECONDS)
    if description["ProcessingJobStatus"] != COMPLETED:
        raise JobFailed(f"the job {name} is {description['ProcessingJobStatus']}: {description.get('ExitMessage', '')}")
    return description


def stop(name: str) -> None:
    """End a job that is running; nothing happens to one that has ended."""
    if describe(name)["ProcessingJobStatus"] == IN_PROGRESS:
        # It may end between the question and the signal
        with suppress(ProcessLookupError):
            os.kill(ProcessIdentity.read(JOBS.read(name)["Process"]).number, 15)
        # Stopped is what was wanted, not an error
        with suppress(JobFailed):
            wait(name)


def keep_papers(name: str, output: str) -> None:
    """Move a merge's reports to the job's record: in the service a folder of merged records has no other files."""
    storage = storage_of(output)
    # A list first: deleting while walking may skip files
    for file in [*storage.walk(output, hidden=True)]:
        # Merged records lie in yyyy/mm/dd/hh folders; all else is a report
        if parse_hour_of_path(file.path) is None:
            below = file.path.partition(output.rstrip("/"))[2]
            LocalStorage().write(str(JOBS.find_path(f"{name}.merge", below)), storage.read(file.path))
            storage.delete(file.path)


def _is_running(name: str, process: str) -> bool:
    # `poll` also reaps the child
    if name in _running:
        return _running[name].poll() is None
    # Started by another process than this one
    return bool(current_machine().is_alive(ProcessIdentity.read(process)))


def _read_outcome(name: str, output_path: str) -> ApiMembers:
    """Status and message of a job that has ended, by its exit status, or by its message if that is unknown."""
    try:
        message = read_text(join(output_path, MESSAGE), None).strip()
    # Killed before it wrote a message, for instance by the out-of-memory killer; the log is all there is
    except MonitorError:
        message = _read_last_line(name)
    status = None
    if name in _running:
        status = _running[name].returncode
    if status is None:
        # A message of an earlier run was deleted at the start, so this one is the job's own
        passed = message.startswith(COMPLETED)
    else:
        passed = status in _PASSED
    # The API's limit for ExitMessage, in characters
    message = message[:_LONGEST_MESSAGE]
    if passed:
        return {"ProcessingJobStatus": COMPLETED, "ExitMessage": message}
    reason = f"AlgorithmError: {message}"[:_LONGEST_MESSAGE]  # the service's words (C1.6)
    ended = STOPPED if status in _TERMINATED else FAILED
    return {"ProcessingJobStatus": ended, "ExitMessage": message, "FailureReason": reason}


def _read_last_line(name: str) -> str:
    """The last line of the log, for a job that ended before it could leave a message."""
    lines = JOBS.find_path(name, ".log").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it left no message")


def _describe_job(name: str, variables: Mapping[str, str], inputs: Sequence[ProcessingInput]) -> ApiMembers:
    started = now()
    output = ProcessingOutput(str(CONTAINER / "output"), variables["output_path"], "monitoring_output")
    resources = {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}  # the API requires some
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
    """The name of a job by its ARN.

    Raises BadInput if it is the ARN of something else.
    """
    _, separator, name = arn.partition(":processing-job/")
    if not separator:
        raise BadInput(f"{arn!r} is no processing job; its ARN has :processing-job/ in it")
    return name
