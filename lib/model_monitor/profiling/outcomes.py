"""The one pass over outcomes: states made on the executors, added there or here, and given back as one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from model_monitor.engine.protocol import Partitions
from model_monitor.engine.state_rows import StateRow, added
from model_monitor.profiling.outcome_partition import OutcomeTask, states_of_outcomes
from model_monitor.statistics.states import Outcomes, RowCounts, State

log = logging.getLogger(__name__)

PARTITIONS_ON_THE_DRIVER = 200
"""Partitions up to which the driver adds the states itself; one of outcomes takes up to a few megabytes."""


@dataclass(frozen=True, slots=True)
class OutcomeScan:
    """What one pass found: the outcomes that were kept, and the counts of all rows."""

    outcomes: Outcomes
    rows: RowCounts


def scan_outcomes(raw: Partitions, task: OutcomeTask, *, partitions_at_most: int | None = None) -> OutcomeScan:
    """The outcomes of `raw` in one pass (on Spark one job, two when the states are added on executors).

    raw: the columns that the task's decoder wants, and LINE_KEY if records have one. partitions_at_most: an upper bound of
    the partitions, if it is known; without it executors add the states.
    """
    started = time.monotonic()
    few = partitions_at_most is not None and partitions_at_most <= PARTITIONS_ON_THE_DRIVER
    partials = raw.numbered().states(partial(states_of_outcomes, task))
    states = _sums(partials.rows(adders=0 if few else 1))
    outcomes = states.get(Outcomes.KIND, Outcomes.zero(task.plan))
    rows = states.get(RowCounts.KIND, RowCounts.zero(reasons=task.reasons, predicates=0))
    assert isinstance(outcomes, Outcomes)  # what the executors send under this kind
    assert isinstance(rows, RowCounts)
    log.info("scanned %s outcomes, %.1f s", f"{rows.kept:,}", time.monotonic() - started)
    return OutcomeScan(outcomes, rows)


def _sums(partials: Iterable[StateRow]) -> dict[str, State]:
    """The state of each kind; small by construction, two of each partition."""
    return {kind: added(row.state for row in same) for kind, same in groupby(partials, key=lambda row: row.kind)}
