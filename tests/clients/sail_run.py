"""The README's example, and files, on Sail: prints verdicts and which documents are those of the local engine.

    python sail_run.py FOLDER [without]

without: the server's Python can't import the package.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession
from sail_server import sail

from spark_model_monitor import (
    AnalysisConfig,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.errors import BadInput, MissingDependency

ORDERS = pd.DataFrame({"country": ["DE", "FR", "DE", "PL"] * 50, "items": [1, 3, 2, 2] * 50})
MONITOR = DataQualityMonitor()


TEXTS = {"orders.csv": "items\n1\n", "orders.jsonl": '{"items": 1}\n', "orders.json": '[{"items": 1}]'}


def refusal(spark, name, text):
    """What a text file at a path is answered with."""
    file = Path(sys.argv[1]) / name
    file.write_text(text)
    try:
        run_baseline(file, MONITOR, spark=spark)
    except BadInput as fault:
        return str(fault).replace(str(file), name)


PLAN = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
COLUMNS = {"label": "churned", "prediction": "called", "probability": "score"}
BIAS = """{"label": "churned", "label_values_or_threshold": [1], "predicted_label": "called",
           "facet": [{"name_or_index": "group", "value_or_threshold": ["b"]}]}"""
CALLS = pd.DataFrame(
    {
        "group": [*"aababb"] * 40,
        "score": [(number * 37 % 100) / 100 for number in range(240)],
        "called": [int(number * 37 % 100 > 50) for number in range(240)],
        "churned": [int(number * 53 % 100 > 45) for number in range(240)],
    }
)


def all_files(calls, later):
    """Of a baseline and a monitoring run of model quality and of bias."""
    quality = ModelQualityMonitor(PLAN)
    bias = BiasMonitor(BiasMeasures.of(AnalysisConfig.from_json(BIAS)))
    files = []
    for monitor, data, window in (
        (quality, *(outcomes(frame, PLAN, **COLUMNS) for frame in (calls, later))),
        (bias, calls, later),
    ):
        baseline = run_baseline(data, monitor)
        files += [baseline.files(), run_monitoring(window, monitor, baseline).files()]
    return files


def documents(baseline):
    return {name: baseline.files()[name] for name in ("constraints.json", "statistics.json")}


def results(spark):
    baseline = run_baseline(ORDERS, MONITOR, spark=spark)
    findings = run_monitoring(ORDERS.replace({"country": {"FR": "ES"}}), MONITOR, baseline, spark=spark)
    file = Path(sys.argv[1]) / "orders.parquet"
    ORDERS.to_parquet(file)
    local_documents = documents(run_baseline(ORDERS, MONITOR, engine="local"))
    later = CALLS.assign(churned=CALLS.churned.where(CALLS.group == "a", 1))
    CALLS.to_parquet(file.with_name("calls.parquet"))
    frames = spark.read.parquet(str(file.with_name("calls.parquet"))), spark.createDataFrame(later)
    return {
        "model quality and bias": all_files(*frames) == all_files(CALLS, later),
        "refused": [refusal(spark, *text) for text in TEXTS.items()],
        "violated": [violation.feature_name for violation in findings.violations.violations],
        "pandas": documents(baseline) == local_documents,
        "frame": documents(run_baseline(spark.createDataFrame(ORDERS), MONITOR)) == local_documents,
        "Parquet": documents(run_baseline(file, MONITOR, spark=spark)) == local_documents,
        "rows of files": documents(run_baseline(spark.read.parquet(str(file)), MONITOR)) == local_documents,
    }


with sail(*sys.argv[2:]) as address:
    spark = SparkSession.builder.remote(address).getOrCreate()
    try:
        print(json.dumps(results(spark)))
    except MissingDependency as fault:
        print(json.dumps(str(fault)))
    finally:
        spark.stop()
