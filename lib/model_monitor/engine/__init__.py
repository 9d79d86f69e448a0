"""How a source is cut into partitions, how a function is mapped over them, and how its states come back.

`protocol` is the page that says what an engine is; `engine_of` and `partitions_of` give Spark's. No other room but `deequ` and
`storage` reaches into PySpark's JVM (tests/unit/test_engine_seam.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from model_monitor.engine.protocol import Engine, Partitions

Session: TypeAlias = "SparkSession | Engine"
"""What is given to whoever reads: a session of Spark, or an engine."""


def engine_of(session: Session) -> Engine:
    """The engine that a session of Spark is; an engine as it is."""
    if not _is_of_spark(session):
        return cast("Engine", session)
    from model_monitor.engine.spark import SparkEngine

    return SparkEngine(cast("SparkSession", session))


def partitions_of(rows: DataFrame | Partitions) -> Partitions:
    """The partitions of a frame of Spark; partitions as they are."""
    if not _is_of_spark(rows):
        return cast("Partitions", rows)
    from model_monitor.engine.spark import SparkPartitions

    return SparkPartitions(cast("DataFrame", rows))


def _is_of_spark(thing: object) -> bool:
    """Told by its type's name, so that an engine without Spark loads nothing of it."""
    return type(thing).__module__.startswith("pyspark.")
