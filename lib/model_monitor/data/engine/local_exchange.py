"""Rows brought together by a column, through files of this machine: a process holds no more than one partition of them.

Each partition leaves its rows in a file, by the new partition that they go to; each of those then takes its own out of every
file. Rows are in the order that Spark gives them: nulls first, texts by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.engine.partitions import Part, in_processes
from model_monitor.statistics.states.hashing import Hashes, xxhash64_of, xxhash64_of_texts
from model_monitor.storage import storage_of
from model_monitor.storage.files import TemporaryFolder, join

HELD_BYTES, ENOUGH_BYTES = 32 * 2**20, 8 * 2**20
"""Rows that a partition holds before it leaves them in its file, and those of a batch that needs no others."""

PLACES = pa.schema([("partition", pa.int64()), ("path", pa.string()), ("batch", pa.int64())])
"""Where rows lie: for which new partition, in which file, and which batch there."""

Place = tuple[str, int]


def brought_together(
    parts: Sequence[Part], schema: pa.Schema, by: str, order: Sequence[str], count: int, processes: int | None
) -> list[Part]:
    """So many partitions, each with all rows of some values of `by`, a text or an integer, sorted by `order`.

    The rows are made now; the files that they lie in are gone with the partitions.
    """
    folder = TemporaryFolder()
    scattering = [
        partial(_scattered, part, folder.path / f"{number}.arrow", schema, by, count)
        for number, part in enumerate(parts)
    ]
    places: list[list[Place]] = [[] for _ in range(count)]
    for batches in in_processes(scattering, processes):
        for place in pa.Table.from_batches(batches, PLACES).to_pylist():
            places[place["partition"]].append((place["path"], place["batch"]))
    return [_Gathered(tuple(of_one), schema, tuple(order), folder) for of_one in places]


def _scattered(part: Part, path: Path, schema: pa.Schema, by: str, count: int) -> Iterator[pa.RecordBatch]:
    """Leave the rows of a partition in a file, and say where."""
    partitions: list[int] = []
    with pa.ipc.new_file(str(path), schema) as file:
        for number, rows in _cut(part(), by, count):
            file.write_batch(rows)
            partitions.append(number)
    columns = partitions, [str(path)] * len(partitions), range(len(partitions))
    yield pa.RecordBatch.from_pydict(dict(zip(PLACES.names, columns, strict=True)), PLACES)


def _cut(batches: Iterable[pa.RecordBatch], by: str, count: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in order, with the new partition that each batch of them is for."""
    if count == 1:
        yield from ((0, batch) for batch in batches if batch.num_rows)
        return
    for rows in _blocks(batches):
        numbers = (_hashes_of(rows.column(by)) % np.uint64(count)).astype(np.int64)
        bounds = _bounds_of_runs(numbers)
        if len(bounds) > count + 1:
            places = np.argsort(numbers, kind="stable")
            rows, numbers = rows.take(pa.array(places)), numbers[places]
            bounds = _bounds_of_runs(numbers)
        yield from ((int(numbers[start]), rows.slice(start, end - start)) for start, end in pairwise(bounds))


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if batch.nbytes >= ENOUGH_BYTES:
            yield batch
            continue
        if batch.num_rows:
            held.append(batch)
            size += batch.nbytes
        if size >= HELD_BYTES:
            yield _as_one(held)
            held, size = [], 0
    if held:
        yield _as_one(held)


def _as_one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def _bounds_of_runs(numbers: NDArray[np.int64]) -> list[int]:
    """Where each run of one number begins, and the end of the last."""
    return [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]


def _hashes_of(values: pa.Array) -> Hashes:
    if pa.types.is_string(values.type):
        return xxhash64_of_texts(values.fill_null(""))
    return xxhash64_of(values.fill_null(0))


@dataclass(frozen=True)
class _Gathered:
    """The rows at some places as a partition. folder: what they lie in, which stays as long as this does in the process that
    made it; the others only read there."""

    places: tuple[Place, ...]
    schema: pa.Schema
    order: tuple[str, ...]
    folder: TemporaryFolder

    def __call__(self) -> Iterator[pa.RecordBatch]:
        return _gathered(self.places, self.schema, self.order)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (_gathered, self.places, self.schema, self.order)


def _gathered(places: Sequence[Place], schema: pa.Schema, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    found = []
    for path, batches in groupby(places, key=lambda place: place[0]):
        file = pa.ipc.open_file(pa.memory_map(path))
        found += [file.get_batch(number) for _, number in batches]
    [first, *others] = order
    if schema.field(first).type == pa.int8() and not others:
        yield from _one_after_the_other(found, first)
    else:
        yield from _sorted(pa.Table.from_batches(found, schema), order)


def _one_after_the_other(batches: Sequence[pa.RecordBatch], by: str) -> Iterator[pa.RecordBatch]:
    """The rows sorted by a column of few numbers, as the batches that they lie in: whoever takes one at a time holds one."""
    numbers = [batch.column(by).unique().to_pylist() for batch in batches]
    for number in sorted({each for found in numbers for each in found}):
        for batch, found in zip(batches, numbers, strict=True):
            if number in found:
                yield batch if len(found) == 1 else batch.filter(pc.equal(batch.column(by), number))


def _sorted(rows: pa.Table, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    keys = {}
    for name in order:
        column = rows.column(name)
        if column.null_count:
            keys[f"{name} is there"] = column.is_valid()
        keys[name] = column
    places = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    yield from rows.take(places).combine_chunks().to_batches()


def texts_left(folder: str, by: str, text: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The task that writes the texts of rows, a line each, to a file for each value of `by`; the rows are sorted by it first."""
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
    content = b"".join(memoryview(some.buffers()[2]) for some in lines)  # of an array that was just made, nothing else
    storage_of(folder).write(join(folder, f"{by}={number}", "part-00000.txt"), content)
