"""What is suggested from a profile: G8, G9, G11 and G12."""

import pytest

from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.baseline.documents import suggest_constraints
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile

from .conftest import numbers_feature, texts_feature


def plain(profile, **options):
    return suggest_constraints(profile, MonitoringSettings(verdicts="none"), **options).plain()["features"]


def test_an_infinite_negative_number_is_negative(make_profile):
    [feature] = plain(make_profile(numbers_feature("charge", [1.0, float("-inf")])))

    assert feature["num_constraints"] == {"is_non_negative": False}


@pytest.mark.parametrize(("values", "listed"), [(120, True), (121, False)])
def test_domains_end_at_the_limit_of_deequs_profiler(make_profile, values, listed):
    [feature] = plain(make_profile(texts_feature("city", {f"city {number}": 1 for number in range(values)})))

    assert ("string_constraints" in feature) is listed


def test_texts_that_are_numbers_have_no_domain(make_profile):
    [feature] = plain(make_profile(texts_feature("flag", {"0": 5, "1": 2})))

    assert feature["inferred_type"] == "Integral"
    assert "string_constraints" not in feature


OUR_SETTINGS = {
    "verdicts": "calibrated",
    "false_alarm_budget": 1 / 720,
    "rows": "clustered",
    "requested_limits": [],
    "change_that_matters": {"missing": 0.12, "standard_deviations": 0.5, "value": 0.3},
}
"""Members of `monitoring_config` that the service doesn't have; in a feature, it is `always_new`."""


def test_the_monitoring_config_is_the_one_of_the_newest_containers(make_profile):
    constraints = suggest_constraints(make_profile(numbers_feature("age", [1])))

    assert constraints.plain()["monitoring_config"] == OUR_SETTINGS | {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.1,
            "comparison_method": "Robust",
            "categorical_comparison_threshold": 0.1,
            "categorical_drift_method": "LInfinity",
        },
    }  # G12


def test_a_method_of_ours_is_written_with_its_usual_threshold_and_nothing_else_changes(make_profile):
    profile = make_profile(numbers_feature("age", [1]))
    ours = MonitoringSettings(comparison_method="psi", categorical_drift_method="js_divergence")

    constraints = suggest_constraints(profile, ours).plain()
    plain = suggest_constraints(profile).plain()

    assert constraints["monitoring_config"].pop("distribution_constraints") == {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.2,
        "comparison_method": "psi",
        "categorical_comparison_threshold": 0.3,
        "categorical_drift_method": "js_divergence",
    }
    del plain["monitoring_config"]["distribution_constraints"]
    assert constraints == plain


def test_the_default_suggests_what_the_service_suggests_with_members_of_ours(make_profile):
    age = numbers_feature("age", [1, 2, 3] * 40, missing=7)
    charge = numbers_feature("charge", [-1.5, 2.5] * 30)
    plan = texts_feature("plan", {"gold": 29, "basic": 31, "silver": 1})
    day = texts_feature("day", {"2026-03-01": 50, "2026-03-02": 50})
    key = texts_feature("key", {f"k{number}": 1 for number in range(100)})
    nothing = FeatureProfile.of("nothing", ColumnType.TEXT, [DataTypeCounts(missing=4)])
    profile = make_profile(age, charge, plan, day, key, nothing)
    service = suggest_constraints(profile, MonitoringSettings(verdicts="none")).plain()
    default = suggest_constraints(profile).plain()

    # The members of ours are the only difference
    always_new = []
    for feature in default["features"]:
        if feature.pop("always_new", None):
            always_new.append(feature["name"])
    assert always_new == ["day", "key"]
    config = default["monitoring_config"]
    assert config.keys() - service["monitoring_config"].keys() == OUR_SETTINGS.keys()
    for name in OUR_SETTINGS:
        del config[name]
    assert default == service


def test_thresholds_are_the_callers(make_profile):
    constraints = suggest_constraints(
        make_profile(numbers_feature("age", [1])), MonitoringSettings(datatype_check_threshold=0.9)
    )

    assert constraints.monitoring.datatype_check_threshold == 0.9
