"""The count of rows by kind, for all facets, labels, predictions, groups and segments together, in one pass."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.profiling.contingency_cells import REFUSED, CountTask, IdentityTask, contingency_of, row_counts
from model_monitor.data.profiling.contingency_cells import counted as by_kind
from model_monitor.errors import BadInput
from model_monitor.statistics.states import RowCounts
from model_monitor.statistics.states.contingency import Contingency, ContingencyPlan

log = logging.getLogger(__name__)

MOST_CELLS = 1_000_000
"""Kinds of rows up to which they are counted: more means that a group variable or a facet is close to an identifier."""


def count_rows(
    rows: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    *,
    reason: str | None = None,
    reasons: int = 0,
    cells: str | None = None,
) -> tuple[Contingency, RowCounts]:
    """The rows by kind, and the account of them. On Spark one job.

    names: of the first columns, by position. reason, reasons, cells: as in `profiling.scan`.

    Raises BadInput if there are too many kinds of rows.
    """
    started = time.monotonic()
    counted = rows.engine.way(count_kinds)(rows, names, plan, reason, cells, MOST_CELLS + 1)
    if len(counted) > MOST_CELLS:
        raise BadInput(_sentence_on_cells(plan))
    account = row_counts(counted, reasons)
    kept = [row for row in counted if row[REFUSED] == 0]
    state = contingency_of(kept, plan)
    log.info("counted %s rows by %s kinds, %.1f s", f"{account.kept:,}", f"{len(kept):,}", time.monotonic() - started)
    return state, account


def count_kinds(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, cells: str | None, most: int
) -> list[dict[str, Any]]:
    """Each kind of rows with how many there are. most: an engine may stop at so many kinds."""
    parts = rows.mapped(CountTask(plan, tuple(names), reason, cells), pa.schema([])).batches()
    return by_kind(pa.Table.from_batches(parts)).to_pylist() if parts else []


def count_distinct(
    rows: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    wanted: Sequence[int],
    reason: str | None = None,
) -> Mapping[int, int]:
    """How many distinct values some of `plan.valued` have, by their places. On Spark one job."""
    return rows.engine.way(distinct_values)(rows, names, plan, wanted, reason)


def distinct_values(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, wanted: Sequence[int], reason: str | None
) -> Mapping[int, int]:
    """What `count_distinct` gives, on any engine."""
    task = IdentityTask(CountTask(plan, tuple(names), reason, None), tuple(wanted))
    parts = rows.mapped(task, pa.schema([])).batches()
    values = {
        (place, text) for part in parts for place, text in zip(*map(pa.Array.to_pylist, part.columns), strict=True)
    }
    return {place: sum(of == place for of, _ in values) for place in wanted}


def _sentence_on_cells(plan: ContingencyPlan) -> str:
    listed = [f"facet {facet.name!r} without values" for facet in plan.facets if not facet.values]
    if plan.group is not None:
        listed.append(f"group_variable {plan.group!r}")
    return (
        f"there are more than {MOST_CELLS:,} kinds of rows to count; {' or '.join(listed) or 'a column'} has too many "
        "different values: bin them first, or name the facet's values"
    )
