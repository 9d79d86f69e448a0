"""Every registered distance: laws, known values, and scipy's numbers where scipy has the distance."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from scipy import spatial, stats

from spark_model_monitor.statistics.drift import DISTANCES, NumericDistribution, compare_numeric
from spark_model_monitor.statistics.drift.distances import (
    wasserstein,
)
from spark_model_monitor.statistics.drift.distributions import EmptyDistribution, StepCdf

FACTS = {"numeric", "categorical", "symmetric", "range", "higher_is_more", "threshold", "service", "formula"}
CDF_DISTANCES = [entry for entry in DISTANCES.values() if entry.facts["numeric"] == "step_cdf"]
CELL_DISTANCES = [entry for entry in DISTANCES.values() if entry.facts["numeric"] != "step_cdf"]


def numbers(*values: float, **options: float) -> NumericDistribution:
    return NumericDistribution([list(map(float, values))], **options)


def measure_distance(name: str, baseline: NumericDistribution, current: NumericDistribution) -> float | None:
    return compare_numeric(baseline, current, method=name).distance


def cdf(values: Iterable[float], **options: float) -> StepCdf:
    return numbers(*values, **options).cdf


def obeys_the_laws(entry, first, second) -> None:
    nothing = 0.0 if entry.facts["higher_is_more"] else 1.0
    low, high = entry.facts["range"]
    assert entry(first, first) == pytest.approx(nothing, abs=1e-12)
    assert low <= entry(first, second) <= high + 1e-12
    assert type(entry(first, second)) is float  # as JSON takes it, not numpy's
    if entry.facts["symmetric"]:
        assert entry(first, second) == pytest.approx(entry(second, first), abs=1e-12)


@pytest.mark.parametrize("entry", DISTANCES.values(), ids=DISTANCES)
def test_every_distance_states_its_facts_and_its_source(entry):
    assert set(entry.facts) == FACTS
    assert entry.facts["numeric"] in {None, "step_cdf", "deciles", "histogram"}
    low, high = entry.facts["range"]
    assert entry.facts["threshold"] is None or low <= entry.facts["threshold"] <= high
    assert "Source:" in entry.function.__doc__


@pytest.mark.parametrize("entry", CELL_DISTANCES, ids=lambda entry: entry.name)
def test_every_distance_of_counts_is_nothing_from_itself_and_keeps_its_range_and_symmetry(entry):
    rng = np.random.default_rng(7)
    for _ in range(50):
        first, second = rng.integers(20, 90, size=(2, 6)) * (1.0 - np.eye(6)[rng.integers(0, 6, size=2)])
        obeys_the_laws(entry, first, second)


@pytest.mark.parametrize("entry", CDF_DISTANCES, ids=lambda entry: entry.name)
def test_every_distance_of_sketches_is_nothing_from_itself_and_keeps_its_range_and_symmetry(entry):
    rng = np.random.default_rng(7)
    for size in range(1, 51):
        obeys_the_laws(entry, cdf(rng.integers(0, 9, size)), cdf(rng.integers(2, 12, 60 - size), positive_infinite=2))


@pytest.mark.parametrize("entry", CELL_DISTANCES, ids=lambda entry: entry.name)
def test_the_order_of_the_cells_does_not_matter(entry):
    rng = np.random.default_rng(11)
    first = rng.permutation(np.arange(20.0, 28.0))
    second = rng.permutation(np.arange(30.0, 46.0, 2))
    order = rng.permutation(8)

    assert entry(first[order], second[order]) == pytest.approx(entry(first, second), abs=1e-12)


@pytest.mark.parametrize("name", list(DISTANCES))
@pytest.mark.parametrize(
    ("baseline_is_empty", "side_name"),
    [pytest.param(True, "baseline", id="baseline"), pytest.param(False, "current data", id="current data")],
)
def test_every_distance_names_the_empty_side(name, baseline_is_empty, side_name):
    registered = DISTANCES.get(name)
    if registered.facts["numeric"] == "step_cdf":
        some = cdf([1])
        none = cdf([])
    else:
        some = np.ones(1)
        none = np.zeros(1)

    with pytest.raises(EmptyDistribution, match=f"the {side_name} has no (finite )?values"):
        registered(*((none, some) if baseline_is_empty else (some, none)))


CONSTANT_ENDS = {
    "l_infinity_numeric": 1.0,
    "js_divergence": 1.0,
    "js_distance": 1.0,
    "hellinger": 1.0,
    "wasserstein_normalised": 2000.0,  # the gap over the smallest deviation of 0.001
}


@pytest.mark.parametrize(("name", "end"), CONSTANT_ENDS.items(), ids=CONSTANT_ENDS)
def test_constants_that_differ_are_as_far_apart_as_can_be(name, end):  # D2e
    assert measure_distance(name, numbers(5, 5, 5), numbers(7, 7)) == pytest.approx(end)


@pytest.mark.parametrize("entry", [e for e in DISTANCES.values() if e.facts["numeric"]], ids=lambda entry: entry.name)
def test_the_same_constant_on_both_sides_is_no_distance(entry):  # D2d
    assert measure_distance(entry.name, numbers(5, 5, 5), numbers(5, 5, 5)) == (
        0 if entry.facts["higher_is_more"] else 1
    )


KNOWN = [
    # name, counts of the baseline, counts of the current data, distance, id
    ("l_infinity_categorical", [5, 5], [50, 50], 0.0, "only the totals differ"),
    ("l_infinity_categorical", [90, 10], [10, 90], 0.8, "a flag from 10 % to 90 %"),
    ("l_infinity_categorical_robust", [900, 100], [100, 900], 0.8 - 1.8 * math.sqrt(0.002), "corrected"),
    ("l_infinity_categorical_robust", [9, 1], [1, 9], 0.0, "too few values, not below 0"),
    ("normalized_abs_difference", [30, 10], [10, 10], 20 / 60, "the largest of the differences"),
    ("normalized_abs_difference", [10, 10], [40, 40], 30 / 100, "more volume is a difference too"),
    ("js_divergence", [5, 5], [50, 50], 0.0, "only the totals differ"),
    ("js_divergence", [7, 0], [0, 7], 1.0, "nothing in common"),
    ("js_divergence", [1, 1], [1, 0], 1.5 - 0.75 * math.log2(3), "half of one side is gone"),
    ("js_divergence", [3, 0, 1], [3, 0, 1], 0.0, "a bin empty on both sides"),
    ("js_distance", [1, 1], [1, 0], math.sqrt(1.5 - 0.75 * math.log2(3)), "the root of the divergence"),
    ("psi", [1, 3], [3, 1], 2 * (4 / 6 - 2 / 6) * math.log(2), "swapped: shares 2/6 and 4/6 after smoothing"),
    ("psi", [1, 3, 0], [3, 1, 0], 2 * (4 / 6 - 2 / 6) * math.log(2), "a cell empty on both sides is left out"),
    ("hellinger", [1, 1], [1, 0], math.sqrt(1 - math.sqrt(0.5)), "half of one side is gone"),
]


@pytest.mark.parametrize(
    ("name", "baseline", "current", "expected"), [pytest.param(*case[:4], id=f"{case[0]}: {case[4]}") for case in KNOWN]
)
def test_known_distances_of_counts(name, baseline, current, expected):
    distance_value = DISTANCES.get(name)(np.array(baseline, dtype=float), np.array(current, dtype=float))

    assert distance_value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "baseline", "current", "expected"),
    [
        pytest.param("l_infinity_numeric", [0] * 9 + [1], [0] + [1] * 9, 0.8, id="a flag from 10 % to 90 %"),
        pytest.param("l_infinity_numeric", [1, 2, 3, 4], [1, 2, 3, 5], 0.25, id="one of four values moved"),
        pytest.param("l_infinity_numeric_robust", [1] * 200, [2] * 200, 1 - 0.18, id="1.8 * sqrt(400 / 40000) is 0.18"),
        pytest.param("l_infinity_numeric_robust", [1, 2], [3, 4], 0.0, id="too few values, not below 0"),
        pytest.param("wasserstein_normalised", [0, 4], [1, 5], 0.5, id="moved by 1, the deviation is 2"),
    ],
)
def test_known_distances_of_sketches(name, baseline, current, expected):
    assert measure_distance(name, numbers(*baseline), numbers(*current)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("baseline", "current", "expected"),
    [
        pytest.param([0, 1, 3], [5, 6, 8], 5.0, id="all moved by 5, as in scipy's own example"),
        pytest.param([5, 5, 5], [7, 7], 2.0, id="constants: the gap"),
        pytest.param([-1e308, 1e308], [-1e308, 1e308], 0.0, id="a range too wide for a double"),
    ],
)
def test_known_distances_of_wasserstein(baseline, current, expected):
    assert wasserstein(cdf(baseline), cdf(current)) == pytest.approx(expected, abs=1e-12)


def test_the_exact_deviation_is_taken_where_it_is_recognised():
    assert measure_distance("wasserstein_normalised", numbers(0, 4, deviation=8.0), numbers(1, 5)) == 0.125


def test_infinities_count_in_the_l_infinity_distance_and_not_in_wassersteins():  # D2g
    finite = numbers(1, 2)
    infinite = numbers(1, 2, positive_infinite=2)

    # The service counts them, Wasserstein has no finite width for them
    assert measure_distance("l_infinity_numeric", finite, infinite) == 0.5
    assert measure_distance("hellinger", finite, infinite) == pytest.approx(
        math.sqrt(1 - math.sqrt(0.5))
    )  # half is elsewhere
    assert measure_distance("js_divergence", numbers(positive_infinite=2), numbers(positive_infinite=3)) == 0.0
    assert measure_distance("js_divergence", numbers(positive_infinite=2), numbers(negative_infinite=2)) == 1.0
    assert measure_distance("wasserstein_normalised", finite, infinite) == 0.0
    with pytest.raises(EmptyDistribution, match="current data"):
        wasserstein(finite.cdf, cdf([], positive_infinite=2))


@pytest.fixture(params=range(20), ids="sample {}".format)
def samples(request) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(request.param)
    return rng.integers(0, 30, 400) / 4, rng.integers(3, 40, 300) / 4


def test_distances_of_samples_are_scipys(samples):
    first, second = samples
    pair = numbers(*first), numbers(*second)

    assert measure_distance("l_infinity_numeric", *pair) == pytest.approx(
        stats.ks_2samp(first, second).statistic, abs=1e-12
    )
    assert wasserstein(cdf(first), cdf(second)) == pytest.approx(stats.wasserstein_distance(first, second), abs=1e-12)
    assert measure_distance("wasserstein_normalised", *pair) == pytest.approx(
        stats.wasserstein_distance(first, second) / np.std(first), abs=1e-12
    )


def test_weighted_sketches_have_the_wasserstein_distance_of_scipys_weights():
    first = NumericDistribution([[1.0, 5.0], [2.0], [2.0, 7.0]])
    second = NumericDistribution([[3.0], [4.0, 1.0]])

    assert wasserstein(first.cdf, second.cdf) == pytest.approx(
        stats.wasserstein_distance([1, 5, 2, 2, 7], [3, 4, 1], [1, 1, 2, 4, 4], [1, 2, 2])
    )


def test_the_js_distance_is_scipys(samples):
    first, second = (np.bincount(values.astype(int), minlength=12).astype(float) for values in samples)

    assert DISTANCES.get("js_distance")(first, second) == pytest.approx(
        spatial.distance.jensenshannon(first, second, 2)
    )
