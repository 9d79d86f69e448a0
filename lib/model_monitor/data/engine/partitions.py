"""How data is cut into partitions, batches and groups of columns, by what it is, and how many processes work on partitions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import pyarrow as pa

from model_monitor.data.profiling.plan import COLUMNS_TOGETHER
from model_monitor.errors import BadConfiguration
from model_monitor.progress import counted

OPEN_COST_BYTES = 16 * 1024
"""What a piece of a file counts beside its bytes when several are put into one partition. With Spark's own 4 MiB no more than
eight files make a partition of 32 MiB, however small they are."""


def partitions_at_most(file_bytes: Iterable[int], partition_bytes: int, open_cost_bytes: int) -> int:
    """An upper bound of the partitions of files of these sizes, of which each is cut into pieces of `partition_bytes`.

    open_cost_bytes: the session's; a job's is `OPEN_COST_BYTES`.
    Spark begins a partition when the next piece does not fit into the last one, so two neighbours hold more than one's bytes.
    Source: FilePartition.getFilePartitions of Spark 3.5.
    """
    sizes = list(file_bytes)
    pieces = sum(-(-size // partition_bytes) for size in sizes)
    return min(pieces, 2 * (sum(sizes) + pieces * open_cost_bytes) // partition_bytes + 1)


class Sized(Protocol):
    """A piece of a file."""

    @property
    def size_bytes(self) -> int: ...


SomePiece = TypeVar("SomePiece", bound=Sized)


def largest_piece(file_bytes: Sequence[int], partition_bytes: int) -> int:
    """The bytes of the pieces that a job cuts files into. Source: FilePartition.maxSplitBytes of Spark 3.5."""
    return min(partition_bytes, max(OPEN_COST_BYTES, sum(file_bytes) + len(file_bytes) * OPEN_COST_BYTES))


def packed(pieces: Iterable[SomePiece], largest: int) -> list[list[SomePiece]]:
    """The pieces of each partition: the largest come first. Source: FilePartition.getFilePartitions of Spark 3.5."""
    found: list[list[SomePiece]] = []
    room = -1
    for piece in sorted(pieces, key=lambda piece: -piece.size_bytes):
        if piece.size_bytes > room:
            found.append([])
            room = largest
        found[-1].append(piece)
        room -= piece.size_bytes + OPEN_COST_BYTES
    return found


MIN_PARTITION_BYTES, USUAL_PARTITION_BYTES = 32 * 1024 * 1024, 128 * 1024 * 1024
FEWEST_PARTITIONS, MAX_PARTITIONS = 8, 2000
"""A task costs something beside its rows, and a sketch of every column, so partitions are as large as 8 of them allow, up to
128 MiB; above 250 GB they grow further. Data for fewer than 8 has an even number of them, since cores are even, too
(docs/decisions/0010-partition-size.md)."""

PACKING_SLACK = 64
"""A partition may be larger than its share by one part in so many: what files cost beside their bytes must not leave a rest."""

BATCH_CELLS, BATCH_BYTES = 2**20, 64 * 2**20
MIN_BATCH_ROWS, MAX_BATCH_ROWS = 64, 2**15
"""Of an Arrow batch: a million cells are 16 MB of numbers, and of texts (of at most 256 bytes) 64 MB as a rule."""

LINES_BYTES, MAX_BATCH_LINES = 2**22, 2**15  # of an Arrow batch of lines of which a few cells are wanted each

PARQUET_CELLS, LEAST_PARQUET_ROWS, USUAL_PARQUET_ROWS = 2**17, 512, 4096
"""Rows that Spark decodes of a Parquet file at a time; 4,096 is its own. Of many columns they would leave the processor's
caches before they are read row by row."""

MOST_COLUMN_GROUPS = 8
"""How many groups of columns of a wide Parquet table are read one after the other at most. A cell takes Spark
the longer the more columns a row has, since it writes row after row; to open a file once more takes the time of some 100,000
cells (docs/decisions/0033-wide-tables-by-columns.md)."""

FILE_BYTES_OF_A_GROUP = 8 * 1024 * 1024
"""What a file has to have for each group, on average, for opening it again to be worth it."""

MAX_RECORD_SIZE = "spark.modelMonitor.maxRecordSize"
"""The session's setting for the bytes of the longest line that is taken as a record; usually `locations.MAX_RECORD_BYTES`."""


def column_groups(columns: int, file_bytes: Sequence[int]) -> int:
    """In how many groups to read the columns of files that have their data column by column.

    file_bytes: the sizes of the files.
    """
    worth_opening = sum(file_bytes) // max(1, len(file_bytes)) // FILE_BYTES_OF_A_GROUP
    return max(1, min(-(-columns // COLUMNS_TOGETHER), MOST_COLUMN_GROUPS, worth_opening))


def partition_bytes(total_bytes: int, groups: int = 1) -> int:
    """The bytes of a partition, all columns of it, as a function of the data alone: 16 to 128 MiB, more above 250 GB.

    groups: in how many groups its columns are read. A partition has as many more rows then: what a task reads of it is as
    large as of a narrow table, and a column has fewer sketches.
    """
    share = -(-total_bytes // _partitions(total_bytes))
    return max(MIN_PARTITION_BYTES // 2, share + share // PACKING_SLACK) * groups


def bytes_of(size: str | None) -> int:
    """What a session's setting of a size says, "128MB" or "4194304b". Source: JavaUtils.byteStringAs of Spark 3.5."""
    found = re.fullmatch(r"(\d+)([kmgtp]?)b?", (size or "").strip().lower())
    if found is None:
        raise BadConfiguration(f"a size of the session is {size!r}; write it like 128MB")
    return int(found[1]) << 10 * " kmgtp".index(found[2] or " ")


def _partitions(total_bytes: int) -> int:
    """How many partitions the data has, as far as its files can be cut."""
    if total_bytes <= MIN_PARTITION_BYTES:
        return 1
    if total_bytes < FEWEST_PARTITIONS * MIN_PARTITION_BYTES:
        return 2 * max(1, total_bytes // (2 * MIN_PARTITION_BYTES))
    return min(MAX_PARTITIONS, max(FEWEST_PARTITIONS, -(-total_bytes // USUAL_PARTITION_BYTES)))


def batch_rows(columns: int, line_bytes: int = 0) -> int:
    """The rows of an Arrow batch that has about a million cells. They change the memory and the speed of a scan, never its
    result.

    columns: those that are read together. line_bytes: what a long line of the data takes, if executors decode lines; a batch of
    them has at most 64 MB or so.
    """
    fitting = BATCH_CELLS // max(1, columns)
    return min(MAX_BATCH_ROWS, max(MIN_BATCH_ROWS, min(fitting, BATCH_BYTES // max(1, line_bytes))))


def parquet_rows(columns: int) -> int:
    """The rows of a Parquet file that Spark decodes at a time: an eighth of the cells of a batch."""
    return min(USUAL_PARQUET_ROWS, max(LEAST_PARQUET_ROWS, PARQUET_CELLS // max(1, columns)))


def rows_of_lines(row_bytes: int) -> int:
    """The rows of an Arrow batch that takes about `LINES_BYTES`. row_bytes: of a long row."""
    return min(MAX_BATCH_LINES, max(MIN_BATCH_ROWS, LINES_BYTES // max(1, row_bytes)))


Item = TypeVar("Item")


def gathered(items: Iterable[Item], most_bytes: int, size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """The items in lists, each of which ends with the item that fills it; the last one may have less."""
    held, room = list[Item](), most_bytes
    for item in items:
        held.append(item)
        room -= size(item)
        if room <= 0:
            yield held
            held, room = [], most_bytes
    if held:
        yield held


Part = Callable[[], Iterable[pa.RecordBatch]]  # a partition: gives its batches. Picklable, as tasks are.
Made = TypeVar("Made")

WORTH_PROCESSES = 4
"""Partitions from which on processes are started: each takes as long to load its libraries as one partition of 32 MiB does
(benchmarks/engines.py)."""

WORTH_PROCESSES_OF_TEXTS = 16
"""The same where lines are taken as they stand and brought together: less is done with each, and in several steps, for each of
which processes start anew (benchmarks/merge.py)."""


def processes_for(parts: int, processes: int | None = None, worth: int = WORTH_PROCESSES) -> int:
    """How many work on so many partitions. processes: at most; None for one a core from `worth` partitions on."""
    return min(parts, processes or (len(os.sched_getaffinity(0)) if parts >= worth else 1))


def in_processes(
    parts: Sequence[Callable[[], Iterable[Made]]], processes: int | None = None, worth: int = WORTH_PROCESSES
) -> list[list[Made]]:
    """What is made of every partition, batches or states, in their order. This process makes some of them, all of a few.

    processes, worth: of `processes_for`. What a partition raises is raised here.
    """
    most = processes_for(len(parts), processes, worth)
    if most < 2:
        return list(counted((list(part()) for part in parts), len(parts), "partitions"))
    from model_monitor.data.engine.workers import made_side_by_side

    return made_side_by_side(parts, most)
