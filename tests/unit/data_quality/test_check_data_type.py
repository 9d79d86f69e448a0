"""data_type_check: C4.4, C11.29, C11.32."""

import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import Sample
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile

from .comparisons import collect_outcomes, compare_profiles, make_profile, number_feature, text_feature, texts


def data_type(baseline, current, **options):
    baseline, current = (cells if not isinstance(cells, list) else texts(f=cells) for cells in (baseline, current))
    return collect_outcomes(compare_profiles(baseline, current, **options))["f", "data_type_check"]


@pytest.mark.parametrize(
    ("baseline", "current"),
    [
        pytest.param(["1", "2"], ["3"], id="Integral"),
        pytest.param(["1.5"], ["3.0", "7"], id="Integral in Fractional"),
        pytest.param(["a"], ["b", "7", "1.5", "true"], id="all in String"),
        pytest.param(["true"], ["false"], id="Boolean"),
        pytest.param(["1", "2"], ["3", None], id="missing values have no type"),
        pytest.param([None], ["x"], id="Unknown"),
    ],
)
def test_a_type_holds_what_fits_in_it(baseline, current):
    assert data_type(baseline, current).status is CheckStatus.PASSED


@pytest.mark.parametrize(
    ("baseline", "current", "expected", "observed"),
    [
        pytest.param(["1"], ["1", "1.5", "2"], "Integral", "66.66666666666666", id="Fractional in Integral"),
        pytest.param(["1.5"], ["1.5", "x"], "Fractional", "50.0", id="text in Fractional"),
        pytest.param(["1"], ["x", "y"], "Integral", "0.0", id="text in Integral"),
        pytest.param(["1"], ["true"], "Integral", "0.0", id="Boolean in Integral"),
    ],
)
def test_what_does_not_fit_is_a_violation_with_the_services_text(baseline, current, expected, observed):
    outcome = data_type(baseline, current)

    assert outcome.status is CheckStatus.VIOLATED
    assert outcome.description == (
        f"Data type match requirement is not met. Expected data type: {expected}, Expected match: 100.0%. "
        f"Observed: Only {observed}% of data is {expected}."
    )


def test_booleans_are_texts_beside_numbers():
    assert create_distribution(text_feature("f", ["a", "true", "1", "2"])).text_share == 0.5


def test_whole_numbers_that_pandas_wrote_with_a_point_are_explained():
    assert "unless its type is Int64" in data_type(["1", "2"], ["81.0", "82.0", None]).reason
    assert data_type(["1", "2"], ["81.0", "x"]).reason is None


@pytest.mark.parametrize(
    ("numbers", "status"),
    [
        pytest.param([81.0, 82.0, None], CheckStatus.PASSED, id="whole, and one is missing"),
        pytest.param([81.0, 82.5, None], CheckStatus.VIOLATED, id="one is a fraction"),
        pytest.param([81.0, 82.0, 83.0], CheckStatus.PASSED, id="none is missing"),
    ],
)
def test_whole_numbers_that_are_written_as_fractions_are_no_alarm(numbers, status):
    monitor = DataQualityMonitor()
    before = make_profile(number_feature("f", [float(n) for n in range(50, 100)] * 20, integral=True))
    constraints = monitor.constraints(before)
    after = make_profile(number_feature("f", numbers * 100))

    results = monitor.judge(
        Sample(after, monitor.metrics(after)), monitor.stored_baseline(constraints, None, before, constraints)
    ).results
    [finding] = [outcome for outcome in results if outcome.check == "data_type_check"]
    assert finding.status is status


@pytest.mark.parametrize(
    ("baseline", "current", "share"),
    [
        pytest.param(["a"], ["b", "7", "8", "1.5"], 0.25, id="numbers are no String"),
        pytest.param(["1.5"], ["3", "2.5"], 0.5, id="whole numbers are not Fractional"),
        pytest.param(["true"], ["false"], 1.0, id="Boolean is a String"),
    ],
)
def test_as_the_service_counts_a_value_for_its_own_type_only(baseline, current, share):
    assert data_type(baseline, current, as_service=True).observed == share  # G14


def test_a_share_exactly_at_the_threshold_passes():
    half = {"datatype_check_threshold": 0.5}

    assert data_type(["1"], ["1", "x"], config=half).status is CheckStatus.PASSED
    assert data_type(["1"], ["1", "x", "y"], config=half).description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 50.0%. "
        "Observed: Only 33.33333333333333% of data is Integral."
    )


def test_an_unknown_type_of_the_baseline_holds_anything():
    outcome = data_type([None], ["x"])

    assert outcome.reason == "the baseline had no value that shows a type, so any will do"


def test_lists_are_no_texts():
    lists = FeatureProfile.of("f", ColumnType.VECTOR, [DataTypeCounts(unknown=2)])

    assert data_type(["a"], make_profile(lists)).observed == 0.0


def test_doubles_are_not_integral():
    assert data_type(["1"], make_profile(number_feature("f", [1.0]))).status is CheckStatus.VIOLATED
    assert data_type(["1"], make_profile(number_feature("f", [1], integral=True))).status is CheckStatus.PASSED


def test_a_type_is_not_judged_without_a_value():
    outcome = data_type(["1"], [None, None])

    assert (outcome.status, outcome.reason) == (CheckStatus.NOT_JUDGED, "no value is present in the current data")


def test_the_type_of_an_absent_feature_is_not_judged():
    assert data_type(["1"], texts(other=["1"])).status is CheckStatus.NOT_JUDGED
