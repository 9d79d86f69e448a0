"""Decodes records into outcomes and requested features, block by block. Runs on executors: no pyspark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records import GROUND_TRUTH, INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.arrays import CHUNK_BYTES, Reasons, is_writable, select_rows, split_into_chunks
from spark_model_monitor.data.records.capture_documents import Payloads, parse_documents
from spark_model_monitor.data.records.captured_lines import decode_one_by_one, split_halves
from spark_model_monitor.data.records.captured_payloads import read_half
from spark_model_monitor.data.records.csv_rows import Row, extract_cells, parse_rows
from spark_model_monitor.data.records.decoded_rows import DecodedRecord, DecodedRows
from spark_model_monitor.data.records.decoding import decode_record, decode_value
from spark_model_monitor.data.records.feature_payloads import decode_document_features, decode_features
from spark_model_monitor.data.records.json_lines import JsonMembers, JsonValue, has_many_names
from spark_model_monitor.data.records.locations import LINE, NO_FILES, FilesByKey
from spark_model_monitor.data.records.outcome_payloads import (
    Outcome,
    choose_prediction,
    decode_document_outcomes,
    decode_outcomes,
    parse_index,
    parse_list,
)
from spark_model_monitor.data.records.outcome_values import (
    OUTCOMES,
    Indices,
    OutcomeReading,
    OutcomeRows,
    validate_outcomes,
)
from spark_model_monitor.data.records.refusals import CELLS, REASON, RecordRefused, Refusal, decode_ranges
from spark_model_monitor.statistics import Flags
from spark_model_monitor.statistics.states.outcome_plan import THRESHOLD
from spark_model_monitor.value_class import value_class

# The columns of a frame of outcomes
LABEL = "label"

PREDICTION = "prediction"
PROBABILITY = "probability"
IDENTITY = "id"  # an optional column that identifies rows


def decode_merged_lines(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of merged records. lines: each is one record. files: the path of each line's file."""
    return validate_outcomes(_decode_by_columns(lines, files, reading), reading)


def decode_documents(lines: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of JSON documents with labels and predictions. lines: each is one document."""
    decoded = [decode_document(line, reading) for line in lines.cast(pa.binary()).to_pylist()]
    return validate_outcomes(build_decoded_rows(decoded, np.arange(len(lines), dtype=np.int64), reading), reading)


def decode_document(line: bytes, reading: OutcomeReading) -> DecodedRecord:
    """The requested content of one JSON document, before validation, or the reason for refusing it."""
    if has_many_names(line):
        return DecodedRecord(Refusal.TOO_MANY_NAMES)
    try:
        # The first line of a file may begin with a byte order mark
        document = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return DecodedRecord(Refusal.NOT_UTF_8)
    except (ValueError, RecursionError):
        return DecodedRecord(Refusal.NOT_A_JSON_OBJECT)
    if not isinstance(document, dict) and reading.features is None:
        return DecodedRecord(Refusal.NOT_A_JSON_OBJECT)
    return decode_value(document, line, partial(_decode_parsed_document, reading=reading))


def _decode_parsed_document(document: JsonValue, reading: OutcomeReading) -> DecodedRecord:
    if reading.features is None:
        return DecodedRecord(rows=decode_document_outcomes(document, reading))
    features = decode_document_features(document, reading.features)
    return _join_features(decode_document_outcomes(document, reading, len(features)), features)


def decode_merged_record(line: bytes, path: str, reading: OutcomeReading) -> DecodedRecord:
    """The requested content of one record, before validation, or the reason for refusing it."""
    return decode_record(line, reading.records, path, partial(_decode_parsed_record, reading=reading))


def _decode_parsed_record(document: JsonMembers, reading: OutcomeReading) -> DecodedRecord:
    # A half that was not captured is None
    read_named_half = partial(read_half, opens_base64=reading.records.opens_base64)
    halves = {name: read_named_half(document["captureData"], name) for name in reading.records.halves}
    output = next((halves[name] for name in OUTPUT_INDEXES if halves.get(name) is not None), None)
    # Features come first: if they can't be read, that is the reason for refusing the record
    features = None
    rows = None
    if reading.features is not None:
        features = decode_features(halves.get(INPUT), output, reading.features, reading.records.escape)
        rows = len(features)
    truth = None
    if reading.with_label:
        truth = read_named_half(document, GROUND_TRUTH)
    outcomes = decode_outcomes(truth, output, reading, rows)
    if features is None:
        return DecodedRecord(rows=outcomes)
    return _join_features(outcomes, features)


def _join_features(outcomes: list[Outcome], features: list[Row]) -> DecodedRecord:
    """Label, prediction and probability, then the features."""
    return DecodedRecord(rows=[(*outcome, *row) for outcome, row in zip(outcomes, features, strict=True)])


def _decode_by_columns(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> DecodedRows:
    """The rows of the lines, in their order. Plain lines are decoded by columns, the others one by one."""
    # Plain lines fit a template and have plain CSV in each requested half
    documents = parse_documents(lines, reading.records, with_truth=reading.with_label)
    is_plain, left_out = documents.select(reading.records.selection)
    requested_payloads = [documents.truth] * reading.with_label
    if reading.with_prediction:
        requested_payloads.append(
            Payloads.coalesce([documents.halves[name] for name in OUTPUT_INDEXES if name in documents.halves])
        )
    if reading.features is not None:
        requested_payloads.append(documents.halves[INPUT])
        is_plain = is_plain & (reading.features.path is None)
    for payloads in requested_payloads:
        is_plain = is_plain & payloads.are_plain_rows()
    # Decode the rows of all plain records together
    halves = [select_rows(payloads_of_half, is_plain).strip_line_ends() for payloads_of_half in requested_payloads]
    del documents, requested_payloads  # so that a long line is not held twice
    plain_outcomes = []
    misfits = []
    fits = np.zeros(len(is_plain), dtype=np.bool_)
    for rows_of_parts, sources in split_halves(halves, np.flatnonzero(is_plain)):
        rows, fit = _decode_plain_rows(rows_of_parts, sources, left_out[sources], reading)
        plain_outcomes.append(rows)
        misfits.append(sources[~fit])
        fits[sources] = True
    del halves
    # A record with a row of another width is decoded again line by line, which determines the reason for refusing it
    for records in misfits:
        fits[records] = False
    columns = OUTCOMES + reading.columns
    plain_rows = DecodedRows.merge_in_order(plain_outcomes, columns)
    if fits.all():
        return plain_rows
    # Decode the other lines one by one
    decode_line = partial(decode_merged_record, reading=reading)
    other_rows = decode_one_by_one(lines, files, np.flatnonzero(~fits), decode_line, columns)
    return DecodedRows.merge_in_order([select_rows(plain_rows, fits[plain_rows.lines]), other_rows], columns)


def _decode_plain_rows(
    halves: Sequence[pa.StringArray], sources: Indices, reasons: Reasons, reading: OutcomeReading
) -> tuple[DecodedRows, Flags]:
    """The cells of rows of plain records, and flags of records with the right number of features.

    halves: the requested halves, truth before output before input.
    """
    requested_halves = list(halves)
    # The halves come in the order in which `_decode_by_columns` requests them
    truth = requested_halves.pop(0) if reading.with_label else None
    output = requested_halves.pop(0) if reading.with_prediction else None
    nulls = pa.nulls(len(sources), pa.string())
    fit = np.ones(len(sources), np.bool_)
    features = ()
    if requested_halves:
        feature_cells = parse_rows(requested_halves[0], reading.columns, escape=reading.records.escape)
        fit = feature_cells.widths == reading.columns
        features = feature_cells.columns
    label = nulls
    if truth is not None:
        label = extract_cells(truth, parse_index(reading.label) or 0)
    prediction, probability = (
        nulls if address is None else extract_cells(output, parse_index(address))
        for address in (reading.prediction, reading.probability)
    )
    no_counts = np.zeros(len(sources), np.int32)
    return DecodedRows((label, prediction, probability, *features), sources, reasons, no_counts), fit


def build_decoded_rows(decoded: Sequence[DecodedRecord], sources: Indices, reading: OutcomeReading) -> DecodedRows:
    """The rows of decoded records. sources: the index of each record."""
    return DecodedRows.from_records(decoded, sources, OUTCOMES + reading.columns)


def read_outcome_columns(block: pa.RecordBatch, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of rows with the column REASON, and LABEL, PREDICTION and PROBABILITY if requested.

    Columns are texts or numbers; prediction and probability may be lists of all classes, or texts that look like lists.
    """
    # Outcomes that aren't requested are null
    labels = predictions = probabilities = pa.nulls(block.num_rows, pa.string())
    if reading.with_label:
        labels = block.column(LABEL)
    if reading.prediction is not None:
        predictions = block.column(PREDICTION)
    if reading.probability is not None:
        probabilities = block.column(PROBABILITY)
    reasons = np.asarray(block.column(REASON)).astype(np.int32)
    # If predictions are lists of all classes, choose the most probable class
    if not reading.numeric and _has_lists(predictions):
        predictions, probabilities, faults = _choose_predictions(predictions, probabilities, reading)
        reasons = np.where(reasons > 0, reasons, faults)
    rows = np.arange(block.num_rows, dtype=np.int64)
    if reading.numeric:
        labels, predictions = map(_replace_lists, (labels, predictions))
    columns = (labels, predictions, _replace_lists(probabilities))
    return validate_outcomes(DecodedRows(columns, rows, reasons, np.zeros_like(reasons)), reading)


def _replace_lists(column: pa.Array) -> pa.Array:
    """The column with lists replaced by a non-numeric text: where a number is needed, a list is refused."""
    if pa.types.is_list(column.type):
        return pc.if_else(column.is_valid(), "[]", None)
    return column


def _has_lists(column: pa.Array) -> bool:
    if pa.types.is_list(column.type):
        return True
    return bool(pc.any(pc.match_substring_regex(column, r"^\s*\["), min_count=0).as_py())


def _choose_predictions(predictions: pa.Array, probabilities: pa.Array, reading: OutcomeReading) -> Any:
    """Prediction, probability and fault of each row. From lists of all classes, the most probable class is the prediction."""
    pairs: list[tuple[str | None, str | None]] = []
    faults = np.zeros(len(predictions), dtype=np.int32)
    for row, (labels, numbers) in enumerate(zip(predictions.to_pylist(), probabilities.to_pylist(), strict=True)):
        try:
            texts = choose_prediction(parse_list(labels), parse_list(numbers), reading)
            # Half a surrogate pair can't be stored in a column
            if not all(is_writable(text) for text in texts if text is not None):
                raise RecordRefused(Refusal.NOT_UTF_8)
            pairs.append(texts)
        except RecordRefused as refused:
            pairs.append((None, None))
            faults[row] = refused.reason
    columns = [pa.array([pair[index] for pair in pairs], pa.string()) for index in range(2)]
    return *columns, faults


@value_class
class LineDecoder:
    """Makes outcomes from blocks of merged records. files: the files of the lines. documents: whether the lines are JSON
    documents instead.
    """

    reading: OutcomeReading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES
    documents: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the raw rows that the decoder needs."""
        return self.reading.records.inputs

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        lines = block.column(LINE)
        files = self.files.get_paths(block)

        def decode_chunk(chunk: slice) -> OutcomeRows:
            if self.documents:
                return decode_documents(lines[chunk], self.reading)
            return decode_merged_lines(lines[chunk], files[chunk], self.reading)

        return _decode_by_parts(split_into_chunks(lines, self.chunk_bytes), decode_chunk, self.reading)


@value_class
class ColumnDecoder:
    """Makes outcomes from blocks of a table. columns: the columns of the raw rows that the decoder needs."""

    reading: OutcomeReading
    columns: tuple[str, ...]

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        rows = [(0, block.num_rows)]
        return _decode_by_parts(rows, lambda chunk: read_outcome_columns(block[chunk], self.reading), self.reading)


def _decode_by_parts(
    ranges: Iterable[tuple[int, int]], decode: Callable[[slice], OutcomeRows], reading: OutcomeReading
) -> OutcomeRows:
    """The outcomes of the records in these ranges; a record on which `decode` raises is refused."""

    def refused(number: int, reason: Refusal) -> OutcomeRows:
        return validate_outcomes(build_decoded_rows([DecodedRecord(reason)], np.array([number]), reading), reading)

    return decode_ranges(ranges, decode, refused, "sources")


Decoder: TypeAlias = LineDecoder | ColumnDecoder


@value_class
class UnlabelledDecoder:
    """Makes outcomes whose labels are their own predictions. classes: the predictions up to and above the threshold,
    for rows without a prediction."""

    decoder: Decoder
    threshold: float
    classes: tuple[str, ...]

    def __call__(self, block: pa.RecordBatch) -> OutcomeRows:
        rows = self.decoder(block)
        if rows.predictions is not None or rows.scores is None:
            return replace(rows, labels=rows.predictions)
        # A row without a prediction gets the class on its side of the threshold
        above = (rows.scores > self.threshold).astype(np.int8)
        return replace(rows, labels=pa.DictionaryArray.from_arrays(above, list(self.classes)).cast(pa.string()))


def decode_blocks(
    decoder: Decoder, locations: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The executor's task that turns raw batches into rows of outcomes, with their reasons and locations."""
    for batch in batches:
        rows = decoder(batch)
        # Outcomes that weren't requested are null
        labels = predictions = pa.nulls(len(rows.sources), pa.string())
        scores = pa.nulls(len(rows.sources), pa.float64())
        if rows.labels is not None:
            labels = rows.labels.cast(pa.string())
        if rows.predictions is not None:
            predictions = rows.predictions.cast(pa.string())
        if rows.scores is not None:
            scores = pa.array(rows.scores)
        # A record is counted by its first row
        counts = pa.array((rows.kept & rows.is_first).astype("int32"))
        columns = [labels, predictions, scores, pa.array(rows.reasons), counts]
        columns += [batch.column(name).take(rows.sources) for name in locations]
        yield pa.RecordBatch.from_arrays(columns, names=["c0", "c1", "c2", REASON, CELLS, *locations])


@value_class
class LabelledRecords:
    """Decodes captured and merged records to features, label and prediction.

    reading: must have features and their number.
    files: the files of the lines.
    threshold: without predictions, a probability above it predicts 1.
    documents: whether the lines are JSON documents, one per line or per file.
    chunk_bytes: the bytes of lines that are decoded at once.
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
        """The rows of each record; only its first row has 1 in `cells`, so that records are counted by it."""
        outcomes = LineDecoder(self.reading, self.files, self.chunk_bytes, self.documents)(batch)
        columns = [*outcomes.features, *[outcomes.labels] * self.reading.with_label]
        if self.reading.with_prediction:
            columns.append(fill_predictions(outcomes, self.threshold))
        return DecodedRows(
            tuple(columns), outcomes.sources, outcomes.reasons, (outcomes.kept & outcomes.is_first).astype(np.int32)
        )


def fill_predictions(rows: OutcomeRows, threshold: float) -> pa.StringArray:
    """The predictions. A missing prediction is 1 if the probability is above the threshold, else 0; null without probability."""
    if rows.scores is None:
        return rows.predictions
    # A row without a probability gets no prediction
    by_threshold = pc.if_else(np.isnan(rows.scores), None, pc.if_else(rows.scores > threshold, "1", "0"))
    if rows.predictions is None:
        return by_threshold
    return pc.coalesce(rows.predictions, by_threshold)
