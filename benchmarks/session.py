"""The Spark session of a benchmark: a job's own on two cores, and for the peers one as Spark comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

import model_monitor
from model_monitor.runtime.deequ_jar import provide_jar
from model_monitor.runtime.session import SETTINGS, start_session, stop_session

MASTER = "local[2]"
DRIVER_MEMORY = "4g"

PARTITION_BYTES = "spark.sql.files.maxPartitionBytes"
LEAST_PARTITIONS = "spark.sql.files.minPartitionNum"
BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"
SET_BY_JOBS = (PARTITION_BYTES, LEAST_PARTITIONS, BATCH_ROWS)


@contextmanager
def benchmark_session(driver_memory: str = DRIVER_MEMORY) -> Iterator[SparkSession]:
    """The session that a job has, on two cores of this machine; the driver's heap holds the executor's as well."""
    options = ["--master", MASTER, "--driver-memory", driver_memory, "--jars", str(provide_jar(os.environ))]
    for setting in ("spark.ui.enabled=false", "spark.ui.showConsoleProgress=false"):
        options += ["--conf", setting]
    os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join([*options, "pyspark-shell"])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(Path(model_monitor.__file__).parent.parent)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    spark = start_session("benchmark")
    spark.sparkContext.setLogLevel("OFF")  # Deequ's profiler makes Spark log errors of its code generation
    try:
        yield spark
    finally:
        stop_session(spark)


@contextmanager
def as_spark_comes(spark: SparkSession) -> Iterator[None]:
    """Without what a job sets for partitions and batches: the peers get Spark's own.

    With the job's least number of partitions, one, a file of 100 MB would be one task and the peer would have one core.
    """
    before = {key: spark.conf.get(key, None) for key in SET_BY_JOBS}
    for key in SET_BY_JOBS:
        spark.conf.unset(key)
    if LEAST_PARTITIONS in SETTINGS:  # set when the session was made, so that unsetting brings back the job's
        spark.conf.set(LEAST_PARTITIONS, spark.sparkContext.defaultParallelism)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, value)
