"""Workflows of the jobs' tasks: an hour of monitoring as one task group, and the tasks after an alert."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, SkipMixin, TaskGroup
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from spark_model_monitor.airflow.job_locations import LocalProcess, Location
from spark_model_monitor.airflow.job_options import Flags, FlagValue
from spark_model_monitor.airflow.operators import MergeOperator, MonitorOperator, skip_downstream
from spark_model_monitor.airflow.run_windows import format_moment, get_run_window
from spark_model_monitor.data.records.windows import format_duration, parse_time
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.runtime.status import ExitStatus
from spark_model_monitor.storage import join

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# Model quality reads the model's predictions; bias also reads the features. Source: C2
MERGED_OUTPUT = {"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}
MERGED_BOTH = {"sagemakerMergeJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}


@dataclass(frozen=True, kw_only=True)
class MonitorTask:
    """One monitor of the group.

    task_id: the id of its task, and the name of the folder of its reports. reads_merged: whether it reads merged records
    instead of captures. flags: options of the job. options: further arguments of `MonitorOperator`, such as on_violations or
    retries.

    Examples
    --------
    >>> from spark_model_monitor.airflow import MonitorTask
    >>> MonitorTask(task_id="quality", analysis_type="DATA_QUALITY", baseline="baseline").dataset_format
    'capture'
    """

    task_id: str
    analysis_type: str
    baseline: str | None
    reads_merged: bool = False
    dataset_format: FlagValue = "capture"
    flags: Flags = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def data_quality(*, baseline: str | None, flags: Flags | None = None, **options: Any) -> MonitorTask:
    """Data quality of captures. For other data use a `MonitorOperator`.

    Raises BadConfiguration for another format.

    Examples
    --------
    >>> from spark_model_monitor.airflow import data_quality
    >>> data_quality(baseline="baseline").task_id
    'data_quality'
    """
    if "dataset_format" in options:
        raise BadConfiguration(
            "hourly_monitoring reads captures; write a MonitorOperator for data of another dataset_format"
        )
    return MonitorTask(
        task_id="data_quality", analysis_type="DATA_QUALITY", baseline=baseline, flags=flags or {}, options=options
    )


def model_quality(*, baseline: str | None, flags: Flags, **options: Any) -> MonitorTask:
    """Model quality of merged records. flags: problem_type, where the prediction stands, … (docs/model-quality.md).

    Examples
    --------
    >>> from spark_model_monitor.airflow import model_quality
    >>> model_quality(baseline="quality", flags={"problem_type": "Regression"}).analysis_type
    'MODEL_QUALITY'
    """
    return MonitorTask(
        task_id="model_quality",
        analysis_type="MODEL_QUALITY",
        baseline=baseline,
        reads_merged=True,
        dataset_format=MERGED_OUTPUT,
        flags=flags,
        options=options,
    )


def bias(*, baseline: str | None, flags: Flags, **options: Any) -> MonitorTask:
    """Bias of merged records. flags: analysis_config and the rest of docs/bias.md.

    Examples
    --------
    >>> from spark_model_monitor.airflow import bias
    >>> bias(baseline="bias-baseline", flags={"analysis_config": "bias.json"}).reads_merged
    True
    """
    return MonitorTask(
        task_id="bias",
        analysis_type="MODEL_BIAS",
        baseline=baseline,
        reads_merged=True,
        dataset_format=MERGED_BOTH,
        flags=flags,
        options=options,
    )


def hourly_monitoring(
    *,
    where: Location,
    captures: str,
    output_path: str,
    monitors: Iterable[MonitorTask],
    ground_truth: str | None = None,
    merge_flags: Flags | None = None,
    lag: timedelta = timedelta(0),
    group_id: str = "hourly_monitoring",
    **options: Any,
) -> TaskGroup:
    """The tasks of one window: `merge` with the monitors of merged records downstream, and the monitors of captures.

    output_path: the folder above `merged` and the reports, a folder for each monitor. monitors: there is a merge if one of them
    reads merged records. lag: how long to wait for the labels of a window; the merge and its monitors read the window that
    precedes the run's interval by this time. options: further arguments of every task.

    Raises BadConfiguration if monitors lack the merge that they need, or if two have the same name.

    Examples
    --------
    >>> from airflow.sdk import DAG
    >>> from spark_model_monitor.airflow import LocalSpark, data_quality, hourly_monitoring
    >>> with DAG("churn", schedule=None):
    ...     hour = hourly_monitoring(
    ...         where=LocalSpark(), captures="captures", output_path="reports", monitors=[data_quality(baseline="baseline")]
    ...     )
    >>> sorted(hour.children)
    ['hourly_monitoring.data_quality']
    """
    monitor_tasks = tuple(monitors)
    _require_valid_monitors(monitor_tasks, ground_truth)
    merged_folder = join(output_path, "merged")
    with TaskGroup(group_id) as group:
        # Without a monitor of merged records no merge is needed, even if labels are named
        merge_task = None
        if ground_truth is not None and any(monitor.reads_merged for monitor in monitor_tasks):
            merge_task = MergeOperator(
                task_id="merge",
                where=where,
                dataset_source=captures,
                ground_truth_source=ground_truth,
                output_path=merged_folder,
                flags=merge_flags,
                lag=lag,
                **options,
            )
        for monitor in monitor_tasks:
            task_options = {**options, **monitor.options}
            source = captures
            # Monitors of captures don't wait for labels
            if monitor.reads_merged:
                source = merged_folder
                task_options.setdefault("lag", lag)
            task = MonitorOperator(
                task_id=monitor.task_id,
                where=where,
                analysis_type=monitor.analysis_type,
                dataset_source=source,
                dataset_format=monitor.dataset_format,
                baseline=monitor.baseline,
                output_path=join(output_path, monitor.task_id),
                flags=monitor.flags,
                **task_options,
            )
            if monitor.reads_merged and merge_task is not None:
                merge_task >> task
    return group


def _require_valid_monitors(monitors: tuple[MonitorTask, ...], ground_truth: str | None) -> None:
    # A task's id is also the folder of its reports
    task_counts = Counter(monitor.task_id for monitor in monitors)
    errors = [
        f"monitors has two tasks called {task_id!r}; give one of them another task_id"
        for task_id, count in sorted(task_counts.items())
        if count > 1
    ]
    errors += [
        f"monitors has {monitor.task_id!r}, which looks at merged records, and ground_truth is not given; name the labels"
        for monitor in monitors
        if monitor.reads_merged and ground_truth is None
    ]
    if not monitors:
        errors.append("monitors is empty; write monitors=[data_quality(baseline=…)]")
    BadConfiguration.raise_for(errors)


IN_ALERT = "InAlert"
LAST_TIME_KEY = "let_through"
"""Key of the XCom with the time at which this task let its downstream tasks run; later runs read it."""

CHALLENGE_MEMBERS = (
    "verdict",
    "reason",
    "metric",
    "rows",
    "planned_rows",
    "rows_to_tell",
    "unfair",
)  # members of challenge.json that the XCom has

_PROMOTION = re.compile(r": version (?P<version>\S+) counts, run (?P<run_id>\S+)$")


class AlertGateOperator(BaseOperator, SkipMixin):
    """Runs its direct downstream tasks if there is an alert, unless they ran within the cool-down; otherwise skips them.

    alert: `OK`, `CannotTell` or `InAlert`, a template such as `{{ ti.xcom_pull('monitor')['alert'] }}`; the monitoring job's
    `datapoints_to_alert` and `evaluation_period` decide when there is an alert. cool_down: counted in the times of the DAG runs,
    so that a backfill decides as the runs would have decided then. It also begins if the downstream tasks fail: a retraining
    that failed is not repeated every hour.

    The XCom is whether the tasks run.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from spark_model_monitor.airflow import AlertGateOperator
    >>> gate = AlertGateOperator(
    ...     task_id="gate", alert="{{ ti.xcom_pull('monitor')['alert'] }}", cool_down=timedelta(days=2)
    ... )
    """

    template_fields: Sequence[str] = ("alert",)
    ui_color = "#fff4e0"

    def __init__(self, *, alert: str, cool_down: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert
        self.cool_down = cool_down

    def execute(self, context: Context) -> bool | None:
        now = get_run_window(context).end
        # From earlier DAG runs, too: the last time may be days ago
        last_time = context["ti"].xcom_pull(task_ids=self.task_id, key=LAST_TIME_KEY, include_prior_dates=True)
        reason = find_reason_to_skip(self.alert, now, last_time, self.cool_down)
        if reason is None:
            context["ti"].xcom_push(key=LAST_TIME_KEY, value=format_moment(now))
            return True
        log.info("nothing is let through: %s", reason)
        skip_downstream(self, context)
        return False


def find_reason_to_skip(alert: str, now: datetime, last_time: str | None, cool_down: timedelta) -> str | None:
    """Why the downstream tasks are skipped; None if they run. last_time: when they ran last, or None."""
    if alert != IN_ALERT:
        return f"the alert is {alert}"
    if last_time is None:
        return None
    # Counted in the time of the data, so that a rerun of old hours decides the same
    time = parse_time(last_time)
    if time is not None and now - time < cool_down:
        return f"the last time was {last_time}, and the cool-down is {format_duration(cool_down)}"
    return None


class CommandOperator(BaseOperator):
    """A command of `spark-model-monitor` in a process that the task starts. python: the interpreter that has our package."""

    template_fields: Sequence[str] = ("python",)
    ui_color = "#e6f4ea"

    def __init__(
        self, *, python: str = sys.executable, environment: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.python = python
        self.environment = environment or {}
        self._job_run: LocalProcess | None = None

    def run_command(self, words: Sequence[str]) -> tuple[int, list[str]]:
        """The command's exit status and its lines. Raises AirflowFailException for errors that a retry can't fix."""
        try:
            self._job_run = LocalProcess([self.python, "-m", "spark_model_monitor", *words], self.environment)
        except BadConfiguration as error:
            raise AirflowFailException(f"Error: {error}") from error
        status = self._job_run.wait()
        lines = self._job_run.lines or ["it said nothing"]
        # The last line of a failed command is the error's sentence
        if status == ExitStatus.BAD_CONFIGURATION:
            raise AirflowFailException(lines[-1])
        return status, lines

    def on_kill(self) -> None:
        """End the command with the task."""
        if self._job_run is not None:
            self._job_run.stop()


class ChallengeOperator(CommandOperator, SkipMixin):
    """Whether a challenger is better than the champion, by `spark-model-monitor challenge`. Its direct downstream tasks, such as
    `PromoteOperator`, run only for the verdict `promote`; otherwise they are skipped.

    champion, challenger: captures of variants, or tables. output_path: the folder of challenge.json and challenge.html, another
    one for each trial. flags: options of the command, with underscores.

    The XCom has verdict, reason, metric, rows, planned_rows, rows_to_tell and unfair.

    Examples
    --------
    >>> from spark_model_monitor.airflow import ChallengeOperator
    >>> trial = ChallengeOperator(task_id="trial", champion="captures/blue", challenger="captures/green", output_path="trial")
    """

    template_fields = (*CommandOperator.template_fields, "champion", "challenger", "output_path", "flags")

    def __init__(
        self, *, champion: str, challenger: str, output_path: str, flags: Flags | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.champion = champion
        self.challenger = challenger
        self.output_path = output_path
        self.flags = flags or {}

    def execute(self, context: Context) -> dict[str, Json]:
        options = {**self.flags, "output_path": self.output_path}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        status, lines = self.run_command(["challenge", self.champion, self.challenger, "--json", *flags])
        if status:
            raise AirflowException(f"the comparison failed: {lines[-1]} (exit status {status})")
        # The log precedes the JSON document, which begins with a line of its own
        first_line = lines.index("{")
        document = json.loads("\n".join(lines[first_line:]))
        xcom = {name: document[name] for name in CHALLENGE_MEMBERS}
        if xcom["verdict"] != "promote":
            log.info("nothing is promoted: %s, %s", xcom["verdict"], xcom["reason"])
            # Pushed here, because a skip is an exception, which discards the return value
            context["ti"].xcom_push(key="return_value", value=xcom)
            skip_downstream(self, context)
        return xcom


class PromoteOperator(CommandOperator):
    """Makes a run the baseline from now on, as a version of the model, by `spark-model-monitor promote`.

    run: output path of the baselining job. model_version: such as `{{ ts_nodash }}`. baselines: the folder of versions, which
    monitors name as their baseline. replace: whether the version may be there already as another run. A retry promotes the same
    run again, which changes nothing.

    The XCom has model_version, run_id and baselines.

    Examples
    --------
    >>> from spark_model_monitor.airflow import PromoteOperator
    >>> promote = PromoteOperator(task_id="promote", run="retrained", model_version="7", baselines="baselines")
    """

    template_fields = (*CommandOperator.template_fields, "run", "model_version", "baselines")

    def __init__(self, *, run: str, model_version: str, baselines: str, replace: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.model_version = model_version
        self.baselines = baselines
        self.replace = replace

    def execute(self, context: Context) -> dict[str, str]:
        words = ["promote", self.run, "--model-version", self.model_version, "--to", self.baselines]
        if self.replace:
            words.append("--replace")
        status, lines = self.run_command(words)
        # The command's last line names the version and the run
        promotion = _PROMOTION.search(lines[-1])
        if status or promotion is None:
            raise AirflowException(f"the promotion failed: {lines[-1]} (exit status {status})")
        return {"model_version": promotion["version"], "run_id": promotion["run_id"], "baselines": self.baselines}
