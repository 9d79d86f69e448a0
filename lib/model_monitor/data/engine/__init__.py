"""How a source is cut into partitions, how a function is mapped over them, and how its states come back.

`protocol` is the page that says what an engine is; `engine_of` and `partitions_of` give Spark's, `local` is the one without a
JVM. No other room but `deequ` and
`storage` reaches into PySpark's JVM (tests/unit/test_engine_seam.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from model_monitor.data.engine.protocol import Engine, Partitions

Session: TypeAlias = "SparkSession | Engine"
"""What is given to whoever reads: a session of Spark, or an engine."""


def engine_of(session: Session) -> Engine:
    """The engine that a session of Spark is; an engine as it is."""
    if not _is_pyspark(session):
        return cast("Engine", session)
    from model_monitor.spark.engine.spark import SparkEngine

    return SparkEngine(cast("SparkSession", session))


def partitions_of(rows: DataFrame | Partitions) -> Partitions:
    """The partitions of a frame of Spark; partitions as they are."""
    if not _is_pyspark(rows):
        return cast("Partitions", rows)
    from model_monitor.spark.engine.spark import SparkPartitions

    return SparkPartitions(cast("DataFrame", rows))


def is_of_spark(rows: object) -> bool:
    """Whether rows are a frame of Spark, of which more can be said in SQL."""
    return _is_pyspark(rows) or type(rows).__module__ == "model_monitor.spark.engine.spark"


def _is_pyspark(thing: object) -> bool:
    """Told by its type's name, so that an engine without Spark loads nothing of it."""
    return type(thing).__module__.startswith("pyspark.")
