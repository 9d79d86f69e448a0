"""The scan of data quality: the profile of every feature, in one pass. Driver only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from model_monitor.data.engine import is_of_spark
from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.profiling.plan import LineMetadata
from model_monitor.data.profiling.scan import Scan, scan
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.records.locations import LINE
from model_monitor.data.records.refusals import Refusal
from model_monitor.data.records.request_metadata import request_metadata
from model_monitor.data.records.windows import moment_of, newest_of_lines, newest_time
from model_monitor.monitors.protocol import Scanned
from model_monitor.statistics.states.profile import FeatureMetrics, Measures

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from model_monitor.monitors.user_checks.checks import CheckPlan
    from model_monitor.spark.deequ.check_suites import SuiteResults


def scanned(measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """The profile of every feature. Deequ turns its states into metrics and answers the checks."""
    asked = dict(checks.predicates) if checks else {}
    time = measures.time_column if measures.keeps_runs or measures.time_column in dataset.names else None
    lines = None if asked else dataset.lines
    frame, predicates = (lines.raw, {}) if lines else _with_predicates(dataset, asked)
    of_lines = dataset.carries_metadata or dataset.tells_times
    found = scan(
        frame,
        dataset.names,
        reason=dataset.reason,
        reasons=len(Refusal) if dataset.refusable else 0,
        cells=dataset.cells,
        predicates=predicates,
        counted=measures.counted | (checks.frequency_columns if checks else frozenset()),
        accept_exponents=measures.accept_exponents,
        partitions_at_most=dataset.partitions_at_most,
        column_groups=dataset.column_groups if time is None or not measures.keeps_runs else 1,
        decode=lines.decoding if lines else None,
        metadata=LineMetadata(LINE, request_metadata if dataset.carries_metadata else None) if of_lines else None,
        column_metrics=measures.column_metrics,
        keeps_runs=measures.keeps_runs,
        time_column=time,
        newest=newest_of_lines if dataset.tells_times else None if of_lines or measures.keeps_runs else newest_time,
    )
    checked = (lambda: _check_results(checks, found, dataset)) if checks else None
    metrics = (lambda: _evaluated(found, dataset)) if is_of_spark(dataset.table) else None
    rows = found.rows if time is None else replace(found.rows, newest=_in_utc(found.rows.newest, time, dataset))
    return Scanned(found.profile, rows, metrics, checked, found.requests, found.runs)


def _in_utc(newest: int, time: str, dataset: Dataset) -> int:
    """The newest time of a column, whose timestamps Spark prints in its session's time zone."""
    if not newest or not is_of_spark(dataset.table):
        return newest
    if dict(dataset.frame.dtypes)[f"c{dataset.names.index(time)}"] != "timestamp":
        return newest
    moment = f"TIMESTAMP_LTZ'{moment_of(newest):%Y-%m-%d %H:%M:%S.%f}'"
    [row] = dataset.engine.spark.sql(f"SELECT unix_micros({moment})").collect()
    return int(row[0])


def _evaluated(found: Scan, dataset: Dataset) -> dict[str, FeatureMetrics]:
    """Deequ's metrics of the states; without a JVM the monitor's own, which are equal, stand in their place."""
    from model_monitor.spark.deequ.evaluation import evaluate

    return evaluate(dataset.engine.spark, found.profile)


def _check_results(plan: CheckPlan, found: Scan, dataset: Dataset) -> SuiteResults:
    """What the user's checks say of the scan; what judges them is loaded for them only."""
    from model_monitor.spark.deequ.check_suites import run_checks

    frame = dataset.named_frame()
    spark = frame.sparkSession if frame is not None else None
    return run_checks(spark, plan, found.profile, found.matches, frame)


def _with_predicates(
    dataset: Dataset, predicates: Mapping[str, str]
) -> tuple[DataFrame | Partitions, dict[str, Column]]:
    """The frame with a boolean column for each SQL expression over the features' names, and those columns by name."""
    if not predicates:
        return dataset.table, {}
    import pyspark.sql.functions as F

    names = [f"__predicate{index}" for index in range(len(predicates))]
    named = dataset.named_frame()
    assert named is not None  # a plan for other rows has no conditions
    with_predicates = named.select(
        "*", *[F.expr(sql).alias(name) for name, sql in zip(names, predicates.values(), strict=True)]
    )
    frame = with_predicates.toDF(*dataset.frame.columns, *names)
    return frame, {key: F.col(name) for key, name in zip(predicates, names, strict=True)}
