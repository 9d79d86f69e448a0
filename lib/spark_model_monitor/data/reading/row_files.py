"""Parquet files for in-memory rows that may be too many for one partition, and estimates of the files' sizes.

Imported only for larger tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.partitions import FILE_BYTES_OF_A_GROUP, gathered
from spark_model_monitor.data.profiling.partition import columns_of, rows_of_block
from spark_model_monitor.data.profiling.plan import ColumnPlan
from spark_model_monitor.data.profiling.scan import positions_of_groups
from spark_model_monitor.data.reading.frames import Rows
from spark_model_monitor.errors import OutputFailed

ROW_GROUP_BYTES = 8 * 2**20
"""In-memory bytes of a row group: partitions are cut at row groups, and a partition of a file has 16 MiB or more."""

MOST_FILE_BYTES = 256 * 2**20
"""The maximum size of a table that is scanned without a file, by one process, in groups of neighbouring columns."""

MOST_OF_DICTIONARY = 1.6
"""The bytes of a value and its index of up to 18 bits in a dictionary of 1 MB, relative to the value's 32 bits."""

ENOUGH_OF_COLUMNS = 1.1  # bytes of columns relative to those of a file
FIRST = 256  # first values, which usually show whether all differ

# bytes of a column in a row group: two values, twice
STATISTICS_BYTES = 1024
STATISTICS_OF_TEXTS = 1024 + 4 * 4096


def column_groups_of(table: pa.Table) -> int | None:
    """The number of column groups in which a file of these rows would be read, or one with the same states, so states
    don't depend on the file; None if the file may have several partitions.
    """
    most = file_bytes_at_most(table)
    columns = table.num_columns
    if most > MOST_FILE_BYTES:
        return None
    step = FILE_BYTES_OF_A_GROUP
    possible = set[int]()
    for size in range(0, int(most), step):
        possible.add(groups := partitions.column_groups(columns, [size]))
        largest = min(int(most), size + step - 1)
        if partitions.partition_bytes(largest, groups) < largest:
            return None
    if len(possible) == 1:
        return 1
    types = pa.schema([(f"c{place}", each) for place, each in enumerate(table.schema.types)])
    plans = columns_of(types, table.column_names, frozenset(), range(columns))
    several = [groups for groups in possible if not _is_one_block(plans, groups, table.num_rows)]
    if not several:
        return 1
    enough = max(several) + 1
    if enough > max(possible):
        return None
    return partitions.column_groups(columns, [_file_bytes_at_least(table, enough * step)])


def _is_one_block(columns: Sequence[ColumnPlan], groups: int, rows: int) -> bool:
    """Whether all rows fit into one block in each column group, so that states don't depend on the groups."""
    cuts = positions_of_groups(len(columns), groups)
    return all(rows <= rows_of_block(columns[cut.start : cut.stop]) for cut in cuts)


def _file_bytes_at_least(table: pa.Table, enough: int) -> int:
    """A lower bound on the bytes of a Parquet file with these rows, of which at most `enough` are written.

    That file is smaller: it has some of the columns, no statistics, and no dictionaries of numbers that all differ,
    which would store each number and its index. Writing it takes a third of the time.
    """
    differing = list[str]()
    room = ENOUGH_OF_COLUMNS * enough
    for name, column in zip(table.column_names, table.columns, strict=True):
        if room > 0 and _all_differ(column):
            differing.append(name)
            room -= column.nbytes
    if room <= 0:
        some = table.select(differing)
        rows = _rows_of_group(table)
        if (found := _written(some, enough, rows, use_dictionary=False, write_statistics=False)) >= enough:
            return found
    return _written(table, enough, _rows_of_group(table))


def _all_differ(column: pa.ChunkedArray) -> bool:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return False
    if len(column) > FIRST and not _all_differ(column.slice(0, FIRST)):
        return False
    ordered = np.sort(column.drop_null().to_numpy())
    return bool((ordered[1:] > ordered[:-1]).all())


def _written(table: pa.Table, enough: int, group: int, **options: Any) -> int:
    with pa.BufferOutputStream() as sink:
        with pq.ParquetWriter(sink, table.schema, store_schema=False, **options) as file:
            for start in range(0, table.num_rows, group):
                if sink.tell() >= enough:
                    return enough
                file.write_table(table.slice(start, group), group)
        written: int = sink.tell()
        return written


def file_bytes_at_most(table: pa.Table) -> float:
    """An upper bound on the bytes of a Parquet file with these rows: numbers take 32 bits or more, lists any number."""
    groups = table.nbytes // ROW_GROUP_BYTES + 2
    found = 0.0
    for column in table.columns:
        kind = column.type
        if pa.types.is_nested(kind):
            return math.inf
        is_text = pa.types.is_string(kind) or pa.types.is_binary(kind)
        if pa.types.is_integer(kind) and kind.bit_width < 32:
            size = 4 * table.num_rows
        else:
            size = column.nbytes
        found += MOST_OF_DICTIONARY * size + groups * (STATISTICS_OF_TEXTS if is_text else STATISTICS_BYTES)
    return found


def _rows_of_group(table: pa.Table) -> int:
    rows: int = max(1, table.num_rows * ROW_GROUP_BYTES // max(1, table.nbytes))
    return rows


def write(rows: Rows, path: Path) -> None:
    """Write the rows to a file. Raises OutputFailed if there is no room."""
    is_table = isinstance(rows, pa.Table)
    group = _rows_of_group(rows) if is_table else None
    groups = gathered(rows, ROW_GROUP_BYTES, attrgetter("nbytes"))
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
