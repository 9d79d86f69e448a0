"""What executors make of what is read: blocks of lines or of columns in, outcomes out. No pyspark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from model_monitor.records.decoding import Decoded
from model_monitor.records.files_by_key import NO_FILES, FilesByKey
from model_monitor.records.line_bytes import CHUNK_BYTES, chunks
from model_monitor.records.outcome_columns import outcomes_of_columns
from model_monitor.records.outcome_records import outcomes_of_documents, outcomes_of_lines, rows_of
from model_monitor.records.outcome_values import OutcomeReading, OutcomeRows, judged
from model_monitor.records.places import LINE
from model_monitor.records.refusals import CELLS, REASON, Refusal
from model_monitor.records.unforeseen import by_parts


@dataclass(frozen=True, slots=True)
class LineDecoder:
    """Makes outcomes of blocks of merged records. files: those that the lines are from."""

    reading: OutcomeReading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the raw frame that it wants."""
        return self.reading.records.inputs

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        lines, files = block.column(LINE), self.files.behind(block)
        return _by_parts(
            chunks(lines, self.chunk_bytes),
            lambda part: outcomes_of_lines(lines[part], files[part], self.reading),
            self.reading,
        )


@dataclass(frozen=True, slots=True)
class DocumentDecoder:
    """Makes outcomes of blocks of JSON Lines, each with its label. columns: those of the raw frame that it wants."""

    reading: OutcomeReading
    columns: tuple[str, ...] = (LINE,)
    chunk_bytes: int = CHUNK_BYTES

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        lines = block.column(LINE)
        return _by_parts(
            chunks(lines, self.chunk_bytes),
            lambda part: outcomes_of_documents(lines[part], self.reading),
            self.reading,
        )


@dataclass(frozen=True, slots=True)
class ColumnDecoder:
    """Makes outcomes of blocks of a table. columns: those of the raw frame that it wants."""

    reading: OutcomeReading
    columns: tuple[str, ...]

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        rows = [(0, block.num_rows)]
        return _by_parts(rows, lambda part: outcomes_of_columns(block[part], self.reading), self.reading)


def _by_parts(
    ranges: Iterable[tuple[int, int]], decode: Callable[[slice], OutcomeRows], reading: OutcomeReading
) -> OutcomeRows:
    """The outcomes of the records in these ranges; one on which `decode` raises is refused."""

    def refused(number: int, reason: Refusal) -> OutcomeRows:
        return judged(rows_of([Decoded(reason)], np.array([number]), reading), reading)

    return by_parts(ranges, decode, refused, "sources")


Decoder: TypeAlias = LineDecoder | DocumentDecoder | ColumnDecoder


def rows_of_blocks(
    decoder: Decoder, places: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Raw batches as outcomes row by row, with their reasons and places; what an executor does for `frame`."""
    for batch in batches:
        rows = decoder(batch)
        texts = (None if column is None else column.cast(pa.string()) for column in (rows.labels, rows.predictions))
        columns = [pa.nulls(len(rows.sources), pa.string()) if column is None else column for column in texts]
        scores = pa.nulls(len(rows.sources), pa.float64()) if rows.scores is None else pa.array(rows.scores)
        counted = pa.array((rows.kept & rows.is_first).astype("int32"))
        columns += [scores, pa.array(rows.reasons), counted]
        columns += [batch.column(name).take(pa.array(rows.sources)) for name in places]
        yield pa.RecordBatch.from_arrays(columns, names=["c0", "c1", "c2", REASON, CELLS, *places])
