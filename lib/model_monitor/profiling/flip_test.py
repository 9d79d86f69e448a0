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
from functools import partial, reduce
from operator import itemgetter
from typing import Any

import numpy as np
import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.engine import partitions_of
from model_monitor.engine.protocol import Partitions
from model_monitor.profiling.contingency_columns import typed_column
from model_monitor.profiling.flip_partition import (
    DRAW,
    FEATURES,
    FLIP_SCHEMA,
    POSITIVE,
    ROW_SCHEMA,
    SENSITIVE,
    TEXTS,
    FlipGroup,
    FlipRows,
    count_flips,
    pack_rows,
)
from model_monitor.states.contingency import CellKind

log = logging.getLogger(__name__)

NOT_NUMERIC = "FlipTest does not support non-numeric columns"
MISSING_VALUES = "FlipTest does not support missing values"
NO_LIBRARY = "FlipTest needs scikit-learn; install spark-model-monitor[bias]"

SUMMED = ("to_negative", "to_positive", "tested")
"""Columns of `FLIP_SCHEMA` that add over the partitions."""

NUMERIC = (CellKind.INTEGRAL, CellKind.FRACTIONAL, CellKind.BOOLEAN)

DRAWS = 2**31
"""Resolution of the numbers that rows are sampled by."""


@dataclass(frozen=True)
class SensitiveGroup:
    """A group to test. sensitive: whether a row is in it. features: the columns that neighbours are told by.

    size, rest: rows of the group and of the others.
    """

    sensitive: Column
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
    frame: DataFrame,
    names: Sequence[str],
    positive: Column,
    groups: Sequence[SensitiveGroup],
    *,
    untyped_texts: bool,
    rows: int,
    reason: str | None = None,
) -> Sequence[FlipCounts] | str:
    """What becomes of each group when its neighbours decide, or why it can't be told. Two Spark jobs.

    names: of the first columns of `frame`. positive: whether a row is predicted positive. rows: most rows of a side that are
    looked at.
    """
    if importlib.util.find_spec("sklearn") is None:
        log.warning("the flip test is left out: scikit-learn is not installed (pip install spark-model-monitor[bias])")
        return NO_LIBRARY
    features = tuple(dict.fromkeys(name for group in groups for name in group.features))
    numbers = _Numbers(frame, names, features, untyped_texts=untyped_texts)
    if numbers.fault:
        return numbers.fault
    started = time.monotonic()
    kept = frame.where(F.col(reason) == 0) if reason else frame
    prepared = _prepared(kept, numbers, positive, groups)
    plan = tuple(
        FlipGroup(
            tuple(features.index(name) for name in group.features),
            min(1.0, rows / max(group.rest, 1)),
            min(1.0, rows / max(group.size, 1)),
        )
        for group in groups
    )
    neighbours = _collected(prepared, plan, len(features))
    if isinstance(neighbours, str):
        return neighbours
    found = _tested(prepared, plan, neighbours)
    log.info(
        "tested %s rows for flips, %.1f s", f"{sum(counts.tested for counts in found):,}", time.monotonic() - started
    )
    return found


class _Numbers:
    """The features as numbers; fault says why one can't be, as far as the types tell."""

    def __init__(self, frame: DataFrame, names: Sequence[str], features: Sequence[str], *, untyped_texts: bool) -> None:
        places = {name: place for place, name in enumerate(names)}
        fields = frame.schema.fields
        cells = [
            typed_column(F.col(f"c{places[name]}"), fields[places[name]].dataType, untyped_texts=untyped_texts)
            for name in features
        ]
        untyped = [cell.declared is None and untyped_texts for cell in cells]
        numeric = all(loose or cell.declared in NUMERIC for cell, loose in zip(cells, untyped, strict=True))
        self.fault = None if numeric and features else NOT_NUMERIC
        self.values = [
            F.lit(None).cast("double") if cell.number is None else cell.number.cast("double") for cell in cells
        ]
        self.texts = [
            (cell.kind == CellKind.TEXT).cast("int") for cell, loose in zip(cells, untyped, strict=True) if loose
        ]


def _prepared(frame: DataFrame, numbers: _Numbers, positive: Column, groups: Sequence[SensitiveGroup]) -> Partitions:
    draw = F.pmod(F.xxhash64(*numbers.values), F.lit(DRAWS)) / F.lit(float(DRAWS))
    rows = frame.select(
        F.array(*numbers.values).alias(FEATURES),
        F.coalesce(positive, F.lit(False)).alias(POSITIVE),
        F.array(*[F.coalesce(group.sensitive, F.lit(False)) for group in groups]).alias(SENSITIVE),
        draw.alias(DRAW),
        reduce(lambda total, text: total + text, numbers.texts, F.lit(0)).cast("long").alias(TEXTS),
    )
    return partitions_of(rows).numbered()


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
