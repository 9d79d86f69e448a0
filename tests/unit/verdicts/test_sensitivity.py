"""What could have been seen: figures of the method's own page, and windows that are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.drift import NumericDistribution
from spark_model_monitor.statistics.verdicts import window_statistics
from spark_model_monitor.statistics.verdicts.between_window_variance import judge_change
from spark_model_monitor.statistics.verdicts.components import Samples
from spark_model_monitor.statistics.verdicts.multiple_testing import (
    BUDGET,
    combine_p_values,
    distance_interval,
    smallest_missing,
    smallest_share,
    smallest_shift,
)


def compare_numbers(baseline, current):
    return [judge_change(change) for change in window_statistics.compare_numbers(baseline, current, np.empty(0))]


@pytest.mark.parametrize(("rows", "shift", "share"), [(200, 0.436, 0.237), (1_000, 0.194, 0.159)])
def test_the_smallest_changes_are_those_of_the_formula(rows, shift, share):
    # by hand: z(b / 800) = 4.64..; s = sqrt((1/50000 + 1/rows) / 12)
    samples = Samples(50_000, rows)

    assert smallest_shift(samples, BUDGET, 100) == pytest.approx(shift, abs=1e-3)
    assert smallest_share(0.1, samples, BUDGET, 100) == pytest.approx(share, abs=1e-3)


def test_the_smallest_rise_of_missing_values_is_that_of_the_formula():
    # z(0.001) = 3.0902. At 14.53 % the pooled share is 12.27 %, its error sqrt(0.1227 * 0.8773 * 2 / 1000) = 0.01467,
    # and 10 % + 3.0902 * 0.01467 = 14.53 %. Nine in ten windows of 16.02 % have more: 0.1602 - 1.2816 * 0.0116 = 14.53 %
    assert smallest_missing(100, 1_000, 1_000, 0.001) == pytest.approx(0.0602, abs=2e-4)


def test_large_windows_are_ruled_by_the_least_effect():
    samples = Samples(10**9, 10**9)

    # a shift by 0.05 deviations has a largest gap of d = 0.02
    assert smallest_shift(samples, BUDGET, 100) == pytest.approx(0.05, rel=1e-2)
    assert smallest_share(0.3, samples, BUDGET, 100) == pytest.approx(0.32, abs=1e-3)


def test_too_few_values_see_nothing():
    assert smallest_shift(Samples(50_000, 3), BUDGET, 100) == math.inf
    assert smallest_share(0.5, Samples(50_000, 3), BUDGET, 100) == 1.0


def test_what_varies_more_is_seen_later_and_known_less():
    samples = Samples(50_000, 1_000)

    assert smallest_shift(samples, BUDGET, 100, phi=4) > 1.9 * smallest_shift(samples, BUDGET, 100)
    assert smallest_share(0.1, samples, BUDGET, 100, phi=4) > smallest_share(0.1, samples, BUDGET, 100)
    low, high = distance_interval(0.5, samples, phi=4)
    assert high - low == pytest.approx(4 * 1.3581 * math.sqrt(1 / 50_000 + 1 / 1_000))


def test_the_interval_ends_where_distances_do_and_counts_the_sketches_error():
    assert distance_interval(0.01, Samples(100, 100)) == pytest.approx((0.0, 0.01 + 1.3581 * math.sqrt(0.02)))
    assert distance_interval(0.99, Samples(100, 100))[1] == 1.0
    assert distance_interval(0.5, Samples(10**8, 10**8, 0.01)) == pytest.approx((0.49, 0.51), abs=2e-4)


def test_a_change_of_the_printed_size_is_found_and_half_of_it_hardly_ever():
    random = np.random.default_rng(5)
    windows = 60
    rows = 400
    shift = smallest_shift(Samples(2_000, rows), BUDGET, 50)

    def count_alarms(by):
        distributions = [
            (NumericDistribution((random.normal(size=2_000),)), NumericDistribution((random.normal(by, size=rows),)))
            for _ in range(windows)
        ]
        return sum(combine_p_values(compare_numbers(*pair)) * 50 <= BUDGET for pair in distributions)

    assert count_alarms(shift) >= stats.binom.ppf(0.001, windows, 0.8)
    assert count_alarms(shift / 2) <= stats.binom.ppf(0.999, windows, 0.25)
