"""Label sets that meet, and what is said of those that don't."""

from dataclasses import replace

import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor import ModelQualityMonitor, outcomes, run_baseline, run_monitoring
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.model_quality.class_labels import class_table, find_intended_classes
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states.scores import ConfusionCounts

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, make_outcomes


def table(plan, labels, predictions=None, scores=None):
    return class_table(make_outcomes(plan, labels, predictions, scores).confusion, plan)


def test_many_classes_are_in_order_of_numbers_then_of_texts():
    class_table = table(MULTICLASS, ["10", "9", "b", "a", "9"], ["9.0", "9", "b", "10", "c"])

    assert class_table.classes == ("9", "10", "a", "b", "c")
    assert class_table.matrix.tolist() == [
        [1, 0, 0, 0, 1],
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("labels", "predictions", "positive_label", "classes"),
    [
        pytest.param(["0", "1"], ["1.0", "0.0"], None, ("0", "1"), id="numbers"),
        pytest.param(["1.0"], ["1.0"], None, ("0", "1.0"), id="no negative row"),
        pytest.param(["0"], ["0"], None, ("0", "1"), id="no positive row"),
        pytest.param(["-1", "1"], ["1", "1"], None, ("-1", "1"), id="-1 is the negative class"),
        pytest.param(["false"], ["False"], None, ("False", "true"), id="truths"),
        pytest.param(["0", "1"], ["False", "True"], None, ("0", "1"), id="truths beside numbers"),
        pytest.param(["True"], ["True"], None, ("false", "True"), id="no negative truth"),
        pytest.param(["no", "yes"], ["no", "no"], "yes", ("no", "yes"), id="named"),
        pytest.param(["no"], ["no"], "yes", ("no", "yes"), id="named, without rows"),
        pytest.param(["yes"], ["yes"], "yes", ("not yes", "yes"), id="named, without others"),
        pytest.param(["0"], ["1"], None, ("0", "1"), id="all wrong"),
    ],
)
def test_the_negative_class_stands_before_the_positive_one(labels, predictions, positive_label, classes):
    assert table(replace(BINARY, positive_label=positive_label), labels, predictions).classes == classes


def test_a_score_above_the_threshold_is_the_positive_class():
    class_table = table(replace(BY_THRESHOLD, positive_label="no"), ["no", "yes", "no"], None, [0.9, 0.9, 0.1])

    assert class_table.classes == ("yes", "no")
    assert class_table.matrix.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("plan", "labels", "predictions", "text"),
    [
        pytest.param(
            MULTICLASS,
            ["cat", "dog"],
            ["0", "1"],
            "the labels are 2 texts of 3 letters and the predictions 2 numbers: nothing is in both, so every metric would be 0",
            id="disjoint",
        ),
        pytest.param(
            BINARY,
            ["yes", "no"],
            ["1", "0"],
            "the labels are 2 texts of 2 to 3 letters and the predictions 2 numbers: nothing is in both",
            id="disjoint, two",
        ),
        pytest.param(
            BINARY,
            ["yes", "no"],
            ["True", "False"],
            "the labels are 2 texts of 2 to 3 letters and the predictions 2 texts of 4 to 5 letters: nothing is in both",
            id="disjoint, truths",
        ),
        pytest.param(
            BINARY,
            ["0", "1", "2"],
            ["0", "1", "1"],
            "a binary problem has two classes, but the labels are 3 numbers and the predictions 2 numbers",
            id="three classes",
        ),
        pytest.param(
            BINARY,
            ["no", "yes"],
            ["no", "yes"],
            "the classes are 2 texts of 2 to 3 letters, and none of them is the positive one, '1' or 'true'; "
            "name the positive class with --positive-label",
            id="none positive",
        ),
        pytest.param(
            BINARY, ["0", "5"], ["0", "5"], "the classes are 2 numbers, and none of them", id="none positive, one 0"
        ),
        pytest.param(
            replace(BINARY, positive_label="yes"),
            ["no", "yes"],
            ["no", "YES"],
            "labels and predictions have classes that differ in capitals alone, as yes and Yes do; write them alike",
            id="one in other capitals",
        ),
        pytest.param(
            MULTICLASS,
            ["cat", "dog"],
            ["Cat", "Dog"],
            "labels and predictions have classes that differ in capitals alone",
            id="all in other capitals",
        ),
        pytest.param(
            replace(BINARY, positive_label="YES"), ["no", "yes"], ["no", "yes"], "none of them .* 'YES'", id="misspelt"
        ),
        pytest.param(
            replace(BINARY, positive_label="Yes"),
            ["no", "no", "yes"],
            ["no", "yes", "yes"],
            "--positive-label as the data has it: it differs in capitals alone",
            id="in other capitals",
        ),
        pytest.param(
            MULTICLASS,
            list(range(1_001)),
            list(range(1_001)),
            "more than 1,000 different values, which are no classes; if the prediction is a probability",
            id="no classes",
        ),
    ],
)
def test_label_sets_that_do_not_meet_are_refused_with_both_described(plan, labels, predictions, text):
    with pytest.raises(BadInput, match=text):
        table(plan, labels * 30, predictions * 30)


SPELT_OTHERWISE = (
    "labels and predictions have classes that differ in capitals alone, as yes and Yes do; write them alike"
)


@pytest.mark.parametrize(
    ("predicted", "sentences"),
    [
        pytest.param("Cow", [SPELT_OTHERWISE], id="in capitals"),
        pytest.param("cow", [], id="alike"),
        pytest.param("pig", [], id="another class"),
    ],
)
def test_one_of_many_classes_that_predictions_spell_otherwise_is_no_baseline_and_a_hint_of_a_window(
    predicted, sentences
):
    labels = ["cat", "dog", "cow"] * 100
    monitor = ModelQualityMonitor(MULTICLASS)
    baseline = run_baseline(make_answers(labels, labels), monitor, engine="local")

    findings = run_monitoring(make_answers(labels, ["cat", "dog", predicted] * 100), monitor, baseline, engine="local")

    assert [hint.description for hint in findings.hints if hint.hint == "outcomes"] == sentences
    assert bool([violation for violation in findings.results if violation.is_violation]) == (predicted != "cow")
    if sentences:
        with pytest.raises(BadInput, match=SPELT_OTHERWISE):
            _ = run_baseline(make_answers(labels, ["cat", "dog", predicted] * 100), monitor, engine="local").documents
    else:
        _ = run_baseline(make_answers(labels, ["cat", "dog", predicted] * 100), monitor, engine="local").documents


def make_answers(labels, predictions):
    return outcomes(pd.DataFrame({"label": labels, "prediction": predictions}), MULTICLASS, engine="local")


def test_a_label_called_like_a_count_of_scores_is_no_other_spelling():
    labels = ["Above", "below"] * 30
    plan = replace(BY_THRESHOLD, positive_label="Above")
    state = make_outcomes(plan, labels, None, [0.9, 0.1] * 30)
    monitor = ModelQualityMonitor(plan)

    # The counts call scores `above` and `not above` the threshold
    assert monitor.judge(Sample(state, monitor.metrics(state)), None).mistake is None


def test_a_few_rows_of_many_classes_may_all_be_predicted_wrongly():
    assert table(MULTICLASS, ["a"] * 29, ["b"] * 29).matrix.tolist() == [[0, 29], [0, 0]]
    with pytest.raises(BadInput, match="nothing is in both"):
        table(MULTICLASS, ["a"] * 30, ["b"] * 30)


@pytest.mark.parametrize(
    ("plan", "labels", "predictions", "given_classes", "meant"),
    [
        pytest.param(BINARY, "0110", "0101", None, None, id="two classes"),
        pytest.param(BINARY, "0110x", "01011", None, {0.0, 1.0}, id="a third label"),
        pytest.param(BINARY, "0110", "010x", None, {0.0, 1.0}, id="a third prediction"),
        pytest.param(BINARY, "1111x", "11111", "01", {0.0, 1.0}, id="one class and another label, beside a baseline"),
        pytest.param(BINARY, "0000x", "00000", None, {0.0, 1.0}, id="no positive label"),
        pytest.param(BINARY, "1111xxy", "1111111", None, {1.0, "x"}, id="the more frequent of the others"),
        pytest.param(BINARY, "11110xx", "1111111", None, {0.0, 1.0}, id="the usual opposite, though less frequent"),
        pytest.param(BINARY, "abcab", "abcab", None, None, id="no positive class"),
        pytest.param(
            replace(BINARY, positive_label="a"), "abcaab", "abbaab", None, {"a", "b"}, id="a positive class named"
        ),
        pytest.param(replace(BINARY, positive_label="a"), "bbbcbb", "bbbbbb", None, {"a", "b"}, id="named, and absent"),
        pytest.param(replace(BINARY, positive_label="A"), "bbbabb", "bbbbbb", None, None, id="named in capitals"),
        pytest.param(BINARY, "aabbab", "aabbac", "01", None, id="nothing of the baseline's classes"),
        pytest.param(BINARY, "01x", "yyz", None, None, id="labels and predictions have nothing in common"),
        pytest.param(replace(BINARY, positive_label="a"), "abab", "AbAb", None, None, id="a prediction in capitals"),
        pytest.param(
            replace(BINARY, positive_label="a"), "abab", "AbAb", "ab", None, id="in capitals, beside a baseline"
        ),
        pytest.param(
            replace(BINARY, positive_label="a"), "ababAa", "ababaa", None, {"a", "b"}, id="a label in both spellings"
        ),
        pytest.param(
            replace(BINARY, positive_label="a"), "bbbcbb", "bbbcbb", None, None, id="two others, of which none is named"
        ),
        pytest.param(MULTICLASS, "012", "011", None, None, id="many classes"),
    ],
)
def test_the_two_classes_that_are_meant(plan, labels, predictions, given_classes, meant):
    counts = make_outcomes(plan, list(labels), list(predictions), None).confusion

    assert find_intended_classes(counts, plan, given_classes and frozenset(given_classes)) == meant


def test_predictions_by_a_score_have_no_classes_of_their_own():
    counts = make_outcomes(BY_THRESHOLD, ["0", "1", "n/a"], None, [0.1, 0.2, 0.3]).confusion

    assert find_intended_classes(counts, BY_THRESHOLD) == {0.0, 1.0}


def test_three_labels_are_refused_where_the_prediction_is_made_from_the_score():
    with pytest.raises(BadInput, match="the labels are 3 numbers; give the label's attribute"):
        table(BY_THRESHOLD, ["0", "1", "2"], None, [0.1, 0.2, 0.3])


def test_no_rows_have_no_classes():
    assert class_table(ConfusionCounts(), MULTICLASS).classes == ()
    assert class_table(ConfusionCounts.of(pa.array([], pa.string()), pa.array([], pa.string())), BINARY).classes == (
        "0",
        "1",
    )
