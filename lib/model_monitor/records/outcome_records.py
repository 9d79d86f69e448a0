"""Merged records as outcomes, a block of lines at a time. Runs on executors: no pyspark.

Most lines are plain: one JSON object, CSV on both sides, one row, no quotes. Arrow parses them, and they are taken apart by
columns. Every other line goes through `record_of`, which is also what the tests hold the plain way against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from model_monitor.records.capture_documents import Payloads, documents_of
from model_monitor.records.csv_rows import cell_of_rows
from model_monitor.records.decoding import GROUND_TRUTH, opened
from model_monitor.records.line_bytes import REPLACED, is_utf_8
from model_monitor.records.outcome_payloads import (
    RecordRefused,
    Row,
    as_texts,
    half_in,
    index_of,
    outcomes_of,
    outcomes_of_document,
)
from model_monitor.records.outcome_values import Cells, Indices, OutcomeReading, OutcomeRows, Reasons, judged
from model_monitor.records.refusals import Refusal


def outcomes_of_lines(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of merged records. lines: one record each; files: the paths that they are from."""
    return judged(_found(lines, files, reading), reading)


def outcomes_of_documents(lines: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of JSON Lines that hold labels and predictions. lines: one document each."""
    found = [document_of(line, reading) for line in lines.cast(pa.binary()).to_pylist()]
    return judged(_cells_of(found, np.arange(len(lines), dtype=np.int64), reading), reading)


def document_of(line: bytes, reading: OutcomeReading) -> list[Row] | Refusal:
    """The outcomes of one JSON document, before their values are looked at, or why it is refused."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Refusal.NOT_A_JSON_OBJECT
    if not isinstance(document, dict):
        return Refusal.NOT_A_JSON_OBJECT
    try:
        return as_texts(outcomes_of_document(document, reading))
    except RecordRefused as refused:
        return refused.reason


def record_of(line: bytes, path: str, reading: OutcomeReading) -> list[Row] | Refusal:
    """The outcomes of one merged record, before their values are looked at, or why it is refused."""
    document = opened(line, reading.records, path)
    if isinstance(document, Refusal):
        return document
    try:
        truth = half_in(document, GROUND_TRUTH)
        halves = (half_in(document["captureData"], name) for name in reading.records.halves)
        output = next((half for half in halves if half is not None), None)
        if any(half and REPLACED in half.data for half in (truth, output)) and not is_utf_8(line):
            return Refusal.NOT_UTF_8
        return as_texts(outcomes_of(truth, output, reading))
    except RecordRefused as refused:
        return refused.reason


def _found(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> Cells:
    """Plain lines by columns, the others one by one, all in the order of the lines."""
    documents = documents_of(lines, reading.records, with_truth=True)
    known, left_out = documents.judged_by_their_events(reading.records)
    truth, output = documents.truth, documents.halves[reading.records.halves[0]]
    plain = known & truth.are_one_plain_row() & output.are_one_plain_row()
    others = np.flatnonzero(~plain)
    if not len(others):
        return _of_plain(truth, output, np.arange(len(lines)), left_out, reading)
    of_plain = _of_plain(truth.where(plain), output.where(plain), np.flatnonzero(plain), left_out[plain], reading)
    cells = _joined([of_plain, _of_lines(others, lines, files, reading)])
    order = np.argsort(cells.sources, kind="stable")
    return Cells(
        cells.labels.take(order),
        None if cells.predictions is None else cells.predictions.take(order),
        None if cells.probabilities is None else cells.probabilities.take(order),
        cells.sources[order],
        cells.reasons[order],
    )


def _of_plain(truth: Payloads, output: Payloads, sources: Indices, reasons: Reasons, reading: OutcomeReading) -> Cells:
    rows = output.chomped()
    return Cells(
        cell_of_rows(truth.chomped(), index_of(reading.label) or 0),
        None if reading.prediction is None else cell_of_rows(rows, index_of(reading.prediction)),
        None if reading.probability is None else cell_of_rows(rows, index_of(reading.probability)),
        sources,
        reasons,
    )


def _of_lines(which: Indices, lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> Cells:
    """Lines one by one."""
    chosen = pa.array(which)
    texts, paths = lines.cast(pa.binary()).take(chosen).to_pylist(), files.take(chosen).to_pylist()
    found = [record_of(line, path, reading) for line, path in zip(texts, paths, strict=True)]
    return _cells_of(found, which, reading)


def _cells_of(found: Sequence[list[Row] | Refusal], sources: Indices, reading: OutcomeReading) -> Cells:
    """sources: index of each record."""
    nothing: list[Row] = [(None, None, None)]
    rows = [nothing if isinstance(record, Refusal) else record for record in found]
    sizes = [len(record) for record in rows]
    reasons = np.array([record if isinstance(record, Refusal) else 0 for record in found], dtype=np.int32)
    flat = [row for record in rows for row in record]
    labels, predictions, probabilities = (pa.array([row[place] for row in flat], pa.string()) for place in range(3))
    return Cells(
        labels,
        None if reading.prediction is None else predictions,
        None if reading.probability is None else probabilities,
        np.repeat(sources, sizes),
        np.repeat(reasons, sizes),
    )


def _joined(pieces: list[Cells]) -> Cells:
    if len(pieces) == 1:
        return pieces[0]
    return Cells(
        pa.concat_arrays([piece.labels for piece in pieces]),
        None if pieces[0].predictions is None else pa.concat_arrays([piece.predictions for piece in pieces]),
        None if pieces[0].probabilities is None else pa.concat_arrays([piece.probabilities for piece in pieces]),
        np.concatenate([piece.sources for piece in pieces]),
        np.concatenate([piece.reasons for piece in pieces]),
    )
