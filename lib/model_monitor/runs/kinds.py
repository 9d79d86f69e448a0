"""The kinds of monitoring there are. A new one is a package with a `kind.py`, and a line here."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from model_monitor.bias.kind import BIAS
from model_monitor.data_quality.kind import DATA_QUALITY
from model_monitor.engine import Session, is_of_spark
from model_monitor.engine.hadoop import leave_out_yarn
from model_monitor.explainability.kind import EXPLAINABILITY
from model_monitor.model_quality.kind import MODEL_QUALITY
from model_monitor.runs.kind import Kind
from model_monitor.runs.protocol import Monitor, StoredBaseline

if TYPE_CHECKING:
    from model_monitor.configuration.contract import JobConfig
    from model_monitor.reading.dataset import Dataset

log = logging.getLogger(__name__)

KINDS: tuple[Kind, ...] = (DATA_QUALITY, MODEL_QUALITY, BIAS, EXPLAINABILITY)


def kind_for(config: JobConfig) -> Kind:
    """The kind that a configuration asks for by `analysis_type`."""
    return next(kind for kind in KINDS if kind.analysis_type is config.analysis_type)


def kind_of(monitor: Monitor) -> Kind:
    """The kind of a monitor, by the state that it works on.

    Raises TypeError for a state that no kind has, which is a fault of the monitor's author.
    """
    for kind in KINDS:
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
