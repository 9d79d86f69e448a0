"""Tails of counts, as scipy's hypergeometric distribution has them, and the limits that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.drift.special_functions import hypergeometric_tail
from spark_model_monitor.statistics.verdicts.components import (
    fewest_beyond_chance,
    two_sided_p_value,
)


@pytest.mark.parametrize(("size", "population"), [(1, 5), (40, 100), (99, 100), (700, 2_000), (1_000, 1_001_000)])
def test_tails_are_scipys(size, population):
    for total in np.unique(np.linspace(0, population, 23).astype(int)).tolist():
        minimum = max(0, size - (population - total))
        count = (minimum + min(total, size) + 1) // 2
        tail = hypergeometric_tail(total - count, population - size, count, size)

        expected = 1.0
        if count > total * size / population:
            expected = stats.hypergeom.sf(count - 1, population, total, size)
        assert tail == pytest.approx(expected, rel=1e-6, abs=1e-290)


def test_the_tail_of_large_counts_is_nearly_scipys():
    tail = hypergeometric_tail(30_000_000 - 9_000, 75_000_000, 10_000_000 + 9_000, 25_000_000)

    assert tail == pytest.approx(stats.hypergeom.sf(1e7 + 8_999, 10**8, 4 * 10**7, 25 * 10**6), rel=0.03)


@pytest.mark.parametrize(("before", "now"), [(0, 3), (3, 0)])
def test_either_side_of_a_count_counts_twice(before, now):
    # of 6 values 3 are in the window: all of the window's, or none of them, are 1 of 20 ways each
    assert two_sided_p_value(before, 3, now, 3) == pytest.approx(0.1)


def test_a_limit_is_the_first_count_beyond_chance():
    # none of 20,000 lacks it; so k of 1,000 and more have the chance (1000/21000)^k nearly
    minimum = fewest_beyond_chance(0, 20_000, 1_000, 4e-5)

    assert minimum == 4
    assert hypergeometric_tail(0, 20_000, 4, 1_000) <= 4e-5 < hypergeometric_tail(0, 20_000, 3, 1_000)


def test_a_window_too_small_has_no_limit():
    assert hypergeometric_tail(0, 8, 8, 8) == pytest.approx(1 / 12_870)  # 16 over 8 ways
    assert fewest_beyond_chance(0, 8, 8, 1e-5) is None


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3])
@pytest.mark.parametrize(("n", "m"), [(1_000, 1_000), (20_000, 200)])
def test_healthy_shares_keep_their_limit(share, n, m):
    random = np.random.default_rng(1)
    level = 0.02
    windows = 20_000
    limits = {}
    beyond = 0
    for before, after in zip(
        random.binomial(n, share, windows).tolist(), random.binomial(m, share, windows), strict=True
    ):
        if before not in limits:
            limits[before] = fewest_beyond_chance(before, n, m, level)
        beyond += after >= limits[before]

    assert beyond <= stats.binom.ppf(0.999, windows, level)
