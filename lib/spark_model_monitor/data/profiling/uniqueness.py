"""Counts exactly how often values occur, in passes over the requested columns.

A pass sends a part of the values to the driver, as 128-bit hashes or as the numbers themselves. The number of parts is so large
that a pass sends at most 256 MB. Two different texts have the same 128 bits once in 10^20 data sets of a billion rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_decimals, format_texts, is_number
from spark_model_monitor.data.profiling.rule_scan import ColumnCells, FormulaEvaluator, list_positions
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.data.records.refusals import REASON, drop_rejected
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics import Hashes, Integers
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

KEY_BYTES = 16
PASS_BYTES = 2**28

SCHEMA = pa.schema([("column", pa.int32()), ("first", pa.int64()), ("second", pa.int64())])


@value_class
class ValueCountRequest:
    """The columns and rows whose values are counted. positions: the position of a column, or of several columns whose values are
    counted together. where: the condition that rows must meet, with positions for columns; None: all rows count.
    """

    positions: tuple[int, ...]
    where: Tree | None = None


@value_class
class ValueCounts:
    """How often values occur in the rows that have one.

    rows: the number of rows that have a value.
    distinct: the number of different values.
    num_singletons: the number of values that occur once.
    weighted_logs: the sum of n log n over the values, where n is the number of occurrences of a value.
    """

    rows: int = 0
    distinct: int = 0
    num_singletons: int = 0
    weighted_logs: float = 0.0

    def __add__(self, counts: ValueCounts) -> ValueCounts:
        """The counts of both sets of values together. counts: has no value in common with these."""
        return ValueCounts(
            self.rows + counts.rows,
            self.distinct + counts.distinct,
            self.num_singletons + counts.num_singletons,
            self.weighted_logs + counts.weighted_logs,
        )

    @property
    def entropy(self) -> float:
        """Shannon's entropy of the values in nats, log(rows) - weighted_logs / rows; 0 without rows."""
        if not self.rows:
            return 0.0
        return float(np.log(self.rows)) - self.weighted_logs / self.rows


def count_values(
    dataset: Dataset, requests: Sequence[ValueCountRequest], rows: int, pass_bytes: int = PASS_BYTES
) -> list[ValueCounts]:
    """The counts for each request. rows: the data set's number of rows. pass_bytes: most bytes of a pass to the driver."""
    if not requests:
        return []
    part_count = max(1, math.ceil(rows * len(requests) * KEY_BYTES / pass_bytes))
    positions = {position for request in requests for position in request.positions}
    positions |= {position for request in requests if request.where for position in list_positions(request.where)}
    names = [f"c{position}" for position in sorted(positions)]
    if REASON in dataset.table.columns:
        names.append(REASON)
    table = dataset.table.select_columns(names, names)
    counts = [ValueCounts() for _ in requests]
    # The parts are chosen by hash, so all rows with a value are in the same part
    for part in range(part_count):
        task = partial(hash_partition, tuple(requests), part_count, part)
        keys = pa.Table.from_batches(table.map_batches(task, SCHEMA).batches(), SCHEMA)
        for index in range(len(requests)):
            request_keys = keys.filter(pc.equal(keys["column"], index))
            counts[index] += _count_keys(request_keys["first"].to_numpy(), request_keys["second"].to_numpy())
    return counts


def hash_partition(
    requests: tuple[ValueCountRequest, ...], part_count: int, part: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The keys that identify the present values of accepted rows, for one part of all values. Runs on executors."""
    for batch in batches:
        accepted = drop_rejected(batch)
        for index, request in enumerate(requests):
            rows = accepted
            if request.where is not None:
                rows = accepted.filter(_flag_rows(request.where, accepted))
            first_hashes, second_hashes = _hash_columns([rows.column(f"c{position}") for position in request.positions])
            in_part = first_hashes % np.uint64(part_count) == part
            first_hashes = first_hashes[in_part].view(np.int64)
            second_hashes = second_hashes[in_part].view(np.int64)
            yield pa.RecordBatch.from_arrays(
                [np.full(len(first_hashes), index, np.int32), first_hashes, second_hashes], schema=SCHEMA
            )


def _flag_rows(where: Tree, batch: pa.RecordBatch) -> pa.BooleanArray:
    def make_cells(position: int) -> ColumnCells:
        cells = batch.column(f"c{position}")
        if is_number(cells.type):
            return ColumnCells(convert_decimals(cells), is_text=False, accept_exponents=True)
        return ColumnCells(format_texts(cells), is_text=True, accept_exponents=True)

    return FormulaEvaluator(make_cells, batch.num_rows).flag_rows(where)


def _hash_columns(columns: Sequence[pa.Array]) -> tuple[Hashes, Hashes]:
    """For each present value, two numbers that identify it."""
    cells = columns[0] if len(columns) == 1 else _join_columns(columns)
    if pa.types.is_floating(cells.type):
        cells = cells.filter(pc.fill_null(pc.invert(pc.is_nan(cells)), False)).cast(pa.float64())
        # A number identifies itself; its hash only decides in which part it is
        numbers = np.asarray(cells) + 0.0  # turns -0 into 0
        return xxhash64(numbers), numbers.view(np.uint64)
    if pa.types.is_integer(cells.type):
        integers = np.asarray(cells.drop_null().cast(pa.int64()))
        return xxhash64(integers), integers.view(np.uint64)
    # The second hash is that of the reversed text, which is independent of the first
    texts = cells.drop_null().cast(pa.string())
    return hash_texts(texts), hash_texts(pc.binary_reverse(texts.cast(pa.binary())).view(pa.string()))


def _join_columns(columns: Sequence[pa.Array]) -> pa.Array:
    """For each row: its values with their lengths as one text, so that different rows have different texts; null if all values
    are missing.
    """
    texts_and_lengths = []
    is_empty = np.ones(len(columns[0]), bool)
    for cells in columns:
        texts = format_texts(cells)
        is_empty &= are_missing(texts)
        texts_and_lengths += [pc.fill_null(pc.utf8_length(texts).cast(pa.string()), "-"), pc.fill_null(texts, "")]
    row_texts = pc.binary_join_element_wise(*texts_and_lengths, ":")
    return pc.if_else(is_empty, None, row_texts)


def _count_keys(first_hashes: Integers, second_hashes: Integers) -> ValueCounts:
    if not len(first_hashes):
        return ValueCounts()
    # Sorted, so that equal keys are neighbours
    order = np.lexsort((second_hashes, first_hashes))
    first_hashes = first_hashes[order]
    second_hashes = second_hashes[order]
    # A key that differs from the key before begins a run of equal keys
    is_new = np.append(True, (first_hashes[1:] != first_hashes[:-1]) | (second_hashes[1:] != second_hashes[:-1]))
    occurrences = np.diff(np.append(np.flatnonzero(is_new), len(first_hashes)))
    weighted_logs = float((occurrences * np.log(occurrences)).sum())
    return ValueCounts(len(first_hashes), len(occurrences), int((occurrences == 1).sum()), weighted_logs)
