"""Quality of many classes before labels: each against the rest, by hand and beside scikit-learn, and what can't be estimated."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import precision_score, recall_score, roc_auc_score

from spark_model_monitor import (
    EstimatedQualityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    merge_runs,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.run_changes import CONCEPT_DRIFT
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.monitors.model_quality.estimated.estimation import estimate_classes
from spark_model_monitor.monitors.model_quality.estimates import confidence_interval
from spark_model_monitor.monitors.model_quality.score_calibration import check_classes
from spark_model_monitor.statistics.states.scores import MAX_SCORED_CLASSES, ClassScores, ScoreCounts

from .outcomes_made import BINARY

PLAN = OutcomePlan(ProblemType.MULTICLASS_CLASSIFICATION, with_scores=True)
NAMES = ("a", "b", "c")


def draw_shares(count, seed, moved=0.0):
    logits = np.random.default_rng(seed).normal(size=(count, 3)) * 1.5 + np.array([0, moved, -moved])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return shares.round(3)


def rows(count, *, seed=3, moved=0.0, flipped=0.0, **columns):
    shares = draw_shares(count, seed, moved)
    random = np.random.default_rng(10_000 + seed)
    labels = (shares.cumsum(axis=1) < random.random((count, 1)) * shares.sum(axis=1, keepdims=True)).sum(axis=1)
    labels = np.where(random.random(count) < flipped, (labels + 1) % 3, labels)
    frame = pd.DataFrame({"label": [NAMES[label] for label in labels]})
    cells = {
        "prediction": [NAMES[index] for index in shares.argmax(axis=1)],
        "probability": [json.dumps(dict(zip(NAMES, row, strict=True))) for row in shares.tolist()],
    }
    return frame.assign(**cells | columns)


def make_baseline(frame, plan=PLAN):
    return run_baseline(outcomes(frame, plan, engine="local"), ModelQualityMonitor(plan))


def estimate_window(frame, baseline, **more):
    data = outcomes(frame.drop(columns="label"), PLAN, label=None, engine="local")
    return run_monitoring(data, EstimatedQualityMonitor(PLAN, **more), baseline)


@pytest.fixture(scope="module")
def class_baseline():
    return make_baseline(rows(2_000))


def test_areas_and_means_of_classes_are_those_of_scikit_learn(class_baseline):
    frame = rows(2_000)
    shares = draw_shares(2_000, 3)
    values = class_baseline.to_pandas()["value"]

    even = shares / shares.sum(axis=1, keepdims=True)
    of_each = [roc_auc_score(frame["label"] == name, shares[:, index]) for index, name in enumerate(NAMES)]
    assert roc_auc_score(frame["label"], even, multi_class="ovr") == pytest.approx(np.mean(of_each), abs=2e-4)
    assert values["macro_auc"] == pytest.approx(np.mean(of_each), abs=1e-12)
    weights = frame["label"].value_counts(normalize=True)[list(NAMES)]
    assert values["weighted_auc"] == pytest.approx(np.dot(weights, of_each), abs=1e-12)
    for name, score in (("macro_precision", precision_score), ("macro_recall", recall_score)):
        assert values[name] == pytest.approx(score(frame["label"], frame["prediction"], average="macro"), abs=1e-12)


@pytest.mark.long
def test_an_estimate_counts_each_class_as_its_isotonic_regression_says(class_baseline):
    before = rows(2_000)
    shares = draw_shares(2_000, 3)
    later = rows(500, seed=9)
    window_shares = draw_shares(500, 9)
    worth = np.stack(
        [
            IsotonicRegression(out_of_bounds="clip")
            .fit(shares[:, index], before["label"] == name)
            .predict(window_shares[:, index])
            for index, name in enumerate(NAMES)
        ],
        axis=1,
    )
    # Rows that are expected to be right, and to have each class
    predicted = window_shares.argmax(axis=1)
    right = np.bincount(predicted, worth[np.arange(500), predicted], minlength=3)
    labels = worth.sum(axis=0) * 500 / worth.sum()

    findings = estimate_window(later, class_baseline)
    values, (document,) = findings.current.to_pandas()["value"], findings.current.documents
    assert values["accuracy"] == pytest.approx(right.sum() / 500, abs=1e-9)
    assert values["macro_recall"] == pytest.approx(np.mean(right / labels), abs=1e-9)
    assert values["macro_precision"] == pytest.approx(np.mean(right / np.bincount(predicted)), abs=1e-9)
    assert document.confusion_matrix is None
    assert document.classes["b"]["labels"] == pytest.approx(labels[1], abs=1e-6)
    assert {result.metric for result in findings.results} >= {"estimated_accuracy", "estimated_weighted_f1"}
    assert "Rows to be expected" in findings.report().html


@pytest.mark.long
def test_arrays_of_labels_and_probabilities_are_as_good_as_an_object(class_baseline):
    later = rows(300, seed=9)
    shares = draw_shares(300, 9)
    arrays = later.assign(prediction=[list(NAMES)] * 300, probability=shares.tolist())

    assert (
        estimate_window(arrays, class_baseline)
        .current.to_pandas()
        .equals(estimate_window(later, class_baseline).current.to_pandas())
    )


def test_the_error_is_that_of_the_labels_and_of_the_baseline():
    # by hand: two thirds of the rows are right, 300 of the baseline and 100 of the window
    score_counts = [ScoreCounts(np.array([0.2, 0.6]), np.array([166, 33]), np.array([34, 67])) for _ in NAMES]
    window = [ScoreCounts(np.array([0.2, 0.6]), np.array([200, 0]), np.array([0, 100])) for _ in NAMES]
    estimates = estimate_classes(window, score_counts, NAMES, np.array([100, 100, 100]))
    low, high = confidence_interval(estimates.estimates["accuracy"])

    assert estimates.estimates["accuracy"].value == pytest.approx(0.67)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 * 0.67 * 0.33 / 300), rel=0.15)


@pytest.mark.long
def test_hours_add_up_to_their_day(tmp_path, class_baseline):
    later = rows(400, seed=9)
    for number, part in enumerate((later[:150], later[150:])):
        estimate_window(part, class_baseline).write(tmp_path / str(number))
    merge_runs([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "day"))

    day = json.loads((tmp_path / "day" / "estimated_quality.json").read_text())
    (day_document,) = estimate_window(later, class_baseline).current.documents
    assert day["classes"]["a"] == pytest.approx(day_document.classes["a"])


@pytest.mark.long
def test_flipped_labels_are_a_changed_world_and_moved_inputs_are_not(class_baseline):
    def judged(frame):
        evaluation = run_monitoring(outcomes(frame, PLAN, engine="local"), ModelQualityMonitor(PLAN), class_baseline)
        return next(result for result in evaluation.results if result.metric == "label_given_score")

    flipped = judged(rows(3_000, seed=9, flipped=0.3))
    moved = judged(rows(3_000, seed=9, moved=0.8))

    assert flipped.status is CheckStatus.VIOLATED
    assert "macro_auc is" in flipped.reason
    assert moved.status is not CheckStatus.VIOLATED
    assert moved.reason.startswith("Inputs moved")
    assert flipped.check == CONCEPT_DRIFT


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (ClassScores({"a": ScoreCounts.of(np.full(30, 0.4), np.arange(30) < 9)}), "the baseline has 9 rows"),
        (ClassScores({"a": ScoreCounts.of(np.full(300, 0.4), np.ones(300, bool))}), "of one class"),
        (ClassScores(overflowed=True), f"more than {MAX_SCORED_CLASSES} classes"),
    ],
)
def test_what_a_baseline_of_many_classes_lacks_is_a_sentence(counts, message):
    assert message in check_classes(counts).problem


def test_a_window_with_one_probability_a_row_says_what_to_give(class_baseline):
    with pytest.raises(BadInput, match="the window has the probability of one class a row"):
        estimate_window(rows(50, probability=0.5), class_baseline)


def test_a_baseline_with_one_probability_a_row_says_what_to_give():
    with pytest.raises(BadConfiguration, match="the baseline has no probabilities of all classes"):
        estimate_window(rows(50), make_baseline(rows(200, probability=0.5)))


def test_a_baseline_of_two_classes_is_none_of_many():
    two = pd.DataFrame({"label": [0, 1] * 50, "prediction": [0, 1] * 50})

    with pytest.raises(BadConfiguration, match="no states of a problem of many classes"):
        estimate_window(rows(50), make_baseline(two, BINARY))


def test_a_probability_outside_0_to_1_of_any_class_refuses_the_row(class_baseline):
    frame = rows(200, seed=9)
    frame.loc[3, "probability"] = json.dumps({"a": 0.6, "b": 1.4, "c": -1.0})
    data = outcomes(frame, PLAN, label=None, engine="local")

    findings = run_monitoring(data, EstimatedQualityMonitor(PLAN), class_baseline)
    assert findings.current.state.predictions.item_count == 199


def test_costs_are_of_two_classes():
    with pytest.raises(BadConfiguration, match="cost_matrix is of two classes"):
        EstimatedQualityMonitor(PLAN, costs={"tp": 1.0})
