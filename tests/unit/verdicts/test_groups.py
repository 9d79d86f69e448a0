"""How many rows count as one: from sums of blocks of whole groups, and from groups that a column names."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.statistics.verdicts.design_effect import ScoredColumn
from spark_model_monitor.statistics.verdicts.intra_class_correlation import (
    NameShares,
    estimate_block_design_effects,
    estimate_group_design_effect,
    group_design_effect,
)


def design_effect(values, blocks, alone=()):
    """Of rows in blocks, and of some that are in none."""
    deviations = np.array([*values, *alone]) - np.mean([*values, *alone])
    inside = deviations[: len(values)]
    outside = deviations[len(values) :]
    rows = np.bincount(blocks, minlength=64).astype(float)
    sums = np.bincount(blocks, inside, minlength=64)
    [effect] = estimate_block_design_effects(
        sums[None], np.array([(deviations**2).sum()]), rows, np.array([(outside**2).sum()]), len(outside)
    )
    return effect


def test_equal_rows_of_a_group_count_as_one():
    values = np.random.default_rng(1).standard_normal(40)
    assert design_effect(np.repeat(values, 5), np.repeat(np.arange(40), 5)) == pytest.approx(
        5 * 40 / 39
    )  # of a sample, n - 1


def test_rows_by_themselves_count_as_rows():
    assert design_effect(np.random.default_rng(2).standard_normal(6_400), np.arange(6_400) % 64) < 1.5
    assert (
        design_effect(np.tile([0.0, 1.0], 64), np.repeat(np.arange(64), 2)) == 1
    )  # less than by chance is no more than a row


def test_rows_of_no_group_are_themselves():
    random = np.random.default_rng(3)
    values = random.standard_normal(32)
    alone = random.standard_normal(10_000)
    assert design_effect(np.repeat(values, 2), np.repeat(np.arange(32), 2), alone) == pytest.approx(1.0, abs=0.05)


def test_of_few_groups_each_counts_as_a_row():
    assert design_effect(np.random.default_rng(4).standard_normal(300), np.arange(300) % 15) == 20
    assert design_effect([1.0, 2.0, 3.0], [7, 7, 7]) == 3


def test_sixteen_groups_are_enough_to_estimate_how_alike_their_rows_are():
    """Rows in pairs of opposites differ less between groups than by chance, so that they count as rows."""
    opposites = np.tile([-1.0, 1.0], 16)
    assert design_effect(opposites, np.arange(32) // 2) == 1
    assert design_effect(opposites[:30], np.arange(30) // 2) == 2
    assert estimate_group_design_effect(opposites, np.full(16, 2), are_numbers=True) == 1
    assert estimate_group_design_effect(opposites[:30], np.full(15, 2), are_numbers=True) == 2


@pytest.mark.parametrize("size", [3, 10, 20])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 1.0])
def test_groups_count_by_their_size_and_correlation(size, correlation):  # Kish 1965: 1 + (m - 1) r
    random = np.random.default_rng(size)
    groups = 6_000 // size
    values = correlation**0.5 * random.standard_normal(groups).repeat(size)
    values += (1 - correlation) ** 0.5 * random.standard_normal(groups * size)

    rows = estimate_group_design_effect(values, np.full(groups, size), are_numbers=True)
    assert rows == pytest.approx(1 + (size - 1) * correlation, rel=0.2)


def test_independent_rows_in_groups_seldom_look_alike():
    random = np.random.default_rng(11)
    p_values = []
    for _ in range(100):
        sizes = random.integers(1, 12, 60)
        rows = int(sizes.sum())
        for column in (
            ScoredColumn.from_numbers(random.lognormal(size=rows)),
            ScoredColumn.from_texts(random.choice(5, rows).astype(np.uint64)),
            ScoredColumn.from_flags(random.random(rows) < 0.1),
        ):
            p_values.append(group_design_effect(column, sizes).p)

    assert sum(p <= 0.01 for p in p_values) <= 9  # 3 on average: more with a chance below 0.002
    assert min(p_values) > 1e-6


def test_a_window_shares_few_names_of_groups_and_most_values_of_independent_rows():
    shares = NameShares(np.full(2_000, 1 / 2_000))
    random = np.random.default_rng(12)
    independent = len(np.unique(random.integers(0, 2_000, 1_000)))

    assert shares.diversity == pytest.approx(2_000)
    assert shares.expected_names(1_000) == pytest.approx(independent, rel=0.05)
    assert not shares.has_too_few(independent, 1_000)
    assert shares.has_too_few(50, 1_000)  # 50 users with 20 rows
    assert shares.has_too_few(0, 1_000)  # new ones
    assert not NameShares(np.full(5, 0.2)).has_too_few(1, 1_000)  # too few to say
