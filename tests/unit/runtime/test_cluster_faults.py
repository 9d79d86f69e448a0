"""What is told of a cluster's faults. The texts are shortened ones of Spark 3.5.9, YARN 3.3.4, Linux and numpy."""

import pytest

from spark_model_monitor.running.runtime.failures import CLUSTER_FAULTS, describe_failure
from spark_model_monitor.storage.refused_requests import find_sentence

LOST = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most recent failure: "
    "Lost task 0.3 in stage 0.0 (TID 3) (10.0.0.7 executor 4): "
)

TEXTS = {
    "YARN's memory limit": LOST
    + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container killed by YARN for "
    "exceeding physical memory limits. 2.1 GB of 2 GB physical memory used. Consider boosting spark.executor.memoryOverhead.",
    "heap": LOST + "java.lang.OutOfMemoryError: Java heap space\n\tat java.base/java.util.Arrays.copyOf",
    "heap, by exit code": LOST
    + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Command exited with code 52",
    "killed": LOST
    + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Command exited with code 137",
    "killed on YARN": LOST
    + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: Container from a bad node: "
    "container_1700000000000_0001_01_000002 on host: node. Exit status: 137. Diagnostics: Killed by external signal",
    "killed on Kubernetes": LOST
    + "ExecutorLostFailure (executor 4 exited caused by one of the running tasks) Reason: \nThe executor with id 4 exited "
    "with exit code 137(SIGKILL, possible container OOM).",
    "versions": LOST + "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n"
    '  File "/opt/spark/python/lib/pyspark.zip/pyspark/worker_util.py", line 40, in check_python_version\n'
    "pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version "
    "(3, 10) than that in driver 3.11, PySpark cannot run with different minor versions.\n",
    "versions on Spark 4": "PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version: 3.10 than "
    "that in driver: 3.11, PySpark cannot run with different minor versions.\n",
    "another processor": LOST
    + 'java.io.IOException: Cannot run program "./environment/bin/python": error=8, Exec format error',
    "another processor, by a shell": LOST
    + "org.apache.spark.SparkException: \nError from python worker:\n  ./environment/bin/python: 1: Syntax error: "
    '"(" unexpected\nPYTHONPATH was:\n  x.zip\norg.apache.spark.SparkException: EOFException occurred while reading the port '
    "number from pyspark.daemon's stdout and terminated with code: 2.",
    "a Python that ends": LOST
    + "org.apache.spark.SparkException: \nError from python worker:\n  Fatal Python error: init_fs_encoding\nPYTHONPATH was:\n"
    "  x.zip\norg.apache.spark.SparkException: EOFException occurred while reading the port number from pyspark.daemon's "
    "stdout and terminated with code: 1.",
    "an older system": LOST
    + "org.apache.spark.SparkException: \nError from python worker:\n  ./environment/bin/python: /lib64/libc.so.6: version "
    "`GLIBC_2.38' not found (required by ./environment/bin/python)\nPYTHONPATH was:\n  x.zip",
    "a library of another system": LOST
    + "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\nImportError: libarrow.so.2500: cannot "
    "open shared object file: No such file or directory\n",
    "numpy of another system": LOST
    + "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\nImportError: \n\nIMPORTANT: PLEASE "
    "READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!\n\nImporting the numpy C-extensions failed. This error can happen",
    "no Python": LOST
    + 'java.io.IOException: Cannot run program "./environment/bin/python": error=2, No such file or directory',
    "no library": LOST + "org.apache.spark.api.python.PythonException: Traceback (most recent call last):\n"
    "ModuleNotFoundError: No module named 'pyarrow'\n",
    "ended": "org.apache.spark.SparkException: Job aborted due to stage failure: Master removed our application: KILLED",
    "gone": "org.apache.spark.SparkException: Job 0 cancelled because SparkContext was shut down",
    "gone at the start": "java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.\nThis stopped",
    "a Connect server that is gone": "SparkConnectGrpcException: <_InactiveRpcError of RPC that terminated with:\n\tstatus = "
    'StatusCode.UNAVAILABLE\n\tdetails = "failed to connect to all addresses; last error: Connection refused"',
    "a Connect server that started again": "SparkConnectGrpcException: (org.apache.spark.SparkSQLException) "
    "[INVALID_HANDLE.SESSION_CHANGED] The handle 61 is invalid.",
    "ended on YARN": "org.apache.spark.SparkException: The YARN application has already ended! It might have been killed",
}


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("YARN's memory limit", "took 2.1 GB of the 2 GB it was given; raise spark.executor.memoryOverhead"),
        ("heap", "raise spark.executor.memory (--executor-memory)"),
        ("heap, by exit code", "raise spark.executor.memory (--executor-memory)"),
        ("killed", "raise spark.executor.memoryOverhead (YARN, Kubernetes), or lower --executor-cores"),
        ("killed on YARN", "raise spark.executor.memoryOverhead (YARN, Kubernetes), or lower --executor-cores"),
        ("killed on Kubernetes", "raise spark.executor.memoryOverhead (YARN, Kubernetes), or lower --executor-cores"),
        ("versions", "the executors have Python 3.10, the driver has 3.11; they have to be of one minor version"),
        (
            "versions on Spark 4",
            "the executors have Python 3.10, the driver has 3.11; they have to be of one minor version",
        ),
        ("another processor", "built for another system than theirs"),
        ("another processor, by a shell", "built for another system than theirs"),
        ("a Python that ends", "ended before it began to work; run it on a node"),
        ("an older system", "built for another system than theirs"),
        ("a library of another system", "built for another system than theirs"),
        ("numpy of another system", "built for another system than theirs"),
        ("no Python", "the executors have no Python at ./environment/bin/python"),
        ("no library", "the executors' Python has no pyarrow; install it there, or send one along by --environment"),
        ("ended", "look at the cluster, then run the job again"),
        ("gone", "look at the cluster, then run the job again"),
        ("gone at the start", "look at the cluster, then run the job again"),
        ("a Connect server that is gone", "look at the cluster, then run the job again"),
        ("a Connect server that started again", "look at the cluster, then run the job again"),
        ("ended on YARN", "look at the cluster, then run the job again"),
    ],
)
def test_a_clusters_fault_is_a_sentence_with_a_remedy(case, words):
    failure = describe_failure(RuntimeError(f"An error occurred while calling o7.collectToPython.\n: {TEXTS[case]}"))

    assert words in failure.reason
    assert (failure.exit_status, failure.is_expected) == (255, True)


def test_every_fault_is_tried_above():
    tried = {find_sentence(text, CLUSTER_FAULTS) for text in TEXTS.values()}

    assert len(tried) == len(CLUSTER_FAULTS)


def test_a_daemon_of_ours_that_ends_is_reported_like_pysparks():
    text = TEXTS["a Python that ends"].replace("pyspark.daemon", "spark_model_monitor.spark.engine.worker")

    assert "ended before it began to work" in describe_failure(RuntimeError(text)).reason


def test_the_heap_of_a_local_run_is_the_drivers():
    text = LOST.replace("executor 4", "executor driver") + "java.lang.OutOfMemoryError: Java heap space"

    assert "--driver-memory" in describe_failure(RuntimeError(text)).reason


def test_a_text_about_something_else_is_nothing_of_the_clusters():
    assert find_sentence("java.io.EOFException: Unexpected end of input stream, exit code 1370", CLUSTER_FAULTS) is None
