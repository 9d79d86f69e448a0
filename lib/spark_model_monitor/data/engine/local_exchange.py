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
    WORTH_PROCESSES_OF_TEXTS,
    Part,
    gathered,
    in_processes,
    processes_for,
)
from spark_model_monitor.statistics.states.hashing import Hashes, xxhash64_of, xxhash64_of_texts
from spark_model_monitor.storage import is_local, storage_of
from spark_model_monitor.storage.files import TemporaryFolder, join

HELD_BYTES = 32 * 2**20  # bytes that a partition holds before it writes them

ROWS_OF_A_RUN = 256
"""Runs of rows for one new partition with this average length are written unsorted."""

KEPT_BYTES = 512 * 2**20
"""Bytes of rows that a single process keeps in memory; further rows go to files."""

ROWS_AT_ONCE = 2**14
"""Rows per batch of a sorted partition: small, so that processing a batch takes little memory."""

Place = tuple[str, int]  # a file, and the index of a batch in it


def brought_together(
    parts: Sequence[Part], schema: pa.Schema, by: str, order: Sequence[str], count: int, processes: int | None
) -> list[Part]:
    """`count` partitions, each with all rows of some values of `by`, a text or integer, sorted by `order`, if given.

    The rows are computed now, and can be read once; their files are deleted with the partitions. If this process only
    passes rows on, they are computed when read.
    """
    is_alone = processes_for(max(len(parts), count), processes, WORTH_PROCESSES_OF_TEXTS) < 2  # also reads them
    if is_alone and count == 1 and not order:
        return [partial(chain.from_iterable, (part() for part in parts))]
    folder = TemporaryFolder()
    room = _Room(KEPT_BYTES if is_alone else 0)
    scattering = [
        partial(_scattered, part, folder.path / f"{number}.arrow", schema, by, count, room)
        for number, part in enumerate(parts)
    ]
    places: list[list[Place | pa.RecordBatch]] = [[] for _ in range(count)]
    for number, place in chain(*in_processes(scattering, processes, WORTH_PROCESSES_OF_TEXTS)):
        places[number].append(place)
    return [_Gathered(of_one, schema, tuple(order), folder) for of_one in places]


@dataclass
class _Room:
    """The bytes that may still be kept in memory."""

    size_bytes: int


def _scattered(
    part: Part, path: Path, schema: pa.Schema, by: str, count: int, room: _Room
) -> Iterator[tuple[int, Place | pa.RecordBatch]]:
    """Keep a partition's rows while there is room, write the others to a file; yield their places by new partition."""
    with ExitStack() as stack:
        file = None
        left = 0
        for number, rows in _cut(part(), by, count):
            room.size_bytes -= rows.nbytes
            if room.size_bytes > 0:
                yield number, rows
                continue
            file = file or stack.enter_context(pa.ipc.new_file(str(path), schema))
            file.write_batch(rows)
            yield number, (str(path), left)
            left += 1


def _cut(batches: Iterable[pa.RecordBatch], by: str, count: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in order, in batches with the number of their new partition."""
    if count == 1:
        yield from ((0, batch) for batch in batches if batch.num_rows)
        return
    for block in gathered(filter(len, batches), HELD_BYTES, attrgetter("nbytes")):
        rows = pa.Table.from_batches(block)
        numbers = (_hashes_of(rows.column(by).combine_chunks()) % np.uint64(count)).astype(np.int64)
        bounds = _bounds_of_runs(numbers)
        if len(bounds) > count + 1 + len(numbers) // ROWS_OF_A_RUN:
            places = np.argsort(numbers, kind="stable")
            rows = rows.take(pa.array(places))
            numbers = numbers[places]
            bounds = _bounds_of_runs(numbers)
        for start, end in pairwise(bounds):
            yield from ((int(numbers[start]), some) for some in rows.slice(start, end - start).to_batches())


def _bounds_of_runs(numbers: NDArray[np.int64]) -> list[int]:
    """The start of each run of equal numbers, and the end of the last."""
    return [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]


def _hashes_of(values: pa.Array) -> Hashes:
    if pa.types.is_string(values.type):
        return xxhash64_of_texts(values.fill_null(""))
    return xxhash64_of(values.fill_null(0))


@dataclass(frozen=True)
class _Gathered:
    """The rows at some places as a partition. folder: the folder of their files, which lives as long as this object in
    the process that made it; other processes only read it."""

    places: list[Place | pa.RecordBatch]
    schema: pa.Schema
    order: tuple[str, ...]
    folder: TemporaryFolder

    def __call__(self) -> Iterator[pa.RecordBatch]:
        return _gathered(self.places, self.schema, self.order)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (_gathered, self.places, self.schema, self.order)


def _gathered(
    places: list[Place | pa.RecordBatch], schema: pa.Schema, order: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    opened = cache(lambda path: pa.ipc.open_file(pa.memory_map(path)))
    found = [opened(place[0]).get_batch(place[1]) if isinstance(place, tuple) else place for place in places]
    places.clear()  # from here on, the reader holds the rows
    if not order:
        yield from found
    elif [schema.field(name).type for name in order] == [pa.int8()]:
        yield from _one_after_the_other(found, order[0])
    else:
        rows = pa.Table.from_batches(found, schema)
        found.clear()
        rows = rows.combine_chunks()
        yield from _sorted(rows, order)


def _one_after_the_other(batches: list[pa.RecordBatch], by: str) -> Iterator[pa.RecordBatch]:
    """The rows sorted by a column of few numbers, in their own batches: a reader needs to hold only one at a time."""
    numbers = [set(batch.column(by).unique().to_pylist()) for batch in batches]
    for number in sorted(set().union(*numbers)):
        for place, found in enumerate(numbers):
            if number in found:
                batch = batches[place]
                if number == max(found):
                    batches[place] = None
                yield batch if len(found) == 1 else batch.filter(pc.equal(batch.column(by), number))


def _sorted(rows: pa.Table, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    keys = {}
    for name in order:
        column = rows.column(name)
        if column.null_count:
            keys[f"{name} is there"] = column.is_valid()
        keys[name] = column
    places = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    for start in range(0, len(places), ROWS_AT_ONCE):
        yield from rows.take(places[start : start + ROWS_AT_ONCE]).to_batches()


def texts_left(folder: str, by: str, text: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The task that writes texts, a line per row, to a file for each value of `by`; rows must be sorted by it."""
    held: list[pa.Array] = []
    number = None
    for batch in batches:
        numbers = batch.column(by).to_numpy()
        for start, end in pairwise(_bounds_of_runs(numbers)):
            if number is not None and numbers[start] != number:
                _leave(folder, by, number, held)
                held = []
            number = int(numbers[start])
            held.append(batch.column(text)[start:end])
    if number is not None:
        _leave(folder, by, number, held)
    yield from ()


def _leave(folder: str, by: str, number: int, texts: list[pa.Array]) -> None:
    lines = [pc.binary_join_element_wise(some, "", "\n") for some in texts]
    several = [memoryview(some.buffers()[2]) for some in lines]  # a new array's buffer contains only its own text
    content: Any = several[0] if len(several) == 1 and is_local(folder) else b"".join(several)  # a file accepts both
    storage_of(folder).write(join(folder, f"{by}={number}", "part-00000.txt"), content, private=True)
