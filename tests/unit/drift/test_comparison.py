"""The methods of constraints.json, and any registered distance by its name."""

from __future__ import annotations

import math

import pytest

from model_monitor.drift import NumericDistribution, Ties, compare_categorical, compare_numeric, distance
from model_monitor.errors import BadConfiguration

FLAG_10 = NumericDistribution([[0.0] * 90 + [1.0] * 10])
FLAG_90 = NumericDistribution([[0.0] * 10 + [1.0] * 90])
NOTHING = NumericDistribution([[]])


def test_simple_is_the_largest_gap_and_says_how_it_was_computed():
    comparison = compare_numeric(FLAG_10, FLAG_90, method="Simple")

    assert comparison.distance == pytest.approx(0.8)
    assert (comparison.n, comparison.m) == (100, 100)
    assert comparison.formula == "max |F_baseline - F_current|"
    assert comparison.higher_is_more


def test_robust_is_the_default_and_takes_away_what_chance_does():
    comparison = compare_numeric(FLAG_10, FLAG_90)

    assert comparison.distance == pytest.approx(0.8 - 1.8 * math.sqrt(200 / 10_000))
    assert comparison.formula == "max(0, max |F_baseline - F_current| - 1.8 * sqrt((n + m) / (n * m)))"


def test_with_ties_lost_a_flag_never_moves_as_in_the_service():  # D3.1: deequ 2.0.7 gives 0.0
    comparison = compare_numeric(FLAG_10, FLAG_90, method="Simple", ties=Ties.LOST)

    assert comparison.distance == 0.0
    assert (comparison.n, comparison.m) == (2, 2)
    assert comparison.formula.endswith("each distinct value counted once")


def test_linfinity_is_corrected_for_chance():
    comparison = compare_categorical({"a": 50, "b": 50}, {"a": 90, "c": 10})

    assert comparison.distance == pytest.approx(0.5 - 1.8 * math.sqrt(200 / 10_000))
    assert (comparison.n, comparison.m) == (100, 100)


def test_chi_squared_is_a_p_value_with_its_statistic_and_degrees_of_freedom():
    comparison = compare_categorical({"a": 50, "b": 50}, {"a": 60, "b": 40}, method="ChiSquared")

    assert comparison.statistic == pytest.approx(4.0)  # (10² + 10²) / 50
    assert comparison.degrees_of_freedom == 1
    assert comparison.distance == pytest.approx(0.0455002638963584)  # two-sided normal p of 2 deviations
    assert not comparison.higher_is_more


def test_chi_squared_of_one_category_has_no_distance_and_says_why():
    comparison = compare_categorical({"a": 12}, {"a": 3}, method="ChiSquared")

    assert comparison.distance is None
    assert "fewer than two categories" in comparison.reason
    assert (comparison.n, comparison.m) == (12, 3)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize(
    ("baseline", "current", "reason"),
    [
        pytest.param(NOTHING, FLAG_10, "no values in the baseline", id="baseline"),
        pytest.param(FLAG_10, NOTHING, "no values in the current data", id="current data"),
        pytest.param(NOTHING, NOTHING, "no values in the baseline and the current data", id="both"),
    ],
)
def test_a_side_without_numbers_has_no_distance(baseline, current, reason, ties):
    comparison = compare_numeric(baseline, current, ties=ties)

    assert comparison.distance is None
    assert comparison.reason == reason


@pytest.mark.parametrize("method", ["LInfinity", "ChiSquared"])
def test_a_side_without_categories_has_no_distance(method):
    comparison = compare_categorical({"a": 3}, {}, method=method)

    assert comparison.distance is None
    assert comparison.reason == "no values in the current data"


def test_a_method_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(BadConfiguration, match="comparison_method is 'robust'; write one of: Simple, Robust"):
        compare_numeric(FLAG_10, FLAG_90, method="robust")
    with pytest.raises(
        BadConfiguration, match="categorical_drift_method is 'Chi'; write one of: LInfinity, ChiSquared"
    ):
        compare_categorical({"a": 1}, {"a": 1}, method="Chi")


def test_a_distance_by_name_takes_the_form_that_it_needs():
    assert distance("l_infinity_numeric", FLAG_10, FLAG_90) == pytest.approx(0.8)
    # sqrt((sqrt(.9) - sqrt(.1))^2) = sqrt(.9) - sqrt(.1), by hand; of numbers over the baseline's deciles
    assert distance("hellinger", FLAG_10, FLAG_90) == pytest.approx(math.sqrt(0.9) - math.sqrt(0.1))
    assert distance("hellinger", {"no": 90, "yes": 10}, {"yes": 90, "no": 10}) == pytest.approx(
        math.sqrt(0.9) - math.sqrt(0.1)
    )


def test_a_distance_refuses_features_that_it_does_not_take():
    with pytest.raises(
        BadConfiguration, match="'chi_squared' takes categories only; write one of: l_infinity_numeric,"
    ):
        distance("chi_squared", FLAG_10, FLAG_90)
    with pytest.raises(
        BadConfiguration, match="'wasserstein_normalised' takes numbers only; write one of: l_infinity_categorical,"
    ):
        distance("wasserstein_normalised", {"a": 1}, {"a": 1})
    with pytest.raises(BadConfiguration, match="numeric and a categorical"):
        distance("psi", {"a": 1}, FLAG_90)
    with pytest.raises(BadConfiguration, match="no distance called 'hellingen'; write one of: hellinger"):
        distance("hellingen", FLAG_10, FLAG_90)
