"""Labels and predictions that no change of the model explains, each with a healthy twin."""

from dataclasses import replace

import numpy as np
import pytest

from spark_model_monitor import ModelQualityMonitor
from spark_model_monitor.data.reading.ledger import Coverage
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.protocol import Sample

from .outcomes_made import BINARY, MULTICLASS, REGRESSION, make_outcomes

ALL_LABELLED = Coverage(600, 600)
MOST_WAIT = Coverage(600, 200)
FEW_WAIT = Coverage(600, 590)


def draw_answers(rows, seed, classes="01"):
    """Labels, and predictions of which about one in five is another class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(classes), rows)
    is_wrong = random.random(rows) < 0.2
    predictions = np.where(is_wrong, (labels + 1) % len(classes), labels)
    return np.array(list(classes))[labels], np.array(list(classes))[predictions]


def judge(plan, before, now, coverage=None):
    monitor = ModelQualityMonitor(plan)
    state = make_outcomes(plan, *before)
    constraints = monitor.documents(state, monitor.metrics(state))[1]
    baseline = monitor.stored_baseline(constraints, None, state)
    window = make_outcomes(plan, *now)
    return monitor.judge(replace(Sample(window, monitor.metrics(window)), coverage=coverage), baseline)


def hint_names(judgement):
    return {hint.hint for hint in judgement.hints}


def select(answers, flags):
    return tuple(column[flags] for column in answers)


SELECTIONS = {
    "only positive labels": lambda labels, predictions: labels == "1",
    "only positive predictions": lambda labels, predictions: predictions == "1",
}


@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize(
    ("coverage", "is_violated"),
    [
        pytest.param(MOST_WAIT, False, id="most labels are to come"),
        pytest.param(FEW_WAIT, True, id="few are"),
        pytest.param(None, True, id="unknown"),
    ],
)
def test_labels_of_one_kind_of_rows_are_no_verdict_on_the_model_while_others_wait(selection, coverage, is_violated):
    answers = draw_answers(2_000, 2)
    selected = select(answers, SELECTIONS[selection](*answers))
    if selection == "only positive labels":
        # Too few are predicted positive, which would be a violation
        selected[1][::2] = "0"

    judgement = judge(BINARY, draw_answers(4_000, 1), selected, coverage)

    assert "absent_rows" in hint_names(judgement)
    assert any(check.is_violation for check in judgement.results) == is_violated
    if not is_violated:
        unsure = [check for check in judgement.results if check.status is CheckStatus.CANNOT_TELL]
        assert any("200 of 600 captures have a label yet" in (check.reason or "") for check in unsure)


@pytest.mark.parametrize(
    ("coverage", "status"),
    [
        pytest.param(MOST_WAIT, CheckStatus.CANNOT_TELL, id="its labels are to come"),
        pytest.param(ALL_LABELLED, CheckStatus.PASSED, id="all labels are there"),
    ],
)
@pytest.mark.parametrize("absent", ["a class", "wrong predictions"])
def test_no_metric_passes_while_the_labels_of_a_kind_of_rows_wait(absent, coverage, status):
    labels, predictions = draw_answers(2_000, 2, "abc")
    # The rows that are left have labels already
    is_there = labels != "c" if absent == "a class" else labels == predictions

    judgement = judge(MULTICLASS, draw_answers(4_000, 1, "abc"), (labels[is_there], predictions[is_there]), coverage)

    assert "absent_rows" in hint_names(judgement)
    assert {check.status for check in judgement.results} == {status}
    assert not any(check.possible_change for check in judgement.results)


def test_a_worse_model_is_violated_while_labels_of_all_kinds_wait():
    labels, predictions = draw_answers(2_000, 2)
    predictions[::2] = "1"

    judgement = judge(BINARY, draw_answers(4_000, 1), (labels, predictions), MOST_WAIT)

    assert any(check.is_violation for check in judgement.results)
    assert [hint.description for hint in judgement.hints] == ["400 of 600 captures have no label yet"]


def test_captures_that_wait_for_labels_are_counted_unless_none_does():
    answers = draw_answers(2_000, 2)

    assert hint_names(judge(BINARY, draw_answers(4_000, 1), answers, FEW_WAIT)) == {"waiting_captures"}
    assert not hint_names(judge(BINARY, draw_answers(4_000, 1), answers, ALL_LABELLED))


def draw_numbers(rows, seed):
    random = np.random.default_rng(seed)
    predictions = random.normal(50, 10, rows)
    return predictions + random.normal(0, 3, rows), predictions


@pytest.mark.parametrize(
    ("plan", "draw"),
    [
        pytest.param(BINARY, draw_answers, id="two classes"),
        pytest.param(MULTICLASS, lambda rows, seed: draw_answers(rows, seed, "abc"), id="many classes"),
        pytest.param(REGRESSION, draw_numbers, id="numbers"),
        pytest.param(REGRESSION, lambda rows, seed: np.round(draw_numbers(rows, seed)), id="whole numbers"),
    ],
)
def test_predictions_that_equal_all_labels_are_a_hint(plan, draw):
    labels, predictions = draw(1_000, 2)

    assert hint_names(judge(plan, draw(3_000, 1), (labels, labels))) == {"absent_rows"}
    assert not hint_names(judge(plan, draw(3_000, 1), (labels, predictions)))


def test_a_perfect_model_of_a_perfect_baseline_is_no_hint():
    labels, _ = draw_answers(1_000, 2)

    assert not hint_names(judge(BINARY, (labels, labels), (labels, labels), ALL_LABELLED))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [pytest.param(50, {"unseen_classes"}, id="5 % of the labels"), pytest.param(2, set(), id="two rare labels")],
)
def test_a_class_that_the_baseline_lacks_is_a_hint_without_its_name(rows, expected):
    labels, predictions = draw_answers(1_000, 2, "abc")
    labels[:rows] = "z"

    judgement = judge(MULTICLASS, draw_answers(3_000, 1, "abc"), (labels, predictions))

    assert hint_names(judgement) == expected
    assert not any("z" in hint.description for hint in judgement.hints)
    (unseen,) = [check for check in judgement.results if check.check == "unseen_classes"]
    assert unseen.values == ("z",)


@pytest.mark.parametrize("sample", ["baseline", "window"])
def test_one_wild_label_is_the_reason_why_errors_cannot_be_compared(sample):
    samples = {"baseline": draw_numbers(3_000, 1), "window": draw_numbers(1_000, 2)}
    assert all(check.status is CheckStatus.PASSED for check in judge(REGRESSION, *samples.values()).results)

    samples[sample][0][5] = 1e7

    (mae,) = [check for check in judge(REGRESSION, *samples.values()).results if check.metric == "mae"]
    assert mae.reason.startswith(f"a few rows of the {sample} have nearly all of the error")
    assert mae.advice == "look for a wild label or prediction there"


def test_of_a_small_baseline_the_advice_is_a_larger_one():
    judgement = judge(BINARY, draw_answers(30, 1), draw_answers(5_000, 2))

    reasons = [check for check in judgement.results if "with so small a baseline" in (check.reason or "")]
    assert {check.advice for check in reasons} == {"make the baseline of more rows"}
