"""Does ten times the data take ten times as long in the same memory, and what do many partitions cost?

python benchmarks/scale.py [--quick]

The smaller and the larger of two data sets are profiled in turns, in core seconds; then many small partitions. The
constants below are those that docs/scale.md computes with.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

import pyspark.sql.functions as F
from data_sets import mixed_parquet
from ours import whole_profile
from profile_captures import INPUTS, baseline_run, captures, monitoring_run
from profile_memory import HEAP, MEBIBYTE, watched
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, timed

from spark_model_monitor.data.engine.partitions import column_groups, partition_bytes
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

ROWS = 1_000_000
RECORDS = 100_000
COLUMNS = 13
TIMES_AS_MANY = 10
GROWTH_AT_MOST = 10.5
ROUNDS = 3
PARTITIONS = 1_000
ROWS_OF_PARTITION = 5_000
"""Rows enough for a KLL sketch to have most of its size."""

MANY_ROWS = 10_000_000_000


def main() -> None:
    share = QUICK_SHARE if is_quick_run(__doc__) else 1
    baseline = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    print(f"the JVM's heap, driver and executor, is bounded to {HEAP}\n")
    print(f"| {'':44} | core s | growth | old generation, MiB | a Python worker, MiB |")
    print(f"| {'-' * 44} | -----: | -----: | ------------------: | -------------------: |")
    try:
        with benchmark_session(driver_memory=HEAP) as spark:
            rows = ROWS // share
            records = RECORDS // share
            of_cell = growth(
                spark,
                f"rows x {COLUMNS} columns, Parquet",
                rows,
                lambda size: whole_profile(spark, mixed_parquet(size)),
            )
            baseline_run(spark, baseline)
            of_record = growth(
                spark,
                f"captures of {INPUTS + 1} features",
                records,
                lambda size: monitoring_run(spark, captures(size), baseline),
            )
            of_state, state_bytes = states(spark, PARTITIONS // share)
    finally:
        shutil.rmtree(baseline)
    cell = round(of_cell / COLUMNS * 1e6, 3)
    state = round(of_state * 1e3, 2)
    kib = round(state_bytes / 1024, 1)
    print(f"\na million cells of Parquet: {cell:.3f} core s; a million captured records: {of_record * 1e6:.1f} core s")
    print(f"the states of a column of a partition: {kib:.1f} KiB, {state:.2f} ms to add\n")
    arithmetic(cell, state, kib)


def arithmetic(cell: float, state: float, kib: float) -> None:
    """Print what much data takes. cell: core seconds a million. state, kib: of a column of a partition, ms and KiB."""
    print("| rows x columns of Parquet | core hours | partitions | states, GiB | core hours to add them | share |")
    print("| ------------------------- | ---------: | ---------: | ----------: | ---------------------: | ----: |")
    for columns, cell_bytes in ((COLUMNS, 87 / COLUMNS), (5_000, 8)):
        cells = MANY_ROWS * columns
        groups = column_groups(columns, [2**30])
        size_bytes = int(cells * cell_bytes)
        partitions = -(-size_bytes // partition_bytes(size_bytes, groups))
        scanning = cells / 1e6 * cell / 3600
        adding = partitions * columns * state / 1e3 / 3600
        print(
            f"| {f'{MANY_ROWS:,} x {columns:,}':25} | {scanning:10,.1f} | {partitions:10,} | "
            f"{partitions * columns * kib / 2**20:11.1f} | {adding:22.2f} | {adding / scanning:5.2%} |"
        )


def growth(spark: SparkSession, unit: str, size: int, run: Callable[[int], None]) -> float:
    """Print both sizes' times and memory; the core seconds of a row or record, without what any run costs."""
    for_warmth = partial(run, size)
    few_contestant = Contestant(f"{size:,} {unit}", partial(run, size))
    many_contestant = Contestant(f"{size * TIMES_AS_MANY:,} {unit}", partial(run, size * TIMES_AS_MANY))
    for_warmth()
    memory = {}
    for _ in range(ROUNDS):
        for contestant in (few_contestant, many_contestant):
            with watched(spark) as watch:
                contestant.took.append(timed(contestant.run))
            memory[contestant.name] = watch
    grown = many_contestant.core_seconds / few_contestant.core_seconds
    for contestant, factor in ((few_contestant, ""), (many_contestant, f"{grown:.2f}")):
        watch = memory[contestant.name]
        print(
            f"| {contestant.name:44} | {contestant.core_seconds:6.2f} | {factor:>6} | {watch.heap / MEBIBYTE:19.0f} | "
            f"{watch.worker / MEBIBYTE:20.0f} |",
            flush=True,
        )
    if grown > GROWTH_AT_MOST:
        print(f"  growth: missed, at most {GROWTH_AT_MOST} wanted")
    return (many_contestant.core_seconds - few_contestant.core_seconds) / (size * (TIMES_AS_MANY - 1))


def states(spark: SparkSession, partitions: int) -> tuple[float, float]:
    """Of a column of a partition: seconds of an executor to add its states to the others, and their bytes on their way there."""
    doubles = [F.randn(seed=position).alias(f"x{position}") for position in range(COLUMNS)]
    rows = spark.range(0, partitions * ROWS_OF_PARTITION, 1, partitions).select(*doubles)
    before = {stage.stageId() for stage in _stages(spark)}
    run_baseline(rows, DataQualityMonitor())
    new = [stage for stage in _stages(spark) if stage.stageId() not in before]
    written = sum(stage.shuffleWriteBytes() for stage in new)
    adding = sum(stage.executorRunTime() for stage in new if stage.shuffleReadBytes()) / 1000
    column_count = partitions * COLUMNS
    return adding / column_count, written / column_count


def _stages(spark: SparkSession) -> list[Any]:
    gateway: Any = spark.sparkContext._gateway
    everything = (None, False, False, gateway.new_array(gateway.jvm.double, 0), gateway.jvm.java.util.ArrayList())
    stages = spark.sparkContext._jsc.sc().statusStore().stageList(*everything)
    return [stages.apply(index) for index in range(stages.size())]


if __name__ == "__main__":
    main()
