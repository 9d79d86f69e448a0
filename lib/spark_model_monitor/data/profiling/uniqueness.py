"""Counts how often values occur: exact, in passes over the requested columns.

A pass sends 128-bit hashes, or the numbers themselves, of its part of the values to the driver; the number of parts
keeps a pass below 256 MB. Two different texts share 128 bits once in 10^20 data sets of a billion rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_decimals, format_texts, is_number
from spark_model_monitor.data.profiling.rule_scan import ColumnCells, FormulaEvaluator, list_positions
from spark_model_monitor.data.records.arrays import are_missing, drop_rejected
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
class ValueQuestion:
    """Whose values are counted. positions: of one column, or of several, whose values are counted together.

    where: the condition of its rows, with positions for columns; None: all rows.
    """

    positions: tuple[int, ...]
    where: Tree | None = None


@value_class
class ValueCounts:
    """How often values occur in the rows that have one.

    rows: the number of rows with a value.
    distinct: the number of different values.
    single: the number of values that occur once.
    weighted_logs: the sum over the values of n log n, where n is how often a value occurs.
    """

    rows: int = 0
    distinct: int = 0
    single: int = 0
    weighted_logs: float = 0.0

    def __add__(self, counts: ValueCounts) -> ValueCounts:
        """counts: of values none of which is among these."""
        return ValueCounts(
            self.rows + counts.rows,
            self.distinct + counts.distinct,
            self.single + counts.single,
            self.weighted_logs + counts.weighted_logs,
        )

    @property
    def entropy(self) -> float:
        """Shannon's, in nats; 0 without rows."""
        return float(np.log(self.rows)) - self.weighted_logs / self.rows if self.rows else 0.0


def count_values(
    dataset: Dataset, questions: Sequence[ValueQuestion], rows: int, pass_bytes: int = PASS_BYTES
) -> list[ValueCounts]:
    """The counts for each question. rows: of the data set. pass_bytes: maximum bytes that a pass sends to the driver."""
    if not questions:
        return []
    parts = max(1, -(-rows * len(questions) * KEY_BYTES // pass_bytes))
    positions = {position for question in questions for position in question.positions}
    positions |= {position for question in questions if question.where for position in list_positions(question.where)}
    names = [f"c{position}" for position in sorted(positions)]
    if dataset.reason:
        names.append(dataset.reason)
    table = dataset.table.selected(names, names)
    # Equal values have equal hashes, so a part by hash has all rows of a value
    counts = [ValueCounts() for _ in questions]
    for part in range(parts):
        task = partial(hash_partition, tuple(questions), dataset.reason, parts, part)
        keys = pa.Table.from_batches(table.mapped(task, SCHEMA).batches(), SCHEMA)
        for index in range(len(questions)):
            question_keys = keys.filter(pc.equal(keys["column"], index))
            counts[index] += _count_keys(question_keys["first"].to_numpy(), question_keys["second"].to_numpy())
    return counts


def hash_partition(
    questions: tuple[ValueQuestion, ...], reason: str | None, parts: int, part: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Keys that identify the present values of kept rows, for one part of all values. Runs on executors."""
    for batch in batches:
        accepted = drop_rejected(batch, reason)
        for index, question in enumerate(questions):
            rows = accepted
            if question.where is not None:
                rows = accepted.filter(_flag_rows(question.where, accepted))
            first, second = _hash_columns([rows.column(f"c{position}") for position in question.positions])
            in_part = first % np.uint64(parts) == part
            first = first[in_part].view(np.int64)
            second = second[in_part].view(np.int64)
            yield pa.RecordBatch.from_arrays([np.full(len(first), index, np.int32), first, second], schema=SCHEMA)


def _flag_rows(where: Tree, batch: pa.RecordBatch) -> pa.BooleanArray:
    def make_cells(position: int) -> ColumnCells:
        cells = batch.column(f"c{position}")
        if is_number(cells.type):
            return ColumnCells(convert_decimals(cells), is_text=False, accept_exponents=True)
        return ColumnCells(format_texts(cells), is_text=True, accept_exponents=True)

    return FormulaEvaluator(make_cells, batch.num_rows).flag_rows(where)


def _hash_columns(columns: Sequence[pa.Array]) -> tuple[Hashes, Hashes]:
    """Two numbers for each value that is present, which identify it."""
    cells = columns[0] if len(columns) == 1 else _join_columns(columns)
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


def _join_columns(columns: Sequence[pa.Array]) -> pa.Array:
    """The values of each row as one text, with their lengths, so that no two rows share one; null if all are missing."""
    pieces = []
    have_no_value = np.ones(len(columns[0]), bool)
    for cells in columns:
        texts = format_texts(cells)
        have_no_value &= are_missing(texts)
        pieces += [pc.fill_null(pc.utf8_length(texts).cast(pa.string()), "-"), pc.fill_null(texts, "")]
    joined = pc.binary_join_element_wise(*pieces, ":")
    return pc.if_else(pa.array(have_no_value), None, joined)


def _count_keys(first: Integers, second: Integers) -> ValueCounts:
    if not len(first):
        return ValueCounts()
    # Equal keys stand together
    order = np.lexsort((second, first))
    first = first[order]
    second = second[order]
    # Each new key begins a run of equal ones
    is_new = np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1]))
    occurrences = np.diff(np.append(np.flatnonzero(is_new), len(first)))
    weighted_logs = float((occurrences * np.log(occurrences)).sum())
    return ValueCounts(len(first), len(occurrences), int((occurrences == 1).sum()), weighted_logs)
