"""Decodes records into outcomes and requested features, block by block. Runs on executors: no pyspark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records import INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.arrays import CHUNK_BYTES, Flags, chunks, is_writable, where
from spark_model_monitor.data.records.capture_documents import Payloads, documents_of
from spark_model_monitor.data.records.captured_lines import rows_of_halves
from spark_model_monitor.data.records.csv_rows import Row, cell_of_rows, parsed_rows
from spark_model_monitor.data.records.decoded_rows import Decoded, DecodedRows
from spark_model_monitor.data.records.decoding import GROUND_TRUTH, RecordRefused, asked_of, found_in, half_in
from spark_model_monitor.data.records.json_elements import has_many_names
from spark_model_monitor.data.records.locations import LINE, NO_FILES, FilesByKey
from spark_model_monitor.data.records.outcome_payloads import (
    Outcome,
    chosen,
    features_in,
    features_of,
    index_of,
    list_in,
    outcomes_of,
    outcomes_of_document,
)
from spark_model_monitor.data.records.outcome_values import (
    OUTCOMES,
    Indices,
    OutcomeReading,
    OutcomeRows,
    Reasons,
    judged,
)
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal, by_parts
from spark_model_monitor.statistics.states.outcomes import THRESHOLD


def outcomes_of_lines(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of merged records. lines: one record each; files: the path of each line's file."""
    return judged(_found(lines, files, reading), reading)


def outcomes_of_documents(lines: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of JSON documents with labels and predictions. lines: one document each."""
    found = [document_of(line, reading) for line in lines.cast(pa.binary()).to_pylist()]
    return judged(rows_of(found, np.arange(len(lines), dtype=np.int64), reading), reading)


def document_of(line: bytes, reading: OutcomeReading) -> Decoded:
    """The requested content of one JSON document, before validation, or the reason for refusing it."""
    if has_many_names(line):
        return Decoded(Refusal.TOO_MANY_NAMES)
    try:
        document = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Decoded(Refusal.NOT_UTF_8)
    except (ValueError, RecursionError):
        return Decoded(Refusal.NOT_A_JSON_OBJECT)
    if not isinstance(document, dict) and reading.features is None:
        return Decoded(Refusal.NOT_A_JSON_OBJECT)
    return found_in(document, line, partial(_of_document, reading=reading))


def _of_document(document: Any, reading: OutcomeReading) -> Decoded:
    features = None
    if reading.features is not None:
        features = features_in(document, reading.features)
    return _rows(outcomes_of_document(document, reading, None if features is None else len(features)), features)


def record_of(line: bytes, path: str, reading: OutcomeReading) -> Decoded:
    """The requested content of one record, before validation, or the reason for refusing it."""
    return asked_of(line, reading.records, path, partial(_of_record, reading=reading))


def _of_record(document: Mapping[str, Any], reading: OutcomeReading) -> Decoded:
    half_named = partial(half_in, opens_base64=reading.records.opens_base64)
    halves = {name: half_named(document["captureData"], name) for name in reading.records.halves}
    output = next((halves[name] for name in OUTPUT_INDEXES if halves.get(name) is not None), None)
    features = None
    if reading.features is not None:
        features = features_of(halves.get(INPUT), output, reading.features, reading.records.escape)
    truth = None
    if reading.with_label:
        truth = half_named(document, GROUND_TRUTH)
    return _rows(outcomes_of(truth, output, reading, None if features is None else len(features)), features)


def _rows(outcomes: list[Outcome], features: list[Row] | None) -> Decoded:
    """Label, prediction and probability, then the features."""
    return Decoded(
        rows=outcomes if features is None else [(*o, *row) for o, row in zip(outcomes, features, strict=True)]
    )


def _found(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> DecodedRows:
    """Decodes plain lines by columns, the others one by one; the rows are in the order of the lines."""
    documents = documents_of(lines, reading.records, with_truth=reading.with_label)
    plain, left_out = documents.judged_by_their_events(reading.records)
    asked = [documents.truth] * reading.with_label
    if reading.with_prediction:
        asked.append(Payloads.first_of([documents.halves[name] for name in OUTPUT_INDEXES if name in documents.halves]))
    if reading.features is not None:
        asked.append(documents.halves[INPUT])
        plain = plain & (reading.features.path is None)
    for payloads in asked:
        plain = plain & payloads.are_plain_rows()
    halves = [where(one, plain).chomped() for one in asked]
    del documents, asked  # so that a long line is not held twice
    of_plain = []
    misfits = []
    fits = np.zeros(len(plain), dtype=np.bool_)
    for sides, sources in rows_of_halves(halves, np.flatnonzero(plain)):
        rows, fit = _of_plain(sides, sources, left_out[sources], reading)
        of_plain.append(rows)
        misfits.append(sources[~fit])
        fits[sources] = True
    del halves
    for records in misfits:
        fits[records] = False
    plain_rows = DecodedRows.in_order(of_plain, OUTCOMES + reading.columns)
    if fits.all():
        return plain_rows
    parts = [where(plain_rows, fits[plain_rows.lines]), _of_lines(~fits, lines, files, reading)]
    return DecodedRows.in_order(parts, OUTCOMES + reading.columns)


def _of_plain(
    halves: Sequence[pa.StringArray], sources: Indices, reasons: Reasons, reading: OutcomeReading
) -> tuple[DecodedRows, Flags]:
    """The cells of rows of plain records, and flags of records with the right number of features.

    halves: the requested halves, truth before output before input.
    """
    left = list(halves)
    truth = left.pop(0) if reading.with_label else None
    output = left.pop(0) if reading.with_prediction else None
    nothing = pa.nulls(len(sources), pa.string())
    fit = np.ones(len(sources), np.bool_)
    features = ()
    if left:
        found = parsed_rows(left[0], reading.columns, escape=reading.records.escape)
        fit = found.widths == reading.columns
        features = found.columns
    if truth is None:
        label = nothing
    else:
        label = cell_of_rows(truth, index_of(reading.label) or 0)
    prediction, probability = (
        nothing if address is None else cell_of_rows(output, index_of(address))
        for address in (reading.prediction, reading.probability)
    )
    no_counts = np.zeros(len(sources), np.int32)
    return DecodedRows((label, prediction, probability, *features), sources, reasons, no_counts), fit


def _of_lines(which: Flags, lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> DecodedRows:
    chosen = pa.array(np.flatnonzero(which))
    texts = lines.cast(pa.binary()).take(chosen).to_pylist()
    paths = files.take(chosen).to_pylist()
    found = [record_of(line, path, reading) for line, path in zip(texts, paths, strict=True)]
    return rows_of(found, chosen.to_numpy(), reading)


def rows_of(found: Sequence[Decoded], sources: Indices, reading: OutcomeReading) -> DecodedRows:
    """The rows of decoded records. sources: index of each record."""
    return DecodedRows.one_by_one(found, sources, OUTCOMES + reading.columns)


# the columns of a frame of outcomes
LABEL = "label"
PREDICTION = "prediction"
PROBABILITY = "probability"
IDENTITY = "id"  # an additional column that identifies rows


def outcomes_of_columns(block: pa.RecordBatch, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of rows with the columns LABEL, PREDICTION and PROBABILITY, if requested, and REASON.

    Columns are texts or numbers; prediction and probability may be lists of all classes, or texts that look like lists.
    """
    nothing = pa.nulls(block.num_rows, pa.string())
    if reading.with_label:
        labels = block.column(LABEL)
    else:
        labels = nothing
    if reading.prediction is None:
        predictions = nothing
    else:
        predictions = block.column(PREDICTION)
    if reading.probability is None:
        probabilities = nothing
    else:
        probabilities = block.column(PROBABILITY)
    reasons = block.column(REASON).to_numpy(zero_copy_only=False).astype(np.int32)
    if not reading.numeric and _has_lists(predictions):
        predictions, probabilities, faults = _of_all_classes(predictions, probabilities, reading)
        reasons = np.where(reasons > 0, reasons, faults)
    rows = np.arange(block.num_rows, dtype=np.int64)
    if reading.numeric:
        labels, predictions = map(_no_lists, (labels, predictions))
    columns = (labels, predictions, _no_lists(probabilities))
    return judged(DecodedRows(columns, rows, reasons, np.zeros_like(reasons)), reading)


def _no_lists(column: pa.Array) -> pa.Array:
    """Cells that should be single numbers: a list, such as all of a model's outputs, becomes a non-numeric text."""
    if pa.types.is_list(column.type):
        return pc.if_else(column.is_valid(), "[]", None)
    return column


def _has_lists(column: pa.Array) -> bool:
    if pa.types.is_list(column.type):
        return True
    return bool(pc.any(pc.match_substring_regex(column, r"^\s*\["), min_count=0).as_py())


def _of_all_classes(predictions: pa.Array, probabilities: pa.Array, reading: OutcomeReading) -> Any:
    """Prediction, probability and error of each row; from labels of all classes, the most probable."""
    found: list[tuple[str | None, str | None]] = []
    faults = np.zeros(len(predictions), dtype=np.int32)
    for row, (labels, numbers) in enumerate(zip(predictions.to_pylist(), probabilities.to_pylist(), strict=True)):
        try:
            texts = chosen(_listed(labels), _listed(numbers), reading)
            if not all(is_writable(text) for text in texts if text is not None):
                raise RecordRefused(Refusal.NOT_UTF_8)
            found.append(texts)
        except RecordRefused as refused:
            found.append((None, None))
            faults[row] = refused.reason
    columns = [pa.array([pair[place] for pair in found], pa.string()) for place in range(2)]
    return *columns, faults


def _listed(value: Any) -> Any:
    if isinstance(value, str):
        return list_in(value)
    return value


@dataclass(frozen=True, slots=True)
class LineDecoder:
    """Makes outcomes from blocks of merged records. files: the lines' files."""

    reading: OutcomeReading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    @property
    def columns(self) -> tuple[str, ...]:
        """The needed columns of the raw frame."""
        return self.reading.records.inputs

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        lines = block.column(LINE)
        files = self.files.behind(block)
        parts = chunks(lines, self.chunk_bytes)
        return _by_parts(parts, lambda part: outcomes_of_lines(lines[part], files[part], self.reading), self.reading)


@dataclass(frozen=True, slots=True)
class DocumentDecoder:
    """Makes outcomes from blocks of JSON Lines with labels. columns: the needed columns of the raw frame."""

    reading: OutcomeReading
    columns: tuple[str, ...] = (LINE,)
    chunk_bytes: int = CHUNK_BYTES

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        lines = block.column(LINE)
        parts = chunks(lines, self.chunk_bytes)
        return _by_parts(parts, lambda part: outcomes_of_documents(lines[part], self.reading), self.reading)


@dataclass(frozen=True, slots=True)
class ColumnDecoder:
    """Makes outcomes from blocks of a table. columns: the needed columns of the raw frame."""

    reading: OutcomeReading
    columns: tuple[str, ...]

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        rows = [(0, block.num_rows)]
        return _by_parts(rows, lambda part: outcomes_of_columns(block[part], self.reading), self.reading)


def _by_parts(
    ranges: Iterable[tuple[int, int]], decode: Callable[[slice], OutcomeRows], reading: OutcomeReading
) -> OutcomeRows:
    """The outcomes of the records in these ranges; a record on which `decode` raises is refused."""

    def refused(number: int, reason: Refusal) -> OutcomeRows:
        return judged(rows_of([Decoded(reason)], np.array([number]), reading), reading)

    return by_parts(ranges, decode, refused, "sources")


Decoder: TypeAlias = LineDecoder | DocumentDecoder | ColumnDecoder


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Makes outcomes whose labels are their own predictions. classes: the predictions up to and above the threshold,
    for rows without a prediction."""

    decoder: Decoder
    threshold: float
    classes: tuple[str, ...]

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        rows = self.decoder(block)
        if rows.predictions is not None or rows.scores is None:
            return replace(rows, labels=rows.predictions)
        above = (rows.scores > self.threshold).astype(np.int8)
        return replace(rows, labels=pa.DictionaryArray.from_arrays(above, list(self.classes)).cast(pa.string()))


def rows_of_blocks(
    decoder: Decoder, places: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Raw batches as outcomes row by row, with their reasons and locations; the executor's task for `frame`."""
    for batch in batches:
        rows = decoder(batch)
        texts = (None if column is None else column.cast(pa.string()) for column in (rows.labels, rows.predictions))
        columns = [pa.nulls(len(rows.sources), pa.string()) if column is None else column for column in texts]
        if rows.scores is None:
            scores = pa.nulls(len(rows.sources), pa.float64())
        else:
            scores = pa.array(rows.scores)
        counted = pa.array((rows.kept & rows.is_first).astype("int32"))
        columns += [scores, pa.array(rows.reasons), counted]
        columns += [batch.column(name).take(pa.array(rows.sources)) for name in places]
        yield pa.RecordBatch.from_arrays(columns, names=["c0", "c1", "c2", REASON, CELLS, *places])


@dataclass(frozen=True, slots=True)
class LabelledRecords:
    """The decoder of captured and merged records.

    reading: must have features and their number. files: the lines' files. threshold: without predictions, a probability
    above it predicts 1. documents: whether the lines are JSON documents, one per line or per file.
    """

    reading: OutcomeReading
    files: FilesByKey = NO_FILES
    threshold: float = THRESHOLD
    documents: bool = False
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.records.inputs

    @property
    def features(self) -> int:
        """The number of columns: features, label and prediction."""
        return self.reading.columns + self.reading.with_label + self.reading.with_prediction

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each record, of which the first has its count of cells; one row for a refused record."""
        decoder = DocumentDecoder if self.documents else partial(LineDecoder, files=self.files)
        found = decoder(self.reading, chunk_bytes=self.chunk_bytes)(batch)
        columns = [*found.features, *[found.labels] * self.reading.with_label]
        if self.reading.with_prediction:
            columns.append(predicted(found, self.threshold))
        return DecodedRows(tuple(columns), found.sources, found.reasons, (found.kept & found.is_first).astype(np.int32))


def predicted(rows: OutcomeRows, threshold: float) -> pa.StringArray:
    """The predictions; if missing, 1 or 0 by the probability; null if that is missing, too."""
    if rows.scores is None:
        return rows.predictions
    is_missing = pa.array(np.isnan(rows.scores))
    by_threshold = pc.if_else(is_missing, None, pc.if_else(pa.array(rows.scores > threshold), "1", "0"))
    if rows.predictions is None:
        return by_threshold
    return pc.coalesce(rows.predictions, by_threshold)
