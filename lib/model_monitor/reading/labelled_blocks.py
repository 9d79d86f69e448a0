"""Blocks of records as rows of features, label and prediction. Runs on executors: no pyspark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import pyarrow as pa

from model_monitor.reading.labelled_payloads import LabelledReading, Row, rows_of_document, rows_of_record
from model_monitor.reading.places import FILE, LINE, PLACES
from model_monitor.reading.refusals import CELLS, REASON, Refusal

ROWS_AT_ONCE = 8192
"""Rows of one batch that leaves: a document may hold millions, and a record a single one."""


@dataclass(frozen=True, slots=True)
class LabelledDecoder:
    """Makes rows of lines, or of whole documents. documents: whether a text is a JSON document, and not a captured record."""

    reading: LabelledReading
    columns: int
    documents: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of one partition: c0, c1, …, REASON, CELLS and the places. A refused record is one row."""
        for batch in batches:
            rows = self._rows(batch)
            while part := list(islice(rows, ROWS_AT_ONCE)):
                yield self._batch(part, batch)

    def _rows(self, batch: pa.RecordBatch) -> Iterator[DecodedRow]:
        """The rows of a batch's records, one after the other."""
        decode: Callable[[bytes, str, LabelledReading], list[Row] | Refusal]
        decode = rows_of_document if self.documents else rows_of_record
        nothing = (None,) * self.columns
        lines = batch.column(LINE).cast(pa.binary()).to_pylist()
        for place, (line, path) in enumerate(zip(lines, batch.column(FILE).to_pylist(), strict=True)):
            found = decode(line, path, self.reading)
            if isinstance(found, Refusal):
                yield DecodedRow(nothing, int(found), 0, place)
            else:
                for number, row in enumerate(found):
                    yield DecodedRow(row, 0, int(number == 0), place)

    def _batch(self, rows: list[DecodedRow], batch: pa.RecordBatch) -> pa.RecordBatch:
        cells = zip(*[row.cells for row in rows], strict=True)
        columns = [pa.array(column, pa.string()) for column in cells]
        columns.append(pa.array([row.reason for row in rows], pa.int32()))
        columns.append(pa.array([row.counted for row in rows], pa.int32()))
        places = pa.array([row.place for row in rows])
        columns += [batch.column(name).take(places) for name in PLACES]
        names = [*(f"c{position}" for position in range(self.columns)), REASON, CELLS, *PLACES]
        return pa.RecordBatch.from_arrays(columns, names=names)


class DecodedRow(NamedTuple):
    """A row. reason: why its record is refused, 0 if it is kept. counted: 1 on a kept record's first row. place: of its record
    in the batch."""

    cells: Row
    reason: int
    counted: int
    place: int
