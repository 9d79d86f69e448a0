"""benchmarks/visible_changes.py: four of five changes that a plot shows are found, and healthy days are silent."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SEED = 89
FEWEST_FOUND = 0.8


@pytest.fixture(scope="module")
def changes():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("visible_changes")


def find_named(changes, judge, visible, random):
    orders = visible.change(random, changes.draw_day(random, 11))
    return changes.is_named(visible.columns, judge.list_violations(orders))


def test_the_list_is_long_enough_and_leaves_its_twin(changes):
    assert len(changes.CHANGES) >= 60
    for name, visible in changes.CHANGES.items():
        orders = changes.draw_day(np.random.default_rng(1), 11)
        twin = orders.copy(deep=True)
        changed = visible.change(np.random.default_rng(2), orders)

        assert orders.equals(twin), name
        assert not changed.equals(twin), name


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["typed", "epoch"])
def test_four_of_five_visible_changes_are_found_by_the_plain_command(changes, form):
    random = np.random.default_rng(SEED)
    judge = changes.Judge.learn(random, form, pairs=False)
    named = [find_named(changes, judge, visible, random) for visible in changes.CHANGES.values()]

    assert sum(named) >= FEWEST_FOUND * len(named)
    assert not any(judge.list_violations(changes.draw_day(random, 10 + day)) for day in range(10))


@pytest.mark.nightly
def test_every_change_between_columns_is_found_with_pairs(changes):
    random = np.random.default_rng(SEED)
    judge = changes.Judge.learn(random, "iso", pairs=True)
    missed = [
        name
        for name, visible in changes.CHANGES.items()
        if visible.needs_pairs and not find_named(changes, judge, visible, random)
    ]

    assert missed == []
    assert not any(judge.list_violations(changes.draw_day(random, 10 + day)) for day in range(10))
