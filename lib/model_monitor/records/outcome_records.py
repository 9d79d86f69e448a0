"""Records as outcomes and features, as far as they are asked for, a block of lines at a time. Runs on executors: no pyspark.

Most lines are plain: one JSON object, CSV in all halves, one row, no quotes. Arrow parses them, and they are taken apart by
columns. Every other line goes through `record_of`, which is also what the tests hold the plain way against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from model_monitor.records.capture_documents import documents_of
from model_monitor.records.csv_rows import Row, cell_of_rows, parsed_rows
from model_monitor.records.decoding import GROUND_TRUTH, opened
from model_monitor.records.feature_payloads import INPUT, OUTPUTS, features_in, features_of
from model_monitor.records.line_bytes import REPLACED, Flags, is_utf_8
from model_monitor.records.outcome_payloads import (
    Outcome,
    RecordRefused,
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
    """The outcomes of JSON documents that hold labels and predictions. lines: one document each."""
    found = [document_of(line, reading) for line in lines.cast(pa.binary()).to_pylist()]
    return judged(cells_of_records(found, np.arange(len(lines), dtype=np.int64), reading), reading)


def document_of(line: bytes, reading: OutcomeReading) -> list[Row] | Refusal:
    """What is asked for of one JSON document, before its values are looked at, or why it is refused."""
    try:
        document = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8
    except (ValueError, RecursionError):
        return Refusal.NOT_A_JSON_OBJECT
    if not isinstance(document, dict) and reading.features is None:
        return Refusal.NOT_A_JSON_OBJECT
    try:
        features = None if reading.features is None else features_in(document, reading.features)
        outcomes = outcomes_of_document(document, reading, None if features is None else len(features))
        return as_texts(_rows(outcomes, features))
    except RecordRefused as refused:
        return refused.reason
    except Exception as fault:
        return Refusal.of(fault)


def record_of(line: bytes, path: str, reading: OutcomeReading) -> list[Row] | Refusal:
    """What is asked for of one record, before its values are looked at, or why it is refused."""
    document = opened(line, reading.records, path)
    if isinstance(document, Refusal):
        return document
    try:
        rows = as_texts(_rows_of(document, reading))
    except RecordRefused as refused:
        return refused.reason if is_utf_8(line) else Refusal.NOT_UTF_8
    except Exception as fault:
        return Refusal.of(fault)
    is_replaced = any(cell is not None and REPLACED in cell for row in rows for cell in row)
    return Refusal.NOT_UTF_8 if is_replaced and not is_utf_8(line) else rows


def _rows_of(document: Mapping[str, Any], reading: OutcomeReading) -> list[Row]:
    halves = {name: half_in(document["captureData"], name) for name in reading.records.halves}
    output = next((halves[name] for name in OUTPUTS if halves.get(name) is not None), None)
    features = None
    if reading.features is not None:
        features = features_of(halves.get(INPUT), output, reading.features, reading.records.escape)
    truth = half_in(document, GROUND_TRUTH) if reading.with_label else None
    return _rows(outcomes_of(truth, output, reading, None if features is None else len(features)), features)


def _rows(outcomes: list[Outcome], features: list[Row] | None) -> list[Row]:
    """Label, prediction and probability, then the features."""
    return list(outcomes) if features is None else [(*o, *row) for o, row in zip(outcomes, features, strict=True)]


def _found(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> Cells:
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
        plain = plain & payloads.are_one_plain_row()
    everything = plain.all()
    sources = np.arange(len(lines)) if everything else np.flatnonzero(plain)
    halves = [(one if everything else one.where(plain)).chomped() for one in asked]
    of_plain, fit = _of_plain(halves, sources, left_out[plain], reading)
    if everything and fit.all():
        return of_plain
    plain[sources[~fit]] = False
    cells = _joined([of_plain if fit.all() else _taken(of_plain, fit), _of_lines(~plain, lines, files, reading)])
    return _taken(cells, np.argsort(cells.sources, kind="stable"))


def _of_plain(
    halves: Sequence[pa.StringArray], sources: Indices, reasons: Reasons, reading: OutcomeReading
) -> tuple[Cells, Flags]:
    """The cells of plain records, and which of these have as many features as are wanted.

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
    cells = Cells(
        nothing if truth is None else cell_of_rows(truth, index_of(reading.label) or 0),
        None if reading.prediction is None else cell_of_rows(output, index_of(reading.prediction)),
        None if reading.probability is None else cell_of_rows(output, index_of(reading.probability)),
        sources,
        reasons,
        features,
    )
    return cells, fit


def _of_lines(which: Flags, lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> Cells:
    """Lines one by one."""
    chosen = pa.array(np.flatnonzero(which))
    texts, paths = lines.cast(pa.binary()).take(chosen).to_pylist(), files.take(chosen).to_pylist()
    found = [record_of(line, path, reading) for line, path in zip(texts, paths, strict=True)]
    return cells_of_records(found, chosen.to_numpy(), reading)


def cells_of_records(found: Sequence[list[Row] | Refusal], sources: Indices, reading: OutcomeReading) -> Cells:
    """What was found in some records, as rows. sources: index of each record."""
    nothing: list[Row] = [(None,) * (3 + reading.columns)]
    rows = [nothing if isinstance(record, Refusal) else record for record in found]
    sizes = [len(record) for record in rows]
    reasons = np.array([record if isinstance(record, Refusal) else 0 for record in found], dtype=np.int32)
    flat = [row for record in rows for row in record]
    labels, predictions, probabilities, *features = (
        pa.array([row[place] for row in flat], pa.string()) for place in range(3 + reading.columns)
    )
    return Cells(
        labels,
        None if reading.prediction is None else predictions,
        None if reading.probability is None else probabilities,
        np.repeat(sources, sizes),
        np.repeat(reasons, sizes),
        tuple(features),
    )


def _taken(cells: Cells, places: Indices | Flags) -> Cells:
    """Some of the rows, in this order."""
    wanted = pa.array(np.flatnonzero(places) if places.dtype == np.bool_ else places)
    return Cells(
        cells.labels.take(wanted),
        None if cells.predictions is None else cells.predictions.take(wanted),
        None if cells.probabilities is None else cells.probabilities.take(wanted),
        cells.sources[places],
        cells.reasons[places],
        tuple(column.take(wanted) for column in cells.features),
    )


def _joined(pieces: Sequence[Cells]) -> Cells:
    return Cells(
        pa.concat_arrays([piece.labels for piece in pieces]),
        None if pieces[0].predictions is None else pa.concat_arrays([piece.predictions for piece in pieces]),
        None if pieces[0].probabilities is None else pa.concat_arrays([piece.probabilities for piece in pieces]),
        np.concatenate([piece.sources for piece in pieces]),
        np.concatenate([piece.reasons for piece in pieces]),
        tuple(pa.concat_arrays(same) for same in zip(*(piece.features for piece in pieces), strict=True)),
    )
