"""A job's data set: each kind of monitoring has a reader of its own."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from pyspark.sql import SparkSession

from model_monitor.configuration.contract import JobConfig
from model_monitor.configuration.options import AnalysisType
from model_monitor.engine.hadoop import leave_out_yarn
from model_monitor.inputs.bias import read_bias
from model_monitor.inputs.features import read_features
from model_monitor.inputs.outcomes import read_outcomes
from model_monitor.reading.dataset import Dataset
from model_monitor.runs.protocol import Known

log = logging.getLogger(__name__)

Reader = Callable[[SparkSession, JobConfig, Known | None], Dataset]

READERS: Mapping[AnalysisType, Reader] = {
    AnalysisType.DATA_QUALITY: read_features,
    AnalysisType.MODEL_QUALITY: read_outcomes,
    AnalysisType.MODEL_BIAS: read_bias,
}
"""What reads the data of a monitor; `monitors.MONITORS` has the monitors themselves."""


def read_source(spark: SparkSession, config: JobConfig, baseline: Known | None = None) -> Dataset:
    """The data set that `dataset_source` and `dataset_format` name, as the monitor of `analysis_type` looks at it.

    baseline: what the data is to be held against, if there is one.
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    started = time.monotonic()
    dataset = READERS[config.analysis_type](spark, config, baseline)
    leave_out_yarn(spark, len(dataset.files))
    size = sum(file.size_bytes for file in dataset.files)
    log.info(
        "found %d features in %d files, %s bytes, %.1f s",
        len(dataset.names),
        len(dataset.files),
        f"{size:,}",
        time.monotonic() - started,
    )
    return dataset
