"""Our jobs as processes that are started here, and what became of them.

A job runs as `model-monitor` starts it, with its variables in its environment; its log lies beside its record.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import model_monitor
from model_monitor.errors import BadInput, MonitorError
from model_monitor.sagemaker import records
from model_monitor.sagemaker.inputs import CONTAINER, ProcessingInput
from model_monitor.sagemaker.locations import exists_here, located, read_text
from model_monitor.storage import LocalStorage, join

ARN = "arn:aws:sagemaker:local:000000000000"
"""What the names of schedules and jobs begin with where the API has an ARN."""

IN_PROGRESS, COMPLETED, FAILED, STOPPED = "InProgress", "Completed", "Failed", "Stopped"
"""`ProcessingJobStatus`."""

MESSAGE = "message"
_PASSED = (0, 4)
"""Exit statuses of jobs that did what they should: 4 is violations, with --fail-on-violations."""

_TERMINATED = (143, -15)
_LOOK_EVERY_SECONDS = 0.2
_LONGEST_MESSAGE = 1024  # characters of ExitMessage and FailureReason, as the API has it

_running: dict[str, subprocess.Popen[bytes]] = {}


class JobFailed(MonitorError):
    """A job that was waited for did not complete; the text is its own exit message."""


def start(job: str, name: str, variables: Mapping[str, str], inputs: Sequence[ProcessingInput]) -> None:
    """Start a job of ours under a name, and record it as the API describes it.

    job: baseline, monitor or merge. variables: its own, with paths and URIs that it opens.
    """
    output = variables["output_path"]
    if exists_here(join(output, MESSAGE)):
        LocalStorage().delete(located(join(output, MESSAGE)))  # of a run before this one
    log = records.path_of(records.JOBS, name, ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as lines:
        _running[name] = subprocess.Popen(
            [sys.executable, "-m", "model_monitor.cli", job],
            env={**os.environ, "PYTHONPATH": _python_path(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    description = _description(name, variables, inputs)
    records.write(records.JOBS, name, {"Description": description, "ProcessId": _running[name].pid})


def describe(name: str) -> dict[str, Any]:
    """What the API's DescribeProcessingJob would say of a job now.

    Raises BadInput if there is no such job.
    """
    record = records.read(records.JOBS, name)
    description: dict[str, Any] = record["Description"]
    if description["ProcessingJobStatus"] != IN_PROGRESS or _is_running(name, record["ProcessId"]):
        return description
    ended = {**description, **_outcome(name, description), "ProcessingEndTime": records.now()}
    records.write(records.JOBS, name, {**record, "Description": ended})
    _running.pop(name, None)
    return ended


def wait(name: str, out: TextIO | None = None) -> dict[str, Any]:
    """Wait until a job has ended, and describe it. out: where its log goes meanwhile.

    Raises JobFailed if it did not complete.
    """
    with records.path_of(records.JOBS, name, ".log").open(encoding="utf-8", errors="replace") as lines:
        while True:
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
        with suppress(ProcessLookupError):
            os.kill(records.read(records.JOBS, name)["ProcessId"], 15)
        with suppress(JobFailed):
            wait(name)


def _python_path() -> str:
    package = str(Path(model_monitor.__file__).resolve().parent.parent)
    return os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])


def _is_running(name: str, process_id: int) -> bool:
    if name in _running:
        return _running[name].poll() is None
    try:
        os.kill(process_id, 0)  # started by another process than this one
    except OSError:
        return False
    return True


def _outcome(name: str, description: Mapping[str, Any]) -> dict[str, Any]:
    """Status and message of a job that has ended, by its exit status, or by its message where that is not known."""
    output = description["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    try:
        message = read_text(join(output, MESSAGE), None).strip()
    except MonitorError:
        message = _last_line(name)
    status = _running[name].returncode if name in _running else None
    passed = message.startswith(COMPLETED) if status is None else status in _PASSED
    message = message[:_LONGEST_MESSAGE]
    if passed:
        return {"ProcessingJobStatus": COMPLETED, "ExitMessage": message}
    reason = f"AlgorithmError: {message}"[:_LONGEST_MESSAGE]  # the service's words (C1.6)
    ended = STOPPED if status in _TERMINATED else FAILED
    return {"ProcessingJobStatus": ended, "ExitMessage": message, "FailureReason": reason}


def _last_line(name: str) -> str:
    """The last line of the log, of a job that left no message: it did not come as far as that."""
    lines = records.path_of(records.JOBS, name, ".log").read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in reversed(lines) if line.strip()), "it left no message")


def _description(name: str, variables: Mapping[str, str], inputs: Sequence[ProcessingInput]) -> dict[str, Any]:
    started = records.now()
    resources = {"InstanceCount": 1, "InstanceType": "ml.t3.medium", "VolumeSizeInGB": 1}  # the API wants some
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"{ARN}:processing-job/{name}",
        "ProcessingJobStatus": IN_PROGRESS,
        "ProcessingInputs": [
            {
                "InputName": each.input_name,
                "S3Input": {
                    "S3Uri": each.source,
                    "LocalPath": each.destination,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for each in inputs
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "monitoring_output",
                    "S3Output": {
                        "S3Uri": variables["output_path"],
                        "LocalPath": str(CONTAINER / "output"),
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {"ClusterConfig": resources},
        "AppSpecification": {"ImageUri": f"spark-model-monitor:{model_monitor.__version__}"},
        "Environment": dict(variables),
        "CreationTime": started,
        "ProcessingStartTime": started,
    }


def job_of_arn(arn: str) -> str:
    """The name of a job by its ARN.

    Raises BadInput if it is the ARN of something else.
    """
    _, found, name = arn.partition(":processing-job/")
    if not found:
        raise BadInput(f"{arn!r} is no processing job; its ARN has :processing-job/ in it")
    return name
