"""Bias as a kind of monitoring: rows counted by facet, label and prediction.

What loads Spark is imported when it is called, so that commands without a JVM know the kinds as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.monitors.bias.measures import BiasMeasures
from model_monitor.monitors.bias.monitor import BiasMonitor
from model_monitor.monitors.protocol import Kind, Monitor, Scanned, StoredBaseline
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.statistics.states import Contingency

if TYPE_CHECKING:
    from model_monitor.data.engine import Session
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.monitors.user_checks.checks import CheckPlan
    from model_monitor.running.configuration.contract import JobConfig


def _monitor(config: JobConfig) -> Monitor:
    """How a model, and the data it learns from, treat a sensitive group beside the rest."""
    from model_monitor.running.inputs.measures import bias_measures, bias_tolerances_of

    return BiasMonitor(bias_measures(config), bias_tolerances_of(config))


def _read(session: Session, config: JobConfig, baseline: StoredBaseline | None) -> Dataset:
    from model_monitor.running.inputs.data_sets import read_bias

    return read_bias(session, config, baseline)


def _scan(measures: BiasMeasures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    from model_monitor.monitors.bias.scan import scanned

    return scanned(measures, dataset, checks)


def _of_state(path: str, counts: Contingency) -> Monitor:
    return BiasMonitor()


BIAS = Kind(
    AnalysisType.MODEL_BIAS,
    namespace="bias-metrics",
    state=Contingency,
    monitor=_monitor,
    read=_read,
    scan=_scan,
    of_state=_of_state,
)
