"""What tests let a session of the runner do with S3, by the storage that jobs use."""

from __future__ import annotations

from pyspark.sql import SparkSession

from model_monitor.outputs.files import current_run
from model_monitor.storage import storage_of

MIB = 2**20


def write(spark: SparkSession, path: str, text: str) -> str:
    """Put a file in place, and read its beginning back."""
    storage = storage_of(path, spark)
    storage.write(path, text.encode())
    return storage.read(path, at_most=5).decode()


def write_large(spark: SparkSession, path: str, mebibytes: int) -> None:
    """Put a file in place that goes up in parts of 5 MiB."""
    storage_of(path, spark).write(path, bytes(mebibytes * MIB))


def assemble(spark: SparkSession, sources: list[str], target: str) -> bool:
    """Put several files in place of one; whether that changed it."""
    return storage_of(target, spark).assemble(sources, target)


def files_below(spark: SparkSession, path: str) -> list[str]:
    """The paths of all files."""
    return [file.path for file in storage_of(path, spark).list_files(path)]


def folders_below(spark: SparkSession, path: str) -> list[str]:
    """The names of the folders."""
    return storage_of(path, spark).list_folders(path)


def run_that_counts(spark: SparkSession, path: str) -> str | None:
    """The id of the run that our readers see."""
    run = current_run(path, spark)
    return run.run_id if run else None
