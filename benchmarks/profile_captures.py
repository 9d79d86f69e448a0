"""How long does a monitoring run over captured records take, beside Spark's own parse of them, and beside the usual way?

python benchmarks/profile_captures.py [--quick]

The usual way: json.loads for each line into pandas, then Evidently's DataDriftPreset against the baseline's frame, in an
environment of its own (requirements-evidently.txt into .venv-evidently).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pyspark.sql.functions as F
from data_sets import SEED, fill_folder
from performance import note
from pyspark.sql import SparkSession
from session import as_spark_comes, benchmark_session
from side_by_side import QUICK_SHARE, Contestant, Took, is_quick_run, race, report

from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine

RECORDS = 1_000_000
BASELINE_ROWS = 20_000
RECORDS_OF_A_FILE = 100_000
INPUTS = 20
NAMES = ["score", *[f"x{position}" for position in range(INPUTS)]]

AT_MOST = 1.8
"""Times Spark's own parse."""
FASTER_THAN_THE_USUAL_WAY = 6
SHARE_OF_THE_USUAL_WAY = 10
"""The usual way gets a tenth of the records: its time for each of them is what counts, and it holds them all in memory."""

EVIDENTLY = Path(__file__).parent.parent / ".venv-evidently" / "bin" / "python"
CAPTURE = (
    "captureData struct<endpointInput:struct<data:string,encoding:string>,endpointOutput:struct<data:string,encoding:string>>, "
    "eventMetadata struct<eventId:string,inferenceTime:string>"
)


def cells(rows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The score and 20 features as texts: half counts, half amounts."""
    columns = [np.char.mod("%.6f", rng.random(rows))]
    for position in range(INPUTS):
        if position % 2:
            numbers = rng.poisson(5, rows)
        else:
            numbers = rng.lognormal(size=rows)
        columns.append(np.char.mod("%d" if position % 2 else "%.6f", numbers))
    return columns


def captures(records: int) -> Path:
    """The folder with so many captured records, ten features as counts and ten as amounts."""

    def fill(folder: Path) -> None:
        hour = folder / "endpoint" / "AllTraffic" / "2026" / "01" / "31" / "22"
        hour.mkdir(parents=True)
        for start in range(0, records, RECORDS_OF_A_FILE):
            rows = list(
                zip(*cells(min(RECORDS_OF_A_FILE, records - start), np.random.default_rng([SEED, start])), strict=True)
            )
            lines = (captured(f"event-{start + number}", row) for number, row in enumerate(rows))
            (hour / f"10-00-{start // RECORDS_OF_A_FILE:03d}.jsonl").write_text("".join(lines))

    return fill_folder(f"captures-{records}", fill)


def captured(event: str, row: tuple[str, ...]) -> str:
    """One line of capture: the score as output, the rest as input."""
    halves = {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": ",".join(row[1:]),
            "encoding": "CSV",
        },
        "endpointOutput": {"observedContentType": "text/csv", "mode": "OUTPUT", "data": row[0], "encoding": "CSV"},
    }
    metadata = {"eventId": event, "inferenceTime": "2026-01-31T22:10:00Z"}
    return json.dumps({"captureData": halves, "eventMetadata": metadata, "eventVersion": "0"}) + "\n"


def baseline_table() -> Path:
    """The folder with the baseline's CSV."""

    def fill(folder: Path) -> None:
        rows = zip(*cells(BASELINE_ROWS, np.random.default_rng(SEED)), strict=True)
        (folder / "baseline.csv").write_text("\n".join([",".join(NAMES), *map(",".join, rows)]) + "\n")

    return fill_folder("captures-baseline", fill)


def baseline_run(spark: SparkSession, output: str) -> None:
    flags = ["--dataset-source", str(baseline_table()), "--dataset-format", "csv", "--output-path", output]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    with read_source(SparkEngine(spark), config) as data:
        run_baseline(data, create_monitor(config)).write(output, spark)


def monitoring_run(spark: SparkSession, source: Path, baseline: str) -> None:
    """The steps of `jobs/monitor.py`: read, scan, check, write all files."""
    output = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    try:
        window = ["--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z"]
        flags = [
            "--dataset-source",
            str(source),
            "--dataset-format",
            "capture",
            "--output-path",
            output,
            "--baseline",
            baseline,
        ]
        config = build_config("monitor", read_sources([*flags, *window], {}), in_container=False)
        reference = read_baseline(config, create_monitor(config))
        with read_source(SparkEngine(spark), config, reference) as data:
            run_monitoring(data, create_monitor(config), reference, output_path=output).write(output, spark)
    finally:
        shutil.rmtree(output)


def spark_parse(spark: SparkSession, source: Path) -> None:
    """Spark's own lines, from_json and from_csv with fixed schemas, counting every column."""
    with as_spark_comes(spark):
        lines = spark.read.option("recursiveFileLookup", "true").text(str(source))
        halves = lines.select(F.from_json("value", CAPTURE).alias("record")).select(
            F.concat_ws(",", "record.captureData.endpointOutput.data", "record.captureData.endpointInput.data").alias(
                "row"
            )
        )
        row = F.from_csv("row", ", ".join(f"{name} double" for name in NAMES))
        halves.select(row.alias("cells")).select("cells.*").agg(*[F.count(name) for name in NAMES]).collect()


def the_usual_way(source: Path) -> Took:
    """What the usual way took, in a process of its own that has imported its libraries already."""
    command = [str(EVIDENTLY), str(Path(__file__).with_name("evidently_drift.py")), str(baseline_table()), str(source)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return Took(*map(float, answer.stdout.split()[-2:]))


def main() -> None:
    records = RECORDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    sample_size = records // SHARE_OF_THE_USUAL_WAY
    with benchmark_session() as spark:
        baseline = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
        try:
            baseline_run(spark, baseline)
            for _ in range(2):
                monitoring_run(spark, captures(sample_size), baseline)
                spark_parse(spark, captures(sample_size))
            ours = Contestant(
                "ours: the whole monitoring run", partial(monitoring_run, spark, captures(records), baseline)
            )
            peer = Contestant(
                "Spark's from_json and from_csv, counting", partial(spark_parse, spark, captures(records)), 1 / AT_MOST
            )
            race([ours, peer])
            size = sum(file.stat().st_size for file in captures(records).rglob("*.jsonl"))
            report(f"{records:,} captured records of {len(NAMES)} CSV values, {size / 1e6:,.0f} MB", ours, [peer])
        finally:
            shutil.rmtree(baseline)
    if not EVIDENTLY.exists():
        print(f"without Evidently: {EVIDENTLY} is absent, README.md says how to make it", file=sys.stderr)
        return
    contestant = Contestant("the usual way", partial(the_usual_way, captures(sample_size)), rounds=1)
    race([contestant])
    times = (contestant.seconds / sample_size) / (ours.seconds / records)
    print(
        f"\njson.loads, pandas and Evidently 0.7.23: {contestant.seconds:.1f} s for {sample_size:,} records, "
        f"{times:.1f} times ours a record"
    )
    work = f"{records:,} captured records of {len(NAMES)} CSV values"
    peer = f"json.loads, pandas and Evidently 0.7.23, told from {sample_size:,}"
    note(work, peer, ours.seconds, times * ours.seconds, 1 / FASTER_THAN_THE_USUAL_WAY, "s")
    print(
        f"at least {FASTER_THAN_THE_USUAL_WAY} wanted: {'reached' if times >= FASTER_THAN_THE_USUAL_WAY else 'missed'}"
    )


if __name__ == "__main__":
    main()
