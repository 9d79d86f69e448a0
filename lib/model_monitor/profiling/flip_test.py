"""The flip test, distributed: every row of a sensitive group beside its neighbours in the rest, by scikit-learn's own search.

Two Spark jobs for all groups together: the rest's rows come to the driver and are sent to all executors, then each executor tests
its rows. Above `FlipPlan.rows` rows of a side a sample is looked at, the same one in every run.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from model_monitor.data.engine import is_of_spark
from model_monitor.data.engine.protocol import Partitions
from model_monitor.profiling.flip_partition import (
    FLIP_SCHEMA,
    ROW_SCHEMA,
    FlipGroup,
    FlipRows,
    RowsOfKeys,
    count_flips,
    pack_rows,
)
from model_monitor.statistics.states.contingency import ContingencyPlan

log = logging.getLogger(__name__)

NOT_NUMERIC = "FlipTest does not support non-numeric columns"
MISSING_VALUES = "FlipTest does not support missing values"
NO_LIBRARY = "FlipTest needs scikit-learn; install spark-model-monitor[bias]"

SUMMED = ("to_negative", "to_positive", "tested")
"""Columns of `FLIP_SCHEMA` that add over the partitions."""


@dataclass(frozen=True)
class SensitiveGroup:
    """A group to test. sensitive: the rows in it. features: the columns that neighbours are told by.

    size, rest: rows of the group and of the others.
    """

    sensitive: RowsOfKeys
    features: tuple[str, ...]
    size: int
    rest: int


@dataclass(frozen=True)
class FlipCounts:
    """Outcome for one group: rows that their neighbours decide otherwise, rows tested, and rows looked among."""

    to_negative: int
    to_positive: int
    tested: int
    neighbours: int


def flip_test(
    table: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    positive: RowsOfKeys,
    groups: Sequence[SensitiveGroup],
    *,
    reason: str | None = None,
) -> Sequence[FlipCounts] | str:
    """What becomes of each group when its neighbours decide, or why it can't be told. Two Spark jobs.

    names: of the first columns of the table. positive: the rows that are predicted positive.
    """
    if importlib.util.find_spec("sklearn") is None:
        log.warning("the flip test is left out: scikit-learn is not installed (pip install spark-model-monitor[bias])")
        return NO_LIBRARY
    features = tuple(dict.fromkeys(name for group in groups for name in group.features))
    if is_of_spark(table):
        from model_monitor.profiling.flip_frames import prepared_by_spark as prepared_rows
    else:
        from model_monitor.profiling.flip_rows import prepared_by_arrow as prepared_rows
    prepared = prepared_rows(table, names, plan, features, positive, [group.sensitive for group in groups], reason)
    if prepared is None:
        return NOT_NUMERIC
    started = time.monotonic()
    rows = plan.flip_rows
    tested = tuple(
        FlipGroup(
            tuple(features.index(name) for name in group.features),
            min(1.0, rows / max(group.rest, 1)),
            min(1.0, rows / max(group.size, 1)),
        )
        for group in groups
    )
    neighbours = _collected(prepared, tested, len(features))
    if isinstance(neighbours, str):
        return neighbours
    found = _tested(prepared, tested, neighbours)
    log.info(
        "tested %s rows for flips, %.1f s", f"{sum(counts.tested for counts in found):,}", time.monotonic() - started
    )
    return found


def _collected(prepared: Partitions, plan: tuple[FlipGroup, ...], features: int) -> FlipRows | str:
    """The rows that neighbours are looked for among: at most `rows` for each group, in the order of partitions."""
    packed = _rows(prepared.mapped(partial(pack_rows, plan), ROW_SCHEMA))
    if any(part["texts"] for part in packed):
        return NOT_NUMERIC
    if any(part["missing"] for part in packed):
        return MISSING_VALUES
    in_order = b"".join(part["packed"] for part in sorted(packed, key=itemgetter("partition")))
    return FlipRows.unpacked(in_order, features, len(plan))


def _tested(prepared: Partitions, plan: tuple[FlipGroup, ...], neighbours: FlipRows) -> list[FlipCounts]:
    with prepared.sent(neighbours) as sent:
        counted = _rows(prepared.mapped(partial(count_flips, plan, sent), FLIP_SCHEMA))
    sums = Counter[tuple[int, str]]()
    for row in counted:
        sums.update({(row["group"], name): row[name] for name in SUMMED})
    found = []
    for place, group in enumerate(plan):
        looked_among = int(np.count_nonzero(~neighbours.sensitive[:, place] & (neighbours.draw < group.neighbours)))
        to_negative, to_positive, tested = (sums[place, name] for name in SUMMED)
        found.append(FlipCounts(to_negative, to_positive, tested, looked_among))
    return found


def _rows(partitions: Partitions) -> list[dict[str, Any]]:
    """What a task made of the partitions, one row or a few for each of them."""
    return [row for batch in partitions.batches() for row in batch.to_pylist()]
