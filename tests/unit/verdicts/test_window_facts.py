"""Tails of counts and of stretches, by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.verdicts import tail_probabilities


def test_groups_of_rows_count_as_one():
    # Of 9 rows in groups of 2 there are 4 groups, of 5 of the kind 2 whole ones, and of one before a part of 1
    groups = stats.hypergeom(8, 3, 4)

    assert tail_probabilities.exact_tail(5, 9, 1, 8, 2.0) == pytest.approx(groups.sf(1))
    assert tail_probabilities.exact_tail(9, 9, 9, 9, 2.0) == 1


def test_no_rows_are_never_rare():
    assert tail_probabilities.exact_tail(0, 9, 1, 8) == 1
    assert tail_probabilities.exact_tail(0, 0, 1, 8) == 1
    assert tail_probabilities.exact_tail(1, 9, 1, 8, 2.0) == 1


def test_a_steep_end_has_at_most_the_square_at_twice_the_distance():
    assert tail_probabilities.has_steep_end(np.array([16.0, 256.0]))
    assert tail_probabilities.has_steep_end(np.array([3.0, 16.0]))
    assert not tail_probabilities.has_steep_end(np.array([3.0, 17.0]))
    assert not tail_probabilities.has_steep_end(np.array([4.0, 16.0, 257.0]))


def test_rows_beyond_a_steep_end_are_as_rare_as_the_model_says():
    # (m / n / rows within)^k (2k)! / k!, where 100 rows within are at least 80
    assert tail_probabilities.steep_end_tail(1, 100, 1000, 100) == pytest.approx(0.1 / 80 * 2)
    assert tail_probabilities.steep_end_tail(2, 100, 1000, 100) == pytest.approx((0.1 / 80) ** 2 * 12)
    assert tail_probabilities.steep_end_tail(1, 100, 1000, 4) == pytest.approx(0.2)
    assert tail_probabilities.steep_end_tail(1, 1000, 100, 4) == 1
    # Two widths away: 3! in place of 2!, and 80 squared
    assert tail_probabilities.steep_end_tail(1, 100, 1000, 100, 2.0) == pytest.approx(0.1 / 80**2 * 6)


def test_standstills_end_with_their_run():
    first_rows, lengths = tail_probabilities.find_standstills(np.array([1, 1, 2, 2, 2, 2]), np.array([3, 3]))

    assert first_rows.tolist() == [0, 2, 3]
    assert lengths.tolist() == [2, 1, 3]


def test_the_rarest_standstill_counts():
    # One value has a third of 6 rows and stands still for 2, the other for 4
    measure = tail_probabilities.measure_rarest_standstill(np.array([0, 0, 1, 1, 1, 1]))

    assert measure * math.log(6) == pytest.approx(max(2 * math.log(3), 4 * math.log(1.5)))


def test_a_standstill_of_chance_is_one():
    assert tail_probabilities.compute_standstill(3, 0.5, 8) == pytest.approx(1)
    assert tail_probabilities.compute_standstill(3, 0.5, 1) == pytest.approx(3)


def test_a_standstill_is_as_rare_as_its_length_makes_it():
    # 5 rows, each of which begins one with a chance of 10^(-4 / 2)
    assert tail_probabilities.standstill_tail(4, 5, 1, 10) == pytest.approx(0.05)
    assert tail_probabilities.standstill_tail(4, 1000, 1, 10) == 1
    assert tail_probabilities.standstill_tail(4, 1, 1, 1) == pytest.approx(0.25)
