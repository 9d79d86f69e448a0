"""The plan of a scan: which columns there are and what is gathered of each. Pickled to the executors."""

from __future__ import annotations

from dataclasses import dataclass

from model_monitor.states import ColumnType

PARTITION = "partition"
REASON = "reason"
CELLS = "cells"
VALUE = "v"
HASH = "h"
TEXTS = "texts"
HASHES = "hashes"
NULL_ELEMENTS = "n"
NAN_ELEMENTS = "a"
PREDICATE = "p"
"""Names of the scanned frame's columns; those of a feature are followed by its position (`v0`, `h0`), and the cells and
hashes of text columns stand in two lists (block.py)."""

FEATURE_OF_ROWS = -1
"""In a row of states: not of a feature, but of the rows themselves."""

TEXT_TYPES = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP})
"""Columns whose cells reach the executors' Python as texts."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One feature column. hashed_by_spark: its hashes come along. counted: keep its counts by value.

    slot: its place in the lists of texts and hashes, None if it is a column of its own.
    """

    position: int
    column_type: ColumnType
    hashed_by_spark: bool
    counted: bool = False
    slot: int | None = None

    @property
    def is_text(self) -> bool:
        return self.column_type in TEXT_TYPES


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What one scan gathers.

    text_columns: columns whose cells come in lists. frequency_limit: most values that are counted apart in one column.
    accept_exponents: whether `1e-5` is a number. reasons: how many reasons there are for refusing a row. predicates: how
    many boolean columns are counted. counts_cells: whether a column says how many cells a record has, to be counted by
    number.
    """

    columns: tuple[ColumnPlan, ...]
    text_columns: int
    frequency_limit: int
    accept_exponents: bool = True
    reasons: int = 0
    predicates: int = 0
    counts_cells: bool = False
