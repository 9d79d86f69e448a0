"""Decodes the outcomes (labels with predictions) in a payload. Pure, one record at a time. Values are found by the addresses that
the user gave: the index of a cell, the name of a member, or a JMESPath.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

from spark_model_monitor.data.records import BASE64, CSV, JSON
from spark_model_monitor.data.records.captured_payloads import (
    EncodedText,
    format_json_value,
    format_optional_value,
    is_base64,
)
from spark_model_monitor.data.records.csv_rows import split_csv_rows, split_row
from spark_model_monitor.data.records.json_lines import JsonValue, has_many_names, parse_literal
from spark_model_monitor.data.records.outcome_values import OutcomeReading
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal
from spark_model_monitor.statistics.states.outcome_plan import is_positive
from spark_model_monitor.value_class import value_class

LINE_END = re.compile(r"[\r\n]")  # `str.splitlines` would also split at form feeds and other characters
INDEX = re.compile(r"(?:_c)?([0-9]+)", re.ASCII)  # a column's index: `0`, or Spark's name `_c0`

MAX_SUM_ERROR = 0.01  # the largest difference from 1 of the sum of all classes' probabilities

Outcome: TypeAlias = tuple[str | None, str | None, str | None]
"""Label, prediction and probability as texts; None if missing or not requested."""


@value_class
class ModelReply:
    """The predicted labels and the probabilities in a record's output.

    Each has one element for each row, which is a list if it has all classes; None if not requested.
    """

    labels: Sequence[JsonValue] | None
    probabilities: Sequence[JsonValue] | None

    @property
    def is_of_classes(self) -> bool:
        """Whether the reply has all classes of a single row: distinct labels, and probabilities with a sum of 1."""
        # A list of classes looks like a list of rows, but classes differ and their probabilities add up to 1
        labels = self.labels or ()
        shares = self.probabilities or ()
        if not 1 < len(labels) == len(shares) or any(isinstance(label, list) for label in labels):
            return False
        numbers = [share for share in shares if isinstance(share, (int, float))]
        return len(set(map(str, labels))) == len(labels) == len(numbers) and abs(sum(numbers) - 1) < MAX_SUM_ERROR


def decode_outcomes(
    truth: EncodedText | None, output: EncodedText | None, reading: OutcomeReading, rows: int | None = None
) -> list[Outcome]:
    """The outcomes of a record. rows: the required number of rows; None for the number of labels.

    Raises RecordRefused if the record has no outcomes, or if labels and predictions don't match.
    """
    if truth is None and reading.with_label:
        raise RecordRefused(Refusal.NO_LABEL)
    if output is None and reading.with_prediction:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if truth and reading.with_label:
        labels = decode_labels(truth, reading)
    else:
        labels = [None] * (rows or 0)
    reply = ModelReply(None, None)
    if output and reading.with_prediction:
        reply = decode_reply(output, reading, rows=len(labels))
        # Without labels, the number of predictions is the number of rows
        if not reading.with_label and rows is None:
            return _decode_unlabelled(reply, reading)
    return _combine_outcomes(labels, reply, reading, rows)


def _decode_unlabelled(reply: ModelReply, reading: OutcomeReading) -> list[Outcome]:
    """The outcomes of a record without labels: one for each prediction.

    Raises RecordRefused if the record has no predictions.
    """
    if reply.is_of_classes:
        reply = ModelReply([reply.labels], [reply.probabilities])
    rows = len(reply.probabilities if reply.labels is None else reply.labels)  # type: ignore[arg-type]
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _combine_outcomes([None] * rows, reply, reading, rows)


def decode_document_outcomes(document: JsonValue, reading: OutcomeReading, rows: int | None = None) -> list[Outcome]:
    """The outcomes of a JSON document with labels and predictions. Raises RecordRefused as `decode_outcomes` does."""
    label_values = None
    if reading.label is not None and reading.with_label:
        label_values = find_value(reading.label, document)
    if not reading.with_label and rows is None:
        return _decode_unlabelled(_find_replies([document], reading, 0), reading)
    if label_values is None and not reading.allows_missing:
        raise RecordRefused(Refusal.NO_LABEL)
    # A record without labels has one missing label for each row
    labels: list[str | None] = [None] * (rows or 0)
    if label_values is not None:
        labels = [format_optional_value(value) for value in _flatten_values([label_values])]
    if not labels and rows is None:  # a record without rows would be neither accepted nor refused
        raise RecordRefused(Refusal.NO_LABEL)
    return _combine_outcomes(labels, _find_replies([document], reading, len(labels)), reading, rows)


def _combine_outcomes(
    labels: Sequence[str | None], predicted: ModelReply, reading: OutcomeReading, rows: int | None
) -> list[Outcome]:
    nulls = [None] * len(labels)
    # Outcomes that weren't requested are nulls, one for each label
    predictions = nulls if predicted.labels is None else predicted.labels
    probabilities = nulls if predicted.probabilities is None else predicted.probabilities
    if not (len(labels) if rows is None else rows) == len(labels) == len(predictions) == len(probabilities):
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    return [
        (label, *choose_prediction(prediction, probability, reading))
        for label, prediction, probability in zip(labels, predictions, probabilities, strict=True)
    ]


def decode_labels(truth: EncodedText, reading: OutcomeReading) -> list[str | None]:
    """The labels of a record, in order.

    Raises RecordRefused if there are no labels, or if a label is a JSON object and no path of the label is given.
    """
    if check_encoding(truth) == CSV:
        # In CSV the label is given by its index, by default the first cell
        index = parse_index(reading.label) or 0
        labels = [_get_cell(split_row(row, reading.records.escape), index) for row in split_csv_rows(truth.data)]
    else:
        values = parse_payload(truth.data)
        if reading.label is not None:
            values = [find_value(reading.label, document) for document in values]
        # In an object, only a path tells which member is the label
        elif any(isinstance(item, dict) for item in _flatten_values(values)):
            raise RecordRefused(Refusal.LABEL_WITHOUT_PATH)
        labels = [format_optional_value(value) for value in _flatten_values(values)]
    if not labels:
        raise RecordRefused(Refusal.NO_LABEL)
    return labels


def decode_reply(output: EncodedText, reading: OutcomeReading, *, rows: int) -> ModelReply:
    """The content of a record's output. rows: the number of labels, to distinguish a list of rows from a list of classes."""
    if check_encoding(output) == CSV:
        cells = [split_row(row, reading.records.escape) for row in split_csv_rows(output.data)]
        if len(cells) == 1 < rows == len(cells[0]) and not reading.records.exact_keys:
            # The built-in XGBoost writes the scores of all rows into one row
            cells = [(cell,) for cell in cells[0]]
        return ModelReply(
            _select_cells(cells, reading.prediction, reading), _select_cells(cells, reading.probability, reading)
        )
    return _find_replies(parse_payload(output.data), reading, rows)


def choose_prediction(
    prediction: JsonValue, probability: JsonValue, reading: OutcomeReading
) -> tuple[str | None, str | None]:
    """Prediction and probability of one row, as texts.

    If the row has the labels of all classes, the prediction is the label with the largest probability. Unless the
    problem is binary, the probability is then a JSON object with the probabilities of all classes.

    Raises RecordRefused if labels and probabilities of all classes don't match.
    """
    if isinstance(prediction, list) and isinstance(probability, list):
        numbers = [_parse_number(value) for value in probability]
        if len(numbers) != len(prediction) or not numbers:
            raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
        # Of equally probable classes, `index` finds the first
        best = numbers.index(max(numbers))
        names = [format_json_value(name) for name in prediction]
        if not reading.binary:
            return names[best], json.dumps(dict(zip(names, numbers, strict=True)))
        return names[best], repr(numbers[_find_positive_class(names, reading.positive_label)])
    if isinstance(prediction, list):
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    return format_optional_value(prediction), format_optional_value(probability)


def parse_list(cell: JsonValue) -> JsonValue:
    """A cell such as `[0.1, 0.9]` or `['a', 'b']` as a list; other cells unchanged."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return cell
    # The list is JSON, or Python's repr, which pandas writes into CSV
    for parse in (json.loads, _parse_literal):
        try:
            value = parse(cell.strip())
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(value, list):
            return value
        return cell
    return cell


def _parse_literal(text: str) -> JsonValue:
    """The value of a Python literal. Raises TypeError if JSON can't represent it, such as bytes or a set."""
    literal = parse_literal(text)
    json.dumps(literal)
    return literal


def parse_index(address: str | None) -> int | None:
    """The index in an address; None if the address is a name or a path."""
    match = INDEX.fullmatch((address or "").strip())
    if match is None:
        return None
    return int(match[1])


def find_value(address: str, document: JsonValue) -> JsonValue:
    """The value at an address in a JSON document; None if it has no value there. address: a member, an index, or a JMESPath."""
    if isinstance(document, Mapping) and address in document:
        return document[address]
    # The address is tried as a member's name, then as an index, then as a path
    index = parse_index(address)
    if index is not None:
        return _get_item(document, index)
    path = compile_path(address)
    if path is None:
        return None
    from jmespath.exceptions import JMESPathError

    try:
        return path.search(document)
    except JMESPathError:  # a function that doesn't accept the value there
        return None


@cache
def compile_path(address: str) -> JsonValue:
    """The compiled JMESPath; None if the address is not a JMESPath."""
    import jmespath  # imported here, since executors that don't need it may lack it
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(address)
    except JMESPathError:
        return None


def _select_cells(
    cells: Sequence[Sequence[str | None]], address: str | None, reading: OutcomeReading
) -> list[JsonValue] | None:
    if address is None:
        return None
    index = parse_index(address)
    values = [None if index is None else _get_cell(row, index) for row in cells]
    if reading.numeric:
        return values
    return [parse_list(value) for value in values]


def _find_replies(documents: Sequence[JsonValue], reading: OutcomeReading, rows: int) -> ModelReply:
    labels = _find_reply_values(documents, reading.prediction, reading, rows)
    return ModelReply(labels, _find_reply_values(documents, reading.probability, reading, rows))


def _find_reply_values(
    documents: Sequence[JsonValue], address: str | None, reading: OutcomeReading, rows: int
) -> list[JsonValue] | None:
    if address is None:
        return None
    document_values = [find_value(address, document) for document in documents]
    if reading.allows_missing and document_values == [None]:  # a single null stands for all rows
        return None
    if len(document_values) != 1 or not isinstance(document_values[0], list):
        return document_values
    # A single list has one value for each row or, if there is one row, all its classes
    values: list[JsonValue] = document_values[0]
    if rows == 1 and len(values) != 1:
        return document_values
    return values


def parse_payload(data: str) -> list[JsonValue]:
    """The JSON values of a payload: a single value, or one value per line."""
    if has_many_names(data):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    try:
        return [json.loads(data)]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in LINE_END.split(data) if line.strip()]
    except (ValueError, RecursionError):
        raise RecordRefused(Refusal.PAYLOAD_NOT_JSON) from None


def check_encoding(half: EncodedText) -> str:
    """The encoding of a half. Raises RecordRefused unless it is CSV or JSON."""
    if half.encoding == BASE64:
        raise RecordRefused(Refusal.BASE64_WITHOUT_SCRIPT if is_base64(half.data) else Refusal.BAD_BASE64)
    if half.encoding not in (CSV, JSON):
        raise RecordRefused(Refusal.UNKNOWN_ENCODING)
    return half.encoding


def _flatten_values(values: Sequence[JsonValue]) -> list[JsonValue]:
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _get_cell(row: Sequence[str | None], index: int) -> str | None:
    if index < len(row):
        return row[index]
    return None


def _get_item(document: JsonValue, index: int) -> JsonValue:
    """The value at an index of an array. For an array of rows, the list of the values at this index of each row."""
    if not isinstance(document, list):
        return None
    if document and all(isinstance(row, list) for row in document):
        return [_get_cell(row, index) for row in document]
    return _get_cell(document, index)


def _parse_number(value: JsonValue) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise RecordRefused(Refusal.PROBABILITY_NOT_A_NUMBER) from None
    if number != number:
        raise RecordRefused(Refusal.PROBABILITY_NOT_A_NUMBER)
    return number


def _find_positive_class(names: Sequence[str], positive_label: str | None) -> int:
    for index, name in enumerate(names):
        if is_positive(name, positive_label):
            return index
    raise RecordRefused(Refusal.NO_PROBABILITY)
