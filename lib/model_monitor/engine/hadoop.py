"""Hadoop in the driver's JVM: settings of its file systems that a session has to change where they lie. Driver only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_monitor.storage.server import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"

MANY_FILES = 1000
"""From so many on it is worth the time to leave YARN's settings out (`leave_out_yarn`)."""


def open_s3_paths(spark: SparkSession) -> None:
    """Let S3A open `s3://` paths where the cluster names no file system for them; EMR names its own."""
    if is_connect(spark):
        return
    context: Any = spark.sparkContext
    configuration = context._jsc.hadoopConfiguration()
    if configuration.get("fs.s3.impl") is None:
        configuration.set("fs.s3.impl", S3A)


def without_checksum_files(spark: SparkSession) -> None:
    """Local files are read and written as they are: one that somebody edited would fail by the sums that Hadoop keeps beside it.

    Of the file system at hand, which spark-submit may have opened before: a setting would come too late.
    """
    if is_connect(spark):
        return
    context: Any = spark.sparkContext
    local = context._jvm.org.apache.hadoop.fs.FileSystem.getLocal(context._jsc.hadoopConfiguration())
    local.setVerifyChecksum(False)
    local.setWriteChecksum(False)


def leave_out_yarn(spark: SparkSession, files: int) -> None:
    """Make each of many files cheaper to open, in a run on this machine alone: YARN's settings are left out.

    Hadoop copies all settings that it has for every file it opens, and YARN has hundreds. files: how many are to be read.
    """
    if is_connect(spark):
        return
    context: Any = spark.sparkContext
    if files < MANY_FILES or not context._jsc.isLocal():
        return
    hadoop, prefix = context._jvm.org.apache.hadoop, "yarn."
    hadoop.mapreduce.util.ConfigUtil.loadResources()  # else they come back when the first file is read
    settings = context._jsc.hadoopConfiguration()
    names = settings.getPropsWithPrefix(prefix).keySet()
    for name in hadoop.util.StringUtils.join("\n", names).split("\n"):  # fetched in one call, not in hundreds
        settings.unset(prefix + name)
