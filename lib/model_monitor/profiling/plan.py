"""The plan of a scan: which columns there are and what is gathered of each. Pickled to the executors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.statistics.states import ColumnType

REASON = "reason"
CELLS = "cells"
VALUE = "v"
HASH = "h"
LIST = "list_of_{}"
NULL_ELEMENTS = "n"
NAN_ELEMENTS = "a"
NORM = "s"
PREDICATE = "p"
"""Names of the scanned frame's columns; those of a feature are followed by its position (`v0`, `h0`), and the cells of a wide
table's columns of one type stand in a list (block.py)."""

FEATURE_OF_ROWS = -1
"""In a row of states: not of a feature, but of the rows themselves."""

TEXT_TYPES = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP})
"""Columns whose cells reach the executors' Python as texts."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One feature column. hashed_by_spark: its hashes come along. counted: keep its counts by value.

    listed: the list in which its cells come, None if they are a column of their own; slot: its place in the list.
    """

    position: int
    column_type: ColumnType
    hashed_by_spark: bool
    counted: bool = False
    listed: str | None = None
    slot: int = 0

    @property
    def is_text(self) -> bool:
        return self.column_type in TEXT_TYPES


@dataclass(frozen=True, slots=True)
class LineMetadata:
    """What tells the requests behind captured lines.

    line: the column with the lines. read: from lines, and the reasons for refusing their records, to statuses, latencies and
    percentages as `RequestsBuilder.update` takes them; shipped by name. None if the lines are wanted for their times alone.
    """

    line: str
    read: Callable[[pa.Array, NDArray[np.int32]], tuple[pa.Array, pa.Array, pa.Array]] | None


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What one scan gathers.

    frequency_limit: most values that are counted apart in one column.
    accept_exponents: whether `1e-5` is a number. reasons: how many reasons there are for refusing a row. predicates: how
    many boolean columns are counted. counts_cells: whether a column says how many cells a record has, to be counted by
    number. metadata: how to tell the requests behind the lines; None if nobody asks for them. counts_rows: whether the rows
    themselves are counted; another plan for the same rows does so else. column_metrics: names of those that are asked for.
    keeps_runs: whether runs of rows are kept. time_position: of the column that orders the rows of a block for them, None for the
    order as it is. all_columns: how many columns all plans for the rows have. newest: the latest time, in microseconds
    since 1970, of the lines of kept records, or of texts of the time column; None if nobody asks.
    """

    columns: tuple[ColumnPlan, ...]
    frequency_limit: int
    accept_exponents: bool = True
    reasons: int = 0
    predicates: int = 0
    counts_cells: bool = False
    metadata: LineMetadata | None = None
    counts_rows: bool = True
    column_metrics: tuple[str, ...] = ()
    keeps_runs: bool = False
    time_position: int | None = None
    all_columns: int = 1
    newest: Callable[[pa.Array], int] | None = None

    @property
    def run_columns(self) -> tuple[ColumnPlan, ...]:
        """Those of whose rows runs are kept."""
        of_values = TEXT_TYPES | {ColumnType.INTEGRAL, ColumnType.FRACTIONAL}
        return tuple(column for column in self.columns if self.keeps_runs and column.column_type in of_values)

    @property
    def time_column(self) -> ColumnPlan | None:
        """The column that orders the rows for their runs."""
        return next((column for column in self.columns if column.position == self.time_position), None)

    def without_rows(self) -> ScanPlan:
        """The same plan where another one counts what is to be counted of the rows."""
        return replace(self, predicates=0, counts_cells=False, metadata=None, counts_rows=False)
