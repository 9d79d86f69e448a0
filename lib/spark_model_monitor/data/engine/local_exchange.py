"""Repartitions rows by a column through local files (a shuffle). A process holds at most one partition in memory.

Each old partition writes its rows to a file, sorted by new partition; each new partition then reads its rows from every file.
Rows are sorted as in Spark: nulls first, texts by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Batches
from spark_model_monitor.data.engine.partitions import (
    MIN_PARALLEL_TEXT_PARTITIONS,
    PartitionReader,
    choose_process_count,
    group_by_size,
    run_in_processes,
)
from spark_model_monitor.statistics import Hashes, Integers
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.storage import get_storage, is_local
from spark_model_monitor.storage.file_system import join
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

BLOCK_BYTES = 32 * 2**20  # bytes of rows that a partition holds before it writes them

MIN_RUN_ROWS = 256
"""If runs of rows for the same new partition have at least this average length, rows are written without sorting."""

MAX_MEMORY_BYTES = 512 * 2**20
"""Maximum bytes of rows that a single process keeps in memory; further rows go to files."""

SORTED_BATCH_ROWS = 2**14
"""Rows per batch of a sorted partition: small, so that processing a batch takes little memory."""

BatchLocation = tuple[str, int]  # a file, and the index of a batch in it


def repartition(
    readers: Sequence[PartitionReader],
    schema: pa.Schema,
    by: str,
    order: Sequence[str],
    count: int,
    processes: int | None,
) -> list[PartitionReader]:
    """`count` partitions. Each has all rows with some values of `by`, a text or integer column, sorted by `order` if given.

    The rows are computed now and can be read once; their files are deleted together with the partitions. In a single process,
    without an order, the rows of a single new partition are computed when they are read.
    """
    # A single process would read the files that it wrote, so it holds rows in memory instead
    is_single_process = choose_process_count(max(len(readers), count), processes, MIN_PARALLEL_TEXT_PARTITIONS) < 2
    if is_single_process and count == 1 and not order:
        return [partial(chain.from_iterable, (reader() for reader in readers))]
    # Each old partition writes one file, and returns for each new partition the file and batch with its rows
    folder = TemporaryFolder()
    memory = _FreeMemory(MAX_MEMORY_BYTES if is_single_process else 0)
    scatter_tasks = [
        partial(_scatter, reader, folder.path / f"{number}.arrow", schema, by, count, memory)
        for number, reader in enumerate(readers)
    ]
    locations: list[list[BatchLocation | pa.RecordBatch]] = [[] for _ in range(count)]
    for number, location in chain(*run_in_processes(scatter_tasks, processes, MIN_PARALLEL_TEXT_PARTITIONS)):
        locations[number].append(location)
    return [_GatheredPartition(reader_locations, schema, tuple(order), folder) for reader_locations in locations]


@dataclass
class _FreeMemory:
    """The bytes of rows that may still be held in memory."""

    size_bytes: int


def _scatter(
    reader: PartitionReader, path: Path, schema: pa.Schema, by: str, count: int, memory: _FreeMemory
) -> Iterator[tuple[int, BatchLocation | pa.RecordBatch]]:
    """Hold a partition's rows while there is memory, write the others to a file; yield for each batch its new partition and its
    location.
    """
    with ExitStack() as stack:
        file = None
        written_batches = 0
        for number, rows in _split_by_partition(reader(), by, count):
            memory.size_bytes -= rows.nbytes
            if memory.size_bytes > 0:
                yield number, rows
                continue
            file = file or stack.enter_context(pa.ipc.new_file(str(path), schema))
            file.write_batch(rows)
            yield number, (str(path), written_batches)
            written_batches += 1


def _split_by_partition(batches: Batches, by: str, count: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in their order, as batches with the number of their new partition."""
    if count == 1:
        yield from ((0, batch) for batch in batches if batch.num_rows)
        return
    for block in group_by_size(filter(len, batches), BLOCK_BYTES, attrgetter("nbytes")):
        rows = pa.Table.from_batches(block)
        # Rows with the same value get the same new partition
        numbers = (_hash_values(rows.column(by).combine_chunks()) % np.uint64(count)).astype(np.int64)
        bounds = _find_run_bounds(numbers)
        # If there are many short runs, rows are sorted by new partition first, which gives one run for each
        if len(bounds) > count + 1 + len(numbers) // MIN_RUN_ROWS:
            order = np.argsort(numbers, kind="stable")
            rows = rows.take(order)
            numbers = numbers[order]
            bounds = _find_run_bounds(numbers)
        for start, end in pairwise(bounds):
            yield from ((int(numbers[start]), run_rows) for run_rows in rows.slice(start, end - start).to_batches())


def _find_run_bounds(numbers: Integers) -> list[int]:
    """The start of each run of equal numbers, and the end of the last run."""
    return [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]


def _hash_values(values: pa.Array) -> Hashes:
    if pa.types.is_string(values.type):
        return hash_texts(values.fill_null(""))
    return xxhash64(values.fill_null(0))


@value_class
class _GatheredPartition:
    """The rows at some locations as a partition. folder: the folder of their files. It exists as long as this object in the
    process that made it; other processes only read it."""

    locations: list[BatchLocation | pa.RecordBatch]
    schema: pa.Schema
    order: tuple[str, ...]
    folder: TemporaryFolder

    def __call__(self) -> Batches:
        return _gather(self.locations, self.schema, self.order)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (_gather, self.locations, self.schema, self.order)


def _gather(locations: list[BatchLocation | pa.RecordBatch], schema: pa.Schema, order: Sequence[str]) -> Batches:
    open_file = cache(lambda path: pa.ipc.open_file(pa.memory_map(path)))
    batches = [
        open_file(location[0]).get_batch(location[1]) if isinstance(location, tuple) else location
        for location in locations
    ]
    locations.clear()  # now only the reader holds the rows
    # The rows stay unsorted, are sorted batch by batch, or are sorted as a whole
    if not order:
        yield from batches
    elif [schema.field(name).type for name in order] == [pa.int8()]:
        yield from _sort_by_batch(batches, order[0])
    else:
        rows = pa.Table.from_batches(batches, schema)
        batches.clear()
        rows = rows.combine_chunks()
        yield from _sort_rows(rows, order)


def _sort_by_batch(batches: list[pa.RecordBatch], by: str) -> Batches:
    """The rows, sorted by a column with few distinct numbers. They stay in their batches: a reader holds one batch at a time."""
    numbers_by_batch = [set(batch.column(by).unique().to_pylist()) for batch in batches]
    # For each number, all batches; a batch is kept until its last number
    for number in sorted(set().union(*numbers_by_batch)):
        for index, batch_numbers in enumerate(numbers_by_batch):
            if number in batch_numbers:
                batch = batches[index]
                if number == max(batch_numbers):
                    batches[index] = None
                yield batch if len(batch_numbers) == 1 else batch.filter(pc.equal(batch.column(by), number))


def _sort_rows(rows: pa.Table, order: Sequence[str]) -> Batches:
    # Nulls come first, as in Spark
    keys = {}
    for name in order:
        column = rows.column(name)
        if column.null_count:
            keys[f"{name} is there"] = column.is_valid()
        keys[name] = column
    indices = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    for start in range(0, len(indices), SORTED_BATCH_ROWS):
        yield from rows.take(indices[start : start + SORTED_BATCH_ROWS]).to_batches()


def write_partition_texts(folder: str, by: str, text: str, batches: Batches) -> Batches:
    """The task that writes texts, one line per row, to a file for each value of `by`. The rows must be sorted by `by`."""
    pending_texts: list[pa.Array] = []
    number = None
    for batch in batches:
        numbers = batch.column(by).to_numpy()
        for start, end in pairwise(_find_run_bounds(numbers)):
            if number is not None and numbers[start] != number:
                _write_texts(folder, by, number, pending_texts)
                pending_texts = []
            number = int(numbers[start])
            pending_texts.append(batch.column(text)[start:end])
    if number is not None:
        _write_texts(folder, by, number, pending_texts)
    yield from ()


def _write_texts(folder: str, by: str, number: int, texts: list[pa.Array]) -> None:
    # The bytes of these new arrays are written directly, so a single batch isn't copied
    lines = [pc.binary_join_element_wise(batch_texts, "", "\n") for batch_texts in texts]
    buffers = [memoryview(batch_lines.buffers()[2]) for batch_lines in lines]
    # A local file accepts a buffer, too
    content: Any = buffers[0] if len(buffers) == 1 and is_local(folder) else b"".join(buffers)
    get_storage(folder).write(join(folder, f"{by}={number}", "part-00000.txt"), content, private=True)
