"""The states of columns of arrays and vectors. Imported only if needed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_to_doubles
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states import DataTypeCounts, MomentsBuilder, State, VectorCounts
from spark_model_monitor.statistics.states.vectors import VectorMomentsBuilder


class VectorGatherer:
    """Computes lengths, missing elements, and moments of norms and components for a column of arrays or vectors."""

    def __init__(self, column: ColumnPlan, _: ScanPlan) -> None:
        self._column = column
        self._components = VectorMomentsBuilder()
        self._counts = VectorCounts()
        self._norms = MomentsBuilder()

    def update(self, block: Block) -> None:
        cells = block.cells(self._column)
        present = cells.drop_null()
        components = present.flatten()
        lengths = pc.list_value_length(present).to_numpy()
        # The missing components and the NaN components of each vector
        is_nan = np.zeros(len(components), bool)
        if pa.types.is_floating(components.type):
            is_nan = pc.fill_null(pc.is_nan(components), False).to_numpy(zero_copy_only=False)
        vectors = np.repeat(np.arange(len(lengths)), lengths)
        null_elements, nan_elements = (
            np.bincount(vectors[flags], minlength=len(lengths)) for flags in (are_missing(components), is_nan)
        )
        self._counts += VectorCounts.of(lengths, null_elements, nan_elements, missing=cells.null_count)
        # Vectors whose elements aren't numbers have no norms
        norms = block.compute_once(("norms", self._column.position), lambda: compute_norms(cells))
        if not _are_numbers(components):
            self._norms.update(np.empty(0), missing=len(cells))
            self._components.update(np.empty(0), lengths)
        else:
            # Without its missing elements a vector is shorter than it is
            norms = np.where(null_elements > 0, np.nan, norms[~are_missing(cells)])
            self._norms.update(norms, missing=cells.null_count)
            self._components.update(convert_to_doubles(components), lengths)

    def states(self) -> Iterator[State]:
        yield DataTypeCounts(missing=self._counts.missing, unknown=self._counts.vectors)
        yield self._counts
        yield self._norms.state()
        yield self._components.state()


def compute_norms(cells: pa.Array) -> Doubles:
    """The Euclidean norm of each vector, without its missing elements; NaN for a missing vector or a vector without numbers."""
    norms = np.full(len(cells), np.nan)
    present = cells.drop_null()
    components = present.flatten()
    if _are_numbers(components):
        numbers = np.asarray(pc.fill_null(pc.cast(components, pa.float64()), 0.0))
        lengths = pc.list_value_length(present).to_numpy()
        norms[~are_missing(cells)] = np.sqrt(_sum_runs(numbers * numbers, lengths))
    return norms


def _are_numbers(components: pa.Array) -> bool:
    return bool(pa.types.is_integer(components.type) or pa.types.is_floating(components.type))


def _sum_runs(numbers: Doubles, lengths: Integers) -> Doubles:
    """The sum of each run of numbers, added from left to right, as in Spark."""
    starts = np.cumsum(lengths) - lengths
    sums = np.zeros(len(lengths))
    # The first elements of all vectors are added, then the second elements, and so on: Spark's order, in few steps
    for index in range(int(lengths.max(initial=0))):
        longer_vectors = np.flatnonzero(lengths > index)
        sums[longer_vectors] += numbers[starts[longer_vectors] + index]
    return sums
