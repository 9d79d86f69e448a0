"""Decodes captured records to rows of texts, CSV payloads in bulk. Pure; runs on executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records import CSV, JSON
from spark_model_monitor.data.records.arrays import CHUNK_BYTES, has_letters, select_rows, split_into_chunks
from spark_model_monitor.data.records.capture_documents import Documents, parse_documents
from spark_model_monitor.data.records.csv_rows import BEGINNINGS_OF_LISTS, NUMBER_CELL, parse_rows
from spark_model_monitor.data.records.decoded_rows import DecodedRecord, DecodedRows
from spark_model_monitor.data.records.decoding import Reading, decode
from spark_model_monitor.data.records.locations import LINE, NO_FILES, FilesByKey
from spark_model_monitor.data.records.missing_values import replace_missing_values
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.value_class import value_class

ROWS_AT_ONCE = 2**17  # rows of payloads that are parsed at once, since a record may have millions of rows

_NUMBER_IN_ROW = rf"([^\n]*,)?{NUMBER_CELL}(,|\n|$)"


def decode_csv_documents(documents: Documents, are_csv: Flags, reading: Reading) -> DecodedRows:
    """The rows of plain documents with CSV in all halves. are_csv: flags of documents with CSV."""
    # Find records with several rows, and records that need the line-by-line decoder (`is_odd`)
    payloads = [half.strip_line_ends() for half in documents.halves.values()]
    has_several = np.zeros(len(are_csv), dtype=np.bool_)
    is_odd = ~are_csv
    for payload in payloads:
        has_several |= has_letters(payload, b"\r\n")
        is_odd |= np.asarray(pc.fill_null(pc.equal(payload, ""), False))
        if not reading.exact_keys:
            for beginning in BEGINNINGS_OF_LISTS:
                is_odd |= np.asarray(pc.fill_null(pc.starts_with(payload, beginning), False))
    if has_several.any():
        for payload in payloads:
            is_odd |= has_several & has_letters(payload, b'\r"')
            if not reading.exact_keys:
                is_odd |= _may_begin_with_header(payload, has_several & ~is_odd)
    # Join the halves of each row
    columns = reading.columns or 0
    parts = []
    for rows_of_halves, records in split_halves(_select_payloads(payloads, ~is_odd), np.flatnonzero(~is_odd)):
        joined_rows = pc.binary_join_element_wise(*rows_of_halves, ",", null_handling="skip")
        cells = parse_rows(joined_rows, columns, escape=reading.escape)
        widths = cells.widths.astype(np.int32)
        # The service pads short rows; `widths` still counts the cells that a row has, since they show the data's columns
        num_lacking = np.maximum(columns - widths, 0)
        if reading.exact_keys and num_lacking.any():
            joined_rows = pc.binary_join_element_wise(joined_rows, pc.binary_repeat(",", pa.array(num_lacking)), "")
            cells = parse_rows(joined_rows, columns, escape=reading.escape)
        reasons = np.where(cells.widths == columns, 0, Refusal.WRONG_NUMBER_OF_CELLS).astype(np.int32)
        parts.append(DecodedRows(cells.columns, records, reasons, widths))
    rows = DecodedRows.merge_in_order(parts, columns)
    # A record is counted by its first row. If one of several rows is bad, the record is left to the line-by-line decoder
    is_first = np.diff(rows.lines, prepend=-1) > 0
    is_single = is_first & (np.diff(rows.lines, append=len(are_csv)) > 0)
    unclear_records = rows.lines[(rows.reasons > 0) & ~is_single]
    rows = replace(rows, record_widths=np.where(is_first, rows.record_widths, np.int32(0)))
    if not len(unclear_records):
        return rows
    return select_rows(rows, ~np.isin(rows.lines, unclear_records))


def _may_begin_with_header(payload: pa.StringArray, has_several: Flags) -> Flags:
    """Flags of payloads with several rows that have a number in the second row and none in the first, which may be a header."""
    indices = np.flatnonzero(has_several)
    # A first row with a number can't be a header
    for pattern, is_wanted in ((f"^{_NUMBER_IN_ROW}", False), (rf"^[^\n]*\n{_NUMBER_IN_ROW}", True)):
        matches = pc.match_substring_regex(payload.take(indices), pattern)
        indices = indices[np.asarray(pc.fill_null(matches, not is_wanted)) == is_wanted]
    flags = np.zeros(len(has_several), dtype=np.bool_)
    flags[indices] = True
    return flags


def _select_payloads(payloads: Sequence[pa.Array], flags: Flags) -> Sequence[pa.Array]:
    if flags.all():
        return payloads
    return [payload.filter(pa.array(flags)) for payload in payloads]


def split_halves(
    halves: Sequence[pa.StringArray], records: Integers
) -> Iterator[tuple[list[pa.StringArray], Integers]]:
    """The rows of records whose halves have the same number of rows, side by side, and the index of each row's record.

    halves: without quotes and without final line ends; null if a record lacks the half. Yields at most ROWS_AT_ONCE rows at
    once, because parsing takes memory, and a record may have millions of rows.
    """
    if not any(has_letters(half, b"\n").any() for half in halves):
        yield list(halves), records
        return
    split_halves = [pc.split_pattern(half, "\n") for half in halves]
    counts = [np.asarray(pc.fill_null(pc.list_value_length(split_half), 0)) for split_half in split_halves]
    # A half that was not captured has no rows, and is not compared
    rows = np.max(counts, axis=0)
    are_equal = np.all([(count == rows) | (count == 0) for count in counts], axis=0)
    rows = rows[are_equal]
    flat_halves = [_flatten_half(split_half, rows) for split_half in _select_payloads(split_halves, are_equal)]
    records_of_rows = np.repeat(records[are_equal], rows)
    del halves, split_halves
    for start in range(0, max(1, len(records_of_rows)), ROWS_AT_ONCE):
        if start:  # the parser's temporary memory
            pa.default_memory_pool().release_unused()
        piece = slice(start, start + ROWS_AT_ONCE)
        yield [half[piece] for half in flat_halves], records_of_rows[piece]


def _flatten_half(split_half: pa.ListArray, rows: Integers) -> pa.StringArray:
    """The rows of each record's half, concatenated; nulls for the rows of an absent half."""
    flat_rows = split_half.flatten()
    if not split_half.null_count:
        return flat_rows
    is_captured = np.repeat(split_half.is_valid(), rows)
    return flat_rows.take(pa.array(np.cumsum(is_captured) - 1, mask=~is_captured))


@value_class
class CapturedLines:
    """Decodes captured records. reading: how to read them, with a number of columns. files: the files of the lines."""

    reading: Reading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = True  # the lines of accepted records, too: metadata is read from them

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.inputs

    @property
    def features(self) -> int:
        """The number of columns of a row."""
        return self.reading.columns or 0

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each line: one for each row of a payload, or one for a refused record."""
        lines = batch.column(LINE)
        paths = self.files.get_paths(batch)
        chunks = split_into_chunks(lines, self.chunk_bytes)
        rows = DecodedRows.decode_ranges(
            chunks, lambda chunk: _decode_lines(lines[chunk], paths[chunk], self.reading), self.features
        )
        if not self.reading.missing_values:
            return rows
        columns = [replace_missing_values(column, self.reading.missing_values) for column in rows.columns]
        return replace(rows, columns=tuple(columns))


def _decode_lines(lines: pa.StringArray, paths: pa.StringArray, reading: Reading) -> DecodedRows:
    # Plain lines are decoded together by columns, the other lines one by one
    documents = parse_documents(lines, reading)
    are_known, left_out = documents.select(reading.selection)
    is_taken = left_out > 0
    features = reading.columns or 0
    parts = [DecodedRows.refuse_lines(np.flatnonzero(is_taken), left_out[is_taken], features)]
    are_csv = documents.have_encoding(CSV) & (reading.encoding != JSON)  # with JSON, CSV records are refused
    parts.append(decode_csv_documents(documents, are_known & ~is_taken & are_csv, reading))
    is_taken[parts[-1].lines] = True
    decode_line = partial(decode, reading=reading)
    parts.append(decode_one_by_one(lines, paths, np.flatnonzero(~is_taken), decode_line, features))
    return DecodedRows.merge_in_order(parts, features)


def decode_one_by_one(
    lines: pa.StringArray,
    paths: pa.StringArray,
    line_numbers: Integers,
    decode_line: Callable[..., DecodedRecord],
    columns: int,
) -> DecodedRows:
    """The rows of some of the lines. paths: of the lines' files. decode_line: gets a line and its `path`."""
    texts = lines.cast(pa.binary()).take(line_numbers).to_pylist()
    paths_of_lines = paths.take(line_numbers).to_pylist()
    decoded = [decode_line(line, path=path) for line, path in zip(texts, paths_of_lines, strict=True)]
    return DecodedRows.from_records(decoded, line_numbers, columns)
