"""The rows of a flip test, prepared in Spark's SQL. Driver only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyspark.sql.functions as F
from pyspark.sql import Column

from model_monitor.data.engine import partitions_of
from model_monitor.data.engine.protocol import Partitions
from model_monitor.monitors.bias.flip_test import DRAW, DRAWS, FEATURES, NUMERIC, POSITIVE, SENSITIVE, TEXTS, RowsOfKeys
from model_monitor.profiling.contingency_columns import typed_column
from model_monitor.profiling.contingency_frames import ContingencyColumns
from model_monitor.statistics.states.contingency import CellKind, ContingencyPlan


def prepared_by_spark(
    table: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    features: Sequence[str],
    positive: RowsOfKeys,
    sensitive: Sequence[RowsOfKeys],
    reason: str | None,
) -> Partitions | None:
    """The kept rows as `flip_partition` wants them; None if a feature can't be a number, as far as types tell."""
    frame, untyped_texts = table.frame, plan.untyped_texts
    places = {name: place for place, name in enumerate(names)}
    fields = frame.schema.fields
    cells = [
        typed_column(F.col(f"c{places[name]}"), fields[places[name]].dataType, untyped_texts=untyped_texts)
        for name in features
    ]
    untyped = [cell.declared is None and untyped_texts for cell in cells]
    if not cells or not all(loose or cell.declared in NUMERIC for cell, loose in zip(cells, untyped, strict=True)):
        return None
    values = [F.lit(None).cast("double") if cell.number is None else cell.number.cast("double") for cell in cells]
    texts = [(cell.kind == CellKind.TEXT).cast("int") for cell, loose in zip(cells, untyped, strict=True) if loose]
    columns = ContingencyColumns(frame, names, plan)
    draw = F.pmod(F.xxhash64(*values), F.lit(DRAWS)) / F.lit(float(DRAWS))
    rows = (frame.where(F.col(reason) == 0) if reason else frame).select(
        F.array(*values).alias(FEATURES),
        _is_among(columns, positive).alias(POSITIVE),
        F.array(*[_is_among(columns, group) for group in sensitive]).alias(SENSITIVE),
        draw.alias(DRAW),
        reduce(lambda total, text: total + text, texts, F.lit(0)).cast("long").alias(TEXTS),
    )
    return partitions_of(rows).numbered()


def _is_among(columns: ContingencyColumns, rows: RowsOfKeys) -> Column:
    wanted = columns.key(rows.column).isin(list(rows.keys)) if rows.keys else F.lit(False)
    return F.coalesce(wanted, F.lit(False))
