"""Sizes of partitions, batches and column groups as functions of the data, and the number of processes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import pyarrow as pa

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.progress import show_progress

PartitionReader = Callable[[], Iterable[pa.RecordBatch]]
"""A partition: a function that returns its batches. It can be pickled, like a task."""

TaskResult = TypeVar("TaskResult")
Item = TypeVar("Item")

MIN_PARTITION_BYTES = 32 * 1024 * 1024
USUAL_PARTITION_BYTES = 128 * 1024 * 1024
MIN_PARTITIONS = 8
MAX_PARTITIONS = 2000
"""Each task has a fixed cost and a sketch per column, so partitions are as large as possible with 8 of them, up to 128
MiB; above 250 GB they grow further. Data too small for 8 gets an even number, since the number of cores is even, too
(docs/decisions/0010-partition-size.md)."""

PACKING_SLACK_DIVISOR = 64
"""A partition may exceed its share by 1/64, so that the opening cost of files doesn't leave a small extra partition."""

OPEN_COST_BYTES = 16 * 1024
"""The cost of a piece of a file, on top of its bytes, when pieces are packed into partitions. With Spark's default of 4
MiB, at most eight files fit into a partition of 32 MiB, however small they are."""

MAX_COLUMNS_PER_PASS = 250  # most columns of a column-oriented source that are read in one pass

MAX_COLUMN_GROUPS = 8
"""The maximum number of column groups of a wide Parquet table, read one after the other. Spark writes row by row, so a
cell takes longer the more columns a row has; opening a file once more takes as long as some 100,000 cells."""

MIN_FILE_BYTES_PER_GROUP = 8 * 1024 * 1024
"""The average file size per group from which reopening files for each group pays off."""

BATCH_CELLS = 2**20
BATCH_BYTES = 64 * 2**20
MIN_BATCH_ROWS = 64
MAX_BATCH_ROWS = 2**15
"""Bounds of an Arrow batch: a million cells are 16 MB of numbers, or usually 64 MB of texts (of at most 256 bytes)."""

LINE_BATCH_BYTES = 2**22
MAX_BATCH_LINES = 2**15
"""Bounds of an Arrow batch of lines of which only a few cells are needed."""

PARQUET_CELLS = 2**17
MIN_PARQUET_ROWS = 512
USUAL_PARQUET_ROWS = 4096
"""Rows of a Parquet file that Spark decodes at a time; its default is 4,096. With many columns, these would leave the
processor's caches before they are read row by row."""

MAX_RECORD_SIZE = "spark.modelMonitor.maxRecordSize"
"""The session setting for the maximum length of a record in bytes; usually `locations.MAX_RECORD_BYTES`."""

MIN_PARALLEL_PARTITIONS = 4
"""The number of partitions from which processes are started: a process takes as long to load its libraries as one
partition of 32 MiB takes (benchmarks/engines.py)."""

MIN_PARALLEL_TEXT_PARTITIONS = 16
"""The number of partitions from which processes are started to regroup raw lines: a line takes less work, and each step starts
new processes (benchmarks/merge.py)."""


def partition_bytes(total_bytes: int, groups: int = 1) -> int:
    """The bytes of a partition with all its columns, which depend only on the data: 16 to 128 MiB, more above 250 GB.

    groups: number of groups in which the columns are read. A partition has so many times more rows, so that a task reads as many
    bytes as for a narrow table, and a column has fewer sketches.
    """
    # Rounded up, with some slack, so that the last partition isn't tiny
    equal_bytes = -(-total_bytes // _choose_partition_count(total_bytes))
    return max(MIN_PARTITION_BYTES // 2, equal_bytes + equal_bytes // PACKING_SLACK_DIVISOR) * groups


def _choose_partition_count(total_bytes: int) -> int:
    """The number of partitions of the data if its files can be cut."""
    # Small data is one partition, larger data is an even number of partitions
    if total_bytes <= MIN_PARTITION_BYTES:
        return 1
    if total_bytes < MIN_PARTITIONS * MIN_PARTITION_BYTES:
        return 2 * max(1, total_bytes // (2 * MIN_PARTITION_BYTES))
    return min(MAX_PARTITIONS, max(MIN_PARTITIONS, -(-total_bytes // USUAL_PARTITION_BYTES)))


def column_groups(columns: int, file_bytes: Sequence[int]) -> int:
    """The number of groups in which to read the columns of column-oriented files.

    file_bytes: the sizes of the files.
    """
    # Reading a group opens all files again, so groups are worth it only for large files
    max_groups = sum(file_bytes) // max(1, len(file_bytes)) // MIN_FILE_BYTES_PER_GROUP
    return max(1, min(-(-columns // MAX_COLUMNS_PER_PASS), MAX_COLUMN_GROUPS, max_groups))


def max_partition_count(file_bytes: Iterable[int], partition_bytes: int, open_cost_bytes: int) -> int:
    """An upper bound on the number of partitions of files of these sizes, each cut into pieces of `partition_bytes`.

    open_cost_bytes: the session's cost of opening a file; `OPEN_COST_BYTES` in a job.
    Spark starts a new partition when the next piece doesn't fit, so two neighbouring partitions have more bytes than fit in one.
    Source: FilePartition.getFilePartitions of Spark 3.5.
    """
    sizes = list(file_bytes)
    num_pieces = sum(-(-size // partition_bytes) for size in sizes)
    return min(num_pieces, 2 * (sum(sizes) + num_pieces * open_cost_bytes) // partition_bytes + 1)


class Sized(Protocol):
    """A piece of a file."""

    @property
    def size_bytes(self) -> int: ...


Piece = TypeVar("Piece", bound=Sized)


def max_piece_bytes(file_bytes: Sequence[int], partition_bytes: int) -> int:
    """The size in bytes of the pieces into which a job cuts files. Source: FilePartition.maxSplitBytes of Spark 3.5."""
    return min(partition_bytes, max(OPEN_COST_BYTES, sum(file_bytes) + len(file_bytes) * OPEN_COST_BYTES))


def pack_pieces(pieces: Iterable[Piece], partition_bytes: int) -> list[list[Piece]]:
    """For each partition its pieces, the largest first. Source: FilePartition.getFilePartitions of Spark 3.5."""
    partitions: list[list[Piece]] = []
    free_bytes = -1
    for piece in sorted(pieces, key=lambda piece: -piece.size_bytes):
        # Spark opens a new partition when the next piece doesn't fit
        if piece.size_bytes > free_bytes:
            partitions.append([])
            free_bytes = partition_bytes
        partitions[-1].append(piece)
        free_bytes -= piece.size_bytes + OPEN_COST_BYTES
    return partitions


def group_by_size(items: Iterable[Item], min_bytes: int, size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """The items in lists. A list ends with the item with which its size reaches `min_bytes`; the last list may be smaller."""
    group: list[Item] = []
    free_bytes = min_bytes
    for item in items:
        group.append(item)
        free_bytes -= size(item)
        if free_bytes <= 0:
            yield group
            group = []
            free_bytes = min_bytes
    if group:
        yield group


def batch_rows(columns: int, line_bytes: int = 0) -> int:
    """The rows of an Arrow batch of about a million cells. They affect the memory and speed of a scan, but never its result.

    columns: number of columns that are read together. line_bytes: bytes of a long line if executors decode lines; a batch of
    lines then has at most about 64 MB.
    """
    # About a million cells, but not too few or too many rows
    fitting_rows = min(BATCH_CELLS // max(1, columns), BATCH_BYTES // max(1, line_bytes))
    return min(MAX_BATCH_ROWS, max(MIN_BATCH_ROWS, fitting_rows))


def choose_batch_lines(row_bytes: int) -> int:
    """The rows of an Arrow batch of about `LINE_BATCH_BYTES`. row_bytes: bytes of a long row."""
    return min(MAX_BATCH_LINES, max(MIN_BATCH_ROWS, LINE_BATCH_BYTES // max(1, row_bytes)))


def parquet_rows(columns: int) -> int:
    """The rows of a Parquet file that Spark decodes at a time. They have an eighth of a batch's cells."""
    return min(USUAL_PARQUET_ROWS, max(MIN_PARQUET_ROWS, PARQUET_CELLS // max(1, columns)))


def parse_size(size: str | None) -> int:
    """The bytes in a size setting of Spark, such as "128MB" or "4194304b". Source: JavaUtils.byteStringAs of Spark 3.5."""
    match = re.fullmatch(r"(\d+)([kmgtp]?)b?", (size or "").strip().lower())
    if match is None:
        raise BadConfiguration(f"a size of the session is {size!r}; write it like 128MB")
    # The letter stands for a power of 1,024
    unit_bytes: int = 1024 ** ("", "k", "m", "g", "t", "p").index(match[2])
    return int(match[1]) * unit_bytes


def choose_process_count(tasks: int, processes: int | None, min_parallel: int) -> int:
    """The number of processes for a number of tasks. processes: the maximum; None: one per core if there are at least
    `min_parallel` tasks, otherwise one.
    """
    # Starting processes takes as long as computing some partitions
    if processes is None:
        processes = 1
        if tasks >= min_parallel:
            processes = len(os.sched_getaffinity(0))
    return min(tasks, processes)


def run_in_processes(
    tasks: Sequence[Callable[[], Iterable[TaskResult]]],
    processes: int | None,
    min_parallel: int = MIN_PARALLEL_PARTITIONS,
) -> list[list[TaskResult]]:
    """For every partition, in order: its batches or states. This process computes some partitions, or all if they are few.

    processes, min_parallel: see `choose_process_count`. Raises the exception of a partition.
    """
    max_processes = choose_process_count(len(tasks), processes, min_parallel)
    if max_processes < 2:
        return list(show_progress((list(task()) for task in tasks), len(tasks), "partitions"))
    from spark_model_monitor.data.engine.workers import run_parts

    return run_parts(tasks, max_processes)
