"""A run's metrics as the container's file of JSON Lines, which a platform or a sink publishes (contract.md section 9)."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

from pyspark.sql import SparkSession

from model_monitor.outputs.metrics import METRICS_FILE, MetricContext, cloudwatch_metrics, metric_lines
from model_monitor.results import Findings
from model_monitor.runtime.contract import JobConfig
from model_monitor.runtime.status import is_container
from model_monitor.storage import join, storage_of

log = logging.getLogger(__name__)

IN_A_CONTAINER = "opt/ml/output/metrics/cloudwatch"
ELSEWHERE = "metrics"


def write_metrics(findings: Findings, config: JobConfig, spark: SparkSession) -> None:
    """Write the metrics, if `publish_cloudwatch_metrics` is Enabled.

    Raises OutputFailed if they can't be written.
    """
    if not config.publish_cloudwatch_metrics:
        return
    context = MetricContext(
        config.metric_time or config.start_time or datetime.now(timezone.utc),
        endpoint=config.sagemaker_endpoint_name,
        schedule=config.sagemaker_monitoring_schedule_name,
    )
    metrics = cloudwatch_metrics(findings.current.profile, findings.outcomes, findings.constraints, context)
    in_container = is_container(config.container_root)
    folder = join(config.container_root, IN_A_CONTAINER) if in_container else join(config.output_path, ELSEWHERE)
    storage_of(folder, spark).write(join(folder, METRICS_FILE), metric_lines(metrics))
    log.info("wrote %d metrics to %s", len(metrics), folder)
