"""Traces without texts: where something went wrong, and nothing of the data."""

from spark_model_monitor.running.runtime.failures import format_trace

FROM_SPARK = """An error occurred while calling o1.collect.
: org.apache.spark.SparkException: Job aborted due to stage failure: MARKER
Lost task 0.0: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/tmp/spark_model_monitor.zip/spark_model_monitor/profiling/partition.py", line 17, in gather
    return float('MARKER')
ValueError: could not convert string to float: 'MARKER'
MARKER: at the beginning of a line

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:572)
\tat java.base/java.lang.Thread.run(Thread.java:840)
\t... 1 more
Caused by: java.lang.NumberFormatException: For input string: "MARKER"
\tat MARKER is no place
"""


def test_a_trace_from_spark_keeps_files_lines_and_classes():
    def failing():
        raise RuntimeError(FROM_SPARK)

    try:
        failing()
    except RuntimeError as error:
        trace = format_trace(error)

    assert "MARKER" not in trace
    for phrase in (
        f'File "{__file__}"',
        "RuntimeError",
        "org.apache.spark.SparkException",
        'File "/tmp/spark_model_monitor.zip/spark_model_monitor/profiling/partition.py", line 17, in gather',
        "ValueError",
        "at org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:572)",
        "at java.base/java.lang.Thread.run(Thread.java:840)",
        "java.lang.NumberFormatException",
    ):
        assert phrase in trace


def test_causes_come_first_and_those_that_were_hidden_stay_so():
    def raised(hide):
        try:
            try:
                int("MARKER")
            except ValueError as cause:
                raise KeyError("MARKER") from (None if hide else cause)
        except KeyError as error:
            return format_trace(error)

    assert raised(hide=False).index("ValueError") < raised(hide=False).index("KeyError")
    assert "ValueError" not in raised(hide=True)
    assert "MARKER" not in raised(hide=False)
