"""The states of a frame's partitions, themselves a frame: made on the executors, and added there if they are many."""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from model_monitor.engine.state_rows import STATE_SCHEMA, StateRow, fold, rows_of_states
from model_monitor.engine.worker import Task, in_worker

STATE_TYPE = from_arrow_schema(STATE_SCHEMA)


def states_by(task: Task, frame: DataFrame) -> DataFrame:
    """What the task makes of each partition of the frame: a row for each state."""
    return frame.mapInArrow(partial(in_worker, task), STATE_TYPE)


def added_on_executors(states: DataFrame, tasks: int) -> DataFrame:
    """The sum of each feature's states of each kind, in the order of their partitions, by so many tasks."""
    in_order = states.repartition(tasks, "feature").sortWithinPartitions("feature", "kind", "partition")
    return states_by(fold, in_order)


def collected(states: DataFrame) -> list[StateRow]:
    """The states in the order of features, kinds and partitions; few by construction.

    As Arrow has them, which is what `toPandas` does: pickled, a sketch's bytes would be made a text and back.
    """
    rows = rows_of_states(states._collect_as_arrow())
    return sorted(rows, key=lambda row: (row.feature, row.kind, row.partition))
