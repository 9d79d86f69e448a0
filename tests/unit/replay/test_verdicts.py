"""How the reports of two sides differ: examples by hand, texts as G14 and G20 have them."""

from __future__ import annotations

import pytest

from spark_model_monitor.running.replay.certificate import (
    Difference,
    DifferenceKind,
    ReportedViolation,
    Verdict,
    compare_verdicts,
)

DRIFT = {
    "feature_name": "age",
    "constraint_check_type": "baseline_drift_check",
    "description": "Baseline drift distance: 0.17354640931273702 exceeds threshold: 0.1",
}
TYPES = {
    "feature_name": "flag",
    "constraint_check_type": "data_type_check",
    "description": "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
    "Observed: Only 62.616822429906534% of data is Integral.",
}


def test_the_order_of_violations_does_not_matter():
    assert compare_verdicts(Verdict.of([DRIFT, TYPES]), Verdict.of([TYPES, DRIFT])) == ()


def test_two_sides_without_violations_are_equal():
    assert compare_verdicts(Verdict(), Verdict.of([])) == ()


def test_a_violation_too_few_and_one_too_many_are_distinguished():
    assert [difference.kind for difference in compare_verdicts(Verdict.of([DRIFT]), Verdict.of([TYPES]))] == [
        DifferenceKind.FEWER,
        DifferenceKind.MORE,
    ]


def test_another_number_in_the_same_violation_is_one_difference():
    changed_drift = {**DRIFT, "description": "Baseline drift distance: 0.2 exceeds threshold: 0.1"}

    [difference] = compare_verdicts(Verdict.of([DRIFT]), Verdict.of([changed_drift]))

    assert difference == Difference(
        DifferenceKind.OTHER_TEXT, "age", "baseline_drift_check", changed_drift["description"]
    )


@pytest.mark.parametrize("deviation", [" +/- 0.01273", " +/- 5.89E-3", ""])
def test_the_deviation_of_a_metric_is_random_and_not_compared(deviation):
    violation = {
        "constraint_check_type": "LessThanThreshold",
        "description": f"Metric f2 with 0.6{deviation} was LessThanThreshold '0.625'",
        "metric_name": "f2",
    }

    assert ReportedViolation.of(violation) == ReportedViolation(
        "f2", "LessThanThreshold", "Metric f2 with 0.6 was LessThanThreshold '0.625'"
    )


def test_violations_of_bias_are_distinguished_by_facet_and_metric():
    text = "Metric value 0.2 doesn't meet the baseline constraint requirement 0.1"
    violation = {
        "facet": "Sex",
        "facet_value": "0",
        "metric_name": "CDDPL",
        "constraint_check_type": "bias_drift_check",
        "description": text,
    }

    assert ReportedViolation.of(violation) == ReportedViolation("Sex 0 CDDPL", "bias_drift_check", text)


def test_a_side_that_failed_equals_no_other():
    failed = Verdict(failure="Job inputs had no data")

    assert [difference.kind for difference in compare_verdicts(Verdict(), failed)] == [DifferenceKind.FAILED]
    assert [difference.kind for difference in compare_verdicts(failed, Verdict())] == [DifferenceKind.FAILED]


@pytest.mark.parametrize("verdict", [Verdict.of([DRIFT, TYPES]), Verdict(), Verdict(failure="no data")])
def test_a_verdict_is_read_back_as_it_was_written(verdict):
    assert Verdict.from_plain(verdict.plain()) == verdict
