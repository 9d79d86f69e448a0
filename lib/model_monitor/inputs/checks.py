"""A job's Deequ checks: loaded and planned before any data is read, so that a fault in them costs nothing."""

from __future__ import annotations

import logging

from pyspark.sql import SparkSession

from model_monitor.configuration.contract import JobConfig
from model_monitor.deequ.checks import CheckPlan, plan
from model_monitor.deequ.loading import load_checks
from model_monitor.deequ.predicates import require_conditions
from model_monitor.reading.dataset import Dataset

log = logging.getLogger(__name__)


def planned_checks(spark: SparkSession, config: JobConfig, data: Dataset) -> CheckPlan | None:
    """The plan for the checks that `--checks` names, None without the flag.

    Raises BadConfiguration for checks that can't be loaded, or can't be answered for this data.
    """
    if config.checks is None:
        return None
    checks = load_checks(spark, config.checks)
    planned = plan(checks, data.names, second_scan_allowed=config.allow_second_scan)
    require_conditions(data.named_frame(), planned.predicates.values())
    if planned.second_scan:
        log.warning("checks that need a second scan: %s", ", ".join(map(str, planned.second_scan)))
    return planned
