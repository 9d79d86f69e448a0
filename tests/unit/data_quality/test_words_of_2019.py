"""The words of the containers, by the layout of constraints.json: as published files have them."""

import pytest

from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample

from .comparisons import compare_profiles, texts

BEFORE_CODES = ["1", "2", "3", "4", "5"]
BEFORE_KINDS = ["a", "b", "a", "b", "a"]
BEFORE = texts(fare=["1", "2", "3", "4", "5"], code=BEFORE_CODES, kind=BEFORE_KINDS)
LATER = texts(fare=["7", "8", "9", "7", "9"], code=["1", "2", "x", "4", "5"], kind=["c", "c", "c", "c", "a"])
OF_2019 = {"enable_comparisons": True, "min_domain_mass": 1.0, "comparison_threshold": 0}
OF_TODAY = {"perform_comparison": "Enabled", "comparison_threshold": 0}


def describe_violations(drift, later=LATER, *, as_service=True):
    monitor = DataQualityMonitor(as_service=as_service)
    constraints = compare_profiles(BEFORE, later, config={"distribution_constraints": drift}).constraints
    results = monitor.judge(Sample(later, {}), monitor.stored_baseline(constraints, None, BEFORE)).results
    return {(finding.feature, finding.check): finding.description for finding in results if finding.description}


def test_a_baseline_of_2019_is_judged_in_its_words():
    """Of five codes four are numbers as before; all fares are larger than before; of five kinds one was there before."""
    descriptions = describe_violations({**OF_2019, "comparison_method": "Simple"})

    assert descriptions["code", "data_type_check"] == "Value: 0.8 does not meet the constraint requirement! "
    assert descriptions["fare", "baseline_drift_check"] == "Numerical distance: 1.0 exceeds numerical threshold: 0"
    assert descriptions["kind", "categorical_values_check"] == "Value: 0.2 does not meet the constraint requirement! "


@pytest.mark.parametrize(("drift", "as_service"), [(OF_TODAY, True), (OF_2019, False)])
def test_other_runs_say_what_the_service_says_today(drift, as_service):
    descriptions = describe_violations({**drift, "comparison_method": "Simple"}, as_service=as_service)

    assert descriptions["code", "data_type_check"].startswith("Data type match requirement is not met.")
    assert descriptions["fare", "baseline_drift_check"] == "Baseline drift distance: 1.0 exceeds threshold: 0.0"


@pytest.mark.parametrize(
    ("as_service", "checks"), [(True, {"data_type_check"}), (False, {"data_type_check", "baseline_drift_check"})]
)
def test_of_a_feature_whose_type_broke_the_service_reports_no_drift(as_service, checks):
    """Of five whole numbers none is left; ours reports the drift, too."""
    later = texts(fare=["7.5", "8.5", "9.5", "7.5", "9.5"], code=BEFORE_CODES, kind=BEFORE_KINDS)

    violations = describe_violations({**OF_TODAY, "comparison_method": "Simple"}, later, as_service=as_service)

    assert {check for feature, check in violations if feature == "fare"} == checks


MISSING = texts(fare=["1", None, "3", "4", "5", "6", "7"])
PRESENT = texts(fare=["1", "2", "3", "4", "5", "6", "7"])


@pytest.mark.parametrize(
    ("drift", "as_service", "text"),
    [
        pytest.param(
            OF_TODAY,
            True,
            # the form of 13 published files; 6 of 7 cells, as Java prints the double
            "Data completeness requirement is not met. Expected: 100.0%. Observed: Only 85.71428571428571%.",
            id="containers since 2020",
        ),
        pytest.param(OF_2019, True, f"Value: {6 / 7} does not meet the constraint requirement! ", id="2019"),
        pytest.param(OF_TODAY, False, f"Value: {6 / 7} does not meet the constraint requirement! ", id="ours"),
    ],
)
def test_missing_values_are_reported_in_the_words_of_the_container(drift, as_service, text):
    monitor = DataQualityMonitor(as_service=as_service)
    constraints = compare_profiles(PRESENT, MISSING, config={"distribution_constraints": drift}).constraints
    checks = monitor.judge(Sample(MISSING, {}), monitor.stored_baseline(constraints, None, PRESENT)).results

    assert [check.description for check in checks if check.check == "completeness_check"] == [text]
