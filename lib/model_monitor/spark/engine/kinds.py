"""Kinds of rows, counted by the tasks of `data/profiling/contingency.py`, and added by Spark: many stay off the driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyspark.sql.functions as F

from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.profiling.contingency import IDENTITIES, ROWS, CountTask, IdentityTask, added_by
from model_monitor.spark.engine.spark import collected
from model_monitor.statistics.states.contingency import ContingencyPlan


def count_kinds(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, cells: str | None, most: int
) -> list[dict[str, Any]]:
    """At most so many kinds of rows. One Spark job."""
    task = CountTask(plan, tuple(names), reason, cells)
    counted = rows.mapped(task, task.schema(rows.schema)).frame
    added = added_by(counted.columns)
    keys = [name for name in counted.columns if name not in added]
    summed = counted.groupBy(*keys).agg(*[F.expr(f"{how}({name}) AS {name}") for name, how in added.items()])
    # behind a filter the limit is one job; at the end of a plan Spark tries partition after partition
    found = summed.limit(most).where(F.col(ROWS) > 0).collect()
    return [row.asDict() for row in found]  # a Row looks for each name among all of its names


def first_kinds(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, most: int
) -> list[dict[str, Any]]:
    """The kinds of so many rows that were kept. Spark tries partition after partition until it has them."""
    frame = rows.frame.where(F.col(reason) == 0) if reason else rows.frame
    first = frame.sparkSession.createDataFrame(frame.limit(most).collect(), frame.schema)
    task = CountTask(plan, tuple(names), reason, None)
    return [row for batch in collected(first) for row in task.keys(batch).to_pylist()]


def distinct_values(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, wanted: Sequence[int], reason: str | None
) -> Mapping[int, int]:
    """The distinct values of some of `plan.valued`, by their places. One Spark job."""
    task = IdentityTask(CountTask(plan, tuple(names), reason, None), tuple(wanted))
    place, text = IDENTITIES.names
    counted = rows.mapped(task, IDENTITIES).frame.groupBy(place).agg(F.count_distinct(text)).collect()
    return {**dict.fromkeys(wanted, 0), **{row[0]: row[1] for row in counted}}
