"""Which cells of a column are chosen: the positive labels, the sensitive groups of a facet. Pure.

A `Choice` is made from a column's facts and the keys it was counted by, and is the set of the keys that are chosen.
Source: B2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from model_monitor.bias import messages
from model_monitor.bias.value_types import ValueType, taken_as, value_type
from model_monitor.statistics.states.contingency import (
    ColumnFacts,
    Key,
    Standing,
    ValuedColumn,
    ValueKind,
    number_of,
    texts_of,
)

MISSING_SHOWN = "nan"
"""How the entry of missing values is called among those of a facet without configured values."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a column is chosen.

    shown: as analysis.json has it, `F,X` or `(40, 75]`. configured: the configured values, which later runs are matched by;
    their interval may end elsewhere. kind: how the column is taken. fault: why nothing can be chosen, None if it can.
    """

    shown: str
    configured: str
    keys: frozenset[Key]
    kind: ValueKind
    fault: str | None = None


def positives_of(column: ValuedColumn, facts: ColumnFacts, keys: Collection[Key]) -> Choice:
    """The positive cells of a label or prediction. keys: those that the column was counted by."""
    kind = taken_as(column, facts)
    if kind is ValueKind.CATEGORICAL:
        return _of_values(column, facts, keys)
    return _of_threshold(column, facts, keys)


def groups_of(column: ValuedColumn, facts: ColumnFacts, keys: Collection[Key]) -> tuple[Choice, ...]:
    """The sensitive groups of a facet: one for configured values or a threshold; else every value on its own, by value."""
    kind = taken_as(column, facts)
    if kind is ValueKind.CONTINUOUS:
        return (_of_threshold(column, facts, keys),)
    if column.values:
        return (_of_values(column, facts, keys),)
    return _one_versus_rest(facts, keys)


def _of_values(column: ValuedColumn, facts: ColumnFacts, keys: Collection[Key]) -> Choice:
    as_text = value_type(facts) in (ValueType.TEXT, ValueType.OTHER)
    wanted = Standing.SAME_TEXT if as_text else Standing.SAME_NUMBER
    shown = texts_of(column.values)
    return Choice(shown, shown, _with(wanted, keys), ValueKind.CATEGORICAL)


def _of_threshold(column: ValuedColumn, facts: ColumnFacts, keys: Collection[Key]) -> Choice:
    configured = texts_of(column.values)
    threshold = column.threshold
    if threshold is None:
        fault = messages.NOT_A_THRESHOLD if column.values else messages.NO_THRESHOLD
        return Choice(configured, configured, frozenset(), ValueKind.CONTINUOUS, fault)
    return Choice(_interval(column, facts, threshold), configured, _with(Standing.ABOVE, keys), ValueKind.CONTINUOUS)


def _with(standing: Standing, keys: Collection[Key]) -> frozenset[Key]:
    return frozenset(key for key in keys if isinstance(key, int) and key & standing)


def _interval(column: ValuedColumn, facts: ColumnFacts, threshold: float) -> str:
    """`(40, 80]` from the threshold to the maximum; turned round for a threshold above it, empty for one at it."""
    if facts.maximum is None:
        return f"({column.values[0]}, {MISSING_SHOWN}]"
    if threshold == facts.maximum:
        return ""
    numbers = column.values[0], facts.maximum
    whole = value_type(facts) is not ValueType.FLOATING and all(isinstance(number, int) for number in numbers)
    as_written: Callable[[float], int | float] = int if whole else float
    low, high = sorted((as_written(threshold), as_written(facts.maximum)))
    return f"({low}, {high}]"


def _one_versus_rest(facts: ColumnFacts, keys: Collection[Key]) -> tuple[Choice, ...]:
    """Texts that are one value (`1` and `01` of integers) are one group; the missing ones are no group, and say so."""
    kind = value_type(facts)
    values: dict[str, set[Key]] = {}
    for key in keys:
        if key is not None:
            values.setdefault(_canonical(str(key), kind), set()).add(key)
    choices = [
        Choice(value, value, frozenset(values[value]), ValueKind.CATEGORICAL) for value in sorted(values, key=_by_value)
    ]
    if None in keys:
        choices.append(Choice(MISSING_SHOWN, MISSING_SHOWN, frozenset(), ValueKind.CATEGORICAL))
    return tuple(choices)


def _canonical(text: str, kind: ValueType) -> str:
    if kind is ValueType.INTEGER:
        return str(int(text))
    return str(text.lower() == "true") if kind is ValueType.BOOLEAN else text


def _by_value(text: str) -> tuple[bool, float, str]:
    """Numbers by size, then texts."""
    number = number_of(text)
    return number is None, number or 0.0, text
