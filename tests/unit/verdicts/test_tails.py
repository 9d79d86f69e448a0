"""Tails of counts, as scipy's hypergeometric distribution has them, and the limits that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.verdicts.components import (
    chance_of_more,
    fewest_beyond_chance,
    hypergeometric_upper_tail,
    two_sided_p_values,
)
from spark_model_monitor.statistics.verdicts.window_statistics import ks_score


@pytest.mark.parametrize(("size", "population"), [(1, 5), (40, 100), (99, 100), (700, 2_000), (1_000, 1_001_000)])
def test_tails_are_scipys(size, population):
    totals = np.unique(np.linspace(0, population, 23).astype(int))
    minimum = np.maximum(0, size - (population - totals))
    maximum = np.minimum(totals, size)
    counts = (minimum + maximum + 1) // 2

    cells = np.full(len(totals), float(size)), np.full(len(totals), float(population)), np.zeros(len(totals), int)
    tails = hypergeometric_upper_tail(totals.astype(float), counts.astype(float), *cells)

    more = counts > totals * size / population
    assert tails[more] == pytest.approx(
        stats.hypergeom.sf(counts - 1, population, totals, size)[more], rel=1e-6, abs=1e-290
    )
    assert (tails[~more] == 1).all()


def test_the_tail_of_large_counts_is_nearly_scipys():
    tail = hypergeometric_upper_tail(*np.array([[4e7], [1e7 + 9_000], [2.5e7], [1e8]]))[0]

    assert tail == pytest.approx(stats.hypergeom.sf(1e7 + 8_999, 10**8, 4 * 10**7, 25 * 10**6), rel=0.03)


def test_either_side_of_a_cell_counts_twice():
    # of 6 values 3 are in the window: all of the window's, or none of them, are 1 of 20 ways each
    three = np.array([3.0, 3.0])
    assert two_sided_p_values(three, np.array([3.0, 0.0]), three, three, np.array([0, 0])) == pytest.approx([0.1, 0.1])


def test_a_limit_is_the_first_count_beyond_chance():
    # none of 20,000 lacks it; so k of 1,000 and more have the chance (1000/21000)^k nearly
    minimum = fewest_beyond_chance(0, 20_000, 1_000, 4e-5)

    assert minimum == 4
    assert chance_of_more(0, 20_000, 4, 1_000) <= 4e-5 < chance_of_more(0, 20_000, 3, 1_000)


def test_a_window_too_small_has_no_limit():
    assert chance_of_more(0, 8, 8, 8) == pytest.approx(1 / 12_870)  # 16 over 8 ways
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


@pytest.mark.parametrize(("statistic", "tolerance"), [(0.5, 1e-6), (1.0, 1e-6), (2.0, 1e-6), (4.9, 1e-6), (5.5, 0.01)])
def test_a_ks_statistic_scores_as_a_normal_variable_with_its_two_sided_p_value(statistic, tolerance):
    p = stats.kstwobign.sf(statistic)

    assert ks_score(statistic) == pytest.approx(stats.norm.isf(p / 2), rel=tolerance)
