"""A job's Deequ checks: loaded and planned before any data is read, so that a fault in them costs nothing."""

from __future__ import annotations

from model_monitor.configuration.contract import JobConfig
from model_monitor.data.reading.dataset import Dataset
from model_monitor.monitors.user_checks.checks import CheckPlan


def planned_checks(config: JobConfig, data: Dataset) -> CheckPlan | None:
    """The plan for the checks that `--checks` names, None without the flag.

    Raises BadConfiguration for checks that can't be loaded, or can't be answered for this data.
    """
    if config.checks is None:
        return None
    from model_monitor.deequ import loading

    allowed = config.allow_second_scan
    return loading.planned_checks(config.checks, data.named_frame(), data.names, second_scan_allowed=allowed)
