"""What a job does once its files are in place: metrics, results as tables for SQL, variation, `postprocess_handler` (C8f)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from model_monitor.documents.check_results import CheckStatus
from model_monitor.documents.run_description import BaselineReference, RunDescription, moment
from model_monitor.errors import BadConfiguration, BadInput, ScriptFailed
from model_monitor.monitors.protocol import PublishedMetric
from model_monitor.plugins import plugin
from model_monitor.reports.alerts import holding_alerts
from model_monitor.reports.history.variation import Entry, read_history, write_history
from model_monitor.reports.outputs.files import METRICS_FILE, MetricContext, Run, cloudwatch_metrics, metric_lines
from model_monitor.reports.outputs.result_tables import CHECKS, SUMMARY, parquet_of, rows_of_run
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.running.configuration.options import is_of_catalog
from model_monitor.running.inputs.run_inputs import baseline_id, window_of, window_told
from model_monitor.running.runs.results import Findings
from model_monitor.running.runtime.failures import failure_of
from model_monitor.running.runtime.status import is_container
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


log = logging.getLogger(__name__)

IN_A_CONTAINER = "opt/ml/output/metrics/cloudwatch"
ELSEWHERE = "metrics"


def write_metrics(findings: Findings, config: JobConfig, spark: SparkSession | None) -> None:
    """Write the metrics, if `publish_cloudwatch_metrics` is Enabled.

    Raises OutputFailed if they can't be written.
    """
    if config.publish_cloudwatch_metrics:
        _write(metrics_of(findings, config), config, spark)


def write_published(
    metrics: Iterable[PublishedMetric], config: JobConfig, spark: SparkSession | None, time: datetime
) -> None:
    """The same of single metrics with their time."""
    if config.publish_cloudwatch_metrics:
        _write(cloudwatch_metrics(metrics, _context(config, time)), config, spark)


def _write(metrics: list[dict[str, Any]], config: JobConfig, spark: SparkSession | None) -> None:
    in_container = is_container(config.container_root)
    folder = join(config.container_root, IN_A_CONTAINER) if in_container else join(config.output_path, ELSEWHERE)
    storage_of(folder, spark).write(join(folder, METRICS_FILE), metric_lines(metrics))
    log.info("wrote %d metrics to %s", len(metrics), folder)


def metrics_of(findings: Findings, config: JobConfig) -> list[dict[str, Any]]:
    """The metrics as CloudWatch's objects, whether they are written or not."""
    window = window_of(config)
    time = config.metric_time or (window.start if window else datetime.now(timezone.utc))
    return cloudwatch_metrics(findings.published, _context(config, time))


def _context(config: JobConfig, time: datetime) -> MetricContext:
    return MetricContext(
        time,
        endpoint=config.sagemaker_endpoint_name,
        schedule=config.sagemaker_monitoring_schedule_name,
    )


# The results of runs as tables for SQL, partitioned by run: `--results-table`. docs/sql.md.


_VIEW = "model_monitor_rows_of_a_run"


def catalog_settings(place: str | None) -> dict[str, str]:
    """What a Spark of a job's own is started with, so that a table of its catalog lasts; nothing for a folder."""
    of_hive = place is not None and is_of_catalog(place) and place.count(".") < 2
    return {"spark.sql.catalogImplementation": "hive"} if of_hive else {}


def write_results_table(run: Run, config: JobConfig, spark: SparkSession | None) -> None:
    """Put the summary and the checks of a published run into the tables, in place of its earlier results of the same window.

    Raises OutputFailed if a folder can't be written.
    """
    if config.results_table is None:
        return
    described = _described(run, spark)
    superseded = _superseded(run, described, spark)
    for file in (SUMMARY, CHECKS):
        if file in run.digests:
            table = _table(config.results_table, file.removesuffix(".parquet"), spark)
            table.put(run.run_id, rows_of_run(storage_of(run.folder, spark).read(join(run.folder, file)), described))
            if superseded is not None:
                table.drop(superseded)
    log.info("wrote the results of run %s to the tables of %s", run.run_id, config.results_table)


def _superseded(run: Run, described: RunDescription, spark: SparkSession | None) -> str | None:
    """The run that this one takes the place of: the one before it, if it is of the same window."""
    before = run.before
    if before is None or before.run_id == run.run_id or described.window is None:
        return None
    if RunDescription.FILE_NAME not in before.digests:
        return None
    known = _described(before, spark)
    same = ("job", "analysis_type", "window", "model", "schedule")
    return before.run_id if all(getattr(known, name) == getattr(described, name) for name in same) else None


def _described(run: Run, spark: SparkSession | None) -> RunDescription:
    path = join(run.folder, RunDescription.FILE_NAME)
    return RunDescription.from_json(storage_of(path, spark).read(path), path)


def _table(place: str, what: str, spark: SparkSession | None) -> _Folder | _Catalog:
    if spark is not None and is_of_catalog(place):
        return _Catalog(f"{place}_{what}", spark)
    return _Folder(join(place, what), f"{what}.parquet", spark)


class _Folder:
    """A folder of Parquet files: `PATH/checks/run_id=…/checks.parquet`, each put in place whole."""

    def __init__(self, path: str, file: str, spark: SparkSession | None) -> None:
        self._storage, self._path, self._file = storage_of(path, spark), path, file

    def put(self, run_id: str, rows: pa.Table) -> None:
        self._storage.write(join(self._path, f"run_id={run_id}", self._file), parquet_of(rows))

    def drop(self, run_id: str) -> None:
        self._storage.delete(join(self._path, f"run_id={run_id}"))


class _Catalog:
    """A table of Spark's catalog: `NAME_checks`."""

    def __init__(self, name: str, spark: SparkSession) -> None:
        self._spark, self._name = spark, name

    def put(self, run_id: str, rows: pa.Table) -> None:
        frame: DataFrame = plugin("spark").frame_of_table(self._spark, rows)
        columns = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in frame.schema)
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self._name} ({columns}, run_id string) USING parquet PARTITIONED BY (run_id)"
        )
        frame.createOrReplaceTempView(_VIEW)
        self._spark.sql(f"INSERT OVERWRITE {self._name} PARTITION (run_id = '{run_id}') SELECT * FROM {_VIEW}")
        self._spark.catalog.dropTempView(_VIEW)

    def drop(self, run_id: str) -> None:
        self._spark.sql(f"ALTER TABLE {self._name} DROP IF EXISTS PARTITION (run_id = '{run_id}')")


# What a monitoring job leaves to those that follow: how its window varied.


def remember(
    findings: Findings, run: Run, config: JobConfig, spark: SparkSession | None, reference: BaselineReference | None
) -> None:
    """Enter the window into the history. A fault is a warning: the run's files stand in any case.

    reference: where its baseline lies. Without a window nothing is entered, and of monitors that learn from no history.
    """
    told, known = window_told(config), findings.known
    if told is None or known is None or config.replays_service:
        return
    violated = {each.feature or "" for each in findings.results if each.status is CheckStatus.VIOLATED}
    window, newest = window_of(config), findings.current.ledger.newest
    age = None if window is None or newest is None else window.end - newest
    found = known.raw_statistics(findings.current.state, violated, age)
    if found is None:
        return
    try:
        with holding_alerts(config.output_path, spark, config.lease_wait):
            history = read_history(config.output_path, spark)
            folder = run.folder.removeprefix(join(history.folder, ""))
            entry = Entry(moment(told[1]), told[0], run.run_id, folder, baseline_id(reference), findings.count > 0)
            write_history(history.with_window(entry, found), spark)
    except Exception as fault:
        log.warning("the history of windows: %s", failure_of(fault).reason)


# A user's `postprocess_handler`, called once after the files of a run are in place (C8f).


HANDLER = "postprocess_handler"


def run_postprocessor(path: str | None, spark: SparkSession | None) -> None:
    """Run the script's handler; nothing happens without a script.

    Raises BadConfiguration if the script can't be read or has no handler, ScriptFailed if it raises. The run's files are in
    place then.
    """
    if path is None:
        return
    try:
        source = storage_of(path, spark).read(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"post_analytics_processor_script: {fault}") from fault
    namespace = {"__name__": "postprocessor", "__file__": path}
    try:
        exec(compile(source, path, "exec"), namespace)
        handler = namespace.get(HANDLER)
        if not callable(handler):
            raise BadConfiguration(f"post_analytics_processor_script: {path} has no function {HANDLER}()")
        handler()
    except BadConfiguration:
        raise
    except Exception as fault:
        raise ScriptFailed(
            f"Exception while invoking postprocessor script. {path}: {type(fault).__name__}; "
            "the documents of the run are in place, correct the script and run the job again"
        ) from fault
    log.info("ran %s of %s", HANDLER, path)
