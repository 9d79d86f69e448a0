"""Score counts: exact while scores are few, the same bins whatever the order, and bins as fine as they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.statistics.states.scores import UNLIMITED, ScoreCounts, ScoreCountsBuilder, logarithms

RANDOM = np.random.default_rng(11)
SCORES = RANDOM.random(3_000)
POSITIVE = RANDOM.random(3_000) < SCORES


def test_few_scores_are_counted_as_they_are():
    counts = ScoreCounts.of(np.array([0.5, 0.1, 0.5, -0.0, 0.0]), np.array([True, False, False, True, False]))

    assert counts.scores.tolist() == [0.0, 0.1, 0.5]
    assert counts.negatives.tolist() == [1, 1, 1]
    assert counts.positives.tolist() == [1, 0, 1]
    assert not counts.binned


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.integers(0, 40), st.integers(1, 40))
def test_parts_add_up_to_the_whole_below_and_above_the_limit(rows, cut, limit):
    scores = np.array([row[0] for row in rows], dtype=float)
    positive = np.array([row[1] for row in rows], dtype=bool)

    def part(which: slice) -> ScoreCounts:
        return ScoreCounts.of(scores[which], positive[which], limit)

    full_state = part(slice(None))
    assert part(slice(0, cut)) + part(slice(cut, None)) == full_state
    assert part(slice(cut, None)) + part(slice(0, cut)) == full_state
    assert full_state.binned == (len(np.unique(scores)) > limit)


@pytest.mark.parametrize("limit", [UNLIMITED, 100, 10_000])
def test_the_builder_gives_the_same_however_rows_are_cut(limit):
    at_once = ScoreCounts.of(SCORES, POSITIVE, limit)

    for step in (1_000, 77):
        builder = ScoreCountsBuilder(limit)
        for start in range(0, len(SCORES), step):
            builder.update(SCORES[start : start + step], POSITIVE[start : start + step])
        assert builder.state() == at_once
        assert builder.state() == at_once  # asking changes nothing


def test_the_builder_goes_on_counting_once_it_bins():
    builder = ScoreCountsBuilder(limit=10)
    for _ in range(3):
        builder.update(SCORES, POSITIVE)
        state = builder.state()

    assert state == ScoreCounts.of(np.tile(SCORES, 3), np.tile(POSITIVE, 3), 10)


def test_bins_hold_every_row_in_the_order_of_the_scores():
    binned = ScoreCounts.of(SCORES, POSITIVE, 10)

    assert binned.binned
    assert binned.negatives.sum() == (~POSITIVE).sum()
    assert binned.positives.sum() == POSITIVE.sum()
    bin_indices = np.searchsorted(binned.scores, SCORES.astype(np.float32), side="right") - 1
    assert (
        np.bincount(bin_indices, minlength=len(binned.scores)).tolist()
        == (binned.negatives + binned.positives).tolist()
    )


def test_a_bin_is_at_most_a_2048th_of_its_score_wide():
    scores = np.geomspace(1e-6, 1, 400_000)
    edges = ScoreCounts.of(scores, scores > 0.5, 10).scores

    assert np.all(np.diff(edges) / edges[:-1] <= 1 / 2_048 + 1e-12)  # 11 of the 20 bits are of the mantissa


def test_logarithms_are_those_of_the_library_and_do_not_depend_on_the_rows_alongside():
    values = np.concatenate([np.random.default_rng(5).random(10_000), [1.0, 0.5, 2.0**-52, 1 - 2.0**-53, 3.0, 1e300]])
    logarithms_found = logarithms(values)

    np.testing.assert_allclose(logarithms_found, [math.log(value) for value in values.tolist()], rtol=1e-15, atol=2e-15)
    assert [logarithms(values[index : index + 1])[0] for index in range(0, len(values), 97)] == logarithms_found[
        ::97
    ].tolist()
