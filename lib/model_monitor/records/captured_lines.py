"""Captured records as rows of texts, a batch of lines at a time. Pure; runs on executors.

Most lines of most windows are plain: one JSON object with CSV in every half. Arrow parses them by the thousand. The others go
one by one through `decoding.decode`, which says what a captured line is; the plain way gives the same answers and is held
against it by the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.records.capture_documents import documents_of
from model_monitor.records.csv_payloads import rows_of_csv
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.decoding import CSV, JSON, Reading, decode
from model_monitor.records.files_by_key import NO_FILES, FilesByKey
from model_monitor.records.line_bytes import CHUNK_BYTES, chunks
from model_monitor.records.places import LINE


@dataclass(frozen=True, slots=True)
class CapturedLines:
    """The decoder of captured records. reading: with a number of columns. files: those that the lines are from."""

    reading: Reading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = True  # of kept records, too: their metadata are read from them

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.inputs

    @property
    def features(self) -> int:
        return self.reading.columns or 0

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each line: one for each row of a payload, one for a refused record."""
        lines, paths = batch.column(LINE), self.files.behind(batch)
        return DecodedRows.by_parts(
            chunks(lines, self.chunk_bytes),
            lambda part: _rows(lines[part], paths[part], self.reading),
            self.features,
        )


def _rows(lines: pa.StringArray, paths: pa.StringArray, reading: Reading) -> DecodedRows:
    documents = documents_of(lines, reading)
    are_known, left_out = documents.judged_by_their_events(reading)
    is_taken = left_out > 0
    features = reading.columns or 0
    parts = [DecodedRows.refused(np.flatnonzero(is_taken), left_out[is_taken], features)]
    are_csv = documents.are_of(CSV) & (reading.encoding != JSON)  # whose neighbours of CSV are refused
    for part in rows_of_csv(documents, are_known & ~is_taken & are_csv, reading):
        parts.append(part)
        is_taken[part.lines] = True
    parts.append(_one_by_one(lines, paths, np.flatnonzero(~is_taken), reading))
    return DecodedRows.in_order(parts, features)


def _one_by_one(
    lines: pa.StringArray, paths: pa.StringArray, numbers: NDArray[np.int64], reading: Reading
) -> DecodedRows:
    chosen = pa.array(numbers)
    texts = zip(lines.cast(pa.binary()).take(chosen).to_pylist(), paths.take(chosen).to_pylist(), strict=True)
    found = [decode(line, reading, path) for line, path in texts]
    return DecodedRows.one_by_one(found, numbers, reading.columns or 0)
