"""Thresholds that a run is told: which check they are of, what is refused."""

import math

import pytest

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import set_thresholds

from .comparisons import compare_profiles, texts

COMPARATORS = [
    {"against": "baseline", "distance": "js_divergence", "threshold": 0.1},
    {"against": "baseline", "distance": "psi", "threshold": 0.2},
]
JS = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"


def change_thresholds(thresholds, **options):
    """The constraints of `plan` and `age` with other thresholds."""
    profile = texts(plan=["x", "y"], age=["1", "2"])
    return set_thresholds(compare_profiles(profile, profile, **options).constraints, thresholds)


def test_each_check_has_its_own_threshold_and_other_features_keep_theirs():
    thresholds = {
        "completeness_check": 0.5,
        "data_type_check": 0.6,
        "categorical_values_check": 0.7,
        "baseline_drift_check": 3,
    }
    constraints = change_thresholds({"plan": thresholds})
    plan = constraints.settings_for("plan")
    age = constraints.settings_for("age")

    assert constraints.feature("plan").completeness == 0.5
    assert (plan.datatype_check_threshold, plan.domain_content_threshold) == (0.6, 0.7)
    assert (plan.comparison_threshold, plan.categorical_comparison_threshold) == (3, 3)
    assert (constraints.feature("age").completeness, age.comparison_threshold, age.datatype_check_threshold) == (
        1,
        0.1,
        1,
    )


def test_a_threshold_of_all_features_gives_way_to_that_of_a_named_one():
    constraints = change_thresholds({"age": {"baseline_drift_check": 0.9}, "*": {"baseline_drift_check": 0.3}})

    assert constraints.settings_for("plan").categorical_comparison_threshold == 0.3
    assert constraints.settings_for("age").categorical_comparison_threshold == 0.9


def test_a_threshold_of_all_features_leaves_out_what_is_not_compared():
    """A key's values are always new: with a limit of its own, each window would be a drift."""
    drift = {"distribution_constraints": {"perform_comparison": "Disabled", "reason": "always new"}}
    features = {"plan": {"monitoring_config_overrides": drift}}
    of_all = change_thresholds({"*": {"baseline_drift_check": 0.3}}, features=features)
    named = change_thresholds({"plan": {"baseline_drift_check": 0.3}}, features=features)

    assert not of_all.settings_for("plan").perform_comparison
    assert of_all.settings_for("age").categorical_comparison_threshold == 0.3
    assert named.settings_for("plan").perform_comparison


def test_a_features_other_overrides_stay():
    overrides = {
        "distribution_constraints": {"comparison_method": "psi", "comparison_threshold": 0.4},
        "emit_metrics": "Disabled",
    }
    constraints = change_thresholds(
        {"age": {"baseline_drift_check": 0.9}}, features={"age": {"monitoring_config_overrides": overrides}}
    )
    age = constraints.settings_for("age")

    assert (age.comparison_method, age.comparison_threshold, age.emit_metrics) == ("psi", 0.9, False)


@pytest.mark.parametrize(
    ("thresholds", "limits"),
    [
        ({"baseline_drift_check": 0.5}, [0.5, 0.5]),
        ({JS: 0.5}, [0.5, 0.2]),
        ({JS: 0.5, "baseline_drift_check": 0.6}, [0.5, 0.6]),
    ],
)
def test_where_comparators_are_asked_for_their_thresholds_are_meant(thresholds, limits):
    config = {"distribution_constraints": {"comparators": COMPARATORS}}
    constraints = change_thresholds({"plan": thresholds}, config=config)

    assert [comparator.threshold for comparator in constraints.settings_for("plan").comparators] == limits
    assert [comparator.threshold for comparator in constraints.settings_for("age").comparators] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("thresholds", "sentence"),
    [
        ({"plam": {"baseline_drift_check": 0.1}}, "no feature 'plam' among its 2; did you mean 'plan'"),
        (
            {"plan": {"drift": 0.1}},
            "plan: drift is 0.1; write a number, .* one of: completeness_check, data_type_check",
        ),
        ({"plan": {JS: 0.1}}, f"plan: {JS} is 0.1; .* one of: .*, baseline_drift_check$"),
        ({"plan": {"data_type_check": 95}}, r"data_type_check is 95; write a number, 0 or more \(a share up to 1\)"),
        ({"plan": {"baseline_drift_check": 10**400}}, "baseline_drift_check is 10000*; write"),
        ({"plan": {"baseline_drift_check": -1}}, "baseline_drift_check is -1; write"),
        ({"plan": {"baseline_drift_check": "0.1"}}, "baseline_drift_check is '0.1'; write"),
        ({"plan": {"baseline_drift_check": True}}, "baseline_drift_check is True; write"),
        ({"plan": {"baseline_drift_check": math.nan}}, "baseline_drift_check is nan; write"),
        ({"plan": 0.1}, 'is no object of objects; write {"FEATURE": {"baseline_drift_check": 0.3}}'),
        ([], "is no object of objects"),
    ],
)
def test_what_is_no_threshold_is_a_sentence(thresholds, sentence):
    with pytest.raises(MonitorError, match=sentence):
        change_thresholds(thresholds)


def test_nothing_reported_changes_nothing():
    profile = texts(plan=["x", "y"], age=["1", "2"])

    assert change_thresholds({}) == compare_profiles(profile, profile).constraints
