"""How a source is cut into partitions, how a function is mapped over them, and how its states come back.

`protocol` is the page that says what an engine is; `local` is the one without a JVM, Spark's plugs in (`spark/__init__.py`).
Sessions and frames of Spark become an engine and partitions here, at the edge; nobody below asks which they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from model_monitor.plugins import plugin

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from model_monitor.data.engine.protocol import Engine, Partitions


def engine_of(session: SparkSession | Engine) -> Engine:
    """The engine that a session of Spark is; an engine as it is."""
    return cast("Engine", plugin("spark").SparkEngine(session) if is_of_pyspark(session) else session)


def partitions_of(rows: DataFrame | Partitions) -> Partitions:
    """The partitions of a frame of Spark; partitions as they are."""
    return cast("Partitions", plugin("spark").SparkPartitions(rows) if is_of_pyspark(rows) else rows)


def is_of_pyspark(thing: object) -> bool:
    """Told by its type's name, so that an engine without Spark loads nothing of it."""
    return type(thing).__module__.startswith("pyspark.")
