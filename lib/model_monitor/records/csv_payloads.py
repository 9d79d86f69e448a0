"""The CSV payloads of many captured records as rows. Pure; runs on executors.

Records of one row and records of several are taken apart all together, halves side by side. What is left over, such as
payloads with line ends within quotes, is not given at all: `decoding.decode` has the last word on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.records.capture_documents import Documents
from model_monitor.records.csv_rows import parsed_rows
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.decoding import Reading
from model_monitor.records.line_bytes import Flags, buffer_of, bytes_of, holding
from model_monitor.records.refusals import Refusal

LONG_PAYLOAD = 2**20
"""Bytes of a record above which its rows are taken some at a time."""

ROWS_OF_PIECE, WINDOW_BYTES = 2**15, 2**20
"""Rows that are taken at a time, and bytes in which so many of them are looked for first."""

LINE_FEED = ord("\n")


def rows_of_csv(documents: Documents, are_csv: Flags, reading: Reading) -> Iterator[DecodedRows]:
    """The rows of those documents that have CSV in all their halves and are plain. are_csv: which have."""
    payloads = [half.chomped() for half in documents.halves.values()]
    has_several = np.zeros(len(are_csv), dtype=np.bool_)
    is_odd = ~are_csv
    for payload in payloads:
        has_several |= holding(payload, b"\r\n")
        is_odd |= np.asarray(pc.fill_null(pc.equal(payload, ""), False))
    one_row = ~is_odd & ~has_several
    if one_row.any():
        yield _of_one_row(_chosen(payloads, one_row), np.flatnonzero(one_row), reading)
    if not (has_several & ~is_odd).any():
        return
    for payload in payloads:
        is_odd |= holding(payload, b'\r"')
    several = ~is_odd & has_several
    for number in np.flatnonzero(several & (_sizes_of(payloads) > LONG_PAYLOAD)).tolist():
        several[number] = False
        found = _of_many_rows([payload.slice(number, 1) for payload in payloads], number, reading)
        if found is not None:
            yield found
    if several.any():
        yield _of_several_rows(_chosen(payloads, several), np.flatnonzero(several), reading)


def _chosen(payloads: list[pa.StringArray], flags: Flags) -> list[pa.StringArray]:
    return payloads if flags.all() else [payload.filter(pa.array(flags)) for payload in payloads]


def _of_one_row(payloads: Sequence[pa.StringArray], lines: NDArray[np.int64], reading: Reading) -> DecodedRows:
    """The rows of records of which each has one. payloads: of each half, null where it was not captured."""
    columns = reading.columns or 0
    found = parsed_rows(_side_by_side(payloads), columns, escape=reading.escape)
    reasons = np.where(found.widths == columns, 0, Refusal.WRONG_NUMBER_OF_CELLS).astype(np.int32)
    return DecodedRows(found.columns, lines, reasons, found.widths.astype(np.int32))


def _sizes_of(payloads: Sequence[pa.StringArray]) -> NDArray[np.int64]:
    """The bytes of each record's payloads together."""
    sizes = [pc.fill_null(pc.binary_length(payload), 0).to_numpy(zero_copy_only=False) for payload in payloads]
    total: NDArray[np.int64] = np.sum(sizes, axis=0, dtype=np.int64)
    return total


def _of_many_rows(payloads: Sequence[pa.StringArray], line: int, reading: Reading) -> DecodedRows | None:
    """The rows of one record, some at a time: all at once they would take many times the record's memory. None if its halves
    have different numbers, or a row the wrong number of cells."""
    columns = reading.columns or 0
    parts: list[list[pa.Array]] = [[] for _ in range(columns)]
    sides = [_pieces_of(payload) for payload in payloads if payload.null_count == 0]
    for pieces in zip_longest(*sides):
        if any(piece is None or len(piece) != len(pieces[0]) for piece in pieces):
            return None
        found = parsed_rows(_side_by_side(pieces), columns)
        if (found.widths != columns).any():
            return None
        for part, cells in zip(parts, found.columns, strict=True):
            part.append(cells)
    rows = sum(map(len, parts[0])) if parts else 0
    cells_of_record = np.zeros(rows, np.int32)
    cells_of_record[:1] = columns
    merged = tuple(pa.concat_arrays(_taken(part)) for part in parts)
    return DecodedRows(merged, np.full(rows, line), np.zeros(rows, np.int32), cells_of_record)


def _taken(parts: list[pa.Array]) -> list[pa.Array]:
    """The parts, which are no longer held by their list."""
    taken = parts[:]
    parts.clear()
    return taken


def _pieces_of(payload: pa.StringArray) -> Iterator[pa.StringArray]:
    """The rows of one payload, `ROWS_OF_PIECE` of them at a time."""
    content, data = bytes_of(payload), buffer_of(payload)
    start, window = 0, WINDOW_BYTES
    while start <= len(content):
        ends = np.flatnonzero(content[start : start + window] == LINE_FEED)[:ROWS_OF_PIECE]
        is_last = len(ends) < ROWS_OF_PIECE and start + window >= len(content)
        if len(ends) < ROWS_OF_PIECE and not is_last:
            window *= 2
            continue
        end = len(content) if is_last else start + int(ends[-1])
        offsets = pa.py_buffer(np.array([start, end], np.int32))
        yield pc.split_pattern(pa.StringArray.from_buffers(1, offsets, data), "\n").flatten()
        start = len(content) + 1 if is_last else end + 1


def _of_several_rows(payloads: Sequence[pa.StringArray], lines: NDArray[np.int64], reading: Reading) -> DecodedRows:
    """The rows of those records whose halves have equally many, all of them with the right number of cells."""
    columns = reading.columns or 0
    sides = [pc.split_pattern(payload, "\n") for payload in payloads]
    counts = [pc.fill_null(pc.list_value_length(side), 0).to_numpy(zero_copy_only=False) for side in sides]
    rows = np.max(counts, axis=0)
    is_kept = np.all([(count == rows) | (count == 0) for count in counts], axis=0)  # 0: the half was not captured
    rows *= is_kept
    flat = [_flattened(side, count, rows) for side, count in zip(sides, counts, strict=True)]
    found = parsed_rows(_side_by_side(flat), columns)
    record = np.repeat(np.arange(len(rows)), rows)
    is_kept[record[found.widths != columns]] = False
    kept_rows = is_kept[record]
    record = record[kept_rows]
    is_first = np.diff(record, prepend=-1) > 0
    return DecodedRows(
        tuple(column.filter(pa.array(kept_rows)) for column in found.columns),
        lines[record],
        np.zeros(len(record), np.int32),
        np.where(is_first, columns, 0).astype(np.int32),
    )


def _flattened(side: pa.ListArray, counts: NDArray[np.int64], rows: NDArray[np.int64]) -> pa.StringArray:
    """The first `rows` rows of each record's payload, one behind the other; nulls for those with none."""
    first = np.repeat(np.cumsum(counts) - counts, rows)
    place = np.arange(len(first)) - np.repeat(np.cumsum(rows) - rows, rows)
    return side.flatten().take(pa.array(first + place, mask=np.repeat(counts == 0, rows)))


def _side_by_side(payloads: Sequence[pa.StringArray]) -> pa.StringArray:
    """One row of all halves that were captured."""
    return pc.binary_join_element_wise(*payloads, ",", null_handling="skip")
