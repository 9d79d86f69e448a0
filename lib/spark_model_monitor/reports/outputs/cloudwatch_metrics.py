"""The metrics of a run as CloudWatch's JSON Lines file, which the platform publishes. Runs on the driver only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from spark_model_monitor.monitors.protocol import PublishedMetric, StatisticSet
from spark_model_monitor.value_class import value_class

METRICS_FILE = "cloudwatch_metrics.jsonl"  # name of the file, below `opt/ml/output/metrics/cloudwatch/` in a container


@value_class
class MetricContext:
    """The time and the dimensions that all metrics of a run share.

    time: the window's start, with its time zone. endpoint: None for batch transform, which doesn't have this dimension.
    schedule: None for a run outside a schedule.
    """

    time: datetime
    endpoint: str | None = None
    schedule: str | None = None


def create_cloudwatch_metrics(metrics: Iterable[PublishedMetric], context: MetricContext) -> list[dict[str, Any]]:
    """The metrics as CloudWatch's objects: name, time stamp, dimensions, and `Value` or `StatisticValues`."""
    # The service writes times in whole seconds in UTC
    time = context.time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    dimensions = {"Endpoint": context.endpoint, "MonitoringSchedule": context.schedule}
    return [
        {
            "MetricName": metric.name,
            "Timestamp": time,
            "Dimensions": [
                {"Name": name, "Value": value}
                for name, value in {**dimensions, **metric.dimensions}.items()
                if value is not None
            ],
            **_list_numbers(metric),
            "Unit": metric.unit,
        }
        for metric in metrics
    ]


def encode_metrics(metrics: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of `METRICS_FILE`: one JSON object per line."""
    return "".join(json.dumps(metric, ensure_ascii=False, allow_nan=False) + "\n" for metric in metrics).encode()


def _list_numbers(metric: PublishedMetric) -> dict[str, Any]:
    """One `Value`, or the `StatisticValues` from which CloudWatch computes Average, Sum, Min, Max and SampleCount."""
    statistics = metric.value
    if not isinstance(statistics, StatisticSet):
        return {"Value": float(statistics)}
    numbers = {
        "SampleCount": float(statistics.count),
        "Sum": statistics.total,
        "Minimum": statistics.minimum,
        "Maximum": statistics.maximum,
    }
    return {"StatisticValues": numbers}
