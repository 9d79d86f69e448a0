"""The Spark session of a job, and the settings of it that depend on the data.

What the results could depend on is set here, explicitly, for every job; everything else is the cluster's or the user's
(`conf/spark-defaults.conf`). Library code sets nothing: a caller's own session stays as it is.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from model_monitor.deequ_release import SPARK_LINE
from model_monitor.profiling.deequ_jvm import Deequ
from model_monitor.profiling.partition import MOST_BLOCK_ROWS
from model_monitor.runtime.deequ_jar import provide_jar
from model_monitor.runtime.java import find_java
from model_monitor.runtime.s3 import open_s3_paths
from model_monitor.runtime.standalone import require_master
from model_monitor.runtime.workers import worker_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = {
    # The same text is the same time and the same number everywhere.
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    # True would lose rows without a word: 100,181 of 400,000 of a cut gzip, measured.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # The number of partitions comes from the data, not from the number of cores (see partition_by_size).
    "spark.sql.files.minPartitionNum": "1",
    # Above it Spark lists folders by a job of its own: 0.85 s instead of 0.11 s for 72 hours of captures, measured.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
    # What a job keeps it reads once or twice; to pack it, Spark would first count every value that it keeps.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}

MIN_PARTITION_BYTES, USUAL_PARTITION_BYTES = 32 * 1024 * 1024, 128 * 1024 * 1024
FEWEST_PARTITIONS, MAX_PARTITIONS = 8, 2000
"""A task costs something beside its rows, and a sketch of every column, so partitions are as large as 8 of them allow, up to
128 MiB; above 250 GB they grow further. Data for fewer than 8 has an even number of them, since cores are even, too
(docs/decisions/0010-partition-size.md)."""

PACKING_SLACK = 64
"""A partition may be larger than its share by one part in so many: what files cost beside their bytes must not leave a rest."""

BATCH_CELLS, BATCH_BYTES = 2**20, 64 * 2**20
MIN_BATCH_ROWS, MAX_BATCH_ROWS = 64, MOST_BLOCK_ROWS
"""Of an Arrow batch: a million cells are 16 MB of numbers, and of texts (of at most 256 bytes) 64 MB as a rule."""

LINES_BYTES, MAX_BATCH_LINES = 2**20, 2**15
"""Of an Arrow batch of lines of which a few cells are wanted each."""

IMPORTED_MEANWHILE = ("pandas", "pyarrow.parquet", "pyspark.sql.pandas.functions")
"""What a job imports after Spark has started, PySpark's own wish for pandas among it (benchmarks/start_up.py)."""

MANY_FILES = 1000
"""From so many on it is worth the time to leave YARN's settings out (`leave_out_yarn`)."""

LEAST_PARQUET_ROWS, USUAL_PARQUET_ROWS = 512, 4096
"""Rows that Spark decodes of a Parquet file at a time; 4,096 is its own. Of 1,000 columns they leave the processor's caches
before they are read row by row: with 1,024 rows that took a third less."""


def start_session(job: str, *, progress: bool | None = None, settings: Mapping[str, str] | None = None) -> SparkSession:
    """The session of a job; under spark-submit with its master and its options. Takes 2 to 4 seconds.

    progress: whether a bar shows the stages; None leaves it to Spark's setting, which `submission.py` makes for terminals.
    settings: those that the job was told to make, beside the ones above.
    Raises ClusterGone if the master of a standalone cluster doesn't answer.
    """
    os.environ.setdefault("SPARK_VERSION", SPARK_LINE)  # PyDeequ's import asks for it
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    threading.Thread(target=_import_all, args=(IMPORTED_MEANWHILE,), name="imports", daemon=True).start()
    SparkContext._ensure_initialized()  # until then SparkConf does not know what spark-submit was told
    require_master(SparkConf().get("spark.master", "local"))
    builder = SparkSession.builder.appName(f"model-monitor {job}")
    for key, value in {**SETTINGS, **worker_settings(SparkConf(), os.environ), **(settings or {})}.items():
        builder = builder.config(key, value)
    if progress is not None:
        builder = builder.config("spark.ui.showConsoleProgress", str(progress).lower())
    spark = builder.getOrCreate()
    open_s3_paths(spark)
    _without_checksum_files(spark)
    return spark


def _without_checksum_files(spark: SparkSession) -> None:
    """Local files are read and written as they are: one that somebody edited would fail by the sums that Hadoop keeps beside it.

    Of the file system at hand, which spark-submit may have opened before: a setting would come too late.
    """
    context: Any = spark.sparkContext
    local = context._jvm.org.apache.hadoop.fs.FileSystem.getLocal(context._jsc.hadoopConfiguration())
    local.setVerifyChecksum(False)
    local.setWriteChecksum(False)


def _import_all(modules: Sequence[str]) -> None:
    """Load modules that are wanted soon; one that is absent is missed where it is wanted."""
    for module in modules:
        with suppress(ImportError):
            import_module(module)


def leave_out_yarn(spark: SparkSession, files: int) -> None:
    """Make each of many files cheaper to open, in a run on this machine alone: YARN's settings are left out.

    Hadoop copies all settings that it has for every file it opens, and YARN has hundreds. files: how many are to be read.
    """
    context: Any = spark.sparkContext
    if files < MANY_FILES or not context._jsc.isLocal():
        return
    hadoop, prefix = context._jvm.org.apache.hadoop, "yarn."
    hadoop.mapreduce.util.ConfigUtil.loadResources()  # else they come back when the first file is read
    settings = context._jsc.hadoopConfiguration()
    names = settings.getPropsWithPrefix(prefix).keySet()
    for name in hadoop.util.StringUtils.join("\n", names).split("\n"):  # fetched in one call, not in hundreds
        settings.unset(prefix + name)


def local_session() -> SparkSession:
    """A session on this machine's cores with Deequ on its class path, for notebooks and scripts; the one at hand if there is.

    Finds Java and fetches Deequ's JAR where they are not yet known, as a job does.
    Raises MissingDependency if one of them can't be had.
    """
    os.environ.setdefault("SPARK_VERSION", SPARK_LINE)
    os.environ["JAVA_HOME"] = str(find_java(os.environ).home)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else the workers take the first python3 of the PATH
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("model-monitor").config("spark.jars", str(provide_jar(os.environ)))
    return builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()


def stop_session(spark: SparkSession) -> None:
    """Stop Spark, and py4j's callback server, if there is one whose threads would keep the process alive.

    pydeequ starts such a server (awslabs/python-deequ#7). One that Spark's own way started has daemon threads, and
    shutting it down would wait for ever for a connection that the JVM keeps open.
    """
    gateway: Any = spark.sparkContext._gateway
    if not gateway.callback_server_parameters.daemonize:
        gateway.shutdown_callback_server()
    spark.stop()


def partition_by_size(spark: SparkSession, total_bytes: int) -> int:
    """Make the partitions of the next file read a function of the data's size only: 16 to 128 MiB, more above 250 GB.

    Returns the bytes of a partition.

    Spark's own split size depends on the cores of the cluster, and so would the bytes of the sketches.
    """
    share = -(-total_bytes // _partitions(total_bytes))
    size = max(MIN_PARTITION_BYTES // 2, share + share // PACKING_SLACK)
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(size))
    return size


def _partitions(total_bytes: int) -> int:
    """How many partitions the data has, as far as its files can be cut."""
    if total_bytes <= MIN_PARTITION_BYTES:
        return 1
    if total_bytes < FEWEST_PARTITIONS * MIN_PARTITION_BYTES:
        return 2 * max(1, total_bytes // (2 * MIN_PARTITION_BYTES))
    return min(MAX_PARTITIONS, max(FEWEST_PARTITIONS, -(-total_bytes // USUAL_PARTITION_BYTES)))


def batch_by_width(spark: SparkSession, columns: int, line_bytes: int = 0) -> int:
    """Set the rows of an Arrow batch, and of a batch of Parquet, so that it has about a million cells.

    line_bytes: what a long line of the data takes, if executors decode lines; a batch of them has at most 64 MB or so.
    Returns the rows of an Arrow batch. They change the memory and the speed of the scan, never its result.
    """
    fitting = BATCH_CELLS // max(1, columns)
    rows = min(MAX_BATCH_ROWS, max(MIN_BATCH_ROWS, min(fitting, BATCH_BYTES // max(1, line_bytes))))
    parquet_rows = min(USUAL_PARQUET_ROWS, max(LEAST_PARQUET_ROWS, fitting))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(rows))
    spark.conf.set("spark.sql.parquet.columnarReaderBatchSize", str(parquet_rows))
    return rows


def batch_by_bytes(spark: SparkSession, row_bytes: int) -> int:
    """Set the rows of an Arrow batch so that it takes about `LINES_BYTES`; returns them. row_bytes: of a long row."""
    rows = min(MAX_BATCH_LINES, max(MIN_BATCH_ROWS, LINES_BYTES // max(1, row_bytes)))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(rows))
    return rows


def read_lines_by_size(spark: SparkSession, total_bytes: int, line_bytes: int) -> int:
    """Set partitions and Arrow batches for lines that are read next; returns the bytes of a partition.

    total_bytes: of all files; line_bytes: of a long line.
    """
    batch_by_bytes(spark, line_bytes)
    return partition_by_size(spark, total_bytes)


def require_deequ(spark: SparkSession) -> None:
    """Make sure that Deequ is on the driver's class path, in a build for this Spark.

    Raises MissingDependency with the remedy otherwise.
    """
    Deequ(spark)
