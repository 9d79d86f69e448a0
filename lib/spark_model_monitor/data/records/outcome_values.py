"""Validates labels, predictions and probabilities for a scan, and gives the reasons for refusing a record.

Validates them block by block, for every source (a table's columns, the payloads of merged records). Runs on executors:
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
from numpy.typing import NDArray

from spark_model_monitor.data.records.arrays import concat_rows, select_rows
from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.statistics.states.outcome_plan import ClassKey, class_key
from spark_model_monitor.value_class import value_class

Reasons: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]

MISSING_TEXTS = ("", "NaN", "nan")
"""Texts that mean a missing value: pandas and Spark write a missing number as NaN."""

DECIMAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""A decimal number; neither `0x1` nor Java's `1d`."""


OF_CLASSES = pa.list_(pa.struct({"name": pa.string(), "share": pa.float64()}.items()))
"""The probabilities by class name."""

OUTCOMES = 3  # label, prediction and probability, the first columns of `DecodedRows`
ROWS_AT_ONCE = 2**17  # rows that are validated together: a record may have millions
NO_RECORDS = Reading(())  # for tables, which have no records


@value_class
class FeatureReading:
    """The location of a record's features.

    path: a JMESPath; None for the cells of CSV, or for the members of JSON objects.
    columns: the number of features; None for any.
    names: the members of JSON objects that are features, in order; without names, all members in their own order.
    """

    path: str | None = None
    columns: int | None = None
    names: tuple[str, ...] = ()


@value_class
class OutcomeReading:
    """The chunks of each outcome to read, and their locations.

    label, prediction, probability: a column's name or index, or a JMESPath; None if not requested, or, for the label,
    for the first cell.
    numeric: whether labels and predictions are numbers.
    binary: whether a probability is that of the positive class; otherwise it is that of the predicted class.
    positive_label: the positive class; None for 1 or true.
    with_label: whether a label is requested.
    classes: the allowed labels and predictions; None for any.
    keeps_missing: whether an outcome may lack its label or prediction, without an error.
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
    keeps_missing: bool = False
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
    """Outcomes as `outcomes.OutcomeBuilder` takes them, and refused records.

    labels, predictions: null where one may be missing and is. predictions: None if not requested.
    scores: NaN where one may be missing and is; None if not requested.
    sources: the index of each row's record; the rows of a record are consecutive.
    reasons: 0, or above 0 for a refused record, which is one row whose other members are meaningless.
    features: texts, as many columns as requested.
    of_classes: the probabilities by class name, null if only that of the predicted class is known; None unless there are many
    classes.
    """

    labels: pa.Array
    predictions: pa.Array | None
    scores: Numbers | None
    sources: Indices
    reasons: Reasons
    features: tuple[pa.Array, ...] = ()
    of_classes: pa.ListArray | None = None

    @property
    def kept(self) -> NDArray[np.bool_]:
        """The rows that are not refused."""
        return np.asarray(self.reasons == 0)

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """The first row of each record."""
        return np.asarray(np.diff(self.sources, prepend=-1) != 0)

    def where(self, mask: NDArray[np.bool_]) -> OutcomeRows:
        """The rows selected by `mask`."""
        return select_rows(self, mask)


def judge_outcomes(decoded: DecodedRows, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of decoded rows. A record is kept or refused as a whole, for the first error of its first bad row.

    decoded: one row for each outcome and one for each refused record, with label, prediction, probability and features:
    texts or numbers, null if missing or not requested.
    """
    # A record may have millions of rows, so they are judged in chunks; one bad row refuses the whole record
    chunks = []
    for start in range(0, max(1, len(decoded.lines)), ROWS_AT_ONCE):
        chunk = slice(start, start + ROWS_AT_ONCE)
        label, prediction, probability = (column[chunk] for column in decoded.columns[:OUTCOMES])
        chunks.append(
            _judge_rows(label, prediction, probability, decoded.lines[chunk], decoded.reasons[chunk], reading)
        )
    rows = concat_rows(chunks)
    rows = replace(rows, reasons=_spread_over_records(rows.reasons, rows.sources), features=decoded.columns[OUTCOMES:])
    return rows.where(rows.kept | rows.is_first)


def _judge_rows(
    labels: pa.Array,
    predictions: pa.Array,
    probabilities: pa.Array,
    sources: Indices,
    reasons: Reasons,
    reading: OutcomeReading,
) -> OutcomeRows:
    """The outcomes of rows without their features, and the first error of each row."""
    scores = of_classes = None
    # Numbers, or texts of classes; the first fault of a row counts
    if reading.numeric:
        numbers, faults = _judge_numbers(labels, Refusal.NO_LABEL, Refusal.LABEL_NOT_A_NUMBER)
        labels = pa.array(numbers)
        if reading.with_label:
            reasons = _add_faults(reasons, faults)
        if reading.prediction is not None:
            numbers, faults = _judge_numbers(predictions, Refusal.NO_PREDICTION, Refusal.PREDICTION_NOT_A_NUMBER)
            predictions = pa.array(numbers)
            reasons = _add_faults(reasons, faults)
    else:
        may_lack_label = reading.keeps_missing or not reading.with_label
        labels, faults = _judge_texts(labels, Refusal.NO_LABEL, keeps_missing=may_lack_label)
        reasons = _add_faults(reasons, faults)
        if reading.prediction is not None:
            predictions, faults = _judge_texts(predictions, Refusal.NO_PREDICTION, keeps_missing=reading.keeps_missing)
            reasons = _add_faults(reasons, faults)
        # A third class would make the problem another one
        if reading.classes is not None:
            if reading.with_label:
                reasons = _add_faults(reasons, _find_other_classes(labels, reading.classes))
            if reading.prediction is not None:
                reasons = _add_faults(reasons, _find_other_classes(predictions, reading.classes))
    if reading.probability is not None:
        # Of many classes, the probability is that of the predicted one
        if not reading.numeric and not reading.binary:
            probabilities, of_classes = _select_class_probability(probabilities, predictions)
        scores, faults = _judge_numbers(probabilities, Refusal.NO_PROBABILITY, Refusal.PROBABILITY_NOT_A_NUMBER)
        if reading.keeps_missing:
            is_missing = faults == Refusal.NO_PROBABILITY
            scores = np.where(is_missing, np.nan, scores)
            faults = np.where(is_missing, np.int32(0), faults)
        reasons = _add_faults(reasons, faults)
        # 95 for .95 is a common mistake
        outside = (scores < 0) | (scores > 1)
        reasons = _add_faults(reasons, np.where(outside, np.int32(Refusal.PROBABILITY_OUT_OF_RANGE), np.int32(0)))
    # Predictions that weren't requested are no part of the outcomes
    requested_predictions = None
    if reading.prediction is not None:
        requested_predictions = predictions
    return OutcomeRows(labels, requested_predictions, scores, sources, reasons, of_classes=of_classes)


def _select_class_probability(column: pa.Array, predictions: pa.Array) -> tuple[pa.Array, pa.ListArray]:
    """The probability of the predicted class, and those of all classes if the column has objects.

    A probability of another class outside 0 to 1 replaces the first, so that the row is refused for it.
    """
    # Most columns have one probability a row
    nothing = pa.nulls(len(column), OF_CLASSES)
    if pa.types.is_floating(column.type) or not pc.any(pc.starts_with(column, "{"), min_count=0).as_py():
        return column, nothing
    texts = column.to_pylist()
    shares_of_rows = nothing.to_pylist()
    for row, (text, prediction) in enumerate(zip(texts, predictions.to_pylist(), strict=True)):
        if text is None or not text.startswith("{"):
            continue
        try:
            shares = {name.strip(): float(share) for name, share in json.loads(text).items()}
        except (ValueError, TypeError, RecursionError, OverflowError):
            continue
        # A bad probability of any class refuses the row
        wrong = [share for share in shares.values() if not 0 <= share <= 1]
        if wrong:
            predicted_share = wrong[0]
        else:
            predicted_share = shares.get(prediction or "", max(shares.values(), default=math.nan))
        texts[row] = repr(predicted_share)
        shares_of_rows[row] = None if wrong else [{"name": name, "share": share} for name, share in shares.items()]
    return pa.array(texts, pa.string()), pa.array(shares_of_rows, OF_CLASSES)


def _add_faults(reasons: Reasons, faults: Reasons) -> Reasons:
    return np.where(reasons > 0, reasons, faults)


def _spread_over_records(reasons: Reasons, sources: Indices) -> Reasons:
    bad = np.flatnonzero(reasons)
    if not len(bad):
        return reasons
    # The first bad row of each record says why
    records, first = np.unique(sources[bad], return_index=True)
    reason_by_record = np.zeros(int(sources[-1]) + 1, dtype=np.int32)
    reason_by_record[records] = reasons[bad[first]]
    return reason_by_record[sources]


def _judge_texts(column: pa.Array, missing: Refusal, *, keeps_missing: bool) -> tuple[pa.Array, Reasons]:
    """Texts without surrounding blanks; missing texts are "", or null if that is not an error."""
    texts = pc.utf8_trim_whitespace(column)
    absent = pc.or_(pc.is_null(texts), pc.is_in(texts, pa.array(MISSING_TEXTS)))
    if keeps_missing:
        return pc.if_else(absent, None, texts), np.zeros(len(texts), np.int32)
    faults = np.where(absent.to_numpy(zero_copy_only=False), np.int32(missing), np.int32(0))
    return pc.fill_null(texts, "") if texts.null_count else texts, faults


def _find_other_classes(texts: pa.Array, classes: frozenset[ClassKey]) -> Reasons:
    allowed = [text for text in texts.unique().to_pylist() if text is not None and class_key(text) in classes]
    is_other = pc.invert(pc.is_in(texts, pa.array(allowed, pa.string()))).to_numpy(zero_copy_only=False)
    return np.where(is_other, np.int32(Refusal.THIRD_CLASS), np.int32(0))


def _judge_numbers(column: pa.Array, missing: Refusal, no_number: Refusal) -> tuple[Numbers, Reasons]:
    """Finite numbers; 0 for other values."""
    if pa.types.is_floating(column.type):
        absent = pc.or_kleene(pc.is_null(column), pc.is_nan(column))
        values = pc.fill_null(column.cast(pa.float64()), 0.0)
    else:
        texts = pc.utf8_trim_whitespace(column)
        absent = pc.or_kleene(pc.is_null(texts), pc.equal(texts, ""))
        values = _parse_numbers(texts)
    numbers = values.to_numpy(zero_copy_only=False)
    absent = pc.fill_null(absent, True).to_numpy(zero_copy_only=False)
    finite = np.isfinite(numbers)
    faults = np.where(absent, np.int32(missing), np.where(finite, np.int32(0), np.int32(no_number)))
    return np.where(finite, numbers, 0.0), faults


def _parse_numbers(texts: pa.Array) -> pa.Array:
    """The texts as numbers, NaN for texts that are not numbers."""
    try:
        return pc.fill_null(texts.cast(pa.float64()), np.nan)
    except pa.ArrowInvalid:
        # Some texts are no decimal numbers: only the others are cast
        decimal = pc.fill_null(pc.match_substring_regex(texts, DECIMAL), False)
        plain = pc.if_else(decimal, pc.utf8_ltrim(texts, characters="+"), pa.scalar(None, pa.string()))
        return pc.fill_null(plain.cast(pa.float64()), np.nan)
