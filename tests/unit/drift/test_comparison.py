"""The methods of constraints.json, and any registered distance by its name."""

import math

import numpy as np
import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.drift import (
    CATEGORICAL_METHODS,
    DISTANCES,
    NUMERIC_METHODS,
    NumericDistribution,
    Ties,
    compare_categorical,
    compare_numeric,
)
from spark_model_monitor.statistics.drift.distributions import align_categories

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


LIMITS = {
    "Simple": 0.1,
    "Robust": 0.1,
    "LInfinity": 0.1,
    "ChiSquared": 0.1,  # C4.2
    "js_divergence": 0.3,  # Vertex AI
    "js_distance": 0.1,
    "hellinger": 0.1,
    "wasserstein_normalised": 0.1,  # Evidently
    "psi": 0.2,  # common practice
}
"""The usual limits, by their sources."""


def ours(kind):
    return [e.name for e in DISTANCES.values() if e.facts[kind] and e.facts["threshold"] and not e.facts["service"]]


@pytest.mark.parametrize(
    ("methods", "kind", "service"),
    [
        (NUMERIC_METHODS, "numeric", ["Simple", "Robust"]),
        (
            CATEGORICAL_METHODS,
            "categorical",
            ["Simple", "LInfinity", "ChiSquared"],
        ),  # Simple is the service's for numbers
    ],
    ids=["numbers", "texts"],
)
def test_the_methods_are_those_of_the_service_and_then_every_distance_of_ours_with_a_limit(methods, kind, service):
    assert list(methods) == [*service, *ours(kind)]


@pytest.mark.parametrize(("name", "limit"), LIMITS.items(), ids=list(LIMITS))
def test_a_method_has_the_limit_of_its_source(name, limit):
    methods = [
        methods.get(name).facts["threshold"] for methods in (NUMERIC_METHODS, CATEGORICAL_METHODS) if name in methods
    ]

    assert set(methods) == {limit}


@pytest.mark.parametrize("name", ours("numeric"))
@pytest.mark.parametrize("ties", Ties)
def test_a_method_of_ours_is_the_distance_of_its_name_with_all_values_counted(name, ties):
    comparison = compare_numeric(FLAG_10, FLAG_90, method=name, ties=ties)

    assert comparison.distance == compare_numeric(FLAG_10, FLAG_90, method=name).distance > 0.5
    assert (comparison.n, comparison.m) == (100, 100)
    assert comparison.formula == DISTANCES.get(name).facts["formula"]


@pytest.mark.parametrize("name", ours("categorical"))
def test_texts_are_compared_by_a_method_of_ours_too(name):
    baseline = {"a": 50, "b": 50}
    current = {"a": 90, "c": 10}

    comparison = compare_categorical(baseline, current, method=name)

    assert comparison.distance == DISTANCES.get(name)(*align_categories(baseline, current)) > 0
    assert (comparison.n, comparison.m) == (100, 100)


def test_infinities_alone_have_no_wasserstein_distance_though_they_are_values():
    infinite = NumericDistribution([[]], positive_infinite=3)

    comparison = compare_numeric(FLAG_10, infinite, method="wasserstein_normalised")

    assert comparison.distance is None
    assert (comparison.n, comparison.m) == (100, 3)
    assert comparison.reason.startswith("the current data has no finite values")


def test_a_distance_beyond_all_doubles_is_the_largest_of_them():
    comparison = compare_numeric(
        NumericDistribution([[0.0, 0.0]]), NumericDistribution([[1.7e308, 1.7e308]]), method="wasserstein_normalised"
    )

    assert comparison.distance == np.finfo(np.float64).max  # 1.7e308 in units of 0.001


def test_a_distance_that_doubles_can_not_hold_is_none():
    near, far = (NumericDistribution([[value] * 2], deviation=math.inf) for value in (-1.7e308, 1.7e308))

    comparison = compare_numeric(near, far, method="wasserstein_normalised")  # infinity over infinity

    assert comparison.distance is None
    assert comparison.reason == "the values are too large for a measure of their spread"


@pytest.mark.parametrize("method", list(NUMERIC_METHODS))
@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize(
    ("baseline", "current", "reason"),
    [
        pytest.param(NOTHING, FLAG_10, "no values in the baseline", id="baseline"),
        pytest.param(FLAG_10, NOTHING, "no values in the current data", id="current data"),
        pytest.param(NOTHING, NOTHING, "no values in the baseline and the current data", id="both"),
    ],
)
def test_a_side_without_numbers_has_no_distance(baseline, current, reason, ties, method):
    comparison = compare_numeric(baseline, current, ties=ties, method=method)

    assert comparison.distance is None
    assert comparison.reason == reason


@pytest.mark.parametrize("method", list(CATEGORICAL_METHODS))
def test_a_side_without_categories_has_no_distance(method):
    comparison = compare_categorical({"a": 3}, {}, method=method)

    assert comparison.distance is None
    assert comparison.reason == "no values in the current data"


def test_a_method_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(BadConfiguration, match="no comparison_method called 'robust'; write one of: Robust"):
        compare_numeric(FLAG_10, FLAG_90, method="robust")
    with pytest.raises(
        BadConfiguration, match="no categorical_drift_method called 'Chi'; write one of: .*ChiSquared, LInfinity"
    ):
        compare_categorical({"a": 1}, {"a": 1}, method="Chi")


def test_a_distance_by_name_takes_the_form_that_it_needs():
    assert compare_numeric(FLAG_10, FLAG_90, method="l_infinity_numeric").distance == pytest.approx(0.8)
    # sqrt((sqrt(.9) - sqrt(.1))^2) = sqrt(.9) - sqrt(.1), by hand; of numbers over the baseline's deciles
    expected = pytest.approx(math.sqrt(0.9) - math.sqrt(0.1))
    assert compare_numeric(FLAG_10, FLAG_90, method="hellinger").distance == expected
    texts = {"no": 90, "yes": 10}, {"yes": 90, "no": 10}
    assert compare_categorical(*texts, method="hellinger").distance == expected
