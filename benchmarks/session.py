"""The Spark session of a benchmark: a job's own on two cores, and for the peers one as Spark comes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

import spark_model_monitor
from spark_model_monitor.data.engine.partitions import OPEN_COST_BYTES
from spark_model_monitor.spark.launch import spark_command
from spark_model_monitor.spark.launch.deequ_jar import provide_jar
from spark_model_monitor.spark.spark_session import start_session, stop_session

MASTER = "local[2]"
DRIVER_MEMORY = "4g"

MIN_PARTITIONS = "spark.sql.files.minPartitionNum"
OPEN_COST = "spark.sql.files.openCostInBytes"
SET_BY_JOBS = (
    "spark.sql.files.maxPartitionBytes",
    "spark.sql.execution.arrow.maxRecordsPerBatch",
    "spark.sql.parquet.columnarReaderBatchSize",
    MIN_PARTITIONS,
    OPEN_COST,
)
OPEN_COST_OF_SPARK = "4MB"


@contextmanager
def benchmark_session(
    driver_memory: str = DRIVER_MEMORY, master: str = MASTER, *, jars: Sequence[Path] = (), settings: Sequence[str] = ()
) -> Iterator[SparkSession]:
    """The session that a job has, on two cores of this machine; the driver's heap holds the executor's as well.

    jars, settings: what it has beside a job's, `KEY=VALUE` each.
    """
    on_class_path = ",".join(map(str, [provide_jar(os.environ), *jars]))
    options = ["--master", master, "--driver-memory", driver_memory, "--jars", on_class_path]
    os.environ.setdefault(spark_command.JVM_OPTIONS_VARIABLE, spark_command.COLLECTOR_OPTION)
    session_options = ("spark.ui.enabled=false", "spark.ui.showConsoleProgress=false", f"{OPEN_COST}={OPEN_COST_BYTES}")
    for setting in (*session_options, *settings):
        options += ["--conf", setting]
    os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join([*options, "pyspark-shell"])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = str(Path(spark_model_monitor.__file__).parent.parent)
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
    # set when the session was made, so that unsetting them brings back the job's
    spark.conf.set(MIN_PARTITIONS, spark.sparkContext.defaultParallelism)
    spark.conf.set(OPEN_COST, OPEN_COST_OF_SPARK)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, value)
