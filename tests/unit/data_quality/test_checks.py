"""All checks together: their order, what is switched off, and the documents made of them."""

import json
import math
import pkgutil

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckResults, CheckStatus
from spark_model_monitor.monitors.data_quality import checks, messages
from spark_model_monitor.monitors.data_quality.checks import DATA_SET_CHECKS, FEATURE_CHECKS
from spark_model_monitor.monitors.data_quality.checks.drift import baseline_drift
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.protocol import create_violations

from .comparisons import collect_outcomes, compare_profiles, texts

BASELINE = texts(zeta=["1", "2"] * 500, alpha=["x", "y"] * 500)
CURRENT = texts(zeta=["x"] * 1000, alpha=["z"] * 999 + [None])


def test_the_checks_are_the_services_six_and_one_of_ours_at_least():
    assert {*DATA_SET_CHECKS} >= {"missing_column_check", "extra_column_check"}
    assert {*FEATURE_CHECKS} >= {
        *("data_type_check", "completeness_check", "baseline_drift_check", "categorical_values_check"),
        "non_negative_check",
    }


def test_every_file_of_checks_is_found_and_says_in_a_sentence_what_it_asks():
    registered = (*FEATURE_CHECKS.values(), *DATA_SET_CHECKS.values())

    files = {module.name for module in pkgutil.iter_modules(checks.__path__, f"{checks.__name__}.") if not module.ispkg}
    assert {check.function.__module__ for check in registered} == {*files, baseline_drift.__name__}
    assert all(check.summary.endswith(".") for check in registered)


def test_outcomes_are_ordered_by_column_and_then_by_check():
    keys = [(outcome.feature, outcome.check) for outcome in check_all(compare_profiles(BASELINE, CURRENT))]

    assert keys == [
        ("Extra columns", "extra_column_check"),
        ("Missing columns", "missing_column_check"),
        ("zeta", "baseline_drift_check"),
        ("zeta", "completeness_check"),
        ("zeta", "data_type_check"),
        ("alpha", "baseline_drift_check"),
        ("alpha", "categorical_values_check"),
        ("alpha", "completeness_check"),
        ("alpha", "data_type_check"),
    ]


def test_violations_are_those_outcomes_that_are_violated_in_their_order():
    violations = create_violations(check_all(compare_profiles(BASELINE, CURRENT))).violations

    assert [(violation.feature_name, violation.constraint_check_type) for violation in violations] == [
        ("zeta", "data_type_check"),
        ("alpha", "baseline_drift_check"),
        ("alpha", "categorical_values_check"),
        ("alpha", "completeness_check"),
    ]


def test_nothing_violated_is_an_empty_list():
    assert create_violations(check_all(compare_profiles(BASELINE, BASELINE))).to_json() == '{\n  "violations" : [ ]\n}'


def test_constraints_switched_off_for_the_file_give_numbers_but_no_verdict():
    outcomes = collect_outcomes(compare_profiles(BASELINE, CURRENT, config={"evaluate_constraints": "Disabled"}))

    assert {outcome.status for outcome in outcomes.values()} == {CheckStatus.NOT_JUDGED}
    assert {outcome.reason for outcome in outcomes.values()} == {"evaluate_constraints is Disabled"}
    assert outcomes["alpha", "completeness_check"].observed == 0.999
    assert create_violations(outcomes.values()).violations == ()


def test_another_number_of_columns_is_no_violation_where_constraints_are_switched_off():
    comparison = compare_profiles(BASELINE, texts(zeta=["1"]), config={"evaluate_constraints": "Disabled"})

    assert create_violations(check_all(comparison)).violations == ()


def test_constraints_switched_off_for_one_feature_leave_the_others():
    off = {"zeta": {"monitoring_config_overrides": {"evaluate_constraints": "Disabled"}}}
    outcomes = collect_outcomes(compare_profiles(BASELINE, CURRENT, features=off))

    assert outcomes["zeta", "data_type_check"].reason == "evaluate_constraints is Disabled"
    assert outcomes["zeta", "data_type_check"].description is None
    assert outcomes["alpha", "completeness_check"].status is CheckStatus.VIOLATED


def test_overrides_inside_string_constraints_are_in_force():
    # where SDKs of 2021 wrote them (C11.33)
    plan = {"domains": ["x", "y"], "monitoring_config_overrides": {"evaluate_constraints": "Disabled"}}
    outcomes = collect_outcomes(compare_profiles(BASELINE, CURRENT, features={"alpha": {"string_constraints": plan}}))

    assert outcomes["alpha", "categorical_values_check"].status is CheckStatus.NOT_JUDGED


def test_outcomes_are_a_document_that_is_read_as_it_was_written():
    document = CheckResults(checks=check_all(compare_profiles(BASELINE, CURRENT)))

    read = CheckResults.from_json(document.to_json())

    assert read == document
    complete_checks = json.loads(document.to_json())["checks"]
    assert [check["status"] for check in complete_checks] == [check.status.value for check in document.checks]
    assert complete_checks[3] == {
        "feature": "zeta",
        "check": "completeness_check",
        "status": "passed",
        "decided_by": "lower limit",
        "limit": 1.0,
        "observed": 1.0,
        "threshold": 1.0,
        "m": 1000,
        "formula": "present values / rows",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (messages.drift(6e-4, 1e7), "Baseline drift distance: 6.0E-4 exceeds threshold: 1.0E7"),
        (messages.drift(1.0, 0.1), "Baseline drift distance: 1.0 exceeds threshold: 0.1"),
        (messages.negative(-math.inf), "Non-negative requirement is not met. Observed minimum: -Infinity"),
    ],
)
def test_numbers_in_texts_are_those_of_java(text, expected):
    assert text == expected  # C11.28


def test_windows_share_what_is_of_their_baseline_alone():
    """A window that lacks a column finds its own."""
    frame = pd.DataFrame({"age": np.arange(60.0), "plan": ["a", "b", "c"] * 20})
    monitor = DataQualityMonitor()
    baseline = run_baseline(frame, monitor, engine="local")

    def judged(window):
        evaluation = run_monitoring(window, monitor, baseline, engine="local")
        return evaluation.judgement.comparison.features, [
            (finding.check, finding.feature, finding.status) for finding in evaluation.results
        ]

    # The same window before and after one that lacks a column
    first, results = judged(frame)
    without, _ = judged(frame[["age"]])
    second_features, same = judged(frame)

    assert same == results
    assert [
        second_feature.baseline_feature is first_feature.baseline_feature
        for second_feature, first_feature in zip(second_features, first, strict=True)
    ] == [
        True,
        True,
    ]
    assert (first[1].baseline_feature.is_compared, without[1].baseline_feature.is_compared) == (True, False)
    assert without[0].baseline_feature is first[0].baseline_feature
