"""How a column is taken: as categories or as a continuous number, told from its values as Clarify tells it. Pure.

The rule and its traps are Clarify's (docs/bias.md says them for users): an integer column of 0 and 1 is continuous up to 40
rows. `--column-types` says otherwise for a column.
Source: B2.1.
"""

from __future__ import annotations

from collections.abc import Set
from enum import Enum

from model_monitor.errors import BadInput
from model_monitor.statistics.states.contingency import CellKind, ColumnFacts, ValuedColumn, ValueKind

CONTINUOUS_FROM = 0.05
"""Share of distinct values among those present from which a column of integers is continuous."""


class ValueType(Enum):
    """What pandas would make of a column."""

    INTEGER = "integer"
    FLOATING = "floating"
    BOOLEAN = "boolean"
    TEXT = "text"
    OTHER = "other"


def value_type(facts: ColumnFacts) -> ValueType:
    """The type of a column's values; integers with a missing one are floating, as is a column without any value."""
    found = {kind for kind, count in facts.kinds.items() if count} - {CellKind.MISSING}
    if found == {CellKind.INTEGRAL} and not facts.missing:
        return ValueType.INTEGER
    if found <= {CellKind.INTEGRAL, CellKind.FRACTIONAL}:
        return ValueType.FLOATING
    if found == {CellKind.BOOLEAN}:
        return ValueType.BOOLEAN
    return ValueType.OTHER if found == {CellKind.OTHER} else ValueType.TEXT


def taken_as(column: ValuedColumn, facts: ColumnFacts) -> ValueKind:
    """Whether the column's values are categories or continuous numbers.

    Raises BadInput if that hangs on how many distinct values there are and only bounds of it are known, which happens in
    merged runs.
    """
    if column.taken_as is not None:
        return column.taken_as
    continuous = _is_continuous_by_type(column, facts)
    if continuous is None:
        continuous = _has_many_values(column, facts)
    return ValueKind.CONTINUOUS if continuous else ValueKind.CATEGORICAL


def hangs_on_distinct_values(column: ValuedColumn, facts: ColumnFacts) -> bool:
    """Whether how the column is taken can't be told before its distinct values are counted."""
    if column.taken_as is not None or _is_continuous_by_type(column, facts) is not None:
        return False
    return _share_bounds(facts)[0] < CONTINUOUS_FROM <= _share_bounds(facts)[1]


def _is_continuous_by_type(column: ValuedColumn, facts: ColumnFacts) -> bool | None:
    """None if the number of distinct values decides."""
    if len(column.values) > 1:
        return False
    kind = value_type(facts)
    if kind is ValueType.FLOATING:
        return True
    if kind is ValueType.INTEGER or (kind is ValueType.TEXT and _kinds(facts) == {CellKind.INTEGER_TEXT}):
        return None
    return False


def _kinds(facts: ColumnFacts) -> Set[CellKind]:
    return {kind for kind, count in facts.kinds.items() if count}


def _has_many_values(column: ValuedColumn, facts: ColumnFacts) -> bool:
    low, high = _share_bounds(facts)
    if low < CONTINUOUS_FROM <= high:
        raise BadInput(
            f"column {column.name!r} has between {facts.at_least:,} and {facts.at_most or facts.present:,} distinct values "
            f"in {facts.present:,} rows, so it can't be told whether they are categories; write --column-types "
            f"{column.name}=categorical or {column.name}=continuous"
        )
    return low >= CONTINUOUS_FROM


def _share_bounds(facts: ColumnFacts) -> tuple[float, float]:
    """Bounds of the share of distinct values among those present; 0 without any."""
    present = facts.present
    if not present:
        return 0.0, 0.0
    most = min(present, present if facts.at_most is None else facts.at_most, *_range_of_integers(facts))
    return facts.at_least / present, max(most, facts.at_least) / present


def _range_of_integers(facts: ColumnFacts) -> tuple[int, ...]:
    """So many different integers there are at most between minimum and maximum; texts of integers may be padded."""
    if _kinds(facts) != {CellKind.INTEGRAL} or facts.minimum is None or facts.maximum is None:
        return ()
    return (int(facts.maximum) - int(facts.minimum) + 1,)
