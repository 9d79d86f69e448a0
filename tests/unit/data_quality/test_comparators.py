"""Comparators, item by item as TFDV has them (D3.6), with the vectors of its anomalies/metrics_test.cc."""

import json

import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.errors import BadConfiguration, BadDocument
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.protocol import create_violations

from .comparisons import compare_profiles, make_profile, number_feature, texts

L_INFTY = "l_infinity_categorical"
DIFFERENCE = "normalized_abs_difference"
JS = "js_divergence"
HIGH = {
    L_INFTY: "COMPARATOR_L_INFTY_HIGH",
    DIFFERENCE: "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    JS: "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
}


def request_comparators(*comparators, **more):
    """A `monitoring_config` with comparators, each a distance and its threshold."""
    entries = [{"against": "baseline", "distance": distance, "threshold": limit} for distance, limit in comparators]
    return {"distribution_constraints": {"comparators": entries, **more}}


def cells(**counts):
    """The profile of a text column `f` with these counts."""
    return texts(f=[value for value, count in counts.items() for _ in range(count)])


def numbers(*values, integral=False):
    return make_profile(number_feature("f", values, integral=integral))


def judge_comparators(baseline, current, config, **options):
    """The results of everything about the distribution of `f`, in their order."""
    results = check_all(compare_profiles(baseline, current, config=config, **options))
    return [
        outcome
        for outcome in results
        if outcome.check in (*HIGH.values(), "baseline_drift_check") or "CONTROL" in outcome.check
    ]


@pytest.mark.parametrize(
    ("distance", "baseline", "current", "value"),
    [
        pytest.param(L_INFTY, {"hello": 1, "world": 9}, {"hello": 3, "world": 7}, 0.2, id="L-inf, normal distribution"),
        pytest.param(L_INFTY, {"b": 9, "c": 1}, {"a": 3, "b": 7}, 0.3, id="L-inf, missing value in both"),
        pytest.param(L_INFTY, {"a": 3, "b": 7}, {"b": 9, "c": 1}, 0.3, id="L-inf, flipped"),
        pytest.param(JS, {"a": 2, "b": 2}, {"a": 2, "b": 2}, 0.0, id="JS, the same"),
        pytest.param(JS, {"a": 2, "b": 2}, {"c": 2, "d": 2}, 1.0, id="JS, no overlap"),
        # cells of the vector "DifferentBucketBoundaries": 2, 2, 0, 0 and 0, 1, 1, 2
        pytest.param(JS, {"a": 2, "b": 2}, {"b": 1, "c": 1, "d": 2}, 0.65563906222, id="JS, different cells"),
        # |9 - 7| of 20, by hand
        pytest.param(DIFFERENCE, {"a": 1, "b": 9}, {"a": 3, "b": 7}, 0.1, id="normalised difference"),
    ],
)
def test_each_distance_is_tfdvs_and_every_comparison_leaves_its_measurement(distance, baseline, current, value):
    [outcome] = judge_comparators(cells(**baseline), cells(**current), request_comparators((distance, 1)))

    assert outcome.observed == pytest.approx(value, abs=1e-5)
    assert (outcome.check, outcome.method, outcome.against) == (HIGH[distance], distance, "baseline")
    assert (outcome.status, outcome.threshold) == (CheckStatus.PASSED, 1.0)


def test_exactly_the_comparators_are_judged_in_tfdvs_order_one_violation_for_each():
    config = request_comparators((JS, 0.01), ("psi", 0.01), (DIFFERENCE, 0.01), (L_INFTY, 0.01))
    outcomes = judge_comparators(cells(a=90, b=10), cells(a=50, b=50), config)

    assert [outcome.method for outcome in outcomes] == [L_INFTY, DIFFERENCE, JS, "psi"]
    assert [outcome.check for outcome in outcomes] == [*HIGH.values(), "baseline_drift_check"]
    assert {outcome.status for outcome in outcomes} == {CheckStatus.VIOLATED}
    assert judge_comparators(cells(a=9), cells(b=9), request_comparators()) == []


@pytest.mark.parametrize("distance", [L_INFTY, JS])
def test_a_value_at_the_threshold_passes(distance):
    if distance == JS:
        baseline = cells(a=1)
        current = cells(b=1)
    else:
        baseline = cells(a=3, b=1)
        current = cells(a=1, b=3)
    limit = 1.0 if distance == JS else 0.5

    assert judge_comparators(baseline, current, request_comparators((distance, limit)))[0].status is CheckStatus.PASSED
    assert (
        judge_comparators(baseline, current, request_comparators((distance, limit - 1e-9)))[0].status
        is CheckStatus.VIOLATED
    )


@pytest.mark.parametrize(
    ("distance", "limit", "text"),
    [
        (
            L_INFTY,
            0.1,
            "The Linfty distance between serving and training is 0.2 (up to six significant digits), above the threshold "
            "0.1. The feature value with maximum difference is: a",
        ),
        (
            DIFFERENCE,
            0.01,
            "The normalized absolute difference between serving and training is 0.1 (up to six significant digits), above "
            "the threshold 0.01. The feature value with maximum difference is: a",
        ),
        (
            JS,
            0.001,
            # (.1 log2(.1/.2) + .9 log2(.9/.8) + .3 log2(.3/.2) + .7 log2(.7/.8)) / 2 by hand
            "The approximate Jensen-Shannon divergence between serving and training is 0.0467848 (up to six significant "
            "digits), above the threshold 0.001.",
        ),
    ],
)
def test_violations_have_tfdvs_types_and_texts(distance, limit, text):
    results = judge_comparators(cells(a=1, b=9), cells(a=3, b=7), request_comparators((distance, limit)))

    assert [violation.plain() for violation in create_violations(results).violations] == [
        {"feature_name": "f", "constraint_check_type": HIGH[distance], "description": text}
    ]


def test_other_distances_have_the_services_type_and_text():
    [outcome] = judge_comparators(
        numbers(1.5, 2.5), numbers(3.5, 4.5), request_comparators(("l_infinity_numeric", 0.25))
    )

    assert (outcome.check, outcome.observed) == ("baseline_drift_check", 1.0)
    assert outcome.description == "Baseline drift distance: 1.0 exceeds threshold: 0.25"


def test_numbers_are_compared_by_their_histograms():
    same = judge_comparators(numbers(*range(100)), numbers(*range(100)), request_comparators((JS, 0.3)))
    distant = judge_comparators(numbers(*range(100)), numbers(*range(500, 600)), request_comparators((JS, 0.3)))

    assert (same[0].observed, same[0].status) == (0.0, CheckStatus.PASSED)
    assert (distant[0].observed, distant[0].status) == (1.0, CheckStatus.VIOLATED)


@pytest.mark.parametrize("distance", [L_INFTY, DIFFERENCE])
def test_counts_of_numbers_are_refused_and_0_where_the_service_is_replayed(distance):
    comparison = compare_profiles(numbers(1.5), numbers(9.5), config=request_comparators((distance, 0.1)))
    message = (
        rf"features\[0\] is Fractional, and a comparator of its has the distance '{distance}'.*write 'js_divergence'"
    )

    with pytest.raises(BadConfiguration, match=message):
        DataQualityMonitor().stored_baseline(comparison.constraints, None, None)
    DataQualityMonitor(as_service=True).stored_baseline(comparison.constraints, None, None)
    [outcome] = judge_comparators(numbers(1.5), numbers(9.5), request_comparators((distance, 0)))
    assert (outcome.observed, outcome.status) == (0.0, CheckStatus.PASSED)


def test_a_distance_of_numbers_is_refused_for_texts():
    comparison = compare_profiles(cells(a=1), cells(a=1), config=request_comparators(("wasserstein_normalised", 0.1)))

    with pytest.raises(BadConfiguration, match="features.0. is String, .* 'wasserstein_normalised'"):
        DataQualityMonitor().stored_baseline(comparison.constraints, None, None)


@pytest.mark.parametrize(
    ("baseline", "current", "reason"),
    [
        pytest.param(cells(a=3), texts(f=[None, None]), "no values in the current data", id="an empty side"),
        pytest.param(cells(a=3), numbers(1, 2, integral=True), "Integral in the current data", id="mixed kinds"),
        pytest.param(cells(a=3), texts(g=["a"]), "no column of this name", id="no such column"),
    ],
)
@pytest.mark.parametrize("distance", [L_INFTY, JS])
def test_what_cant_be_compared_is_not_judged(baseline, current, reason, distance):
    [outcome] = judge_comparators(baseline, current, request_comparators((distance, 0)))

    assert outcome.status is CheckStatus.NOT_JUDGED
    assert reason in outcome.reason


def test_without_control_data_there_is_no_violation():
    [outcome] = judge_comparators(cells(a=3), cells(b=3), request_comparators((JS, 0.1)), distributions={})

    assert (outcome.status, outcome.reason) == (
        CheckStatus.NOT_JUDGED,
        "baseline: neither statistics nor states of it were given",
    )


def test_control_data_without_the_feature_is_the_one_violation():
    distributions = compare_profiles(texts(g=["a"]), texts(g=["a"])).baseline.distributions
    [outcome] = judge_comparators(
        cells(a=3), cells(b=3), request_comparators((JS, 0.1), (L_INFTY, 0.1)), distributions=distributions
    )

    assert (outcome.check, outcome.status) == ("COMPARATOR_CONTROL_DATA_MISSING", CheckStatus.VIOLATED)
    assert (outcome.description, outcome.threshold) == ("training data missing", None)


def test_a_features_own_comparators_take_the_place_of_the_files():
    overrides = {"f": {"monitoring_config_overrides": request_comparators((JS, 0.2))}}

    assert [
        outcome.method
        for outcome in judge_comparators(cells(a=1), cells(b=1), request_comparators((L_INFTY, 0)), features=overrides)
    ] == [JS]
    none = {"f": {"monitoring_config_overrides": request_comparators()}}
    assert judge_comparators(cells(a=1), cells(b=1), request_comparators((L_INFTY, 0)), features=none) == []


def test_switched_off_comparators_are_not_judged():
    [outcome] = judge_comparators(cells(a=1), cells(b=1), request_comparators((JS, 0), perform_comparison="Disabled"))

    assert (outcome.status, outcome.reason) == (CheckStatus.NOT_JUDGED, "perform_comparison is Disabled")


@pytest.mark.parametrize(
    ("member", "value", "sentence"),
    [
        ("against", "previous:0", 'against is "previous:0"; it has to be "baseline", "previous", "previous:8"'),
        ("against", "seasonal", 'against is "seasonal"; it has to be "baseline", "previous"'),
        (
            "distance",
            "js_divergance",
            'distance is "js_divergance"; it has to be one of .*did you mean "js_divergence"',
        ),
        ("threshold", -1, "threshold is -1; it has to be a number, 0 or more"),
    ],
)
def test_a_comparator_that_is_none_is_a_sentence(member, value, sentence):
    plain = compare_profiles(cells(a=1), cells(a=1), config=request_comparators((JS, 0.1))).constraints.plain()
    plain["monitoring_config"]["distribution_constraints"]["comparators"][0][member] = value

    with pytest.raises(BadDocument, match=rf"distribution_constraints\.comparators\[0\]\.{sentence}"):
        Constraints.from_json(json.dumps(plain))


def test_a_distance_of_numbers_has_nothing_to_say_of_texts_whose_baseline_was_empty():
    [outcome] = judge_comparators(texts(f=[None]), cells(a=1), request_comparators(("wasserstein_normalised", 0)))

    assert (outcome.status, outcome.reason) == (CheckStatus.NOT_JUDGED, "the distance takes numbers only")
