"""Which engine a job has, where its configuration leaves that to us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.configuration.contract import JobConfig
from model_monitor.configuration.options import is_of_catalog
from model_monitor.data.reading.engines import why_spark
from model_monitor.deequ import loading
from model_monitor.inputs.window import has_window_of_table
from model_monitor.storage import opens_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def why_spark_runs(config: JobConfig, host: SparkSession | None) -> str | None:
    """Why a job runs on Spark; None if it needs none.

    host: the session of the Spark that it is a guest of.
    """
    if config.job not in ("baseline", "monitor"):
        return f"the {config.job} job is made of its frames"
    if config.remote is not None:
        return f"{config.remote.partition(';')[0]} was named"
    if config.time_column is not None and has_window_of_table(config):
        return "a window by --time-column is its"
    if config.checks is not None and config.allow_second_scan:
        return "--allow-second-scan is a scan of Deequ"
    if config.checks is not None and (reason := loading.why_spark(config.checks)):
        return reason
    if config.results_table and is_of_catalog(config.results_table):
        return f"--results-table {config.results_table} is a table of its catalog"
    for name in ("output_path", "results_table", "baseline", "baseline_constraints", "baseline_statistics"):
        path = getattr(config, name)
        if path and not opens_here(path):
            return f"{path} is opened by it"
    return why_spark(host, config.dataset_source or None, config.dataset_format)
