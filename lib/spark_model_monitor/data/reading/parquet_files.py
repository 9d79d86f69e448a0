"""Parquet files for in-memory rows that may be too many for one partition, and estimates of the files' sizes.

Imported only for larger tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.partitions import MIN_FILE_BYTES_PER_GROUP, group_by_size
from spark_model_monitor.data.profiling.partition import choose_block_rows, plan_typed_columns
from spark_model_monitor.data.profiling.scan import split_columns
from spark_model_monitor.data.profiling.scan_plan import ColumnPlan
from spark_model_monitor.errors import OutputFailed

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.frames import Rows

ROW_GROUP_BYTES = 8 * 2**20
"""In-memory bytes of a row group. Files are cut into partitions at row groups; a partition has 16 MiB or more."""

MAX_FILE_BYTES = 256 * 2**20
"""The maximum size of a table that is scanned without a file, by one process, in groups of neighbouring columns."""

MAX_DICTIONARY_RATIO = 1.6
"""The bytes of a value and its index of up to 18 bits in a dictionary of 1 MB, relative to the value's 32 bits."""

COLUMN_BYTES_MARGIN = 1.1  # ratio of the bytes of columns in memory to the bytes of their file
SAMPLED_VALUES = 256  # number of first values, which usually show whether all values differ

# Bytes of a column's statistics in a row group: its extremes, each written twice
STATISTICS_BYTES = 1024
TEXT_STATISTICS_BYTES = 1024 + 4 * 4096


def choose_column_groups(table: pa.Table) -> int | None:
    """The number of column groups in which a Parquet file of these rows would be read, so that states don't depend on
    whether there is a file. If several numbers give the same states, the result is one of them.

    None if the file may have several partitions, or if its size has to be known exactly.
    """
    max_bytes = estimate_max_file_bytes(table)
    columns = table.num_columns
    if max_bytes > MAX_FILE_BYTES:
        return None
    # The number of groups for each size that the file may have
    step = MIN_FILE_BYTES_PER_GROUP
    possible_groups = set[int]()
    for size in range(0, int(max_bytes), step):
        possible_groups.add(groups := partitions.column_groups(columns, [size]))
        largest = min(int(max_bytes), size + step - 1)
        if partitions.partition_bytes(largest, groups) < largest:
            return None
    if len(possible_groups) == 1:
        return 1
    # The number of groups affects states only if the rows don't fit into one block
    types = pa.schema([(f"c{position}", data_type) for position, data_type in enumerate(table.schema.types)])
    plans = plan_typed_columns(types, table.column_names, frozenset(), range(columns))
    affected_groups = [groups for groups in possible_groups if not _is_one_block(plans, groups, table.num_rows)]
    if not affected_groups:
        return 1
    # A file that may be large enough for more groups has to be written to know its size
    enough_groups = max(affected_groups) + 1
    if enough_groups > max(possible_groups):
        return None
    return partitions.column_groups(columns, [_estimate_min_file_bytes(table, enough_groups * step)])


def _is_one_block(columns: Sequence[ColumnPlan], groups: int, rows: int) -> bool:
    """Whether all rows fit into one block in each column group, so that states don't depend on the groups."""
    cuts = split_columns(len(columns), groups)
    return all(rows <= choose_block_rows(columns[cut.start : cut.stop]) for cut in cuts)


def _estimate_min_file_bytes(table: pa.Table, enough_bytes: int) -> int:
    """A lower bound on the bytes of a Parquet file with these rows; the estimate stops at `enough_bytes`.

    The first try writes a smaller file in a third of the time: some columns of numbers that all differ, without statistics
    and without dictionaries, which would store each number and its index.
    """
    distinct_columns = list[str]()
    missing_bytes = COLUMN_BYTES_MARGIN * enough_bytes
    for name, column in zip(table.column_names, table.columns, strict=True):
        if missing_bytes > 0 and _has_distinct_values(column):
            distinct_columns.append(name)
            missing_bytes -= column.nbytes
    if missing_bytes <= 0:
        differing_columns = table.select(distinct_columns)
        rows = _choose_group_rows(table)
        written_bytes = _measure_written_bytes(
            differing_columns, enough_bytes, rows, use_dictionary=False, write_statistics=False
        )
        if written_bytes >= enough_bytes:
            return written_bytes
    return _measure_written_bytes(table, enough_bytes, _choose_group_rows(table))


def _has_distinct_values(column: pa.ChunkedArray) -> bool:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return False
    if len(column) > SAMPLED_VALUES and not _has_distinct_values(column.slice(0, SAMPLED_VALUES)):
        return False
    # In sorted order, equal numbers are neighbours
    sorted_values = np.sort(column.drop_null().to_numpy())
    return bool((sorted_values[1:] > sorted_values[:-1]).all())


def _measure_written_bytes(table: pa.Table, enough_bytes: int, group: int, **options: Any) -> int:
    with pa.BufferOutputStream() as sink:
        with pq.ParquetWriter(sink, table.schema, store_schema=False, **options) as file:
            for start in range(0, table.num_rows, group):
                if sink.tell() >= enough_bytes:
                    return enough_bytes
                file.write_table(table.slice(start, group), group)
        return int(sink.tell())


def estimate_max_file_bytes(table: pa.Table) -> float:
    """An upper bound on the bytes of a Parquet file with these rows; infinite for columns with lists or other nested types."""
    groups = table.nbytes // ROW_GROUP_BYTES + 2
    total_bytes = 0.0
    for column in table.columns:
        kind = column.type
        if pa.types.is_nested(kind):
            return math.inf
        # Parquet stores small integers in 32 bits, and the extremes of texts in the statistics
        is_text = pa.types.is_string(kind) or pa.types.is_binary(kind)
        size = column.nbytes
        if pa.types.is_integer(kind) and kind.bit_width < 32:
            size = 4 * table.num_rows
        total_bytes += MAX_DICTIONARY_RATIO * size + groups * (TEXT_STATISTICS_BYTES if is_text else STATISTICS_BYTES)
    return total_bytes


def _choose_group_rows(table: pa.Table) -> int:
    return int(max(1, table.num_rows * ROW_GROUP_BYTES // max(1, table.nbytes)))


def write(rows: Rows, path: Path) -> None:
    """Write the rows to a file. Raises OutputFailed if there is no room."""
    is_table = isinstance(rows, pa.Table)
    group = _choose_group_rows(rows) if is_table else None
    groups = group_by_size(rows, ROW_GROUP_BYTES, attrgetter("nbytes"))
    tables = [rows] if is_table else map(pa.Table.from_batches, groups)
    try:
        with pq.ParquetWriter(path, rows.schema, store_schema=False) as file:
            for table in tables:
                file.write_table(table, group)
    except OSError as fault:
        raise OutputFailed(
            f"{path.parent}: the table can't be kept there while it is read ({fault.strerror or 'no room'}); "
            "set TMPDIR to a folder with room"
        ) from fault
