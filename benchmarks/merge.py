"""How long does a merge take, beside the bare join and write of the same columns by Spark, and without a JVM by DuckDB?

python benchmarks/merge.py [--quick]

Captures and labels lie in 24 hours; one label in a hundred comes twice, one capture in fifty has none. The peer reads both
sides with their schemas, joins them and writes JSON: it keeps duplicate labels, drops bad lines without a word, accounts for
nothing and leaves its files in no order.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
import pyspark.sql.functions as F
from data_sets import SEED, fill_folder
from engines import SCRIPT, dataframes_python
from pyspark.sql import SparkSession
from session import as_spark_comes, benchmark_session
from side_by_side import QUICK_SHARE, Contestant, Took, is_quick_run, own_process, race, report

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.spark.engine.spark import SparkEngine

RECORDS = 5_000_000
HOURS = 24
START = datetime(2026, 1, 31, tzinfo=timezone.utc)
FEW = 20_000

AT_MOST = 1.3
AT_MOST_OF_FEW = 2.5
"""Times the bare join."""

OF_DUCKDB = 1.5
"""Times its core seconds, without a JVM."""

ODD = 0x9E3779B97F4A7C15F39CC0605CEDC835
"""Any odd number that spreads products over all bits will do."""

TWICE = 0.01
NEVER = 0.02

HALF = "struct<data:string,encoding:string,mode:string,observedContentType:string>"
CAPTURE = (
    f"captureData struct<endpointInput:{HALF},endpointOutput:{HALF}>, "
    "eventMetadata struct<eventId:string,inferenceId:string,inferenceTime:string>, eventVersion string"
)
LABEL = "groundTruthData struct<data:string,encoding:string>, eventMetadata struct<eventId:string>, eventVersion string"


def captures(records: int) -> Path:
    """The folder with so many captured records in hour folders."""

    def fill(folder: Path) -> None:
        for hour, rng, numbers in _hours(records):
            cells = [np.char.mod("%.6f", rng.random(len(numbers))) for _ in range(8)]
            seconds = (
                3600 * index // len(numbers) for index in range(len(numbers))
            )  # requests are captured one by one
            rows = zip(seconds, numbers, *cells, strict=True)
            _write(folder / "endpoint" / "AllTraffic", hour, (_captured(hour, *row) for row in rows))

    return fill_folder(f"uuid-captures-{records}", fill)


def labels(records: int) -> Path:
    """The folder with their labels, most in the hour of the capture or in one of the five after it."""

    def fill(folder: Path) -> None:
        late: list[list[str]] = [[] for _ in range(HOURS + 6)]
        for hour, rng, numbers in _hours(records):
            delays = rng.integers(0, 6, len(numbers))
            chances = rng.random(len(numbers))
            for number, delay, chance in zip(numbers, delays, chances, strict=True):
                if chance < 1 - NEVER:
                    late[hour + delay].append(_label(number))
                if chance < TWICE:
                    late[hour + 5].append(_label(number))
            _write(folder, hour, iter(late[hour]))
            late[hour] = []
        for hour in range(HOURS, HOURS + 6):
            _write(folder, hour, iter(late[hour]))

    return fill_folder(f"uuid-labels-{records}", fill)


def ours(spark: SparkSession, records: int) -> None:
    """The steps of `jobs/merge.py`."""

    def run(output: str) -> None:
        merge(SparkEngine(spark), MergeRequest(str(captures(records)), str(labels(records)), output))

    _into_a_folder(run)


def locally(records: int) -> Took:
    """The same without a JVM."""
    began = time.perf_counter()
    before = sum(os.times()[:4])
    _into_a_folder(
        lambda output: merge(LocalEngine(), MergeRequest(str(captures(records)), str(labels(records)), output))
    )
    return Took(time.perf_counter() - began, sum(os.times()[:4]) - before)


def compare_locally(records: int) -> None:
    """Without a JVM, beside DuckDB's read_json, join and write in a process of its own."""
    python = dataframes_python()
    words = [str(python), str(SCRIPT), "merge", str(captures(records)), str(labels(records))]
    contestants = [
        Contestant("ours: the whole merge, without a JVM", partial(locally, records)),
        *(
            [Contestant("DuckDB 2.0: read_json, join, write", partial(own_process, words), at_most=OF_DUCKDB)]
            if python
            else []
        ),
    ]
    locally(FEW)
    race(contestants)
    report(f"{records:,} captures with as many labels, in {HOURS} hours", contestants[0], contestants[1:])


def bare(spark: SparkSession, records: int) -> None:
    """Read, join and write, as Spark comes."""

    def run(output: str) -> None:
        read = spark.read.option("recursiveFileLookup", "true")
        captured = read.schema(CAPTURE).json(str(captures(records)))
        truth = (
            read.schema(LABEL)
            .json(str(labels(records)))
            .select("groundTruthData", F.col("eventMetadata.eventId").alias("id"))
        )
        key = F.coalesce("eventMetadata.inferenceId", "eventMetadata.eventId")
        joined = captured.withColumn("id", key).join(truth, "id").drop("id")
        joined.write.mode("overwrite").json(output)

    with as_spark_comes(spark):
        _into_a_folder(run)


def _hours(records: int) -> list[tuple[int, np.random.Generator, range]]:
    size = -(-records // HOURS)
    return [
        (hour, np.random.default_rng([SEED, hour]), range(hour * size, min(records, (hour + 1) * size)))
        for hour in range(HOURS)
    ]


def _captured(hour: int, second: int, number: int, *cells: str) -> str:
    time = START + timedelta(hours=hour, seconds=second)
    halves = {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": ",".join(cells[1:]),
            "encoding": "CSV",
        },
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": cells[0], "encoding": "CSV"},
    }
    metadata = {"eventId": _event(number), "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"})


def _event(number: int) -> str:
    """An id as the service's: a UUID, another one for every number."""
    return str(UUID(int=number * ODD % 2**128))


def _label(number: int) -> str:
    metadata = {"eventId": _event(number)}
    truth = {"data": str(number % 2), "encoding": "CSV"}
    return json.dumps({"groundTruthData": truth, "eventMetadata": metadata, "eventVersion": "0"})


def _write(folder: Path, hour: int, lines: Iterable[str]) -> None:
    path = folder / (START + timedelta(hours=hour)).strftime("%Y/%m/%d/%H") / "10-00-000.jsonl"
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)


def _into_a_folder(run: Callable[[str], object]) -> None:
    output = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    try:
        run(output)
    finally:
        shutil.rmtree(output)


def main() -> None:
    records = RECORDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    compare_locally(RECORDS // QUICK_SHARE)
    with benchmark_session() as spark:
        for _ in range(2):
            ours(spark, FEW)
            bare(spark, FEW)
        for count in (FEW, records):
            _compare(spark, count)


def _compare(spark: SparkSession, records: int) -> None:
    """Both contestants over so many captures. What any merge takes, whatever its size, is seen over few of them."""
    limit = 1 / (AT_MOST_OF_FEW if records == FEW else AT_MOST)
    peer = Contestant("Spark: read, join, write", partial(bare, spark, records), limit)
    contestants = (Contestant("ours: the whole merge", partial(ours, spark, records)), peer)
    race(contestants)
    size = sum(file.stat().st_size for file in captures(records).rglob("*.jsonl"))
    title = f"{records:,} captures, {size / 1e6:,.0f} MB, with as many labels, in {HOURS} hours"
    report(title, contestants[0], contestants[1:])


if __name__ == "__main__":
    main()
