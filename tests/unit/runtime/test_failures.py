"""What is told about an exception. The texts from Java are shortened ones of Spark 3.5.9."""

import pytest

from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.running.runtime.failures import describe_failure
from spark_model_monitor.stopping import Stopped


class PythonException(Exception):
    """Stands for pyspark's, which carries a worker's trace as text."""


class AnalysisException(Exception):
    """Stands for pyspark's."""


FROM_WORKER = """
  An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "/tmp/spark_model_monitor.zip/spark_model_monitor/profiling/partition.py", line 17, in gather
    raise {raised}
"""


def test_an_error_raised_on_purpose_speaks_for_itself():
    failure = describe_failure(NoData("Job inputs had no data"))

    assert (failure.reason, failure.exit_status, failure.is_expected) == ("Job inputs had no data", 3, True)


def test_an_error_raised_on_purpose_is_found_behind_another():
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = BadInput("a.csv is no CSV")

    assert describe_failure(wrapped).reason == "a.csv is no CSV"


def test_an_error_of_ours_from_a_python_worker_keeps_its_text_and_status():
    trace = (
        FROM_WORKER.format(raised="x") + "spark_model_monitor.errors.ScriptFailed: line 3 of clean.py raised KeyError\n"
    )

    failure = describe_failure(PythonException(trace))

    assert (failure.reason, failure.exit_status) == ("line 3 of clean.py raised KeyError", 1)


def test_another_error_from_a_python_worker_is_reported_by_type_and_place_without_its_text():
    failure = describe_failure(PythonException(FROM_WORKER.format(raised="x") + "ValueError: 'Jane Doe'\n"))

    assert failure.reason == "unexpected ValueError in a Python worker, partition.py, line 17; the log has its trace"
    assert (failure.exit_status, failure.is_expected) == (255, False)


def test_a_defect_of_ours_is_reported_by_type_and_place_without_its_text():
    try:
        float("Jane Doe")
    except ValueError as error:
        reason = describe_failure(error).reason

    assert reason.startswith("unexpected ValueError at test_failures.py, line ")
    assert "Jane" not in reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme "gs"',
            "no file system for gs:",
        ),
        ("java.lang.ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "for s3a: paths"),
        ("[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta. Please find", "no reader called delta; pass"),
        ("org.apache.hadoop.fs.ChecksumException: Checksum error: file:/data/a.csv at 0", "the .crc file beside it"),
        ("java.io.IOException: No space left on device", "the disk is full"),
        ("java.lang.OutOfMemoryError: Java heap space", "--driver-memory"),
        ("org.apache.arrow.vector.util.OversizedAllocationException: Memory required", "decompress compressed files"),
        ("java.lang.OutOfMemoryError: Java heap space", "a smaller --set max_record_size=SIZE"),
        (
            "org.apache.arrow.vector.util.OversizedAllocationException: Memory required",
            "a smaller --set max_record_size=SIZE",
        ),
        (
            "Parquet column cannot be converted in file file:///in/b.parquet. Column: [a], Expected: bigint, Found: INT32.",
            "file:///in/b.parquet: column a is INT32, and bigint in the first file",
        ),
        (
            "Encountered error while reading file file:///in/b.parquet. Details:\nCaused by: FAILED_TO_UNCOMPRESS(5)",
            "file:///in/b.parquet: is damaged",
        ),
        (
            "Encountered error while reading file file:///b. Details:\nClass org.apache.compress.BrotliCodec was not found",
            "no org.apache.compress.BrotliCodec",
        ),
        ("java.net.UnknownHostException: nowhere", "check --master and the paths"),
        (
            "[SCHEMA_NOT_FOUND] The schema `spark_catalog`.`orders` cannot be found. Verify the spelling",
            "Spark's catalog has no schema `spark_catalog`.`orders`; create it",
        ),
    ],
)
def test_a_known_failure_of_spark_is_a_sentence_with_a_remedy(text, words):
    failure = describe_failure(RuntimeError(f"An error occurred while calling o1.load.\n: {text}"))

    assert words in failure.reason
    assert failure.is_expected


def test_what_an_object_store_refuses_is_reported_with_the_place():
    """The text is that of hadoop-aws 3.3.4, shortened."""
    text = (
        "An error occurred while calling o1.exists.\n: java.nio.file.AccessDeniedException: s3a://data/out/_current.json: "
        "getFileStatus on s3a://data/out/_current.json: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden "
        "(Service: Amazon S3; Status Code: 403; Error Code: 403 Forbidden; Request ID: X)"
    )

    failure = describe_failure(RuntimeError(text))

    assert failure.reason.startswith("s3a://data/out/_current.json: access was denied; allow the job's role")
    assert failure.is_expected


def test_of_an_unknown_java_exception_the_innermost_class_is_reported():
    text = ": org.apache.spark.SparkException: Job aborted: Jane Doe\n\tat x\nCaused by: java.io.EOFException: Jane\n\tat y"

    reason = describe_failure(RuntimeError(text)).reason

    assert reason.startswith("unexpected java.io.EOFException at ")
    assert "Jane" not in reason


def test_what_spark_says_about_a_query_is_reported():
    error = AnalysisException("[PATH_NOT_FOUND] Path does not exist: file:/nowhere.\nplan")

    assert describe_failure(error).reason == "AnalysisException: [PATH_NOT_FOUND] Path does not exist: file:/nowhere."


def test_an_error_of_the_operating_system_is_reported_with_its_path():
    failure = describe_failure(PermissionError(13, "Permission denied", "/out"))

    assert (failure.reason, failure.exit_status) == ("/out: Permission denied", 255)


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (SystemExit(143), 143), (SystemExit(7), 7), (SystemExit(0), 255), (SystemExit(), 255)],
)
def test_an_interrupted_job_never_ends_with_success(error, status):
    assert describe_failure(error).exit_status == status


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        ImportError("lib.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_a_sentence_whoever_notices(error):
    wrapped = BadInput("can't be read")
    wrapped.__cause__ = error
    for fault in (error, wrapped):
        failure = describe_failure(fault)
        assert (failure.exit_status, failure.is_expected) == (255, True)
        assert failure.reason.startswith("this process ran out of memory; raise its limit (ulimit -v")


@pytest.mark.parametrize(("interruption", "status"), [(Stopped(143), 143), (KeyboardInterrupt(), 130)])
def test_a_signal_that_comes_while_python_joins_a_thread_is_still_one(interruption, status):
    """`Thread.join` of Python 3.10 to 3.12 lets go of a lock that isn't its own then, and may raise AssertionError."""
    try:
        try:
            raise interruption
        finally:
            raise AssertionError
    except AssertionError as error:
        failure = describe_failure(error)

    assert (failure.exit_status, failure.is_expected) == (status, True)
