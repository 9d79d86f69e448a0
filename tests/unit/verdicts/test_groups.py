"""How many rows count as one, from sums of blocks of whole groups."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.statistics.verdicts.groups import likeness_in_blocks


def likeness(values, blocks, alone=()):
    """Of rows in blocks, and of some that are in none."""
    apart = np.array([*values, *alone]) - np.mean([*values, *alone])
    inside, outside = apart[: len(values)], apart[len(values) :]
    rows = np.bincount(blocks, minlength=64).astype(float)
    sums = np.bincount(blocks, inside, minlength=64)
    [found] = likeness_in_blocks(
        sums[None], np.array([(apart**2).sum()]), rows, np.array([(outside**2).sum()]), len(outside)
    )
    return found


def test_equal_rows_of_a_group_count_as_one():
    values = np.random.default_rng(1).standard_normal(40)
    assert likeness(np.repeat(values, 5), np.repeat(np.arange(40), 5)) == pytest.approx(
        5 * 40 / 39
    )  # of a sample, n - 1


def test_rows_by_themselves_count_as_rows():
    assert likeness(np.random.default_rng(2).standard_normal(6_400), np.arange(6_400) % 64) < 1.5
    assert (
        likeness(np.tile([0.0, 1.0], 64), np.repeat(np.arange(64), 2)) == 1
    )  # less than by chance is no more than a row


def test_rows_of_no_group_are_themselves():
    random = np.random.default_rng(3)
    values, alone = random.standard_normal(32), random.standard_normal(10_000)
    assert likeness(np.repeat(values, 2), np.repeat(np.arange(32), 2), alone) == pytest.approx(1.0, abs=0.05)


def test_of_few_groups_each_counts_as_a_row():
    assert likeness(np.random.default_rng(4).standard_normal(300), np.arange(300) % 15) == 20
    assert likeness([1.0, 2.0, 3.0], [7, 7, 7]) == 3
