"""The baseline that a monitoring job is told to compare with."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from model_monitor.documents import json_text
from model_monitor.documents.alerts import Decision
from model_monitor.documents.run_description import BaselineReference, moment
from model_monitor.errors import BadConfiguration, BadInput, MonitorError
from model_monitor.monitors.data_quality.checks.baseline_drift import DRIFT, with_thresholds
from model_monitor.monitors.data_quality.comparison import QualityBaseline
from model_monitor.monitors.data_quality.distributions import BASELINE
from model_monitor.monitors.data_quality.messages import NEWEST_ROW
from model_monitor.monitors.protocol import Monitor, StoredBaseline
from model_monitor.reports.alerts import read_alerts
from model_monitor.reports.history import baselines
from model_monitor.reports.history.baselines import shares_at
from model_monitor.reports.history.decisions import read_decisions
from model_monitor.reports.history.variation import read_history
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.running.inputs.run_inputs import window_of, window_told
from model_monitor.storage import storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

PREVIOUS = "previous"


def compared_with(baseline: StoredBaseline | None, config: JobConfig) -> StoredBaseline | None:
    """The baseline without the features that `exclude_features_attribute` leaves out of the data."""
    if baseline is None or not config.exclude_features_attribute:
        return baseline
    names = baseline.names
    indices = {str(position): name for position, name in enumerate(names)}
    return baseline.without(
        {given if given in names else indices.get(given, given) for given in config.exclude_features_attribute}
    )


def read_baseline(spark: SparkSession | None, config: JobConfig, monitor: Monitor) -> StoredBaseline | None:
    """The baseline of `--baseline`, or of the variables `baseline_constraints` and `baseline_statistics`.

    None only for `--baseline previous` when there is no earlier run: then this one can only be the first.
    Raises BadConfiguration if no baseline is named, or if it can't be opened.
    """
    try:
        known = _named(spark, config, monitor)
    except BadInput as fault:
        raise BadConfiguration(f"the baseline can't be read: {fault}") from fault
    if known is None:
        log.warning("there is no earlier run at %s; this one is the first, and nothing is checked", config.output_path)
    if not isinstance(known, QualityBaseline):
        return known
    shares = shares_at(config.attributions, spark) if config.attributions else {}
    return _with_thresholds(known, spark, config).with_attributions(shares)


def with_history(
    known: StoredBaseline | None, spark: SparkSession | None, config: JobConfig, monitor: Monitor
) -> StoredBaseline | None:
    """The baseline with what earlier windows say, and with the references that are made of their states."""
    told = window_told(config)
    if told is None or not isinstance(known, QualityBaseline) or config.replays_service:
        return known
    time = moment(told[1])
    history = read_history(config.output_path, spark).before(time)
    references = history.profiles(known.wanted_references, time, spark)
    past = {name: history.past(name) for name in references}
    past[BASELINE] = history.past(BASELINE, baseline_id(reference_to_baseline(spark, config, monitor)))
    window = window_of(config)
    start = None if window is None else window.start
    return known.with_history(references, past).with_volume(told[1], history.rows(), start, history.rows(NEWEST_ROW))


def decisions_for(config: JobConfig, spark: SparkSession | None) -> list[Decision]:
    """What somebody said of earlier alarms; nothing where the service is replayed."""
    return [] if config.replays_service else read_decisions(config.output_path, spark)


def violated_since(config: JobConfig, spark: SparkSession | None) -> Mapping[str, str]:
    """What was violated in the window before this one, and since when; nothing where the service is replayed."""
    told = window_told(config)
    time = moment(told[1] if told else datetime.now(timezone.utc))
    return {} if config.replays_service else read_alerts(config.output_path, spark).since_before(time)


def baseline_id(reference: BaselineReference | None) -> str:
    """What tells a baseline from others."""
    return "" if reference is None else reference.run_id or reference.constraints or ""


def _with_thresholds(known: QualityBaseline, spark: SparkSession | None, config: JobConfig) -> QualityBaseline:
    """The baseline with the thresholds of `--thresholds` and, over them, of `--threshold`."""
    constraints, path, where = known.constraints, config.thresholds, "--thresholds"
    try:
        if path is not None:
            constraints = with_thresholds(constraints, json_text.load(storage_of(path, spark).read(path), path))
        where = "--threshold"
        constraints = with_thresholds(constraints, {name: {DRIFT: given} for name, given in config.threshold.items()})
    except (MonitorError, OSError, ValueError) as fault:
        raise BadConfiguration(f"{where}: {fault}") from fault
    return replace(known, constraints=constraints)


def reference_to_baseline(spark: SparkSession | None, config: JobConfig, monitor: Monitor) -> BaselineReference | None:
    """Where the baseline that `read_baseline` reads lies; None if there is none. To be asked before the run is published."""
    if config.baseline == PREVIOUS:
        return baselines.to_previous(config.output_path, spark, monitor)
    if config.baseline is not None:
        return baselines.to_run(config.baseline, spark, monitor)
    if config.baseline_constraints is not None:
        return baselines.to_files(config.baseline_constraints, config.baseline_statistics, spark)
    return None


def _named(spark: SparkSession | None, config: JobConfig, monitor: Monitor) -> StoredBaseline | None:
    known: StoredBaseline | None
    if config.baseline == PREVIOUS:
        known = baselines.previous(config.output_path, spark, monitor)
    elif config.baseline is not None:
        known = baselines.of_run(config.baseline, spark, monitor)
    elif config.baseline_constraints is not None:
        known = baselines.of_files(config.baseline_constraints, config.baseline_statistics, spark, monitor)
    else:
        raise BadConfiguration(
            "no baseline is named; write --baseline PATH (the output path of a baselining job), --baseline previous, or "
            "--baseline-constraints FILE with --baseline-statistics FILE"
        )
    return known
