"""The one pass over outcomes: states made on the executors, added there or here, and given back as one."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import pyspark.sql.functions as F
from pyspark.sql import DataFrame

from model_monitor.engine.partials import added_on_executors, collected, states_by
from model_monitor.engine.state_rows import added
from model_monitor.profiling.outcome_partition import KEY, OutcomeTask, states_of_outcomes
from model_monitor.profiling.plan import PARTITION
from model_monitor.states import Outcomes, RowCounts, State

log = logging.getLogger(__name__)

PARTITIONS_ON_THE_DRIVER = 200
"""Partitions up to which the driver adds the states itself; one of outcomes takes up to a few megabytes."""


@dataclass(frozen=True, slots=True)
class OutcomeScan:
    """What one pass found: the outcomes that were kept, and the counts of all rows."""

    outcomes: Outcomes
    rows: RowCounts


def scan_outcomes(
    raw: DataFrame,
    columns: tuple[str, ...],
    task: OutcomeTask,
    *,
    key: str | None = None,
    partitions_at_most: int | None = None,
) -> OutcomeScan:
    """The outcomes of `raw` in one Spark job (two when the states are added on executors).

    columns: those that the task's decoder wants. key: the column with a hash of each record, if there is one.
    partitions_at_most: an upper bound of the frame's partitions, if it is known; without it executors add the states.
    """
    started = time.monotonic()
    keys = [F.col(key).alias(KEY)] if key else []
    prepared = raw.select(F.spark_partition_id().alias(PARTITION), *keys, *columns)
    partials = states_by(partial(states_of_outcomes, task), prepared)
    if partitions_at_most is None or partitions_at_most > PARTITIONS_ON_THE_DRIVER:
        partials = added_on_executors(partials, 1)
    states = _sums(partials)
    outcomes = states.get(Outcomes.KIND, Outcomes.zero(task.plan))
    rows = states.get(RowCounts.KIND, RowCounts.zero(reasons=task.reasons, predicates=0))
    assert isinstance(outcomes, Outcomes)  # what the executors send under this kind
    assert isinstance(rows, RowCounts)
    log.info("scanned %s outcomes, %.1f s", f"{rows.kept:,}", time.monotonic() - started)
    return OutcomeScan(outcomes, rows)


def _sums(partials: DataFrame) -> dict[str, State]:
    """The state of each kind; small by construction, two of each partition."""
    return {
        kind: added(row.state for row in same) for kind, same in groupby(collected(partials), key=lambda row: row.kind)
    }
