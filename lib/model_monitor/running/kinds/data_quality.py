"""Data quality as a kind of monitoring: every column is a feature, and one scan profiles them all.

What loads Spark is imported when it is called, so that commands without a JVM know the kinds as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.documents.constraints import MonitoringSettings, Role, Verdicts
from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.monitors.protocol import Kind, Monitor, Scanned, StoredBaseline
from model_monitor.reports.history import baselines
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.statistics.states import Profile
from model_monitor.statistics.states.profile import Measures

if TYPE_CHECKING:
    from model_monitor.data.engine import Session
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.monitors.user_checks.checks import CheckPlan
    from model_monitor.running.configuration.contract import JobConfig


def _monitor(config: JobConfig) -> Monitor:
    """Types, completeness, domains and distributions of the features."""
    return DataQualityMonitor(
        settings=MonitoringSettings(
            datatype_check_threshold=config.datatype_check_threshold,
            domain_content_threshold=config.domain_content_threshold,
            comparison_threshold=config.comparison_threshold,
            comparison_method=config.comparison_method,
            categorical_comparison_threshold=config.categorical_comparison_threshold,
            categorical_drift_method=config.categorical_drift_method,
            verdicts=Verdicts.NONE if config.replays_service else Verdicts.CALIBRATED,
            false_alarm_budget=config.false_alarm_budget,
            rows=config.rows,
        ),
        with_sketches=config.with_sketches,
        max_domain_size=config.max_domain_size,
        accept_exponents=config.takes_exponents,
        as_service=config.replays_service,
        window_rows=config.window_rows,
        column_metrics=config.column_metrics,
        columns=config.columns or "name",
        predictions=config.predictions,
        hide_values=config.hide_values,
        time_column=config.time_column,
    )


def _read(session: Session, config: JobConfig, baseline: StoredBaseline | None) -> Dataset:
    from model_monitor.running.inputs.data_sets import read_features

    return read_features(session, config, baseline)


def _scan(measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    from model_monitor.monitors.data_quality.scan import scanned

    return scanned(measures, dataset, checks)


def _of_state(path: str, profile: Profile) -> Monitor:
    known = baselines.of_run(path).constraints
    told = tuple(feature.name for feature in known.features if feature.role is Role.PREDICTION)
    return DataQualityMonitor(settings=known.monitoring, predictions=told)


DATA_QUALITY = Kind(
    AnalysisType.DATA_QUALITY,
    namespace="data-metrics",
    state=Profile,
    monitor=_monitor,
    read=_read,
    scan=_scan,
    of_state=_of_state,
)
