"""The data-quality metrics of a run as CloudWatch's JSON Lines file, which the platform publishes. Pure; driver only.

Source: contract.md section 9.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from model_monitor.documents.constraints import Constraints
from model_monitor.documents.outcomes import CheckOutcome, CheckStatus
from model_monitor.states import FeatureProfile, Profile

METRICS_FILE = "cloudwatch_metrics.jsonl"
"""Name of the file, below `opt/ml/output/metrics/cloudwatch/` in a container."""

LARGEST_VALUE = 2.0**360
"""Magnitude of the largest number that CloudWatch takes: the 2.348543e108 of contract.md 9.2."""

_DRIFT = "baseline_drift_check"


@dataclass(frozen=True, slots=True)
class MetricContext:
    """What all metrics of a run have in common.

    time: the window's start, with its time zone. endpoint: None for batch transform, which has no such dimension. schedule:
    None outside a schedule.
    """

    time: datetime
    endpoint: str | None = None
    schedule: str | None = None

    def of_value(self, name: str, value: float, unit: str) -> dict[str, Any]:
        """The metric of one number."""
        return {**self._head(name), "Value": float(value), "Unit": unit}

    def of_values(self, name: str, count: int, total: float, minimum: float, maximum: float) -> dict[str, Any]:
        """The metric of many numbers, from which Average, Sum, Min, Max and SampleCount can be asked."""
        statistics = {"SampleCount": float(count), "Sum": total, "Minimum": minimum, "Maximum": maximum}
        return {**self._head(name), "StatisticValues": statistics, "Unit": "None"}

    def _head(self, name: str) -> dict[str, Any]:
        dimensions = (("Endpoint", self.endpoint), ("MonitoringSchedule", self.schedule))
        return {
            "MetricName": name,
            "Timestamp": self.time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions if value is not None],
        }


def cloudwatch_metrics(
    profile: Profile, outcomes: Iterable[CheckOutcome], constraints: Constraints, context: MetricContext
) -> list[dict[str, Any]]:
    """The metrics of every feature whose `emit_metrics` is Enabled, and the number of violations.

    A feature that constraints.json does not have goes by the file's own `emit_metrics`, as does the number of violations. A
    number that CloudWatch does not take (NaN, infinite, above 2^360) has no metric. `feature_baseline_drift_…` is the distance,
    or the p-value of ChiSquared, whether it is a violation or not.
    Source: contract.md 9.1 and 9.2.
    """
    outcomes = list(outcomes)
    distances = {o.feature: o.observed for o in outcomes if o.check == _DRIFT and o.observed is not None}
    emitting = {feature.name: constraints.monitoring_of(feature.name).emit_metrics for feature in constraints.features}
    by_default = constraints.monitoring.emit_metrics
    metrics: list[dict[str, Any]] = []
    for feature in profile.features:
        if emitting.get(feature.name, by_default):
            metrics += _of_feature(feature, distances, context)
    if by_default:
        violated = sum(outcome.status is CheckStatus.VIOLATED for outcome in outcomes)
        metrics.append(context.of_value("total_number_of_violations", violated, "Count"))
    return metrics


def metric_lines(metrics: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of `METRICS_FILE`: one JSON object per line."""
    return "".join(json.dumps(metric, ensure_ascii=False, allow_nan=False) + "\n" for metric in metrics).encode()


def _of_feature(
    feature: FeatureProfile, distances: Mapping[str, float], context: MetricContext
) -> Iterator[dict[str, Any]]:
    name, types, moments = feature.name, feature.data_types, feature.moments
    if feature.is_numeric and moments is not None and moments.count:
        numbers = (moments.sum, moments.minimum, moments.maximum)
        if all(math.isfinite(number) and abs(number) <= LARGEST_VALUE for number in numbers):
            yield context.of_values(f"feature_data_{name}", moments.count, *numbers)
    counts: dict[str, float | None] = {
        "non_null": feature.num_present,
        "null": feature.num_missing,
        "estimated_unique_values": feature.distinct.estimate() if feature.distinct else None,
        "fractional_counts": types.fractional,
        "integral_counts": types.integral,
        "string_counts": types.text,
        "boolean_counts": types.boolean,
        "unknown_counts": types.unknown + types.missing,  # Deequ's Unknown: nothing to tell a type from
    }
    yield from (
        context.of_value(f"feature_{kind}_{name}", count, "Count")
        for kind, count in counts.items()
        if count is not None
    )
    if types.total:
        yield context.of_value(f"feature_completeness_{name}", feature.completeness, "None")
    if name in distances:
        yield context.of_value(f"feature_baseline_drift_{name}", distances[name], "None")
