"""The result of a job as XCom, from its message and documents, and what happens to a task whose job found violations."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from spark_model_monitor.airflow.job_locations import open_aws_client
from spark_model_monitor.airflow.run_windows import format_moment
from spark_model_monitor.data.records.windows import Window, parse_hour_of_path
from spark_model_monitor.documents.alert_files import Alerts
from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import MESSAGE, BadConfiguration, BadDocument, explain_missing_import
from spark_model_monitor.reports.outputs.run_files import CURRENT, VIOLATIONS, Run, read_commit
from spark_model_monitor.running.runtime.status import ExitStatus, is_completed, parse_exit_status
from spark_model_monitor.spark.launch.request import S3_SCHEMES
from spark_model_monitor.storage import join, read_if_exists, remove
from spark_model_monitor.storage.s3_storage import split_path
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from botocore.client import BaseClient

log = logging.getLogger(__name__)


def open_stored_files(path: str, aws_conn_id: str | None) -> StoredFiles:
    """The file system of `path`. Raises BadConfiguration if Airflow has none for it, or for a relative path."""
    scheme = urlsplit(path).scheme
    if scheme == "" and not path.startswith("/"):
        raise BadConfiguration(
            f"output_path is {path!r}; write an absolute path, since the job and Airflow work in different folders"
        )
    if scheme in ("", "file"):
        return LocalFiles()
    # S3 by Airflow's connection, which may have a role to assume; other stores by fsspec
    if scheme in S3_SCHEMES:
        return S3Files(aws_conn_id)
    return ObjectStorageFiles(path)


class LocalFiles:
    """Local files."""

    def read(self, path: str) -> bytes | None:
        """A file's content, None if there is no such file."""
        return read_if_exists(path)

    def delete(self, path: str) -> None:
        remove(path)


class S3Files:
    """Objects, by the client of an Airflow connection."""

    def __init__(self, aws_conn_id: str | None) -> None:
        self._aws_conn_id = aws_conn_id

    def read(self, path: str) -> bytes | None:
        from botocore.exceptions import ClientError

        try:
            return bytes(self._client().get_object(**split_path(path))["Body"].read())
        except ClientError as error:
            # Other errors, such as a missing permission, are raised
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise

    def delete(self, path: str) -> None:
        self._client().delete_object(**split_path(path))

    def _client(self) -> BaseClient:
        with explain_missing_import(
            "results on S3 are read by Airflow's Amazon provider; install it: pip install apache-airflow-providers-amazon"
        ):
            return open_aws_client("s3", self._aws_conn_id)


class ObjectStorageFiles:
    """Files of a file system from one of Airflow's providers, such as gs:// or abfss://."""

    def __init__(self, path: str) -> None:
        from airflow.sdk import ObjectStoragePath

        # Tried before the job starts: without its provider, the store would fail when the job has ended
        try:
            ObjectStoragePath(path).exists()
        except ValueError as error:
            scheme = urlsplit(path).scheme
            raise BadConfiguration(
                f"output_path is {path!r}, and no provider of this Airflow opens {scheme}://, so what came of the job could not "
                "be read; install the provider that does, or write the results to S3 or to a folder that workers see"
            ) from error

    def read(self, path: str) -> bytes | None:
        from airflow.sdk import ObjectStoragePath

        file = ObjectStoragePath(path)
        if file.exists():
            return bytes(file.read_bytes())
        return None

    def delete(self, path: str) -> None:
        from airflow.sdk import ObjectStoragePath

        ObjectStoragePath(path).unlink(missing_ok=True)


StoredFiles: TypeAlias = LocalFiles | S3Files | ObjectStorageFiles

Callback = Callable[[Any], Any]
"""A function that gets Airflow's context, plus `monitoring`, the outcome; every notifier of Airflow can be called like this."""


DocumentItems = tuple[Mapping[str, Json], ...]
"""Items of a document, as in its file."""


class OnViolations(str, Enum):
    """What happens to a task whose job found violations.

    Attributes
    ----------
    SUCCEED: It succeeds.
    FAIL: It fails without a retry, because the same data has the same violations. The job ends with status 4, as with
        `--fail-on-violations`.
    FAIL_IF_UNSURE: As FAIL, and also if the data can't tell whether something changed (status 5, as with
        `--fail-on cannot-tell`).
    SKIP_DOWNSTREAM: It succeeds, and its direct downstream tasks are skipped.
    CALLBACK: The callback is called, then it succeeds.

    Examples
    --------
    >>> from spark_model_monitor.airflow import OnViolations
    >>> OnViolations("skip-downstream").name
    'SKIP_DOWNSTREAM'
    """

    SUCCEED = "succeed"
    FAIL = "fail"
    FAIL_IF_UNSURE = "fail-if-unsure"
    SKIP_DOWNSTREAM = "skip-downstream"
    CALLBACK = "callback"

    @classmethod
    def of(cls, text: str, callback: Callback | None) -> OnViolations:
        """The choice with this name.

        Raises BadConfiguration for another name, or if callback and choice don't match.
        """
        try:
            choice = cls(text)
        except ValueError:
            names = ", ".join(member.value for member in cls)
            raise BadConfiguration(f"on_violations is {text!r}; it is one of: {names}") from None
        # Checked when the DAG is read, instead of at the first violation months later
        if choice is cls.CALLBACK and callback is None:
            raise BadConfiguration("on_violations is 'callback', and there is none; write callback=notify_the_team")
        if choice is not cls.CALLBACK and callback is not None:
            raise BadConfiguration(
                f"there is a callback, and on_violations is {choice.value!r}; write 'callback' to have it called"
            )
        return choice


MAX_LISTED = 100  # violations, or features that may have changed, in an XCom, which is a column of Airflow's database

_HOUR_LEVELS = 4  # levels of folders in yyyy/mm/dd/hh
_VIOLATION_COUNT = re.compile(r"CompletedWithViolations: Job completed successfully with (\d+) violations\.")


@value_class
class JobEnd:
    """A run that completed.

    Attributes
    ----------
    status: Completed or CompletedWithViolations, as in the service.
    message: The job's exit message.
    violations: Number of violations.
    violated: The first violations without their texts.
    paths: The paths of the documents by name, in the run's folder, and `output`, the job's output path.
    run_id: None for a job that publishes no run.
    window: The start and the end of its window; None if it has no window.
    alert: OK, CannotTell or InAlert, by `datapoints_to_alert`; None for a job that compares nothing.
    outcome: changed, cannot tell or unchanged; None if nothing was judged.
    unsure: The features or metrics that may have changed, with the reason and what to do.
    """

    status: str
    message: str
    violations: int
    violated: DocumentItems
    paths: Mapping[str, str]
    run_id: str | None = None
    window: Mapping[str, str] | None = None
    alert: str | None = None
    outcome: str | None = None
    unsure: DocumentItems = ()

    def as_xcom(self) -> dict[str, Json]:
        """The members as values of JSON."""
        members = asdict(self)
        # JSON has lists instead of tuples
        members["violated"] = list(self.violated)
        members["unsure"] = list(self.unsure)
        return members


@value_class
class RunFailure:
    """A run that did not complete. reason: one sentence. exit_status: of the job."""

    reason: str
    exit_status: int


def read_job_end(
    files: StoredFiles, output_path: str, exit_status: int | None, *, window: Window | None, compares: bool
) -> JobEnd | RunFailure:
    """The result of the run that has just ended, from the message and the documents below `output_path`.

    exit_status: the job's exit status, None if it is unknown. compares: whether it is a monitoring job.
    """
    content = files.read(join(output_path, MESSAGE))
    # The message of an earlier run was deleted before the start
    if content is None:
        reason = "the job left no message, so it never started or was killed; see its log"
        return RunFailure(reason, exit_status or ExitStatus.FAILED)
    message = content.decode("utf-8", "replace").strip()
    count_match = _VIOLATION_COUNT.fullmatch(message)
    # Any other message is an error's own sentence
    if count_match is None and not is_completed(message):
        return RunFailure(message.removeprefix("Error: "), exit_status or parse_exit_status(message))

    # The files of a baseline or a monitor are in the folder of a run; a merge has no run
    folder = output_path
    run_id = None
    paths = {"output": output_path}
    run = _read_published_run(files, output_path)
    if run is not None:
        folder = join(output_path, run.folder)
        run_id = run.run_id
        paths |= {name: join(folder, name) for name in sorted(run.digests) if "/" not in name}

    violation_count = 0
    violations: DocumentItems = ()
    if count_match is not None:
        violation_count = int(count_match[1])
        violations = _list_violations(files, folder)

    # Only monitoring runs have an outcome and an alert
    outcome = alert = None
    undecided: DocumentItems = ()
    if compares:
        outcome, undecided = _read_outcome(files, folder)
        alert = _read_alert(files, output_path)

    window_times = None
    if window is not None:
        window_times = {"start": format_moment(window.start), "end": format_moment(window.end)}
    return JobEnd(
        status=message.partition(":")[0],
        message=message,
        violations=violation_count,
        violated=violations,
        paths=paths,
        run_id=run_id,
        window=window_times,
        alert=alert,
        outcome=outcome,
        unsure=undecided,
    )


def _read_outcome(files: StoredFiles, folder: str) -> tuple[str | None, DocumentItems]:
    """The outcome of a monitoring run, and the features or metrics that may have changed, from checks.json."""
    path = join(folder, CheckResults.FILE_NAME)
    content = files.read(path)
    if content is None:
        return None, ()
    checks = CheckResults.from_json(content, path)
    undecided = [feature.plain() for feature in checks.outcomes or () if feature.outcome is Outcome.CANNOT_TELL]
    outcome = None
    if checks.outcome is not None:
        outcome = checks.outcome.value
    return outcome, tuple(undecided[:MAX_LISTED])


def _read_published_run(files: StoredFiles, output_path: str) -> Run | None:
    """The last published run, its folder below the output path; None for a merge, which publishes by the hour."""
    content = files.read(join(output_path, CURRENT))
    if content is None:
        return None
    return read_commit(content, join(output_path, CURRENT))


def _list_violations(files: StoredFiles, folder: str) -> DocumentItems:
    """The first violations, without their texts, which may be long and may have values of the data."""
    # Without violations there may be no file
    content = files.read(join(folder, VIOLATIONS))
    violations = json.loads(content or b"{}").get("violations", [])
    return tuple(
        {name: text for name, text in violation.items() if name != "description"}
        for violation in violations[:MAX_LISTED]
    )


def _read_alert(files: StoredFiles, output_path: str) -> str | None:
    """The alert of this run's series; it is stored above the hour folders (docs/reference/alerts.md)."""
    series_folder = output_path.rstrip("/")
    # The output path of a run in an hour folder ends with the hour
    if parse_hour_of_path(join(series_folder, MESSAGE)) is not None:
        series_folder = series_folder.rsplit("/", _HOUR_LEVELS)[0]
    path = join(series_folder, Alerts.FILE_NAME)
    content = files.read(path)
    if content is None:
        return None
    try:
        return Alerts.from_json(content, path).status.value
    # A damaged history must not fail a task whose job went well
    except BadDocument as error:
        log.warning("%s", error)
        return None
