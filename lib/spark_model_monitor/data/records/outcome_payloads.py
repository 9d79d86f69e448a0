"""Decodes the outcomes (labels with predictions) and the named features in a payload. Pure, one record at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from spark_model_monitor.data.records.csv_rows import Row, cells_of
from spark_model_monitor.data.records.decoding import (
    BASE64,
    CSV,
    JSON,
    EncodedText,
    RecordRefused,
    csv_rows,
    is_base64,
    json_text,
    text_or_none,
)
from spark_model_monitor.data.records.json_elements import has_many_names
from spark_model_monitor.data.records.json_lines import python_literal
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.statistics.states.outcomes import is_positive

LINE_END = re.compile(r"[\r\n]")  # `str.splitlines` would also split at other characters
INDEX = re.compile(r"(?:_c)?([0-9]+)", re.ASCII)  # a column's index: `0`, or Spark's name `_c0`

SURE_PARTS = 0.01  # maximum difference between 1 and the sum of all classes' probabilities

Outcome: TypeAlias = tuple[str | None, str | None, str | None]
"""Label, prediction, probability as texts; None if missing or not requested."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """The labels and probabilities in a record's output: one for each row, a list if it has all classes.

    None if not requested.
    """

    labels: Sequence[Any] | None
    probabilities: Sequence[Any] | None

    @property
    def is_of_classes(self) -> bool:
        """Whether these are all classes of one row with their probabilities: distinct classes, and a sum of 1."""
        labels = self.labels or ()
        shares = self.probabilities or ()
        if not 1 < len(labels) == len(shares) or any(isinstance(each, list) for each in (*labels, *shares)):
            return False
        numbers = [share for share in shares if isinstance(share, (int, float))]
        return len(set(map(str, labels))) == len(labels) == len(numbers) and abs(sum(numbers) - 1) < SURE_PARTS


def outcomes_of(
    truth: EncodedText | None, output: EncodedText | None, reading: OutcomeReading, rows: int | None = None
) -> list[Outcome]:
    """The outcomes of a record. rows: the required number; None for the number of labels.

    Raises RecordRefused if it has none, or if labels and predictions don't match.
    """
    if truth is None and reading.with_label:
        raise RecordRefused(Refusal.NO_LABEL)
    if output is None and reading.with_prediction:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if truth and reading.with_label:
        labels = labels_of(truth, reading)
    else:
        labels = [None] * (rows or 0)
    predicted = Predicted(None, None)
    if output and reading.with_prediction:
        predicted = predicted_of(output, reading, rows=len(labels))
        if not reading.with_label and rows is None:
            return _unlabelled(predicted, reading)
    return _side_by_side(labels, predicted, reading, rows)


def _unlabelled(predicted: Predicted, reading: OutcomeReading) -> list[Outcome]:
    """The outcomes of a record without labels, one for each prediction.

    Raises RecordRefused if it has none.
    """
    if predicted.is_of_classes:
        predicted = Predicted([predicted.labels], [predicted.probabilities])
    rows = len(predicted.probabilities if predicted.labels is None else predicted.labels)  # type: ignore[arg-type]
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _side_by_side([None] * rows, predicted, reading, rows)


def outcomes_of_document(document: Any, reading: OutcomeReading, rows: int | None = None) -> list[Outcome]:
    """The outcomes of a JSON document with labels and predictions. Raises RecordRefused as `outcomes_of` does."""
    found = None
    if reading.label is not None and reading.with_label:
        found = found_at(reading.label, document)
    if not reading.with_label and rows is None:
        return _unlabelled(_predicted_in([document], reading, 0), reading)
    if found is None and not reading.keeps_missing:
        raise RecordRefused(Refusal.NO_LABEL)
    labels = [None] * (rows or 0) if found is None else [text_or_none(value) for value in _flat([found])]
    if not labels and rows is None:  # a record without rows would be neither kept nor refused
        raise RecordRefused(Refusal.NO_LABEL)
    return _side_by_side(labels, _predicted_in([document], reading, len(labels)), reading, rows)


def _side_by_side(
    labels: Sequence[str | None], predicted: Predicted, reading: OutcomeReading, rows: int | None
) -> list[Outcome]:
    nothing = [None] * len(labels)
    predictions = nothing if predicted.labels is None else predicted.labels
    probabilities = nothing if predicted.probabilities is None else predicted.probabilities
    if not (len(labels) if rows is None else rows) == len(labels) == len(predictions) == len(probabilities):
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    return [
        (label, *chosen(prediction, probability, reading))
        for label, prediction, probability in zip(labels, predictions, probabilities, strict=True)
    ]


def labels_of(truth: EncodedText, reading: OutcomeReading) -> list[str | None]:
    """The labels of a record, in order.

    Raises RecordRefused if there is none, or for a JSON object if no path of the label is given.
    """
    if encoding_of(truth) == CSV:
        index = index_of(reading.label) or 0
        labels = [_cell(cells_of(row, reading.records.escape), index) for row in csv_rows(truth.data)]
    else:
        documents = documents_in(truth.data)
        if reading.label is None and any(isinstance(item, dict) for item in _flat(documents)):
            raise RecordRefused(Refusal.LABEL_WITHOUT_PATH)
        if reading.label is None:
            found = documents
        else:
            found = [found_at(reading.label, document) for document in documents]
        labels = [text_or_none(value) for value in _flat(found)]
    if not labels:
        raise RecordRefused(Refusal.NO_LABEL)
    return labels


def predicted_of(output: EncodedText, reading: OutcomeReading, *, rows: int) -> Predicted:
    """The content of a record's output. rows: number of labels, to distinguish a list of rows from one of classes."""
    if encoding_of(output) == CSV:
        cells = [cells_of(row, reading.records.escape) for row in csv_rows(output.data)]
        if len(cells) == 1 < rows == len(cells[0]) and not reading.records.exact_keys:
            # the format of the built-in XGBoost: the scores of all rows in one row
            cells = [(cell,) for cell in cells[0]]
        return Predicted(_of_cells(cells, reading.prediction, reading), _of_cells(cells, reading.probability, reading))
    return _predicted_in(documents_in(output.data), reading, rows)


def chosen(prediction: Any, probability: Any, reading: OutcomeReading) -> tuple[str | None, str | None]:
    """Prediction and probability of one row, as texts: from labels of all classes, the one with the largest
    probability. For many classes, the probabilities are an object with all classes.

    Raises RecordRefused if labels and probabilities of all classes don't match.
    """
    if isinstance(prediction, list) and isinstance(probability, list):
        numbers = [_number(value) for value in probability]
        if len(numbers) != len(prediction) or not numbers:
            raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
        best = numbers.index(max(numbers))
        names = [json_text(name) for name in prediction]
        if not reading.binary:
            return names[best], json.dumps(dict(zip(names, numbers, strict=True)))
        return names[best], repr(numbers[_positive(names, reading.positive_label)])
    if isinstance(prediction, list):
        raise RecordRefused(Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES)
    return text_or_none(prediction), text_or_none(probability)


def list_in(cell: str | None) -> Any:
    """A cell such as `[0.1, 0.9]` or `['a', 'b']` as a list; other cells unchanged."""
    if cell is None or not cell.lstrip().startswith("["):
        return cell
    for parse in (json.loads, _literal):
        try:
            found = parse(cell.strip())
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(found, list):
            return found
        return cell
    return cell


def _literal(text: str) -> Any:
    """The value of a Python literal that JSON can represent: not bytes, not a set."""
    found = python_literal(text)
    json.dumps(found)
    return found


def index_of(address: str | None) -> int | None:
    """The index in an address; None if the address is a name or a path."""
    matched = None
    if address is not None:
        matched = INDEX.fullmatch(address.strip())
    return int(matched[1]) if matched else None


def found_at(address: str, document: Any) -> Any:
    """The value at an address in a JSON document, None if there is none: a member's name, an index, or a JMESPath."""
    if isinstance(document, Mapping) and address in document:
        return document[address]
    index = index_of(address)
    if index is not None:
        return _item(document, index)
    path = path_of(address)
    if path is None:
        return None
    from jmespath.exceptions import JMESPathError

    try:
        return path.search(document)
    except JMESPathError:  # a function that doesn't accept the value there
        return None


@cache
def path_of(address: str) -> Any:
    """The compiled JMESPath; None if the address is not a JMESPath."""
    import jmespath  # executors that need no such path may lack it
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(address)
    except JMESPathError:
        return None


def _of_cells(cells: Sequence[Sequence[str | None]], address: str | None, reading: OutcomeReading) -> list[Any] | None:
    if address is None:
        return None
    index = index_of(address)
    values = [None if index is None else _cell(row, index) for row in cells]
    if reading.numeric:
        return values
    return [list_in(value) for value in values]


def _predicted_in(documents: Sequence[Any], reading: OutcomeReading, rows: int) -> Predicted:
    addresses = (reading.prediction, reading.probability)
    return Predicted(*(_of_documents(documents, address, reading, rows) for address in addresses))


def _of_documents(
    documents: Sequence[Any], address: str | None, reading: OutcomeReading, rows: int
) -> list[Any] | None:
    if address is None:
        return None
    found = [found_at(address, document) for document in documents]
    if reading.keeps_missing and found == [None]:  # a single null stands for all rows
        return None
    if len(found) != 1 or not isinstance(found[0], list):
        return found
    values: list[Any] = found[0]
    if rows == 1 and len(values) != 1:
        return [values]
    return values


def documents_in(data: str) -> list[Any]:
    """The JSON values of a payload: one, or one per line."""
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


def encoding_of(half: EncodedText) -> str:
    """The encoding of a half. Raises RecordRefused unless it is CSV or JSON."""
    if half.encoding == BASE64:
        raise RecordRefused(Refusal.BASE64_WITHOUT_SCRIPT if is_base64(half.data) else Refusal.BAD_BASE64)
    if half.encoding not in (CSV, JSON):
        raise RecordRefused(Refusal.UNKNOWN_ENCODING)
    return half.encoding


def _flat(values: Sequence[Any]) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _cell(row: Sequence[str | None], index: int) -> str | None:
    return row[index] if index < len(row) else None


def _item(document: Any, index: int) -> Any:
    """The value at an index of an array, or, for an array of rows, the values at that index of each row."""
    if not isinstance(document, list):
        return None
    if document and all(isinstance(row, list) for row in document):
        return [_cell(row, index) for row in document]
    return _cell(document, index)


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise RecordRefused(Refusal.PROBABILITY_NOT_A_NUMBER) from None
    if number != number:
        raise RecordRefused(Refusal.PROBABILITY_NOT_A_NUMBER)
    return number


def _positive(names: Sequence[str], positive_label: str | None) -> int:
    for index, name in enumerate(names):
        if is_positive(name, positive_label):
            return index
    raise RecordRefused(Refusal.NO_PROBABILITY)


def features_of(
    request: EncodedText | None, output: EncodedText | None, reading: FeatureReading, escape: str
) -> list[Row]:
    """The features of a record, from its request or from a batch transform's output, which also contains the request.

    Raises RecordRefused if they can't be read, or if their number is wrong.
    """
    half = request or output
    if half is None:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if encoding_of(half) == CSV:
        rows = [cells_of(row, escape) for row in csv_rows(half.data)]
        # a batch transform appends its output to the request
        return _of_so_many(rows if request else [row[: reading.columns] for row in rows], reading)
    found = [row for document in documents_in(half.data) for row in features_in(document, reading)]
    return _of_so_many(found, reading)


def features_in(document: Any, reading: FeatureReading) -> list[Row]:
    """The features in a JSON document: a list of lists, one list, objects or one object.

    Raises RecordRefused if there are none, or if their number is wrong.
    """
    if reading.path is None:
        found = document
    else:
        found = found_at(reading.path, document)
    if isinstance(found, list) and _are_rows(found):
        rows = found
    else:
        rows = [found]
    if not all(isinstance(row, (list, Mapping)) for row in rows):
        is_absent = found is None and reading.path is not None
        raise RecordRefused(Refusal.NO_PAYLOAD if is_absent else Refusal.PAYLOAD_NOT_JSON)
    if not all(rows):
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _of_so_many([_cells(row, reading.names) for row in rows], reading)


def _are_rows(found: list[Any]) -> bool:
    return all(isinstance(item, list) for item in found) or all(isinstance(item, Mapping) for item in found)


def _cells(row: list[Any] | Mapping[str, Any], names: tuple[str, ...]) -> Row:
    """The cells of a row: by name if it has some of the names."""
    if isinstance(row, list):
        values = row
    else:
        values = list(row.values())
    if isinstance(row, Mapping) and not row.keys().isdisjoint(names):
        values = [row.get(name) for name in names]
    return tuple(text_or_none(value) for value in values)


def _of_so_many(rows: list[Row], reading: FeatureReading) -> list[Row]:
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if reading.columns is None:
        columns = len(rows[0])
    else:
        columns = reading.columns
    if any(len(row) != columns for row in rows):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    return rows
