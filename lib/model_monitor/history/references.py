"""Where a baseline lies, by the same rules by which `baselines` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.documents.run_description import BaselineReference
from model_monitor.history.baselines import DATA_QUALITY, earlier_hour
from model_monitor.monitors.protocol import Monitor
from model_monitor.outputs.files import current_run, run_before
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def to_run(path: str, spark: SparkSession | None = None, monitor: Monitor = DATA_QUALITY) -> BaselineReference:
    """The run published below `path`, or the files there, which are called as `monitor` calls its documents."""
    run = current_run(path, spark)
    if run is None:
        statistics = join(path, monitor.STATISTICS.FILE_NAME) if monitor.STATISTICS else None
        return to_files(join(path, monitor.CONSTRAINTS.FILE_NAME), statistics, spark)
    return BaselineReference(run_id=run.run_id, folder=_resolved(run.folder, spark))


def to_files(
    constraints_path: str, statistics_path: str | None = None, spark: SparkSession | None = None
) -> BaselineReference:
    """The files of constraints and, if there are any, of statistics."""
    statistics = None
    if statistics_path is not None and storage_of(statistics_path, spark).exists(statistics_path):
        statistics = _resolved(statistics_path, spark)
    return BaselineReference(constraints=_resolved(constraints_path, spark), statistics=statistics)


def to_previous(
    output_path: str, spark: SparkSession | None = None, monitor: Monitor = DATA_QUALITY
) -> BaselineReference | None:
    """The run before the one that will be published below `output_path`; None if there was none."""
    if run_before(output_path, spark) is not None:
        return to_run(output_path, spark, monitor)
    earlier = earlier_hour(output_path, spark)
    return to_run(earlier, spark, monitor) if earlier else None


def _resolved(path: str, spark: SparkSession | None) -> str:
    return storage_of(path, spark).resolved(path)
