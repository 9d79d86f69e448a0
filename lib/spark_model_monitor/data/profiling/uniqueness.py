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

from spark_model_monitor.statistics.states.hashing import xxhash64_of, xxhash64_of_texts

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

KEY_BYTES = 16
PASS_BYTES = 2**28

SCHEMA = pa.schema([("column", pa.int32()), ("first", pa.int64()), ("second", pa.int64())])


def repeated_rows(
    dataset: Dataset, positions: Sequence[int], rows: int, pass_bytes: int = PASS_BYTES
) -> Mapping[int, int]:
    """By column position, the number of present rows whose value also occurs in another row. rows: number of kept rows.

    pass_bytes: maximum bytes that a pass sends to the driver.
    """
    if not positions:
        return {}
    parts = max(1, -(-rows * len(positions) * KEY_BYTES // pass_bytes))
    names = [f"c{position}" for position in positions] + ([dataset.reason] if dataset.reason else [])
    table = dataset.table.selected(names, names)
    found = dict.fromkeys(positions, 0)
    for part in range(parts):
        task = partial(keys_of_partition, tuple(positions), dataset.reason, parts, part)
        keys = pa.Table.from_batches(table.mapped(task, SCHEMA).batches(), SCHEMA)
        for position in positions:
            own = keys.filter(pc.equal(keys["column"], position))
            found[position] += _repeated(own["first"].to_numpy(), own["second"].to_numpy())
    return found


def keys_of_partition(
    positions: tuple[int, ...], reason: str | None, parts: int, part: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Keys that identify the present values of kept rows, for one part of all values."""
    for batch in batches:
        if reason:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        else:
            kept = batch
        for position in positions:
            first, second = _keys(kept.column(f"c{position}"))
            own = first % np.uint64(parts) == part
            column = np.full(int(own.sum()), position, np.int32)
            arrays = map(pa.array, (column, first[own].view(np.int64), second[own].view(np.int64)))
            yield pa.RecordBatch.from_arrays([*arrays], schema=SCHEMA)


def _keys(cells: pa.Array) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    if pa.types.is_floating(cells.type):
        cells = cells.filter(pc.fill_null(pc.invert(pc.is_nan(cells)), False)).cast(pa.float64())
        numbers = np.asarray(cells.to_numpy(zero_copy_only=False)) + 0.0  # -0 is 0
        return xxhash64_of(numbers), numbers.view(np.uint64)
    if pa.types.is_integer(cells.type):
        whole = np.asarray(cells.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False))
        return xxhash64_of(whole), whole.view(np.uint64)
    texts = cells.drop_null().cast(pa.string())
    return xxhash64_of_texts(texts), xxhash64_of_texts(pc.binary_reverse(texts.cast(pa.binary())).view(pa.string()))


def _repeated(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    order = np.lexsort((second, first))
    first = first[order]
    second = second[order]
    same = (first[1:] == first[:-1]) & (second[1:] == second[:-1])
    return int(np.count_nonzero(np.append(same, False) | np.append(False, same)))
