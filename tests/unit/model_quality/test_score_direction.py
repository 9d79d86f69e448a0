"""Scores of the other class: refused if they contradict the predictions, whatever the classes are called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.model_quality.evidence import build_evidence
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.model_quality.score_direction import describe_reversed_score
from spark_model_monitor.monitors.protocol import Sample

from .outcomes_made import SCORED, make_outcomes


def score_rows(classes: tuple[str, str], rows: int = 400, threshold: float = 0.5, strength: float = 2.0):
    """Labels, predictions and the score of the second class, of a model of this strength."""
    random = np.random.default_rng(4)
    is_second = random.random(rows) < 0.4
    score = 1 / (1 + np.exp(-(strength * (is_second - 0.5) + random.normal(0, 1, rows))))
    labels = [classes[int(second)] for second in is_second]
    predictions = [classes[int(second)] for second in score > threshold]
    return labels, predictions, score


def judge_baseline(plan, labels, predictions, scores, **choices):
    state = make_outcomes(plan, labels, predictions, scores)
    monitor = ModelQualityMonitor(plan, **choices)
    return monitor.judge(Sample(state, monitor.metrics(state)), None)


def area(plan, labels, predictions, scores, **choices):
    judgement = judge_baseline(plan, labels, predictions, scores, **choices)
    return judgement.sample.metrics.metrics["auc"].value


def contradicts_predictions(plan, labels, predictions, scores):
    state = make_outcomes(plan, labels, predictions, scores)
    sentence = describe_reversed_score(build_evidence(state), has_predictions=True, is_window=False)
    return sentence is not None and sentence.startswith("score and prediction")


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.7, 0.9])
@pytest.mark.parametrize(
    ("classes", "positive_label"),
    [pytest.param(("1", "2"), None, id="1 is positive by default"), pytest.param(("no", "yes"), "no", id="words")],
)
def test_the_score_of_the_other_class_is_refused_with_the_flag(classes, positive_label, threshold):
    rows = score_rows(classes, threshold=threshold)

    with pytest.raises(BadInput, match="contradict each other in nearly all rows.*--positive-label"):
        area(replace(SCORED, positive_label=positive_label), *rows)
    assert area(replace(SCORED, positive_label=classes[1]), *rows) > 0.8


def test_the_score_of_class_0_is_refused():
    labels, predictions, scores = score_rows(("0", "1"))

    with pytest.raises(BadInput, match="score of the other class"):
        area(SCORED, labels, predictions, 1 - scores)


def test_the_service_computes_the_area_all_the_same():
    labels, predictions, scores = score_rows(("0", "1"))

    assert area(SCORED, labels, predictions, 1 - scores, as_service=True) < 0.2


@pytest.mark.parametrize("strength", [-2.0, 0.0, 0.3], ids=["a wrong model", "no model", "a weak model"])
@pytest.mark.parametrize("rows", [30, 100, 2000])
def test_a_bad_model_whose_predictions_follow_its_scores_is_measured(strength, rows):
    assert not contradicts_predictions(SCORED, *score_rows(("0", "1"), rows=rows, strength=strength))


@pytest.mark.parametrize("rows", [40, 100, 2000])
def test_predictions_that_have_nothing_to_do_with_the_scores_are_measured(rows):
    random = np.random.default_rng(rows)
    for _ in range(20):
        labels, predictions = random.integers(0, 2, (2, rows)).astype(str)
        assert not contradicts_predictions(SCORED, labels, predictions, random.random(rows))


@pytest.mark.parametrize("threshold", [0.02, 0.05, 0.5, 0.9, 0.95, 0.97])
def test_the_score_of_the_other_class_is_refused_at_any_operating_threshold(threshold):
    labels, predictions, scores = score_rows(("0", "1"), rows=4000, threshold=threshold)
    assert 0 < predictions.count("1") < 4000

    with pytest.raises(BadInput, match="--positive-label"):
        judge_baseline(SCORED, labels, predictions, 1 - scores)
    judge_baseline(SCORED, labels, predictions, scores)


@pytest.mark.parametrize("threshold", [0.02, 0.05, 0.5, 0.9, 0.95, 0.97])
@pytest.mark.parametrize("strength", [-2.0, 0.0, 0.3], ids=["a wrong model", "no model", "a weak model"])
def test_at_any_operating_threshold_a_bad_model_is_measured(strength, threshold):
    assert not contradicts_predictions(SCORED, *score_rows(("0", "1"), 4000, threshold, strength))


@pytest.mark.parametrize("plan", [SCORED, replace(SCORED, with_predictions=False)], ids=["nothing predicted", "scores"])
def test_where_predictions_say_nothing_a_baseline_whose_labels_contradict_the_score_is_refused(plan):
    labels, _, scores = score_rows(("0", "1"), rows=400)
    predictions = ["0"] * 400

    with pytest.raises(BadInput, match=r"area under the curve is 0\.[01].*--positive-label"):
        judge_baseline(plan, labels, predictions, 1 - scores)
    judge_baseline(plan, labels, predictions, scores)
    judge_baseline(plan, labels, predictions, 1 - scores, as_service=True)


@pytest.mark.parametrize(
    ("is_reversed", "statuses", "sentence"),
    [
        pytest.param(True, {CheckStatus.VIOLATED}, "the score or the labels may be inverted", id="reversed"),
        pytest.param(False, {CheckStatus.PASSED}, None, id="as before"),
    ],
)
@pytest.mark.parametrize("with_predictions", [True, False], ids=["predicted", "scores"])
@pytest.mark.parametrize("of_labels", [True, False], ids=["labels", "scores"])
def test_a_window_whose_score_or_label_is_reversed_is_a_violation_with_a_hint(
    is_reversed, statuses, sentence, with_predictions, of_labels
):
    plan = replace(SCORED, with_predictions=with_predictions)
    labels, predictions, scores = score_rows(("0", "1"), rows=2000)
    # The baseline as a window reads it: its documents and its state
    judgement = judge_baseline(plan, labels, predictions, scores)
    monitor = ModelQualityMonitor(plan)
    documents = monitor.documents(judgement.sample.state, judgement.sample.metrics)
    baseline = monitor.stored_baseline(documents[1], documents[0], judgement.sample.state)

    # Only the score or the label of the window is another one
    if is_reversed and of_labels:
        labels = ["1" if label == "0" else "0" for label in labels]
    elif is_reversed:
        scores = 1 - scores
    state = make_outcomes(plan, labels, predictions, scores)
    window = monitor.judge(Sample(state, monitor.metrics(state)), baseline)

    assert {check_result.status for check_result in window.results if check_result.metric == "auc"} == statuses
    sentences = [hint.description for hint in window.hints]
    assert len(sentences) == (sentence is not None)
    assert sentence is None or sentences[0].endswith(sentence)


@pytest.mark.parametrize("strength", [0.0, -0.3], ids=["no model", "a weak and wrong model"])
def test_a_score_that_labels_do_not_clearly_contradict_is_a_baseline(strength):
    labels, _, scores = score_rows(("0", "1"), rows=400, strength=strength)

    judge_baseline(replace(SCORED, with_predictions=False), labels, ["0"] * 400, scores)
