"""Does the time of a cell depend on the number of columns? The same number of doubles in 10, 100 and 1,000 columns.

python benchmarks/profile_width.py [--quick]
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import uuid4

from data_sets import numeric_parquet
from ours import whole_profile
from peers import spark_aggregates
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.deequ.deequ_evaluation import evaluate

CELLS = 100_000_000
WIDTHS = (10, 100, 1_000)
WIDTHS_OF_PEER = (10, 100)
"""Spark's aggregates of 1,000 columns take twenty minutes."""

AT_MOST = 2.5
"""Times the narrowest table's time of a cell."""

WARM_UPS = 3
"""Whole runs of each width before it is timed, the first of them to count its jobs."""

WARM_UP_SHARE_OF_PEER = 20


def count_jobs(spark: SparkSession, folder: Path) -> int:
    """Profile a data set and count the Spark jobs that this starts."""
    group = uuid4().hex
    spark.sparkContext.setJobGroup(group, "counted")
    try:
        whole_profile(spark, folder)
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)


def evaluation(spark: SparkSession, folder: Path) -> Contestant:
    """Deequ's part of it: seven metrics of each column from the states that were added."""
    profile = run_baseline(spark.read.parquet(str(folder)), DataQualityMonitor()).profile

    def evaluated() -> None:
        evaluate(spark, profile)

    return Contestant("Deequ's metrics", evaluated)


def main() -> None:
    cells = CELLS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    folders = {width: numeric_parquet(cells // width, width) for width in WIDTHS}
    with benchmark_session() as spark:
        jobs = {}
        for width in WIDTHS:
            jobs[width] = count_jobs(spark, folders[width])
            for _ in range(1, WARM_UPS):
                whole_profile(spark, folders[width])
            if width in WIDTHS_OF_PEER:
                spark_aggregates(spark, numeric_parquet(cells // width // WARM_UP_SHARE_OF_PEER, width))
        ours = {width: Contestant("ours", partial(whole_profile, spark, folders[width])) for width in WIDTHS}
        peers = {
            width: Contestant("Spark", partial(spark_aggregates, spark, folders[width]), rounds=1)
            for width in WIDTHS_OF_PEER
        }
        deequ = {width: evaluation(spark, folders[width]) for width in WIDTHS}
        race([*ours.values(), *deequ.values(), *peers.values()])
    _report(cells, jobs, ours, deequ, peers)


def _report(
    cells: int,
    jobs: dict[int, int],
    ours: dict[int, Contestant],
    deequ: dict[int, Contestant],
    peers: dict[int, Contestant],
) -> None:
    narrowest = ours[WIDTHS[0]]
    print(f"\n{cells:,} doubles, Parquet: our whole profile, and Spark's seven aggregates of every column\n")
    print(
        "| columns |       rows | jobs | seconds | of it Deequ | core s | ns a cell | times narrowest | in core s | "
        "Spark's seconds |"
    )
    print(
        "| ------: | ---------: | ---: | ------: | ----------: | -----: | --------: | --------------: | --------: | "
        "--------------: |"
    )
    for width, job_count in ours.items():
        if width in peers:
            spark = f"{peers[width].seconds:.1f}"
        else:
            spark = ""
        print(
            f"| {width:7,} | {cells // width:10,} | {jobs[width]:4} | {job_count.seconds:7.2f} | "
            f"{deequ[width].seconds:11.2f} | {job_count.core_seconds:6.2f} | {job_count.seconds / cells * 1e9:9.1f} | "
            f"{job_count.seconds / narrowest.seconds:15.2f} | "
            f"{job_count.core_seconds / narrowest.core_seconds:9.2f} | {spark:>15} |"
        )
    ratio = ours[WIDTHS[-1]].seconds / narrowest.seconds
    print(
        f"\nwidest / narrowest: {ratio:.2f}, at most {AT_MOST} wanted: {'reached' if ratio <= AT_MOST else 'missed'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
