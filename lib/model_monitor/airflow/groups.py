"""An hour of monitoring as one task group: the merge and what looks at merged records, beside what looks at captures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup

from model_monitor.airflow.operators import MergeOperator, MonitorOperator
from model_monitor.airflow.places import Place
from model_monitor.errors import BadConfiguration
from model_monitor.storage import join

MERGED_OUTPUT = {"sagemakerMergeJson": {"captureIndexNames": ["endpointOutput"]}}
MERGED_BOTH = {"sagemakerMergeJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
"""Model quality looks at the model's answers, bias at the features as well. Source: C2."""


@dataclass(frozen=True, kw_only=True)
class MonitorTask:
    """One monitor of the group.

    task_id: its task's, and the folder of its reports. reads_merged: whether it looks at merged records, not at captures.
    flags: as the job has them. options: further arguments of `MonitorOperator`, such as on_violations, pool or retries.
    """

    task_id: str
    analysis_type: str
    baseline: str | None
    reads_merged: bool = False
    dataset_format: Any = "capture"
    flags: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def data_quality(*, baseline: str | None, flags: Mapping[str, Any] | None = None, **options: Any) -> MonitorTask:
    """Data quality of what was captured. Other data than captures takes a `MonitorOperator` of its own.

    Raises BadConfiguration for another format.
    """
    if "dataset_format" in options:
        raise BadConfiguration(
            "hourly_monitoring reads captures; write a MonitorOperator for data of another dataset_format"
        )
    return MonitorTask(
        task_id="data_quality", analysis_type="DATA_QUALITY", baseline=baseline, flags=flags or {}, options=options
    )


def model_quality(*, baseline: str | None, flags: Mapping[str, Any], **options: Any) -> MonitorTask:
    """Model quality of merged records. flags: problem_type, where the prediction stands, … (docs/model-quality.md)."""
    return MonitorTask(
        task_id="model_quality",
        analysis_type="MODEL_QUALITY",
        baseline=baseline,
        reads_merged=True,
        dataset_format=MERGED_OUTPUT,
        flags=flags,
        options=options,
    )


def bias(*, baseline: str | None, flags: Mapping[str, Any], **options: Any) -> MonitorTask:
    """Bias of merged records. flags: analysis_config and the rest of docs/bias.md."""
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
    where: Place,
    captures: str,
    output_path: str,
    monitors: Iterable[MonitorTask],
    ground_truth: str | None = None,
    merge_flags: Mapping[str, Any] | None = None,
    lag: timedelta = timedelta(0),
    group_id: str = "hourly_monitoring",
    **options: Any,
) -> TaskGroup:
    """The tasks of one window: `merge` and behind it the monitors of merged records, beside them those of captures.

    output_path: below it lie `merged` and the reports, a folder for each monitor. monitors: any number of them; there is a
    merge if one reads merged records. lag: how long the labels of a window are waited for; what reads merged records looks at the
    window that lies so much before the run's interval. options: further arguments of every task.

    Raises BadConfiguration for monitors without a merge that they need, or two of one name.
    """
    wanted = tuple(monitors)
    _require_sound(wanted, ground_truth)
    merged = join(output_path, "merged")
    with TaskGroup(group_id) as group:
        merging = None
        if ground_truth is not None and any(monitor.reads_merged for monitor in wanted):
            merging = MergeOperator(
                task_id="merge",
                where=where,
                dataset_source=captures,
                ground_truth_source=ground_truth,
                output_path=merged,
                flags=merge_flags,
                lag=lag,
                **options,
            )
        for monitor in wanted:
            task = MonitorOperator(
                task_id=monitor.task_id,
                where=where,
                analysis_type=monitor.analysis_type,
                dataset_source=merged if monitor.reads_merged else captures,
                dataset_format=monitor.dataset_format,
                baseline=monitor.baseline,
                output_path=join(output_path, monitor.task_id),
                flags=monitor.flags,
                **{**({"lag": lag} if monitor.reads_merged else {}), **options, **monitor.options},
            )
            if monitor.reads_merged and merging is not None:
                merging >> task
    return group


def _require_sound(monitors: tuple[MonitorTask, ...], ground_truth: str | None) -> None:
    names = [monitor.task_id for monitor in monitors]
    faults = [
        f"monitors has two tasks called {name!r}; give one of them another task_id"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    faults += [
        f"monitors has {monitor.task_id!r}, which looks at merged records, and ground_truth is not given; name the labels"
        for monitor in monitors
        if monitor.reads_merged and ground_truth is None
    ]
    if not monitors:
        faults.append("monitors is empty; write monitors=[data_quality(baseline=…)]")
    if faults:
        raise BadConfiguration.gathered(faults)
