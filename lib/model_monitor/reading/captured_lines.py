"""Captured records as rows of texts, a batch of lines at a time. Pure; runs on executors.

Most lines of most windows are plain: one JSON object with CSV in every half. Arrow parses them by the thousand. The others go
one by one through `decoding.decode`, which says what a captured line is; the plain way gives the same answers and is held
against it by the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.reading.capture_documents import Documents, documents_of, within_window
from model_monitor.reading.csv_payloads import rows_of_csv
from model_monitor.reading.decoded_rows import DecodedRows
from model_monitor.reading.decoding import CSV, Reading, decode
from model_monitor.reading.line_bytes import Flags
from model_monitor.reading.places import FILE, LINE
from model_monitor.reading.refusals import Refusal
from model_monitor.reading.sampling import is_sampled

CHUNK_BYTES = 16 * 2**20
"""Bytes of lines that are decoded at a time: what decoding takes is a few times as much."""


@dataclass(frozen=True, slots=True)
class CapturedLines:
    """The decoder of captured records. reading: with a number of columns."""

    reading: Reading
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True

    @property
    def inputs(self) -> tuple[str, ...]:
        return (LINE,) if self.reading.window is None else (LINE, FILE)

    @property
    def features(self) -> int:
        return self.reading.columns or 0

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each line: one for each row of a payload, one for a refused record."""
        lines = batch.column(LINE)
        paths = batch.column(FILE) if FILE in self.inputs else pa.repeat("", len(lines))
        parts = []
        for start, end in _chunks(lines, self.chunk_bytes):
            found = _rows(lines.slice(start, end - start), paths.slice(start, end - start), self.reading)
            parts.append(replace(found, lines=found.lines + start))
        return DecodedRows.in_order(parts, self.features)


def _chunks(lines: pa.StringArray, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges of lines of at most so many bytes together, or of one line."""
    ends = np.cumsum(pc.binary_length(lines).to_numpy(zero_copy_only=False).astype(np.int64))
    start = 0
    while start < len(lines):
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + chunk_bytes, side="right")))
        yield start, end
        start = end


def _rows(lines: pa.StringArray, paths: pa.StringArray, reading: Reading) -> DecodedRows:
    documents = documents_of(lines, reading)
    are_known, left_out = _judged_by_their_events(documents, reading)
    is_taken = left_out > 0
    features = reading.columns or 0
    parts = [DecodedRows.refused(np.flatnonzero(is_taken), left_out[is_taken], features)]
    for part in rows_of_csv(documents, are_known & ~is_taken & documents.are_of(CSV), reading):
        parts.append(part)
        is_taken[part.lines] = True
    parts.append(_one_by_one(lines, paths, np.flatnonzero(~is_taken), reading))
    return DecodedRows.in_order(parts, features)


def _judged_by_their_events(documents: Documents, reading: Reading) -> tuple[Flags, NDArray[np.int32]]:
    """Which documents are known, and `OUTSIDE_WINDOW` or `SAMPLED_OUT` of those that are left out on purpose, else 0.

    One without a time or an id that can be read is not known: its file, or its line, speaks for it.
    """
    are_known = documents.are_known
    left_out = np.zeros(len(are_known), dtype=np.int32)
    if reading.window is not None:
        within, readable = within_window(documents.times, reading.window)
        are_known = are_known & readable
        left_out[are_known & ~within] = Refusal.OUTSIDE_WINDOW
    if reading.sample is not None:
        ids = documents.event_ids.cast(pa.binary()).to_pylist()
        are_known = are_known & documents.event_ids.is_valid().to_numpy(zero_copy_only=False)
        sampled = np.array([event_id is None or is_sampled(event_id, reading.sample) for event_id in ids], np.bool_)
        left_out[are_known & ~sampled & (left_out == 0)] = Refusal.SAMPLED_OUT
    return are_known, left_out * are_known


def _one_by_one(
    lines: pa.StringArray, paths: pa.StringArray, numbers: NDArray[np.int64], reading: Reading
) -> DecodedRows:
    chosen = pa.array(numbers)
    texts = zip(lines.cast(pa.binary()).take(chosen).to_pylist(), paths.take(chosen).to_pylist(), strict=True)
    found = [decode(line, reading, path) for line, path in texts]
    nothing = ((None,) * (reading.columns or 0),)
    rows = [row for one in found for row in one.rows or nothing]
    columns = zip(*rows, strict=True) if rows else nothing * (reading.columns or 0)
    return DecodedRows(
        tuple(pa.array(column, pa.string()) for column in columns),
        np.repeat(numbers, [max(1, len(one.rows)) for one in found]),
        np.array([int(one.reason or 0) for one in found for _ in one.rows or nothing], np.int32),
        np.array([0 if place else one.cells for one in found for place, _ in enumerate(one.rows or nothing)], np.int32),
    )
