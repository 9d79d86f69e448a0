"""Explainability as a kind of monitoring: what moves the answers of a model, row by row and on the whole.

What loads Spark is imported when it is called, so that commands without a JVM know the kinds as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.monitors.explainability.measures import AttributionMeasures
from model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from model_monitor.monitors.protocol import Kind, Monitor, Scanned, StoredBaseline
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.statistics.states import Attributions

if TYPE_CHECKING:
    from model_monitor.data.engine import Session
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.monitors.user_checks.checks import CheckPlan
    from model_monitor.running.configuration.contract import JobConfig


def _monitor(config: JobConfig) -> Monitor:
    """Which features move a model's answers, and whether that changes."""
    from model_monitor.running.inputs.measures import attribution_measures, attribution_tolerances_of

    return ExplainabilityMonitor(attribution_measures(config), attribution_tolerances_of(config))


def _read(session: Session, config: JobConfig, baseline: StoredBaseline | None) -> Dataset:
    from model_monitor.running.inputs.data_sets import read_explained

    return read_explained(session, config, baseline)


def _scan(measures: AttributionMeasures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    from model_monitor.monitors.explainability.scan import scanned

    return scanned(measures, dataset, checks)


def _of_state(path: str, state: Attributions) -> Monitor:
    return ExplainabilityMonitor()


EXPLAINABILITY = Kind(
    AnalysisType.MODEL_EXPLAINABILITY,
    namespace="explainability-metrics",
    state=Attributions,
    monitor=_monitor,
    read=_read,
    scan=_scan,
    of_state=_of_state,
)
