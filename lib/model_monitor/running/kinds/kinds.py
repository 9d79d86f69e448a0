"""The kinds of monitoring there are. A new one is a package with a `kind.py`, and a line here."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from model_monitor.data.engine import Session, is_of_spark
from model_monitor.monitors.protocol import Kind, Monitor, StoredBaseline
from model_monitor.running.configuration.options import AnalysisType
from model_monitor.spark.engine.spark import leave_out_yarn

if TYPE_CHECKING:
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.running.configuration.contract import JobConfig

log = logging.getLogger(__name__)

KINDS = {
    AnalysisType.DATA_QUALITY: "data_quality.kind:DATA_QUALITY",
    AnalysisType.MODEL_QUALITY: "model_quality.kind:MODEL_QUALITY",
    AnalysisType.MODEL_BIAS: "bias.kind:BIAS",
    AnalysisType.MODEL_EXPLAINABILITY: "explainability.kind:EXPLAINABILITY",
}
"""Where each is. It is loaded when it is asked for: a run needs one of them."""


def kinds() -> Iterator[Kind]:
    """All of them, each loaded when it is its turn."""
    return map(_loaded, KINDS)


def kind_for(config: JobConfig) -> Kind:
    """The kind that a configuration asks for by `analysis_type`."""
    return _loaded(config.analysis_type)


def _loaded(analysis_type: AnalysisType) -> Kind:
    module, _, name = KINDS[analysis_type].partition(":")
    kind: Kind = getattr(import_module(f"model_monitor.{module}"), name)
    return kind


def kind_of(monitor: Monitor) -> Kind:
    """The kind of a monitor, by the state that it works on.

    Raises TypeError for a state that no kind has, which is a fault of the monitor's author.
    """
    for kind in kinds():
        if kind.state is monitor.STATE:
            return kind
    raise TypeError(f"no kind of monitoring makes {monitor.STATE.__name__}")


def monitor_for(config: JobConfig) -> Monitor:
    """The monitor that a configuration asks for.

    Raises BadConfiguration if there is none for its `analysis_type`.
    """
    return kind_for(config).monitor(config)


def read_source(session: Session, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set that `dataset_source` and `dataset_format` name, as the monitor of `analysis_type` looks at it.

    baseline: what the data is compared with, if there is one.
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    started = time.monotonic()
    dataset = kind_for(config).read(session, config, baseline)
    if is_of_spark(dataset.table):
        leave_out_yarn(dataset.engine.spark, len(dataset.files))
    size = sum(file.size_bytes for file in dataset.files)
    log.info(
        "found %d features in %d files, %s bytes, %.1f s",
        len(dataset.names),
        len(dataset.files),
        f"{size:,}",
        time.monotonic() - started,
    )
    return dataset
