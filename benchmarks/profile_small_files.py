"""Does a monitoring run over many small files take longer than one over the same bytes in few?

python benchmarks/profile_small_files.py [--quick]

Listing is timed beside it, as a store's listing depends on the number of files whoever asks.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from data_sets import fill_folder
from profile_captures import RECORDS, baseline_run, captures, monitoring_run
from pyspark.sql import SparkSession
from session import benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, race, report

from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.engine.text_lines import read_lines

FEW = 100
MANY = 10_000
AT_MOST = 1.5
"""Times the same bytes in few files, apart from listing."""


def in_files(source: Path, files: int) -> Path:
    """The folder with the captured records of `source` in so many files."""

    def fill(folder: Path) -> None:
        lines = [
            line for file in sorted(source.rglob("*.jsonl")) for line in file.read_text().splitlines(keepends=True)
        ]
        hour = folder / "endpoint" / "AllTraffic" / "2026" / "01" / "31" / "22"
        hour.mkdir(parents=True)
        records = len(lines) // files
        for number in range(files):
            part = lines[number * records : (number + 1) * records]
            (hour / f"10-{number // 1000:02d}-{number % 1000:03d}.jsonl").write_text("".join(part))

    return fill_folder(f"{source.name}-in-{files}-files", fill)


def listed(spark: SparkSession, source: Path) -> None:
    """What a run lists: once for the ledger, once by Spark."""
    read_lines(spark, list_captures(SparkEngine(spark), str(source)).paths_to_read)


def main() -> None:
    records = RECORDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    few_files, many_files = (in_files(captures(records), files) for files in (FEW, MANY))
    with benchmark_session() as spark:
        baseline = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
        try:
            baseline_run(spark, baseline)
            for _ in range(2):
                monitoring_run(spark, few_files, baseline)
            of_few = Contestant(
                f"a monitoring run over {FEW} files", partial(monitoring_run, spark, few_files, baseline)
            )
            of_many = Contestant(
                f"the same records in {MANY:,} files", partial(monitoring_run, spark, many_files, baseline)
            )
            listing = Contestant(f"listing {MANY:,} files", partial(listed, spark, many_files))
            race([of_few, of_many, listing])
        finally:
            shutil.rmtree(baseline)
    report(f"{records:,} captured records", of_few, [of_many, listing])
    times = (of_many.seconds - listing.seconds) / of_few.seconds
    verdict = "reached" if times <= AT_MOST else "missed"
    print(f"\n{times:.2f} times without listing, at most {AT_MOST} wanted: {verdict}", flush=True)


if __name__ == "__main__":
    main()
