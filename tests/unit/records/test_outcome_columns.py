"""A table's columns as outcomes: texts, numbers, and lists of all classes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.outcome_records import LABEL, PREDICTION, PROBABILITY, read_outcome_columns
from spark_model_monitor.data.records.outcome_values import OutcomeReading
from spark_model_monitor.data.records.refusals import REASON, Refusal

READING = OutcomeReading("y", "p", "s")


def block(labels, predictions, probabilities, reasons=None):
    rows = len(labels)
    columns = [*map(pa.array, (labels, predictions, probabilities)), pa.array(reasons or [0] * rows, pa.int32())]
    return pa.RecordBatch.from_arrays(columns, names=[LABEL, PREDICTION, PROBABILITY, REASON])


def test_texts_and_numbers_are_outcomes():
    rows = read_outcome_columns(block(["1", "0"], ["1", "1"], [0.75, 0.5]), READING)

    assert (rows.labels.to_pylist(), rows.predictions.to_pylist(), rows.scores.tolist()) == (
        ["1", "0"],
        ["1", "1"],
        [0.75, 0.5],
    )


def test_arrays_of_all_classes_give_the_most_probable_one():
    classes = ["cat", "dog"]
    rows = read_outcome_columns(
        block(["cat", "cat", "dog"], [classes] * 3, [[0.75, 0.25], [0.25, 0.75], [0.5]]), READING
    )

    assert rows.predictions.to_pylist()[:2] == ["cat", "dog"]
    assert rows.scores.tolist()[:2] == [0.75, 0.75]
    assert rows.reasons.tolist() == [0, 0, Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES]


def test_texts_that_are_lists_are_lists():
    rows = read_outcome_columns(block(["cat", "dog"], ["['cat', 'dog']", "dog"], ["[0.25, 0.75]", "0.5"]), READING)

    assert (rows.predictions.to_pylist(), rows.scores.tolist()) == (["dog", "dog"], [0.75, 0.5])


def test_a_row_that_reading_refused_stays_refused():
    rows = read_outcome_columns(block(["1"], ["1"], [0.5], [int(Refusal.NOT_UTF_8)]), READING)

    assert rows.reasons.tolist() == [Refusal.NOT_UTF_8]


@pytest.mark.parametrize(
    ("prediction", "probability", "reason"),
    [
        pytest.param('["cat", "dog"]', f"[0.1, {'9' * 400}]", Refusal.PROBABILITY_NOT_A_NUMBER, id="400 digits"),
        pytest.param('["cat", "dog"]', f"[0.1, {'9' * 5_000}]", Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES, id="5,000 digits"),
        pytest.param("[{[]:1}]", "0.5", 0, id="no list at all"),
        pytest.param("[b'a']", "[0.5]", Refusal.PROBABILITY_NOT_A_NUMBER, id="bytes"),
        pytest.param("[b'a']", "0.5", 0, id="bytes alone"),
        pytest.param("cat", "[b'a']", Refusal.PROBABILITY_NOT_A_NUMBER, id="bytes for a probability"),
        pytest.param("[{1, 2}, 3j]", "[0.25, 0.75]", Refusal.PROBABILITY_NOT_A_NUMBER, id="a set"),
        pytest.param('["\\ud800", "cat"]', "[0.75, 0.25]", Refusal.NOT_UTF_8, id="half a pair of surrogates"),
    ],
)
def test_what_is_no_list_of_classes_is_a_text_or_refused_and_its_neighbour_is_read(prediction, probability, reason):
    rows = read_outcome_columns(
        block(["cat"] * 2, [prediction, '["cat", "dog"]'], [probability, "[0.75, 0.25]"]), READING
    )

    assert rows.reasons.tolist() == [reason, 0]
    assert rows.predictions.to_pylist()[1] == "cat"
    assert reason or rows.predictions.to_pylist()[0] == prediction
