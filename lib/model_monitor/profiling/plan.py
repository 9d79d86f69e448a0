"""The plan of a scan: which columns there are and what is gathered of each. Pickled to the executors."""

from __future__ import annotations

from dataclasses import dataclass

from model_monitor.states import ColumnType

PARTITION = "partition"
REASON = "reason"
VALUE = "v"
HASH = "h"
NULL_ELEMENTS = "n"
NAN_ELEMENTS = "a"
PREDICATE = "p"
"""Names of the scanned frame's columns; those of a feature are followed by its position (`v0`, `h0`)."""

FEATURE_OF_ROWS = -1
"""In a row of states: not of a feature, but of the rows themselves."""

TEXT_TYPES = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP})
"""Columns whose cells reach the executors' Python as texts."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One feature column. hashed_by_spark: its hashes come as a column of their own. counted: keep its counts by value."""

    position: int
    column_type: ColumnType
    hashed_by_spark: bool
    counted: bool = False

    @property
    def is_text(self) -> bool:
        return self.column_type in TEXT_TYPES


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What one scan gathers.

    frequency_limit: most values that are counted apart in one column. accept_exponents: whether `1e-5` is a number.
    reasons: how many reasons there are for refusing a row. predicates: how many boolean columns are counted.
    """

    columns: tuple[ColumnPlan, ...]
    frequency_limit: int
    accept_exponents: bool = True
    reasons: int = 0
    predicates: int = 0
