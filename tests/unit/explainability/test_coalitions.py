"""Designs: what they give beside Shapley's own formula, and what holds for every number of players."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_model_monitor.monitors.explainability.kernel import Designs, build_design, count_samples


def shapley(game, players):
    """The mean over all orders of what each player adds."""
    values = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        present = np.zeros(players, bool)
        for player in order:
            before = game(present)
            present[player] = True
            values[player] += game(present) - before
    return values / len(orders)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_all_coalitions_give_the_values_of_shapleys_formula(players, seed):
    worth = np.random.default_rng(seed).normal(size=2**players)

    def game(present):
        return worth[int(present @ (1 << np.arange(players)))]

    design = build_design(players, 2**players - 2, 0)
    nobody = np.zeros(players, bool)
    everybody = np.ones(players, bool)
    total = game(everybody) - game(nobody)
    y = np.array([game(mask) for mask in design.masks]) - game(nobody)

    assert design.is_exact
    np.testing.assert_allclose(
        design.coalition_weights @ y + design.total_weights * total, shapley(game, players), atol=1e-9
    )


@given(st.integers(5, 40), st.integers(3, 400), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_sampled_coalitions_come_in_pairs_once_each_and_give_additive_games_exactly(players, extra, seed):
    samples = 2 * players + extra
    design = build_design(players, samples, seed)
    masks = {mask.tobytes() for mask in design.masks}
    shares = np.random.default_rng(seed).normal(size=players)
    values = design.coalition_weights @ (design.masks @ shares) + design.total_weights * shares.sum()

    assert len(masks) == len(design.masks) <= max(samples, 2)
    assert masks == {(~mask).tobytes() for mask in design.masks}
    assert not design.masks.all(axis=1).any()
    assert design.masks.any(axis=1).all()
    assert values.sum() == pytest.approx(shares.sum(), abs=1e-9)
    if not design.is_singular:
        np.testing.assert_allclose(values, shares, atol=1e-8)


def test_too_few_coalitions_are_said_to_be_singular_and_still_add_up():
    design = build_design(30, 10, 0)
    y = np.random.default_rng(1).normal(size=len(design.masks))

    assert design.is_singular
    assert (design.coalition_weights @ y + design.total_weights * 2.5).sum() == pytest.approx(2.5)


def test_a_design_is_the_same_wherever_it_is_made_and_another_with_another_seed():
    first_design = build_design(14, 100, 7)
    same = build_design(14, 100, 7)
    other_design = build_design(14, 100, 8)

    assert first_design.masks.tobytes() == same.masks.tobytes()
    assert first_design.masks.tobytes() != other_design.masks.tobytes()


@pytest.mark.parametrize(
    ("requested", "features", "samples"),
    [(None, 14, 2076), (None, 11, 2046), (100, 14, 100), (10**6, 14, 16382), (None, 1000, 4048), (5, 1, 0)],
)
def test_samples_are_those_of_the_service(requested, features, samples):
    assert count_samples(requested, features) == samples  # 2d + 2048, at most 2^d - 2


@pytest.mark.long
def test_large_designs_are_given_up_the_least_recently_used_first():
    designs = Designs(400, 0)
    designs.LIMIT = 3 * designs.of(100).nbytes
    for players in (101, 102, 100, 103, 104):
        designs.of(players)

    assert sum(design.nbytes for design in designs) <= designs.LIMIT
    assert designs.of(104) in list(designs)
