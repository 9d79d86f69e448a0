"""How long does a whole profile take, beside what else computes such numbers? 1 M and 10 M rows of 10 doubles and 3 texts.

python benchmarks/profile_rows.py [--quick]
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
from side_by_side import QUICK_SHARE, ROUNDS, Contestant, is_quick_run, race, report

WITH_PROFILER = 1_000_000
"""Up to so many rows Deequ's profiler takes part, which takes minutes."""

ROUNDS_OF = {1_000_000: 15, 10_000_000: ROUNDS}
"""How often each contestant but the slow ones is timed: a run of a second differs by a third from the next one."""

WARM_UP_ROWS = 1_000_000
WARM_UPS = 20
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
            1 / 0.6,
            rounds,
        ),
        Contestant("    the same without min and max of texts", without_range, rounds=rounds),
        Contestant("(c) Deequ's AnalysisRunner, no KLL", partial(deequ_analyzers, spark, folder), 4, rounds),
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
    share = QUICK_SHARE if is_quick_run(__doc__) else 1
    with benchmark_session() as spark:
        for _ in range(WARM_UPS):
            for run in (whole_profile, spark_aggregates, deequ_analyzers):
                run(spark, mixed_parquet(WARM_UP_ROWS))
        for rows, rounds in ROUNDS_OF.items():
            compare(spark, rows // share, rounds, with_profiler=rows <= WITH_PROFILER)


if __name__ == "__main__":
    main()
