"""Contingency: counts of each kind of row by a `ContingencyPlan`, from which all bias metrics but one are computed."""

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
"""The keys of one kind of row: facet, label, prediction, group, then its position in each of the segmentations, or its text
in those by value; last, where a column names groups of rows, the block of its group, None without a name."""

FACET, LABEL, PREDICTION, GROUP, SEGMENTS = range(5)  # positions in a `Cell`; segmentations begin at the last


def number_keys(cells: Iterable[Cell], column: int) -> dict[Key, int]:
    """The index of each key of a column, in the order of their texts."""
    return {key: index for index, key in enumerate(sorted({cell[column] for cell in cells}, key=str))}


class CellKind(IntEnum):
    """What a cell is or, where texts stand for whatever they look like, looks like."""

    MISSING = 0
    INTEGRAL = 1
    FRACTIONAL = 2
    BOOLEAN = 3
    TEXT = 4
    INTEGER_TEXT = 5  # a text by its type that reads as an integer
    OTHER = 6


class CellMatch(IntFlag):
    """How a cell stands to the configured values: whether it is one of them, as a text or as a number, and whether it is a
    number above the only one."""

    SAME_TEXT = 1
    SAME_NUMBER = 2
    ABOVE = 4


@value_class
class ColumnMetadata:
    """Facts about one column besides its keys.

    kinds: how many cells there are of each kind.
    minimum, maximum: of its numbers, None if there are none.
    at_least, at_most: bounds of the number of distinct present values, equal where they were counted; at_most is None
        if there is none.
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
        # Without an upper bound on either side the sum has none
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

    tables: one for each facet, each counting every row once.
    metadata: of the facets' columns, the label's and the prediction's.
    plan: what was counted, as a text (`ContingencyPlan.text`); only counts of one plan add up.
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
        """Its tables and metadata as JSON, cells in the order of their texts."""
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
        counted = [count for table in self.tables for count in table.values()]
        for metadata in self.metadata:
            counted += [*metadata.kinds.values(), metadata.at_least, metadata.at_most or 0]
            numbers = [number for number in (metadata.minimum, metadata.maximum) if number is not None]
            if not all(type(number) in (int, float) and abs(number) <= sys.float_info.max for number in numbers):
                return False
        return all(map(is_count, counted))

    def require_plan(self, plan: ContingencyPlan) -> None:
        """Raise BadState if the counts were made with a different plan."""
        sizes = (len(plan.facets), len(plan.valued))
        in_blocks = plan.group_column is not None
        cell_sizes = {len(cell) for table in self.tables for cell in table}
        planned_sizes = {SEGMENTS + len(plan.segmentations) + in_blocks}
        # Tables, metadata and keys as many as the plan has; the last key of a row is its block
        fits = (len(self.tables), len(self.metadata)) == sizes and cell_sizes <= planned_sizes
        if fits and in_blocks:
            blocks = {cell[-1] for table in self.tables for cell in table}
        else:
            blocks = set()
        if not fits or not blocks <= {None, *range(BLOCKS)}:
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
    except ValueError:  # texts that are no plans have nothing in common
        require_equal(Contingency.KIND, "the plan", text, other_text)
        raise
    # A kind that one plan leaves open is the other's
    columns = [*members["facets"], members["label"], members["prediction"]]
    other_columns = [*other_members["facets"], other_members["label"], other_members["prediction"]]
    for column, other_column in zip(columns, other_columns, strict=False):
        if column is not None and other_column is not None:
            column["taken_as"] = column["taken_as"] or other_column["taken_as"]
            other_column["taken_as"] = other_column["taken_as"] or column["taken_as"]
    common = json.dumps(members, ensure_ascii=False, sort_keys=True)
    require_equal(Contingency.KIND, "the plan", common, json.dumps(other_members, ensure_ascii=False, sort_keys=True))
    return common
