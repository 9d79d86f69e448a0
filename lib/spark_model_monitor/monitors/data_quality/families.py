"""The families of checks that share a run's budget of false alarms. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from spark_model_monitor.documents.constraints import FeatureConstraints, FeatureRole
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings

DRIFT = "drift"
PREDICTIONS = "prediction drift"
COMPLETENESS = "completeness"
CONTENTS = "contents"
NEW_KINDS = "new kinds"  # of values that the baseline never had
VOLUME = "volume"
SEGMENTS = "segments"
COLUMN_PAIRS = "between columns"


def budget_families(features: Iterable[FeatureConstraints], settings: MonitoringSettings) -> tuple[str, ...]:
    """The families of checks that share the budget of a run with these features."""
    families = [DRIFT, COMPLETENESS, CONTENTS]
    if any(feature.role is FeatureRole.PREDICTION for feature in features):
        families.append(PREDICTIONS)
    if settings.segments:
        families.append(SEGMENTS)
    return tuple(families)
