"""Every metric against scikit-learn, on generated rows with ties, imbalance, one class, and labels of every type."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.exceptions import UndefinedMetricWarning

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, REGRESSION, SCORED, list_values, measured

CLOSE = {"rel": 1e-9, "abs": 1e-9}
BETAS = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}

PROBABILITIES = st.sampled_from([0.0, 0.25, 0.5, 0.5, 0.75, 1.0]) | st.floats(0, 1)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def rows_of_two_classes(draw):
    """Truth, prediction and probability of some rows; often few of one class, sometimes none."""
    share = draw(st.sampled_from([0.02, 0.5, 0.9, 1.0]))
    rows = draw(st.integers(1, 60))
    truth = [draw(st.floats(0, 1)) < share for _ in range(rows)]
    predictions = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    scores = draw(st.lists(PROBABILITIES, min_size=rows, max_size=rows))
    return np.array(truth), np.array(predictions), np.array(scores)


@st.composite
def rows_of_many_classes(draw):
    """Truth and prediction of some rows; not every class is in both."""
    classes = draw(st.integers(2, 6))
    rows = draw(st.integers(1, 60))
    truth = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    predictions = draw(st.lists(st.integers(0, classes), min_size=rows, max_size=rows))
    assume(set(truth) & set(predictions))
    return np.array(truth), np.array(predictions)


@pytest.mark.long
@given(rows_of_two_classes())
def test_rates_and_scores_of_two_classes_are_those_of_scikit_learn(rows):
    truth, predictions, _ = rows
    actual = list_values(measured(BINARY, truth.astype(int), predictions.astype(int)))

    (tn, fp), (fn, tp) = oracle.confusion_matrix(truth, predictions, labels=[False, True])
    assert actual["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predictions), **CLOSE)
    precision = oracle.precision_score(truth, predictions, pos_label=True, zero_division=0.0)
    assert actual["precision"] == pytest.approx(precision, **CLOSE)
    if tp + fn:
        recall = oracle.recall_score(truth, predictions, pos_label=True)
        assert actual["recall"] == actual["true_positive_rate"] == pytest.approx(recall, **CLOSE)
        assert actual["false_negative_rate"] == pytest.approx(fn / (tp + fn), **CLOSE)
        for name, beta in BETAS.items():
            score = oracle.fbeta_score(truth, predictions, beta=beta, pos_label=True, zero_division=0.0)
            assert actual[name] == pytest.approx(score, **CLOSE)
    if fp + tn:
        assert actual["false_positive_rate"] == pytest.approx(fp / (fp + tn), **CLOSE)
        assert actual["true_negative_rate"] == pytest.approx(tn / (fp + tn), **CLOSE)


@pytest.mark.long
@given(rows_of_two_classes())
def test_a_rate_of_a_class_without_rows_is_not_defined(rows):
    truth, predictions, scores = rows
    actual = list_values(measured(SCORED, truth.astype(int), predictions.astype(int), scores))

    of_positives = {"recall", "true_positive_rate", "false_negative_rate", "f0_5", "f1", "f2", "au_prc"}
    of_negatives = {"false_positive_rate", "true_negative_rate"}
    of_both = {"auc", "normalized_entropy"}
    undefined = {name for name, value in actual.items() if value is None and "best_constant" not in name}
    if not truth.any():
        expected = of_positives
    elif truth.all():
        expected = of_negatives
    else:
        expected = set()
    assert undefined == expected | (of_both if expected else set())


@pytest.mark.long
@given(rows_of_two_classes())
def test_areas_under_curves_and_losses_are_those_of_scikit_learn(rows):
    truth, _, scores = rows
    assume(truth.any() and not truth.all())
    actual = list_values(measured(BY_THRESHOLD, truth.astype(int), None, scores))

    assert actual["auc"] == pytest.approx(oracle.roc_auc_score(truth, scores), **CLOSE)
    precisions, recalls, _ = oracle.precision_recall_curve(truth, scores)
    # scikit-learn ends its curve in precision 1 at recall 0, MLlib in the first precision
    precisions[-1] = precisions[-2]
    assert actual["au_prc"] == pytest.approx(oracle.auc(recalls, precisions), **CLOSE)
    loss = oracle.log_loss(truth, scores, labels=[False, True])
    assert actual["log_loss"] == pytest.approx(loss, **CLOSE)
    assert actual["brier_score"] == pytest.approx(oracle.brier_score_loss(truth, scores, pos_label=True), **CLOSE)
    base_rate = oracle.log_loss(truth, np.full(len(truth), truth.mean()))
    assert actual["normalized_entropy"] == pytest.approx(loss / base_rate, **CLOSE)


@pytest.mark.long
@given(rows_of_two_classes())
def test_a_probability_above_the_threshold_is_the_positive_class_and_one_at_it_is_not(rows):
    truth, _, scores = rows
    by_threshold = list_values(measured(BY_THRESHOLD, truth.astype(int), None, scores))
    given_outright = list_values(measured(SCORED, truth.astype(int), (scores > 0.5).astype(int), scores))

    assert by_threshold == given_outright


@pytest.mark.long
@given(rows_of_many_classes())
def test_weighted_metrics_of_many_classes_are_those_of_scikit_learn(rows):
    truth, predictions = rows
    actual = list_values(measured(MULTICLASS, truth, predictions))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        weighted = {"average": "weighted", "zero_division": 0.0}
        assert actual["accuracy"] == pytest.approx(oracle.accuracy_score(truth, predictions), **CLOSE)
        assert actual["weighted_recall"] == pytest.approx(oracle.recall_score(truth, predictions, **weighted), **CLOSE)
        precision = oracle.precision_score(truth, predictions, **weighted)
        assert actual["weighted_precision"] == pytest.approx(precision, **CLOSE)
        for name, beta in BETAS.items():
            score = oracle.fbeta_score(truth, predictions, beta=beta, **weighted)
            assert actual[f"weighted_{name}"] == pytest.approx(score, **CLOSE)
        macro = oracle.f1_score(truth, predictions, average="macro", zero_division=0.0)
        assert actual["macro_f1"] == pytest.approx(macro, **CLOSE)


@pytest.mark.long
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=80))
def test_errors_of_predicted_numbers_are_those_of_scikit_learn(pairs):
    labels, predictions = (np.array(column) for column in zip(*pairs, strict=True))
    assume(np.ptp(labels) > 1e-3)
    actual = list_values(measured(REGRESSION, labels, predictions))

    assert actual["mae"] == pytest.approx(oracle.mean_absolute_error(labels, predictions), **CLOSE)
    assert actual["mse"] == pytest.approx(oracle.mean_squared_error(labels, predictions), **CLOSE)
    assert actual["rmse"] == pytest.approx(oracle.root_mean_squared_error(labels, predictions), **CLOSE)
    assert actual["r2"] == pytest.approx(oracle.r2_score(labels, predictions), **CLOSE)
    filled = labels != 0
    if filled.any() and np.abs(labels[filled]).min() > 1e-9:
        percentage = oracle.mean_absolute_percentage_error(labels[filled], predictions[filled])
        assert actual["mape"] == pytest.approx(percentage, **CLOSE)


def test_r2_of_labels_far_from_zero_keeps_its_digits():
    random = np.random.default_rng(3)
    labels = 1e8 + random.normal(0, 1, 5_000)
    predictions = labels + random.normal(0, 0.5, 5_000)

    actual = list_values(measured(REGRESSION, labels, predictions))

    assert actual["r2"] == pytest.approx(oracle.r2_score(labels, predictions), rel=1e-9)


def test_wape_is_the_sum_of_errors_over_the_sum_of_labels():
    actual = list_values(measured(REGRESSION, [1.0, -2.0, 0.0], [2.0, -2.0, 0.5]))

    assert actual["wape"] == pytest.approx(1.5 / 3)
    assert actual["mape"] == pytest.approx((1 / 1 + 0 / 2) / 2)  # the row whose label is 0 is left out


def test_calibration_error_weighs_the_gap_of_every_bin_by_its_rows():
    # bins (0.2, 0.3] with 4 rows, one of them positive, and (0.8, 0.9] with 2 rows, both positive
    scores = [0.3, 0.3, 0.25, 0.25, 0.9, 0.9]
    truth = [1, 0, 0, 0, 1, 1]

    actual = list_values(measured(BY_THRESHOLD, truth, None, scores))

    assert actual["calibration_error"] == pytest.approx(4 / 6 * abs(0.25 - 0.275) + 2 / 6 * abs(1.0 - 0.9))


@pytest.mark.parametrize(
    ("truth", "predictions"),
    [
        pytest.param(["1", "0", "1"], ["1.0", "0.0", "0.0"], id="integers and doubles"),
        pytest.param(["true", "false", "true"], ["True", "False", "FALSE"], id="truths in any case"),
        pytest.param(["01", "0", " 1"], ["1e0", "-0", "+0.00"], id="numbers however written"),
    ],
)
def test_labels_that_are_written_otherwise_are_the_same_classes(truth, predictions):
    assert list_values(measured(BINARY, truth, predictions))["accuracy"] == pytest.approx(2 / 3)


def test_one_row_has_metrics():
    actual = list_values(measured(SCORED, ["1"], ["1"], [0.9]))

    assert (actual["recall"], actual["precision"], actual["accuracy"], actual["f1"]) == (1.0, 1.0, 1.0, 1.0)
    assert actual["log_loss"] == pytest.approx(-math.log(0.9))


def test_two_hundred_classes_have_metrics():
    random = np.random.default_rng(5)
    truth, other_classes = random.integers(0, 200, (2, 20_000))
    predictions = np.where(random.random(20_000) < 0.7, truth, other_classes)

    actual = list_values(measured(MULTICLASS, truth, predictions))

    expected = oracle.fbeta_score(truth, predictions, beta=2.0, average="weighted")
    assert actual["weighted_f2"] == pytest.approx(expected, **CLOSE)
