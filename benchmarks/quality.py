"""How long does a model-quality run take, beside Spark's own reading and grouping of the same records, and beside scikit-learn?

python benchmarks/quality.py [--quick]

5 M merged records of a binary problem: confusion matrix, rates, F scores, both areas, all with their intervals. scikit-learn
has one core and a pandas frame, into which it reads the records first.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
from data_sets import SEED, fill_folder
from performance import note
from pyspark.sql import SparkSession
from session import as_spark_comes, benchmark_session
from side_by_side import QUICK_SHARE, Contestant, is_quick_run, own_process, race, report

from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.run_inputs import read_baseline
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine

RECORDS = 5_000_000
RECORDS_OF_A_FILE = 250_000
BASELINE_ROWS = 20_000
INPUTS = 10
WARM_UPS = 2

AT_MOST = 1.5
"""Times Spark's own reading and grouping."""
FASTER_THAN_SCIKIT_LEARN = 10
SCIKIT_LEARN_SCRIPT = Path(__file__).with_name("scikit_learn_quality.py")
SHARE_OF_SCIKIT_LEARN = 10
"""It gets a tenth of the records, since it holds all of them in memory; its time for each of them is what counts."""

MODEL_QUALITY = ["--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification"]
MERGED = (
    "groundTruthData struct<data:string,encoding:string>, "
    "captureData struct<endpointOutput:struct<data:string,encoding:string>>, "
    "eventMetadata struct<eventId:string,inferenceTime:string>"
)


def outcomes(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels and the scores of a model that knows something."""
    scores = rng.beta(1, 3, rows)
    return (rng.random(rows) < scores).astype(int), scores


def merged(records: int) -> Path:
    """The folder with so many merged records of one hour."""

    def fill(folder: Path) -> None:
        hour = folder / "endpoint" / "AllTraffic" / "2026" / "01" / "31" / "22"
        hour.mkdir(parents=True)
        for start in range(0, records, RECORDS_OF_A_FILE):
            rng = np.random.default_rng([SEED, start])
            labels, scores = outcomes(min(RECORDS_OF_A_FILE, records - start), rng)
            features = [",".join(f"{number:.4f}" for number in row) for row in rng.lognormal(size=(1_000, INPUTS))]
            lines = (
                record(f"event-{start + number}", label, score, features[number % len(features)])
                for number, (label, score) in enumerate(zip(labels.tolist(), scores.tolist(), strict=True))
            )
            (hour / f"part-{start // RECORDS_OF_A_FILE:05d}.jsonl").write_text("".join(lines))

    return fill_folder(f"merged-{records}", fill)


def record(event: str, label: int, score: float, features: str) -> str:
    """One merged line."""
    halves = {
        "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": features, "encoding": "CSV"},
        "endpointOutput": {
            "observedContentType": "text/csv",
            "mode": "OUTPUT",
            "data": f"{score}\n",
            "encoding": "CSV",
        },
    }
    content = {
        "eventVersion": "0",
        "groundTruthData": {"data": str(label), "encoding": "CSV"},
        "captureData": halves,
        "eventMetadata": {"eventId": event, "inferenceTime": "2026-01-31T22:10:00Z"},
    }
    return json.dumps(content) + "\n"


def validation_table() -> Path:
    """The folder with the baseline's CSV."""

    def fill(folder: Path) -> None:
        labels, scores = outcomes(BASELINE_ROWS, np.random.default_rng(SEED))
        pd.DataFrame({"label": labels, "score": scores}).to_csv(folder / "validation.csv", index=False)

    return fill_folder("merged-baseline", fill)


def baseline_run(spark: SparkSession, output: str) -> None:
    flags = ["--dataset-source", str(validation_table()), "--dataset-format", "csv", "--output-path", output]
    flags += [*MODEL_QUALITY, "--probability-attribute", "score", "--ground-truth-attribute", "label"]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    with read_source(SparkEngine(spark), config) as data:
        run_baseline(data, create_monitor(config)).write(output, spark)


def monitoring_run(spark: SparkSession, source: Path, baseline: str) -> None:
    """The steps of `jobs/monitor.py`: read, scan, metrics with intervals, verdicts, all files."""
    output = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    try:
        flags = ["--dataset-source", str(source), "--dataset-format", "merged", "--output-path", output]
        flags += [*MODEL_QUALITY, "--probability-attribute", "0", "--baseline", baseline]
        flags += ["--start-time", "2026-01-31T22:00:00Z", "--end-time", "2026-01-31T23:00:00Z"]
        config = build_config("monitor", read_sources(flags, {}), in_container=False)
        reference = read_baseline(config, create_monitor(config))
        with read_source(SparkEngine(spark), config, reference) as data:
            run_monitoring(data, create_monitor(config), reference, output_path=output).write(output, spark)
    finally:
        shutil.rmtree(output)


def spark_groups(spark: SparkSession, source: Path) -> None:
    """Spark's own JSON reader with a fixed schema, the window, and one grouping by label and prediction."""
    with as_spark_comes(spark):
        records = spark.read.schema(MERGED).option("recursiveFileLookup", "true").json(str(source))
        score = F.col("captureData.endpointOutput.data").cast("double")
        time = F.col("eventMetadata.inferenceTime").cast("timestamp")
        inside = records.where((time >= "2026-01-31T22:00:00Z") & (time < "2026-01-31T23:00:00Z"))
        label = F.col("groundTruthData.data")
        inside.groupBy(label, score > 0.5).agg(F.count("*"), F.sum(score)).collect()


def main() -> None:
    records = RECORDS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    sample_size = records // SHARE_OF_SCIKIT_LEARN
    with benchmark_session() as spark:
        baseline = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
        try:
            baseline_run(spark, baseline)
            for _ in range(WARM_UPS):
                monitoring_run(spark, merged(sample_size), baseline)
                spark_groups(spark, merged(sample_size))
            ours = Contestant(
                "ours: the whole run, areas and intervals", partial(monitoring_run, spark, merged(records), baseline)
            )
            peer = Contestant(
                "Spark SQL: reading and grouping once", partial(spark_groups, spark, merged(records)), 1 / AT_MOST
            )
            race([ours, peer])
            size = sum(file.stat().st_size for file in merged(records).rglob("*.jsonl"))
            report(f"{records:,} merged records, binary, {size / 1e6:,.0f} MB", ours, [peer])
        finally:
            shutil.rmtree(baseline)
    contestant = Contestant(
        "scikit-learn", partial(own_process, [sys.executable, SCIKIT_LEARN_SCRIPT, merged(sample_size)])
    )
    race([contestant])
    times = (contestant.seconds / sample_size) / (ours.seconds / records)
    print(
        f"\nscikit-learn from a pandas frame, one core: {contestant.seconds:.1f} s for {sample_size:,} records, "
        f"{times:.1f} times ours a record"
    )
    peer = f"scikit-learn from a pandas frame, told from {sample_size:,}"
    note(
        f"{records:,} merged records, binary",
        peer,
        ours.seconds,
        times * ours.seconds,
        1 / FASTER_THAN_SCIKIT_LEARN,
        "s",
    )
    print(f"at least {FASTER_THAN_SCIKIT_LEARN} wanted: {'reached' if times >= FASTER_THAN_SCIKIT_LEARN else 'missed'}")


if __name__ == "__main__":
    main()
