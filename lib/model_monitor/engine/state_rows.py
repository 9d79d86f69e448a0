"""States on their way from executors to the driver: rows of Arrow batches, and their sums. Pure; runs on both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa

from model_monitor.statistics.states import State, decode, sum_of

STATES_PER_BATCH = 64
"""States that leave in one Arrow batch: a KLL sketch has up to 45 KB (P3)."""

STATE_SCHEMA = pa.schema(
    [("feature", pa.int32()), ("kind", pa.string()), ("partition", pa.int32()), ("state", pa.binary())]
)


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state on its way to the driver. feature: position of its column, or FEATURE_OF_ROWS."""

    feature: int
    kind: str
    partition: int
    state: bytes


def batch_of_states(rows: list[StateRow]) -> pa.RecordBatch:
    """States as they leave the executor."""
    columns = [
        [row.feature for row in rows],
        [row.kind for row in rows],
        [row.partition for row in rows],
        [row.state for row in rows],
    ]
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, STATE_SCHEMA, strict=True)], schema=STATE_SCHEMA
    )


def rows_of_states(batches: Iterable[pa.RecordBatch]) -> Iterator[StateRow]:
    """What `batch_of_states` made batches of."""
    for batch in batches:
        for row in batch.to_pylist():
            yield StateRow(**row)


def fold(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sum of each (feature, kind), in the order of partitions; rows come sorted by feature, kind and partition."""
    found: list[StateRow] = []
    for (feature, kind), rows in groupby(rows_of_states(batches), key=lambda row: (row.feature, row.kind)):
        found.append(StateRow(feature, kind, 0, added(row.state for row in rows).to_bytes()))
        if len(found) >= STATES_PER_BATCH:
            yield batch_of_states(found)
            found = []
    yield batch_of_states(found)


def added(blobs: Iterable[bytes]) -> State:
    """The sum of encoded states from left to right."""
    return sum_of(map(decode, blobs))
