"""The chi-square test: joining of cells by hand, statistics and p-values as scipy has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.drift.distances import goodness_of_fit
from spark_model_monitor.statistics.drift.distributions import EmptyDistribution


def counts(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=float)


def test_the_fit_is_scipys_if_no_cell_is_small():
    baseline = counts(400, 300, 200, 100)
    current = counts(90, 70, 60, 30)

    test = goodness_of_fit(baseline, current)
    scipys = stats.chisquare(current, baseline / baseline.sum() * current.sum())

    assert test.statistic == pytest.approx(scipys.statistic)
    assert test.p_value == pytest.approx(scipys.pvalue)
    assert test.degrees_of_freedom == 3


@pytest.mark.parametrize(
    ("baseline", "current", "joined_baseline", "joined_current"),
    [
        pytest.param(
            [50, 30, 16, 4], [50, 30, 16, 4], [50, 30, 20], [50, 30, 20], id="one of four below 5 is too many"
        ),
        pytest.param(
            [40, 30, 14, 12, 4],
            [40, 29, 15, 12, 4],
            *[[40, 30, 14, 12, 4], [40, 29, 15, 12, 4]],
            id="one of five is not",
        ),
        pytest.param([94, 3, 3], [90, 4, 6], None, None, id="three become two, of which one expects less than 10"),
        pytest.param([60, 36, 4], [58, 36, 6], [60, 40], [58, 42], id="the smallest goes to the next smallest"),
        pytest.param([80, 10, 10], [70, 20, 10], [80, 10, 10], [70, 20, 10], id="nothing is small"),
        pytest.param([90, 10], [80, 20], [90, 10], [80, 20], id="of two cells exactly 10 is enough"),
        pytest.param([91, 9], [80, 20], None, None, id="of two cells one below 10 leaves nothing"),
    ],
)
def test_small_cells_are_joined_until_the_fit_is_valid(baseline, current, joined_baseline, joined_current):
    test = goodness_of_fit(counts(*baseline), counts(*current))

    if joined_baseline is None:
        assert np.isnan(test.p_value)
        assert math.isnan(test.statistic)
    else:
        scipys = stats.chisquare(joined_current, joined_baseline)  # both totals are 100
        assert test.statistic == pytest.approx(scipys.statistic, abs=1e-12)
        assert test.p_value == pytest.approx(scipys.pvalue)
        assert test.degrees_of_freedom == len(joined_baseline) - 1


def test_categories_that_the_baseline_does_not_have_are_not_counted():
    with_new = goodness_of_fit(counts(50, 50, 0), counts(30, 20, 900))
    without = goodness_of_fit(counts(50, 50), counts(30, 20))

    assert with_new == without
    assert without.statistic == pytest.approx(2.0)  # (5² + 5²) / 25


@pytest.mark.parametrize(
    ("baseline", "current"),
    [
        pytest.param([10, 5, 0, 0], [0, 0, 7, 8], id="nothing in common"),
        pytest.param([12], [3], id="one category"),
        pytest.param([10, 20, 30], [1, 2, 3], id="too few values"),
    ],
)
def test_a_fit_of_fewer_than_two_cells_is_not_computable(baseline, current):
    assert np.isnan(goodness_of_fit(counts(*baseline), counts(*current)).p_value)


def test_the_p_value_of_a_fit_is_0_below_a_doubles_precision_as_in_mllib():
    assert goodness_of_fit(counts(500, 500), counts(900, 100)).p_value == 0.0


def test_many_small_categories_are_joined_without_delay_and_lose_nothing():
    baseline = counts(*[1] * 20_000)

    test = goodness_of_fit(baseline, baseline)

    # 20,000 cells of 1 become pairs, fours, and then eights, until at most a fifth expects less than 5.
    assert test.p_value == 1.0
    assert 20_000 / 8 <= test.degrees_of_freedom + 1 <= 20_000 / 4


def test_a_test_names_the_empty_side():
    with pytest.raises(EmptyDistribution, match="the current data has no values"):
        goodness_of_fit(counts(1, 2), counts(0, 0))
