"""What chance may do to a metric: the window's own test beside the baseline, within the budget of the run. D4.6, D4.12."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.model_quality import ModelQualityConstraints
from spark_model_monitor.documents.outcome import Outcome, judge_run
from spark_model_monitor.monitors.model_quality.estimates import (
    FractionEstimate,
    JackknifeEstimate,
    Side,
    compare_estimates,
)
from spark_model_monitor.monitors.model_quality.measurement import Tolerance
from spark_model_monitor.monitors.model_quality.metrics.classes import complement
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Sample

from .outcomes_made import BINARY, BY_THRESHOLD, REGRESSION, make_outcomes

BUDGET = 1 / 720


def make_accuracy_outcomes(right, rows):
    """Outcomes of two classes, half of them positive, so many predicted right."""
    labels = np.arange(rows) % 2
    return make_outcomes(BINARY, labels, np.where(np.arange(rows) < right, labels, 1 - labels))


def make_error_outcomes(errors):
    labels = np.arange(len(errors)) % 50.0
    return make_outcomes(REGRESSION, labels, labels + errors)


def checked(before, window, monitor=None, edited=None, with_states=True):
    """The results by metric. edited: thresholds that somebody wrote into the baseline's file."""
    monitor = monitor or ModelQualityMonitor(before.plan)
    suggested = monitor.documents(before, monitor.metrics(before))[1]
    plain = suggested.plain()
    for name, threshold in (edited or {}).items():
        plain["binary_classification_constraints"][name]["threshold"] = threshold
    constraints = ModelQualityConstraints.model_validate(plain)
    stored_baseline = monitor.stored_baseline(constraints, None, before if with_states else None, suggested)
    judgement = monitor.judge(Sample(window, monitor.metrics(window)), stored_baseline)
    return {finding.metric: finding for finding in judgement.results}, judgement.budget


def test_the_chance_of_a_share_is_the_tail_of_the_hypergeometric_distribution():
    baseline = FractionEstimate.from_count(1_800, 2_000)
    window = FractionEstimate.from_count(170, 200)

    # 30 misses of the window among 230 of both
    assert compare_estimates(baseline, window, Side.LOW).p == pytest.approx(stats.hypergeom.sf(29, 2_200, 230, 200))
    assert compare_estimates(complement(baseline), complement(window), Side.HIGH).p == pytest.approx(
        stats.hypergeom.sf(29, 2_200, 230, 200)
    )


@pytest.mark.parametrize("order", [1, -1], ids=["the baseline's is larger", "the window's is larger"])
def test_the_chance_of_a_mean_counts_the_larger_variance(order):
    wide = (0.2, 100, 40.0)
    narrow = (0.01, 400, 63.0)
    (error, n, freedom), (other_error, m, its) = (wide, narrow)[::order]
    baseline = JackknifeEstimate(1.0, n, error, freedom)
    window = JackknifeEstimate(2.0, m, other_error, its)

    # 0.2² · 100 = 4 a row, and 63 degrees of freedom don't count
    t = 1 / math.sqrt(4 * (1 / 100 + 1 / 400))
    assert compare_estimates(baseline, window, Side.HIGH).p == pytest.approx(stats.t.sf(t, 40))
    assert compare_estimates(baseline, window, Side.LOW).p == 1


def test_a_mean_that_differs_by_rounding_alone_is_no_worse():
    baseline = JackknifeEstimate(0.1, 1_000, 0.0, 40)
    window = JackknifeEstimate(0.1 + 1e-15, 700, 0.0, 40)

    assert compare_estimates(baseline, window, Side.HIGH).p == 1
    assert compare_estimates(baseline, replace(window, value=0.101), Side.HIGH).p == 0


def test_the_levels_of_the_metrics_add_up_to_the_budget_and_recall_is_one_test():
    results, ledger = checked(make_accuracy_outcomes(900, 1_000), make_accuracy_outcomes(890, 1_000))

    (family,) = ledger.families
    assert (ledger.false_alarm_budget, family.level) == (BUDGET, BUDGET)
    assert family.tests == 7  # recall, precision, accuracy, the negative side, three of F
    assert results["accuracy"].p == pytest.approx(stats.hypergeom.sf(109, 2_000, 210, 1_000))


def test_a_drop_from_90_to_85_percent_is_found_in_2_000_rows():
    results, _ = checked(make_accuracy_outcomes(9_000, 10_000), make_accuracy_outcomes(1_700, 2_000))

    assert results["accuracy"].status is CheckStatus.VIOLATED
    assert results["accuracy"].p == pytest.approx(stats.hypergeom.sf(299, 12_000, 1_300, 2_000), rel=1e-6)


def test_what_is_beyond_the_threshold_by_no_more_than_chance_passes():
    monitor = ModelQualityMonitor(BINARY)
    results, _ = checked(make_accuracy_outcomes(9_000, 10_000), make_accuracy_outcomes(86, 100), monitor)

    assert results["accuracy"].status is CheckStatus.PASSED
    p = stats.hypergeom.sf(13, 10_100, 1_014, 100)
    assert results["accuracy"].reason == (
        f"of 100 rows this may be chance: p is {p:.2g}, and a violation needs {BUDGET / 7:.2g}"
    )


def test_three_positive_rows_cannot_tell_of_recall():
    labels = np.array([1, 1, 1] + [0] * 97)
    results, _ = checked(make_accuracy_outcomes(900, 1_000), make_outcomes(BINARY, labels, labels))

    assert results["recall"].status is CheckStatus.CANNOT_TELL
    assert results["recall"].reason.startswith("of 3 rows a change for the worse by less than ")
    assert results["recall"].smallest_change > 0.2
    assert results["recall"].advice == "take longer windows, with more labels"
    assert results["accuracy"].status is CheckStatus.PASSED
    assert judge_run(results.values()) is Outcome.CANNOT_TELL


def test_a_metric_that_is_much_worse_in_so_few_rows_is_never_called_unchanged():
    # 9 of 10 right before, 6 of 10 now: by chance once in 20 windows, which no budget of alarms allows
    check_results, _ = checked(
        make_accuracy_outcomes(900, 1_000), make_accuracy_outcomes(6, 10), ModelQualityMonitor(BINARY)
    )

    assert check_results["accuracy"].status is CheckStatus.CANNOT_TELL
    assert check_results["accuracy"].possible_change


def test_healthy_windows_of_a_thousand_rows_are_unchanged():
    random = np.random.default_rng(3)
    outcomes = []
    for _ in range(20):
        rights = [random.binomial(rows, 0.9) for rows in (10_000, 1_000)]
        check_results, _ = checked(make_accuracy_outcomes(rights[0], 10_000), make_accuracy_outcomes(rights[1], 1_000))
        outcomes.append(judge_run(check_results.values()))

    assert outcomes == [Outcome.UNCHANGED] * 20


def test_a_threshold_that_somebody_wrote_and_one_without_states_are_judged_by_the_value():
    before = make_accuracy_outcomes(900, 1_000)
    window = make_accuracy_outcomes(899, 1_000)

    edited, ledger = checked(before, window, edited={"accuracy": 0.8995})
    assert (edited["accuracy"].status, edited["accuracy"].p) == (CheckStatus.VIOLATED, None)
    assert edited["recall"].p is not None
    assert ledger.families[0].tests == 6  # what somebody asked for takes no part

    assert checked(before, window, with_states=False)[1] is None


@pytest.mark.parametrize(
    "monitor",
    [
        pytest.param(ModelQualityMonitor(BINARY, as_service=True), id="as the service"),
        pytest.param(ModelQualityMonitor(BINARY, tolerance=Tolerance.parse("absolute:0")), id="a tolerance asked for"),
    ],
)
def test_the_rules_of_others_have_no_budget(monitor):
    results, ledger = checked(make_accuracy_outcomes(900, 1_000), make_accuracy_outcomes(899, 1_000), monitor)

    assert ledger is None
    assert (results["accuracy"].status, results["accuracy"].p) == (CheckStatus.VIOLATED, None)


def test_a_lucky_baseline_without_the_rare_large_errors_is_no_alarm_and_larger_errors_are_one():
    random = np.random.default_rng(7)
    common_errors = random.normal(0, 1, 200)
    errors = random.normal(0, 1, 20_000)
    with_large = errors * np.where(np.arange(20_000) % 1_000 == 0, 100, 1)

    assert (
        checked(make_error_outcomes(common_errors), make_error_outcomes(with_large))[0]["mse"].status
        is not CheckStatus.VIOLATED
    )
    assert checked(make_error_outcomes(random.normal(0, 1, 10_000)), make_error_outcomes(1.2 * errors[:2_000]))[0][
        "mse"
    ].is_violation


@pytest.mark.parametrize("after", [lambda labels: 1 - labels, lambda labels: labels * 0], ids=["reversed", "none"])
def test_a_perfect_model_that_turned_round_is_found_though_neither_side_varies(after):
    labels = np.arange(1_000) % 2
    results, _ = checked(
        make_outcomes(BY_THRESHOLD, labels, None, labels * 1.0),
        make_outcomes(BY_THRESHOLD, labels, None, after(labels)),
    )

    assert {results[name].status for name in ("auc", "f1", "recall")} == {CheckStatus.VIOLATED}


def test_errors_that_are_all_alike_vary_by_nothing():
    results, _ = checked(make_error_outcomes(np.zeros(200)), make_error_outcomes(np.full(200, 5.0)))

    assert results["mae"].is_violation


def test_two_positive_rows_say_nothing_of_an_area():
    scores = np.concatenate(([0.2, 0.2], np.linspace(0, 1, 98)))
    labels = np.array([1, 1] + [0] * 98)
    rows = np.arange(2_000)
    before = make_outcomes(BY_THRESHOLD, rows % 2, None, np.where(rows % 2, 0.5, 0.3) + rows % 5 / 10)

    results, _ = checked(before, make_outcomes(BY_THRESHOLD, labels, None, scores))

    assert results["auc"].status is CheckStatus.CANNOT_TELL


def test_a_metric_of_no_rows_on_either_side_can_not_be_distinguished():
    """No prediction is positive, so there is no precision: before, and now."""
    labels = np.arange(400) % 2
    never = make_outcomes(BINARY, labels, np.zeros(400, dtype=int))
    findings, _ = checked(never, never)

    assert {finding.status for finding in findings.values()} <= {
        CheckStatus.PASSED,
        CheckStatus.CANNOT_TELL,
        CheckStatus.NOT_JUDGED,
    }
