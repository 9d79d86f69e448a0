"""What tests let a session of the runner do with S3, by the storage that jobs use."""

from __future__ import annotations

from pyspark.sql import SparkSession

from model_monitor.engine.partitions import MAX_RECORD_SIZE
from model_monitor.engine.text_lines import read_lines
from model_monitor.outputs.files import current_run
from model_monitor.reading.long_lines import long_lines_of
from model_monitor.records.places import LINE
from model_monitor.runtime.session import beside
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


def long_lines(spark: SparkSession, path: str, max_record_bytes: int) -> tuple[list[list[int]], list[str]]:
    """Number, start and size of the lines there that are longer than so many bytes, and the lines that are read."""
    session = beside(spark)
    session.conf.set(MAX_RECORD_SIZE, str(max_record_bytes))
    files = storage_of(path, session).list_files(path)
    found = [[line.number, line.start, line.size_bytes] for line in long_lines_of(session, files)]
    return found, sorted(row[0] for row in read_lines(session, path).select(LINE).collect())
