"""What came of a job elsewhere: its message on S3 as an exit status of this command."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from model_monitor.emr.runs import ENDED_WELL, Run, RunFailed, State
from model_monitor.running.runtime.status import COMPLETED, ExitStatus, status_of
from model_monitor.spark.launch.target import Bucket

MESSAGE = "message"


def exit_status_of(message: str, state: State, run: Run) -> int:
    """The job's own exit status, as far as its message tells it: a service says only whether a run ended well.

    Source: C1.6 for the texts; C11b for the statuses.
    """
    well = state.name in ENDED_WELL[run.kind]
    if message.startswith(COMPLETED.partition(":")[0]):  # with violations, too
        return ExitStatus.COMPLETED if well else ExitStatus.VIOLATIONS
    if well:
        return ExitStatus.FAILED  # the message is an error's: something else wrote there after the job
    return status_of(message)


def message_of(s3: Any, output: Bucket, since: datetime) -> str | None:
    """The line that the job left beside its results; None if there is none, or an earlier run's.

    since: when the run was started, by this machine's clock.
    """
    from botocore.exceptions import ClientError

    try:
        found = s3.get_object(Bucket=output.name, Key=output.key(MESSAGE))
    except ClientError as fault:
        if fault.response.get("Error", {}).get("Code") in ("NoSuchKey", "404", "AccessDenied"):
            return None
        raise
    if found["LastModified"] < since:
        return None
    text: str = found["Body"].read().decode(errors="replace").strip()
    return text


def without_message(state: State, run: Run) -> RunFailed:
    """The error of a run that says nothing of itself: it was stopped, or never came to our code."""
    reason = f" ({state.reason})" if state.reason else ""
    return RunFailed(
        f"{run.kind.value} run {run.identifier} of {run.of} ended as {state.name}{reason} and left no message beside its "
        "results; its log says more (docs/emr.md, Logs)"
    )
