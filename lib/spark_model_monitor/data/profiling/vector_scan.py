"""Columns of arrays and vectors: values as Spark's SQL prepares them, and their states. Imported only if needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.profiling.scan_plan import (
    ELEMENTS,
    NAN_ELEMENTS,
    NORM,
    NULL_ELEMENTS,
    Block,
    ColumnPlan,
    ScanPlan,
)
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics.states import DataTypeCounts, MomentsBuilder, State, VectorCounts
from spark_model_monitor.statistics.states.vectors import VectorMomentsBuilder


class VectorGatherer:
    """Lengths, missing elements, and moments of norms and components of a column of arrays or vectors."""

    def __init__(self, column: ColumnPlan, _: ScanPlan) -> None:
        self._column, self._components = column, VectorMomentsBuilder()
        self._counts = VectorCounts()
        self._norms = MomentsBuilder()

    def update(self, block: Block) -> None:
        # The column's cells are the vectors' lengths, their elements stand in a column of their own
        lengths = block.cells(self._column)
        self._counts += VectorCounts.of(
            lengths.drop_null().to_numpy(),
            block.counts(NULL_ELEMENTS, self._column).drop_null().to_numpy(),
            block.counts(NAN_ELEMENTS, self._column).drop_null().to_numpy(),
            missing=lengths.null_count,
        )
        norms = block.counts(NORM, self._column)
        self._norms.update(norms.drop_null().to_numpy(), missing=norms.null_count)
        elements = block.counts(ELEMENTS, self._column).flatten()
        self._components.update(elements.to_numpy(zero_copy_only=False), lengths.drop_null().to_numpy())

    def states(self) -> Iterator[State]:
        yield DataTypeCounts(missing=self._counts.missing, unknown=self._counts.vectors)
        yield self._counts
        yield self._norms.state()
        yield self._components.state()


def measure_vectors(cells: pa.Array) -> tuple[pa.Array, ...]:
    """Length, missing elements, NaN elements, Euclidean norm and elements of each vector; null for a missing vector."""
    present = cells.drop_null()
    missing = are_missing(cells)
    elements = present.flatten()
    lengths = pc.list_value_length(present).to_numpy(zero_copy_only=False)
    # All elements stand in a row; where each vector begins
    first = np.concatenate([[0], np.cumsum(lengths)])
    is_number = pa.types.is_integer(elements.type) or pa.types.is_floating(elements.type)
    norms: NDArray[np.float64] = np.full(len(present), np.nan)
    nan: NDArray[np.bool_] = np.zeros(len(elements), bool)
    if is_number:
        numbers = pc.fill_null(pc.cast(elements, pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        if pa.types.is_floating(elements.type):
            nan = np.isnan(numbers)
        norms = np.sqrt(_sum_runs(numbers * numbers, first[:-1], lengths))
    # Missing and NaN elements of each vector, as differences of the counts up to its ends
    counts = [np.concatenate([[0], np.cumsum(flags)]) for flags in (are_missing(elements), nan)]
    counts_by_vector = [lengths, *(count[first[1:]] - count[first[:-1]] for count in counts)]
    columns = [_insert_nulls(values.astype(np.int32), missing) for values in counts_by_vector]
    doubles = pa.list_(pa.float64())
    if not is_number:
        return (*columns, pa.nulls(len(cells), pa.float64()), pa.nulls(len(cells), doubles))
    return (*columns, _insert_nulls(norms, missing), cells.cast(doubles))


def _sum_runs(
    numbers: NDArray[np.float64], starts: NDArray[np.int64], lengths: NDArray[np.int32]
) -> NDArray[np.float64]:
    """The sum of each run of numbers, added from left to right, as in Spark."""
    sums = np.zeros(len(lengths))
    # The first elements of all vectors, then the second ones: the order in which Spark adds, and few steps
    for index in range(int(lengths.max(initial=0))):
        longer = np.flatnonzero(lengths > index)
        sums[longer] += numbers[starts[longer] + index]
    return sums


def _insert_nulls(values: NDArray[np.generic], missing: NDArray[np.bool_]) -> pa.Array:
    """The values of present cells, with null for missing cells."""
    spread = np.zeros(len(missing), values.dtype)
    spread[~missing] = values
    return pa.array(spread, mask=missing)
