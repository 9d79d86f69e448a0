"""non_negative_check: ours, and off unless monitoring_config says otherwise (C11.5)."""

import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.baseline.documents import suggest_constraints

from .comparisons import collect_outcomes, compare_profiles, make_profile, number_feature, texts

ON = {"non_negative_check": "Enabled"}
BASELINE = texts(charge=["0", "1.5"])


def non_negative(current, baseline=BASELINE, config=ON, **options):
    comparison = compare_profiles(baseline, current, config=config, **options)
    return collect_outcomes(comparison).get(("charge", "non_negative_check"))


def test_it_is_off_by_default():
    assert non_negative(texts(charge=["-1"]), config={}) is None


def test_nought_is_not_negative():
    outcome = non_negative(texts(charge=["0", "7"]))

    assert (outcome.status, outcome.observed, outcome.threshold) == (CheckStatus.PASSED, 0.0, 0.0)
    assert non_negative(texts(charge=["-0.0"])).status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("values", "minimum"), [([3.0, -0.0005], "-5.0E-4"), ([1.0, float("-inf")], "-Infinity")], ids=["finite", "-inf"]
)
def test_a_negative_number_is_a_violation(values, minimum):
    outcome = non_negative(make_profile(number_feature("charge", values)))

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.description == f"Non-negative requirement is not met. Observed minimum: {minimum}"


def test_a_feature_that_was_negative_in_the_baseline_is_not_checked():
    assert non_negative(texts(charge=["-2"]), baseline=texts(charge=["-1"])) is None


@pytest.mark.parametrize("switched_on", [True, False])
def test_the_policy_travels_with_the_baseline_and_is_written_only_where_it_is_not_the_services(switched_on):
    written = suggest_constraints(BASELINE, MonitoringSettings(non_negative_check=switched_on)).to_json()

    assert ('"non_negative_check" : "Enabled"' in written) is switched_on
    assert ("non_negative_check" in written) is switched_on
    assert Constraints.from_json(written).monitoring.non_negative_check is switched_on


def test_it_can_be_asked_of_one_feature():
    overrides = {"charge": {"monitoring_config_overrides": ON}}

    assert non_negative(texts(charge=["-1"]), config={}, features=overrides).status is CheckStatus.VIOLATED


@pytest.mark.parametrize("current", [texts(charge=["x"]), texts(charge=[None]), texts(other=["-1"])])
def test_without_numbers_it_is_not_judged(current):
    assert non_negative(current).status is CheckStatus.NOT_JUDGED


def test_only_positive_infinity_is_not_negative():
    outcome = non_negative(make_profile(number_feature("charge", [float("inf")])))

    assert (outcome.status, outcome.observed) == (CheckStatus.PASSED, None)
