"""Rows of cells decoded from lines, on executors: results of decoders, batches of these, and matching of columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from enum import Enum
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import Reasons, concat_rows, take_rows
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY, LINE, LOCATION_COLUMNS
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal, decode_ranges, read_reasons
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.value_class import value_class

NUMBER = re.compile(r"-\d+|[-+]?\d+\.\d+")  # a text that is a column's name only if the baseline has that name

MAX_COLUMNS = 20_000
"""The maximum number of columns of a data set, and of members of JSON records. A thousand columns take about 50 MB of memory."""

ROWS_AT_ONCE = 65_536  # the most rows of one outgoing batch; a document may contain millions of rows
GENERATED = re.compile(r"_c\d+")  # the generated name of a column that has no name


class ColumnMatching(Enum):
    """How the columns were matched, as reported in the ledger. Source: M11, M14."""

    NAME = "name"
    POSITION = "position"
    NAME_ELSE_POSITION = "name, else position"
    """Record by record: the members of JSON objects by name, the cells of CSV and of JSON arrays by position."""

    @property
    def may_be_by_position(self) -> bool:
        """Whether some cells have no name that identifies their column."""
        return self is not ColumnMatching.NAME


def choose_matching(carried: Collection[str], baseline: Collection[str]) -> ColumnMatching:
    """How columns with these names are matched: by name if they have all names of the baseline, and these aren't generated."""
    if set(baseline) <= set(carried) and have_names(baseline):
        return ColumnMatching.NAME
    return ColumnMatching.POSITION


def can_match_by_name(carried: Collection[str], baseline: Collection[str]) -> bool:
    """Whether columns can be matched by these names. If a record was read as a header, its cells are not names."""
    # Names such as `_c0` are positions, not names
    if not (have_names(carried) and have_names(baseline)):
        return False
    return not set(carried).isdisjoint(baseline) or not any(map(NUMBER.fullmatch, carried))


def have_names(names: Collection[str]) -> bool:
    """Whether the columns have names other than the generated `_c0`, `_c1`, …."""
    return not all(map(GENERATED.fullmatch, names))


@value_class
class DecodedRows:
    """The rows of some lines; a refused line is one row.

    columns: the cells of each requested column, null if missing.
    lines: the number of each row's line, shape (rows,).
    reasons: 0 or the `Refusal` of each row, shape (rows,).
    record_widths: on the first row of a record its number of cells, by which records are counted; 0 on its other rows, and on
    all rows if cells aren't counted. Shape (rows,).
    """

    columns: tuple[pa.Array, ...]
    lines: Integers
    reasons: Reasons
    record_widths: NDArray[np.int32]

    @classmethod
    def refuse_lines(cls, lines: Integers, reasons: Reasons, features: int) -> DecodedRows:
        """Refused lines, whose cells were not counted."""
        nothing = pa.nulls(len(lines), pa.string())
        return cls((nothing,) * features, lines, reasons, np.zeros(len(lines), np.int32))

    @classmethod
    def from_records(cls, decoded_lines: Sequence[DecodedRecord], lines: Integers, columns: int) -> DecodedRows:
        """The rows of lines that were decoded one by one. lines: their numbers."""
        nothing = ((None,) * columns,)
        # A refused line becomes one row of nulls
        rows = [row for decoded in decoded_lines for row in decoded.rows or nothing]
        sizes = [max(1, len(decoded.rows)) for decoded in decoded_lines]
        # The cells of a line are counted with its first row
        record_widths = []
        for decoded, size in zip(decoded_lines, sizes, strict=True):
            record_widths += [decoded.width, *[0] * (size - 1)]
        return cls(
            tuple(pa.array([row[index] for row in rows], pa.string()) for index in range(columns)),
            np.repeat(lines, sizes),
            np.repeat(np.array([decoded.reason or 0 for decoded in decoded_lines], np.int32), sizes),
            np.array(record_widths, np.int32),
        )

    @classmethod
    def decode_ranges(
        cls, ranges: Iterable[tuple[int, int]], decode: Callable[[slice], DecodedRows], features: int
    ) -> DecodedRows:
        """The rows of the lines in these ranges; a line on which `decode` raises is refused."""

        def refused(number: int, reason: Refusal) -> DecodedRows:
            return cls.refuse_lines(np.array([number]), np.array([reason], np.int32), features)

        return decode_ranges(ranges, decode, refused, "lines")

    @classmethod
    def merge_in_order(cls, parts: list[DecodedRows], features: int) -> DecodedRows:
        """The rows of all parts, sorted by line number; empties the list of parts.

        The rows of one line must be in one part, in order.
        """
        # Parts without rows may have the wrong columns
        parts[:] = [part for part in parts if len(part.lines)]
        if not parts:
            return cls.refuse_lines(np.zeros(0, np.int64), np.zeros(0, np.int32), features)
        rows = concat_rows(parts)
        is_in_order = not (rows.lines[1:] < rows.lines[:-1]).any()  # parts of chunks are in order
        if is_in_order:
            return rows
        return take_rows(rows, np.argsort(rows.lines, kind="stable"))


def add_reason_field(schema: pa.Schema) -> pa.Schema:
    """The schema with the columns for refused rows added."""
    if REASON in schema.names:
        return schema
    return schema.append(pa.field(REASON, pa.int32()))


def reject_records(batch: pa.RecordBatch, bad: Flags, reason: Refusal, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with `add_reason_field`'s schema, in which each record with a bad row is refused and reduced to one row.

    Without the column CELLS, which is 0 on all rows of a record except the first, each row is a record.
    """
    reasons = read_reasons(batch)
    is_first = np.ones(len(reasons), bool)
    has_cells = CELLS in batch.schema.names
    if has_cells:
        cell_counts = batch.column(CELLS).to_numpy(zero_copy_only=False)
        is_first = (cell_counts > 0) | (reasons > 0)
    # A bad row refuses its whole record, of which only the first row is kept
    record = np.cumsum(is_first)
    refused = np.isin(record, record[bad & (reasons == 0)])
    changed_columns = {REASON: pa.array(np.where(refused, np.int32(reason), reasons).astype(np.int32))}
    if has_cells:
        changed_columns[CELLS] = pa.array(np.where(refused, 0, cell_counts).astype(np.int32))
    columns = [changed_columns[name] if name in changed_columns else batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema).filter(pa.array(~refused | is_first))


class Decoder(Protocol):
    """Makes rows from lines."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns that the decoder needs: the line, and the file if the decoder uses it."""

    @property
    def features(self) -> int:
        """The number of feature columns in the rows."""

    @property
    def counts_cells(self) -> bool:
        """Whether the rows contain the number of cells of their records."""

    @property
    def keeps_lines(self) -> bool:
        """Whether kept rows include their line; refused rows always do."""

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of a batch with the columns `inputs`, in the order of its lines."""


@value_class
class Decoding:
    """A decoder, and a selection of its features. `decoding(batch)` gives a scan the rows of a batch of lines: the
    features c0, c1, …, REASON, CELLS if the decoder counts them, and FILE_KEY and BLOCK_START if the lines have both.

    feature_indices: the positions of the selected features among the decoder's.
    keeps_lines: whether all rows include their line, regardless of the decoder.
    """

    decoder: Decoder
    feature_indices: tuple[int, ...]
    keeps_lines: bool = False

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = self.decoder.rows(batch)
        decoded = self._build_batch(rows)
        # A scan ranks rows by file and block
        if FILE_KEY in batch.schema.names and BLOCK_START in batch.schema.names:
            for name in (FILE_KEY, BLOCK_START):
                decoded = decoded.append_column(name, batch.column(name).take(rows.lines))
        return decoded

    def decode_with_locations(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of every batch, with the location of each row, and its line if it is refused or lines are kept."""
        for batch in batches:
            rows = self.decoder.rows(batch)
            decoded = self._build_batch(rows)
            # A document may have millions of rows, each with the whole document as its line
            for start in range(0, len(rows.lines), ROWS_AT_ONCE):
                chunk = slice(start, start + ROWS_AT_ONCE)
                locations = self._take_locations(batch, rows.lines[chunk], rows.reasons[chunk])
                columns = [*decoded.slice(start, ROWS_AT_ONCE).columns, *locations]
                yield pa.RecordBatch.from_arrays(columns, names=[*decoded.schema.names, *LOCATION_COLUMNS])

    def _take_locations(self, batch: pa.RecordBatch, lines: Integers, reasons: Reasons) -> list[pa.Array]:
        # `take` returns null for a null index, so accepted rows get null instead of their line
        if self.keeps_lines or self.decoder.keeps_lines:
            line_numbers = lines
        else:
            line_numbers = pa.array(lines, mask=reasons == 0)
        return [batch.column(name).take(line_numbers if name == LINE else lines) for name in LOCATION_COLUMNS]

    def _build_batch(self, rows: DecodedRows) -> pa.RecordBatch:
        columns = {f"c{position}": rows.columns[feature] for position, feature in enumerate(self.feature_indices)}
        columns[REASON] = pa.array(rows.reasons, pa.int32())
        if self.decoder.counts_cells:
            columns[CELLS] = pa.array(rows.record_widths, pa.int32())
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


@value_class
class DecodedRecord:
    """A decoded line.

    reason: why the line is refused; None if it is accepted.
    rows: the cells of each row; empty if the line is refused.
    width: the number of cells of each row, also if the line is refused for this number; 0 if not counted, or if rows differ.
    keys: the keys of JSON objects.
    """

    reason: Refusal | None = None
    rows: Sequence[Sequence[str | None]] = ()
    width: int = 0
    keys: tuple[str, ...] = ()
