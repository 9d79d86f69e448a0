"""Which monitor a job runs: the one that its configuration names by `analysis_type`."""

from __future__ import annotations

from collections.abc import Callable

from model_monitor.data_quality.monitor import DataQualityMonitor
from model_monitor.documents.constraints import MonitoringSettings
from model_monitor.monitor import Monitor
from model_monitor.registry import Registry
from model_monitor.runtime.contract import JobConfig

MONITORS: Registry[Callable[[JobConfig], Monitor]] = Registry("analysis_type")


def monitor_for(config: JobConfig) -> Monitor:
    """The monitor that `config` asks for.

    Raises BadConfiguration if there is none for its `analysis_type`.
    """
    monitor: Monitor = MONITORS.get(config.analysis_type.value)(config)
    return monitor


@MONITORS.register("DATA_QUALITY")
def data_quality(config: JobConfig) -> Monitor:
    """Types, completeness, domains and distributions of the features."""
    return DataQualityMonitor(
        settings=MonitoringSettings(
            datatype_check_threshold=config.datatype_check_threshold,
            domain_content_threshold=config.domain_content_threshold,
            comparison_threshold=config.comparison_threshold,
            comparison_method=config.comparison_method,
            categorical_comparison_threshold=config.categorical_comparison_threshold,
            categorical_drift_method=config.categorical_drift_method,
        ),
        with_sketches=config.with_sketches,
        max_domain_size=config.max_domain_size,
        accept_exponents=config.takes_exponents,
        as_service=config.replays_service,
    )
