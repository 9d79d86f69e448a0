"""Merged records as outcomes, a block of lines at a time. Runs on executors: no pyspark.

Most lines are plain: one JSON object, CSV on both sides, one row, no quotes. Arrow parses them, and they are taken apart by
columns. Every other line goes through `record_of`, which is also what the tests hold the plain way against.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.reading.capture_documents import member_of, table_of, within_window
from model_monitor.reading.decoding import CSV, opened
from model_monitor.reading.line_bytes import Flags, holding, is_utf_8
from model_monitor.reading.outcome_payloads import (
    GROUND_TRUTH,
    RecordRefused,
    Row,
    half_in,
    index_of,
    outcomes_of,
    outcomes_of_document,
)
from model_monitor.reading.outcome_values import Cells, Indices, OutcomeReading, OutcomeRows, judged
from model_monitor.reading.refusals import Refusal

REPLACED = "\ufffd"
"""What decoding makes of bytes that are not UTF-8."""

_HALF = pa.struct([("data", pa.string()), ("encoding", pa.string())])


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
        return _as_texts(outcomes_of_document(document, reading))
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
        return _as_texts(outcomes_of(truth, output, reading))
    except RecordRefused as refused:
        return refused.reason


@dataclass(frozen=True, slots=True)
class _Columns:
    """What Arrow found in lines, a text or null for each of them."""

    label: pa.Array
    label_encoding: pa.Array
    output: pa.Array
    output_encoding: pa.Array
    time: pa.Array

    @classmethod
    def of(cls, lines: pa.Array, reading: OutcomeReading) -> _Columns:
        """The members that count, of the half in which predictions are looked for first."""
        output, window = reading.records.halves[0], reading.records.window
        members = [("captureData", pa.struct([(output, _HALF)])), (GROUND_TRUTH, _HALF)]
        if window is not None:
            members.append(("eventMetadata", pa.struct([("inferenceTime", pa.string())])))
        table = table_of(lines, pa.schema(members))
        captured, truth = member_of(table, "captureData"), member_of(table, GROUND_TRUTH)
        return cls(
            pc.struct_field(truth, ["data"]),
            pc.struct_field(truth, ["encoding"]),
            pc.struct_field(captured, [output, "data"]),
            pc.struct_field(captured, [output, "encoding"]),
            _nulls(len(lines))
            if window is None
            else pc.struct_field(member_of(table, "eventMetadata"), ["inferenceTime"]),
        )

    def where(self, mask: Flags) -> _Columns:
        """Some of the lines."""
        wanted = pa.array(mask)
        columns = (self.label, self.label_encoding, self.output, self.output_encoding, self.time)
        return _Columns(*(column.filter(wanted) for column in columns))


def _found(lines: pa.Array, files: pa.Array, reading: OutcomeReading) -> Cells:
    """Plain lines by columns, the others one by one, all in the order of the lines."""
    columns = _Columns.of(lines, reading)
    plain = _is_plain(columns, reading)
    others = np.flatnonzero(~plain)
    if not len(others):
        return _of_plain(columns, np.arange(len(lines)), reading)
    of_plain = _of_plain(columns.where(plain), np.flatnonzero(plain), reading)
    cells = _joined([of_plain, _of_lines(others, lines, files, reading)])
    order = np.argsort(cells.sources, kind="stable")
    return Cells(
        cells.labels.take(order),
        None if cells.predictions is None else cells.predictions.take(order),
        None if cells.probabilities is None else cells.probabilities.take(order),
        cells.sources[order],
        cells.reasons[order],
    )


def _is_plain(columns: _Columns, reading: OutcomeReading) -> Flags:
    if reading.records.sample is not None:
        return np.zeros(len(columns.label), dtype=np.bool_)
    plain = _is_one_row(columns.label, columns.label_encoding) & _is_one_row(columns.output, columns.output_encoding)
    if reading.records.window is not None:
        plain &= within_window(columns.time, reading.records.window)[1]
    return plain


def _is_one_row(data: pa.Array, encoding: pa.Array) -> Flags:
    """Whether a payload is a CSV row without quotes and lists."""
    row = pc.utf8_rtrim(data, characters="\r\n")
    there = np.asarray(pc.fill_null(pc.and_(pc.equal(encoding, CSV), pc.not_equal(row, "")), False))
    return there & ~holding(row, b'"[\r\n')


def _of_plain(columns: _Columns, sources: Indices, reading: OutcomeReading) -> Cells:
    reasons = np.zeros(len(sources), dtype=np.int32)
    if reading.records.window is not None:
        reasons[~within_window(columns.time, reading.records.window)[0]] = Refusal.OUTSIDE_WINDOW
    output = pc.utf8_rtrim(columns.output, characters="\r\n")
    return Cells(
        _cell(pc.utf8_rtrim(columns.label, characters="\r\n"), index_of(reading.label) or 0),
        None if reading.prediction is None else _cell(output, index_of(reading.prediction)),
        None if reading.probability is None else _cell(output, index_of(reading.probability)),
        sources,
        reasons,
    )


def _cell(rows: pa.Array, index: int | None) -> pa.Array:
    """The cells at a place of CSV rows without quotes, null where a row has none."""
    if index is None:
        return _nulls(len(rows))
    if index == 0 and not holding(rows, b",").any():
        return rows
    cells = pc.split_pattern(rows, ",")
    enough = pc.greater(pc.list_value_length(cells), index)
    if pc.all(enough, min_count=0).as_py():
        return pc.list_element(cells, index)
    return pc.replace_with_mask(_nulls(len(rows)), enough, pc.list_element(cells.filter(enough), index))


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


def _nulls(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.string())


def _as_texts(rows: list[Row]) -> list[Row]:
    """Raises RecordRefused if one of the texts can't be written as UTF-8: JSON can spell half a surrogate pair."""
    for row in rows:
        for text in row:
            if text is not None and not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
                raise RecordRefused(Refusal.NOT_UTF_8)
    return rows
