"""What came of a job, from the message and the documents that it left; the task's XCom is made of it.

Source: C1.6 for the message; docs/files.md for the documents.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from model_monitor.airflow.flags import moment
from model_monitor.airflow.stored_files import StoredFiles
from model_monitor.data.records.windows import Window, hour_of_path
from model_monitor.documents.alerts import Alerts
from model_monitor.errors import BadDocument
from model_monitor.reports.outputs.files import CURRENT, VIOLATIONS, Run, read_commit
from model_monitor.running.runtime.status import COMPLETED, ExitStatus, status_of
from model_monitor.storage import join

log = logging.getLogger(__name__)

MESSAGE = "message"
MOST_LISTED = 100
"""Violations that the XCom lists; all of them are in the document."""

_HOUR_LEVELS = 4
_COUNT = re.compile(r"CompletedWithViolations: Job completed successfully with (\d+) violations\.")


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A run that completed.

    status: Completed or CompletedWithViolations, as in the service. message: the job's own. violations: how many; violated: the
    first of them without their texts. paths: of the documents by their names, where they never change, and `output`, the path
    that the job was given. window: start and end. alert: OK or InAlert, as `--datapoints-to-alert` has it; None of a job that
    compares nothing.
    """

    status: str
    message: str
    violations: int
    violated: tuple[Mapping[str, Any], ...]
    paths: Mapping[str, str]
    run_id: str | None = None
    window: Mapping[str, str] | None = None
    alert: str | None = None

    def as_xcom(self) -> dict[str, Any]:
        """The members as JSON has them."""
        return {**asdict(self), "violated": list(self.violated)}


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that did not complete. reason: one sentence. exit_status: the job's, as far as it is known."""

    reason: str
    exit_status: int = field(default=ExitStatus.FAILED)


def message_path(output_path: str) -> str:
    """Where a job leaves its message."""
    return join(output_path, MESSAGE)


def read_outcome(
    files: StoredFiles, output_path: str, exit_status: int | None, *, window: Window | None, compares: bool
) -> JobEnd | Failure:
    """What the message and the documents below `output_path` say of the run that has just ended.

    exit_status: of the job, None if it is not known. compares: whether it is a monitoring job.
    """
    said = files.read(message_path(output_path))
    if said is None:
        reason = "the job left no message, so it never began or was killed; its log says more"
        return Failure(reason, exit_status or ExitStatus.FAILED)
    message = said.decode("utf-8", "replace").strip()
    counted = _COUNT.fullmatch(message)
    if counted is None and message != COMPLETED:
        return Failure(message.removeprefix("Error: "), exit_status or status_of(message))
    run = _published(files, output_path)
    folder = join(output_path, run.folder) if run else output_path
    documents = sorted(name for name in run.digests if "/" not in name) if run else []
    return JobEnd(
        status=message.partition(":")[0],
        message=message,
        violations=int(counted[1]) if counted else 0,
        violated=_violated(files, folder) if counted else (),
        paths={"output": output_path, **{name: join(folder, name) for name in documents}},
        run_id=run.run_id if run else None,
        window=None if window is None else {"start": moment(window.start), "end": moment(window.end)},
        alert=_alert(files, output_path) if compares else None,
    )


def _published(files: StoredFiles, output_path: str) -> Run | None:
    """The run that was published last, its folder below the output path; None of a merge, which publishes by the hour."""
    content = files.read(join(output_path, CURRENT))
    return None if content is None else read_commit(content, join(output_path, CURRENT))


def _violated(files: StoredFiles, folder: str) -> tuple[Mapping[str, Any], ...]:
    """What each violation is of; all members but its text, whatever the monitor calls them."""
    content = files.read(join(folder, VIOLATIONS))
    listed = json.loads(content or b"{}").get("violations", [])
    return tuple({name: text for name, text in each.items() if name != "description"} for each in listed[:MOST_LISTED])


def _alert(files: StoredFiles, output_path: str) -> str | None:
    """The alert of the runs that this one belongs to; it is kept above their hour folders (docs/alerts.md)."""
    top = output_path.rstrip("/")
    if hour_of_path(join(top, MESSAGE)) is not None:
        top = top.rsplit("/", _HOUR_LEVELS)[0]
    path = join(top, Alerts.FILE_NAME)
    content = files.read(path)
    if content is None:
        return None
    try:
        return Alerts.from_json(content, path).status.value
    except BadDocument as fault:
        log.warning("%s", fault)
        return None
