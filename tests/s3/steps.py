"""What tests let a session of the runner do with S3, by the storage that jobs use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

from pyspark.sql import SparkSession

from spark_model_monitor.data.engine.partitions import MAX_RECORD_SIZE
from spark_model_monitor.data.reading.csv_lines import find_long_lines
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.reports.history_page import compare, report_command
from spark_model_monitor.reports.outputs.run_files import read_current_run
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.engine.text_lines import read_lines
from spark_model_monitor.spark.spark_session import new_job_session
from spark_model_monitor.storage import get_storage, holding, join, using_session
from spark_model_monitor.storage.lease import PREFIX, Lease

MIB = 2**20


def write(spark: SparkSession, path: str, text: str) -> str:
    """Put a file in place, and read its beginning back."""
    storage = get_storage(path, spark)
    storage.write(path, text.encode())
    return storage.read(path, at_most=5).decode()


def write_large(spark: SparkSession, path: str, mebibytes: int) -> None:
    """Put a file in place that goes up in parts of 5 MiB."""
    get_storage(path, spark).write(path, bytes(mebibytes * MIB))


def assemble(spark: SparkSession, sources: list[str], target: str) -> bool:
    """Put several files in place of one; whether that changed it."""
    return get_storage(target, spark).assemble(sources, target)


def compare_runs(spark: SparkSession, before: str, after: str, folders: list[str], page: str) -> str:
    """What `compare` prints of two runs, and `report` of folders; the page goes where it is told."""
    out = StringIO()
    with using_session(spark):
        compare.main(before, after, out)
        report_command.main(report_command.HistoryRequest(folders), page, out)
    return out.getvalue()


def files_below(spark: SparkSession, path: str) -> list[str]:
    """The paths of all files."""
    return [file.path for file in get_storage(path, spark).list_files(path)]


def folders_below(spark: SparkSession, path: str) -> list[str]:
    """The names of the folders."""
    return get_storage(path, spark).list_folders(path)


def files_beginning(spark: SparkSession, folder: str, start: str) -> list[str]:
    """The paths of the files right in a folder whose names begin so."""
    return [file.path for file in get_storage(folder, spark).list_by_prefix(folder, start)]


def count_together(spark: SparkSession, folder: str, threads: int, times: int) -> int:
    """What a counter in a file is after threads have read it, and written one more, each while it held the folder."""
    storage = get_storage(folder, spark)
    path = join(folder, "count")
    storage.write(path, b"0")

    def count(_: int) -> None:
        lease = Lease(storage, folder, sleep=lambda seconds: time.sleep(seconds / 20))
        try:
            lease.take()
            storage.write(path, str(int(storage.read(path)) + 1).encode())
        finally:
            lease.release()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(times)))
    return int(storage.read(path))


def write_after_others_took_over(spark: SparkSession, folder: str) -> None:
    """Write into a folder that was held, and whose lease is gone."""
    storage = get_storage(folder, spark)
    with holding(storage, folder):
        for file in storage.list_by_prefix(folder, PREFIX):
            with ThreadPoolExecutor(1) as executor:
                executor.submit(storage.delete, file.path).result()
        storage.write(join(folder, "late"), b"late")


def run_that_counts(spark: SparkSession, path: str) -> str | None:
    """The id of the run that our readers see."""
    with using_session(spark):
        run = read_current_run(path)
    return run.run_id if run else None


def long_lines(spark: SparkSession, path: str, max_record_bytes: int) -> tuple[list[list[int]], list[str]]:
    """Number, start and size of the lines there that are longer than so many bytes, and the lines that are read."""
    session = new_job_session(spark)
    session.conf.set(MAX_RECORD_SIZE, str(max_record_bytes))
    files = get_storage(path, session).list_files(path)
    line_positions = [
        [line.number, line.start, line.size_bytes] for line in find_long_lines(SparkEngine(session), files)
    ]
    return line_positions, sorted(row[0] for row in read_lines(session, path).select(LINE).collect())
