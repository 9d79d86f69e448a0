"""Validates labels, predictions and probabilities for a scan, and determines the reasons for refusing records.

Works block by block, for every source: the columns of a table, or the payloads of merged records. Runs on executors, with
numpy and pyarrow only.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records.arrays import Reasons, concat_rows, select_rows
from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.states.outcome_plan import ClassKey, class_key
from spark_model_monitor.value_class import value_class

Indices: TypeAlias = Integers

MISSING_TEXTS = ("", "NaN", "nan")
"""Texts that mean a missing value: pandas and Spark write a missing number as NaN."""

DECIMAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""Matches decimal numbers, but neither `0x1` nor Java's `1d`."""


OF_CLASSES = pa.list_(pa.struct({"name": pa.string(), "share": pa.float64()}.items()))
"""The type of a row's probabilities by class name."""

OUTCOMES = 3  # label, prediction and probability, the first columns of `DecodedRows`
ROWS_AT_ONCE = 2**17  # rows that are validated together: a record may have millions
NO_RECORDS = Reading(())  # for tables, which have no captured records


@value_class
class FeatureReading:
    """The location of a record's features.

    path: a JMESPath; None for the cells of CSV, or for the members of JSON objects.
    columns: the number of features; None for any number.
    names: the members of JSON objects that are features, in order; without names, all members in their own order.
    """

    path: str | None = None
    columns: int | None = None
    names: tuple[str, ...] = ()


@value_class
class OutcomeReading:
    """The parts of an outcome to read (label, prediction, probability), and their locations.

    label, prediction, probability: a column's name or index, or a JMESPath; None if not requested, or, for the label,
    for the first cell.
    numeric: whether labels and predictions are numbers.
    binary: whether a probability belongs to the positive class; otherwise it belongs to the predicted class.
    positive_label: the positive class; None for 1 or true.
    with_label: whether a label is requested.
    classes: the allowed labels and predictions; None if all are allowed.
    allows_missing: whether an outcome may lack its label or prediction, without an error.
    records: which records to take, the members of `captureData` that may contain outcomes, and their CSV dialect.
    features: the location of the record's features; None if not requested.
    """

    label: str | None
    prediction: str | None
    probability: str | None
    numeric: bool = False
    binary: bool = False
    positive_label: str | None = None
    with_label: bool = True
    classes: frozenset[ClassKey] | None = None
    allows_missing: bool = False
    records: Reading = NO_RECORDS
    features: FeatureReading | None = None

    @property
    def with_prediction(self) -> bool:
        """Whether any part of the model's reply is requested."""
        return self.prediction is not None or self.probability is not None

    @property
    def columns(self) -> int:
        """The number of requested features."""
        if self.features is None:
            return 0
        return self.features.columns or 0


@value_class
class OutcomeRows:
    """Outcomes in the form that `outcome_builder.OutcomeBuilder` takes, and refused records.

    labels, predictions: null if the value is missing and may be missing. predictions: None if not requested.
    scores: the probabilities; NaN if the value is missing and may be missing; None if not requested.
    sources: the index of each row's record; the rows of a record are consecutive.
    reasons: 0, or above 0 for a refused record, which is one row whose other members are meaningless.
    features: the requested features, as texts.
    of_classes: the probabilities by class name, null if only the predicted class has a probability; None unless there are many
    classes.
    """

    labels: pa.Array
    predictions: pa.Array | None
    scores: Doubles | None
    sources: Indices
    reasons: Reasons
    features: tuple[pa.Array, ...] = ()
    of_classes: pa.ListArray | None = None

    @property
    def kept(self) -> Flags:
        """Flags of the rows that are not refused."""
        return np.asarray(self.reasons == 0)

    @property
    def is_first(self) -> Flags:
        """Flags of the first row of each record."""
        return np.asarray(np.diff(self.sources, prepend=-1) != 0)

    def where(self, mask: Flags) -> OutcomeRows:
        """The rows selected by `mask`."""
        return select_rows(self, mask)


def validate_outcomes(decoded: DecodedRows, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of decoded rows. A row with an error refuses its whole record, for the first error of the first such row.

    decoded: one row for each outcome and one for each refused record, with label, prediction, probability and features:
    texts or numbers, null if missing or not requested.
    """
    # A record may have millions of rows, so rows are validated in chunks, and refusals spread over records afterwards
    chunks = []
    for start in range(0, max(1, len(decoded.lines)), ROWS_AT_ONCE):
        chunk = slice(start, start + ROWS_AT_ONCE)
        label, prediction, probability = (column[chunk] for column in decoded.columns[:OUTCOMES])
        chunks.append(
            _validate_rows(label, prediction, probability, decoded.lines[chunk], decoded.reasons[chunk], reading)
        )
    rows = concat_rows(chunks)
    rows = replace(rows, reasons=_spread_over_records(rows.reasons, rows.sources), features=decoded.columns[OUTCOMES:])
    return rows.where(rows.kept | rows.is_first)


def _validate_rows(
    labels: pa.Array,
    predictions: pa.Array,
    probabilities: pa.Array,
    sources: Indices,
    reasons: Reasons,
    reading: OutcomeReading,
) -> OutcomeRows:
    """The outcomes of rows, without features, with the first error of each row as its reason."""
    scores = of_classes = None
    # Labels and predictions are numbers or class names; a row keeps its first fault as the reason
    if reading.numeric:
        numbers, faults = _validate_numbers(labels, Refusal.NO_LABEL, Refusal.LABEL_NOT_A_NUMBER)
        labels = pa.array(numbers)
        if reading.with_label:
            reasons = _add_faults(reasons, faults)
        if reading.prediction is not None:
            numbers, faults = _validate_numbers(predictions, Refusal.NO_PREDICTION, Refusal.PREDICTION_NOT_A_NUMBER)
            predictions = pa.array(numbers)
            reasons = _add_faults(reasons, faults)
    else:
        may_lack_label = reading.allows_missing or not reading.with_label
        labels, faults = _validate_texts(labels, Refusal.NO_LABEL, allows_missing=may_lack_label)
        reasons = _add_faults(reasons, faults)
        if reading.prediction is not None:
            predictions, faults = _validate_texts(
                predictions, Refusal.NO_PREDICTION, allows_missing=reading.allows_missing
            )
            reasons = _add_faults(reasons, faults)
        # A third class would change the problem from binary to multiclass
        if reading.classes is not None:
            if reading.with_label:
                reasons = _add_faults(reasons, _find_other_classes(labels, reading.classes))
            if reading.prediction is not None:
                reasons = _add_faults(reasons, _find_other_classes(predictions, reading.classes))
    if reading.probability is not None:
        # With many classes, the score is the probability of the predicted class
        if not reading.numeric and not reading.binary:
            probabilities, of_classes = _select_class_probability(probabilities, predictions)
        scores, faults = _validate_numbers(probabilities, Refusal.NO_PROBABILITY, Refusal.PROBABILITY_NOT_A_NUMBER)
        if reading.allows_missing:
            is_missing = faults == Refusal.NO_PROBABILITY
            scores = np.where(is_missing, np.nan, scores)
            faults = np.where(is_missing, np.int32(0), faults)
        reasons = _add_faults(reasons, faults)
        # A common mistake is 95 instead of 0.95
        is_out_of_range = (scores < 0) | (scores > 1)
        reasons = _add_faults(
            reasons, np.where(is_out_of_range, np.int32(Refusal.PROBABILITY_OUT_OF_RANGE), np.int32(0))
        )
    # Predictions are part of the outcomes only if requested
    requested_predictions = None
    if reading.prediction is not None:
        requested_predictions = predictions
    return OutcomeRows(labels, requested_predictions, scores, sources, reasons, of_classes=of_classes)


def _select_class_probability(column: pa.Array, predictions: pa.Array) -> tuple[pa.Array, pa.ListArray]:
    """The probability of the predicted class, and the probabilities of all classes if the column has objects.

    If any class has a probability outside 0 to 1, this probability is returned, so that the row is refused for it.
    """
    # Most columns have one probability a row
    nulls = pa.nulls(len(column), OF_CLASSES)
    if pa.types.is_floating(column.type) or not pc.any(pc.starts_with(column, "{"), min_count=0).as_py():
        return column, nulls
    texts = column.to_pylist()
    shares_of_rows = nulls.to_pylist()
    for row, (text, prediction) in enumerate(zip(texts, predictions.to_pylist(), strict=True)):
        if text is None or not text.startswith("{"):
            continue
        try:
            shares = {name.strip(): float(share) for name, share in json.loads(text).items()}
        except (ValueError, TypeError, RecursionError, OverflowError):
            continue
        # A probability out of range refuses the row, whatever its class
        invalid_shares = [share for share in shares.values() if not 0 <= share <= 1]
        if invalid_shares:
            predicted_share = invalid_shares[0]
        else:
            predicted_share = shares.get(prediction or "", max(shares.values(), default=math.nan))
        texts[row] = repr(predicted_share)
        shares_of_rows[row] = (
            None if invalid_shares else [{"name": name, "share": share} for name, share in shares.items()]
        )
    return pa.array(texts, pa.string()), pa.array(shares_of_rows, OF_CLASSES)


def _add_faults(reasons: Reasons, faults: Reasons) -> Reasons:
    return np.where(reasons > 0, reasons, faults)


def _spread_over_records(reasons: Reasons, sources: Indices) -> Reasons:
    rows_with_errors = np.flatnonzero(reasons)
    if not len(rows_with_errors):
        return reasons
    # A record's reason is the reason of its first row with an error
    records, first_indices = np.unique(sources[rows_with_errors], return_index=True)
    reason_by_record = np.zeros(int(sources[-1]) + 1, dtype=np.int32)
    reason_by_record[records] = reasons[rows_with_errors[first_indices]]
    return reason_by_record[sources]


def _validate_texts(column: pa.Array, missing: Refusal, *, allows_missing: bool) -> tuple[pa.Array, Reasons]:
    """The texts without surrounding blanks, and their faults. Missing texts become "", or null if they may be missing."""
    texts = pc.utf8_trim_whitespace(column)
    is_absent = pc.or_(pc.is_null(texts), pc.is_in(texts, pa.array(MISSING_TEXTS)))
    if allows_missing:
        return pc.if_else(is_absent, None, texts), np.zeros(len(texts), np.int32)
    faults = np.where(np.asarray(is_absent), np.int32(missing), np.int32(0))
    return pc.fill_null(texts, "") if texts.null_count else texts, faults


def _find_other_classes(texts: pa.Array, classes: frozenset[ClassKey]) -> Reasons:
    allowed_texts = [text for text in texts.unique().to_pylist() if text is not None and class_key(text) in classes]
    is_other = np.asarray(pc.invert(pc.is_in(texts, pa.array(allowed_texts, pa.string()))))
    return np.where(is_other, np.int32(Refusal.THIRD_CLASS), np.int32(0))


def _validate_numbers(column: pa.Array, missing: Refusal, no_number: Refusal) -> tuple[Doubles, Reasons]:
    """The values as finite numbers, 0 for other values, and their faults."""
    if pa.types.is_floating(column.type):
        is_absent = pc.or_kleene(pc.is_null(column), pc.is_nan(column))
        values = pc.fill_null(column.cast(pa.float64()), 0.0)
    else:
        texts = pc.utf8_trim_whitespace(column)
        is_absent = pc.or_kleene(pc.is_null(texts), pc.equal(texts, ""))
        values = _parse_numbers(texts)
    numbers = np.asarray(values)
    is_absent = np.asarray(pc.fill_null(is_absent, True))
    is_finite = np.isfinite(numbers)
    faults = np.where(is_absent, np.int32(missing), np.where(is_finite, np.int32(0), np.int32(no_number)))
    return np.where(is_finite, numbers, 0.0), faults


def _parse_numbers(texts: pa.Array) -> pa.Array:
    """One number per text; NaN for a text that isn't a number."""
    try:
        return pc.fill_null(texts.cast(pa.float64()), np.nan)
    except pa.ArrowInvalid:
        # Some texts aren't numbers, so only decimal numbers are cast
        is_decimal = pc.fill_null(pc.match_substring_regex(texts, DECIMAL), False)
        decimal_texts = pc.if_else(is_decimal, pc.utf8_ltrim(texts, characters="+"), pa.scalar(None, pa.string()))
        return pc.fill_null(decimal_texts.cast(pa.float64()), np.nan)
