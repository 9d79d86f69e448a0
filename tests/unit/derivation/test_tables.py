"""Two distributions side by side: the largest gap is the one that others find, and the rows add up."""

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.reports.derivation import Underivable, build_category_table, build_number_table
from spark_model_monitor.statistics.drift import NumericDistribution, Ties


def exactly(values):
    """The distribution of so few values that the sketch has them all."""
    return NumericDistribution((tuple(map(float, values)),))


def test_the_largest_gap_of_a_small_case_is_the_one_by_hand():
    table = build_number_table(exactly([1, 2, 3, 4]), exactly([3, 4, 5, 6]))

    # by hand: F of the baseline is 1/4, 2/4, 3/4, 1 at 1, 2, 3, 4; F of the current data 0, 0, 1/4, 2/4
    assert (table.n, table.m) == (4, 4)
    assert table.largest.up_to == 2
    assert (table.largest.baseline_share, table.largest.current_share) == (0.5, 0.0)
    assert table.largest.gap == 0.5


def test_the_largest_gap_is_the_kolmogorov_smirnov_statistic():
    rng = np.random.default_rng(7)
    for _ in range(25):
        before = rng.normal(size=200).round(1)
        after = rng.normal(0.5, 1.5, size=90).round(1)
        expected = stats.ks_2samp(before, after)
        table = build_number_table(exactly(before), exactly(after))

        assert table.largest.gap == pytest.approx(expected.statistic)
        assert table.largest in table.rows


def test_the_ranges_hold_every_value_once():
    rng = np.random.default_rng(7)
    table = build_number_table(exactly(rng.normal(size=300)), exactly(rng.normal(3.0, size=77)))

    assert sum(row.baseline for row in table.rows) == 300
    assert sum(row.current for row in table.rows) == 77
    assert (table.rows[-1].baseline_share, table.rows[-1].current_share) == (1.0, 1.0)
    assert [row.up_to for row in table.rows] == sorted(row.up_to for row in table.rows)


def test_infinities_stand_at_the_ends():
    table = build_number_table(exactly([1, 2]), NumericDistribution(((1.0,),), positive_infinite=3))

    assert [(row.label, row.baseline, row.current) for row in table.rows] == [
        ("up to 1", 1, 1),
        ("1 to 2", 1, 0),
        ("2 to inf", 0, 3),
    ]
    assert table.largest.up_to == 2
    assert table.rows[-1].up_to == math.inf


def test_a_constant_that_moved_is_as_far_apart_as_can_be():
    assert build_number_table(exactly([5] * 9), exactly([7] * 4)).largest.gap == 1.0


def test_a_flag_whose_ties_are_lost_has_not_moved():
    before = exactly([0] * 90 + [1] * 10)
    after = exactly([0] * 10 + [1] * 90)

    assert build_number_table(before, after).largest.gap == pytest.approx(0.8)
    assert build_number_table(before, after, ties=Ties.LOST).largest.gap == 0.0  # G16


def test_categories_come_in_the_order_of_their_gaps():
    table = build_category_table({"DE": 6, "FR": 3, "PL": 1}, {"DE": 2, "ES": 3})

    # by hand: shares 0.6, 0.3, 0.1, 0 against 0.4, 0, 0, 0.6
    assert [(row.label, row.gap) for row in table.rows] == [
        ("ES", 0.6),
        ("FR", 0.3),
        ("DE", pytest.approx(0.2)),
        ("PL", 0.1),
    ]
    assert table.largest.label == "ES"


def test_of_many_categories_the_others_are_added_up():
    table = build_category_table(
        {f"c{index:03}": 1 for index in range(50)}, {f"c{index:03}": 1 + (index < 3) for index in range(50)}
    )

    assert len(table.rows) == 21
    assert table.rows[-1].label == "(30 others)"
    assert sum(row.baseline for row in table.rows) == 50
    assert sum(row.current for row in table.rows) == 53


@pytest.mark.parametrize(("before", "after"), [([], [1]), ([1], []), ([], [])])
def test_a_side_without_values_has_no_table(before, after):
    with pytest.raises(Underivable, match="a side has no values"):
        build_number_table(exactly(before), exactly(after))
    with pytest.raises(Underivable, match="a side has no values"):
        build_category_table(dict.fromkeys(map(str, before), 1), dict.fromkeys(map(str, after), 1))
