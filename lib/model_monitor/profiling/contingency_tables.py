"""Rows that were counted by kind, as the tables and facts of a contingency. Pure.

A kind of rows is a mapping by the names below: packed numbers of kinds and standings, texts, segments, the group, why it was
refused, its width, how many rows it has, and the extremes of its numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from model_monitor.statistics.states import RowCounts
from model_monitor.statistics.states.contingency import (
    Cell,
    CellKind,
    ColumnFacts,
    Contingency,
    ContingencyPlan,
    Key,
    ValuedColumn,
)

COLUMN_BITS = 6
"""Bits of one column in the packed number: three for the kind of its cell, three for how it stands to the values."""
STANDING_BITS = 3
COLUMNS_PER_NUMBER = 10  # in 60 bits

CODE, TEXT, SEGMENT, GROUP, REFUSED, WIDTH, ROWS = "code{}", "text{}", "segment{}", "group", "refused", "width", "rows"
MINIMUM, MAXIMUM = "minimum{}", "maximum{}"

Counted: TypeAlias = Mapping[str, Any]
"""Rows of one kind, by these names."""

KINDS = {int(kind): kind for kind in CellKind}


def row_counts(counted: Sequence[Counted], reasons: int) -> RowCounts:
    """The account of all rows. reasons: how many reasons there are for refusing one."""
    refused: Counter[int] = Counter()
    widths: Counter[int] = Counter()
    for row in counted:
        refused[row[REFUSED]] += row[ROWS]
        if row[WIDTH] > 0:
            widths[row[WIDTH]] += row[ROWS]
    return RowCounts(
        refused[0], tuple(refused[reason] for reason in range(1, reasons + 1)), (), tuple(sorted(widths.items()))
    )


def contingency_of(kept: Sequence[Counted], plan: ContingencyPlan) -> Contingency:
    """The counts as tables of each facet; a column's kind leaves its key and is counted among its facts."""
    facts = [_FactsOfColumn(column, place) for place, column in enumerate(plan.valued)]
    tables: list[Counter[Cell]] = [Counter() for _ in plan.facets]
    segment_names = [SEGMENT.format(part) for part in range(len(plan.segmentations))]
    for row in kept:
        keys = [fact.taken(row) for fact in facts]
        label = keys[len(plan.facets)]
        prediction = keys[len(plan.facets) + 1] if plan.prediction else None
        segments = [row[name] for name in segment_names]
        for table, key in zip(tables, keys, strict=False):
            cell = (key, label, prediction, row.get(GROUP), *segments)
            table[cell] += row[ROWS]
    return Contingency(tuple(map(dict, tables)), tuple(fact.facts() for fact in facts), plan.text)


class _FactsOfColumn:
    """Gathers what is known of one column from the counted rows."""

    def __init__(self, column: ValuedColumn, place: int) -> None:
        self._column = column
        number, bits = divmod(place, COLUMNS_PER_NUMBER)
        self._shift = bits * COLUMN_BITS
        self._code, self._text = CODE.format(number), TEXT.format(place)
        self._minimum, self._maximum = MINIMUM.format(place), MAXIMUM.format(place)
        self._kinds: Counter[CellKind] = Counter()
        self._extremes: list[float] = []
        self._texts: set[str] = set()

    def taken(self, row: Counted) -> Key:
        """The row's key in this column; its facts are kept."""
        code = row[self._code] >> self._shift & ((1 << COLUMN_BITS) - 1)
        kind = KINDS[code >> STANDING_BITS]
        self._kinds[kind] += row[ROWS]
        minimum = row.get(self._minimum)
        if minimum is not None and kind not in (CellKind.BOOLEAN, CellKind.TEXT):
            self._extremes += [minimum, row[self._maximum]]
        if self._column.values:
            return int(code & ((1 << STANDING_BITS) - 1))
        text: str | None = row[self._text]
        if text is not None:
            self._texts.add(text)
        return text

    def facts(self) -> ColumnFacts:
        whole = set(self._kinds) - {CellKind.MISSING} <= {CellKind.INTEGRAL, CellKind.INTEGER_TEXT}
        numbers = [int(number) if whole else float(number) for number in self._extremes]
        present = sum(count for kind, count in self._kinds.items() if kind is not CellKind.MISSING)
        counted = None if self._column.values else len(self._texts)
        return ColumnFacts(
            dict(self._kinds),
            min(numbers, default=None),
            max(numbers, default=None),
            min(present, 1) if counted is None else counted,
            counted,
        )
