"""The outcomes of one record: CSV, JSON, several rows, all classes, and each way in which the sides don't fit."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.data.records.captured_payloads import EncodedText
from spark_model_monitor.data.records.outcome_payloads import decode_outcomes, find_value, parse_index, parse_list
from spark_model_monitor.data.records.outcome_values import OutcomeReading
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal


def csv(data):
    return EncodedText(data, "CSV")


def in_json(data):
    return EncodedText(data if isinstance(data, str) else json.dumps(data), "JSON")


def reading(label=None, prediction=None, probability=None, **more):
    return OutcomeReading(label, prediction, probability, **more)


def get_refusal(truth, output, outcome_reading):
    with pytest.raises(RecordRefused) as refused:
        decode_outcomes(truth, output, outcome_reading)
    return refused.value.reason


def test_the_first_cell_of_a_csv_label_counts_and_predictions_are_found_by_index():
    rows = decode_outcomes(csv("1,late\n"), csv("yes,0.75\n"), reading(prediction="0", probability="_c1"))

    assert rows == [("1", "yes", "0.75")]


def test_a_record_of_several_rows_has_as_many_labels_in_order():
    rows = decode_outcomes(csv("1\n0\n1\n"), csv("0.1\r\n0.2\r\n0.3"), reading(probability="0"))

    assert rows == [("1", None, "0.1"), ("0", None, "0.2"), ("1", None, "0.3")]


def test_one_row_of_scores_is_a_score_for_each_label():
    """As the built-in XGBoost answers."""
    assert decode_outcomes(csv("1\n0\n1"), csv("0.1,0.2,0.3"), reading(probability="0")) == [
        ("1", None, "0.1"),
        ("0", None, "0.2"),
        ("1", None, "0.3"),
    ]
    assert get_refusal(csv("1\n0"), csv("0.1,0.2,0.3"), reading(probability="0")) is Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES


def test_json_is_searched_by_paths():
    """The paths of the service's batch monitor (golden README, inputs of bias-adult-batch-json/run)."""
    truth = in_json({"instances": [{"label": 0}, {"label": 1}]})
    output = in_json({"SageMakerOutput": {"predictions": [{"predicted_label": 1}, {"predicted_label": 0}]}})
    outcome_reading = reading("instances[*].label", "SageMakerOutput.predictions[*].predicted_label")

    assert decode_outcomes(truth, output, outcome_reading) == [("0", "1", None), ("1", "0", None)]


def test_json_lines_in_one_payload_are_rows():
    output = in_json('{"score": 0.25}\n{"score": 0.5}\n')

    assert decode_outcomes(csv("0\n1"), output, reading(probability="score")) == [
        ("0", None, "0.25"),
        ("1", None, "0.5"),
    ]


def test_a_letter_that_python_takes_for_a_line_end_is_one_of_its_text():
    output = EncodedText('{"p": "a\u2028b"}\n{"p": "c\x85"}', "JSON")

    assert decode_outcomes(csv("1\n0"), output, reading(prediction="p")) == [
        ("1", "a\u2028b", None),
        ("0", "c\x85", None),
    ]


def test_a_member_is_found_by_its_very_name_before_the_name_is_read_as_a_path():
    assert find_value("Day Mins", {"Day Mins": 3}) == 3
    assert find_value("a.b", {"a.b": 1, "a": {"b": 2}}) == 1
    assert find_value("a.b", {"a": {"b": 2}}) == 2
    assert find_value("a.b", {"a": [1]}) is None
    assert find_value("1", [10, 20]) == 20
    assert find_value("1", [[10, 20], [30, 40]]) == [20, 40]


@pytest.mark.parametrize(("address", "index"), [("0", 0), ("_c12", 12), (" 3 ", 3), ("score", None), ("-1", None)])
def test_an_address_may_be_an_index(address, index):
    assert parse_index(address) == index


def test_the_label_of_the_largest_probability_wins():
    """C7.2a."""
    output = in_json({"labels": ["cat", "dog", "fish"], "probabilities": [0.1, 0.7, 0.2]})

    assert decode_outcomes(csv("dog"), output, reading(prediction="labels", probability="probabilities")) == [
        ("dog", "dog", '{"cat": 0.1, "dog": 0.7, "fish": 0.2}')
    ]


def test_of_equal_probabilities_the_first_wins():
    output = in_json({"labels": ["cat", "dog"], "probabilities": [0.5, 0.5]})

    [row] = decode_outcomes(csv("dog"), output, reading(prediction="labels", probability="probabilities"))
    assert row[1] == "cat"


def test_lists_in_csv_cells_are_lists_of_classes():
    output = csv("\"['cat', 'dog']\",\"[0.75, 0.25]\"\n\"['cat', 'dog']\",\"[0.25, 0.75]\"")
    rows = decode_outcomes(csv("cat\ncat"), output, reading(prediction="0", probability="1"))

    assert rows == [("cat", "cat", '{"cat": 0.75, "dog": 0.25}'), ("cat", "dog", '{"cat": 0.25, "dog": 0.75}')]


def test_a_list_beside_several_labels_is_one_prediction_for_each():
    output = in_json({"labels": ["cat", "dog"], "probabilities": [0.9, 0.8]})
    rows = decode_outcomes(csv("cat\ncat"), output, reading(prediction="labels", probability="probabilities"))

    assert rows == [("cat", "cat", "0.9"), ("cat", "dog", "0.8")]


def test_the_probability_of_a_binary_problem_is_that_of_the_positive_class():
    output = in_json({"labels": ["no", "yes"], "probabilities": [0.75, 0.25]})
    outcome_reading = reading(prediction="labels", probability="probabilities", binary=True, positive_label="yes")

    assert decode_outcomes(csv("yes"), output, outcome_reading) == [("yes", "no", "0.25")]


@pytest.mark.parametrize(
    ("truth", "output", "outcome_reading", "refusal"),
    [
        pytest.param(None, csv("1"), reading(prediction="0"), Refusal.NO_LABEL, id="no ground truth"),
        pytest.param(csv(""), csv("1"), reading(prediction="0"), Refusal.NO_LABEL, id="an empty label"),
        pytest.param(
            in_json({"label": 1}), csv("1"), reading(prediction="0"), Refusal.LABEL_WITHOUT_PATH, id="JSON for CSV"
        ),
        pytest.param(in_json("{"), csv("1"), reading("y", "0"), Refusal.PAYLOAD_NOT_JSON, id="broken JSON"),
        pytest.param(csv("1"), None, reading(prediction="0"), Refusal.NO_PAYLOAD, id="no output"),
        pytest.param(
            csv("1\n0"), csv("1"), reading(prediction="0"), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES, id="fewer predictions"
        ),
        pytest.param(
            csv("1"), csv("1\n0"), reading(prediction="0"), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES, id="fewer labels"
        ),
        pytest.param(
            csv("a"),
            in_json({"l": ["a", "b"], "p": [0.5]}),
            reading(prediction="l", probability="p"),
            Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES,
            id="fewer probabilities than classes",
        ),
        pytest.param(
            csv("a"),
            in_json({"l": ["a", "b"], "p": [0.5, "x"]}),
            reading(prediction="l", probability="p"),
            Refusal.PROBABILITY_NOT_A_NUMBER,
            id="a class without a number",
        ),
        pytest.param(
            csv("a"),
            in_json({"l": ["a", "b"], "p": [0.5, 0.5]}),
            reading(prediction="l", probability="p", binary=True),
            Refusal.NO_PROBABILITY,
            id="the positive class is not among them",
        ),
        pytest.param(
            csv("1"), EncodedText("MQ==", "BASE64"), reading(prediction="0"), Refusal.BASE64_WITHOUT_SCRIPT, id="base64"
        ),
        pytest.param(csv("1"), EncodedText("1", "XML"), reading(prediction="0"), Refusal.UNKNOWN_ENCODING, id="XML"),
    ],
)
def test_what_does_not_fit_is_refused(truth, output, outcome_reading, refusal):
    assert get_refusal(truth, output, outcome_reading) is refusal


def test_a_json_label_may_be_the_value_itself():
    assert decode_outcomes(in_json("1"), csv("0"), reading(prediction="0")) == [("1", "0", None)]
    assert decode_outcomes(in_json("[1, true]"), csv("0\n1"), reading(prediction="0")) == [
        ("1", "0", None),
        ("true", "1", None),
    ]


@pytest.mark.parametrize("cell", ["[0.1", "[a]", "['a', __import__('os')]", "0.5", None])
def test_a_cell_that_is_no_list_stays_as_it_is(cell):
    assert parse_list(cell) == cell
