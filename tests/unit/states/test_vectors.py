"""Counts of vectors by hand."""

from __future__ import annotations

import numpy as np

from model_monitor.statistics.states import VectorCounts


def test_counts_by_hand():
    found = VectorCounts.of(np.array([3, 0, 5]), np.array([1, 0, 2]), np.array([0, 0, 1]), missing=4)

    assert found == VectorCounts(
        vectors=3, missing=4, elements=8, null_elements=3, nan_elements=1, shortest=0, longest=5
    )


def test_lengths_of_missing_vectors_do_not_count():
    nothing = np.array([], dtype=np.int32)
    missing = VectorCounts.of(nothing, nothing, nothing, missing=2)
    three_long = VectorCounts.of(np.array([3]), np.array([0]), np.array([0]))

    assert missing == VectorCounts(missing=2)
    assert (missing + three_long).shortest == (three_long + missing).shortest == 3


def test_many_long_vectors_do_not_overflow():
    lengths = np.full(3, 2**31 - 1, dtype=np.int32)

    assert VectorCounts.of(lengths, lengths, lengths).elements == 3 * (2**31 - 1)
