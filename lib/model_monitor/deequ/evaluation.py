"""Deequ on the driver: a profile's added states become Deequ's own metrics.

The executors made states that add (`statistics/states/`); each has the form of a Deequ state, so Deequ's analyzers compute from it
what they would have computed by a scan of their own, for all columns in one evaluation. No Spark job, no callback server.
Only the modules of this package called `deequ…` know Deequ or import pydeequ, and do so when they are first asked.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from model_monitor.deequ.bulk import persisted
from model_monitor.deequ.jvm import Deequ, is_without_deequ
from model_monitor.statistics.states.profile import FeatureMetrics, metrics_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    from model_monitor.statistics.states.profile import Profile

log = logging.getLogger(__name__)

METRIC_FIELDS = {
    "Completeness": "completeness",
    "Mean": "mean",
    "Sum": "sum",
    "StandardDeviation": "standard_deviation",
    "Minimum": "minimum",
    "Maximum": "maximum",
    "ApproxCountDistinct": "approx_count_distinct",
}
"""Deequ's name of a metric -> the field of `FeatureMetrics` that holds it."""

assert set(METRIC_FIELDS.values()) == {field.name for field in fields(FeatureMetrics)}


def evaluate(spark: SparkSession, profile: Profile) -> dict[str, FeatureMetrics]:
    """Deequ's metrics of every feature of `profile`, by the feature's name and in its order.

    Features are known to Deequ by position (c0, c1, …), so their names may hold anything. Starts no Spark job. On a line of
    Spark that has no Deequ the states' own metrics are given.

    Raises MissingDependency if Deequ's JAR, or pydeequ, is missing or does not fit.
    """
    if is_without_deequ(spark):
        return metrics_of(profile)
    started = time.monotonic()
    deequ = Deequ(spark)
    states = deequ["analyzers.InMemoryStateProvider"]()
    analyzers = persisted(deequ, profile, states)
    context = deequ.aggregated(_schema_of(profile), analyzers, states)
    metrics = _metrics_by_position(deequ, context)
    log.info(
        "evaluated %d metrics of %d features, %.1f s", len(analyzers), len(profile.features), time.monotonic() - started
    )
    return {
        feature.name: FeatureMetrics(**metrics.get(position, {})) for position, feature in enumerate(profile.features)
    }


def _schema_of(profile: Profile) -> StructType:
    """What Deequ's preconditions ask: that the columns exist, and that those with moments are numeric."""
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    return StructType(
        [
            StructField(f"c{position}", DoubleType() if feature.is_numeric else StringType())
            for position, feature in enumerate(profile.features)
        ]
    )


def _metrics_by_position(deequ: Deequ, context: Any) -> dict[int, dict[str, Any]]:
    """Position of a feature -> fields of its FeatureMetrics."""
    text = deequ["analyzers.runners.AnalyzerContext"].successMetricsAsJson(context, deequ.sequence([]))
    metrics: dict[int, dict[str, Any]] = {}
    for entry in json.loads(text):
        name, value = METRIC_FIELDS[entry["name"]], entry["value"]
        metrics.setdefault(int(entry["instance"][1:]), {})[name] = (
            int(value) if name == "approx_count_distinct" else value
        )
    return metrics
