"""How long does a whole profile take, beside what else computes such numbers? 1 M and 10 M rows of 10 doubles and 3 texts.

python benchmarks/profile_rows.py [--quick]

--quick: 1 M rows alone, a third of the rounds, without Deequ's profiler.
"""

from __future__ import annotations

import sys
from functools import partial

from data_sets import mixed_parquet, size_bytes
from ours import whole_profile
from peers import (
    WHYLOGS_ENVIRONMENT,
    deequ_analyzers,
    deequ_profiler,
    spark_aggregates,
    whylogs_profile,
    whylogs_python,
)
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import ROUNDS, Contestant, is_quick_run, race, report

WITH_PROFILER = 1_000_000
"""Up to so many rows Deequ's profiler takes part, which takes minutes."""

ROUNDS_OF = {1_000_000: 15, 10_000_000: ROUNDS}
ROUNDS_QUICK = {1_000_000: 5}
"""How often each contestant but the slow ones is timed: a run of a second differs by a third from the next one."""

OF_AGGREGATES = 0.4
OF_DEEQU = 0.2
"""Core seconds at most, as shares of Spark's seven aggregates and of Deequ's metrics without sketches."""

WARM_UP_ROWS = 1_000_000
WARM_UPS = 20
WARM_UPS_QUICK = 7
"""Before they are timed all contestants run as often, and by then their times hardly fall; but Deequ's profiler, which
would take half an hour."""


def compare(spark: SparkSession, rows: int, rounds: int, *, with_profiler: bool) -> None:
    """Time one size, in so many rounds, and print its table."""
    folder = mixed_parquet(rows)
    ours = Contestant(
        "ours: scan, Deequ's metrics, documents and states written",
        partial(whole_profile, spark, folder),
        rounds=rounds,
    )
    without_range = partial(spark_aggregates, spark, folder, range_of_texts=False)
    peers = [
        Contestant(
            "(a) Spark: all seven of numbers; count, min, max, distinct of texts",
            partial(spark_aggregates, spark, folder),
            rounds=rounds,
            at_most=OF_AGGREGATES,
        ),
        Contestant("    the same without min and max of texts", without_range, rounds=rounds),
        Contestant(
            "(c) Deequ's AnalysisRunner, no KLL",
            partial(deequ_analyzers, spark, folder),
            rounds=rounds,
            at_most=OF_DEEQU,
        ),
    ]
    python = whylogs_python()
    if python is None:
        print(f"without whylogs: {WHYLOGS_ENVIRONMENT} is absent, README.md says how to make it", file=sys.stderr)
    else:
        whylogs = Contestant(
            "(b) whylogs 1.6.4's Spark profile",
            partial(whylogs_profile, python, folder, mixed_parquet(WARM_UP_ROWS), WARM_UPS),
            8,
            rounds=1,
        )
        peers.insert(2, whylogs)
    if with_profiler:
        profiler = partial(deequ_profiler, spark, folder)
        peers.append(Contestant("(d) Deequ's ColumnProfilerRunner with KLL", profiler, 100, rounds=1))
    race([ours, *peers])
    report(f"{rows:,} rows x (10 doubles + 3 texts), Parquet, {size_bytes(folder) / 1e6:,.0f} MB", ours, peers)


def main() -> None:
    rounds_of = ROUNDS_OF
    warm_ups = WARM_UPS
    is_quick = is_quick_run(__doc__)
    if is_quick:
        rounds_of = ROUNDS_QUICK
        warm_ups = WARM_UPS_QUICK
    with benchmark_session() as spark:
        for _ in range(warm_ups):
            for run in (whole_profile, spark_aggregates, deequ_analyzers):
                run(spark, mixed_parquet(WARM_UP_ROWS))
        for rows, rounds in rounds_of.items():
            compare(spark, rows, rounds, with_profiler=rows <= WITH_PROFILER and not is_quick)


if __name__ == "__main__":
    main()
