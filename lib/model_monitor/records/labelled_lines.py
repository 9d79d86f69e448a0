"""Captured and merged records, and JSON documents, as rows with labels and predictions. Pure; runs on executors.

Most records are plain: CSV in all halves, one row, no quotes. These are taken apart by columns, a chunk of lines at a time. Every
other record goes through `labelled_payloads.rows_of_record`, which is also what the tests hold the plain way against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.records.capture_documents import Payloads, documents_of
from model_monitor.records.csv_rows import cell_of_rows, parsed_rows
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.files_by_key import NO_FILES, FilesByKey
from model_monitor.records.labelled_payloads import (
    INPUT,
    OUTPUTS,
    LabelledReading,
    Row,
    rows_of_document,
    rows_of_record,
)
from model_monitor.records.line_bytes import CHUNK_BYTES, Flags
from model_monitor.records.outcome_payloads import index_of
from model_monitor.records.outcome_values import DECIMAL
from model_monitor.records.places import LINE
from model_monitor.records.refusals import Refusal


@dataclass(frozen=True, slots=True)
class LabelledRecords:
    """The decoder of captured and merged records. reading: with a number of columns. files: those that the lines are from."""

    reading: LabelledReading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.outcome.records.inputs

    @property
    def features(self) -> int:
        return self.reading.width

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each record, of which the first is counted; one for a refused record."""
        lines = batch.column(LINE)
        decode = partial(_rows, reading=self.reading)
        return DecodedRows.by_chunks(
            lines, self.files.behind(batch), decode, features=self.features, chunk_bytes=self.chunk_bytes
        )


@dataclass(frozen=True, slots=True)
class LabelledDocuments:
    """The decoder of JSON documents, a line or a whole file each. reading: with a number of columns."""

    reading: LabelledReading

    inputs = (LINE,)
    counts_cells = True
    keeps_lines = False

    @property
    def features(self) -> int:
        return self.reading.width

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each document, of which the first is counted; one for a refused document."""
        texts = batch.column(LINE).cast(pa.binary()).to_pylist()
        found = [rows_of_document(text, self.reading) for text in texts]
        return _one_by_one(found, np.arange(len(texts)), self.features)


def _rows(lines: pa.StringArray, paths: pa.StringArray, reading: LabelledReading) -> DecodedRows:
    records, features = reading.outcome.records, reading.width
    documents = documents_of(lines, records, with_truth=reading.with_label)
    known, left_out = documents.judged_by_their_events(records)
    is_taken = left_out > 0
    parts = [DecodedRows.refused(np.flatnonzero(is_taken), left_out[is_taken], features)]
    payloads, output, truth = documents.halves[INPUT], documents.halves[OUTPUTS[0]], documents.truth
    plain = known & ~is_taken & payloads.are_one_plain_row()
    if reading.features is not None:
        plain[:] = False
    if reading.with_prediction:
        plain &= output.are_one_plain_row()
    if reading.with_label:
        plain &= truth.are_one_plain_row()
    if plain.any():
        found, fit = _of_plain(payloads.where(plain), output.where(plain), truth.where(plain), reading)
        places = np.flatnonzero(plain)[fit]
        is_taken[places] = True
        parts.append(
            DecodedRows(found, places, np.zeros(len(places), np.int32), np.ones(len(places), np.int32)),
        )
    others = np.flatnonzero(~is_taken)
    chosen = pa.array(others)
    texts = zip(lines.cast(pa.binary()).take(chosen).to_pylist(), paths.take(chosen).to_pylist(), strict=True)
    parts.append(_one_by_one([rows_of_record(line, path, reading) for line, path in texts], others, features))
    return DecodedRows.in_order(parts, features)


def _of_plain(
    payloads: Payloads, output: Payloads, truth: Payloads, reading: LabelledReading
) -> tuple[tuple[pa.StringArray, ...], Flags]:
    """The columns of plain records, and which of these have what is asked for; the columns are of these alone."""
    features = parsed_rows(payloads.chomped(), reading.columns or 0)
    columns = list(features.columns)
    fit = features.widths == (reading.columns or 0)
    if reading.with_label:
        columns.append(_present(cell_of_rows(truth.chomped(), index_of(reading.outcome.label) or 0)))
    if reading.with_prediction:
        predicted, is_told = _predicted(output.chomped(), reading)
        columns.append(predicted)
        fit &= is_told
    if fit.all():
        return tuple(columns), fit
    return tuple(column.filter(pa.array(fit)) for column in columns), fit


def _predicted(rows: pa.StringArray, reading: LabelledReading) -> tuple[pa.StringArray, Flags]:
    """The predictions of rows of an output, and which of them are told: not by a probability that is no plain number."""
    outcome = reading.outcome
    labels = _present(cell_of_rows(rows, None if outcome.prediction is None else index_of(outcome.prediction)))
    if outcome.probability is None or not labels.null_count:
        return labels, np.ones(len(rows), dtype=np.bool_)
    probabilities = _present(cell_of_rows(rows, index_of(outcome.probability)))
    is_number = pc.fill_null(pc.match_substring_regex(probabilities, DECIMAL), False)
    numbers = pc.cast(pc.if_else(is_number, probabilities, None), pa.float64())
    by_threshold = pc.if_else(pc.greater(numbers, reading.threshold), "1", "0")
    told = pc.or_(is_number, pc.or_(labels.is_valid(), probabilities.is_null()))
    return pc.coalesce(labels, by_threshold), np.asarray(told)


def _present(cells: pa.StringArray) -> pa.StringArray:
    """The cells, null where they are empty."""
    empty = pc.fill_null(pc.equal(cells, ""), False)
    return pc.if_else(empty, None, cells) if pc.any(empty).as_py() else cells


def _one_by_one(found: Sequence[list[Row] | Refusal], numbers: NDArray[np.int64], features: int) -> DecodedRows:
    """What was found of some records. numbers: of their lines."""
    nothing: list[Row] = [(None,) * features]
    rows = [nothing if isinstance(record, Refusal) else record for record in found]
    sizes = np.array([len(record) for record in rows], np.int64)
    reasons = np.array([record if isinstance(record, Refusal) else 0 for record in found], np.int32)
    lines = np.repeat(numbers, sizes)
    is_first = np.diff(lines, prepend=-1) > 0
    columns = zip(*(row for record in rows for row in record), strict=True) if rows else [()] * features
    return DecodedRows(
        tuple(pa.array(column, pa.string()) for column in columns),
        lines,
        np.repeat(reasons, sizes),
        (is_first & (np.repeat(reasons, sizes) == 0)).astype(np.int32),
    )
