"""The peers: what else computes such numbers of a data set, each called as its own documentation calls it."""

from __future__ import annotations

import os
from pathlib import Path

import pyspark.sql.functions as F
from pyspark.sql import Column, SparkSession
from pyspark.sql.types import DoubleType, StructField
from session import DRIVER_MEMORY, as_spark_comes
from side_by_side import Took, own_process

WHYLOGS_VARIABLE = "MODEL_MONITOR_WHYLOGS_PYTHON"
WHYLOGS_ENVIRONMENT = Path(__file__).parent.parent / ".venv-whylogs"
WHYLOGS_SCRIPT = Path(__file__).with_name("whylogs_profile.py")

DISTINCT_ERROR = 0.05
"""Relative standard deviation of the distinct counts, of all contestants: Spark's default and Deequ's."""


def spark_aggregates(spark: SparkSession, folder: Path, *, range_of_texts: bool = True) -> None:
    """Count, mean, sum, stddev, min, max and approx_count_distinct of each column, of texts those that texts have.

    range_of_texts: whether min and max of the texts are among them, for which Spark sorts instead of hashing.
    """
    with as_spark_comes(spark):
        frame = spark.read.parquet(str(folder))
        aggregates = [
            aggregate
            for field in frame.schema.fields
            for aggregate in _aggregates(field, range_of_texts or isinstance(field.dataType, DoubleType))
        ]
        frame.agg(*[aggregate.alias(f"a{number}") for number, aggregate in enumerate(aggregates)]).collect()


def spark_csv_counts(spark: SparkSession, folder: Path) -> None:
    """Spark's own reader of CSV with every column a text, and the number of present cells of each."""
    with as_spark_comes(spark):
        frame = spark.read.csv(str(folder), header=True, inferSchema=False)
        frame.agg(*[F.count(F.col(name)).alias(name) for name in frame.columns]).collect()


def spark_json_counts(spark: SparkSession, folder: Path) -> None:
    """Spark's own reader of JSON Lines, which infers the types, and the number of present cells of each column."""
    with as_spark_comes(spark):
        frame = spark.read.json(str(folder))
        frame.agg(*[F.count(F.col(name)).alias(name) for name in frame.columns]).collect()


def deequ_analyzers(spark: SparkSession, folder: Path) -> None:
    """Deequ's AnalysisRunner with the analyzers that our profile evaluates, by a scan of its own; no KLL."""
    import pydeequ.analyzers as deequ

    with as_spark_comes(spark):
        frame = spark.read.parquet(str(folder))
        run = deequ.AnalysisRunner(spark).onData(frame).addAnalyzer(deequ.Size())
        for field in frame.schema.fields:
            names = ["Completeness", "ApproxCountDistinct"]
            if isinstance(field.dataType, DoubleType):
                names += ["Mean", "Sum", "StandardDeviation", "Minimum", "Maximum"]
            for name in names:
                run = run.addAnalyzer(getattr(deequ, name)(field.name))
        deequ.AnalyzerContext.successMetricsAsJson(spark, run.run())


def deequ_profiler(spark: SparkSession, folder: Path) -> None:
    """Deequ's ColumnProfilerRunner with KLL sketches, the nearest that Deequ has to a whole profile."""
    from pydeequ.profiles import ColumnProfilerRunner

    with as_spark_comes(spark):
        frame = spark.read.parquet(str(folder))
        ColumnProfilerRunner(spark).onData(frame).withKLLProfiling().run()


def whylogs_python() -> Path | None:
    """The Python that has whylogs (requirements-whylogs.txt), None if there is none."""
    chosen = Path(os.environ.get(WHYLOGS_VARIABLE) or WHYLOGS_ENVIRONMENT / "bin" / "python")
    return chosen if chosen.is_file() else None


def whylogs_profile(python: Path, folder: Path, warm_up: Path, warm_ups: int) -> Took:
    """What whylogs' profile of a data set took, in a process and a Spark session of its own and after some of `warm_up`."""
    foreign = ("SPARK_HOME", "PYTHONPATH", "PYSPARK_SUBMIT_ARGS", "PYSPARK_DRIVER_PYTHON")
    environment = {key: value for key, value in os.environ.items() if key not in foreign}
    environment |= {"PYSPARK_PYTHON": str(python), "WHYLOGS_NO_ANALYTICS": "True"}
    command = [str(python), str(WHYLOGS_SCRIPT), str(warm_up), str(warm_ups), str(folder), DRIVER_MEMORY]
    return own_process(command, environment)


def _aggregates(field: StructField, has_range: bool) -> list[Column]:
    value = F.col(field.name)
    aggregates = [F.count(value), F.approx_count_distinct(value, DISTINCT_ERROR)]
    if isinstance(field.dataType, DoubleType):
        aggregates += [F.mean(value), F.sum(value), F.stddev(value)]
    if has_range:
        return [*aggregates, F.min(value), F.max(value)]
    return aggregates
