"""The three jobs as tasks: each starts its job at a location, waits for it, and returns its result, with links."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import BaseOperator, BaseOperatorLink, SkipMixin
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from spark_model_monitor.airflow.job_locations import JobCall, JobRun, Location
from spark_model_monitor.airflow.job_options import Flags, FlagValue, format_flags, require_valid_flags
from spark_model_monitor.airflow.job_results import (
    Callback,
    JobEnd,
    OnViolations,
    RunFailure,
    StoredFiles,
    open_stored_files,
    read_job_end,
)
from spark_model_monitor.airflow.run_windows import ONE_HOUR, get_run_window, get_scheduled_time
from spark_model_monitor.data.records.windows import FOLDER_BY_TIME, HOUR_NAME, Window
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import MESSAGE, BadConfiguration, MonitorError
from spark_model_monitor.reports.outputs.run_files import NameKind, is_valid_name
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.spark.launch.request import S3_SCHEMES
from spark_model_monitor.storage import join

if TYPE_CHECKING:
    from airflow.sdk import Context


class DocumentLink(BaseOperatorLink):
    """A link called `label` to the document `file` of the run; empty if the run doesn't have it."""

    def __init__(self, label: str, file: str) -> None:
        self._label = label
        self._file = file

    @property
    def name(self) -> str:
        return self._label

    @property
    def xcom_key(self) -> str:
        return f"_link_{self._file}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The link. Airflow calls this in the task's process when the task has ended, and stores the result."""
        # A failed task has no documents, and so no link
        if operator.job_end is None or self._file not in operator.job_end.paths:
            return ""
        path = operator.job_end.paths[self._file]
        return create_browser_url(path, operator.output_path, operator.documents_url)


VIOLATIONS = DocumentLink("Violations", "constraint_violations.json")
CHECKS = DocumentLink("Checks", "checks.json")
STATISTICS = DocumentLink("Statistics", "statistics.json")
CONSTRAINTS = DocumentLink("Constraints", "constraints.json")
REPORT = DocumentLink("Report", "report.html")


def create_browser_url(path: str, output_path: str, documents_url: str | None) -> str:
    """The address of a file for a browser.

    output_path: files below it are served at the address `documents_url`, if there is one. Otherwise, objects are in S3's
    console, and a local file has its path.
    """
    # A web server shows a page, while S3's console only downloads it
    if documents_url is not None:
        return f"{documents_url.rstrip('/')}/{quote(path.removeprefix(output_path).lstrip('/'))}"
    url = urlsplit(path)
    if url.scheme in S3_SCHEMES:
        query = urlencode({"prefix": url.path.lstrip("/")})
        return f"https://s3.console.aws.amazon.com/s3/object/{url.netloc}?{query}"
    if url.scheme == "":
        return Path(path).absolute().as_uri()
    return path


log = logging.getLogger(__name__)

MAX_NAME_LENGTH = 200  # characters of a run's name; EMR and EMR Serverless accept 256

PERMANENT_FAILURES = (ExitStatus.BAD_CONFIGURATION, ExitStatus.SCRIPT_FAILED)
"""Exit statuses of errors that a retry can't fix."""


class JobOperator(BaseOperator, SkipMixin):
    """A job as a task. Its XCom is a `JobEnd`.

    where: the location of the job. dataset_source, output_path, flags: options of the job (docs/jobs.md), each a template; flags
    by the option's name with underscores. documents_url: address at which `output_path` is served, for the links.
    skip_without_data: whether a window without records skips the task instead of failing it.

    Raises BadConfiguration, when the DAG is read, for unknown flags, and for flags that the task sets itself.
    """

    JOB: ClassVar[str]
    COMPARES: ClassVar[bool] = False
    ARGUMENT_OPTIONS: ClassVar[tuple[str, ...]] = ("dataset_source", "output_path")
    """Options that arguments of the operator set, by the same names."""

    REPLACED_OPTIONS: ClassVar[Mapping[str, str]] = {"env_file": "flags=, since the file lies on another machine"}
    """Further options that `flags` can't have, with what to use instead."""

    template_fields: Sequence[str] = ("dataset_source", "output_path", "flags", "documents_url")
    ui_color = "#e8f1f8"

    def __init__(
        self,
        *,
        where: Location,
        dataset_source: str | None,
        output_path: str,
        flags: Flags | None = None,
        documents_url: str | None = None,
        skip_without_data: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.where = where
        self.dataset_source = dataset_source
        self.output_path = output_path
        self.flags = flags or {}
        self.documents_url = documents_url
        self.skip_without_data = skip_without_data
        self.job_end: JobEnd | None = None
        self._job_run: JobRun | None = None
        # Flags may be the output of another task, which is known only when this one runs
        if isinstance(flags, Mapping):
            require_valid_flags(flags, self._list_reserved_options())

    def execute(self, context: Context) -> dict[str, Json] | None:
        """The members of the job's result.

        Raises AirflowFailException for errors that a retry can't fix, AirflowSkipException for a window without records
        if requested, AirflowException for any other failure.
        """
        try:
            # Checked again: the flags may be the output of another task
            require_valid_flags(self.flags, self._list_reserved_options())
            window = self.get_window(context)
            flags = format_flags({**self.own_flags(window), **self.flags})
            call = JobCall(self.JOB, get_run_name(context), flags)
            location = self.where.fill_templates(lambda text: self.render_template(text, context))
            files = open_stored_files(call.output_path, location.aws_conn_id)
            status = self._run_job(location, call, files)
            job_end = read_job_end(files, call.output_path, status, window=window, compares=self.COMPARES)
        # A retry would fail again with the same configuration, while other errors may be temporary
        except BadConfiguration as error:
            raise AirflowFailException(f"Error: {error}") from error
        except MonitorError as error:
            raise AirflowException(f"Error: {error}") from error
        if isinstance(job_end, RunFailure):
            self._raise_failure(job_end)
        self.job_end = job_end
        log.info("%s", job_end.message)
        return self.settle(job_end, context)

    def get_window(self, context: Context) -> Window | None:
        """The window of the run; None if the job reads all data."""
        return None

    def own_flags(self, window: Window | None) -> dict[str, FlagValue]:
        """The flags that the task sets itself."""
        return {name: getattr(self, name) for name in self.ARGUMENT_OPTIONS}

    def settle(self, outcome: JobEnd, context: Context) -> dict[str, Json] | None:
        """Decide the task's state; returns its XCom."""
        return outcome.as_xcom()

    def on_kill(self) -> None:
        """End the job with the task."""
        if self._job_run is not None:
            self._job_run.stop()

    def _list_reserved_options(self) -> dict[str, str]:
        return {**{name: f"{name}=" for name in self.ARGUMENT_OPTIONS}, **self.REPLACED_OPTIONS}

    def _run_job(self, location: Location, call: JobCall, files: StoredFiles) -> int | None:
        self._job_run = location.find_run(call)
        if self._job_run is None:
            files.delete(join(call.output_path, MESSAGE))  # an earlier run's, which must not be taken for this run's
            self._job_run = location.begin(call)
        else:
            log.info("%s runs already, started by an attempt before this one", call.name)
        try:
            return self._job_run.wait()
        except BaseException:  # a task that is cleared, or takes longer than its execution_timeout
            self._job_run.stop()
            raise

    def _raise_failure(self, failure: RunFailure) -> NoReturn:
        sentence = f"the job {self.JOB} failed: {failure.reason} (exit status {failure.exit_status})"
        # Some endpoints have hours without traffic, which are no failure
        if failure.exit_status == ExitStatus.NO_DATA and self.skip_without_data:
            raise AirflowSkipException(sentence)
        if failure.exit_status in PERMANENT_FAILURES:
            raise AirflowFailException(sentence)
        raise AirflowException(sentence)


class BaselineOperator(JobOperator):
    """The baselining job: a data set -> constraints on later data. dataset_format, analysis_type: options of the job.

    Examples
    --------
    >>> from spark_model_monitor.airflow import BaselineOperator, LocalSpark
    >>> baseline = BaselineOperator(
    ...     task_id="baseline", where=LocalSpark(), dataset_source="train.csv", dataset_format="csv", output_path="baseline"
    ... )
    """

    JOB = "baseline"
    ARGUMENT_OPTIONS = (*JobOperator.ARGUMENT_OPTIONS, "dataset_format", "analysis_type")
    template_fields = (*JobOperator.template_fields, "dataset_format", "analysis_type")
    operator_extra_links = (STATISTICS, CONSTRAINTS, REPORT)

    def __init__(self, *, dataset_format: FlagValue, analysis_type: str = "DATA_QUALITY", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dataset_format = dataset_format
        self.analysis_type = analysis_type


class WindowedOperator(JobOperator):
    """A job over the window of the DAG run.

    lag: how far the window precedes the run's interval. length: the length of the window if the run's interval is empty, as
    with Airflow's plain cron schedules. Raises BadConfiguration, when the DAG is read, for values that are not times.
    """

    REPLACED_OPTIONS: ClassVar[Mapping[str, str]] = {
        **JobOperator.REPLACED_OPTIONS,
        **dict.fromkeys(
            ("start_time", "end_time", "scheduled_time", "start_time_offset", "end_time_offset"), "lag= and length="
        ),
    }

    def __init__(self, *, lag: timedelta = timedelta(0), length: timedelta = ONE_HOUR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Checked when the DAG is read, so that Airflow lists it as broken
        if not isinstance(lag, timedelta):
            raise BadConfiguration(f"lag is {lag!r}; write a timedelta, such as timedelta(hours=1)")
        if not isinstance(length, timedelta) or length <= timedelta(0):
            raise BadConfiguration(f"length is {length!r}; write a timedelta above 0, such as timedelta(hours=1)")
        self.lag = lag
        self.length = length

    def get_window(self, context: Context) -> Window:
        return get_run_window(context, length=self.length, lag=self.lag)

    def own_flags(self, window: Window | None) -> dict[str, FlagValue]:
        assert window is not None
        return {**super().own_flags(window), "start_time": window.start, "end_time": window.end}


class MergeOperator(WindowedOperator):
    """The merge job: the window's captures and their ground truth -> merged records in the folders of their hours.

    Examples
    --------
    >>> from spark_model_monitor.airflow import LocalSpark, MergeOperator
    >>> merge = MergeOperator(
    ...     task_id="merge", where=LocalSpark(), dataset_source="captures", ground_truth_source="labels", output_path="merged"
    ... )
    """

    JOB = "merge"
    ARGUMENT_OPTIONS = (*WindowedOperator.ARGUMENT_OPTIONS, "ground_truth_source")
    template_fields = (*WindowedOperator.template_fields, "ground_truth_source")

    def __init__(self, *, ground_truth_source: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ground_truth_source = ground_truth_source


class MonitorOperator(WindowedOperator):
    """The monitoring job: the window's records against a baseline.

    baseline: output path of a run, or a folder of promoted versions; None if flags name its files. output_folder: what strftime
    makes of the run's time is appended to `output_path`; None for nothing. on_violations, callback: as in `OnViolations`.

    Examples
    --------
    >>> from spark_model_monitor.airflow import LocalSpark, MonitorOperator
    >>> monitor = MonitorOperator(
    ...     task_id="monitor", where=LocalSpark(), dataset_source="captures", baseline="baseline", output_path="reports"
    ... )
    """

    JOB = "monitor"
    COMPARES = True
    ARGUMENT_OPTIONS = (*WindowedOperator.ARGUMENT_OPTIONS, "dataset_format", "analysis_type", "baseline")
    REPLACED_OPTIONS: ClassVar[Mapping[str, str]] = {
        **WindowedOperator.REPLACED_OPTIONS,
        "fail_on_violations": "on_violations=",
        "fail_on": "on_violations=",
        "omit_empty_violations": "on_violations=, whose result has the number",
    }
    template_fields = (*WindowedOperator.template_fields, "dataset_format", "analysis_type", "baseline")
    operator_extra_links = (VIOLATIONS, CHECKS, STATISTICS, REPORT)
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        baseline: str | None,
        dataset_format: FlagValue = "capture",
        analysis_type: str = "DATA_QUALITY",
        output_folder: str | None = HOUR_NAME,
        on_violations: str = OnViolations.SUCCEED.value,
        callback: Callback | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if output_folder and not is_valid_name(output_folder.strip("/"), NameKind.BY_TIME):
            raise BadConfiguration(f"output_folder is {output_folder!r}; {FOLDER_BY_TIME}")
        self.baseline = baseline
        self.dataset_format = dataset_format
        self.analysis_type = analysis_type
        self.output_folder = output_folder
        self.on_violations = OnViolations.of(on_violations, callback)
        self.callback = callback

    def own_flags(self, window: Window | None) -> dict[str, FlagValue]:
        flags = super().own_flags(window)
        flags["output_path"] = self._get_output_path(window)
        if self.on_violations is OnViolations.FAIL:
            flags["fail_on_violations"] = True
        if self.on_violations is OnViolations.FAIL_IF_UNSURE:
            flags["fail_on"] = "cannot-tell"
        return flags

    def settle(self, outcome: JobEnd, context: Context) -> dict[str, Json] | None:
        xcom = outcome.as_xcom()
        # Pushed here, because Airflow drops the return value of a failed task
        if self.on_violations is OnViolations.FAIL_IF_UNSURE and outcome.outcome == Outcome.CANNOT_TELL.value:
            context["ti"].xcom_push(key="return_value", value=xcom)
            raise AirflowFailException(outcome.message)
        if outcome.violations == 0 or self.on_violations is OnViolations.SUCCEED:
            return xcom
        # After the callback the task succeeds, unless the callback raises an exception
        if self.callback is not None:
            self.callback({**context, "monitoring": outcome})
            return xcom
        # Pushed here, because the exceptions that follow discard the return value
        context["ti"].xcom_push(key="return_value", value=xcom)
        if self.on_violations is OnViolations.SKIP_DOWNSTREAM:
            skip_downstream(self, context)
            return None
        # FAIL and FAIL_IF_UNSURE
        raise AirflowFailException(f"{outcome.violations} violations: {outcome.message}")

    def _get_output_path(self, window: Window | None) -> str:
        assert window is not None
        if self.output_folder is None:
            return self.output_path
        return join(self.output_path, get_scheduled_time(window, self.lag).strftime(self.output_folder))


def skip_downstream(operator: SkipMixin, context: Context) -> None:
    """Skip the tasks directly downstream of the running one."""
    downstream = context["task"].get_direct_relatives(upstream=False)
    operator.skip(context["ti"], [task for task in downstream if not task.is_teardown])


def get_run_name(context: Context) -> str:
    """The name of a task's run at the job's location: the same in every attempt, and in no other run."""
    ti = context["ti"]
    ids = [ti.dag_id, ti.task_id, ti.run_id]
    # A task that is not mapped has the map index -1
    if ti.map_index not in (None, -1):
        ids.append(str(ti.map_index))
    # Not every location allows other characters in names
    name = re.sub(r"[^A-Za-z0-9._/#-]", "-", "/".join(ids))
    if len(name) <= MAX_NAME_LENGTH:
        return name
    # Shortened names of two runs may be equal, so a hash is added
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: MAX_NAME_LENGTH - len(digest) - 1]}-{digest}"
