"""Skewness by hand and beside SciPy's."""

import numpy as np
import pytest
from scipy.stats import skew

from spark_model_monitor.statistics.states.columns.skewness import Skewness


@pytest.mark.parametrize(
    ("values", "skewness"),
    [
        # mean 4, deviations -2.5, -1.5, -0.5, 0.5, 4: their squares have the mean 5, their cubes 9
        pytest.param([1.5, 2.5, 3.5, 4.5, 8.0], 9 / 5**1.5, id="a tail of large values"),
        pytest.param([-1.5, -2.5, -3.5, -4.5, -8.0], -9 / 5**1.5, id="a tail of small values"),
        pytest.param([1.0, 2.0, 4.0, 5.0], 0.0, id="alike on both sides"),
        pytest.param([0.0, 0.0, 0.0, 1.0], 2 / 3**0.5, id="a share"),  # (1 - 2p) / sqrt(p (1 - p)) with p = 1/4
    ],
)
def test_skewness_of_known_values(values, skewness):
    assert Skewness.of(np.array(values)).numbers() == {"skewness": pytest.approx(skewness)}


@pytest.mark.parametrize("values", [[], [7.0], [7.0, 7.0]], ids=["no values", "one value", "equal values"])
def test_skewness_of_values_that_do_not_differ_is_undefined(values):
    if values:
        state = Skewness.of(np.array(values))
    else:
        state = Skewness()

    assert np.isnan(state.numbers()["skewness"])


@pytest.mark.parametrize("first", [1, 10, 999])
def test_skewness_of_a_sum_is_that_of_scipy(first):
    values = np.random.default_rng(7).gamma(2.0, size=1000) + 1e3  # far from 0, where powers of the values would cancel
    left = Skewness.of(values[:first])
    right = Skewness.of(values[first:])

    for total in (left + right, right + left):
        assert total.numbers()["skewness"] == pytest.approx(skew(values), rel=1e-9)
