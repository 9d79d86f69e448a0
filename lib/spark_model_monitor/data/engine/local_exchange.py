"""Repartitions rows by a column through local files (a shuffle): a process holds at most one partition.

Each partition writes its rows to a file, by new partition; each new partition then reads its rows from every file. Rows
have Spark's order: nulls first, texts by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from numpy.typing import NDArray

from spark_model_monitor.data.engine.partitions import (
    MIN_PARALLEL_TEXT_PARTITIONS,
    Part,
    choose_process_count,
    group_by_size,
    run_in_processes,
)
from spark_model_monitor.statistics import Hashes
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.storage import is_local, storage_of
from spark_model_monitor.storage.file_system import join
from spark_model_monitor.storage.local_storage import TemporaryFolder
from spark_model_monitor.value_class import value_class

HELD_BYTES = 32 * 2**20  # of rows that a partition holds before it writes them

MIN_RUN_ROWS = 256
"""Runs of rows for one new partition with this average length are written unsorted."""

KEPT_BYTES = 512 * 2**20
"""Maximum bytes of rows that a single process keeps in memory; further rows go to files."""

ROWS_AT_ONCE = 2**14
"""Rows per batch of a sorted partition: small, so that processing a batch takes little memory."""

BatchLocation = tuple[str, int]  # a file, and the index of a batch in it


def repartition(
    parts: Sequence[Part], schema: pa.Schema, by: str, order: Sequence[str], count: int, processes: int | None
) -> list[Part]:
    """`count` partitions, each with all rows of rows_of_run values of `by`, a text or integer, sorted by `order`, if given.

    The rows are computed now, and can be read once; their files are deleted with the partitions. If this process only
    passes rows on, they are computed when read.
    """
    # A single process reads what it wrote, so it may as well hold it
    is_alone = choose_process_count(max(len(parts), count), processes, MIN_PARALLEL_TEXT_PARTITIONS) < 2
    if is_alone and count == 1 and not order:
        return [partial(chain.from_iterable, (part() for part in parts))]
    # One file for each old partition; it says in which file and batch a new partition's rows are
    folder = TemporaryFolder()
    memory = _FreeMemory(KEPT_BYTES if is_alone else 0)
    scattering = [
        partial(_scatter, part, folder.path / f"{number}.arrow", schema, by, count, memory)
        for number, part in enumerate(parts)
    ]
    locations: list[list[BatchLocation | pa.RecordBatch]] = [[] for _ in range(count)]
    for number, location in chain(*run_in_processes(scattering, processes, MIN_PARALLEL_TEXT_PARTITIONS)):
        locations[number].append(location)
    return [_GatheredPart(part_locations, schema, tuple(order), folder) for part_locations in locations]


@dataclass
class _FreeMemory:
    """The bytes that may still be kept in memory."""

    size_bytes: int


def _scatter(
    part: Part, path: Path, schema: pa.Schema, by: str, count: int, memory: _FreeMemory
) -> Iterator[tuple[int, BatchLocation | pa.RecordBatch]]:
    """Keep a partition's rows while there is room, write the others to a file; yield their places by new partition."""
    with ExitStack() as stack:
        file = None
        file_batches = 0
        for number, rows in _split_by_partition(part(), by, count):
            memory.size_bytes -= rows.nbytes
            if memory.size_bytes > 0:
                yield number, rows
                continue
            file = file or stack.enter_context(pa.ipc.new_file(str(path), schema))
            file.write_batch(rows)
            yield number, (str(path), file_batches)
            file_batches += 1


def _split_by_partition(batches: Iterable[pa.RecordBatch], by: str, count: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in order, in batches with the number of their new partition."""
    if count == 1:
        yield from ((0, batch) for batch in batches if batch.num_rows)
        return
    for block in group_by_size(filter(len, batches), HELD_BYTES, attrgetter("nbytes")):
        rows = pa.Table.from_batches(block)
        # All rows of one value are in the same new partition
        numbers = (_hash_values(rows.column(by).combine_chunks()) % np.uint64(count)).astype(np.int64)
        bounds = _find_run_bounds(numbers)
        # Many short runs are sorted first, into one run for each new partition
        if len(bounds) > count + 1 + len(numbers) // MIN_RUN_ROWS:
            order = np.argsort(numbers, kind="stable")
            rows = rows.take(pa.array(order))
            numbers = numbers[order]
            bounds = _find_run_bounds(numbers)
        for start, end in pairwise(bounds):
            yield from (
                (int(numbers[start]), rows_of_run) for rows_of_run in rows.slice(start, end - start).to_batches()
            )


def _find_run_bounds(numbers: NDArray[np.int64]) -> list[int]:
    """The start of each run of equal numbers, and the end of the last."""
    return [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]


def _hash_values(values: pa.Array) -> Hashes:
    if pa.types.is_string(values.type):
        return hash_texts(values.fill_null(""))
    return xxhash64(values.fill_null(0))


@value_class
class _GatheredPart:
    """The rows at rows_of_run places as a partition. folder: the folder of their files, which lives as long as this object in
    the process that made it; other processes only read it."""

    places: list[BatchLocation | pa.RecordBatch]
    schema: pa.Schema
    order: tuple[str, ...]
    folder: TemporaryFolder

    def __call__(self) -> Iterator[pa.RecordBatch]:
        return _gather(self.places, self.schema, self.order)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (_gather, self.places, self.schema, self.order)


def _gather(
    locations: list[BatchLocation | pa.RecordBatch], schema: pa.Schema, order: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    open_file = cache(lambda path: pa.ipc.open_file(pa.memory_map(path)))
    batches = [
        open_file(location[0]).get_batch(location[1]) if isinstance(location, tuple) else location
        for location in locations
    ]
    locations.clear()  # from here on, the reader holds the rows
    # Unsorted, sorted in its own batches, or sorted as a whole
    if not order:
        yield from batches
    elif [schema.field(name).type for name in order] == [pa.int8()]:
        yield from _sort_by_batch(batches, order[0])
    else:
        rows = pa.Table.from_batches(batches, schema)
        batches.clear()
        rows = rows.combine_chunks()
        yield from _sort_rows(rows, order)


def _sort_by_batch(batches: list[pa.RecordBatch], by: str) -> Iterator[pa.RecordBatch]:
    """The rows sorted by a column of few numbers, in their own batches: a reader needs to hold only one at a time."""
    numbers = [set(batch.column(by).unique().to_pylist()) for batch in batches]
    # Number by number, each batch as long as it has rows of a later one
    for number in sorted(set().union(*numbers)):
        for index, numbers_of_batch in enumerate(numbers):
            if number in numbers_of_batch:
                batch = batches[index]
                if number == max(numbers_of_batch):
                    batches[index] = None
                yield batch if len(numbers_of_batch) == 1 else batch.filter(pc.equal(batch.column(by), number))


def _sort_rows(rows: pa.Table, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # Nulls first, as Spark sorts
    keys = {}
    for name in order:
        column = rows.column(name)
        if column.null_count:
            keys[f"{name} is there"] = column.is_valid()
        keys[name] = column
    indices = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    for start in range(0, len(indices), ROWS_AT_ONCE):
        yield from rows.take(indices[start : start + ROWS_AT_ONCE]).to_batches()


def write_partition_texts(
    folder: str, by: str, text: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The task that writes texts, a line per row, to a file for each value of `by`; rows must be sorted by it."""
    waiting_texts: list[pa.Array] = []
    number = None
    for batch in batches:
        numbers = batch.column(by).to_numpy()
        for start, end in pairwise(_find_run_bounds(numbers)):
            if number is not None and numbers[start] != number:
                _write_texts(folder, by, number, waiting_texts)
                waiting_texts = []
            number = int(numbers[start])
            waiting_texts.append(batch.column(text)[start:end])
    if number is not None:
        _write_texts(folder, by, number, waiting_texts)
    yield from ()


def _write_texts(folder: str, by: str, number: int, texts: list[pa.Array]) -> None:
    # Bytes are written as they are, without a copy for a single batch
    lines = [pc.binary_join_element_wise(texts_of_batch, "", "\n") for texts_of_batch in texts]
    buffers = [
        memoryview(texts_of_batch.buffers()[2]) for texts_of_batch in lines
    ]  # a new array's buffer contains only its own text
    content: Any = buffers[0] if len(buffers) == 1 and is_local(folder) else b"".join(buffers)  # a file accepts both
    storage_of(folder).write(join(folder, f"{by}={number}", "part-00000.txt"), content, private=True)
