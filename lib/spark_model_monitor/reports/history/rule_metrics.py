"""The metrics of DQDL rules in earlier windows, for `last(n)` and DetectAnomalies: read from the checks.json of those runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from spark_model_monitor.documents.check_results import CheckResult, CheckResults
from spark_model_monitor.monitors.data_quality.messages import NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import StoredStatistics
from spark_model_monitor.reports.history.history_file import WindowHistory
from spark_model_monitor.reports.outputs.run_files import read_document_file
from spark_model_monitor.storage import exists, join

if TYPE_CHECKING:
    from spark_model_monitor.documents.dqdl import RuleSet

RULES = "rules"  # the reference of a window that has no entry except the metrics of its rules


def mark_window_with_rules(check_results: Sequence[CheckResult]) -> StoredStatistics:
    """The row that makes a window without a baseline an entry of the history, so that later runs find its checks.json."""
    rows = [check_result.m or 0 for check_result in check_results if check_result.metrics]
    return ((RULES, NUMBER_OF_ROWS, {"rows": float(max(rows))}),) if rows else ()


def add_past_metrics(rule_set: RuleSet, history: WindowHistory) -> RuleSet:
    """The rules with their metrics in the latest windows of a history, as many as the rules compare with, and with the windows
    that had alarms.
    """
    past_metrics: dict[str, tuple[float, ...]] = {}
    past_alarms: dict[str, tuple[str, ...]] = {}
    for window in history.entries[-rule_set.past_runs :]:
        path = join(history.folder, window.folder, CheckResults.FILE_NAME)
        if not exists(path):  # somebody has deleted that run
            continue
        # Several rules may use one metric, which is stored once
        metrics: dict[str, float] = {}
        for check_result in read_document_file(CheckResults, path).checks:
            metrics |= check_result.metrics or {}
        for name, value in metrics.items():
            past_metrics[name] = (*past_metrics.get(name, ()), value)
            past_alarms[name] = (*past_alarms.get(name, ()), window.window if window.alarmed else "")
    return replace(rule_set, past_metrics=past_metrics, past_alarms=past_alarms)
