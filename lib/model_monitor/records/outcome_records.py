"""Records as outcomes and features, as far as they are asked for, a block of lines at a time. Runs on executors: no pyspark.

Most lines are plain: one JSON object, CSV in all halves, as many rows in each, no quotes. Arrow parses them, and they are taken
apart by columns. Every other line goes through `record_of`, which is also what the tests hold the plain way against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor.records.capture_documents import documents_of
from model_monitor.records.columnar import where
from model_monitor.records.csv_payloads import rows_of_halves
from model_monitor.records.csv_rows import Row, cell_of_rows, parsed_rows
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.decoding import GROUND_TRUTH, Decoded, asked_of, found_in, half_in
from model_monitor.records.feature_payloads import INPUT, OUTPUTS, features_in, features_of
from model_monitor.records.line_bytes import Flags
from model_monitor.records.outcome_payloads import Outcome, index_of, outcomes_of, outcomes_of_document
from model_monitor.records.outcome_values import OUTCOMES, Indices, OutcomeReading, OutcomeRows, Reasons, judged
from model_monitor.records.refusals import Refusal


def outcomes_of_lines(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of merged records. lines: one record each; files: the paths that they are from."""
    return judged(_found(lines, files, reading), reading)


def outcomes_of_documents(lines: pa.Array, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of JSON documents that hold labels and predictions. lines: one document each."""
    found = [document_of(line, reading) for line in lines.cast(pa.binary()).to_pylist()]
    return judged(rows_of(found, np.arange(len(lines), dtype=np.int64), reading), reading)


def document_of(line: bytes, reading: OutcomeReading) -> Decoded:
    """What is asked for of one JSON document, before its values are looked at, or why it is refused."""
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
    features = None if reading.features is None else features_in(document, reading.features)
    return _rows(outcomes_of_document(document, reading, None if features is None else len(features)), features)


def record_of(line: bytes, path: str, reading: OutcomeReading) -> Decoded:
    """What is asked for of one record, before its values are looked at, or why it is refused."""
    return asked_of(line, reading.records, path, partial(_of_record, reading=reading))


def _of_record(document: Mapping[str, Any], reading: OutcomeReading) -> Decoded:
    half_named = partial(half_in, opens_base64=reading.records.opens_base64)
    halves = {name: half_named(document["captureData"], name) for name in reading.records.halves}
    output = next((halves[name] for name in OUTPUTS if halves.get(name) is not None), None)
    features = None
    if reading.features is not None:
        features = features_of(halves.get(INPUT), output, reading.features, reading.records.escape)
    truth = half_named(document, GROUND_TRUTH) if reading.with_label else None
    return _rows(outcomes_of(truth, output, reading, None if features is None else len(features)), features)


def _rows(outcomes: list[Outcome], features: list[Row] | None) -> Decoded:
    """Label, prediction and probability, then the features."""
    return Decoded(
        rows=outcomes if features is None else [(*o, *row) for o, row in zip(outcomes, features, strict=True)]
    )


def _found(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> DecodedRows:
    """Plain lines by columns, the others one by one, all in the order of the lines."""
    documents = documents_of(lines, reading.records, with_truth=reading.with_label)
    plain, left_out = documents.judged_by_their_events(reading.records)
    asked = [documents.truth] * reading.with_label
    if reading.with_prediction:
        asked.append(documents.halves[OUTPUTS[0] if OUTPUTS[0] in documents.halves else OUTPUTS[1]])
    if reading.features is not None:
        asked.append(documents.halves[INPUT])
        plain = plain & (reading.features.path is None)
    for payloads in asked:
        plain = plain & payloads.are_plain_rows()
    everything = plain.all()
    halves = [(one if everything else one.where(plain)).chomped() for one in asked]
    del documents, asked  # a long line is not held a second time
    of_plain, misfits, fits = [], [], np.zeros(len(plain), dtype=np.bool_)
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
    """The cells of rows of plain records, and which of these have as many features as are wanted.

    halves: those that are asked for, truth before output before input.
    """
    left = list(halves)
    truth = left.pop(0) if reading.with_label else None
    output = left.pop(0) if reading.with_prediction else None
    nothing = pa.nulls(len(sources), pa.string())
    fit, features = np.ones(len(sources), np.bool_), ()
    if left:
        found = parsed_rows(left[0], reading.columns, escape=reading.records.escape)
        fit, features = found.widths == reading.columns, found.columns
    label = nothing if truth is None else cell_of_rows(truth, index_of(reading.label) or 0)
    prediction, probability = (
        nothing if address is None else cell_of_rows(output, index_of(address))
        for address in (reading.prediction, reading.probability)
    )
    no_counts = np.zeros(len(sources), np.int32)
    return DecodedRows((label, prediction, probability, *features), sources, reasons, no_counts), fit


def _of_lines(which: Flags, lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> DecodedRows:
    """Lines one by one."""
    chosen = pa.array(np.flatnonzero(which))
    texts, paths = lines.cast(pa.binary()).take(chosen).to_pylist(), files.take(chosen).to_pylist()
    found = [record_of(line, path, reading) for line, path in zip(texts, paths, strict=True)]
    return rows_of(found, chosen.to_numpy(), reading)


def rows_of(found: Sequence[Decoded], sources: Indices, reading: OutcomeReading) -> DecodedRows:
    """What was found in some records. sources: index of each record."""
    return DecodedRows.one_by_one(found, sources, OUTCOMES + reading.columns)
