"""What a score is worth: isotonic regression, fewer scores that say the same, and scores that are no probabilities."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from spark_model_monitor.monitors.model_quality.score_calibration import (
    Calibration,
    check_calibration,
    merge_neighbouring_scores,
)
from spark_model_monitor.statistics.states.scores import UNLIMITED, ScoreCounts


def drawn(rows, digits, worth=lambda score: score**2, seed=1):
    """Scores of rows, and whether each is positive: with the probability that `worth` gives."""
    random = np.random.default_rng(seed)
    scores = np.round(random.random(rows), digits)
    return scores, random.random(rows) < worth(scores)


def counts(rows, digits, **more):
    return ScoreCounts.of(*drawn(rows, digits, **more), UNLIMITED)


@pytest.mark.parametrize(("rows", "digits"), [(20, 1), (500, 2), (3_000, 9)])
def test_the_calibration_is_the_isotonic_regression_of_scikit_learn(rows, digits):
    scores, positive = drawn(rows, digits)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, positive)
    scores_asked = np.linspace(0, 1, 1_001)

    expected = Calibration.of(ScoreCounts.of(scores, positive, UNLIMITED))(scores_asked)

    assert expected == pytest.approx(theirs.predict(scores_asked), abs=1e-12)


def test_neighbours_that_fall_are_pooled():
    # by hand: 1 of 4, then 3 of 4 and 1 of 2, which fall and are 4 of 6 together
    calibration = Calibration.of(ScoreCounts(np.array([0.2, 0.5, 0.9]), np.array([3, 1, 1]), np.array([1, 3, 1])))

    assert calibration(np.array([0.0, 0.2, 0.35, 0.5, 0.7, 1.0])) == pytest.approx(
        [1 / 4, 1 / 4, 11 / 24, 2 / 3, 2 / 3, 2 / 3]
    )


@pytest.mark.parametrize("rows", [3, 200, 20_000])
def test_fewer_scores_say_the_same(rows):
    all_counts = counts(rows, 9)
    merged_counts = merge_neighbouring_scores(all_counts, groups=50)
    scores_asked = np.linspace(0, 1, 501)

    assert Calibration.of(merged_counts)(scores_asked) == pytest.approx(
        Calibration.of(all_counts)(scores_asked), abs=1e-12
    )
    assert (merged_counts.negatives.sum(), merged_counts.positives.sum()) == (
        all_counts.negatives.sum(),
        all_counts.positives.sum(),
    )
    assert len(merged_counts.scores) <= len(all_counts.scores)


def test_many_scores_become_few():
    assert len(merge_neighbouring_scores(counts(20_000, 9)).scores) < 1_000


@pytest.mark.parametrize(
    ("worth", "is_fine"),
    [
        pytest.param(lambda score: score, True, id="calibrated"),
        pytest.param(lambda score: score**3, True, id="rises, but is no probability yet"),
        pytest.param(lambda score: 0 * score + 0.3, True, id="says nothing"),
        pytest.param(lambda score: 1 - score, False, id="falls"),
        pytest.param(lambda score: 4 * (score - 0.5) ** 2, False, id="falls and rises"),
    ],
)
def test_scores_that_do_not_rise_with_the_labels_are_no_probabilities(worth, is_fine):
    problem = check_calibration(counts(2_000, 4, worth=worth)).problem

    assert (problem is None) == is_fine
    assert is_fine or "the scores are no probabilities" in problem


def test_a_calibrated_baseline_is_rarely_called_none():
    problems = [check_calibration(counts(400, 6, worth=lambda score: score, seed=seed)).problem for seed in range(500)]

    assert sum(problem is not None for problem in problems) <= 3  # at a level of 0.001


@pytest.mark.parametrize(
    ("score_counts", "message"),
    [
        (ScoreCounts(), "the baseline has no scores"),
        (counts(30, 4), "the baseline has 30 rows with a score; an estimate takes 100"),
        (counts(300, 4, worth=lambda score: 0 * score), "all labels of the baseline are of one class"),
        (counts(300, 4, worth=lambda score: 0 * score + 1), "all labels of the baseline are of one class"),
    ],
)
def test_what_no_calibration_is_made_of_is_stated(score_counts, message):
    assert message in check_calibration(score_counts).problem


def test_the_error_of_the_scores_is_their_mean_distance_from_what_happened():
    # by hand: 100 rows at 0.2, of which 40 are positive, and 300 at 0.8, of which 240 are: (100 * 0.2 + 300 * 0) / 400
    calibration = check_calibration(ScoreCounts(np.array([0.2, 0.8]), np.array([60, 60]), np.array([40, 240])))

    assert calibration.error == pytest.approx(0.05)
    assert calibration.remaining_error == pytest.approx(0.0)
