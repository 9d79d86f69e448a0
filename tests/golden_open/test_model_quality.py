"""Model quality on the open golden set: two classes, with every metric worked out by hand.

The baseline has TP 3, FN 1, FP 3, TN 5, so recall is 3/4, precision 3/6 and accuracy 8/12. F = (1 + b²)·P·R/(b²·P + R) is
0.46875/0.875, 0.75/1.25 and 1.875/2.75. The more frequent class is the negative one, in 8 of 12 rows.
"""

import pytest
from tests.golden_open import inputs
from tests.golden_open.runs import AS_SERVICE, run_golden_baseline, run_golden_monitoring

ANALYSIS = ("--analysis-type", "MODEL_QUALITY", "--problem-type", "BinaryClassification", "--dataset-format", "csv")
COLUMNS = ("--inference-attribute", "prediction", "--probability-attribute", "probability")
FLAGS = (*ANALYSIS, *COLUMNS, "--ground-truth-attribute", "label", *AS_SERVICE)

ROC_AREA = 26.5 / 32
"""Of 32 pairs: 0.9 and 0.8 are above all 8 negative rows, 0.6 above 7, 0.3 above 3 and beside another 0.3."""

PR_AREA = 1 / 2 + (2 / 3 + 3 / 4) / 8 + (3 / 7 + 4 / 9) / 8
"""Precision is 1 up to recall 1/2, goes from 2/3 to 3/4 at recall 3/4, and from 3/7 to 4/9 at recall 1."""

METRICS = {
    "recall": 0.75,
    "precision": 0.5,
    "accuracy": 8 / 12,
    "true_positive_rate": 0.75,
    "true_negative_rate": 0.625,
    "false_positive_rate": 0.375,
    "false_negative_rate": 0.25,
    "auc": ROC_AREA,
    "f0_5": 0.46875 / 0.875,
    "f1": 0.6,
    "f2": 1.875 / 2.75,
}
"""Those that get a threshold, in the order of G20."""

CONSTANT = {"accuracy": 8 / 12, "recall": 0.0, "precision": 0.0, "f0_5": 0.0, "f1": 0.0, "f2": 0.0}

GREATER = ("false_positive_rate", "false_negative_rate")


@pytest.fixture(scope="module")
def scored(engine, folder):
    return run_golden_baseline(engine, folder / "quality", "--dataset-source", inputs.scored(folder), *FLAGS)


@pytest.fixture(scope="module")
def metrics(scored):
    return scored.statistics.body_dict["binary_classification_metrics"]


def test_every_metric_is_the_one_worked_out_by_hand(metrics):
    by_hand = {**METRICS, **{f"{name}_best_constant_classifier": value for name, value in CONSTANT.items()}}

    assert {name: metrics[name]["value"] for name in by_hand} == by_hand
    assert metrics["au_prc"]["value"] == pytest.approx(PR_AREA, rel=1e-15)
    assert metrics["confusion_matrix"] == {"0": {"0": 5, "1": 3}, "1": {"0": 1, "1": 3}}


def test_the_curve_has_a_point_for_every_score(metrics):
    """From the highest score down: 0.9, 0.8, then 0.7 of a negative row, …; both ends are added."""
    curve = metrics["receiver_operating_characteristic_curve"]

    eighths = [0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 8, 8]
    quarters = [0, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]
    assert curve["false_positive_rates"] == [count / 8 for count in eighths]
    assert curve["true_positive_rates"] == [count / 4 for count in quarters]


def test_twelve_rows_are_too_few_for_a_standard_deviation(metrics):
    assert {name: metrics[name]["standard_deviation"] for name in METRICS} == dict.fromkeys(METRICS)


def test_thresholds_are_the_baselines_own_values_in_the_services_order(scored):
    constraints = scored.constraints.body_dict["binary_classification_constraints"]

    assert list(constraints.items()) == [
        (name, {"threshold": value, "comparison_operator": f"{'Greater' if name in GREATER else 'Less'}ThanThreshold"})
        for name, value in METRICS.items()
    ]


def test_a_worse_window_is_reported_in_the_services_words_and_order(engine, folder, scored):
    """By hand, of TP 2, FN 2, FP 2, TN 6: recall and all F are 1/2, accuracy is 8/12 and precision 1/2 as before. 24 of 32 pairs
    are in order. G20: the service never lists f0_5, and a metric at its threshold is no violation."""
    source = inputs.scored_later(folder)
    findings = run_golden_monitoring(
        engine, folder / "later", "--dataset-source", source, "--baseline", folder / "quality", *FLAGS
    )

    violations = [
        (violation.metric_name, violation.constraint_check_type, violation.description)
        for violation in findings.violations.violations
    ]
    less = "LessThanThreshold"
    greater = "GreaterThanThreshold"
    assert violations == [
        ("auc", less, "Metric auc with 0.75 was LessThanThreshold '0.828125'"),
        ("truePositiveRate", less, "Metric truePositiveRate with 0.5 was LessThanThreshold '0.75'"),
        ("f1", less, "Metric f1 with 0.5 was LessThanThreshold '0.6'"),
        ("falseNegativeRate", greater, "Metric falseNegativeRate with 0.5 was GreaterThanThreshold '0.25'"),
        ("recall", less, "Metric recall with 0.5 was LessThanThreshold '0.75'"),
        ("f2", less, "Metric f2 with 0.5 was LessThanThreshold '0.6818181818181818'"),
    ]
