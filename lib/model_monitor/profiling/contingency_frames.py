"""Rows of a frame of Spark by kind: one aggregation for all facets, labels, predictions, groups and segments together.

Every column that has configured values becomes a number of a few bits, so the rows are grouped by one packed number, the
subgroup, and the texts of facets without values. Driver only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.data.profiling.contingency_cells import (
    CODE,
    COLUMN_BITS,
    COLUMNS_PER_NUMBER,
    GROUP,
    MAXIMUM,
    MINIMUM,
    REFUSED,
    ROWS,
    SEGMENT,
    STANDING_BITS,
    TEXT,
    WIDTH,
)
from model_monitor.profiling.contingency_columns import TypedColumn, key_of, segment_of, typed_column
from model_monitor.statistics.states.contingency import CellKind, ContingencyPlan, ValuedColumn


class ContingencyColumns:
    """The columns of a plan as expressions over a frame whose columns are c0, c1, …, called `names` on the driver."""

    def __init__(self, frame: DataFrame, names: Sequence[str], plan: ContingencyPlan) -> None:
        self.plan = plan
        self._frame = frame
        self._places = {name: place for place, name in enumerate(names)}
        self.cells = {name: self._typed(name) for name in plan.columns}

    def key(self, column: ValuedColumn) -> Column:
        """What a row is counted by in a facet, label or prediction."""
        return key_of(self.cells[column.name], column)

    def packed(self) -> list[Column]:
        """Kinds and standings of the facets, label and prediction, some to a number."""
        codes = [self._code(column) for column in self.plan.valued]
        parts = [codes[start : start + COLUMNS_PER_NUMBER] for start in range(0, len(codes), COLUMNS_PER_NUMBER)]
        return [
            reduce(
                lambda low, high: low + high,
                (F.shiftleft(code, COLUMN_BITS * place) for place, code in enumerate(part)),
            )
            for part in parts
        ]

    def value(self, name: str) -> Column:
        return F.col(f"c{self._places[name]}")

    def _typed(self, name: str) -> TypedColumn:
        field = self._frame.schema.fields[self._places[name]]
        # one text that is no number is a category, whatever the column holds
        asked = [column for column in self.plan.valued if column.name == name]
        may_be_integers = any(not column.values or column.threshold is not None for column in asked)
        return typed_column(
            self.value(name),
            field.dataType,
            untyped_texts=self.plan.untyped_texts,
            may_be_integers=may_be_integers,
        )

    def _code(self, column: ValuedColumn) -> Column:
        kind = F.shiftleft(self.cells[column.name].kind, STANDING_BITS)
        code = kind + self.key(column) if column.values else kind
        return code.cast("long")


def counted_by_spark(
    frame: DataFrame, names: Sequence[str], plan: ContingencyPlan, reason: str | None, cells: str | None, most: int
) -> list[dict[str, Any]]:
    """At most so many kinds of rows. One Spark job."""
    columns = ContingencyColumns(frame, names, plan)
    # behind a filter the limit is one job; at the end of a plan Spark tries partition after partition
    found = _grouped(frame, columns, reason, cells).limit(most).where(F.col(ROWS) > 0).collect()
    return [row.asDict() for row in found]  # a Row looks for each name among all of its names


def distinct_by_spark(
    frame: DataFrame, names: Sequence[str], plan: ContingencyPlan, wanted: Sequence[int], reason: str | None
) -> Mapping[int, int]:
    """The distinct values of some of `plan.valued`, by their places. One Spark job."""
    columns = ContingencyColumns(frame, names, plan)
    kept = F.col(reason) == 0 if reason else F.lit(True)
    counts = [
        F.count_distinct(F.when(kept, _identity(columns.cells[plan.valued[place].name]))).alias(str(place))
        for place in wanted
    ]
    found = frame.agg(*counts).collect()[0]
    return {place: found[str(place)] for place in wanted}


def _identity(cell: TypedColumn) -> Column:
    """What tells values apart: the number of an integer, however it is written, and the text of a text."""
    return F.when(
        cell.kind == CellKind.INTEGRAL, cell.number.cast("string") if cell.number is not None else cell.text
    ).otherwise(cell.text)


def _grouped(frame: DataFrame, columns: ContingencyColumns, reason: str | None, cells: str | None) -> DataFrame:
    plan = columns.plan
    refused = F.col(reason) if reason else F.lit(0)

    def kept(value: Column) -> Column:
        return F.when(refused == 0, value) if reason else value

    keys = [kept(code).alias(CODE.format(place)) for place, code in enumerate(columns.packed())]
    keys += [
        kept(columns.key(column)).alias(TEXT.format(place))
        for place, column in enumerate(plan.valued)
        if not column.values
    ]
    keys += [
        kept(segment_of(columns.cells[part.column], part)).alias(SEGMENT.format(place))
        for place, part in enumerate(plan.segmentations)
    ]
    if plan.group is not None:
        keys.append(kept(columns.cells[plan.group].text).alias(GROUP))
    keys += [refused.alias(REFUSED), (F.col(cells) if cells else F.lit(0)).alias(WIDTH)]
    numbers = [
        (place, kept(number))
        for place, column in enumerate(plan.valued)
        if (number := columns.cells[column.name].number) is not None
    ]
    extremes = [
        extreme(number).alias(name.format(place))
        for place, number in numbers
        for extreme, name in ((F.min, MINIMUM), (F.max, MAXIMUM))
    ]
    return frame.groupBy(*keys).agg(F.count(F.lit(1)).alias(ROWS), *extremes)
