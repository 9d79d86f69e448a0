"""Which monitor a job runs: the one that its configuration names by `analysis_type`."""

from __future__ import annotations

from collections.abc import Callable

from model_monitor.bias.monitor import BiasMonitor
from model_monitor.configuration.contract import JobConfig
from model_monitor.data_quality.monitor import DataQualityMonitor
from model_monitor.documents.constraints import MonitoringSettings
from model_monitor.inputs.bias_measures import bias_measures, tolerances_of
from model_monitor.inputs.outcome_plan import outcome_plan
from model_monitor.model_quality.monitor import ModelQualityMonitor
from model_monitor.registry import Registry
from model_monitor.runs.protocol import Monitor

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
        column_metrics=config.column_metrics,
    )


@MONITORS.register("MODEL_QUALITY")
def model_quality(config: JobConfig) -> Monitor:
    """How good predictions are, once it is known what really happened."""
    return ModelQualityMonitor(
        outcome_plan(config),
        tolerance=config.tolerance,
        window_rows=config.window_rows,
        min_samples=config.min_samples or 0,
        as_service=config.replays_service,
    )


@MONITORS.register("MODEL_BIAS")
def bias(config: JobConfig) -> Monitor:
    """How a model, and the data it learns from, treat a sensitive group beside the rest."""
    return BiasMonitor(bias_measures(config), tolerances_of(config))
