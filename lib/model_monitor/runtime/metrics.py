"""A run's metrics as the container's file of JSON Lines, which a platform or a sink publishes (C9.1, C11.22)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from model_monitor.configuration.contract import JobConfig
from model_monitor.inputs.window import window_of
from model_monitor.monitors.protocol import PublishedMetric
from model_monitor.reports.outputs.files import METRICS_FILE, MetricContext, cloudwatch_metrics, metric_lines
from model_monitor.runs.results import Findings
from model_monitor.runtime.status import is_container
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

IN_A_CONTAINER = "opt/ml/output/metrics/cloudwatch"
ELSEWHERE = "metrics"


def write_metrics(findings: Findings, config: JobConfig, spark: SparkSession | None) -> None:
    """Write the metrics, if `publish_cloudwatch_metrics` is Enabled.

    Raises OutputFailed if they can't be written.
    """
    if config.publish_cloudwatch_metrics:
        _write(metrics_of(findings, config), config, spark)


def write_published(
    metrics: Iterable[PublishedMetric], config: JobConfig, spark: SparkSession | None, time: datetime
) -> None:
    """The same of single metrics with their time."""
    if config.publish_cloudwatch_metrics:
        _write(cloudwatch_metrics(metrics, _context(config, time)), config, spark)


def _write(metrics: list[dict[str, Any]], config: JobConfig, spark: SparkSession | None) -> None:
    in_container = is_container(config.container_root)
    folder = join(config.container_root, IN_A_CONTAINER) if in_container else join(config.output_path, ELSEWHERE)
    storage_of(folder, spark).write(join(folder, METRICS_FILE), metric_lines(metrics))
    log.info("wrote %d metrics to %s", len(metrics), folder)


def metrics_of(findings: Findings, config: JobConfig) -> list[dict[str, Any]]:
    """The metrics as CloudWatch's objects, whether they are written or not."""
    window = window_of(config)
    time = config.metric_time or (window.start if window else datetime.now(timezone.utc))
    return cloudwatch_metrics(findings.published, _context(config, time))


def _context(config: JobConfig, time: datetime) -> MetricContext:
    return MetricContext(
        time,
        endpoint=config.sagemaker_endpoint_name,
        schedule=config.sagemaker_monitoring_schedule_name,
    )
