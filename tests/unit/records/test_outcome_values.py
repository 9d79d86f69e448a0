"""Labels, predictions and probabilities as they are judged: each fault by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.outcome_values import OutcomeReading, validate_outcomes
from spark_model_monitor.data.records.refusals import Refusal

CLASSES = OutcomeReading("y", "p", "s")
NUMBERS = OutcomeReading("y", "p", None, numeric=True)


def cells(labels, predictions=None, probabilities=None, sources=None, reasons=None):
    rows = len(labels)
    columns = [pa.nulls(rows) if column is None else pa.array(column) for column in (predictions, probabilities)]
    return DecodedRows(
        (pa.array(labels), *columns),
        np.arange(rows) if sources is None else np.array(sources),
        np.zeros(rows, dtype=np.int32) if reasons is None else np.array(reasons, dtype=np.int32),
        np.zeros(rows, dtype=np.int32),
    )


@pytest.mark.parametrize(
    ("label", "prediction", "probability", "refusal"),
    [
        ("1", "0", "0.5", None),
        (" 1 ", "0", " 0.5 ", None),
        ("1", "0", "0", None),
        ("1", "0", "1", None),
        ("1", "0", "+5e-1", None),
        ("", "0", "0.5", Refusal.NO_LABEL),
        (None, "0", "0.5", Refusal.NO_LABEL),
        ("nan", "0", "0.5", Refusal.NO_LABEL),
        ("1", None, "0.5", Refusal.NO_PREDICTION),
        ("1", " ", "0.5", Refusal.NO_PREDICTION),
        ("1", "0", None, Refusal.NO_PROBABILITY),
        ("1", "0", "", Refusal.NO_PROBABILITY),
        ("1", "0", "NaN", Refusal.PROBABILITY_NOT_A_NUMBER),
        ("1", "0", "Infinity", Refusal.PROBABILITY_NOT_A_NUMBER),
        ("1", "0", "high", Refusal.PROBABILITY_NOT_A_NUMBER),
        ("1", "0", "1d", Refusal.PROBABILITY_NOT_A_NUMBER),
        ("1", "0", "0x1", Refusal.PROBABILITY_NOT_A_NUMBER),
        ("1", "0", "1.0000001", Refusal.PROBABILITY_OUT_OF_RANGE),
        ("1", "0", "-1e-9", Refusal.PROBABILITY_OUT_OF_RANGE),
        ("1", "0", "37", Refusal.PROBABILITY_OUT_OF_RANGE),
        (None, None, "2", Refusal.NO_LABEL),
    ],
)
def test_a_classification_is_refused_for_its_first_fault(label, prediction, probability, refusal):
    rows = validate_outcomes(
        cells(*(pa.array([value], pa.string()) for value in (label, prediction, probability))), CLASSES
    )

    assert rows.reasons.tolist() == [refusal or 0]


def test_texts_lose_the_blanks_around_them():
    rows = validate_outcomes(cells([" yes", "no\t"], ["yes ", " no"], ["0.25", "1"]), CLASSES)

    assert rows.labels.to_pylist() == ["yes", "no"]
    assert rows.predictions.to_pylist() == ["yes", "no"]
    assert rows.scores.tolist() == [0.25, 1.0]


@pytest.mark.parametrize(
    ("label", "prediction", "refusal"),
    [
        ("-7.5", "1e3", None),
        ("x", "1", Refusal.LABEL_NOT_A_NUMBER),
        ("inf", "1", Refusal.LABEL_NOT_A_NUMBER),
        ("", "1", Refusal.NO_LABEL),
        ("1", "1_000", Refusal.PREDICTION_NOT_A_NUMBER),
        ("1", None, Refusal.NO_PREDICTION),
    ],
)
def test_a_regression_needs_two_numbers(label, prediction, refusal):
    rows = validate_outcomes(cells([label], pa.array([prediction], pa.string())), NUMBERS)

    assert rows.reasons.tolist() == [refusal or 0]


def test_columns_of_numbers_are_taken_as_they_are():
    rows = validate_outcomes(cells([1.5, None, float("nan")], [0.5, 1.0, 2.0]), NUMBERS)

    assert rows.reasons.tolist() == [0, Refusal.NO_LABEL, Refusal.NO_LABEL]
    assert rows.labels.to_pylist()[0] == 1.5


def test_one_bad_row_refuses_its_whole_record_once():
    outcome_cells = cells(
        ["1", "0", "1", "1", "0"],
        ["1", "1", "1", "1", "0"],
        ["0.5", "0.5", "2", "0.5", "0.5"],
        sources=[0, 0, 1, 1, 2],
    )
    rows = validate_outcomes(outcome_cells, CLASSES)

    assert rows.sources.tolist() == [0, 0, 1, 2]
    assert rows.reasons.tolist() == [0, 0, Refusal.PROBABILITY_OUT_OF_RANGE, 0]
    assert rows.is_first.tolist() == [True, False, True, True]


def test_a_record_that_is_refused_already_keeps_its_reason():
    rows = validate_outcomes(cells([""], [""], [""], reasons=[Refusal.NOT_UTF_8]), CLASSES)

    assert rows.reasons.tolist() == [Refusal.NOT_UTF_8]
