"""Counts rows whose value also occurs in another row: exact, in passes over the requested columns.

A pass sends 128-bit hashes, or the numbers themselves, of its part of the values to the driver; the number of parts
keeps a pass below 256 MB. Two different texts share 128 bits once in 10^20 data sets of a billion rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import drop_rejected
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

KEY_BYTES = 16
PASS_BYTES = 2**28

SCHEMA = pa.schema([("column", pa.int32()), ("first", pa.int64()), ("second", pa.int64())])


def count_repeated_rows(
    dataset: Dataset, positions: Sequence[int], rows: int, pass_bytes: int = PASS_BYTES
) -> Mapping[int, int]:
    """By column position, the number of present rows whose value also occurs in another row. rows: number of kept rows.

    pass_bytes: maximum bytes that a pass sends to the driver.
    """
    if not positions:
        return {}
    parts = max(1, -(-rows * len(positions) * KEY_BYTES // pass_bytes))
    names = [f"c{position}" for position in positions]
    if dataset.reason:
        names.append(dataset.reason)
    table = dataset.table.selected(names, names)
    # Equal values have equal hashes, so a part by hash has all rows of a value
    repeated = dict.fromkeys(positions, 0)
    for part in range(parts):
        task = partial(hash_partition, tuple(positions), dataset.reason, parts, part)
        keys = pa.Table.from_batches(table.mapped(task, SCHEMA).batches(), SCHEMA)
        for position in positions:
            column_keys = keys.filter(pc.equal(keys["column"], position))
            repeated[position] += _count_repeated(column_keys["first"].to_numpy(), column_keys["second"].to_numpy())
    return repeated


def hash_partition(
    positions: tuple[int, ...], reason: str | None, parts: int, part: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Keys that identify the present values of kept rows, for one part of all values."""
    for batch in batches:
        accepted = drop_rejected(batch, reason)
        for position in positions:
            first, second = _hash_cells(accepted.column(f"c{position}"))
            in_part = first % np.uint64(parts) == part
            column = np.full(int(in_part.sum()), position, np.int32)
            arrays = map(pa.array, (column, first[in_part].view(np.int64), second[in_part].view(np.int64)))
            yield pa.RecordBatch.from_arrays([*arrays], schema=SCHEMA)


def _hash_cells(cells: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    if pa.types.is_floating(cells.type):
        cells = cells.filter(pc.fill_null(pc.invert(pc.is_nan(cells)), False)).cast(pa.float64())
        # A number is its own identity; its hash only decides the part
        numbers = np.asarray(cells.to_numpy(zero_copy_only=False)) + 0.0  # -0 is 0
        return xxhash64(numbers), numbers.view(np.uint64)
    if pa.types.is_integer(cells.type):
        integers = np.asarray(cells.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False))
        return xxhash64(integers), integers.view(np.uint64)
    # The text backwards has another hash, independent of the first
    texts = cells.drop_null().cast(pa.string())
    return hash_texts(texts), hash_texts(pc.binary_reverse(texts.cast(pa.binary())).view(pa.string()))


def _count_repeated(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    # Equal keys stand together: a key repeats if it equals the one before or behind it
    order = np.lexsort((second, first))
    first = first[order]
    second = second[order]
    same = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    return int(np.count_nonzero(np.append(same, False) | np.append(False, same)))
