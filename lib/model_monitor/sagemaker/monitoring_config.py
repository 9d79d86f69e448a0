"""What of the suggested `monitoring_config` a baseline may be told.

Source: C4.2.
"""

from __future__ import annotations

from typing import Any

from model_monitor.documents.constraints import CATEGORICAL_DRIFT_METHODS


class DataQualityDistributionConstraints:
    """The part about distributions. categorical_drift_method: LInfinity or ChiSquared, or one of ours (docs/drift.md)."""

    def __init__(self, categorical_drift_method: str | None = None) -> None:
        self.categorical_drift_method = categorical_drift_method

    @staticmethod
    def valid_distribution_constraints(distribution_constraints: Any) -> bool:
        """Whether they can be used; None can."""
        return not distribution_constraints or DataQualityDistributionConstraints.valid_categorical_drift_method(
            distribution_constraints.categorical_drift_method
        )

    @staticmethod
    def valid_categorical_drift_method(categorical_drift_method: str | None) -> bool:
        """Whether there is such a method; None means the default one."""
        return not categorical_drift_method or categorical_drift_method in CATEGORICAL_DRIFT_METHODS


class DataQualityMonitoringConfig:
    """What replaces the suggested configuration."""

    def __init__(self, distribution_constraints: DataQualityDistributionConstraints | None = None) -> None:
        self.distribution_constraints = distribution_constraints

    @staticmethod
    def valid_monitoring_config(monitoring_config: Any) -> bool:
        """Whether it can be used; None can."""
        return not monitoring_config or DataQualityDistributionConstraints.valid_distribution_constraints(
            monitoring_config.distribution_constraints
        )
