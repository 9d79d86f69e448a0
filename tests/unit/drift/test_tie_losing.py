"""The service's cumulative distribution: one entry per distinct value. Expected numbers from G16."""

import numpy as np
import pytest

from spark_model_monitor.statistics.drift.distances import build_tie_losing_cdf, l_infinity_numeric_robust
from spark_model_monitor.statistics.drift.distributions import StepCdf


def test_each_distinct_value_has_the_weight_of_the_highest_level_it_occurs_in():
    cdf = build_tie_losing_cdf([[3.0, 1.0, 1.0, 2.0], [2.0], [2.0, 5.0]])

    assert cdf.values.tolist() == [1, 2, 3, 5]
    assert cdf.cumulative.tolist() == [1, 5, 6, 10]
    assert cdf.total == 10


def test_a_flag_of_2333_rows_counts_four_values():  # "Churn: n 4"
    assert build_tie_losing_cdf([[0.0] * 200 + [1.0] * 83, [0.0] * 900 + [1.0] * 125]).total == 4


def test_negative_and_positive_zero_are_one_value():
    assert build_tie_losing_cdf([[0.0, -0.0], [-0.0]]).cumulative.tolist() == [2]


def test_no_values_are_a_total_of_0():
    assert build_tie_losing_cdf([[]]).total == 0


@pytest.mark.parametrize(
    ("published", "baseline_ranks", "current_ranks"),
    [
        (0.17354640931273702, [40, 64], [46, 233]),
        (0.14440240796849557, [32, 57], [32, 215]),
        (0.11630482464065406, [81, 119], [112, 303]),
        (0.11238588915222741, [37, 72], [37, 233]),
    ],
)
def test_published_distances_are_robust_ones_of_so_many_distinct_values(published, baseline_ranks, current_ranks):
    """The last ranks are G16's n and m; the first ones solve published = |i/n - j/m| - correction."""
    distributions = [StepCdf(np.array([0.0, 1.0]), np.array(ranks)) for ranks in (baseline_ranks, current_ranks)]

    assert l_infinity_numeric_robust(*distributions) == pytest.approx(published, abs=1e-16)
