"""The CSV payloads of many captured records as rows. Pure; runs on executors.

Records of one row and records of several are taken apart all together, halves side by side. What is left over, such as
payloads with line ends within quotes, is not given at all: `decoding.decode` has the last word on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.records.capture_documents import Documents
from model_monitor.records.csv_rows import parsed_rows
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.decoding import Reading
from model_monitor.records.line_bytes import Flags, holding
from model_monitor.records.refusals import Refusal


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
