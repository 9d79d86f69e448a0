"""What `columns.py` prepares in Spark's SQL, of typed Arrow columns: keys of texts, hashes, and counts of elements. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.engine.local_tables import number_of, text_of
from model_monitor.data.engine.protocol import PARTITION
from model_monitor.data.profiling.plan import (
    CELLS,
    HASH,
    NAN_ELEMENTS,
    NORM,
    NULL_ELEMENTS,
    REASON,
    VALUE,
    ColumnPlan,
    ScanPlan,
    keys_of,
)
from model_monitor.statistics.states import ColumnType
from model_monitor.statistics.states.hashing import Hashes, xxhash64_of, xxhash64_of_texts

DIGITS_OF_LONG = 18
"""Of a decimal that Spark hashes as a number of 64 bits. Source: HashExpression of Spark 3.5."""


def column_type(data_type: pa.DataType) -> ColumnType:
    """The kind of column that a type is to us, as `columns.column_type` has it of Spark's."""
    types = pa.types
    if types.is_string(data_type) or types.is_large_string(data_type):
        return ColumnType.TEXT
    if types.is_integer(data_type):
        return ColumnType.INTEGRAL
    if types.is_floating(data_type):
        return ColumnType.FRACTIONAL
    if types.is_decimal(data_type):
        return ColumnType.INTEGRAL if data_type.scale == 0 else ColumnType.FRACTIONAL
    if types.is_boolean(data_type):
        return ColumnType.BOOLEAN
    if types.is_date(data_type):
        return ColumnType.DATE
    if types.is_timestamp(data_type):
        return ColumnType.TIMESTAMP
    return ColumnType.VECTOR if types.is_list(data_type) else ColumnType.NESTED


def columns_of(
    schema: pa.Schema, names: Sequence[str], counted: frozenset[str], positions: Iterable[int]
) -> tuple[ColumnPlan, ...]:
    """The plans of the columns at some positions; as `columns.columns_of` has them."""
    plans = []
    for position in positions:
        data_type = schema.field(f"c{position}").type
        hashed = data_type_is_hashed(data_type)
        plans.append(ColumnPlan(position, column_type(data_type), hashed, names[position] in counted))
    return tuple(plans)


def data_type_is_hashed(data_type: pa.DataType) -> bool:
    """Whether hashes come along: numbers of fixed width and texts are hashed where they are gathered."""
    kinds = (pa.types.is_decimal, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)
    return any(is_kind(data_type) for is_kind in kinds)


def prepared(
    plan: ScanPlan, reason: str | None, cells: str | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The batches of a partition with what gatherers want of the plan's columns; as `columns.prepared`."""
    for batch in batches:
        columns = {PARTITION: batch.column(PARTITION)}
        if reason:
            columns[REASON] = batch.column(reason)
        if cells and plan.counts_cells:
            columns[CELLS] = batch.column(cells)
        if plan.metadata:
            columns[plan.metadata.line] = batch.column(plan.metadata.line)
        for column in plan.columns:
            columns |= _prepared(batch.column(f"c{column.position}"), column)
        yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _prepared(cells: pa.Array, plan: ColumnPlan) -> dict[str, pa.Array]:
    at = plan.position
    if plan.column_type is ColumnType.NESTED:
        return {f"{VALUE}{at}": pc.if_else(cells.is_valid(), True, None)}
    if plan.column_type is ColumnType.VECTOR:
        names = (VALUE, NULL_ELEMENTS, NAN_ELEMENTS, NORM)
        return {f"{name}{at}": values for name, values in zip(names, _of_vectors(cells), strict=True)}
    prepared = {f"{VALUE}{at}": text_of(cells) if plan.is_text else number_of(cells)}
    if plan.is_text:
        prepared[f"{VALUE}{at}"] = keys_of(prepared[f"{VALUE}{at}"])
    if plan.hashed_by_spark:
        hashes = np.zeros(len(cells), np.int64)
        hashes[~_missing(cells)] = _hashes(cells.drop_null()).view(np.int64)
        prepared[f"{HASH}{at}"] = pa.array(hashes, mask=_missing(cells))
    return prepared


def _hashes(present: pa.Array) -> Hashes:
    if not pa.types.is_decimal(present.type):
        return xxhash64_of(present)
    encoded = present.dictionary_encode()
    scale = present.type.scale
    unscaled = [int(value.scaleb(scale)) for value in encoded.dictionary.to_pylist()]
    if present.type.precision <= DIGITS_OF_LONG:
        hashes = xxhash64_of(np.array(unscaled, np.int64))
    else:  # the bytes of Java's BigInteger
        as_bytes = [
            number.to_bytes((number + (number < 0)).bit_length() // 8 + 1, "big", signed=True) for number in unscaled
        ]
        hashes = xxhash64_of_texts(pa.array(as_bytes, pa.binary()).view(pa.string()))
    of_each: Hashes = hashes[encoded.indices.to_numpy()]
    return of_each


def _of_vectors(cells: pa.Array) -> tuple[pa.Array, ...]:
    """Length, missing elements, NaN among them and Euclidean length of each vector; null where it is missing."""
    present, missing = cells.drop_null(), _missing(cells)
    elements = present.flatten()
    lengths = pc.list_value_length(present).to_numpy(zero_copy_only=False)
    first = np.concatenate([[0], np.cumsum(lengths)])
    is_number = pa.types.is_integer(elements.type) or pa.types.is_floating(elements.type)
    norms: NDArray[np.float64] = np.full(len(present), np.nan)
    nan: NDArray[np.bool_] = np.zeros(len(elements), bool)
    if is_number:
        numbers = pc.fill_null(pc.cast(elements, pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        nan = np.isnan(numbers) if pa.types.is_floating(elements.type) else nan
        norms = np.sqrt(_sums(numbers * numbers, first[:-1], lengths))
    counts = [np.concatenate([[0], np.cumsum(flags)]) for flags in (_missing(elements), nan)]
    of_each = [lengths, *(count[first[1:]] - count[first[:-1]] for count in counts)]
    columns = [_spread(values.astype(np.int32), missing) for values in of_each]
    nothing = pa.nulls(len(cells), pa.float64())
    return (*columns, _spread(norms, missing) if is_number else nothing)


def _sums(numbers: NDArray[np.float64], starts: NDArray[np.int64], lengths: NDArray[np.int32]) -> NDArray[np.float64]:
    """The sum of each run of numbers from left to right, as Spark adds them."""
    sums = np.zeros(len(lengths))
    for place in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > place)
        sums[longer] += numbers[starts[longer] + place]
    return sums


def _missing(cells: pa.Array) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = cells.is_null().to_numpy(zero_copy_only=False)
    return missing


def _spread(values: NDArray[np.generic], missing: NDArray[np.bool_]) -> pa.Array:
    """The values of present cells, null where one is missing."""
    spread = np.zeros(len(missing), values.dtype)
    spread[~missing] = values
    return pa.array(spread, mask=missing)
