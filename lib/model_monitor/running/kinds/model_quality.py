"""Model quality as a kind of monitoring: labels beside predictions.

What loads Spark is imported when it is called, so that commands without a JVM know the kinds as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from model_monitor.monitors.protocol import Kind, Monitor, Scanned, StoredBaseline
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.statistics.states import OutcomePlan, Outcomes

if TYPE_CHECKING:
    from model_monitor.data.engine import Session
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.monitors.user_checks.checks import CheckPlan
    from model_monitor.running.configuration.contract import JobConfig


def _monitor(config: JobConfig) -> Monitor:
    """How good predictions are, once it is known what really happened."""
    from model_monitor.running.inputs.measures import outcome_plan

    return ModelQualityMonitor(
        outcome_plan(config),
        tolerance=config.tolerance,
        window_rows=config.window_rows,
        false_alarm_budget=config.false_alarm_budget,
        min_samples=config.min_samples or 0,
        as_service=config.replays_service,
        hide_values=config.hide_values,
    )


def _read(session: Session, config: JobConfig, baseline: StoredBaseline | None) -> Dataset:
    from model_monitor.running.inputs.data_sets import read_outcomes

    return read_outcomes(session, config, baseline)


def _scan(plan: OutcomePlan, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    from model_monitor.monitors.model_quality.monitor import scanned

    return scanned(plan, dataset, checks)


def _of_state(path: str, outcomes: Outcomes) -> Monitor:
    return ModelQualityMonitor(outcomes.plan)


MODEL_QUALITY = Kind(
    AnalysisType.MODEL_QUALITY,
    namespace="model-metrics",
    state=Outcomes,
    monitor=_monitor,
    read=_read,
    scan=_scan,
    of_state=_of_state,
)
