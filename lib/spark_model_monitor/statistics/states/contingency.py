"""Contingency: how many rows there are of each kind (`ContingencyPlan`). All bias metrics except the flip test are
computed from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from enum import IntEnum, IntFlag
from typing import TypeAlias

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan
from spark_model_monitor.statistics.states.encoding import Parameters, State, is_count, register_state, require_equal
from spark_model_monitor.value_class import value_class

Key: TypeAlias = int | str | None
"""The key of a row in one column: a `CellMatch`, a text, or None for a missing cell or an absent column."""

Cell: TypeAlias = tuple[Key, ...]
"""The keys of one kind of row: facet, label, prediction, group, then one for each segmentation: the position of the row's
segment, or its text if each value is a segment. If a column names groups of rows, the last key is the block of the row's
group, None for a row without a name."""

# Positions in a `Cell`; the keys of segmentations begin at SEGMENTS
FACET, LABEL, PREDICTION, GROUP, SEGMENTS = range(5)


def number_keys(cells: Iterable[Cell], column: int) -> dict[Key, int]:
    """The index of each key in this position of the cells; keys are sorted by their texts."""
    return {key: index for index, key in enumerate(sorted({cell[column] for cell in cells}, key=str))}


class CellKind(IntEnum):
    """The type of a cell. If texts are untyped (CSV), the type that the text looks like."""

    MISSING = 0
    INTEGRAL = 1
    FRACTIONAL = 2
    BOOLEAN = 3
    TEXT = 4
    INTEGER_TEXT = 5  # a column of text whose cell reads as an integer
    OTHER = 6


class CellMatch(IntFlag):
    """How a cell compares with the configured values: it is one of them, as a text or as a number, or it is a number above
    the only configured value."""

    SAME_TEXT = 1
    SAME_NUMBER = 2
    ABOVE = 4


@value_class
class ColumnMetadata:
    """Facts about one column besides its keys.

    kinds: the number of cells of each kind.
    minimum, maximum: of the column's numbers, None if there are none.
    at_least, at_most: bounds of the number of distinct present values, equal if the values were counted; at_most is None
        if there is no upper bound.
    """

    kinds: Mapping[CellKind, int]
    minimum: int | float | None = None
    maximum: int | float | None = None
    at_least: int = 0
    at_most: int | None = 0

    @property
    def present(self) -> int:
        return sum(count for kind, count in self.kinds.items() if kind is not CellKind.MISSING)

    @property
    def missing(self) -> int:
        return self.kinds.get(CellKind.MISSING, 0)

    def __add__(self, addend: ColumnMetadata) -> ColumnMetadata:
        lows = [metadata.minimum for metadata in (self, addend) if metadata.minimum is not None]
        highs = [metadata.maximum for metadata in (self, addend) if metadata.maximum is not None]
        # If one side has no upper bound, the sum has none
        bounded = self.at_most is not None and addend.at_most is not None
        return ColumnMetadata(
            State.sum_of_counts(self.kinds, addend.kinds),
            min(lows, default=None),
            max(highs, default=None),
            max(self.at_least, addend.at_least),
            (self.at_most or 0) + (addend.at_most or 0) if bounded else None,
        )


@register_state
@value_class
class Contingency(State):
    """The rows of one data set by kind.

    tables: one table for each facet; each counts every row once.
    metadata: of the columns of the facets, the label and the prediction, in this order.
    plan: what was counted, as a text (`ContingencyPlan.text`); only counts with the same plan can be added.
    """

    KIND = "contingency"

    tables: tuple[Mapping[Cell, int], ...] = ()
    metadata: tuple[ColumnMetadata, ...] = ()
    plan: str = ""

    @property
    def rows(self) -> int:
        if self.tables:
            return sum(self.tables[0].values())
        return 0

    def __add__(self, addend: Contingency) -> Contingency:
        """Raises BadState if the plans differ."""
        if not addend.tables:
            return self
        if not self.tables:
            return addend
        plan = _merge_plans(self.plan, addend.plan)
        return Contingency(
            tuple(self.sum_of_counts(first, second) for first, second in zip(self.tables, addend.tables, strict=True)),
            tuple(first + second for first, second in zip(self.metadata, addend.metadata, strict=True)),
            plan,
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """The tables and metadata as JSON; cells are sorted by their texts."""
        tables = [[[*cell, rows] for cell, rows in table.items()] for table in self.tables]
        metadata = [
            [sorted(column.kinds.items()), column.minimum, column.maximum, column.at_least, column.at_most]
            for column in self.metadata
        ]
        content = {"tables": [sorted(table, key=json.dumps) for table in tables], "facts": metadata}
        payload = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return {"plan": self.plan}, payload

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Contingency:
        content = json.loads(payload.decode("utf-8", "surrogatepass"))
        tables = tuple({tuple(cell): rows for *cell, rows in table} for table in content["tables"])
        metadata = tuple(
            ColumnMetadata({CellKind(kind): count for kind, count in kinds}, *numbers)
            for kinds, *numbers in content["facts"]
        )
        return cls(tables, metadata, parameters["plan"])

    def is_consistent(self) -> bool:
        cells = [cell for table in self.tables for cell in table]
        if any(len(cell) < SEGMENTS or not {type(key) for key in cell} <= {int, str, type(None)} for cell in cells):
            return False
        counts = [count for table in self.tables for count in table.values()]
        for metadata in self.metadata:
            counts += [*metadata.kinds.values(), metadata.at_least, metadata.at_most or 0]
            numbers = [number for number in (metadata.minimum, metadata.maximum) if number is not None]
            if not all(type(number) in (int, float) and abs(number) <= sys.float_info.max for number in numbers):
                return False
        return all(map(is_count, counts))

    def require_plan(self, plan: ContingencyPlan) -> None:
        """Raise BadState if the counts were made with a different plan."""
        sizes = (len(plan.facets), len(plan.valued))
        in_blocks = plan.group_column is not None
        cell_sizes = {len(cell) for table in self.tables for cell in table}
        planned_sizes = {SEGMENTS + len(plan.segmentations) + in_blocks}
        # There must be as many tables, metadata and keys as in the plan. The last key of a cell is its block
        has_planned_sizes = (len(self.tables), len(self.metadata)) == sizes and cell_sizes <= planned_sizes
        blocks = set()
        if in_blocks:
            blocks = {cell[-1] for table in self.tables for cell in table}
        if not has_planned_sizes or not blocks <= {None, *range(BLOCKS)}:
            raise BadState(
                f"{self.KIND}: the counts are not those of their plan; restore the file or scan the data again"
            )


def _merge_plans(text: str, other_text: str) -> str:
    """The plan of two counts. A window in which a column has another type than in the baseline keeps the baseline's
    kind of the column, which the plan of other windows leaves open.

    Raises BadState if the plans differ in anything else.
    """
    if text == other_text:
        return text
    try:
        members = json.loads(text)
        other_members = json.loads(other_text)
    except ValueError:  # a text that isn't JSON is no plan
        require_equal(Contingency.KIND, "the plan", text, other_text)
        raise
    # If one plan leaves a column's kind open, the kind of the other plan is taken
    columns = [*members["facets"], members["label"], members["prediction"]]
    other_columns = [*other_members["facets"], other_members["label"], other_members["prediction"]]
    for column, other_column in zip(columns, other_columns, strict=False):
        if column is not None and other_column is not None:
            column["taken_as"] = column["taken_as"] or other_column["taken_as"]
            other_column["taken_as"] = other_column["taken_as"] or column["taken_as"]
    merged_text = json.dumps(members, ensure_ascii=False, sort_keys=True)
    require_equal(
        Contingency.KIND, "the plan", merged_text, json.dumps(other_members, ensure_ascii=False, sort_keys=True)
    )
    return merged_text
