"""The baseline that a monitoring job is told to compare with."""

from __future__ import annotations

import logging

from pyspark.sql import SparkSession

from model_monitor.data_quality.known import KnownBaseline
from model_monitor.errors import BadConfiguration, BadInput
from model_monitor.history import baselines
from model_monitor.runtime.contract import JobConfig

log = logging.getLogger(__name__)

PREVIOUS = "previous"


def compared_with(baseline: KnownBaseline | None, config: JobConfig) -> KnownBaseline | None:
    """The baseline without the features that `exclude_features_attribute` leaves out of the data."""
    if baseline is None or not config.exclude_features_attribute:
        return baseline
    names = baseline.names
    indices = {str(position): name for position, name in enumerate(names)}
    return baseline.without(
        {given if given in names else indices.get(given, given) for given in config.exclude_features_attribute}
    )


def read_baseline(spark: SparkSession, config: JobConfig) -> KnownBaseline | None:
    """The baseline of `--baseline`, or of the variables `baseline_constraints` and `baseline_statistics`.

    None only for `--baseline previous` when there is no earlier run: then this one can only be the first.
    Raises BadConfiguration if no baseline is named, or if it can't be opened.
    """
    try:
        if config.baseline == PREVIOUS:
            found = baselines.previous(config.output_path, spark)
            if found is None:
                log.warning(
                    "there is no earlier run at %s; this one is the first, and nothing is checked", config.output_path
                )
            return found
        if config.baseline is not None:
            return baselines.of_run(config.baseline, spark)
        if config.baseline_constraints is not None:
            return baselines.of_files(config.baseline_constraints, config.baseline_statistics, spark)
    except BadInput as fault:
        raise BadConfiguration(f"the baseline can't be read: {fault}") from fault
    raise BadConfiguration(
        "no baseline is named; write --baseline PATH (the output path of a baselining job), --baseline previous, or "
        "--baseline-constraints FILE with --baseline-statistics FILE"
    )
