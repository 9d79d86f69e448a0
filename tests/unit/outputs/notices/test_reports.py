"""Which violations a report names, and which numbers it can send."""

from __future__ import annotations

import math

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.reports.notices import select_sendable, select_worst


def outcome(feature, observed, threshold, status=CheckStatus.VIOLATED):
    return CheckResult(feature=feature, check="a_check", status=status, observed=observed, threshold=threshold)


def worst(*outcomes):
    violated = [outcome for outcome in outcomes if outcome.status is CheckStatus.VIOLATED]
    return [
        violation["feature_name"]
        for violation in select_worst([{"feature_name": o.feature} for o in violated], outcomes)
    ]


def test_the_five_furthest_beyond_their_thresholds_are_named():
    outcomes = (
        outcome("share 0.75 of 1", 0.75, 1.0),
        outcome("distance 0.87 above 0.1", 0.87, 0.1),
        outcome("passed", 0.0, 1.0, CheckStatus.PASSED),
        outcome("share 0 of 1", 0.0, 1.0),
        outcome("p-value 0.04 below 0.1", 0.04, 0.1),
        outcome("distance 0.2 above 0.1", 0.2, 0.1),
        outcome("error 30 above 20", 30.0, 20.0),
    )

    # by hand: 1, 0.77, 0.5 (10 in units of 20), 0.25, 0.1, 0.06
    assert worst(*outcomes) == [
        "share 0 of 1",
        "distance 0.87 above 0.1",
        "error 30 above 20",
        "share 0.75 of 1",
        "distance 0.2 above 0.1",
    ]


def test_a_number_without_bounds_outweighs_nothing_worse_than_a_total_loss():
    assert worst(outcome("all of the wrong type", 0.0, 1.0), outcome("minimum", -1e9, 0.0)) == [
        "all of the wrong type",
        "minimum",
    ]


def test_what_has_no_number_counts_as_bad_as_can_be():
    assert worst(outcome("share 0.5 of 1", 0.5, 1.0), outcome("minus infinity", None, 0.0)) == [
        "minus infinity",
        "share 0.5 of 1",
    ]


def test_violations_without_outcomes_are_named_in_their_order():
    violations = [{"facet": str(index)} for index in range(7)]

    assert list(select_worst(violations, ())) == violations[:5]


def test_numbers_that_are_not_finite_are_not_sent():
    spread = {"SampleCount": 1.0, "Sum": math.inf, "Minimum": 0.0, "Maximum": 1.0}
    metrics = [{"Value": 1.0}, {"Value": math.nan}, {"StatisticValues": spread}]

    assert select_sendable(metrics) == [{"Value": 1.0}]
