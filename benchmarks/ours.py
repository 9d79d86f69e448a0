"""What is measured of ours: a baselining job from its data source to its files, but for starting Spark."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pyspark.sql import SparkSession

from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine


def whole_profile(spark: SparkSession, folder: Path, dataset_format: str = "parquet") -> None:
    """List, read, scan, evaluate by Deequ, suggest constraints, write all files: the steps of `jobs/baseline.py`."""
    output = tempfile.mkdtemp(prefix="spark-model-monitor-benchmark-")
    try:
        profile_into(spark, str(folder), dataset_format, output)
    finally:
        shutil.rmtree(output)


def profile_into(spark: SparkSession, source: str, dataset_format: str, output: str) -> None:
    """The same from any place to any other."""
    flags = ["--dataset-source", source, "--dataset-format", dataset_format, "--output-path", output]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    with read_source(SparkEngine(spark), config) as data:
        run_baseline(data, create_monitor(config)).write(config.output_path, spark)
