"""The documents of a measurement: members and their order, curves, standard deviations, metrics.json."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spark_model_monitor.documents.model_quality import Metrics, ModelQualityStatistics
from spark_model_monitor.errors import BadConfiguration, BadState
from spark_model_monitor.monitors.model_quality.evidence import build_evidence, predict_most_frequent_class
from spark_model_monitor.monitors.model_quality.measurement import build_metrics, build_statistics, measure
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import Moments
from spark_model_monitor.statistics.states.outcomes import Outcomes

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, REGRESSION, SCORED, make_outcomes, measure_counts, measured


def scored_rows(rows: int, seed: int = 1):
    random = np.random.default_rng(seed)
    scores = random.random(rows)
    return (random.random(rows) < scores).astype(int), None, scores


def test_binary_statistics_have_the_members_of_the_service_in_its_order():
    statistics = build_statistics(measured(SCORED, ["1", "0"], ["1", "1"], [0.9, 0.7]))

    # C5.1
    assert list(statistics.plain()["binary_classification_metrics"]) == [
        *("confusion_matrix", "recall", "precision", "accuracy", "recall_best_constant_classifier"),
        *("precision_best_constant_classifier", "accuracy_best_constant_classifier", "true_positive_rate"),
        *("true_negative_rate", "false_positive_rate", "false_negative_rate"),
        *("receiver_operating_characteristic_curve", "precision_recall_curve", "auc", "au_prc", "f0_5", "f1", "f2"),
        *("f0_5_best_constant_classifier", "f1_best_constant_classifier", "f2_best_constant_classifier"),
    ]


def test_a_confusion_matrix_has_the_label_outside_and_every_class_in_both():
    # the guide's example (C5.1): outer "1" is {"0": 0, "1": 1}, recall 1.0, precision 1/3
    statistics = build_statistics(measured(BINARY, ["1", "0", "0", "0"], ["1", "1", "1", "0"])).plain()

    metrics = statistics["binary_classification_metrics"]
    assert metrics["confusion_matrix"] == {"0": {"0": 1, "1": 2}, "1": {"0": 0, "1": 1}}
    assert metrics["recall"] == {"value": 1.0, "standard_deviation": None}
    assert metrics["precision"]["value"] == 1 / 3
    assert metrics["true_negative_rate"]["value"] == 0.33333333333333337  # as the guide prints it


def test_the_positive_class_may_stand_first_in_the_confusion_matrix():
    plan = replace(BINARY, positive_label="a")

    metrics = build_statistics(measured(plan, ["a", "b", "b"], ["b", "b", "b"])).plain()[
        "binary_classification_metrics"
    ]

    assert metrics["confusion_matrix"] == {"a": {"a": 0, "b": 1}, "b": {"a": 0, "b": 2}}
    assert metrics["recall"]["value"] == 0.0
    assert metrics["accuracy_best_constant_classifier"]["value"] == 2 / 3
    assert metrics["precision_best_constant_classifier"]["value"] == 0.0


def test_the_best_constant_answers_the_more_frequent_class():
    statistics = build_statistics(measure_counts(0, 46, 0, 68)).plain()["binary_classification_metrics"]

    assert statistics["recall_best_constant_classifier"]["value"] == 1.0
    assert statistics["precision_best_constant_classifier"]["value"] == pytest.approx(68 / 114)


@pytest.mark.parametrize(("labels", "answer"), [("ab", "b"), ("9 10", "10")])
def test_of_equally_frequent_classes_the_highest_is_the_best_constant(labels, answer):
    # C11.11
    label_list = labels.split() if " " in labels else list(labels)
    evidence = predict_most_frequent_class(build_evidence(make_outcomes(MULTICLASS, label_list, label_list)))

    assert evidence.classes[int(np.argmax(evidence.matrix.sum(axis=0)))] == answer


def test_weighted_metrics_of_the_guides_example():
    # C5.1: 1180/510/268/138 -> accuracy 0.62882, weighted precision 0.69832; constant answers the majority class
    labels = ["0"] * 1690 + ["1"] * 406
    predictions = ["0"] * 1180 + ["1"] * 510 + ["0"] * 268 + ["1"] * 138

    metrics = build_statistics(measured(MULTICLASS, labels, predictions)).multiclass_classification_metrics

    assert metrics.accuracy.value == pytest.approx(0.62882, abs=5e-6)
    assert metrics.weighted_recall.value == metrics.accuracy.value
    assert metrics.weighted_precision.value == pytest.approx(0.69832, abs=5e-6)
    assert metrics.accuracy_best_constant_classifier.value == pytest.approx(1690 / 2096)
    assert metrics.confusion_matrix == {"0": {"0": 1180, "1": 510}, "1": {"0": 268, "1": 138}}


@pytest.mark.parametrize(("rows", "has_deviation"), [(199, False), (200, True)])
def test_standard_deviations_are_there_from_200_rows_on(rows, has_deviation):
    statistics = build_statistics(measured(BY_THRESHOLD, *scored_rows(rows)))

    deviations = [metric.standard_deviation for _, metric in statistics.scalars()]
    assert len(deviations) == 18
    assert all((deviation is not None) == has_deviation for deviation in deviations)


def test_standard_deviations_are_those_of_80_percent_of_the_rows():
    # the deviation of a share over random 80 % of n rows is sqrt(p(1 - p)/n · 0.2/0.8); five draws estimate it roughly
    deviation = measured(BINARY, ["1"] * 900 + ["0"] * 100, ["1"] * 1_000).metrics["accuracy"].standard_deviation
    expected = (0.9 * 0.1 / 1_000 * 0.25) ** 0.5

    assert 0.3 * expected < deviation < 2 * expected


def test_standard_deviations_of_regressions_are_those_of_80_percent_of_the_rows():
    random = np.random.default_rng(12)
    estimates = []
    for _ in range(40):
        labels = random.normal(0, 1, 2_000)
        estimates.append(
            measured(REGRESSION, labels, labels + random.normal(0, 1, 2_000)).metrics["mse"].standard_deviation
        )
    # Var(e²) = 2, and the population form of five draws loses a factor of sqrt(4/5)
    expected = (2 / 2_000 * 0.25 * 0.8) ** 0.5

    assert np.sqrt(np.mean(np.square(estimates))) == pytest.approx(expected, rel=0.3)


def test_the_seed_settles_the_draws():
    evidence = build_evidence(make_outcomes(BY_THRESHOLD, *scored_rows(500)))

    deviations = [measure(evidence, seed=seed).metrics["auc"].standard_deviation for seed in (1, 1, 2)]

    assert deviations[0] == deviations[1] != deviations[2]


def test_curves_of_many_scores_are_thinned():
    statistics = build_statistics(measured(BY_THRESHOLD, *scored_rows(5_000))).binary_classification_metrics
    curve = statistics.receiver_operating_characteristic_curve

    assert len(curve.true_positive_rates) == len(curve.false_positive_rates) == 1_002
    assert (curve.false_positive_rates[0], curve.true_positive_rates[-1]) == (0.0, 1.0)


def test_the_area_of_the_service_is_that_of_the_thinned_curve():
    ours, service = (
        measured(BY_THRESHOLD, *scored_rows(5_000), as_service=as_service).metrics for as_service in (False, True)
    )

    curve = build_statistics(measured(BY_THRESHOLD, *scored_rows(5_000))).binary_classification_metrics
    false_rates = np.array(curve.receiver_operating_characteristic_curve.false_positive_rates)
    true_rates = np.array(curve.receiver_operating_characteristic_curve.true_positive_rates)
    assert service["auc"].value == pytest.approx(np.trapezoid(true_rates, false_rates), abs=1e-12)
    assert 0 < abs(ours["auc"].value - service["auc"].value) < 1e-4


def test_statistics_are_read_as_they_were_written():
    statistics = build_statistics(measured(BY_THRESHOLD, *scored_rows(300)))

    assert ModelQualityStatistics.from_json(statistics.to_json()) == statistics
    assert statistics.classes == {"0", "1"}


def test_metrics_have_intervals_and_say_what_they_rest_on():
    document = build_metrics(measured(BY_THRESHOLD, *scored_rows(300)))

    assert Metrics.from_json(document.to_json()) == document
    by_name = {metric.name: metric for metric in document.metrics}
    assert {"log_loss", "brier_score", "calibration_error", "normalized_entropy"} <= set(by_name)
    assert by_name["auc"].method == "DeLong"
    assert by_name["auc"].bound is None  # 300 scores are kept as they are
    metrics_with_rows = [metric for metric in document.metrics if metric.n]
    assert (
        len(metrics_with_rows) == len(document.metrics) - 1
    )  # the best constant never answers 0, and so is no precision of it
    for metric in metrics_with_rows:
        low, high = metric.interval
        assert low <= metric.value <= high
    assert document.scalars()["auc"] == by_name["auc"].value


def test_a_binned_area_has_its_bound_beside_it():
    plan = replace(BY_THRESHOLD, score_limit=100)

    document = build_metrics(measured(plan, *scored_rows(5_000)))

    auc = next(metric for metric in document.metrics if metric.name == "auc")
    exact = measured(BY_THRESHOLD, *scored_rows(5_000)).metrics["auc"].value
    assert 0 < auc.bound < 1e-3
    assert abs(auc.value - exact) <= auc.bound


def test_metrics_of_the_user_have_a_mean_and_an_interval():
    plan = replace(BY_THRESHOLD, values=("profit", "calls"))
    random = np.random.default_rng(2)
    profit = random.normal(3, 1, 400)
    values = np.column_stack([profit, np.full(400, np.nan)])

    metrics = measured(plan, *scored_rows(400), values=values).metrics

    assert metrics["profit"].value == pytest.approx(profit.mean())
    assert metrics["profit"].estimate.standard_error == pytest.approx(1 / 400**0.5, rel=0.3)
    assert metrics["calls"].value is None
    assert json.loads(build_metrics(measured(plan, *scored_rows(400), values=values)).to_json())["metrics"][-1] == {
        "name": "calls",
        "value": None,
        "interval": None,
        "method": "jackknife",
        "n": 0,
    }


def test_probabilities_of_predicted_classes_are_judged_by_their_calibration():
    plan = replace(MULTICLASS, with_scores=True)

    # bin (0.8, 0.9]: three rows, two of them right
    metrics = measured(plan, ["a", "b", "c"], ["a", "b", "b"], [0.9, 0.9, 0.9]).metrics

    assert metrics["calibration_error"].value == pytest.approx(0.9 - 2 / 3)


def test_a_weeks_metrics_are_a_sum_of_states():
    hours = [make_outcomes(BY_THRESHOLD, *scored_rows(100, seed)) for seed in range(5)]
    total = sum(hours, Outcomes.zero(BY_THRESHOLD))
    columns = [
        np.concatenate(column) for column in zip(*(scored_rows(100, seed)[::2] for seed in range(5)), strict=True)
    ]
    at_once = measured(BY_THRESHOLD, columns[0], None, columns[1])

    week = measure(build_evidence(total))

    for name in ("recall", "f1", "auc", "log_loss"):
        assert week.metrics[name].value == pytest.approx(at_once.metrics[name].value, rel=1e-12)


def test_a_metric_of_the_user_does_not_hide_one_of_ours():
    with pytest.raises(BadConfiguration, match="'auc', 'recall' is the name of one of the metrics that are there"):
        ModelQualityMonitor(replace(BINARY, values=("recall", "profit", "auc")))


def test_states_of_another_monitor_are_no_baseline():
    monitor = ModelQualityMonitor(BINARY)
    constraints = monitor.documents(make_outcomes(BINARY, ["1"], ["1"]), measure_counts(1, 0, 0, 0))[1]

    with pytest.raises(BadState, match="of kind 'moments'; name a baseline of the model's quality"):
        monitor.stored_baseline(constraints, None, Moments())


def test_the_monitor_publishes_every_number_and_how_many_are_violated():
    monitor = ModelQualityMonitor(BINARY)
    outcomes = make_outcomes(BINARY, ["1", "1"], ["1", "0"])
    measurement = monitor.metrics(outcomes)
    statistics, constraints, _ = monitor.documents(outcomes, measurement)
    judgement = monitor.judge(Sample(outcomes, measurement), monitor.stored_baseline(constraints, statistics, None))

    published = judgement.published_metrics(judgement.results, constraints)

    values = {metric.name: metric.value for metric in published}
    assert values["recall"] == 0.5
    assert values["total_number_of_violations"] == 0
    assert "false_positive_rate" not in values  # it is not defined


@pytest.mark.parametrize("label", ["0", "1"])
def test_curves_of_one_class_alone_are_written_and_have_no_area(label):
    """A class without rows has rate 0 at every threshold, as in MLlib's BinaryClassificationMetrics; both ends are added."""
    statistics = build_statistics(
        measured(BY_THRESHOLD, [label] * 3, None, [0.9, 0.2, 0.6])
    ).binary_classification_metrics

    roc = statistics.receiver_operating_characteristic_curve
    curve = statistics.precision_recall_curve
    rates = [0.0, 1 / 3, 2 / 3, 1.0, 1.0]
    none = [0.0, 0.0, 0.0, 0.0, 1.0]
    expected = (none, rates) if label == "1" else (rates, none)
    for curve_rates, rates_by_hand in zip((roc.false_positive_rates, roc.true_positive_rates), expected, strict=True):
        assert curve_rates == pytest.approx(rates_by_hand)
    assert set(curve.precisions) == {float(label)}
    assert statistics.auc.value is None
