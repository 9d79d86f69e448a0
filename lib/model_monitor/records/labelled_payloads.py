"""Rows with their labels and predictions, from one captured or merged record or one JSON document. Pure; runs on executors.

A row is the features of the input, then the observed label, then the predicted one, as far as they are asked for. A record of k
rows has k of each, in order. `labelled_lines` does the same for many plain records at once, and comes here for the others.

Source: B1; C6.3, C7.2a.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from model_monitor.records.csv_rows import cells_of
from model_monitor.records.decoding import CSV, GROUND_TRUTH, Half, csv_rows, json_text, opened
from model_monitor.records.line_bytes import REPLACED, is_utf_8
from model_monitor.records.outcome_payloads import (
    RecordRefused,
    as_texts,
    chosen,
    found_at,
    half_in,
    labels_of,
    predicted_of,
)
from model_monitor.records.outcome_values import OutcomeReading
from model_monitor.records.refusals import Refusal

INPUT, OUTPUTS = "endpointInput", ("endpointOutput", "batchTransformOutput")

Row: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class LabelledReading:
    """What is read of each row, and from where.

    features: a JMESPath; None for the cells of CSV, or for the members of JSON objects. columns: how many features a row has;
    None takes any number. outcome: where label, prediction and probability are. with_label, with_prediction: whether they are
    asked for. threshold: a probability above it is a prediction of 1, where there is no prediction.
    """

    features: str | None
    outcome: OutcomeReading
    columns: int | None = None
    with_label: bool = True
    with_prediction: bool = True
    threshold: float = 0.5

    @property
    def width(self) -> int:
        """How many cells a row has: its features, label and prediction."""
        return (self.columns or 0) + self.with_label + self.with_prediction


def rows_of_record(line: bytes, path: str, reading: LabelledReading) -> list[Row] | Refusal:
    """The rows of one captured or merged record, or why it is refused."""
    document = opened(line, reading.outcome.records, path)
    if isinstance(document, Refusal):
        return document
    try:
        rows = as_texts(_of_record(document, reading))
    except RecordRefused as refused:
        return refused.reason if is_utf_8(line) else Refusal.NOT_UTF_8
    is_replaced = any(cell is not None and REPLACED in cell for row in rows for cell in row)
    return Refusal.NOT_UTF_8 if is_replaced and not is_utf_8(line) else rows


def rows_of_document(text: bytes, reading: LabelledReading) -> list[Row] | Refusal:
    """The rows of one JSON document, a line or a whole file, or why it is refused."""
    try:
        document = json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8
    except (ValueError, RecursionError):
        return Refusal.NOT_A_JSON_OBJECT
    try:
        return as_texts(_of_document(document, reading))
    except RecordRefused as refused:
        return refused.reason


def _of_record(document: Mapping[str, Any], reading: LabelledReading) -> list[Row]:
    halves = {name: half_in(document["captureData"], name) for name in (INPUT, *OUTPUTS)}
    output = next((halves[name] for name in OUTPUTS if halves[name] is not None), None)
    features = _features_of(halves[INPUT] or _required(output), reading)
    labels: Sequence[str | None] = [None] * len(features)
    if reading.with_label:
        truth = half_in(document, GROUND_TRUTH)
        if truth is None:
            raise RecordRefused(Refusal.NO_LABEL)
        labels = labels_of(truth, reading.outcome)
    predictions: Sequence[str | None] = [None] * len(features)
    if reading.with_prediction:
        predictions = _predictions_of(_required(output), reading, len(features))
    return _side_by_side(features, labels, predictions, reading)


def _of_document(document: Any, reading: LabelledReading) -> list[Row]:
    found = document if reading.features is None else found_at(reading.features, document)
    features = _rows_in(found, reading)
    outcome, rows = reading.outcome, len(features)
    labels = _values(outcome.label, document, rows) if reading.with_label else [None] * rows
    predictions = _values(outcome.prediction, document, rows) if reading.with_prediction else [None] * rows
    return _side_by_side(features, labels, predictions, reading)


def _side_by_side(
    features: Sequence[Row], labels: Sequence[str | None], predictions: Sequence[str | None], reading: LabelledReading
) -> list[Row]:
    if not len(features) == len(labels) == len(predictions):
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    outcomes = (labels if reading.with_label else None, predictions if reading.with_prediction else None)
    asked = [column for column in outcomes if column is not None]
    return [
        (*row, *rest)
        for row, rest in zip(features, zip(*asked, strict=True) if asked else [()] * len(features), strict=True)
    ]


def _required(half: Half | None) -> Half:
    if half is None:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return half


def _features_of(half: Half, reading: LabelledReading) -> list[Row]:
    if half.encoding == CSV:
        rows = [cells_of(row) for row in csv_rows(half.data)]
        return _of_so_many([_without_rest(row, reading) for row in rows], reading)
    try:
        document = json.loads(half.data)
    except (ValueError, RecursionError):
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None
    return _rows_in(document if reading.features is None else found_at(reading.features, document), reading)


def _without_rest(row: Row, reading: LabelledReading) -> Row:
    """The features of a CSV row: a batch transform joins its output behind them."""
    return row if reading.columns is None else row[: max(reading.columns, 0)]


def _rows_in(found: Any, reading: LabelledReading) -> list[Row]:
    """Rows of a list of lists, of one list, of objects or of one object."""
    if isinstance(found, Mapping):
        rows = [list(found.values())]
    elif isinstance(found, list) and found and all(isinstance(item, list) for item in found):
        rows = found
    elif isinstance(found, list) and found and all(isinstance(item, Mapping) for item in found):
        rows = [list(item.values()) for item in found]
    elif isinstance(found, list) and found:
        rows = [found]
    else:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _of_so_many([tuple(map(_text, row)) for row in rows], reading)


def _of_so_many(rows: list[Row], reading: LabelledReading) -> list[Row]:
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    columns = len(rows[0]) if reading.columns is None else reading.columns
    if any(len(row) != columns for row in rows):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    return rows


def _predictions_of(output: Half, reading: LabelledReading, rows: int) -> list[str | None]:
    found = predicted_of(output, reading.outcome, rows=rows)
    labels = [None] * rows if found.labels is None else found.labels
    probabilities = [None] * rows if found.probabilities is None else found.probabilities
    if not len(labels) == len(probabilities) == rows:
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    return [
        _predicted(*chosen(label, probability, reading.outcome), reading)
        for label, probability in zip(labels, probabilities, strict=True)
    ]


def _predicted(label: str | None, probability: str | None, reading: LabelledReading) -> str | None:
    """The label that is given, else 1 or 0 by the threshold."""
    if label is not None or probability is None:
        return label
    try:
        return str(int(float(probability) > reading.threshold))
    except ValueError:
        raise RecordRefused(Refusal.PROBABILITY_NOT_A_NUMBER) from None


def _values(address: str | None, document: Any, rows: int) -> list[str | None]:
    """What stands at an address, one for each row."""
    found = None if address is None else found_at(address, document)
    values = found if isinstance(found, list) else [found] * rows if found is None else [found]
    return [_text(value) for value in values]


def _text(value: Any) -> str | None:
    return None if value is None else json_text(value)
